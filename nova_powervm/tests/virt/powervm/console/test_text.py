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

"""Tests of serial consoles and of the log, with the simulated mkvterm."""

import os
import select
import signal
import stat
import threading
from unittest import mock

from nova import exception as nova_exc

from nova_powervm.tests.virt.powervm.console import base
from nova_powervm.tests.virt.powervm.console import test_trouble
from nova_powervm.virt.powervm.console import text
from nova_powervm.virt.powervm.live import outcome

_OS_DISTRO = {'powervm_os_distro': 'ibmi', 'image_os_distro': 'ibmi'}


class TextCase(base.ConsoleTestCase):

    def setUp(self):
        super().setUp()
        # On a busy machine the simulated mkvterm takes a while to refuse.
        self.useFixture(base.fixtures.MonkeyPatch(
            text.__name__ + '.SETTLE_SECONDS', 0.3))

    def terminal(self):
        return self.consoles._terminal(self.instance)

    def wait_until(self, is_open):
        base.wait_for(lambda: self.terminal().is_open == is_open,
                      'the terminal')

    def read(self, opened, until):
        data = b''
        while not data.endswith(until):
            more = opened.recv(65536)
            if not more:
                raise EOFError(data[-100:])
            data += more
        return data

    def connect(self, *args):
        """Connect to the REST API, or to a console."""
        if not args or not hasattr(args[0], 'path'):
            return super().connect(*args)
        opened, answer = self.connect_to(args[0])
        self.assertEqual(b'HTTP/1.1 200 OK', answer)
        return opened


