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

"""The flows that create a server, and an LPAR for existing disks."""

from nova import block_device
from nova.virt import configdrive
from nova.virt import driver as virt_driver
from taskflow.patterns import linear_flow

from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm.disk import server_disks
from nova_powervm.virt.powervm.flows import load_source
from nova_powervm.virt.powervm.flows import slot
from nova_powervm.virt.powervm.flows import volume
from nova_powervm.virt.powervm import no_slots
from nova_powervm.virt.powervm.slots import lifecycle
from nova_powervm.virt.powervm.tasks import disk as tf_disk
from nova_powervm.virt.powervm.tasks import media as tf_media
from nova_powervm.virt.powervm.tasks import network as tf_net
from nova_powervm.virt.powervm.tasks import storage as tf_stg
from nova_powervm.virt.powervm.tasks import vm as tf_vm


def is_volume_backed(block_device_info):
    """Return whether the root disk is a Cinder volume, not our own disk."""
    root = virt_driver.block_device_info_get_root_device(block_device_info)
    mapping = virt_driver.block_device_info_get_mapping(block_device_info)
    return root is not None and any(
        block_device.strip_dev(bdm['mount_device']) ==
        block_device.strip_dev(root) for bdm in mapping)


def own_disk_types(block_device_info):
    """Return the DiskTypes of our own disks, the boot disk first."""
    boot = ([] if is_volume_backed(block_device_info)
            else [disk_driver.DiskType.BOOT])
    return boot + [disk.disk_type for disk in
                   server_disks.blank_disks(block_device_info)]


def spawn(services, context, instance, image_meta, injected_files,
          admin_password,
          network_info, block_device_info, power_on=True, power_opts=None):
    """Flow that creates and starts a new server.

    It creates disks and media first. It queues their mappings and writes them
    together, so that it reads and writes each VIOS once, as late as possible.
    """
    volumes = volume.volumes_for(services, instance, block_device_info)
    slots = slot.slots_for_new_server(services, instance)
    stg = volume.transaction(services, 'spawn', volumes, slots=slots)
    flow = linear_flow.Flow('spawn')
    _add_partition(flow, services, instance, network_info, slots,
                   keeps_nvram=lifecycle.is_shelved(instance))
    if not is_volume_backed(block_device_info):
        _add_boot_disk(flow, services, context, instance, image_meta, stg)
    _add_blank_disks(flow, services, instance, block_device_info, stg)
    volume.add_connect(flow, volumes, stg)
    volume.add_tags(flow, instance, volumes)
    _add_connections(flow, services, context, instance, injected_files,
                     admin_password, network_info, stg)
    volume.add_save_volumes(flow, volumes, block_device_info)
    _add_start(flow, services, instance, block_device_info, power_on,
               power_opts)
    slot.add_save_slots(flow, slots)
    return flow


def rebuild(services, context, instance, network_info, block_device_info,
            old_flavor=None, injected_files=(), admin_password=None,
            grow=False, power_on=True, power_opts=None):
    """Flow that creates an LPAR for the existing disks of a server.

    If it fails, only the disks stay.

    :param old_flavor: nova.objects.Flavor for which the disks were created, if
        it may differ from the instance's.
    :param grow: whether to extend a boot disk that is smaller than in the
        flavor; not in a resize, which may be reverted.
    """
    volumes = volume.volumes_for(services, instance, block_device_info)
    slots = slot.slots_for_rebuild(services, instance)
    stg = volume.transaction(services, 'rebuild', volumes, slots=slots)
    flow = linear_flow.Flow('rebuild')
    _add_partition(flow, services, instance, network_info, slots,
                   keeps_nvram=True)
    add_swap_change(flow, services, instance, old_flavor, mapped=False)
    flow.add(tf_disk.ConnectOwnDisks(
        services.disk, instance, stg, own_disk_types(block_device_info),
        swap_gb=server_disks.swap_sizes(instance, block_device_info),
        slots=slots))
    volume.add_connect(flow, volumes, stg)
    volume.add_tags(flow, instance, volumes)
    _add_connections(flow, services, context, instance, injected_files,
                     admin_password, network_info, stg)
    volume.add_save_volumes(flow, volumes, block_device_info)
    if grow:
        flow.add(tf_disk.MakeUpBootDiskGrowth(services.disk, instance))
    _add_start(flow, services, instance, block_device_info, power_on,
               power_opts)
    slot.add_save_slots(flow, slots)
    return flow


def add_swap_change(flow, services, instance, old_flavor, mapped=True,
                    slots=no_slots.NO_SLOTS):
    """Create the swap disk again if the flavor has another size.

    :param old_flavor: nova.objects.Flavor for which it was created, or None.
    :param mapped: whether it is mapped to the LPAR.
    :param slots: slots.server.ServerSlots of the flow.
    """
    if old_flavor is not None and old_flavor.swap != instance.flavor.swap:
        flow.add(tf_disk.ReplaceSwap(services.disk, instance, old_flavor,
                                     mapped=mapped, slots=slots))


def _add_partition(flow, services, instance, network_info, slots, keeps_nvram):
    flow.add(
        tf_vm.KeepHost(services.host, instance),
        tf_vm.Create(services.host, instance, slots=slots,
                     nvram=services.nvram if keeps_nvram else None),
        tf_net.PlugVifs(services.virtapi, services.host, instance,
                        network_info, new_lpar=True, slots=slots),
        tf_net.PlugMgmtVif(services.host, instance, slots=slots))


def _add_connections(flow, services, context, instance, injected_files,
                     admin_password, network_info, stg):
    """Add the steps after the disks exist and their mappings are queued."""
    if configdrive.required_by(instance):
        _add_config_drive(flow, services, context, instance, injected_files,
                          network_info, admin_password, stg)
    flow.add(
        tf_stg.DetachStaleMappings(instance, stg),
        tf_stg.UpdateVioses(stg))


def _add_start(flow, services, instance, block_device_info, power_on,
               power_opts):
    if power_on:
        load_source.add_power_on(flow, services, instance, block_device_info,
                                 opts=power_opts)


def _add_boot_disk(flow, services, context, instance, image_meta, stg):
    boot = disk_driver.DiskType.BOOT
    flow.add(
        tf_disk.CreateDiskForImg(services.disk, context, instance, image_meta,
                                 boot),
        tf_disk.ConnectDisk(services.disk, instance, stg, boot))


def _add_blank_disks(flow, services, instance, block_device_info, stg):
    """Create ephemeral and swap disks, which follow the boot disk."""
    disks = server_disks.blank_disks(block_device_info)
    if disks:
        flow.add(
            tf_disk.CreateBlankDisks(services.disk, instance, disks),
            tf_disk.ConnectBlankDisks(services.disk, instance, stg, disks))


def _add_config_drive(flow, services, context, instance, injected_files,
                      network_info, admin_password, stg):
    flow.add(
        tf_media.CreateCfgDrive(services.config_drive, context, instance,
                                injected_files, network_info, admin_password),
        tf_media.ConnectCfgDrive(services.config_drive, instance, stg))
