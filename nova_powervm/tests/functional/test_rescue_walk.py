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


"""Faults at every request of a rescue, and of its end."""

import fixtures as fx

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import platforms
from nova_powervm.tests.functional import test_fault_walk
from nova_powervm.tests.functional import test_rescue


class RescueWalkMixin(test_fault_walk.FaultWalkMixin,
                      test_rescue.RescueMixin):
    """Walks over the requests of a rescue, and of its end."""

    def setUp(self):
        super().setUp()
        self.useFixture(fx.MockPatch('pypowervm.wrappers.job.time.sleep'))
        self.server = self.boot()
        self.before = self.resting_state()
        self.off = self.stopped_state()

    def stopped_state(self):
        """What the platform is like when the server is off."""
        self.act(self.server, 'os-stop')
        off = self.resting_state()
        self.act(self.server, 'os-start')
        return off

    def walk_rescue(self, effect):
        return self.walk(effect, test_fault_walk.Operation(
            act=lambda _none: self.rescue(self.server),
            undo=self.undo_rescue))

    def undo_rescue(self, _none, server, message):
        if server['status'] == 'RESCUE':
            self.assert_boots_from('r', server)
            self.assertEqual('ACTIVE', self.unrescue(server)['status'],
                             message)
        else:
            # Its disks are as they were, and it is off, unless it would not
            # go off.
            self.assertEqual('ERROR', server['status'], message)
            if self.lpar_of(server)['state'] != 'running':
                self.assert_state_equal(self.off, self.resting_state(),
                                        message)
            self.assertEqual('ACTIVE', self.reboot(server)['status'], message)
        self.assert_boots_from('b', server)
        self.assert_state_equal(self.before, self.resting_state(), message)

    def walk_unrescue(self, effect):
        return self.walk(effect, test_fault_walk.Operation(
            prepare=lambda: self.rescue(self.server),
            act=self.unrescue, undo=self.undo_unrescue))

    def undo_unrescue(self, _server, server, message):
        if server['status'] != 'ACTIVE':
            self.assertEqual('ERROR', server['status'], message)
            self.assertEqual('ACTIVE', self.reboot(server)['status'], message)
        self.assert_boots_from('b', server)
        # A disk that is unmapped, but could not be deleted, goes with the
        # next rescue.
        self.assertEqual('RESCUE', self.rescue(server)['status'], message)
        self.assertEqual('ACTIVE', self.unrescue(server)['status'], message)
        self.assert_boots_from('b', server)
        self.assert_state_equal(self.before, self.resting_state(), message)


@test_fault_walk.walks('rescue', 7)
class RescueTest(RescueWalkMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('unrescue', 7)
class UnrescueTest(RescueWalkMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('rescue', 7, with_etag=1)
class RescueOnSharedPoolTest(platforms.SharedPool, RescueWalkMixin,
                             base.PowerVMTestCase):
    pass


@test_fault_walk.walks('unrescue', 7, with_etag=1)
class UnrescueOnSharedPoolTest(platforms.SharedPool, RescueWalkMixin,
                               base.PowerVMTestCase):
    pass
