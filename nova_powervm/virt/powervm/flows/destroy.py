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

"""The flow that removes a server."""

from nova.virt import configdrive
from taskflow.patterns import linear_flow

from nova_powervm.virt.powervm.flows import console
from nova_powervm.virt.powervm.flows import slot
from nova_powervm.virt.powervm.flows import volume
from nova_powervm.virt.powervm.tasks import disk as tf_disk
from nova_powervm.virt.powervm.tasks import media as tf_media
from nova_powervm.virt.powervm.tasks import network as tf_net
from nova_powervm.virt.powervm.tasks import storage as tf_stg
from nova_powervm.virt.powervm.tasks import vm as tf_vm


def destroy(services, instance, network_info, block_device_info=None,
            destroy_disks=True, destroy_vifs=True):
    """Flow that removes everything with names derived from the instance.

    It needs no record of what was created, and no LPAR. Every step searches
    for its own names and is idempotent.
    """
    volumes = volume.volumes_for_removal(services, instance, block_device_info)
    stg = volume.transaction(services, 'destroy', volumes)
    has_config_drive = configdrive.required_by(instance)
    flow = linear_flow.Flow('destroy')
    flow.add(tf_vm.KeepHostOfRemoved(services.host, instance),
             tf_vm.PowerOff(services.host, instance,
                            force_immediate=destroy_disks, missing_ok=True))
    console.add_close(flow, services, instance)
    if destroy_vifs:
        flow.add(tf_net.UnplugVifs(services.host, instance, network_info,
                                   lpar_going=True))
    flow.add(tf_disk.DetachDisk(services.disk, instance, stg))
    volume.add_disconnect(flow, volumes, stg)
    if has_config_drive:
        flow.add(tf_media.DetachCfgDrive(services.config_drive, instance, stg))
    flow.add(
        tf_stg.DetachPartition(instance, stg),
        tf_stg.UpdateVioses(stg))
    # If the flow fails, a server that leaves this host may have to stay. So it
    # keeps its config drive while it has an LPAR. And Nova does not ask again
    # to remove a server that has left.
    delete_lpar = tf_vm.Delete(services.host, instance)
    if not destroy_disks:
        flow.add(delete_lpar)
    if has_config_drive:
        flow.add(tf_media.DeleteVOpt(services.config_drive, instance,
                                     may_wait=not destroy_disks))
    if destroy_disks:
        flow.add(tf_disk.DeleteDisk(services.disk, instance), delete_lpar)
        slot.add_end(flow, services, instance)
    return flow
