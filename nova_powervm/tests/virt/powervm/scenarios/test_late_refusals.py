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
to make the image for which it is shelved; and it removes one before it has it
made anew in a rebuild.
"""

from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base


class RefusalMixin:

    def setUp(self):
        super().setUp()
        self.server = self.boot()

    def state(self):
        """What a server has; its way to boot is another after a restart."""
        return self.platform_state()

    def assert_given_back(self, status, action='shelve', body=None):
        before, booted = self.state(), self.booted_at()
        self.act(self.server, action, body)
        self.assertTrue(self.cloud.failures)
        self.assertEqual(status, self.status_of(self.server))
        self.assertEqual(before, self.state())
        return booted

    def booted_at(self):
        lpar = self.platform.store.get('LogicalPartition',
                                       self.lpar_of(self.server)['uuid'])
        return lpar.boot_time


class NoSnapshotsTest(RefusalMixin, base.MoveMixin, base.ScenarioCase):
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


class FailureTest(platforms.SharedPool, RefusalMixin, base.MoveMixin,
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


class RebuildMixin(RefusalMixin):
    """It is refused while the server is there, and runs."""

    def setUp(self):
        super().setUp()
        self.image = self.glance.image3['id']
        self.boot_disk_of(self.server).write_at(0, b'precious')

    def assert_refused(self, status, word):
        booted = self.assert_given_back(status, 'rebuild',
                                        {'imageRef': self.image})
        self.assertEqual(booted, self.booted_at())
        self.assertIn(word, self.fault_of(self.server))
        self.assertEqual(b'precious',
                         self.boot_disk_of(self.server).read(0, 8))

    def test_format(self):
        self.glance.images[self.image]['disk_format'] = 'vmdk'
        self.assert_refused('ACTIVE', 'vmdk')

    def test_stopped(self):
        self.stop(self.server)
        self.glance.images[self.image]['disk_format'] = 'vmdk'
        self.assert_refused('SHUTOFF', 'vmdk')

    def test_size(self):
        self.glance.images[self.image]['size'] = 3 << 30
        self.assert_refused('ACTIVE', 'bytes')

    def test_flavor(self):
        """One that the server has from before it was refused."""
        instance = self.instance_of(self.server)
        instance.flavor.extra_specs = {'powervm:max_mem': 'much'}
        instance.save()
        self.assert_refused('ACTIVE', 'max_mem')


class LocalDiskRebuildTest(RebuildMixin, base.MoveMixin, base.ScenarioCase):
    pass


class SharedPoolRebuildTest(platforms.SharedPool, RebuildMixin,
                            base.MoveMixin, base.ScenarioCase):
    pass
