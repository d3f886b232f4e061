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
VIOS. They are made when its first volume is attached and stay until it is
deleted; the fabric and the guest do the rest. So all volumes of a server
share them, and a detachment changes nothing on the platform.
"""

import collections

from nova.compute import task_states
from nova.compute import vm_states
from nova import exception as nova_exc
from nova import objects
from oslo_concurrency import lockutils
from oslo_log import log as logging
from pypowervm.tasks import vfc_mapper
from pypowervm import util as pvm_util

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import boot_path
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import former
from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm.volume import driver
from nova_powervm.virt.powervm.volume import fabrics
from nova_powervm.virt.powervm.volume import fibre_channel
from nova_powervm.virt.powervm.volume import luns

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

# The platform makes no more WWPN pairs at a time (source: pypowervm).
_MAX_PAIRS = 8
# Behind those of disks, which get the first ones: the firmware boots from the
# first adapter that has a disk. The last slot of an LPAR is 63.
_SLOTS = (*range(40, 64), *range(39, 1, -1))
# Other adapters get slots from the first on, or from the last on. So those of
# a server with so few ports leave enough of them between, from 40 on.
_FEW_PORTS = 10
_MOVING = (task_states.RESIZE_MIGRATING, task_states.RESIZE_MIGRATED,
           task_states.RESIZE_FINISH, task_states.RESIZE_REVERTING)
# An evacuation is a rebuild on another host.
_REBUILDS = (task_states.REBUILDING, task_states.REBUILD_BLOCK_DEVICE_MAPPING,
             task_states.REBUILD_SPAWNING)


class NpivConnector(driver.VolumeConnector):
    """Connects a server, and so a volume, by virtual FC mappings."""

    DRIVER_VOLUME_TYPE = fibre_channel.DRIVER_VOLUME_TYPE
    xag = (vios_mappings.FC_MAPPING,)
    disconnect_changes_io = False

    def __init__(self, host, instance, connection_info, boot=False):
        super().__init__(host, instance, connection_info, boot=boot)
        self._leads = True
        # VIOS UUID -> list of the Adapters that connect() makes there.
        self._wanted = {}
        # WWPNs -> slot; None if the platform is to choose it.
        self._slots = {}

    # ---- what Cinder is told -------------------------------------------

    @classmethod
    def serves(cls, instance, connection_info):
        """See VolumeConnector."""
        return (super().serves(instance, connection_info) and
                fibre_channel.strategy_of(instance, connection_info) ==
                fibre_channel.NPIV)

    @classmethod
    def connector_properties(cls, host, instance):
        """See VolumeConnector; each server is a host of its own to Cinder.

        The WWPNs are made the first time (4 requests, then 0).
        """
        if fibre_channel.strategy_for_new(instance) != fibre_channel.NPIV:
            return {}
        name = (instance.name if isinstance(instance, objects.Instance)
                else instance['name'])
        return {'host': '%s_%s' % (CONF.host[:20], name),
                'wwpns': _wwpns(host, instance)}

    @classmethod
    def may_have_left(cls, host, instance):
        """See VolumeConnector; adapters stay when volumes are detached.

        If the server was evacuated from this host, Nova may have forgotten
        its WWPNs by now; that its partition id here is kept tells that it had
        adapters.
        """
        return bool(fabrics.known_to(instance) or
                    former.kept_ids(instance, host.nodename))

    # ---- connection ----------------------------------------------------

    @classmethod
    def discover(cls, connectors):
        """See VolumeConnector; one of them connects the server for all."""
        for connector in connectors:
            connector._leads = connector is connectors[0]

    @property
    def needs_io_change(self):
        """Whether the server lacks an adapter, as far as Nova knows."""
        return any(
            fabrics.state(self.instance, fabric) != fabrics.MAPPED or
            not {adapter.port for adapter in fabrics.adapters(
                self.instance, fabric)} <= set(fabrics.ports(fabric))
            for fabric in fabrics.names())

    def connect(self, stg):
        """See VolumeConnector; adapters that are there stay as they are."""
        if not self._leads:
            return
        stg.plan(lambda vioses: self._keep_id(stg))
        stg.plan(self._place)
        stg.plan(lambda vioses: self._choose_slots(vioses, stg))
        stg.edit_redundant(list(self.host.fc_ports()), self._map,
                           missed=self.missed.add)
        stg.then(self._note_mapped)

    def _keep_id(self, stg):
        """Have Nova keep the id of the LPAR, before it has an adapter.

        That of a new LPAR, which has no disk yet, is kept as it is made.
        """
        lpar_id = stg.partition_id(self.lpar_uuid)
        if lpar_id is None:
            return
        try:
            former.keep_id(self.instance, self.host.nodename, lpar_id)
        except nova_exc.InstanceNotFound:
            LOG.debug('The server is deleted; the id %d of its LPAR is not '
                      'kept.', lpar_id, instance=self.instance)

    def _place(self, vioses):
        """Choose a port for each adapter that is not there."""
        self._wanted.clear()
        fabrics.refresh(self.instance)
        there = {_wwpns_of(mapping): (vios_w.uuid, mapping.backing_port)
                 for vios_w in vioses.values()
                 for mapping in vios_w.vfc_mappings}
        ports = _Ports(self.host.filter_active(vioses.values()))
        for fabric in fabrics.names():
            adapters = fabrics.adapters(self.instance, fabric)
            if not adapters:
                raise nova_exc.VolumeAttachFailed(
                    volume_id=self.volume_id,
                    reason='the server has no WWPNs in fabric %s' % fabric)
            fabrics.set_adapters(
                self.instance, fabric,
                self._place_in(fabric, adapters, there, ports))

    def _place_in(self, fabric, adapters, there, ports):
        """Choose a port for each adapter of one fabric.

        :param there: dict of WWPNs -> (VIOS UUID, port wrapper or None) of
            the adapters that are there; they stay, on their ports.
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
                self._wanted.setdefault(vios_uuid, []).append(placed[adapter])
        return [placed[adapter] for adapter in adapters]

    def _choose_slots(self, vioses, stg):
        """Choose free slots for new adapters: those of before, if they are.

        A server with a boot disk of ours is not to boot from a volume.
        """
        self._slots.clear()
        new = {adapter.key for adapters in self._wanted.values()
               for adapter in adapters}
        kept = {adapter.key: stg.place_vfc(fabric, adapter.wwpns)
                for fabric in fabrics.names()
                for adapter in fabrics.adapters(self.instance, fabric)}
        kept = {key: slot for key, slot in kept.items() if key in new}
        if not self.instance.image_ref and not any(kept.values()):
            self._slots = kept
            return
        taken = self._taken_slots(vioses, stg)
        self._slots.update((key, slot) for key, slot in kept.items()
                           if slot is not None and slot not in taken)
        taken.update(stg.reserved_slots, self._slots.values())
        free = iter(slot for slot in _SLOTS
                    if self.instance.image_ref and slot not in taken)
        for key in kept:
            if key not in self._slots:
                self._slots[key] = next(free, None)

    def _taken_slots(self, vioses, stg):
        """The slots of the LPAR that have something: set of int.

        1 request if it may have so many network adapters that they matter.
        """
        mappings = [mapping for vios_w in vioses.values()
                    for mapping in vios_w.vfc_mappings]
        if stg.reads(vios_mappings.SCSI_MAPPING):
            mappings += [mapping for vios_w in vioses.values()
                         for mapping in vios_w.scsi_mappings]
        taken = {mapping.client_adapter.lpar_slot_num for mapping in mappings
                 if mapping.client_adapter is not None and
                 clients.is_client(mapping, self.lpar_uuid)}
        if not _has_few_ports(self.instance):
            taken.update(cna_w.slot for cna_w in
                         self.host.network_adapters(self.lpar_uuid))
        return taken

    def _map(self, vios_w):
        """Edit: make the adapters that are to be on a VIOS.

        Those that a former LPAR with one of its ids has left would lead
        there, too.
        """
        has_stale = vios_mappings.remove_stale_fc_mappings(
            vios_w, former.kept_ids(self.instance, self.host.nodename))
        made = [vfc_mapper.add_map(vios_w, self.host.system_uuid,
                                   self.lpar_uuid, adapter.port_map,
                                   lpar_slot_num=self._slots[adapter.key])
                for adapter in self._wanted.get(vios_w.uuid, ())]
        return has_stale or any(mapping is not None for mapping in made)

    def _note_mapped(self):
        lacking = self.missed.intersection(self._wanted)
        if lacking and len(lacking) == len(self._wanted):
            raise nova_exc.VolumeAttachFailed(
                volume_id=self.volume_id,
                reason='VIOS %s went down meanwhile' % ', '.join(lacking))
        for fabric in fabrics.names():
            fabrics.set_state(self.instance, fabric, fabrics.UNMAPPED
                              if lacking else fabrics.MAPPED)
        fabrics.set_host(self.instance, self.host.nodename)
        fabrics.save(self.instance)

    def client_slots(self, vioses):
        """See VolumeConnector; each adapter leads to the volumes."""
        return sorted(mapping.client_adapter.lpar_slot_num
                      for vios_w in vioses for mapping in vios_w.vfc_mappings
                      if mapping.client_adapter is not None and
                      mapping.backing_port is not None and
                      clients.is_client(mapping, self.lpar_uuid))

    def boot_paths(self, vioses):
        targets = luns.targets(self.data, self.volume_id)
        return [boot_path.of_fc(mapping, target, lun)
                for vios_w in vioses.values()
                for mapping in vios_w.vfc_mappings
                if clients.is_client(mapping, self.lpar_uuid)
                for wwpn in sorted(_wwpns_of(mapping))
                for target, lun in targets.get(luns.plain(wwpn), ())]

    # ---- disconnection -------------------------------------------------

    def give_up(self):
        """See VolumeConnector; WWPNs that were never used are forgotten."""
        if not self._wanted:
            fabrics.refresh(self.instance)
            if not _needs_wwpns(self.instance):
                fabrics.forget(self.instance)
                fabrics.save(self.instance)

    def disconnect(self, stg, server_going=False):
        """See VolumeConnector; other volumes need the adapters as well."""
        if server_going:
            self._queue_removal(stg, self._ours())

    def undo_connect(self, stg):
        """See VolumeConnector; what was there before stays."""
        if self._leads:
            made = {adapter.key for adapters in self._wanted.values()
                    for adapter in adapters}
            self._queue_removal(stg, lambda mapping: (
                _wwpns_of(mapping) in made))

    def _queue_removal(self, stg, is_doomed):
        is_ours, left = self._ours(), []
        stg.plan(lambda vioses: self._keep_id(stg))
        stg.plan(lambda vioses: left.extend(
            mapping for vios_w in vioses.values()
            for mapping in vios_w.vfc_mappings
            if is_ours(mapping) and not is_doomed(mapping)))
        stg.edit_redundant(list(self.host.fc_ports()), _remove, is_doomed,
                           missed=self.missed.add)
        stg.then(self._note_removed, left)

    def _ours(self):
        """Make a function that tells whether a mapping is the server's."""
        ours = {adapter.key for fabric in fabrics.known_to(self.instance)
                for adapter in fabrics.adapters(self.instance, fabric)}
        return lambda mapping: (clients.is_client(mapping, self.lpar_uuid) or
                                _wwpns_of(mapping) in ours)

    def _note_removed(self, left):
        """Keep that the server has no adapters, or forget its WWPNs.

        :param left: list of the mappings that it has all the same.
        """
        instance = self.instance
        if left:
            return
        fabrics.refresh(instance)
        if instance.host not in (None, self.host.nodename):
            # The server lives there by now, or was to come from there.
            if fabrics.host_of(instance) != self.host.nodename:
                return
            for fabric in fabrics.known_to(instance):
                fabrics.set_state(instance, fabric, fabrics.UNMAPPED)
        elif _needs_wwpns(instance):
            state = (fabrics.MIGRATING if instance.task_state in _MOVING
                     else fabrics.UNMAPPED)
            for fabric in fabrics.known_to(instance):
                fabrics.set_state(instance, fabric, state)
        else:
            fabrics.forget(instance)
        fabrics.set_host(instance, None)
        fabrics.save(instance)

    def extend(self, size):
        """See VolumeConnector; nobody but the guest sees how large it is."""
        LOG.info('Volume %(volume)s has %(size)d bytes now. The platform does '
                 'not see that; the guest does, when it rescans the disk.',
                 {'volume': self.volume_id, 'size': size},
                 instance=self.instance)


