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

"""The source starts again, and the platform does not end the migration.

nova-compute takes no requests before its start has ended, so this must not
take long. A thread goes on; here it is called when the test wants it.
"""

from unittest import mock

from nova_powervm.simulator.migration import outcomes
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import live_migration
from nova_powervm.tests.virt.powervm.scenarios import live_volumes
from nova_powervm.virt.powervm.actions import settling

#: Seconds between two looks, by which a start may be longer.
_PAUSE = 10


class StartMixin:
    """It comes before LiveMoveMixin in a list of bases."""

    TIMING = live_migration.SLOW

    def mute(self, server):
        """Have compute1 answer nothing about the LPAR of a server."""
        self.simulated_host('compute1').faults.add({
            'method': 'GET', 'path': '/LogicalPartition/%s' % server[
                'id'].upper(), 'effect': 'status', 'status': 500, 'count': 0})

    def refuse_abort(self):
        self.simulated_host('compute1').faults.add({
            'method': 'PUT', 'path': '/do/MigrateAbort$', 'effect': 'status',
            'status': 500, 'count': 0})

    def answer_again(self):
        self.simulated_host('compute1').faults.clear()

    def start_without_waiting(self, *servers):
        """Start compute1, whose thread does nothing yet."""
        began = self.cloud.waiting.seconds
        with mock.patch.object(self.cloud.waiting, 'run_threads'):
            self.cloud.start('compute1')
        self.assertLessEqual(self.cloud.waiting.seconds - began,
                             settling.START_SECONDS + _PAUSE)
        for server in servers:
            self.assertEqual('migrating', self.instance_of(server).task_state)
            self.assertEqual('running', self.migration_of(server).status)

    def go_on(self):
        """Let the thread go on."""
        with self.cloud.on('compute1'), self.cloud._working(
                self.cloud.compute('compute1')):
            self.cloud.waiting.run_threads()
        self.cloud.run_casts()

    def test_it_stays(self):
        server, before = self.interrupt('copy')
        self.mute(server)
        self.start_without_waiting(server)
        self.answer_again()
        self.go_on()
        self.assert_stayed(server, before)
        self.assert_moves_again(server)

    def test_it_has_arrived(self):
        server, (_state, booted) = self.interrupt('cleanup')
        self.release(server)
        self.site.clock.advance(60)
        self.mute(server)
        self.start_without_waiting(server)
        self.answer_again()
        self.go_on()
        self.assert_runs_on(server, 'compute2', booted)
        self.assertEqual('completed', self.migration_of(server).status)
        self.assert_source_is_clean()
        self.assert_gone(server)


