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

"""Each test that went has a successor that is there, and is documented."""

import importlib

import testtools

from nova_powervm.tests import successors
from nova_powervm.tests import tree


def _find(name):
    """Find a test, or a class of tests, by its full name."""
    parts = name.split('.')
    for length in range(len(parts) - 1, 0, -1):
        try:
            found = importlib.import_module('.'.join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise AssertionError(name)


class SuccessorsTest(testtools.TestCase):

    def test_each_is_there(self):
        for names in successors.SUCCESSORS.values():
            for name in names:
                self.assertTrue(callable(_find(successors.NOW + name)), name)

    def test_what_they_replace_is_gone(self):
        for earlier in successors.SUCCESSORS:
            self.assertRaises((AttributeError, AssertionError), _find,
                              successors.BEFORE + earlier)

    @tree.needs_source
    def test_the_table_is_in_the_documentation(self):
        page = tree.read('doc', 'source', 'contributor', 'testing.rst')
        self.assertIn('\n'.join(successors.table()), page)
