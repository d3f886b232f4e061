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

"""The flows that rescue and unrescue a server."""

from pypowervm.tasks import power_opts
from taskflow.patterns import linear_flow

from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm import flavor as flavors
from nova_powervm.virt.powervm.flows import load_source
from nova_powervm.virt.powervm.flows import volume
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.tasks import disk as tf_disk
from nova_powervm.virt.powervm.tasks import image as tf_img
from nova_powervm.virt.powervm.tasks import storage as tf_stg
from nova_powervm.virt.powervm.tasks import vm as tf_vm

_BOOT = disk_driver.DiskType.BOOT
_RESCUE = disk_driver.DiskType.RESCUE


def rescue(services, context, instance, image_meta, block_device_info=None,
           at_menu=False, was_on=False):
    """Flow that boots a server that is off from a rescue disk.

    Its other disks and volumes keep their addresses. With IBM i the rescue
    disk has its own adapter, because the adapter is tagged.

    :param at_menu: whether somebody chooses the disk in the firmware's menu
        (SMS) instead. IBM i has no menu.
    :param was_on: whether Nova has stopped the server for the rescue. If the
        flow fails, it starts the server again.
    """
    flow = linear_flow.Flow('rescue')
    if was_on:
        load_source.add_power_back_on(flow, services, instance,
                                      block_device_info, always=True)
    flow.add(
        tf_img.CheckRescue(instance, image_meta),
        tf_disk.CreateRescueDisk(services.disk, context, instance, image_meta),
        tf_disk.ConnectRescueDisk(services.disk, instance,
                                  apart=flavors.is_ibmi(instance)))
    if at_menu and not flavors.is_ibmi(instance):
        flow.add(tf_vm.PowerOn(
            services.host, instance, restart=True,
            opts=power_opts.PowerOnOpts().bootmode(power_opts.BootMode.SMS)))
    else:
        _add_boot_from(flow, services, instance, _RESCUE)
    return flow


def power_on(services, instance, block_device_info=None):
    """Flow that starts a rescued server from its rescue disk.

    A server that is on stays on.
    """
    flow = linear_flow.Flow('power_on_rescued')
    if flavors.is_ibmi(instance):
        flow.add(tf_disk.ReconnectRescueDisk(services.disk, instance))
    else:
        stg = transaction.StorageTransaction(services.host, 'power_on_rescued')
        flow.add(
            tf_disk.RestoreOwnDisks(services.disk, instance, stg, [_RESCUE]),
            tf_stg.UpdateVioses(stg))
    _add_boot_from(flow, services, instance, _RESCUE, restart=False)
    return flow


def unrescue(services, instance, block_device_info):
    """Flow that removes the rescue disk and boots from the boot disk.

    The boot disk may be a volume.
    """
    volumes = volume.root_volume_for(services, instance, block_device_info)
    stg = volume.transaction(services, 'unrescue', volumes)
    flow = linear_flow.Flow('unrescue').add(
        tf_vm.PowerOff(services.host, instance, force_immediate=True),
        tf_disk.DetachDisk(services.disk, instance, stg, [_RESCUE]),
        tf_stg.UpdateVioses(stg),
        tf_disk.DeleteDisk(services.disk, instance, [_RESCUE]))
    _add_boot_from(flow, services, instance, _BOOT, volumes=volumes,
                   block_device_info=block_device_info)
    return flow


def discard(services, instance):
    """Flow that deletes the rescue disk of a server after its rescue.

    The disk has no mapping any more.
    """
    return linear_flow.Flow('discard_rescue_disk').add(
        tf_disk.DeleteDisk(services.disk, instance, [_RESCUE]))


def _add_boot_from(flow, services, instance, disk_type, restart=True,
                   volumes=None, block_device_info=None):
    if flavors.is_ibmi(instance):
        load_source.add_power_on(
            flow, services, instance, block_device_info, disk_type=disk_type,
            opts=power_opts.PowerOnOpts(), restart=restart)
        return
    flow.add(
        tf_stg.FindBootDevice(services.disk, instance, disk_type,
                              volumes=volumes),
        tf_vm.BootFrom(services.host, instance, restart=restart))
