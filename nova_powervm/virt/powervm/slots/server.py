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

"""Record and choose the slots of a server during one operation."""

from __future__ import annotations

import threading
import typing

from nova import objects
from oslo_log import log as logging
from pypowervm import const as pvm_const
from pypowervm import util as pvm_util
from pypowervm.wrappers import entry_wrapper as pvm_wrapper
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.virt.powervm.nvram import api
from nova_powervm.virt.powervm.slots import plan
from nova_powervm.virt.powervm.slots import slot_map
from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)

# Assumed, no hardware: serial adapters have the slots below (so does the
# simulator).
_FIRST_SLOT = 2


class ServerSlots:
    """Records and chooses the slots of a server during one operation.

    SlotMaps.begin() creates it. Several threads may use it. Without a store,
    no_slots.NoSlots with the same methods replaces it.

    :cvar are_kept: whether save() does something.
    """

    are_kept = True

    def __init__(self, maps: typing.Any, instance: objects.Instance,
                 new_lpar: bool = False, guided: bool = False) -> None:
        self.instance = instance
        self._maps = maps
        self._new_lpar = new_lpar
        self._guided = guided
        self._changes: list[slot_map.Change] = []
        self._lpar_uuid = vm.get_lpar_uuid(instance)
        # Also held while the map is read, because each thread of the operation
        # needs the map before it can continue. Other servers have other locks.
        self._lock = threading.RLock()
        self._guide: slot_map.Topology | None = None
        self._max_slots = 0
        self._vnet_slots: set[int] = set()
        # VIOS UUID -> list of the identities of the storage that it is to map.
        self._expected: dict[str, list[tuple[str, ...]]] = {}
        # (VIOS UUID, identity) -> (slot, LUA).
        self._addresses: dict[
            tuple[str, str], tuple[int, str | None]] = {}
        self._are_planned = False
        # WWPNs -> name of the fabric.
        self._fabrics: dict[frozenset[str], str] = {}
        # (name of the fabric, WWPNs) -> slot, or None.
        self._vfc_slots: dict[
            tuple[str, frozenset[str]], int | None] = {}

    @property
    def guide(self) -> slot_map.Topology:
        """The map to follow; empty if there is none. Never raises."""
        with self._lock:
            if self._guide is None:
                self._guide = self._read_guide() if self._guided else {}
            return self._guide

    def _read_guide(self) -> slot_map.Topology:
        try:
            return self._maps.load(self.instance.uuid)
        except Exception as exc:
            LOG.warning('The devices of the server may change their places, '
                        'as its slot map is not known: %s', exc,
                        exc_info=not isinstance(exc, api.NVRAMException),
                        instance=self.instance)
            return {}

    # ---- the partition -------------------------------------------------

    @property
    def min_slots(self) -> int:
        """The number of slots that the LPAR needs for all devices, int."""
        return max(self.guide, default=-1) + 1

    def note_partition(self, lpar_w: pvm_lpar.LPAR) -> None:
        """Note the number of slots of the server's LPAR wrapper."""
        self._max_slots = lpar_w.io_config.max_virtual_slots

    def _free_slot(self, taken: typing.Collection[int],
                   high: bool = False) -> int | None:
        """Find a slot that is neither in the map nor taken, or None."""
        slots = range(_FIRST_SLOT, self._max_slots)
        for slot in reversed(slots) if high else slots:
            if (slot not in self.guide and slot not in taken and
                    slot not in self._vnet_slots):
                return slot
        return None

    @property
    def reserved(self) -> typing.AbstractSet[int]:
        """Slots of network adapters, and slots in the map: set of int.

        Other slots may also be in use.
        """
        return self._vnet_slots.union(self.guide)

    # ---- network adapters ----------------------------------------------

    def vnet_slot(self, mac: str | None) -> int | None:
        """Return the slot that a network adapter is to have.

        :param mac: str, its MAC address, or None if it is not known yet.
        :returns: int; None if the platform is to choose.
        """
        if not (self._new_lpar and self.guide):
            return None
        mac = mac and pvm_util.sanitize_mac_for_api(mac)
        slot = next((slot for slot, devices in self.guide.items()
                     if any(mac in devices.get(cls, ())
                            for cls in slot_map.NETWORK)),
                    None) or self._free_slot((), high=True)
        if slot is not None:
            self._vnet_slots.add(slot)
        return slot

    def record_vnets(
            self, adapters: typing.Iterable[pvm_wrapper.Wrapper | None],
            complete: typing.Collection[str] = ()) -> None:
        """Record network adapters of the server.

        :param adapters: list of wrappers of CNAs and vNICs; a None in it is
            ignored.
        :param complete: classes of slot_map.NETWORK of which adapters has all
            adapters of the server.
        """
        seen = slot_map.SeenDevices(self._maps.host.vswitch_names)
        for adapter in adapters:
            if adapter is not None:
                seen.register_vnet(adapter)
        slots = set(seen.topology)
        self._vnet_slots |= slots
        # A slot has one adapter. So an earlier adapter with the same MAC is
        # gone.
        macs = {mac for devices in seen.topology.values()
                for found in devices.values() for mac in found}

        def is_gone(slot: int, devices: slot_map.Devices) -> bool:
            return slot not in slots and any(
                cls in complete or not macs.isdisjoint(devices[cls])
                for cls in slot_map.NETWORK if cls in devices)

        self._changes.append(slot_map.Change(seen.topology, gone=is_gone))

    def drop_vnets(self, macs: typing.Iterable[str]) -> None:
        """Record that network adapters are gone.

        :param macs: iterable of their MAC addresses, str.
        """
        macs = set(map(pvm_util.sanitize_mac_for_api, macs))

        def is_gone(slot: int, devices: slot_map.Devices) -> bool:
            return any(not macs.isdisjoint(devices.get(cls, ()))
                       for cls in slot_map.NETWORK)

        self._changes.append(slot_map.Change({}, gone=is_gone))

    # ---- storage: the calls of the StorageTransaction ------------------

    def expect(self, vios_uuid: str, element: pvm_wrapper.Wrapper) -> None:
        """Note that a VIOS is to map storage to the server.

        :param element: wrapper of a disk, medium, logical unit or volume.
        """
        if self._guided:
            self._expected.setdefault(vios_uuid, []).append(
                plan.identities(element))

    @property
    def has_plan(self) -> bool:
        """Whether plan() is to see the VIOSes before they are edited."""
        return bool(self._expected)

    @property
    def are_planned(self) -> bool:
        """Whether plan() has found a slot for all that it had to map.

        Then no slot depends on which VIOS is written first.
        """
        return self._are_planned

    def plan(self, vioses: dict[str, pvm_vios.VIOS]) -> None:
        """Choose the addresses of all expected storage that is not mapped yet.

        :param vioses: dict of UUID -> VIOS wrapper.
        """
        there = {vios_uuid: self._mappings(vios_w)
                 for vios_uuid, vios_w in vioses.items()}
        missing = {}
        for vios_uuid, expected in self._expected.items():
            mapped = plan.identities_of(there.get(vios_uuid, ()))
            missing[vios_uuid] = [identities for identities in expected
                                  if mapped.isdisjoint(identities)]
        if any(missing.values()) and self.guide:
            self._addresses = plan.SlotPlan(
                self.guide, vioses, there, missing, self._vnet_slots,
                self._free_slot).make()
        self._are_planned = all(
            any((vios_uuid, identity) in self._addresses
                for identity in identities)
            for vios_uuid, wanted in missing.items() for identities in wanted)

    def device_address(
            self, vios_w: pvm_vios.VIOS,
            element: pvm_wrapper.Wrapper) -> tuple[int | None, str | None]:
        """Return the address at which a VIOS is to map storage to the server.

        :returns: (int slot, str LUA); either is None if the platform is to
            choose it.
        """
        for identity in plan.identities(element):
            if (vios_w.uuid, identity) in self._addresses:
                slot, lua = self._addresses[vios_w.uuid, identity]
                if lua in plan.luas(self._mappings(vios_w), slot):
                    lua = None
                return slot, lua
        return None, None

    def vfc_slot(self, fabric: str, wwpns: typing.Iterable[str]) -> int | None:
        """Return the slot that a virtual Fibre Channel adapter is to have.

        Also note the fabric of the adapter, because the map knows adapters by
        their fabric.

        :param fabric: str, name of the fabric.
        :param wwpns: iterable of its two WWPNs.
        :returns: int; None if the platform is to choose.
        """
        wwpns = _plain_wwpns(wwpns)
        with self._lock:
            self._fabrics[wwpns] = fabric
            key = fabric, wwpns
            if self._guided and key not in self._vfc_slots:
                self._vfc_slots[key] = self._kept_vfc_slot(fabric, wwpns)
            return self._vfc_slots.get(key)

    def _kept_vfc_slot(self, fabric: str, wwpns: frozenset[str]) -> int | None:
        """Return the slot that an adapter had, or None.

        After an evacuation all adapters have new WWPNs. Then each adapter
        takes the slot of an earlier adapter in its fabric.
        """
        kept = {slot: _plain_wwpns(devices[slot_map.IO.VFC][fabric])
                for slot, devices in self.guide.items()
                if devices.get(slot_map.IO.VFC, {}).get(fabric)}
        for slot in sorted(kept):
            if kept[slot] == wwpns:
                return slot
        taken = self._vfc_slots.values()
        return next((slot for slot in sorted(kept) if slot not in taken),
                    None)

    def record(self, vioses: dict[str, pvm_vios.VIOS],
               removed: list[pvm_wrapper.Wrapper],
               xag: typing.Iterable[str]) -> None:
        """Record what VIOSes map to the server.

        :param vioses: dict of UUID -> VIOS wrapper, as they are now.
        :param removed: list of the mappings that were removed from them.
        :param xag: attribute groups with which they were read.
        """
        seen = slot_map.SeenDevices(self._maps.host.vswitch_names)
        vfc = pvm_const.XAG.VIO_FMAP in xag
        for vios_w in vioses.values():
            for mapping in self._mappings(vios_w):
                seen.register_scsi(vios_w, mapping)
            if vfc:
                self._record_vfc(seen, vios_w)
        freed = {mapping.server_adapter.lpar_slot_num for mapping in removed
                 if clients.is_client(mapping, self._lpar_uuid)}
        read = set(vioses)

        def is_gone(slot: int, devices: slot_map.Devices) -> bool:
            is_read = not read.isdisjoint(devices.get(slot_map.VIOS, ()))
            if slot_map.IO.VFC in devices:
                return vfc and is_read
            return any(cls in devices for cls in slot_map.SCSI) and (
                is_read or slot in freed)

        self._changes.append(slot_map.Change(seen.topology, gone=is_gone))

    def _record_vfc(self, seen: slot_map.SeenDevices,
                    vios_w: pvm_vios.VIOS) -> None:
        for mapping in vios_w.vfc_mappings:
            client = mapping.client_adapter
            if client is None or not clients.is_client(mapping,
                                                       self._lpar_uuid):
                continue
            fabric = self._fabrics.get(_plain_wwpns(client.wwpns))
            if fabric is not None:
                seen.register_vfc_mapping(mapping, fabric)
                seen.register_vios(vios_w,
                                   mapping.server_adapter.lpar_slot_num)

    def _mappings(self, vios_w: pvm_vios.VIOS) -> list[pvm_vios.VSCSIMapping]:
        return [mapping for mapping in vios_w.scsi_mappings
                if mapping.client_adapter is not None and
                clients.is_client(mapping, self._lpar_uuid)]

    # ---- the end -------------------------------------------------------

    def save(self) -> None:
        """Queue the recorded changes of the map; call this at the end."""
        changes = list(self._changes)
        if self._new_lpar:
            changes.insert(0, slot_map.Change({}, new_lpar=True))
        if changes:
            self._maps.save(self.instance.uuid, changes)


def _plain_wwpns(wwpns: typing.Iterable[str]) -> frozenset[str]:
    return frozenset(wwpn.upper().replace(':', '') for wwpn in wwpns)
