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

"""Tasks on the disks of an instance: thin wrappers of the disk adapters.

The tasks named Connect and Detach only queue edits of VIOS documents on the
transaction of their flow; storage.UpdateVioses makes them all.
"""

from nova import exception as nova_exc
from taskflow import task
from taskflow.types import failure

from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm.disk import server_disks
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import no_slots
from nova_powervm.virt.powervm.storage import transaction


def _was_refused(result):
    """Whether the driver has refused to make a disk, and so made none.

    There may be one of that name then, which is not the task's.

    :param result: what TaskFlow hands to a revert().
    """
    return isinstance(result, failure.Failure) and bool(
        result.check(nova_exc.NovaException))


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
        """Delete the disk, if one was made, or may have been"""
        if not _was_refused(result):
            self.disk_dvr.delete_disks(self.instance, [self.image_type])


class CreateRescueDisk(CreateDiskForImg):
    """Create the rescue disk, in place of one that a crash has left."""

    def __init__(self, disk_dvr, context, instance, image_meta):
        super().__init__(disk_dvr, context, instance, image_meta,
                         disk_driver.DiskType.RESCUE)

    def execute(self):
        try:
            return super().execute()
        except exception.DiskNameInUse:
            with transaction.StorageTransaction.immediate(
                    self.disk_dvr.host, 'disconnect_old_rescue_disk') as stg:
                self.disk_dvr.disconnect_disk(self.instance, stg,
                                              [self.image_type])
            return super().execute()


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
        with transaction.StorageTransaction.immediate(
                self.stg.host, 'revert_connect_disk') as stg:
            self.disk_dvr.disconnect_disk(self.instance, stg,
                                          [self.image_type])


class ConnectRescueDisk(task.Task):
    """Map the rescue disk to the LPAR; provides the VIOS as ``vioses``.

    :param apart: whether it is to have an adapter of its own.
    """

    def __init__(self, disk_dvr, instance, apart=False):
        super().__init__('connect_rescue_disk', provides='vioses')
        self.disk_dvr = disk_dvr
        self.instance = instance
        self.apart = apart

    def execute(self, disk_dev_info):
        return self.disk_dvr.connect_disk_by_one(self.instance, disk_dev_info,
                                                 apart=self.apart)

    def revert(self, result, flow_failures, disk_dev_info):
        with transaction.StorageTransaction.immediate(
                self.disk_dvr.host, 'revert_connect_rescue_disk') as stg:
            self.disk_dvr.disconnect_disk(self.instance, stg,
                                          [disk_driver.DiskType.RESCUE])


class ReconnectRescueDisk(task.Task):
    """Map the rescue disk that there is, if need be; provides ``vioses``.

    It gets an adapter of its own, and stays mapped if the flow fails.
    """

    def __init__(self, disk_dvr, instance):
        super().__init__('reconnect_rescue_disk', provides='vioses')
        self.disk_dvr = disk_dvr
        self.instance = instance

    def execute(self):
        rescue = disk_driver.DiskType.RESCUE
        disk = self.disk_dvr.get_disk_ref(self.instance, rescue)
        if disk is None:
            raise nova_exc.DiskNotFound(
                location=self.disk_dvr.get_disk_name(rescue, self.instance))
        return self.disk_dvr.connect_disk_by_one(self.instance, disk,
                                                 apart=True)


class CreateBlankDisks(task.Task):
    """Create ephemeral and swap disks; provides ``blank_disks``.

    :param disks: list of disk.driver.BlankDisk
    """

    def __init__(self, disk_dvr, instance, disks):
        super().__init__('crt_blank_disks', provides='blank_disks')
        self.disk_dvr = disk_dvr
        self.instance = instance
        self.disks = disks
        # The types of those that were made, or may have been. Others that
        # there are were there before.
        self._made = []

    def execute(self):
        return self.disk_dvr.create_blank_disks(self.instance, self.disks,
                                                made=self._made)

    def revert(self, result, flow_failures):
        """Delete the disks that were made, or may have been"""
        if self._made:
            self.disk_dvr.delete_disks(self.instance, self._made)


class ConnectBlankDisks(task.Task):
    """Queue the mappings of new ephemeral and swap disks to the LPAR.

    :param disks: list of disk.driver.BlankDisk
    """

    def __init__(self, disk_dvr, instance, stg, disks):
        super().__init__('connect_blank_disks')
        self.disk_dvr = disk_dvr
        self.instance = instance
        self.stg = stg
        self.disks = disks

    def execute(self, blank_disks):
        for disk in blank_disks:
            self.disk_dvr.connect_disk(self.instance, disk, self.stg)

    def revert(self, result, flow_failures, blank_disks):
        with transaction.StorageTransaction.immediate(
                self.stg.host, 'revert_connect_blank_disks') as stg:
            self.disk_dvr.disconnect_disk(self.instance, stg, [
                disk.disk_type for disk in self.disks])


