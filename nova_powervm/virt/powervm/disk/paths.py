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

"""Map disks to servers, and find the VIOSes, mappings and adapters."""

from __future__ import annotations

import typing

from nova import objects
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import entry_wrapper as pvm_wrapper
from pypowervm.wrappers import storage as pvm_stg
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm.storage import elements
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)


def connect_by_one(
    disk_dvr: disk_driver.DiskAdapter, instance: objects.Instance,
    disk: disk_driver.Disk, apart: bool = False
) -> dict[str, pvm_vios.VIOS]:
    """Map a disk to the server's LPAR through one VIOS (2 requests).

    One path is enough for a disk that is removed soon.

    :param disk: wrapper, the result of create_disk_from_image().
    :param apart: whether it gets an adapter of its own, if it is not
        mapped yet.
    :returns: dict of UUID -> VIOS wrapper, of that VIOS.
    :raises InstanceDiskMappingFailed: if no VIOS maps it.
    """
    add = (vios_mappings.add_mapping_apart if apart else
           vios_mappings.add_mapping)
    return edit_first_vios(
        disk_dvr, instance, 'connect_disk', add, vm.get_lpar_uuid(instance),
        disk_dvr.reference(disk))


def edit_first_vios(
    disk_dvr: disk_driver.DiskAdapter, instance: objects.Instance, name: str,
    func: typing.Callable[..., typing.Any], *args: typing.Any
) -> dict[str, pvm_vios.VIOS]:
    """Edit the first VIOS of the disks that can be edited.

    :param name: str, the purpose, for logs.
    :param func: see transaction.StorageTransaction.edit(). If it raises an
        AbstractDiskException, the next VIOS is tried.
    :returns: dict of UUID -> wrapper of that VIOS, after the edit.
    :raises InstanceDiskMappingFailed: if all fail.
    """
    failures = []
    for vios_uuid in disk_dvr.vios_uuids:
        stg = transaction.StorageTransaction(disk_dvr.host, name)
        stg.edit_redundant([vios_uuid], func, *args)
        try:
            return stg.execute()
        except (pvm_exc.Error, exception.AbstractDiskException) as exc:
            LOG.warning('%(name)s through VIOS %(vios)s failed: %(exc)s',
                        {'name': name, 'vios': vios_uuid, 'exc': exc},
                        instance=instance)
            failures.append('VIOS %s: %s' % (vios_uuid, exc))
    raise exception.InstanceDiskMappingFailed(
        instance_name=instance.name, reason='; '.join(failures))


def remove_second(
    disk_dvr: disk_driver.DiskAdapter, instance: objects.Instance,
    disk_types: typing.Iterable[str], udids: typing.Collection[str],
    stg: transaction.StorageTransaction
) -> None:
    """Queue the removal of second paths by one VIOS (no further request).

    See vios_mappings.remove_second_paths().

    :param disk_types: iterable of DiskType of the server's own disks.
    :param udids: of the server's volumes.
    :param stg: transaction that edits the VIOSes anyway.
    """
    names = disk_dvr.get_disk_names(instance, disk_types)

    def is_ours(element: pvm_wrapper.Wrapper) -> bool:
        return elements.is_named(element, pvm_stg.LU, names) or (
            isinstance(element, pvm_stg.PV) and element.udid in udids)

    stg.edit_touched(vios_mappings.remove_second_paths,
                     vm.get_lpar_uuid(instance), is_ours)


def find_mapping(
    disk_dvr: disk_driver.DiskAdapter, instance: objects.Instance,
    disk_type: str, vioses: dict[str, pvm_vios.VIOS]
) -> pvm_vios.VSCSIMapping | None:
    """Find the mapping of a disk to the server's LPAR.

    Needs no request. The mapping of the preferred VIOS comes first.

    :param disk_type: DiskType
    :param vioses: dict of UUID -> VIOS wrapper, read with SCSI_MAPPING.
    :returns: VSCSIMapping wrapper, or None.
    """
    return next(_mappings(disk_dvr, instance, disk_type, vioses), None)


def find_complete(
    disk_dvr: disk_driver.DiskAdapter, instance: objects.Instance,
    vioses: dict[str, pvm_vios.VIOS]
) -> dict[str, disk_driver.Disk] | None:
    """Find the server's disks that its LPAR reaches by each of their VIOSes.

    Needs no request.

    :param vioses: dict of UUID -> VIOS wrapper, read with SCSI_MAPPING: at
        least of all VIOSes of the disks.
    :returns: dict of DiskType -> wrapper of the disk; None if a disk has a
        second path, or none by a VIOS, or belongs to somebody else.
    """
    names = {disk_dvr.get_disk_name(disk_type, instance): disk_type
             for disk_type in disk_driver.INSTANCE_DISK_TYPES}
    found: dict[str, dict[str, disk_driver.Disk]] = {}
    for vios_uuid in disk_dvr.vios_uuids:
        for mapping in vioses[vios_uuid].scsi_mappings:
            disk = mapping.backing_storage
            if not elements.is_named(disk, disk_dvr.storage_class, names):
                continue
            by_vios = found.setdefault(names[elements.base_name(disk)], {})
            if (vios_uuid in by_vios or
                    not clients.is_path(mapping, vm.get_lpar_uuid(instance)) or
                    not disk_dvr.note_in_use(instance, disk)):
                return None
            by_vios[vios_uuid] = disk
    # Also a disk that the server is not to have may have one path only, as a
    # rescue disk.
    if any(len(by_vios) < len(disk_dvr.vios_uuids)
           for by_vios in found.values()):
        return None
    return {disk_type: next(iter(by_vios.values()))
            for disk_type, by_vios in found.items()}


def client_slots(
    disk_dvr: disk_driver.DiskAdapter, instance: objects.Instance,
    disk_type: str, vioses: typing.Iterable[pvm_vios.VIOS]
) -> list[int]:
    """Return the adapters by which the server's LPAR reaches a disk.

    Needs no request.

    :param disk_type: DiskType
    :param vioses: list of VIOS wrappers, read with SCSI_MAPPING.
    :returns: list of int, virtual slots of the LPAR; the slot of the preferred
        VIOS comes first.
    """
    return [mapping.client_adapter.lpar_slot_num
            for mapping in _mappings(
                disk_dvr, instance, disk_type,
                {vios_w.uuid: vios_w for vios_w in vioses})
            if mapping.client_adapter is not None]


def _mappings(
    disk_dvr: disk_driver.DiskAdapter, instance: objects.Instance,
    disk_type: str, vioses: dict[str, pvm_vios.VIOS]
) -> typing.Iterator[pvm_vios.VSCSIMapping]:
    name = disk_dvr.get_disk_name(disk_type, instance)
    for vios_uuid in disk_dvr.vios_uuids:
        mapping = vios_uuid in vioses and vios_mappings.find_mapping(
            vioses[vios_uuid], vm.get_lpar_uuid(instance),
            disk_dvr.storage_class, name)
        if mapping:
            yield mapping
