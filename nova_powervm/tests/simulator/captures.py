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

"""Finds what real servers were seen to send and the simulator never sends.

The captures that pypowervm carries are compared with what the simulator sends
while some of its own tests run. What is missing on purpose is listed, with the
reason, in doc/source/simulator/not-sent.yaml. This command makes the page
not-sent.rst from that, and the list of what the simulator sends, which
powervm-recorder compares recordings with:

    python -m nova_powervm.tests.simulator.captures
"""

import collections
import os
import textwrap
import unittest
from unittest import mock

from pypowervm import tests as pvm_tests
import ruamel.yaml

from nova_powervm.simulator.recording import paths as recorded
from nova_powervm.simulator.recording import report
from nova_powervm.simulator import response
from nova_powervm.tests import tree

FOLDER = os.path.join(os.path.dirname(pvm_tests.__file__), 'data')
LIST = ('doc', 'source', 'simulator', 'not-sent.yaml')
PAGE = ('doc', 'source', 'simulator', 'not-sent.rst')
KNOWN = ('nova_powervm', 'simulator', 'recording', report.KNOWN)
#: Tests that make the simulator send each type of document.
TESTS = tuple('nova_powervm.tests.simulator.' + name for name in (
    'test_fidelity_fc', 'test_fidelity_network', 'test_fidelity_partition',
    'test_fidelity_pool', 'test_fidelity_sriov', 'test_fidelity_storage',
    'test_hmc.TestDocuments', 'test_hmc.TestObjects.test_console',
    'test_pcm.TestSamples.test_feed', 'test_pcm.TestSamples.test_form',
    'test_pcm.TestSamples.test_virtual_fibre_channel',
    'test_sessions'))
_HEADING = """\
..
   Licensed under the Apache License, Version 2.0 (the "License"); you may
   not use this file except in compliance with the License. You may obtain
   a copy of the License at

        http://www.apache.org/licenses/LICENSE-2.0

   Unless required by applicable law or agreed to in writing, software
   distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
   WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
   License for the specific language governing permissions and limitations
   under the License.

..
   Made from not-sent.yaml by python -m nova_powervm.tests.simulator.captures

=====================================================
What a real server sends, and the simulator does not
=====================================================

pypowervm carries answers of real servers. The simulator sends all that these
captures contain, except what this page lists. A test compares both.
"""


def names():
    """The names of the captures, list of str."""
    return sorted(name for name in os.listdir(FOLDER)
                  if not name.startswith(('.', '__')))


def read(name):
    """The document in a capture, bytes; b'' if there is none."""
    with open(os.path.join(FOLDER, name), 'rb') as capture:
        data = capture.read()
    if b'BODY{' in data:
        data = data.partition(b'BODY{')[2].partition(b'END OF SECTION}')[0]
    return data.strip()


def captured():
    """What real servers were seen to send.

    :returns: dict from path to the set of names of the captures that have it;
        '' has those that are no documents.
    """
    found = collections.defaultdict(set)
    for name in names():
        for path in recorded.paths(read(name)) or ('',):
            found[path].add(name)
    return found


def sent(tests=TESTS):
    """What the simulator sends while tests run.

    :param tests: names of modules, classes or methods
    :returns: tuple of the set of paths, and the result of the tests
    """
    bodies = set()
    build = response.Response.__init__

    def building(made, *args, **kwargs):
        build(made, *args, **kwargs)
        bodies.add(bytes(made.body))

    suite = unittest.TestSuite(
        unittest.defaultTestLoader.loadTestsFromName(name) for name in tests)
    result = unittest.TestResult()
    with mock.patch.object(response.Response, '__init__', building):
        suite.run(result)
    return set().union(*map(recorded.paths, bodies)), result


def load():
    """The list of what is missing on purpose, dict."""
    return ruamel.yaml.YAML(typ='safe').load(tree.read(*LIST))


def page():
    """The page that tells what is missing, str."""
    parts = [_HEADING]
    for group in load()['paths']:
        title = group['title']
        parts.append('\n'.join((title, '=' * len(title), '',
                                textwrap.fill(group['reason'].strip(), 79),
                                '', *('* ``%s``' % path
                                      for path in sorted(group['paths'])),
                                '')))
    return '\n'.join(parts)


def known(found):
    """The content of report.KNOWN, str.

    :param found: set of the paths that the simulator sends
    """
    missing = [path for group in load()['paths'] for path in group['paths']]
    return report.format_known(found, missing)


def main():
    """Write the page and the list."""
    for place, text in ((PAGE, page()), (KNOWN, known(sent()[0]))):
        with open(tree.path(*place), 'w', encoding='utf-8') as written:
            written.write(text)


if __name__ == '__main__':
    main()
