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

"""Determine the LPAR that a mapping of a VIOS belongs to.

All code that removes a mapping calls this module. A missing part of an answer
proves nothing. The LPAR of a mapping is gone only if the platform reports
neither a client adapter nor a link to an LPAR. A mapping on an adapter for any
client has neither. It belongs to an operator, because this driver creates no
such adapter.
"""

from pypowervm import util as pvm_util
from pypowervm.wrappers import storage as pvm_stg

# The platform reports this as LPAR id, and as slot, of an adapter that any
# LPAR may use.
_ANY = pvm_stg.ANY_SLOT


def client(mapping):
    """Return the UUID of the LPAR that has a mapping, str in lower case.

    :param mapping: wrapper of a mapping of virtual SCSI or Fibre Channel.
    :returns: None if the LPAR is gone, or if there is none.
    """
    return pvm_util.get_req_path_uuid(mapping.client_lpar_href or '')


def is_client(mapping, lpar_uuid):
    """Return whether a mapping belongs to an LPAR, by its PowerVM UUID."""
    return client(mapping) == lpar_uuid.lower()


def is_path(mapping, lpar_uuid):
    """Return whether a mapping is an LPAR's, which has its end of it."""
    return mapping.client_adapter is not None and is_client(mapping, lpar_uuid)


def is_for_any_client(mapping):
    """Return whether a virtual SCSI mapping is on an adapter for any LPAR."""
    server = mapping.server_adapter
    return _ANY in (server.lpar_id, server.lpar_slot_num)


def is_orphan(mapping):
    """Return whether the LPAR of a virtual SCSI mapping is gone.

    The partition id proves nothing, because another LPAR may have it by now. A
    mapping with a link to a client may have no client adapter (source: the
    capture fake_vios_mappings.txt of pypowervm). Such a mapping is no orphan.
    """
    return is_fc_orphan(mapping) and not is_for_any_client(mapping)


def is_fc_orphan(mapping):
    """Return whether the LPAR of a Fibre Channel mapping is gone."""
    return mapping.client_adapter is None and not mapping.client_lpar_href
