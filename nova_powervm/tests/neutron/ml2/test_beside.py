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

"""Our mechanism driver beside others, and beside trunks."""

from unittest import mock

from neutron.plugins.ml2.drivers.ovn.agent import neutron_agent
from neutron.tests.common import helpers
from neutron.tests.unit.plugins.ml2.drivers.ovn.mech_driver import (
    test_mech_driver as ovn)
from neutron_lib.api.definitions import portbindings

from nova_powervm.tests.neutron.ml2 import base


class OpenVSwitchFirstTest(base.Ml2TestCase):
    """``mechanism_drivers = openvswitch,powervm``."""

    _mechanism_drivers = ['openvswitch', 'powervm']

    def start_agent(self, host, *networks, alive=True):
        """Have the Open vSwitch agent of a host report itself."""
        helpers.register_ovs_agent(
            host=host, bridge_mappings={
                network: 'br-' + network for network in networks})
        if not alive:
            helpers.kill_agent(self.plugin.get_agents(
                self.context, filters={'host': [host]})[0]['id'])

    def assert_ovs(self, port):
        self.assertEqual('ovs', port[portbindings.VIF_TYPE])
        self.assertNotIn('powervm_agentless', port[portbindings.VIF_DETAILS])
        # The agent tells when it has plugged the port.
        self.assertEqual('DOWN', port['status'])

    def test_host_without_an_agent(self):
        self.start_agent('kvm1', base.PROD)
        network = self.create_network()
        self.assert_bound(self.create_port(network), 'pvm_sea', network)
        self.assert_ovs(self.create_port(network, host='kvm1'))

    def test_agent_has_the_network(self):
        """The driver that comes first binds the port."""
        self.start_agent('power1', base.PROD)
        self.assert_ovs(self.create_port())

    def test_agent_has_another_network(self):
        self.start_agent('power1', 'physnet3')
        network = self.create_network()
        self.assert_bound(self.create_port(network), 'pvm_sea', network)
        self.assert_ovs(self.create_port(
            self.create_network(physical_network='physnet3')))
        self.assert_ovs(self.create_port(
            self.create_network('vxlan', None, segmentation_id=7)))

    def test_agent_is_dead(self):
        """Then a port must not go to a network that both have."""
        self.start_agent('power1', base.PROD, alive=False)
        network = self.create_network()
        self.assert_bound(self.create_port(network), 'pvm_sea', network)

    def test_move_between_kinds_of_hosts(self):
        self.start_agent('kvm1', base.PROD)
        network = self.create_network()
        port = self.create_port(network, host='kvm1')
        self.assert_ovs(port)
        self.assert_bound(
            self.update_port(port, **{portbindings.HOST_ID: 'power1'}),
            'pvm_sea', network)
        self.assert_ovs(self.update_port(
            port, **{portbindings.HOST_ID: 'kvm1'}))

    def test_dhcp_agents(self):
        """They run where Open vSwitch has the network."""
        self.start_agent('network1', base.PROD)
        self.start_agent('power1', 'physnet3')
        network = self.create_network()
        self.assertEqual(
            {'network1'}, self.plugin.filter_hosts_with_network_access(
                self.context, network['id'],
                ['power1', 'power2', 'network1', 'network2']))


class PowerVMFirstTest(OpenVSwitchFirstTest):
    """``mechanism_drivers = powervm,openvswitch``."""

    _mechanism_drivers = ['powervm', 'openvswitch']

    def test_agent_has_the_network(self):
        self.start_agent('power1', base.PROD)
        network = self.create_network()
        self.assert_bound(self.create_port(network), 'pvm_sea', network)


class OvnTest(ovn.OVNMechanismDriverTestCase, base.Ml2TestCase):
    """``mechanism_drivers = ovn,powervm``; OVN's databases are fakes."""

    _mechanism_drivers = ['ovn', 'powervm']

    def setUp(self):
        super().setUp()
        chassis = self._add_agent('kvm', hostname='kvm1')
        # A mock: OVN's test case has made it one.
        neutron_agent.AgentCache().get_agents.side_effect = (
            lambda filters: [chassis] if filters['host'] == 'kvm1' else [])
        self.mech_driver.sb_ovn._get_chassis_physnets = mock.Mock(
            return_value=[base.PROD])

    def test_each_host(self):
        network = self.create_network()
        self.assert_bound(self.create_port(network), 'pvm_sea', network)
        self.assert_bound(self.create_port(network, vnic_type='direct'),
                          'pvm_sriov', network)
        self.assertEqual('ovs', self.create_port(network, host='kvm1')[
            portbindings.VIF_TYPE])

    def test_live_migration(self):
        network = self.create_network()
        port = self.create_port(network)
        self.call('POST', 'ports', port['id'], 'bindings',
                  binding={'host': 'power2'})
        self.assertEqual(200, self.call(
            'PUT', 'ports', port['id'], 'bindings', 'power2', 'activate',
            port_id=port['id'])[0])
        self.assert_bound(self.show_port(port), 'pvm_sea', network)


