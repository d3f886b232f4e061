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

"""Choose, connect and resize the disks of a server."""

from __future__ import annotations

import math
import typing

from nova import exception as nova_exc
from nova import objects
from nova.virt import driver as virt_driver
from oslo_log import log as logging
from oslo_utils import units
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm.disk import paths
from nova_powervm.virt.powervm import no_slots
from nova_powervm.virt.powervm.storage import transaction

LOG = logging.getLogger(__name__)

_EPHEMERALS = disk_driver.DiskType.EPHEMERAL
_BOOT = disk_driver.DiskType.BOOT
_SWAP = disk_driver.DiskType.SWAP


def blank_disks(block_device_info: dict | None) -> list[disk_driver.BlankDisk]:
    """Return the ephemeral and swap disks that a server gets.

    Swap is rounded up to whole GiB, as Nova counts it.

    :param block_device_info: as Nova passes it to the driver, or None.
    :returns: list of BlankDisk, in the order in which the guest finds them.
    :raises InvalidInput: if there are too many.
    """
    ephemerals = virt_driver.block_device_info_get_ephemerals(
        block_device_info)
    if len(ephemerals) > len(_EPHEMERALS):
        raise nova_exc.InvalidInput(
            reason='a server can have %d ephemeral disks, not %d' % (
                len(_EPHEMERALS), len(ephemerals)))
    found = [disk_driver.BlankDisk(disk_type, ephemeral['size'])
             for disk_type, ephemeral in zip(_EPHEMERALS, ephemerals)
             if ephemeral['size']]
    swap = virt_driver.block_device_info_get_swap(block_device_info)
    if virt_driver.swap_is_usable(swap):
        found.append(disk_driver.BlankDisk(_SWAP,
                                           _whole_gb(swap['swap_size'])))
    return found


def _whole_gb(size_mb: int) -> int:
    return math.ceil(size_mb / units.Ki)


def swap_sizes(instance: objects.Instance,
               block_device_info: dict | None) -> list[int]:
    """Return the sizes that the swap disk of a server may have.

    Nova gives the size in the flavor and in block_device_info. They differ if
    the user has requested a smaller disk, and after a failed resize: Nova then
    restores the old flavor, but not the old swap disk.

    :param block_device_info: as Nova passes it to the driver, or None.
    :returns: list of int, in GiB; a new swap disk gets the first size. The
        list is empty if the server has no swap disk.
    """
    most = _whole_gb(instance.flavor.swap)
    asked = [disk.size_gb for disk in blank_disks(block_device_info)
             if disk.disk_type == _SWAP]
    if not most:
        return []
    return sorted({most, *asked}, key=lambda size_gb: (size_gb > most,
                                                       size_gb))


def connect_own_disks(
        disk_dvr: disk_driver.DiskAdapter, instance: objects.Instance,
        disk_types: typing.Sequence[str], stg: transaction.StorageTransaction,
        swap_gb: list[int] | None = None,
        slots: no_slots.Slots = no_slots.NO_SLOTS
        ) -> dict[str, disk_driver.Disk]:
    """Find disks of the server and queue their mappings to its LPAR.

    :param disk_dvr: disk.driver.DiskAdapter
    :param disk_types: list of DiskType, in the order in which the guest
        is to find the disks.
    :param stg: transaction.StorageTransaction
    :param swap_gb: list of int, the result of swap_sizes(). A swap disk that
        is missing, or has another size, is recreated. If the server shall have
        none, its swap disk is deleted. None means that disk_types determines
        whether there is one, of any size.
    :param slots: slots.server.ServerSlots of the operation.
    :returns: dict of DiskType -> wrapper of the disk.
    :raises DiskNotFound: if the server does not have one of them.
    """
    wanted = list(disk_types)
    if swap_gb is not None:
        wanted = [*(disk_type for disk_type in disk_types
                    if disk_type != _SWAP), _SWAP]
    disks = disk_dvr.get_disk_refs(instance, wanted)
    if swap_gb is not None:
        _make_up_swap(disk_dvr, instance, disks, swap_gb, slots)
        if not swap_gb:
            wanted.remove(_SWAP)
    for disk_type in wanted:
        if disk_type not in disks:
            raise nova_exc.DiskNotFound(
                location=disk_dvr.get_disk_name(disk_type, instance))
        disk_dvr.connect_disk(instance, disks[disk_type], stg)
    return disks


