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

"""ML2 binds ports with our mechanism driver alone."""

import fixtures
from neutron.db import models_v2
from neutron.notifiers import nova
from neutron.services.segments import db
from neutron.services.segments import plugin as segments_plugin
from neutron_lib.api.definitions import portbindings
from neutron_lib.db import api
from neutron_lib.plugins import directory

from nova_powervm.neutron import mech_driver
from nova_powervm.tests.neutron.ml2 import base


class BindingTest(base.Ml2TestCase):

    def test_entry_point(self):
        (driver,) = self.plugin.mechanism_manager.ordered_mech_drivers
        self.assertEqual('powervm', driver.name)
        self.assertIsInstance(driver.obj, mech_driver.PowerVMMechanismDriver)

    def test_vlan(self):
        network = self.create_network()
        port = self.create_port(network)
        self.assert_bound(port, 'pvm_sea', network)
        self.assertEqual(port, self.show_port(port))

    def test_flat(self):
        network = self.create_network('flat')
        self.assert_bound(self.create_port(network), 'pvm_sea', network,
                          vlan=None)

    def test_direct(self):
        network = self.create_network()
        self.assert_bound(
            self.create_port(network, vnic_type='direct', **{
                portbindings.PROFILE: {
                    'vnic_required_vfs': '2', 'capacity': 0.02,
                    'pci_slot': '0001:00:00.1',
                    'physical_network': base.PROD}}),
            'pvm_sriov', network, vnic_required_vfs=2, capacity=0.02)

    def test_bad_wish(self):
        self.assert_not_bound(self.create_port(vnic_type='direct', **{
            portbindings.PROFILE: {'capacity': 2}}))

    def test_server_gets_a_port_that_is_there(self):
        """Nova sets the owner, the server and the host in one update."""
        network = self.create_network()
        port = self.create_port(network, host='', device_owner='',
                                device_id='')
        self.assertEqual(('unbound', 'DOWN'), (
            port[portbindings.VIF_TYPE], port['status']))
        nova = {portbindings.HOST_ID: 'power2', 'device_id': 'server',
                'device_owner': 'compute:az1'}
        self.assert_bound(self.update_port(port, **nova), 'pvm_sea', network)
        gone = self.update_port(port, **{
            portbindings.HOST_ID: '', 'device_id': '', 'device_owner': ''})
        self.assertEqual(('unbound', 'DOWN', {}), (
            gone[portbindings.VIF_TYPE], gone['status'],
            gone[portbindings.VIF_DETAILS]))
        self.assert_bound(self.update_port(port, **nova), 'pvm_sea', network)

    def test_unknown_host(self):
        self.assert_not_bound(self.create_port(host='power3'))

    def test_wrong_physical_network(self):
        network = self.create_network(physical_network=base.TEST)
        self.assert_bound(self.create_port(network), 'pvm_sea', network)
        self.assert_not_bound(self.create_port(network, host='power2'))

    def test_tunnel(self):
        for kind in ('vxlan', 'geneve', 'gre'):
            network = self.create_network(kind, None, segmentation_id=7)
            self.assert_not_bound(self.create_port(network))

    def test_port_of_a_dhcp_agent(self):
        self.assert_not_bound(self.create_port(device_owner='network:dhcp'))

    def test_other_vnic_types(self):
        for vnic_type in ('macvtap', 'vdpa', 'baremetal'):
            self.assert_not_bound(self.create_port(vnic_type=vnic_type))

    def test_port_without_address(self):
        network = self.create_network()
        self.assert_bound(self.create_port(network, fixed_ips=[]), 'pvm_sea',
                          network)

    def test_dhcp_agents(self):
        network = self.create_network()
        self.assertEqual(set(), self.plugin.filter_hosts_with_network_access(
            self.context, network['id'], ['power1', 'network1']))


class MoveTest(base.Ml2TestCase):
    """Ports of servers that move."""

    def setUp(self):
        super().setUp()
        self.network = self.create_network()
        self.port = self.create_port(self.network)

    def bindings(self):
        """{host: binding} of the port."""
        return {binding['host']: binding for binding in self.call(
            'GET', 'ports', self.port['id'], 'bindings')[1]['bindings']}

    def bind(self, host):
        """Add a binding, as Nova does at the start of a live migration."""
        status, answer = self.call('POST', 'ports', self.port['id'],
                                   'bindings', binding={'host': host})
        return status, answer.get('binding')

    def test_live_migration(self):
        status, binding = self.bind('power2')
        self.assertEqual((201, 'INACTIVE', 'pvm_sea'), (
            status, binding['status'], binding['vif_type']))
        details = binding['vif_details']
        self.assertEqual((str(self.network['provider:segmentation_id']), True),
                         (details['vlan'], details['powervm_agentless']))
        # The server still runs on the source.
        self.assertEqual(self.port, self.show_port(self.port))

        self.assertEqual(200, self.call(
            'PUT', 'ports', self.port['id'], 'bindings', 'power2',
            'activate', port_id=self.port['id'])[0])
        port = self.show_port(self.port)
        self.assertEqual('power2', port[portbindings.HOST_ID])
        self.assert_bound(port, 'pvm_sea', self.network)
        self.assertEqual('INACTIVE', self.bindings()['power1']['status'])

        self.assertEqual(204, self.call(
            'DELETE', 'ports', self.port['id'], 'bindings', 'power1')[0])
        self.assertEqual(['power2'], [*self.bindings()])
        self.assert_bound(self.show_port(self.port), 'pvm_sea', self.network)

    def test_live_migration_is_rolled_back(self):
        self.bind('power2')
        self.assertEqual(204, self.call(
            'DELETE', 'ports', self.port['id'], 'bindings', 'power2')[0])
        self.assertEqual(self.port, self.show_port(self.port))
        self.assertEqual(['power1'], [*self.bindings()])

    def test_live_migration_to_an_unknown_host(self):
        self.assertEqual(500, self.bind('power3')[0])
        self.assertEqual(self.port, self.show_port(self.port))

    def test_cold_migration_and_back(self):
        for host in ('power2', 'power1'):
            port = self.update_port(self.port,
                                    **{portbindings.HOST_ID: host})
            self.assertEqual(host, port[portbindings.HOST_ID])
            self.assert_bound(port, 'pvm_sea', self.network)

    def test_unknown_host_and_back(self):
        self.assert_not_bound(self.update_port(
            self.port, **{portbindings.HOST_ID: 'power3'}))
        self.assert_bound(
            self.update_port(self.port, **{portbindings.HOST_ID: 'power2'}),
            'pvm_sea', self.network)


