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

"""The token that the control API may want."""

import testtools

from nova_powervm.simulator import control_token
from nova_powervm.tests import fixtures

TOKEN = 's3cret="1;2'


class TokenTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(fixtures.SimulatedSite()).site
        self.site.control_token = TOKEN
        self.client = fixtures.Client(self.site.hosts[0])

    def test_without(self):
        for method, path in (
                ('GET', '/'), ('GET', '/simulator'), ('GET', '/?token=x'),
                ('GET', '/simulator/state?token=' + TOKEN),
                ('GET', '/simulator/page/main.js'),
                ('GET', '/simulator/stream'),
                ('POST', '/simulator/control'),
                ('POST', '/simulator/commands'),
                ('DELETE', '/simulator/hosts/server1/faults')):
            reply = self.client.request(method, path)
            self.assertEqual(401, reply.status, path)
            self.assertEqual(401, reply.json['error']['status'])
            self.assertEqual('Bearer', reply.headers['WWW-Authenticate'])
        self.assertEqual(401, self.client.request(
            'POST', '/simulator/disks/x', iter([b'x' * 100000] * 9)).status)

    def test_header(self):
        for value, status in (
                ('Bearer ' + TOKEN, 200), ('bearer ' + TOKEN, 200),
                ('Bearer x', 401), ('Bearer', 401), (TOKEN, 401),
                ('Basic ' + TOKEN, 401)):
            self.assertEqual(status, self.client.get(
                '/simulator/state', Authorization=value).status, value)

    def test_browser(self):
        reply = self.client.get('/?token=s3cret%3D%221%3B2')
        self.assertEqual((303, '/'), (reply.status,
                                      reply.headers['Location']))
        cookie = reply.headers['Set-Cookie']
        self.assertIn('HttpOnly', cookie)
        self.assertIn('SameSite=Strict', cookie)
        cookie = cookie.partition(';')[0]
        self.assertTrue(cookie.startswith(control_token.COOKIE))
        for path in ('/', '/simulator/page/main.js', '/simulator/state'):
            self.assertEqual(200, self.client.get(path, Cookie=cookie).status)
        self.assertEqual(401, self.client.get(
            '/', Cookie=control_token.COOKIE + '=x').status)

    def test_rest(self):
        """The REST API has its own logon."""
        self.client.logon()
        self.assertEqual(200, self.client.get(
            '/rest/api/uom/ManagedSystem').status)
