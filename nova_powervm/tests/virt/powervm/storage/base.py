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

"""Base of the tests of storage documents: disks that are there."""

from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm.storage import volumegroup
from nova_powervm.virt.powervm import vm


class DisksTestCase(base.StorageTestCase):
    """Base: disks that are there, and shorter names for what is tested."""

    def volume_group(self, vios='vios1'):
        vios_uuid = self.vios(vios).uuid
        vg_w = next(vg_w for vg_w in self.host.volume_groups(vios_uuid)
                    if vg_w.name == 'datavg')
        return volumegroup.VolumeGroup(self.host, vios_uuid, vg_w)

    def create_disk(self, name, vios='vios1'):
        disk = self.volume_group(vios).edit(volumegroup.create_disk, name,
                                            1)[1]
        self.simulated.journal.clear()
        return disk

    def map_disk(self, instance, disk, vios='vios1'):
        with transaction.StorageTransaction.immediate(self.host, 'map') as stg:
            stg.edit(self.vios(vios).uuid, vios_mappings.add_mapping,
                     vm.get_lpar_uuid(instance), disk)
        self.simulated.journal.clear()
