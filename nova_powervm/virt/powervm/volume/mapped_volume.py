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

"""One volume that VIOSes map to an LPAR: its identity and its paths.

A LUN only says where to look for a volume; the UDID identifies it. The UDID is
the same on every VIOS, and is stored with the volume for as long as the
instance has it. So the result of a discovery is compared: all VIOSes must have
found the same UDID, and it must be the stored one. Otherwise nothing is
mapped, copied or removed because of this discovery.
"""

import typing

from nova import exception as nova_exc
from oslo_log import log as logging
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm.volume import device_addresses
from nova_powervm.virt.powervm.volume import owners

LOG = logging.getLogger(__name__)
CONF = cfg.CONF


class MappedVolume:
    """A volume of an instance, as VIOSes know it. It has no state of its own.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :param volume: driver.Volume
    """

    def __init__(self, host, instance, volume):
        self.host = host
        self.instance = instance
        self.volume = volume
        self.lpar_uuid = vm.get_lpar_uuid(instance)

    @property
    def id(self):
        """Cinder's UUID of the volume, str."""
        return self.volume.id

    @property
    def udid(self):
        """Its UDID, str; None if it was never connected."""
        return device_addresses.udid_of(self.instance, self.volume)

    @property
    def kept(self):
        """Its stored address, device_addresses.DeviceAddress, or None."""
        return device_addresses.read(self.instance).get(self.id)

    def keep_udid(self, udid):
        """Write the UDID into the volume's data for Nova; None removes it."""
        self.volume.data.pop(device_addresses.UDID_KEY, None)
        if udid is not None:
            self.volume.data[device_addresses.UDID_KEY] = udid

    # ---- whether a discovery has found it ------------------------------

    def why_not(self, hdisks):
        """Return why devices are not the volume (0 requests, 1 DB call).

        :param hdisks: dict of VIOS UUID -> discovery.Hdisk that was found.
        :returns: str; None if they are the volume.
        """
        seen = {hdisk.udid for hdisk in hdisks.values()}
        if self.udid and not seen <= {self.udid}:
            return ('its LUN leads to another volume now: %s instead of %s' % (
                ', '.join(sorted(seen - {self.udid})), self.udid))
        if len(seen) > 1:
            return ('its LUNs lead to different volumes: %s' % '; '.join(
                '%s (%s) on VIOS %s' % (hdisk.udid, hdisk.name, vios_uuid)
                for vios_uuid, hdisk in hdisks.items()))
        for udid in seen if self.volume.is_new else ():
            other = device_addresses.volume_with(self.instance, udid, self.id)
            if other:
                return ('its LUN leads to volume %s, which the server has '
                        'already' % other)
        return None

    def strangers(self, hdisks):
        """Return the devices that are not the volume.

        :param hdisks: dict of VIOS UUID -> discovery.Hdisk
        :returns: list of (VIOS UUID, Hdisk).
        """
        return [(vios_uuid, hdisk) for vios_uuid, hdisk in hdisks.items()
                if self.volume.is_new or hdisk.udid != self.udid]

    def check_paths(self, count, failures):
        """Check that enough VIOSes can connect the volume.

        :param count: int, number of VIOSes that can.
        :param failures: dict of VIOS UUID -> str, why the others cannot.
        :raises nova.exception.VolumeAttachFailed
        """
        required = CONF.powervm.vscsi_vios_connections_required
        if count >= required:
            return
        raise nova_exc.VolumeAttachFailed(
            volume_id=self.id,
            reason='%(count)d Virtual I/O Servers can connect it, %(required)d'
            ' must ([powervm] vscsi_vios_connections_required). %(failures)s'
            % {'count': count, 'required': required, 'failures': '; '.join(
                'VIOS %s: %s' % failure for failure in failures.items())})

    # ---- its mappings --------------------------------------------------

    def element(self, hdisk):
        """Build the storage element for a mapping of the volume.

        :param hdisk: discovery.Hdisk
        :returns: pypowervm PV wrapper
        """
        return pvm_stg.PV.bld(self.host.adapter, hdisk.name, udid=hdisk.udid,
                              tag=self.id)

    def is_behind(self, mapping):
        """Return whether a mapping, to any LPAR, has the volume."""
        element = mapping.backing_storage
        return isinstance(element, pvm_stg.PV) and (
            element.udid == self.udid if self.udid
            else element.tag == self.id)

    def is_path(self, mapping):
        """Return whether a mapping connects the instance to the volume."""
        return self.is_behind(mapping) and clients.is_client(
            mapping, self.lpar_uuid)

    def claim(self, vios_w):
        """Edit: make sure that no other LPAR has the volume.

        Remove stale mappings of it: mappings of LPARs that are gone, and of
        servers of Nova that no longer have the volume.

        :returns: list of the mappings that were removed.
        :raises nova.exception.VolumeAttachFailed: if another LPAR has it, and
            must not share it.
        """
        others = [mapping for mapping in vios_w.scsi_mappings
                  if self.is_behind(mapping) and not self.is_path(mapping)]
        removable = list(filter(clients.is_orphan, others))
        living = [mapping for mapping in others if mapping not in removable]
        if living and not self.volume.connection_info.get('multiattach'):
            removable += self._given_up(vios_w, living)
        return vios_mappings.remove_mappings(
            vios_w, lambda mapping: mapping in removable)

    def _given_up(self, vios_w, others):
        """Return mappings that others no longer need; raise for the rest."""
        known = owners.Owners(self.host, others)
        for mapping in others:
            client = clients.client(mapping)
            if client is not None and (known.is_given_up(mapping) or
                                       known.is_shared(mapping)):
                continue
            raise nova_exc.VolumeAttachFailed(
                volume_id=self.id,
                reason='VIOS %s has %s mapped to %s' % (
                    vios_w.name, self.udid, 'any LPAR' if client is None
                    else 'LPAR %s' % client))
        found = [mapping for mapping in others if known.is_given_up(mapping)]
        for mapping in found:
            LOG.warning('VIOS %(vios)s still has the volume %(volume)s mapped '
                        'to LPAR %(lpar)s, which does not have it any more. '
                        'That mapping is removed.', {
                            'vios': vios_w.name, 'volume': self.id,
                            'lpar': clients.client(mapping)},
                        instance=self.instance)
        return found


