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


"""An operator or Nova goes on with a server whose migration has not ended.

nova-compute has ended on the source meanwhile, or starts again. See
test_live_migration_start.
"""

import contextlib
from unittest import mock

from nova.compute import vm_states
from nova import exception as nova_exc
from nova import objects

from nova_powervm.simulator.migration import outcomes
from nova_powervm.tests.virt.powervm.scenarios import (
    test_live_migration_elsewhere as elsewhere)
from nova_powervm.tests.virt.powervm.scenarios import (
    test_live_migration_start as start)
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import live_migration
from nova_powervm.tests.virt.powervm.scenarios import live_volumes
from nova_powervm.virt.powervm.actions import settling


class ResetMixin(start.StartMixin):
    """It comes before LiveMoveMixin in a list of bases."""

    def reset(self, server):
        self.users.reset_state(self.walk_server(server), vm_states.ACTIVE)

    def stay(self, server):
        """Let the platform end the migration of a server at its source."""
        with self.site.lock:
            outcomes.abort(self.lpar_on(server, 'compute1'))

    def first_migration_of(self, server):
        """The first nova.objects.Migration of a server."""
        return min(objects.MigrationList.get_by_filters(
            self.context, {'instance_uuid': server['id']}),
            key=lambda migration: migration.id)

    def assert_state_is_kept(self, server, before):
        """It runs on compute1 as before, and its migration has failed."""
        state, booted = before
        self.assert_runs_on(server, 'compute1', booted)
        self.assertEqual('failed', self.first_migration_of(server).status)
        self.assert_state_equal(state, self.platform_state(), 'it stays')


class ResetTests(ResetMixin):
    """Tests that hold with and without volumes."""

    def test_is_reset_and_stays(self):
        server, before = self.interrupt('copy')
        self.mute(server)
        self.start_without_waiting(server)
        self.reset(server)
        self.answer_again()
        self.go_on()
        self.assert_stayed(server, before)
        self.assert_moves_again(server)

    def test_is_reset_and_arrives(self):
        server, (_state, booted) = self.interrupt('cleanup')
        self.release(server)
        self.site.clock.advance(60)
        self.mute(server)
        self.start_without_waiting(server)
        self.reset(server)
        self.answer_again()
        self.go_on()
        self.assert_runs_on(server, 'compute2', booted)
        self.assertEqual('completed', self.migration_of(server).status)
        self.assert_source_is_clean()

    def test_is_reset_before_the_start_and_stays(self):
        """Nobody would stop the migration, which the platform goes on with."""
        server, before = self.interrupt('copy')
        self.reset(server)
        self.cloud.start('compute1')
        self.assert_stayed(server, before)

    def test_is_reset_before_the_start_and_arrives(self):
        server, (_state, booted) = self.interrupt('cleanup')
        self.release(server)
        self.site.clock.advance(60)
        self.reset(server)
        self.cloud.start('compute1')
        self.assert_runs_on(server, 'compute2', booted)
        self.assertEqual('completed', self.migration_of(server).status)
        self.assert_source_is_clean()

    def test_is_to_move_before_that_is_known(self):
        """The thread would take back what the second move has made."""
        server, before = self.interrupt('copy')
        self.mute(server)
        self.start_without_waiting(server)
        self.reset(server)
        self.stay(server)
        self.answer_again()
        for move in (self.users.live_migrate, self.users.resize):
            del self.cloud.failures[:]
            move(self.walk_server(server), host='compute2')
            self.assertIn('an earlier live migration of the server has not '
                          'ended', self.fault_of(server))
        self.go_on()
        self.assert_state_is_kept(server, before)

    def test_is_in_use_when_that_is_known(self):
        """The thread waits until Nova has ended what it does."""
        server, before = self.interrupt('copy')
        self.mute(server)
        self.start_without_waiting(server)
        self._set_task(server, 'powering-off')
        self.answer_again()
        self.meanwhile(*[None] * 20, lambda: self._set_task(server, None))
        self.go_on()
        self.assert_stayed(server, before)

    def _set_task(self, server, task_state):
        instance = self.instance_of(server)
        instance.task_state = task_state
        instance.save()


