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

"""Mappings that servers have left on VIOSes, without their LPARs.

The platform may keep the server side of a mapping when its client is deleted.
Only those go whose storage is of a server that was here, and that Nova has
deleted or does not have here any more: an LPAR that its operator has deleted
may come back. A server of this host that has lost its LPAR keeps them, too; a
hard reboot makes the LPAR again. Those of Fibre Channel do not tell whose they
are: they go by the partition id, see former. The storage itself stays.
"""

from oslo_log import log as logging

from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm.storage import elements
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings

LOG = logging.getLogger(__name__)


def remove(host, census):
    """Remove them (2 requests for each VIOS that has some, else none).

    :param host: the owner of the REST connection (host.Host), connected.
    :param census: census.Census
    :raises pypowervm.exceptions.Error: if a VIOS refuses.
    """
    left = {vios_w.uuid: [mapping for mapping in vios_w.scsi_mappings
                          if _is_orphan(mapping)]
            for vios_w in census.active_vioses()}
    proof = census.prove_gone({_name(mapping) for mappings in left.values()
                               for mapping in mappings})
    with transaction.StorageTransaction.immediate(
            host, 'cleanup', xag=[vios_mappings.SCSI_MAPPING,
                                  vios_mappings.FC_MAPPING]) as stg:
        for vios_w in census.active_vioses():
            ids = _orphan_ids(vios_w, census)
            if ids:
                stg.edit(vios_w.uuid, vios_mappings.remove_stale_fc_mappings,
                         ids)
        for vios_uuid, mappings in left.items():
            names = proof.of({_name(mapping) for mapping in mappings})
            if names:
                LOG.warning('Removing mappings of servers that are gone from '
                            'VIOS %(vios)s: %(names)s.',
                            {'vios': vios_uuid, 'names': ', '.join(names)})
                stg.edit(vios_uuid, vios_mappings.remove_mappings,
                         lambda mapping, names=names: (
                             _is_orphan(mapping) and _name(mapping) in names))


def _orphan_ids(vios_w, census):
    """Partition ids of Fibre Channel mappings that deleted servers left."""
    orphans = {mapping.server_adapter.lpar_id
               for mapping in vios_w.vfc_mappings
               if clients.is_fc_orphan(mapping)}
    return sorted(orphans & census.former_ids()) if orphans else []


def _is_orphan(mapping):
    """Whether a mapping was to an LPAR that is gone, and has storage."""
    return (mapping.backing_storage is not None and
            clients.is_orphan(mapping))


def _name(mapping):
    return elements.base_name(mapping.backing_storage)
