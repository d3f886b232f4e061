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

"""Determine the state of a server before Nova began an operation.

Nova stops a server before it asks the driver to rescue or shelve the server.
If the driver then refuses, or fails, it starts the server again.

When Nova deletes a server softly, it forgets whether the server was rescued.
If the server is restored, Nova does not take it for rescued.
"""

import contextlib

from nova.compute import power_state
from nova.compute import task_states
from nova.compute import vm_states
from oslo_utils import excutils

from nova_powervm.virt.powervm import server_notes

#: Operations for which Nova stops the server before it calls the driver.
_STOPPED_FOR = (task_states.RESCUING, task_states.SHELVING)
# In system_metadata of a softly deleted server.
_WAS_RESCUED = 'powervm_was_rescued'


def is_to_become_image(instance):
    """Return whether Nova shelves a server, and will ask for a snapshot.

    :param instance: nova.objects.Instance
    """
    return (instance.task_state == task_states.SHELVING and
            bool(instance.image_ref))


def was_stopped_by_nova(instance):
    """Return whether Nova has stopped a running server for an operation.

    Nova changes vm_state and power_state only after the operation.

    :param instance: nova.objects.Instance
    """
    if instance.task_state not in _STOPPED_FOR:
        return False
    return (instance.vm_state == vm_states.ACTIVE or
            instance.vm_state != vm_states.STOPPED and
            instance.power_state == power_state.RUNNING)


@contextlib.contextmanager
def noting_rescue(instance):
    """Store whether a server is rescued, while Nova deletes it softly.

    If the deletion fails, remove the record again. A record of an attempt that
    a crash has ended is replaced.

    :param instance: nova.objects.Instance, which is saved.
    """
    if instance.vm_state == vm_states.RESCUED:
        instance.system_metadata[_WAS_RESCUED] = 'yes'
        server_notes.save(instance)
    else:
        forget_rescue(instance)
    try:
        yield
    except Exception:
        with excutils.save_and_reraise_exception():
            forget_rescue(instance)


def was_rescued(instance):
    """Return whether a softly deleted server was rescued."""
    return _WAS_RESCUED in instance.system_metadata


def forget_rescue(instance):
    """Remove the record that a server was rescued, if there is one."""
    if instance.system_metadata.pop(_WAS_RESCUED, None):
        server_notes.save(instance)
