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
from nova import exception as nova_exc

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


class VncMixin(ConsoleMixin):
    """Users open VNC consoles."""

    def open(self, server, host='compute1'):
        """Open the console: nova.console.type.ConsoleVNC."""
        with self.cloud.on(host):
            return self.cloud.compute(host).driver.get_vnc_console(
                self.context, self.instance_of(server))

    def client(self, server, host='compute1'):
        console = self.open(server, host)
        self.assertIsInstance(console, console_type.ConsoleVNC)
        client = rfb_client.Client(self.answer(console))
        client.negotiate()
        client.start()
        return client

    def assert_ends(self, client):
        self.assertRaises((EOFError, OSError), client.wait_for, 'anything')

    def files(self, host='compute1'):
        """Names of the files for consoles of a host: list."""
        return [name for _folder, _folders, names in os.walk(os.path.join(
            CONF.state_path, 'consoles', host)) for name in names]

    def assert_nothing_left(self, host='compute1'):
        """A host has no open terminal, and no files for any."""
        consoles = self.cloud.compute(host).driver.services.consoles
        self.assertEqual({}, consoles._terminals)
        for listener in consoles._listeners.values():
            console_base.wait_for(
                lambda: not listener._channels and not listener._consoles,
                'the end of connections')
        self.assertEqual([], self.files(host))


class VncTests:
    """Users open VNC consoles, as by default."""

    def test_vnc(self):
        server = self.boot()
        client = self.client(server)
        self.print(server, b'hello from the guest\r\n')
        client.wait_for('hello from the guest')
        client.type('typed\n')
        client.wait_for('typed')
        self._validate_port(server)
        self.restart()
        self.assert_ends(client)
        self.assertFalse(self.console_of(server).is_open)
        self.client(server)

    def _validate_port(self, server):
        """A proxy asks at each connection; that costs no request."""
        port = self.open(server).port
        self.platform.journal.clear()
        with self.cloud.on('compute1'):
            manager = self.compute
            self.assertTrue(manager.validate_console_port(
                self.context, self.instance_of(server), str(port), 'novnc'))
        self.assertEqual([], [
            record for record in self.platform.journal.records()
            if 'Event' not in record['path']])

    def test_vnc_power_cycle(self):
        server = self.boot()
        client = self.client(server)
        self.stop(server)
        client.wait_for('powered off')
        self.start(server)
        client.wait_for(FIRMWARE)
        self.reboot(server, hard=True)
        client.wait_for('login:')
        self.assertTrue(self.console_of(server).is_open)
        self._delete(server, client)

    def _delete(self, server, client):
        self.assertNotEqual([], self.files())
        self.assertIsNone(self.delete(server))
        self.assert_ends(client)
        self.assert_nothing_left()


class SerialTests:
    """Users open serial consoles."""

    def open_serial(self, server):
        console = self.driver.get_serial_console(self.context,
                                                 self.instance_of(server))
        self.assertIsInstance(console, console_type.ConsoleSerial)
        opened = self.answer(console)
        found = self.console_of(server)
        console_base.wait_for(lambda: found.user and found.user.client,
                              'mkvterm')
        return opened

    def read_until(self, opened, text):
        data = b''
        while text not in data:
            more = opened.recv(65536)
            self.assertTrue(more, data)
            data += more

    def test_serial(self):
        self.flags(enabled=True, group='serial_console')
        server = self.boot()
        opened = self.open_serial(server)
        self.print(server, b'login: ')
        self.read_until(opened, b'login: ')
        opened.sendall(b'root\r')
        self.read_until(opened, b'root\r\n')
        self.stop(server)
        self.read_until(opened, b'powered off')
        self.start(server)
        self.read_until(opened, FIRMWARE.encode())
        self.assertIsNone(self.delete(server))
        while opened.recv(65536):
            pass
        self.assertEqual({}, self.driver.services.consoles._terminals)


class LogMixin(ConsoleMixin):
    """Consoles are logged; what a guest prints is not lost in a race.

    The simulated mkvterm takes a moment to open the terminal.
    """

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

    def start_logs(self):
        """The operator wants logs."""
        self.flags(console_log=True, group='powervm')

    def log_of(self, server, host='compute1'):
        with self.cloud.on(host):
            return self.cloud.compute(host).driver.get_console_output(
                self.context, self.instance_of(server))

    def wait_for_log(self, server, text, host='compute1', times=1):
        console_base.wait_for(
            lambda: self.log_of(server, host).count(text) == times, text)


