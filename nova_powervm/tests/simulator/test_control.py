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

"""The control API."""

import functools
import json

import jsonschema
from ruamel import yaml
import testtools

from nova_powervm.simulator import control
from nova_powervm.tests import fixtures


class ControlTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(fixtures.SimulatedSite(
            rmc_seconds=60)).site
        self.host = self.site.hosts[0]
        self.client = fixtures.Client(self.host)

    @functools.cached_property
    def document(self):
        return yaml.YAML(typ='safe', pure=True).load(control.openapi_text())

    def post(self, path, status=200, /, **data):
        reply = self.client.request('POST', '/simulator/' + path,
                                    json.dumps(data))
        self.assertEqual(status, reply.status, reply.body)
        return reply.json

    def act(self, action, status=200, /, **data):
        return self.post('control', status, action=action, **data)

    def check(self, data, schema):
        jsonschema.validate(data, {
            '$ref': '#/components/schemas/' + schema,
            'components': self.document['components']})


class TestReading(ControlTest):

    def test_index_and_document(self):
        paths = self.client.get('/simulator').json['paths']
        described = {path for path in self.document['paths']
                     if '{' not in path}
        self.assertEqual(described - {'/simulator'}, set(paths))
        reply = self.client.get('/simulator/openapi.yaml')
        self.assertEqual(control.openapi_text().encode(), reply.body)

    def test_schemas_are_valid(self):
        for schema in self.document['components']['schemas'].values():
            jsonschema.Draft202012Validator.check_schema(schema)

    def test_state(self):
        state = self.client.get('/simulator/state').json
        self.check(state, 'State')
        self.assertEqual(self.site.state(), state)
        names = [p['name'] for p in state['hosts'][0]['LogicalPartition']]
        self.assertEqual(['novalink'], names)

    def test_journal(self):
        client = self.useFixture(fixtures.Client(self.host))
        client.get('/rest/api/uom/ManagedSystem?group=None')
        requests = self.client.get('/simulator/journal').json['requests']
        for request in requests:
            self.check(request, 'Request')
        self.assertEqual(
            [('PUT', '/rest/api/web/Logon', None, 200),
             ('GET', '/rest/api/uom/ManagedSystem', 'None', 200)],
            [(r['method'], r['path'], r['groups'], r['status'])
             for r in requests])
        self.assertTrue(requests[0]['bytes_in'])
        self.assertTrue(requests[1]['bytes_out'])
        for limit in (0, 1, 9):
            reply = self.client.get('/simulator/journal?limit=%d' % limit)
            self.assertEqual(requests[max(0, 2 - limit):],
                             reply.json['requests'])
        self.assertEqual(400, self.client.get(
            '/simulator/journal?limit=x').status)
        self.assertEqual(204, self.client.request(
            'DELETE', '/simulator/journal').status)
        self.assertEqual([], self.client.get(
            '/simulator/journal').json['requests'])

    def test_what_there_is_not(self):
        for method, path, status in (
                ('GET', '/simulator/nope', 404),
                ('PUT', '/simulator/state', 405),
                ('GET', '/simulator/control', 405),
                ('DELETE', '/simulator/faults/9', 404)):
            reply = self.client.request(method, path)
            self.assertEqual(status, reply.status, path)
            self.check(reply.json, 'Error')
            self.assertEqual(status, reply.json['error']['status'])


