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

"""A VNC client that reads text, for the screens of the simulated site."""

import functools
import socket
import struct
import time

from nova_powervm.simulator import font
from nova_powervm.simulator import screen

VERSION = b'RFB 003.008\n'
#: Seconds after which a test fails that waits for bytes.
TIMEOUT = 30


def connect(port, path=None, host='127.0.0.1'):
    """Connect to a VNC server, through the driver's relay if there is a path.

    :returns: (socket, first line of the answer to CONNECT or b'')
    """
    opened = socket.create_connection((host, port), TIMEOUT)
    if path is None:
        return opened, b''
    opened.sendall(b'CONNECT %s HTTP/1.1\r\n\r\n' % path.encode())
    answer = b''
    while not answer.endswith(b'\r\n\r\n'):
        data = opened.recv(1)
        if not data:
            break
        answer += data
    return opened, answer.split(b'\r\n')[0]


class Client:
    """A VNC client that shares the screen with others.

    :param opened: socket, after CONNECT
    :ivar rows: list of str, the screen
    """

    def __init__(self, opened):
        self._socket = opened
        self.rows = [''] * screen.ROWS

    def negotiate(self):
        """Speak the protocol up to the security result, without password."""
        assert self.read(12) == VERSION
        self.send(VERSION)
        kinds = self.read(self.read(1)[0])
        assert kinds == b'\x01', kinds
        self.send(b'\x01')
        assert self.read(4) == bytes(4)

    def start(self):
        """Say hello, and read what the screen is: returns its name."""
        self.send(b'\x01')
        width, height = struct.unpack('>HH', self.read(4))
        assert (width, height) == (screen.WIDTH, screen.HEIGHT)
        self.read(16)
        return self.read(struct.unpack('>I', self.read(4))[0]).decode()

    def send(self, data):
        self._socket.sendall(data)

    def read(self, count):
        data = b''
        while len(data) < count:
            more = self._socket.recv(count - len(data))
            if not more:
                raise EOFError('after %r' % data)
            data += more
        return data

    def type(self, text):
        """Press and release a key for each character."""
        for character in text:
            key = 0xff0d if character == '\n' else ord(character)
            self.send(struct.pack('>BBxxIBBxxI', 4, 1, key, 4, 0, key))

    def update(self, is_incremental=True):
        """Wait for the next picture, or what has changed of it."""
        self.ask(is_incremental)
        self.read_picture()

    def ask(self, is_incremental=True):
        """Ask for the next picture, or what has changed of it."""
        self.send(struct.pack('>BBHHHH', 3, is_incremental, 0, 0,
                              screen.WIDTH, screen.HEIGHT))

    def read_picture(self):
        """Wait for a picture that was asked for."""
        kind, count = struct.unpack('>BxH', self.read(4))
        assert kind == 0, kind
        for _rectangle in range(count):
            _x, y, width, height, encoding = struct.unpack('>HHHHi',
                                                           self.read(12))
            assert (width, height, encoding) == (screen.WIDTH, font.HEIGHT, 0)
            self.rows[y // font.HEIGHT] = _text(self.read(
                width * height * 4))

    def wait_for(self, text):
        """Look at the screen until it shows a text.

        :returns: str, the row that has it
        """
        deadline = time.monotonic() + TIMEOUT
        self.update(False)
        while time.monotonic() < deadline:
            for row in self.rows:
                if text in row:
                    return row
            self.update()
        raise AssertionError('%r is not on the screen: %r' % (text, self.rows))

    def close(self):
        self._socket.close()


@functools.lru_cache(maxsize=None)
def _patterns():
    """The pixels of each character -> the character."""
    light, dark = b'\xff\xff\xff\0', bytes(4)
    found = {}
    for character in map(chr, range(32, 127)):
        found[b''.join(light if bits & (0x80 >> x) else dark
                       for bits in font.rows(character)
                       for x in range(font.WIDTH))] = character
    return found


def rows(pixels):
    """Recognize the text of a whole screen.

    :param pixels: str, 1 for each pixel that is light, else 0.
    :returns: list of str; [] if it is no screen.
    """
    if len(pixels) != screen.WIDTH * screen.HEIGHT:
        return []
    light, dark = b'\xff\xff\xff\0', bytes(4)
    size = screen.WIDTH * font.HEIGHT
    return [_text(b''.join(light if pixel == '1' else dark
                           for pixel in pixels[start:start + size]))
            for start in range(0, len(pixels), size)]


def _text(pixels):
    """Recognize a row of characters."""
    if not any(pixels):
        return ''
    cell, line = font.WIDTH * 4, screen.WIDTH * 4
    return ''.join(_patterns().get(b''.join(
        pixels[start:start + cell] for start in
        range(column * cell, len(pixels), line)), '?')
        for column in range(screen.COLUMNS)).rstrip()
