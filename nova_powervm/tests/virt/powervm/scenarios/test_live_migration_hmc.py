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

"""Running servers move between two systems of one HMC.

Tests of two NovaLinks run here, too. Both systems have the LPAR while it
moves, with the same UUID.
"""

from nova_powervm.tests.virt.powervm.scenarios import (
    test_live_migration as moves)
from nova_powervm.tests.virt.powervm.scenarios import (
    test_live_migration_end as end)
from nova_powervm.tests.virt.powervm.scenarios import (
    test_live_migration_meanwhile as meanwhile)
from nova_powervm.tests.virt.powervm.scenarios import (
    test_live_migration_npiv as npiv)
from nova_powervm.tests.virt.powervm.scenarios import (
    test_live_migration_pairs as pairs)
from nova_powervm.tests.virt.powervm.scenarios import (
    test_live_migration_trouble as trouble)
from nova_powervm.tests.virt.powervm.scenarios import (
    test_live_migration_volumes as volumes)
from nova_powervm.tests.virt.powervm.scenarios import live_migration


def only(*names):
    """Leave out all tests of a class but some, as each costs time."""
    def choose(cls):
        found = [name for name in dir(cls) if name.startswith('test_')]
        assert set(names) <= set(found), names
        for name in set(found) - set(names):
            setattr(cls, name, None)
        return cls

    return choose


@only('test_moves', 'test_there_and_back', 'test_checks_change_nothing',
      'test_operations_after_it', 'test_fails_before_the_switch',
      'test_is_stuck_after_the_switch', 'test_answer_to_the_job_is_lost')
class MoveTest(live_migration.HmcMixin, trouble.PlatformTest,
               moves.LiveMigrationTest):
    """The phases take no time."""

    def test_operations_after_it(self):
        server = self.boot_on_first()
        self.live_migrate(server)
        self.reboot(server)
        self.reboot(server, hard=True)
        self.assert_runs_on(server, 'compute2')
        self.attach_port(server)
        self.detach_port(server, 2)
        self.assert_runs_on(server, 'compute2')
        self.act(server, 'rebuild', {'imageRef': self.image_id})
        self.assert_runs_on(server, 'compute2')
        self.live_migrate(server)
        self.stop(server)
        self.start(server)
        self.assert_runs_on(server, 'compute1')
        self.assertEqual([], self.media_of('compute2'))
        self.assert_gone(server)


class BudgetTest(live_migration.HmcMixin, moves.BudgetTest):
    """How many requests it takes: two more than on two NovaLinks."""

    BARE = moves.BudgetTest.BARE + 2
    WITH_CONFIG_DRIVE = moves.BudgetTest.WITH_CONFIG_DRIVE + 2


@only('test_copy', 'test_after_the_switch', 'test_opposite_ways',
      'test_record_is_lost_and_it_moves', 'test_server_is_deleted',
      'test_server_is_deleted_after_the_switch',
      'test_starts_again_in_the_copy', 'test_starts_again_after_the_arrival',
      'test_target_starts_after_the_switch', 'test_nobody_knows',
      'test_it_moves')
class SlowTest(live_migration.HmcMixin, end.EndTest, trouble.AbortTest,
               trouble.SlowTest, pairs.PairTest, meanwhile.StormTest):
    """The phases last, and something happens meanwhile."""

    WHY_NOT = 'The HMC has the LPAR on'


@only('test_there_and_back', 'test_shared_volume')
class VolumesTest(live_migration.HmcMixin, volumes.VolumesTest):
    """It boots from a volume, and has another one."""


@only('test_there_and_back')
class NpivTest(live_migration.HmcMixin, npiv.NpivTest):
    """It has volumes through NPIV."""
