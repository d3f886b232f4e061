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

"""Walks: break each request of some operations, one after the other.

A cycle is a list of operations that ends where it began. The walk goes through
it again and again, and breaks one request after the other of each operation.
An operation that fails and leaves all as it was is broken at its next request
at once; otherwise a user does what is needed, and the cycle goes on. The walk
ends when no operation has a request left.

After each operation the site looks as it did after the same operation in a
turn without faults, the guest finds what it has written, and what must always
hold does hold.
"""

import dataclasses
import itertools
import re
import typing

from nova_powervm.tests.virt.powervm.walks import effects
from nova_powervm.tests.virt.powervm.walks import operations

#: A walk with this many turns does not end: something repeats for ever.
ENDLESS = 120
#: How much of an exception's message is told.
_MOST_OF_A_FAILURE = 300
#: Operations after which the disks of a server are new.
_REWRITES = ('make', 'rebuild')
_WRITES = ('PUT', 'POST', 'DELETE')
#: Effect -> methods of the requests that it must break; others break all. It
#: is not asked of the effects, so that one which breaks nothing is found.
_BROKEN = {'etag_412': ('POST',), 'dropped_after': _WRITES,
           'killed_before': _WRITES, 'killed_after': _WRITES}


@dataclasses.dataclass(frozen=True)
class Step:
    """An operation, and the host whose requests break.

    :ivar operation: operations.Operation
    :ivar least: int, how many requests it sends there at least; None if none
        is to break: another walk does that
    :ivar host: Nova's name of the host
    """

    operation: operations.Operation
    least: typing.Optional[int]
    host: str = 'compute1'

    def __str__(self):
        return '%s at %s' % (self.operation, self.host)


class Walk:
    """One walk.

    :param scene: scene.Scene
    :param cycles: list of lists of Step, each of which ends where it began
    :param effect: effects.Fault or effects.Kill
    :param server: dict, how the server is made, see api.API.create; None if
        the first step of each cycle makes it
    :param known: regular expression, found in the message of a failure that
        is expected; the walk notes it and goes on with a new server
    """

    def __init__(self, scene, cycles, effect, server=None, known=None):
        self.scene = scene
        self.effect = effect
        self.server = server
        self._cycles = cycles
        self._base = None
        self._known = known
        self._has_met_known = False

    def meets_known(self, failure):
        """Note a failure if it is known: whether it is."""
        is_known = bool(self._known and re.search(self._known, str(failure)))
        self._has_met_known = self._has_met_known or is_known
        return is_known

    def run(self):
        """Walk to the end.

        It fails if a step has requests that the effect should break, and
        fewer were broken.
        """
        scene = self.scene
        self._warm_up()
        scene.empty = scene.view()
        self._make_server()
        self._base = scene.view()
        cycles = [_Cycle(self, steps) for steps in self._cycles]
        for _turn in range(ENDLESS):
            for cycle in cycles:
                if not cycle.is_walked:
                    cycle.turn()
            if all(cycle.is_walked for cycle in cycles):
                break
        else:
            scene.fail('the walk does not end')
        for cycle in cycles:
            cycle.recount()
        if scene.server is not None:
            operations.delete_for_good(scene)
        scene.story = '%s: at the end' % self.effect.name
        scene.check_view(scene.empty)
        for cycle in cycles:
            cycle.check_counts()
        scene.check(self._has_met_known or not self._known,
                    'it does not fail any more with: %s' % self._known)

    def _warm_up(self):
        """Let images be cached, and the forms of jobs be read."""
        scene = self.scene
        scene.story = 'before the walk'
        self._make_server()
        for step in itertools.chain(*self._cycles):
            step.operation.act(scene)
            scene.check(step.operation.is_done(scene), '%s: %s' % (
                step, scene.cloud.failures))
        if scene.server is not None:
            operations.delete_for_good(scene)

    def _make_server(self):
        """Make the server that each turn begins with, if there is one."""
        if self.server is not None:
            self.scene.create(**self.server)
            self.scene.check(self.scene.status == 'active',
                             self.scene.cloud.failures)
            self.scene.write()

    def after(self, step):
        """Have the guest write, or Nova forget a server that is deleted."""
        if step.operation.name in _REWRITES:
            self.scene.write()
        elif step.operation.name == 'delete' and self.scene.server:
            self.scene.forget()

    def start_over(self):
        """Go on with a new server; nothing is left of the old one."""
        scene = self.scene
        scene.cloud.start_all()
        if scene.server is not None:
            operations.delete_for_good(scene)
        self._make_server()
        scene.check_view(self._base)


