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

"""The Sphinx directive ``flow``: what a flow of the driver does.

``.. flow:: spawn.rebuild`` draws the flow that flows/spawn.py makes in
rebuild(); its option ``given`` has arguments that differ from the usual ones
(see flow_walk.py): ``:given: destroy_disks=False``. HTML gets a picture, all
else a list.
"""

import ast
import os

import diagram
from docutils import nodes
from docutils.parsers import rst
from docutils.parsers.rst import directives
import flow_walk
from sphinx import addnodes

STYLE = '''
  .only { font-size: 12px; fill: #9a5b00; }
  .some { fill: #fffaf1; stroke: #b8751a; stroke-dasharray: 5 3; }
  .undo { fill: #f6eef6; stroke: #7d4a7d; }
  .link { stroke: #7d4a7d; stroke-width: 1.2; fill: none;
          stroke-dasharray: 2 3; }
'''
# In pixels.
WIDTH, LEFT, RIGHT = 760, (10, 510), (550, 200)
TOP, GAP, PADDING = 42, 16, 10


# ---- the picture of a flow -------------------------------------------------

def draw(title, steps):
    """Return the SVG text of a flow.

    :param title: str, what the flow does
    :param steps: list of flow_walk.Step
    """
    parts = [diagram.text(LEFT[0], 18, 'What is done, downwards', 'title',
                          'start')]
    undone = any(step.undo for step in steps)
    if undone:
        parts.append(diagram.text(RIGHT[0], 18, 'If one fails, upwards',
                                  'title', 'start'))
    top, previous, undo_bottom = TOP - GAP, None, None
    for number, step in enumerate(steps, 1):
        lines = _lines(number, step)
        height = diagram.LINE * len(lines) + PADDING
        if previous is not None:
            parts.append(_arrow(LEFT[0] + 40, previous, previous + GAP))
        top += GAP
        parts += _box(LEFT, top, height, 'some' if step.only else 'ours',
                      lines)
        parts.append(diagram.text(
            LEFT[0] + LEFT[1] - PADDING, top + diagram.LINE, step.where,
            'note', 'end'))
        if step.undo:
            parts += _undo(step, top, height, undo_bottom)
            undo_bottom = top + height
        top = previous = top + height
    return diagram.page(title, WIDTH if undone else LEFT[0] * 2 + LEFT[1],
                        top + PADDING, parts, STYLE)


def _lines(number, step):
    """The lines of a task's box: list of (text, style)."""
    lines = [('%d. %s' % (number, ' / '.join([*step.part_of, step.name])),
              'title'), (step.what, '')]
    if step.only:
        lines.append((_only(step), 'only'))
    if step.needs or step.gives:
        lines.append(('; '.join(
            '%s %s' % (word, ', '.join(names)) for word, names in (
                ('takes', step.needs), ('gives', step.gives)) if names),
            'note'))
    return lines


def _only(step):
    words = ', '.join(step.only)
    return words[0].upper() + words[1:]


def _box(column, top, height, style, lines):
    yield ('<rect x="%g" y="%g" width="%g" height="%g" rx="5" class="%s"/>' %
           (column[0], top, column[1], height, style))
    for number, (line, line_style) in enumerate(lines, 1):
        yield diagram.text(column[0] + PADDING, top + diagram.LINE * number,
                           line, line_style, 'start')


def _undo(step, top, height, below):
    """The box of a revert, and the arrow to it from the one below it."""
    lines = [(line, '') for line in step.undo.split(', ')]
    yield '<path d="M %g %g L %g %g" class="link"/>' % (
        LEFT[0] + LEFT[1], top + height / 2, RIGHT[0], top + height / 2)
    yield from _box(RIGHT, top, height, 'undo', lines)
    if below is not None:
        yield _arrow(RIGHT[0] + RIGHT[1] / 2, top, below)


def _arrow(x, start, end):
    return ('<path d="M %g %g L %g %g" class="arrow" marker-end="url(#tip)"/>'
            % (x, start, x, end))


# ---- the list of a flow ----------------------------------------------------

def describe(step):
    """Tell in a sentence or some what a task does."""
    words = '%s (%s): %s' % (step.name, step.where, step.what)
    if step.only:
        words += ' %s.' % _only(step)
    if step.undo:
        words += ' Undone by %s.' % step.undo
    return words


class FlowPicture(nodes.General, nodes.Element):
    """A picture of a flow, for HTML.

    :ivar svg, name, alt: str, the picture, its file and its description.
    """


def visit_picture(writer, node):
    """Write the picture beside the other images, and show it."""
    folder = os.path.join(writer.builder.outdir, writer.builder.imagedir)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, node['name']), 'w',
              encoding='utf-8') as target:
        target.write(node['svg'])
    writer.body.append(writer.emptytag(
        node, 'img', '', src='%s/%s' % (writer.builder.imgpath, node['name']),
        alt=node['alt'], style='display: block; margin: 0 0 1.5em; '
        'max-width: 100%; height: auto'))
    raise nodes.SkipNode


class Flow(rst.Directive):
    """What a flow does, drawn from the flow itself."""

    required_arguments = 1
    option_spec = {'given': directives.unchanged_required}

    def run(self):
        name = self.arguments[0]
        given, suffix = {}, ''
        for argument in self.options.get('given', '').split():
            key, value = argument.split('=')
            given[key] = ast.literal_eval(value)
            suffix += '-%s-%s' % (key, value)
        steps = flow_walk.steps(name, given)
        told = [describe(step) for step in steps]
        otherwise = addnodes.only(expr='not html')
        otherwise += nodes.enumerated_list('', *[
            nodes.list_item('', nodes.paragraph('', text)) for text in told])
        return [FlowPicture(
            svg=draw(flow_walk.title(name), steps),
            name='flow-%s%s.svg' % (name, suffix),
            alt=' '.join('%d. %s' % item for item in enumerate(told, 1))),
            otherwise]


def setup(app):
    """Register the directive with Sphinx."""
    app.add_node(FlowPicture, html=(visit_picture, None),
                 **{writer: (_skip, None) for writer in (
                     'latex', 'text', 'man', 'texinfo')})
    app.add_directive('flow', Flow)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}


def _skip(writer, node):
    raise nodes.SkipNode
