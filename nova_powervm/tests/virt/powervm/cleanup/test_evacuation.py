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

"""What is powered off when nova-compute starts after an evacuation."""

import fixtures
from nova.compute import task_states
from nova import objects

from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.virt.powervm.cleanup import evacuation
from nova_powervm.virt.powervm.cleanup import platform_snapshot
from nova_powervm.virt.powervm import host_record
from nova_powervm.virt.powervm import power_jobs
from nova_powervm.virt.powervm import vm

HERE, THERE = 'compute1', 'compute2'


class StopUnfinishedTest(base.StorageTestCase):
    """One server that Nova has on another host, with an LPAR here.

    :ivar migrations: list of objects.Migration, all that Nova has
    :ivar instances: list of objects.Instance, all that Nova has
    """

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MockPatchObject(self.host, 'nodename', HERE))
        self.instance = self.make_instance(1, host=THERE)
        self.instances = [self.instance]
        self.migrations = [objects.Migration(
            id=7, instance_uuid=self.instance.uuid, source_compute=THERE,
            dest_compute=HERE, status='error', migration_type='evacuation')]
        self.useFixture(fixtures.MockPatchObject(
            evacuation.objects.MigrationList, 'get_by_filters',
            side_effect=self._find_migrations))
        self.useFixture(fixtures.MockPatchObject(
            evacuation.objects.InstanceList, 'get_by_filters',
            side_effect=self._find_instances))
        host_record.mark_evacuation(self.instance, HERE, self.migrations[0])
        self.create_lpar(self.instance)
        power_jobs.PowerOp(self.host, self.instance).start()

    def _find_migrations(self, _context, filters):
        return [migration for migration in self.migrations
                if migration.status in filters.get(
                    'status', [migration.status]) and
                migration.migration_type == filters['migration_type'] and
                filters.get('host', HERE) in (migration.source_compute,
                                              migration.dest_compute)]

    def _find_instances(self, _context, filters, expected_attrs):
        self.assertIs(False, filters['deleted'])
        return [instance for instance in self.instances
                if instance.uuid in filters['uuid']]

    def is_on(self):
        return self.simulated.store.find(
            'LogicalPartition', vm.get_lpar_uuid(self.instance)).is_on

    def stop_unfinished(self):
        evacuation.stop_unfinished(
            self.host, platform_snapshot.PlatformSnapshot(self.host))

    def test_it_is_powered_off(self):
        self.stop_unfinished()
        self.assertFalse(self.is_on())
        self.assertIn('Nova has it on host compute2', self.logger.output)

    def test_nothing_is_asked_for_one_that_is_off(self):
        power_jobs.PowerOp(self.host, self.instance).stop(immediate=True)
        self.simulated.journal.clear()
        self.stop_unfinished()
        self.assertEqual(['GET LogicalPartition'], [
            request for request in self.requests()
            if request != 'GET VirtualIOServer'])

    def test_one_that_nova_has_here_stays_on(self):
        self.instance.host = HERE
        self.stop_unfinished()
        self.assertTrue(self.is_on())

    def test_one_that_ended_stays_on(self):
        self.migrations[0].status = 'done'
        self.stop_unfinished()
        self.assertTrue(self.is_on())

    def test_one_that_went_to_another_host_stays_on(self):
        self.migrations[0].dest_compute = 'compute3'
        self.migrations[0].source_compute = HERE
        self.stop_unfinished()
        self.assertTrue(self.is_on())

    def test_one_that_migrates_here_stays_on(self):
        self.instance.task_state = task_states.MIGRATING
        self.stop_unfinished()
        self.assertTrue(self.is_on())

    def test_one_that_no_evacuation_has_made_stays_on(self):
        """Nova has refused the evacuation, since the LPAR was here already."""
        self.migrations[0].id = 8
        self.stop_unfinished()
        self.assertTrue(self.is_on())

    def test_one_that_came_live_later_stays_on(self):
        for status in ('error', 'running'):
            self.migrations[1:] = [objects.Migration(
                id=9, instance_uuid=self.instance.uuid, source_compute=THERE,
                dest_compute=HERE, status=status,
                migration_type='live-migration')]
            self.stop_unfinished()
            self.assertTrue(self.is_on())

    def test_one_that_came_live_before_is_powered_off(self):
        self.migrations.append(objects.Migration(
            id=6, instance_uuid=self.instance.uuid, source_compute=THERE,
            dest_compute=HERE, status='error',
            migration_type='live-migration'))
        self.stop_unfinished()
        self.assertFalse(self.is_on())

    def test_one_that_nova_does_not_know_stays_on(self):
        del self.instances[:]
        self.stop_unfinished()
        self.assertTrue(self.is_on())

    def test_a_failure_does_not_end_the_start(self):
        self.break_request('status', path='LogicalPartition/.*/do/PowerOff',
                           count=0, status=500, message='Not now')
        self.stop_unfinished()
        self.assertTrue(self.is_on())
        self.assertIn('power it off by hand', self.logger.output)
