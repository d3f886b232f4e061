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

"""Clients that mean ill, or do nothing; and a mkvterm that does not work."""

import errno
import os
import socket
import time
from unittest import mock

from nova_powervm.tests import rfb_client
from nova_powervm.tests.virt.powervm.console import base
from nova_powervm.virt.powervm.console import listener
from nova_powervm.virt.powervm.console import rfb

REFUSED = b'HTTP/1.1 400 Bad Request\r\n\r\n'


class ClientsTest(base.ConsoleTestCase):
    """No client disturbs another one."""

    def setUp(self):
        super().setUp()
        self.address = self.consoles.vnc(self.instance)

    def open(self, data=b''):
        opened = socket.create_connection(('127.0.0.1', self.address.port),
                                          base.TIMEOUT)
        self.addCleanup(opened.close)
        if data:
            opened.sendall(data)
        return opened

    @property
    def request(self):
        return b'CONNECT %s HTTP/1.1\r\n\r\n' % self.address.path.encode()

    def assertServed(self):
        """Another client sees the screen, and its keys arrive."""
        opened, answer = self.connect_to(self.address)
        self.assertEqual(b'HTTP/1.1 200 OK', answer)
        client = rfb_client.Client(opened)
        client.negotiate()
        client.start()
        client.type('x')
        client.wait_for('x')
        client.close()

    def end_of(self, opened):
        """What a client receives until it is cut off."""
        data = b''
        try:
            while True:
                more = opened.recv(65536)
                if not more:
                    return data
                data += more
        except ConnectionError:
            return data

    def threads_now(self):
        return {thread.name for thread in base.threading.enumerate()
                if thread.name == 'powervm-consoles'}

    def test_nonsense(self):
        for data in (b'GET / HTTP/1.1\r\n\r\n', b'\r\n\r\n', b'\0' * 2000,
                     b'\x16\x03\x01' + bytes(500) + b'\r\n\r\n',
                     b'CONNECT ' + b'x' * 900 + b' HTTP/1.1\r\n\r\n',
                     b'CONNECT \xff\xfe HTTP/1.1\r\n\r\n',
                     self.request[:-4] + b'\r\nX: ' + b'y' * 2000 +
                     b'\r\n\r\n'):
            self.assertEqual(REFUSED, self.end_of(self.open(data)), data)
        self.assertServed()

    def test_header_of_a_mebibyte(self):
        opened = self.open()
        try:
            opened.sendall(b'x' * 1024 * 1024)
        except ConnectionError:
            self.assertServed()
        self.end_of(opened)
        self.assertServed()

    def test_end_of_nova_compute(self):
        """A proxy that gets no answer would use a whole CPU."""
        waiting = [self.open(), self.open(self.request[:20])]
        base.wait_for(lambda: len(self.channels()) == 2, 'both')
        self.consoles.shutdown()
        for opened in waiting:
            self.assertEqual(REFUSED, self.end_of(opened))

    def test_port_scan(self):
        for _number in range(200):
            self.open().close()
        self.assertServed()

    def test_too_many_open_files(self):
        """Who cannot be connected does not count as a client."""
        failure = OSError(errno.EMFILE, 'Too many open files')
        with mock.patch.object(base.channel, 'Connecting',
                               side_effect=failure):
            for _number in range(listener.MAX_OF_ONE + 1):
                self.assertEqual(REFUSED, self.end_of(self.open(
                    self.request)))
        self.assertServed()

    def test_silence(self):
        silent = [self.open(), self.open(self.request[:20]),
                  self.open(self.request)]
        hello = b''
        while not hello.endswith(rfb_client.VERSION):
            hello += silent[2].recv(100)
        self.assertEqual(b'HTTP/1.1 200 OK\r\n\r\nRFB 003.008\n', hello)
        self.assertServed()
        self.advance(listener.GREETING_SECONDS + 1)
        for opened in silent[:2]:
            self.assertIn(b'400 Bad Request', self.end_of(opened))
        self.advance(rfb.NEGOTIATION_SECONDS)
        self.assertEqual(b'', self.end_of(silent[2]))
        self.assertServed()

    def test_nonsense_instead_of_rfb(self):
        for data in (b'RFB 003.003\n', b'RFB 003.008\n\x02', b'y' * 5000):
            self.end_of(self.open(self.request + data))
        self.assertServed()

    def test_64_clients(self):
        """One is silent, and one reads nothing of what it asks for."""
        self.useFixture(base.fixtures.MonkeyPatch(
            listener.__name__ + '.MAX_OF_ONE', 31))
        servers = [self.make_server(number) for number in (2, 3)]
        clients = []
        for address in map(self.consoles.vnc, servers * 31):
            opened, answer = self.connect_to(address)
            self.assertEqual(b'HTTP/1.1 200 OK', answer)
            clients.append(rfb_client.Client(opened))
            clients[-1].negotiate()
            clients[-1].start()
        self.open()
        greedy, _answer = self.connect_to(self.address)
        client = rfb_client.Client(greedy)
        client.negotiate()
        client.start()
        greedy.setblocking(False)
        self.ask_for_pictures(greedy)
        # All connections that there may be.
        self.assertEqual(REFUSED, self.end_of(self.open(self.request)))
        for number, one in enumerate(clients[::7]):
            self.print(b'hello %d' % number, servers[number % 2])
            one.wait_for('hello %d' % number)
        self.assertBounded()
        self.assertEqual({'powervm-consoles'}, self.threads_now())
        self.advance(11)
        base.wait_for(lambda: len(self.channels()) < 64, 'the cut')

    def ask_for_pictures(self, opened):
        """Ask for more and more, until nobody wants to hear it any more."""
        request = b'\x03\0\0\0\0\0\x02\x80\x01\x90' * 100
        deadline = time.monotonic() + base.TIMEOUT
        while not any(channel.is_full for channel in self.channels()):
            self.assertLess(time.monotonic(), deadline)
            try:
                opened.send(request)
            except BlockingIOError:
                time.sleep(0.01)

    def channels(self):
        return list(self.consoles._listeners['novnc']._channels)

    def assertBounded(self):
        for channel in self.channels():
            self.assertLess(len(channel._out), 400 * 1024)


