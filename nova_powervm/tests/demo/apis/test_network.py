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

"""Tests of the API of Neutron."""

from nova_powervm.demo.apis import network
from nova_powervm.demo.cloud import stand_ins
from nova_powervm.tests.demo.apis import base


class NetworkTest(base.ApiCase):

    def setUp(self):
        super().setUp()
        self.neutron = self.useFixture(stand_ins.Networks(self))
        self.service = network.Network(self.neutron)

    def list(self, kind, query=''):
        return self.get('/v2.0/%s%s' % (kind, query))[kind.replace('-', '_')]

    def create(self, kind, **fields):
        """Create something of a kind, such as port; returns it."""
        return self.request('POST', '/v2.0/%ss' % kind, {kind: fields},
                            201)[kind]

    def create_network(self):
        """Create a network with a subnet; returns its id."""
        network_id = self.create('network', name='new')['id']
        self.create('subnet', network_id=network_id, cidr='10.9.0.0/24')
        return network_id

    def test_versions(self):
        [version] = self.get('/')['versions']
        self.assertEqual('http://localhost/v2.0/', version['links'][0]['href'])

    def test_each_kind_is_a_list(self):
        for kind in self.service.KINDS:
            self.assertIsInstance(self.list(kind), list, kind)
        self.assert_refused(404, 'no routers here', 'GET', '/v2.0/routers')

    def test_show(self):
        for kind in ('networks', 'subnets'):
            [first] = self.list(kind)
            self.assertEqual(first, self.get('/v2.0/%s/%s' % (
                kind, first['id']))[self.service.KINDS[kind]])
        [first, *_others] = self.list('extensions')
        self.get('/v2.0/extensions/' + first['alias'])
        self.assert_refused(404, 'no security_group 1', 'GET',
                            '/v2.0/security-groups/1')

    def test_port(self):
        port = self.create('port', network_id=self.create_network())
        [address] = port['fixed_ips']
        self.assertEqual('10.9.0.101', address['ip_address'])
        self.assertEqual([port], self.list('ports', '?id=' + port['id']))
        path = '/v2.0/ports/' + port['id']
        self.assertIsNone(self.request('DELETE', path, status=204))
        self.assertEqual([], self.list('ports'))
        self.assert_refused(404, 'There is no port', 'DELETE', path)

    def test_port_without_network(self):
        self.assert_refused(404, 'There is no network 1', 'POST',
                            '/v2.0/ports', {'port': {'network_id': '1'}})
        self.assertEqual([], self.list('ports'))

    def test_network(self):
        before = self.list('networks'), self.list('subnets')
        path = '/v2.0/networks/' + self.create_network()
        self.assertEqual(['new'], [found['name'] for found in self.list(
            'networks', '?name=new')])
        self.request('DELETE', path, status=204)
        self.assertEqual(before, (self.list('networks'),
                                  self.list('subnets')))

    def test_network_in_use(self):
        network_id = self.create_network()
        self.create('port', network_id=network_id)
        self.assert_refused(409, 'There are ports on', 'DELETE',
                            '/v2.0/networks/' + network_id)

    def test_kinds_that_stay(self):
        for method, path in (('POST', ''), ('DELETE', '/1')):
            self.assert_refused(405, 'cannot change agents', method,
                                '/v2.0/agents' + path, {'agent': {}})
