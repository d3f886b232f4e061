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

"""Ports on Shared Ethernet Adapters: the VLAN is there before the adapter."""

from concurrent import futures
from unittest import mock

from nova import exception as nova_exc

from nova_powervm.simulator.resources import network_adapters
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.virt.powervm.vif import base
from nova_powervm.virt.powervm import bridge_edits
from nova_powervm.virt.powervm import bridges
from nova_powervm.virt.powervm import event
from nova_powervm.virt.powervm import vif
from nova_powervm.virt.powervm.vif import details
from nova_powervm.virt.powervm.vif import plugger

EDIT = 'POST NetworkBridge'


def make_vif(vlan, number=1, **told):
    return base.make_vif(number, details=dict(
        {'vlan': str(vlan), details.AGENTLESS: True}, **told))


class SeaTestCase(base.SimulatedHostTestCase):
    """A host with one bridge, which carries VLAN 1 untagged, and 101."""

    def setUp(self):
        super().setUp()
        self.instance = base.make_instance()
        self.lpar_w = self.create_lpar(self.instance)

    def hear(self):
        """Have the Host hear what happened since the last call.

        The first call begins.
        """
        event.PowerVMNovaEventHandler(mock.Mock(), self.host).process([
            mock.Mock(etype=found.type, data=found.data, detail=found.detail)
            for found in self.simulated.events.poll('host', 0)])

    def set_tagged(self, *vlans):
        """Have an operator change the VLANs of the only additional trunk."""
        edited = self.bridge()
        with self.site.lock:
            for trunk in edited.seas[0].trunks[1:]:
                trunk.set_vlans(trunk.pvid, vlans)
            edited.touch()

    def plug(self, port, **kwargs):
        return vif.plug(self.host, self.instance, port, self.lpar_w, **kwargs)

    def refused(self, port):
        """Have a port be refused: the text. Nothing is left of it."""
        before = self.site.fingerprint()
        exc = self.assertRaises(nova_exc.VirtualInterfacePlugException,
                                self.plug, port)
        self.assertEqual(before, self.site.fingerprint())
        return str(exc)

    def bridge(self, number=0):
        """A bridge in the simulator's model."""
        return self.simulated.store.all('NetworkBridge')[number]

    def tagged(self, number=0):
        """The VLANs that a bridge carries tagged: set."""
        return {vlan for trunk in self.bridge(number).seas[0].trunks
                for vlan in trunk.tagged}


