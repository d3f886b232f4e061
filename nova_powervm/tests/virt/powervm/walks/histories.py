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

"""Random histories: a stateful model of what can happen to a few servers.

hypothesis chooses the steps of a history.History, and when one fails, finds
the shortest history that fails in the same way.
"""

import threading
import time

import hypothesis
from hypothesis import stateful
from hypothesis import strategies as st

from nova_powervm.tests.functional import fixtures as func_fixtures
from nova_powervm.tests.virt.powervm.walks import cloud as walk_cloud
from nova_powervm.tests.virt.powervm.walks import effects
from nova_powervm.tests.virt.powervm.walks import history
from nova_powervm.tests.virt.powervm.walks import history_outside
from nova_powervm.tests.virt.powervm.walks import history_servers
from nova_powervm.tests.virt.powervm.walks import ledger
from nova_powervm.tests.virt.powervm.walks import server as walk_server

#: The most requests that a fault lets pass.
MOST_REQUESTS = 25

#: What the model avoids, since the driver is known to fail there: name ->
#: why, and which issue is to mend it. test_regressions has a test for each.
KNOWN = {
    'any client':
        'A start of nova-compute removes the mapping of an adapter for any '
        'client, and deletes the virtual disk behind it. Issue 12.',
    'disk of a deleted LPAR':
        'A start of nova-compute deletes the disk and the medium of an LPAR '
        'that its owner has deleted. Issue 12.',
    'volume group of a VIOS that is down':
        'A start of nova-compute takes the volume group of another VIOS if '
        'that with the disks is down. Issue 12.',
    'path of a VIOS that is down':
        'A volume that is taken away while a VIOS is down stays mapped there, '
        'and its hard disk too. Issue 12.',
    'Fibre Channel of a lost LPAR':
        'The Fibre Channel mappings of a server that had lost its LPAR stay '
        'on the VIOSes until nova-compute starts again. Issue 12.',
    'disks of a lost LPAR':
        'The disks of a server that had lost its LPAR stay for good if it is '
        'deleted, or evacuated, while nova-compute is down on its host. '
        'Issue 12.',
}


class History(history_servers.ServerSteps, history_outside.OutsideSteps):
    """All steps that there are."""


class Stage:
    """A cloud on which one history after the other is played.

    It is started when it is needed, and again after a history that failed.

    :ivar steps: int, how many steps all histories had
    :ivar outcomes: list, see history.Base
    :ivar shortest: str, the shortest history that failed, and how; or None
    :ivar seconds: float, how long a shorter one is looked for
    :param platform: platforms.Platform
    """

    def __init__(self, platform):
        self.platform = platform
        self.steps = 0
        self.outcomes = []
        self.shortest = None
        self.seconds = 0
        self._least = None
        self._failed_at = None
        self._cloud = self._base = None
        # A process that is killed does not log off.
        self._has_killed = False

    def begin(self):
        """Start a history: History."""
        if self._failed_at is not None and (
                time.monotonic() - self._failed_at > self.seconds):
            # It has been tried for long enough.
            hypothesis.reject()
        if self._cloud is None:
            self._threads = set(threading.enumerate())
            self._cloud = walk_cloud.Cloud(self.platform)
            self._cloud.setUp()
            try:
                self._cloud.useFixture(func_fixtures.QuickUploads())
                self._warm_up()
            except BaseException:
                self.drop()
                raise
        return History(self._cloud, self._base)

    def _warm_up(self):
        """Let the images be cached on each host, and look at the site."""
        cloud = self._cloud
        for host in range(1, len(cloud.site.hosts) + 1):
            begun = History(cloud, None)
            begun.make(host)
            begun.rescue(1)
            begun.delete(1)
            begun.remove_volumes()
            cloud.forget(walk_server.Server(cloud, 1))
        cloud.run_periodic_tasks()
        self._base = history.view_of(cloud.site)

    def end(self, played, failed):
        """End a history.

        :param failed: whether it has failed already
        :raises history.Broken: if something is left of it
        """
        self.steps += len(played.script)
        self._has_killed = self._has_killed or any(
            'killed' in line for line in played.script)
        self.outcomes += played.outcomes
        try:
            if not failed:
                played.end()
        except BaseException as exc:
            failed = True
            self.note(played, exc)
            raise
        finally:
            if failed:
                self.drop()

    def note(self, played, exc):
        """Note a failure, if no history that failed was shorter."""
        if not isinstance(exc, Exception) or isinstance(
                exc, hypothesis.errors.HypothesisException):
            return
        if self._failed_at is None:
            self._failed_at = time.monotonic()
        if self._least is None or len(played.script) <= self._least:
            self._least = len(played.script)
            self.shortest = str(exc)

    def drop(self):
        """End the cloud."""
        dropped, self._cloud = self._cloud, None
        if dropped is not None:
            dropped.cleanUp()

    def close(self):
        """End the cloud; nothing is left of its computes.

        :raises history.Broken: if something is
        """
        if self._cloud is None:
            return
        try:
            self._cloud.stop()
            left = ledger.left_behind(self._cloud, self._threads,
                                      sessions=not self._has_killed)
            if left:
                raise history.Broken('cleanup_host() has left ' +
                                     ', '.join(left))
        finally:
            self.drop()


