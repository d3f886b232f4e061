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

"""What a server was like before Nova began an operation.

Nova stops a server before it has the driver rescue or shelve it. If the
driver refuses then, or fails, it starts the server again.

Nova forgets that a server is rescued when it deletes it softly: one that is
restored is not.
"""

import contextlib

from nova.compute import power_state
from nova.compute import task_states
from nova.compute import vm_states
from oslo_utils import excutils

#: Operations that Nova stops a server for, and then asks the driver to do.
_STOPPED_FOR = (task_states.RESCUING, task_states.SHELVING)
# In system_metadata of a server that has been deleted softly.
_WAS_RESCUED = 'powervm_was_rescued'


def is_to_become_image(instance):
    """Whether Nova shelves a server, and its boot disk is to be an image.

    :param instance: nova.objects.Instance
    """
    return (instance.task_state == task_states.SHELVING and
            bool(instance.image_ref))


def was_stopped_by_nova(instance):
    """Whether Nova has stopped a server, which was on, for its operation.

    vm_state and power_state are still those of before: Nova changes them when
    the operation has ended.

    :param instance: nova.objects.Instance
    """
    if instance.task_state not in _STOPPED_FOR:
        return False
    return (instance.vm_state == vm_states.ACTIVE or
            instance.vm_state != vm_states.STOPPED and
            instance.power_state == power_state.RUNNING)


@contextlib.contextmanager
def noting_rescue(instance):
    """Keep whether a server is rescued, while it is deleted softly.

    If that fails, the server is as it was, and so is what is kept. What is
    left of an attempt that a crash has ended is replaced.

    :param instance: nova.objects.Instance, to be saved.
    """
    if instance.vm_state == vm_states.RESCUED:
        instance.system_metadata[_WAS_RESCUED] = 'yes'
        instance.save()
    else:
        forget_rescue(instance)
    try:
        yield
    except Exception:
        with excutils.save_and_reraise_exception():
            forget_rescue(instance)


def was_rescued(instance):
    """Whether a server that has been deleted softly was rescued."""
    return _WAS_RESCUED in instance.system_metadata


def forget_rescue(instance):
    """Forget that a server was rescued, if that is kept."""
    if instance.system_metadata.pop(_WAS_RESCUED, None):
        instance.save()
