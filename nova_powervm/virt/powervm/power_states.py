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

"""Translate the states of LPARs to Nova's power states, for all callers."""

from nova.compute import power_state
from nova.virt import event as virt_event
from pypowervm.wrappers import base_partition as pvm_bp

_STATE = pvm_bp.LPARState

#: The only state in which an LPAR is off.
OFF = _STATE.NOT_ACTIVATED

# PartitionState in lower case -> nova.compute.power_state. An LPAR whose
# operating system has crashed ('error') is SHUTDOWN: Nova has no lifecycle
# event for a crash, and it ignores an event that contradicts get_info.
_POWER_STATES = {
    state.lower(): nova_state for nova_state, states in {
        power_state.RUNNING: (
            _STATE.MIGRATING_RUNNING, _STATE.RUNNING, _STATE.STARTING,
            _STATE.OPEN_FIRMWARE, _STATE.SHUTTING_DOWN, _STATE.SUSPENDING,
            _STATE.RESUMING),
        power_state.SHUTDOWN: (
            _STATE.MIGRATING_NOT_ACTIVE, _STATE.NOT_ACTIVATED, _STATE.ERROR),
        power_state.SUSPENDED: (_STATE.SUSPENDED,),
        # They depend on what the platform sees of the LPAR, and say nothing
        # about the server.
        power_state.NOSTATE: (
            _STATE.UNKNOWN, _STATE.NOT_AVAILBLE, _STATE.HARDWARE_DISCOVERY),
    }.items() for state in states}

# States that end soon; another event reports the next state.
_ENDING = (_STATE.SHUTTING_DOWN, _STATE.SUSPENDING)

_TRANSITIONS = {
    power_state.RUNNING: virt_event.EVENT_LIFECYCLE_STARTED,
    power_state.SHUTDOWN: virt_event.EVENT_LIFECYCLE_STOPPED,
    power_state.SUSPENDED: virt_event.EVENT_LIFECYCLE_SUSPENDED}


def nova_state(lpar_state):
    """Return Nova's power state for the state of an LPAR.

    :param lpar_state: PartitionState of the LPAR, as the platform spells it,
        or None.
    :returns: nova.compute.power_state; NOSTATE if the state is unknown.
    """
    return _POWER_STATES.get((lpar_state or '').lower(), power_state.NOSTATE)


def transition(lpar_state, recorded):
    """Return the lifecycle event to send to Nova for the state of an LPAR.

    :param lpar_state: PartitionState of the LPAR, as the platform spells it,
        or None.
    :param recorded: nova.compute.power_state that Nova has on record.
    :returns: an EVENT_LIFECYCLE_* constant, or None if there is no news. Nova
        ignores an event that contradicts the power state from get_info, which
        is the result of nova_state().
    """
    wanted = nova_state(lpar_state)
    if wanted == recorded or (lpar_state or '').lower() in _ENDING:
        return None
    if (lpar_state or '').lower() == _STATE.RESUMING:
        return virt_event.EVENT_LIFECYCLE_RESUMED
    return _TRANSITIONS.get(wanted)
