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

"""Open the virtual terminals of a host, as mkvterm and rmvterm do.

Both commands are below the root of the management partition, see module
terminal_commands. A terminal is open in one of two ways: as text, for the
terminal that mkvterm was started from, until mkvterm ends; or as a VNC server
on a port of the loopback interface.
"""

import argparse
import collections
import os
import secrets
import selectors
import socket
import threading
import time

from oslo_log import log as logging

from nova_powervm.simulator import errors
from nova_powervm.simulator import rfb
from nova_powervm.simulator import screen

LOG = logging.getLogger(__name__)

#: Seconds between two looks for what guests have printed.
_POLL_SECONDS = 0.05
#: Bytes that wait for a client; a guest that prints more loses them. A VNC
#: client asks for each picture, so less is waiting for it.
_MAX_WAITING = 64 * 1024 * 1024
#: Seconds in which mkvterm connects to the terminal that it has opened.
_CLAIM_SECONDS = 10
#: Return code of mkvterm for a terminal that is open (pypowervm, tasks/vterm).
_RC_OPEN = 3


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise errors.Refused(message)


def _parser(command):
    parser = _Parser(prog=command, add_help=False)
    parser.add_argument('--id', type=int, required=True)
    if command == 'mkvterm':
        parser.add_argument('--vnc', action='store_true')
        parser.add_argument('--local', action='store_true')
        parser.add_argument('--consolesettings')
    return parser


class _Connection:
    """A connection on which bytes are sent and received."""

    def __init__(self, owner, opened):
        self._owner = owner
        self._socket = opened
        self.out = bytearray()
        opened.setblocking(False)
        owner.watch(opened, selectors.EVENT_READ, self.ready)

    def ready(self, events):
        try:
            if events & selectors.EVENT_READ:
                data = self._socket.recv(65536)
                if not data:
                    raise ConnectionError()
                self.received(data)
            self.flush()
        except BlockingIOError:
            pass
        except (OSError, rfb.ProtocolError, errors.RestError) as exc:
            LOG.debug('A connection to a terminal ends: %r', exc)
            self.close()
            self.lost()

    def flush(self):
        if self._socket is None:
            return
        while self.out:
            try:
                sent = self._socket.send(memoryview(self.out)[:262144])
            except BlockingIOError:
                break
            del self.out[:sent]
        self._owner.watch(self._socket, selectors.EVENT_READ | (
            selectors.EVENT_WRITE if self.out else 0), self.ready)

    def close(self):
        if self._socket is not None:
            self._owner.forget(self._socket)
            self._socket.close()
            self._socket = None

    def received(self, data):
        """Take bytes of the client."""

    def lost(self):
        """Take in that the client is gone."""


class _Text(_Connection):
    """The connection of a mkvterm that shows a terminal."""

    def __init__(self, owner, opened):
        super().__init__(owner, opened)
        self._terminal = None
        self._greeting = b''

    def received(self, data):
        if self._terminal is None:
            self._greeting += data
            token, end, data = self._greeting.partition(b'\n')
            if not end:
                return
            self._terminal = self._owner.claim(token.decode('ascii',
                                                            'replace'), self)
        if data:
            self._terminal.type(data)

    def lost(self):
        if self._terminal is not None:
            self._terminal.end()


class _Vnc(_Connection):
    """The connection of a VNC client."""

    def __init__(self, owner, opened, terminal):
        super().__init__(owner, opened)
        self._terminal = terminal
        self.session = rfb.Session(terminal.screen, terminal.name,
                                   terminal.type, owner.rfb_version)
        self.out = self.session.out
        self.flush()

    def received(self, data):
        self.session.receive(data)

    def flush(self):
        super().flush()
        if not self.out:
            self.session.refresh()
            super().flush()

    def lost(self):
        self._terminal.clients.discard(self)


