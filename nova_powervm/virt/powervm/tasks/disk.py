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

"""Tasks on the disks of a server: thin wrappers of the disk adapters.

The tasks named Connect, Restore, Release and Detach only queue edits of VIOS
documents on the transaction of their flow; storage.UpdateVioses performs all
of them.
"""

import contextlib

from nova import exception as nova_exc
from taskflow.types import failure

from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm.disk import paths as disk_paths
from nova_powervm.virt.powervm.disk import rescue
from nova_powervm.virt.powervm.disk import server_disks
from nova_powervm.virt.powervm import no_slots
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.tasks import base


class DiskTask(base.InstanceTask):
    """Base of the tasks on the disks of a server.

    :param disk_dvr: disk.driver.DiskAdapter
    :param instance: nova.objects.Instance
    """

    def __init__(self, disk_dvr, instance):
        super().__init__(instance)
        self.disk_dvr = disk_dvr

    @contextlib.contextmanager
    def _immediate(self):
        """Yield a StorageTransaction for a revert; execute it at the end."""
        with transaction.StorageTransaction.immediate(
                self.disk_dvr.host, 'revert_' + self.NAME) as stg:
            yield stg

    def _disconnect_now(self, disk_types):
        """Unmap disks in a transaction of their own, for a revert."""
        with self._immediate() as stg:
            self.disk_dvr.disconnect_disk(self.instance, stg, disk_types)


class DiskEdit(DiskTask):
    """Base of the tasks that queue edits for disks of a server.

    :param stg: storage.transaction.StorageTransaction of the flow.
    """

    def __init__(self, disk_dvr, instance, stg):
        super().__init__(disk_dvr, instance)
        self.stg = stg


def _was_refused(result):
    """Return whether the driver refused to create a disk, and created none.

    In that case a disk with this name may exist, but it is not the task's.

    :param result: what TaskFlow passes to a revert().
    """
    return isinstance(result, failure.Failure) and bool(
        result.check(nova_exc.NovaException))


class CreateDiskForImg(DiskTask):
    """Create a disk with the image's bytes; provides ``disk_dev_info``."""

    NAME = 'crt_disk_from_img'
    default_provides = 'disk_dev_info'

    def __init__(self, disk_dvr, context, instance, image_meta, image_type):
        super().__init__(disk_dvr, instance)
        self.context = context
        self.image_meta = image_meta
        self.image_type = image_type

    def execute(self):
        return self.disk_dvr.create_disk_from_image(
            self.context, self.instance, self.image_meta,
            image_type=self.image_type)

    def revert(self, result, flow_failures):
        """Delete the disk, if it was created, or may have been"""
        if not _was_refused(result):
            self.disk_dvr.delete_disks(self.instance, [self.image_type])


class CreateRescueDisk(CreateDiskForImg):
    """Create the rescue disk, and replace one that a crash has left."""

    def __init__(self, disk_dvr, context, instance, image_meta):
        super().__init__(disk_dvr, context, instance, image_meta,
                         disk_driver.DiskType.RESCUE)

    def execute(self):
        return rescue.create(self.disk_dvr, self.context, self.instance,
                             self.image_meta)


class ConnectDisk(DiskEdit):
    """Queue the mapping of a new disk to the LPAR."""

    NAME = 'connect_disk'

    def __init__(self, disk_dvr, instance, stg, image_type):
        super().__init__(disk_dvr, instance, stg)
        self.image_type = image_type

    def execute(self, disk_dev_info):
        self.disk_dvr.connect_disk(self.instance, disk_dev_info, self.stg)

    def revert(self, result, flow_failures, disk_dev_info):
        """Unmap the disk"""
        self._disconnect_now([self.image_type])


class ConnectRescueDisk(DiskTask):
    """Map the rescue disk to the LPAR; provides the VIOS as ``vioses``.

    :param apart: whether the disk gets an adapter of its own.
    """

    NAME = 'connect_rescue_disk'
    default_provides = 'vioses'

    def __init__(self, disk_dvr, instance, apart=False):
        super().__init__(disk_dvr, instance)
        self.apart = apart

    def execute(self, disk_dev_info):
        return disk_paths.connect_by_one(
            self.disk_dvr, self.instance, disk_dev_info, apart=self.apart)

    def revert(self, result, flow_failures, disk_dev_info):
        """Unmap the rescue disk"""
        self._disconnect_now([disk_driver.DiskType.RESCUE])


