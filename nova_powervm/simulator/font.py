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

"""The characters of a text screen, 8 pixels wide and 16 high.

Each is drawn with strokes on a grid of 5 x 9 points. Points are pairs of
digits, x and y; y 0 is the top, y 6 the line that letters stand on.
"""

import functools

WIDTH = 8
HEIGHT = 16

#: Character -> lines through points; a slash begins another line.
STROKES = {
    '!': '20 24/26 26', '"': '10 12/30 32', '#': '10 16/30 36/02 42/04 44',
    '$': '41 11 02 13 33 44 35 05/20 26', '%': '06 40/00 01/45 46',
    '&': '46 11 20 31 04 05 16 26 44', "'": '20 22', '(': '30 12 14 36',
    ')': '10 32 34 16', '*': '03 43/11 35/31 15', '+': '21 25/03 43',
    ',': '25 26 17', '-': '03 43', '.': '26 26', '/': '06 40',
    '0': '10 30 41 45 36 16 05 01 10/05 41', '1': '11 20 26/16 36',
    '2': '01 10 30 41 42 06 46', '3': '00 40 22 32 43 45 36 16 05',
    '4': '36 30 04 44', '5': '40 00 02 32 43 45 36 16 05',
    '6': '30 10 01 05 16 36 45 44 33 13 04', '7': '00 40 16',
    '8': '10 30 41 42 33 13 02 01 10/13 04 05 16 36 45 44 33',
    '9': '42 33 13 02 01 10 30 41 45 36 16', ':': '22 22/25 25',
    ';': '22 22/25 26 17', '<': '40 03 46', '=': '02 42/04 44',
    '>': '00 43 06', '?': '01 10 30 41 42 23 24/26 26',
    '@': '34 32 22 13 14 24 34 43 41 30 10 01 05 16 46',
    'A': '06 02 20 42 46/04 44', 'B': '00 30 41 42 33 03/33 44 45 36 06 00',
    'C': '41 30 10 01 05 16 36 45', 'D': '00 20 42 44 26 06 00',
    'E': '40 00 06 46/03 33', 'F': '40 00 06/03 33',
    'G': '41 30 10 01 05 16 36 45 43 23', 'H': '00 06/40 46/03 43',
    'I': '10 30/20 26/16 36', 'J': '20 40/30 35 26 16 05',
    'K': '00 06/40 03 46', 'L': '00 06 46', 'M': '06 00 23 40 46',
    'N': '06 00 46 40', 'O': '10 30 41 45 36 16 05 01 10',
    'P': '06 00 30 41 42 33 03', 'Q': '10 30 41 45 36 16 05 01 10/24 46',
    'R': '06 00 30 41 42 33 03/23 46',
    'S': '41 30 10 01 02 13 33 44 45 36 16 05', 'T': '00 40/20 26',
    'U': '00 05 16 36 45 40', 'V': '00 04 26 44 40', 'W': '00 06 23 46 40',
    'X': '00 46/40 06', 'Y': '00 23 40/23 26', 'Z': '00 40 06 46',
    '[': '30 10 16 36', '\\': '00 46', ']': '10 30 36 16', '^': '02 20 42',
    '_': '07 47', '`': '10 31', 'a': '12 32 43 46 16 05 14 44',
    'b': '00 06 36 45 43 32 02', 'c': '43 32 12 03 05 16 36 45',
    'd': '40 46 16 05 03 12 42', 'e': '04 44 43 32 12 03 05 16 46',
    'f': '40 30 21 26/03 33', 'g': '42 12 03 05 16 46/42 47 38 08',
    'h': '00 06/02 32 43 46', 'i': '12 22 26/20 20/16 36',
    'j': '22 32 37 28 08/30 30', 'k': '00 06/42 04 46', 'l': '10 20 26/16 36',
    'm': '06 02 22 26/22 32 43 46', 'n': '06 02 32 43 46',
    'o': '12 32 43 45 36 16 05 03 12', 'p': '08 02 32 43 45 36 06',
    'q': '48 42 12 03 05 16 46', 'r': '02 06/03 12 42',
    's': '42 12 03 14 34 45 36 06', 't': '10 15 26 46/02 32',
    'u': '02 05 16 46 42', 'v': '02 26 42', 'w': '02 06 24 46 42',
    'x': '02 46/42 06', 'y': '02 05 16 46/42 47 38 08', 'z': '02 42 06 46',
    '{': '30 21 22 13 24 25 36', '|': '20 27', '}': '10 21 22 33 24 25 16',
    '~': '04 13 34 43',
}


@functools.lru_cache(maxsize=256)
def rows(character):
    """Draw a character.

    :param character: str of one character; one that is not printable ASCII is
        drawn as a box, a space stays empty
    :returns: tuple of 16 int; bit 7 is the pixel on the left
    """
    if character == ' ':
        strokes = ''
    else:
        strokes = STROKES.get(character, '00 40 46 06 00')
    drawn = [0] * HEIGHT
    for line in strokes.split('/') if strokes else ():
        points = [_pixel(point) for point in line.split()]
        for start, end in zip(points, points[1:]):
            _draw(drawn, start, end)
    return tuple(drawn)


def _pixel(point):
    return 1 + round(int(point[0]) * 1.25), 2 + round(int(point[1]) * 1.4)


def _draw(drawn, start, end):
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    for step in range(steps + 1):
        x = start[0] + round((end[0] - start[0]) * step / steps)
        y = start[1] + round((end[1] - start[1]) * step / steps)
        drawn[y] |= 0x80 >> x