class StartTest(StartMixin, live_migration.LiveMigrationMixin,
                base.ScenarioCase):

    def test_target_is_down(self):
        """Nova waits for it when it rolls back, and so does the thread."""
        server, before = self.interrupt('copy')
        self.cloud.kill('compute2')
        service = self.cloud.service_of('compute2')
        service.forced_down = True
        service.save()
        self.start_without_waiting(server)
        self.go_on()
        service.forced_down = False
        service.save()
        self.assertEqual('ACTIVE', self.status_of(server))
        self.assertEqual('failed', self.migration_of(server).status)
        self.cloud.start('compute2')
        self.assert_stayed(server, before)

    def test_abort_is_refused(self):
        """It arrives later."""
        server, (_state, booted) = self.interrupt('copy')
        self.refuse_abort()
        self.start_without_waiting(server)
        self.release(server)
        self.go_on()
        self.assert_runs_on(server, 'compute2', booted)
        self.assert_source_is_clean()

    def test_nobody_ever_knows(self):
        """Nova calls it active, as after a start without this driver."""
        self.flags(group='powervm', live_migration_timeout=300)
        server, _before = self.interrupt('copy')
        self.mute(server)
        self.start_without_waiting(server)
        self.go_on()
        self.assertIsNone(self.instance_of(server).task_state)
        self.assertEqual('error', self.migration_of(server).status)
        self.assertEqual('compute1', self.host_of(server))
        self._fail(server)

    def test_it_never_ends(self):
        """The platform tells of it, and stops nothing."""
        self.flags(group='powervm', live_migration_timeout=300)
        server, _before = self.interrupt('copy')
        self.refuse_abort()
        self.start_without_waiting(server)
        self.go_on()
        self.assertIsNone(self.instance_of(server).task_state)
        self.assertEqual('ACTIVE', self.status_of(server))
        self.assertEqual('error', self.migration_of(server).status)
        self._fail(server)

    def test_no_limit(self):
        self.flags(group='powervm', live_migration_timeout=0)
        server, before = self.interrupt('copy')
        self.mute(server)
        self.start_without_waiting(server)
        self.meanwhile(*[None] * 2000, self.answer_again)
        self.go_on()
        self.assert_stayed(server, before)

    def test_other_servers(self):
        """They can be used meanwhile; all share the time of the start."""
        others = [self.boot_on_first(networks='none')
                  for _number in range(2)]
        server, _before = self.interrupt('copy')
        self.mute(server)
        self.start_without_waiting(server)
        for other in others:
            self.assertIsNone(self.instance_of(other).task_state)
            self.reboot(other, hard=True)
            self.assertEqual('ACTIVE', self.status_of(other))
        self.answer_again()
        self.go_on()
        self.assertEqual('ACTIVE', self.status_of(server))

    def test_ends_again(self):
        """The next start goes on."""
        server, before = self.interrupt('copy')
        self.mute(server)
        self.start_without_waiting(server)
        self.meanwhile(*[None] * 3, self.driver.services.migrations.close)
        self.go_on()
        self.assertEqual('migrating', self.instance_of(server).task_state)
        self.answer_again()
        self.restart('compute1')
        self.assert_stayed(server, before)

    def test_state_is_reset_meanwhile(self):
        """Nova's user has decided, and the platform does not tell."""
        self.flags(group='powervm', live_migration_timeout=300)
        server, _before = self.interrupt('copy')
        self.mute(server)
        self.start_without_waiting(server)
        self.users.reset_state(self.walk_server(server))
        self.go_on()
        self.assertIsNone(self.instance_of(server).task_state)
        self.assertNotIn('could not be ended', self.logger.output)
        self._fail(server)

    def test_recovery(self):
        """It takes long, so the start does not begin it."""
        self.break_migration('copy', outcome='stuck')
        server, before = self.interrupt('copy')
        self.release(server)
        self.site.clock.advance(60)
        self.start_without_waiting(server)
        self.go_on()
        self.assert_stayed(server, before)

    def test_is_deleted_before_the_start(self):
        server, _before = self.interrupt('cleanup')
        self.release(server)
        self.site.clock.advance(60)
        self.users.delete(self.walk_server(server))
        self.mute(server)
        self.start_without_waiting()
        self.answer_again()
        self.go_on()
        self.reap()
        self.cloud.run_periodic_tasks()
        self.assert_state_equal(self.empty, self.platform_state(), 'deleted')

    def delete_meanwhile(self, server, *then):
        """Delete a server while the thread waits.

        :param then: what happens after the deletion has begun
        """
        with self.deletion_of(server) as deletion:
            self.meanwhile(deletion.start,
                           lambda: self.wait_until_given_up(server), *then)
            self.go_on()

    def test_is_deleted_and_stays(self):
        server, _before = self.interrupt('copy')
        self.refuse_abort()
        self.start_without_waiting(server)
        self.delete_meanwhile(server, self.answer_again, lambda: self._fail(
            server))

    def _fail(self, server):
        with self.site.lock:
            outcomes.abort(self.lpar_on(server, 'compute1'))

    def test_is_deleted_and_arrives(self):
        server, _before = self.interrupt('cleanup')
        self.refuse_abort()
        self.start_without_waiting(server)
        self.delete_meanwhile(server, lambda: self.release(server))


class VolumesTest(StartMixin, live_volumes.LiveVolumeMixin,
                  base.ScenarioCase):
    """Devices of its volumes are on both hosts."""
