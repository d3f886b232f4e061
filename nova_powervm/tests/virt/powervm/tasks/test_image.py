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

"""What the tasks do that make an image of a server.

None of them makes anything that would have to be taken back: an image that
was not finished is Nova's to delete.
"""

import functools
import io
from unittest import mock

from nova import exception as nova_exc

from nova_powervm.tests.virt.powervm.tasks import base
from nova_powervm.tests.virt.powervm.tasks import site
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import mgmt
from nova_powervm.virt.powervm.tasks import image as tf_img

setUpModule = functools.partial(base.set_up_module, neighbours=False)


class Glance:
    """The part of nova.image.glance.API that snapshots need.

    :ivar kept: dict of what it was told about the image at last.
    :ivar content: bytes of the image.
    :param size: how many bytes it takes, before it loses the connection.
    """

    def __init__(self, size=None):
        self.size = size

    def get(self, context, image_id):
        return {'name': 'snapshot of ' + image_id}

    def update(self, context, image_id, metadata, data):
        self.kept = metadata
        self.content = data.read(self.size)
        return dict(metadata, size=len(self.content))


class ImageTasksTest(base.TaskTestCase):

    def check(self, disk='ssp', root=None):
        self.flags(group='powervm',
                   management_root=root or self.simulated.management_root)
        self.run_flow(tf_img.CheckSnapshot(
            self.host, self.platform.disks[disk],
            mgmt.ManagementPartition(self.host), self.instance))

    def test_check(self):
        self.create_lpar()
        self.check()

    def test_check_of_what_cannot_be(self):
        self.assertRaises(nova_exc.InstanceNotRunning, self.check)
        self.create_lpar()
        self.assertRaises(exception.SnapshotNotSupported, self.check,
                          disk='localdisk')
        self.assertRaises(exception.SnapshotNotSupported, self.check,
                          root=self.platform.site.data_dir)

    def test_task_state(self):
        """Nova takes its own default for the state before."""
        tell = mock.Mock()
        tasks = [tf_img.UpdateTaskState(tell, 'image_pending_upload'),
                 tf_img.UpdateTaskState(tell, 'image_uploading',
                                        expected_state='x')]
        self.assertEqual(['update_task_state_image_pending_upload',
                          'update_task_state_image_uploading'],
                         [task.name for task in tasks])
        self.run_flow(*tasks)
        self.assertEqual([mock.call('image_pending_upload'),
                          mock.call('image_uploading', expected_state='x')],
                         tell.mock_calls)

    def stream(self, glance):
        partition = mock.Mock(open_disk=lambda path: io.BytesIO(site.CONTENT))
        self.run_flow(
            base.Provide(mgmt_disk=mgmt.AttachedDisk('/dev/sdb', 'qcow2')),
            tf_img.StreamToGlance(None, glance, 'image', partition,
                                  self.instance))

    def test_stream(self):
        glance = Glance()
        self.stream(glance)
        self.assertEqual(site.CONTENT, glance.content)
        self.assertEqual(
            ('snapshot of image', 'qcow2', 'bare', 'active'),
            tuple(glance.kept[key] for key in (
                'name', 'disk_format', 'container_format', 'status')))
        self.assertEqual(self.instance.project_id,
                         glance.kept['properties']['owner_id'])

    def test_image_that_is_cut_short(self):
        self.assertRaises(exception.SnapshotIncomplete, self.stream,
                          Glance(size=17))
