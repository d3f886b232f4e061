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

"""Slot maps of a driver without a store: the platform chooses each slot.

They have the methods of slots.maps.SlotMaps and slots.server.ServerSlots, so
that callers need not ask whether there is a store.
"""

from __future__ import annotations

import typing

from nova import objects
from pypowervm.wrappers import entry_wrapper as pvm_wrapper
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import virtual_io_server as pvm_vios


class Slots(typing.Protocol):
    """The interface of the slots of one server, for flows and transactions.

    slots.server.ServerSlots describes the methods.

    :cvar are_kept: whether save() does something.
    """

    are_kept: bool

    @property
    def min_slots(self) -> int:
        """How many slots the LPAR must have for all devices."""

    @property
    def reserved(self) -> typing.AbstractSet[int]:
        """Slots that devices have or are to get."""

    @property
    def has_plan(self) -> bool:
        """Whether plan() is to see the VIOSes before they are edited."""

    @property
    def are_planned(self) -> bool:
        """Whether all expected storage has a slot, or needs none."""

    def note_partition(self, lpar_w: pvm_lpar.LPAR) -> None:
        """Note the LPAR of the server."""

    def vnet_slot(self, mac: str | None) -> int | None:
        """Return the slot that a network adapter is to have, or None."""

    def record_vnets(
            self, adapters: typing.Iterable[pvm_wrapper.Wrapper | None],
            complete: typing.Collection[str] = ()) -> None:
        """Record network adapters; of complete classes these are all."""

    def drop_vnets(self, macs: typing.Iterable[str]) -> None:
        """Record that network adapters are gone."""

    def expect(self, vios_uuid: str,
               element: pvm_wrapper.Wrapper) -> None:
        """Note that a VIOS is to map storage to the server."""

    def plan(self, vioses: dict[str, pvm_vios.VIOS]) -> None:
        """Choose addresses for expected storage that is not mapped yet."""

    def device_address(
        self, vios_w: pvm_vios.VIOS, element: pvm_wrapper.Wrapper
    ) -> tuple[int | None, str | None]:
        """Return the (slot, LUA) that storage is to have, or None."""

    def vfc_slot(self, fabric: str,
                 wwpns: typing.Iterable[str]) -> int | None:
        """Return the slot that a Fibre Channel adapter is to have."""

    def record(self, vioses: dict[str, pvm_vios.VIOS],
               removed: list[pvm_wrapper.Wrapper],
               xag: typing.Iterable[str]) -> None:
        """Record what VIOSes map to the server."""

    def save(self) -> None:
        """Store what was recorded; the last step of an operation."""


class SlotMaps(typing.Protocol):
    """The interface of the slot maps of a host; see slots.maps.SlotMaps."""

    def begin(self, instance: objects.Instance, new_lpar: bool = False,
              guided: bool = False) -> Slots:
        """Begin an operation on the devices of a server (no request)."""

    def delete(self, instance: objects.Instance) -> None:
        """Delete the map of a server."""

    def flush(self, instance: objects.Instance) -> None:
        """Store pending changes of a server's map now."""


class NoSlots:
    """A slots.server.ServerSlots that stores nothing and chooses no slots.

    :cvar are_kept: whether save() does something.
    """

    are_kept = False
    min_slots = 0
    reserved: frozenset[int] = frozenset()
    has_plan = False
    are_planned = False

    def note_partition(self, lpar_w: pvm_lpar.LPAR) -> None:
        pass

    def vnet_slot(self, mac: str | None) -> int | None:
        return None

    def record_vnets(
            self, adapters: typing.Iterable[pvm_wrapper.Wrapper | None],
            complete: typing.Collection[str] = ()) -> None:
        pass

    def drop_vnets(self, macs: typing.Iterable[str]) -> None:
        pass

    def expect(self, vios_uuid: str, element: pvm_wrapper.Wrapper) -> None:
        pass

    def plan(self, vioses: dict[str, pvm_vios.VIOS]) -> None:
        pass

    def device_address(
            self, vios_w: pvm_vios.VIOS,
            element: pvm_wrapper.Wrapper) -> tuple[int | None, str | None]:
        return None, None

    def vfc_slot(self, fabric: str, wwpns: typing.Iterable[str]) -> int | None:
        return None

    def record(self, vioses: dict[str, pvm_vios.VIOS],
               removed: list[pvm_wrapper.Wrapper],
               xag: typing.Iterable[str]) -> None:
        pass

    def save(self) -> None:
        pass


#: It has no state, so one object is enough.
NO_SLOTS = NoSlots()


class NoSlotMaps:
    """The slots.maps.SlotMaps of a driver without a store."""

    def begin(self, instance: objects.Instance, new_lpar: bool = False,
              guided: bool = False) -> Slots:
        return NO_SLOTS

    def delete(self, instance: objects.Instance) -> None:
        pass

    def flush(self, instance: objects.Instance) -> None:
        pass
