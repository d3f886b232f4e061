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

"""Running servers move, with what their flavors say of processors."""

from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import live_migration

_AFFINITY = {'powervm:enforce_affinity_check': 'true'}


class ProcessorsTest(live_migration.LiveMigrationMixin, base.ScenarioCase):

    @classmethod
    def load_profile(cls):
        """Each host has the pools in another order, with other numbers."""
        profile = powervm_fixtures.load_profile(cls.PROFILE)
        for host, names in zip(profile['hosts'], (
                ('red', 'blue', 'first'), ('blue', 'red')), strict=True):
            host.setdefault('misc', {})['processor_pools'] = [
                {'name': name, 'maximum_units': 4} for name in names]
        return profile

    def boot_with(self, **extra_spec):
        """Make a server on compute1; returns what boot_and_look() does."""
        server = self.boot_on_first(flavor_id=self.make_flavor(
            extra_spec=extra_spec))
        return server, (self.platform_state(),
                        self.lpar_on(server, 'compute1').boot_time)

    def pool_on(self, server, host):
        """Name of the pool that its processors are from on a host."""
        number = self.lpar_on(server, host).processors.pool_id
        return next(pool.name for pool in self.simulated_host(host).store.all(
            'SharedProcessorPool') if pool.pool_id == number)

    def test_pool(self):
        server, _before = self.boot_with(
            **{'powervm:shared_proc_pool_name': 'blue'})
        for host in ('compute2', 'compute1'):
            self.live_migrate(server)
            self.assertEqual([], self.cloud.failures)
            self.assert_runs_on(server, host)
            self.assertEqual('blue', self.pool_on(server, host))

    def check_refused(self, reason, **extra_spec):
        server, before = self.boot_with(**extra_spec)
        self.live_migrate(server)
        self.assert_stayed(server, before, 'error')
        self.assertIn(reason, self.fault_of(server))

    def test_pool_is_missing(self):
        self.check_refused(
            'has 0 shared processor pools with the name first',
            **{'powervm:shared_proc_pool_name': 'first'})

    def check_affinity(self, score, **extra_spec):
        """Move a server to a target with a score.

        :returns: as boot_with()
        """
        self.set_affinity_capability('compute1', 'compute2')
        self.set_system(affinity_score=score)
        server, before = self.boot_with(**extra_spec)
        self.live_migrate(server)
        return server, before

    def test_affinity_is_as_good(self):
        server, before = self.check_affinity(100, **_AFFINITY)
        self.assert_runs_on(server, 'compute2', before[1])

    def test_affinity_would_be_worse(self):
        """The platform refuses it, and the server stays."""
        server, before = self.check_affinity(99, **_AFFINITY)
        self.assert_stayed(server, before)
        self.assertIn('The affinity score', self.logger.output)

    def test_worse_affinity_is_not_minded(self):
        server, before = self.check_affinity(99)
        self.assert_runs_on(server, 'compute2', before[1])

    def set_affinity_capability(self, *hosts):
        """Let some hosts be capable of the check, and have them read that."""
        for host in ('compute1', 'compute2'):
            system = self.simulated_host(host).system
            with self.site.lock:
                system.spec['migration']['affinity_check'] = host in hosts
                system.touch('Other')
            self.addCleanup(system.spec['migration'].pop, 'affinity_check')
            with self.cloud.on(host):
                self.cloud.compute(host).driver.services.host.get_system()

    def test_target_cannot_check_affinity(self):
        self.set_affinity_capability('compute1')
        self.check_refused('cannot check the affinity', **_AFFINITY)

    def set_capability(self, name, value, host='compute2'):
        """Change what a system is capable of until the test ends."""
        system = self.simulated_host(host).system
        capabilities = system.spec['capabilities']

        def set_to(now):
            with self.site.lock:
                capabilities[name] = now
                system.touch('Other')

        self.addCleanup(set_to, capabilities.get(name, True))
        set_to(value)

    def test_target_cannot_migrate(self):
        self.set_capability('ActiveLogicalPartitionMobilityCapable', False)
        self.check_refused('the target system')

    def test_source_cannot_migrate(self):
        self.set_capability('ActiveLogicalPartitionMobilityCapable', False,
                            'compute1')
        with self.cloud.on('compute1'):
            self.driver.services.host.get_system()
        self.check_refused('the source system')

    def set_system(self, **settings):
        """Change the system of the target until the test ends."""
        system = self.simulated_host('compute2').system

        def set_to(values):
            with self.site.lock:
                for name, value in values.items():
                    setattr(system, name, value)
                system.touch('Other')

        self.addCleanup(set_to, {name: getattr(system, name)
                                 for name in settings})
        set_to(settings)

    def test_memory_blocks(self):
        self.set_system(region_mb=128)
        self.check_refused('logical memory blocks')

    def test_mode(self):
        system = self.simulated_host('compute2').system
        modes = system.spec['compatibility_modes']

        def set_to(names):
            with self.site.lock:
                modes[:] = names
                system.touch('Other')

        self.addCleanup(set_to, list(modes))
        set_to(['POWER11'])
        self.check_refused('which has POWER11')

    def test_rmc(self):
        server, _before = self.boot_with()
        with self.site.lock:
            self.lpar_on(server, 'compute1').set_rmc('inactive')
        before = self.platform_state()
        self.live_migrate(server)
        self.assertIn('RMC connection', self.fault_of(server))
        self.assertEqual('error', self.migration_of(server).status)
        self.assert_state_equal(before, self.platform_state(), 'refused')
        with self.site.lock:
            self.lpar_on(server, 'compute1').set_rmc('active')
        self.assert_moves_again(server)
