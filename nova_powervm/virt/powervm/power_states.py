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

"""What the states of LPARs mean to Nova: one table for all who ask."""

from nova.compute import power_state
from nova.virt import event as virt_event
from pypowervm.wrappers import base_partition as pvm_bp

_STATE = pvm_bp.LPARState

#: What an LPAR that is off is in: no other state is as good as that.
OFF = _STATE.NOT_ACTIVATED

# PartitionState in lower case -> nova.compute.power_state. An LPAR whose
# operating system has crashed ('error') is SHUTDOWN: the lifecycle events of
# Nova have no word for a crash, and Nova ignores an event that says another
# thing than get_info.
_POWER_STATES = {
    state.lower(): nova_state for nova_state, states in {
        power_state.RUNNING: (
            _STATE.MIGRATING_RUNNING, _STATE.RUNNING, _STATE.STARTING,
            _STATE.OPEN_FIRMWARE, _STATE.SHUTTING_DOWN, _STATE.SUSPENDING,
            _STATE.RESUMING),
        power_state.SHUTDOWN: (
            _STATE.MIGRATING_NOT_ACTIVE, _STATE.NOT_ACTIVATED, _STATE.ERROR),
        power_state.SUSPENDED: (_STATE.SUSPENDED,),
        # They come and go with what the platform sees of the LPAR, and say
        # nothing about the server.
        power_state.NOSTATE: (
            _STATE.UNKNOWN, _STATE.NOT_AVAILBLE, _STATE.HARDWARE_DISCOVERY),
    }.items() for state in states}

# What ends soon in a state that another event tells of.
_ENDING = (_STATE.SHUTTING_DOWN, _STATE.SUSPENDING)

_TRANSITIONS = {
    power_state.RUNNING: virt_event.EVENT_LIFECYCLE_STARTED,
    power_state.SHUTDOWN: virt_event.EVENT_LIFECYCLE_STOPPED,
    power_state.SUSPENDED: virt_event.EVENT_LIFECYCLE_SUSPENDED}


def nova_state(lpar_state):
    """Tell the power state of an LPAR.

    :param lpar_state: PartitionState of the LPAR, as the platform spells it,
        or None.
    :returns: nova.compute.power_state; NOSTATE if it tells nothing, or is not
        known.
    """
    return _POWER_STATES.get((lpar_state or '').lower(), power_state.NOSTATE)


def transition(lpar_state, recorded):
    """Tell which event Nova should hear of, as an LPAR is in a state.

    :param lpar_state: PartitionState of the LPAR, as the platform spells it,
        or None.
    :param recorded: nova.compute.power_state that Nova has on record.
    :returns: an EVENT_LIFECYCLE_* constant, None if there is nothing to tell.
        Nova takes an event for the power state that of() tells, and ignores
        it if get_info tells another.
    """
    wanted = nova_state(lpar_state)
    if wanted == recorded or (lpar_state or '').lower() in _ENDING:
        return None
    if (lpar_state or '').lower() == _STATE.RESUMING:
        return virt_event.EVENT_LIFECYCLE_RESUMED
    return _TRANSITIONS.get(wanted)
