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

from concurrent import futures
import types
from unittest import mock

from nova import exception as nova_exc
from nova.network import model
from nova.objects import instance_info_cache
from oslo_utils import timeutils
from pypowervm.wrappers import network as pvm_net

from nova_powervm.simulator.resources import network_adapters
from nova_powervm.tests.virt.powervm.vif import base
from nova_powervm.virt.powervm import event
from nova_powervm.virt.powervm import vif
from nova_powervm.virt.powervm.vif import ovs
from nova_powervm.virt.powervm.vif import plugger
from nova_powervm.virt.powervm.vif import starting
from nova_powervm.virt.powervm import vm

VSWITCH = 'NovaLinkVEABridge'


def make_vif(number=1, **attrs):
    network = model.Network(id='net', bridge='br-int', mtu=1450)
    return base.make_vif(number, type='ovs', details={}, network=network,
                         devname='tap%d' % number, **attrs)


class OvsTestCase(base.SimulatedHostTestCase):

    def setUp(self):
        super().setUp()
        self.instance = base.make_instance()
        self.lpar_w = self.create_lpar(self.instance)
        self.port = make_vif()

    def plug(self, port=None, **kwargs):
        return vif.plug(self.host, self.instance, port or self.port,
                        self.lpar_w, **kwargs)

    def unplug(self, **kwargs):
        return vif.unplug(self.host, self.instance, self.port, **kwargs)

    def warm_up(self):
        """Fill the caches of the Host, and begin to count requests."""
        self.host.get_vswitch(VSWITCH)
        self.host.mgmt_uuid
        self.requests()

    def trunks(self):
        """Trunks of the management partition in the simulator's model."""
        mgmt = self.simulated.store.get('LogicalPartition',
                                        self.host.mgmt_uuid)
        return [cna for cna in self.adapters(mgmt) if cna.trunk_priority]

    def trunk_texts(self):
        """What OVS is told of the only trunk."""
        trunk, = self.trunks()
        return (trunk.device_name, trunk.ovs_bridge, trunk.ovs_ids,
                trunk.mtu)

    def test_first_plug_makes_the_switch(self):
        self.plug()
        self.assertEqual(
            ['GET LogicalPartition', 'PUT VirtualSwitch', 'GET VirtualSwitch',
             'GET VirtualNetwork', 'PUT ClientNetworkAdapter',
             'PUT ClientNetworkAdapter'], self.requests())

    def test_late_event_of_the_switch(self):
        """The management partition, and the switch, are known all the same."""
        self.plug()
        self.requests()
        event.PowerVMNovaEventHandler(mock.Mock(), self.host).process([
            mock.Mock(etype='ADD_URI', data=self.host.get_vswitch(
                VSWITCH).href)])
        self.plug(make_vif(2))
        self.assertEqual(
            ['GET LogicalPartition', 'PUT ClientNetworkAdapter',
             'PUT ClientNetworkAdapter'], self.requests())

    def test_plug(self):
        cna = self.plug()
        self.warm_up()
        second = self.plug(make_vif(2))

        self.assertEqual(
            ['GET LogicalPartition', 'PUT ClientNetworkAdapter',
             'PUT ClientNetworkAdapter'], self.requests())
        self.assertEqual(self.host.get_vswitch(VSWITCH).switch_id,
                         cna.vswitch_id)
        self.assertNotEqual(cna.pvid, second.pvid)
        self.assertEqual({cna.pvid, second.pvid},
                         {trunk.pvid for trunk in self.trunks()})

    def test_no_agent_is_told(self):
        """That of Open vSwitch finds the device itself."""
        self.flags(send_vif_events=True, group='powervm')
        self.custom_events()
        self.plug()
        self.unplug()
        self.assertEqual([], self.custom_events())

    def test_trunk(self):
        self.plug()
        self.assertEqual(
            ('tap1', 'br-int',
             'iface-id=%s,iface-status=active,attached-mac=%s,vm-uuid=%s' %
             (self.port['id'], self.port['address'], self.instance.uuid),
             1450), self.trunk_texts())

    def test_names_without_devname(self):
        self.port['devname'] = None
        self.port['ovs_interfaceid'] = 'other'
        self.plug()
        name, _bridge, ext_ids, _mtu = self.trunk_texts()
        self.assertEqual('nicc0ffee00-00', name)
        self.assertIn('iface-id=other,', ext_ids)

    def test_no_trunk_is_left_behind(self):
        self.simulated.faults.add(
            {'method': 'PUT', 'path': 'ClientNetworkAdapter', 'nth': 2,
             'effect': 'status', 'status': 500, 'message': 'no more slots'})
        exc = self.assertRaises(
            nova_exc.VirtualInterfacePlugException, self.plug)
        self.assertIn('no more slots', str(exc))
        self.assertEqual([], self.trunks())

    def test_trunk_that_cannot_be_removed_either(self):
        for method, nth in (('PUT', 2), ('DELETE', 1)):
            self.simulated.faults.add(
                {'method': method, 'path': 'ClientNetworkAdapter',
                 'nth': nth, 'effect': 'status', 'status': 500,
                 'message': method})
        exc = self.assertRaises(
            nova_exc.VirtualInterfacePlugException, self.plug)
        # What is told is why it could not be plugged.
        self.assertIn('PUT', str(exc))
        # Nova deletes the server then.
        self.unplug(adapters=[], lpar_going=True)
        self.assertEqual([], self.trunks())

    def test_no_vlan_is_left(self):
        cna = self.plug()
        href = self.host.get_vswitch(VSWITCH).related_href
        nets = [mock.Mock(vlan=vlan, associated_switch_uri=href)
                for vlan in range(1, 4094)]
        self.host.private_vlans.forget()
        with mock.patch.object(pvm_net.VNet, 'get', return_value=nets):
            exc = self.assertRaises(
                nova_exc.VirtualInterfacePlugException, self.plug,
                make_vif(2))
        self.assertIn(VSWITCH, str(exc))
        self.assertEqual([cna.pvid], [trunk.pvid for trunk in self.trunks()])

    def test_vlan_that_was_given_back(self):
        cna = self.plug()
        self.unplug()
        self.assertEqual(cna.pvid, self.plug(make_vif(2)).pvid)

    def test_vlan_of_an_lpar_that_goes(self):
        """Its adapter is there until the LPAR is gone."""
        cna = self.plug()
        self.unplug(adapters=[cna], lpar_going=True)
        self.assertNotEqual(cna.pvid, self.plug(make_vif(2)).pvid)
        vm.delete_lpar(self.host, self.instance)
        other = base.make_instance(2)
        self.lpar_w = self.create_lpar(other)
        self.assertEqual(cna.pvid, self.plug(make_vif(3)).pvid)

    def test_vlans_are_read_again_when_all_seem_to_be_in_use(self):
        self.plug()
        self.host.private_vlans._used[VSWITCH] = set(range(1, 4094))
        self.assertEqual(2, self.plug(make_vif(2)).pvid)

    def test_somebody_has_taken_the_vlan(self):
        self.plug()
        mgmt = self.simulated.store.get('LogicalPartition',
                                        self.host.mgmt_uuid)
        with self.site.lock:
            network_adapters.add_adapter(mgmt, self.trunks()[0].switch, 2,
                                         trunk_priority=1)
        self.assertEqual(3, self.plug(make_vif(2)).pvid)

    def other_server(self, number=2):
        """Plug a port of another server: its adapter."""
        other = base.make_instance(number)
        return vif.plug(self.host, other, make_vif(number),
                        self.create_lpar(other))

    def alone(self, cna):
        """Whether nobody but the two adapters of a port is in its VLAN."""
        switch = self.simulated.store.find('VirtualSwitch',
                                           self.host.get_vswitch(VSWITCH).uuid)
        return len(switch.networks[cna.pvid].adapters) == 2

    def test_lost_answer_to_the_client_adapter(self):
        """It may be there, in its VLAN."""
        self.other_server(4)
        self.simulated.faults.add(
            {'method': 'PUT', 'path': 'ClientNetworkAdapter', 'nth': 2,
             'effect': 'drop_after'})
        self.assertRaises(nova_exc.VirtualInterfacePlugException, self.plug)
        self.assertTrue(self.alone(self.other_server(2)))

    def test_deletion_that_fails_twice(self):
        """Neither server gives a VLAN away that is the other's by then."""
        third = base.make_instance(3)
        third_w = self.create_lpar(third)
        self.plug()
        self.unplug(lpar_going=True)
        self.unplug()
        second = self.other_server(2)
        vif.unplug(self.host, base.make_instance(2), make_vif(2),
                   lpar_going=True)
        vm.delete_lpar(self.host, self.instance)
        cna = vif.plug(self.host, third, make_vif(3), third_w)
        self.assertNotEqual(second.pvid, cna.pvid)

    def test_what_is_remembered_is_old(self):
        """One VLAN is taken, and a lower one is free by now."""
        first = self.plug()
        self.other_server(2)
        trunk, = [found for found in self.trunks()
                  if found.pvid == first.pvid]
        mgmt = trunk.parent
        with self.site.lock:
            network_adapters.add_adapter(mgmt, trunk.switch, 3,
                                         trunk_priority=1)
            self.simulated.remove(trunk)
            for cna in self.adapters(self.lpar(self.instance)):
                self.simulated.remove(cna)
        self.assertEqual(first.pvid, self.other_server(3).pvid)

    def port_on_another_switch(self):
        """The port was on an SEA, and a trunk of others is in its VLAN."""
        mgmt = self.simulated.store.get('LogicalPartition',
                                        self.host.mgmt_uuid)
        switch = self.simulated.store.find(
            'VirtualSwitch', self.host.get_vswitch('ETHERNET0').uuid)
        with self.site.lock:
            network_adapters.add_adapter(mgmt, switch, 77, trunk_priority=2)
            network_adapters.add_adapter(self.lpar(self.instance), switch, 77,
                                         mac='FA163E000001')

    def test_trunks_on_other_switches_stay(self):
        self.port_on_another_switch()
        self.unplug()
        self.assertEqual([77], [trunk.pvid for trunk in self.trunks()])
        self.assertEqual([], self.adapters(self.lpar(self.instance)))

    def test_port_that_was_on_an_sea(self):
        self.port_on_another_switch()
        plugger.VifPlugger(None, self.host, self.instance,
                           [self.port]).plug(self.lpar_w)
        trunk, = self.trunks()
        self.assertIsNone(trunk.ovs_bridge)
        self.assertIn('has no connection', self.logger.output)

    def test_port_that_is_on_an_sea_by_now(self):
        """The SEA is on another virtual switch, in a VLAN of that number."""
        cna = self.plug()
        port = base.make_vif(details={'vlan': str(cna.pvid)})
        with mock.patch.object(self.host.bridges, 'ensure',
                               return_value=self.host.bridges.all()[0]):
            plugger.VifPlugger(None, self.host, self.instance, [port]).plug(
                self.lpar_w)
        self.assertIn('it is on virtual switch %s, and its network is on '
                      'ETHERNET0' % VSWITCH, self.logger.output)
        plugger.unplug_all(self.host, self.instance, [port])
        self.assertEqual(([], []), (
            self.trunks(), self.adapters(self.lpar(self.instance))))

    def test_two_ports_with_one_mac_address(self):
        """Neutron allows that on two networks."""
        first, second = base.make_vif(1), make_vif(2)
        second['address'] = first['address']
        self.instance.launched_at = None
        exc = self.assertRaises(
            nova_exc.VirtualInterfacePlugException, plugger.VifPlugger(
                None, self.host, self.instance, [first, second]).plug,
            self.lpar_w, new_lpar=True)
        self.assertIn('have the same MAC address', str(exc))
        self.instance.launched_at = timeutils.utcnow()
        vif.plug(self.host, self.instance, first, self.lpar_w)
        before = self.site.fingerprint()
        self.instance.info_cache = instance_info_cache.InstanceInfoCache(
            network_info=model.NetworkInfo([first]))
        attach = plugger.VifPlugger(None, self.host, self.instance, [second])
        self.assertRaises(nova_exc.VirtualInterfacePlugException, attach.plug,
                          self.lpar_w, are_new=True)
        attach.undo()
        self.assertEqual(before, self.site.fingerprint())

    def test_move_of_a_server_that_has_ports_with_one_mac_address(self):
        """An earlier version has made it."""
        first, second = base.make_vif(1), make_vif(2)
        second['address'] = first['address']
        self.instance.launched_at = timeutils.utcnow()
        plugger.VifPlugger(None, self.host, self.instance, [
            first, second]).plug(self.lpar_w, new_lpar=True)
        self.assertEqual(2, len(self.adapters(self.lpar(self.instance))))

    def test_trunk_in_another_vlan(self):
        cna = self.plug()
        with self.site.lock:
            self.trunks()[0].set_vlans(77, ())
        plugger.VifPlugger(None, self.host, self.instance,
                           [self.port]).plug(self.lpar_w)
        self.assertEqual([cna.pvid], [trunk.pvid for trunk in self.trunks()])

    def test_start_with_security_groups_in_a_linux_bridge(self):
        self.plug()
        self.port['details'] = {'ovs_hybrid_plug': True}
        starting.PortsAtStart(self.host).update(self.instance, [self.port])
        self.assertIn('firewall_driver = openvswitch', self.logger.output)

    def test_security_groups_in_a_linux_bridge(self):
        self.port['details'] = {'ovs_hybrid_plug': True}
        exc = self.assertRaises(nova_exc.VirtualInterfacePlugException,
                                self.plug)
        self.assertIn('firewall_driver = openvswitch', str(exc))
        self.assertEqual([], self.requests())

    def test_running_server_with_security_groups_in_a_linux_bridge(self):
        cna = self.plug()
        self.port['details'] = {'ovs_hybrid_plug': True}
        self.plug(new_vif=False, adapters=[cna])
        self.assertIn('firewall_driver = openvswitch', self.logger.output)

    def test_concurrent_plugs_get_a_vlan_each(self):
        self.plug()
        ports = [make_vif(number) for number in range(2, 6)]
        with futures.ThreadPoolExecutor(len(ports)) as executor:
            list(executor.map(self.plug, ports))
        self.assertEqual(5, len({trunk.pvid for trunk in self.trunks()}))

    def test_no_trunk_is_left_behind_when_the_answer_was_lost(self):
        self.simulated.faults.add(
            {'method': 'PUT', 'path': 'ClientNetworkAdapter',
             'effect': 'drop_after'})
        vif_plugger = plugger.VifPlugger(None, self.host, self.instance,
                                         [self.port])
        self.assertRaises(nova_exc.VirtualInterfacePlugException,
                          vif_plugger.plug, self.lpar_w, new_lpar=True)
        self.assertEqual(1, len(self.trunks()))
        vif_plugger.undo()
        self.assertEqual([], self.trunks())

    def test_replug_writes_the_trunk(self):
        cna = self.plug()
        self.warm_up()
        self.port['network']['bridge'] = 'br-new'
        self.port['network']['meta']['mtu'] = 9000

        self.plug(new_vif=False, adapters=[cna])

        self.assertEqual(
            ['GET ClientNetworkAdapter', 'POST ClientNetworkAdapter'],
            self.requests())
        _name, bridge, ext_ids, mtu = self.trunk_texts()
        self.assertEqual(('br-new', 9000), (bridge, mtu))
        self.assertIn(self.port['id'], ext_ids)

    def test_replug_survives_a_concurrent_change(self):
        cna = self.plug()
        self.simulated.faults.add(
            {'method': 'POST', 'path': 'ClientNetworkAdapter',
             'effect': 'precondition'})
        self.port['network']['bridge'] = 'br-new'
        self.plug(new_vif=False, adapters=[cna])
        self.assertEqual('br-new', self.trunk_texts()[1])

    def test_replug_recreates_a_lost_trunk(self):
        cna = self.plug()
        for trunk in self.trunks():
            self.simulated.remove(trunk)
        self.plug(new_vif=False, adapters=[cna])
        self.assertEqual([cna.pvid], [trunk.pvid for trunk in self.trunks()])

    def test_start_reads_the_trunks_of_all_servers_once(self):
        other = base.make_instance(2)
        lpar_w = self.create_lpar(other)
        self.plug()
        vif.plug(self.host, other, make_vif(2), lpar_w)
        self.port['network']['bridge'] = 'br-new'
        self.warm_up()
        ports = starting.PortsAtStart(self.host)

        self.assertEqual([], ports.update(self.instance, [self.port]))
        self.assertEqual([], ports.update(other, [make_vif(2)]))

        self.assertEqual(
            ['GET ClientNetworkAdapter'] + ['POST ClientNetworkAdapter'] * 2,
            self.requests())
        self.assertEqual({'br-new', 'br-int'},
                         {trunk.ovs_bridge for trunk in self.trunks()})

    def test_start_with_many_ports(self):
        """Each adapter is looked at once, not once for each port."""
        self.plug()
        [trunk] = [cna for cna in self.host.mgmt_network_adapters()
                   if cna.is_trunk]
        crowd = [mock.Mock(wraps=trunk, is_trunk=True, ovs_ext_ids=(
            'iface-id=%d' % number)) for number in range(300)]
        looks = []

        def read(*_args):
            looks.extend(crowd)
            return crowd

        with mock.patch.object(self.host, 'mgmt_network_adapters', read), \
                mock.patch.object(ovs, '_ext_ids', side_effect=lambda cna: [
                    looks.append(cna) or cna.ovs_ext_ids]):
            ports = starting.PortsAtStart(self.host)
            for number in range(300):
                port = make_vif(1)
                port['ovs_interfaceid'] = 'gone-%d' % number
                self.assertEqual([port], ports.update(self.instance, [port]))
        self.assertEqual(2 * 300, len(looks))

    def test_start_with_a_lost_trunk(self):
        self.plug()
        for trunk in self.trunks():
            self.simulated.remove(trunk)
        self.assertEqual([self.port], starting.PortsAtStart(self.host).update(
            self.instance, [self.port]))

    def test_start_while_the_platform_is_busy(self):
        self.plug()
        self.simulated.faults.add(
            {'method': 'POST', 'path': 'ClientNetworkAdapter',
             'effect': 'status', 'status': 500})
        self.assertEqual([self.port], starting.PortsAtStart(self.host).update(
            self.instance, [self.port]))

    def test_start_with_other_ports(self):
        """The platform keeps those of an SEA; what nobody knows is told."""
        unknown = base.make_vif(2, type='binding_failed')
        self.requests()
        self.assertEqual([unknown], starting.PortsAtStart(self.host).update(
            self.instance, [base.make_vif(), unknown]))
        self.assertEqual([], self.requests())

    def test_unplug(self):
        self.plug()
        other = self.plug(make_vif(2))
        self.warm_up()

        self.unplug()

        self.assertEqual(
            ['GET ClientNetworkAdapter', 'GET ClientNetworkAdapter',
             'DELETE ClientNetworkAdapter', 'DELETE ClientNetworkAdapter'],
            self.requests())
        self.assertEqual([other.pvid], [t.pvid for t in self.trunks()])
        self.assertEqual([other.mac], [
            cna.mac for cna in self.adapters(self.lpar(self.instance))])

    def test_unplug_after_a_binding_that_failed(self):
        self.plug()
        port = make_vif()
        port['type'] = 'binding_failed'
        plugger.unplug_all(self.host, self.instance, [port])
        self.assertEqual([], self.trunks())
        self.assertEqual([], self.adapters(self.lpar(self.instance)))

    def test_unplug_before_the_lpar_is_deleted(self):
        cna = self.plug()
        self.warm_up()
        self.unplug(adapters=[cna], lpar_going=True)
        self.assertEqual(
            ['GET ClientNetworkAdapter', 'DELETE ClientNetworkAdapter'],
            self.requests())
        self.assertEqual([], self.trunks())

    def test_unplug_finds_the_trunk_without_the_adapter(self):
        self.plug()
        self.unplug(adapters=[], lpar_going=True)
        self.assertEqual([], self.trunks())

    def test_destroy_without_knowing_the_ports(self):
        self.plug()
        self.warm_up()
        plugger.unplug_all(self.host, self.instance, [], lpar_going=True)
        self.assertEqual(['GET ClientNetworkAdapter',
                          'DELETE ClientNetworkAdapter'], self.requests())
        self.assertEqual([], self.trunks())

    def test_trunks_of_others_stay(self):
        self.plug()
        plugger.unplug_all(self.host, base.make_instance(2), [],
                           lpar_going=True)
        self.assertEqual(1, len(self.trunks()))

    def test_port_that_another_server_has_by_now(self):
        """Nova lists it with both, as Neutron has not told of the change."""
        self.plug()
        first = base.make_instance(2)
        first_w = self.create_lpar(first)
        attach = plugger.VifPlugger(None, self.host, first, [self.port])
        exc = self.assertRaises(nova_exc.VirtualInterfacePlugException,
                                attach.plug, first_w)
        self.assertIn('is in use', str(exc))
        before = self.trunk_texts()
        for act in (
                attach.undo,
                lambda: starting.PortsAtStart(self.host).update(
                    first, [self.port]),
                lambda: plugger.unplug_all(self.host, first, [self.port]),
                lambda: vif.unplug_without_lpar(self.host, first, self.port),
                lambda: plugger.unplug_all(self.host, first, [self.port],
                                           lpar_going=True)):
            act()
            self.assertEqual(before, self.trunk_texts())

    def test_vlan_that_another_server_is_in(self):
        """Somebody has moved its trunk there."""
        cna = self.plug()
        other = self.other_server(2)
        with self.site.lock:
            for trunk in self.trunks():
                self.simulated.remove(trunk) if trunk.pvid == cna.pvid else (
                    trunk.set_vlans(cna.pvid, ()))
        self.assertNotEqual(other.pvid, cna.pvid)
        self.unplug()
        self.assertEqual(1, len(self.trunks()))

    def test_destroy_with_a_port_that_nova_has_forgotten(self):
        """It does so if the removal of one fails."""
        for known in (make_vif(2), base.make_vif(2), None):
            self.plug()
            if known:
                vif.plug(self.host, self.instance, known, self.lpar_w)
            plugger.unplug_all(self.host, self.instance,
                               [known] if known else [], lpar_going=True)
            self.assertEqual([], self.trunks())
            vm.delete_lpar(self.host, self.instance)
            self.lpar_w = self.create_lpar(self.instance)

    def test_destroy_where_no_port_is_of_this_kind(self):
        self.host.get_vswitch(VSWITCH)
        self.requests()
        plugger.unplug_all(self.host, self.instance, [], lpar_going=True)
        self.assertEqual([], self.requests())

    def test_stale(self):
        gone = base.make_instance(2)
        lpar_w = self.create_lpar(gone)
        self.plug()
        vif.plug(self.host, gone, make_vif(2), lpar_w)
        self.assertEqual(2, len(self.trunks()))
        self.simulated.remove(self.lpar(gone))
        self.warm_up()

        self.remove_stale_ports(gone, deleted=True)

        self.assertEqual(
            ['GET ClientNetworkAdapter', 'GET LogicalPartition',
             'DELETE ClientNetworkAdapter'], self.requests())
        self.assertIn('vm-uuid=' + self.instance.uuid, self.trunk_texts()[2])

    def remove_stale_ports(self, instance, **attrs):
        """Have what is left removed; what Nova has of a server is attrs."""
        found = types.SimpleNamespace(**{
            'deleted': False, 'host': self.host.nodename, 'task_state': None,
            **attrs})
        with mock.patch.object(
                vif.objects.InstanceList, 'get_by_filters',
                side_effect=lambda context, filters, **kwargs: (
                    [found] if filters['uuid'] == instance.uuid else [])):
            vif.remove_stale_ports(self.host)

    def test_stale_ports_of_servers_that_may_return(self):
        """That the platform lists no LPAR is no proof."""
        self.plug()
        self.simulated.remove(self.lpar(self.instance))
        self.remove_stale_ports(self.instance)
        self.remove_stale_ports(self.instance, host='other', task_state='x')
        # Nova knows nothing of it.
        self.remove_stale_ports(base.make_instance(2), deleted=True)
        self.assertEqual(1, len(self.trunks()))
        self.remove_stale_ports(self.instance, host='other')
        self.assertEqual(0, len(self.trunks()))

    def test_stale_ports_not_known(self):
        self.plug()
        self.warm_up()
        self.simulated.faults.add(
            {'method': 'GET', 'path': 'ClientNetworkAdapter',
             'effect': 'status', 'status': 500})
        vif.remove_stale_ports(self.host)
        self.assertEqual(1, len(self.trunks()))
