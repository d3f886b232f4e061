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

"""The flow that creates an image of a server."""

from nova.compute import task_states
from taskflow.patterns import linear_flow

from nova_powervm.virt.powervm.flows import load_source
from nova_powervm.virt.powervm.tasks import disk as tf_disk
from nova_powervm.virt.powervm.tasks import image as tf_img


def snapshot(services, context, instance, image_id, update_task_state,
             was_on=False):
    """Flow that sends a server's boot disk to Glance.

    The server may be on. Then its disk changes while the flow reads it, so
    the image does not show the disk at one moment.

    :param was_on: whether Nova has stopped the server for the snapshot. If the
        flow fails, it starts the server again.
    """
    flow = linear_flow.Flow('snapshot')
    if was_on:
        # The server does not boot from a volume: Nova creates no image then.
        load_source.add_power_back_on(flow, services, instance, None,
                                      always=True)
    return flow.add(
        tf_img.CheckSnapshot(services.host, services.disk, services.mgmt,
                             instance),
        tf_img.UpdateTaskState(update_task_state,
                               task_states.IMAGE_PENDING_UPLOAD),
        tf_disk.InstanceDiskToMgmt(services.disk, services.mgmt, instance),
        tf_img.UpdateTaskState(
            update_task_state, task_states.IMAGE_UPLOADING,
            expected_state=task_states.IMAGE_PENDING_UPLOAD),
        tf_img.StreamToGlance(context, services.disk.image_api, image_id,
                              services.mgmt, instance),
        tf_disk.RemoveInstanceDiskFromMgmt(services.disk, services.mgmt,
                                           instance))
