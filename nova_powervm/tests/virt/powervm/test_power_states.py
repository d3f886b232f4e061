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

"""What the states of LPARs mean to Nova, asked in both ways."""

from nova.compute import power_state
from nova.virt import event as virt_event
from pypowervm.wrappers import base_partition as pvm_bp
import testtools

from nova_powervm.simulator.resources import partition
from nova_powervm.virt.powervm import power_states

STARTED = virt_event.EVENT_LIFECYCLE_STARTED
STOPPED = virt_event.EVENT_LIFECYCLE_STOPPED
SUSPENDED = virt_event.EVENT_LIFECYCLE_SUSPENDED
RESUMED = virt_event.EVENT_LIFECYCLE_RESUMED

#: What nova.compute.manager, handle_lifecycle_event(), takes an event for.
MEANINGS = {STARTED: power_state.RUNNING, STOPPED: power_state.SHUTDOWN,
            SUSPENDED: power_state.SUSPENDED, RESUMED: power_state.RUNNING}
ALL = sorted(value for name, value in vars(pvm_bp.LPARState).items()
             if not name.startswith('_'))


class PowerStateTest(testtools.TestCase):

    def test_all_are_in_the_table(self):
        self.assertIn('Unknown', ALL)
        self.assertEqual(sorted(state.lower() for state in ALL),
                         sorted(power_states._POWER_STATES))

    def test_those_of_the_simulator_too(self):
        self.assertLessEqual({state.lower() for state in partition.STATES},
                             set(power_states._POWER_STATES))

    def test_event_and_info_agree(self):
        """Nova ignores an event that says another thing than get_info."""
        for state in ALL:
            for recorded in power_state.STATE_MAP:
                told = power_states.transition(state, recorded)
                if told is not None:
                    self.assertEqual(power_states.nova_state(state),
                                     MEANINGS[told], (state, recorded))
                    self.assertNotEqual(recorded, MEANINGS[told])

    def test_nova_is_told_of_what_lasts(self):
        for state, recorded in (
                ('error', power_state.RUNNING),
                ('not activated', power_state.RUNNING),
                ('suspended', power_state.RUNNING),
                ('running', power_state.SUSPENDED),
                ('running', power_state.CRASHED),
                ('error', power_state.CRASHED),
                ('running', power_state.SHUTDOWN)):
            self.assertEqual(
                power_states.nova_state(state),
                MEANINGS[power_states.transition(state, recorded)])

    def test_transition(self):
        for state, recorded, expected in (
                ('running', power_state.SHUTDOWN, STARTED),
                ('running', power_state.RUNNING, None),
                ('open firmware', power_state.NOSTATE, STARTED),
                ('starting', power_state.SHUTDOWN, STARTED),
                ('migrating running', power_state.SHUTDOWN, STARTED),
                ('not activated', power_state.RUNNING, STOPPED),
                ('not activated', power_state.SHUTDOWN, None),
                ('error', power_state.RUNNING, STOPPED),
                ('error', power_state.SHUTDOWN, None),
                ('suspended', power_state.RUNNING, SUSPENDED),
                ('suspended', power_state.SUSPENDED, None),
                ('resuming', power_state.SUSPENDED, RESUMED),
                # Another event comes soon.
                ('suspending', power_state.RUNNING, None),
                ('shutting down', power_state.RUNNING, None),
                ('shutting down', power_state.SHUTDOWN, None),
                # Says nothing about the server (known gap 21 of 9.0.0).
                ('unknown', power_state.RUNNING, None),
                ('Unknown', power_state.RUNNING, None),
                ('not available', power_state.RUNNING, None),
                ('anything else', power_state.RUNNING, None),
                (None, power_state.RUNNING, None)):
            self.assertEqual(
                expected, power_states.transition(state, recorded),
                (state, recorded))

    def test_no_state(self):
        for state in (None, '', 'anything else', 'UNKNOWN'):
            self.assertEqual(power_state.NOSTATE,
                             power_states.nova_state(state))
