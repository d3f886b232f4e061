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

"""Bytes to and from a socket or a terminal, without waiting.

A channel keeps what its peer has not read yet. When it keeps much, the sender
must stop. A peer that still does not read is cut off. So the memory of a
channel is bounded.
"""

import errno
import os
import socket

from oslo_log import log as logging

from nova_powervm.virt.powervm.console import hub as hubs

LOG = logging.getLogger(__name__)

#: Bytes that are read at once.
CHUNK = 64 * 1024
#: Bytes that wait when a channel is full, and when it is no more.
HIGH = 256 * 1024
LOW = 64 * 1024
#: Seconds that a channel may be full.
STALL_SECONDS = 10
#: Seconds to send the rest before a channel closes.
FLUSH_SECONDS = 5


def _ignore(*_args):
    """Nobody wants to know."""


class Channel:
    """Reads and writes a file, in the thread of a hub.

    :param hub: hub.Hub
    :param opened: socket or unbuffered binary file; the channel closes it.
    :param cuts: whether a peer that does not read is cut off.
    :ivar on_data: function that is called with the bytes that come.
    :ivar on_end: function that is called once, when the channel has closed.
    :ivar on_drained: function that is called when it is full no more.
    """

    def __init__(self, hub, opened, cuts=True):
        self._hub = hub
        self._file = opened
        self._cuts = cuts
        self._was_full = False
        self._out = bytearray()
        self._is_paused = False
        self._is_ending = False
        self._stall = None
        self.is_closed = False
        self.on_data = self.on_end = self.on_drained = _ignore
        os.set_blocking(opened.fileno(), False)

    def fileno(self):
        """The file descriptor, int."""
        return self._file.fileno()

    def start(self):
        """Begin to read."""
        self._watch()

    @property
    def is_full(self):
        """Whether so much waits to be sent that nobody should send more."""
        return len(self._out) > HIGH

    @property
    def waiting(self):
        """How many bytes wait to be sent, int."""
        return len(self._out)

    def send(self, data):
        """Send bytes now, or as soon as the peer reads."""
        if self.is_closed or self._is_ending:
            return
        self._out += data
        self._flush()
        if self.is_full and not self._was_full:
            self._was_full = True
            if self._cuts:
                self._stall = self._hub.later(STALL_SECONDS, self._stalled)

    def pause(self):
        """Read no more for now."""
        self._is_paused = True
        self._watch()

    def resume(self):
        """Read again."""
        self._is_paused = False
        self._watch()

    def close(self, flush=False):
        """End the channel.

        :param flush: whether to send what waits before.
        """
        if self.is_closed:
            return
        if flush and self._out:
            if not self._is_ending:
                self._is_ending = True
                self._hub.later(FLUSH_SECONDS, self.close)
                self._watch()
            return
        self.is_closed = True
        self._hub.watch(self, 0)
        self._file.close()
        self._out.clear()
        if self._stall is not None:
            self._stall.cancel()
        self.on_end()

    def ready(self, events):
        """Do what is possible; the hub calls this."""
        if events & hubs.WRITE:
            self._flush()
        if events & hubs.READ and not self.is_closed:
            self._read()

    def _read(self):
        try:
            data = os.read(self.fileno(), CHUNK)
        except BlockingIOError:
            return
        except OSError as exc:
            # A terminal whose other end is closed says EIO.
            LOG.debug('A connection to a console ends: %s', exc)
            data = b''
        if data:
            self.on_data(data)
        else:
            self.close()

    def _flush(self):
        while self._out:
            try:
                sent = os.write(self.fileno(), self._out[:CHUNK])
            except BlockingIOError:
                break
            except OSError as exc:
                LOG.debug('A connection to a console breaks: %s', exc)
                self.close()
                return
            del self._out[:sent]
        if self._is_ending and not self._out:
            self.close()
            return
        self._watch()
        if self._was_full and len(self._out) <= LOW:
            self._was_full = False
            if self._stall is not None:
                self._stall.cancel()
            self.on_drained()

    def _stalled(self):
        LOG.info('Somebody does not read from a console; the connection is '
                 'cut.')
        self.close()

    def _watch(self):
        if not self.is_closed:
            reads = not self._is_paused and not self._is_ending
            self._hub.watch(self, (hubs.READ if reads else 0) |
                            (hubs.WRITE if self._out else 0))


class Connecting:
    """Connects to a port of the loopback interface.

    :param hub: hub.Hub
    :param port: int
    :param on_done: function that is called with a Channel, which does not
        read yet, or with None.
    """

    def __init__(self, hub, port, on_done):
        self._hub = hub
        self._on_done = on_done
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self._error = self._socket.connect_ex(('127.0.0.1', port))
        if self._error == errno.EINPROGRESS:
            self._error = 0
        hub.watch(self, hubs.WRITE)

    def fileno(self):
        """The file descriptor, int."""
        return self._socket.fileno()

    def ready(self, _events):
        """Take in the result; the hub calls this."""
        self._hub.watch(self, 0)
        error = self._error or self._socket.getsockopt(
            socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            LOG.warning('The terminal cannot be reached: %s',
                        os.strerror(error))
            self._socket.close()
            self._on_done(None)
        else:
            self._on_done(Channel(self._hub, self._socket))

    def close(self):
        """Give up."""
        self._hub.watch(self, 0)
        self._socket.close()


def forward(source, sink):
    """Send what comes from one channel to another, as fast as that reads.

    :param source: Channel, or tls.TlsChannel
    :param sink: the same.
    """
    def on_data(data):
        sink.send(data)
        if sink.is_full:
            source.pause()

    source.on_data = on_data
    sink.on_drained = source.resume
