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

"""Live migrations that the platform does not carry out, or not at once."""

from nova_powervm.simulator.migration import outcomes
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import live_migration

_MIGRATE = {'method': 'PUT', 'path': '/do/Migrate$'}
_POLL = {'method': 'GET', 'path': '/jobs/'}


class TroubleBase(live_migration.LiveMigrationMixin, base.ScenarioCase):

    def add_fault(self, host='compute1', **spec):
        self.simulated_host(host).faults.add(spec)


class PlatformTest(TroubleBase):
    """The job fails, or its answers are lost."""

    def check_stays(self, **fault):
        server, before = self.boot_and_look()
        self.add_fault(**fault)
        self.live_migrate(server)
        self.assert_stayed(server, before)
        self.assert_moves_again(server)

    def check_moves(self, host='compute1', **fault):
        server = self.boot_on_first()
        booted = self.lpar_on(server, 'compute1').boot_time
        self.add_fault(host, **fault)
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2', booted)
        self.assertEqual('completed', self.migration_of(server).status)

    def test_fails_before_the_switch(self):
        for phase in ('validate', 'prepare', 'copy'):
            server, before = self.boot_and_look()
            self.break_migration(phase)
            self.live_migrate(server)
            self.assert_stayed(server, before)
            self.assertIn('the mover has failed', self.logger.output)
            self.assert_moves_again(server)
            self.delete(server)

    def test_fails_after_the_switch(self):
        server = self.boot_on_first()
        self.break_migration('cleanup')
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2')
        self.assertEqual('completed', self.migration_of(server).status)

    def test_is_stuck_before_the_switch(self):
        server, before = self.boot_and_look()
        self.break_migration('copy', 'stuck')
        self.live_migrate(server)
        self.assert_stayed(server, before)
        self.assert_moves_again(server)

    def test_is_stuck_after_the_switch(self):
        server = self.boot_on_first()
        self.break_migration('cleanup', 'stuck')
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2')

    def test_recovery_is_refused_twice(self):
        self.add_fault(method='PUT', path='/do/MigrateRecover$',
                       effect='job_failed', count=2)
        self.test_is_stuck_after_the_switch()

    def test_recovery_is_never_done(self):
        """Nobody knows what becomes of it; nothing is taken from it."""
        server = self.boot_on_first()
        booted = self.lpar_on(server, 'compute1').boot_time
        self.break_migration('cleanup', 'stuck')
        self.add_fault(method='PUT', path='/do/MigrateRecover$',
                       effect='job_failed', count=0)
        self.live_migrate(server, status='ERROR')
        self.assertEqual('error', self.migration_of(server).status)
        self.assertEqual(booted, self.lpar_on(server, 'compute2').boot_time)
        self.where = 'compute2'
        self.assertEqual(['b_', 'b_'], [mapping['storage'][:2] for mapping in
                                        self.mappings_of(server)])
        self.recover(server)

    def recover(self, server):
        """Do what the page on moving servers tells an administrator."""
        self.simulated_host('compute1').faults.clear()
        with self.site.lock:
            outcomes.recover(self.lpar_on(server, 'compute2'))

    def test_recovery_is_not_answered(self):
        for effect in ('drop_before', 'drop_after'):
            self.add_fault(method='PUT', path='/do/MigrateRecover$',
                           effect=effect)
        self.test_is_stuck_after_the_switch()

    def test_job_is_refused(self):
        self.check_stays(effect='status', status=500, **_MIGRATE)

    def test_job_is_not_received(self):
        self.check_stays(effect='drop_before', **_MIGRATE)

    def test_answer_to_the_job_is_lost(self):
        self.check_moves(effect='drop_after', **_MIGRATE)

    def test_end_of_the_job_is_not_deleted(self):
        self.check_moves(effect='status', status=500, method='DELETE',
                         path='/jobs/')

    def test_key_was_removed(self):
        server = self.boot_on_first()
        self.live_migrate(server)
        self.live_migrate(server)
        before = (self.platform_state(),
                  self.lpar_on(server, 'compute1').boot_time)
        self.remove_keys()
        self.live_migrate(server)
        self.assert_stayed(server, before)
        self.assert_moves_again(server)

    def test_key_is_removed_when_all_is_prepared(self):
        server, before = self.boot_and_look()
        self.simulated_host('compute1').faults.add(
            {'method': 'POST', 'path': '/VirtualIOServer/'},
            lambda _method, _path: self.remove_keys())
        self.live_migrate(server)
        self.assert_stayed(server, before)
        self.assertIn('Public key authentication was refused',
                      self.logger.output)
        self.assert_moves_again(server)

    def remove_keys(self):
        with self.site.lock:
            console, = self.simulated_host('compute2').store.all(
                'ManagementConsole')
            console.authorized_keys = []
            console.touch()

    def test_vios_of_the_target_is_down(self):
        """The other one serves the disks."""
        server = self.boot_on_first()
        self.where = 'compute2'
        self.set_vios('vios2', False)
        self.addCleanup(self.set_vios_of, 'compute2', 'vios2', True)
        self.live_migrate(server)
        self.assertEqual('ACTIVE', self.status_of(server))
        self.assertEqual({'compute2': 'running'}, self.lpars_of(server))
        # The platform moves each adapter with what is behind it.
        self.assertEqual(['vios1', 'vios1'], self.paths_of(server))
        self.set_vios('vios2', True)
        self.reboot(server, hard=True)
        self.assertEqual(['vios1', 'vios2'], self.paths_of(server))
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute1')
        self.assert_gone(server)

    def paths_of(self, server):
        """Names of the VIOSes that map its disk on compute2: sorted list."""
        self.where = 'compute2'
        return sorted(
            vios['name'] for vios in self.platform.state()['VirtualIOServer']
            for mapping in vios['mappings']
            if mapping['lpar'] == self.lpar_of(server)['name'] and
            mapping['storage'].startswith('b_'))

    def set_vios_of(self, host, name, up):
        self.where = host
        self.set_vios(name, up)

    def test_vioses_of_the_target_are_down(self):
        server, before = self.boot_and_look()
        for name in ('vios1', 'vios2'):
            self.set_vios_of('compute2', name, False)
        self.live_migrate(server)
        for name in ('vios1', 'vios2'):
            self.set_vios_of('compute2', name, True)
        self.assert_stayed(server, before)
        self.assert_moves_again(server)


