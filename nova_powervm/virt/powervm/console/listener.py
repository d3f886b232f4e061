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

"""The port on which Nova's proxies reach the consoles of one kind.

A proxy sends CONNECT with a path, which tells which console it wants and that
Nova has sent it: nobody can guess the path. Everybody else is told off.
"""

import functools
import hmac
import re
import socket

from oslo_log import log as logging

from nova_powervm.virt.powervm.console import channel as channels
from nova_powervm.virt.powervm.console import hub as hubs

LOG = logging.getLogger(__name__)

#: Connections to consoles of one kind, and to one console.
MAX_CONNECTIONS = 64
MAX_OF_ONE = 4
#: Seconds and bytes in which a client says what it wants.
GREETING_SECONDS = 5
GREETING_BYTES = 1024
#: Seconds without new connections if the process has too many open files.
_PAUSE_SECONDS = 1

_REQUEST = re.compile(rb'CONNECT (\S+) HTTP/1\.[01]\r\n')
ACCEPTED = b'HTTP/1.1 200 OK\r\n\r\n'
REFUSED = b'HTTP/1.1 400 Bad Request\r\n\r\n'


class Client(channels.Channel):
    """The connection of a client, which always gets an answer.

    A proxy of Nova 34 that gets none does not notice that the connection has
    ended: it asks for more again and again, and uses a whole CPU for that
    (nova.console.websocketproxy peeks until it sees an empty line).
    """

    _is_answered = False

    def accept(self):
        """Tell the client that it has the console."""
        self._is_answered = True
        self.send(ACCEPTED)

    def close(self, flush=False):
        """End the connection; refuse the client, if it was not accepted."""
        if not self._is_answered:
            self._is_answered = True
            self.send(REFUSED)
        super().close(flush)


class Listener:
    """Listens on a port, and hands over who knows a path.

    :param hub: hub.Hub
    :param address: str, to listen on.
    :param port: int; 0 means any that is free.
    :raises OSError: if the port cannot be had.
    :ivar port: int
    """

    def __init__(self, hub, address, port):
        self._hub = hub
        family = (socket.AF_INET6 if ':' in address else socket.AF_INET)
        self._socket = socket.create_server((address, port), family=family,
                                            backlog=MAX_CONNECTIONS)
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]
        self._channels = set()
        self._consoles = {}
        hub.post(hub.watch, self, hubs.READ)

    # ---- the thread of the hub only ------------------------------------

    def offer(self, path, take):
        """Let a path lead to a console.

        :param path: str
        :param take: function that is called with the Client and the bytes
            that it has sent after the request. It accepts or closes it.
        """
        self._consoles[path] = take

    def withdraw(self, path, take):
        """Let a path lead nowhere, if it leads to this. Connections stay."""
        if self._consoles.get(path) == take:
            del self._consoles[path]

    def fileno(self):
        """The file descriptor, int."""
        return self._socket.fileno()

    def close(self):
        """Listen no more, and cut all connections."""
        self._hub.watch(self, 0)
        self._socket.close()
        for channel in list(self._channels):
            channel.close()

    def ready(self, _events):
        """Accept a connection; the hub calls this."""
        try:
            opened, peer = self._socket.accept()
        except BlockingIOError:
            return
        except OSError as exc:
            LOG.warning('No connection to a console can be accepted: %s', exc)
            self._hub.watch(self, 0)
            self._hub.later(_PAUSE_SECONDS, self._accept_again)
            return
        client = Client(self._hub, opened)
        if len(self._channels) >= MAX_CONNECTIONS:
            LOG.warning('There are %d connections to consoles; that of %s is '
                        'refused.', MAX_CONNECTIONS, peer[0])
            client.close()
            return
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._channels.add(client)
        client.on_end = functools.partial(self._channels.discard, client)
        _Greeting(self._hub, self, client)

    def _accept_again(self):
        if self._socket.fileno() >= 0:
            self._hub.watch(self, hubs.READ)

    def find(self, path):
        """The function that takes who knows a path, or None."""
        found = None
        for known, take in self._consoles.items():
            if hmac.compare_digest(known.encode(), path):
                found = take
        return found


class _Greeting:
    """What a client says first."""

    def __init__(self, hub, listener, channel):
        self._listener = listener
        self._channel = channel
        self._data = b''
        self._deadline = hub.later(GREETING_SECONDS, self._refuse)
        channel.on_data = self._received
        channel.start()

    def _received(self, data):
        self._data += data
        head, end, rest = self._data.partition(b'\r\n\r\n')
        if not end:
            if len(self._data) > GREETING_BYTES:
                self._refuse()
            return
        request = _REQUEST.match(head + b'\r\n')
        take = None
        if request is not None and len(head) <= GREETING_BYTES:
            take = self._listener.find(request.group(1))
        if take is None:
            self._refuse()
            return
        self._deadline.cancel()
        take(self._channel, rest)

    def _refuse(self):
        self._deadline.cancel()
        refuse(self._channel)


def refuse(channel):
    """Answer a client that it cannot have a console.

    :param channel: Client, not accepted
    """
    channel.on_data = channels._ignore
    channel.close(flush=True)
