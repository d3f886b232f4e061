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

import dataclasses
import typing

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


@dataclasses.dataclass
class Operation:
    """Something that is to survive the break of any of its requests.

    :ivar act: called with what prepare() returned; does what is broken, and
        returns the server as it is afterwards.
    :ivar undo: called with the same, with what act() returned, and with a
        text for failures; checks the outcome, and makes everything as it was
        before prepare().
    :ivar prepare: makes what the operation needs.
    """

    act: typing.Callable
    undo: typing.Callable
    prepare: typing.Callable = lambda: None


class FaultWalkMixin:
    """Walks over the requests of operations."""

    def setUp(self):
        super().setUp()
        # A busy VIOS is asked again, without the seconds in between.
        self.useFixture(fx.MockPatch('pypowervm.helpers.vios_busy.SLEEP'))

    def break_request(self, effect, number):
        """Let the number-th request from now on that may break, break."""
        self.platform.faults.clear()
        return self.platform.faults.add(dict(
            EFFECTS[effect], query=NOT_THE_EVENT_POLL, nth=number))

    def walk(self, effect, operation):
        """Break each request of an operation in turn.

        :param effect: key of EFFECTS.
        :returns: how many requests there were.
        """
        for number in range(1, ENDLESS):
            subject = operation.prepare()
            fault = self.break_request(effect, number)
            after = operation.act(subject)
            self.platform.faults.clear()
            operation.undo(subject, after, '%s at request %d: %s, %s' % (
                effect, number, fault.data(), after and after.get('fault')))
            if not fault.applied:
                return number - 1
        self.fail('It does not end.')


class FaultWalkBase(FaultWalkMixin, base.PowerVMTestCase):
    """Walks over the requests of a spawn or of a destroy."""

    def setUp(self):
        super().setUp()
        # The first server fills the image cache.
        self.delete(self.boot())
        self.before = self.platform_state()

    def assert_as_before(self, message):
        self.assert_state_equal(self.before, self.platform_state(), message)

    def walk_spawn(self, effect):
        return self.walk(effect, Operation(
            act=lambda _none: self.settled(self.start_boot()),
            undo=self.undo_spawn))

    def undo_spawn(self, _none, server, message):
        self.assertIn(server['status'], ('ACTIVE', 'ERROR'), message)
        self.assertIsNone(self.delete(server), message)
        self.assert_as_before(message)

    def walk_destroy(self, effect):
        return self.walk(effect, Operation(
            prepare=self.boot, act=self.delete, undo=self.undo_destroy))

    def undo_destroy(self, server, left, message):
        if left:
            self.assertEqual('ERROR', left['status'], message)
            self.assertIsNone(self.delete(server), message)
        self.assert_as_before(message)


def walks(operation, at_least, with_etag=2, effects=tuple(EFFECTS)):
    """Give a test class a test for each effect on one operation.

    :param operation: str; the method walk_<operation> of the class takes an
        effect and returns how many requests it has broken.
    :param at_least: int, how many there are at least.
    :param with_etag: int, how many of them carry an etag at least.
    :param effects: iterable of keys of EFFECTS.
    """
    def make_test(effect):
        least = with_etag if effect == 'etag_412' else at_least
        return lambda self: self.assertGreaterEqual(
            getattr(self, 'walk_' + operation)(effect), least)

    def decorate(cls):
        for effect in effects:
            setattr(cls, 'test_' + effect, make_test(effect))
        return cls
    return decorate


@walks('spawn', 11)
class FaultWalkSpawnTest(FaultWalkBase):
    pass


@walks('destroy', 9)
class FaultWalkDestroyTest(FaultWalkBase):
    pass
