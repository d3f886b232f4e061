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

"""What Nova does with a server."""

from nova_powervm.tests.virt.powervm.slots import base
from nova_powervm.virt.powervm.slots import lifecycle


class RemovalTest(base.SlotsTestCase):

    def test_is_removed_for_good(self):
        for expected, attrs in (
                (True, {'task_state': 'deleting'}),
                (True, {'task_state': 'deleting', 'host': None}),
                (True, {'vm_state': 'deleted'}),
                (True, {'vm_state': 'soft-delete'}),
                (False, {'task_state': 'deleting', 'host': 'compute2'}),
                (False, {'task_state': 'resize_reverting'}),
                (False, {'task_state': 'rebuilding'}),
                (False, {'vm_state': 'shelved_offloaded'}),
                (False, {'task_state': 'shelving_offloading'}),
                (False, {})):
            attrs = dict({'vm_state': 'active', 'task_state': None}, **attrs)
            instance = self.make_instance(2, **attrs)
            self.assertEqual(
                expected, lifecycle.is_removed_for_good(instance, 'compute1'),
                attrs)

    def test_had_devices(self):
        for expected, vm_state, task_state in (
                (True, 'shelved_offloaded', 'spawning'),
                (True, 'active', 'rebuild_spawning'),
                (False, 'building', 'spawning')):
            instance = self.make_instance(2, vm_state=vm_state,
                                          task_state=task_state)
            self.assertEqual(expected, lifecycle.had_devices(instance))
