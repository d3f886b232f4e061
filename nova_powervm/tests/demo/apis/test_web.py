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

"""Tests of what the services have in common."""

import requests
from werkzeug import exceptions

from nova_powervm.demo.apis import web
from nova_powervm.tests.demo.apis import base


class Things(web.Service):

    ROUTES = (('GET', '/things', 'list'),
              ('POST', '/things', 'create'),
              ('DELETE', '/things/<thing_id>', 'delete'))

    def list(self, request):
        return {'things': [item for item in (
            {'id': 1, 'color': 'red'}, {'id': 2, 'color': 'blue'})
            if web.matches(item, request)]}

    def create(self, request):
        return web.reply(request.json, 201, {'X-Thing': 'new'})

    def delete(self, request, thing_id):
        if thing_id != '1':
            raise exceptions.NotFound('There is no thing %s.' % thing_id)
        return web.reply(None, 204)


class ServiceTest(base.ApiCase):

    def setUp(self):
        super().setUp()
        self.service = Things()

    def ids(self, query):
        return [thing['id'] for thing in
                self.get('/things' + query)['things']]

    def test_list(self):
        self.assertEqual([1, 2], self.ids(''))
        self.assertEqual([1, 2], self.ids('/'))

    def test_filters(self):
        self.assertEqual([2], self.ids('?color=blue'))
        self.assertEqual([1], self.ids('?id=1'))
        self.assertEqual([1, 2], self.ids('?id=1&id=2'))
        self.assertEqual([], self.ids('?id=1&color=blue'))
        # What no item has is about something else, such as the page.
        self.assertEqual([1, 2], self.ids('?limit=1'))

    def test_status(self):
        self.assertEqual({'id': 3}, self.request(
            'POST', '/things', {'id': 3}, 201))
        self.assertIsNone(self.request('DELETE', '/things/1', status=204))

    def test_errors(self):
        self.assert_refused(404, 'no thing 7', 'DELETE', '/things/7')
        self.assert_refused(404, 'not found', 'GET', '/nothing')
        self.assert_refused(405, 'not allowed', 'PUT', '/things')


class ServerTest(base.ApiCase):

    def test_life(self):
        with web.Server(Things(), 'things') as server:
            self.assertRegex(server.url, r'^http://127\.0\.0\.1:\d+$')
            answer = requests.post(server.url + '/things', json=[1],
                                   timeout=30)
            self.assertEqual((201, [1], 'new'), (
                answer.status_code, answer.json(), answer.headers['X-Thing']))
        self.assertRaises(requests.ConnectionError, requests.get,
                          server.url + '/things', timeout=30)
