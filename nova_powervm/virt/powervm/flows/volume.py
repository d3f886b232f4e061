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

"""The flows that attach, detach, extend and swap Cinder volumes."""

from nova.virt import driver as virt_driver
from taskflow.patterns import linear_flow

from nova_powervm.virt.powervm.flows import load_source
from nova_powervm.virt.powervm.flows import slot
from nova_powervm.virt.powervm import no_slots
from nova_powervm.virt.powervm.storage import transaction as stg_transaction
from nova_powervm.virt.powervm.tasks import storage as tf_stg
from nova_powervm.virt.powervm.tasks import vm as tf_vm
from nova_powervm.virt.powervm.tasks import volume as tf_vol
from nova_powervm.virt.powervm import volume
from nova_powervm.virt.powervm.volume import copying


def volumes_for(services, instance, block_device_info):
    """Return InstanceVolumes of a server, the boot volume first."""
    return volume.build_all(services.host, instance, _bdms(block_device_info))


def root_volume_for(services, instance, block_device_info):
    """Return InstanceVolumes of a server's boot volume, if it has one."""
    return volume.build_root(services.host, instance, _bdms(block_device_info))


def volumes_for_removal(services, instance, block_device_info):
    """Return InstanceVolumes of all volumes of a server to remove."""
    return volume.build_for_removal(services.host, instance,
                                    _bdms(block_device_info))


def _bdms(block_device_info):
    return virt_driver.block_device_info_get_mapping(block_device_info)


def transaction(services, name, volumes, slots=no_slots.NO_SLOTS):
    """Return a StorageTransaction that also accepts edits of volumes.

    :param volumes: InstanceVolumes
    :param slots: slots.server.ServerSlots of the flow.
    """
    return stg_transaction.StorageTransaction(
        services.host, name, xag=volumes.xag, slots=slots)


def add_connect(flow, volumes, stg):
    """Connect volumes; disconnect them if a later step fails.

    :param volumes: InstanceVolumes
    :raises nova.exception.VolumeEncryptionNotSupported: if one is encrypted;
        before the flow runs.
    """
    volumes.check_encryption()
    if volumes:
        flow.add(tf_vol.DiscoverVolumes(volumes),
                 tf_vol.ConnectVolumes(volumes, stg))


def add_restore(flow, volumes, stg):
    """Connect volumes that the server has; they stay if a later step fails.

    :param volumes: InstanceVolumes
    :raises nova.exception.VolumeEncryptionNotSupported: if one is encrypted;
        before the flow runs.
    """
    volumes.check_encryption()
    if volumes:
        flow.add(tf_vol.RediscoverVolumes(volumes),
                 tf_vol.RestoreVolumes(volumes, stg))


def add_tags(flow, instance, volumes):
    """Tell the guest of a new LPAR which devices have tags."""
    flow.add(tf_vol.TagDevices(instance, volumes))


def add_save_volumes(flow, volumes, block_device_info):
    """Store what the connection of the volumes has found out.

    :param volumes: InstanceVolumes of all volumes of the server.
    """
    if volumes:
        flow.add(tf_vol.SaveVolumes(volumes, _bdms(block_device_info)))


def add_disconnect(flow, volumes, stg):
    """Disconnect the volumes of a server that is being removed.

    :param volumes: InstanceVolumes
    """
    if volumes:
        flow.add(tf_vol.DisconnectVolumes(volumes, stg, server_going=True))


def add_release(flow, volumes, stg, server_going=False):
    """Disconnect volumes; connect them again if a later step fails.

    :param volumes: InstanceVolumes
    :param server_going: whether the server leaves this host.
    """
    if volumes:
        flow.add(tf_vol.ReleaseVolumes(volumes, stg,
                                       server_going=server_going))


