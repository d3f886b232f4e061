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


"""The Sphinx directive ``simulator-manual``: what --help says, as a page.

All of it comes from the parser of the command, for HTML and for the man page.
The tests read it without Sphinx, which only setup() needs.
"""

import argparse
import re
import textwrap

from nova_powervm.simulator import cmd

# An option, a path or a variable in running text.
_LITERAL = re.compile(r'(?<![\w/:])(--[a-z][a-z-]*|/tmp\b[\w/.]*|'
                      r'[A-Z]+_[A-Z]+|\b\w+\.(?:pem|yaml)\b)')


def _text(text):
    """Bring text of the parser into reStructuredText."""
    text = re.sub(r'([\\*`|])', r'\\\1', text)
    return _LITERAL.sub(r'``\1``', text)


def _section(title, lines):
    return [title, '-' * len(title), '', *lines, '']


def _indent(text):
    return textwrap.indent(text, '   ').splitlines()


def _synopsis(parser):
    usage = argparse.HelpFormatter(parser.prog, width=72)
    usage.add_usage(parser.usage, parser._actions, (), prefix='')
    return ['.. code-block:: text', '',
            *_indent(usage.format_help().strip())]


def _options(parser):
    lines = ['.. program:: ' + parser.prog, '']
    for action in parser._actions:
        values = ' ' + action.metavar if action.metavar else ''
        lines += ['.. option:: ' + ', '.join(
            name + values for name in action.option_strings), '']
        # What argparse itself puts in: %(default)s.
        lines += _indent(_text(action.help % vars(action))) + ['']
    return lines


def _entries(entries):
    lines = []
    for term, meaning in entries:
        lines += ['``%s``' % term, *_indent(_text(meaning))]
    return lines


def render():
    """Return the manual as reStructuredText, without its title."""
    parser = cmd.make_parser()
    lines = _section('Synopsis', _synopsis(parser))
    lines += _section('Description', _text(parser.description).splitlines())
    lines += _section('Options', _options(parser))
    for title, entries in cmd.sections():
        lines += _section(title.capitalize(), _entries(entries))
    return '\n'.join(lines)


def setup(app):
    """Register the directive with Sphinx."""
    from sphinx.util import docutils

    class SimulatorManual(docutils.SphinxDirective):
        """The sections of the manual of powervm-simulator."""

        def run(self):
            self.env.note_dependency(cmd.__file__)
            return self.parse_text_to_nodes(
                render(), allow_section_headings=True)

    app.add_directive('simulator-manual', SimulatorManual)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
