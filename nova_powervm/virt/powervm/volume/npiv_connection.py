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

"""Create the virtual Fibre Channel adapters of a server."""

from nova import exception as nova_exc
from oslo_log import log as logging
from pypowervm.tasks import vfc_mapper
from pypowervm import util as pvm_util

from nova_powervm.virt.powervm import host_record
from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm.volume import fabrics
from nova_powervm.virt.powervm.volume import npiv_ports

LOG = logging.getLogger(__name__)

# Behind the slots of disks, which get the first ones, because the firmware
# boots from the first adapter that has a disk. The last slot of an LPAR is 63.
_SLOTS = (*range(40, 64), *range(39, 1, -1))
# Other adapters get slots from the first on, or from the last on. If a server
# has at most this many ports, these leave enough slots free from 40 on.
_FEW_PORTS = 10


class Connection:
    """The edits that create the missing adapters of a server.

    :ivar new: dict of VIOS UUID -> list of the fabrics.Adapter to create
        there; empty before the transaction has read the VIOSes.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :param volume_id: str, for messages.
    """

    def __init__(self, host, instance, volume_id):
        self._host = host
        self._instance = instance
        self._volume_id = volume_id
        self._lpar_uuid = vm.get_lpar_uuid(instance)
        self.new = {}
        # WWPNs -> slot; None if the platform is to choose it.
        self._slots = {}
        # UUIDs of the VIOSes that were down.
        self._missed = set()

    @property
    def new_keys(self):
        """The WWPNs of the new adapters: set of Adapter.key."""
        return {adapter.key for adapters in self.new.values()
                for adapter in adapters}

    def queue(self, stg):
        """Queue the edits.

        :param stg: transaction.StorageTransaction
        """
        stg.plan(lambda vioses: keep_id(self._host, self._instance, stg))
        stg.plan(self._choose_ports)
        stg.plan(lambda vioses: self._choose_slots(vioses, stg))
        stg.edit_redundant(list(self._host.fc_ports()), self._map,
                           missed=self._missed.add)
        stg.then(self._note_mapped)

    def _choose_ports(self, vioses):
        """Choose a port for each missing adapter."""
        self.new.clear()
        fabrics.refresh(self._instance)
        there = {wwpns_of(mapping): (vios_w.uuid, mapping.backing_port)
                 for vios_w in vioses.values()
                 for mapping in vios_w.vfc_mappings}
        ports = npiv_ports.Ports(self._host.filter_active(vioses.values()))
        for fabric in fabrics.names():
            adapters = fabrics.adapters(self._instance, fabric)
            if not adapters:
                raise nova_exc.VolumeAttachFailed(
                    volume_id=self._volume_id,
                    reason='the server has no WWPNs in fabric %s' % fabric)
            fabrics.set_adapters(
                self._instance, fabric,
                self._choose_in(fabric, adapters, there, ports))

    def _choose_in(self, fabric, adapters, there, ports):
        """Choose a port for each adapter of one fabric.

        :param there: dict of WWPNs -> (VIOS UUID, port wrapper or None) of the
            existing adapters, which stay on their ports.
        :returns: list of the Adapters, in the same order.
        """
        placed = {}
        for adapter in adapters:
            _vios_uuid, port = there.get(adapter.key, (None, None))
            if port is not None:
                placed[adapter] = adapter._replace(
                    port=pvm_util.sanitize_wwpn_for_api(port.wwpn))
                ports.use(placed[adapter].port)
        for adapter in adapters:
            if adapter not in placed:
                vios_uuid, port = ports.choose(
                    fabric, adapter.port,
                    vios_uuid=there.get(adapter.key, (None,))[0])
                placed[adapter] = adapter._replace(port=port)
                self.new.setdefault(vios_uuid, []).append(placed[adapter])
        return [placed[adapter] for adapter in adapters]

    def _choose_slots(self, vioses, stg):
        """Choose free slots for new adapters: their earlier slots if free.

        A server with a boot disk of the driver must not boot from a volume.
        """
        self._slots.clear()
        kept = {adapter.key: stg.vfc_slot(fabric, adapter.wwpns)
                for fabric in fabrics.names()
                for adapter in fabrics.adapters(self._instance, fabric)}
        kept = {key: slot for key, slot in kept.items()
                if key in self.new_keys}
        if not self._instance.image_ref and not any(kept.values()):
            self._slots = kept
            return
        taken = self._taken_slots(vioses, stg)
        self._slots.update((key, slot) for key, slot in kept.items()
                           if slot is not None and slot not in taken)
        taken.update(stg.reserved_slots, self._slots.values())
        free = iter(slot for slot in _SLOTS
                    if self._instance.image_ref and slot not in taken)
        for key in kept:
            if key not in self._slots:
                self._slots[key] = next(free, None)

    def _taken_slots(self, vioses, stg):
        """Return the used slots of the LPAR: set of int.

        Needs 1 request if the server may have so many network adapters that
        they matter.
        """
        mappings = [mapping for vios_w in vioses.values()
                    for mapping in vios_w.vfc_mappings]
        if stg.reads(vios_mappings.SCSI_MAPPING):
            mappings += [mapping for vios_w in vioses.values()
                         for mapping in vios_w.scsi_mappings]
        taken = {mapping.client_adapter.lpar_slot_num for mapping in mappings
                 if mapping.client_adapter is not None and
                 clients.is_client(mapping, self._lpar_uuid)}
        if not _has_few_ports(self._instance):
            taken.update(cna_w.slot for cna_w in
                         self._host.network_adapters(self._lpar_uuid))
        return taken

    def _map(self, vios_w):
        """Edit: create the new adapters on a VIOS.

        Also remove adapters that an earlier LPAR with one of its ids has left,
        because they would lead to the server as well.
        """
        has_stale = vios_mappings.remove_stale_fc_mappings(
            vios_w, host_record.kept_ids(self._instance, self._host.nodename))
        made = [vfc_mapper.add_map(vios_w, self._host.system_uuid,
                                   self._lpar_uuid, adapter.port_map,
                                   lpar_slot_num=self._slots[adapter.key])
                for adapter in self.new.get(vios_w.uuid, ())]
        return has_stale or any(mapping is not None for mapping in made)

    def _note_mapped(self):
        missing = self._missed.intersection(self.new)
        if missing and len(missing) == len(self.new):
            raise nova_exc.VolumeAttachFailed(
                volume_id=self._volume_id,
                reason='VIOS %s went down meanwhile' % ', '.join(missing))
        for fabric in fabrics.names():
            fabrics.set_state(self._instance, fabric, fabrics.UNMAPPED
                              if missing else fabrics.MAPPED)
        fabrics.set_host(self._instance, self._host.nodename)
        fabrics.save(self._instance)


def keep_id(host, instance, stg):
    """Store the id of the LPAR in Nova, before it has an adapter.

    The transaction does not know the id of a new LPAR, which has no mapping
    yet. The flow that creates the LPAR stores it, see partition_mappings.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :param stg: transaction.StorageTransaction that has read the VIOSes.
    """
    lpar_id = stg.partition_id(vm.get_lpar_uuid(instance))
    if lpar_id is None:
        return
    try:
        host_record.keep_id(instance, host.nodename, lpar_id)
    except nova_exc.InstanceNotFound:
        LOG.debug('The server is deleted; the id %d of its LPAR is not '
                  'kept.', lpar_id, instance=instance)


def wwpns_of(mapping):
    """Return the WWPNs of a VFCMapping wrapper, in the form of Adapter.key.

    :returns: frozenset of str; empty if the mapping has no client adapter.
    """
    client = mapping.client_adapter
    return frozenset(map(pvm_util.sanitize_wwpn_for_api,
                         client.wwpns if client is not None else ()))


def _has_few_ports(instance):
    """Return whether Nova knows that a server has only a few ports."""
    return (instance.obj_attr_is_set('info_cache') and
            len(instance.get_network_info()) <= _FEW_PORTS)
