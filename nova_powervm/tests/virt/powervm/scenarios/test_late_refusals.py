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

"""What is refused after Nova has stopped a server for it.

Nova stops a server before it asks the driver to rescue it (test_rescue), or
to make the image for which it is shelved.
"""

from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base


class ShelveMixin:

    def setUp(self):
        super().setUp()
        self.server = self.boot()

    def state(self):
        """What a server has; its way to boot is another after a restart."""
        return self.platform_state()

    def assert_given_back(self, status):
        before, booted = self.state(), self.booted_at()
        self.act(self.server, 'shelve')
        self.assertTrue(self.cloud.failures)
        self.assertEqual(status, self.status_of(self.server))
        self.assertEqual(before, self.state())
        return booted

    def booted_at(self):
        lpar = self.platform.store.get('LogicalPartition',
                                       self.lpar_of(self.server)['uuid'])
        return lpar.boot_time


class NoSnapshotsTest(ShelveMixin, base.MoveMixin, base.ScenarioCase):
    """The management partition cannot read the disks."""

    def test_running(self):
        """It goes on running: Nova is told before it is stopped."""
        booted = self.assert_given_back('ACTIVE')
        self.assertEqual(booted, self.booted_at())
        self.assertIn('cannot', self.fault_of(self.server))

    def test_stopped(self):
        self.stop(self.server)
        self.assert_given_back('SHUTOFF')

    def test_from_a_volume(self):
        """It needs no image, and no disks that can be read."""
        instance = self.instance_of(self.server)
        instance.task_state = 'shelving'
        instance.image_ref = ''
        self.driver.power_off(instance)
        self.assertEqual('not activated', self.lpar_of(self.server)['state'])


class FailureTest(platforms.SharedPool, ShelveMixin, base.MoveMixin,
                  base.ScenarioCase):
    """The snapshot fails, when the server has been stopped."""

    def fail_to_map(self):
        self.platform.faults.add({
            'effect': 'status', 'status': 500, 'count': 2, 'method': 'POST',
            'path': 'VirtualIOServer/[^/]*$'})

    def test_running(self):
        self.fail_to_map()
        booted = self.assert_given_back('ACTIVE')
        self.assertNotEqual(booted, self.booted_at())

    def test_stopped(self):
        self.stop(self.server)
        self.fail_to_map()
        self.assert_given_back('SHUTOFF')
