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

"""Choose the logical unit address (LUA) of each volume of an LPAR.

It is the same on every virtual SCSI adapter of the LPAR.
"""

from nova import exception as nova_exc

from nova_powervm.virt.powervm import lua
from nova_powervm.virt.powervm.volume import device_addresses

#: Key of the address in connection_info['data'].
LUA_KEY = 'target_LUA'

# The platform chooses 0x81 and up for devices without an address, such as the
# driver's own disks (source: captures of pypowervm). Volumes get addresses
# from this range, which the platform will not reach; 0xc0 would be another
# addressing method (source: SCSI architecture model, SAM-4).
_BOOT_LUA = '0x8100000000000000'
_LUAS = tuple('0x%02x00000000000000' % unit for unit in range(0x90, 0xc0))


def choose(instance, volumes, mappings, replaced=None):
    """Choose an address for each volume that is free on every path.

    Write it into the data of the volume, so that Nova stores it. The address
    of a volume that is not connected just now is free, but is the last choice.

    :param instance: nova.objects.Instance
    :param volumes: list of mapped_volume.MappedVolume that are connected
        together.
    :param mappings: list of the VSCSIMapping wrappers of the LPAR, of all
        VIOSes.
    :param replaced: MappedVolume whose address the only volume gets, or None.
    :raises nova.exception.VolumeAttachFailed: if no address is free for a
        volume.
    """
    chosen = set()
    kept = device_addresses.read(instance)
    for vol in volumes:
        taken, own = set(chosen), set()
        for mapping in mappings:
            is_own = vol.is_behind(mapping) or (
                replaced is not None and replaced.is_behind(mapping))
            (own if is_own else taken).add(lua.address(mapping))
        absent = [address.lua for volume_id, address in kept.items()
                  if volume_id != vol.id]
        wishes = [*sorted(filter(None, own)), vol.volume.data.get(LUA_KEY),
                  vol.kept and vol.kept.lua,
                  _BOOT_LUA if vol.volume.boot else None,
                  *sorted(_LUAS, key=absent.count)]
        address = next((address for address in wishes
                        if address and address not in taken), None)
        if address is None:
            raise nova_exc.VolumeAttachFailed(
                volume_id=vol.id,
                reason='the server already has %d volumes, which is the '
                       'maximum' % len(_LUAS))
        vol.volume.data[LUA_KEY] = address
        chosen.add(address)