def _remove(vios_w, is_doomed):
    """Edit: remove adapters; whether there were any."""
    mappings = vios_w.vfc_mappings
    doomed = [mapping for mapping in mappings if is_doomed(mapping)]
    for mapping in doomed:
        mappings.remove(mapping)
    return bool(doomed)


def _wwpns_of(mapping):
    """The WWPNs of a mapping; those of an orphan are empty."""
    client = mapping.client_adapter
    return frozenset(map(pvm_util.sanitize_wwpn_for_api,
                         client.wwpns if client is not None else ()))


def _needs_wwpns(instance):
    """Whether a server that has lost its adapters will have them again.

    Not if it is deleted, was never made, or was to have its first volume.
    """
    if (instance.task_state == task_states.DELETING or instance.vm_state in (
            vm_states.BUILDING, vm_states.SOFT_DELETED)):
        return False
    return instance.task_state is not None or any(
        fabrics.state(instance, fabric) != fabrics.UNMAPPED
        for fabric in fabrics.known_to(instance))


def _has_few_ports(instance):
    """Whether Nova knows that a server has but a few ports."""
    return (instance.obj_attr_is_set('info_cache') and
            len(instance.get_network_info()) <= _FEW_PORTS)


# ---- WWPNs and ports ---------------------------------------------------

