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

"""Volumes of several servers."""

from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import volumes

VOLUME = volumes.VOLUME


class MultiattachTest(volumes.VolumeCase):
    """Two servers of one host share a volume."""

    def setUp(self):
        super().setUp()
        self.cinder.multiattach.add(VOLUME % 1)

    def test_attach_and_detach(self):
        first, second = self.boot(), self.boot(networks='none')
        without = self.platform_state()
        self.assertTrue(self.attach(first, 1))
        self.assertTrue(self.attach(second, 2))
        self.assertTrue(self.attach(second, 1))
        self.assert_sees(first, 1)
        self.assert_sees(second, 1, 2)
        self.assertTrue(self.detach(first, 1))
        self.assert_sees(first)
        self.assert_sees(second, 1, 2)
        self.assertTrue(self.attach(first, 1))
        self.assertTrue(self.detach(second, 1))
        self.assert_sees(first, 1)
        self.assert_sees(second, 2)
        for server, number in ((first, 1), (second, 2)):
            self.assertTrue(self.detach(server, number))
        for server in (first, second):
            self.assert_without_volumes(server, without)
        self.assertIsNone(self.delete(first))
        self.assert_deleted(second)

    def test_boot_and_delete(self):
        first = self.boot_with([1], boots=True)
        second = self.boot_with([2, 1], networks='none')
        self.assertEqual('ACTIVE', second['status'], second.get('fault'))
        self.assert_sees(first, 1, boots=True)
        self.assert_sees(second, 2, 1)
        self.assertIsNone(self.delete(first))
        self.assert_sees(second, 2, 1)
        self.reboot(second, hard=True)
        self.assert_sees(second, 2, 1)
        self.assert_deleted(second)

    def test_extend(self):
        first, second = self.boot(), self.boot(networks='none')
        for server in (first, second):
            self.assertTrue(self.attach(server, 1))
        self.extend(first, 1, 3)
        for server in (first, second):
            self.assert_sees(server, 1)


class MultiattachOnTwoHostsTest(volumes.VolumeMixin,
                                base.TwoHostMixin,
                                base.ScenarioCase):

    PROFILE = 'fc-two-host'

    def test_attach_and_detach(self):
        self.cinder.multiattach.add(VOLUME % 1)
        first = self.boot_on_first()
        second = self.boot(networks='none', host='compute2')
        for server in (first, second):
            self.where = self.host_of(server)
            self.assertTrue(self.attach(server, 1))
            self.assert_sees(server, 1)
        self.where = 'compute1'
        self.assertTrue(self.detach(first, 1))
        self.assert_sees(first)
        self.where = 'compute2'
        self.assert_sees(second, 1)
        self.assertTrue(self.detach(second, 1))
        self.assert_sees(second)
        self.assert_detached()
