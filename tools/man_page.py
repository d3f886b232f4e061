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

"""Write the manual page of powervm-simulator that the package installs.

Usage: man_page.py

It says what the command itself says (nova_powervm/simulator/cmd.py). A test
fails if doc/man/powervm-simulator.1 is older. Run it at the root of a clone,
where the libraries of the simulated site are installed.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PATH = os.path.join(ROOT, 'doc', 'man', 'powervm-simulator.1')


def _plain(text):
    """Return a text in one line, in the language of troff."""
    return ' '.join(text.split()).replace('\\', '\\e').replace('-', '\\-')


def _entry(term, meaning):
    return '.TP\n.B "%s"\n\\&%s' % (_plain(term).replace('"', '\\(dq'),
                                    _plain(meaning))


def render(command):
    """Return the page.

    :param command: the module nova_powervm.simulator.cmd
    :returns: str
    """
    parser = command.make_parser()
    paragraphs = [_plain(text) for text in parser.description.split('\n\n')]
    options = [_entry(
        ', '.join(name + (' ' + action.metavar if action.metavar else '')
                  for name in action.option_strings),
        action.help % dict(vars(action), prog=parser.prog))
        for action in parser._actions]
    return '\n'.join((
        '.\\" Made by tools/man_page.py from nova_powervm/simulator/cmd.py.',
        '.TH "%s" "1" "" "" "nova\\-powervm"' % parser.prog.upper().replace(
            '-', '\\-'),
        '.SH NAME', _plain(parser.prog + ' - simulated IBM PowerVM site'),
        '.SH SYNOPSIS', '.B ' + _plain(parser.prog), '[options]',
        '.SH DESCRIPTION', '\n.PP\n'.join(paragraphs),
        '.SH OPTIONS', *options,
        *(line for title, entries in command.sections()
          for line in ('.SH ' + title.upper(),
                       *(_entry(*entry) for entry in entries))), ''))


def main():
    """Write the page."""
    sys.path.insert(0, ROOT)
    from nova_powervm.simulator import cmd
    with open(PATH, 'w') as out:
        out.write(render(cmd))


if __name__ == '__main__':
    main()
