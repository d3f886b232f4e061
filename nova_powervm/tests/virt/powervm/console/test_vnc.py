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

"""Tests of VNC consoles, with the simulated mkvterm and its VNC server."""

import os
import socket
import threading
from unittest import mock

import fixtures
from nova.compute import task_states
from nova import exception as nova_exc

from nova_powervm.tests import rfb_client
from nova_powervm.tests.virt.powervm.console import base
from nova_powervm.virt.powervm.console import sockets
from nova_powervm.virt.powervm.console import vnc
from nova_powervm.virt.powervm.live import outcome
from nova_powervm.virt.powervm import mgmt


class VncTest(base.ConsoleTestCase):

    def client(self, address):
        """A VNC client that sees the screen."""
        opened, answer = self.connect_to(address)
        self.assertEqual(b'HTTP/1.1 200 OK', answer)
        client = rfb_client.Client(opened)
        client.negotiate()
        client.start()
        return client

    def test_guest_and_user_see_each_other(self):
        client = self.client(self.consoles.vnc(self.instance))
        self.print(b'a line of the guest\r\n')
        self.assertEqual('a line of the guest', client.wait_for('guest'))
        client.type('typed by the user\n')
        client.wait_for('typed by the user')
        self.assertIn(b'typed by the user', self.console().read())

    def test_one_request(self):
        first = self.consoles.vnc(self.instance)
        self.assertEqual(['GET LogicalPartition'], self.requests())
        self.assertEqual(first, self.consoles.vnc(self.instance))
        self.assertEqual([], self.requests())
        self.assertEqual('127.0.0.1', first.host)

    def test_each_server_has_its_path(self):
        other = self.make_server(2)
        addresses = [self.consoles.vnc(instance)
                     for instance in (self.instance, other)]
        self.assertEqual(1, len({address.port for address in addresses}))
        self.assertEqual(2, len({address.path for address in addresses}))
        self.print(b'one of two', self.instance)
        self.print(b'the other one', other)
        clients = [self.client(address) for address in addresses]
        clients[0].wait_for('one of two')
        clients[1].wait_for('the other one')
        self.assertNotIn('other', ''.join(clients[0].rows))

    def test_paths_of_another_process(self):
        address = self.consoles.vnc(self.instance)
        self.assertNotEqual(address.path,
                            self.start().vnc(self.instance).path)
        self.assertNotIn(self.instance.uuid, address.path)

    def test_wrong_paths(self):
        address = self.consoles.vnc(self.instance)
        for path in (self.instance.uuid, address.path[:-1] + '/',
                     address.path.upper(), 'x' * 2000):
            _opened, answer = self.connect_to(address, path)
            self.assertEqual(b'HTTP/1.1 400 Bad Request', answer)

    def test_closed_when_nobody_uses_it(self):
        address = self.consoles.vnc(self.instance)
        client = self.client(address)
        self.print(b'still there')
        self.advance(1000)
        client.wait_for('still there')
        client.close()
        base.wait_for(lambda: not self.count(), 'the client to go')
        self.advance(299)
        self.client(address).wait_for('still there')
        self.assertTrue(self.console().is_open)

    def count(self):
        return self.consoles._terminal(self.instance)._count

    def test_closed_after_the_last_client(self):
        address = self.consoles.vnc(self.instance)
        self.client(address).close()
        base.wait_for(lambda: not self.count(), 'the client to go')
        self.advance(301)
        base.wait_for(lambda: not self.console().is_open, 'rmvterm')
        base.wait_for(lambda: not os.listdir(self.folder()), 'no mark')
        # The path stays, so that the URL of the user works again.
        self.assertEqual(address, self.consoles.vnc(self.instance))
        self.client(address)

    def test_nobody_comes(self):
        self.consoles.vnc(self.instance)
        self.advance(301)
        base.wait_for(lambda: not self.console().is_open, 'rmvterm')

    def test_close(self):
        address = self.consoles.vnc(self.instance)
        client = self.client(address)
        self.consoles.close(self.instance)
        self.assertFalse(self.console().is_open)
        self.assertRaises((EOFError, OSError), client.wait_for, 'x')
        self.assertEqual(b'HTTP/1.1 400 Bad Request',
                         self.connect_to(address)[1])
        self.consoles.close(self.instance)

    def test_no_lpar(self):
        with self.site.lock:
            self.lpar().set_state('not activated')
            self.simulated.remove(self.lpar())
        self.assertRaises(nova_exc.InstanceNotFound, self.consoles.vnc,
                          self.instance)

    def test_no_answer_of_the_platform(self):
        self.fail_request(method='GET', path='LogicalPartition',
                          effect='status', status=500)
        self.assertUnavailable('500', self.consoles.vnc, self.instance)

    def test_server_that_is_off(self):
        with self.site.lock:
            self.lpar().set_state('not activated')
        self.client(self.consoles.vnc(self.instance))

    def test_somebody_has_closed_it(self):
        address = self.consoles.vnc(self.instance)
        client = self.client(address)
        self.administrator('rmvterm')
        self.assertRaises((EOFError, OSError), client.wait_for, 'x')
        base.wait_for(lambda: not self.consoles._terminal(
            self.instance).is_open, 'the driver to notice')
        self.assertEqual(address, self.consoles.vnc(self.instance))
        self.client(address)

    def test_somebody_has_closed_it_unseen(self):
        address = self.consoles.vnc(self.instance)
        self.administrator('rmvterm')
        base.wait_for(
            lambda: not self.simulated.terminals._list(), 'the end')
        self.assertEqual(b'HTTP/1.1 400 Bad Request',
                         self.connect_to(address)[1])
        base.wait_for(lambda: not self.consoles._terminal(
            self.instance).is_open, 'the driver to notice')
        self.client(self.consoles.vnc(self.instance))

    def test_another_server_has_the_port(self):
        """What was this server's port may show another server now."""
        address = self.consoles.vnc(self.instance)
        port = self.console().user.port
        self.administrator('rmvterm')
        base.wait_for(
            lambda: not self.simulated.terminals._list(), 'the end')
        other = socket.create_server(('127.0.0.1', port))
        self.addCleanup(other.close)
        opened, answer = self.connect_to(address)
        self.assertEqual(b'HTTP/1.1 400 Bad Request', answer)
        other.setblocking(False)
        self.assertRaises(BlockingIOError, other.accept)
        # The next request opens it again.
        self.client(self.consoles.vnc(self.instance))

    def test_another_server_has_the_id(self):
        """The LPAR is gone, and another one has its ID: that stays open."""
        self.consoles.vnc(self.instance)
        old = self.lpar().partition_id
        with self.site.lock:
            self.lpar().set_state('not activated')
            self.simulated.remove(self.lpar())
        other = self.make_server(2)
        self.assertEqual(old, self.lpar(other).partition_id)
        base.wait_for(
            lambda: not self.simulated.terminals._list(), 'the end')
        self.consoles.vnc(other)
        self.consoles.close(self.instance)
        self.assertTrue(self.console(other).is_open)

    def test_the_kernel_does_not_tell_who_listens(self):
        with mock.patch.object(sockets, 'listening_on', return_value=None):
            self.client(self.consoles.vnc(self.instance))
            self.consoles.close(self.instance)
        self.assertFalse(self.console().is_open)

    def test_server_that_listens_late(self):
        """mkvterm tells the port before its server listens."""
        found = [frozenset(), frozenset()]
        listening_on = sockets.listening_on

        def late(port):
            return found.pop() if found else listening_on(port)

        with mock.patch.object(sockets, 'listening_on', late):
            address = self.consoles.vnc(self.instance)
        self.assertEqual([], found)
        # So another server at this port is noticed.
        self.assertEqual(1, len(self.consoles._terminal(
            self.instance)._sockets))
        self.client(address)

    def test_server_that_does_not_listen(self):
        self.useFixture(fixtures.MonkeyPatch(
            vnc.__name__ + '.LISTEN_SECONDS', 0.1))
        with mock.patch.object(sockets, 'listening_on',
                               return_value=frozenset()):
            self.assertUnavailable('nobody listens on port', self.consoles.vnc,
                                   self.instance)
        self.assertFalse(self.console().is_open)
        self.client(self.consoles.vnc(self.instance))

    def test_server_of_somebody_else_that_does_not_listen(self):
        self.useFixture(fixtures.MonkeyPatch(
            vnc.__name__ + '.LISTEN_SECONDS', 0.1))
        with self.site.lock:
            self.simulated.terminals.run([
                'mkvterm', '--id', str(self.lpar().partition_id), '--vnc'])
        with mock.patch.object(sockets, 'listening_on',
                               return_value=frozenset()):
            self.assertUnavailable('somebody has opened the terminal',
                                   self.consoles.vnc, self.instance)
        self.assertTrue(self.console().is_open)

    def test_an_administrator_has_it(self):
        self.administrator('mkvterm')
        self.assertUnavailable('somebody has opened the terminal',
                               self.consoles.vnc, self.instance)
        self.assertTrue(self.console().is_open)

    def test_taken_from_an_administrator(self):
        self.flags(console_force=True, group='powervm')
        self.administrator('mkvterm')
        self.client(self.consoles.vnc(self.instance))
        self.assertIn('[powervm] console_force is set', self.logger.output)
        self.consoles.close(self.instance)
        self.assertFalse(self.console().is_open)

    def test_vnc_of_an_administrator_is_not_closed(self):
        with self.site.lock:
            self.simulated.terminals.run([
                'mkvterm', '--id', str(self.lpar().partition_id), '--vnc'])
        # There is no need to close it.
        self.flags(console_force=True, group='powervm')
        self.client(self.consoles.vnc(self.instance))
        self.consoles.close(self.instance)
        self.assertTrue(self.console().is_open)

    def test_server_that_moves(self):
        self.instance.task_state = task_states.MIGRATING
        self.assertUnavailable('the server is in state migrating',
                               self.consoles.vnc, self.instance)
        self.assertEqual([], self.requests())
        self.instance.task_state = None
        self.useFixture(fixtures.MonkeyPatch(
            outcome.__name__ + '.is_migrating', lambda lpar_w: True))
        self.assertUnavailable('the server is being migrated',
                               self.consoles.vnc, self.instance)
        self.assertFalse(self.console().is_open)

    def test_old_protocols(self):
        self.simulated.terminals.rfb_version = b'RFB 003.007\n'
        self.print(b'')
        client = self.client(self.consoles.vnc(self.instance))
        self.print(b'seven')
        client.wait_for('seven')

    def test_closed_while_somebody_opens_it(self):
        """A flow closes the terminal after the user has asked for it."""
        original = self.consoles._listener

        def closing(*args):
            self.consoles.close(self.instance)
            return original(*args)

        with mock.patch.object(self.consoles, '_listener', closing):
            self.assertUnavailable('the server has just been changed',
                                   self.consoles.vnc, self.instance)
        self.assertFalse(self.console().is_open)
        self.client(self.consoles.vnc(self.instance))

    def test_opened_while_it_closes(self):
        self.consoles.vnc(self.instance)
        run = self.mgmt.run_command
        opened = []

        def running(name, *args):
            if name == 'rmvterm':
                try:
                    opened.append(self.consoles.vnc(self.instance))
                except nova_exc.ConsoleTypeUnavailable as exc:
                    self.assertIn('try again', str(exc))
            return run(name, *args)

        with mock.patch.object(self.mgmt, 'run_command', running):
            self.consoles.close(self.instance)
        self.assertEqual([], opened)
        self.assertFalse(self.console().is_open)
        self.client(self.consoles.vnc(self.instance))

    def test_rmvterm_hangs(self):
        self.consoles.vnc(self.instance)
        result = mgmt.CommandResult(None, '', 'it did not end in 30 seconds')
        with mock.patch.object(self.mgmt, 'run_command', return_value=result):
            self.consoles.close(self.instance)
        self.assertIn('rmvterm has not closed the terminal: it did not end',
                      self.logger.output)
        # It is still ours.
        self.consoles.vnc(self.instance)
        self.consoles.close(self.instance)
        self.assertFalse(self.console().is_open)

    def test_no_mark(self):
        """The disk is full, for example."""
        with open(os.path.join(base.CONF.state_path, 'consoles'), 'w'):
            self.client(self.consoles.vnc(self.instance))
        self.assertIn('after a restart', self.logger.output)
        self.consoles.close(self.instance)
        self.assertFalse(self.console().is_open)

    def test_too_many_clients(self):
        address = self.consoles.vnc(self.instance)
        for _number in range(4):
            self.client(address)
        self.assertEqual(b'HTTP/1.1 400 Bad Request',
                         self.connect_to(address)[1])

    def test_no_free_port(self):
        port = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(port.close)
        self.flags(vnc_port=port.getsockname()[1], group='powervm')
        self.assertUnavailable('cannot listen on 127.0.0.1 port',
                               self.consoles.vnc, self.instance)
        self.assertFalse(self.console().is_open)

    def test_shutdown(self):
        client = self.client(self.consoles.vnc(self.instance))
        self.consoles.shutdown()
        self.assertFalse(self.console().is_open)
        self.assertRaises((EOFError, OSError), client.wait_for, 'x')
        self.assertEqual([], [
            thread.name for thread in threading.enumerate()
            if thread.name.startswith('powervm-console')])
        self.assertUnavailable('', self.consoles.vnc, self.instance)

    def test_another_system(self):
        root = self.useFixture(fixtures.TempDir()).path
        for name in ('usr', 'proc'):
            os.symlink(os.path.join(self.simulated.management_root, name),
                       os.path.join(root, name))
        os.unlink(os.path.join(root, 'proc'))
        os.makedirs(os.path.join(root, 'proc/ppc64'))
        with open(os.path.join(root, 'proc/ppc64/lparcfg'), 'w') as lparcfg:
            lparcfg.write('lparcfg 1.9\nserial_number=IBM,02ABCDEFG\n')
        self.mgmt._root = root
        self.assertUnavailable(
            'runs on system IBM,02ABCDEFG, and manages system 21',
            self.consoles.vnc, self.instance)

    def test_remote(self):
        self.mgmt._root = self.useFixture(fixtures.TempDir()).path
        self.assertUnavailable(
            'does not run on the NovaLink partition', self.consoles.vnc,
            self.instance)
        self.assertIn('does not run on the NovaLink partition',
                      self.logger.output)
        self.assertEqual([], self.requests())

    def test_nothing_of_the_path_is_logged(self):
        address = self.consoles.vnc(self.instance)
        self.client(address)
        self.connect_to(address, address.path[:-1])
        self.assertNotIn(address.path[:-1], self.logger.output)
