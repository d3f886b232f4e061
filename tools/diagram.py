#!/usr/bin/env python3
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

"""Draw a diagram: from a TOML file of boxes and arrows to an SVG file.

Usage: diagram.py SOURCE.toml...  (writes SOURCE.svg beside each)

Coordinates are in units of UNIT pixels. A box is ``[left, top, width,
height]``. An arrow goes straight from a side of one box to a side of another;
``along`` says where on that side, from 0 to 1, and 0.5 if not given. Standard
library only, and the same bytes from the same source everywhere.
"""

import sys
import tomllib
from xml.sax import saxutils

UNIT = 10
LINE = 17
STYLE = '''
  text { font-family: "Open Sans", Helvetica, Arial, sans-serif;
         font-size: 13px; fill: #1b2a38; }
  .title { font-weight: bold; }
  .note { font-size: 12px; fill: #4a5b6a; }
  rect { fill: #ffffff; stroke: #4a5b6a; stroke-width: 1.2; }
  .page { fill: #ffffff; stroke: none; }
  .area { fill: #f1f5f8; stroke: #b5c2cd; }
  .ours { fill: #dceefb; stroke: #1f6fa8; }
  .platform { fill: #e3f3e4; stroke: #3b8240; }
  .simulated { fill: #fdeeda; stroke: #b8751a; stroke-dasharray: 5 3; }
  .arrow { stroke: #4a5b6a; stroke-width: 1.4; fill: none; }
'''


def side(box, name, along):
    """The point on a side of a box, in pixels."""
    left, top, width, height = (UNIT * value for value in box['at'])
    return {
        'top': (left + width * along, top),
        'bottom': (left + width * along, top + height),
        'left': (left, top + height * along),
        'right': (left + width, top + height * along),
    }[name]


def text(x, y, content, style, anchor='middle'):
    return '<text x="%g" y="%g" class="%s" text-anchor="%s">%s</text>' % (
        x, y, style, anchor, saxutils.escape(content))


def draw_box(box):
    left, top, width, height = (UNIT * value for value in box['at'])
    kind = box.get('kind', 'plain')
    yield '<rect x="%g" y="%g" width="%g" height="%g" rx="5" class="%s"/>' % (
        left, top, width, height, kind)
    lines = ([(box['title'], 'title')] if 'title' in box else []) + [
        (line, 'note') for line in box.get('notes', [])]
    if kind == 'area':  # a frame around others: its text stands at the top
        first, x, anchor = top + LINE + 2, left + UNIT, 'start'
    else:
        first = top + height / 2 - LINE * (len(lines) - 1) / 2 + 4.5
        x, anchor = left + width / 2, 'middle'
    for number, (line, style) in enumerate(lines):
        yield text(x, first + LINE * number, line, style, anchor)


def draw_arrow(arrow, boxes):
    along = arrow.get('along', [0.5, 0.5])
    (from_box, from_side), (to_box, to_side) = (
        arrow[end].split('.') for end in ('from', 'to'))
    x1, y1 = side(boxes[from_box], from_side, along[0])
    x2, y2 = side(boxes[to_box], to_side, along[1])
    yield ('<path d="M %g %g L %g %g" class="arrow" '
           'marker-end="url(#tip)"/>' % (x1, y1, x2, y2))
    if 'label' in arrow:
        yield text((x1 + x2) / 2 + 6, (y1 + y2) / 2 + 4, arrow['label'],
                   'note', 'start')


def page(title, width, height, parts, style=''):
    """Return the SVG text of a picture.

    :param title: (str) what it shows.
    :param width: in pixels; likewise the height.
    :param parts: the elements of the picture, as str.
    :param style: (str) CSS rules beside STYLE.
    """
    return '\n'.join([
        '<svg xmlns="http://www.w3.org/2000/svg" width="%g" height="%g" '
        'viewBox="0 0 %g %g" role="img">' % (width, height, width, height),
        '<title>%s</title>' % saxutils.escape(title),
        '<style>%s</style>' % (STYLE + style),
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" '
        'markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M 0 0 L 8 4 L 0 8 z" fill="#4a5b6a"/></marker></defs>',
        '<rect width="%g" height="%g" class="page"/>' % (width, height),
        *parts, '</svg>', ''])


def render(source):
    """Return the SVG text of a diagram.

    :param source: (str) the TOML text.
    """
    data = tomllib.loads(source)
    width, height = (UNIT * value for value in data['size'])
    boxes = {box['id']: box for box in data['box']}
    parts = []
    for box in data['box']:
        parts += draw_box(box)
    for arrow in data.get('arrow', []):
        parts += draw_arrow(arrow, boxes)
    return page(data['title'], width, height, parts)


def write(path):
    """Draw the diagram in a .toml file to the .svg file beside it."""
    with open(path, encoding='utf-8') as source:
        picture = render(source.read())
    with open(path.removesuffix('.toml') + '.svg', 'w',
              encoding='utf-8') as target:
        target.write(picture)


if __name__ == '__main__':
    for name in sys.argv[1:]:
        write(name)
