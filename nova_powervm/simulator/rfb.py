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

"""A client of a VNC server, which is a console.

The protocol is RFB, see RFC 6143. Assumed, no hardware: the VNC server of a
virtual terminal asks for no password, and serves several clients.
"""

import struct

from nova_powervm.simulator import font
from nova_powervm.simulator import screen

#: The protocol version that it has.
VERSION = b'RFB 003.008\n'
_NO_PASSWORD = 1
#: Pixels of 32 bits with 8 bits for each colour: bits, depth, big-endian,
#: true colour, maxima of red, green and blue, and by how much to shift them.
_FORMAT = struct.pack('>BBBBHHHBBB3x', 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
#: Keys that are no characters -> what they type.
_KEYS = {0xff08: b'\x7f', 0xff09: b'\t', 0xff0d: b'\r', 0xff1b: b'\x1b',
         0xff8d: b'\r'}
_CONTROL = (0xffe3, 0xffe4)


class ProtocolError(Exception):
    """The client says what makes no sense."""


class Session:
    """Speaks with a client; the caller moves the bytes.

    :param shown: screen.Screen
    :param name: str, name of the screen
    :param type_: function that types bytes
    :param version: bytes, VERSION or that of an older protocol
    :ivar out: bytearray of what is to be sent
    """

    def __init__(self, shown, name, type_, version=VERSION):
        self.out = bytearray(version)
        self._screen = shown
        self._name = name.encode()
        self._type = type_
        self._version = version
        self._data = bytearray()
        self._wanted = 0
        self._set_format(_FORMAT)
        self._sent = [None] * screen.ROWS
        self._is_waiting = False
        self._has_control = False
        self._script = self._talk()
        self._advance()

    def receive(self, data):
        """Take what the client has sent.

        :raises ProtocolError:
        """
        self._data += data
        while len(self._data) >= self._wanted:
            found = bytes(self._data[:self._wanted])
            del self._data[:self._wanted]
            self._advance(found)

    def refresh(self):
        """Send the rows that have changed, if the client waits for them.

        Nothing is sent before the client has taken what was sent before.
        """
        if not self._is_waiting or self.out:
            return
        changed = [number for number, row in enumerate(self._screen.rows)
                   if row != self._sent[number]]
        if not changed:
            return
        self._is_waiting = False
        self.out += struct.pack('>BxH', 0, len(changed))
        for number in changed:
            row = self._sent[number] = self._screen.rows[number]
            self.out += struct.pack('>HHHHi', 0, number * font.HEIGHT,
                                    screen.WIDTH, font.HEIGHT, 0)
            self.out += screen.pixels(row, self._light, self._dark)

    def _advance(self, found=None):
        self._wanted = self._script.send(found)

    def _talk(self):
        """Yield how many bytes come next, and receive them."""
        if (yield 12) != self._version:
            raise ProtocolError('another version')
        self.out += bytes([1, _NO_PASSWORD])
        if (yield 1)[0] != _NO_PASSWORD:
            raise ProtocolError('another kind of security')
        if self._version == VERSION:
            self.out += bytes(4)
        yield 1
        self.out += struct.pack('>HH', screen.WIDTH, screen.HEIGHT)
        self.out += _FORMAT + struct.pack('>I', len(self._name)) + self._name
        while True:
            yield from self._message((yield 1)[0])

    def _message(self, kind):
        if kind == 0:
            self._set_format((yield 19)[3:])
        elif kind == 2:
            number, = struct.unpack('>xH', (yield 3))
            yield number * 4
        elif kind == 3:
            if not (yield 9)[0]:
                self._sent = [None] * screen.ROWS
            self._is_waiting = True
        elif kind == 4:
            self._press(*struct.unpack('>BxxI', (yield 7)))
        elif kind == 5:
            yield 5
        elif kind == 6:
            length, = struct.unpack('>3xI', (yield 7))
            if length > 65536:
                raise ProtocolError('%d bytes of text' % length)
            yield length
        else:
            raise ProtocolError('message %d' % kind)

    def _set_format(self, data):
        bits, _depth, big, true, *colours = struct.unpack('>BBBBHHHBBB3x',
                                                          data)
        if bits not in (8, 16, 32) or not true:
            raise ProtocolError('pixels of %d bits' % bits)
        light = sum(maximum << shift for maximum, shift in
                    zip(colours[:3], colours[3:]))
        size = bits // 8
        self._light = (light & (1 << bits) - 1).to_bytes(
            size, 'big' if big else 'little')
        self._dark = bytes(size)
        self._sent = [None] * screen.ROWS

    def _press(self, is_down, key):
        if key in _CONTROL:
            self._has_control = bool(is_down)
        elif is_down:
            typed = _KEYS.get(key, bytes([key]) if key < 256 else b'')
            if self._has_control and key < 256:
                typed = bytes([key & 0x1f])
            if typed:
                self._type(typed)
