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

"""Virtual networks and bridges on a simulated HMC."""

from pypowervm.tasks import cna as pvm_cna
from pypowervm.tasks import network_bridger
from pypowervm.wrappers import managed_system as pvm_ms
from pypowervm.wrappers import network as pvm_net

from nova_powervm.simulator.resources import switch as sim_switch
from nova_powervm.tests.simulator import fidelity
from nova_powervm.tests.simulator import hmc_base


class HmcNetworkTestCase(hmc_base.HmcTestCase):
    """A test on the second server.

    :ivar switch: the model of its switch ETHERNET0
    """

    def setUp(self):
        super().setUp()
        self.host = self.two
        # What pypowervm would take the first system of the feed for.
        self.adapter._sys_uuid = self.host.system.uuid
        self.switch = sim_switch.find_switch(self.host, 'ETHERNET0')
        self.lpar = self.make_lpar(self.host)

    def children(self, kind):
        return kind.get(self.adapter, parent_type=pvm_ms.System,
                        parent_uuid=self.host.system.uuid)

    def network(self, vlan):
        """Read the network for a VLAN."""
        return next(found for found in self.children(pvm_net.VNet)
                    if found.vlan == vlan and found.vswitch_id == 0)

    def bld(self, vlan, name=None, tagged=True):
        switch_w = pvm_net.VSwitch.search(
            self.adapter, parent_type=pvm_ms.System, one_result=True,
            parent_uuid=self.host.system.uuid, name='ETHERNET0')
        return pvm_net.VNet.bld(self.adapter, name or 'net-%d' % vlan, vlan,
                                switch_w.related_href, tagged)

    def create(self, *args, **kwargs):
        return self.bld(*args, **kwargs).create(
            parent_type=pvm_ms.System, parent_uuid=self.host.system.uuid)


class TestNetworks(HmcNetworkTestCase):

    def test_create_and_delete(self):
        made = self.create(7, 'mine')
        self.assertEqual(('mine', 7, True, 0), (
            made.name, made.vlan, made.tagged, made.vswitch_id))
        self.assertEqual([], fidelity.compare_structure(
            made.entry.element.element, fidelity.capture_elements(
                'VirtualNetwork', 'nbbr_virtual_network.txt')))
        self.assertNotIn(7, sim_switch.find_switch(
            self.one, 'ETHERNET0').networks)
        made.delete()
        self.assertNotIn(7, self.switch.networks)

    def test_refusals(self):
        self.create(7)
        self.refused(409, 'already has a virtual network', self.create, 7)
        self.refused(409, 'already has a virtual network', self.create, 8,
                     'net-7')
        self.refused(400, 'cannot be tagged', self.create, 1)
        self.refused(400, 'lies between', self.create, 4095)

    def test_adapter_needs_a_network(self):
        switch_w = pvm_net.VSwitch.search(
            self.adapter, parent_type=pvm_ms.System, one_result=True,
            parent_uuid=self.host.system.uuid, name='ETHERNET0')
        made = pvm_net.CNA.bld(self.adapter, 7, switch_w.related_href)
        self.refused(400, 'no virtual network for VLAN 7', made.create,
                     parent_type='LogicalPartition',
                     parent_uuid=self.lpar.uuid)

    def test_adapter_of_pypowervm(self):
        made = pvm_cna.crt_cna(self.adapter, None, self.lpar.uuid, 7)
        self.assertEqual(2, made.slot)
        self.assertTrue(self.network(7).tagged)
        self.refused(400, 'is in use', self.network(7).delete)
        made.delete()
        # It stays: only clients delete it.
        self.network(7).delete()
        self.assertNotIn(7, self.switch.networks)


class TestBridges(HmcNetworkTestCase):

    def setUp(self):
        super().setUp()
        self.bridger = network_bridger.NetworkBridgerVNET(
            self.adapter, self.host.system.uuid)
        self.bridge = self.host.store.all('NetworkBridge')[0]

    def add(self, *vlans):
        self.bridger.ensure_vlans_on_nb(self.bridge.uuid, vlans)

    def tagged(self):
        """What the trunk adapters of each VIOS carry."""
        return [[list(trunk.tagged) for trunk in sea.trunks[1:]]
                for sea in self.bridge.seas]

    def test_add_and_remove(self):
        other = self.one.store.all('NetworkBridge')[0].state()
        self.add(7)
        self.assertEqual([[[7]], [[7]]], self.tagged())
        self.add(8)
        self.assertEqual([[[7, 8]], [[7, 8]]], self.tagged())
        self.assertEqual('VLAN8-ETHERNET0', self.network(8).name[:15])
        bridge_w, = self.children(pvm_net.NetBridge)
        self.assertEqual({1, 7, 8} | set(bridge_w.arbitrary_pvids),
                         set(bridge_w.list_vlans(pvid=True, arbitrary=True)))
        self.assertEqual([], fidelity.compare_structure(
            bridge_w.entry.element.element, fidelity.capture_elements(
                'NetworkBridge', 'nbbr_network_bridge.txt',
                'fake_network_bridge.txt')))
        for vlan in (7, 8):
            self.bridger.remove_vlan_from_nb(self.bridge.uuid, vlan)
        self.assertEqual([[], []], self.tagged())
        self.assertEqual(other, self.one.store.all(
            'NetworkBridge')[0].state())

    def test_more_than_one_trunk(self):
        # pypowervm makes no more than one load group at a time.
        self.add(*range(100, 119))
        self.add(*range(119, 125))
        self.assertEqual([[20, 5]] * 2, [
            [len(vlans) for vlans in trunks] for trunks in self.tagged()])

    def test_trunks_are_not_edited(self):
        self.add(7)
        bridge_w, = self.children(pvm_net.NetBridge)
        bridge_w.seas[0].addl_adpts[0].tagged_vlans.append('9')
        self.refused(400, 'when the load groups change', bridge_w.update)
