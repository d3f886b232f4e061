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

"""What the tasks on consoles do, in flows that end, and that fail."""

from unittest import mock

from taskflow.patterns import linear_flow

from nova_powervm.tests.virt.powervm import base
from nova_powervm.tests.virt.powervm.tasks import base as task_base
from nova_powervm.virt.powervm.console import service
from nova_powervm.virt.powervm.tasks import base as tf_base
from nova_powervm.virt.powervm.tasks import console as tf_console


class ConsoleTasksTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.consoles = mock.NonCallableMock(spec=service.Consoles)
        self.consoles.is_open.return_value = False
        self.instance = base.make_instance()

    def calls(self, *tasks, fails=True):
        """What is asked of the consoles; the flow fails after the tasks."""
        flow = linear_flow.Flow('flow').add(*tasks)
        if fails:
            flow.add(task_base.Stop())
            self.assertRaises(task_base.TheEnd, tf_base.run, flow)
        else:
            tf_base.run(flow)
        return [call for call in self.consoles.mock_calls
                if call != mock.call.is_open(self.instance)]

    def test_keep_log(self):
        task = tf_console.KeepLog(self.consoles, self.instance)
        self.assertEqual([mock.call.keep_log(self.instance, 'wrapper')],
                         self.calls(task_base.Provide(lpar_wrap='wrapper'),
                                    task, fails=False))

    def test_keep_log_without_wrapper(self):
        task = tf_console.KeepLog(self.consoles, self.instance)
        self.assertEqual([mock.call.keep_log(self.instance, None)],
                         self.calls(task, fails=False))

    def test_keep_log_is_undone(self):
        task = tf_console.KeepLog(self.consoles, self.instance)
        self.assertEqual([mock.call.keep_log(self.instance, None),
                          mock.call.close(self.instance)], self.calls(task))

    def test_what_was_open_stays_open(self):
        self.consoles.is_open.return_value = True
        task = tf_console.KeepLog(self.consoles, self.instance)
        self.assertEqual([mock.call.keep_log(self.instance, None)],
                         self.calls(task))

    def test_close(self):
        task = tf_console.Close(self.consoles, self.instance)
        self.assertEqual([mock.call.close(self.instance)],
                         self.calls(task, fails=False))

    def test_close_is_undone(self):
        task = tf_console.Close(self.consoles, self.instance)
        self.assertEqual([mock.call.close(self.instance),
                          mock.call.keep_log(self.instance)],
                         self.calls(task))