class SerialTest(TextCase):
    """[serial_console] enabled, without a log."""

    SERIAL = True

    def open(self):
        address = self.consoles.serial(self.instance)
        self.wait_for_text()
        return address

    def test_guest_and_user(self):
        opened = self.connect(self.open())
        self.print(b'login: ')
        self.assertEqual(b'login: ', self.read(opened, b': '))
        opened.sendall(b'root\r')
        self.assertEqual(b'root\r\n', self.read(opened, b'\n'))

    def test_one_request(self):
        first = self.open()
        self.assertEqual(['GET LogicalPartition'], self.requests())
        self.assertEqual(first, self.consoles.serial(self.instance))
        self.assertEqual([], self.requests())

    def test_rmvterm_cannot_be_run(self):
        """The process of mkvterm ends all the same."""
        self.open()
        self.advance(2)
        terminal = self.terminal()
        command = terminal._command
        with mock.patch.object(terminal, '_rmvterm',
                               side_effect=OSError('Too many')) as rmvterm:
            self.assertRaises(OSError, terminal._close)
        rmvterm.assert_called_once_with()
        self.assertIsNotNone(command._process.returncode)
        self.administrator('rmvterm')

    def test_10_mib_in_order(self):
        opened = self.connect(self.open())
        sent = b''.join(b'%063d\n' % number for number in range(163840))
        self.print(sent)
        self.assertEqual(sent, self.read(opened, sent[-64:]))

    def test_the_newest_types(self):
        address = self.open()
        older, newer = self.connect(address), self.connect(address)
        older.sendall(b'older\r')
        newer.sendall(b'newer\r')
        for opened in (older, newer):
            self.assertEqual(b'newer\r\n', self.read(opened, b'\n'))
        newer.close()
        base.wait_for(lambda: len(self.terminal()._clients) == 1, 'it to go')
        older.sendall(b'older\r')
        self.assertEqual(b'older\r\n', self.read(older, b'\n'))

    def test_who_does_not_read_is_cut(self):
        address = self.open()
        silent, opened = self.connect(address), self.connect(address)
        base.wait_for(lambda: len(self.terminal()._clients) == 2, 'both')
        sent = b'x' * 8000000 + b'end'
        received = []
        reader = threading.Thread(
            target=lambda: received.append(self.read(opened, b'end')))
        reader.start()
        self.print(sent)
        base.wait_for(lambda: self.terminal()._clients[0].is_full,
                      'a full buffer')
        for client in self.terminal()._clients:
            self.assertLess(len(client._out), 400000)
        self.advance(11)
        reader.join(base.TIMEOUT)
        self.assertEqual([sent], received)
        base.wait_for(lambda: len(self.terminal()._clients) == 1, 'the cut')
        silent.close()

    def stop_guest(self):
        """Stop mkvterm, so it reads nothing that users type."""
        pid = self.terminal()._command.pid
        os.kill(pid, signal.SIGSTOP)
        self.addCleanup(os.kill, pid, signal.SIGCONT)
        return pid

    def fill(self, opened):
        """Type until nothing more is taken."""
        opened.settimeout(0.1)
        try:
            while True:
                opened.sendall(b'x' * 65536)
        except TimeoutError:
            pass
        base.wait_for(lambda: self.terminal()._held, 'a full terminal')

    def test_guest_does_not_read(self):
        """Who has typed much is cut, and counts no more."""
        address = self.open()
        watching, typing = self.connect(address), self.connect(address)
        self.stop_guest()
        self.fill(typing)
        typing.close()
        base.wait_for(lambda: self.advance(11) or self.terminal()._count == 1,
                      'the cut')
        self.connect(address)
        watching.close()
        self.assertIn('The guest does not read', self.logger.output)

    def test_guest_reads_slowly(self):
        typing = self.connect(self.open())
        pid = self.stop_guest()
        self.fill(typing)
        # As if it had read a little.
        del self.terminal()._terminal._out[-1:]
        self.advance(11)
        self.advance(0)
        self.assertEqual(1, self.terminal()._count)
        os.kill(pid, signal.SIGCONT)
        base.wait_for(lambda: not self.terminal()._held, 'the guest to read')
        self.assertEqual(1, self.terminal()._count)

    def test_no_log(self):
        self.assertRaisesRegex(
            nova_exc.ConsoleNotAvailable, 'console_log is not set',
            self.consoles.output, self.instance)
        self.open()
        self.assertEqual([], [name for _folder, _folders, names in os.walk(
            self.folder()) for name in names])

    def test_closed_when_nobody_uses_it(self):
        address = self.open()
        opened = self.connect(address)
        opened.close()
        base.wait_for(lambda: not self.terminal()._count, 'it to go')
        self.advance(301)
        base.wait_for(lambda: not self.console().is_open, 'the end')
        self.wait_until(False)
        self.connect(self.open())

    def test_an_administrator_has_it(self):
        self.administrator('mkvterm')
        self.useFixture(base.fixtures.MonkeyPatch(
            text.__name__ + '.SETTLE_SECONDS', base.TIMEOUT))
        self.assertUnavailable('is open already', self.consoles.serial,
                               self.instance)
        base.wait_for(lambda: not self.terminal().is_open, 'the end')

    def test_taken_from_an_administrator(self):
        self.flags(console_force=True, group='powervm')
        self.administrator('mkvterm')
        self.useFixture(base.fixtures.MonkeyPatch(
            text.__name__ + '.SETTLE_SECONDS', 5))
        opened = self.connect(self.consoles.serial(self.instance))
        self.wait_for_text()
        self.print(b'login: ')
        self.assertEqual(b'login: ', self.read(opened, b': '))
        self.assertIn('[powervm] console_force is set', self.logger.output)

    def test_only_a_terminal_that_is_open_is_taken(self):
        self.flags(console_force=True, group='powervm')
        self.useFixture(base.fixtures.MonkeyPatch(
            text.__name__ + '.SETTLE_SECONDS', base.TIMEOUT))
        root = test_trouble.CommandTest.mkvterm(
            self, 'echo no such partition >&2; exit 1')
        self.assertUnavailable('mkvterm has ended. no such partition',
                               self.consoles.serial, self.instance)
        self.assertFalse(os.path.exists(os.path.join(root, 'called')))

    def test_an_administrator_closes_it(self):
        opened = self.connect(self.open())
        self.administrator('rmvterm')
        self.assertEqual(b'', opened.recv(1))
        self.wait_until(False)
        self.connect(self.open())

    def test_other_types(self):
        self.assertUnavailable(
            'the only terminal of the server is a serial console',
            self.consoles.vnc, self.instance)
        self.instance.system_metadata['image_os_distro'] = 'ibmi'
        self.assertUnavailable('IBM i has a VNC console only',
                               self.consoles.serial, self.instance)

    def test_close_and_shutdown(self):
        opened = self.connect(self.open())
        command = self.terminal()._command
        self.consoles.close(self.instance)
        self.assertIsNotNone(command._process.poll())
        self.assertFalse(self.console().is_open)
        self.assertEqual(b'', opened.recv(1))
        self.open()
        command = self.terminal()._command
        self.consoles.shutdown()
        self.assertIsNotNone(command._process.poll())
        self.assertFalse(self.console().is_open)

    def test_no_lpar(self):
        with self.site.lock:
            self.lpar().set_state('not activated')
            self.simulated.remove(self.lpar())
        self.assertRaises(nova_exc.InstanceNotFound, self.consoles.serial,
                          self.instance)


