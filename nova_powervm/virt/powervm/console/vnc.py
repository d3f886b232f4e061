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

"""Terminals that are open as VNC.

mkvterm starts a VNC server on the loopback interface and tells its port. This
server outlives mkvterm and nova-compute. A file has the servers that are ours,
and the partition of each: the driver closes no others. When a server ends,
another one may get its port, and another partition may get the ID. So the
driver also compares the socket that listens.
"""

import os
import time
import typing

from oslo_log import log as logging

from nova_powervm.virt.powervm.console import listener as listeners
from nova_powervm.virt.powervm.console import rfb
from nova_powervm.virt.powervm.console import sockets
from nova_powervm.virt.powervm.console import terminal
from nova_powervm.virt.powervm import flavor as flavors

LOG = logging.getLogger(__name__)

#: What the terminal of IBM i needs to know: the code page of English.
_IBMI = ('--consolesettings', 'codepage=037')
#: Seconds that a VNC server may take to listen after mkvterm has told its
#: port (assumed, no hardware), and seconds between two looks.
LISTEN_SECONDS = 3
_LOOK_SECONDS = 0.05


class VncTerminal(terminal.Terminal):
    """A terminal that is open as VNC."""

    KIND = 'novnc'

    def __init__(self, tools, instance, path):
        super().__init__(tools, instance, path)
        self._port: typing.Any = None
        # None as long as the kernel does not tell.
        self._sockets: typing.Any = None
        self._is_ours = False
        self._connections = set()

    def _open(self, arguments, takes):
        arguments = [*arguments, '--vnc', '--local']
        if flavors.is_ibmi(self.instance):
            arguments += _IBMI
        result = self.tools.mgmt.run_command('mkvterm', *arguments)
        port = _port(result.out)
        if takes and result.code == terminal.RC_OPEN and port is None:
            self._take_from_others()
            result = self.tools.mgmt.run_command('mkvterm', *arguments)
            port = _port(result.out)
        if result.code not in (0, terminal.RC_OPEN):
            raise self.unavailable(result.error.strip() or
                                   'mkvterm returns %s' % result.code)
        if port is None:
            self._give_up(result, 'mkvterm tells no port')
        self._port = port
        self._sockets = self._wait_until_it_listens()
        if self._sockets is not None and not self._sockets:
            self._give_up(result, 'nobody listens on port %d, which mkvterm '
                                  'has told' % port)
        self._is_ours = result.code == 0 or self._is_marked()
        if self._is_ours:
            self._try_to_mark()

    def _give_up(self, result, reason):
        if result.code == terminal.RC_OPEN:
            raise self.unavailable(
                'somebody has opened the terminal, and has to close it: %s' %
                (result.error.strip() or reason))
        self._rmvterm()
        raise self.unavailable(reason)

    def _wait_until_it_listens(self):
        """The sockets that listen, as sockets.listening_on()."""
        deadline = time.monotonic() + LISTEN_SECONDS
        while True:
            found = sockets.listening_on(self._port)
            if found is None or found or time.monotonic() > deadline:
                return found
            time.sleep(_LOOK_SECONDS)

    def adopt(self, lpar_w):
        """Take over what an earlier process has opened, to close it.

        :param lpar_w: LPAR wrapper
        :returns: bool, whether there was anything.
        """
        with self.lock:
            self.partition_id = lpar_w.id
            marked = self._read_mark()
            if len(marked) < 3 or marked[0] != str(lpar_w.id):
                return False
            self._port = int(marked[1])
            self._sockets = frozenset(marked[2:])
            # If the kernel does not tell, it may be somebody else's.
            if sockets.listening_on(self._port) != self._sockets:
                return False
            self._is_ours = self.is_open = True
        self.tools.hub.post(self._wait_for_clients)
        return True

    def _close(self):
        if self._is_ours:
            if self._is_there() and not self._rmvterm():
                # It stays ours, and the mark says so.
                return
            if os.path.exists(self._mark_path):
                os.unlink(self._mark_path)

    def _is_there(self):
        """Whether the VNC server still listens; True if nobody can tell."""
        found = sockets.listening_on(self._port)
        return found is None or self._sockets in (None, found)

    @property
    def _mark_path(self):
        return os.path.join(self.tools.folder, self.instance.uuid + '.vnc')

    def _read_mark(self):
        try:
            with open(self._mark_path) as mark:
                return mark.read().split()
        except FileNotFoundError:
            return []

    def _is_marked(self):
        return self._read_mark() == self._build_mark()

    def _build_mark(self):
        return [str(self.partition_id), str(self._port),
                *sorted(self._sockets or ())]

    def _try_to_mark(self):
        try:
            self._mark()
        except OSError as exc:
            LOG.warning('nova-compute will not know after a restart that the '
                        'terminal is its own: %s', exc,
                        instance=self.instance)

    def _mark(self):
        os.makedirs(self.tools.folder, mode=0o700, exist_ok=True)
        fd = os.open(self._mark_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
                     mode=0o600)
        with open(fd, 'w') as mark:
            mark.write(' '.join(self._build_mark()) + '\n')

    def _lose(self, port):
        """Take in that the server at a port has ended."""
        with self.lock:
            if self._port == port:
                self.is_open = False

    # ---- the thread of the hub -----------------------------------------

    def _connect(self, channel, data):
        port = self._port
        if not self._is_there():
            listeners.refuse(channel)
            self._left()
            self.tools.run(lambda: self._lose(port))
            return

        connection = None

        def on_end(was_there):
            self._connections.discard(connection)
            self._left()
            if not was_there:
                self.tools.run(lambda: self._lose(port))

        connection = rfb.VncConnection(self.tools.hub, channel, data, port,
                                       self.tools.context, on_end)
        self._connections.add(connection)

    def _cut(self):
        for connection in list(self._connections):
            connection.close()
        super()._cut()


def _port(out):
    """The port in the first line that mkvterm has printed, or None."""
    lines = out.split()
    if lines and lines[0].isdecimal() and int(lines[0]) < 65536:
        return int(lines[0])
    return None
