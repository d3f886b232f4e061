#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""Whose a virtual SCSI mapping of a VIOS is.

A mapping is removed only if what it says proves that it was made for a
volume of Nova: its storage is a physical volume whose tag is the id of a
volume in Cinder. That an LPAR is missing proves nothing: its owner may have
deleted it and kept the disks. An adapter for any client has no LPAR at all
and belongs to an operator, since this driver makes none.
"""

from oslo_utils import uuidutils
from pypowervm import util as pvm_util
from pypowervm.wrappers import storage as pvm_stg

# The platform gives this as the id of the LPAR, and as its slot, of an
# adapter that any LPAR may use.
_ANY = pvm_stg.ANY_SLOT


def is_for_any_client(mapping):
    """Whether a mapping is on an adapter that any LPAR may use."""
    server = mapping.server_adapter
    return _ANY in (server.lpar_id, server.lpar_slot_num)


def is_orphan(mapping):
    """Whether a mapping tells of no LPAR, as when that is gone.

    Its partition id tells nothing: another LPAR may have it by now. A mapping
    can lack the adapter of a client that it has a link to (source: the
    capture fake_vios_mappings.txt of pypowervm): that one is no orphan.
    """
    return (mapping.client_adapter is None and
            not mapping.client_lpar_href and not is_for_any_client(mapping))


def is_of_volume(mapping):
    """Whether a mapping was made for a volume that Cinder has, or had."""
    element = mapping.backing_storage
    return isinstance(element, pvm_stg.PV) and uuidutils.is_uuid_like(
        element.tag)


def client(mapping):
    """The UUID of the LPAR that has a mapping, str in lower case.

    :returns: None if the LPAR is gone, or if there is none.
    """
    return pvm_util.get_req_path_uuid(mapping.client_lpar_href or '')
