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

"""nova-compute of the source ends while a server is migrated."""

import threading

from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import live_migration


class EndTest(live_migration.LiveMigrationMixin, base.ScenarioCase):

    TIMING = live_migration.SLOW

    def interrupt(self, phase):
        """Migrate a server, and end the source in a phase.

        :returns: the server, and what assert_stayed() needs
        """
        server, before = self.boot_and_look()
        self.hold(server, phase)
        self.meanwhile(*[None] * 30, lambda: self.cloud.compute(
            'compute1').driver.services.migrations.close())
        self.users.live_migrate(self.walk_server(server), 'compute2')
        self.assertEqual('migrating', self.instance_of(server).task_state)
        self.assertEqual('running', self.migration_of(server).status)
        self.cloud.stop('compute1')
        return server, before

    def test_starts_again_in_the_copy(self):
        server, before = self.interrupt('copy')
        self.cloud.start('compute1')
        self.assert_stayed(server, before)
        self.assert_moves_again(server)

    def test_starts_again_after_the_arrival(self):
        server, (_state, booted) = self.interrupt('cleanup')
        self.release(server)
        self.site.clock.advance(60)
        self.cloud.start('compute1')
        self.assert_runs_on(server, 'compute2', booted)
        self.assertEqual('completed', self.migration_of(server).status)
        self.assertEqual([], self.media_of('compute1'))

    def test_starts_again_after_the_switch(self):
        server, (_state, booted) = self.interrupt('cleanup')
        self.meanwhile(None, None, lambda: self.release(server))
        self.cloud.start('compute1')
        self.assert_runs_on(server, 'compute2', booted)

    def test_starts_again_when_it_has_failed(self):
        self.break_migration('copy')
        server, before = self.interrupt('copy')
        self.release(server)
        self.site.clock.advance(60)
        self.cloud.start('compute1')
        self.assert_stayed(server, before)

    def test_is_stuck(self):
        self.break_migration('cleanup', 'stuck')
        server, (_state, booted) = self.interrupt('cleanup')
        self.release(server)
        self.site.clock.advance(60)
        self.cloud.start('compute1')
        self.assert_runs_on(server, 'compute2', booted)

    def test_target_starts_in_the_copy(self):
        self.check_target_starts('copy')

    def test_target_starts_after_the_switch(self):
        self.check_target_starts('cleanup')

    def check_target_starts(self, phase):
        """Its start takes nothing from a server that comes."""
        server = self.boot_on_first()
        booted = self.lpar_on(server, 'compute1').boot_time
        self.hold(server, phase)

        def restart():
            self.restart('compute2')
            self.cloud.run_periodic_tasks()
            self.release(server)

        self.meanwhile(*[None] * 30, restart)
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2', booted)

    def test_server_is_deleted(self):
        """The deletion ends the migration, and waits for that."""
        server = self.boot_on_first()
        self.hold(server, 'copy')
        deletion = threading.Thread(target=lambda: self.users.delete(
            self.walk_server(server)))
        self.meanwhile(*[None] * 20, deletion.start, lambda: self.wait_for(
            lambda: self.lpar_on(server, 'compute1').migration is None))
        self.users.live_migrate(self.walk_server(server), 'compute2')
        deletion.join(60)
        self.assertEqual('gone', self.walk_server(server).status)
        self.assertEqual({}, {
            host: lpar for host in self.computes
            for lpar in [self.lpar_on(server, host)] if lpar})
        self.cloud.run_periodic_tasks()
        self.assert_state_equal(self.empty, self.platform_state(), 'deleted')

    def test_nobody_knows(self):
        """A hard reboot does not make the server a second time."""
        self.flags(group='powervm', live_migration_timeout=300)
        server = self.boot_on_first()
        self.meanwhile(*[None] * 4, self.go_away)
        self.live_migrate(server, status='ERROR')
        self.simulated_host('compute1').faults.clear()
        self.users.reset_state(self.walk_server(server))
        self.users.reboot(self.walk_server(server), hard=True)
        self.assertIn('may be on host compute2', self.fault_of(server))
        self.assertEqual({'compute2': 'running'}, self.lpars_of(server))

    def go_away(self):
        self.simulated_host('compute1').faults.add({
            'effect': 'drop_before', 'count': 0,
            'query': '^(?!.*QUEUE_CLIENTKEY)'})

    def test_lost_lpar_is_made_again(self):
        """No host has it: the target of a failed migration says so."""
        server, _before = self.boot_and_look()
        self.simulated_host('compute2').faults.add({
            'method': 'GET', 'path': '/ManagedSystem/', 'effect': 'status',
            'status': 500})
        self.live_migrate(server)
        self.assertEqual('error', self.migration_of(server).status)
        with self.site.lock:
            lpar = self.lpar_on(server, 'compute1')
            lpar.set_state('not activated')
            self.simulated_host('compute1').remove(lpar)
        self.reboot(server, hard=True)
        self.assert_runs_on(server, 'compute1')
