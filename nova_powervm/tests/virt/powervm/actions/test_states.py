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

"""Power states that Nova is told, while nova-compute starts and later."""

from unittest import mock

from nova.compute import power_state
from nova.virt import hardware
from pypowervm import exceptions as pvm_exc

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.actions import states
from nova_powervm.virt.powervm import startup
from nova_powervm.virt.powervm import vm


class StatesTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.instance = base.make_instance()
        self.get = mock.Mock(return_value=hardware.InstanceInfo(
            state=power_state.RUNNING))
        self.patch(vm, 'get_vm_info', self.get)
        self.are_known = mock.Mock(return_value=True)
        self.patch(startup.PowerStates, 'are_known', self.are_known)
        self.states = states.States('host')

    def state(self, **kwargs):
        return self.states.get_info(self.instance, **kwargs).state

    def test_during_the_start(self):
        self.assertEqual(power_state.RUNNING, self.state(use_cache=False))
        self.get.assert_called_once_with('host', self.instance,
                                         use_cache=True)

    def test_states_that_could_not_be_read_at_the_start(self):
        self.are_known.return_value = False
        self.state(use_cache=False)
        self.get.assert_called_once_with('host', self.instance,
                                         use_cache=False)

    def test_later(self):
        self.states.end_start()
        self.state(use_cache=False)
        self.get.assert_called_once_with('host', self.instance,
                                         use_cache=False)
        self.are_known.assert_not_called()

    def test_platform_does_not_answer(self):
        self.get.side_effect = pvm_exc.Error('time-out')
        self.assertEqual(power_state.NOSTATE, self.state())
        self.assertIn('time-out', self.logger.output)

    def test_is_on(self):
        for state, is_off, expected in (
                (power_state.RUNNING, False, True),
                (power_state.SHUTDOWN, True, False),
                # It has crashed.
                (power_state.SHUTDOWN, False, True),
                (power_state.NOSTATE, None, True)):
            self.get.return_value = hardware.InstanceInfo(state=state)
            self.patch(vm, 'is_off', mock.Mock(return_value=is_off))
            self.assertEqual(expected, self.states.is_on(self.instance))
