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

from nova_powervm.virt.powervm.tasks import base


class SaveSlotStore(base.Task):
    """Save in the slot map what the flow has changed.

    :param slots: slots.server.ServerSlots of the flow.
    """

    NAME = 'save_slot_store'

    def __init__(self, slots):
        super().__init__()
        self.slots = slots

    def execute(self):
        self.slots.save()


class DeleteSlotStore(base.InstanceTask):
    """Delete the slot map of a server.

    :param slot_maps: slots.maps.SlotMaps
    """

    NAME = 'delete_slot_store'

    def __init__(self, slot_maps, instance):
        super().__init__(instance)
        self.slot_maps = slot_maps

    def execute(self):
        self.slot_maps.delete(self.instance)


class StoreNvram(base.InstanceTask):
    """Store now what another host needs to create the LPAR again.

    :param nvram: nvram.manager.NvramManager
    :param slot_maps: slots.maps.SlotMaps
    """

    NAME = 'store_nvram'

    def __init__(self, nvram, slot_maps, instance):
        super().__init__(instance)
        self.nvram = nvram
        self.slot_maps = slot_maps

    def execute(self):
        self.nvram.store(self.instance, immediate=True)
        self.slot_maps.flush(self.instance)


class DeleteNvram(base.InstanceTask):
    """Remove the NVRAM of a server from the store.

    :param nvram: nvram.manager.NvramManager
    """

    NAME = 'delete_nvram'

    def __init__(self, nvram, instance):
        super().__init__(instance)
        self.nvram = nvram

    def execute(self):
        self.nvram.remove(self.instance)