class _Terminal:
    """A terminal that is open; the user of a console.

    :ivar port: int, of its VNC server; None for text
    """

    port = None

    def __init__(self, owner, partition):
        self._owner = owner
        self.console = partition.console
        self.name = partition.name
        self._printed = collections.deque()
        self._waiting = 0
        self.is_closed = False

    # -- the lock of the site is held ------------------------------------

    def printed(self, data):
        if self._waiting + len(data) <= _MAX_WAITING:
            self._waiting += len(data)
            self._printed.append(bytes(data))
        self._owner.wake()

    def closed(self):
        self.is_closed = True
        self._owner.wake()

    # -- in the thread ---------------------------------------------------

    def type(self, data):
        with self._owner.lock:
            if self.console.user is self:
                self.console.type(data)

    def end(self):
        with self._owner.lock:
            if self.console.user is self:
                self.console.close()

    def look(self):
        """Show what was printed."""
        with self._owner.lock:
            if self.console.user is self:
                self.console.catch_up()
            data = b''.join(self._printed)
            self._printed.clear()
            self._waiting = 0
        if data:
            self.show(data)

    def show(self, data):
        """Show bytes to all who look."""

    def cut(self):
        """End all connections."""


class _TextTerminal(_Terminal):
    def __init__(self, owner, partition):
        super().__init__(owner, partition)
        self.token = secrets.token_hex(16)
        self._deadline = time.monotonic() + _CLAIM_SECONDS
        self.client = None
        self._before = bytearray()

    def claim(self, client):
        self.client = client
        self.show(b'')

    def look(self):
        super().look()
        if self.client is None and time.monotonic() > self._deadline:
            self.end()

    def show(self, data):
        self._before += data
        if self.client is not None:
            self.client.out += self._before
            self._before.clear()
            self.client.flush()

    def cut(self):
        if self.client is not None:
            self.client.close()


class _VncTerminal(_Terminal):
    def __init__(self, owner, partition):
        super().__init__(owner, partition)
        self.screen = screen.Screen()
        self.clients = set()
        self._listener = socket.create_server(('127.0.0.1', 0))
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]

    def start(self):
        self._owner.watch(self._listener, selectors.EVENT_READ, self._accept)

    def _accept(self, _events):
        self.clients.add(_Vnc(self._owner, self._listener.accept()[0], self))

    def show(self, data):
        self.screen.show(data)
        for client in list(self.clients):
            client.ready(0)

    def cut(self):
        self._owner.forget(self._listener)
        self._listener.close()
        for client in list(self.clients):
            client.close()
        self.clients.clear()