def _wwpns(host, instance):
    """The first WWPN of each adapter, made if need be: list of str."""
    if not isinstance(instance, objects.Instance):
        return []
    with lockutils.lock('npiv_%s' % instance.uuid):
        if _lacking(host, instance):
            fabrics.refresh(instance)
        lacking = _lacking(host, instance)
        if lacking and instance.task_state != task_states.DELETING:
            _make_wwpns(host, instance, lacking)
        return [adapter.wwpns[0] for fabric in fabrics.names()
                for adapter in fabrics.adapters(instance, fabric)]


def _lacking(host, instance):
    """List the fabrics in which a server has no WWPNs for a host."""
    if _are_elsewhere(host, instance):
        return list(fabrics.names())
    return [fabric for fabric in fabrics.names()
            if not fabrics.adapters(instance, fabric)]


def _are_elsewhere(host, instance):
    """Whether another host may have adapters with a server's WWPNs.

    Not in a migration: the host that is left removes its adapters first.
    """
    if instance.task_state in _MOVING:
        return False
    nodename = fabrics.host_of(instance)
    if nodename is not None:
        return nodename != host.nodename
    # It has been connected by a version that did not keep the host.
    return (instance.task_state in _REBUILDS and
            instance.host not in (None, host.nodename) and
            any(fabrics.state(instance, fabric) == fabrics.MAPPED
                for fabric in fabrics.known_to(instance)))


