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


"""The flows of a cold migration between two hosts of one pool.

The LPAR of the source stays there, off, until the migration is confirmed. The
target creates an LPAR with the same UUID. Only one host at a time maps the
disks. So an LPAR that somebody starts by mistake does no harm, and a host need
not ask the other before it deletes a disk.

The target writes a new config drive, without the admin's password and without
injected files, because Nova does not store them.
"""

from nova.virt import configdrive
from taskflow.patterns import linear_flow

from nova_powervm.virt.powervm.disk import server_disks
from nova_powervm.virt.powervm.flows import load_source
from nova_powervm.virt.powervm.flows import resize
from nova_powervm.virt.powervm.flows import slot
from nova_powervm.virt.powervm.flows import spawn
from nova_powervm.virt.powervm.flows import volume
from nova_powervm.virt.powervm.tasks import disk as tf_disk
from nova_powervm.virt.powervm.tasks import media as tf_media
from nova_powervm.virt.powervm.tasks import network as tf_net
from nova_powervm.virt.powervm.tasks import storage as tf_stg
from nova_powervm.virt.powervm.tasks import vm as tf_vm


def prepare_on_source(services, instance, flavor, block_device_info, timeout,
                      was_on):
    """Flow that stops a server and releases its disks.

    :param flavor: nova.objects.Flavor that the server gets.
    :param timeout: seconds that the guest has to shut down; 0 powers off at
        once.
    :param was_on: whether to start it again if the flow fails.
    """
    volumes = volume.volumes_for_removal(services, instance, block_device_info)
    stg = volume.transaction(services, 'migrate_prepare', volumes)
    flow = linear_flow.Flow('migrate_prepare')
    resize.add_growth_check(flow, services, instance, flavor,
                            block_device_info)
    resize.add_power_off(flow, services, instance, block_device_info, timeout,
                         was_on)
    slot.add_departure(flow, services, instance)
    flow.add(
        tf_disk.ReleaseOwnDisks(services.disk, instance, stg,
                                spawn.own_disk_types(block_device_info)))
    volume.add_release(flow, volumes, stg, server_going=True)
    flow.add(tf_stg.UpdateVioses(stg))
    if configdrive.required_by(instance):
        flow.add(tf_media.DeleteVOptOfLost(services.config_drive, instance))
    return flow


def revert_on_source(services, instance, network_info, block_device_info,
                     old_flavor, power_on):
    """Flow that restores a server on the source.

    :param old_flavor: nova.objects.Flavor of the server on the target.
    """
    volumes = volume.volumes_for(services, instance, block_device_info)
    slots = slot.slots_for_change(services, instance, guided=True)
    stg = volume.transaction(services, 'migrate_revert', volumes, slots=slots)
    flow = linear_flow.Flow('migrate_revert')
    flow.add(
        tf_vm.PowerOff(services.host, instance),
        tf_vm.Get(services.host, instance),
        tf_net.PlugVifs(services.virtapi, services.host, instance,
                        network_info, slots=slots))
    spawn.add_swap_change(flow, services, instance, old_flavor, mapped=False)
    flow.add(
        tf_disk.RestoreOwnDisks(services.disk, instance, stg,
                                spawn.own_disk_types(block_device_info),
                                slots=slots,
                                swap_gb=server_disks.swap_sizes(
                                    instance, block_device_info)))
    volume.add_restore(flow, volumes, stg)
    flow.add(tf_stg.UpdateVioses(stg))
    volume.add_save_volumes(flow, volumes, block_device_info)
    slot.add_save_slots(flow, slots)
    if power_on:
        load_source.add_power_on(flow, services, instance, block_device_info)
    return flow
