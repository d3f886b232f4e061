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

"""A screen of 80 x 25 characters, as a VNC client sees it."""

from nova_powervm.simulator import font

COLUMNS = 80
ROWS = 25
WIDTH = COLUMNS * font.WIDTH
HEIGHT = ROWS * font.HEIGHT


class Screen:
    """What a terminal shows of the bytes that it receives.

    It knows new lines, carriage returns and backspaces, and shows everything
    else.

    :ivar rows: list of str, each of 80 characters
    """

    def __init__(self):
        self.rows = [' ' * COLUMNS] * ROWS
        self._column = 0

    def show(self, data):
        """Show bytes; the last row is always the current one."""
        # Nothing else is left of what came before.
        for character in data[-COLUMNS * ROWS * 4:].decode('latin-1'):
            if character == '\n':
                self.rows = self.rows[1:] + [' ' * COLUMNS]
            elif character == '\r':
                self._column = 0
            elif character == '\b':
                self._column = max(0, self._column - 1)
            elif character >= ' ':
                self._put(character)

    def _put(self, character):
        if self._column == COLUMNS:
            self.show(b'\r\n')
        row = self.rows[-1]
        self.rows[-1] = (row[:self._column] + character +
                         row[self._column + 1:])
        self._column += 1


def pixels(row, light, dark):
    """Draw a row of characters.

    :param row: str of 80 characters
    :param light: bytes of one pixel of a character
    :param dark: bytes of one pixel of the background
    :returns: bytes of 16 lines of 640 pixels
    """
    lines = []
    drawn = [font.rows(character) for character in row]
    for y in range(font.HEIGHT):
        lines.extend(_eight(rows[y], light, dark) for rows in drawn)
    return b''.join(lines)


def _eight(bits, light, dark):
    if not bits:
        return dark * 8
    return b''.join(light if bits & (0x80 >> x) else dark for x in range(8))
