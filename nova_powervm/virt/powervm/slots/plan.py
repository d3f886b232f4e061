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

"""Choose slot and address of each disk of a server on its new host.

For each slot, a slot map says which disks were behind it, at which addresses.
Behind each slot is one VIOS. The plan assigns the VIOSes of the new host to
slots in such a way that most disks keep their addresses. If this leaves a
choice, it prefers the same VIOS as before, then a VIOS with the same name. A
disk that cannot keep its address gets a slot that its VIOS already has, or one
that is not in the map.
"""

from __future__ import annotations

import typing

from pypowervm.wrappers import entry_wrapper as pvm_wrapper
from pypowervm.wrappers import storage as pvm_stg
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.virt.powervm import lua
from nova_powervm.virt.powervm.slots import slot_map
from nova_powervm.virt.powervm.storage import elements

# Addresses that the platform chooses (source: captures of pypowervm); volumes
# have others.
_LUAS = tuple('0x%02x00000000000000' % unit for unit in range(0x81, 0x90))
#: Most devices behind one slot, as in pypowervm.
_MOST_DEVICES = 31


def identities(element: pvm_wrapper.Wrapper) -> tuple[str, ...]:
    """Return the keys by which a map may know storage: tuple of str.

    :param element: wrapper of a disk, medium, logical unit or volume.
    """
    name = (() if isinstance(element, pvm_stg.PV) else
            (elements.base_name(element),))
    # A reference to a medium that is not mapped yet has no UDID.
    return name + ((element.udid,) if element.udid else ())


def identities_of(
        mappings: typing.Iterable[pvm_vios.VSCSIMapping]) -> set[str]:
    """Return the identities of all storage that is mapped: set of str."""
    return {identity for mapping in mappings
            if mapping.backing_storage is not None
            for identity in identities(mapping.backing_storage)}


def luas(mappings: typing.Iterable[pvm_vios.VSCSIMapping],
         slot: int) -> set[str]:
    """Return the used addresses behind a slot: set of str."""
    return {lua.address(mapping) for mapping in mappings
            if mapping.client_adapter.lpar_slot_num == slot} - {None}


def _addresses(devices: slot_map.Devices) -> dict[str, str | None]:
    """Return the addresses of disks behind a slot: identity -> LUA or None."""
    found = {}
    for cls in (slot_map.IO.PV, slot_map.IO.LU, slot_map.IO.VDISK,
                slot_map.NAMES):
        found.update(devices.get(cls, {}))
    for udid in devices.get(slot_map.IO.VOPT, ()):
        found.setdefault(udid, None)
    return {identity: lua.plain(address)
            for identity, address in found.items()}


class SlotPlan:
    """Chooses addresses for disks, which are known by their identities.

    :param guide: slot map, a dict of slot -> devices.
    :param vioses: dict of UUID -> VIOS wrapper.
    :param there: dict of VIOS UUID -> list of the server's mappings.
    :param missing: dict of VIOS UUID -> list of tuples of identities.
    :param taken: set of the slots of network adapters.
    :param free_slot: function of a set of slots; returns a slot that is
        neither in the set nor in the map, or None.
    """

    def __init__(self, guide: slot_map.Topology,
                 vioses: dict[str, pvm_vios.VIOS],
                 there: dict[str, list[pvm_vios.VSCSIMapping]],
                 missing: dict[str, list[tuple[str, ...]]], taken: set[int],
                 free_slot: typing.Callable[[set[int]], int | None]) -> None:
        self._guide = guide
        self._vioses = vioses
        self._missing = {uuid: list(disks) for uuid, disks in missing.items()
                         if uuid in vioses}
        self._free_slot = free_slot
        self._homes = {slot: _addresses(devices)
                       for slot, devices in guide.items()}
        self._addresses: dict[tuple[str, str], tuple[int, str | None]] = {}
        # Slot -> UUID of the VIOS behind it, and -> set of taken addresses.
        self._owners = {}
        self._used: dict[int, set[str | None]] = {}
        for vios_uuid, mappings in there.items():
            for mapping in mappings:
                slot = mapping.client_adapter.lpar_slot_num
                self._owners[slot] = vios_uuid
                self._used[slot] = {*luas(mappings, slot)}
        self._open = {slot for slot, home in self._homes.items() if home}
        self._open -= taken | set(self._owners)

    def make(self) -> dict[tuple[str, str], tuple[int, str | None]]:
        """Return dict of (VIOS UUID, identity) -> (int slot, str LUA)."""
        for slot, vios_uuid in list(self._owners.items()):
            self._settle(slot, vios_uuid)
        while True:
            gains = [(self._gain(slot, vios_uuid), slot, vios_uuid)
                     for slot in self._open for vios_uuid in self._missing]
            best = max(gains, default=None)
            if best is None or not best[0][0]:
                break
            _gain, slot, vios_uuid = best
            self._open.remove(slot)
            self._owners[slot] = vios_uuid
            self._settle(slot, vios_uuid)
        for vios_uuid in self._missing:
            self._settle_rest(vios_uuid)
        return self._addresses

    def _gain(self, slot: int, vios_uuid: str) -> tuple:
        """Return a sort key: how well a VIOS fits a slot."""
        home = self._homes[slot]
        before = self._guide[slot].get(slot_map.VIOS, {})
        return (sum(1 for disk in self._missing[vios_uuid]
                    if not home.keys().isdisjoint(disk)),
                vios_uuid in before,
                self._vioses[vios_uuid].name in before.values(), -slot)

    def _settle(self, slot: int, vios_uuid: str) -> None:
        """Choose addresses for a VIOS's disks that were behind a slot."""
        home = self._homes.get(slot, {})
        for disk in list(self._missing.get(vios_uuid, ())):
            known = [identity for identity in disk if identity in home]
            if known:
                # An old map has no address of a medium.
                address = next(filter(None, map(home.get, known)), None)
                self._put(disk, vios_uuid, slot, address)

    def _settle_rest(self, vios_uuid: str) -> None:
        """Choose addresses for a VIOS's disks that are not in the map."""
        for disk in list(self._missing[vios_uuid]):
            slot = next((slot for slot in sorted(self._owners)
                         if self._owners[slot] == vios_uuid and
                         len(self._used.get(slot, ())) < _MOST_DEVICES), None)
            if slot is None:
                slot = self._free_slot(set(self._owners) | self._open)
                if slot is None:
                    return
                self._owners[slot] = vios_uuid
            self._put(disk, vios_uuid, slot, None)

    def _put(self, disk: tuple[str, ...], vios_uuid: str, slot: int,
             address: str | None) -> None:
        used = self._used.setdefault(slot, set())
        if address is None or address in used:
            homes = set(self._homes.get(slot, {}).values())
            address = next((free for free in _LUAS
                            if free not in used | homes), None)
        used.add(address)
        self._missing[vios_uuid].remove(disk)
        for identity in disk:
            self._addresses[vios_uuid, identity] = slot, address
