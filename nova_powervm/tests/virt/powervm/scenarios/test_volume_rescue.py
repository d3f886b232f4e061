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

"""Servers that boot from a volume, and from a rescue disk, and again."""

from nova import objects

from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import test_npiv_moves
from nova_powervm.tests.virt.powervm.scenarios import test_rescue
from nova_powervm.tests.virt.powervm.scenarios import test_volume_moves


class VolumeRescueTest(test_volume_moves.VolumeMoveMixin,
                       test_rescue.RescueMixin, base.MoveMixin,
                       base.ScenarioCase):

    CACHED = 2
    WITH_SESSIONS = False

    def setUp(self):
        super().setUp()
        self.empty = self.platform_state()
        self.server = self.boot_server()
        self.before = self.resting_state()
        self.root = self.boots_from()
        self.rescue_image = self.glance.image3['id']

    def boots_from(self):
        """The disk that the server was booted from last."""
        return self.lpar_of(self.server)['boot']['disk']

    def begin(self, bus='virtio'):
        """Rescue the server, and look at what it sees then."""
        self.glance.images[self.rescue_image]['properties'].update(
            hw_rescue_bus=bus, hw_rescue_device='disk')
        self.assertEqual('RESCUE', self.rescue(
            self.server, self.rescue_image)['status'])
        self.assert_boots_from('r', self.server)
        self.assert_whole(self.server)

    def end(self):
        """End the rescue; the server is as it was."""
        self.assertEqual('ACTIVE', self.unrescue(self.server)['status'])
        self.assert_as_before()

    def assert_as_before(self):
        self.assertEqual(('running', self.root), (
            self.lpar_of(self.server)['state'], self.boots_from()))
        self.assert_whole(self.server)
        self.assert_state_equal(self.before, self.resting_state(), 'Changed')

    def test_any_bus(self):
        for bus in ('virtio', 'usb', 'scsi'):
            self.begin(bus)
            self.end()
        self.assertIn('disk@', self.lpar_of(self.server)['boot']['string'])
        self.assert_nothing_left(self.server)

    def test_compute_restarts(self):
        self.begin()
        self.restart()
        self.assert_boots_from('r', self.server)
        self.end()

    def test_host_boots(self):
        self.begin()
        instance = self.instance_of(self.server)
        self.driver.power_off(instance)
        self.driver.resume_state_on_host_boot(self.context, instance, [],
                                              None)
        self.assert_boots_from('r', self.server)
        self.end()

    def rescue_without_nova(self):
        """Rescue it, and let nova-compute die before it tells of that."""
        self.driver.rescue(
            self.context, self.instance_of(self.server), [],
            objects.ImageMeta.from_dict(
                self.glance.images[self.rescue_image]), None, None, None)
        self.assert_boots_from('r', self.server)

    def test_hard_reboot_after_a_crash(self):
        self.rescue_without_nova()
        self.assertEqual('ACTIVE', self.hard_reboot(self.server)['status'])
        self.assert_as_before()

    def test_hard_reboot_between(self):
        """The state is set by hand, as the API refuses it while rescued."""
        self.begin()
        instance = self.instance_of(self.server)
        instance.vm_state = 'error'
        instance.save()
        self.assertEqual('ACTIVE', self.hard_reboot(self.server)['status'])
        self.assert_as_before()
        self.begin()
        self.end()

    def test_detach_between(self):
        self.begin()
        self.assertTrue(self.detach(self.server, 3))
        self.assert_boots_from('r', self.server)
        self.assertEqual('ACTIVE', self.unrescue(self.server)['status'])
        self.assertEqual(self.root, self.boots_from())
        self.assert_sees(self.server, 1, boots=True)
        self.assert_nothing_left(self.server)

    def test_deleted_while_it_is_rescued(self):
        self.begin()
        self.assert_nothing_left(self.server)

    def test_refused(self):
        self.glance.images[self.rescue_image]['properties'].update(
            hw_rescue_bus='ide', hw_rescue_device='cdrom')
        self.assertEqual('ERROR', self.rescue(
            self.server, self.rescue_image)['status'])
        self.assert_as_before()


class NpivRescueTest(test_npiv_moves.NpivMoveMixin, VolumeRescueTest):
    pass
