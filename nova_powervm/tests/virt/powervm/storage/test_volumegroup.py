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

"""Edits of volume groups."""


from nova import exception as nova_exc

from nova_powervm.tests.virt.powervm.disk import base as disk_base
from nova_powervm.tests.virt.powervm.storage import base
from nova_powervm.virt.powervm.storage import deletion
from nova_powervm.virt.powervm.storage import volumegroup


class VolumeGroupTestCase(base.DisksTestCase):

    def setUp(self):
        super().setUp()
        self.vg = self.volume_group()
        self.simulated.journal.clear()

    def test_disks_come_and_go(self):
        before = self.state()
        vg_w, disk = self.vg.edit(volumegroup.create_disk, 'b_test', 3)
        self.assertEqual((3.0, 'b_test', 1997.0),
                         (disk.capacity, disk.name, vg_w.available_size))
        self.assertEqual(['GET VolumeGroup', 'POST VolumeGroup'],
                         self.requests())
        self.vg.edit(deletion.disks, ['b_test', 'b_none'], disk_base.ANY)
        self.assertEqual(before, self.state())
        self.simulated.journal.clear()
        self.vg.edit(deletion.disks, ['b_test', 'b_none'], disk_base.ANY)
        self.assertEqual(['GET VolumeGroup'], self.requests())

    def test_repeated_if_somebody_was_faster(self):
        self.break_request('precondition', 'POST', 'VolumeGroup')
        self.vg.edit(volumegroup.create_disk, 'b_test', 3)
        self.assertEqual(['GET VolumeGroup', 'POST VolumeGroup'] * 2,
                         self.requests())
        self.assertEqual(['b_test'], self.disk_names())

    def test_no_room(self):
        error = self.assertRaises(
            nova_exc.ComputeResourcesUnavailable, self.vg.edit,
            volumegroup.create_disk, 'b_test', 2001)
        self.assertIn('2001 GB needed in volume group datavg, 2000.00 GB',
                      str(error))
        self.assertEqual(['GET VolumeGroup'], self.requests())