class ReconnectRescueDisk(DiskTask):
    """Map the existing rescue disk, if necessary; provides ``vioses``.

    The disk gets an adapter of its own. It stays mapped if the flow fails.
    """

    NAME = 'reconnect_rescue_disk'
    default_provides = 'vioses'

    def execute(self):
        return rescue.reconnect(self.disk_dvr, self.instance)


class CreateBlankDisks(DiskTask):
    """Create ephemeral and swap disks; provides ``blank_disks``.

    :param disks: list of disk.driver.BlankDisk
    """

    NAME = 'crt_blank_disks'
    default_provides = 'blank_disks'

    def __init__(self, disk_dvr, instance, disks):
        super().__init__(disk_dvr, instance)
        self.disks = disks
        # The types of the disks that the task has created, or may have
        # created. Other disks existed before.
        self._made = []

    def execute(self):
        return self.disk_dvr.create_blank_disks(self.instance, self.disks,
                                                made=self._made)

    def revert(self, result, flow_failures):
        """Delete the disks that were created, or may have been"""
        if self._made:
            self.disk_dvr.delete_disks(self.instance, self._made)


class ConnectBlankDisks(DiskEdit):
    """Queue the mappings of new ephemeral and swap disks to the LPAR.

    :param disks: list of disk.driver.BlankDisk
    """

    NAME = 'connect_blank_disks'

    def __init__(self, disk_dvr, instance, stg, disks):
        super().__init__(disk_dvr, instance, stg)
        self.disks = disks

    def execute(self, blank_disks):
        for disk in blank_disks:
            self.disk_dvr.connect_disk(self.instance, disk, self.stg)

    def revert(self, result, flow_failures, blank_disks):
        """Unmap the disks"""
        self._disconnect_now([disk.disk_type for disk in self.disks])


class RestoreOwnDisks(DiskEdit):
    """Queue the missing mappings of the instance's disks; they stay.

    Provides the disks as ``own_disks``: a dict of DiskType -> wrapper.

    :param disk_types: list of disk.driver.DiskType, in the order in which the
        guest finds them.
    :param swap_gb: see server_disks.connect_own_disks().
    :param slots: slots.server.ServerSlots of the flow.
    """

    NAME = 'restore_own_disks'
    default_provides = 'own_disks'

    def __init__(self, disk_dvr, instance, stg, disk_types, swap_gb=None,
                 slots=no_slots.NO_SLOTS):
        super().__init__(disk_dvr, instance, stg)
        self.swap_gb = swap_gb
        self.slots = slots
        self.disk_types = disk_types

    def execute(self):
        return server_disks.connect_own_disks(
            self.disk_dvr, self.instance, self.disk_types, self.stg,
            swap_gb=self.swap_gb, slots=self.slots)


class RemoveSecondPaths(DiskEdit):
    """Queue the removal of second paths by one VIOS to disks and volumes.

    :param disk_types: list of disk.driver.DiskType that the instance has.
    :param volumes: volume.instance_volumes.InstanceVolumes
    """

    NAME = 'remove_second_paths'

    def __init__(self, disk_dvr, instance, stg, disk_types, volumes):
        super().__init__(disk_dvr, instance, stg)
        self.disk_types = disk_types
        self.volumes = volumes

    def execute(self):
        disk_paths.remove_second(
            self.disk_dvr, self.instance, self.disk_types,
            self.volumes.known_udids().values(), self.stg)


class ConnectOwnDisks(RestoreOwnDisks):
    """Queue the mappings of existing disks to a new LPAR.

    Provides the disks as ``own_disks``: a dict of DiskType -> wrapper.
    """

    NAME = 'connect_own_disks'

    def revert(self, result, flow_failures):
        """Unmap the disks"""
        if self.disk_types:
            self._disconnect_now(self.disk_types)


class ReleaseOwnDisks(DiskEdit):
    """Queue the removal of mappings of disks that another host will map.

    :param disk_types: list of disk.driver.DiskType that the instance has. If
        the flow fails, they are mapped again in this order.
    """

    NAME = 'release_own_disks'

    def __init__(self, disk_dvr, instance, stg, disk_types):
        super().__init__(disk_dvr, instance, stg)
        self.disk_types = disk_types

    def execute(self):
        self.disk_dvr.disconnect_disk(self.instance, self.stg,
                                      self.disk_types)

    def revert(self, result, flow_failures):
        """Map the disks again"""
        with self._immediate() as stg:
            server_disks.connect_own_disks(self.disk_dvr, self.instance,
                                           self.disk_types, stg)