class Terminals:
    """The terminals of a host that somebody has opened by commands.

    One thread serves them, which begins with the first one.

    :param host: host.Host
    :ivar rfb_version: bytes, the version of RFB that VNC servers speak
    """

    def __init__(self, host):
        self._host = host
        self.lock = host.site.lock
        self.rfb_version = rfb.VERSION
        self._terminals = []
        self._thread = None
        self._listener = None
        self._selector = None
        self._ear, self._mouth = None, None
        self._is_stopped = False

    def run(self, arguments):
        """Carry out a command; the lock of the site is held.

        :param arguments: list of str, mkvterm or rmvterm and what follows
        :returns: dict with rc, int; stdout and stderr, str; and for a terminal
            that mkvterm is to show port, int, and token, str: the connection
            begins with the token and a new line
        """
        try:
            return dict({'rc': 0, 'stdout': '', 'stderr': ''},
                        **self._run(arguments))
        except errors.Conflict as exc:
            return {'rc': _RC_OPEN, 'stdout': '', 'stderr': '%s\n' %
                    exc.message}
        except errors.RestError as exc:
            return {'rc': 1, 'stdout': '', 'stderr': '%s\n' % exc.message}

    def _run(self, arguments):
        command, *arguments = arguments
        if command not in ('mkvterm', 'rmvterm'):
            raise errors.Refused('There is no command %s' % command)
        options = _parser(command).parse_args(arguments)
        partition = self._host.partition(options.id)
        if partition is None:
            raise errors.Refused('There is no partition with the ID %d' %
                                 options.id)
        if command == 'rmvterm':
            partition.console.close()
            return {}
        if options.vnc:
            return self._open_vnc(partition)
        terminal = self._open(_TextTerminal, partition)
        return {'port': self._listener.getsockname()[1],
                'token': terminal.token}

    def _open_vnc(self, partition):
        """Open a terminal for VNC; tell the port also if it is open."""
        user = partition.console.user
        if isinstance(user, _VncTerminal):
            return {'rc': _RC_OPEN, 'stdout': '%d\n' % user.port,
                    'stderr': 'The virtual terminal is open already\n'}
        terminal = self._open(_VncTerminal, partition)
        return {'stdout': '%d\n' % terminal.port}

    def _open(self, kind, partition):
        if self._is_stopped:
            raise errors.Refused('The site ends')
        terminal = kind(self, partition)
        try:
            partition.console.open(terminal)
        except errors.RestError:
            if terminal.port is not None:
                terminal._listener.close()
            raise
        self._start()
        self._terminals.append(terminal)
        self.wake()
        return terminal

    def _start(self):
        if self._thread is not None:
            return
        self._ear, self._mouth = socket.socketpair()
        self._ear.setblocking(False)
        self._mouth.setblocking(False)
        self._listener = socket.create_server(('127.0.0.1', 0))
        self._listener.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(
            target=self._serve, daemon=True,
            name='simulator-terminals-%s' % self._host.name)
        self._thread.start()

    def stop(self):
        """End the thread; the lock of the site must not be held."""
        with self.lock:
            self._is_stopped = True
            thread, self._thread = self._thread, None
        if thread is not None:
            self.wake()
            thread.join()

    def wake(self):
        """Have the thread look what is new."""
        try:
            self._mouth.send(b'.')
        except BlockingIOError:
            LOG.debug('The thread of the terminals has yet to wake up')

    # -- in the thread ---------------------------------------------------

    def claim(self, token, client):
        """Return the terminal that a connection shows.

        :raises errors.NotFound: when there is none
        """
        for terminal in self._list():
            if getattr(terminal, 'token', None) == token:
                terminal.claim(client)
                return terminal
        raise errors.NotFound('There is no such terminal')

    def _list(self):
        with self.lock:
            return list(self._terminals)

    def watch(self, opened, events, function):
        """Call a function with events when there are some on a socket."""
        try:
            self._selector.modify(opened, events, function)
        except KeyError:
            self._selector.register(opened, events, function)

    def forget(self, opened):
        """Watch a socket no more."""
        try:
            self._selector.unregister(opened)
        except KeyError:
            LOG.debug('Nobody has watched the socket')

    def _accept(self, _events):
        _Text(self, self._listener.accept()[0])

    def _serve(self):
        self.watch(self._listener, selectors.EVENT_READ, self._accept)
        self.watch(self._ear, selectors.EVENT_READ,
                   lambda events: self._ear.recv(4096))
        watched = set()
        while not self._is_stopped:
            terminals = self._list()
            for terminal in set(terminals) - watched:
                if terminal.port is not None:
                    terminal.start()
            watched = set(terminals)
            for key, events in self._selector.select(
                    _POLL_SECONDS if terminals else None):
                try:
                    key.data(events)
                except OSError as exc:
                    LOG.debug('A socket of a terminal: %s', exc)
            for terminal in terminals:
                terminal.look()
                if terminal.is_closed:
                    self._end(terminal)
                    watched.discard(terminal)
        self._end_all()

    def _end(self, terminal):
        terminal.cut()
        with self.lock:
            self._terminals.remove(terminal)

    def _end_all(self):
        for terminal in self._list():
            self._end(terminal)
        for key in list(self._selector.get_map().values()):
            self._selector.unregister(key.fileobj)
            key.fileobj.close()
        self._selector.close()
        self._mouth.close()


def write_commands(root, url, token=None):
    """Write mkvterm and rmvterm below the root of a management partition.

    :param root: str, the directory
    :param url: str, begins the URLs of the host
    :param token: str that the control API wants, or None
    """
    folder = os.path.join(root, 'usr', 'bin')
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(os.path.dirname(__file__),
                           'terminal_command.py')) as source:
        code = source.read()
    for name in ('mkvterm', 'rmvterm'):
        path = os.path.join(folder, name)
        with open(path, 'w') as script:
            # Nobody else may read the token.
            os.chmod(path, 0o755 if token is None else 0o700)
            script.write(_SCRIPT % {'python': os.sys.executable, 'url': url,
                                    'code': code, 'token': token})


_SCRIPT = '''#!%(python)s -IS
%(code)s

main(%(url)r, %(token)r)
'''