class PoolTest(ResetTests, elsewhere.ElsewhereMixin, base.ScenarioCase):

    TIMING = live_migration.SLOW

    def test_is_evacuated(self):
        """Nova has it on another host when the platform tells."""
        server, _before = self.interrupt('copy')
        self.mute(server)
        self.start_without_waiting(server)
        self.stay(server)
        with self.site.lock:
            self.lpar_on(server, 'compute1').halted()
        self.users.evacuate(self.walk_server(server), 'compute3')
        self.answer_again()
        with mock.patch.object(self.compute,
                               '_rollback_live_migration') as roll_back:
            self.go_on()
        self.assertFalse(roll_back.called)
        self.assertEqual('compute3', self.host_of(server))
        self.assertEqual('error', self.first_migration_of(server).status)
        self.assertIn('another one has moved the server', self.logger.output)

    def test_nova_compute_ends_while_nova_is_told(self):
        """It waits for that, as for all that Nova has called."""
        server, before = self.interrupt('copy')
        self.mute(server)
        self.start_without_waiting(server)
        self.answer_again()
        running = self.driver.operations._running
        found = []
        roll_back = self.compute._rollback_live_migration

        def look(*args, **kwargs):
            found.extend(running)
            return roll_back(*args, **kwargs)

        with mock.patch.object(self.compute, '_rollback_live_migration',
                               look):
            self.go_on()
        self.assertEqual(['end of a live migration'], found)
        self.assert_stayed(server, before)

    def test_nova_compute_ends_before_nova_is_told(self):
        server, before = self.interrupt('copy')
        self.mute(server)
        self.start_without_waiting(server)
        self.answer_again()
        self.driver.operations.close()
        self.go_on()
        self.assertEqual('migrating', self.instance_of(server).task_state)
        self.restart('compute1')
        self.assert_stayed(server, before)

    def test_is_deleted_in_vain(self):
        """A deletion has waited too long, and the server goes on."""
        server, before = self.interrupt('copy')
        self.mute(server)
        self.start_without_waiting(server)
        migrations = self.driver.services.migrations
        instance = self.instance_of(server)
        self.assertFalse(migrations.give_up(instance, 0))
        self.assertFalse(migrations._find(instance).is_given_up)
        self.answer_again()
        self.go_on()
        self.assert_stayed(server, before)


