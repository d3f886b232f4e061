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

"""What flows do to keep devices in their places, if a store is configured.

Functions return None, and add nothing, if there is none.
"""

from nova_powervm.virt.powervm import slot
from nova_powervm.virt.powervm.tasks import slot as tf_slot


def of_new(rooms, instance):
    """slot.ServerSlots for a server that gets its LPAR, and disks."""
    return rooms.slots and rooms.slots.of(
        instance, anew=True, guided=slot.had_devices(instance))


def of_rebuilt(rooms, instance):
    """slot.ServerSlots for a server that has disks and gets an LPAR."""
    return rooms.slots and rooms.slots.of(instance, anew=True, guided=True)


def of(rooms, instance, guided=False):
    """slot.ServerSlots for a change of the devices of a server.

    :param guided: whether disks that it had are mapped again.
    """
    return rooms.slots and rooms.slots.of(instance, guided=guided)


def add_save(flow, slots):
    """Keep what was seen; for the end of what may fail.

    :param slots: slot.ServerSlots, or None.
    """
    if slots is not None:
        flow.add(tf_slot.SaveSlotStore(slots))
    return flow


def add_departure(flow, rooms, instance):
    """Store what another host needs to make the LPAR of a server anew."""
    if rooms.nvram is not None:
        flow.add(tf_slot.StoreNvram(rooms.nvram, rooms.slots, instance))


def add_end(flow, rooms, instance):
    """Forget a server that is removed, if that is for good."""
    if rooms.nvram is not None and slot.is_leaving(instance,
                                                   rooms.host.nodename):
        flow.add(tf_slot.DeleteNvram(rooms.nvram, instance),
                 tf_slot.DeleteSlotStore(rooms.slots, instance))
