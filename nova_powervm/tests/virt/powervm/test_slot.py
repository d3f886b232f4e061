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

"""Tests of slot maps, with disks on a simulated host."""

import os
import pickle

from oslo_serialization import base64
from pypowervm.tasks import slot_map
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.tests.virt.powervm.disk import ssp_base
from nova_powervm.tests.virt.powervm.nvram import store
from nova_powervm.tests.virt.powervm.storage import base as storage_base
from nova_powervm.virt.powervm.nvram import worker
from nova_powervm.virt.powervm import placement
from nova_powervm.virt.powervm import slot
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import vm

UUID = 'a1b2c3d4-0000-4000-8000-000000000001'
KEY = UUID + '_slot_map'
LUA = '0x8%d00000000000000'


class Mark:
    """What a slot map has no business to hold."""

    def __reduce__(self):
        return os.mkdir, ('/nowhere/at/all',)


class SlotsTestCase(storage_base.DisksTestCase):

    def setUp(self):
        super().setUp()
        self.instance = self.make_instance()
        self.lpar_w = self.create_lpar(self.instance)
        self.store = store.MemoryStore()
        self.worker = worker.Worker()
        self.addCleanup(self.worker.shutdown)
        self.maps = slot.SlotMaps(self.host, self.store, self.worker)

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
        slots = self.maps.of(self.instance, **kwargs)
        slots.note_partition(self.lpar_w)
        with transaction.StorageTransaction.immediate(
                self.host, 'test', slots=slots) as stg:
            for disk in disks:
                stg.map(self.vios(vios).uuid, vm.get_pvm_uuid(self.instance),
                        disk)
            if unmap:
                stg.edit(self.vios(vios).uuid,
                         vios_mappings.remove_storage_mappings, pvm_stg.VDisk,
                         unmap)
        slots.save()
        return slots

    def places(self):
        """Where the disks are: {name: (slot, LUA)}."""
        return {mapping['storage']: (mapping['client_slot'], mapping['lua'])
                for name in ('vios1', 'vios2')
                for mapping in self.vios(name).state()['mappings']
                if mapping['lpar_id'] == self.lpar_w.id}


