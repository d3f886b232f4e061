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


"""The flows of a resize on the same host.

The LPAR gets its new size while it is off, and keeps its name. The boot disk
keeps its size until the resize is confirmed, because no disk of PowerVM can
shrink. So a revert restores exactly the old state.

Nova deletes the attachments of Cinder volumes and creates new ones, even on
the same host. So the flows disconnect the volumes first, and connect them
again later.
"""

from taskflow.patterns import linear_flow

from nova_powervm.virt.powervm.flows import load_source
from nova_powervm.virt.powervm.flows import slot
from nova_powervm.virt.powervm.flows import spawn
from nova_powervm.virt.powervm.flows import volume
from nova_powervm.virt.powervm.tasks import disk as tf_disk
from nova_powervm.virt.powervm.tasks import storage as tf_stg
from nova_powervm.virt.powervm.tasks import vm as tf_vm


def prepare(services, instance, flavor, block_device_info, timeout, was_on):
    """Flow that checks whether the resize is possible, and stops the server.

    :param flavor: nova.objects.Flavor that the server gets.
    :param timeout: seconds that the guest has to shut down; 0 powers off at
        once.
    :param was_on: whether to start it again if the flow fails.
    """
    flow = linear_flow.Flow('resize_prepare')
    flow.add(tf_vm.CheckFlavor(services.host, instance, flavor))
    add_growth_check(flow, services, instance, flavor, block_device_info)
    add_power_off(flow, services, instance, block_device_info, timeout, was_on)
    _add_disconnect(flow, services, instance, block_device_info)
    return flow


def add_growth_check(flow, services, instance, flavor, block_device_info):
    """Check that the boot disk can grow, if it has to."""
    if (flavor.root_gb > instance.flavor.root_gb and
            not spawn.is_volume_backed(block_device_info)):
        flow.add(tf_disk.CheckBootDiskGrowth(services.disk, instance,
                                             flavor.root_gb))


def add_power_off(flow, services, instance, block_device_info, timeout,
                  was_on):
    """Stop the server, and start it again if a later step fails.

    A server whose LPAR could not be created counts as off.
    """
    if was_on:
        load_source.add_power_back_on(flow, services, instance,
                                      block_device_info)
    flow.add(tf_vm.PowerOff(services.host, instance,
                            force_immediate=not timeout,
                            timeout=timeout, missing_ok=True))


def _add_disconnect(flow, services, instance, block_device_info):
    """Disconnect the volumes; connect them again if a later step fails."""
    volumes = volume.volumes_for(services, instance, block_device_info)
    if volumes:
        stg = volume.transaction(services, 'resize_disconnect', volumes)
        volume.add_release(flow, volumes, stg)
        flow.add(tf_stg.UpdateVioses(stg))


def finish(services, instance, block_device_info, old_flavor, power_on):
    """Flow that gives a server the size of its flavor, and starts it.

    :param old_flavor: nova.objects.Flavor that the server had. It gets it back
        if the flow fails, unless the reason is a missing volume.
    """
    flow = linear_flow.Flow('resize_finish')
    slots = slot.slots_for_change(services, instance, guided=True)
    _add_restore(flow, services, instance, block_device_info, slots)
    if power_on:
        load_source.add_power_back_on(flow, services, instance,
                                      block_device_info, always=True)
    flow.add(tf_vm.Resize(services.host, instance, old_flavor))
    _add_start(flow, services, instance, block_device_info, old_flavor,
               power_on, slots)
    return flow


def pause(services, instance, block_device_info):
    """Flow that prepares a server for the detachment of its volumes.

    To begin a revert, Nova calls destroy(). If there is no LPAR, the end of
    the revert creates it.
    """
    flow = linear_flow.Flow('resize_pause')
    if volume.volumes_for(services, instance, block_device_info):
        flow.add(tf_vm.PowerOff(services.host, instance, missing_ok=True))
        _add_disconnect(flow, services, instance, block_device_info)
    return flow


def revert(services, instance, block_device_info, old_flavor, power_on):
    """Flow that gives a server the size of its flavor back.

    :param old_flavor: nova.objects.Flavor of the reverted resize.
    """
    flow = linear_flow.Flow('resize_revert')
    slots = slot.slots_for_change(services, instance, guided=True)
    flow.add(tf_vm.PowerOff(services.host, instance))
    _add_restore(flow, services, instance, block_device_info, slots)
    flow.add(tf_vm.ResizeBack(services.host, instance, old_flavor))
    _add_start(flow, services, instance, block_device_info, old_flavor,
               power_on, slots)
    return flow


def _add_restore(flow, services, instance, block_device_info, slots):
    """Connect the volumes; they stay if a later step fails."""
    volumes = volume.volumes_for(services, instance, block_device_info)
    if volumes:
        stg = volume.transaction(services, 'resize_connect', volumes,
                                 slots=slots)
        volume.add_restore(flow, volumes, stg)
        flow.add(tf_stg.UpdateVioses(stg))
        volume.add_save_volumes(flow, volumes, block_device_info)


def _add_start(flow, services, instance, block_device_info, old_flavor,
               power_on, slots):
    """Replace the swap disk and save the slots, then start the server."""
    spawn.add_swap_change(flow, services, instance, old_flavor, slots=slots)
    slot.add_save_slots(flow, slots)
    if power_on:
        load_source.add_power_on(flow, services, instance, block_device_info)


def extend(services, instance):
    """Flow that extends the boot disk to the size of the flavor."""
    return linear_flow.Flow('resize_extend').add(
        tf_disk.ExtendBootDisk(services.disk, instance,
                               instance.flavor.root_gb))