def _needs(condition):
    return stateful.precondition(lambda machine: condition(machine.history))


def _unless_known(name, candidates):
    """No values while the driver is known to fail there."""
    return (lambda played: []) if name in KNOWN else candidates


def _rule(name, *candidates):
    """Make a rule: a step, with one of several values for each argument.

    :param candidates: a function of the history and of the arguments before,
        for each argument: list of values. There is no such step if the first
        one is empty.
    """
    def take(self, data):
        arguments = []
        for values in candidates:
            values = values(self.history, *arguments)
            if not values:
                return
            arguments.append(data.draw(st.sampled_from(values)))
        self.take(name, *arguments)

    take.__name__ = name
    return stateful.rule(data=st.data())(_needs(candidates[0])(take))


def _in_state(*statuses, condition=None):
    return lambda played: [
        number for number in played.in_state(*statuses)
        if condition is None or condition(played, number)]


def _up(played):
    return [host for host in played.hosts if played.is_up(host)]


def _serving(played):
    """The hosts where things can be made on the first VIOS."""
    return [host for host, name in played.vioses(up=True) if name == 'vios1']


def _with_lpar(condition):
    return lambda played: [
        number for number in played.servers
        if played.lpar(number) is not None and
        condition(played.lpar(number))]


def _movable(played, number):
    """Whether a server can be taken to the other host."""
    return len(played.hosts) > 1 and (
        bool(played.cloud.site.pools) or not played.has_own_disks(number))


def _can_migrate(played, number):
    return (len(_up(played)) > 1 and _keeps_no_path(played, number) and
            _movable(played, number))


def _both_are_up(played, number):
    """Whether the hosts that a resized server is on are up."""
    return len(_up(played)) == len(played.hosts) and _keeps_no_path(
        played, number)


def _boots_from_image(played, number):
    return _keeps_no_path(played, number) and played.boots_from_image(number)


def _keeps_no_path(played, number):
    """Whether a server's volumes can be taken away on all their paths."""
    return ('path of a VIOS that is down' not in KNOWN or
            not played.vioses(up=False) or
            not played.has_volumes or not any(
                bdm.is_volume for bdm in played.servers[number].bdms()))


def _can_start(played):
    """The hosts where nova-compute can be started, or restarted."""
    down = [host for host, _name in played.vioses(up=False)
            if 'volume group of a VIOS that is down' in KNOWN and
            not played.cloud.site.pools]
    return [host for host in played.hosts if host not in down]


def _can_be_deleted(played):
    return [number for number, found in played.servers.items()
            if _keeps_no_path(played, number) and
            (found.status != 'resized' or _both_are_up(played, number)) and
            (found.host in played.cloud.computes or
             not _leaves_disks(played, number))]