class SlotMapsTest(SlotsTestCase):
    """What is stored, and when."""

    def setUp(self):
        super().setUp()
        self.disk = self.create_disk('b_test')
        self.other = self.create_disk('s_test')

    def names(self):
        return {number: sorted(devices[placement.NAMES])
                for number, devices in self.topology().items()}

    def test_what_pypowervm_wants_is_there(self):
        self.operate(self.disk, anew=True)
        [(number, devices)] = self.topology().items()
        self.assertEqual((number, LUA % 1), self.places()['b_test'])
        self.assertEqual({
            'VDisk': {self.disk.udid: LUA % 1}, 'NAMES': {'b_test': LUA % 1},
            'VIOS': {self.vios().uuid: 'vios1'}}, devices)

        class Map(slot_map.SlotMapStore):
            def _load(inner, key):
                return self.store.content[key]
        self.assertEqual(self.topology(), Map(KEY).topology)
        rebuilt = slot_map.RebuildSlotMap(
            Map(KEY), [self.vios()], {self.disk.udid: [self.vios().uuid]}, [])
        self.assertEqual((number, LUA % 1), rebuilt.get_vscsi_slot(
            self.vios(), self.disk.udid))

    def test_a_new_server_needs_no_read(self):
        self.operate(self.disk, anew=True)
        self.flush()
        self.assertEqual(['store_slot_map'], self.store.calls)

    def test_changes_add_up(self):
        self.operate(self.disk, anew=True)
        self.operate(self.other)
        number = self.places()['b_test'][0]
        self.assertEqual({number: ['b_test', 's_test']}, self.names())
        self.operate(unmap=['b_test'])
        self.assertEqual({number: ['s_test']}, self.names())
        self.operate(unmap=['s_test'])
        self.assertEqual({}, self.topology())

    def test_no_request_is_added(self):
        self.host.get_vswitch('ETHERNET0')
        self.requests()
        self.operate(self.disk, anew=True)
        self.assertEqual(['GET VirtualIOServer', 'POST VirtualIOServer'],
                         self.requests())

    def test_what_nothing_changes_is_not_written(self):
        self.operate(self.disk, anew=True)
        self.flush()
        self.operate(self.disk)
        self.flush()
        self.assertEqual(['store_slot_map', 'fetch_slot_map'],
                         self.store.calls)

    def test_what_was_lost_otherwise_is_noticed(self):
        """An operation that read the VIOS knows all that is there."""
        self.operate(self.disk, self.other, anew=True)
        with transaction.StorageTransaction.immediate(self.host, 'x') as stg:
            stg.edit(self.vios().uuid, vios_mappings.remove_storage_mappings,
                     pvm_stg.VDisk, ['b_test'])
        self.operate(self.other)
        self.assertEqual([['s_test']], list(self.names().values()))

    def test_other_vios_is_left_alone(self):
        self.operate(self.disk, anew=True)
        far = self.create_disk('e0_test', vios='vios2')
        self.operate(far, vios='vios2')
        self.assertEqual([['b_test'], ['e0_test']],
                         sorted(self.names().values()))

    def test_store_is_down_for_a_while(self):
        self.operate(self.disk, anew=True)
        self.flush()
        self.store.broken = True
        self.operate(self.other)
        self.operate(unmap=['b_test'])
        self.flush()
        self.assertEqual([['b_test']], list(self.names().values()))
        self.store.broken = False
        # A change of another server will do.
        self.maps.delete(self.make_instance(9))
        self.assertEqual([['s_test']], list(self.names().values()))
        self.assertEqual({}, self.maps._pending)

    def test_what_waits_is_read_too(self):
        self.keep({7: {'CNA': {'FA163E000001': 'ETHERNET0'}}})
        self.worker.shutdown()
        self.operate(self.disk)
        found = self.maps.load(UUID)
        self.assertEqual({7, self.places()['b_test'][0]}, set(found))

    def test_flush(self):
        self.maps.flush(self.instance)
        self.worker.shutdown()
        self.operate(self.disk, anew=True)
        self.store.broken = True
        self.maps.flush(self.instance)
        self.store.broken = False
        self.maps.flush(self.instance)
        self.assertEqual([['b_test']], list(self.names().values()))

    def test_delete(self):
        self.operate(self.disk, anew=True)
        self.maps.delete(self.instance)
        self.flush()
        self.assertEqual({}, self.store.content)

    def test_delete_while_the_store_is_down(self):
        self.operate(self.disk, anew=True)
        self.flush()
        self.store.broken = True
        self.operate(self.other)
        self.maps.delete(self.instance)
        self.flush()
        self.store.broken = False
        # Somebody makes it again with the same UUID: only that counts.
        self.operate(self.other)
        self.assertEqual([['b_test', 's_test']], list(self.names().values()))
        self.maps.delete(self.instance)
        self.flush()
        self.assertEqual({}, self.store.content)

    def test_damaged_map(self):
        for content in (b'', b'nonsense', b'\x80\x02nonsense', 'text',
                        pickle.dumps(Mark()), pickle.dumps([1]),
                        pickle.dumps({'x': {}}), pickle.dumps({1: 2}),
                        pickle.dumps({1: {'CNA': 2}}),
                        # Not slots, at which an adapter cannot be.
                        pickle.dumps({True: {'VFC': {'A': None}}}),
                        pickle.dumps({-3: {'VIOS': {}}}),
                        pickle.dumps({1: {'VIOS': {}}}),
                        pickle.dumps({65535: {'VIOS': {}}})):
            self.store.content[KEY] = content
            self.assertEqual({}, self.maps.load(UUID), content)
        self.operate(self.disk)
        self.assertEqual([['b_test']], list(self.names().values()))

    def test_map_in_base64(self):
        known = {7: {'CNA': {'FA163E000001': 'ETHERNET0'}}}
        encoded = base64.encode_as_text(pickle.dumps(known, protocol=2))
        for content in (encoded, encoded.encode()):
            self.store.content[KEY] = content
            self.assertEqual(known, self.maps.load(UUID))


