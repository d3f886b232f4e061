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

"""Tests of clients that hang up in the middle of a request."""

import logging
import socket

import fixtures
import testtools

from nova_powervm.tests import fixtures as powervm_fixtures

_FILE = ('<File><Filename>x.iso</Filename>'
         '<FileEnumType>BROKERED_MEDIA_ISO</FileEnumType>'
         '<TargetVirtualIOServerUUID>%s</TargetVirtualIOServerUUID></File>')


class BrokenUploadTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        self.site = self.useFixture(powervm_fixtures.SimulatedSite()).site
        self.host = self.site.hosts[0]
        self.client = self.useFixture(powervm_fixtures.Client(self.host))
        self.vios = self.host.store.all('VirtualIOServer')[0]
        self.host.journal.clear()

    def begin(self, head, body):
        """Send the first part of an upload.

        :returns: socket
        """
        uuid = self.client.request('PUT', '/rest/api/web/File',
                                   _FILE % self.vios.uuid).text('FileUUID')
        connection = socket.create_connection(('127.0.0.1', self.host.port))
        self.addCleanup(connection.close)
        connection.sendall((
            'PUT /rest/api/web/File/contents/%s HTTP/1.1\r\n'
            'Host: localhost\r\nX-API-Session: %s\r\n%s\r\n\r\n%s' % (
                uuid, self.client.token, head, body)).encode())
        return connection

    def check_dropped(self, head, body):
        connection = self.begin(head, body)
        connection.shutdown(socket.SHUT_WR)
        # The server closes the connection too, without an answer.
        self.assertEqual(b'', connection.recv(100))
        self.assertIsNone(self.host.journal.records()[-1]['status'])
        self.assertEqual({}, self.vios.repository.media)
        self.assertIn('ended after', self.log.output)
        self.assertNotIn('Traceback', self.log.output)

    def test_between_chunks(self):
        self.check_dropped('Transfer-Encoding: chunked', '5\r\nhello\r\n')

    def test_inside_a_chunk(self):
        self.check_dropped('Transfer-Encoding: chunked', '50\r\nhello')

    def test_known_length(self):
        self.check_dropped('Content-Length: 100', 'hello')

    def test_no_chunk_at_all(self):
        self.check_dropped('Transfer-Encoding: chunked', 'nonsense\r\n')

    def test_stop_does_not_wait(self):
        """Neither for half an upload nor for a silent connection."""
        self.begin('Transfer-Encoding: chunked', '5\r\nhello\r\n')
        silent = socket.create_connection(('127.0.0.1', self.host.port))
        self.addCleanup(silent.close)
        self.site.stop()
        self.assertEqual({}, self.vios.repository.media)