class SlowTest(TroubleBase):
    """The phases last, and something happens meanwhile."""

    TIMING = live_migration.SLOW

    def test_polls_fail(self):
        server = self.boot_on_first()
        for spec in ({'effect': 'status', 'status': 500},
                     {'effect': 'drop_before'}):
            self.add_fault(**dict(_POLL, count=3, **spec))
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2')

    def test_record_is_lost_and_it_moves(self):
        server = self.boot_on_first()
        self.meanwhile(*[None] * 6, self.forget_jobs)
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2')

    def test_record_is_lost_and_it_stays(self):
        server, before = self.boot_and_look()
        self.break_migration('copy')
        self.meanwhile(*[None] * 6, self.forget_jobs)
        self.live_migrate(server)
        self.assert_stayed(server, before)

    def test_record_is_lost_and_it_is_stuck(self):
        server = self.boot_on_first()
        self.break_migration('cleanup', 'stuck')
        self.meanwhile(*[None] * 6, self.forget_jobs)
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2')

    def forget_jobs(self):
        with self.site.lock:
            self.simulated_host('compute1').jobs.forget()

    def test_platform_is_away_for_a_while(self):
        server = self.boot_on_first()
        self.meanwhile(*[None] * 4, self.go_away, *[None] * 30,
                       self.answer_again)
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2')

    def go_away(self):
        self.add_fault(effect='drop_before', count=0,
                       query='^(?!.*QUEUE_CLIENTKEY)')

    def answer_again(self):
        self.simulated_host('compute1').faults.clear()

    def test_platform_is_away_for_good(self):
        """Nobody knows where it is; nothing is taken from it."""
        self.flags(group='powervm', live_migration_timeout=300)
        server = self.boot_on_first()
        self.meanwhile(*[None] * 4, self.go_away)
        self.live_migrate(server, status='ERROR')
        self.answer_again()
        self.assertEqual('error', self.migration_of(server).status)
        self.assertIn('It is not known whether', self.fault_of(server))
        self.assertEqual({'compute2': 'running'}, self.lpars_of(server))
        self.where = 'compute2'
        self.assertEqual(['b_', 'b_'], [mapping['storage'][:2] for mapping in
                                        self.mappings_of(server)])

    def test_takes_too_long(self):
        self.flags(group='powervm', live_migration_timeout=60)
        server, before = self.boot_and_look()
        self.hold(server, 'copy')
        self.live_migrate(server)
        self.assert_stayed(server, before)
        self.assertIn('live_migration_timeout', self.logger.output)

    def test_takes_too_long_to_be_stopped(self):
        self.flags(group='powervm', live_migration_timeout=100)
        server = self.boot_on_first()
        self.hold(server, 'cleanup')
        self.meanwhile(*[None] * 40, lambda: self.release(server))
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2')

    def test_no_limit(self):
        self.flags(group='powervm', live_migration_timeout=0)
        server = self.boot_on_first()
        self.hold(server, 'copy')
        self.meanwhile(*[None] * 2000, lambda: self.release(server))
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2')

    def test_vios_of_the_source_goes_down(self):
        server, before = self.boot_and_look()
        self.meanwhile(*[None] * 10, lambda: self.set_vios('vios1', False))
        self.live_migrate(server)
        self.set_vios('vios1', True)
        self.assertEqual('ACTIVE', self.status_of(server))
        self.assertEqual(1, len(self.lpars_of(server)))


