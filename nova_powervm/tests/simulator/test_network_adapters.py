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

"""Virtual switches, networks and adapters, through pypowervm."""

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import cna as pvm_cna
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import managed_system as pvm_ms
from pypowervm.wrappers import network as pvm_net
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.simulator.resources import network_adapters
from nova_powervm.tests.simulator import network_base


class TestVirtualSwitch(network_base.NetworkTestCase):

    def create(self, name='OVS', **kwargs):
        return pvm_net.VSwitch.bld(self.adapter, name, **kwargs).create(
            parent_type=pvm_ms.System, parent_uuid=self.host.system.uuid)

    def test_feed(self):
        switches = self.children(pvm_net.VSwitch)
        self.assertEqual([('ETHERNET0', 0, 'Veb'), ('MGMTSWITCH', 1, 'Veb')],
                         [(s.name, s.switch_id, s.mode) for s in switches])

    def test_create_rename_delete(self):
        before = self.site.state()
        made = self.create(switch_mode='Vepa')
        self.assertEqual(('OVS', 2, 'Vepa'),
                         (made.name, made.switch_id, made.mode))
        made.name = 'OVS2'
        self.assertEqual('OVS2', made.update().name)
        self.switch_w('OVS2').delete()
        self.assertEqual(before, self.site.state())

    def test_create_refused(self):
        self.refused('already', self.create, 'MGMTSWITCH')
        self.refused('already', self.create, 'ETHERNET0')
        self.refused('SwitchMode', self.create, switch_mode='Hub')
        self.refused('SwitchName', self.create, '')

    def test_ids_run_out(self):
        for number in range(14):
            self.assertEqual(2 + number, self.create('S%d' % number).switch_id)
        self.refused('16 virtual switches', self.create)

    def test_default_switch_stays(self):
        switch = self.switch_w()
        self.refused('default', switch.delete)
        switch.name = 'other'
        self.refused('default', switch.update)

    def test_delete_in_use(self):
        lpar = self.make_lpar()
        self.create()
        cna = pvm_cna.crt_cna(self.adapter, None, lpar.uuid, 5, vswitch='OVS')
        self.refused('in use', self.switch_w('OVS').delete)
        cna.delete()
        self.switch_w('OVS').delete()
        self.assertIsNone(self.switch_w('OVS'))

    def test_rename_renames_networks(self):
        self.create()
        lpar = self.make_lpar()
        pvm_cna.crt_cna(self.adapter, None, lpar.uuid, 5, vswitch='OVS')
        switch = self.switch_w('OVS')
        switch.name = 'NEW'
        switch.update()
        self.assertIn('VLAN5-NEW', [
            net.name for net in self.children(pvm_net.VNet)])


class TestVirtualNetwork(network_base.NetworkTestCase):

    def test_derived_from_adapters(self):
        self.assertEqual([1, 2, 100, 101, 4094], self.vlans(self.default))
        self.assertEqual([], self.vlans(self.mgmt_switch))
        lpar = self.make_lpar()
        cna = pvm_cna.crt_cna(self.adapter, None, lpar.uuid, 7,
                              addl_vlans=['8', '9'])
        self.assertEqual([1, 2, 7, 8, 9, 100, 101, 4094],
                         self.vlans(self.default))
        cna.delete()
        self.assertEqual([1, 2, 100, 101, 4094], self.vlans(self.default))

    def test_stays_while_used(self):
        one, two = [pvm_cna.crt_cna(self.adapter, None,
                                    self.make_lpar(name).uuid, 7)
                    for name in ('vm1', 'vm2')]
        uuids = {net.uuid for net in self.children(pvm_net.VNet)
                 if net.vlan == 7}
        self.assertEqual(1, len(uuids))
        one.delete()
        self.assertIn(7, self.vlans(self.default))
        two.delete()
        self.assertNotIn(7, self.vlans(self.default))
        pvm_cna.crt_cna(self.adapter, None, self.make_lpar('vm3').uuid, 7)
        self.assertEqual(uuids, {
            net.uuid for net in self.children(pvm_net.VNet)
            if net.vlan == 7})

    def test_properties(self):
        pvm_cna.crt_cna(self.adapter, None, self.make_lpar().uuid, 7)
        networks = {net.vlan: net for net in self.children(pvm_net.VNet)}
        switch = self.switch_w()
        self.assertEqual(switch.related_href,
                         networks[7].associated_switch_uri)
        self.assertIn(networks[7].related_href, switch.vnet_uri_list)
        self.assertEqual('VLAN7-ETHERNET0', networks[7].name)
        self.assertEqual(
            {1: False, 2: False, 7: True, 100: True, 101: True, 4094: False},
            {vlan: net.tagged for vlan, net in networks.items()})

    def test_clients_cannot_change_them(self):
        network = self.children(pvm_net.VNet)[0]
        self.assertRaises(pvm_exc.HttpError, network.delete)
        self.assertRaises(pvm_exc.HttpError, network.update)
        new = pvm_net.VNet.bld(self.adapter, 'net', 9,
                               self.switch_w().related_href, True)
        self.assertRaises(pvm_exc.HttpError, new.create,
                          parent_type=pvm_ms.System,
                          parent_uuid=self.host.system.uuid)

    def test_events(self):
        listener = self.adapter.session.get_event_listener()
        pvm_cna.crt_cna(self.adapter, None, self.make_lpar().uuid, 7)
        href = next(net.related_href for net in self.children(pvm_net.VNet)
                    if net.vlan == 7)
        self.assertEqual('add', listener.getevents()[href])


