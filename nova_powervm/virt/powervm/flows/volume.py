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

"""The recipes of attaching, detaching and extending Cinder volumes."""

from nova.virt import driver as virt_driver
from taskflow.patterns import linear_flow

from nova_powervm.virt.powervm.flows import load_source
from nova_powervm.virt.powervm.flows import slot
from nova_powervm.virt.powervm.storage import transaction as stg_transaction
from nova_powervm.virt.powervm.tasks import storage as tf_stg
from nova_powervm.virt.powervm.tasks import vm as tf_vm
from nova_powervm.virt.powervm.tasks import volume as tf_vol
from nova_powervm.virt.powervm import volume
from nova_powervm.virt.powervm.volume import copying


def of(rooms, instance, block_device_info):
    """Connectors of a server's volumes, the boot volume first."""
    return volume.build_all(rooms.host, instance, _bdms(block_device_info))


def of_root(rooms, instance, block_device_info):
    """Connector of the volume that a server boots from: list of 0 or 1."""
    return volume.build_root(rooms.host, instance, _bdms(block_device_info))


def of_leaving(rooms, instance, block_device_info):
    """Connectors for all that a server that is removed has of volumes."""
    return volume.build_leaving(rooms.host, instance,
                                _bdms(block_device_info))


def _bdms(block_device_info):
    return virt_driver.block_device_info_get_mapping(block_device_info)


def transaction(rooms, name, connectors, slots=None):
    """A StorageTransaction that is good for the edits of connectors too.

    :param slots: slot.ServerSlots of the flow, or None.
    """
    return stg_transaction.StorageTransaction(
        rooms.host, name, xag=volume.xag(connectors), slots=slots)


def add_connect(flow, connectors, stg, undo=True):
    """Connect the volumes of a server, with its other disks.

    :param undo: whether a flow that fails disconnects them.
    :raises nova.exception.VolumeEncryptionNotSupported: at once, if one is
        encrypted.
    """
    for connector in connectors:
        connector.check_encryption()
    if connectors:
        flow.add(tf_vol.ConnectVolumes(connectors, stg, undo=undo))


def add_tags(flow, instance, connectors):
    """Tell the guest of a new LPAR which devices have tags."""
    flow.add(tf_vol.TagDevices(instance, connectors))


def add_save(flow, instance, connectors, block_device_info):
    """Keep what connecting them has found out."""
    if connectors:
        flow.add(tf_vol.SaveVolumes(instance, connectors,
                                    _bdms(block_device_info)))


def add_disconnect(flow, connectors, stg, server_going=False, undo=False):
    """Disconnect the volumes of a server, with its other disks.

    :param undo: whether a flow that fails connects them again.
    """
    if connectors:
        flow.add(tf_vol.DisconnectVolumes(
            connectors, stg, server_going=server_going, undo=undo))


def attach(rooms, instance, connector):
    """Flow that connects a volume to a server, running or not."""
    connector.is_new = True
    slots = slot.of(rooms, instance)
    stg = transaction(rooms, 'attach_volume', [connector], slots=slots)
    return slot.add_save(linear_flow.Flow('attach_volume').add(
        tf_vol.CheckAttach(rooms.host, instance, connector),
        tf_vol.KeepConnection(instance, connector),
        tf_vol.ConnectVolumes([connector], stg),
        tf_stg.UpdateVioses(stg),
        tf_vol.SaveVolumes(instance, [connector]),
        tf_vol.TagDevices(instance)), slots)


def detach(rooms, instance, connector, comes_back=False):
    """Flow that disconnects a volume from a server, running, off or gone.

    :param comes_back: whether it is for the time of a rebuild only.
    """
    slots = slot.of(rooms, instance)
    stg = transaction(rooms, 'detach_volume', [connector], slots=slots)
    flow = linear_flow.Flow('detach_volume').add(
        tf_vol.CheckDetach(rooms.host, instance, connector),
        tf_vol.DisconnectVolumes([connector], stg),
        tf_stg.UpdateVioses(stg))
    if not comes_back:
        flow.add(tf_vol.ForgetVolumes(instance, [connector]))
    return slot.add_save(flow, slots)


def extend(rooms, instance, connector, size):
    """Flow that makes a server see that one of its volumes has grown.

    :param size: int, bytes that it has now.
    """
    return linear_flow.Flow('extend_volume').add(
        tf_vol.ExtendVolume(connector, size))


def swap(rooms, instance, old, new, block_device_info, was_on, may_stop,
         timeout):
    """Flow that copies a volume onto another and puts that in its place.

    Nothing on the platform copies what a server may write to meanwhile: it
    is off for that time.

    :param block_device_info: as of the other operations, with the old volume.
    :param was_on: whether the server is on, and is started again.
    :param may_stop: whether it may be stopped.
    :param timeout: seconds that the guest has to shut down; 0 cuts the power.
    """
    new.is_new = True
    copier = copying.VolumeCopier(rooms.host, rooms.mgmt)
    slots = slot.of(rooms, instance)
    stg = transaction(rooms, 'swap_volume', [old, new], slots=slots)
    flow = linear_flow.Flow('swap_volume').add(
        tf_vol.CheckSwap(rooms.host, instance, old, new, copier,
                         may_stop=may_stop or not was_on),
        tf_vol.NoteSwap(instance, old, new, was_on))
    if was_on:
        load_source.add_power_back_on(flow, rooms, instance,
                                      block_device_info)
        flow.add(
            tf_vm.PowerOff(rooms.host, instance, force_immediate=not timeout,
                           timeout=timeout))
    flow.add(
        tf_vol.CopyVolume(copier, old, new),
        tf_vol.ReplaceVolume(rooms.host, old, new, stg),
        tf_stg.UpdateVioses(stg))
    if was_on:
        load_source.add_power_on(flow, rooms, instance, block_device_info,
                                 swapped=(old, new))
    # Last: it cannot be undone.
    flow.add(tf_vol.SaveSwap(instance, old, new))
    return slot.add_save(flow, slots)
