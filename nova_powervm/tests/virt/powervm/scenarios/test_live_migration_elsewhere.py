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

"""Servers whose LPAR is on a host on which Nova does not have them.

An operator has migrated the LPAR without Nova, or a live migration has ended
without Nova knowing how. No operation may create a second LPAR.
"""

import copy

from nova import objects
from oslo_utils import timeutils

from nova_powervm.simulator.migration import outcomes
from nova_powervm.simulator import profile as sim_profile
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import live_migration
from nova_powervm.virt.powervm.live import job


class ElsewhereMixin(live_migration.LiveMigrationMixin):
    """Three hosts of one pool, and an operator."""

    OPTIONS = {'force_config_drive': False, 'shelved_offload_time': 0}
    STORAGE_OF_SERVER = ['b_', 'b_']

    @classmethod
    def load_profile(cls):
        profile = sim_profile.load(cls.PROFILE)
        third = copy.deepcopy(profile['hosts'][1])
        profile['hosts'].append(dict(third, name='server3', port=12082))
        return profile

    def setUp(self):
        super().setUp()
        # The services of the computes of this cloud report nothing.
        for service in objects.ServiceList.get_by_binary(self.context,
                                                         'nova-compute'):
            service.last_seen_up = timeutils.utcnow()
            service.save()

    def migrate_outside(self, server, host, source='compute1'):
        """Let an operator have the platform migrate an LPAR."""
        here, there = (self.cloud.compute(name).driver.services
                       for name in (source, host))
        with self.cloud.on(source):
            key = here.keys.own()
        with self.cloud.on(host):
            there.keys.authorize(key)
        with self.cloud.on(source):
            job.MigrationJobs(
                here.host, self.lpar_on(server, source).uuid).submit(
                    job.parameters(self.simulated_host(host).system.name,
                                   '192.0.2.1'))

    def when_prepared(self, act):
        """Do something when the target is prepared, and before the job."""
        rpcapi = self.compute.compute_rpcapi
        prepare = rpcapi.pre_live_migration

        def prepare_and_act(*args):
            rpcapi.pre_live_migration = prepare
            result = prepare(*args)
            act()
            return result

        rpcapi.pre_live_migration = prepare_and_act

    def assert_only_on(self, host, server):
        self.assertEqual({host: 'running'}, self.lpars_of(server))

    def reboot_again(self, server):
        """Do what an administrator tries first; returns why it is refused."""
        self._begin()
        self.users.reset_state(self.walk_server(server))
        self.users.reboot(self.walk_server(server), hard=True)
        return self.fault_of(server)


class OutsideTest(ElsewhereMixin, base.ScenarioCase):
    """An operator migrates the LPAR to compute3 without Nova."""

    def test_hard_reboot(self):
        server = self.boot_on_first()
        self.migrate_outside(server, 'compute3')
        self.assertIn('its LPAR is on host compute3',
                      self.reboot_again(server))
        self.assert_only_on('compute3', server)

    def test_comes_back(self):
        """The operator moves it back, as the message says."""
        server = self.boot_on_first()
        self.migrate_outside(server, 'compute3')
        self.reboot_again(server)
        self.migrate_outside(server, 'compute1', source='compute3')
        self.users.reset_state(self.walk_server(server))
        self.reboot(server, hard=True)
        self.assert_runs_on(server, 'compute1')

    def test_before_the_job(self):
        """Nova's migration goes to compute2, where it never arrives."""
        server = self.boot_on_first()
        self.when_prepared(lambda: self.migrate_outside(server, 'compute3'))
        self.live_migrate(server, status='ERROR', host='compute2')
        self.assertIn('host compute2 does not have it', self.fault_of(server))
        self.assertEqual('compute1', self.host_of(server))
        self.assertEqual('error', self.migration_of(server).status)
        self.assertIn('its LPAR is on host compute3',
                      self.reboot_again(server))
        self.assert_only_on('compute3', server)

    def test_target_does_not_answer(self):
        """Then Nova has it where it was to go, as the source cannot tell."""
        server = self.boot_on_first()

        def act():
            self.migrate_outside(server, 'compute2')
            self.cloud.kill('compute2')

        self.when_prepared(act)
        self.live_migrate(server, status='ERROR', host='compute2')
        self.assertEqual('compute2', self.host_of(server))
        self.cloud.start('compute2')
        self.assert_only_on('compute2', server)


