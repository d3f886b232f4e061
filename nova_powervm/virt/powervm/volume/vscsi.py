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

"""Fibre Channel volumes through the VIOSes: virtual SCSI.

Each VIOS that sees a volume has it as a device (hdisk) and maps that to the
LPAR, at the same logical unit address on each path.

A LUN only tells where to look for a volume; its UDID tells what it is. The
UDID is the same on every VIOS, and is kept with the volume for as long as the
server has it. So what a discovery finds is compared: all VIOSes must have
found the same UDID, and it must be the one that was kept. Otherwise nothing
is mapped, copied or removed by it.
"""

from nova.compute import task_states
from nova import exception as nova_exc
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import hdisk
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import boot_path
from nova_powervm.virt.powervm import lua
from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import utils
from nova_powervm.virt.powervm.volume import discovery
from nova_powervm.virt.powervm.volume import driver
from nova_powervm.virt.powervm.volume import fibre_channel
from nova_powervm.virt.powervm.volume import growth
from nova_powervm.virt.powervm.volume import luns
from nova_powervm.virt.powervm.volume import mappings
from nova_powervm.virt.powervm.volume import owners
from nova_powervm.virt.powervm.volume import places

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

#: Where the address is kept in connection_info['data'].
LUA_KEY = 'target_LUA'

# The platform gives 0x81 and up to what has no address yet, such as our own
# disks (source: captures of pypowervm). Volumes get theirs from here, all in
# one and the same range that it will not reach; 0xc0 would be another
# addressing method (source: SCSI architecture model, SAM-4).
_BOOT_LUA = '0x8100000000000000'
_LUAS = tuple('0x%02x00000000000000' % unit for unit in range(0x90, 0xc0))


