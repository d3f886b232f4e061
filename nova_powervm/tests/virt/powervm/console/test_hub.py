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

"""Tests of the thread that moves the bytes of consoles."""

import socket
import threading

from nova_powervm.tests.virt.powervm import base as unit_base
from nova_powervm.tests.virt.powervm.console import base
from nova_powervm.virt.powervm.console import channel
from nova_powervm.virt.powervm.console import hub


class HubTest(unit_base.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = base.Clock()
        self.hub = hub.Hub(self.clock)
        self.addCleanup(self.hub.close)

    def done(self):
        """Wait until the thread has done what it has to do."""
        event = threading.Event()
        self.assertTrue(self.hub.post(event.set))
        self.assertTrue(event.wait(base.TIMEOUT))

    def test_no_thread_before_the_first_call(self):
        self.assertIsNone(self.hub._thread)
        self.hub.close()
        self.assertFalse(self.hub.post(print))

    def test_exceptions_do_not_end_it(self):
        self.hub.post(lambda: 1 / 0)
        self.hub.later(0, lambda: 1 / 0)
        self.done()
        self.done()
        self.assertIn('ZeroDivisionError', self.logger.output)

    def test_timers(self):
        called = []
        self.hub.later(10, lambda: called.append('late'))
        self.hub.later(5, lambda: called.append('early'))
        self.hub.later(7, lambda: called.append('never')).cancel()
        self.done()
        self.assertEqual([], called)
        self.clock.now += 20
        self.done()
        base.wait_for(lambda: len(called) == 2)
        self.assertEqual(['early', 'late'], called)

    def channel(self):
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        theirs.settimeout(base.TIMEOUT)
        return channel.Channel(self.hub, ours), theirs

    def test_a_channel_that_raises_ends(self):
        found, theirs = self.channel()
        found.on_data = lambda data: 1 / 0
        self.hub.post(found.start)
        theirs.sendall(b'x')
        self.assertEqual(b'', theirs.recv(1))
        self.done()

    def test_the_end_closes_channels(self):
        found, theirs = self.channel()
        self.hub.post(found.start)
        self.hub.close()
        self.assertEqual(b'', theirs.recv(1))
        self.assertTrue(found.is_closed)

    def test_the_rest_is_sent_before_the_end(self):
        found, theirs = self.channel()
        sent = b'x' * 3000000

        def send():
            found.start()
            found.send(sent)
            found.close(flush=True)
            found.send(b'not any more')

        self.hub.post(send)
        received = b''.join(iter(lambda: theirs.recv(65536), b''))
        self.assertEqual(len(sent), len(received))

    def test_who_does_not_take_the_rest_is_cut(self):
        found, _theirs = self.channel()
        self.hub.post(found.send, b'x' * 3000000)
        self.hub.post(found.close, True)
        self.done()
        self.assertFalse(found.is_closed)
        self.clock.now += 6
        self.done()
        base.wait_for(lambda: found.is_closed)
