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

"""Live migrations in histories: what happens half-way, and what went wrong."""

import fixtures as fx
import testtools

from nova_powervm.tests.functional import volumes
from nova_powervm.tests.virt.powervm.walks import histories
from nova_powervm.tests.virt.powervm.walks import history
from nova_powervm.tests.virt.powervm.walks import history_moves
from nova_powervm.tests.virt.powervm.walks import history_rules
from nova_powervm.tests.virt.powervm.walks import platforms
from nova_powervm.tests.virt.powervm.walks import view


#: (phase, event, number of the host that the server is on then).
CASES = (
    ('validate', 'kill source', 2), ('prepare', 'stop source', 2),
    ('prepare', 'failed', 1), ('copy', 'kill source early', 1),
    ('copy', 'stuck', 1), ('copy', 'move others', 2),
    ('copy', 'reboot others', 2), ('switch', 'kill target', 2),
    ('cleanup', 'kill source', 2), ('cleanup', 'stuck', 2),
)


def cases(cls):
    """Give a class a test for each of the CASES, named by it."""
    for phase, event, host in CASES:
        def test(self, case=(phase, event, host)):
            self.check(*case)
        setattr(cls, 'test_%s_in_%s' % (event.replace(' ', '_'), phase), test)
    return cls


@cases
class EventsTest(testtools.TestCase):
    """A server moves in a pool, and something happens half-way.

    All tests of the class use one cloud.
    """

    _stage = None

    @classmethod
    def tearDownClass(cls):
        if cls._stage is not None:
            cls._stage.drop()
            cls._stage = None
        super().tearDownClass()

    def setUp(self):
        super().setUp()
        self.useFixture(fx.FakeLogger(level='WARNING'))
        if EventsTest._stage is None:
            EventsTest._stage = histories.Stage(platforms.TWO_POOL)
        self.stage = EventsTest._stage
        self.addOnException(lambda _exc_info: self.stage.drop())

    def check(self, phase, event, host):
        played = self.stage.begin()
        played.make(1)
        if event.endswith('others'):
            played.make(2)
        played.live_migrate_until(1, phase, event)
        for number in played.hosts:
            if not played.is_up(number):
                played.start_compute(number)
        if played.stuck():
            played.mend(1)
        self.assertEqual(('active', host), (played.servers[1].status,
                                            played.host_number(1)))
        self.stage.end(played, failed=False)

    def test_two_that_write_half_way_are_seen(self):
        """The look at both hosts half-way is no formality."""
        played = self.stage.begin()
        played.make(1)
        played.watch.unsafe = lambda: ['both write']
        error = self.assertRaises(
            history.Broken, played.live_migrate_until, 1, 'copy', 'look')
        self.assertIn('both write', str(error))
        self.stage.end(played, failed=False)


class ChoicesTest(testtools.TestCase):

    def test_all_phases_and_events_are_offered(self):
        offered = history_moves.choices()
        self.assertLessEqual({case[:2] for case in CASES}, set(offered))
        self.assertEqual(set(history_moves.EVENTS),
                         {event for _phase, event in offered})
        self.assertNotIn(('cleanup', 'kill source early'), offered)

    def test_only_a_pool_has_them(self):
        moves = {number for number, rule in enumerate(history_rules.RULES)
                 if rule.step.startswith('live_migrate')}
        self.assertLess(moves, set(history_rules.deck(platforms.TWO_POOL)))
        self.assertEqual(set(), moves & set(
            history_rules.deck(platforms.TWO_NPIV)))


class RegressionTest(testtools.TestCase):
    """Histories that failed once."""

    def setUp(self):
        super().setUp()
        self.useFixture(fx.FakeLogger())

    def test_config_drives_of_one_deleted_while_it_moved(self):
        """Each VIOS of the source has one; nobody else looks for them."""
        def steps(history):
            history.make(1)
            history.lose(1)
            history.vios_down(1, 'vios1')
            history.hard_reboot(1)
            history.start_compute(1)
            history.live_migrate(1)
            history.live_migrate(1)
            history.live_migrate_until(1, 'validate', 'kill source')
            history.delete(1)
            history.end()
        histories.play(platforms.TWO_POOL, steps)

    def test_wwpns_of_a_server_whose_target_was_killed(self):
        """The target does not hear that the server has arrived."""
        def steps(history):
            history.make(1, 'small', (1,), True)
            history.live_migrate_until(1, 'validate', 'kill target')
            history.start_compute(2)
            history.mend(1)
            history.live_migrate(1)
            history.end()
        histories.play(platforms.TWO_NPIV, steps)

    def test_volume_for_a_server_whose_target_was_killed(self):
        """It keeps its WWPNs, and its guest sees the volume."""
        def steps(history):
            history.make(1, 'small', (1,), True)
            history.live_migrate_until(1, 'switch', 'kill target')
            history.start_compute(2)
            history.api.reset_state(history.servers[1], 'active')
            history.attach(1, 2)
            self.assertEqual(
                {volumes.VOLUME % number for number in (1, 2)},
                view.writable(history.lpar(1)))
            history.live_migrate(1)
            history.end()
        histories.play(platforms.TWO_NPIV, steps)
