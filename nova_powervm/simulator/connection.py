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

"""Fast connections for the HTTP server, which use Python's C module io.

The connections of cheroot use the slow module _pyio, and send each answer in
two pieces.
"""

import io
import select
import socket
import ssl
import time

from cheroot import server
from oslo_log import log as logging

LOG = logging.getLogger(__name__)

#: What is read at a time is in memory as a whole.
_LARGEST_PART = 64 * 1024 ** 2


class _Raw(socket.SocketIO):
    """What comes from a socket, and since when the server waits for it."""

    #: Time of the monotonic clock; None while the server does not wait.
    waits_since = None

    def readinto(self, buffer):
        self.waits_since = time.monotonic()
        try:
            return super().readinto(buffer)
        except ssl.SSLError as exc:
            # The handshake is part of the first read.
            LOG.debug('A client does not talk TLS: %s', exc)
            return 0
        finally:
            self.waits_since = None


class _Reader(io.BufferedReader):
    """What a client sends."""

    #: For the statistics of cheroot, which are off.
    bytes_read = 0

    def read(self, size=-1):
        """Read bytes.

        :raises ValueError: for more than any part of a body has; a client can
            announce a chunk of any size
        """
        if size is not None and size > _LARGEST_PART:
            raise ValueError('A part of %d bytes is too large' % size)
        return super().read(size)

    @staticmethod
    def has_data():
        """Return False: every connection is for one request."""
        return False


class Writer:
    """What is sent to a client.

    :param connection: socket
    """

    #: For the statistics of cheroot, which are off.
    bytes_written = 0

    def __init__(self, connection):
        self._socket = connection
        self._kept = None
        self.waits_since = None

    def _send(self, data):
        self.waits_since = time.monotonic()
        try:
            self._socket.sendall(data)
        finally:
            self.waits_since = None

    def hold(self):
        """Keep all that is written until release()."""
        self._kept = []

    def release(self):
        """Send what was kept, and what is written from now on."""
        kept, self._kept = self._kept, None
        if kept:
            self._send(b''.join(kept))

    def write(self, data):
        """Send bytes, or keep them for release()."""
        if self._kept is None:
            self._send(data)
        else:
            self._kept.append(data)


class Connection(server.HTTPConnection):
    """A connection for one request."""

    def __init__(self, http_server, connection, makefile=None):
        super().__init__(http_server, connection, _make_file)

    @property
    def waits_since(self):
        """Since when the server waits for the client; None if it does not.

        Time of the monotonic clock, float.
        """
        return self.rfile.raw.waits_since or self.wfile.waits_since

    def begin_stream(self, seconds):
        """Send at once what is written from now on.

        :param seconds: float, in which the client has to take each part
        """
        self.socket.settimeout(seconds)
        self.wfile.release()

    def is_gone(self):
        """Whether the client has hung up; it does not wait."""
        poll = select.poll()
        poll.register(self.socket, select.POLLRDHUP)
        return bool(poll.poll(0))

    def hang_up(self):
        """End what another thread waits for."""
        try:
            # That of a TLS socket would change what the other thread uses.
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)
        except OSError as exc:
            LOG.debug('The connection is already closed: %s', exc)


def _make_file(connection, mode, size):
    if mode == 'wb':
        return Writer(connection)
    return _Reader(_Raw(connection, mode), size)
