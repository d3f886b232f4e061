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

"""Flows of servers fail with the message of the platform."""

from pypowervm import exceptions as pvm_exc
from taskflow.patterns import linear_flow

from nova_powervm.tests.virt.powervm import base
from nova_powervm.tests.virt.powervm.tasks import test_run
from nova_powervm.virt.powervm.actions import runner
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.tasks import base as tasks_base


class RunTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.instance = base.make_instance()
        self.calls = []

    def run_tasks(self, *tasks):
        return runner.run(linear_flow.Flow('test').add(*tasks), self.instance)

    def task(self, name, result, **kwargs):
        return test_run.Recorder(self.calls, name, result, **kwargs)

    def test_success(self):
        self.assertEqual({'size': 3}, {
            name: value for name, value in self.run_tasks(self.task(
                'one', 3, provides='size')).items() if name == 'size'})

    def test_platform_fails(self):
        exc = self.assertRaises(
            exception.PowerVMAPIFailed, self.run_tasks,
            self.task('one', None, revert_fails=True),
            self.task('two', pvm_exc.Error('the VIOS is busy')))
        self.assertIn('the VIOS is busy', str(exc))
        self.assertIn(self.instance.name, str(exc))
        self.assertEqual(['one'], tasks_base.failed_reverts(exc))

    def test_other_failures_stay(self):
        self.assertRaises(test_run.BrokenError, self.run_tasks,
                          self.task('one', test_run.BrokenError()))

    def test_operation_is_logged(self):
        runner.log_operation('spawn', self.instance)
        self.assertIn('Operation spawn on %s.' % self.instance.name,
                      self.logger.output)