class TestFaults(ControlTest):

    def test_life_of_a_fault(self):
        made = self.post('faults', 201, effect='status', status=418,
                         path='ManagedSystem', message='teapot')
        self.check(made, 'FaultState')
        client = self.useFixture(fixtures.Client(self.host))
        reply = client.get('/rest/api/uom/ManagedSystem')
        self.assertEqual((418, 'teapot'), (reply.status,
                                           reply.text('Message')))
        listed = self.client.get('/simulator/faults').json['faults']
        self.assertEqual([(made['id'], 1)],
                         [(f['id'], f['applied']) for f in listed])
        path = '/simulator/faults/%d' % made['id']
        self.assertEqual(204, self.client.request('DELETE', path).status)
        self.post('faults', 201, effect='busy')
        self.assertEqual(204, self.client.request(
            'DELETE', '/simulator/faults').status)
        self.assertEqual([], self.client.get(
            '/simulator/faults').json['faults'])

    def test_wrong_faults(self):
        for data in ({}, {'effect': 'nope'}, {'effect': 'status'},
                     {'effect': 'delay'}, {'effect': 'busy', 'nth': 0},
                     {'effect': 'busy', 'path': '('},
                     {'effect': 'action'}, {'effect': 'busy', 'each': 1},
                     {'effect': 'no_answer', 'when': 'never'},
                     {'effect': 'vios_down', 'vios': 'novalink'},
                     {'effect': 'busy', 'colour': 'red'}):
            error = self.post('faults', 400, **data)
            self.check(error, 'Error')
        for body in ('', '[]', 'no'):
            self.assertEqual(400, self.client.request(
                'POST', '/simulator/faults', body).status)
        self.post('faults', 404, effect='vios_down', vios='vios9')
        self.assertEqual([], self.host.faults.data())

    def test_vios_down(self):
        made = self.post('faults', 201, effect='vios_down', vios='vios2',
                         each=True)
        self.check(made, 'FaultState')
        client = self.useFixture(fixtures.Client(self.host))
        reply = client.get('/rest/api/uom/VirtualIOServer/quick/All')
        self.assertEqual(404, reply.status)
        self.assertEqual(
            ['running', 'not activated'],
            [v.partition_state
             for v in self.host.store.all('VirtualIOServer')])


class TestActions(ControlTest):

    def test_set_rmc(self):
        lpar = self.host.store.all('LogicalPartition')[0]
        for name in ('novalink', lpar.uuid, lpar.uuid.lower(), '1', 1):
            self.act('set_rmc', partition=name, state='active')
            self.act('set_rmc', partition=name, state='busy')
            self.assertEqual('busy', lpar.rmc)

    def test_set_partition_state(self):
        lpar = self.host.store.all('LogicalPartition')[0]
        for state in ('error', 'not activated', 'running'):
            result = self.act('set_partition_state', partition='novalink',
                              state=state)
            self.assertEqual(state, result['state'])
        self.assertEqual('inactive', lpar.rmc)

    def test_vios(self):
        vios = self.host.store.all('VirtualIOServer')[0]
        version = vios.os_version
        self.act('vios_down', partition='vios1')
        self.assertEqual(('not activated', 'inactive'),
                         (vios.partition_state, vios.rmc))
        self.act('vios_up', partition='vios1')
        self.assertEqual(('running', 'inactive'),
                         (vios.partition_state, vios.rmc))
        self.act('advance_time', seconds=61)
        self.assertEqual(('active', version), (vios.rmc, vios.os_version))
        self.act('vios_down', 400, partition='novalink')

    def test_expire_tokens(self):
        client = self.useFixture(fixtures.Client(self.host))
        self.assertEqual(1, self.act('expire_tokens')['sessions'])
        self.assertEqual(401, client.get('/rest/api/uom/Cluster').status)

    def test_bump_etag(self):
        vios = self.host.store.all('VirtualIOServer')[0]
        etag = vios.etag
        result = self.act('bump_etag', type='VirtualIOServer',
                          uuid=vios.uuid)
        self.assertEqual(vios.etag, result['etag'])
        self.assertNotEqual(etag, vios.etag)

    def test_forget_events(self):
        self.host.events.poll('app', 0)
        self.act('forget_events')
        self.assertEqual(['NEW_CLIENT'], [
            e.type for e in self.host.events.poll('app', 0)])

    def test_wrong_actions(self):
        for data in ({}, {'action': 'dance'}, {'action': ['set_rmc']},
                     {'action': 'set_rmc', 'partition': 'vios1'},
                     {'action': 'advance_time', 'seconds': -1},
                     {'action': 'expire_tokens', 'really': True}):
            self.check(self.post('control', 400, **data), 'Error')
        self.act('set_rmc', 404, partition='nobody', state='active')
        self.act('bump_etag', 404, type='VirtualIOServer', uuid='nope')
