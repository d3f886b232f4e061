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

"""Consoles of servers, and the log of what they print."""

import os

import fixtures as fx
from nova.console import type as console_type

from nova_powervm import conf as cfg
from nova_powervm.tests import rfb_client
from nova_powervm.tests.virt.powervm.console import base as console_base
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import live_migration
from nova_powervm.tests.virt.powervm.walks import view
from nova_powervm.virt.powervm.console import service

CONF = cfg.CONF
FIRMWARE = 'Simulated firmware of '


class ConsoleMixin:
    """A cloud with ports for consoles."""

    CONSOLES = {'vnc_port': 0, 'serial_console_port': 0}

    @classmethod
    def prepare(cls, cloud):
        super().prepare(cloud)
        for name, value in cls.CONSOLES.items():
            CONF.set_override(name, value, 'powervm')
        CONF.set_override('state_path', cloud.useFixture(fx.TempDir()).path)

    def console_of(self, server, host='compute1'):
        """The simulated console of a server."""
        return view.partition_of(self.simulated_host(host),
                                 server['id']).console

    def print(self, server, text, host='compute1'):
        with self.site.lock:
            self.console_of(server, host).print(text)

    def answer(self, console):
        """The answer to a proxy that connects to a console, and its end."""
        opened, answer = rfb_client.connect(
            console.port, console.internal_access_path, console.host)
        self.addCleanup(opened.close)
        self.assertEqual(b'HTTP/1.1 200 OK', answer)
        return opened


class VncTest(ConsoleMixin, base.ScenarioCase):

    def client(self, server):
        console = self.driver.get_vnc_console(self.context,
                                              self.instance_of(server))
        self.assertIsInstance(console, console_type.ConsoleVNC)
        client = rfb_client.Client(self.answer(console))
        client.negotiate()
        client.start()
        return client

    def test_console(self):
        server = self.boot()
        client = self.client(server)
        self.print(server, b'hello from the guest\r\n')
        client.wait_for('hello from the guest')
        client.type('typed\n')
        client.wait_for('typed')

    def test_power_cycle(self):
        server = self.boot()
        client = self.client(server)
        self.stop(server)
        client.wait_for('powered off')
        self.start(server)
        client.wait_for(FIRMWARE)
        self.reboot(server, hard=True)
        client.wait_for('login:')
        self.assertTrue(self.console_of(server).is_open)

    def test_deleted(self):
        server = self.boot()
        client = self.client(server)
        self.assertIsNone(self.delete(server))
        self.assertRaises((EOFError, OSError), client.wait_for, 'anything')
        self.assertEqual({}, self.driver.services.consoles._terminals)
        self.assertEqual([], self.files())

    def files(self):
        return [name for _folder, _folders, names in os.walk(os.path.join(
            CONF.state_path, 'consoles')) for name in names]

    def test_end_of_nova_compute(self):
        server = self.boot()
        client = self.client(server)
        self.restart()
        self.assertRaises((EOFError, OSError), client.wait_for, 'anything')
        self.assertFalse(self.console_of(server).is_open)
        self.client(server)

    def test_port_is_checked_at_each_connection(self):
        server = self.boot()
        console = self.driver.get_vnc_console(self.context,
                                              self.instance_of(server))
        self.platform.journal.clear()
        with self.cloud.on('compute1'):
            manager = self.compute
            self.assertTrue(manager.validate_console_port(
                self.context, self.instance_of(server), str(console.port),
                'novnc'))
        self.assertEqual([], [
            record for record in self.platform.journal.records()
            if 'Event' not in record['path']])


class SerialTest(ConsoleMixin, base.ScenarioCase):

    @classmethod
    def prepare(cls, cloud):
        super().prepare(cloud)
        CONF.set_override('enabled', True, 'serial_console')

    def open(self, server):
        console = self.driver.get_serial_console(self.context,
                                                 self.instance_of(server))
        self.assertIsInstance(console, console_type.ConsoleSerial)
        opened = self.answer(console)
        found = self.console_of(server)
        console_base.wait_for(lambda: found.user and found.user.client,
                              'mkvterm')
        return opened

    def wait_for(self, opened, text):
        data = b''
        while text not in data:
            more = opened.recv(65536)
            self.assertTrue(more, data)
            data += more

    def test_console(self):
        server = self.boot()
        opened = self.open(server)
        self.print(server, b'login: ')
        self.wait_for(opened, b'login: ')
        opened.sendall(b'root\r')
        self.wait_for(opened, b'root\r\n')

    def test_power_cycle(self):
        server = self.boot()
        opened = self.open(server)
        self.stop(server)
        self.wait_for(opened, b'powered off')
        self.start(server)
        self.wait_for(opened, FIRMWARE.encode())

    def test_deleted(self):
        server = self.boot()
        opened = self.open(server)
        self.assertIsNone(self.delete(server))
        while opened.recv(65536):
            pass
        self.assertEqual({}, self.driver.services.consoles._terminals)


