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

"""Where an operation puts the devices of a server."""

import pickle

from pypowervm.wrappers import iocard

from nova_powervm.tests.virt.powervm.disk import ssp_base
from nova_powervm.tests.virt.powervm.nvram import store
from nova_powervm.tests.virt.powervm.slots import base
from nova_powervm.virt.powervm.nvram import worker
from nova_powervm.virt.powervm.slots import maps
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm import vm

LUA = base.LUA


class GuideTest(base.SlotsTestCase):
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
        slots = self.guided(self.boot, self.swap, new_lpar=True)
        self.assertEqual({'b_test': (9, LUA % 5), 's_test': (9, LUA % 1)},
                         self.addresses())
        self.assertTrue(slots.are_planned)

    def test_map_of_the_last_release(self):
        self.keep({9: {'VDisk': {self.boot.udid: LUA % 5}}})
        self.guided(self.boot, new_lpar=True)
        self.assertEqual({'b_test': (9, LUA % 5)}, self.addresses())

    def test_without_a_map_the_platform_chooses(self):
        slots = self.guided(self.boot, new_lpar=True)
        self.assertFalse(slots.are_planned)
        self.assertEqual({'b_test': (2, LUA % 1)}, self.addresses())

    def test_store_is_down(self):
        self.store.broken = True
        self.guided(self.boot, new_lpar=True)
        self.assertEqual({'b_test': (2, LUA % 1)}, self.addresses())
        self.assertIn('slot map is not known', self.logger.output)

    def test_what_is_not_in_the_map_takes_no_place_of_others(self):
        self.keep({2: {'CNA': {'FA163E000001': 'ETHERNET0'}},
                   3: self.devices(vios='vios2', e0_test=LUA % 1),
                   9: self.devices(b_test=LUA % 1, gone=LUA % 2)})
        self.guided(self.boot, self.swap, new_lpar=True)
        self.assertEqual({'b_test': (9, LUA % 1), 's_test': (9, LUA % 3)},
                         self.addresses())

    def test_vios_of_which_the_map_knows_nothing(self):
        self.keep({2: {'CNA': {'FA163E000001': 'ETHERNET0'}},
                   3: self.devices(e0_test=LUA % 1)})
        self.guided(self.boot, new_lpar=True)
        self.assertEqual({'b_test': (4, LUA % 1)}, self.addresses())

    def test_what_is_there_stays(self):
        """The LPAR was not made anew; its map is out of date."""
        self.operate(self.boot)
        self.keep({9: self.devices(b_test=LUA % 5, s_test=LUA % 6)})
        self.guided(self.boot, self.swap)
        addresses = self.addresses()
        self.assertEqual((2, LUA % 1), addresses['b_test'])
        self.assertEqual((9, LUA % 6), addresses['s_test'])

    def test_lost_disk_comes_back_where_it_was(self):
        self.operate(self.boot, self.swap, new_lpar=True)
        before = self.addresses()
        self.operate(unmap=['b_test'])
        self.keep({2: self.devices(b_test=LUA % 1, s_test=LUA % 2)})
        self.guided(self.boot, self.swap)
        self.assertEqual(before, self.addresses())

    def test_taken_address(self):
        self.operate(self.boot)
        self.keep({2: self.devices(b_test=LUA % 1, s_test=LUA % 1)})
        self.guided(self.boot, self.swap)
        self.assertEqual({'b_test': (2, LUA % 1), 's_test': (2, LUA % 2)},
                         self.addresses())

    def test_nothing_is_missing(self):
        """Then nobody asks for the map."""
        self.operate(self.boot)
        self.flush()
        del self.store.calls[:]
        slots = self.maps.begin(self.instance, guided=True)
        with transaction.StorageTransaction.immediate(
                self.host, 'test', slots=slots) as stg:
            stg.map(self.vios().uuid, vm.get_lpar_uuid(self.instance),
                    self.boot)
        self.assertEqual([], self.store.calls)
        self.assertTrue(slots.are_planned)

    def test_ports(self):
        self.keep({9: {'CNA': {'FA163E000001': 'ETHERNET0'}},
                   63: {'CNA': {'FA163E000002': 'MGMTSWITCH'}}})
        slots = self.maps.begin(self.instance, new_lpar=True, guided=True)
        slots.note_partition(self.lpar_w)
        self.assertEqual(64, slots.min_slots)
        self.assertEqual(9, slots.vnet_slot('fa:16:3e:00:00:01'))
        self.assertEqual(62, slots.vnet_slot('fa:16:3e:00:00:03'))
        self.assertEqual(61, slots.vnet_slot(None))
        self.assertEqual(63, slots.vnet_slot('FA163E000002'))

    def test_ports_of_both_types(self):
        """Adapters of a type that was not read stay in the map."""
        self.keep({9: {'CNA': {'FA163E000001': 'ETHERNET0'}},
                   8: {'VNIC': {'FA163E000002': None}},
                   7: {'VNIC': {'FA163E000003': None}}})
        slots = self.maps.begin(self.instance, new_lpar=True, guided=True)
        slots.note_partition(self.lpar_w)
        self.assertEqual(8, slots.vnet_slot('fa:16:3e:00:00:02'))
        slots = self.maps.begin(self.instance)
        slots.record_vnets([iocard.VNIC.bld(
            self.host.adapter, slot_num=7, mac_addr='fa:16:3e:00:00:03')],
            complete=['VNIC'])
        slots.save()
        self.assertEqual({9: {'CNA': {'FA163E000001': 'ETHERNET0'}},
                          7: {'VNIC': {'FA163E000003': None}}},
                         self.topology())
        slots.drop_vnets(['fa:16:3e:00:00:03'])
        slots.save()
        self.assertEqual([9], list(self.topology()))

    def test_ports_without_a_map(self):
        for kwargs in ({'new_lpar': True}, {'guided': True},
                       {'new_lpar': True, 'guided': True}):
            slots = self.maps.begin(self.instance, **kwargs)
            self.assertEqual(0, slots.min_slots)
            self.assertIsNone(slots.vnet_slot('fa:16:3e:00:00:01'))

    def test_fibre_channel(self):
        wwpns = ['C05076079CFF0E56', 'C05076079CFF0E57']
        self.keep({9: {'VFC': {'A': wwpns}}})
        for guided, expected in ((True, 9), (False, None)):
            slots = self.maps.begin(self.instance, new_lpar=True,
                                    guided=guided)
            self.assertEqual(expected, slots.vfc_slot(
                'A', ['c0:50:76:07:9c:ff:0e:57', wwpns[0]]))
            self.assertIsNone(slots.vfc_slot('B', wwpns))

    def test_fibre_channel_with_new_wwpns(self):
        """After an evacuation; the slots are those of the fabric."""
        self.keep({slot: {'VFC': {fabric: ['C05076079CFF0E%d0' % slot,
                                           'C05076079CFF0E%d1' % slot]}}
                   for slot, fabric in ((9, 'A'), (8, 'B'), (7, 'A'))})
        slots = self.maps.begin(self.instance, new_lpar=True, guided=True)
        new = [['C05076079CFF0F%02d' % number, 'C05076079CFF0F%02d' % (
            number + 1)] for number in range(0, 8, 2)]
        # Asked twice, as an edit is repeated.
        for _time in range(2):
            self.assertEqual(
                [7, 8, 9, None],
                [slots.vfc_slot(fabric, wwpns)
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
        slot_maps = maps.SlotMaps(self.host, kept, work)
        for owners, expected in (
                # By identity, by name, by what is there, and by number.
                (({second: 'x'}, {first: 'y'}), (second, first)),
                (({'x': names[second]}, {'y': names[first]}),
                 (second, first)),
                (({first: 'x'}, {second: 'y'}), (first, second))):
            kept.content['%s_slot_map' % instance.uuid] = pickle.dumps({
                8: {'NAMES': {boot: LUA % 3}, 'VIOS': owners[0]},
                5: {'NAMES': {boot: LUA % 4}, 'VIOS': owners[1]}})
            slots = slot_maps.begin(instance, new_lpar=True, guided=True)
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


class SlowSharedPoolGuideTest(SharedPoolGuideTest):
    """The VIOSes are written at the same time."""

    def setUp(self):
        super().setUp()
        self.patch(transaction, 'SLOW', 0)