class LogTests:
    """Consoles are logged."""

    def test_boots_are_logged(self):
        self.start_logs()
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
        folder = os.path.join(CONF.state_path, 'consoles', 'compute1')
        self.assertIn(server['id'] + '.log', os.listdir(folder))
        self.assertIsNone(self.delete(server))
        self.assertEqual([], [name for name in os.listdir(folder)
                              if name.startswith(server['id'])])

    def test_tail_of_log(self):
        """As Nova's manager asks; the log costs no requests."""
        self.start_logs()
        server = self.boot()
        self.platform.journal.clear()
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
        self.assertEqual([], [
            record for record in self.platform.journal.records()
            if 'Event' not in record['path']])

    def test_log_after_restart(self):
        self.start_logs()
        server = self.boot()
        self.wait_for_log(server, FIRMWARE)
        self.restart()
        console_base.wait_for(lambda: self.console_of(server).is_open,
                              'the terminal')
        self.print(server, b'after the restart')
        self.wait_for_log(server, 'after the restart')
        self.assertEqual(1, self.log_of(server).count(FIRMWARE))

    def test_log_of_lost_lpar(self):
        """A hard reboot makes it again, and the log goes on."""
        self.start_logs()
        server = self.boot()
        self.wait_for_log(server, FIRMWARE)
        lpar = view.partition_of(self.platform, server['id'])
        with self.site.lock:
            lpar.set_state('not activated')
            self.platform.remove(lpar)
        self.reboot(server, hard=True)
        self.wait_for_log(server, FIRMWARE, times=2)


class ConsolesTest(VncTests, SerialTests, LogTests, LogMixin, VncMixin,
                   base.ScenarioCase):
    """On one host."""


class LiveMigrationTest(LogMixin, VncMixin, live_migration.LiveMigrationMixin,
                        base.ScenarioCase):
    """The platform moves no server whose terminal is open."""

    def setUp(self):
        super().setUp()
        for host in self.site.hosts:
            host.system.spec['migration']['closed_consoles'] = True

    def test_log_on_both_hosts(self):
        self.start_logs()
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
        self.assertFalse(self.driver.services.consoles.is_open(
            self.instance_of(server)))

    def test_server_that_stays(self):
        self.start_logs()
        server = self.boot_on_first()
        self.wait_for_log(server, FIRMWARE)
        self.break_migration('copy')
        self.live_migrate(server)
        self.print(server, b'still here')
        self.wait_for_log(server, 'still here')
        self.assertIn(FIRMWARE, self.log_of(server))

    def test_console_ends_and_opens_on_the_target(self):
        server = self.boot_on_first()
        old, client = self.open(server), self.client(server)
        refusals = []

        def come_again():
            """As a proxy with the old URL does."""
            try:
                self.open(server)
            except nova_exc.ConsoleTypeUnavailable as exc:
                refusals.append(str(exc))

        self.hold(server, 'copy')
        self.meanwhile(come_again, come_again, lambda: self.release(server))
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2')
        self.assertEqual(['Unavailable console type novnc: the server is in '
                          'state migrating'] * 2, refusals)
        self.assert_ends(client)
        self.assert_nothing_left()
        opened, answer = rfb_client.connect(
            old.port, old.internal_access_path, old.host)
        opened.close()
        self.assertEqual(b'HTTP/1.1 400 Bad Request', answer)
        self._look_on_target(server)

    def _look_on_target(self, server):
        client = self.client(server, 'compute2')
        self.print(server, b'arrived', 'compute2')
        client.wait_for('arrived')
        client.type('typed\n')
        client.wait_for('typed')
        self.assertIsNone(self.delete(server))
        self.assert_nothing_left('compute2')

    def test_console_of_a_server_that_stays(self):
        server = self.boot_on_first()
        path = self.open(server).internal_access_path
        client = self.client(server)
        self.break_migration('copy')
        self.live_migrate(server)
        self.assert_ends(client)
        self.assert_nothing_left()
        # The user looks again, with the same URL.
        self.assertEqual(path, self.open(server).internal_access_path)
        client = self.client(server)
        self.print(server, b'still here')
        client.wait_for('still here')
