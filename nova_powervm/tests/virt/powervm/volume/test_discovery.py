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

"""How VIOSes come to see volumes, and forget them, on the simulator."""

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import hdisk

from nova_powervm.tests.virt.powervm.volume import base
from nova_powervm.virt.powervm.volume import discovery

VOLUME = base.VOLUME


class DiscoveryTest(base.VolumeTestCase):

    def setUp(self):
        super().setUp()
        self.warm_up()
        self.vios1 = self.vios('vios1')

    def paths(self, number):
        """Where vios1 is to find a volume."""
        data = self.connection(number)['data']
        return discovery.Paths([
            hdisk.ITL(port.wwpn, target, lun) for port in self.vios1.fc_ports
            for target, lun in data['initiator_target_lun_map'][port.wwpn]])

    def discover(self, *numbers):
        return discovery.discover(self.host, self.vios1.uuid, {
            number: self.paths(number) for number in numbers})

    def test_several(self):
        found = self.discover(1, 2)
        self.assertEqual({1: self.lun(1).udid, 2: self.lun(2).udid},
                         {key: disk.udid for key, disk in found.items()})
        self.assertEqual({1: 'hdisk2', 2: 'hdisk3'},
                         {key: disk.name for key, disk in found.items()})
        # The form of the job, the job and its deletion.
        self.assertEqual(1, self.requests().count('PUT LUARecovery'))

    def test_one_of_several_is_not_there(self):
        self.lun(2).set_fault('not_exported')
        self.assertEqual([1, 3], sorted(self.discover(1, 2, 3)))

    def test_no_answer(self):
        self.fail_discovery('vios1')
        self.assertRaises(pvm_exc.Error, self.discover, 1)
        self.assertRaises(pvm_exc.Error, self.discover, 1, 2)

    def test_wrong_page_83(self):
        paths = self.paths(1)._replace(device_id=self.lun(2).page83)
        self.assertEqual({}, discovery.discover(
            self.host, self.vios1.uuid, {1: paths}))
        paths = paths._replace(device_id=self.lun(1).page83)
        self.assertEqual([1], list(discovery.discover(
            self.host, self.vios1.uuid, {1: paths})))

    def test_what_an_earlier_lpar_left(self):
        """It is in the way, is removed, and looked for once more."""
        self.connect(self.build(self.connection(1)))
        with self.site.lock:
            self.simulated.remove(self.lpar(self.instance))
            self.san.unexport(VOLUME % 1)
        # It gets the LUN of the other.
        self.assertEqual([2], list(self.discover(2)))
        self.assertEqual([('vios1', 'hdisk2'), ('vios2', 'hdisk3')],
                         self.devices())
        self.assertEqual([], [hdisk.vios.name for hdisk in self.lun(1).hdisks
                              if hdisk.vios is self.vios1])

    def test_what_a_server_has_is_left(self):
        self.connect(self.build(self.connection(1)))
        with self.site.lock:
            self.san.unexport(VOLUME % 1)
        self.assertEqual({}, self.discover(2))
        self.assertEqual(2, len(self.mapped()))

    def test_remove(self):
        self.discover(1)
        discovery.remove(self.host, self.vios1.uuid, 'hdisk2')
        self.assertEqual([], self.devices())

    def test_remove_what_is_in_use(self):
        self.connect(self.build(self.connection(1)))
        discovery.remove(self.host, self.vios1.uuid, 'hdisk2')
        self.assertIn('is left on VIOS', self.logger.output)
        self.assertEqual(2, len(self.devices()))
