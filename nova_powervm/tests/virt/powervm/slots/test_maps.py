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

"""What is stored of slot maps, and when."""

import os
import pickle

from oslo_serialization import base64
from pypowervm.tasks import slot_map as pvm_slot_map
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.tests.virt.powervm.slots import base
from nova_powervm.virt.powervm.slots import slot_map
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings

LUA = base.LUA
KEY = base.KEY


class Mark:
    """What a slot map has no business to hold."""

    def __reduce__(self):
        return os.mkdir, ('/nowhere/at/all',)


class SlotMapsTest(base.SlotsTestCase):
    """What is stored, and when."""

    def setUp(self):
        super().setUp()
        self.disk = self.create_disk('b_test')
        self.other = self.create_disk('s_test')

    def names(self):
        return {number: sorted(devices[slot_map.NAMES])
                for number, devices in self.topology().items()}

    def test_what_pypowervm_wants_is_there(self):
        self.operate(self.disk, new_lpar=True)
        [(number, devices)] = self.topology().items()
        self.assertEqual((number, LUA % 1), self.addresses()['b_test'])
        self.assertEqual({
            'VDisk': {self.disk.udid: LUA % 1}, 'NAMES': {'b_test': LUA % 1},
            'VIOS': {self.vios().uuid: 'vios1'}}, devices)

        class Map(pvm_slot_map.SlotMapStore):
            def _load(inner, key):
                return self.store.content[key]
        self.assertEqual(self.topology(), Map(KEY).topology)
        rebuilt = pvm_slot_map.RebuildSlotMap(
            Map(KEY), [self.vios()], {self.disk.udid: [self.vios().uuid]}, [])
        self.assertEqual((number, LUA % 1), rebuilt.get_vscsi_slot(
            self.vios(), self.disk.udid))

    def test_a_new_server_needs_no_read(self):
        self.operate(self.disk, new_lpar=True)
        self.flush()
        self.assertEqual(['store_slot_map'], self.store.calls)

    def test_changes_add_up(self):
        self.operate(self.disk, new_lpar=True)
        self.operate(self.other)
        number = self.addresses()['b_test'][0]
        self.assertEqual({number: ['b_test', 's_test']}, self.names())
        self.operate(unmap=['b_test'])
        self.assertEqual({number: ['s_test']}, self.names())
        self.operate(unmap=['s_test'])
        self.assertEqual({}, self.topology())

    def test_no_request_is_added(self):
        self.host.get_vswitch('ETHERNET0')
        self.requests()
        self.operate(self.disk, new_lpar=True)
        self.assertEqual(['GET VirtualIOServer', 'POST VirtualIOServer'],
                         self.requests())

    def test_what_nothing_changes_is_not_written(self):
        self.operate(self.disk, new_lpar=True)
        self.flush()
        self.operate(self.disk)
        self.flush()
        self.assertEqual(['store_slot_map', 'fetch_slot_map'],
                         self.store.calls)

    def test_what_was_lost_otherwise_is_noticed(self):
        """An operation that read the VIOS knows all that is there."""
        self.operate(self.disk, self.other, new_lpar=True)
        with transaction.StorageTransaction.immediate(self.host, 'x') as stg:
            stg.edit(self.vios().uuid, vios_mappings.remove_storage_mappings,
                     pvm_stg.VDisk, ['b_test'])
        self.operate(self.other)
        self.assertEqual([['s_test']], list(self.names().values()))

    def test_other_vios_is_left_alone(self):
        self.operate(self.disk, new_lpar=True)
        far = self.create_disk('e0_test', vios='vios2')
        self.operate(far, vios='vios2')
        self.assertEqual([['b_test'], ['e0_test']],
                         sorted(self.names().values()))

    def test_store_is_down_for_a_while(self):
        self.operate(self.disk, new_lpar=True)
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
        found = self.maps.load(base.UUID)
        self.assertEqual({7, self.addresses()['b_test'][0]}, set(found))

    def test_flush(self):
        self.maps.flush(self.instance)
        self.worker.shutdown()
        self.operate(self.disk, new_lpar=True)
        self.store.broken = True
        self.maps.flush(self.instance)
        self.store.broken = False
        self.maps.flush(self.instance)
        self.assertEqual([['b_test']], list(self.names().values()))

    def test_delete(self):
        self.operate(self.disk, new_lpar=True)
        self.maps.delete(self.instance)
        self.flush()
        self.assertEqual({}, self.store.content)

    def test_delete_while_the_store_is_down(self):
        self.operate(self.disk, new_lpar=True)
        self.flush()
        self.store.broken = True
        self.operate(self.other)
        self.maps.delete(self.instance)
        self.flush()
        self.store.broken = False
        # Somebody makes it again with the same base.UUID: only that counts.
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
            self.assertEqual({}, self.maps.load(base.UUID), content)
        self.operate(self.disk)
        self.assertEqual([['b_test']], list(self.names().values()))

    def test_map_in_base64(self):
        known = {7: {'CNA': {'FA163E000001': 'ETHERNET0'}}}
        encoded = base64.encode_as_text(pickle.dumps(known, protocol=2))
        for content in (encoded, encoded.encode()):
            self.store.content[KEY] = content
            self.assertEqual(known, self.maps.load(base.UUID))