class VlanTest(SeaTestCase):

    def test_new_vlan(self):
        """The bridge carries it before there is an adapter."""
        cna = self.plug(make_vif(202))
        requests = self.requests()
        self.assertEqual(202, cna.pvid)
        self.assertEqual({101, 202}, self.tagged())
        self.assertEqual(
            ['GET NetworkBridge', 'GET NetworkBridge', 'GET VirtualIOServer',
             'GET VirtualSwitch', EDIT, 'PUT ClientNetworkAdapter'], requests)

    def _operator_takes_the_port_vlan_away(self):
        """The driver hears of it, and adds the VLAN again."""
        self.set_tagged(202)
        self.hear()
        self.plug(make_vif(101, number=3))
        self.assertIn(101, self.tagged())

    def test_operator_after_an_edit_that_was_refused(self):
        self.hear()
        self.simulated.faults.add(
            {'method': 'POST', 'path': 'NetworkBridge', 'effect': 'status',
             'status': 500})
        self.assertRaises(nova_exc.VirtualInterfacePlugException, self.plug,
                          make_vif(303))
        self._operator_takes_the_port_vlan_away()

    def test_operator_after_an_edit_that_was_not_sent(self):
        """Somebody else has added the VLAN a moment before."""
        self.hear()
        self.simulated.faults.add(
            {'method': 'GET', 'path': 'NetworkBridge', 'nth': 2,
             'effect': 'action'},
            action=lambda *args: self.set_tagged(101, 303))
        self.plug(make_vif(303))
        self.assertNotIn(EDIT, self.requests())
        self.hear()
        self._operator_takes_the_port_vlan_away()

    def test_event_of_a_vios_without_detail(self):
        self.plug(make_vif(101))
        self.set_tagged(202)
        self.host.vios_changed(self.bridge().seas[0].vios.uuid)
        self.plug(make_vif(101, number=2))
        self.assertIn(101, self.tagged())

    def test_operator_at_the_same_time_as_an_edit(self):
        """The event is taken for that of the edit, but not for long."""
        self.hear()
        self.plug(make_vif(202))
        self.set_tagged(202)
        self.hear()
        now = self.host.bridges._clock() + bridges.AGE_AFTER_ECHO
        with mock.patch.object(self.host.bridges, '_clock', lambda: now):
            self.plug(make_vif(101, number=2))
        self.assertIn(101, self.tagged())

    def test_impossible_vlans(self):
        self.requests()
        for vlan in (0, -5, 4095, 99999):
            self.refused(make_vif(vlan))
        self.assertEqual([], self.requests())

    def test_known_vlan(self):
        self.plug(make_vif(202))
        self.requests()
        self.plug(make_vif(202, number=2))
        self.assertEqual(['PUT ClientNetworkAdapter'], self.requests())

    def test_events_of_the_own_edit(self):
        self.hear()
        self.plug(make_vif(202))
        self.hear()
        self.requests()
        self.plug(make_vif(202, number=2))
        self.assertEqual(['PUT ClientNetworkAdapter'], self.requests())

    def test_an_operator_removes_the_vlan(self):
        self.hear()
        self.plug(make_vif(202))
        self.hear()
        self.set_tagged(101)
        self.hear()
        self.plug(make_vif(202, number=2))
        self.assertIn(202, self.tagged())

    def test_power_on_brings_a_lost_vlan_back(self):
        cna = self.plug(make_vif(202))
        self.set_tagged(101)
        self.host.bridges.forget()
        self.plug(make_vif(202), new_vif=False, adapters=[cna])
        self.assertIn(202, self.tagged())

    def test_power_on_with_another_vlan(self):
        """Neutron has given the port another one; the adapter stays."""
        cna = self.plug(make_vif(202))
        self.plug(make_vif(202), new_vif=False, adapters=[cna])
        self.assertNotIn('not what the port needs', self.logger.output)
        self.plug(make_vif(203), new_vif=False, adapters=[cna])
        self.assertIn('it is in VLAN 202, and its network is in VLAN 203',
                      self.logger.output)
        self.assertEqual([202], [found.pvid for found in self.adapters(
            self.lpar(self.instance))])

    def test_power_on_goes_on_without_it(self):
        cna = self.plug(make_vif(202))
        self.simulated.faults.add(
            {'method': 'GET', 'path': 'NetworkBridge', 'effect': 'status',
             'status': 500, 'message': 'busy VIOS'})
        self.host.bridges.forget()
        self.assertIs(cna, self.plug(make_vif(202), new_vif=False,
                                     adapters=[cna]))
        self.assertIn('busy VIOS', self.logger.output)

    def test_refused_edit_leaves_no_adapter(self):
        self.simulated.faults.add(
            {'method': 'POST', 'path': 'NetworkBridge', 'effect': 'status',
             'status': 500, 'message': 'SEA is being changed'})
        self.assertIn('SEA is being changed', self.refused(make_vif(202)))

    def test_what_is_known_gets_old(self):
        self.plug(make_vif(202))
        now = self.host.bridges._clock() + bridges.MAX_AGE
        self.requests()
        with mock.patch.object(self.host.bridges, '_clock', lambda: now):
            self.plug(make_vif(202, number=2))
        self.assertEqual(['GET NetworkBridge', 'PUT ClientNetworkAdapter'],
                         self.requests())

    def test_parallel_plugs_share_edits(self):
        ports = [make_vif(200 + number, number) for number in range(10)]
        # On a busy machine, too, all wait while the first edit is made.
        self.simulated.faults.add(
            {'method': 'POST', 'path': 'NetworkBridge', 'effect': 'delay',
             'seconds': 0.5, 'count': 0})
        with futures.ThreadPoolExecutor(len(ports)) as executor:
            cnas = list(executor.map(self.plug, ports))
        self.assertEqual(list(range(200, 210)), [cna.pvid for cna in cnas])
        self.assertEqual({101, *range(200, 210)}, self.tagged())
        self.assertLessEqual(self.requests().count(EDIT), 3)

    def test_parallel_plugs_of_which_one_is_refused(self):
        ports = [make_vif(vlan, number) for number, vlan in enumerate(
            (201, 1, 203, 204))]

        def plug(port):
            try:
                return self.plug(port).pvid
            except nova_exc.VirtualInterfacePlugException:
                return None

        with futures.ThreadPoolExecutor(len(ports)) as executor:
            self.assertEqual([201, None, 203, 204],
                             list(executor.map(plug, ports)))


