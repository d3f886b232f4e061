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

"""Fibre Channel volumes through the VIOSes: virtual SCSI."""

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import hdisk

from nova_powervm.virt.powervm.volume import discovery
from nova_powervm.virt.powervm.volume import fibre_channel
from nova_powervm.virt.powervm.volume import luns
from nova_powervm.virt.powervm.volume import mapped


class VscsiTransport(mapped.MappedTransport):
    """Lets VIOSes find volumes on their Fibre Channel ports, and map them."""

    DRIVER_VOLUME_TYPE = fibre_channel.DRIVER_VOLUME_TYPE
    NAME = fibre_channel.VSCSI

    @classmethod
    def serves(cls, instance, connection_info):
        """See VolumeTransport."""
        return (super().serves(instance, connection_info) and
                fibre_channel.strategy_of(instance, connection_info) ==
                fibre_channel.VSCSI)

    @classmethod
    def connector_properties(cls, host, instance):
        """See VolumeTransport; all ports of VIOSes (0 requests, 1 once)."""
        if fibre_channel.strategy_for_new(instance) != fibre_channel.VSCSI:
            return {}
        return {'wwpns': [wwpn for ports in host.fc_ports().values()
                          for wwpn in ports]}

    def vios_uuids(self):
        """See MappedTransport (0 requests, 1 once)."""
        return list(self.host.fc_ports())

    def search(self, volumes):
        """See MappedTransport; 3 requests per VIOS, for all volumes.

        All VIOSes search at the same time.
        """
        wanted = {}
        for vios_uuid, ports in self.host.fc_ports().items():
            paths = {volume.id: _paths(volume, ports) for volume in volumes}
            paths = {key: found for key, found in paths.items() if found}
            if paths:
                wanted[vios_uuid] = paths
        hdisks, failures = {}, {}
        for vios_uuid, result in discovery.on_each(
                discovery.discover, self.host, wanted):
            try:
                found = result()
            except pvm_exc.Error as exc:
                failures[vios_uuid] = str(exc)
                continue
            for volume_id, device in found.items():
                hdisks.setdefault(volume_id, {})[vios_uuid] = device
        return hdisks, failures


def _paths(volume, initiators):
    """Return the paths of a volume from the ports of one VIOS.

    :param volume: driver.Volume
    :param initiators: WWPNs of the ports.
    :returns: discovery.Paths, or None if it is not exported to them.
    """
    targets = luns.targets(volume.data, volume.id)
    itls = [_itl(luns.plain(initiator), target, lun)
            for initiator in initiators
            for target, lun in targets.get(luns.plain(initiator), ())]
    return discovery.Paths(itls, volume.data.get('pg83NAA')) if itls else None


def _itl(initiator, target, address):
    itl = hdisk.ITL(initiator, target, 0)
    # ITL itself takes no address of more than four bytes.
    itl.lun = address
    return itl
