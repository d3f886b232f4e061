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

"""Network bridges, through pypowervm's own VLAN provisioning."""

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import network_bridger as pvm_bridger
from pypowervm.wrappers import network as pvm_net
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.simulator import app as sim_app
from nova_powervm.simulator.resources import bridge as sim_bridge
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import network_base


class BridgeTestCase(network_base.NetworkTestCase):

    def setUp(self):
        super().setUp()
        self.pair, self.single = self.host.store.all('NetworkBridge')

    def bridge_w(self, bridge=None):
        return pvm_net.NetBridge.get(
            self.adapter, parent_type='ManagedSystem',
            parent_uuid=self.host.system.uuid,
            uuid=(bridge or self.pair).uuid)

    def ensure(self, *vlans, bridge=None):
        pvm_bridger.ensure_vlans_on_nb(
            self.adapter, self.host.system.uuid,
            (bridge or self.pair).uuid, vlans)

    def take_away(self, vlan, bridge=None):
        pvm_bridger.remove_vlan_from_nb(
            self.adapter, self.host.system.uuid,
            (bridge or self.pair).uuid, vlan)

    def trunks_w(self, vios):
        vios_w = pvm_vios.VIOS.get(self.adapter, uuid=vios.uuid,
                                   xag=['ViosNetwork'])
        return vios_w.trunk_adapters

    @staticmethod
    def shape(sea_or_model):
        return sea_or_model.state()['trunks']


class TestDocuments(BridgeTestCase):

    def test_pair(self):
        bridge = self.bridge_w()
        self.assertEqual(1, bridge.pvid)
        self.assertEqual(0, bridge.vswitch_id)
        self.assertFalse(bridge.load_balance)
        self.assertEqual([4094], bridge.arbitrary_pvids)
        self.assertEqual({1, 100, 101}, set(bridge.list_vlans()))
        first, second = bridge.seas
        self.assertEqual(['auto', 'auto'], [first.ha_mode, second.ha_mode])
        self.assertEqual([True, False],
                         [first.is_primary, second.is_primary])
        self.assertEqual([self.vios1.href(), self.vios2.href()],
                         [first.vio_uri, second.vio_uri])
        self.assertEqual([1, 2], [first.primary_adpt.trunk_pri,
                                  second.primary_adpt.trunk_pri])
        self.assertEqual([2, 3], [first.primary_adpt.vios_id,
                                  second.primary_adpt.vios_id])

    def test_shows_what_changes_in_a_trunk(self):
        before, other = self.bridge_w(), self.bridge_w(self.single)
        trunk = self.children(pvm_net.CNA, pvm_vios.VIOS,
                              self.vios1.uuid)[0]
        self.assertEqual(1, trunk.pvid)
        trunk.set_parm_value('TaggedVLANSupported', 'true')
        trunk.update()
        after = self.bridge_w()
        self.assertNotEqual(before.toxmlstring(), after.toxmlstring())
        self.assertNotEqual(before.etag, after.etag)
        self.assertEqual(other.etag, self.bridge_w(self.single).etag)

    def test_load_groups_mirror_the_trunks(self):
        groups = self.bridge_w().load_grps
        self.assertEqual([1, 4094], [group.pvid for group in groups])
        self.assertEqual([[], [100, 101]],
                         [group.tagged_vlans for group in groups])
        for group in groups:
            self.assertEqual(2, len(group.trunk_adapters))
        links = {net.related_href: net.vlan
                 for net in self.children(pvm_net.VNet)}
        self.assertEqual([1], [links[uri] for uri in
                               groups[0].vnet_uri_list])
        self.assertEqual([100, 101], [links[uri] for uri in
                                      groups[1].vnet_uri_list])

    def test_single(self):
        bridge = self.bridge_w(self.single)
        self.assertEqual(2, bridge.pvid)
        sea, = bridge.seas
        self.assertEqual('disabled', sea.ha_mode)
        self.assertEqual('ent9', sea.dev_name)
        self.assertEqual('ent1', sea.backing_device.dev_name)
        self.assertEqual('Configured', sea.configuration_state)

    def test_devices_have_names_of_their_own(self):
        for vios in (self.vios1, self.vios2):
            names = [cna.device_name for cna in self.host.store.children(
                vios, 'ClientNetworkAdapter')]
            names += [sea.device for bridge in (self.pair, self.single)
                      for sea in bridge.seas if sea.vios is vios]
            self.assertEqual(sorted(set(names)), sorted(names))

    def test_in_the_vios_document(self):
        vios_w = pvm_vios.VIOS.get(self.adapter, uuid=self.vios1.uuid,
                                   xag=['ViosNetwork'])
        self.assertEqual(['ent6', 'ent9'],
                         [sea.dev_name for sea in vios_w.seas])
        self.assertEqual([1, 4094, 2],
                         [trunk.pvid for trunk in vios_w.trunk_adapters])
        self.assertEqual(['ent2', 'ent3'], [
            port.dev_name for port in
            vios_w.io_adpts_for_link_agg])
        for trunk in vios_w.trunk_adapters:
            self.assertTrue(any(sea.contains_device(trunk.dev_name)
                                for sea in vios_w.seas))

    def test_many_vlans_of_a_profile(self):
        vlans = list(range(4080, 4094))[::-1] + list(range(200, 220))
        spread = sim_bridge._spread(vlans, taken={4079: None})
        self.assertEqual([4094, 4078], [pvid for pvid, _ in spread])
        self.assertEqual([20, 14], [len(part) for _, part in spread])


