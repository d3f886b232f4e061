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

"""The page that shows a site, without a browser."""

import importlib.resources
import re

import testtools

from nova_powervm.simulator import page
from nova_powervm.tests import fixtures


def read(name):
    place = importlib.resources.files('nova_powervm.simulator') / 'web' / name
    return place.read_text()


class PageTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(fixtures.SimulatedSite()).site
        self.client = fixtures.Client(self.site.hosts[0])

    def test_files(self):
        folder = importlib.resources.files('nova_powervm.simulator') / 'web'
        self.assertEqual(sorted(page.FILES),
                         sorted(found.name for found in folder.iterdir()))
        for name in page.FILES:
            reply = self.client.get('/simulator/page/' + name)
            self.assertEqual((200, read(name)),
                             (reply.status, reply.body.decode()))
            for header, value in page.HEADERS.items():
                self.assertEqual(value, reply.headers[header])
        self.assertEqual('text/javascript; charset=utf-8', self.client.get(
            '/simulator/page/main.js').headers['Content-Type'])
        self.assertEqual(read('index.html').encode(),
                         self.client.get('/').body)
        # A look at the page is no request to the platform.
        self.assertEqual(0, len(self.site.hosts[0].journal))

    def test_nothing_else(self):
        for path in ('../control.py', '..%2fcontrol.py', '%2e%2e/control.py',
                     '/etc/passwd', 'nope.js', '%00', 'web/main.js'):
            self.assertEqual(404, self.client.get(
                '/simulator/page/' + path).status, path)
        for path in ('/', '/simulator/page/main.js'):
            for method in ('PUT', 'POST', 'DELETE'):
                self.assertEqual(405, self.client.request(
                    method, path).status)
        self.assertEqual(404, self.client.get('/index.html').status)

    def test_names_are_text(self):
        """Nothing makes HTML or code of what the server says."""
        for name in page.FILES:
            text = read(name)
            for word in ('innerHTML', 'outerHTML', 'insertAdjacentHTML',
                         'document.write', 'eval(', 'Function(', 'srcdoc',
                         'createContextualFragment', 'javascript:'):
                self.assertNotIn(word, text, name)
            # Only the namespace of SVG looks like an address.
            self.assertEqual([], re.findall(
                r'https?://(?!www\.w3\.org/2000/svg)', text), name)
        html = read('index.html')
        self.assertEqual([], re.findall(r'\s(?:on\w+|style)=', html))
        self.assertEqual([], re.findall(r'<(?:script|style)[^>]*>[^<]', html))

    def test_scripts_find_what_they_look_for(self):
        wanted = {found for name in page.FILES if name.endswith('.js')
                  for found in re.findall(r"byId\('([\w-]+)'\)", read(name))}
        self.assertLess({'hosts', 'flow', 'faults'}, wanted)
        self.assertEqual(set(), wanted - set(
            re.findall(r'id="([\w-]+)"', read('index.html'))))

    def test_policy(self):
        policy = page.HEADERS['Content-Security-Policy']
        self.assertTrue(policy.startswith("default-src 'none'; "))
        self.assertNotIn('unsafe', policy)
        self.assertIn("frame-ancestors 'none'", policy)

    def test_other_pages_cannot_use_the_api(self):
        """A browser tells whose page has it send a request."""
        port = self.site.hosts[0].port
        own = 'http://127.0.0.1:%d' % port
        for origin, status in ((own, 201), ('http://example.org', 403),
                               ('null', 403), ('', 403),
                               ('http://127.0.0.1:%d' % (port + 1), 403)):
            reply = self.client.request(
                'POST', '/simulator/faults', '{"effect": "busy"}',
                Origin=origin)
            self.assertEqual(status, reply.status, origin)
        self.assertEqual(1, len(self.site.hosts[0].faults.data()))
