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

"""The recipe of a new server."""

from nova import block_device
from nova.virt import configdrive
from nova.virt import driver as virt_driver
from taskflow.patterns import linear_flow

from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm import storage
from nova_powervm.virt.powervm.tasks import network as tf_net
from nova_powervm.virt.powervm.tasks import storage as tf_stg
from nova_powervm.virt.powervm.tasks import vm as tf_vm


def is_volume_backed(block_device_info):
    """Whether the root disk is a Cinder volume rather than our own disk."""
    root = virt_driver.block_device_info_get_root_device(block_device_info)
    mapping = virt_driver.block_device_info_get_mapping(block_device_info)
    return root is not None and any(
        block_device.strip_dev(bdm['mount_device']) ==
        block_device.strip_dev(root) for bdm in mapping)


def spawn(rooms, context, instance, image_meta, injected_files, admin_password,
          network_info, block_device_info, power_on=True, power_opts=None):
    """Flow that builds a server from nothing to running.

    Disks and media are made first; their mappings are queued and written
    together, so that each VIOS is read and written once, and late.
    """
    stg = storage.StorageTransaction(rooms.host, 'spawn')
    flow = linear_flow.Flow('spawn')
    flow.add(
        tf_vm.Create(rooms.host, instance),
        tf_net.PlugVifs(rooms.virtapi, rooms.host, instance, network_info,
                        new_lpar=True),
        tf_net.PlugMgmtVif(rooms.host, instance))
    if not is_volume_backed(block_device_info):
        _add_boot_disk(flow, rooms, context, instance, image_meta, stg)
    if configdrive.required_by(instance):
        _add_config_drive(flow, rooms, context, instance, injected_files,
                          network_info, admin_password, stg)
    flow.add(
        tf_stg.DetachStaleMappings(stg),
        tf_stg.UpdateVioses(stg))
    if power_on:
        flow.add(tf_vm.PowerOn(rooms.host, instance, opts=power_opts))
    return flow


def _add_boot_disk(flow, rooms, context, instance, image_meta, stg):
    boot = disk_driver.DiskType.BOOT
    flow.add(
        tf_stg.CreateDiskForImg(rooms.disk, context, instance, image_meta,
                                boot),
        tf_stg.ConnectDisk(rooms.disk, instance, stg, boot))


def _add_config_drive(flow, rooms, context, instance, injected_files,
                      network_info, admin_password, stg):
    flow.add(
        tf_stg.CreateCfgDrive(rooms.config_drive, context, instance,
                              injected_files, network_info, admin_password),
        tf_stg.ConnectCfgDrive(rooms.config_drive, instance, stg))