class TestClientNetworkAdapter(network_base.NetworkTestCase):

    def setUp(self):
        super().setUp()
        self.lpar = self.make_lpar()

    def create(self, lpar=None, pvid=5, switch='ETHERNET0', **kwargs):
        cna = pvm_net.CNA.bld(self.adapter, pvid,
                              self.switch_w(switch).related_href, **kwargs)
        return cna.create(parent_type=pvm_lpar.LPAR,
                          parent_uuid=(lpar or self.lpar).uuid)

    def test_assigned_values(self):
        cna = self.create(mac_addr='fa:16:3e:00:00:01')
        self.assertEqual('FA163E000001', cna.mac)
        # The client asked for the highest free slot.
        self.assertEqual(63, cna.slot)
        self.assertEqual(self.lpar.partition_id, cna.lpar_id)
        self.assertEqual('%s-V%d-C63' % (self.host.mtms, cna.lpar_id),
                         cna.loc_code)
        self.assertEqual(0, cna.vswitch_id)
        self.assertTrue(cna.enabled)
        self.assertFalse(cna.is_trunk)
        self.assertEqual('Unknown', cna.dev_name)
        self.assertEqual([cna.uuid], [c.uuid for c in self.cnas(self.lpar)])

    def test_generated_macs_differ(self):
        macs = {self.create().mac for _ in range(3)}
        self.assertEqual(3, len(macs))
        for mac in macs:
            self.assertRegex(mac, '^[0-9A-F]{12}$')
            self.assertEqual(2, int(mac[:2], 16) & 3)

    def test_generated_mac_is_free(self):
        number = int(self.create().mac, 16)
        self.create(mac_addr='%012X' % (number + 1))
        self.assertEqual('%012X' % (number + 2), self.create().mac)

    def test_adapters_of_a_profile(self):
        with self.site.lock:
            network_adapters.build_adapters(self.lpar, [
                {'switch': 'ETHERNET0', 'vlan': 7, 'mac': 'fa163e000001'},
                {'switch': 'MGMTSWITCH', 'vlan': 8}])
        first, second = self.cnas(self.lpar)
        self.assertEqual(('FA163E000001', 7, 0, 2), (
            first.mac, first.pvid, first.vswitch_id, first.slot))
        self.assertEqual((8, 1, 3), (second.pvid, second.vswitch_id,
                                     second.slot))

    def test_slots(self):
        self.assertEqual(40, self.create(slot_num=40).slot)
        self.assertEqual(63, self.create().slot)
        self.assertEqual(62, self.create().slot)
        self.refused('in use', self.create, slot_num=40)
        self.refused('between', self.create, slot_num=64)
        for cna in self.cnas(self.lpar):
            cna.delete()
        self.assertEqual({}, self.lpar.slots)

    def test_slots_run_out(self):
        small = self.make_lpar('vm2', max_slots=4)
        self.create(small)
        self.create(small)
        self.refused('no free virtual slot', self.create, small)

    def test_management_partition_gets_low_slot(self):
        self.assertEqual(2, self.create(self.mgmt).slot)

    def test_create_and_delete_restores(self):
        before = self.site.state()
        self.create(pvid=9, addl_tagged_vlans=[10, 11]).delete()
        self.assertEqual(before, self.site.state())
        self.assertEqual([], self.cnas(self.lpar))

    def test_create_refused(self):
        self.create(mac_addr='FA163E000001')
        other = self.make_lpar('vm2')
        self.refused('FA163E000001 is in use', self.create, other,
                     mac_addr='FA163E000001')
        self.create(other, switch='MGMTSWITCH', mac_addr='FA163E000001')
        for mac in ('FB163E000001', 'FA163E0000', 'nonsense'):
            self.refused('not a MAC', self.create, mac_addr=mac)
        for vlan in (0, 4095):
            self.refused('VLAN', self.create, pvid=vlan)
        self.refused('VLAN', self.create, addl_tagged_vlans=[5000])
        self.refused('twice', self.create, addl_tagged_vlans=[5])
        self.refused('numbers', self.create, addl_tagged_vlans=['x'])
        self.refused('20 additional', self.create,
                     addl_tagged_vlans=range(100, 121))

    def test_unknown_switch_refused(self):
        href = self.switch_w().related_href
        for bad in (href[:-4] + 'ffff', '', None):
            cna = pvm_net.CNA.bld(self.adapter, 1, bad or '')
            if bad is None:
                cna.element.remove(cna.element.find(
                    'AssociatedVirtualSwitch'))
            self.refused('Switch' if bad is None else 'switch', cna.create,
                         parent_type=pvm_lpar.LPAR,
                         parent_uuid=self.lpar.uuid)

    def test_running_partition_needs_rmc(self):
        running = self.make_lpar('vm2', running=True)
        cna = self.create(running)
        with self.site.lock:
            running.set_rmc('inactive')
        self.refused('RMC', self.create, running)
        self.refused('RMC', cna.delete)
        cna = self.cnas(running)[0]
        cna.pvid = 9
        self.refused('RMC', cna.update)
        with self.site.lock:
            running.set_rmc('active')
        cna.delete()

    def test_ibm_i_and_management_need_no_rmc(self):
        self.create(self.make_lpar('ibmi', running=True, type_='OS400'))
        with self.site.lock:
            self.mgmt.set_rmc('inactive')
        self.create(self.mgmt)

    def test_update(self):
        cna = self.create(pvid=5, mac_addr='FA163E000001')
        cna.pvid = 6
        cna.tagged_vlans = [7]
        cna.enabled = False
        cna.mac = 'FA163E000002'
        cna.vswitch_uri = self.switch_w('MGMTSWITCH').related_href
        cna = cna.update()
        self.assertEqual((6, [7], False, 'FA163E000002', 1),
                         (cna.pvid, cna.tagged_vlans, cna.enabled, cna.mac,
                          cna.vswitch_id))
        self.assertEqual([1, 2, 100, 101, 4094], self.vlans(self.default))
        self.assertEqual([6, 7], self.vlans(self.mgmt_switch))
        self.assertEqual(63, cna.slot)

    def test_update_refused(self):
        cna = self.create()
        cna.pvid = 4095
        self.refused('VLAN', cna.update)
        running = self.make_lpar('vm2', running=True)
        cna = self.create(running)
        cna.mac = 'FA163E000002'
        self.refused('MAC', cna.update)
        cna = self.create()
        cna._slot(12)
        self.refused('slot', cna.update)

    def test_stale_etag(self):
        cna = self.create()
        stale = self.cnas(self.lpar)[0]
        cna.pvid = 6
        cna.update()
        stale.pvid = 7
        exc = self.refused('etag', stale.update)
        self.assertEqual(412, exc.response.status)

    def test_goes_with_the_partition(self):
        before = self.site.state()
        extra = self.make_lpar('vm2')
        self.create(extra, pvid=77)
        pvm_lpar.LPAR.get(self.adapter, uuid=extra.uuid).delete()
        self.assertEqual(before, self.site.state())
        self.assertNotIn(77, self.vlans(self.default))

    def test_partition_links_to_it(self):
        cna = self.create()
        lpar_w = pvm_lpar.LPAR.get(self.adapter, uuid=self.lpar.uuid)
        links = lpar_w.get_href('ClientNetworkAdapters/link')
        self.assertEqual((cna.related_href,), tuple(links))

    def test_settings_of_a_trunk(self):
        cna = self.create(self.mgmt, pvid=9, trunk_pri=1, dev_name='tap1',
                          ovs_bridge='br-int', ovs_ext_ids='iface-id=1',
                          configured_mtu=9000)
        self.assertEqual(
            (1, 'tap1', 'br-int', 'iface-id=1', 9000),
            (cna.trunk_pri, cna.dev_name, cna.ovs_bridge, cna.ovs_ext_ids,
             cna.configured_mtu))

    def test_trunks_in_one_vlan_need_priorities(self):
        self.create(self.mgmt, pvid=9, trunk_pri=1)
        self.refused('priority 1', self.create, self.mgmt, pvid=9,
                     trunk_pri=1)
        self.refused('priority 1', self.create, self.mgmt, pvid=8,
                     trunk_pri=1, addl_tagged_vlans=[9])
        # 100 is on the bridge, with priorities 1 and 2.
        self.refused('priority 2', self.create, self.mgmt, pvid=100,
                     trunk_pri=2)
        self.create(self.mgmt, pvid=9, trunk_pri=2)
        self.create(self.mgmt, pvid=9, trunk_pri=1, switch='MGMTSWITCH')

    def test_vios_adapters(self):
        cna = pvm_net.CNA.bld(self.adapter, 33,
                              self.switch_w().related_href, trunk_pri=1)
        vios_w = pvm_vios.VIOS.get(self.adapter, uuid=self.vios1.uuid,
                                   xag=['ViosNetwork'])
        devices = {trunk.dev_name for trunk in vios_w.trunk_adapters}
        cna = cna.create(parent=vios_w)
        self.assertEqual('Unknown', cna.dev_name)
        new, = [trunk.dev_name for trunk in vios_w.refresh().trunk_adapters
                if trunk.dev_name not in devices]
        self.assertRegex(new, r'^ent\d+$')
        self.assertNotIn(new, ('ent6', 'ent9', 'ent0'))

    def test_trunk_of_a_bridge_stays(self):
        trunk = next(cna for cna in self.children(
            pvm_net.CNA, pvm_vios.VIOS, self.vios1.uuid) if cna.pvid == 1)
        self.refused('ent6', trunk.delete)
        trunk.pvid = 40
        self.refused('ent6', trunk.update)