class Device(typing.NamedTuple):
    """A volume, and what VIOSes see of it.

    :ivar volume: MappedVolume
    :ivar hdisks: dict of VIOS UUID -> discovery.Hdisk; empty if no VIOS sees
        the volume, or if VIOSes see another one instead.
    """

    volume: MappedVolume
    hdisks: dict


class Discovered(typing.NamedTuple):
    """The result of a discovery of volumes.

    :ivar devices: dict of volume id -> Device, of each volume.
    :ivar failures: dict of VIOS UUID -> str, its error.
    :ivar error: nova.exception.VolumeAttachFailed if VIOSes see another volume
        instead of one of these; or None.
    """

    devices: dict
    failures: dict
    error: typing.Optional[Exception]

    def check(self):
        """Check that enough VIOSes see each volume.

        :raises nova.exception.VolumeAttachFailed
        """
        self.check_identity()
        for device in self.devices.values():
            device.volume.check_paths(len(device.hdisks), self.failures)

    def check_identity(self):
        """Check that VIOSes see these volumes, and not others.

        :raises nova.exception.VolumeAttachFailed
        """
        if self.error is not None:
            raise self.error

    def seen(self):
        """Return the Devices that a VIOS sees."""
        return [device for device in self.devices.values() if device.hdisks]

    def missing(self):
        """Return the volumes that no VIOS sees, as list of driver.Volume.

        :raises nova.exception.VolumeAttachFailed: if that is unknown, or if
            VIOSes see another volume instead of one of these.
        """
        self.check_identity()
        found = [device.volume for device in self.devices.values()
                 if not device.hdisks]
        if found and self.failures:
            # It is unknown whether the VIOSes that failed see them.
            found[0].check_paths(0, self.failures)
        return [vol.volume for vol in found]
