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

"""Edit the mappings of a VIOS: which partition has which storage.

Each function changes or searches the document of a VIOS that was read. None
sends a request.
"""

import copy

from oslo_log import log as logging
from pypowervm import const as pvm_const
from pypowervm.tasks import scsi_mapper
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm.storage import elements

LOG = logging.getLogger(__name__)

#: The extended attribute groups of a VIOS that have its mappings.
SCSI_MAPPING = pvm_const.XAG.VIO_SMAP
FC_MAPPING = pvm_const.XAG.VIO_FMAP


def add_mapping(vios_w, lpar_uuid, element, device_address=None):
    """Map storage to a partition, unless that is done already.

    Costs no request.

    :param vios_w: VIOS wrapper, read with SCSI_MAPPING.
    :param lpar_uuid: str, PowerVM UUID of the client partition.
    :param element: wrapper of a disk, medium, logical unit or volume.
    :param device_address: function that returns the address, see
        StorageTransaction.device_address; None if the platform is to choose.
    :returns: the new mapping, or None if it existed.
    """
    slot, lua = (device_address(vios_w, element) if device_address
                 else (None, None))
    return scsi_mapper.add_map(vios_w, build_mapping(
        vios_w, lpar_uuid, element, slot, lua))


def add_mapping_apart(vios_w, lpar_uuid, element):
    """Map storage to a partition on an adapter of its own.

    Do nothing if the storage is mapped already. Costs no request. The platform
    chooses the slot.

    :param vios_w: VIOS wrapper, read with SCSI_MAPPING.
    :param lpar_uuid: str, PowerVM UUID of the client partition.
    :param element: wrapper of a disk, medium, logical unit or volume.
    :returns: the new mapping, or None if it existed.
    """
    return scsi_mapper.add_map(vios_w, pvm_vios.VSCSIMapping.bld(
        vios_w.adapter, None, lpar_uuid, copy.deepcopy(element)))


def build_mapping(vios_w, lpar_uuid, element, slot=None, lua=None):
    """Build the mapping of storage to a partition.

    :param vios_w: VIOS wrapper, read with SCSI_MAPPING; it is not changed.
    :param slot: int, slot of the client adapter. None means an adapter of the
        partition with room for it, or a new adapter in a slot that the
        platform chooses.
    :param lua: str, logical unit address; None if the platform is to choose.
    :returns: VSCSIMapping wrapper, to add to the mappings of the VIOS.
    """
    element = copy.deepcopy(element)
    if slot is None:
        return scsi_mapper.build_vscsi_mapping(None, vios_w, lpar_uuid,
                                               element, lua=lua)
    for mapping in vios_w.scsi_mappings:
        if (mapping.client_adapter is not None and
                mapping.client_adapter.lpar_slot_num == slot and
                clients.is_client(mapping, lpar_uuid)):
            return pvm_vios.VSCSIMapping.bld_from_existing(mapping, element,
                                                           lua=lua)
    return pvm_vios.VSCSIMapping.bld(vios_w.adapter, None, lpar_uuid, element,
                                     lpar_slot_num=slot, lua=lua)


def remove_storage_mappings(vios_w, wrapper_class, names, partitions=None,
                            udids=None):
    """Unmap storage by its name.

    :param vios_w: VIOS wrapper, read with SCSI_MAPPING.
    :param wrapper_class: pypowervm class of the storage, such as VDisk.
    :param names: collection of names; names of disks without a path.
    :param partitions: collection of the PowerVM UUIDs of the partitions from
        which to unmap it; None means any. Storage is always unmapped from
        partitions that are gone.
    :param udids: collection of the UDIDs that the storage may have; None means
        any.
    :returns: list of the mappings that were removed.
    """
    def is_ours(mapping):
        element = mapping.backing_storage
        return (elements.is_named(element, wrapper_class, names) and
                (udids is None or element.udid in udids) and
                (partitions is None or clients.is_orphan(mapping) or
                 any(clients.is_client(mapping, lpar) for lpar in partitions)))

    return remove_mappings(vios_w, is_ours)


def remove_partition_mappings(vios_w, lpar_uuid):
    """Remove all mappings of a partition, also those without storage.

    :param vios_w: VIOS wrapper, read with SCSI_MAPPING.
    :param lpar_uuid: str, PowerVM UUID of the client partition.
    :returns: list of the mappings that were removed.
    """
    return remove_mappings(vios_w, lambda mapping: clients.is_client(
        mapping, lpar_uuid))


