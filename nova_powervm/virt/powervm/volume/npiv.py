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

"""Fibre Channel volumes that the server sees itself: NPIV.

The server has virtual Fibre Channel adapters, each on a physical port of a
VIOS. They are created when its first volume is attached, and stay until the
server is deleted. The fabric and the guest do the rest. So all volumes of a
server share the adapters, and a detachment changes nothing on the platform.
"""

from nova.compute import task_states
from nova.compute import vm_states
from nova import objects
from oslo_log import log as logging

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import boot_path
from nova_powervm.virt.powervm import host_record
from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm.volume import driver
from nova_powervm.virt.powervm.volume import fabrics
from nova_powervm.virt.powervm.volume import fibre_channel
from nova_powervm.virt.powervm.volume import luns
from nova_powervm.virt.powervm.volume import npiv_connection
from nova_powervm.virt.powervm.volume import npiv_migration
from nova_powervm.virt.powervm.volume import whereabouts
from nova_powervm.virt.powervm.volume import wwpns

LOG = logging.getLogger(__name__)
CONF = cfg.CONF


class NpivTransport(driver.VolumeTransport):
    """Connects a server, and so all its volumes, by virtual FC mappings."""

    DRIVER_VOLUME_TYPE = fibre_channel.DRIVER_VOLUME_TYPE
    NAME = fibre_channel.NPIV
    xag = (vios_mappings.FC_MAPPING,)
    disconnect_changes_io = False

    def __init__(self, host, instance, volumes):
        super().__init__(host, instance, volumes)
        # What connect() has queued in this operation, for undo_connect().
        self._connection = npiv_connection.Connection(
            host, instance, volumes[0].id if volumes else None)

    # ---- volumes and connectors ----------------------------------------

    @classmethod
    def serves(cls, instance, connection_info):
        """See VolumeTransport."""
        return (super().serves(instance, connection_info) and
                fibre_channel.strategy_of(instance, connection_info) ==
                fibre_channel.NPIV)

    @classmethod
    def connector_properties(cls, host, instance):
        """See VolumeTransport; each server is a host of its own for Cinder.

        The WWPNs are created the first time (4 requests, then 0).
        """
        if fibre_channel.strategy_for_new(instance) != fibre_channel.NPIV:
            return {}
        name = (instance.name if isinstance(instance, objects.Instance)
                else instance['name'])
        return {'host': '%s_%s' % (CONF.host[:20], name),
                'wwpns': wwpns.wwpns(host, instance)}

    @classmethod
    def check_connector(cls, host, instance):
        """See VolumeTransport; the server keeps the WWPNs that it has."""
        if fibre_channel.strategy_for_new(instance) == fibre_channel.NPIV:
            wwpns.check(host, instance)

    @classmethod
    def may_have_left(cls, host, instance):
        """See VolumeTransport; adapters stay when volumes are detached.

        If the server was evacuated from this host, Nova may have forgotten its
        WWPNs by now. Then a stored partition id on this host shows that it had
        adapters. The id of an LPAR that has come live may not be stored, if
        nova-compute of this host was down.
        """
        return bool(
            fabrics.known_to(instance) or
            host_record.kept_ids(instance, host.nodename) or
            (instance.host not in (None, host.nodename) and
             whereabouts.has_come_live(instance, host.nodename)))

    # ---- connection ----------------------------------------------------

    @property
    def needs_io_change(self):
        """Whether an adapter of the server is missing, according to Nova."""
        return any(
            fabrics.state(self.instance, fabric) != fabrics.MAPPED or
            not {adapter.port for adapter in fabrics.adapters(
                self.instance, fabric)} <= set(fabrics.ports(fabric))
            for fabric in fabrics.names())

    def connect(self, stg, discovered, replaces=None):
        """See VolumeTransport; existing adapters stay as they are."""
        self._connection.queue(stg)

    def undo_connect(self, stg, discovered=None):
        """See VolumeTransport; adapters that existed before stay."""
        made = self._connection.new_keys
        self._queue_removal(stg, lambda mapping: (
            npiv_connection.wwpns_of(mapping) in made))

    def give_up(self):
        """See VolumeTransport; forgets WWPNs that were never used."""
        if not self._connection.new:
            fabrics.refresh(self.instance)
            if not self._needs_wwpns():
                fabrics.forget(self.instance)
                fabrics.save(self.instance)

    def split(self):
        """See VolumeTransport; the volumes share the adapters."""
        return [self]

    def client_slots(self, vioses):
        """See VolumeTransport; each adapter leads to the volumes."""
        return sorted(mapping.client_adapter.lpar_slot_num
                      for vios_w in vioses for mapping in vios_w.vfc_mappings
                      if mapping.client_adapter is not None and
                      mapping.backing_port is not None and
                      clients.is_client(mapping, self.lpar_uuid))

    def boot_paths(self, vioses):
        """See VolumeTransport."""
        return [path for volume in self.volumes
                for path in self._boot_paths(volume, vioses)]

    def _boot_paths(self, volume, vioses):
        targets = luns.targets(volume.data, volume.id)
        return [boot_path.fc_path(mapping, target, lun)
                for vios_w in vioses.values()
                for mapping in vios_w.vfc_mappings
                if clients.is_client(mapping, self.lpar_uuid)
                for wwpn in sorted(npiv_connection.wwpns_of(mapping))
                for target, lun in targets.get(luns.plain(wwpn), ())]

    # ---- live migration; see VolumeTransport for each --------------------

    def describe_adapters(self, vioses):
        """Tell which slot has which WWPNs."""
        return npiv_migration.describe(vioses, self.instance)

    def prepare_target(self, described, pooled):
        """Choose ports; nothing is changed (1 request)."""
        return npiv_migration.choose_ports(self.host, self.instance,
                                           described)

    def note_departure(self, target):
        """The second WWPN of each adapter is the first one now."""
        npiv_migration.note_departure(self.instance, target)

    def note_on_target(self, vioses):
        """The ports are those of the target; see also note_departure()."""
        npiv_migration.note_on_target(self.host, self.instance, vioses)

    # ---- disconnection -------------------------------------------------

    def disconnect(self, stg, discovered=None, server_going=False):
        """See VolumeTransport; the adapters stay unless the server goes."""
        if server_going:
            self._queue_removal(stg, self._ours())

    def _queue_removal(self, stg, is_removed):
        is_ours, left = self._ours(), []
        stg.plan(lambda vioses: npiv_connection.keep_id(
            self.host, self.instance, stg))
        stg.plan(lambda vioses: left.extend(
            mapping for vios_w in vioses.values()
            for mapping in vios_w.vfc_mappings
            if is_ours(mapping) and not is_removed(mapping)))
        stg.edit_redundant(list(self.host.fc_ports()), _remove, is_removed,
                           order=transaction.Order.ANY)
        stg.then(self._note_removed, left)

    def _ours(self):
        """Return a function that says whether a mapping is the server's."""
        ours = {adapter.key for fabric in fabrics.known_to(self.instance)
                for adapter in fabrics.adapters(self.instance, fabric)}
        return lambda mapping: (clients.is_client(mapping, self.lpar_uuid) or
                                npiv_connection.wwpns_of(mapping) in ours)

    def _note_removed(self, left):
        """Store that the server has no adapters, or forget its WWPNs.

        :param left: list of the mappings that it still has. If there are any,
            change nothing.
        """
        instance = self.instance
        if left:
            return
        fabrics.refresh(instance)
        if instance.host not in (None, self.host.nodename):
            # The server is on that host by now, or was to move from there.
            if fabrics.host_of(instance) != self.host.nodename:
                return
            for fabric in fabrics.known_to(instance):
                fabrics.set_state(instance, fabric, fabrics.UNMAPPED)
        elif self._needs_wwpns():
            state = (fabrics.MIGRATING if wwpns.is_moving(instance)
                     else fabrics.UNMAPPED)
            for fabric in fabrics.known_to(instance):
                fabrics.set_state(instance, fabric, state)
        else:
            fabrics.forget(instance)
        fabrics.set_host(instance, None)
        fabrics.save(instance)

    def _needs_wwpns(self):
        """Return whether a server without adapters will get them again.

        It does not if it is deleted, was never built, or was to get its first
        volume. If it has others, Cinder exports them to its WWPNs, even while
        it has no LPAR.
        """
        instance = self.instance
        if (instance.task_state == task_states.DELETING or
                instance.vm_state in (vm_states.BUILDING,
                                      vm_states.SOFT_DELETED)):
            return False
        return instance.task_state is not None or any(
            fabrics.state(instance, fabric) != fabrics.UNMAPPED
            for fabric in fabrics.known_to(instance)) or (
            self._has_other_volumes())

    def _has_other_volumes(self):
        """Return whether Nova has other volumes of the server (1 DB call)."""
        ids = {volume.id for volume in self.volumes}
        return self.instance._context is not None and any(
            bdm.is_volume and bdm.volume_id not in ids
            for bdm in objects.BlockDeviceMappingList.get_by_instance_uuid(
                self.instance._context, self.instance.uuid))

    def extend(self, volume, size):
        """See VolumeTransport; only the guest sees how large it is."""
        LOG.info('Volume %(volume)s has %(size)d bytes now. The platform does '
                 'not see that; the guest does, when it rescans the disk.',
                 {'volume': volume.id, 'size': size}, instance=self.instance)


def _remove(vios_w, is_removed):
    """Edit: remove adapters; return whether there were any."""
    mappings = vios_w.vfc_mappings
    removed = [mapping for mapping in mappings if is_removed(mapping)]
    for mapping in removed:
        mappings.remove(mapping)
    return bool(removed)
