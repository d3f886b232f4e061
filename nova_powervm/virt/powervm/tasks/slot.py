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

"""Tasks on slot maps and NVRAM: thin wrappers of slots and nvram."""

from taskflow import task


class SaveSlotStore(task.Task):
    """Have the slot map changed to what the flow has seen.

    :param slots: slots.server.ServerSlots of the flow.
    """

    def __init__(self, slots):
        super().__init__('save_slot_store')
        self.slots = slots

    def execute(self):
        self.slots.save()


class DeleteSlotStore(task.Task):
    """Have the slot map of a server deleted.

    :param slot_maps: slots.maps.SlotMaps
    """

    def __init__(self, slot_maps, instance):
        super().__init__('delete_slot_store')
        self.slot_maps = slot_maps
        self.instance = instance

    def execute(self):
        self.slot_maps.delete(self.instance)


class StoreNvram(task.Task):
    """Store now what another host needs to make the LPAR again.

    :param nvram: nvram.manager.NvramManager
    :param slot_maps: slots.maps.SlotMaps
    """

    def __init__(self, nvram, slot_maps, instance):
        super().__init__('store_nvram')
        self.nvram = nvram
        self.slot_maps = slot_maps
        self.instance = instance

    def execute(self):
        self.nvram.store(self.instance, immediate=True)
        self.slot_maps.flush(self.instance)


class DeleteNvram(task.Task):
    """Have the NVRAM of a server removed from the store.

    :param nvram: nvram.manager.NvramManager
    """

    def __init__(self, nvram, instance):
        super().__init__('delete_nvram')
        self.nvram = nvram
        self.instance = instance

    def execute(self):
        self.nvram.remove(self.instance)
