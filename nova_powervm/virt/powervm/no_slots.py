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

"""Slot maps where nothing is kept: the platform chooses each slot.

They have the methods of slots.maps.SlotMaps and slots.server.ServerSlots, so
that nobody has to ask whether there is a store.
"""


class NoSlots:
    """A slots.server.ServerSlots that keeps nothing, and has no wishes.

    :cvar are_kept: whether save() does something.
    """

    are_kept = False
    min_slots = 0
    reserved = frozenset()
    has_plan = False

    def note_partition(self, lpar_w):
        pass

    def vnet_slot(self, mac):
        return None

    def record_vnets(self, adapters, complete=()):
        pass

    def drop_vnets(self, macs):
        pass

    def expect(self, vios_uuid, element):
        pass

    def plan(self, vioses):
        pass

    def device_address(self, vios_w, element):
        return None, None

    def vfc_slot(self, fabric, wwpns):
        return None

    def record(self, vioses, removed, xag):
        pass

    def save(self):
        pass


#: It has no state: one is enough.
NO_SLOTS = NoSlots()


class NoSlotMaps:
    """The slots.maps.SlotMaps of a driver without a store."""

    def begin(self, instance, new_lpar=False, guided=False):
        return NO_SLOTS

    def delete(self, instance):
        pass

    def flush(self, instance):
        pass
