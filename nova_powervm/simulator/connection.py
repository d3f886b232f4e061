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
import socket

from cheroot import server

#: What is read at a time is in memory as a whole.
_LARGEST_PART = 64 * 1024 ** 2


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

    def hold(self):
        """Keep all that is written until release()."""
        self._kept = []

    def release(self):
        """Send what was kept, and what is written from now on."""
        kept, self._kept = self._kept, None
        if kept:
            self._socket.sendall(b''.join(kept))

    def write(self, data):
        """Send bytes, or keep them for release()."""
        if self._kept is None:
            self._socket.sendall(data)
        else:
            self._kept.append(data)


class Connection(server.HTTPConnection):
    """A connection for one request."""

    def __init__(self, http_server, connection, makefile=None):
        super().__init__(http_server, connection, _make_file)


def _make_file(connection, mode, size):
    if mode == 'wb':
        return Writer(connection)
    return _Reader(socket.SocketIO(connection, mode), size)