def _leaves_disks(played, number):
    """Whether disks stay on a host whose nova-compute is down."""
    return ('disks of a lost LPAR' in KNOWN and
            played.lpar(number) is None)


def _leaves_mappings(played, number):
    """Whether Fibre Channel mappings stay when the LPAR is lost."""
    return ('Fibre Channel of a lost LPAR' in KNOWN and
            bool(played.cloud.platform.fabrics) and any(
                bdm.is_volume for bdm in played.servers[number].bdms()))


def _can_be_evacuated(played):
    return [
        number for number, found in played.servers.items()
        if len(played.hosts) > 1 and found.host and
        found.status in ('active', 'stopped', 'error') and
        not _leaves_disks(played, number) and
        _keeps_no_path(played, number) and
        played.is_up(3 - played.host_number(number))]


def _theirs(*kinds):
    return lambda played: [
        name for name, (host, kind) in played.theirs.items()
        if kind in kinds and host in _serving(played)]


def _constant(*values):
    return lambda *_args: values


class Machine(stateful.RuleBasedStateMachine):
    """The model: which steps there can be, and with what.

    :param stage: Stage
    """

    def __init__(self, stage):
        super().__init__()
        self.stage = stage
        self.history = stage.begin()
        self.has_failed = False

    def teardown(self):
        self.stage.end(self.history, self.has_failed)

    def take(self, name, *args):
        """Take a step."""
        try:
            getattr(self.history, name)(*args)
        except BaseException as exc:
            self.has_failed = True
            self.stage.note(self.history, exc)
            raise

    # ---- what users do ---------------------------------------------------

    @stateful.initialize(data=st.data())
    def begin(self, data):
        """Make the first server; hypothesis may leave out any other rule."""
        self._make(data)

    @stateful.rule()
    def a_pause(self):
        """Nothing happens.

        This is the first rule, of which hypothesis' first history is full.
        """

    @_needs(lambda played: _up(played) and
            len(played.servers) < history.MOST_SERVERS)
    @stateful.rule(data=st.data())
    def make(self, data):
        self._make(data)

    def _make(self, data):
        played = self.history
        host = data.draw(st.sampled_from(_up(played)))
        flavor = data.draw(st.sampled_from(['small', 'with disks', 'large']))
        free = played.free_volumes()
        wanted = data.draw(st.integers(0, min(2, len(free))))
        self.take('make', host, flavor, tuple(free[:wanted]),
                  bool(wanted) and data.draw(st.booleans()))

    delete = _rule('delete', _can_be_deleted)
    rebuild = _rule('rebuild', _in_state('active', 'stopped', 'error',
                                         condition=_boots_from_image))
    mend = _rule('mend', history.Base.stuck)
    stop = _rule('stop', _in_state('active'))
    start = _rule('start', _in_state('stopped'))
    soft_reboot = _rule('soft_reboot', _in_state('active'))
    hard_reboot = _rule('hard_reboot', _in_state('active', 'stopped'))
    rescue = _rule('rescue', _in_state('active', 'stopped',
                                       condition=_boots_from_image))
    unrescue = _rule('unrescue', _in_state('rescued'))
    snapshot = _rule('snapshot', _in_state(
        'active', 'stopped', condition=lambda played, number: bool(
            played.cloud.site.pools)))
    resize = _rule('resize', _in_state('active', 'stopped'),
                   lambda played, number: [
                       name for name in ('wide', 'large', 'small')
                       if name != played.flavor(number)])
    migrate = _rule('migrate', _in_state('active', 'stopped',
                                         condition=_can_migrate))
    confirm = _rule('confirm', _in_state('resized', condition=_both_are_up))
    revert = _rule('revert', _in_state('resized', condition=_both_are_up))
    evacuate = _rule('evacuate', _can_be_evacuated, _constant(True, False))
    attach = _rule('attach', _in_state('active', 'stopped'),
                   lambda played, number: played.free_volumes())
    detach = _rule('detach', _in_state('active', 'stopped',
                                       condition=_keeps_no_path),
                   lambda played, number: played.data_volumes_of(number))
    extend = _rule('extend', _in_state('active', 'stopped'),
                   lambda played, number: played.volumes_of(number))
    swap = _rule('swap', _in_state('active', condition=_keeps_no_path),
                 lambda played, number: played.data_volumes_of(number))
    attach_port = _rule('attach_port', _in_state(
        'active', 'stopped', condition=lambda played, number: not
        played.has_later_port(number)))
    detach_port = _rule('detach_port', _in_state(
        'active', 'stopped', condition=lambda played, number:
        played.has_later_port(number)))

    # ---- what goes wrong -------------------------------------------------

    @_needs(lambda played: not played.has_fault())
    @stateful.rule(effect=st.sampled_from(sorted(effects.EFFECTS)),
                   number=st.integers(1, MOST_REQUESTS), data=st.data())
    def fault(self, effect, number, data):
        self.take('fault', effect, number,
                  data.draw(st.sampled_from(list(self.history.hosts))))

    start_compute = _rule('start_compute', _can_start)
    stop_compute = _rule('stop_compute', _up)
    periodic = stateful.rule()(lambda self: self.take('periodic'))

    # ---- what others do --------------------------------------------------

    power_off = _rule('power_off', _with_lpar(lambda lpar: lpar.is_on))
    power_on = _rule('power_on', _with_lpar(lambda lpar: not lpar.is_on))
    crash = _rule('crash', _with_lpar(lambda lpar: lpar.is_on))
    lose = _rule('lose', lambda played: [
        number for number in played.servers
        if played.lpar(number) is not None and
        not _leaves_mappings(played, number)])

    @_needs(lambda played: not played.vioses(up=False))
    @stateful.rule(data=st.data())
    def vios_down(self, data):
        self.take('vios_down', *data.draw(st.sampled_from(
            self.history.vioses(up=True))))

    @_needs(lambda played: played.vioses(up=False))
    @stateful.rule(data=st.data())
    def vios_up(self, data):
        self.take('vios_up', *data.draw(st.sampled_from(
            self.history.vioses(up=False))))

    their_lpar = _rule('their_lpar', _serving)
    their_disk = _rule('their_disk', _serving)
    their_any_client = _rule('their_any_client', _unless_known(
        'any client', _serving))
    delete_their_lpar = _rule('delete_their_lpar', _unless_known(
        'disk of a deleted LPAR', _theirs('lpar')))
    remove_theirs = _rule('remove_theirs', _theirs(
        'lpar', 'rest', 'disk', 'any'))


def run(stage, seed, count, steps, seconds=120):
    """Play random histories.

    :param stage: Stage
    :param seed: int; the same one leads to the same histories
    :param count: int, how many
    :param steps: int, how long each is
    :param seconds: float, how long a shorter history is looked for when one
        has failed
    :raises history.Broken: with the shortest history that failed
    """
    stage.seconds = seconds
    settings = hypothesis.settings(
        # The first two do nothing: hypothesis begins with what is simplest.
        max_examples=count + 2, stateful_step_count=steps, database=None,
        deadline=None, derandomize=False, report_multiple_bugs=False,
        print_blob=False, suppress_health_check=list(hypothesis.HealthCheck),
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink))
    try:
        stateful.run_state_machine_as_test(
            hypothesis.seed(seed)(lambda: Machine(stage)), settings=settings)
    except Exception as exc:
        if stage.shortest is None:
            raise
        raise history.Broken(stage.shortest) from exc


def play(platform, steps):
    """Play one history.

    :param platform: platforms.Platform
    :param steps: a function of a History, which takes the steps
    :raises history.Broken: if something does not hold
    """
    stage = Stage(platform)
    try:
        steps(stage.begin())
    finally:
        stage.drop()