def remove_stale_mappings(vios_w, lpar_id):
    """Remove mappings of an earlier partition whose id is in use again.

    When the platform deletes a client, it may keep the server side of a
    mapping. The next partition with this id would inherit it. The storage
    behind it stays until the server that owns its name is deleted. A mapping
    that names another partition also stays, because this partition has it.

    :param vios_w: VIOS wrapper, read with SCSI_MAPPING.
    :param lpar_id: int, id of the partition that exists now.
    :returns: list of the mappings that were removed.
    """
    def is_stale(mapping):
        return (mapping.server_adapter.lpar_id == lpar_id and
                clients.is_orphan(mapping))

    stale = remove_mappings(vios_w, is_stale)
    if stale:
        LOG.warning('Removed %(count)d mappings on VIOS %(vios)s, left by a '
                    'deleted partition with the id %(id)d.',
                    {'count': len(stale), 'id': lpar_id,
                     'vios': vios_w.name})
    return stale


def remove_stale_fc_mappings(vios_w, lpar_ids):
    """Remove stale mappings of virtual Fibre Channel adapters, likewise.

    :param vios_w: VIOS wrapper, read with FC_MAPPING.
    :param lpar_ids: collection of int, the present and the earlier ids of the
        partition.
    :returns: bool, whether there were any.
    """
    mappings = vios_w.vfc_mappings
    stale = [mapping for mapping in mappings if clients.is_fc_orphan(mapping)
             and mapping.server_adapter.lpar_id in lpar_ids]
    for mapping in stale:
        LOG.warning('Removing Fibre Channel adapter %(name)s of VIOS %(vios)s,'
                    ' left by a deleted partition with the id %(id)d.',
                    {'name': mapping.server_adapter.name,
                     'vios': vios_w.name,
                     'id': mapping.server_adapter.lpar_id})
        mappings.remove(mapping)
    return bool(stale)


def remove_second_paths(vios_w, lpar_uuid, is_ours):
    """Leave a partition one path by a VIOS to each of its disks.

    A second one by the same VIOS is no redundancy. It comes from a live
    migration to a host where the other VIOS was down. The path with the lowest
    slot stays. The partition has to be off.

    :param vios_w: VIOS wrapper, read with SCSI_MAPPING.
    :param lpar_uuid: str, PowerVM UUID of the client partition.
    :param is_ours: called with the wrapper of storage; tells whether it may
        lose a second path.
    :returns: bool, whether there were any.
    """
    mappings, known = vios_w.scsi_mappings, set()
    found = sorted(
        (mapping for mapping in mappings
         if mapping.client_adapter is not None and
         mapping.backing_storage is not None and
         clients.is_client(mapping, lpar_uuid) and
         is_ours(mapping.backing_storage)),
        key=lambda mapping: mapping.client_adapter.lpar_slot_num)
    second = []
    for mapping in found:
        if mapping.backing_storage.udid in known:
            second.append(mapping)
        known.add(mapping.backing_storage.udid)
    for mapping in second:
        LOG.info('Removing a second path by VIOS %(vios)s to %(disk)s.',
                 {'vios': vios_w.name, 'disk': mapping.backing_storage.name})
        mappings.remove(mapping)
    return bool(second)


def find_mapping(vios_w, lpar_uuid, wrapper_class, name):
    """Find the mapping of storage to a partition.

    :param vios_w: VIOS wrapper, read with SCSI_MAPPING.
    :param lpar_uuid: str, PowerVM UUID of the client partition.
    :param wrapper_class: pypowervm class of the storage, such as VDisk.
    :param name: str, its name; the name of a disk without the path.
    :returns: the mapping, or None.
    """
    return next((mapping for mapping in vios_w.scsi_mappings
                 if elements.is_named(mapping.backing_storage, wrapper_class,
                                      [name])
                 and clients.is_client(mapping, lpar_uuid)), None)


def remove_mappings(vios_w, is_match):
    """Remove the mappings for which a function returns True; return a list."""
    mappings = vios_w.scsi_mappings
    removed = [mapping for mapping in mappings if is_match(mapping)]
    for mapping in removed:
        mappings.remove(mapping)
    return removed
