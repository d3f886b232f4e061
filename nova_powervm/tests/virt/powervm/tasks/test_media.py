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

"""What the tasks on config drives do; test_media_reverts tells the rest."""

from unittest import mock

from nova_powervm.tests.virt.powervm.tasks import base
from nova_powervm.tests.virt.powervm.tasks import storage_base
from nova_powervm.virt.powervm import media
from nova_powervm.virt.powervm.tasks import media as tf_media

setUpModule = base.set_up_module


class ConfigDriveTest(storage_base.StorageTasksTestCase):

    def setUp(self):
        super().setUp()
        self.drive = self.platform.config_drive
        self.medium_name = media.get_cfg_drv_name(self.instance)
        self.stg = self.transaction()

    def media_names(self):
        return set(self.vios().repository.media)

    def test_what_it_is_made_of(self):
        drive = mock.Mock()
        result = self.run_flow(
            base.Provide(mgmt_cna='adapter'), tf_media.CreateCfgDrive(
                drive, 'context', self.instance, ['file'], ['port'], 'pw'))
        drive.create.assert_called_once_with(
            'context', self.instance, ['file'], ['port'], 'pw',
            mgmt_cna='adapter')
        self.assertIs(drive.create.return_value, result['cfg_drive'])

    def test_create_and_connect(self):
        self.run_edits(
            tf_media.CreateCfgDrive(self.drive, None, self.instance, [], [],
                                    None),
            tf_media.ConnectCfgDrive(self.drive, self.instance, self.stg),
            mgmt_cna=None)
        self.assertIn(self.medium_name, self.media_names())
        self.assertEqual([('vios1', self.medium_name)], self.mapped())

    def test_reattach(self):
        self.make_medium(connect=False)
        self.run_edits(tf_media.ReattachCfgDrive(self.drive, self.instance,
                                                 self.stg))
        self.assertEqual([('vios1', self.medium_name)], self.mapped())

    def test_reattach_one_that_is_gone(self):
        self.run_edits(tf_media.ReattachCfgDrive(self.drive, self.instance,
                                                 self.stg))
        self.assert_site(self.before)

    def test_detach_and_delete(self):
        self.make_medium()
        self.run_edits(tf_media.DetachCfgDrive(self.drive, self.instance,
                                               self.stg))
        self.assertEqual([], self.mapped())
        self.assertIn(self.medium_name, self.media_names())
        self.run_flow(tf_media.DeleteVOpt(self.drive, self.instance))
        self.assert_site(self.before)

    def test_deletion_may_wait(self):
        self.make_medium(connect=False)
        refused = dict(base.EFFECTS['refused'], path='VolumeGroup')
        self.simulated.faults.add(refused)
        self.run_broken(tf_media.DeleteVOpt(self.drive, self.instance))
        self.simulated.faults.add(refused)
        self.run_flow(tf_media.DeleteVOpt(self.drive, self.instance,
                                          may_wait=True))
        self.assertIn(self.medium_name, self.media_names())
        self.drive.clean_periodically()
        self.assert_site(self.before)