class AbortTest(TroubleBase):
    """A user stops a migration."""

    TIMING = live_migration.SLOW

    def check_abort(self, phase):
        server, before = self.boot_and_look()
        self.hold(server, phase)
        self.meanwhile(*[None] * 14, lambda: self.abort(server))
        self.live_migrate(server)
        self.assert_stayed(server, before, 'cancelled')
        self.assert_moves_again(server)

    def abort(self, server):
        """Stop a migration; returns the failure, or None."""
        return self.users.abort_live_migration(self.walk_server(server))

    def test_validate(self):
        self.check_abort('validate')

    def test_copy(self):
        self.check_abort('copy')

    def test_twice(self):
        server, before = self.boot_and_look()
        self.hold(server, 'copy')
        failures = []
        self.meanwhile(*[None] * 14, lambda: failures.extend(
            self.abort(server) for _time in range(2)))
        self.live_migrate(server)
        self.assertIsNone(failures[0])
        self.assert_stayed(server, before, 'cancelled')

    def test_after_the_switch(self):
        """It is refused, and the migration goes on."""
        server = self.boot_on_first()
        self.hold(server, 'cleanup')
        failures = []

        def abort():
            failures.append(self.abort(server))
            self.release(server)

        self.meanwhile(*[None] * 30, abort)
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2')
        self.assertIn('cannot be stopped any more', str(failures))
        self.assertEqual('completed', self.migration_of(server).status)

    def test_before_the_job(self):
        server, before = self.boot_and_look()
        # It is about to take the config drive out.
        self.simulated_host('compute1').faults.add(
            {'method': 'POST', 'path': '/VirtualIOServer/'},
            lambda _method, _path: self.abort(server))
        self.live_migrate(server)
        self.assert_stayed(server, before, 'cancelled')
        self.assertEqual([], self.site.state()['migrations'][-1:] and [
            migration for migration in self.site.state()['migrations']
            if migration['uuid'] == self.lpar_on(server, 'compute1').uuid])
        self.assert_moves_again(server)

    def test_of_nothing(self):
        server, before = self.boot_and_look()
        with self.cloud.on('compute1'):
            self.driver.live_migration_abort(self.instance_of(server))
        self.assert_state_equal(before[0], self.platform_state(), 'nothing')

    def test_of_one_that_nobody_follows(self):
        """A former process has begun it."""
        server, before = self.boot_and_look()
        self.hold(server, 'copy')
        self.meanwhile(*[None] * 14, lambda: self.end(server))
        self.users.live_migrate(self.walk_server(server), 'compute2')
        self.assertEqual('migrating', self.instance_of(server).task_state)
        self.assertEqual('running', self.migration_of(server).status)
        self.cloud.stop('compute1')

    def end(self, server):
        """End the source while it waits."""
        self.cloud.compute('compute1').driver.services.migrations.close()


class HostsTest(TroubleBase):
    """What the two hosts do before and after fails."""

    def test_target_does_not_answer(self):
        server, before = self.boot_and_look()
        self.add_fault('compute2', method='GET', path='/ManagedSystem/',
                       effect='status', status=500)
        self.live_migrate(server)
        self.assert_stayed(server, before, 'error')

    def test_target_cannot_prepare(self):
        # It has to look which keys are authorized then.
        self.restart('compute2')
        server, before = self.boot_and_look()
        self.add_fault('compute2', path='/ManagementConsole',
                       effect='status', status=500)
        self.live_migrate(server)
        self.assert_stayed(server, before, 'failed')
        self.assert_moves_again(server)

    def test_config_drive_cannot_be_taken_out(self):
        server, before = self.boot_and_look()
        self.add_fault(method='POST', path='/VirtualIOServer/',
                       effect='status', status=500, count=1)
        self.live_migrate(server)
        self.assert_stayed(server, before)
        self.assert_moves_again(server)

    def test_config_drive_cannot_be_made(self):
        server = self.boot_on_first()
        self.add_fault('compute2', path='/File', effect='status', status=500)
        self.live_migrate(server)
        self.assertEqual({'compute2': 'running'}, self.lpars_of(server))
        self.assertIsNone(self.delete(server))

    def test_config_drive_cannot_be_mapped(self):
        server = self.boot_on_first()
        self.add_fault('compute2', method='POST', path='/VirtualIOServer/',
                       effect='status', status=500)
        self.live_migrate(server)
        self.simulated_host('compute2').faults.clear()
        self.assertEqual({'compute2': 'running'}, self.lpars_of(server))
        self.reboot(server, hard=True)
        self.assert_runs_on(server, 'compute2')

    def test_source_cannot_clean_up(self):
        server = self.boot_on_first()
        self.add_fault(method='POST', path='/VolumeGroup/', effect='status',
                       status=500)
        self.add_fault(method='PUT', path='/Event', effect='status',
                       status=500)
        self.live_migrate(server)
        self.simulated_host('compute1').faults.clear()
        self.assert_runs_on(server, 'compute2')
        self.cloud.run_periodic_tasks()
        self.assertEqual([], self.media_of('compute1'))
