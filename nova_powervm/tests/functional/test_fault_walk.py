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

"""Break every single REST request of an operation, one after the other.

Whatever breaks, the server ends ACTIVE or ERROR, and after Nova has deleted
it the platform is as it was before.
"""

import threading

import fixtures as fx

from nova_powervm.tests.functional import base

#: What can go wrong with a request, as faults of the simulated site.
EFFECTS = {
    'error_500': {'effect': 'status', 'status': 500},
    'busy_503': {'effect': 'busy'},
    # A POST carries If-Match.
    'etag_412': {'effect': 'precondition', 'method': 'POST'},
    'dropped_before': {'effect': 'drop_before'},
    'dropped_after': {'effect': 'drop_after'},
}
#: All but the long poll for events, which no operation waits for.
NOT_THE_EVENT_POLL = '^(?!.*QUEUE_CLIENTKEY)'
#: An operation of this many requests does not end: give up on the walk.
ENDLESS = 100


class FaultWalkBase(base.PowerVMTestCase):
    """Walks over the requests of a spawn or of a destroy."""

    def setUp(self):
        super().setUp()
        # A busy VIOS is asked again, without the seconds in between.
        self.useFixture(fx.MockPatch('pypowervm.helpers.vios_busy.SLEEP'))
        # The first server fills the image cache.
        self.delete(self.boot())
        self.before = self.platform_state()
        self.threads_before = threading.active_count()

    def break_request(self, effect, number):
        """Let the number-th request from now on that may break, break."""
        self.platform.faults.clear()
        return self.platform.faults.add(dict(
            EFFECTS[effect], query=NOT_THE_EVENT_POLL, nth=number))

    def assert_as_before(self, what):
        self.assert_state_equal(self.before, self.platform_state(), what)

    def walk_spawn(self, effect):
        for number in range(1, ENDLESS):
            fault = self.break_request(effect, number)
            server = self.settled(self.start_boot())
            self.assertIn(server['status'], ('ACTIVE', 'ERROR'))
            self.platform.faults.clear()
            self.assertIsNone(self.delete(server))
            self.assert_as_before('%s at request %d of spawn: %s' % (
                effect, number, fault.data()))
            if not fault.applied:
                return number - 1
        self.fail('Spawn does not end.')

    def walk_destroy(self, effect):
        for number in range(1, ENDLESS):
            server = self.boot()
            fault = self.break_request(effect, number)
            left = self.delete(server)
            self.platform.faults.clear()
            if left:
                self.assertEqual('ERROR', left['status'])
                self.assertIsNone(self.delete(server))
            self.assert_as_before('%s at request %d of destroy: %s' % (
                effect, number, fault.data()))
            if not fault.applied:
                return number - 1
        self.fail('Destroy does not end.')


class FaultWalkSpawnTest(FaultWalkBase):

    def test_error_500(self):
        self.assertGreater(self.walk_spawn('error_500'), 10)

    def test_busy_503(self):
        self.assertGreater(self.walk_spawn('busy_503'), 10)

    def test_etag_412(self):
        self.assertGreater(self.walk_spawn('etag_412'), 1)

    def test_dropped_before(self):
        self.assertGreater(self.walk_spawn('dropped_before'), 10)

    def test_dropped_after(self):
        self.assertGreater(self.walk_spawn('dropped_after'), 10)


class FaultWalkDestroyTest(FaultWalkBase):

    def test_error_500(self):
        self.assertGreater(self.walk_destroy('error_500'), 8)

    def test_busy_503(self):
        self.assertGreater(self.walk_destroy('busy_503'), 8)

    def test_etag_412(self):
        self.assertGreater(self.walk_destroy('etag_412'), 1)

    def test_dropped_before(self):
        self.assertGreater(self.walk_destroy('dropped_before'), 8)

    def test_dropped_after(self):
        self.assertGreater(self.walk_destroy('dropped_after'), 8)
