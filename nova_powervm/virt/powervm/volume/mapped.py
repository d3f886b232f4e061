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

"""Volumes that VIOSes see as devices (hdisks) and map to the LPAR.

A transport of this kind adds only how a VIOS gets to see a volume.
"""

import abc

from nova import exception as nova_exc
from oslo_log import log as logging

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import boot_path
from nova_powervm.virt.powervm import lua
from nova_powervm.virt.powervm import utils
from nova_powervm.virt.powervm.volume import addresses
from nova_powervm.virt.powervm.volume import connection
from nova_powervm.virt.powervm.volume import device_addresses
from nova_powervm.virt.powervm.volume import disconnection
from nova_powervm.virt.powervm.volume import discovery
from nova_powervm.virt.powervm.volume import driver
from nova_powervm.virt.powervm.volume import growth
from nova_powervm.virt.powervm.volume import mapped_volume
from nova_powervm.virt.powervm.volume import target_paths

LOG = logging.getLogger(__name__)
CONF = cfg.CONF


class MappedTransport(driver.VolumeTransport):
    """Connects volumes by virtual SCSI mappings of hdisks.

    discover() returns a mapped_volume.Discovered.
    """

    can_be_copied = True

    def _mapped(self, volume):
        return mapped_volume.MappedVolume(self.host, self.instance, volume)

    # ---- what a transport of this kind adds ----------------------------

    @abc.abstractmethod
    def vios_uuids(self):
        """Return the UUIDs of the VIOSes that can see volumes this way."""

    @abc.abstractmethod
    def search(self, volumes):
        """Let VIOSes search for volumes.

        :param volumes: list of driver.Volume
        :returns: (dict of volume id -> dict of VIOS UUID -> discovery.Hdisk,
            dict of VIOS UUID -> str, its error).
        :raises nova.exception.InvalidVolume: if Cinder's data on a volume is
            invalid.
        """

    # ---- discovery -----------------------------------------------------

    def discover(self):
        """See VolumeTransport; writes the UDIDs into the volumes' data."""
        return self._discover(list(map(self._mapped, self.volumes)))

    def _discover(self, volumes):
        found, failures = self.search([vol.volume for vol in volumes])
        devices = {vol.id: mapped_volume.Device(vol, found.get(vol.id, {}))
                   for vol in volumes}
        errors, strangers = [], []
        for device in devices.values():
            vol = device.volume
            reason = vol.why_not(device.hdisks)
            if reason:
                errors.append(nova_exc.VolumeAttachFailed(
                    volume_id=vol.id, reason=reason))
                strangers += vol.strangers(device.hdisks)
                devices[vol.id] = device._replace(hdisks={})
            elif device.hdisks:
                [udid] = {hdisk.udid for hdisk in device.hdisks.values()}
                vol.keep_udid(udid)
        if strangers:
            utils.try_to(
                'remove devices of volumes that are not those looked for',
                discovery.remove_strangers, self.host, strangers)
        return mapped_volume.Discovered(devices, failures,
                                        next(iter(errors), None))

    def look_again(self, volume):
        """Find the UDID of a volume that has lost it; log failures.

        :param volume: mapped_volume.MappedVolume
        :returns: set of the UUIDs of the VIOSes that see it.
        """
        try:
            discovered = self._discover([volume])
            discovered.check_identity()
        except (nova_exc.InvalidVolume, nova_exc.VolumeAttachFailed) as exc:
            LOG.warning('%s', exc, instance=self.instance)
            return set()
        return set(discovered.devices[volume.id].hdisks)

    def check(self, discovered):
        """See VolumeTransport."""
        discovered.check()

    def missing(self, discovered):
        """See VolumeTransport."""
        return discovered.missing()

    def devices(self, discovered):
        """Return what VIOSes see, for a copy.

        :param discovered: the result of discover().
        :returns: list of mapped_volume.Device
        :raises nova.exception.VolumeAttachFailed: see missing().
        """
        discovered.missing()
        return discovered.seen()

    # ---- connection ----------------------------------------------------

    def connect(self, stg, discovered, replaces=None):
        """See VolumeTransport; leaves out volumes that no VIOS sees."""
        devices = discovered.seen()
        replaced = replaces and self._mapped(replaces)

        def choose_addresses(vioses):
            addresses.choose(
                self.instance, [device.volume for device in devices],
                [mapping for vios_w in vioses.values() for mapping in
                 connection.client_mappings(vios_w, self.lpar_uuid)],
                replaced=replaced)

        stg.plan(choose_addresses)
        for device in devices:
            connection.Connection(device).queue(stg)

    def disconnect(self, stg, discovered=None, server_going=False):
        """See VolumeTransport; 0 requests if the UDIDs are known."""
        for volume in self.volumes:
            seen_by = (() if discovered is None
                       else discovered.devices[volume.id].hdisks)
            disconnection.Disconnection(
                self, self._mapped(volume), seen_by, server_going).queue(stg)

    def extend(self, volume, size):
        """See VolumeTransport; discovery makes VIOSes read the size again."""
        vol = self._mapped(volume)
        discovered = self._discover([vol])
        try:
            discovered.check_identity()
        except nova_exc.VolumeAttachFailed as exc:
            raise nova_exc.VolumeExtendFailed(
                volume_id=vol.id, reason=str(exc)) from exc
        failures = discovered.failures
        if not discovered.seen():
            raise nova_exc.VolumeExtendFailed(
                volume_id=vol.id,
                reason='no Virtual I/O Server sees it. %s' % '; '.join(
                    'VIOS %s: %s' % failure for failure in failures.items()))
        growth.check(self.host, vol.id, vol.is_path, size, failures)

    # ---- live migration ------------------------------------------------

    def is_path(self, mapping):
        """See VolumeTransport."""
        return any(vol.is_path(mapping)
                   for vol in map(self._mapped, self.volumes))

    def describe_adapters(self, vioses):
        """See VolumeTransport; see also target_paths.describe()."""
        return target_paths.describe(vioses, self.lpar_uuid)

    def prepare_target(self, described, pooled):
        """See VolumeTransport; it takes what discover() takes."""
        discovered = self.discover()
        discovered.check()
        for device in discovered.seen():
            if device.volume.kept:
                device.volume.volume.data[addresses.LUA_KEY] = (
                    device.volume.kept.lua)
        seen_by = {device.volume.udid: set(device.hdisks)
                   for device in discovered.seen()}
        vioses = self.host.vios_partitions()
        try:
            chosen = target_paths.choose(
                target_paths.read(described), seen_by, pooled,
                {uuid: vios_id for uuid, (_name, vios_id) in vioses.items()})
        except ValueError as exc:
            raise nova_exc.VolumeAttachFailed(
                volume_id=self.volumes[0].id, reason=str(exc)) from exc
        self._check_chosen(chosen, discovered)
        return ['%d/%s/%d' % (slot.number, *vioses[chosen[slot]])
                for slot in sorted(chosen, key=lambda slot: slot.number)]

    @staticmethod
    def _check_chosen(chosen, discovered):
        """Refuse a server that would have too few paths left."""
        lost = target_paths.lost(chosen,
                                 CONF.powervm.vscsi_vios_connections_required)
        for device in discovered.seen() if lost else ():
            if device.volume.udid == lost[0]:
                device.volume.check_paths(lost[1], discovered.failures)

    def note_on_target(self, vioses):
        """See VolumeTransport; the platform is to keep the addresses."""
        found = {}
        for vol in map(self._mapped, self.volumes if vioses else ()):
            luas = {lua.address(mapping) for vios_w in vioses
                    for mapping in vios_w.scsi_mappings
                    if vol.is_path(mapping)}
            if len(luas) == 1:
                found[vol.id] = device_addresses.DeviceAddress(luas.pop(),
                                                               vol.udid)
            else:
                LOG.warning('Volume %(volume)s is at %(count)d addresses '
                            'after the migration. A hard reboot connects it '
                            'as it was.', {'volume': vol.id,
                                           'count': len(luas)},
                            instance=self.instance)
        if found:
            device_addresses.keep(self.instance, found)

    def known_udids(self):
        """See VolumeTransport."""
        return {vol.id: vol.udid for vol in map(self._mapped, self.volumes)
                if vol.udid}

    # ---- where the volumes are -----------------------------------------

    def addresses(self, discovered):
        """See VolumeTransport."""
        return {device.volume.id: _device_address(device.volume)
                for device in discovered.seen()}

    def expected_addresses(self):
        """See VolumeTransport."""
        volumes = list(map(self._mapped, self.volumes))
        addresses.choose(self.instance, volumes, [])
        return {vol.id: _device_address(vol) for vol in volumes}

    def client_slots(self, vioses):
        """See VolumeTransport."""
        return [mapping.client_adapter.lpar_slot_num
                for mapping in self._paths(vioses)
                if mapping.client_adapter is not None]

    def boot_paths(self, vioses):
        """See VolumeTransport."""
        return [boot_path.scsi_path(mapping)
                for mapping in self._paths(vioses.values())]

    def _paths(self, vioses):
        """Yield the mappings of the volumes to the LPAR."""
        volumes = list(map(self._mapped, self.volumes))
        for vios_w in vioses:
            for mapping in vios_w.scsi_mappings:
                if any(vol.is_path(mapping) for vol in volumes):
                    yield mapping


def _device_address(volume):
    return device_addresses.DeviceAddress(
        volume.volume.data[addresses.LUA_KEY], volume.udid)
