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

"""Runs one row: a prior state, an operation, and what goes wrong in it."""

import contextlib

from nova_powervm.simulator import fingerprint
from nova_powervm.tests.virt.powervm.walks import effects
from nova_powervm.tests.virt.powervm.walks import operations as ops
from nova_powervm.tests.virt.powervm.walks import pairs
from nova_powervm.tests.virt.powervm.walks import states
from nova_powervm.virt.powervm import exception

_MOST_OF_A_FAILURE = 300
#: Larger than the number of requests of any operation.
_NEVER = 10 ** 6
#: Operations that end with no server, or with new disks.
_ENDS, _REWRITES = 'delete', ('make', 'rebuild')


class Row:
    """One row.

    The site ends as it began. What belongs to somebody else is the same at
    each step, no byte that the guest has written is lost, and a user gets the
    server to run again with what a user can do.

    :ivar hit: bool, whether the effect has hit
    :ivar failures: list of str, what did not hold
    :ivar is_tidy: bool, whether the site is as it was before
    :param scene: scene.Scene, without a server
    :param row: pairs.Row
    """

    def __init__(self, scene, row):
        self.scene = scene
        self.row = row
        self.subject = pairs.SUBJECTS[row.operation]
        self.operation = self.subject.operation
        self.hit = False
        self.failures = []
        self.is_tidy = False
        self._kind = row.operation, row.platform
        self._entered = []
        self._disks = set()
        self._foreign = {}

    # ---- before ----------------------------------------------------------

    def make_server(self):
        """Make the server, as the operation needs it."""
        scene = self.scene
        if self.row.operation == 'make':
            return
        scene.create(**pairs.server_of(*self._kind))
        scene.check(scene.status == 'active', scene.cloud.failures)
        scene.write()
        self.subject.prepare(scene)

    def _half_finish(self):
        """Let an attempt be killed at half of its requests."""
        scene, row = self.scene, self.row
        armed = effects.Killer(
            scene.cloud, row.host, pairs.request_of(row._replace(
                effect='killed_before', position='middle')), False)
        try:
            self._act()
        finally:
            armed.disarm()
        self._start_computes()
        self._make_ready()

    def _start_computes(self):
        """Start each nova-compute that is down.

        One does not start without the VIOS that has the disks: then it is
        started once that VIOS is back.
        """
        scene = self.scene
        try:
            scene.cloud.start_all()
        except exception.VGHolderNotUsable:
            states.start_vioses(scene)
            scene.cloud.start_all()
            for state in self._entered:
                if state.kind == states.ViosDown.kind:
                    state.enter(scene, self.row.host)

    def _make_ready(self):
        """Get the server ready for another attempt."""
        scene = self.scene
        if row_is_over(scene) or self.row.operation == 'make':
            if scene.server is not None:
                ops.delete_for_good(scene)
            self.make_server()
            return
        self.make_usable()
        if (self.row.operation.startswith('attach') and self._has_come() or
                scene.server.host != ops.SOURCE):
            # It cannot be asked for again.
            ops.delete_for_good(scene)
            self.make_server()
        elif self.operation.is_done(scene):
            self.subject.prepare(scene)

    def _has_come(self):
        """Whether the server has what an attachment brings."""
        return (any(bdm.is_volume for bdm in self.scene.server.bdms()) or
                ops.PORT in self.scene.cloud.ports.numbers(
                    self.scene.server.uuid))

    def _enter(self):
        scene, row = self.scene, self.row
        for state in row.states:
            self._entered.append(state)
            state.enter(scene, row.host)
            if state.name == 'half-finished':
                self._half_finish()
        self._disks = set(scene.own_disks()) if scene.server else set()
        self._foreign = states.foreign(scene.cloud.site)

    # ---- the operation ---------------------------------------------------

    def _act(self):
        """Ask Nova for the operation."""
        with contextlib.suppress(effects.Killed):
            if self.row.operation == 'make':
                self.scene.create(**pairs.server_of(*self._kind))
            else:
                self.operation.act(self.scene)
        for name, compute in list(self.scene.cloud.computes.items()):
            if compute.is_dead:
                self.scene.cloud.kill(name)

    def _break(self):
        """Ask for the operation, while something goes wrong."""
        scene, row = self.scene, self.row
        effect = pairs.effect_of(row)
        scene.begin()
        scene.cloud.failures.clear()
        armed = effect.arm(scene.cloud, row.host, pairs.request_of(row))
        try:
            self._act()
        finally:
            armed.disarm()
        self.hit = armed.hit
        scene.story = '%s%s (the server is %s; %s)' % (
            row.name, '' if self.hit else ' (not hit)',
            scene.status if scene.server else 'not made', '; '.join(
                str(failure)[:_MOST_OF_A_FAILURE]
                for failure in scene.cloud.failures) or 'ok')
        if row.kind == 'vios down':
            states.start_vioses(scene)
        self._start_computes()

    # ---- after -----------------------------------------------------------

    def make_usable(self):
        """Do what a user does until the server runs."""
        scene = self.scene
        if scene.status == 'resized':
            if self.row.operation.startswith('confirm'):
                if scene.api.confirm(scene.server) is None and (
                        scene.status == 'resized'):
                    # Nova died after it had noted the migration as confirmed,
                    # and before it saved the server: nobody can confirm it
                    # again, so an operator has to help.
                    scene.api.reset_state(scene.server)
            else:
                scene.api.revert(scene.server)
        if scene.status == 'rescued':
            scene.api.unrescue(scene.server)
        if self.row.operation == 'rebuild' and scene.status != 'active':
            # Its disks may be gone.
            scene.api.reset_state(scene.server)
            scene.api.rebuild(scene.server)
            scene.check(scene.status == 'active', 'another rebuild does not '
                        'mend it: %s' % scene.cloud.failures[-1:])
        ops.mend(scene)
        if scene.status == 'stopped':
            scene.api.start(scene.server)
            ops.mend(scene)
        if scene.status in ('active', 'stopped') and not self._runs():
            # It makes an LPAR that is gone.
            scene.api.reboot(scene.server, hard=True)
        scene.check(scene.status == 'active' and self._runs(),
                    'a user cannot get it to run: it is %s; %s' % (
                        scene.status, scene.cloud.failures[-1:]))

    def _runs(self):
        lpar = self.scene.lpar()
        return lpar is not None and (
            lpar.partition_state == 'running')

    def _check_foreign(self, when):
        """Note what has become of what is not ours, and go on."""
        before = self._foreign
        self._foreign = states.foreign(self.scene.cloud.site)
        self.failures += [
            'what is not ours has changed %s: %s' % (when, change)
            for change in fingerprint.differences(before, self._foreign)]

    def _check_disks(self):
        scene = self.scene
        if self.row.operation in _REWRITES:
            scene.write()
        scene.check_bytes()
        missing = {name for name in self._disks if name[0] != 'r'}.difference(
            scene.own_disks())
        scene.check(not missing, 'it has lost its disks %s' % missing)

    def run(self):
        """Run it; it does not raise what does not hold."""
        try:
            self._run()
            self.is_tidy = True
        except self.scene.test.failureException as exc:
            self.failures.append(str(exc))

    def _run(self):
        scene = self.scene
        scene.story = self.row.name
        empty = scene.view()
        self.make_server()
        self._enter()
        self._break()
        for state in self._entered:
            state.undo(scene, self.row.host)
        scene.check_always()
        self._check_foreign('by the operation')
        if not row_is_over(scene) and self.row.operation != _ENDS:
            if self._is_lost():
                # No server was made: it goes, as Nova advises.
                ops.delete_for_good(scene)
            else:
                if self.row.operation not in _REWRITES:
                    scene.check_bytes()
                self.make_usable()
                self._check_disks()
                scene.check_always()
        scene.cloud.restart(self.row.host)
        self._check_foreign('by a restart')
        if scene.server is not None:
            ops.delete_for_good(scene)
        else:
            scene.cloud.run_periodic_tasks()
        self._check_foreign('by a deletion')
        for state in self._entered:
            state.clear(scene, self.row.host)
        if scene.view() != empty and self.row.others == 'lost neighbour':
            # Meanwhile nothing could be told from what is its.
            scene.cloud.restart(self.row.host)
        scene.check_view(empty)

    def _is_lost(self):
        """Whether Nova could not make it."""
        return (self.row.operation == 'make' and
                self.scene.status != 'active')


def row_is_over(scene):
    """Whether there is no server any more."""
    return scene.server is None or scene.status == 'gone'


def count(scene, name, platform, host):
    """Count the requests of an operation without faults.

    :returns: (int requests, int writes)
    """
    row = Row(scene, pairs.Row(name, 'none', 'lpar untouched', 'vioses up',
                               'lookalikes', platform, 'first', host=host))
    row.make_server()
    faults = scene.cloud.host_of(host).faults
    counters = [faults.add({
        'effect': 'status', 'status': 500, 'nth': _NEVER,
        'query': effects.NOT_THE_EVENT_POLL, 'method': method})
        for method in ('.*', effects.WRITES)]
    row._act()
    for counter in counters:
        faults.clear(counter.id)
    scene.check(row.operation.is_done(scene), '%s: %s' % (
        name, scene.cloud.failures))
    scene.cloud.start_all()
    if scene.server is not None and scene.status != 'gone':
        ops.delete_for_good(scene)
    elif scene.server is not None:
        scene.forget()
    return tuple(counter.seen for counter in counters)
