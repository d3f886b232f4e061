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

"""ML2 with our mechanism driver: the case of its tests, and requests."""

from neutron.tests.unit.plugins.ml2 import test_plugin
from neutron_lib.api.definitions import portbindings
from oslo_config import cfg

from nova_powervm.neutron import conf

PROD = 'physnet1'
TEST = 'physnet2'


class Ml2TestCase(test_plugin.Ml2PluginV2TestCase):
    """ML2 finds the driver by its entry point, as Neutron's server does.

    The hosts power1 and power2 have the network PROD, and power1 has TEST.
    """

    _mechanism_drivers = ['powervm']
    HOSTS = ['power[12]:' + PROD, 'power1:' + TEST]
    SRIOV = []

    def preSetUp(self):
        conf.register(cfg.CONF)
        cfg.CONF.set_override('host_physical_networks', self.HOSTS,
                              conf.GROUP)
        cfg.CONF.set_override('sriov_physical_networks', self.SRIOV,
                              conf.GROUP)

    def call(self, method, *path, **body):
        """Call the API with the role that Nova has there.

        :param path: the resource, and what follows it
        :returns: (status, dict)
        """
        return self._call(self._service_req, method, path, body)

    def call_as_admin(self, method, *path, **body):
        """The same with the role of an administrator."""
        return self._call(self._admin_req, method, path, body)

    def _call(self, request, method, path, body):
        names = ('resource', 'id', 'subresource', 'sub_id', 'action')
        answer = request(method, data=body or None,
                         **dict(zip(names, path))).get_response(self.api)
        return answer.status_int, (
            self.deserialize(self.fmt, answer) if answer.body else {})

    def create_network(self, kind='vlan', physical_network=PROD, **provider):
        """Create a network: dict."""
        values = {'network_type': kind, 'physical_network': physical_network,
                  **provider}
        return self.call_as_admin('POST', 'networks', network={
            'name': kind, 'project_id': self._project_id,
            **{'provider:' + name: value for name, value in values.items()
               if value is not None}})[1]['network']

    def create_port(self, network=None, host='power1', vnic_type='normal',
                    **attributes):
        """Create a port, and have it bound: dict."""
        network = network or self.create_network()
        status, answer = self.call('POST', 'ports', port={
            'network_id': network['id'], 'project_id': self._project_id,
            'device_owner': 'compute:nova', 'device_id': 'server',
            portbindings.VNIC_TYPE: vnic_type,
            portbindings.HOST_ID: host, **attributes})
        self.assertEqual(201, status, answer)
        return answer['port']

    def update_port(self, port, **attributes):
        """Change a port: dict, what it is then."""
        status, answer = self.call('PUT', 'ports', port['id'],
                                   port=attributes)
        self.assertEqual(200, status, answer)
        return answer['port']

    def show_port(self, port):
        """What a port is now: dict."""
        return self.call('GET', 'ports', port['id'])[1]['port']

    def assert_bound(self, port, vif_type, network, **details):
        """Check that our driver has bound a port to a VLAN."""
        details = {
            'port_filter': False, 'connectivity': 'l2',
            'physical_network': network['provider:physical_network'],
            'network_type': network['provider:network_type'],
            'powervm_agentless': True, 'bound_drivers': {'0': 'powervm'},
            'vlan': str(network['provider:segmentation_id']), **details}
        self.assertEqual(vif_type, port[portbindings.VIF_TYPE])
        self.assertEqual({name: value for name, value in details.items()
                          if value is not None},
                         port[portbindings.VIF_DETAILS])
        self.assertEqual('ACTIVE', port['status'])

    def assert_not_bound(self, port):
        """Check that no driver has bound a port."""
        self.assertEqual('binding_failed', port[portbindings.VIF_TYPE])
        self.assertEqual('DOWN', port['status'])
