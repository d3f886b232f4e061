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

"""Flows run as TaskFlow runs them, and log how long each task took."""

import fixtures
from taskflow import engines
from taskflow.patterns import linear_flow
from taskflow.persistence.backends import impl_memory
from taskflow import task
from taskflow.types import failure

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.tasks import base as tasks_base


class BrokenError(Exception):
    pass


class Recorder(task.Task):
    """A task that writes down what is done with it.

    :param calls: list of (name, what, arguments), to be added to.
    :param result: what execute() returns, or an exception that it raises.
    """

    def __init__(self, calls, name, result=None, revert_fails=False,
                 **kwargs):
        super().__init__(name=name, **kwargs)
        self._calls = calls
        self._result = result
        self._revert_fails = revert_fails

    def execute(self, **kwargs):
        self._calls.append((self.name, 'execute', kwargs))
        if isinstance(self._result, Exception):
            raise self._result
        return self._result

    def revert(self, result, flow_failures, **kwargs):
        if isinstance(result, failure.Failure):
            result = type(result.exception)
        self._calls.append((self.name, 'revert', result,
                            sorted(flow_failures), kwargs))
        if self._revert_fails:
            raise BrokenError('The revert of %s' % self.name)


def plainly(flow):
    """Run a flow as TaskFlow does by default."""
    engine = engines.load(flow)
    engine.run()
    return engine.storage.fetch_all()


class RunTest(base.TestCase):

    def flow(self, calls, last=None, disk=None, **kwargs):
        """Three tasks, which hand on things that cannot be copied.

        :param last: what the last one returns or raises.
        :param kwargs: for the second one.
        """
        return linear_flow.Flow('build').add(
            Recorder(calls, 'disk', disk or object(), provides='disk'),
            Recorder(calls, 'map', (1, ['two']),
                     provides=('slot', 'names'), requires=['disk'], **kwargs),
            Recorder(calls, 'start', last, provides='started',
                     requires=['disk', 'slot', 'force'],
                     inject={'force': True}))

    def both(self, last=None, **kwargs):
        """Run the flow here and by default.

        :returns: what was done, and what came of it: the same for both.
        """
        disk = object()
        outcomes = []
        for run in (plainly, tasks_base.run):
            calls = []
            try:
                result = run(self.flow(calls, last, disk, **kwargs))
            except Exception as exc:
                result = (type(exc), str(exc).partition('Traceback')[0])
            outcomes.append((calls, result))
        self.assertEqual(*outcomes)
        return outcomes[1]

    def test_results(self):
        calls, results = self.both(last='yes')
        self.assertEqual(['disk', 'map', 'start'], [call[0] for call in calls])
        disk = results['disk']
        # It is not a copy.
        self.assertIs(disk, calls[2][2]['disk'])
        self.assertEqual({'disk': disk, 'slot': 1, 'names': ['two'],
                          'started': 'yes'}, results)
        self.assertEqual({'disk': disk, 'slot': 1, 'force': True}, calls[2][2])

    def test_reverts(self):
        calls, (error, message) = self.both(last=BrokenError('No start'))
        self.assertEqual((BrokenError, 'No start'), (error, message))
        self.assertEqual(
            [('start', BrokenError), ('map', (1, ['two']))],
            [(call[0], call[2]) for call in calls if call[1] == 'revert'][:2])
        self.assertEqual('disk', calls[-1][0])
        self.assertEqual([['start']] * 3, [call[3] for call in calls[3:]])

    def test_a_revert_fails(self):
        """TaskFlow would leave it at that; here the others are tried."""
        calls, error = [], BrokenError('No start')
        self.assertIs(error, self.assertRaises(
            BrokenError, tasks_base.run,
            self.flow(calls, error, revert_fails=True)))
        self.assertEqual(['start', 'map', 'disk'],
                         [call[0] for call in calls if call[1] == 'revert'])
        self.assertEqual(['map'], tasks_base.failed_reverts(error))
        self.assertIn('What task map did is not undone', self.logger.output)
        self.assertIn('The revert of map', self.logger.output)

    def test_a_revert_of_a_nested_flow_fails(self):
        calls, error = [], BrokenError('No start')
        flow = linear_flow.Flow('outer').add(
            Recorder(calls, 'first'),
            self.flow(calls, error, revert_fails=True))
        self.assertRaises(BrokenError, tasks_base.run, flow)
        self.assertEqual(['start', 'map', 'disk', 'first'],
                         [call[0] for call in calls if call[1] == 'revert'])

    def test_what_is_not_undone(self):
        """It is told by an exception that stands for another one, too."""
        error = BrokenError('No start')
        self.assertRaises(BrokenError, tasks_base.run, self.flow([], error))
        self.assertEqual([], tasks_base.failed_reverts(error))
        error._failed_reverts = ['map']
        other = ValueError()
        other.__cause__ = error
        self.assertEqual(['map'], tasks_base.failed_reverts(other))
        self.assertEqual([], tasks_base.failed_reverts(ValueError()))

    def test_the_exception_itself(self):
        error = BrokenError('No start')
        self.assertIs(error, self.assertRaises(
            BrokenError, tasks_base.run, self.flow([], error)))

    def test_durations_are_logged(self):
        tasks_base.run(self.flow([]), base.make_instance())
        log = self.logger.output
        for kind, name in (('flow', 'build'), ('task', 'disk'),
                           ('task', 'map'), ('task', 'start')):
            self.assertIn("'%s' %s started." % (name, kind), log)
            self.assertRegex(log, r"It took %s '%s' \d+\.\d\d seconds to "
                             r"finish\." % (kind, name))
        self.assertNotIn('logbook', log)

    def test_reverts_are_logged_with_their_durations(self):
        self.assertRaises(BrokenError, tasks_base.run,
                          self.flow([], BrokenError('No start')))
        for name in ('disk', 'map', 'start'):
            self.assertEqual(2, self.logger.output.count(
                "It took task '%s'" % name))

    def test_nothing_is_saved(self):
        """To save what nobody reads is two fifths of an engine's time."""
        for name in ('_set_item', '_get_item'):
            self.useFixture(fixtures.MockPatchObject(
                impl_memory.Connection, name, side_effect=AssertionError))
        tasks_base.run(self.flow([]))
