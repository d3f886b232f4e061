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

"""Slow clients must not stall others, and links lead back to the server."""

import re
import socket
import ssl
import time
from unittest import mock

import fixtures as base_fixtures
import testtools
import trustme

from nova_powervm.simulator import server
from nova_powervm.simulator import site as sim_site
from nova_powervm.tests import fixtures as powervm_fixtures

#: As many threads as the server of these tests has.
THREADS = 12
HEAD = b'PUT /rest/api/web/Logon HTTP/1.1\r\nHost: x\r\n'


class SlowClientTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(base_fixtures.MonkeyPatch(
            'nova_powervm.simulator.server._MAX_THREADS', THREADS))
        self.useFixture(base_fixtures.MonkeyPatch(
            'nova_powervm.simulator.server._PATIENCE', 0.3))
        self.site = self.useFixture(powervm_fixtures.SimulatedSite()).site
        self.port = self.site.hosts[0].port
        self.output = self.useFixture(base_fixtures.StringStream('stderr'))
        self.useFixture(base_fixtures.MonkeyPatch('sys.stderr',
                                                  self.output.stream))

    def connect(self, sent=b''):
        connection = socket.socket()
        self.addCleanup(connection.close)
        connection.settimeout(60)
        # The kernel keeps little of an answer for it.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(('127.0.0.1', self.port))
        connection.sendall(sent)
        return connection

    def check_answers(self):
        """Nobody waits for more than a few seconds, and nothing is wrong."""
        began = time.monotonic()
        client = powervm_fixtures.Client(self.site.hosts[0])
        self.assertEqual(200, client.get('/simulator/state').status)
        # A machine with much else to do takes longer than 5 s, not 60.
        self.assertLess(time.monotonic() - began, 30)
        self.output.stream.flush()
        self.assertEqual('', self.output.getDetails()['stderr'].as_text())

    def test_half_of_the_headers(self):
        for sent in (b'', b'GET', HEAD):
            for _ in range(THREADS + 10):
                self.connect(sent)
            self.check_answers()

    def test_half_of_the_body(self):
        for more in (b'Content-Length: 100\r\n\r\n<a',
                     b'Transfer-Encoding: chunked\r\n\r\n5\r\n<a',
                     b'Transfer-Encoding: chunked\r\n\r\n0\r\n'):
            for _ in range(THREADS + 10):
                self.connect(HEAD + more)
            self.check_answers()

    def test_answers_that_nobody_takes(self):
        request = b'GET /simulator/openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n'
        with mock.patch('nova_powervm.simulator.control.openapi_text',
                        lambda: 'x' * 6000000):
            for _ in range(THREADS + 2):
                self.connect(request)
            self.check_answers()

    def test_patience_without_need(self):
        """A slow client keeps its connection while nobody needs the thread."""
        slow = [self.connect(HEAD) for _ in range(THREADS - 4)]
        time.sleep(1)
        self.check_answers()
        body = b'<LogonRequest/>'
        for connection in slow:
            connection.sendall(b'Content-Length: %d\r\n\r\n' % len(body))
            connection.sendall(body)
            self.assertIn(b' 401 ', connection.recv(100))


class TlsTest(testtools.TestCase):

    def test_no_handshake(self):
        """A client that never shakes hands does not stop the others."""
        folder = self.useFixture(base_fixtures.TempDir()).path
        authority = trustme.CA()
        made = authority.issue_cert('localhost')
        made.private_key_and_cert_chain_pem.write_to_path(folder + '/pem')
        site = sim_site.Site(powervm_fixtures.load_profile('default'))
        self.addCleanup(site.stop)
        site.start(port=0, tls=server.Tls(folder + '/pem', folder + '/pem'))
        port = site.hosts[0].port
        context = ssl.create_default_context()
        authority.configure_trust(context)
        began = time.monotonic()
        for sent in (b'', b'GET / HTTP/1.1\r\n\r\n'):
            slow = socket.create_connection(('127.0.0.1', port))
            self.addCleanup(slow.close)
            slow.sendall(sent)
            with context.wrap_socket(
                    socket.create_connection(('127.0.0.1', port)),
                    server_hostname='localhost') as good:
                good.sendall(b'GET /simulator/state HTTP/1.1\r\n'
                             b'Host: x\r\n\r\n')
                self.assertIn(b' 200 ', good.recv(100))
        self.assertLess(time.monotonic() - began, 30)


class LinksTest(testtools.TestCase):
    """Links of a server that listens on all addresses of a machine."""

    def setUp(self):
        super().setUp()
        # A test listens on the loopback interface only.
        self.useFixture(base_fixtures.MonkeyPatch(
            'nova_powervm.simulator.server.ANY', ('127.0.0.1',)))
        self.site = self.useFixture(powervm_fixtures.SimulatedSite()).site
        self.client = self.useFixture(powervm_fixtures.Client(
            self.site.hosts[0]))

    def links(self, host):
        """Return where links lead, in the answer to a Host header."""
        body = self.client.get('/rest/api/uom/LogicalPartition',
                               **{'Host': host}).body
        return set(re.findall(rb'href="([^"]*?)/rest/', body))

    def test_name_of_the_client(self):
        for host in ('box.example.org:13000', '192.0.2.7', '[2001:db8::1]:1',
                     'a-b_c'):
            self.assertEqual({b'http://' + host.encode()}, self.links(host))

    def test_nonsense(self):
        own = {self.site.hosts[0].base_url.encode()}
        self.assertTrue(own.pop().startswith(b'http://localhost:'))
        own = {self.site.hosts[0].base_url.encode()}
        for host in ('', '"/><x', 'a b', 'a/b', 'a:b', 'a:123456', '\xe9'):
            self.assertEqual(own, self.links(host))

    def test_documents_come_back(self):
        """What a client has got it can send."""
        uuid = self.site.hosts[0].partition(1).uuid
        path = '/rest/api/uom/LogicalPartition/' + uuid
        answer = self.client.get(path, Host='box:1')
        document = re.search(rb'<LogicalPartition.*</LogicalPartition>',
                             answer.body, re.DOTALL).group()
        self.assertIn(b'http://box:1/', document)
        self.assertEqual(200, self.client.request(
            'POST', path, document).status)
