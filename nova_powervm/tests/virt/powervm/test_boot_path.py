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

"""By which names the firmware knows disks."""

from unittest import mock

import testtools

from nova_powervm.virt.powervm import boot_path


def mapping(slot=10, lua='0x8200000000000000'):
    made = mock.Mock()
    made.client_adapter.lpar_slot_num = slot
    made.target_dev.lua = lua
    return made


class BootPathTest(testtools.TestCase):

    def test_scsi(self):
        self.assertEqual('/vdevice/v-scsi@3000000a/disk@8200000000000000',
                         boot_path.scsi_path(mapping()))

    def test_scsi_of_a_linux_vios(self):
        self.assertIsNone(boot_path.scsi_path(mapping(lua='lun1')))

    def test_fc(self):
        for lun, name in (('1000000000000', '1000000000000'), ('0', '0'),
                          ('0001000000000000', '1000000000000')):
            self.assertEqual(
                '/vdevice/vfc-client@30000003/disk@500507680b21ac22,' + name,
                boot_path.fc_path(mapping(3), '500507680b21ac22', lun))

    def test_slot_that_is_not_told(self):
        made = mapping()
        made.client_adapter = None
        self.assertIsNone(boot_path.scsi_path(made))
        self.assertIsNone(boot_path.fc_path(made, '5005', '1'))

    def test_list(self):
        self.assertIsNone(boot_path.join([]))
        self.assertIsNone(boot_path.join([None]))
        self.assertEqual('/a /b', boot_path.join(['/a', None, '/b']))
        self.assertEqual('0 1 2 3 4', boot_path.join(map(str, range(9))))
