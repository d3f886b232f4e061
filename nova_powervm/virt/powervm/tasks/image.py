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

"""Tasks on images that are created from servers, or that rescue servers."""

from taskflow import task

from nova_powervm.virt.powervm import image
from nova_powervm.virt.powervm.tasks import base


class CheckSnapshot(base.HostTask):
    """Check that the server can become a snapshot, before anything changes."""

    NAME = 'check_snapshot'

    def __init__(self, host, disk_dvr, mgmt, instance):
        super().__init__(host, instance)
        self.disk_dvr = disk_dvr
        self.mgmt = mgmt

    def execute(self):
        image.check_snapshot(self.host, self.disk_dvr, self.mgmt,
                             self.instance)
        image.check_quiesce(self.host, self.instance)


class CheckRescue(base.InstanceTask):
    """Check that an image can rescue the server."""

    NAME = 'check_rescue'

    def __init__(self, instance, image_meta):
        super().__init__(instance)
        self.image_meta = image_meta

    def execute(self):
        image.check_rescue(self.instance, self.image_meta)


class UpdateTaskState(task.Task):
    """Tell Nova the progress of the snapshot.

    :param update_task_state: Nova's function, see ComputeDriver.snapshot.
    :param task_state: nova.compute.task_states.*
    :param expected_state: the state before; None means what Nova expects.
    """

    def __init__(self, update_task_state, task_state, expected_state=None):
        super().__init__('update_task_state_%s' % task_state)
        self.update_task_state = update_task_state
        self.task_state = task_state
        self.expected = ({'expected_state': expected_state}
                         if expected_state else {})

    def execute(self):
        self.update_task_state(self.task_state, **self.expected)


class StreamToGlance(base.InstanceTask):
    """Upload the disk that the management partition can read."""

    NAME = 'stream_to_glance'

    def __init__(self, context, image_api, image_id, mgmt, instance):
        super().__init__(instance)
        self.context = context
        self.image_api = image_api
        self.image_id = image_id
        self.mgmt = mgmt

    def execute(self, mgmt_disk):
        metadata = image.generate_snapshot_metadata(
            self.context, self.image_api, self.image_id, self.instance,
            disk_format=mgmt_disk.disk_format)
        image.stream_blockdev_to_glance(
            self.context, self.image_api, self.image_id, metadata, self.mgmt,
            mgmt_disk.path)
