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

import itertools

from nova.compute import power_state
from nova.compute import vm_states
import testtools

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import before

ON, OFF = power_state.RUNNING, power_state.SHUTDOWN


class StoppedByNovaTest(testtools.TestCase):

    def was_stopped(self, task_state, vm_state, power):
        return before.was_stopped_by_nova(base.make_instance(
            task_state=task_state, vm_state=vm_state, power_state=power))

    def test_operations_that_nova_stops_a_server_for(self):
        for task_state in ('rescuing', 'shelving'):
            for vm_state, power, expected in (
                    (vm_states.ACTIVE, ON, True),
                    (vm_states.ACTIVE, OFF, True),
                    (vm_states.STOPPED, OFF, False),
                    (vm_states.STOPPED, ON, False),
                    (vm_states.ERROR, ON, True),
                    (vm_states.ERROR, OFF, False)):
                self.assertEqual(expected, self.was_stopped(
                    task_state, vm_state, power), (vm_state, power))

    def test_other_operations(self):
        for task_state, vm_state, power in itertools.product(
                ('image_snapshot', 'unrescuing', None),
                (vm_states.ACTIVE, vm_states.STOPPED), (ON, OFF)):
            self.assertFalse(self.was_stopped(task_state, vm_state, power))