class ReplaceSwap(DiskTask):
    """Replace the swap disk by one with the size of the instance's flavor.

    :param old_flavor: nova.objects.Flavor for which the disk was created.
    :param mapped: whether the disk is mapped to the LPAR, and will be again.
    :param slots: slots.server.ServerSlots of the flow.
    """

    NAME = 'replace_swap'

    def __init__(self, disk_dvr, instance, old_flavor, mapped=True,
                 slots=no_slots.NO_SLOTS):
        super().__init__(disk_dvr, instance)
        self.slots = slots
        self.old_flavor = old_flavor
        self.mapped = mapped

    def execute(self):
        server_disks.replace_swap(
            self.disk_dvr, self.instance, self.instance.flavor.swap,
            mapped=self.mapped, slots=self.slots)

    def revert(self, result, flow_failures):
        server_disks.replace_swap(self.disk_dvr, self.instance,
                                  self.old_flavor.swap, mapped=self.mapped)


class BootDiskGrowth(DiskTask):
    """Base of the tasks that give the boot disk a certain size.

    :param size_gb: int, GiB.
    """

    def __init__(self, disk_dvr, instance, size_gb):
        super().__init__(disk_dvr, instance)
        self.size_gb = size_gb


class CheckBootDiskGrowth(BootDiskGrowth):
    """Check that the boot disk can grow to a size in GiB."""

    NAME = 'check_disk_growth'

    def execute(self):
        self.disk_dvr.check_extend(self.instance, self.size_gb)


class ExtendBootDisk(BootDiskGrowth):
    """Extend the boot disk, even while it is in use, to a size in GiB."""

    NAME = 'extend_disk'

    def execute(self):
        self.disk_dvr.extend_disk(self.instance, self.size_gb)


class MakeUpBootDiskGrowth(DiskTask):
    """Extend the boot disk to the size of the flavor, if possible."""

    NAME = 'make_up_disk_growth'

    def execute(self, own_disks):
        disk = own_disks.get(disk_driver.DiskType.BOOT)
        if disk is not None:
            server_disks.grow_to_flavor(self.disk_dvr, self.instance, disk)


class DetachDisk(DiskEdit):
    """Queue the removal of the mappings of the instance's disks."""

    NAME = 'detach_storage'

    def __init__(self, disk_dvr, instance, stg, disk_types=None):
        super().__init__(disk_dvr, instance, stg)
        self.disk_types = disk_types

    def execute(self):
        self.disk_dvr.disconnect_disk(self.instance, self.stg,
                                      self.disk_types)


class DeleteDisk(DiskTask):
    """Delete the instance's disks, which have no mapping any more.

    If UpdateVioses provides them, the task need not search for them.

    :param only_unmapped: whether to delete nothing if UpdateVioses has
        unmapped nothing.
    """

    NAME = 'dlt_storage'

    def __init__(self, disk_dvr, instance, disk_types=None,
                 only_unmapped=False):
        super().__init__(disk_dvr, instance)
        self.disk_types = disk_types
        self.only_unmapped = only_unmapped

    def execute(self, unmapped_storage=()):
        if unmapped_storage or not self.only_unmapped:
            self.disk_dvr.delete_disks(self.instance, self.disk_types,
                                       unmapped=unmapped_storage)


class InstanceDiskToMgmt(DiskTask):
    """Let the management partition read the boot disk.

    Provides it as ``mgmt_disk``, a mgmt.AttachedDisk.
    """

    NAME = 'instance_disk_to_mgmt'
    default_provides = 'mgmt_disk'

    def __init__(self, disk_dvr, mgmt, instance):
        super().__init__(disk_dvr, instance)
        self.mgmt = mgmt

    def execute(self):
        return self.mgmt.attach_boot_disk(self.disk_dvr, self.instance)

    def revert(self, result, flow_failures):
        self.mgmt.detach_boot_disk(self.disk_dvr, self.instance)


class RemoveInstanceDiskFromMgmt(DiskTask):
    """Unmap the boot disk from the management partition."""

    NAME = 'remove_inst_disk_from_mgmt'

    def __init__(self, disk_dvr, mgmt, instance):
        super().__init__(disk_dvr, instance)
        self.mgmt = mgmt

    def execute(self):
        self.mgmt.detach_boot_disk(self.disk_dvr, self.instance)
