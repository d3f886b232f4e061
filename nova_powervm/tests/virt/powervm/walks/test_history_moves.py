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
from nova_powervm.tests.virt.powervm.walks import history_case
from nova_powervm.tests.virt.powervm.walks import history_moves
from nova_powervm.tests.virt.powervm.walks import history_rules
from nova_powervm.tests.virt.powervm.walks import ledger
from nova_powervm.tests.virt.powervm.walks import platforms
from nova_powervm.tests.virt.powervm.walks import view


def cases(*found):
    """Give a class a test for each case, named by it.

    :param found: tuples (phase, event, number of the host that the server is
        on then)
    """
    def make_test(case):
        return lambda self: self.check(*case)

    def decorate(cls):
        for phase, event, host in found:
            setattr(cls, 'test_%s_in_%s' % (event.replace(' ', '_'), phase),
                    make_test((phase, event, host)))
        return cls
    return decorate


class EventsCase(history_case.HistoryCase):
    """A server moves, and something happens half-way.

    :cvar VOLUMES: tuple of int; the server boots from the first of them
    :cvar OTHER: the same, of another server
    :cvar TARGET: tuple, the host that it goes to if there are more than two
    """

    VOLUMES = OTHER = TARGET = ()

    def check(self, phase, event, host):
        played = self.stage.begin()
        self.make(played, 1, self.VOLUMES)
        if event.endswith('others'):
            self.make(played, 2, self.OTHER)
        played.live_migrate_until(1, phase, event, *self.TARGET)
        for number in played.hosts:
            if not played.is_up(number):
                played.start_compute(number)
        if played.stuck():
            played.mend(1)
        self.assertEqual(('active', host), (played.servers[1].status,
                                            played.host_number(1)))
        self.assertLessEqual({volumes.VOLUME % number
                              for number in self.VOLUMES},
                             view.writable(played.lpar(1)))
        self.stage.end(played, failed=False)

    @staticmethod
    def make(played, host, own):
        played.make(host, 'small', own, bool(own))


@cases(('validate', 'kill source', 2), ('prepare', 'stop source', 2),
       ('prepare', 'failed', 1), ('copy', 'kill source early', 1),
       ('copy', 'stuck', 1), ('copy', 'move others', 2),
       ('copy', 'reboot others', 2), ('switch', 'kill target', 2),
       ('cleanup', 'kill source', 2), ('cleanup', 'stuck', 2))
class EventsTest(EventsCase):
    """Servers with their disks in a pool."""

    PLATFORM = platforms.TWO_POOL

    def test_two_that_write_half_way_are_seen(self):
        """The look at both hosts half-way is no formality."""
        played = self.stage.begin()
        played.make(1)
        played.watch.unsafe = lambda: ['both write']
        error = self.assertRaises(
            history.Broken, played.live_migrate_until, 1, 'copy', 'look')
        self.assertIn('both write', str(error))
        self.stage.end(played, failed=False)


@cases(('copy', 'kill source early', 1), ('copy', 'move others', 2),
       ('switch', 'kill target', 2), ('cleanup', 'kill source', 2))
class VscsiEventsTest(EventsCase):
    """Servers that boot from volumes, and share one."""

    PLATFORM = platforms.TWO_VSCSI
    VOLUMES, OTHER = (1, 2, history.SHARED), (3, history.SHARED)

    def test_a_disk_of_its_host_keeps_a_server(self):
        played = self.stage.begin()
        self.make(played, 1, ())
        self.make(played, 1, (1,))
        self.assertEqual([False, True], [
            history_rules.is_allowed(played, 'live_migrate', (number,))
            for number in (1, 2)])
        self.stage.end(played, failed=False)

    def test_a_guest_that_has_lost_a_volume_is_seen(self):
        played = self.stage.begin()
        self.make(played, 1, (1, 2))
        guest = played._guest(1)
        played.detach(1, 2)
        error = self.assertRaises(history.Broken, played._expect_guest, 1,
                                  guest, True)
        self.assertIn('has lost', str(error))
        self.stage.end(played, failed=False)

    def test_a_guest_that_was_started_again_is_seen(self):
        played = self.stage.begin()
        self.make(played, 1, (1,))
        guest = played._guest(1)
        played.cloud.site.clock.advance(60)
        played.hard_reboot(1)
        error = self.assertRaises(history.Broken, played._expect_guest, 1,
                                  guest, False)
        self.assertIn('started again', str(error))
        self.stage.end(played, failed=False)


@cases(('prepare', 'failed', 1), ('copy', 'move others', 2),
       ('cleanup', 'kill source', 2))
class NpivEventsTest(EventsCase):
    """The same, with adapters of their own."""

    PLATFORM = platforms.TWO_NPIV
    VOLUMES, OTHER = VscsiEventsTest.VOLUMES, VscsiEventsTest.OTHER


@cases(('copy', 'abort', 1), ('copy', 'kill source early', 1),
       ('copy', 'move others', 3), ('switch', 'kill target', 3),
       ('cleanup', 'kill source', 3))
class HmcEventsTest(EventsCase):
    """Servers on the first and the third of three systems of one HMC."""

    PLATFORM = platforms.HMC_POOL
    TARGET = (3,)


class HmcVscsiEventsTest(history_case.HistoryCase):
    """Without a pool in use, though the site has one."""

    PLATFORM = platforms.HMC_VSCSI

    def test_a_disk_of_its_host_keeps_a_server(self):
        played = self.stage.begin()
        played.make(2, 'small', (1,), True)
        played.make(2, 'with disks', (2,), True)
        for target in (1, 2, 3):
            self.assertEqual([target != 2, False], [
                history_rules.is_allowed(played, 'live_migrate',
                                         (number, target))
                for number in (1, 2)])
        self.stage.end(played, failed=False)


class SharedVolumeTest(testtools.TestCase):
    """What is said of a volume that several servers may have."""

    def test_several_servers_may_write(self):
        self.assertEqual([], ledger.on_several_hosts(['a of x', 'b of y']))

    def test_one_server_may_not_on_two_hosts(self):
        self.assertEqual(['a of x', 'a of y'], ledger.on_several_hosts(
            ['a of x', 'a of y', 'b of y']))


class ChoicesTest(testtools.TestCase):

    def test_all_phases_and_events_are_offered(self):
        offered = history_moves.choices()
        self.assertEqual(set(history_moves.EVENTS),
                         {event for _phase, event in offered})
        self.assertNotIn(('cleanup', 'kill source early'), offered)


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