class NoSerialTest(TextCase):

    def test_not_enabled(self):
        self.assertUnavailable('[serial_console] enabled is not set',
                               self.consoles.serial, self.instance)


class LogTest(TextCase):
    """[powervm] console_log."""

    OPTIONS = {'console_log': True}

    def log(self):
        return self.consoles.output(self.instance)

    def wait_for_log(self, what):
        base.wait_for(lambda: what in self.log(), what)

    def start_log(self, **kwargs):
        self.consoles.keep_log(self.instance, **kwargs)
        self.wait_for_text()

    def wait_for_end(self):
        """Wait until the driver knows that mkvterm has ended."""
        base.wait_for(lambda: self.terminal()._retry_timer, 'the end')
        self.assertFalse(self.terminal().is_open)

    def test_log(self):
        self.assertEqual(b'', self.log())
        self.start_log()
        self.print(b'boot \xff\xe4\r\n')
        self.wait_for_log(b'boot \xff\xe4\r\n')
        self.assertEqual(['GET LogicalPartition'], self.requests())
        self.consoles.keep_log(self.instance)
        self.log()
        self.assertEqual([], self.requests())

    def test_no_request_with_the_lpar_at_hand(self):
        lpar_w = base.vm.get_instance_wrapper(self.host, self.instance)
        self.requests()
        self.start_log(lpar_w=lpar_w)
        self.assertEqual([], self.requests())

    def test_permissions(self):
        self.start_log()
        self.print(b'secret')
        self.wait_for_log(b'secret')
        folder = self.folder()
        self.assertEqual(0o700, stat.S_IMODE(os.stat(folder).st_mode))
        self.assertEqual([self.instance.uuid + '.log'], os.listdir(folder))
        self.assertEqual(0o600, stat.S_IMODE(os.stat(os.path.join(
            folder, self.instance.uuid + '.log')).st_mode))
        self.assertNotIn('secret', self.logger.output)

    def test_serial_console_of_a_server_with_log(self):
        self.flags(enabled=True, group='serial_console')
        self.start_log()
        self.requests()
        opened = self.connect(self.consoles.serial(self.instance))
        self.assertEqual([], self.requests())
        opened.sendall(b'date\r')
        self.read(opened, b'date\r\n')
        self.wait_for_log(b'date\r\n')
        opened.close()
        self.advance(1000)
        # The log needs it.
        self.print(b'later')
        self.wait_for_log(b'later')

    def test_the_end_of_much_is_kept(self):
        self.start_log()
        sent = b''.join(b'%063d\n' % number for number in range(163840))
        self.print(sent)
        self.wait_for_log(sent[-100:])
        self.assertTrue(sent.endswith(self.log()))
        self.assertEqual(100 * 1024, len(self.log()))
        self.assertLess(sum(os.stat(os.path.join(
            self.folder(), name)).st_size for name in os.listdir(
                self.folder())), 400 * 1024)

    def test_forget(self):
        self.start_log()
        self.print(b'secret')
        self.wait_for_log(b'secret')
        self.consoles.close(self.instance)
        self.assertFalse(self.console().is_open)
        self.assertIn(b'secret', self.log())
        self.consoles.forget(self.instance)
        self.assertEqual([], os.listdir(self.folder()))
        self.assertEqual(b'', self.log())

    def test_output_after_the_log_is_deleted(self):
        self.start_log()
        self.print(b'first')
        self.wait_for_log(b'first')
        busy = threading.Event()
        self.consoles._tools.hub.post(busy.wait, base.TIMEOUT)
        self.print(b'last words')
        terminal = self.terminal()._command.terminal
        base.wait_for(lambda: select.select([terminal], [], [], 0)[0],
                      'the output')
        self.consoles.forget(self.instance)
        busy.set()
        self.advance(0)
        self.assertEqual([], os.listdir(self.folder()))

    def test_an_administrator_wins_and_the_log_returns(self):
        self.flags(console_force=True, group='powervm')
        self.start_log()
        self.administrator('rmvterm')
        self.administrator('mkvterm')
        self.wait_for_end()
        self.wait_for_log(b'nova-compute: the terminal is closed')
        for seconds in (61, 121, 241):
            before = self.terminal()._retry_timer
            self.advance(seconds)
            base.wait_for(lambda: self.terminal()._retry_timer not in
                          (None, before), 'another attempt')
        # Nobody has taken it from the administrator.
        self.assertIsNone(self.console().user.client)
        self.administrator('rmvterm')
        self.advance(481)
        self.wait_for_text()
        self.print(b'it is back')
        self.wait_for_log(b'it is back')

    def test_user_with_force_after_the_log_has_lost(self):
        self.flags(enabled=True, group='serial_console')
        self.flags(console_force=True, group='powervm')
        self.administrator('mkvterm')
        self.consoles.keep_log(self.instance)
        self.wait_for_end()
        self.useFixture(base.fixtures.MonkeyPatch(
            text.__name__ + '.SETTLE_SECONDS', 5))
        self.connect(self.consoles.serial(self.instance))
        self.wait_for_text()
        self.print(b'both')
        self.wait_for_log(b'both')

    def test_no_log_during_a_migration(self):
        lpar_w = base.vm.get_instance_wrapper(self.host, self.instance)
        with mock.patch.object(outcome, 'is_migrating', return_value=True):
            self.consoles.keep_log(self.instance, lpar_w)
        self.assertFalse(self.console().is_open)
        self.advance(61)
        self.wait_for_text()

    def test_attempts_become_rare(self):
        self.administrator('mkvterm')
        found = []
        for _attempt in range(8):
            found.append(self.terminal()._retry_seconds)
            self.terminal()._try_later()
        self.assertEqual([60, 120, 240, 480, 960, 1800, 1800, 1800], found)

    def test_closed_before_mkvterm_is_refused(self):
        """The terminal of an administrator stays open."""
        self.useFixture(base.fixtures.MonkeyPatch(
            text.__name__ + '.SETTLE_SECONDS', base.TIMEOUT))
        root = test_trouble.CommandTest.mkvterm(
            self, 'sleep 0.5; echo is open already >&2; exit 3')
        self.consoles.keep_log(self.instance)
        self.consoles.close(self.instance)
        self.assertFalse(os.path.exists(os.path.join(root, 'called')))

    def test_no_more_attempts_after_the_end(self):
        self.administrator('mkvterm')
        self.consoles.keep_log(self.instance)
        terminal = self.terminal()
        base.wait_for(lambda: terminal._retry_timer, 'the refusal')
        self.consoles.close(self.instance)
        self.assertIsNone(terminal._retry_timer)
        self.administrator('rmvterm')
        self.advance(100)
        terminal._try_again()
        self.assertFalse(self.console().is_open)

    def test_the_lpar_is_gone(self):
        self.start_log()
        with self.site.lock:
            self.lpar().set_state('not activated')
            self.simulated.remove(self.lpar())
        self.wait_for_end()
        self.advance(61)
        base.wait_for(lambda: 'so its console is not logged' in
                      self.logger.output, 'the driver to notice')
        self.assertIsNone(self.terminal()._retry_timer)

    def test_another_id(self):
        """The LPAR was deleted, and made again beside another one."""
        self.start_log()
        with self.site.lock:
            lpar = self.lpar()
            old = lpar.partition_id
            lpar.set_state('not activated')
            self.simulated.remove(lpar)
        other = self.make_server(2)
        self.assertEqual(old, self.lpar(other).partition_id)
        self.make_server(1)
        self.wait_for_end()
        self.advance(61)
        self.wait_for_text()
        self.assertFalse(self.console(other).is_open)

    def test_no_log_here(self):
        self.instance.system_metadata['image_os_distro'] = 'ibmi'
        self.consoles.keep_log(self.instance)
        self.assertRaisesRegex(
            nova_exc.ConsoleNotAvailable, 'IBM i', self.consoles.output,
            self.instance)
        self.instance.system_metadata.clear()
        self.mgmt._root = self.useFixture(base.fixtures.TempDir()).path
        self.consoles.keep_log(self.instance)
        self.assertRaisesRegex(
            nova_exc.ConsoleNotAvailable, 'NovaLink partition',
            self.consoles.output, self.instance)
        self.assertEqual([], self.requests())

    def test_disk_is_full(self):
        self.start_log()
        log = self.consoles._log(self.instance)
        folder, log._folder = log._folder, '/proc/none'
        self.print(b'lost')
        base.wait_for(lambda: 'is not complete' in self.logger.output,
                      'the warning')
        log._folder = folder
        self.print(b'kept')
        self.wait_for_log(b'kept')
