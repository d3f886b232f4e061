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

"""Tests of bench/slopes.py."""

import testtools

from nova_powervm.tests.bench import meter
from nova_powervm.tests.bench import report
from nova_powervm.tests.bench import rows
from nova_powervm.tests.bench import slopes


def _results(**bytes_of):
    return [report.Result('', title.replace('_', ' '), meter.Measurement(
        requests=1, bytes_in=moved // 4, bytes_out=moved - moved // 4))
        for title, moved in bytes_of.items()]


class SlopesTest(testtools.TestCase):

    def compare(self, many):
        return slopes.compare({
            10: _results(stop=4000, second_spawn=5000),
            100: _results(stop=4000, second_spawn=20000),
            1000: _results(stop=many, second_spawn=200000)})

    def test_factors(self):
        stop, spawn = self.compare(4200)
        self.assertEqual((1.05, 10), (stop.value, spawn.value))
        self.assertEqual('second spawn: 5.0, 20.0, 200.0 kB', spawn.title)

    def test_only_flat_operations_have_a_bar(self):
        stop, spawn = self.compare(4400)
        self.assertTrue(stop.passed)
        self.assertIsNone(spawn.passed)
        self.assertFalse(self.compare(4500)[0].passed)

    def test_nothing_was_moved(self):
        [result] = slopes.compare({100: _results(stop=0),
                                   500: _results(stop=0)})
        self.assertEqual(0, result.value)

    def test_flat_operations_are_measured_beside_crowds(self):
        self.assertLessEqual(slopes.FLAT, {
            row.title for row in rows.BESIDE_A_CROWD})
        self.assertIn(slopes.BASE, rows.CROWDS)
