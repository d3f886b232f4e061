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

"""Remove mappings whose LPARs are gone.

The platform may keep the server side of a mapping when its client is deleted.
The driver removes such a mapping only if its storage belongs to a server that
was here, and that Nova has deleted or has on another host. It keeps mappings
of other LPARs, because an operator may create a deleted LPAR again. It keeps
mappings of a server on this host that has lost its LPAR, because a hard reboot
creates the LPAR again. A Fibre Channel mapping does not name its owner, so the
driver uses the partition ID, see module host_record. The storage itself stays.
"""

from oslo_log import log as logging

from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm.storage import elements
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings

LOG = logging.getLogger(__name__)


def remove(host, snapshot):
    """Remove such mappings (2 requests for each VIOS that has some).

    :param host: the owner of the REST connection (host.Host), connected.
    :param snapshot: platform_snapshot.PlatformSnapshot
    :raises pypowervm.exceptions.Error: if a VIOS refuses.
    """
    left = {vios_w.uuid: [mapping for mapping in vios_w.scsi_mappings
                          if _is_orphan(mapping)]
            for vios_w in snapshot.active_vioses()}
    proof = snapshot.prove_gone({_name(mapping) for mappings in left.values()
                                 for mapping in mappings})
    with transaction.StorageTransaction.immediate(
            host, 'cleanup', xag=[vios_mappings.SCSI_MAPPING,
                                  vios_mappings.FC_MAPPING]) as stg:
        for vios_w in snapshot.active_vioses():
            ids = _orphan_ids(vios_w, snapshot)
            if ids:
                stg.edit(vios_w.uuid, vios_mappings.remove_stale_fc_mappings,
                         ids)
        for vios_uuid, mappings in left.items():
            names = proof.covered({_name(mapping) for mapping in mappings})
            if names:
                LOG.warning('Removing mappings of servers that are gone from '
                            'VIOS %(vios)s: %(names)s.',
                            {'vios': vios_uuid, 'names': ', '.join(names)})
                stg.edit(vios_uuid, vios_mappings.remove_mappings,
                         lambda mapping, names=names: (
                             _is_orphan(mapping) and _name(mapping) in names))


def _orphan_ids(vios_w, snapshot):
    """Return partition IDs of deleted servers with stale FC mappings."""
    orphans = {mapping.server_adapter.lpar_id
               for mapping in vios_w.vfc_mappings
               if clients.is_fc_orphan(mapping)}
    return sorted(snapshot.departed_ids(orphans))


def _is_orphan(mapping):
    """Return whether a mapping has storage and its LPAR is gone."""
    return (mapping.backing_storage is not None and
            clients.is_orphan(mapping))


def _name(mapping):
    return elements.base_name(mapping.backing_storage)
