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

"""The rows of prior states, operations and effects."""

import itertools

import testtools

from nova_powervm.tests.virt.powervm.walks import known
from nova_powervm.tests.virt.powervm.walks import outages
from nova_powervm.tests.virt.powervm.walks import pairs


class PairsTest(testtools.TestCase):

    def test_each_pair_that_makes_sense_is_in_a_row(self):
        wanted = set()
        for row in itertools.product(*pairs.CHOICES):
            if pairs.makes_sense(row):
                wanted |= pairs.pairs_of(row)
        found = set()
        for row in pairs.rows():
            found |= pairs.pairs_of(row)
        self.assertEqual(wanted, found)

    def test_each_row_makes_sense(self):
        self.assertEqual([], [row for row in pairs.rows()
                              if not pairs.makes_sense(
                                  row[:len(pairs.CHOICES)])])

    def test_rows_are_always_the_same(self):
        before = pairs.rows()
        pairs.rows.cache_clear()
        self.assertEqual(before, pairs.rows())

    def test_each_row_adds_something(self):
        covered = set()
        for row in pairs.rows():
            self.assertFalse(pairs.pairs_of(row) <= covered, row)
            covered |= pairs.pairs_of(row)

    def test_names_are_unique(self):
        names = [(row.platform, row.name) for row in pairs.rows()]
        self.assertEqual(len(names), len(set(names)))

    def test_each_effect_meets_each_state(self):
        """Not only its kind does."""
        found = {(row.effect, state.name) for row in pairs.rows()
                 for state in row.states}
        for effect in outages.EFFECTS:
            states = {state for name, state in found if name == effect}
            self.assertGreaterEqual(len(states), 7, effect)

    def test_what_is_known_is_about_a_row(self):
        for fault in known.KNOWN:
            self.assertTrue(any(fault in known.find(row.name)
                                for row in pairs.rows()), fault)