class GuideTest(SlotsTestCase):
    """Disks and adapters go where the map says."""

    def setUp(self):
        super().setUp()
        self.boot = self.create_disk('b_test')
        self.swap = self.create_disk('s_test')

    def devices(self, vios='vios1', name=None, **names):
        return {'NAMES': names,
                'VIOS': {self.vios(vios).uuid: name or vios}}

    def guided(self, *disks, **kwargs):
        return self.operate(*disks, guided=True, **kwargs)

    def test_by_name(self):
        self.keep({9: self.devices(b_test=LUA % 5, s_test=LUA % 1)})
        self.guided(self.boot, self.swap, anew=True)
        self.assertEqual({'b_test': (9, LUA % 5), 's_test': (9, LUA % 1)},
                         self.places())

    def test_map_of_the_last_release(self):
        self.keep({9: {'VDisk': {self.boot.udid: LUA % 5}}})
        self.guided(self.boot, anew=True)
        self.assertEqual({'b_test': (9, LUA % 5)}, self.places())

    def test_without_a_map_the_platform_chooses(self):
        self.guided(self.boot, anew=True)
        self.assertEqual({'b_test': (2, LUA % 1)}, self.places())

    def test_store_is_down(self):
        self.store.broken = True
        self.guided(self.boot, anew=True)
        self.assertEqual({'b_test': (2, LUA % 1)}, self.places())
        self.assertIn('slot map is not known', self.logger.output)

    def test_what_is_not_in_the_map_takes_no_place_of_others(self):
        self.keep({2: {'CNA': {'FA163E000001': 'ETHERNET0'}},
                   3: self.devices(vios='vios2', e0_test=LUA % 1),
                   9: self.devices(b_test=LUA % 1, gone=LUA % 2)})
        self.guided(self.boot, self.swap, anew=True)
        self.assertEqual({'b_test': (9, LUA % 1), 's_test': (9, LUA % 3)},
                         self.places())

    def test_vios_of_which_the_map_knows_nothing(self):
        self.keep({2: {'CNA': {'FA163E000001': 'ETHERNET0'}},
                   3: self.devices(e0_test=LUA % 1)})
        self.guided(self.boot, anew=True)
        self.assertEqual({'b_test': (4, LUA % 1)}, self.places())

    def test_what_is_there_stays(self):
        """The LPAR was not made anew; its map is out of date."""
        self.operate(self.boot)
        self.keep({9: self.devices(b_test=LUA % 5, s_test=LUA % 6)})
        self.guided(self.boot, self.swap)
        places = self.places()
        self.assertEqual((2, LUA % 1), places['b_test'])
        self.assertEqual((9, LUA % 6), places['s_test'])

    def test_lost_disk_comes_back_where_it_was(self):
        self.operate(self.boot, self.swap, anew=True)
        before = self.places()
        self.operate(unmap=['b_test'])
        self.keep({2: self.devices(b_test=LUA % 1, s_test=LUA % 2)})
        self.guided(self.boot, self.swap)
        self.assertEqual(before, self.places())

    def test_taken_address(self):
        self.operate(self.boot)
        self.keep({2: self.devices(b_test=LUA % 1, s_test=LUA % 1)})
        self.guided(self.boot, self.swap)
        self.assertEqual({'b_test': (2, LUA % 1), 's_test': (2, LUA % 2)},
                         self.places())

    def test_nothing_lacks(self):
        """Then nobody asks for the map."""
        self.operate(self.boot)
        self.flush()
        del self.store.calls[:]
        slots = self.maps.of(self.instance, guided=True)
        with transaction.StorageTransaction.immediate(
                self.host, 'test', slots=slots) as stg:
            stg.map(self.vios().uuid, vm.get_pvm_uuid(self.instance),
                    self.boot)
        self.assertEqual([], self.store.calls)

    def test_ports(self):
        self.keep({9: {'CNA': {'FA163E000001': 'ETHERNET0'}},
                   63: {'CNA': {'FA163E000002': 'MGMTSWITCH'}}})
        slots = self.maps.of(self.instance, anew=True, guided=True)
        slots.note_partition(self.lpar_w)
        self.assertEqual(64, slots.min_slots)
        self.assertEqual(9, slots.vnet_slot('fa:16:3e:00:00:01'))
        self.assertEqual(62, slots.vnet_slot('fa:16:3e:00:00:03'))
        self.assertEqual(61, slots.vnet_slot(None))
        self.assertEqual(63, slots.vnet_slot('FA163E000002'))

    def test_ports_without_a_map(self):
        for kwargs in ({'anew': True}, {'guided': True},
                       {'anew': True, 'guided': True}):
            slots = self.maps.of(self.instance, **kwargs)
            self.assertEqual(0, slots.min_slots)
            self.assertIsNone(slots.vnet_slot('fa:16:3e:00:00:01'))

    def test_fibre_channel(self):
        wwpns = ['C05076079CFF0E56', 'C05076079CFF0E57']
        self.keep({9: {'VFC': {'A': wwpns}}})
        for guided, expected in ((True, 9), (False, None)):
            slots = self.maps.of(self.instance, anew=True, guided=guided)
            self.assertEqual(expected, slots.place_vfc(
                'A', ['c0:50:76:07:9c:ff:0e:57', wwpns[0]]))
            self.assertIsNone(slots.place_vfc('B', wwpns))

    def test_fibre_channel_with_new_wwpns(self):
        """After an evacuation; the slots are those of the fabric."""
        self.keep({slot: {'VFC': {fabric: ['C05076079CFF0E%d0' % slot,
                                           'C05076079CFF0E%d1' % slot]}}
                   for slot, fabric in ((9, 'A'), (8, 'B'), (7, 'A'))})
        slots = self.maps.of(self.instance, anew=True, guided=True)
        new = [['C05076079CFF0F%02d' % number, 'C05076079CFF0F%02d' % (
            number + 1)] for number in range(0, 8, 2)]
        # Asked twice, as an edit is repeated.
        for _time in range(2):
            self.assertEqual(
                [7, 8, 9, None],
                [slots.place_vfc(fabric, wwpns)
                 for fabric, wwpns in zip('ABAA', new)])


