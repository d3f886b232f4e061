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

"""Tests of the catalog and of the client's file."""

import json
from unittest import mock

import fixtures
import requests

from nova_powervm.demo.apis import catalog
from nova_powervm.demo.apis import web
from nova_powervm.tests.demo.apis import base


def show_environ(environ, start_response):
    """Tell who sends a request: an application in place of Nova's API."""
    return web.reply({
        name: value for name, value in environ.items()
        if name.startswith('HTTP_X_')})(environ, start_response)


class CatalogTest(base.ApiCase):

    def setUp(self):
        super().setUp()
        self.catalog = catalog.Catalog(
            show_environ, 'project-1', mock.Mock(), mock.Mock(),
            {'volumev3': (web.Service(), '/v3')})
        self.enterContext(self.catalog)

    def test_endpoints(self):
        services = {'compute': '/v2.1', 'image': '', 'network': '',
                    'identity': '/v3', 'volumev3': '/v3'}
        for service, path in services.items():
            self.assertRegex(self.catalog.url(service),
                             r'^http://127\.0\.0\.1:\d+%s$' % path)
        self.assertEqual(len(services), len(
            {*map(self.catalog.url, services)}))

    def test_nova_gets_an_administrator(self):
        self.assertEqual(
            {'HTTP_X_AUTH_USER': 'admin', 'HTTP_X_USER_ID': 'admin',
             'HTTP_X_AUTH_PROJECT_ID': 'project-1',
             'HTTP_X_ROLES': 'reader,member,admin'},
            requests.get(self.catalog.url('compute'), timeout=30,
                         headers={'X-User-Id': 'guest'}).json())

    def test_file_for_the_client(self):
        path = self.catalog.write_clouds(
            self.useFixture(fixtures.TempDir()).path)
        with open(path) as clouds:
            [(name, cloud)] = json.load(clouds)['clouds'].items()
        self.assertEqual(catalog.CLOUD, name)
        auth = cloud['auth']
        token = requests.post(
            auth['auth_url'] + '/auth/tokens', timeout=30, json={'auth': {
                'identity': {'password': {'user': {
                    'name': auth['username'],
                    'password': auth['password']}}}}})
        self.assertEqual(201, token.status_code)

    def test_services_end(self):
        with catalog.Catalog(show_environ, 'project-1', mock.Mock(),
                             mock.Mock()) as services:
            urls = [services.url(name) for name in ('compute', 'image')]
        for url in urls:
            self.assertRaises(requests.ConnectionError, requests.get, url,
                              timeout=30)
