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

"""The base of tests of consoles: servers of a simulated host."""

import os
import threading
import time

import fixtures
from nova import exception as nova_exc

from nova_powervm import conf as cfg
from nova_powervm.tests import rfb_client
from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.console import channel
from nova_powervm.virt.powervm.console import listener
from nova_powervm.virt.powervm.console import service
from nova_powervm.virt.powervm import mgmt
from nova_powervm.virt.powervm import vm

CONF = cfg.CONF
TIMEOUT = 30


def wait_for(condition, what='it'):
    """Call a function until it returns something true, and return that."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError('Timed out waiting for %s' % what)


class Clock:
    """A clock that the test puts forward."""

    def __init__(self):
        self.now = 1000

    def __call__(self):
        return self.now


class OpenThings(fixtures.Fixture):
    """Everything that consoles open is closed at the end.

    Files, sockets, processes, and threads.
    """

    #: What has a file descriptor.
    OPENING = (channel.Channel, channel.Connecting, listener.Listener)

    def _setUp(self):
        self._opened = []
        self._commands = []
        for cls in self.OPENING:
            self._note(cls, self._opened)
        self._note(mgmt.TerminalCommand, self._commands)

    def _note(self, cls, noted):
        original = cls.__init__

        def noting(made, *args, **kwargs):
            original(made, *args, **kwargs)
            noted.append(made)

        self.useFixture(fixtures.MonkeyPatch(
            '%s.%s.__init__' % (cls.__module__, cls.__name__), noting))

    def still_open(self):
        """What is still there, as list."""
        return ([opened for opened in self._opened if _is_open(opened)] +
                [command.pid for command in self._commands
                 if command._process.poll() is None] +
                [thread.name for thread in threading.enumerate()
                 if thread.name.startswith('powervm-console')])


def _is_open(opened):
    try:
        return opened.fileno() >= 0
    except ValueError:
        return False


class ConsoleTestCase(base.SimulatedHostTestCase):
    """A test of the consoles of a host.

    :ivar consoles: service.Consoles
    :ivar instance: a server that is on.
    """

    OPTIONS = {}
    SERIAL = False

    def setUp(self):
        super().setUp()
        things = self.useFixture(OpenThings())
        self.addCleanup(lambda: self.assertEqual([], things.still_open()))
        self.host = self.connect()
        self.flags(group='powervm', vnc_port=0, serial_console_port=0,
                   management_root=self.simulated.management_root,
                   **self.OPTIONS)
        self.flags(enabled=self.SERIAL, group='serial_console')
        self.flags(state_path=self.useFixture(
            fixtures.TempDir()).path)
        self.clock = Clock()
        self.mgmt = mgmt.ManagementPartition(self.host)
        self.consoles = self.start()
        self.instance = self.make_server(1)
        self.requests()

    def start(self):
        consoles = service.Consoles(self.host, self.mgmt, self.clock)
        self.addCleanup(consoles.shutdown)
        return consoles

    def make_server(self, number):
        instance = base.make_instance(number)
        vm.create_lpar(self.host, instance)
        with self.site.lock:
            self.lpar(instance).set_state('running')
        return instance

    def lpar(self, instance=None):
        return self.partition(vm.get_lpar_uuid(instance or self.instance))

    def console(self, instance=None):
        """The simulated console of a server."""
        return self.lpar(instance).console

    def print(self, text, instance=None):
        """Let the guest print bytes."""
        with self.site.lock:
            self.console(instance).print(text)

    def wait_for_text(self, instance=None):
        """Wait until mkvterm shows the terminal."""
        console = self.console(instance)
        wait_for(lambda: console.user and console.user.client, 'mkvterm')

    def administrator(self, command):
        """Have an administrator run mkvterm --id, or rmvterm."""
        with self.site.lock:
            answer = self.simulated.terminals.run(
                [command, '--id', str(self.lpar().partition_id)])
        self.assertEqual(0, answer['rc'], answer)

    def advance(self, seconds):
        """Put the clock forward; what is due begins."""
        done = threading.Event()
        self.consoles._tools.hub.post(done.set)
        self.assertTrue(done.wait(TIMEOUT))
        self.clock.now += seconds
        self.consoles._tools.hub.post(lambda: None)

    def connect_to(self, address, path=None):
        """Connect as a proxy does: (socket, first line of the answer)."""
        opened, answer = rfb_client.connect(address.port,
                                            path or address.path)
        self.addCleanup(opened.close)
        return opened, answer

    def folder(self):
        return os.path.join(CONF.state_path, 'consoles', 'compute1')

    def assertUnavailable(self, text, function, *args):
        exc = self.assertRaises(nova_exc.ConsoleTypeUnavailable, function,
                                *args)
        self.assertIn(text, str(exc))