class TestPointToPoint(network_base.NetworkTestCase):
    """The pairs that Open vSwitch ports are made of."""

    def create(self, lpar, **kwargs):
        return pvm_cna.crt_p2p_cna(
            self.adapter, None, lpar.uuid, [self.mgmt.uuid], 'OVS',
            ovs_bridge='br-int', ovs_ext_ids='iface-id=1', **kwargs)

    def test_pairs_get_vlans_of_their_own(self):
        pairs = [self.create(self.make_lpar('vm%d' % number))
                 for number in range(3)]
        self.assertEqual([1, 2, 3], [client.pvid for client, _ in pairs])
        for client, trunks in pairs:
            self.assertEqual([client.pvid], [t.pvid for t in trunks])
            self.assertEqual([client.vswitch_id],
                             [t.vswitch_id for t in trunks])
            self.assertEqual(
                [t.uuid for t in trunks],
                [t.uuid for t in pvm_cna.find_trunks(self.adapter, client)])

    def test_vlan_is_free_again(self):
        client, (trunk,) = self.create(self.make_lpar())
        client.delete()
        trunk.delete()
        client, _trunks = self.create(self.make_lpar('vm2'))
        self.assertEqual(1, client.pvid)

    def test_orphaned_trunks(self):
        self.assertEqual([], pvm_cna.find_orphaned_trunks(self.adapter,
                                                          'OVS'))
        pairs = [self.create(self.make_lpar('vm%d' % number))
                 for number in range(2)]
        # The first switch that is not the default one has an ID other
        # than 0, which pypowervm would take for no ID.
        self.assertEqual([], pvm_cna.find_orphaned_trunks(self.adapter,
                                                          'OVS'))
        pairs[0][0].delete()
        orphans = pvm_cna.find_orphaned_trunks(self.adapter, 'OVS')
        self.assertEqual([pairs[0][1][0].uuid], [o.uuid for o in orphans])
        orphans[0].delete()
        self.assertEqual([], pvm_cna.find_orphaned_trunks(self.adapter,
                                                          'OVS'))

    def test_assign_free_vlan(self):
        client, _trunks = self.create(self.make_lpar())
        client.enabled = False
        client = client.update()
        client = pvm_cna.assign_free_vlan(
            self.adapter, None, self.switch_w('OVS'), client,
            ensure_enabled=True)
        self.assertEqual((2, True), (client.pvid, client.enabled))
