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

"""What is done on one system of an HMC, and seen on others."""

import types

from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.virt.powervm import hmc_base
from nova_powervm.tests.virt.powervm.walks import history
from nova_powervm.tests.virt.powervm.walks import history_case
from nova_powervm.tests.virt.powervm.walks import history_hmc
from nova_powervm.tests.virt.powervm.walks import platforms
from nova_powervm.tests.virt.powervm.walks import systems


class WatchTest(hmc_base.HmcTestCase):

    def setUp(self):
        super().setUp()
        self.cloud = types.SimpleNamespace(
            site=self.site, platform=platforms.HMC_POOL,
            host_of=lambda name: self.site.hosts[int(name[-1]) - 1])
        self.watch = systems.Watch(self.cloud)

    def seen(self, act, *names):
        """What is seen of a change: str, empty if nothing is."""
        try:
            with self.watch.stay(*names):
                act()
        except systems.Changed as exc:
            return str(exc)
        return ''

    def test_the_system_itself(self):
        self.assertEqual('', self.seen(
            lambda: self.simulated.operator.create_partition('new'),
            'compute2'))

    def test_another_system(self):
        for host in self.others:
            self.assertIn(host.name, self.seen(
                lambda: host.operator.create_partition('new'), 'compute2'))
            self.assertIn('bytes', self.seen(
                lambda: host.operator.create_disk(
                    'vios1', 'datavg', 'new', 1024 ** 2, b'bytes'),
                'compute2'))

    def test_no_system(self):
        self.assertIn('server2', self.seen(
            lambda: self.simulated.operator.create_partition('new')))

    def test_systems_of_a_migration(self):
        """The one to which a server moves may change, and no other."""
        for moves, name, changed in (
                ([('compute2', 'compute3')], 'one', ['server1']),
                ([('compute1', 'compute3')], 'two', ['server1', 'server3'])):
            self.watch = systems.Watch(self.cloud, lambda: moves)
            self.assertEqual(changed, [
                host.name for host in self.others if self.seen(
                    lambda: host.operator.create_partition(name),
                    'compute2')])

    def test_what_they_share(self):
        self.assertEqual('', self.seen(
            lambda: self.simulated.operator.create_logical_unit(
                'new', 1024 ** 2, b'bytes')))

    def test_root_feed(self):
        client = self.useFixture(powervm_fixtures.Client(self.simulated))
        path = '/rest/api/uom/LogicalPartition'
        self.assertIn(path, self.seen(lambda: client.get(path)))
        self.assertEqual('', self.seen(lambda: None))

    def test_without_hmc(self):
        self.cloud.platform = platforms.POOL
        self.assertEqual('', self.seen(
            lambda: self.others[0].operator.create_partition('new')))


class MoveAwayTest(history_case.HistoryCase):
    """A move that is not refused is no formality."""

    PLATFORM = platforms.HMC_POOL

    def test_a_change_is_seen(self):
        played = self.stage.begin()
        played.make(2)
        self.assertEqual(
            {(way, host) for way in history_hmc.WAYS for host in (1, 3)},
            {choice[1:] for choice in history_hmc.choices(played)})
        for way in history_hmc.WAYS:
            played.move_away(1, way, 3)
            played.start_compute(2)
            if played.stuck():
                played.mend(1)
        self.patch(played, '_do', lambda *_args: played.lpar(1).halted())
        error = self.assertRaises(history.Broken, played.move_away, 1,
                                  'migrate', 3)
        self.assertIn('the move of server 1 was to be refused', str(error))
