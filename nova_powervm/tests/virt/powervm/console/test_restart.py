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

"""What an earlier process has left that was killed, or has ended."""

import json
import os
import signal
import socket
import subprocess
import sys
import types
from unittest import mock

from nova_powervm.tests.virt.powervm.console import base
from nova_powervm.virt.powervm.console import service
from nova_powervm.virt.powervm.console import sockets
from nova_powervm.virt.powervm.console import vnc

#: A nova-compute with consoles, as far as it matters here: it opens that of
#: the first server, and logs that of the second one.
_PROCESS = '''
import json, sys, time
from nova import objects
from nova_powervm import conf
from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.console import service
from nova_powervm.virt.powervm import host, mgmt

options = json.loads(sys.argv[1])
objects.register_all()
conf.CONF([], project='nova', default_config_files=[])
for group, name, value in options:
    conf.CONF.set_override(name, value, group)
platform = host.Host('compute1')
platform.connect()
consoles = service.Consoles(platform, mgmt.ManagementPartition(platform))
consoles.vnc(base.make_instance(1))
conf.CONF.set_override('console_log', True, 'powervm')
consoles.keep_log(base.make_instance(2))
print('ready', flush=True)
time.sleep(600)
'''
_OPTIONS = {None: ('state_path',), 'powervm': (
    'rest_host', 'rest_port', 'rest_protocol', 'rest_user', 'rest_password',
    'management_root', 'vnc_port', 'serial_console_port')}


class KilledCase(base.ConsoleTestCase):

    def leave_vnc(self):
        """Open the console as a process that ends without closing it."""
        earlier = service.Consoles(self.host, self.mgmt, base.Clock())
        self.addCleanup(earlier.shutdown)
        earlier.vnc(self.instance)

    def partitions(self, *instances):
        """What the driver reads when it starts."""
        return types.SimpleNamespace(lpars=self.host.lpars(),
                                     instances=instances)