def attach(services, instance, connection_info):
    """Flow that connects a volume to a server, running or not.

    :param connection_info: dict of Cinder.
    """
    volumes = volume.build(services.host, instance, connection_info,
                           is_new=True)
    slots = slot.slots_for_change(services, instance)
    stg = transaction(services, 'attach_volume', volumes, slots=slots)
    flow = linear_flow.Flow('attach_volume').add(
        tf_vol.CheckAttach(services.host, instance, volumes),
        tf_vol.KeepConnection(volumes))
    add_connect(flow, volumes, stg)
    flow.add(
        tf_stg.UpdateVioses(stg),
        tf_vol.SaveVolumes(volumes),
        tf_vol.TagDevices(instance))
    slot.add_save_slots(flow, slots)
    return flow


def detach(services, instance, connection_info, for_rebuild=False):
    """Flow that disconnects a volume from a server, running, off or gone.

    :param connection_info: dict of Cinder.
    :param for_rebuild: whether the volume returns after a rebuild.
    """
    volumes = volume.build(services.host, instance, connection_info)
    slots = slot.slots_for_change(services, instance)
    stg = transaction(services, 'detach_volume', volumes, slots=slots)
    flow = linear_flow.Flow('detach_volume').add(
        tf_vol.CheckDetach(services.host, instance, volumes),
        tf_vol.DisconnectVolumes(volumes, stg),
        tf_stg.UpdateVioses(stg))
    if not for_rebuild:
        flow.add(tf_vol.ForgetVolumes(volumes))
    slot.add_save_slots(flow, slots)
    return flow


def extend(services, instance, connection_info, size):
    """Flow that updates the size of an extended volume.

    :param connection_info: dict of Cinder.
    :param size: int, its new size in bytes.
    """
    return linear_flow.Flow('extend_volume').add(tf_vol.ExtendVolume(
        volume.build(services.host, instance, connection_info), size))


def swap(services, instance, old_connection_info, new_connection_info,
         block_device_info, was_on, may_stop, timeout):
    """Flow that copies a volume to another and replaces it with the copy.

    The platform cannot copy a volume while a server may write to it, so the
    server is off during the copy.

    :param old_connection_info: dict of Cinder.
    :param new_connection_info: likewise.
    :param block_device_info: as of the other operations, with the old volume.
    :param was_on: whether the server is on, so that the flow starts it again.
    :param may_stop: whether the flow may stop it.
    :param timeout: seconds for the guest to shut down; 0 powers off at once.
    """
    old = volume.build(services.host, instance, old_connection_info)
    new = volume.build(services.host, instance, new_connection_info,
                       is_new=True)
    copier = copying.VolumeCopier(services.host, services.mgmt)
    slots = slot.slots_for_change(services, instance)
    stg = stg_transaction.StorageTransaction(
        services.host, 'swap_volume', xag=sorted({*old.xag, *new.xag}),
        slots=slots)
    flow = linear_flow.Flow('swap_volume').add(
        tf_vol.CheckSwap(old, new, copier,
                         may_stop=may_stop or not was_on),
        tf_vol.NoteSwap(instance, old, new, was_on))
    if was_on:
        _add_stop(flow, services, instance, block_device_info, timeout)
    flow.add(
        tf_vol.DiscoverSwap(old, new),
        tf_vol.CopyVolume(copier, old, new),
        tf_vol.ReplaceVolume(old, new, stg),
        tf_stg.UpdateVioses(stg))
    if was_on:
        load_source.add_power_on(flow, services, instance, block_device_info,
                                 swapped=(old, new))
    # This comes last, because it cannot be undone.
    flow.add(tf_vol.SaveSwap(instance, old, new))
    slot.add_save_slots(flow, slots)
    return flow


def _add_stop(flow, services, instance, block_device_info, timeout):
    """Stop a server, and start it again if the flow fails."""
    load_source.add_power_back_on(flow, services, instance, block_device_info)
    flow.add(tf_vm.PowerOff(services.host, instance,
                            force_immediate=not timeout, timeout=timeout))
