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
from unittest import mock

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

    def test_only_who_answers_at_127_0_0_1(self):
        for address, family, answers in (
                ('127.0.0.2', socket.AF_INET, False),
                ('0.0.0.0', socket.AF_INET, True),
                ('::1', socket.AF_INET6, False),
                ('::', socket.AF_INET6, True)):
            with self.subTest(address):
                self._look(address, family, answers)

    def _look(self, address, family, answers):
        try:
            opened = socket.create_server((address, 0), family=family,
                                          dualstack_ipv6=address == '::')
        except (OSError, ValueError) as exc:
            self.skipTest('This machine has no IPv6: %s' % exc)
        with opened:
            port = opened.getsockname()[1]
            self.assertEqual(int(answers), len(sockets.listening_on(port)))

    def test_the_kernel_does_not_tell(self):
        def refuse(path):
            raise PermissionError(path)

        with mock.patch.object(sockets, 'open', refuse, create=True):
            self.assertIsNone(sockets.listening_on(22))

    def test_no_ipv6(self):
        def no_ipv6(path):
            if path.endswith('6'):
                raise FileNotFoundError(path)
            return open(path)

        with socket.create_server(('127.0.0.1', 0)) as opened:
            with mock.patch.object(sockets, 'open', no_ipv6, create=True):
                self.assertEqual(1, len(sockets.listening_on(
                    opened.getsockname()[1])))
