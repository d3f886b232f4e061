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

"""Determine from Nova's states why devices of a server come or go."""

from __future__ import annotations

from nova.compute import task_states
from nova.compute import vm_states
from nova import objects

_REMOVAL_TASKS = (task_states.DELETING, task_states.SOFT_DELETING)
_REMOVAL_STATES = (vm_states.DELETED, vm_states.SOFT_DELETED)
_SHELVED_STATES = (vm_states.SHELVED, vm_states.SHELVED_OFFLOADED)
_REBUILD_TASKS = (task_states.REBUILDING,
                  task_states.REBUILD_BLOCK_DEVICE_MAPPING,
                  task_states.REBUILD_SPAWNING)


def is_removed_for_good(instance: objects.Instance, nodename: str) -> bool:
    """Return whether a server that is removed from this host is deleted."""
    return instance.host in (None, nodename) and (
        instance.task_state in _REMOVAL_TASKS or
        instance.vm_state in _REMOVAL_STATES)


def is_shelved(instance: objects.Instance) -> bool:
    """Return whether a server that is created here was shelved before."""
    return instance.vm_state in _SHELVED_STATES


def had_devices(instance: objects.Instance) -> bool:
    """Return whether a server that is created here had devices before."""
    return is_shelved(instance) or instance.task_state in _REBUILD_TASKS