class OvnOnTheHostTest(ovn.OVNMechanismDriverTestCase, base.Ml2TestCase):
    """``powervm,ovn``, and OVN runs on the PowerVM host: DevStack."""

    _mechanism_drivers = ['powervm', 'ovn']

    def setUp(self):
        super().setUp()
        chassis = self._add_agent('power', hostname='power1')
        neutron_agent.AgentCache().get_agents.side_effect = (
            lambda filters: [chassis] if filters['host'] == 'power1' else [])
        self.mech_driver.sb_ovn._get_chassis_physnets = mock.Mock(
            return_value=[base.PROD])
        self.mech_driver.sb_ovn.chassis_exists = mock.Mock(return_value=True)

    def create_bound(self):
        """Create a port as Nova does: it names the host later."""
        network = self.create_network()
        port = self.create_port(network, host='')
        return network, self.update_port(port, **{
            portbindings.HOST_ID: 'power1'})

    def test_networks(self):
        network, port = self.create_bound()
        self.assert_bound(port, 'pvm_sea', network)
        tunnel = self.create_port(self.create_network(
            'geneve', None, segmentation_id=7))
        self.assertEqual('ovs', tunnel[portbindings.VIF_TYPE])

    def test_ovn_reports_the_port_down(self):
        """As it does when Neutron's server starts: no OVN port is up."""
        network, port = self.create_bound()
        # It has no floating address.
        self.mech_driver.nb_ovn.db_find.return_value.execute.return_value = []
        self.mech_driver.set_port_status_down(port['id'])
        self.assert_bound(self.show_port(port), 'pvm_sea', network)


class SriovNicSwitchTest(base.Ml2TestCase):

    _mechanism_drivers = ['sriovnicswitch', 'powervm']

    def test_direct(self):
        helpers.register_sriovnicswitch_agent(
            host='kvm1', device_mappings={base.PROD: ['eth1']})
        network = self.create_network()
        self.assert_bound(self.create_port(network, vnic_type='direct'),
                          'pvm_sriov', network)
        port = self.create_port(network, host='kvm1', vnic_type='direct', **{
            portbindings.PROFILE: {'pci_slot': '0000:00:00.1',
                                   'pci_vendor_info': '8086:10ed'}})
        self.assertEqual('hw_veb', port[portbindings.VIF_TYPE])


class TrunkTest(base.Ml2TestCase):
    """Ports of trunks (VLAN-aware servers) are not ours."""

    _mechanism_drivers = ['openvswitch', 'powervm']

    def get_additional_service_plugins(self):
        return {'trunk': 'trunk'}

    def create_trunk(self, port, *subports):
        """Make a port the parent of a trunk: HTTP status."""
        return self.call_as_admin('POST', 'trunks', trunk={
            'port_id': port['id'], 'project_id': self._project_id,
            'sub_ports': [{'port_id': subport['id'], 'segmentation_id': 5,
                           'segmentation_type': 'vlan'}
                          for subport in subports]})[0]

    def test_parent_is_not_bound(self):
        network = self.create_network()
        port = self.create_port(network, host='')
        subport = self.create_port(network, host='', device_id='',
                                   device_owner='')
        self.assertEqual(201, self.create_trunk(port, subport))
        self.assert_not_bound(self.update_port(
            port, **{portbindings.HOST_ID: 'power1'}))
        # The service of trunks binds subports where the parent is.
        self.assert_not_bound(self.update_port(subport, **{
            portbindings.HOST_ID: 'power1', 'device_owner': 'trunk:subport'}))

    def test_bound_port_gets_no_trunk(self):
        self.assertEqual(409, self.create_trunk(self.create_port()))
