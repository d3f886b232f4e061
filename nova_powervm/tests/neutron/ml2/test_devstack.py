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

"""Neutron's server binds ports with what the DevStack plugin writes."""

import os

from neutron_lib.api.definitions import portbindings

from nova_powervm.tests import devstack
from nova_powervm.tests.neutron.ml2 import test_server
from nova_powervm.tests import tree


@tree.needs_source
class DevStackTest(devstack.PluginCase):

    def start(self, *phases, **variables):
        """Run the plugin, and start Neutron's server: (server, network)."""
        self.run_plugin(*phases, drivers='openvswitch',
                        ENABLED='n-cpu q-svc q-agt', **variables)
        with open(os.path.join(self.top, 'ml2_conf.ini')) as text:
            neutron = self.useFixture(test_server.NeutronServer(text.read()))
        self.assertTrue(neutron.started, neutron.read_log())
        # As "openstack network create" of the plugin does.
        return neutron, neutron.create('network', name='powervm', **{
            'provider:network_type': 'vlan',
            'provider:physical_network': 'powervm'})

    def test_simulated_server(self):
        neutron, network = self.start('stack install', 'stack post-config',
                                      POWERVM_SIMULATED='True')
        vlan = network['provider:segmentation_id']
        self.assertIn(vlan, range(100, 200))
        port = neutron.create(
            'port', network_id=network['id'], device_id='server',
            device_owner='compute:nova', **{portbindings.HOST_ID: 'power1'})
        self.assertEqual(('pvm_sea', 'ACTIVE'),
                         (port[portbindings.VIF_TYPE], port['status']))
        details = port[portbindings.VIF_DETAILS]
        self.assertEqual(('powervm', str(vlan)), (
            details['physical_network'], details['vlan']))
        # DHCP agents and other hosts are for DevStack's own driver.
        for host, owner in (('power1', 'network:dhcp'),
                            ('power2', 'compute:nova')):
            port = neutron.create(
                'port', network_id=network['id'], device_id='other',
                device_owner=owner, **{portbindings.HOST_ID: host})
            self.assertEqual('binding_failed', port[portbindings.VIF_TYPE])
