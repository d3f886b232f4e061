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

"""Tasks on disks, media and their mappings.

Thin wrappers of the disk adapters, media.py and storage.py. The tasks named
Connect and Disconnect only queue edits of VIOS documents on the transaction
of their flow; UpdateVioses makes them all, with one read and one write per
VIOS.
"""

from taskflow import task

from nova_powervm.virt.powervm import storage
from nova_powervm.virt.powervm import vm


class CreateDiskForImg(task.Task):
    """Create a disk with the image's bytes; provides ``disk_dev_info``."""

    def __init__(self, disk_dvr, context, instance, image_meta, image_type):
        super().__init__('crt_disk_from_img', provides='disk_dev_info')
        self.disk_dvr = disk_dvr
        self.context = context
        self.instance = instance
        self.image_meta = image_meta
        self.image_type = image_type

    def execute(self):
        return self.disk_dvr.create_disk_from_image(
            self.context, self.instance, self.image_meta,
            image_type=self.image_type)

    def revert(self, result, flow_failures):
        self.disk_dvr.delete_disks(self.instance, [self.image_type])


class ConnectDisk(task.Task):
    """Queue the mapping of a new disk to the LPAR."""

    def __init__(self, disk_dvr, instance, stg, image_type):
        super().__init__('connect_disk')
        self.disk_dvr = disk_dvr
        self.instance = instance
        self.stg = stg
        self.image_type = image_type

    def execute(self, disk_dev_info):
        self.disk_dvr.connect_disk(self.instance, disk_dev_info, self.stg)

    def revert(self, result, flow_failures, disk_dev_info):
        with storage.StorageTransaction.immediate(
                self.stg.host, 'revert_connect_disk') as stg:
            self.disk_dvr.disconnect_disk(self.instance, stg,
                                          [self.image_type])


class DetachDisk(task.Task):
    """Queue the removal of the mappings of the instance's disks."""

    def __init__(self, disk_dvr, instance, stg, disk_types=None):
        super().__init__('detach_storage')
        self.disk_dvr = disk_dvr
        self.instance = instance
        self.stg = stg
        self.disk_types = disk_types

    def execute(self):
        self.disk_dvr.disconnect_disk(self.instance, self.stg,
                                      self.disk_types)


class DeleteDisk(task.Task):
    """Delete the instance's disks, which nothing maps any more."""

    def __init__(self, disk_dvr, instance, disk_types=None):
        super().__init__('dlt_storage')
        self.disk_dvr = disk_dvr
        self.instance = instance
        self.disk_types = disk_types

    def execute(self):
        self.disk_dvr.delete_disks(self.instance, self.disk_types)


class CreateCfgDrive(task.Task):
    """Build and upload the config drive; provides ``cfg_drive``."""

    def __init__(self, config_drive, context, instance, injected_files,
                 network_info, admin_pass):
        super().__init__('crt_cfg_drive', provides='cfg_drive')
        self.config_drive = config_drive
        self.context = context
        self.instance = instance
        self.injected_files = injected_files
        self.network_info = network_info
        self.admin_pass = admin_pass

    def execute(self, mgmt_cna):
        return self.config_drive.create(
            self.context, self.instance, self.injected_files,
            self.network_info, self.admin_pass, mgmt_cna=mgmt_cna)

    def revert(self, result, flow_failures, mgmt_cna):
        self.config_drive.delete(self.instance)


class ConnectCfgDrive(task.Task):
    """Queue the mapping of the config drive to the LPAR."""

    def __init__(self, config_drive, instance, stg):
        super().__init__('cfg_drive')
        self.config_drive = config_drive
        self.instance = instance
        self.stg = stg

    def execute(self, cfg_drive):
        self.config_drive.attach(self.instance, cfg_drive, self.stg)

    def revert(self, result, flow_failures, cfg_drive):
        with storage.StorageTransaction.immediate(
                self.stg.host, 'revert_cfg_drive') as stg:
            self.config_drive.detach(self.instance, stg)


class DetachCfgDrive(task.Task):
    """Queue the removal of the config drive's mapping."""

    def __init__(self, config_drive, instance, stg):
        super().__init__('detach_cfg_drive')
        self.config_drive = config_drive
        self.instance = instance
        self.stg = stg

    def execute(self):
        self.config_drive.detach(self.instance, self.stg)


class DeleteVOpt(task.Task):
    """Delete the config drive's media, which nothing maps any more."""

    def __init__(self, config_drive, instance):
        super().__init__('vopt_delete')
        self.config_drive = config_drive
        self.instance = instance

    def execute(self):
        self.config_drive.delete(self.instance)


class DetachStaleMappings(task.Task):
    """Queue the removal of what a former LPAR with the same id left."""

    def __init__(self, stg):
        super().__init__('detach_stale_mappings')
        self.stg = stg

    def execute(self, lpar_wrap):
        self.stg.edit_touched(storage.remove_stale_mappings, lpar_wrap.id,
                              lpar_wrap.uuid)


class DetachPartition(task.Task):
    """Queue the removal of whatever else is mapped to the LPAR."""

    def __init__(self, instance, stg):
        super().__init__('detach_partition')
        self.instance = instance
        self.stg = stg

    def execute(self):
        self.stg.edit_touched(storage.remove_partition_mappings,
                              vm.get_pvm_uuid(self.instance))


class UpdateVioses(task.Task):
    """Make the queued edits: one read and one write per VIOS.

    It has no revert of its own: each task that queued an edit takes its own
    back.
    """

    def __init__(self, stg):
        super().__init__('update_vioses')
        self.stg = stg

    def execute(self):
        self.stg.execute()