class ModesTest(SeaTestCase):

    def test_flat_network(self):
        port = base.make_vif(details={'network_type': 'flat'})
        self.assertEqual(1, self.plug(port).pvid)
        self.assertNotIn(EDIT, self.requests())

    def test_vlan_network_with_the_untagged_vlan(self):
        self.assertIn('untagged_vlan_networks', self.refused(make_vif(1)))

    def test_vlan_network_that_may_be_untagged(self):
        self.flags(untagged_vlan_networks=True, group='powervm')
        self.assertEqual(1, self.plug(make_vif(1)).pvid)

    def test_vlans_are_not_managed(self):
        self.flags(manage_sea_vlans=False, group='powervm')
        self.plug(make_vif(101))
        self.assertIn('manage_sea_vlans is off', self.refused(make_vif(202)))
        self.assertNotIn(EDIT, self.requests())

    def test_an_operator_adds_the_vlan(self):
        self.flags(manage_sea_vlans=False, group='powervm')
        self.refused(make_vif(202))
        self.set_tagged(101, 202)
        self.assertEqual(202, self.plug(make_vif(202)).pvid)

    def test_hosts_with_agents(self):
        """The agent adds the VLAN when it hears of the adapter."""
        self.flags(send_vif_events=True, group='powervm')
        self.plug(base.make_vif(details={'vlan': '202'}))
        self.assertEqual({101}, self.tagged())
        self.assertEqual(['PUT ClientNetworkAdapter', 'PUT Event'],
                         self.requests())

    def test_target_of_a_live_migration(self):
        """It carries the VLAN before the platform looks at it."""
        port = make_vif(202)
        self.assertIsNone(vif.prepare_on_target(
            self.host, self.instance, port, port, 'ETHERNET0'))
        self.assertIn(202, self.tagged())
        self.assertEqual([], self.adapters(self.lpar(self.instance)))
        exc = self.assertRaises(
            nova_exc.VirtualInterfacePlugException, vif.prepare_on_target,
            self.host, self.instance, make_vif(203), port, 'ETHERNET9')
        self.assertIn('ETHERNET9', str(exc))
        self.assertNotIn(203, self.tagged())

    def test_another_vlan_on_the_target(self):
        """The adapter that comes gets it."""
        self.assertEqual(203, vif.prepare_on_target(
            self.host, self.instance, make_vif(203), make_vif(202),
            'ETHERNET0'))
        self.assertIn(203, self.tagged())

    def test_orphan(self):
        """A trunk adapter of no bridge has the VLAN."""
        vios = self.bridge().seas[0].vios
        with self.site.lock:
            network_adapters.add_adapter(
                vios, self.bridge().switch, 303, tagged=(304,),
                trunk_priority=2)
        for vlan in (303, 304):
            self.assertIn(vios.name, self.refused(make_vif(vlan)))


