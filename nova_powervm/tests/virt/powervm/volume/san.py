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

"""A small storage area network below a simulated site.

It stands in for that of the simulator: volumes are exported to initiators,
and the VIOSes find them with the job LUARecovery.
"""

import fixtures
from lxml import etree

from nova_powervm.simulator import errors
from nova_powervm.simulator import jobs
from nova_powervm.simulator.jobs import status
from nova_powervm.simulator.resources import storage

TARGETS = ['500507680308104A', '500507680308104B']


class Lun:
    """A volume of the network.

    :ivar number: its LUN, the same for all.
    :ivar exports: dict of initiator WWPN in lower case -> LUN, int.
    """

    def __init__(self, number, size_gb):
        self.number = number
        self.serial = '%016X' % (0xA000 + number)
        self.size_gb = size_gb
        self.exports = {}


class San(fixtures.Fixture):
    """The network of a site.

    :ivar volumes: dict of Cinder's id -> Lun.
    :ivar calls: list of (VIOS name, number of volumes looked for).
    :ivar lost: set of Cinder's ids of volumes that no VIOS sees.
    :ivar deaf: set of names of VIOSes whose jobs fail.
    :ivar takes_several: whether a VIOS looks for several volumes in a job.
    """

    def _setUp(self):
        self.volumes = {}
        self.calls = []
        self.lost = set()
        self.deaf = set()
        self.takes_several = True
        self.useFixture(fixtures.MonkeyPatch(
            'nova_powervm.simulator.jobs.OPERATIONS', {
                **jobs.OPERATIONS,
                ('VirtualIOServer', 'LUARecovery'): self._recover,
                ('VirtualIOServer', 'RemoveDevice'): self._remove}))

    def connection(self, volume_id, wwpns, size_gb=1):
        """Export a volume and return Cinder's connection_info."""
        lun = self.volumes.setdefault(volume_id, Lun(len(self.volumes) + 1,
                                                     size_gb))
        for wwpn in wwpns:
            lun.exports[wwpn.lower()] = lun.number
        return {
            'driver_volume_type': 'fibre_channel', 'serial': volume_id,
            'data': {
                'volume_id': volume_id, 'target_discovered': False,
                'target_wwn': TARGETS, 'target_lun': lun.number,
                'initiator_target_map': {
                    wwpn: TARGETS for wwpn in wwpns}}}

    def _check(self, job):
        try:
            job.target.check_serving()
        except errors.Refused as exc:
            raise status.JobFailed(exc.message)
        if job.target.name in self.deaf:
            raise status.JobFailed('No answer')

    def _recover(self, job):
        self._check(job)
        request = etree.fromstring(job.parameters['inputXML'].encode())
        devices = request.findall('deviceList/device')
        self.calls.append((job.target.name, len(devices)))
        if not self.takes_several:
            devices = devices[:1]
        answer = etree.Element('VIO')
        found = etree.SubElement(answer, 'deviceList')
        for device in devices:
            self._answer(job.target, device, etree.SubElement(
                found, 'device'))
        return {'OutputXML': etree.tostring(answer, encoding='unicode')}

    def _answer(self, vios, device, element):
        etree.SubElement(element, 'deviceTag').text = device.findtext(
            'deviceTag')
        volume = self._find(vios, device)
        state = etree.SubElement(element, 'status')
        state.text = '3' if volume else '6'
        if volume:
            etree.SubElement(element, 'pvName').text = volume.name
            etree.SubElement(element, 'udid').text = volume.udid

    def _find(self, vios, device):
        for itl in device.findall('itlList/itl'):
            number = int(itl.findtext('lua'), 16) >> 48
            for volume_id, lun in self.volumes.items():
                if (volume_id not in self.lost and lun.exports.get(
                        itl.findtext('Iwwpn')) == number):
                    return self._configure(vios, lun)
        return None

    def _configure(self, vios, lun):
        for volume in vios.volumes.values():
            if volume.serial == lun.serial:
                volume.capacity_mb = lun.size_gb * 1024
                return volume
        name = next(name for name in map('hdisk%d'.__mod__, range(99))
                    if name not in vios.volumes)
        volume = storage.PhysicalVolume(
            name, 'U78AB-' + name, lun.size_gb * 1024, lun.serial, True)
        vios.volumes[name] = volume
        vios.touch('PhysicalVolumes')
        return volume

    def _remove(self, job):
        self._check(job)
        volume = job.target.volumes.get(job.parameters['devName'])
        if volume is None or volume.in_use:
            raise status.JobFailed('%s: busy or not there' % job.parameters)
        del job.target.volumes[volume.name]
        job.target.touch('PhysicalVolumes')
        return {}
