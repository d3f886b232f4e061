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

"""Compare a recording with what the simulator sends, path by path."""

import collections
import importlib.resources

from nova_powervm.simulator.recording import paths

#: The file with the paths that the simulator sends, and those that it leaves
#: out on purpose. A test of the simulator makes it, and holds it to the truth.
#: A path is below the last line with fewer spaces.
KNOWN = 'known.txt'
_LEFT_OUT = ' -'


def format_known(sent, left_out):
    """Make the content of KNOWN.

    :param sent: paths that the simulator sends
    :param left_out: paths that it leaves out on purpose
    :returns: str
    """
    lines, last = [], []
    marks = dict.fromkeys(sent, '')
    marks.update(dict.fromkeys(left_out, _LEFT_OUT))
    for parts in sorted(path.split('/') for path in marks):
        for depth, part in enumerate(parts):
            if parts[:depth + 1] != last[:depth + 1]:
                path = '/'.join(parts[:depth + 1])
                lines.append(' ' * depth + part + marks.get(path, ''))
        last = parts
    return '\n'.join(lines) + '\n'


def load_known():
    """Read KNOWN.

    :returns: two sets of paths: sent, and left out on purpose
    """
    text = (importlib.resources.files(__package__) / KNOWN).read_text()
    sent, left_out, above = set(), set(), []
    for line in text.splitlines():
        part = line.lstrip(' ')
        name = part.removesuffix(_LEFT_OUT)
        above = above[:len(line) - len(part)] + [name]
        (sent if name == part else left_out).add('/'.join(above))
    return sent, left_out


def compare(answers):
    """Compare answers with what the simulator sends.

    :param answers: list of dict, of recording.read()
    :returns: str, the report
    """
    seen = collections.Counter()
    unreadable = 0
    for answer in answers:
        if answer.get('body') is None:
            unreadable += bool(answer.get('bytes'))
            continue
        if '/quick/' in answer['path']:
            # Nothing in it tells of which type it is.
            continue
        seen.update(paths.paths(answer['body'].encode()))
    sent, left_out = load_known()
    types = {path.partition('/')[0] for path in seen}
    missing = seen.keys() - sent
    new = {path for path in missing if not paths.covers(left_out, path)}
    more = {path for path in sent - seen.keys()
            if path.partition('/')[0] in types}
    parts = ['%d answers, %d types of documents%s' % (
        len(answers), len(types), '; %d bodies were no documents' %
        unreadable if unreadable else '')]
    parts += _section('The server sends this, the simulator never does', new,
                      seen)
    parts += _section('The simulator leaves this out on purpose',
                      missing - new, seen)
    parts += _section('The simulator sends this, the server has not', more)
    parts += _section('The server refused these requests', {
        '%s %s: %d' % (answer['method'], answer['path'].partition('?')[0],
                       answer['status'])
        for answer in answers if answer['status'] >= 400})
    return '\n'.join(parts) + '\n'


def _section(title, found, counts=None):
    lines = ['', title + ': ' + (str(len(found)) if found else 'nothing')]
    for item in (sorted(found) if counts is None else paths.tops(found)):
        lines.append('  ' + item + (
            '' if counts is None else ' (%d)' % counts[item]))
    return lines
