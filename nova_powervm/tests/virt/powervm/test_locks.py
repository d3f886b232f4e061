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

"""Whoever waits for a slow answer lets others do what does not need it."""

import threading

from nova.compute import provider_tree
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.tests.virt.powervm.nvram import store as nvram_store
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm import inventory
from nova_powervm.virt.powervm import media
from nova_powervm.virt.powervm.nvram import worker
from nova_powervm.virt.powervm.slots import maps
from nova_powervm.virt.powervm.slots import slot_map

SECONDS = 10  # the most that a test waits for another thread


class Gate:
    """Holds back the first call of a function."""

    def __init__(self, function):
        self._function = function
        self._reached = threading.Event()
        self._open = threading.Event()

    def __call__(self, *args, **kwargs):
        if not self._reached.is_set():
            self._reached.set()
            assert self._open.wait(3 * SECONDS)
        return self._function(*args, **kwargs)

    def run(self, slow, quick):
        """Call slow() until it is held back, then quick(), then let it end.

        :returns: bool, whether quick() came to its end meanwhile.
        """
        threads = [threading.Thread(target=function, daemon=True)
                   for function in (slow, quick)]
        threads[0].start()
        assert self._reached.wait(SECONDS)
        threads[1].start()
        threads[1].join(SECONDS)
        has_ended = not threads[1].is_alive()
        self._open.set()
        for thread in threads:
            thread.join(SECONDS)
        return has_ended


class Disk:
    """A disk adapter that tells its capacity."""

    shared_pool = None

    def __init__(self):
        self.capacity = lambda: disk_driver.DiskCapacity(1000, 100)


class InventoryTest(base.StorageTestCase):

    def setUp(self):
        super().setUp()
        self.disk = Disk()
        self.now = 0
        self.inventory = inventory.Inventory(
            self.host, self.disk, clock=lambda: self.now,
            find_servers=lambda *_args: [])
        self.inventory.get_available_resource('compute1')
        self.gate = self.disk.capacity = Gate(self.disk.capacity)

    def resources(self):
        self.inventory.get_available_resource('compute1')

    def tree(self):
        tree = provider_tree.ProviderTree()
        tree.new_root('compute1', '5e5e5e5e-0000-4000-8000-000000000001')
        self.inventory.update_provider_tree(
            tree, 'compute1', lambda found: {
                name: 1.0 for name in ('VCPU', 'MEMORY_MB', 'DISK_GB')}, 0)

    def test_placement_takes_what_is_known(self):
        """As for each server that is started meanwhile."""
        self.assertTrue(self.gate.run(self.resources, self.tree))

    def test_one_read_for_those_that_wait(self):
        """What is read after they have asked is new enough for them."""
        self.now = 1000
        self.simulated.journal.clear()
        waiting = threading.Thread(target=self.tree)
        self.gate.run(self.resources, waiting.start)
        waiting.join(SECONDS)
        self.assertEqual(['GET ManagedSystem'], self.requests())


class ConfigDriveTest(base.StorageTestCase):

    def test_repository_is_looked_for(self):
        """The periodic task goes on, and so does the end of a server."""
        drive = media.ConfigDrive(self.host, self.vios().uuid)
        gate = Gate(pvm_stg.VG.get)
        self.patch(pvm_stg.VG, 'get', gate)
        self.assertTrue(gate.run(drive._repository.find,
                                 drive.clean_periodically))


class SlotMapTest(base.StorageTestCase):

    def setUp(self):
        super().setUp()
        self.store = nvram_store.MemoryStore()
        self.worker = worker.Worker()
        self.addCleanup(self.worker.shutdown)
        self.maps = maps.SlotMaps(self.host, self.store, self.worker)
        self.one, self.other = self.make_instance(1), self.make_instance(2)

    def keep(self, instance):
        self.maps._pending[instance.uuid] = [slot_map.Change(
            {2: {}}, new_lpar=True)]

    def test_map_of_another_server_is_stored(self):
        """The object store answers slowly for one of them."""
        self.keep(self.one)
        self.keep(self.other)
        gate = self.store.store_slot_map = Gate(self.store.store_slot_map)
        self.assertTrue(gate.run(lambda: self.maps.flush(self.one),
                                 lambda: self.maps.flush(self.other)))
        self.assertEqual({}, self.maps._pending)

    def test_map_of_another_server_is_read(self):
        gate = self.store.fetch_slot_map = Gate(self.store.fetch_slot_map)
        slow, quick = [self.maps.begin(instance, guided=True)
                       for instance in (self.one, self.other)]
        self.assertTrue(gate.run(lambda: slow.guide, lambda: quick.guide))

    def test_map_is_read_once_for_an_operation(self):
        """Its threads wait for each other: each needs the map."""
        fetched = []
        fetch = self.store.fetch_slot_map
        gate = self.store.fetch_slot_map = Gate(
            lambda key: fetched.append(key) or fetch(key))
        slots = self.maps.begin(self.one, guided=True)
        waiting = threading.Thread(target=lambda: slots.min_slots)
        gate.run(lambda: slots.guide, waiting.start)
        waiting.join(SECONDS)
        self.assertEqual(1, len(fetched))
