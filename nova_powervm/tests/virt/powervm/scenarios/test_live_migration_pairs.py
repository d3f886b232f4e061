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

"""Two live migrations at the same time, and hosts that have no room."""

from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import live_migration


class PairBase(live_migration.LiveMigrationMixin, base.ScenarioCase):

    TIMING = live_migration.SLOW

    def boot_two(self, second='compute1'):
        """Make two servers.

        :param second: Nova's name of the host of the second one
        """
        return self.boot_on_first(), self.boot(
            flavor_id=self.small, host=second,
            networks=[{'port': self.neutron.port_2['id']}])

    def in_the_copy(self, server, act):
        """Move a server, and do something while its memory is copied."""
        self.hold(server, 'copy')
        self.meanwhile(*[None] * 14, act)
        self.live_migrate(server)

    def statuses(self, *servers):
        return [self.migration_of(server).status for server in servers]


class PairTest(PairBase):

    def check(self, second, target):
        """The second moves as a whole while the first is in its copy."""
        one, two = self.boot_two(second)
        booted = [self.lpar_on(one, 'compute1').boot_time,
                  self.lpar_on(two, second).boot_time]

        def move():
            self.live_migrate(two)
            self.assert_runs_on(two, target, booted[1])
            self.release(one)

        self.in_the_copy(one, move)
        self.assert_runs_on(one, 'compute2', booted[0])
        self.assert_runs_on(two, target, booted[1])
        self.assertEqual(['completed'] * 2, self.statuses(one, two))
        for server in (one, two):
            self.reboot(server, hard=True)
            self.assertIsNone(self.delete(server))
        self.assert_state_equal(self.empty, self.platform_state(), 'deleted')

    def test_same_way(self):
        self.check('compute1', 'compute2')

    def test_opposite_ways(self):
        self.check('compute2', 'compute1')

    def test_first_is_stopped(self):
        one, two = self.boot_two()
        booted = self.lpar_on(one, 'compute1').boot_time

        def stop():
            self.assertIsNone(self.users.abort_live_migration(
                self.walk_server(one)))
            self.live_migrate(two)

        self.in_the_copy(one, stop)
        self.assert_runs_on(one, 'compute1', booted)
        self.assert_runs_on(two, 'compute2')
        self.assertEqual(['cancelled', 'completed'], self.statuses(one, two))

    def test_second_fails(self):
        one, two = self.boot_two()
        booted = self.lpar_on(two, 'compute1').boot_time

        def fail():
            self.break_migration('copy')
            self.live_migrate(two)
            self.assert_runs_on(two, 'compute1', booted)
            self.release(one)

        self.in_the_copy(one, fail)
        self.assert_runs_on(one, 'compute2')
        self.assertEqual(['completed', 'failed'], self.statuses(one, two))

    def test_same_server(self):
        """The platform moves it already, and Nova does not know."""
        server = self.boot_on_first()

        def move():
            instance = self.instance_of(server)
            instance.task_state = None
            instance.save()
            self.users.live_migrate(self.walk_server(server))
            instance = self.instance_of(server)
            instance.task_state = 'migrating'
            instance.save()
            self.release(server)

        self.in_the_copy(server, move)
        self.assert_runs_on(server, 'compute2')
        self.assertIn('an earlier live migration of the server has not ended',
                      self.fault_of(server))


class LimitTest(PairBase):
    """A host takes part in only so many migrations."""

    def limit(self, host, number):
        """Set how many a host takes part in at once."""
        system = self.simulated_host(host).system
        most = system.spec['migration']['max_active']

        def set_most(value):
            with self.site.lock:
                system.spec['migration']['max_active'] = value
                system.touch('Other')

        self.addCleanup(set_most, most)
        set_most(number)

    def check(self, host):
        """The second is refused before anything is done."""
        self.limit(host, 1)
        one, two = self.boot_two()
        booted = self.lpar_on(two, 'compute1').boot_time

        def move():
            before = self.platform_state()
            self.live_migrate(two)
            self.assertIn('1 migrations are in progress on the',
                          self.fault_of(two))
            self.assert_state_equal(before, self.platform_state(), 'refused')
            self.release(one)

        self.in_the_copy(one, move)
        self.assert_runs_on(one, 'compute2')
        self.assert_runs_on(two, 'compute1', booted)
        self.assertEqual(['completed', 'error'], self.statuses(one, two))
        self.live_migrate(two)
        self.assert_runs_on(two, 'compute2', booted)

    def test_of_the_source(self):
        self.check('compute1')

    def test_of_the_target(self):
        self.check('compute2')

    def check_late(self, refuse, allow, reason):
        """The platform refuses what the checks have let pass.

        :param refuse: called when the driver submits the job
        :param allow: called at the end
        :param reason: str, which the log has
        """
        server, before = self.boot_and_look()
        self.simulated_host('compute1').faults.add(
            {'method': 'PUT', 'path': '/do/Migrate$'},
            lambda _method, _path: refuse())
        self.live_migrate(server)
        allow()
        self.assert_stayed(server, before)
        self.assertIn(reason, self.logger.output)
        self.assert_moves_again(server)

    def set_vioses(self, **settings):
        for vios in self.simulated_host('compute2').store.all(
                'VirtualIOServer'):
            for name, value in settings.items():
                setattr(vios, name, value)

    def test_is_reached_after_the_checks(self):
        self.check_late(lambda: self.set_vioses(mover_max=0),
                        lambda: self.set_vioses(mover_max=8),
                        'The limit of the mover service partitions')

    def test_nobody_can_move_it(self):
        self.check_late(lambda: self.set_vioses(mover=False),
                        lambda: self.set_vioses(mover=True),
                        'has no mover service partition')

    def test_memory_is_taken(self):
        system = self.simulated_host('compute2').system
        installed = system.memory_mb

        def resize(memory_mb):
            with self.site.lock:
                system.memory_mb = memory_mb

        self.check_late(
            lambda: resize(installed - system.available_memory_mb + 1024),
            lambda: resize(installed), 'There is not enough memory')