class _Cycle:
    """Steps of a walk that end where they began.

    :ivar counts: list of how many requests of each step were broken; None as
        long as more may come
    """

    def __init__(self, walk, steps):
        self.walk = walk
        self.scene = walk.scene
        self.steps = steps
        self.counts = [0 if step.least is None else None for step in steps]
        # How many of each step's requests the effect has to break.
        self._to_break = []
        # The request of each step that breaks next.
        self._next = [1] * len(steps)
        self._before = self.scene.view()
        self._views = [self._record(step) for step in steps]

    @property
    def is_walked(self):
        return None not in self.counts

    def _record(self, step):
        """Take a step without faults, and remember what the site is like."""
        scene = self.scene
        journal = scene.cloud.host_of(step.host).journal
        journal.clear()
        step.operation.act(scene)
        requests = [(record['method'], record['path'], record['query'])
                    for record in journal.records()
                    if effects.EVENT_POLL not in record['query']]
        scene.check(step.operation.is_done(scene), '%s: %s' % (
            step, scene.cloud.failures))
        if step.least is not None:
            scene.check(len(requests) >= step.least, '%s sends only %s' % (
                step, requests))
        self._to_break.append(self._count_to_break(requests))
        self.walk.after(step)
        return scene.view()

    def _count_to_break(self, requests):
        """Count the requests of a clean turn that the effect must break."""
        methods = _BROKEN.get(self.walk.effect.name)
        if self.walk.effect.is_for_each:
            return len({request for request in requests
                        if effects.LOGON not in request[1]})
        return len([request for request in requests
                    if methods is None or request[0] in methods])

    def _missing(self):
        """Say which steps had fewer requests broken than a clean turn has."""
        return ['%d requests of %s were broken, not %d' % (count, step, least)
                for step, count, least in zip(self.steps, self.counts,
                                              self._to_break)
                if step.least is not None and count < least]

    def recount(self):
        """Take a clean turn again if too few requests seem to be broken.

        On a busy machine the first one may have had more than it needs: what
        is known gets old, and is read again.
        """
        for _turn in range(2):
            if self._missing():
                first, self._to_break = self._to_break, []
                self._views = [self._record(step) for step in self.steps]
                self._to_break = list(map(min, first, self._to_break))

    def check_counts(self):
        """Check that as many requests were broken as a clean turn sends."""
        for missing in self._missing():
            self.scene.fail(missing)

    def turn(self):
        """Go through the steps once."""
        before = self._before
        for number, step in enumerate(self.steps):
            goes_on = None
            while goes_on is None:
                try:
                    goes_on = self._step(number, step, before)
                except self.scene.test.failureException as exc:
                    if not self.walk.meets_known(exc):
                        raise
                    goes_on = False
            before = self._views[number]
            # A server that the cycle itself makes need not be used to the
            # end.
            is_needed = (self.walk.server is not None or
                         None in self.counts[number + 1:])
            if not (goes_on and is_needed):
                break
        if before is not self._views[-1] or not goes_on:
            self.walk.start_over()

    def _step(self, number, step, before):
        """Take a step, and break it if it has requests left to break.

        :returns: whether the cycle can go on; None if the step has failed and
            left all as it was
        """
        scene, operation = self.scene, step.operation
        scene.story = '%s at request %d of %s' % (
            self.walk.effect.name, self._next[number], step)
        status = scene.server and scene.status
        self._act(number, step)
        scene.story += ' (the server is %s; %s)' % (
            scene.status, '; '.join(str(failure)[:_MOST_OF_A_FAILURE] for
                                    failure in scene.cloud.failures) or 'ok')
        scene.check_always()
        goes_on = True
        if not operation.is_done(scene):
            self._check_rolled_back(operation, before)
            if (self.counts[number] is None and operation.restore(scene) and
                    (scene.server and scene.status) == status and
                    not scene.difference(before)):
                self._check_bytes(operation)
                return None
            goes_on = operation.settle(scene, operation)
            scene.check_always()
        self._check_bytes(operation)
        if goes_on:
            self.walk.after(step)
            if operation.is_cleaned:
                # A host whose start could not ask for its resources makes no
                # server before the next periodic task.
                scene.clean_periodically(
                    self._views[number] if operation.is_exact and
                    not operation.starts else None)
            if operation.is_exact:
                scene.check_view(self._views[number])
        return goes_on

    def _act(self, number, step):
        """Ask for the operation, and break one of its requests."""
        scene, effect, armed = self.scene, self.walk.effect, None
        if self.counts[number] is None:
            armed = effect.arm(scene.cloud, step.host, self._next[number])
        scene.begin()
        scene.was_killed = False
        scene.cloud.failures.clear()
        try:
            step.operation.act(scene)
        finally:
            if armed is not None:
                armed.disarm()
        if armed is None:
            return
        scene.was_killed = armed.hit and effect.kills
        self._next[number] += 1
        if not armed.goes_on:
            self.counts[number] = armed.count
        if (armed.hit and effect.kills and not step.operation.starts and
                step.host not in scene.cloud.computes):
            scene.cloud.start(step.host)

    def _check_rolled_back(self, operation, before):
        """The site is as before, unless Nova says that something is wrong."""
        status = self.scene.status
        # A process that is dead takes nothing back.
        if operation.rolls_back and not (
                self.walk.effect.kills or 'error' in status or
                ', ' in status):
            self.scene.check_view(before)

    def _check_bytes(self, operation):
        if (self.scene.server is not None and
                operation.name not in _REWRITES):
            self.scene.check_bytes()
