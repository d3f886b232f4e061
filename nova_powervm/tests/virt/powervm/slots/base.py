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

"""Base of the tests of slot maps: disks on a simulated host."""

import pickle

from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.tests.virt.powervm.nvram import store
from nova_powervm.tests.virt.powervm.storage import base as storage_base
from nova_powervm.virt.powervm.nvram import worker
from nova_powervm.virt.powervm.slots import maps
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import vm

UUID = 'a1b2c3d4-0000-4000-8000-000000000001'
KEY = UUID + '_slot_map'
LUA = '0x8%d00000000000000'


class SlotsTestCase(storage_base.DisksTestCase):

    def setUp(self):
        super().setUp()
        self.instance = self.make_instance()
        self.lpar_w = self.create_lpar(self.instance)
        self.store = store.MemoryStore()
        self.worker = worker.Worker()
        self.addCleanup(self.worker.shutdown)
        self.maps = maps.SlotMaps(self.host, self.store, self.worker)

    def flush(self):
        self.assertTrue(self.worker.flush(60))

    def topology(self):
        """The map in the store, as pypowervm reads it."""
        self.flush()
        return pickle.loads(self.store.content[KEY])

    def keep(self, topology):
        """Put a map into the store, in place of what there is."""
        self.flush()
        self.store.content[KEY] = pickle.dumps(topology, protocol=2)

    def operate(self, *disks, vios='vios1', unmap=(), **kwargs):
        """Map disks, and unmap some; returns the slots."""
        slots = self.maps.begin(self.instance, **kwargs)
        slots.note_partition(self.lpar_w)
        with transaction.StorageTransaction.immediate(
                self.host, 'test', slots=slots) as stg:
            for disk in disks:
                stg.map(self.vios(vios).uuid, vm.get_lpar_uuid(self.instance),
                        disk)
            if unmap:
                stg.edit(self.vios(vios).uuid,
                         vios_mappings.remove_storage_mappings, pvm_stg.VDisk,
                         unmap)
        slots.save()
        return slots

    def addresses(self):
        """Where the disks are: {name: (slot, LUA)}."""
        return {mapping['storage']: (mapping['client_slot'], mapping['lua'])
                for name in ('vios1', 'vios2')
                for mapping in self.vios(name).state()['mappings']
                if mapping['lpar_id'] == self.lpar_w.id}