class SharedPoolGuideTest(ssp_base.PoolTestCase):
    """Several VIOSes have the same disks."""

    def test_which_vios_takes_which_slot(self):
        instance = self.make_instance()
        lpar_w = self.create_lpar(instance)
        unit = self.create()
        first, second = self.adapter.vios_uuids[:2]
        names = {uuid: vios.name for uuid in (first, second)
                 for vios in self.simulated.store.all('VirtualIOServer')
                 if vios.uuid == uuid}
        boot = self.adapter.get_disk_name('boot', instance)
        kept = store.MemoryStore()
        work = worker.Worker()
        self.addCleanup(work.shutdown)
        maps = slot.SlotMaps(self.host, kept, work)
        for owners, expected in (
                # By identity, by name, by what is there, and by number.
                (({second: 'x'}, {first: 'y'}), (second, first)),
                (({'x': names[second]}, {'y': names[first]}),
                 (second, first)),
                (({first: 'x'}, {second: 'y'}), (first, second))):
            kept.content['%s_slot_map' % instance.uuid] = pickle.dumps({
                8: {'NAMES': {boot: LUA % 3}, 'VIOS': owners[0]},
                5: {'NAMES': {boot: LUA % 4}, 'VIOS': owners[1]}})
            slots = maps.of(instance, anew=True, guided=True)
            slots.note_partition(lpar_w)
            with transaction.StorageTransaction.immediate(
                    self.host, 'test', slots=slots) as stg:
                self.adapter.connect_disk(instance, unit, stg)
            found = {(mapping['client_slot'], mapping['lua']): vios.uuid
                     for vios in self.simulated.store.all('VirtualIOServer')
                     for mapping in vios.state()['mappings']
                     if mapping['lpar_id'] == lpar_w.id}
            self.assertEqual({(8, LUA % 3): expected[0],
                              (5, LUA % 4): expected[1]}, found)
            with transaction.StorageTransaction.immediate(
                    self.host, 'test') as stg:
                self.adapter.disconnect_disk(instance, stg)


class LeavingTest(SlotsTestCase):

    def test_is_leaving(self):
        for expected, attrs in (
                (True, {'task_state': 'deleting'}),
                (True, {'task_state': 'deleting', 'host': None}),
                (True, {'vm_state': 'deleted'}),
                (True, {'vm_state': 'soft-delete'}),
                (False, {'task_state': 'deleting', 'host': 'compute2'}),
                (False, {'task_state': 'resize_reverting'}),
                (False, {'task_state': 'rebuilding'}),
                (False, {'vm_state': 'shelved_offloaded'}),
                (False, {'task_state': 'shelving_offloading'}),
                (False, {})):
            attrs = dict({'vm_state': 'active', 'task_state': None}, **attrs)
            instance = self.make_instance(2, **attrs)
            self.assertEqual(expected, slot.is_leaving(instance, 'compute1'),
                             attrs)

    def test_had_devices(self):
        for expected, vm_state, task_state in (
                (True, 'shelved_offloaded', 'spawning'),
                (True, 'active', 'rebuild_spawning'),
                (False, 'building', 'spawning')):
            self.assertEqual(expected, slot.had_devices(self.make_instance(
                2, vm_state=vm_state, task_state=task_state)))
