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

"""The flows of power operations."""

from nova.virt import configdrive
from taskflow.patterns import linear_flow

from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm.disk import server_disks
from nova_powervm.virt.powervm.flows import console
from nova_powervm.virt.powervm.flows import load_source
from nova_powervm.virt.powervm.flows import slot
from nova_powervm.virt.powervm.flows import volume
from nova_powervm.virt.powervm.tasks import disk as tf_disk
from nova_powervm.virt.powervm.tasks import media as tf_media
from nova_powervm.virt.powervm.tasks import network as tf_net
from nova_powervm.virt.powervm.tasks import storage as tf_stg
from nova_powervm.virt.powervm.tasks import vm as tf_vm
from nova_powervm.virt.powervm.tasks import volume as tf_vol

_RESCUE = disk_driver.DiskType.RESCUE


def power_on(services, instance, block_device_info, opts=None):
    """Flow that starts a server."""
    return load_source.add_power_on(
        linear_flow.Flow('power_on'), services, instance, block_device_info,
        opts=opts)


def power_off(services, instance, timeout):
    """Flow that stops a server.

    :param timeout: seconds that the guest has to shut down; 0 powers off at
        once.
    """
    return linear_flow.Flow('power_off').add(
        tf_vm.PowerOff(services.host, instance, force_immediate=not timeout,
                       timeout=timeout))


def soft_reboot(services, instance, block_device_info):
    """Flow that asks the guest to restart, and forces it if necessary."""
    return load_source.add_reboot(
        linear_flow.Flow('soft_reboot'), services, instance, block_device_info,
        hard=False)


def crash_dump(services, instance):
    """Flow that lets the guest dump its memory and restart."""
    return linear_flow.Flow('crash_dump').add(
        tf_vm.TriggerCrashDump(services.host, instance))


def restart(services, instance, network_info, adapters):
    """Flow that cuts the power of a server and starts it again, in one job.

    The server is missing nothing, so there is nothing else to do.

    :param adapters: list of the wrappers of the adapters of its ports.
    """
    flow = linear_flow.Flow('restart').add(tf_net.ReplugVifs(
        services.host, instance, network_info, adapters))
    console.add_keep_log(flow, services, instance)
    return flow.add(tf_vm.RestartAtOnce(services.host, instance))


def hard_reboot(services, instance, network_info, block_device_info,
                disk_types):
    """Flow that connects everything of a server again, and restarts it.

    It completes what a failed operation has left undone.

    :param disk_types: list of DiskType of our own disks.
    """
    volumes = volume.volumes_for(services, instance, block_device_info)
    slots = slot.slots_for_change(services, instance, guided=True)
    stg = volume.transaction(services, 'hard_reboot', volumes, slots=slots)
    flow = linear_flow.Flow('hard_reboot').add(
        tf_vm.PowerOff(services.host, instance, force_immediate=True),
        tf_vm.Get(services.host, instance),
        tf_vm.MakeUpSize(services.host, instance),
        tf_net.PlugVifs(services.virtapi, services.host, instance,
                        network_info, slots=slots),
        tf_disk.RestoreOwnDisks(services.disk, instance, stg, disk_types,
                                slots=slots,
                                swap_gb=server_disks.swap_sizes(
                                    instance, block_device_info)))
    # A failed rescue, or a failed unrescue, may have left it.
    flow.add(tf_disk.DetachDisk(services.disk, instance, stg, [_RESCUE]))
    if configdrive.required_by(instance):
        flow.add(tf_media.ReattachCfgDrive(services.config_drive, instance,
                                           stg))
    if volumes:
        flow.add(tf_vol.RediscoverVolumes(volumes),
                 tf_vol.ReconnectVolumes(volumes, stg))
    flow.add(tf_disk.RemoveSecondPaths(services.disk, instance, stg,
                                       disk_types, volumes),
             tf_stg.UpdateVioses(stg))
    volume.add_save_volumes(flow, volumes, block_device_info)
    slot.add_save_slots(flow, slots)
    flow.add(
        tf_disk.DeleteDisk(services.disk, instance, [_RESCUE],
                           only_unmapped=True),
        tf_disk.MakeUpBootDiskGrowth(services.disk, instance))
    return load_source.add_power_on(flow, services, instance,
                                    block_device_info)
