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

"""What the tasks on slot maps and NVRAM do; the store is in memory."""

import functools
import pickle

from nova_powervm.tests.virt.powervm.nvram import store
from nova_powervm.tests.virt.powervm.tasks import base
from nova_powervm.tests.virt.powervm.tasks import site
from nova_powervm.virt.powervm.nvram import manager
from nova_powervm.virt.powervm.slots import maps
from nova_powervm.virt.powervm.tasks import slot as tf_slot
from nova_powervm.virt.powervm.vif import plugger

setUpModule = functools.partial(base.set_up_module, neighbours=False)

OTHER = site.UUID % (site.NEIGHBOUR, site.NEIGHBOUR)


class SlotTasksTest(base.TaskTestCase):
    """Nothing of another server is touched in the store."""

    def setUp(self):
        super().setUp()
        self.lpar_w = self.create_lpar()
        self.store = store.MemoryStore()
        self.store.content = {OTHER: 'b3RoZXI=', OTHER + '_slot_map': b'x'}
        self.before = dict(self.store.content)
        self.nvram = manager.NvramManager(self.host, self.store)
        self.addCleanup(self.nvram.shutdown)
        self.maps = maps.SlotMaps(self.host, self.store, self.nvram.worker)

    def run_and_flush(self, *tasks):
        self.run_flow(*tasks)
        self.assertTrue(self.nvram.worker.flush(60))

    @property
    def key(self):
        return self.instance.uuid + '_slot_map'

    def plug_port(self):
        """Give the server a port; returns the ServerSlots of that."""
        slots = self.maps.begin(self.instance, new_lpar=True)
        plugger.VifPlugger(
            None, self.host, self.instance, [self.make_vif()],
            slots=slots).plug(self.lpar_w, new_lpar=True)
        return slots

    def set_nvram(self, nvram):
        with self.site.lock:
            self.lpar.nvram = nvram
            self.lpar.touch('NVRAM')

    def test_life(self):
        slots = self.plug_port()
        self.assertNotIn(self.key, self.store.content)
        self.run_and_flush(tf_slot.SaveSlotStore(slots))
        [devices] = pickle.loads(self.store.content[self.key]).values()
        self.assertEqual({'CNA': {
            self.make_vif()['address'].replace(':', '').upper():
                'ETHERNET0'}}, devices)
        self.set_nvram('QUJD')
        self.run_and_flush(tf_slot.StoreNvram(self.nvram, self.maps,
                                              self.instance))
        self.assertEqual('QUJD', self.store.content[self.instance.uuid])
        self.run_and_flush(tf_slot.DeleteNvram(self.nvram, self.instance),
                           tf_slot.DeleteSlotStore(self.maps, self.instance))
        self.assertEqual(self.before, self.store.content)

    def test_nothing_to_delete(self):
        self.run_and_flush(tf_slot.DeleteNvram(self.nvram, self.instance),
                           tf_slot.DeleteSlotStore(self.maps, self.instance))
        self.assertEqual(self.before, self.store.content)

    def test_departure_does_not_wait_for_the_worker(self):
        """What the other host reads is there when the task has ended."""
        self.nvram.worker.shutdown()
        self.set_nvram('QUJD')
        self.plug_port().save()
        self.run_flow(tf_slot.StoreNvram(self.nvram, self.maps,
                                         self.instance))
        self.assertEqual({self.instance.uuid, self.key},
                         set(self.store.content) - set(self.before))

    def test_store_that_is_down(self):
        """No flow fails for it."""
        self.store.broken = True
        self.run_and_flush(
            tf_slot.SaveSlotStore(self.plug_port()),
            tf_slot.StoreNvram(self.nvram, self.maps, self.instance),
            tf_slot.DeleteNvram(self.nvram, self.instance),
            tf_slot.DeleteSlotStore(self.maps, self.instance))
        self.assertEqual(self.before, self.store.content)
