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

"""Tests of mkvterm and rmvterm on the simulated management partition."""

import os
import pty
import subprocess
import time

import testtools

from nova_powervm.simulator import font
from nova_powervm.simulator import rfb
from nova_powervm.simulator import screen
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests import rfb_client

TIMEOUT = 30


def wait_for(condition):
    """Call a function until it returns something true, and return that."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError('Timed out')


class TerminalsTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(powervm_fixtures.SimulatedSite()).site
        self.host = self.site.hosts[0]
        self.partition = self.host.operator.partition('novalink')
        self.ids = ['--id', str(self.partition.partition_id)]
        self.console = self.partition.console

    def run_command(self, *arguments):
        """Run a command: (return code, stdout, stderr)."""
        name, *arguments = arguments
        done = subprocess.run(
            [os.path.join(self.host.management_root, 'usr/bin', name),
             *arguments], stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=TIMEOUT)
        return done.returncode, done.stdout, done.stderr

    def run_vnc(self):
        return self.run_command('mkvterm', *self.ids, '--vnc', '--local')

    def start_text(self):
        """Start mkvterm for text: (process, fd of its terminal)."""
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [os.path.join(self.host.management_root, 'usr/bin/mkvterm'),
             *self.ids], stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True)
        os.close(slave)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process, master

    def open_text(self):
        process, master = self.start_text()
        self.addCleanup(os.close, master)
        self.wait_until_shown()
        return process, master

    def wait_until_shown(self):
        wait_for(lambda: self.console.user and self.console.user.client)

    def print(self, text):
        with self.site.lock:
            self.console.print(text)


class TextTest(TerminalsTestCase):

    def read(self, master, until):
        data = b''
        while not data.endswith(until):
            data += os.read(master, 65536)
        return data

    def test_text(self):
        process, master = self.open_text()
        self.print(b'hello\r\n')
        self.assertEqual(b'hello\r\n', self.read(master, b'hello\r\n'))
        os.write(master, b'who\r')
        # The guest echoes, and the terminal does not.
        self.assertEqual(b'who\r\n', self.read(master, b'\n'))
        self.assertIsNone(process.poll())

    def test_all_of_it_arrives_in_order(self):
        _process, master = self.open_text()
        sent = b''.join(b'%06d\n' % number for number in range(300000))
        self.print(sent)
        self.assertEqual(sent, self.read(master, sent[-7:]))

    def test_one_at_a_time(self):
        self.open_text()
        process, master = self.start_text()
        self.addCleanup(os.close, master)
        self.assertEqual(3, process.wait(TIMEOUT))
        self.assertIn(b'is open already', os.read(master, 65536))
        # It is not VNC, so no port is told.
        code, out, err = self.run_vnc()
        self.assertEqual((3, ''), (code, out))
        self.assertIn('is open already', err)

    def test_rmvterm_ends_it(self):
        process, _master = self.open_text()
        self.assertEqual((0, '', ''), self.run_command('rmvterm', *self.ids))
        self.assertEqual(0, process.wait(TIMEOUT))
        self.assertFalse(self.console.is_open)
        self.assertEqual(0, self.run_command('rmvterm', *self.ids)[0])

    def test_it_ends_with_its_terminal(self):
        process, master = self.start_text()
        self.wait_until_shown()
        os.close(master)
        process.wait(TIMEOUT)
        wait_for(lambda: not self.console.is_open)

    def test_it_needs_a_terminal(self):
        self.assertEqual(1, self.run_command('mkvterm', *self.ids)[0])
        wait_for(lambda: not self.console.is_open)

    def test_refusals(self):
        for arguments, text in (
                (['--id', '999'], 'no partition with the ID 999'),
                (['--id', 'x'], 'invalid int value'),
                ([], 'required: --id'), ([*self.ids, '--x'], '--x')):
            for name in ('mkvterm', 'rmvterm'):
                more = ['--vnc'] if name == 'mkvterm' else []
                code, out, err = self.run_command(name, *arguments, *more)
                self.assertEqual((1, ''), (code, out))
                self.assertIn(text, err)

    def test_the_site_ends(self):
        process, _master = self.open_text()
        self.site.stop()
        process.wait(TIMEOUT)


class VncTest(TerminalsTestCase):

    def open(self):
        code, out, err = self.run_vnc()
        self.assertEqual((0, ''), (code, err))
        return int(out)

    def client(self, port):
        client = rfb_client.Client(rfb_client.connect(port)[0])
        self.addCleanup(client.close)
        client.negotiate()
        self.assertEqual(self.partition.name, client.start())
        return client

    def test_screen(self):
        port = self.open()
        first, second = self.client(port), self.client(port)
        self.print(b'Hello, world! 0123456789\r\n')
        for client in (first, second):
            self.assertEqual('Hello, world! 0123456789',
                             client.wait_for('world'))
        first.type('a line of text\n')
        second.wait_for('a line of text')

    def test_open_already(self):
        port = self.open()
        code, out, err = self.run_vnc()
        self.assertEqual((3, '%d\n' % port), (code, out))
        self.assertIn('open already', err)
        process, master = self.start_text()
        self.addCleanup(os.close, master)
        self.assertEqual(3, process.wait(TIMEOUT))

    def test_rmvterm_ends_it(self):
        port = self.open()
        client = self.client(port)
        self.run_command('rmvterm', *self.ids)
        self.assertRaises((EOFError, OSError), client.wait_for, 'anything')
        wait_for(lambda: not self._can_connect(port))

    @staticmethod
    def _can_connect(port):
        try:
            rfb_client.connect(port)[0].close()
        except ConnectionError:
            return False
        return True

    def test_nonsense_ends_that_client_only(self):
        port = self.open()
        bad = rfb_client.connect(port)[0]
        bad.sendall(b'GET / HTTP/1.1\r\n\r\n')
        self.addCleanup(bad.close)
        self.assertEqual(b'', bad.recv(12)[12:] or bad.recv(1))
        self.client(port).update(False)

    def test_version(self):
        self.host.terminals.rfb_version = b'RFB 003.007\n'
        client = rfb_client.Client(rfb_client.connect(self.open())[0])
        self.addCleanup(client.close)
        self.assertEqual(b'RFB 003.007\n', client.read(12))
        client.send(b'RFB 003.007\n')
        self.assertEqual(b'\x01\x01', client.read(2))
        client.send(b'\x01')
        self.assertEqual(self.partition.name, client.start())


class RfbTest(testtools.TestCase):
    """What needs no connection."""

    def setUp(self):
        super().setUp()
        self.screen = screen.Screen()
        self.typed = bytearray()
        self.session = rfb.Session(self.screen, 'a', self.typed.extend)
        self.session.receive(rfb.VERSION + b'\x01\x01')
        self.session.out.clear()

    def test_keys(self):
        for down, key in ((1, 0xffe3), (1, 0x63), (0, 0x63), (0, 0xffe3),
                          (1, 0xff0d), (1, 0xffff), (1, 0x41)):
            self.session.receive(b'\x04%c\0\0' % down + key.to_bytes(4, 'big'))
        self.assertEqual(b'\x03\rA', bytes(self.typed))

    def test_pixels_of_other_sizes(self):
        for bits, size in ((8, 1), (16, 2), (32, 4)):
            self.session.receive(
                b'\0\0\0\0' + bytes([bits, bits, 0, 1]) +
                b'\0\x07\0\x07\0\x03\0\x03\x06\0\0\0')
            self.session.out.clear()
            self.session.receive(b'\x03\0' + bytes(8))
            self.session.refresh()
            self.assertEqual(
                4 + 25 * (12 + 640 * 16 * size), len(self.session.out))

    def test_only_what_has_changed(self):
        self.session.receive(b'\x03\0' + bytes(8))
        self.session.refresh()
        # The client has not taken the first picture yet.
        self.session.receive(b'\x03\0' + bytes(8))
        before = len(self.session.out)
        self.session.refresh()
        self.assertEqual(before, len(self.session.out))
        self.session.out.clear()
        self.session.refresh()
        self.session.out.clear()
        self.session.receive(b'\x03\x01' + bytes(8))
        self.session.refresh()
        self.assertEqual(b'', self.session.out)
        self.screen.show(b'x')
        self.session.refresh()
        self.assertEqual(4 + 12 + 640 * 16 * 4, len(self.session.out))

    def test_other_messages(self):
        self.session.receive(b'\x02\0\0\x01\0\0\0\0' + b'\x05' + bytes(5) +
                             b'\x06\0\0\0\0\0\0\x01a')
        self.assertRaises(rfb.ProtocolError, self.session.receive, b'\x63')

    def test_nonsense(self):
        for data in (b'\x06\0\0\0\xff\xff\xff\xff',
                     b'\0\0\0\0\x21\x21\0\0' + bytes(12)):
            session = rfb.Session(self.screen, 'a', print)
            session.receive(rfb.VERSION + b'\x01\x01')
            self.assertRaises(rfb.ProtocolError, session.receive, data)
        for hello in (b'RFB 003.003\n', rfb.VERSION + b'\x02'):
            session = rfb.Session(self.screen, 'a', print)
            self.assertRaises(rfb.ProtocolError, session.receive, hello)


class ScreenTest(testtools.TestCase):

    def test_text(self):
        shown = screen.Screen()
        shown.show(b'one\r\ntwo\b\bX\r\n\x1b' + b'y' * 81)
        self.assertEqual(['one', 'tXo', 'y' * 80, 'y'],
                         [row.rstrip() for row in shown.rows[-4:]])

    def test_characters_differ(self):
        drawn = [font.rows(chr(code)) for code in range(32, 128)]
        self.assertEqual(96, len(set(drawn)))
        self.assertEqual({16}, {len(rows) for rows in drawn})