class VolumesTest(ResetTests, live_volumes.LiveVolumeMixin,
                  base.ScenarioCase):
    """Attachments on the target would stay."""

    def attachments(self):
        """How many attachments the volumes of the server have: list."""
        return [len(attachments) for attachments in
                self.cinder.volume_to_attachment.values()]

    def test_is_deleted_before_the_start(self):
        """Nova knows only the attachments on the target.

        Those on the source are needed until the LPAR is removed.
        """
        server, _before = self.interrupt('copy')
        self.users.delete(self.walk_server(server))
        self.assertEqual([1, 1], self.attachments())
        self.cloud.start('compute1')
        self.assertEqual([1, 1], self.attachments())
        self.reap()
        self.assertEqual([0, 0], self.attachments())

    def delete_interrupted(self):
        """Delete a server that has to stay; return it when it has stayed."""
        server, _before = self.interrupt('copy')
        self.users.delete(self.walk_server(server))
        self.cloud.start('compute1')
        self.assertEqual([1, 1], self.attachments())
        return server

    def test_is_deleted_and_an_operator_removes_its_lpar(self):
        """The next start deletes the attachments."""
        server = self.delete_interrupted()
        lpar = self.lpar_on(server, 'compute1')
        with self.site.lock:
            lpar.halted()
            self.simulated_host('compute1').operator.delete_partition(
                lpar.uuid)
        self.reap()
        self.restart('compute1')
        self.assertEqual([0, 0], self.attachments())
        self.assertEqual([], [complaint for complaint in self.cinder.complaints
                              if complaint.endswith('server1')])

    def test_is_deleted_and_cinder_is_down(self):
        """The periodic tasks do not know that; the next start does."""
        server = self.delete_interrupted()
        with mock.patch('nova.volume.cinder.API.attachment_delete',
                        side_effect=nova_exc.CinderConnectionFailed(
                            reason='down')):
            self.reap()
            self.assertIsNone(self.lpar_on(server, 'compute1'))
            self.restart('compute1')
        self.assertEqual([1, 1], self.attachments())
        self.cloud.run_periodic_tasks()
        self.assertEqual([0, 0], self.attachments())
        self.restart('compute1')

    def test_is_deleted_when_nobody_knows(self):
        """Nova knows only the attachments on the target, and deletes these."""
        self.flags(group='powervm', live_migration_timeout=300)
        server, _before = self.interrupt('copy')
        self.mute(server)
        self.start_without_waiting(server)
        self.go_on()
        self.assertEqual('error', self.migration_of(server).status)
        self.assertEqual([2, 2], self.attachments())
        self.stay(server)
        self.answer_again()
        self.assertIsNone(self.delete(server))
        self.assertEqual([0, 0], self.attachments())

    def test_is_evacuated(self):
        """Nova gives up the attachments on the target, where it was to go."""
        server, _before = self.interrupt('copy')
        self.stay(server)
        with self.site.lock:
            self.lpar_on(server, 'compute1').halted()
        with self.many_attachments():
            self.users.evacuate(self.walk_server(server), 'compute2')
        self.assertEqual([], self.cinder.complaints)
        self.assertEqual('compute2', self.host_of(server))
        self.assertEqual([2, 2], self.attachments())
        self.cloud.start('compute1')
        self.assertEqual([1, 1], self.attachments())
        self.start(server)
        self.assert_runs_on(server, 'compute2')

    @contextlib.contextmanager
    def many_attachments(self):
        """Let volumes have attachments on several hosts, as Cinder does."""
        self.cinder.MULTIATTACH_VOL, before = (
            _Any(), self.cinder.MULTIATTACH_VOL)
        try:
            yield
        finally:
            self.cinder.MULTIATTACH_VOL = before


class _Any:
    """Equals the id of any volume."""

    def __eq__(self, other):
        return True


class LateTest(live_migration.LiveMigrationMixin, base.ScenarioCase):
    """The source starts again before it is told to migrate the server."""

    def tell_later(self, server):
        """Migrate a server, and return a function that tells the source."""
        with mock.patch.object(self.cloud, 'call') as call:
            self.users.live_migrate(self.walk_server(server), 'compute2')
        return lambda: self.cloud.call(*call.call_args.args)

    def test_has_been_taken_back(self):
        server, before = self.boot_and_look()
        tell = self.tell_later(server)
        self.restart('compute1')
        self.assert_stayed(server, before)
        tell()
        self.assertIn('has taken the migration back', self.logger.output)
        self.assert_stayed(server, before, status='error')
        self.assert_moves_again(server)

    def test_thread_still_follows_it(self):
        server, before = self.boot_and_look()
        tell = self.tell_later(server)
        self.simulated_host('compute1').faults.add({
            'method': 'GET', 'path': '/LogicalPartition/%s' % server[
                'id'].upper(), 'effect': 'status', 'status': 500, 'count': 0})
        threads = []
        with mock.patch.object(settling, 'start_thread', threads.append):
            self.restart('compute1')
        self.simulated_host('compute1').faults.clear()
        tell()
        self.assertEqual('migrating', self.instance_of(server).task_state)
        with self.cloud.on('compute1'):
            for thread in threads:
                thread()
        self.cloud.run_casts()
        self.assert_stayed(server, before)
        self.assert_moves_again(server)