class KilledTest(KilledCase):
    """Another process is killed."""

    def setUp(self):
        super().setUp()
        self.logged = self.make_server(2)

    def run_and_kill(self):
        """Let another process open consoles, and kill it then."""
        options = [(group, name, getattr(base.CONF[group] if group else
                                         base.CONF, name))
                   for group, names in _OPTIONS.items() for name in names]
        process = subprocess.Popen(
            [sys.executable, '-c', _PROCESS, json.dumps(options)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        line = process.stdout.readline()
        self.assertEqual(b'ready\n', line, line or process.stderr.read())
        self.wait_for_text(self.logged)
        self.print(b'before', self.logged)
        base.wait_for(lambda: b'before' in self.log(), 'the log')
        process.send_signal(signal.SIGKILL)
        process.wait()

    def log(self):
        path = os.path.join(self.folder(), self.logged.uuid + '.log')
        if not os.path.exists(path):
            return b''
        with open(path, 'rb') as opened:
            return opened.read()

    def test_consoles_work_again(self):
        self.run_and_kill()
        opened = self.console().user
        self.consoles.resume(self.partitions(self.instance, self.logged))
        self.assertEqual(opened.port,
                         self.consoles._terminal(self.instance)._port)
        address = self.consoles.vnc(self.instance)
        _opened, answer = self.connect_to(address)
        self.assertEqual(b'HTTP/1.1 200 OK', answer)
        # Nothing was closed and opened again.
        self.assertIs(opened, self.console().user)
        self._look_at_log()

    def _look_at_log(self):
        # The kernel has ended mkvterm, which has closed the terminal.
        base.wait_for(lambda: not self.console(self.logged).is_open,
                      'the end')
        self.flags(console_log=True, group='powervm')
        consoles = self.start()
        partitions = self.partitions(self.logged)
        self.requests()
        consoles.resume(partitions)
        self.wait_for_text(self.logged)
        self.print(b'after', self.logged)
        base.wait_for(lambda: consoles.output(self.logged) == b'beforeafter',
                      'the log')
        self.assertEqual([], self.requests())


class KilledLogTest(KilledCase):

    OPTIONS = {'console_log': True}

    def test_servers_that_are_off_wait(self):
        with self.site.lock:
            self.lpar().set_state('not activated')
        self.consoles.resume(self.partitions(self.instance))
        self.consoles._tools.executor.submit(lambda: None).result()
        self.assertFalse(self.console().is_open)


class KilledVncTest(KilledCase):

    def test_closed_if_nobody_uses_it(self):
        self.leave_vnc()
        self.consoles.resume(self.partitions(self.instance))
        self.advance(301)
        base.wait_for(lambda: not self.console().is_open, 'rmvterm')

    def test_now_with_a_log(self):
        self.leave_vnc()
        self.flags(console_log=True, group='powervm')
        self.consoles.resume(self.partitions(self.instance))
        base.wait_for(lambda: getattr(self.console().user, 'client', None),
                      'the terminal as text')

    def mark(self, text, instance=None):
        os.makedirs(self.folder(), exist_ok=True)
        path = os.path.join(self.folder(), '%s.vnc' % (
            instance or self.instance).uuid)
        with open(path, 'w') as mark:
            mark.write(text)
        return path

    def test_mark_of_another_partition(self):
        """It was deleted, and somebody else has its ID now."""
        other = self.make_server(2)
        self.mark('%d 5999' % self.lpar(other).partition_id)
        self.consoles.resume(self.partitions(self.instance, other))
        terminal = self.consoles._terminal(self.instance)
        self.assertFalse(terminal.is_open)
        self.mark('nonsense')
        self.assertFalse(terminal.adopt(self.host.lpars()[0]))

    def test_mark_of_a_server_that_has_ended(self):
        """Another one may have its port."""
        self.leave_vnc()
        with self.site.lock:
            user = self.console().user
            self.console().close()
        base.wait_for(
            lambda: not self.simulated.terminals._list(), 'the end')
        with socket.create_server(('127.0.0.1', user.port)):
            self.consoles.resume(self.partitions(self.instance))
        self.assertFalse(self.consoles._terminal(self.instance).is_open)

    def test_mark_of_another_server(self):
        """An administrator has opened the terminal since."""
        with self.site.lock:
            self.simulated.terminals.run([
                'mkvterm', '--id', str(self.lpar().partition_id), '--vnc'])
        self.mark('%d 1' % self.lpar().partition_id)
        self.consoles.vnc(self.instance)
        self.consoles.close(self.instance)
        self.assertTrue(self.console().is_open)

    def test_files_of_servers_elsewhere(self):
        here = self.mark('1 1')
        gone = [self.mark('1 1', base.base.make_instance(9))]
        gone.append(gone[0].replace('.vnc', '.log'))
        with open(gone[1], 'w') as log:
            log.write('x')
        self.consoles.resume(self.partitions(self.instance))
        self.assertTrue(os.path.exists(here))
        self.assertEqual([], [path for path in gone if os.path.exists(path)])

    def test_files_of_others(self):
        """Only a file that nova-compute writes is deleted."""
        path = self.mark('1 1', base.base.make_instance(9))
        os.unlink(path)
        kept = [os.path.join(self.folder(), 'notes.txt'),
                path.replace('.vnc', '.bak'), path.replace('.vnc', '.log')]
        for name in kept[:2]:
            with open(name, 'w') as opened:
                opened.write('x')
        os.mkdir(kept[2])
        self.consoles.resume(self.partitions(self.instance))
        self.assertEqual(kept, list(filter(os.path.exists, kept)))
        self.assertIn('cannot be deleted', self.logger.output)

    def test_the_kernel_does_not_tell(self):
        """Nobody knows whose VNC server listens: it stays."""
        self.leave_vnc()
        with mock.patch.object(sockets, 'listening_on', return_value=None):
            self.consoles.resume(self.partitions(self.instance))
        self.assertFalse(self.consoles._terminal(self.instance).is_open)
        self.assertTrue(self.console().is_open)
        # The next console finds that it is ours.
        self.consoles.vnc(self.instance)
        self.consoles.close(self.instance)
        self.assertFalse(self.console().is_open)

    def test_nothing_was_left(self):
        partitions = self.partitions(self.instance)
        self.requests()
        del partitions.instances
        self.consoles.resume(partitions)
        self.assertEqual([], self.requests())
        self.assertEqual([], [
            thread.name for thread in base.threading.enumerate()
            if thread.name.startswith('powervm-console')])


class PortTest(base.base.TestCase):

    def test_output_of_mkvterm(self):
        for text, port in (('5911\n', 5911), ('5911\nmore', 5911), ('', None),
                           ('no 5911', None), ('65536', None), ('-1', None)):
            self.assertEqual(port, vnc._port(text))
