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

"""What the flow that makes an image of a server consists of."""

from unittest import mock

from nova_powervm.tests.virt.powervm.flows import base
from nova_powervm.virt.powervm.flows import snapshot


class SnapshotTest(base.RecipesTestCase):

    MODULE = snapshot
    FLOW = 'snapshot'
    _PLAIN = '''
        check_snapshot
        update_task_state_image_pending_upload
        instance_disk_to_mgmt
        update_task_state_image_uploading
        stream_to_glance
        remove_inst_disk_from_mgmt'''
    RECIPES = {
        'plain': ({}, {}, _PLAIN),
        'after Nova has stopped it': ({}, {'was_on': True},
                                      'pwr_back_on ' + _PLAIN),
    }

    def test_nova_is_told(self):
        """Nova refuses a state that does not follow the one before."""
        tell = mock.Mock()
        flow = self.build(snapshot.snapshot, update_task_state=tell)
        for task in flow:
            if task.name.startswith('update_task_state_'):
                task.execute()
        self.assertEqual([
            mock.call('image_pending_upload'),
            mock.call('image_uploading',
                      expected_state='image_pending_upload')],
            tell.mock_calls)