def _make_wwpns(host, instance, lacking):
    """Have the platform make WWPNs for a server, and save them with it.

    They take the place of those that it may have in these fabrics.

    :param lacking: list of the fabrics in which it has none for this host.
    :raises FabricPortNotFound: if a fabric has no port; none were made then.
    """
    ports = _Ports(host.active_vioses([vios_mappings.FC_MAPPING]))
    kept = {fabric: fabrics.adapters(instance, fabric)
            for fabric in fabrics.names() if fabric not in lacking}
    for adapters in kept.values():
        for adapter in adapters:
            ports.use(adapter.port)
    chosen = [(fabric, ports.choose(fabric)[1]) for fabric in lacking
              for _number in range(CONF.powervm.ports_per_fabric)]
    adapters = {fabric: [] for fabric in lacking}
    for (fabric, port), wwpns in zip(chosen, _next_wwpns(host, len(chosen))):
        adapters[fabric].append(fabrics.Adapter(port, wwpns))
    if _are_elsewhere(host, instance):
        fabrics.forget(instance)
    for fabric in lacking:
        fabrics.set_adapters(instance, fabric, adapters[fabric])
        fabrics.set_state(instance, fabric, fabrics.UNMAPPED)
    instance.save()


def _next_wwpns(host, count):
    """Have the platform make pairs of WWPNs: list of tuples of str."""
    wwpns = []
    for first in range(0, count, _MAX_PAIRS):
        wwpns += vfc_mapper.build_wwpn_pair(
            host.adapter, host.system_uuid,
            pair_count=min(_MAX_PAIRS, count - first))
    return list(zip(wwpns[::2], wwpns[1::2]))


class _Ports:
    """The physical ports that the adapters of one server can be on.

    :param vioses: list of the wrappers of the VIOSes that are up.
    """

    def __init__(self, vioses):
        self._vioses = {}
        self._ports = {}
        self._used = collections.Counter()
        self._promised = collections.Counter()
        for vios_w in vioses:
            for port in vios_w.pfc_ports:
                wwpn = pvm_util.sanitize_wwpn_for_api(port.wwpn)
                self._vioses[wwpn] = vios_w.uuid
                self._ports[wwpn] = port

    def use(self, wwpn):
        """Note that an adapter of the server is on a port."""
        self._used.update((wwpn, self._vioses.get(wwpn)))

    def choose(self, fabric, wish=None, vios_uuid=None):
        """Choose a port of a fabric for one more adapter.

        The server is to depend on no single VIOS and no single port; where
        that makes no difference, the port with most room is chosen.

        :param wish: WWPN of a port that is chosen if it can be.
        :param vios_uuid: the only VIOS that it may be on, or None.
        :returns: (UUID of the VIOS, WWPN of the port).
        :raises FabricPortNotFound: if there is none.
        """
        usable = [wwpn for wwpn in fabrics.ports(fabric)
                  if self._room(wwpn) > 0 and
                  vios_uuid in (None, self._vioses[wwpn])]
        if not usable:
            raise exception.FabricPortNotFound(
                fabric=fabric, ports=', '.join(fabrics.ports(fabric)))
        found = wish if wish in usable else min(usable, key=self._burden)
        self._promised[found] += 1
        self.use(found)
        return self._vioses[found], found

    def _room(self, wwpn):
        """How many more adapters a port takes; 0 for one that is down."""
        port = self._ports.get(wwpn)
        return port.npiv_available_ports - self._promised[wwpn] if port else 0

    def _burden(self, wwpn):
        return (self._used[self._vioses[wwpn]], self._used[wwpn],
                -self._room(wwpn))
