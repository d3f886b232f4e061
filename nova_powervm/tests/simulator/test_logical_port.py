# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""SR-IOV logical ports, through pypowervm."""

from pypowervm.wrappers import iocard as pvm_card
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.tests.simulator import sriov_base

_USAGE = pvm_card.VNICPortUsage


class TestOfVnics(sriov_base.SriovTestCase):

    def setUp(self):
        super().setUp()
        self.lpar = self.make_lpar()

    def test_what_a_vnic_makes(self):
        vnic = self.create(
            self.lpar, (self.vios1, 1, 1, {'capacity': 0.1,
                                           'max_capacity': 0.2}),
            pvid=100, allowed_vlans='NONE', allowed_macs='NONE')
        lport, = self.lports(self.vios1)
        self.assertEqual(
            (1, 1, 0.1, 0.2, 100, 'NONE', 'NONE', vnic.mac, vnic.mac,
             _USAGE.DEDICATED_VNIC, False),
            (lport.sriov_adap_id, lport.pport_id, lport.cfg_capacity,
             lport.cfg_max_capacity, lport.pvid, lport.allowed_vlans,
             lport.allowed_macs, lport.mac, lport.cur_mac,
             lport.vnic_port_usage, lport.is_promisc))
        self.assertEqual(self.pport(1, 1).location + '-S1', lport.loc_code)
        self.assertEqual(654327809, lport.lport_id)
        self.assertEqual([], self.lports(self.lpar))

    def test_numbers(self):
        """An adapter has one row of numbers, and uses them again."""
        free = 'DynamicReconfigurationConnectorIndex'

        def unconfigured():
            adapter = self.system_w().asio_config.sriov_adapters[0]
            return [int(element.text) - 654327808 for element in
                    adapter.element.element.iter('{*}' + free)]

        first = self.create(self.lpar, (self.vios1, 1, 0))
        self.create(self.lpar, (self.vios1, 1, 1))
        self.create(self.lpar, (self.vios1, 2, 0))
        self.assertEqual(list(range(3, 49)), unconfigured())
        first.delete()
        self.assertEqual([1] + list(range(3, 49)), unconfigured())
        self.create(self.lpar, (self.vios2, 1, 3))
        self.assertEqual([1], [port.lport_id - 654327808
                               for port in self.lports(self.vios2)])

    def test_it_belongs_to_the_vnic(self):
        self.create(self.lpar, (self.vios1, 1, 0))
        self.refused('is a backing device of a vNIC of partition vm1',
                     self.lports(self.vios1)[0].delete)

    def test_left_behind(self):
        self.host.operator.keep_logical_ports(True)
        vnic = self.create(self.lpar, (self.vios1, 1, 0),
                           mac_addr='fa1630000001')
        vnic.delete()
        pvm_lpar.LPAR.get(self.adapter, uuid=self.lpar.uuid).delete()
        lport, = self.lports(self.vios1)
        self.assertEqual(_USAGE.DEDICATED_VNIC, lport.vnic_port_usage)
        self.assertEqual(1, self.pport_w(1, 0).cfg_lps)
        self.host.operator.keep_logical_ports(False)
        # It takes a logical port, but no address.
        other = self.create(self.make_lpar('vm2'), (self.vios1, 1, 0),
                            mac_addr='fa1630000001')
        self.assertEqual(2, self.pport_w(1, 0).cfg_lps)
        other.delete()
        lport.delete()
        self.assertEqual([], self.lports(self.vios1))
        self.assertEqual(0, self.pport_w(1, 0).cfg_lps)

    def test_left_behind_with_the_partition(self):
        self.host.operator.keep_logical_ports(True)
        self.create(self.lpar, (self.vios1, 1, 0), (self.vios2, 2, 0))
        pvm_lpar.LPAR.get(self.adapter, uuid=self.lpar.uuid).delete()
        self.assertEqual([1, 1], [len(self.lports(vios)) for vios in
                                  (self.vios1, self.vios2)])


class TestOfPartitions(sriov_base.SriovTestCase):

    def create_port(self, partition, *args, **kwargs):
        kind = (pvm_vios.VIOS if partition.TYPE == 'VirtualIOServer'
                else pvm_lpar.LPAR)
        return pvm_card.SRIOVEthLPort.bld(
            self.adapter, *args, **kwargs).create(
                parent_type=kind, parent_uuid=partition.uuid)

    def test_life(self):
        before = self.site.state()
        lport = self.create_port(
            self.vios1, 1, 0, pvid=42, mac='fa1630000001', is_promisc=True,
            cfg_capacity=0.18, max_capacity=0.5, allowed_vlans=[5, 6])
        self.assertEqual(
            (42, 'FA1630000001', True, 0.18, 0.5, [5, 6], _USAGE.NOT_VNIC,
             'PHB 4097'),
            (lport.pvid, lport.mac, lport.is_promisc, lport.cfg_capacity,
             lport.cfg_max_capacity, lport.allowed_vlans,
             lport.vnic_port_usage, lport.dev_name))
        port = self.pport_w(1, 0)
        self.assertEqual((1, 0.18), (port.cfg_lps, port.allocated_capacity))
        lport.delete()
        self.assertEqual(before, self.site.state())

    def test_refusals(self):
        self.create_port(self.vios1, 1, 0, mac='fa1630000001',
                         is_promisc=True)
        self.refused('already has a promiscuous', self.create_port,
                     self.vios2, 1, 0, is_promisc=True)
        self.refused('is in use, by partition vios1', self.create_port,
                     self.vios2, 1, 1, mac='fa1630000001')
        self.refused('99.0% is not a multiple', self.create_port, self.vios2,
                     1, 0, cfg_capacity=0.99)
        self.refused('a capacity of 98.0% left', self.create_port,
                     self.vios2, 1, 0, cfg_capacity=1)
        with self.site.lock:
            self.vios1.set_rmc('inactive')
        self.refused('RMC connection', self.create_port, self.vios1, 1, 1)
        self.refused('RMC connection', self.lports(self.vios1)[0].delete)

    def test_the_partition_goes(self):
        with self.site.lock:
            self.host.remove(self.make_lpar())
        before = self.site.state()
        lpar = self.make_lpar()
        self.create_port(lpar, 1, 0)
        pvm_lpar.LPAR.get(self.adapter, uuid=lpar.uuid).delete()
        self.assertEqual(before, self.site.state())