class SlowOutsideTest(ElsewhereMixin, base.ScenarioCase):
    """An operator's migration is under way when the driver submits its own."""

    TIMING = live_migration.SLOW

    def begin_outside(self, server):
        self.hold(server, 'copy')
        self.migrate_outside(server, 'compute3')
        self.site.clock.advance(100)

    def migrations_asked(self):
        """Names of the jobs that compute1 was sent for migrations: list."""
        return [record['path'].rpartition('/')[2]
                for record in self.platform.journal.records()
                if '/do/Migrate' in record['path'] and
                record['method'] == 'PUT']

    def test_arrives(self):
        """The driver neither recovers nor stops it."""
        server = self.boot_on_first()
        self.platform.journal.clear()
        self.when_prepared(lambda: self.begin_outside(server))
        self.meanwhile(*[None] * 30, lambda: self.release(server))
        self.live_migrate(server, status='ERROR', host='compute2')
        self.assertEqual(['Migrate'] * 2, self.migrations_asked())
        self.assertIn('host compute2 does not have it', self.fault_of(server))
        self.assert_only_on('compute3', server)

    def test_stays(self):
        server, (_state, booted) = self.boot_and_look()
        self.when_prepared(lambda: self.begin_outside(server))

        def stop():
            with self.site.lock:
                outcomes.abort(self.lpar_on(server, 'compute1'))

        self.meanwhile(*[None] * 30, stop)
        self.live_migrate(server, host='compute2')
        self.assert_runs_on(server, 'compute1', booted)
        self.assertEqual('failed', self.migration_of(server).status)


class UnknownTest(ElsewhereMixin, base.ScenarioCase):
    """The LPAR has arrived at compute2, and Nova does not know."""

    TIMING = live_migration.SLOW

    def arrive_unseen(self):
        """compute1 loses its platform while a server moves to compute2."""
        self.flags(group='powervm', live_migration_timeout=300)
        server = self.boot_on_first()
        self.meanwhile(*[None] * 4, self.go_away)
        self.live_migrate(server, status='ERROR', host='compute2')
        self.platform.faults.clear()
        self.users.reset_state(self.walk_server(server))
        self._begin()
        return server

    def assert_refused(self, server):
        self.assertIn('its LPAR may be on host compute2',
                      self.fault_of(server))
        self.assertEqual('compute1', self.host_of(server))
        self.assert_only_on('compute2', server)

    def test_rebuild(self):
        server = self.arrive_unseen()
        self.users.rebuild(self.walk_server(server), 1)
        self.assert_refused(server)
        self.assertEqual(self.cloud.images[0],
                         self.instance_of(server).image_ref)

    def test_resize(self):
        self.flags(allow_resize_to_same_host=True)
        server = self.arrive_unseen()
        self.users.resize(self.walk_server(server), self.large, 'compute1')
        self.assert_refused(server)

    def test_cold_migration(self):
        server = self.arrive_unseen()
        self.users.resize(self.walk_server(server), host='compute3')
        self.assert_refused(server)

    def arrive_without_source(self):
        """nova-compute ends on compute1 while a server moves to compute2."""
        server, _before = self.interrupt('cleanup')
        self.release(server)
        self.site.clock.advance(60)
        self._begin()
        return server

    def test_evacuation(self):
        """It is possible once the LPAR is off there."""
        server = self.arrive_without_source()
        self.users.evacuate(self.walk_server(server), 'compute3')
        self.assertIn('its LPAR is on host compute2', self.fault_of(server))
        self.assertEqual('compute1', self.host_of(server))
        self.assert_only_on('compute2', server)
        with self.site.lock:
            self.lpar_on(server, 'compute2').halted()
        self.users.evacuate(self.walk_server(server), 'compute3')
        self.start(server)
        self.assertEqual({'compute2': 'not activated', 'compute3': 'running'},
                         self.lpars_of(server))

    def test_evacuation_without_the_target(self):
        """Both hosts are off, and nobody can be asked."""
        server = self.arrive_without_source()
        with self.site.lock:
            self.lpar_on(server, 'compute2').halted()
        self.cloud.kill('compute2')
        self.users.evacuate(self.walk_server(server), 'compute3')
        self.assertEqual('compute3', self.host_of(server))

    def test_both_were_killed(self):
        """The source starts first; no record stays open."""
        server, _before = self.interrupt('cleanup')
        self.cloud.kill('compute2')
        self.release(server)
        self.site.clock.advance(60)
        self.cloud.start('compute1')
        self.assertEqual('compute2', self.host_of(server))
        self.assertEqual('completed', self.migration_of(server).status)
        self.cloud.start('compute2')
        self.users.reset_state(self.walk_server(server))
        self.reboot(server, hard=True)
        self.assert_runs_on(server, 'compute2')

    def test_has_moved_on(self):
        """The source was killed at the very end, and starts much later."""
        server = self.boot_on_first()
        self.live_migrate(server, host='compute2')
        first = self.migration_of(server)
        first.status = 'running'
        first.save()
        self.cloud.kill('compute1')
        self.live_migrate(server, host='compute3')
        self.cloud.start('compute1')
        self.assertEqual('completed', objects.Migration.get_by_id(
            self.context, first.id).status)
        self.assert_runs_on(server, 'compute3')
