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

"""Which slots the Fibre Channel adapters of a server get."""

from unittest import mock

from nova.network import model
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import network as pvm_net

from nova_powervm.tests.virt.powervm.vif import base as vif_base
from nova_powervm.tests.virt.powervm.volume import test_npiv
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm import vm


class SlotTest(test_npiv.NpivTestCase):

    def add_nics(self, count, slots=None):
        """Give the LPAR network adapters, in the slots that come first."""
        for number in range(count):
            pvm_net.CNA.bld(
                self.host.adapter, 101 + number,
                self.host.get_vswitch('ETHERNET0').related_href,
                slot_num=slots and slots[number]).create(
                    parent_type=pvm_lpar.LPAR,
                    parent_uuid=vm.get_lpar_uuid(self.instance))
        self.instance.info_cache.network_info = model.NetworkInfo(
            vif_base.make_vif() for _number in range(count))
        self.requests()

    def slots_of_adapters(self):
        return sorted(mapping['client_slot'] for vios in self.vioses()
                      for mapping in vios.state()['fc_mappings'])

    def test_slots_of_many_nics(self):
        """The platform gives them the last slots, and those of disks 2."""
        self.add_nics(45)
        self.assertEqual(set(range(19, 64)),
                         set(self.lpar(self.instance).slots))
        info = self.connection()
        self.requests()
        self.connect(self.build(info))
        self.assertEqual(4, len(self.requests()))
        self.assertEqual([17, 18], self.slots_of_adapters())

    def test_slots_between(self):
        self.add_nics(12, slots=list(range(40, 61, 2)) + [41])
        self.connect(self.build(self.connection()))
        self.assertEqual([43, 45], self.slots_of_adapters())

    def test_slots_of_other_adapters(self):
        """Somebody has given the server some; one of its own is lost."""
        self.connect(self.build(self.connection()))
        self.assertEqual([40, 41], self.slots_of_adapters())
        self.lose_adapters('vios1')
        self.add_nics(1, slots=[40])
        self.instance.info_cache.network_info = model.NetworkInfo(
            vif_base.make_vif() for _number in range(11))
        self.connect(self.build(self.connection(2)))
        self.assertEqual([41, 42], self.slots_of_adapters())

    def test_no_slot_behind_is_free(self):
        self.add_nics(24, slots=range(40, 64))
        self.connect(self.build(self.connection()))
        self.assertEqual([38, 39], self.slots_of_adapters())

    def test_slots_that_are_kept_for_others(self):
        slots = mock.Mock(
            spec=['vfc_slot', 'reserved', 'has_plan', 'record'],
            has_plan=False, reserved={40, 42},
            vfc_slot=lambda fabric, wwpns: 50 if fabric == 'AB' else None)
        volumes = self.build(self.connection())
        stg = transaction.StorageTransaction(
            self.host, 'test', xag=volumes.xag, slots=slots)
        volumes.connect(stg, volumes.discover())
        stg.execute()
        self.assertEqual([41, 50], self.slots_of_adapters())
