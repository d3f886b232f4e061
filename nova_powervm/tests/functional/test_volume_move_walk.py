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

"""Any request breaks while a server with Cinder volumes changes its host."""

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import test_fault_walk
from nova_powervm.tests.functional import test_move_walk
from nova_powervm.tests.functional import test_npiv_moves
from nova_powervm.tests.functional import test_volume_moves

#: A request that is refused, and one that is done though nobody is told; the
#: other effects differ in what pypowervm makes of them, not in what is left.
EFFECTS = ('error_500', 'dropped_after')


class VolumeMigrationWalkMixin(test_move_walk.MigrationWalkMixin):
    """It comes before test_volume_moves.ColdMigrationMixin.

    An array gives a volume that comes back another place: each walk is over
    a new server, and nothing may be left of it.
    """

    MADE_WITH = HAS = (1,)

    def setUp(self):
        super().setUp()
        self.make_server()

    def make_server(self):
        """See MigrationWalkMixin."""
        self.look_at('compute1')
        self.server = self.boot_server()

    def assert_back(self, message):
        """See MoveWalkMixin."""
        self.assertEqual(
            'running', self.lpars_of(self.server)['compute1'], message)
        self.look_at('compute1')
        self.assert_usable(message)

    def assert_usable(self, message):
        """See MigrationWalkMixin."""
        self.assert_whole(self.server)
        self.start_over(message)

    def assert_empty(self, message):
        super().assert_empty(message)
        self.assert_detached()


class VscsiMixin(VolumeMigrationWalkMixin,
                 test_volume_moves.ColdMigrationMixin):
    pass


class NpivMixin(VolumeMigrationWalkMixin, test_npiv_moves.NpivMigrationMixin):
    pass


@test_fault_walk.walks('leave', 9, effects=EFFECTS)
class VscsiLeaveTest(VscsiMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('arrive', 14, effects=EFFECTS)
class VscsiArriveTest(VscsiMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('confirm', 7, effects=EFFECTS)
class VscsiConfirmTest(VscsiMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('revert_at_target', 9, effects=EFFECTS)
class VscsiRevertAtTargetTest(VscsiMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('revert_at_source', 8, effects=EFFECTS)
class VscsiRevertAtSourceTest(VscsiMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('leave', 6, effects=EFFECTS)
class NpivLeaveTest(NpivMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('arrive', 10, effects=EFFECTS)
class NpivArriveTest(NpivMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('confirm', 7, effects=EFFECTS)
class NpivConfirmTest(NpivMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('revert_at_target', 7, effects=EFFECTS)
class NpivRevertAtTargetTest(NpivMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('revert_at_source', 7, effects=EFFECTS)
class NpivRevertAtSourceTest(NpivMixin, base.PowerVMTestCase):
    pass