class VscsiConnector(driver.VolumeConnector):
    """Connects a volume by virtual SCSI mappings of hdisks."""

    DRIVER_VOLUME_TYPE = fibre_channel.DRIVER_VOLUME_TYPE

    def __init__(self, host, instance, connection_info, boot=False):
        super().__init__(host, instance, connection_info, boot=boot)
        self._hdisks = {}
        self._removed = {}
        self._mapped = set()
        self._lua = None
        self._peers = [self]
        self._replaced = None
        self._is_detached = False

    # ---- what Cinder is told, and tells --------------------------------

    @classmethod
    def serves(cls, instance, connection_info):
        """See VolumeConnector."""
        return (super().serves(instance, connection_info) and
                fibre_channel.strategy_of(instance, connection_info) ==
                fibre_channel.VSCSI)

    @classmethod
    def connector_properties(cls, host, instance):
        """See VolumeConnector; all ports of VIOSes (0 requests, 1 once)."""
        if fibre_channel.strategy_for_new(instance) != fibre_channel.VSCSI:
            return {}
        return {'wwpns': [wwpn for ports in host.fc_ports().values()
                          for wwpn in ports]}

    @property
    def udid(self):
        """The UDID of the volume, str; None if it was never connected."""
        return self.data.get(places.UDID_KEY) or (
            self._kept.udid if self._kept and not self.is_new else None)

    @property
    def _kept(self):
        """What is kept of the volume: places.Place, or None."""
        return places.of(self.instance).get(self.volume_id)

    def _paths(self, initiators):
        """Paths of the volume from the ports of one VIOS.

        :param initiators: WWPNs of the ports.
        :returns: discovery.Paths, or None if it is not exported to them.
        """
        targets = luns.targets(self.data, self.volume_id)
        itls = [_itl(luns.plain(initiator), target, lun)
                for initiator in initiators
                for target, lun in targets.get(luns.plain(initiator), ())]
        return itls and discovery.Paths(itls, self.data.get('pg83NAA'))

    # ---- discovery -----------------------------------------------------

    @classmethod
    def discover(cls, connectors):
        """See VolumeConnector; 3 requests per VIOS, for all volumes."""
        failures = cls._look_for_all(connectors)
        for connector in connectors:
            connector._check_seen(len(connector._hdisks), failures)

    @classmethod
    def discover_what_is_there(cls, connectors):
        failures = cls._look_for_all(connectors)
        bad = [vol for vol in connectors if not vol._hdisks]
        if bad and failures:
            # Nobody knows whether they are there.
            bad[0]._check_seen(0, failures)
        return bad

    @classmethod
    def _look_for_all(cls, connectors):
        for connector in connectors:
            connector._peers = connectors
            connector._hdisks.clear()
        return cls._look(connectors)

    @classmethod
    def _look(cls, connectors):
        """Discover volumes on all VIOSes at the same time.

        :returns: dict of VIOS UUID -> what went wrong there, if anything.
        :raises nova.exception.VolumeAttachFailed: if what they see is not
            the volumes; it is forgotten then.
        """
        host = connectors[0].host
        by_id = {vol.volume_id: vol for vol in connectors}
        wanted = {}
        for vios_uuid, ports in host.fc_ports().items():
            paths = {vol.volume_id: vol._paths(ports) for vol in connectors}
            paths = {key: found for key, found in paths.items() if found}
            if paths:
                wanted[vios_uuid] = paths
        failures = {}
        for vios_uuid, result in discovery.on_each(discovery.discover, host,
                                                   wanted):
            try:
                found = result()
            except pvm_exc.Error as exc:
                failures[vios_uuid] = str(exc)
                continue
            for key, device in found.items():
                by_id[key]._hdisks[vios_uuid] = device
        cls._check_identities(connectors)
        return failures

    @classmethod
    def _check_identities(cls, connectors):
        """Keep the UDIDs that were found, or raise if they are wrong."""
        failures, strange = [], []
        for connector in connectors:
            reason = connector._why_not_itself()
            if reason:
                failures.append(nova_exc.VolumeAttachFailed(
                    volume_id=connector.volume_id, reason=reason))
                strange += connector._drop_strangers()
            elif connector._hdisks:
                [connector.data[places.UDID_KEY]] = connector._udids_seen()
        if failures:
            utils.try_to(
                'remove devices of volumes that are not those looked for',
                discovery.remove_strangers, connectors[0].host, strange)
            raise failures[0]

    def _udids_seen(self):
        return {device.udid for device in self._hdisks.values()}

    def _why_not_itself(self):
        """Why what was found is not the volume: str, or None if it is."""
        seen = self._udids_seen()
        if self.udid and not seen <= {self.udid}:
            return ('its LUN leads to another volume now: %s instead of %s' % (
                ', '.join(sorted(seen - {self.udid})), self.udid))
        if len(seen) > 1:
            return ('its LUNs lead to different volumes: %s' % '; '.join(
                '%s (%s) on VIOS %s' % (device.udid, device.name, vios_uuid)
                for vios_uuid, device in self._hdisks.items()))
        for udid in seen if self.is_new else ():
            other = places.volume_with(self.instance, udid, self.volume_id)
            if other:
                return ('its LUN leads to volume %s, which the server has '
                        'already' % other)
        return None

    def _drop_strangers(self):
        """Forget what was found that is not the volume.

        :returns: list of (VIOS UUID, Hdisk).
        """
        strange = [(vios_uuid, device)
                   for vios_uuid, device in self._hdisks.items()
                   if self.is_new or device.udid != self.udid]
        self._hdisks.clear()
        return strange

    def _check_seen(self, count, failures):
        required = CONF.powervm.vscsi_vios_connections_required
        if count >= required:
            return
        raise nova_exc.VolumeAttachFailed(
            volume_id=self.volume_id,
            reason='%(count)d Virtual I/O Servers can connect it, %(required)d'
            ' must ([powervm] vscsi_vios_connections_required). %(failures)s'
            % {'count': count, 'required': required, 'failures': '; '.join(
                'VIOS %s: %s' % failure for failure in failures.items())})

    # ---- connection ----------------------------------------------------

    def connect(self, stg):
        self.missed.clear()
        self._mapped.clear()
        stg.plan(self._choose_lua)
        for vios_uuid, device in self._hdisks.items():
            stg.expect([vios_uuid], self._element(device))
        stg.edit_redundant(list(self._hdisks), self._map, stg.place,
                           missed=self.missed.add)
        stg.then(self._check_mapped)

    @property
    def place(self):
        return self._lua and places.Place(self._lua, self.udid)

    @property
    def can_be_copied(self):
        return True

    @property
    def hdisks(self):
        """What discovery has found: dict of VIOS UUID -> Hdisk."""
        return self._hdisks

    def replace(self, old, stg):
        """See VolumeConnector; it gets the address of the other."""
        self._replaced = old
        super().replace(old, stg)

    def expect_place(self):
        self._choose_lua({})

    def client_slots(self, vioses):
        return [mapping.client_adapter.lpar_slot_num for vios_w in vioses
                for mapping in self._mappings(vios_w)
                if self._is_volume(mapping) and
                mapping.client_adapter is not None]

    def _choose_lua(self, vioses):
        """Choose an address that is free on every path.

        That of a volume that is not connected just now is not taken, but
        is the last choice.
        """
        taken, mine = set(), set()
        for vios_w in vioses.values():
            for mapping in self._mappings(vios_w):
                is_mine = self._is_volume(mapping) or (
                    self._replaced and self._replaced._is_volume(mapping))
                (mine if is_mine else taken).add(lua.of(mapping))
        taken.update(peer._lua for peer in self._peers if peer is not self)
        absent = [place.lua for volume_id, place in
                  places.of(self.instance).items()
                  if volume_id != self.volume_id]
        wishes = [*sorted(filter(None, mine)), self.data.get(LUA_KEY),
                  self._kept and self._kept.lua,
                  _BOOT_LUA if self.boot else None,
                  *sorted(_LUAS, key=absent.count)]
        self._lua = next((address for address in wishes
                          if address and address not in taken), None)
        if self._lua is None:
            raise nova_exc.VolumeAttachFailed(
                volume_id=self.volume_id,
                reason='the server has %d volumes already, which is all that '
                'it can have' % len(_LUAS))
        self.data[LUA_KEY] = self._lua

    def _element(self, device):
        return pvm_stg.PV.bld(self.host.adapter, device.name,
                              udid=device.udid, tag=self.volume_id)

    def _map(self, vios_w, place):
        """Edit: map the volume to the LPAR, unless that is done."""
        self._mapped.add(vios_w.uuid)
        self.claim(vios_w)
        for mapping in self._mappings(vios_w):
            if self._is_volume(mapping):
                return None
            if lua.of(mapping) == self._lua:
                raise nova_exc.VolumeAttachFailed(
                    volume_id=self.volume_id,
                    reason='something else took its address meanwhile')
        element = self._element(self._hdisks[vios_w.uuid])
        slot, _lua = place(vios_w, element)
        mapping = vios_mappings.build_mapping(
            vios_w, self.lpar_uuid, element, slot, self._lua)
        vios_w.scsi_mappings.append(mapping)
        return mapping

    def claim(self, vios_w):
        """Edit: make sure that nobody else has the volume.

        What was left of its former servers is removed: mappings of LPARs that
        are gone, and of servers of Nova that do not have the volume any more.

        :returns: list of the mappings that were removed.
        :raises nova.exception.VolumeAttachFailed: if somebody has it, and
            it must not be shared.
        """
        others = [mapping for mapping in vios_w.scsi_mappings
                  if self._is_volume(mapping) and
                  not clients.is_client(mapping, self.lpar_uuid)]
        removable = [mapping for mapping in others
                     if clients.is_orphan(mapping)]
        living = [mapping for mapping in others if mapping not in removable]
        if living and not self.connection_info.get('multiattach'):
            removable += self._given_up(vios_w, living)
        return vios_mappings.remove_mappings(
            vios_w, lambda mapping: mapping in removable)

    def _given_up(self, vios_w, others):
        """Mappings to others that these do not need; raise for the rest."""
        known = owners.Owners(self.host, others)
        for mapping in others:
            client = clients.client(mapping)
            if client is not None and (known.is_given_up(mapping) or
                                       known.is_shared(mapping)):
                continue
            raise nova_exc.VolumeAttachFailed(
                volume_id=self.volume_id,
                reason='VIOS %s has %s mapped to %s' % (
                    vios_w.name, self.udid, 'any LPAR' if client is None
                    else 'LPAR %s' % client))
        found = [mapping for mapping in others if known.is_given_up(mapping)]
        for mapping in found:
            LOG.warning('VIOS %(vios)s still has the volume %(volume)s mapped '
                        'to LPAR %(lpar)s, which does not have it any more. '
                        'That mapping is removed.', {
                            'vios': vios_w.name, 'volume': self.volume_id,
                            'lpar': clients.client(mapping)},
                        instance=self.instance)
        return found

    def _check_mapped(self):
        self._check_seen(len(self._mapped - self.missed), {
            uuid: 'it is down' for uuid in self.missed})

    def _mappings(self, vios_w):
        return [mapping for mapping in vios_w.scsi_mappings
                if clients.is_client(mapping, self.lpar_uuid)]

    def _is_volume(self, mapping):
        element = mapping.backing_storage
        return isinstance(element, pvm_stg.PV) and (
            element.udid == self.udid if self.udid
            else element.tag == self.volume_id)

    def boot_paths(self, vioses):
        return [boot_path.of_scsi(mapping) for vios_w in vioses.values()
                for mapping in self._mappings(vios_w)
                if self._is_volume(mapping)]

    # ---- disconnection -------------------------------------------------

    def disconnect(self, stg, server_going=False):
        """See VolumeConnector; with the UDID known, no discovery."""
        # Nova destroys a server to rebuild it after it has detached each
        # volume that it names: none has left anything.
        self._is_detached = (
            server_going and
            self.instance.task_state == task_states.REBUILDING)
        was_known = bool(self.udid)
        if not was_known:
            self._look_again()
        if not self.udid:
            LOG.warning('No VIOS sees volume %s; it is disconnected where its '
                        'id is the tag of a mapping.', self.volume_id,
                        instance=self.instance)
        self._removed.clear()
        vioses = self.host.fc_ports()
        if self._hdisks and not was_known:
            stg.plan(self._doubt_discovery)
        stg.plan(self._note_devices)
        stg.edit_redundant(list(vioses), self._unmap, missed=self._miss)
        stg.then(self._remove_hdisks)

    def _look_again(self):
        """Find the UDID of a volume that lost it; see _doubt_discovery()."""
        try:
            self._look([self])
        except (nova_exc.InvalidVolume, nova_exc.VolumeAttachFailed) as exc:
            LOG.warning('%s', exc, instance=self.instance)

    def _doubt_discovery(self, vioses):
        """Forget what was discovered if no mapping bears that out.

        A LUN may lead elsewhere by now. If the volume's id is the tag of
        mappings, but of none with the UDID that was found, the tag counts.
        """
        tagged = {mapping.backing_storage.udid for vios_w in vioses.values()
                  for mapping in self._mappings(vios_w)
                  if mappings.is_of_volume(mapping) and
                  mapping.backing_storage.tag == self.volume_id}
        if tagged and self.udid not in tagged:
            LOG.warning('The LUN of volume %(volume)s leads to %(udid)s, '
                        'which the server does not have as that volume. It is '
                        'disconnected where its id is the tag of a mapping.',
                        {'volume': self.volume_id, 'udid': self.udid},
                        instance=self.instance)
            self._hdisks.clear()
            del self.data[places.UDID_KEY]

    def _note_devices(self, vioses):
        """Find out which devices are of no use without the mappings."""
        for vios_w in vioses.values():
            self._note_device(vios_w)

    def _note_device(self, vios_w):
        mappings = [mapping for mapping in vios_w.scsi_mappings
                    if self._is_volume(mapping)]
        if not all(map(self._is_ours, mappings)):
            # It is connected to another server of this host too.
            self._removed.pop(vios_w.uuid, None)
            return
        # Where all of an LPAR is unmapped, its mappings are gone by now.
        names = self._removed.setdefault(vios_w.uuid, set())
        names.update(mapping.backing_storage.name for mapping in mappings)
        if vios_w.uuid in self._hdisks:
            names.add(self._hdisks[vios_w.uuid].name)

    def _is_ours(self, mapping):
        """Whether a mapping is the server's, or that of an LPAR now gone."""
        return (clients.is_orphan(mapping) or
                clients.is_client(mapping, self.lpar_uuid))

    def _unmap(self, vios_w):
        """Edit: remove the mappings of the volume to the LPAR.

        Of servers that let go of a volume at once the last one, which sees no
        other mapping in the document that it writes, removes the device.
        """
        self._note_device(vios_w)
        return vios_mappings.remove_mappings(vios_w, lambda mapping: (
            self._is_volume(mapping) and self._is_ours(mapping)))

    def _miss(self, vios_uuid):
        self.missed.add(vios_uuid)
        self._removed.pop(vios_uuid, None)
        if self.udid:
            utils.try_to('have Nova keep that', places.keep_missed,
                         self.instance, self.volume_id, self.udid)
        LOG.warning('VIOS %(vios)s, which is down, may still have volume '
                    '%(volume)s; that is removed when it is back.',
                    {'vios': vios_uuid, 'volume': self.volume_id},
                    instance=self.instance)

    def _remove_hdisks(self):
        removed = self._removed
        if not all(removed.values()) and not self._may_be_left():
            removed = {uuid: names for uuid, names in removed.items() if names}
        for _vios_uuid, result in discovery.on_each(
                self._remove_on, self.host, removed):
            result()
        self._hdisks.clear()

    def _remove_on(self, host, vios_uuid, names):
        for name in sorted(names) or discovery.names_of(host, vios_uuid,
                                                        self.udid):
            discovery.remove(host, vios_uuid, name)

    def _may_be_left(self):
        """Whether a VIOS may have a device of the volume without a mapping.

        An attachment or a detachment that broke off may have left it. The
        VIOS is asked what it has then: the volume may not be exported to it
        any more, and a discovery would make a VIOS have it that does not.
        """
        return bool(self.udid) and not self._is_detached and (
            not owners.is_of_others(self.host, self.instance, self.volume_id,
                                    self.udid))

    # ---- growth --------------------------------------------------------

    def extend(self, size):
        """See VolumeConnector; discovery makes a VIOS read the size anew."""
        try:
            failures = self._look([self])
        except nova_exc.VolumeAttachFailed as exc:
            raise nova_exc.VolumeExtendFailed(
                volume_id=self.volume_id, reason=str(exc)) from exc
        if not self._hdisks:
            raise nova_exc.VolumeExtendFailed(
                volume_id=self.volume_id,
                reason='no Virtual I/O Server sees it. %s' % '; '.join(
                    'VIOS %s: %s' % failure for failure in failures.items()))
        growth.check(self.host, self.volume_id, lambda mapping: (
            clients.is_client(mapping, self.lpar_uuid) and
            self._is_volume(mapping)), size, failures)


def _itl(initiator, target, address):
    itl = hdisk.ITL(initiator, target, 0)
    # ITL itself takes no address of more than four bytes.
    itl.lun = address
    return itl
