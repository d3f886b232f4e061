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

Other tasks queue edits on the transaction of their flow. UpdateVioses makes
them all, with one read and one write per VIOS.
"""

from taskflow import task

from nova_powervm.virt.powervm import boot_path
from nova_powervm.virt.powervm import host_record
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import vm


class DetachStaleMappings(task.Task):
    """Queue the removal of what a former LPAR with the same id left."""

    def __init__(self, instance, stg):
        super().__init__('detach_stale_mappings')
        self.instance = instance
        self.stg = stg

    def execute(self, lpar_wrap):
        self.stg.edit_touched(vios_mappings.remove_stale_mappings,
                              lpar_wrap.id)
        if self.stg.reads(vios_mappings.FC_MAPPING):
            nodename = self.stg.host.nodename
            host_record.keep_id(self.instance, nodename, lpar_wrap.id)
            self.stg.edit_touched(vios_mappings.remove_stale_fc_mappings,
                                  host_record.kept_ids(self.instance,
                                                       nodename))


class DetachPartition(task.Task):
    """Queue the removal of whatever else is mapped to the LPAR."""

    def __init__(self, instance, stg):
        super().__init__('detach_partition')
        self.instance = instance
        self.stg = stg

    def execute(self):
        self.stg.edit_touched(vios_mappings.remove_partition_mappings,
                              vm.get_lpar_uuid(self.instance))
        ids = host_record.kept_ids(self.instance, self.stg.host.nodename)
        if ids and self.stg.reads(vios_mappings.FC_MAPPING):
            # Without its LPAR, a mapping tells the id only.
            self.stg.edit_touched(vios_mappings.remove_stale_fc_mappings, ids)


class FindBootDevice(task.Task):
    """Find what to boot from; provides its name as ``boot_device``, or None.

    :param disk_type: disk.driver.DiskType of the disk to boot from.
    :param volumes: InstanceVolumes of the volume that takes its place, or
        None.
    """

    def __init__(self, disk_dvr, instance, disk_type, volumes=None):
        super().__init__('find_boot_device', provides='boot_device')
        self.volumes = volumes
        self.disk_dvr = disk_dvr
        self.instance = instance
        self.disk_type = disk_type

    def execute(self, vioses):
        if self.volumes:
            return boot_path.join(self.volumes.boot_paths(vioses))
        mapping = self.disk_dvr.find_mapping(self.instance, self.disk_type,
                                             vioses)
        return mapping and boot_path.scsi_path(mapping)


class UpdateVioses(task.Task):
    """Make the queued edits: one read and one write per VIOS.

    Provides the storage that was unmapped as ``unmapped_storage``, and the
    VIOSes as they are afterwards as ``vioses``: a dict of UUID -> wrapper. It
    has no revert of its own: each task that queued an edit takes its own
    back.
    """

    def __init__(self, stg):
        super().__init__('update_vioses',
                         provides=('unmapped_storage', 'vioses'))
        self.stg = stg

    def execute(self):
        vioses = self.stg.execute()
        return self.stg.removed_storage, vioses