class LogMixin(ConsoleMixin):
    """Consoles are logged; what a guest prints is not lost in a race.

    The simulated mkvterm takes a moment to open the terminal.
    """

    CONSOLES = dict(ConsoleMixin.CONSOLES, console_log=True)

    def setUp(self):
        keep = service.Consoles.keep_log

        def keep_log(consoles, instance, *args):
            keep(consoles, instance, *args)
            if consoles.is_open(instance):
                console = self.console_of(
                    {'id': instance.uuid}, consoles._host.nodename)
                console_base.wait_for(lambda: console.user, 'the terminal')

        self.useFixture(fx.MonkeyPatch(
            service.__name__ + '.Consoles.keep_log', keep_log))
        super().setUp()

    def log_of(self, server, host='compute1'):
        with self.cloud.on(host):
            return self.cloud.compute(host).driver.get_console_output(
                self.context, self.instance_of(server))

    def wait_for_log(self, server, text, host='compute1', times=1):
        console_base.wait_for(
            lambda: self.log_of(server, host).count(text) == times, text)


class LogTest(LogMixin, base.ScenarioCase):

    def test_boots_are_logged(self):
        server = self.boot()
        self.wait_for_log(server, FIRMWARE)
        self.stop(server)
        self.wait_for_log(server, 'powered off')
        self.start(server)
        self.wait_for_log(server, FIRMWARE, times=2)
        self.reboot(server)
        self.wait_for_log(server, FIRMWARE, times=3)
        self.reboot(server, hard=True)
        self.wait_for_log(server, FIRMWARE, times=4)

    def test_tail(self):
        """As Nova's manager asks."""
        server = self.boot()
        self.print(server, b'one\r\n\xff\r\nthree\r\n')
        self.wait_for_log(server, 'three')
        with self.cloud.on('compute1'):
            manager = self.compute
            for length, text in ((0, ''), (2, 'three\r\n'),
                                 (3, '\ufffd\r\nthree\r\n')):
                self.assertEqual(text, manager.get_console_output(
                    self.context, self.instance_of(server), length))
            self.assertIn(FIRMWARE, manager.get_console_output(
                self.context, self.instance_of(server), None))

    def test_no_requests(self):
        """The terminal costs none at a spawn, nor does the log."""
        server = self.boot()
        self.platform.journal.clear()
        self.log_of(server)
        self.assertEqual([], [
            record for record in self.platform.journal.records()
            if 'Event' not in record['path']])

    def test_deleted(self):
        server = self.boot()
        self.wait_for_log(server, FIRMWARE)
        folder = os.path.join(CONF.state_path, 'consoles', 'compute1')
        self.assertIn(server['id'] + '.log', os.listdir(folder))
        self.assertIsNone(self.delete(server))
        self.assertEqual([], [name for name in os.listdir(folder)
                              if name.startswith(server['id'])])

    def test_restart(self):
        server = self.boot()
        self.wait_for_log(server, FIRMWARE)
        self.restart()
        console_base.wait_for(lambda: self.console_of(server).is_open,
                              'the terminal')
        self.print(server, b'after the restart')
        self.wait_for_log(server, 'after the restart')
        self.assertEqual(1, self.log_of(server).count(FIRMWARE))


class LostLparTest(LogMixin, base.ScenarioCase):

    def test_log_goes_on(self):
        server = self.boot()
        self.wait_for_log(server, FIRMWARE)
        lpar = view.partition_of(self.platform, server['id'])
        with self.site.lock:
            lpar.set_state('not activated')
            self.platform.remove(lpar)
        self.reboot(server, hard=True)
        self.wait_for_log(server, FIRMWARE, times=2)


class LiveMigrationTest(LogMixin, live_migration.LiveMigrationMixin,
                        base.ScenarioCase):

    def setUp(self):
        super().setUp()
        for host in self.site.hosts:
            host.system.spec['migration']['closed_consoles'] = True

    def test_log_on_both_hosts(self):
        server = self.boot_on_first()
        self.wait_for_log(server, FIRMWARE)
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2')
        console_base.wait_for(
            lambda: self.console_of(server, 'compute2').is_open, 'the console')
        self.print(server, b'arrived', 'compute2')
        self.wait_for_log(server, 'arrived', 'compute2')
        # The log stays behind, and is deleted there.
        self.assertNotIn(FIRMWARE, self.log_of(server, 'compute2'))
        self.assertEqual('', self.log_of(server, 'compute1'))

    def test_server_that_stays(self):
        server = self.boot_on_first()
        self.wait_for_log(server, FIRMWARE)
        self.break_migration('copy')
        self.live_migrate(server)
        self.print(server, b'still here')
        self.wait_for_log(server, 'still here')
        self.assertIn(FIRMWARE, self.log_of(server))
