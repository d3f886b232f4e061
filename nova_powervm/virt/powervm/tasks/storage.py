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

"""Tasks on the documents of the VIOSes, whatever is mapped.

Other tasks queue edits on the transaction of their flow. UpdateVioses performs
all of them, with one read and one write per VIOS.
"""

from nova_powervm.virt.powervm import boot_path
from nova_powervm.virt.powervm.disk import paths as disk_paths
from nova_powervm.virt.powervm import partition_mappings
from nova_powervm.virt.powervm.tasks import base


class DetachStaleMappings(base.InstanceTask):
    """Queue the removal of mappings of an older LPAR with the same id."""

    NAME = 'detach_stale_mappings'

    def __init__(self, instance, stg):
        super().__init__(instance)
        self.stg = stg

    def execute(self, lpar_wrap):
        partition_mappings.remove_stale(self.stg, self.instance, lpar_wrap.id)


class DetachPartition(base.InstanceTask):
    """Queue the removal of whatever else is mapped to the LPAR."""

    NAME = 'detach_partition'

    def __init__(self, instance, stg):
        super().__init__(instance)
        self.stg = stg

    def execute(self):
        partition_mappings.remove_all(self.stg, self.instance)


class FindBootDevice(base.InstanceTask):
    """Find what to boot from; provides its name as ``boot_device``, or None.

    :param disk_type: disk.driver.DiskType of the disk to boot from.
    :param volumes: InstanceVolumes of the volume that replaces this disk, or
        None.
    """

    NAME = 'find_boot_device'
    default_provides = 'boot_device'

    def __init__(self, disk_dvr, instance, disk_type, volumes=None):
        super().__init__(instance)
        self.volumes = volumes
        self.disk_dvr = disk_dvr
        self.disk_type = disk_type

    def execute(self, vioses):
        if self.volumes:
            return boot_path.join(self.volumes.boot_paths(vioses))
        mapping = disk_paths.find_mapping(self.disk_dvr, self.instance,
                                          self.disk_type, vioses)
        return mapping and boot_path.scsi_path(mapping)


class UpdateVioses(base.Task):
    """Perform the queued edits: one read and one write per VIOS.

    Provides the unmapped storage as ``unmapped_storage``, and the VIOSes after
    the edits as ``vioses``: a dict of UUID -> wrapper. It has no revert,
    because each task that queued an edit undoes this edit.
    """

    NAME = 'update_vioses'
    default_provides = ('unmapped_storage', 'vioses')

    def __init__(self, stg):
        super().__init__()
        self.stg = stg

    def execute(self):
        vioses = self.stg.execute()
        return self.stg.removed_storage, vioses
