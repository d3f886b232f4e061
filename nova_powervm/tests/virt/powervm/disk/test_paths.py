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

"""Which disks of a server are complete: all paths, and only its own."""

from nova_powervm.tests.virt.powervm.disk import ssp_base
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm.disk import paths
from nova_powervm.virt.powervm.disk import units
from nova_powervm.virt.powervm.storage import vios_mappings


class FindCompleteTest(ssp_base.PoolTestCase):
    """A server has its boot disk by two VIOSes."""

    def setUp(self):
        super().setUp()
        self.instance = self.make_instance()
        self.disk = self.create(instance=self.instance)
        units.keep(self.instance, [self.disk], self.adapter._pool.ssp_uuid)
        self.create_lpar(self.instance)
        self.connect(self.instance, self.disk)
        self.vioses = {vios_w.uuid: vios_w for vios_w in self.host.vioses(
            [vios_mappings.SCSI_MAPPING])}

    def look(self):
        return paths.find_complete(self.adapter, self.instance, self.vioses)

    def last_mappings(self):
        """The mappings of the VIOS that is looked at last, and the disk's."""
        vios_w = self.vioses[self.adapter.vios_uuids[-1]]
        return vios_w.scsi_mappings, next(
            mapping for mapping in vios_w.scsi_mappings
            if mapping.backing_storage is not None and
            mapping.backing_storage.name == self.disk.name)

    def test_complete(self):
        found = self.look()
        self.assertEqual([disk_driver.DiskType.BOOT], list(found))
        self.assertEqual(self.disk.udid,
                         found[disk_driver.DiskType.BOOT].udid)

    def test_one_path(self):
        mappings, mapping = self.last_mappings()
        mappings.remove(mapping)
        self.assertIsNone(self.look())

    def test_path_without_an_adapter_of_the_client(self):
        """The LPAR has lost its end of the path, and does not see the disk."""
        _mappings, mapping = self.last_mappings()
        client = mapping.client_adapter.element
        mapping.element.remove(client)
        self.assertIsNone(mapping.client_adapter)
        self.assertIsNone(self.look())

    def test_disk_that_is_not_on_record(self):
        units.forget(self.instance, [self.disk.name])
        self.assertIsNone(self.look())
