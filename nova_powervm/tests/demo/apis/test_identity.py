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

"""Tests of the stand-in for Keystone."""

import datetime

from nova_powervm.demo.apis import identity
from nova_powervm.tests.demo.apis import base


class IdentityTest(base.ApiCase):

    def setUp(self):
        super().setUp()
        self.service = identity.Identity('project-1')
        self.service.endpoints['compute'] = 'http://nova/v2.1'

    def token(self, status=201, **changes):
        """Ask for a token, with the password but for some changes."""
        user = dict({'name': 'admin', 'password': self.service.password},
                    **changes)
        return self.request('POST', '/v3/auth/tokens', {'auth': {
            'identity': {'password': {'user': user}}}}, status)

    def test_versions(self):
        [version] = self.get('/')['versions']['values']
        self.assertEqual(version, self.get('/v3')['version'])
        self.assertEqual('http://localhost/v3/', version['links'][0]['href'])

    def test_token(self):
        token = self.token()['token']
        self.assertEqual(('admin', 'project-1'), (
            token['user']['name'], token['project']['id']))
        issued, expires = (
            datetime.datetime.fromisoformat(token[name])
            for name in ('issued_at', 'expires_at'))
        self.assertEqual(identity.LIFETIME, expires - issued)
        self.assertEqual(token['catalog'],
                         self.get('/v3/auth/catalog')['catalog'])

    def test_others_get_no_token(self):
        for changes in ({'name': 'guest'}, {'password': ''},
                        {'password': None}):
            error = self.token(401, **changes)['error']
            self.assertIn('clouds.yaml', error['message'])
        for body in ({}, {'auth': None}, {'auth': {'identity': {'token': 1}}}):
            self.request('POST', '/v3/auth/tokens', body, 401)

    def test_each_has_a_password_of_its_own(self):
        self.assertNotEqual(self.service.password,
                            identity.Identity('project-1').password)

    def test_catalog(self):
        [service] = self.get('/v3/auth/catalog')['catalog']
        self.assertEqual('compute', service['type'])
        self.assertEqual(['public', 'internal', 'admin'], [
            endpoint['interface'] for endpoint in service['endpoints']])
        self.assertEqual({'http://nova/v2.1'}, {
            endpoint['url'] for endpoint in service['endpoints']})

    def test_projects(self):
        [project] = self.get('/v3/projects')['projects']
        self.assertEqual(project,
                         self.get('/v3/projects/project-1')['project'])
        self.assertEqual([], self.get('/v3/projects?name=demo')['projects'])
        self.assert_refused(404, 'no project demo', 'GET', '/v3/projects/demo')
