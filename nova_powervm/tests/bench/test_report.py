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

import json
import os

import fixtures
import testtools

from nova_powervm.tests.bench import meter
from nova_powervm.tests.bench import report


def _result(requests=10, bar=None, **kwargs):
    return report.Result('Operations', 'spawn', meter.Measurement(
        requests=requests, all_requests=requests + 1, bytes_in=1000,
        bytes_out=2000, seconds=0.5), bar=bar, **kwargs)


class ReportTest(testtools.TestCase):

    def test_a_bar_is_an_upper_limit(self):
        self.assertTrue(_result(10, bar=10).passed)
        self.assertFalse(_result(11, bar=10).passed)
        self.assertIsNone(_result(11).passed)

    def test_a_bar_may_be_a_lower_limit(self):
        self.assertFalse(_result(9, bar=10, at_least=True).passed)
        self.assertTrue(_result(10, bar=10, at_least=True).passed)

    def test_all_bars_count(self):
        self.assertTrue(report.passed([_result(), _result(bar=10)]))
        self.assertFalse(report.passed([_result(), _result(bar=9)]))

    def test_rows_of_the_simulator_keep_their_bars(self):
        row = {'what': 'small entry', 'value': 400, 'unit': 'requests/s',
               'bar': '>= 300', 'ok': True, 'bytes': 5000}
        self.assertTrue(report.from_simulator('Simulator', row).passed)
        self.assertFalse(report.from_simulator(
            'Simulator', dict(row, value=299)).passed)
        self.assertFalse(report.from_simulator(
            'Simulator', dict(row, bar='< 150')).passed)

    def test_json_has_all_that_was_measured(self):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'out')

        report.write_json([_result(bar=9, old='26')], path)

        with open(path) as written:
            data = json.load(written)
        self.assertFalse(data['passed'])
        [row] = data['rows']
        self.assertEqual((10, 11, 1000, 2000, 9, '26', 'maximum'), (
            row['requests'], row['all_requests'], row['bytes_in'],
            row['bytes_out'], row['bar'], row['nova_powervm_9'],
            row['bar_is']))

    def test_the_table_shows_what_was_missed(self):
        output = self.useFixture(fixtures.StringStream('stdout')).stream
        with fixtures.MonkeyPatch('sys.stdout', output):
            report.print_table([_result(bar=9, old='26'), _result()])

        output.seek(0)
        text = output.read()
        self.assertIn('MISSED', text)
        self.assertIn('<= 9', text)
        self.assertIn('26', text)
