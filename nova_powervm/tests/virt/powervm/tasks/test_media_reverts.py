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

"""The reverts of tasks on config drives, on the site of test_disk_reverts."""

from nova_powervm.tests.virt.powervm.tasks import base
from nova_powervm.virt.powervm.tasks import media as tf_media
from nova_powervm.virt.powervm.tasks import storage as tf_stg

setUpModule = base.set_up_module


class ConfigDriveRevertsTest(base.TaskTestCase):

    def setUp(self):
        super().setUp()
        self.drive = self.platform.config_drive

    def create(self):
        return [base.Provide(mgmt_cna=None), tf_media.CreateCfgDrive(
            self.drive, None, self.instance, [], [], None)]

    def connect(self):
        stg = self.transaction()
        return [tf_media.ConnectCfgDrive(self.drive, self.instance, stg),
                tf_stg.UpdateVioses(stg)]

    def test_create(self):
        self.assert_undone(self.create)

    def test_connect(self):
        self.create_lpar()
        medium = self.run_flow(*self.create())['cfg_drive']
        self.assert_undone(
            lambda: [base.Provide(cfg_drive=medium), *self.connect()])

    def test_both(self):
        """As they are in a spawn."""
        self.create_lpar()
        self.assert_undone(lambda: [*self.create(), *self.connect()],
                           once=True)