class TestManyBridges(network_base.NetworkTestCase):
    """Bridges and trunk adapters of the profile ``networks``."""

    PROFILE = powervm_fixtures.load_profile('networks')

    def bridges(self):
        return self.children(pvm_net.NetBridge)

    def ensure(self, bridge, vlan):
        pvm_bridger.ensure_vlan_on_nb(self.adapter, self.host.system.uuid,
                                      bridge.uuid, vlan)

    def test_peers_are_on_one_switch(self):
        first, second, storage = self.bridges()
        self.assertEqual([0, 0, 2], [bridge.vswitch_id for bridge in
                                     (first, second, storage)])
        self.assertEqual([2, 1, 2], [len(bridge.seas) for bridge in
                                     (first, second, storage)])
        # The PVIDs of their trunk adapters stay clear of those of others.
        self.assertEqual([[1, 4093], [2, 4092], [1, 4093]], [
            [group.pvid for group in bridge.load_grps]
            for bridge in (first, second, storage)])
        peers = pvm_bridger.NetworkBridger._find_peer_nbs(self.bridges(),
                                                          first)
        self.assertEqual([second.uuid], [peer.uuid for peer in peers])

    def test_switches_have_the_same_vlans(self):
        first, _second, storage = self.bridges()
        self.ensure(storage, 200)
        first, second, storage = self.bridges()
        self.assertEqual([False, True, True], [
            bridge.supports_vlan(200) for bridge in (first, second, storage)])

    def test_trunk_adapters_of_no_bridge(self):
        first, _second, storage = self.bridges()
        self.assertRaises(pvm_exc.OrphanVLANFoundOnProvision, self.ensure,
                          first, 501)
        # The adapter of that VLAN is on another switch.
        self.ensure(storage, 501)
        vios, = pvm_vios.VIOS.search(self.adapter, name='vios1',
                                     xag=['ViosNetwork'])
        orphans = [(trunk.pvid, trunk.tagged_vlans, trunk.vswitch_id,
                    trunk.trunk_pri)
                   for trunk in vios.derive_orphan_trunk_adapters()]
        self.assertEqual([(500, [501, 4094], 0, 1), (500, [], 2, 2)],
                         orphans)


class TestVlans(BridgeTestCase):

    def test_add_and_remove(self):
        before = self.site.state()
        self.ensure(200, 201)
        self.assertIn(200, self.bridge_w().list_vlans())
        for sea in self.pair.seas:
            self.assertEqual([[1, []], [4094, [100, 101, 200, 201]]],
                             self.shape(sea))
        self.assertEqual([1, 2, 100, 101, 200, 201, 4094],
                         self.vlans(self.default))
        self.take_away(200)
        self.take_away(201)
        self.assertEqual(before, self.site.state())

    def test_new_trunk_adapter_when_full(self):
        self.ensure(*range(200, 218))
        self.ensure(300)
        for sea in self.pair.seas:
            self.assertEqual([1, 4094, 4093],
                             [trunk.pvid for trunk in sea.trunks])
            self.assertEqual((300,), sea.trunks[2].tagged)
        self.assertEqual([2, 3, 4, 5], sorted(self.vios1.slots))
        self.assertIn(4093, self.vlans(self.default))
        self.take_away(300)
        for sea in self.pair.seas:
            self.assertEqual(2, len(sea.trunks))
        self.assertNotIn(4093, self.vlans(self.default))

    def test_single_bridge(self):
        before = self.site.state()
        self.ensure(300, bridge=self.single)
        self.assertEqual([[2, []], [4093, [300]]],
                         self.shape(self.single.seas[0]))
        self.take_away(300, bridge=self.single)
        self.assertEqual(before, self.site.state())

    def test_vlan_moves_between_bridges(self):
        self.ensure(100, bridge=self.single)
        self.assertEqual([[1, []], [4094, [101]]],
                         self.shape(self.pair.seas[0]))
        self.assertEqual([[2, []], [4093, [100]]],
                         self.shape(self.single.seas[0]))

    def test_arbitrary_vlan_is_reassigned(self):
        self.ensure(4094)
        for sea in self.pair.seas:
            self.assertEqual([[1, []], [4093, [100, 101, 4094]]],
                             self.shape(sea))

    def test_vlan_of_an_orphan_is_found(self):
        cna = pvm_net.CNA.bld(self.adapter, 300,
                              self.switch_w().related_href, trunk_pri=1)
        cna.create(parent=pvm_vios.VIOS.get(self.adapter,
                                            uuid=self.vios2.uuid))
        self.assertRaises(pvm_exc.OrphanVLANFoundOnProvision, self.ensure,
                          300)

    def test_vios_document_follows(self):
        before = self.trunks_w(self.vios2)
        self.ensure(300, bridge=self.pair)
        after = self.trunks_w(self.vios2)
        self.assertEqual([100, 101], before[1].tagged_vlans)
        self.assertEqual([100, 101, 300], after[1].tagged_vlans)

    def test_configuring_takes_its_time(self):
        waits = []
        self.patch(sim_app.time, 'sleep', waits.append)
        self.site.timing['sea_seconds'] = 7
        self.bridge_w()
        self.assertNotIn(7, waits)
        self.ensure(300)
        self.assertEqual(1, waits.count(7))

    def test_load_balancing(self):
        bridge = self.bridge_w()
        bridge.load_balance = True
        bridge = bridge.update()
        self.assertTrue(bridge.load_balance)
        self.assertEqual('sharing', bridge.seas[0].ha_mode)
        single = self.bridge_w(self.single)
        single.load_balance = True
        self.refused('two shared', single.update)


