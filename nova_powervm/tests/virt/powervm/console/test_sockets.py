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

"""Tests of who listens on a port."""

import socket

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.console import sockets


class ListeningTest(base.TestCase):

    def test_each_socket_is_another(self):
        found = []
        port = 0
        for _time in range(2):
            with socket.create_server(('127.0.0.1', port)) as opened:
                port = opened.getsockname()[1]
                found.append(sockets.listening_on(port))
            self.assertEqual(frozenset(), sockets.listening_on(port))
        self.assertEqual([1, 1], list(map(len, found)))
        self.assertNotEqual(*found)

    def test_connections_do_not_count(self):
        with socket.create_server(('127.0.0.1', 0)) as opened:
            with socket.create_connection(opened.getsockname()) as client:
                port = client.getsockname()[1]
                self.assertEqual(frozenset(), sockets.listening_on(port))

    def test_ipv6(self):
        try:
            opened = socket.create_server(('::1', 0), family=socket.AF_INET6)
        except OSError:
            self.skipTest('This machine has no IPv6.')
        with opened:
            self.assertEqual(1, len(sockets.listening_on(
                opened.getsockname()[1])))