class EventTest(base.Ml2TestCase):
    """What Neutron tells Nova of a port."""

    SERVER = '0a3d6d2e-8f2b-4f5c-9d1e-3b7c5a9e2f41'

    def setUp(self):
        super().setUp()
        self.events = []
        notifier = nova.Notifier()
        self.useFixture(fixtures.MockPatchObject(
            notifier.batch_notifier, 'queue_event', self._record))
        # What Neutron does with notify_nova_on_port_status_changes.
        for event in ('after_insert', 'after_update'):
            api.sqla_listen(models_v2.Port, event, notifier.send_port_status)
        api.sqla_listen(models_v2.Port.status, 'set',
                        notifier.record_port_status_changed)
        self.port = self.create_port(device_id=self.SERVER)

    def _record(self, event):
        if event and event['name'].startswith('network-vif-'):
            self.events.append(event['name'])

    def told(self):
        """The events since the last call: list of str."""
        told, self.events = self.events, []
        return told

    def test_bound(self):
        self.told()
        port = self.create_port(host='', device_id=self.SERVER)
        self.assertEqual([], self.told())
        self.update_port(port, **{portbindings.HOST_ID: 'power1'})
        self.assertEqual(['network-vif-plugged'], self.told())

    def test_bound_elsewhere(self):
        self.told()
        self.update_port(self.port, **{portbindings.HOST_ID: 'power2'})
        self.assertEqual(['network-vif-unplugged', 'network-vif-plugged'],
                         self.told())

    def test_live_migration(self):
        self.told()
        self.call('POST', 'ports', self.port['id'], 'bindings',
                  binding={'host': 'power2'})
        self.assertEqual([], self.told())
        self.call('PUT', 'ports', self.port['id'], 'bindings', 'power2',
                  'activate', port_id=self.port['id'])
        self.assertEqual(['network-vif-unplugged', 'network-vif-plugged'],
                         self.told())


class SriovNetworkTest(base.Ml2TestCase):
    """Ports of type normal that get an SR-IOV vNIC."""

    SRIOV = [base.TEST]

    def test_each_network(self):
        for name, vif_type in ((base.TEST, 'pvm_sriov'),
                               (base.PROD, 'pvm_sea')):
            network = self.create_network(physical_network=name)
            self.assert_bound(self.create_port(network), vif_type, network)


class SegmentTest(base.Ml2TestCase):
    """Networks with several segments, and subnets of them."""

    def get_additional_service_plugins(self):
        return {'segments': 'segments'}

    def preSetUp(self):
        super().preSetUp()
        # It would ask placement.
        self.useFixture(fixtures.MockPatchObject(
            segments_plugin, 'NovaSegmentNotifier'))

    def setUp(self):
        super().setUp()
        self.routed = self.call_as_admin('POST', 'networks', network={
            'name': 'routed', 'project_id': self._project_id, 'segments': [
                {'provider:network_type': 'vlan', 'provider:segmentation_id':
                 number, 'provider:physical_network': name}
                for number, name in ((7, base.PROD), (207, base.TEST))]}
            )[1]['network']

    def test_first(self):
        port = self.create_port(self.routed)
        self.assertEqual('7', port[portbindings.VIF_DETAILS]['vlan'])

    def test_claimed_device(self):
        port = self.create_port(self.routed, vnic_type='direct', **{
            portbindings.PROFILE: {'physical_network': base.TEST}})
        self.assertEqual('207', port[portbindings.VIF_DETAILS]['vlan'])

    def test_address(self):
        segments = directory.get_plugin('segments').get_segments(
            self.context, filters={'network_id': [self.routed['id']]})
        (test,) = [segment['id'] for segment in segments
                   if segment['physical_network'] == base.TEST]
        subnet = self.call_as_admin('POST', 'subnets', subnet={
            'network_id': self.routed['id'], 'segment_id': test,
            'cidr': '192.0.2.0/24', 'ip_version': 4,
            'project_id': self._project_id})[1]['subnet']
        # Neutron has to know that the host has the segment: a row that an
        # agent of another driver would make.
        db.update_segment_host_mapping(self.context, 'power1', {test})
        port = self.create_port(
            self.routed, fixed_ips=[{'subnet_id': subnet['id']}])
        self.assertEqual('207', port[portbindings.VIF_DETAILS]['vlan'])