class ConnectOwnDisks(task.Task):
    """Queue the missing mappings of the instance's disks.

    Provides the disks as ``own_disks``: a dict of DiskType -> wrapper.

    :param disk_types: list of disk.driver.DiskType, in the order in which the
        guest is to find them.
    :param undo: whether the disks are unmapped if the flow fails.
    :param swap_gb: see server_disks.connect_own_disks().
    :param slots: slots.server.ServerSlots of the flow.
    """

    def __init__(self, disk_dvr, instance, stg, disk_types, undo=True,
                 swap_gb=None, slots=no_slots.NO_SLOTS):
        super().__init__('connect_own_disks', provides='own_disks')
        self.swap_gb = swap_gb
        self.slots = slots
        self.disk_dvr = disk_dvr
        self.instance = instance
        self.stg = stg
        self.disk_types = disk_types
        self.undo = undo

    def execute(self):
        return server_disks.connect_own_disks(
            self.disk_dvr, self.instance, self.disk_types, self.stg,
            swap_gb=self.swap_gb, slots=self.slots)

    def revert(self, result, flow_failures):
        if self.undo and self.disk_types:
            with transaction.StorageTransaction.immediate(
                    self.stg.host, 'revert_connect_own_disks') as stg:
                self.disk_dvr.disconnect_disk(self.instance, stg,
                                              self.disk_types)


class ReleaseOwnDisks(task.Task):
    """Queue the removal of the mappings of disks that another host is to map.

    :param disk_types: list of disk.driver.DiskType that the instance has, in
        the order in which they are mapped again if the flow fails.
    """

    def __init__(self, disk_dvr, instance, stg, disk_types):
        super().__init__('release_own_disks')
        self.disk_dvr = disk_dvr
        self.instance = instance
        self.stg = stg
        self.disk_types = disk_types

    def execute(self):
        self.disk_dvr.disconnect_disk(self.instance, self.stg,
                                      self.disk_types)

    def revert(self, result, flow_failures):
        with transaction.StorageTransaction.immediate(
                self.stg.host, 'revert_release_own_disks') as stg:
            server_disks.connect_own_disks(self.disk_dvr, self.instance,
                                           self.disk_types, stg)


class ReplaceSwap(task.Task):
    """Replace the swap disk by the one that the instance's flavor wants.

    :param old_flavor: nova.objects.Flavor that the swap disk was made for.
    :param mapped: whether it is mapped to the LPAR, and is to be again.
    :param slots: slots.server.ServerSlots of the flow.
    """

    def __init__(self, disk_dvr, instance, old_flavor, mapped=True,
                 slots=no_slots.NO_SLOTS):
        super().__init__('replace_swap')
        self.slots = slots
        self.disk_dvr = disk_dvr
        self.instance = instance
        self.old_flavor = old_flavor
        self.mapped = mapped

    def execute(self):
        server_disks.replace_swap(
            self.disk_dvr, self.instance, self.instance.flavor.swap,
            mapped=self.mapped, slots=self.slots)

    def revert(self, result, flow_failures):
        server_disks.replace_swap(self.disk_dvr, self.instance,
                                  self.old_flavor.swap, mapped=self.mapped)


class CheckBootDiskGrowth(task.Task):
    """Make sure that the boot disk can become that large; size in GiB."""

    def __init__(self, disk_dvr, instance, size_gb):
        super().__init__('check_disk_growth')
        self.disk_dvr = disk_dvr
        self.instance = instance
        self.size_gb = size_gb

    def execute(self):
        self.disk_dvr.check_extend(self.instance, self.size_gb)


class ExtendBootDisk(task.Task):
    """Make the boot disk larger, also while it is in use; size in GiB."""

    def __init__(self, disk_dvr, instance, size_gb):
        super().__init__('extend_disk')
        self.disk_dvr = disk_dvr
        self.instance = instance
        self.size_gb = size_gb

    def execute(self):
        self.disk_dvr.extend_disk(self.instance, self.size_gb)


class MakeUpBootDiskGrowth(task.Task):
    """Make the boot disk as large as the flavor says, if that can be."""

    def __init__(self, disk_dvr, instance):
        super().__init__('make_up_disk_growth')
        self.disk_dvr = disk_dvr
        self.instance = instance

    def execute(self, own_disks):
        disk = own_disks.get(disk_driver.DiskType.BOOT)
        if disk is not None:
            server_disks.grow_to_flavor(self.disk_dvr, self.instance, disk)


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
    """Delete the instance's disks, which nothing maps any more.

    What UpdateVioses provides of them saves looking for them.

    :param only_unmapped: whether not to look if it has unmapped nothing.
    """

    def __init__(self, disk_dvr, instance, disk_types=None,
                 only_unmapped=False):
        super().__init__('dlt_storage')
        self.disk_dvr = disk_dvr
        self.instance = instance
        self.disk_types = disk_types
        self.only_unmapped = only_unmapped

    def execute(self, unmapped_storage=()):
        if unmapped_storage or not self.only_unmapped:
            self.disk_dvr.delete_disks(self.instance, self.disk_types,
                                       unmapped=unmapped_storage)


class InstanceDiskToMgmt(task.Task):
    """Let the management partition read the boot disk.

    Provides it as ``mgmt_disk``, a mgmt.AttachedDisk.
    """

    def __init__(self, disk_dvr, mgmt, instance):
        super().__init__('instance_disk_to_mgmt', provides='mgmt_disk')
        self.disk_dvr = disk_dvr
        self.mgmt = mgmt
        self.instance = instance

    def execute(self):
        return self.mgmt.attach_boot_disk(self.disk_dvr, self.instance)

    def revert(self, result, flow_failures):
        self.mgmt.detach_boot_disk(self.disk_dvr, self.instance)


class RemoveInstanceDiskFromMgmt(task.Task):
    """Take the boot disk from the management partition again."""

    def __init__(self, disk_dvr, mgmt, instance):
        super().__init__('remove_inst_disk_from_mgmt')
        self.disk_dvr = disk_dvr
        self.mgmt = mgmt
        self.instance = instance

    def execute(self):
        self.mgmt.detach_boot_disk(self.disk_dvr, self.instance)