def are_connected(
        disk_dvr: disk_driver.DiskAdapter, instance: objects.Instance,
        disk_types: typing.Sequence[str], swap_gb: list[int],
        vioses: dict[str, pvm_vios.VIOS]) -> bool:
    """Return whether the LPAR has exactly its disks, with their sizes.

    Needs no request. It sees no disk that nothing maps, except for a swap disk
    that is on record.

    :param disk_types: as of connect_own_disks().
    :param swap_gb: likewise.
    :param vioses: dict of UUID -> VIOS wrapper, read with SCSI_MAPPING: at
        least of all VIOSes of the disks.
    :returns: bool; False if that is not sure.
    """
    found = paths.find_complete(disk_dvr, instance, vioses)
    wanted = {disk_type for disk_type in disk_types if disk_type != _SWAP}
    if swap_gb:
        wanted.add(_SWAP)
    if found is None or found.keys() != wanted:
        return False
    if not swap_gb and disk_dvr.is_on_record(instance, _SWAP):
        # A resize that failed has not deleted it.
        return False
    if swap_gb and round(found[_SWAP].capacity or 0) not in swap_gb:
        return False
    return _BOOT not in found or (
        (found[_BOOT].capacity or 0) >= instance.flavor.root_gb)


def _make_up_swap(disk_dvr: disk_driver.DiskAdapter,
                  instance: objects.Instance,
                  disks: dict[str, disk_driver.Disk], sizes: list[int],
                  slots: no_slots.Slots) -> None:
    """Replace the swap disk if its size is not one of some sizes.

    This happens after a resize, or its revert, that failed halfway. Nobody
    needs the content of a swap disk.

    :param disks: dict of DiskType -> wrapper; is changed.
    """
    found = disks.get(_SWAP)
    size_gb = 0 if found is None else round(found.capacity)
    if size_gb in (sizes or [0]):
        return
    wanted_gb = sizes[0] if sizes else 0
    LOG.warning('The swap disk has %(has)d GB instead of %(wanted)d GB; '
                'replacing it.',
                {'has': size_gb, 'wanted': wanted_gb}, instance=instance)
    made = replace_swap(disk_dvr, instance, wanted_gb * units.Ki,
                        mapped=found is not None, slots=slots)
    if made is None:
        del disks[_SWAP]
    else:
        disks[_SWAP] = made


def replace_swap(
        disk_dvr: disk_driver.DiskAdapter, instance: objects.Instance,
        size_mb: int, mapped: bool = True,
        slots: no_slots.Slots = no_slots.NO_SLOTS) -> disk_driver.Disk | None:
    """Give the server a swap disk of another size.

    :param disk_dvr: disk.driver.DiskAdapter
    :param size_mb: int, 0 for none; rounded up to whole GiB.
    :param mapped: whether the old disk is mapped to the LPAR, so that the new
        one has to be mapped.
    :param slots: slots.server.ServerSlots of the operation.
    :returns: wrapper of the new disk, or None.
    :raises: as delete_disks and create_blank_disks.
    """
    host, swap = disk_dvr.host, [_SWAP]
    unmapped: list = []
    if mapped:
        with transaction.StorageTransaction.immediate(
                host, 'disconnect_swap', slots=slots) as stg:
            disk_dvr.disconnect_disk(instance, stg, swap)
        unmapped = stg.removed_storage
    disk_dvr.delete_disks(instance, swap, unmapped=unmapped)
    if not size_mb:
        return None
    [disk] = disk_dvr.create_blank_disks(instance, [
        disk_driver.BlankDisk(_SWAP, _whole_gb(size_mb))])
    if mapped:
        with transaction.StorageTransaction.immediate(
                host, 'connect_swap', slots=slots) as stg:
            disk_dvr.connect_disk(instance, disk, stg)
    return disk


def grow_to_flavor(disk_dvr: disk_driver.DiskAdapter,
                   instance: objects.Instance, disk: disk_driver.Disk) -> None:
    """Extend a boot disk that is smaller than in the flavor.

    This happens if the platform could not extend the disk when a resize
    was confirmed. If it still cannot, log a warning.

    :param disk_dvr: disk.driver.DiskAdapter
    :param disk: wrapper of the boot disk.
    """
    size_gb = instance.flavor.root_gb
    if disk.capacity >= size_gb:
        return
    try:
        disk_dvr.extend_disk(instance, size_gb)
    except (nova_exc.NovaException, pvm_exc.Error) as exc:
        LOG.warning('The boot disk has %(has)g GB of the %(wanted)d GB '
                    'of the flavor: %(exc)s', {
                        'has': disk.capacity, 'wanted': size_gb,
                        'exc': exc}, instance=instance)
