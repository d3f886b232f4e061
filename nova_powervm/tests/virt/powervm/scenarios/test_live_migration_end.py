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

"""A nova-compute ends, or the server is deleted, in a live migration."""

from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import live_migration
from nova_powervm.tests.virt.powervm.scenarios import test_live_migration
from nova_powervm.tests.virt.powervm.walks import effects


class EndTest(live_migration.SourceEndMixin,
              live_migration.LiveMigrationMixin, base.ScenarioCase):

    #: Why a hard reboot does not make a server that has moved.
    WHY_NOT = 'may be on host compute2'

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

    def test_starts_again_when_the_target_has_the_server(self):
        """It was killed when only its own records were left to write."""
        server = self.boot_on_first()
        self.live_migrate(server)
        migration = self.migration_of(server)
        migration.status = 'running'
        migration.save()
        self.restart('compute1')
        self.assert_runs_on(server, 'compute2')
        self.assertEqual('completed', self.migration_of(server).status)

    def test_is_deleted_before_the_source_starts_again(self):
        server, _before = self.interrupt('cleanup')
        self.release(server)
        self.site.clock.advance(60)
        self.users.delete(self.walk_server(server))
        self.cloud.start('compute1')
        self.assertEqual([], self.media_of('compute1'))
        self.cloud.run_periodic_tasks()
        self.assert_state_equal(self.empty, self.platform_state(), 'deleted')

    def test_is_stuck(self):
        self.break_migration('cleanup', 'stuck')
        server, (_state, booted) = self.interrupt('cleanup')
        self.release(server)
        self.site.clock.advance(60)
        self.cloud.start('compute1')
        self.assert_runs_on(server, 'compute2', booted)

    def test_stops_in_the_copy(self):
        """As SIGTERM has it stop: it waits for nobody."""
        server, before = self.boot_and_look()
        self.hold(server, 'copy')
        self.meanwhile(*[None] * 14, lambda: self.cloud.stop('compute1'))
        self.users.live_migrate(self.walk_server(server), 'compute2')
        self.assertEqual('migrating', self.instance_of(server).task_state)
        self.assertEqual('copy', self.lpar_on(
            server, 'compute1').migration.phase)
        self.cloud.start('compute1')
        self.assert_stayed(server, before)
        self.assert_moves_again(server)

    def test_source_dies_before_the_job(self):
        """The target is made ready, and nobody submits the job."""
        server, before = self.boot_and_look()
        source = self.cloud.compute('compute1')
        prepare = source.compute_rpcapi.pre_live_migration

        def die(*args):
            prepare(*args)
            source.is_dead = True
            raise effects.Killed()

        source.compute_rpcapi.pre_live_migration = die
        self.users.live_migrate(self.walk_server(server), 'compute2')
        self.assertEqual('migrating', self.instance_of(server).task_state)
        self.assertEqual('preparing', self.migration_of(server).status)
        self.cloud.start('compute1')
        self.assert_stayed(server, before)
        self.assert_moves_again(server)

    def test_target_dies_in_the_copy(self):
        """It arrives, and Nova has the target complete it at its start."""
        server = self.boot_on_first()
        booted = self.lpar_on(server, 'compute1').boot_time
        self.meanwhile(*[None] * 14, lambda: self.cloud.kill('compute2'))
        self.live_migrate(server, status='ERROR')
        self.assertEqual('compute2', self.host_of(server))
        self.assertEqual(booted, self.lpar_on(server, 'compute2').boot_time)
        self.cloud.start('compute2')
        with self.cloud.on('compute2'):
            # It stands in the queue of the target.
            self.cloud.compute('compute2').driver.\
                post_live_migration_at_destination(
                    self.context, self.instance_of(server),
                    self.instance_of(server).get_network_info())
        self.assertEqual(booted, self.lpar_on(server, 'compute2').boot_time)
        self.users.reset_state(self.walk_server(server))
        self.reboot(server, hard=True)
        self.assert_runs_on(server, 'compute2')

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
        self.delete_meanwhile(server, lambda: self.wait_for(
            lambda: self.lpar_on(server, 'compute1').migration is None))
        self.assertNotIn('failed to roll back', self.logger.output)

    def test_server_is_deleted_after_the_switch(self):
        """The target deletes it, when Nova looks for deleted servers."""
        server = self.boot_on_first()
        self.hold(server, 'cleanup')

        def go_on():
            self.wait_until_given_up(server)
            self.release(server)

        self.delete_meanwhile(server, go_on)
        self.assertIn('its LPAR has moved', self.logger.output)
        self.assertNotIn('failed to roll back', self.logger.output)

    def delete_meanwhile(self, server, go_on):
        """Delete a server in a thread while another one migrates it.

        The deletion goes on when the migration has ended.

        :param go_on: called while it is migrated, when the deletion has begun
        """
        with self.deletion_of(server) as deletion:
            self.meanwhile(*[None] * 30, deletion.start, go_on)
            self.users.live_migrate(self.walk_server(server), 'compute2')
            self.assertEqual('cancelled', self.migration_of(server).status)
            self.assertEqual([], self.cloud.failures)

    def test_nobody_knows(self):
        """A hard reboot does not make the server a second time."""
        self.flags(group='powervm', live_migration_timeout=300)
        server = self.boot_on_first()
        self.meanwhile(*[None] * 4, self.go_away)
        self.live_migrate(server, status='ERROR')
        self.simulated_host('compute1').faults.clear()
        self.users.reset_state(self.walk_server(server))
        self.users.reboot(self.walk_server(server), hard=True)
        self.assertIn(self.WHY_NOT, self.fault_of(server))
        self.assertEqual({'compute2': 'running'}, self.lpars_of(server))

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


class RaceTest(live_migration.RaceMixin, test_live_migration.OvsMixin,
               base.ScenarioCase):
    """With a trunk on the target."""

    PROFILE = 'live-migration'
