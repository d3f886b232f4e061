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

"""Map volumes to an LPAR on each VIOS that sees them."""

from nova import exception as nova_exc

from nova_powervm.virt.powervm import lua
from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm.volume import addresses


class Connection:
    """The edits that map one volume to an LPAR, on each VIOS that sees it.

    :param device: mapped_volume.Device
    """

    def __init__(self, device):
        self._volume = device.volume
        self._hdisks = device.hdisks
        # UUIDs of the VIOSes that were edited, and of those that were down.
        self._mapped = set()
        self._missed = set()

    def queue(self, stg):
        """Queue the edits, and the check that enough VIOSes were up.

        :param stg: transaction.StorageTransaction
        """
        for vios_uuid, hdisk in self._hdisks.items():
            stg.expect([vios_uuid], self._volume.element(hdisk))
        stg.edit_redundant(list(self._hdisks), self._map, stg.device_address,
                           missed=self._missed.add,
                           order=transaction.Order.PLANNED)
        stg.then(self._check)

    def _map(self, vios_w, device_address):
        """Edit: map the volume to the LPAR, unless it is mapped."""
        vol = self._volume
        self._mapped.add(vios_w.uuid)
        vol.claim(vios_w)
        address = vol.volume.data[addresses.LUA_KEY]
        for mapping in client_mappings(vios_w, vol.lpar_uuid):
            if vol.is_behind(mapping):
                return None
            if lua.address(mapping) == address:
                raise nova_exc.VolumeAttachFailed(
                    volume_id=vol.id,
                    reason='something else took its address meanwhile')
        element = vol.element(self._hdisks[vios_w.uuid])
        slot, _lua = device_address(vios_w, element)
        mapping = vios_mappings.build_mapping(
            vios_w, vol.lpar_uuid, element, slot, address)
        vios_w.scsi_mappings.append(mapping)
        return mapping

    def _check(self):
        self._volume.check_paths(len(self._mapped - self._missed), {
            uuid: 'it is down' for uuid in self._missed})


def client_mappings(vios_w, lpar_uuid):
    """Return the VSCSIMapping wrappers that a VIOS has for an LPAR."""
    return [mapping for mapping in vios_w.scsi_mappings
            if clients.is_client(mapping, lpar_uuid)]