class TwoBridgesTest(SeaTestCase):
    """vios1 has a bridge to prod and one to test, on one switch."""

    VLANS = ()

    def setUp(self):
        profile = powervm_fixtures.load_profile('default')
        first, = profile['hosts'][0]['bridges']
        profile['hosts'][0]['bridges'].append(dict(
            first, pvid=2, vlans=[505], device='ent6',
            backing_device='ent1'))
        self.PROFILE = profile
        super().setUp()

    def test_no_mapping(self):
        text = self.refused(make_vif(202))
        for name in ('bridge_mappings', 'ent5 of vios1', 'ent6 of vios1'):
            self.assertIn(name, text)

    def map(self, *entries):
        self.flags(bridge_mappings=list(entries), group='powervm')

    def test_mapping(self):
        self.map('prod:ent5:vios1', 'test:ent6:vios1')
        self.plug(make_vif(202, physical_network='test'))
        self.assertEqual({505, 202}, self.tagged(1))
        self.assertNotIn(202, self.tagged())

    def test_unmapped_network(self):
        self.map('prod:ent5:vios1')
        self.assertIn('other', self.refused(
            make_vif(202, physical_network='other')))
        self.refused(make_vif(202))

    def test_mapping_of_a_device_that_is_not_there(self):
        self.map('prod:ent5:vios2')
        self.refused(make_vif(202, physical_network='prod'))

    def test_start(self):
        self.map('prod:ent5:vios1', 'test:ent6:vios1')
        self.host.bridges.check_options()
        self.assertNotIn('bridge_mappings', self.logger.output)

    def test_start_without_mappings(self):
        self.host.bridges.check_options()
        self.assertEqual([], self.requests())

    def test_start_with_a_device_that_is_not_there(self):
        """It may come back."""
        self.map('prod:ent5:vios1', 'test:ent9:vios1')
        self.host.bridges.check_options()
        for text in ('has ent9 of vios1 for the physical network test',
                     'ent5 of vios1; ent6 of vios1'):
            self.assertIn(text, self.logger.output)
        self.assertNotIn('network prod', self.logger.output)

    def test_start_while_the_platform_is_busy(self):
        self.map('prod:ent5:vios1')
        self.host.bridges.forget()
        self.simulated.faults.add(
            {'method': 'GET', 'path': 'NetworkBridge', 'effect': 'status',
             'status': 500})
        self.host.bridges.check_options()
        self.assertIn('cannot be checked', self.logger.output)

    def test_peer_gets_a_vlan_that_another_server_waits_for(self):
        """Only the port of that server is refused."""
        self.map('prod:ent5:vios1', 'test:ent6:vios1')
        self.host.bridges.all()
        bridge = self.host.bridges.find('prod')
        # Another thread waits for its turn.
        self.host.bridges._wanted[bridge.uuid].add(303)
        self.requests()
        self.simulated.faults.add(
            {'method': 'GET', 'path': 'NetworkBridge', 'nth': 2,
             'effect': 'action'}, action=lambda *args: self.give_to_peer(303))
        self.plug(make_vif(202, physical_network='prod'))
        self.assertIn(202, self.tagged(0))
        self.assertNotIn(303, self.tagged(0))
        self.refused(make_vif(303, number=2, physical_network='prod'))
        self.assertIn(303, self.tagged(1))

    def give_to_peer(self, vlan):
        trunk = self.bridge(1).seas[0].trunks[1]
        with self.site.lock:
            trunk.set_vlans(trunk.pvid, (505, vlan))
            self.bridge(1).touch()

    def test_peer_gets_the_vlan_before_the_edit(self):
        self.map('prod:ent5:vios1', 'test:ent6:vios1')
        self.simulated.faults.add(
            {'method': 'GET', 'path': 'NetworkBridge', 'nth': 2,
             'effect': 'action'}, action=lambda *args: self.give_to_peer(202))
        self.assertRaises(nova_exc.VirtualInterfacePlugException, self.plug,
                          make_vif(202, physical_network='prod'))
        self.assertIn(202, self.tagged(1))

    def test_peer_gets_the_vlan_in_the_edit(self):
        """The edit meets another one: it starts over with its checks."""
        def meet(*args):
            self.give_to_peer(202)
            with self.site.lock:
                self.bridge().touch()

        self.map('prod:ent5:vios1', 'test:ent6:vios1')
        self.simulated.faults.add(
            {'method': 'POST', 'path': 'NetworkBridge', 'effect': 'action'},
            action=meet)
        self.assertRaises(nova_exc.VirtualInterfacePlugException, self.plug,
                          make_vif(202, physical_network='prod'))
        self.assertIn(202, self.tagged(1))

    def test_others_edit_all_the_time(self):
        self.map('prod:ent5:vios1', 'test:ent6:vios1')
        self.simulated.faults.add(
            {'method': 'POST', 'path': 'NetworkBridge',
             'effect': 'precondition', 'count': 0})
        with mock.patch('time.sleep'):
            self.assertRaises(
                nova_exc.VirtualInterfacePlugException, self.plug,
                make_vif(202, physical_network='prod'))
        self.assertEqual(bridge_edits.TRIES, self.requests().count(EDIT))

    def test_vlan_of_a_peer(self):
        """It is never moved: others use it there."""
        self.map('prod:ent5:vios1', 'test:ent6:vios1')
        for vlan in (505, 2):
            self.assertIn('ent6 of vios1', self.refused(
                make_vif(vlan, physical_network='prod')))


class FaultsTest(SeaTestCase):
    """Each request of a plug into a new VLAN fails once."""

    #: Requests of such a plug: the bridges twice, VIOSes, switch, edit,
    #: adapter.
    REQUESTS = 6

    def test_faults(self):
        vlans = iter(range(200, 300))
        for effect in ('status', 'drop_before', 'drop_after'):
            for number in range(1, self.REQUESTS + 1):
                with self.subTest(effect=effect, number=number):
                    self._break(next(vlans), effect, number)

    def _break(self, vlan, effect, number):
        fault = self.simulated.faults.add({
            'effect': effect, 'nth': number, 'method': 'GET|POST|PUT',
            'path': 'Network|VirtualIOServer$|VirtualSwitch$',
            **({'status': 500} if effect == 'status' else {})})
        plug = plugger.VifPlugger(None, self.host, self.instance,
                                  [make_vif(vlan)])
        self.assertRaises(nova_exc.VirtualInterfacePlugException, plug.plug,
                          self.lpar_w, new_lpar=True)
        self.simulated.faults.clear(fault.id)
        plug.undo()
        self.assertEqual([], self.adapters(self.lpar(self.instance)))
        plug.plug(self.lpar_w, new_lpar=True)
        cna, = self.adapters(self.lpar(self.instance))
        self.assertEqual(vlan, cna.pvid)
        self.assertIn(vlan, self.tagged())
        plug.undo()
