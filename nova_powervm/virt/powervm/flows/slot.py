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

"""Add the steps that keep a server's devices at their addresses.

Without a store for slot maps and NVRAM, nothing is added to a flow.
"""

from nova_powervm.virt.powervm.slots import lifecycle
from nova_powervm.virt.powervm.tasks import slot as tf_slot


def slots_for_new_server(services, instance):
    """Return ServerSlots for a server that gets its LPAR and its disks.

    See slots.server.
    """
    return services.slots.begin(instance, new_lpar=True,
                                guided=lifecycle.had_devices(instance))


def slots_for_rebuild(services, instance):
    """Return ServerSlots for a server that has disks, but no LPAR."""
    return services.slots.begin(instance, new_lpar=True, guided=True)


def slots_for_change(services, instance, guided=False):
    """Return ServerSlots for a change of the devices of a server.

    :param guided: whether disks that it had are mapped again.
    """
    return services.slots.begin(instance, guided=guided)


def add_save_slots(flow, slots):
    """Save what the flow has seen in the slot map.

    Each flow does this once, as soon as no failure of a later task removes a
    device.

    :param slots: slots.server.ServerSlots
    """
    if slots.are_kept:
        flow.add(tf_slot.SaveSlotStore(slots))


def add_departure(flow, services, instance):
    """Store what another host needs to create the LPAR of a server again."""
    if services.nvram is not None:
        flow.add(tf_slot.StoreNvram(services.nvram, services.slots, instance))


def add_end(flow, services, instance):
    """Delete NVRAM and slot map of a removed server, if Nova deletes it."""
    if services.nvram is not None and lifecycle.is_removed_for_good(
            instance, services.host.nodename):
        flow.add(tf_slot.DeleteNvram(services.nvram, instance),
                 tf_slot.DeleteSlotStore(services.slots, instance))
