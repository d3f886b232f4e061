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

"""A client of a VNC console, and its connection to the VNC server of mkvterm.

Nova's proxy insists on version 3.8 of the protocol (RFC 6143), and on TLS with
certificates (VeNCrypt) if Nova is configured so. mkvterm may have an older
version, and has no TLS. So the driver negotiates with both, and then moves
bytes.
"""

import struct
import typing

from oslo_log import log as logging

from nova_powervm.virt.powervm.console import channel as channels
from nova_powervm.virt.powervm.console import listener as listeners
from nova_powervm.virt.powervm.console import tls

LOG = logging.getLogger(__name__)

#: Seconds in which both sides negotiate.
NEGOTIATION_SECONDS = 30
_VERSION = b'RFB 003.008\n'
#: Versions that the server may have -> that in which we answer.
_ANSWERS = {b'RFB 003.003\n': b'RFB 003.003\n',
            b'RFB 003.007\n': b'RFB 003.007\n',
            b'RFB 003.008\n': b'RFB 003.008\n'}
_NONE = 1
_VENCRYPT = 19
_VENCRYPT_VERSION = b'\x00\x02'
_X509_NONE = 260
_ACCEPTED = bytes(4)


class Refusal(Exception):
    """One side says what the other cannot do with."""


class Dialogue:
    """Runs a generator that yields how many bytes it wants to receive.

    :param channel: channel.Channel or tls.TlsChannel
    :param script: the generator.
    :param on_done: function that is called with the bytes that are left.
    """

    def __init__(self, channel, script, on_done, data=b''):
        self._channel = channel
        self._script = script
        self._on_done = on_done
        self._data = bytearray()
        self._wanted = next(script)
        channel.on_data = self._received
        self._received(data)

    def _received(self, data):
        self._data += data
        while len(self._data) >= self._wanted:
            found = bytes(self._data[:self._wanted])
            del self._data[:self._wanted]
            try:
                self._wanted = self._script.send(found)
            except StopIteration:
                self._on_done(bytes(self._data))
                return
            except Refusal as exc:
                LOG.warning('A VNC console cannot be shown: %s', exc)
                self._channel.close(flush=True)
                return


def _with_server(send):
    """Negotiate with the VNC server, which has no password."""
    version = yield 12
    if version not in _ANSWERS:
        raise Refusal('the VNC server says %r' % version)
    send(_ANSWERS[version])
    if version == b'RFB 003.003\n':
        kind, = struct.unpack('>I', (yield 4))
        kinds = (kind,)
    else:
        kinds = yield (yield 1)[0]
    if _NONE not in kinds:
        raise Refusal('the VNC server wants one of these kinds of security: '
                      '%s' % ', '.join(map(str, kinds)))
    if version != b'RFB 003.003\n':
        send(bytes([_NONE]))
    if version == _VERSION and (yield 4) != _ACCEPTED:
        raise Refusal('the VNC server refuses the driver')


def _with_client(send, kind):
    """Negotiate with Nova's proxy, up to the security of the given kind."""
    send(_VERSION)
    version = yield 12
    if version != _VERSION:
        raise Refusal('the client says %r' % version)
    send(bytes([1, kind]))
    if (yield 1)[0] != kind:
        raise Refusal('the client wants another kind of security')


def _vencrypt(send):
    """Agree with Nova's proxy that TLS is next."""
    send(_VENCRYPT_VERSION)
    if (yield 2) != _VENCRYPT_VERSION:
        raise Refusal('the client has another version of VeNCrypt')
    send(bytes(1))
    send(struct.pack('>BI', 1, _X509_NONE))
    if (yield 4) != struct.pack('>I', _X509_NONE):
        raise Refusal('the client wants no certificates')
    send(b'\x01')


class VncConnection:
    """A client of a VNC console.

    :param hub: hub.Hub
    :param client: listener.Client
    :param data: bytes that it has sent after its request.
    :param port: int, of the VNC server on the loopback interface.
    :param context: ssl.SSLContext for TLS, or None.
    :param on_end: function that is called once at the end, with whether the
        server was still there.
    """

    def __init__(self, hub, client, data, port, context, on_end):
        self._hub = hub
        self._client = self._shown = client
        self._data = data
        self._context = context
        self._on_end = on_end
        self._server: typing.Any = None
        self._from_server = b''
        self._was_there = True
        self._deadline = hub.later(NEGOTIATION_SECONDS, self.close)
        self._forget_client = client.on_end
        client.pause()
        client.on_end = self.close
        channels.Connecting(hub, port, self._connected)

    def close(self):
        """End both connections."""
        self._deadline.cancel()
        on_end, self._on_end = self._on_end, None
        if on_end is None:
            return
        for channel in (self._server, self._client):
            if channel is not None:
                channel.close(flush=True)
        self._forget_client()
        on_end(self._was_there)

    def _lose_server(self):
        if self._on_end is not None:
            self._was_there = False
            self.close()

    def _connected(self, server):
        if server is None:
            self._was_there = False
            listeners.refuse(self._client)
            self.close()
        elif self._on_end is None:
            server.close()
        else:
            self._server = server
            server.on_end = self._lose_server
            Dialogue(server, _with_server(server.send), self._greet)
            server.start()

    def _greet(self, data):
        """Answer the client, now that there is something to see."""
        self._server.pause()
        self._from_server = data
        self._client.accept()
        kind = _NONE if self._context is None else _VENCRYPT
        Dialogue(self._client, self._with_client(kind), self._agreed,
                 self._data)
        self._client.resume()

    def _with_client(self, kind):
        yield from _with_client(self._client.send, kind)
        if kind == _VENCRYPT:
            yield from _vencrypt(self._client.send)

    def _agreed(self, data):
        if self._context is None:
            self._join(data)
            return
        shown = self._shown = tls.TlsChannel(
            self._client, self._context, lambda: self._join(b''))
        shown.on_end = self.close
        shown.receive(data)

    def _join(self, data):
        """Let both sides speak with each other."""
        if self._on_end is None:
            return
        self._deadline.cancel()
        self._shown.send(_ACCEPTED + self._from_server)
        channels.forward(self._shown, self._server)
        channels.forward(self._server, self._shown)
        self._server.send(data)
        self._server.resume()
