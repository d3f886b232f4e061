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

hypothesis chooses the steps of a history. When one fails, history_shrink finds
a shorter history that fails in the same way.
"""

import contextlib
import io

import hypothesis
from hypothesis import stateful
from hypothesis import strategies as st

from nova_powervm.tests.functional import fixtures as func_fixtures
from nova_powervm.tests.virt.powervm.walks import cloud as walk_cloud
from nova_powervm.tests.virt.powervm.walks import history
from nova_powervm.tests.virt.powervm.walks import history_hmc
from nova_powervm.tests.virt.powervm.walks import history_moves
from nova_powervm.tests.virt.powervm.walks import history_outside
from nova_powervm.tests.virt.powervm.walks import history_rules
from nova_powervm.tests.virt.powervm.walks import history_servers
from nova_powervm.tests.virt.powervm.walks import history_shrink
from nova_powervm.tests.virt.powervm.walks import ledger
from nova_powervm.tests.virt.powervm.walks import server as walk_server


class History(history_servers.ServerSteps, history_moves.MoveSteps,
              history_hmc.HmcSteps, history_outside.OutsideSteps):
    """All steps that there are."""


class Stage:
    """A cloud on which one history after the other is played.

    It is started when it is needed, and again after a history that failed.

    :ivar deck: list of the numbers of the rules to choose from
    :ivar steps: int, how many steps all histories had
    :ivar outcomes: list, see history.Base
    :ivar failed: (steps that were taken, history.Broken) of the history that
        failed, or None
    :param platform: platforms.Platform
    """

    def __init__(self, platform):
        self.platform = platform
        self.deck = history_rules.deck(platform.is_hmc)
        self.steps = 0
        self.outcomes = []
        self.failed = None
        self._cloud = self._base = None

    def begin(self):
        """Start a history: History."""
        if self._cloud is None:
            self._cloud = walk_cloud.Cloud(self.platform)
            self._cloud.setUp()
            try:
                self._cloud.useFixture(func_fixtures.QuickUploads())
                self._warm_up()
            except BaseException:
                self.drop()
                raise
        # A migration that never came to its phase would hold one of a server
        # with the same UUID.
        with self._cloud.site.lock:
            self._cloud.site.migrations.release_all()
        self._cloud.start_all()
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
        self.steps += len(played.taken)
        self.outcomes += played.outcomes
        try:
            if not failed:
                played.end()
        except BaseException:
            failed = True
            raise
        finally:
            if failed:
                self.drop()

    def drop(self):
        """End the cloud."""
        dropped, self._cloud = self._cloud, None
        if dropped is not None:
            dropped.cleanUp()

    def stop(self):
        """Stop the computes; nothing is left of them.

        :raises history.Broken: if something is
        """
        if self._cloud is None:
            return
        self._cloud.stop()
        left = ledger.left_behind(self._cloud)
        if left:
            self.drop()
            raise history.Broken('cleanup_host() has left ' +
                                 ', '.join(left))


#: Large enough that no history but the simplest has zero.
_ANY = 2 ** 32
_MAKE = [rule.step for rule in history_rules.RULES].index('make')


class Machine(stateful.RuleBasedStateMachine):
    """The model: which steps there can be, and with what.

    :param stage: Stage
    """

    def __init__(self, stage):
        super().__init__()
        if stage.failed:
            # hypothesis plays a history that has failed again.
            hypothesis.reject()
        self.stage = stage
        self.history = None
        self.has_failed = False

    def teardown(self):
        if self.history is not None:
            with self._noted():
                self.stage.end(self.history, self.has_failed)

    @contextlib.contextmanager
    def _noted(self):
        """Note how the history fails, if it does."""
        try:
            yield
        except history.Broken as exc:
            self.has_failed = True
            self.stage.failed = self.stage.failed or (
                list(self.history.taken), exc)
            raise

    @stateful.initialize(data=st.data())
    def begin(self, data):
        """Make the first server."""
        if not data.draw(st.integers(0, _ANY)):
            # hypothesis begins with what is simplest, which tells nothing.
            hypothesis.reject()
        self.history = self.stage.begin()
        self._take_rule(data, _MAKE)

    @stateful.rule(data=st.data())
    def step(self, data):
        """Take one of the steps that there can be now.

        hypothesis has a rule for each step usually. It would mute many of
        them in each history, and ask for each whether it can be taken.
        """
        choices = {}

        def can_be_taken(number):
            if number not in choices:
                choices[number] = history_rules.RULES[number].choices(
                    self.history)
            return bool(choices[number])

        self._take_rule(data, data.draw(
            st.sampled_from(self.stage.deck).filter(can_be_taken)))

    def _take_rule(self, data, number):
        rule = history_rules.RULES[number]
        arguments = rule.arguments(self.history, data.draw(
            st.sampled_from(rule.choices(self.history))))
        with self._noted():
            getattr(self.history, rule.step)(*arguments)


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
    settings = hypothesis.settings(
        max_examples=count, stateful_step_count=steps, database=None,
        deadline=None, derandomize=False, report_multiple_bugs=False,
        print_blob=False, suppress_health_check=list(hypothesis.HealthCheck),
        phases=(hypothesis.Phase.generate,))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            stateful.run_state_machine_as_test(
                hypothesis.seed(seed)(lambda: Machine(stage)),
                settings=settings)
    except Exception:
        if stage.failed is None:
            raise
    if stage.failed is not None:
        failed, stage.failed = stage.failed, None
        raise history_shrink.shorten(stage, *failed, seconds)


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
