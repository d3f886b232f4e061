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

"""How flows are run for a server."""

import contextlib

from taskflow.patterns import linear_flow
from taskflow import task

from nova_powervm.tests.virt.powervm import base as powervm_base
from nova_powervm.tests.virt.powervm.tasks import base
from nova_powervm.virt.powervm.tasks import base as tf_base


class Stubborn(task.Task):
    """Cannot be undone."""

    def execute(self):
        """Nothing to do."""

    def revert(self, **kwargs):
        raise OSError('It stays.')


class RunTest(powervm_base.TestCase):

    def run_flow(self, *tasks):
        return tf_base.run(linear_flow.Flow('test').add(*tasks),
                           instance=powervm_base.make_instance())

    def test_what_tasks_provide(self):
        self.assertEqual({'one': 1, 'two': [2], 'three': None}, self.run_flow(
            base.Provide(one=1, two=[2]), base.Provide(three=None)))

    def test_nothing(self):
        self.assertEqual({}, tf_base.run(linear_flow.Flow('test')))

    def test_duration_of_each_task_is_logged(self):
        self.run_flow(task.FunctorTask(lambda: None, 'first'),
                      task.FunctorTask(lambda: None, 'second'))
        for name in ('first', 'second'):
            self.assertRegex(
                self.logger.output,
                "It took task '%s' [0-9.]+ seconds to finish" % name)

    def test_failure(self):
        """The finished tasks are reverted; the exception is the task's."""
        before, behind = base.Witness('before'), base.Witness('behind')
        self.assertRaises(base.TheEnd, self.run_flow, before, base.Stop(),
                          behind)
        self.assertEqual((True, False), (before.reverted, behind.reverted))

    def test_order_of_reverts(self):
        order = []

        class Undo(task.Task):
            def execute(self):
                order.append(self.name)

            def revert(self, **kwargs):
                order.append('undo ' + self.name)

        self.assertRaises(base.TheEnd, self.run_flow, Undo('first'),
                          Undo('second'), base.Stop())
        self.assertEqual(['first', 'second', 'undo second', 'undo first'],
                         order)

    def test_each_revert_is_tried(self):
        earlier = base.Witness()
        with contextlib.suppress(Exception):
            self.run_flow(earlier, Stubborn(), base.Stop())
        self.assertTrue(earlier.reverted)

    def test_first_failure_is_told(self):
        self.assertRaises(base.TheEnd, self.run_flow, Stubborn(), base.Stop())