class TestRefusals(BridgeTestCase):

    def edited(self, edit, bridge=None, only_first=False):
        """Edit the first additional trunk adapter of each SEA."""
        wrapper = self.bridge_w(bridge)
        for sea in wrapper.seas[:1] if only_first else wrapper.seas:
            edit(sea.addl_adpts[0] if sea.addl_adpts else sea.primary_adpt)
        return wrapper

    def test_vlan_out_of_range(self):
        def edit(trunk):
            trunk.tagged_vlans = [100, 4095]
        self.refused('4094', self.edited(edit).update)

    def test_vlan_twice(self):
        def edit(trunk):
            trunk.tagged_vlans = [1, 100]
        self.refused('same VLAN', self.edited(edit).update)

    def test_too_many_vlans(self):
        def edit(trunk):
            trunk.tagged_vlans = range(100, 121)
        self.refused('20', self.edited(edit).update)

    def test_too_many_trunks(self):
        bridge = self.bridge_w(self.single)
        sea = bridge.seas[0]
        for number in range(16):
            sea.addl_adpts.append(pvm_net.TrunkAdapter.bld(
                self.adapter, 1000 + number, [], self.switch_w()))
        self.refused('16 trunk', bridge.update)

    def test_pair_must_be_alike(self):
        def edit(trunk):
            trunk.tagged_vlans = [100]
        self.refused('same VLANs', self.edited(edit, only_first=True).update)

    def test_vlan_of_another_bridge(self):
        def edit(trunk):
            trunk.tagged_vlans = [100, 2]
        self.refused('priority', self.edited(edit).update)

    def test_primary_stays(self):
        bridge = self.bridge_w(self.single)
        sea = bridge.seas[0]
        sea.primary_adpt.pvid = 3
        self.refused('primary', bridge.update)

    def test_seas_stay(self):
        bridge = self.bridge_w()
        bridge.seas.remove(bridge.seas[1])
        self.refused('exchanged', bridge.update)

    def test_vios_must_serve(self):
        def edit(trunk):
            trunk.tagged_vlans = [100]
        for change in (lambda: self.vios2.set_rmc('inactive'),
                       self.vios2.halted):
            with self.site.lock:
                change()
            self.refused('RMC', self.edited(edit).update)

    def test_no_room_in_the_vios(self):
        with self.site.lock:
            self.vios1.max_slots = 5
        self.refused('slot', self.ensure, *range(200, 240))

    def test_cannot_be_made_or_deleted(self):
        bridge = self.bridge_w()
        self.refused('DELETE', bridge.delete)
        new = pvm_net.NetBridge.bld(
            self.adapter, 9, [(self.vios1.href(), 'ent3')], self.switch_w())
        self.refused('created', new.create, parent_type='ManagedSystem',
                     parent_uuid=self.host.system.uuid)

    def test_stale_etag_is_retried(self):
        self.host.faults.add({'method': 'POST', 'path': 'NetworkBridge',
                              'effect': 'precondition'})
        self.ensure(200)
        self.assertIn(200, self.bridge_w().list_vlans())
