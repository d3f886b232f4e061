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

A round is a list of operations that ends where it began. In the n-th turn of
a walk, the n-th request of each operation breaks; what has failed is done
again, as a user would. So a turn costs one server's life for all of them. The
walk ends when no operation has so many requests.

After each operation the site looks as it did after the same operation in a
turn without faults, the guest finds what it has written, and what must always
hold does hold.
"""

import dataclasses

from nova_powervm.tests.virt.powervm.walks import operations

#: A walk with this many turns does not end: something repeats for ever.
ENDLESS = 80
#: How much of an exception's message is told.
_MOST_OF_A_FAILURE = 300
#: Operations after which the disks of a server are new.
_WRITES_ANEW = ('make', 'rebuild')


@dataclasses.dataclass(frozen=True)
class Step:
    """An operation, and the host whose requests break.

    :ivar operation: operations.Operation
    :ivar least: int, how many requests it sends there at least
    :ivar host: Nova's name of the host
    """

    operation: operations.Operation
    least: int
    host: str = 'compute1'

    def __str__(self):
        return '%s at %s' % (self.operation, self.host)


@dataclasses.dataclass(frozen=True)
class Round:
    """Operations on one server, which end where they began.

    :ivar steps: list of Step
    :ivar server: dict, how the server is made, see api.API.create; None if
        the first step makes it
    """

    steps: list
    server: dict = None


class Walk:
    """One walk.

    :param scene: scene.Scene
    :param round_: Round
    :param effect: effects.Fault or effects.Kill
    """

    def __init__(self, scene, round_, effect):
        self.scene = scene
        self.round = round_
        self.effect = effect
        self._views = []
        self._base = None

    def run(self):
        """Walk to the end.

        :returns: list of int, how many requests were broken in each step
        """
        scene = self.scene
        self._warm_up()
        empty = scene.view()
        self._make_server()
        self._record()
        counts = [None] * len(self.round.steps)
        for turn in range(1, ENDLESS):
            self._turn(turn, counts)
            if None not in counts:
                break
        else:
            scene.fail('the walk does not end')
        if scene.server is not None:
            operations.delete_for_good(scene)
        scene.story = '%s: at the end' % self.effect.name
        scene.check_view(empty)
        return counts

    def _warm_up(self):
        """Let images be cached, and the forms of jobs be read."""
        scene = self.scene
        scene.story = 'before the walk'
        self._make_server()
        for step in self.round.steps:
            step.operation.act(scene)
            scene.check(step.operation.is_done(scene), '%s: %s' % (
                step, scene.cloud.failures))
        if scene.server is not None:
            operations.delete_for_good(scene)

    def _make_server(self):
        """Make the server that each turn begins with, if there is one."""
        if self.round.server is not None:
            self.scene.create(**self.round.server)
            self.scene.check(self.scene.status == 'active',
                             self.scene.cloud.failures)
            self.scene.write()

    def _record(self):
        """Go a turn without faults, and remember what the site is like."""
        scene = self.scene
        self._base = scene.view()
        for step in self.round.steps:
            step.operation.act(scene)
            scene.check(step.operation.is_done(scene), '%s: %s' % (
                step, scene.cloud.failures))
            self._after(step)
            self._views.append(scene.view())

    def _after(self, step):
        """Have the guest write, or Nova forget a server that is deleted."""
        if step.operation.name in _WRITES_ANEW:
            self.scene.write()
        elif step.operation.name == 'delete' and self.scene.server:
            self.scene.forget()

    def _turn(self, turn, counts):
        """Break the turn-th request of each step that has so many."""
        before = self._views[-1]
        for number, step in enumerate(self.round.steps):
            is_walked = counts[number] is not None
            if not self._step(turn, step, before, is_walked, number, counts):
                self._start_over()
                return
            before = self._views[number]

    def _step(self, turn, step, before, is_walked, number, counts):
        """Take a step; whether the round can go on."""
        scene, operation = self.scene, step.operation
        scene.story = '%s at request %d of %s' % (self.effect.name, turn,
                                                  step)
        armed = None if is_walked else self.effect.arm(
            scene.cloud, step.host, turn)
        scene.begin()
        scene.cloud.failures.clear()
        operation.act(scene)
        if armed is not None:
            armed.disarm()
            if not armed.hit:
                counts[number] = turn - 1
            elif self.effect.kills:
                scene.cloud.start(step.host)
        goes_on = self._check(operation, before)
        if goes_on:
            self._after(step)
            scene.check_view(self._views[number])
        return goes_on

    def _check(self, operation, before):
        """Look what has become of the server; mend it if need be."""
        scene = self.scene
        scene.story += ' (the server is %s; %s)' % (
            scene.status, '; '.join(str(failure)[:_MOST_OF_A_FAILURE] for
                                    failure in scene.cloud.failures) or 'ok')
        scene.check_always()
        goes_on = True
        if not operation.is_done(scene):
            status = scene.status
            if operation.rolls_back and not (
                    'error' in status or ', ' in status):
                scene.check_view(before)
            goes_on = operation.settle(scene, operation)
            scene.check_always()
        if scene.server is not None and operation.name not in _WRITES_ANEW:
            scene.check_bytes()
        return goes_on

    def _start_over(self):
        """Go on with a new server; nothing is left of the old one."""
        scene = self.scene
        operations.delete_for_good(scene)
        self._make_server()
        scene.check_view(self._base)
