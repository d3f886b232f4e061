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

"""Copy a volume to another one, because the platform has no job for this.

During the copy, one VIOS maps both volumes to the management partition.
"""

import os

from nova import exception as nova_exc
from oslo_log import log as logging
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import utils

LOG = logging.getLogger(__name__)

_CHUNK = 1024 ** 2


class VolumeCopier:
    """Copies a volume to another one, while nobody uses them.

    :param host: the owner of the REST connection (host.Host).
    :param mgmt: mgmt.ManagementPartition
    """

    def __init__(self, host, mgmt):
        self.host = host
        self.mgmt = mgmt

    def why_not(self):
        """Return why no volume can be copied, or None (0 requests, 1 once)."""
        if self.host.is_hmc:
            return ('an HMC manages the server, so there is no management '
                    'partition to which volumes could be mapped')
        if self.host.mgmt_is_vios:
            return ('the management partition is a Virtual I/O Server, to '
                    'which volumes cannot be mapped')
        if not self.mgmt.is_here:
            return 'this is not the management partition'
        return None

    def copy(self, source, target):
        """Copy a volume (2 requests, and 2 to clean up).

        :param source: mapped_volume.Device
        :param target: likewise, of a volume that is at least as large
        :raises nova.exception.VolumeRebaseFailed: if no VIOS has both, the
            target is too small, or they are the same.
        """
        if source.volume.udid == target.volume.udid:
            raise nova_exc.VolumeRebaseFailed(
                reason='both LUNs lead to the volume %s' % source.volume.udid)
        both = source, target
        vios_uuid = next((uuid for uuid in source.hdisks
                          if uuid in target.hdisks), None)
        if vios_uuid is None:
            raise nova_exc.VolumeRebaseFailed(
                reason='no Virtual I/O Server sees both volumes')
        try:
            paths = [self.mgmt.discover_vscsi_disk(mapping)
                     for mapping in self._lend(vios_uuid, *both)]
            with self.mgmt.open_disk(paths[0]) as old, (
                    self.mgmt.open_disk(paths[1], writable=True)) as new:
                _copy(old, new)
        finally:
            self.take_back(vios_uuid, both)

    def _lend(self, vios_uuid, source, target):
        """Map volumes to the management partition.

        :returns: list of their two mappings.
        :raises nova.exception.VolumeAttachFailed: if another partition has the
            target.
        """
        devices = source, target

        def lend(vios_w):
            return [vios_mappings.add_mapping(
                vios_w, self.host.mgmt_uuid,
                device.volume.element(device.hdisks[vios_uuid]))
                for device in devices]

        stg = transaction.StorageTransaction(self.host, 'lend_volumes')
        # Nobody else may have the target, on any path. One request reads all
        # VIOSes.
        stg.plan(lambda _vioses: None)
        stg.edit_redundant(list(target.hdisks), target.volume.claim)
        stg.edit(vios_uuid, lend)
        vios_w = stg.execute()[vios_uuid]
        return [next(mapping for mapping in vios_w.scsi_mappings
                     if self._is_lent(mapping, [device]))
                for device in devices]

    def _is_lent(self, mapping, devices):
        element = mapping.backing_storage
        return (isinstance(element, pvm_stg.PV) and
                element.udid in [device.volume.udid for device in devices] and
                clients.is_client(mapping, self.host.mgmt_uuid))

    def take_back(self, vios_uuid, devices):
        """Unmap volumes from the management partition; log failures.

        Remove the mappings before the devices; otherwise another scan could
        bring a device back.

        :param devices: list of mapped_volume.Device
        """
        def take_back():
            with transaction.StorageTransaction.immediate(
                    self.host, 'take_back_volumes') as stg:
                stg.edit(vios_uuid, vios_mappings.remove_mappings,
                         lambda mapping: self._is_lent(mapping, devices))

        what = 'unmap volumes from the management partition'
        if not utils.try_to(what, take_back):
            utils.try_to(what, take_back)
        for device in devices:
            utils.try_to('remove the device of volume %s' % device.volume.id,
                         self.mgmt.remove_disk, device.volume.udid)


def _copy(source, target):
    """Copy a file into another one, in place; thin volumes stay thin."""
    size = source.seek(0, os.SEEK_END)
    if target.seek(0, os.SEEK_END) < size:
        raise nova_exc.VolumeRebaseFailed(
            reason='the new volume is smaller than the old one')
    source.seek(0)
    for offset in range(0, size, _CHUNK):
        data = source.read(_CHUNK)
        target.seek(offset)
        if target.read(len(data)) != data:
            target.seek(offset)
            target.write(data)
    target.flush()
    os.fsync(target.fileno())
