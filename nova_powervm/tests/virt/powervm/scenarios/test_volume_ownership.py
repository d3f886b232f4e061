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

"""Looking for volumes changes nothing of what is not theirs."""

from oslo_utils import units

from nova_powervm.tests.virt.powervm.scenarios import volumes

VOLUME = volumes.VOLUME
_SIZE = 16 * units.Mi


class NobodyElsesTest(volumes.VolumeCase):
    """An attachment that fails on the VIOSes, beside what others have."""

    WITH_SESSIONS = False

    def setUp(self):
        super().setUp()
        self.server = self.boot(networks='none')

    def fail_to_attach(self):
        """Have the attachment of a volume fail that no VIOS sees."""
        with self.site.lock:
            self.lun(1).set_fault('not_exported')
        self.assertFalse(self.attach(self.server, 1))
        with self.site.lock:
            self.lun(1).clear_faults()

    def test_boot_disk_of_a_server_that_lost_its_lpar(self):
        """Server B finds no volume; the disk of server A must live."""
        other = self.boot(networks='none')
        disk = self.boot_disk_of(other)
        disk.write_at(0, b'what the user wrote')
        self.platform.operator.delete_partition(self.lpar_of(other)['uuid'])
        self.fail_to_attach()
        self.reboot(other, hard=True)
        self.assertEqual(b'what the user wrote',
                         self.boot_disk_of(other).read(0, 19))
        self.assertIsNone(self.delete(other))

    def test_any_client(self):
        """An operator's disk behind an adapter that any LPAR may use."""
        operator = self.platform.operator
        operator.create_disk('vios1', 'datavg', 'backup', _SIZE, b'backup')
        operator.map_storage('vios1', 'backup')
        before = self.platform_state()
        self.fail_to_attach()
        self.assert_state_equal(before, self.platform_state(), 'Changed')
        operator.unmap_storage('vios1', 'backup')
        operator.delete_disk('vios1', 'backup')

    def test_disks_of_an_lpar_that_its_owner_deleted(self):
        """Its volume, disk and medium are the owner's, with the mappings."""
        operator = self.platform.operator
        operator.create_partition('theirs', memory_mb=256, disk={
            'vios': 'vios1', 'volume_group': 'datavg', 'name': 'oracle_data',
            'size_bytes': _SIZE})
        operator.delete_partition('theirs')
        before = self.platform_state()
        self.fail_to_attach()
        self.assert_state_equal(before, self.platform_state(), 'Changed')
        operator.unmap_storage('vios1', 'oracle_data')
        operator.delete_disk('vios1', 'oracle_data')