class CommandTest(base.ConsoleTestCase):
    """A mkvterm that does not what it should."""

    def mkvterm(self, script):
        root = self.useFixture(base.fixtures.TempDir()).path
        os.makedirs(os.path.join(root, 'usr/bin'))
        os.symlink(os.path.join(self.simulated.management_root, 'proc'),
                   os.path.join(root, 'proc'))
        path = os.path.join(root, 'usr/bin/mkvterm')
        for name, text in (('mkvterm', script), ('rmvterm', 'echo $0 $* >> '
                           '%s/called' % root)):
            path = os.path.join(root, 'usr/bin', name)
            with open(path, 'w') as command:
                command.write('#!/bin/sh\n%s\n' % text)
            os.chmod(path, 0o755)
        self.mgmt._root = root
        return root

    def assertFails(self, text, script):
        self.mkvterm(script)
        self.assertUnavailable(text, self.consoles.vnc, self.instance)

    def test_failures(self):
        for text, script in (
                ('mkvterm returns 1', 'exit 1'),
                ('no such thing', 'echo no such thing >&2; exit 2'),
                ('somebody has opened the terminal', 'exit 3'),
                ('somebody has opened the terminal', 'echo what; exit 3'),
                ('mkvterm tells no port', 'exit 0'),
                ('mkvterm tells no port', 'echo 99999')):
            self.assertFails(text, script)

    def test_a_terminal_without_port_is_closed_again(self):
        root = self.mkvterm('exit 0')
        self.assertUnavailable('no port', self.consoles.vnc, self.instance)
        with open(os.path.join(root, 'called')) as called:
            self.assertIn('rmvterm --id %d' % self.lpar().partition_id,
                          called.read())

    def test_it_hangs(self):
        root = self.mkvterm('sleep 600 & echo $! > $(dirname $0)/pid; wait')
        self.useFixture(base.fixtures.MonkeyPatch(
            base.mgmt.__name__ + '.ManagementPartition.run_command',
            self._impatient(base.mgmt.ManagementPartition.run_command)))
        self.assertUnavailable('did not end in 1 seconds', self.consoles.vnc,
                               self.instance)
        with open(os.path.join(root, 'usr/bin/pid')) as pid:
            number = pid.read().strip()
        base.wait_for(lambda: not self._is_alive(number), 'the end')

    def test_many_wait_while_it_hangs(self):
        """All get the answer of the attempt that they have waited for."""
        root = self.mkvterm('echo >> $(dirname $0)/runs; sleep 600')
        self.useFixture(base.fixtures.MonkeyPatch(
            base.mgmt.__name__ + '.ManagementPartition.run_command',
            self._impatient(base.mgmt.ManagementPartition.run_command)))
        threads = [base.threading.Thread(
            target=self.assertUnavailable, args=(
                'did not end in 1 seconds', self.consoles.vnc, self.instance))
            for _number in range(6)]
        with self.consoles._terminal(self.instance).lock:
            for thread in threads:
                thread.start()
            time.sleep(0.3)
        for thread in threads:
            thread.join(base.TIMEOUT)
        with open(os.path.join(root, 'usr/bin/runs')) as runs:
            self.assertEqual('\n', runs.read())

    def _is_alive(self, pid):
        try:
            with open('/proc/%s/stat' % pid) as stat:
                return stat.read().split()[2] != 'Z'
        except FileNotFoundError:
            return False

    def _impatient(self, run):
        return lambda mgmt, *args: run(mgmt, *args, timeout=1)

    def test_patience(self):
        self.assertLess(base.mgmt.COMMAND_TIMEOUT, 35)

    def test_a_child_keeps_its_output(self):
        root = self.mkvterm('sleep 30 & echo $! > $(dirname $0)/pid; '
                            'echo 5911')
        started = time.monotonic()
        self.assertEqual('5911\n', self.mgmt.run_command('mkvterm').out)
        self.assertLess(time.monotonic() - started, 20)
        with open(os.path.join(root, 'usr/bin/pid')) as pid:
            os.kill(int(pid.read()), 9)

    def test_it_cannot_be_run(self):
        root = self.mkvterm('')
        with open(os.path.join(root, 'usr/bin/mkvterm'), 'w') as command:
            command.write('#!/no/such/interpreter\n')
        self.assertUnavailable('cannot be run', self.consoles.vnc,
                               self.instance)

    def test_ibmi(self):
        self.instance.system_metadata['image_os_distro'] = 'ibmi'
        with socket.create_server(('127.0.0.1', 0)) as listening:
            root = self.mkvterm('echo $* > $(dirname $0)/arguments; echo %d' %
                                listening.getsockname()[1])
            self.consoles.vnc(self.instance)
        with open(os.path.join(root, 'usr/bin/arguments')) as arguments:
            self.assertEqual(
                '--id %d --vnc --local --consolesettings codepage=037\n' %
                self.lpar().partition_id, arguments.read())


