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

"""Servers that are deleted softly, while they are rescued, and restored."""

from unittest import mock

from nova import exception as nova_exc

from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import test_ibmi
from nova_powervm.tests.virt.powervm.scenarios import test_rescue
from nova_powervm.virt.powervm.actions import runner
from nova_powervm.virt.powervm import before


class SoftDeleteMixin(test_rescue.RescueMixin):

    CACHED = 2

    def setUp(self):
        super().setUp()
        self.empty = self.platform_state()
        self.server = self.boot()
        self.before = self.resting_state()

    def rescue(self, server):
        super().rescue(server, self.glance.image3['id'])
        self.assertEqual('RESCUE', self.status_of(server))

    def do(self, task_state, method):
        """Have Nova's API set a task state, and a compute do the task."""
        instance = self.instance_of(self.server)
        instance.task_state = task_state
        instance.save()
        with self.cloud.on('compute1'):
            getattr(self.compute, method)(self.context, instance)

    def soft_delete(self):
        self.do('soft-deleting', 'soft_delete_instance')
        self.assertEqual('SOFT_DELETED', self.status_of(self.server))
        self.assertEqual('not activated', self.lpar_of(self.server)['state'])

    def restore(self):
        self.do('restoring', 'restore_instance')
        self.assertEqual('ACTIVE', self.status_of(self.server))
        self.assert_restored()

    def assert_restored(self):
        self.assert_boots_from('b', self.server)
        self.assertEqual(self.before, self.resting_state())

    def test_rescued(self):
        for _time in range(2):
            self.rescue(self.server)
            self.soft_delete()
            self.restore()
        self.assertFalse(before.was_rescued(self.instance_of(self.server)))

    def test_not_rescued(self):
        self.soft_delete()
        self.restore()

    def fail_to_soft_delete(self):
        with mock.patch.object(runner, 'run',
                               side_effect=nova_exc.InstancePowerOffFailure(
                                   reason='for the test')):
            self.assertRaises(nova_exc.InstancePowerOffFailure, self.do,
                              'soft-deleting', 'soft_delete_instance')
        self.assertEqual('RESCUE', self.status_of(self.server))

    def test_power_off_fails(self):
        """It is rescued as before, and nothing is kept of the attempt."""
        self.rescue(self.server)
        noted = dict(self.instance_of(self.server).system_metadata)
        self.fail_to_soft_delete()
        self.assertEqual(
            noted, self.instance_of(self.server).system_metadata)
        self.unrescue(self.server)
        self.soft_delete()
        self.restore()

    def test_nova_compute_dies_in_the_power_off(self):
        """What is noted then says nothing of the next time."""
        self.rescue(self.server)
        with mock.patch.object(before, 'forget_rescue'):
            self.fail_to_soft_delete()
        self.unrescue(self.server)
        self.soft_delete()
        self.assertFalse(before.was_rescued(self.instance_of(self.server)))
        self.restore()

    def test_deleted_for_good(self):
        self.rescue(self.server)
        self.soft_delete()
        self.assertIsNone(self.delete(self.server))
        self.assertEqual(self.empty, self.platform_state())


class VolumeGroupTest(SoftDeleteMixin, base.ScenarioCase):

    def test_restored_again(self):
        """It fails at first."""
        self.rescue(self.server)
        self.soft_delete()
        with mock.patch.object(runner, 'run', side_effect=ValueError):
            self.assertRaises(ValueError, self.do, 'restoring',
                              'restore_instance')
        self.assertEqual('SOFT_DELETED', self.status_of(self.server))
        self.restore()


class SharedPoolTest(platforms.SharedPool, SoftDeleteMixin,
                     base.ScenarioCase):
    pass


class IbmiTest(test_ibmi.IbmiMixin, platforms.SharedPool, SoftDeleteMixin,
               base.ScenarioCase):

    def assert_restored(self):
        self.assert_boots(self.server)
        self.assertEqual('b', min(disk[0] for disk in
                                  self.disks_of(self.server)))
        self.assertNotIn('r', {disk[0] for disk in
                               self.disks_of(self.server)})
