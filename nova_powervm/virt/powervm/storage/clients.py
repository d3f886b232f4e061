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

"""Which LPAR a mapping of a VIOS is for.

All code that removes a mapping asks here. An answer that lacks a part proves
nothing: a mapping is that of an LPAR that is gone only if the platform tells
neither the adapter of a client nor a link to one. An adapter for any client
has neither, and belongs to an operator, since this driver makes none.
"""

from pypowervm import util as pvm_util
from pypowervm.wrappers import storage as pvm_stg

# The platform gives this as the id of the LPAR, and as its slot, of an
# adapter that any LPAR may use.
_ANY = pvm_stg.ANY_SLOT


def client(mapping):
    """The UUID of the LPAR that has a mapping, str in lower case.

    :param mapping: wrapper of a mapping of virtual SCSI or Fibre Channel.
    :returns: None if the LPAR is gone, or if there is none.
    """
    return pvm_util.get_req_path_uuid(mapping.client_lpar_href or '')


def is_client(mapping, lpar_uuid):
    """Whether a mapping is that of an LPAR, by its PowerVM UUID."""
    return client(mapping) == lpar_uuid.lower()


def is_for_any_client(mapping):
    """Whether a virtual SCSI mapping is on an adapter for any LPAR."""
    server = mapping.server_adapter
    return _ANY in (server.lpar_id, server.lpar_slot_num)


def is_orphan(mapping):
    """Whether a virtual SCSI mapping tells of no LPAR: that is gone.

    Its partition id tells nothing: another LPAR may have it by now. A mapping
    can lack the adapter of a client that it has a link to (source: the
    capture fake_vios_mappings.txt of pypowervm): that one is no orphan.
    """
    return is_fc_orphan(mapping) and not is_for_any_client(mapping)


def is_fc_orphan(mapping):
    """Whether a Fibre Channel mapping tells of no LPAR: that is gone."""
    return mapping.client_adapter is None and not mapping.client_lpar_href