class ServerTest(base.ConsoleTestCase):
    """VNC servers with other ideas of the protocol."""

    def serve(self, script):
        """Let mkvterm tell the port of a server that runs a function."""
        listening = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(listening.close)

        def accept():
            opened, _peer = listening.accept()
            with opened:
                try:
                    script(opened)
                except ConnectionError:
                    return

        thread = base.threading.Thread(target=accept, daemon=True)
        thread.start()
        self.addCleanup(thread.join, base.TIMEOUT)
        CommandTest.mkvterm(self, 'echo %d' % listening.getsockname()[1])
        return self.connect_to(self.consoles.vnc(self.instance))

    def test_version_3_3(self):
        def script(opened):
            opened.sendall(b'RFB 003.003\n')
            opened.recv(12)
            opened.sendall(b'\0\0\0\x01rest')
            opened.recv(1)

        client = rfb_client.Client(self.serve(script)[0])
        client.negotiate()
        self.assertEqual(b'rest', client.read(4))

    def test_others_are_refused(self):
        for text in (b'RFB 004.001\n', b'HTTP/1.1 200',
                     b'RFB 003.008\n\x01\x02', b'RFB 003.008\n\0',
                     b'RFB 003.008\n\x01\x01\0\0\0\x01'):
            def script(opened, text=text):
                opened.sendall(text)
                while opened.recv(100):
                    pass

            opened, answer = self.serve(script)
            self.assertEqual(REFUSED.split(b'\r')[0], answer)
            opened.close()
            self.consoles.close(self.instance)
        self.assertIn('A VNC console cannot be shown', self.logger.output)

    def test_silence(self):
        def script(opened):
            opened.recv(1)

        thread = base.threading.Timer(0, self.advance, [100])
        self.addCleanup(thread.cancel)
        original = rfb.Dialogue.__init__

        def patched(dialogue, *args, **kwargs):
            original(dialogue, *args, **kwargs)
            thread.start()

        self.useFixture(base.fixtures.MonkeyPatch(
            rfb.__name__ + '.Dialogue.__init__', patched))
        self.assertEqual(REFUSED.split(b'\r')[0], self.serve(script)[1])
