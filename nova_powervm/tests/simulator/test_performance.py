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

"""That the simulator can be measured, and keeps what makes it fast.

How fast it is, ``measure.py`` tells; here no test looks at a clock.
"""

import io
import json
from unittest import mock

import testtools

from nova_powervm.simulator import profile as sim_profile
from nova_powervm.simulator.resources import scsi_mappings
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import measure


class TestMeasure(testtools.TestCase):

    def run_main(self, *arguments):
        with mock.patch('sys.stdout', new_callable=io.StringIO) as stdout:
            status = measure.main(['--profile', 'default', '--seconds',
                                   '0.05'] + list(arguments))
        return status, stdout.getvalue()

    def test_measures_a_simulator_in_another_process(self):
        status, output = self.run_main('--json')
        rows = json.loads(output)
        self.assertEqual({'ms', 'requests/s'}, {row['unit'] for row in rows})
        for row in rows:
            self.assertGreater(row['value'], 0)
            self.assertGreater(row['bytes'], 0)
        self.assertEqual(0 if all(row['ok'] for row in rows) else 1, status)

    def test_table(self):
        text = measure.table([
            {'what': 'LPAR entry', 'value': 500, 'unit': 'requests/s',
             'bar': '>= 300', 'ok': True, 'bytes': 7000},
            {'what': 'VIOS feed', 'value': 151.0, 'unit': 'ms',
             'bar': '< 150', 'ok': False, 'bytes': 4000000}])
        self.assertEqual(3, len(text.splitlines()))
        self.assertIn('MISSED', text.splitlines()[2])

    def test_failures_are_not_measured(self):
        site = self.useFixture(powervm_fixtures.SimulatedSite()).site
        client = measure.Client(site.hosts[0].base_url)
        self.addCleanup(client.close)
        self.assertRaises(RuntimeError, measure.rate, client,
                          '/rest/api/uom/Nothing', 0.05)


class TestCaches(testtools.TestCase):
    """Work that a request must not cause, on a host with many LPARs."""

    def setUp(self):
        super().setUp()
        profile = sim_profile.load('large')
        profile['hosts'][0]['crowd'].update(count=20, mappings=80)
        self.site = self.useFixture(
            powervm_fixtures.SimulatedSite(profile)).site
        self.vios = self.site.hosts[0].store.all('VirtualIOServer')[0]
        self.client = measure.Client(self.site.hosts[0].base_url)
        self.addCleanup(self.client.close)
        self.assertEqual(80, self.feed().count(b'<VirtualSCSIMapping '))

    def feed(self):
        return self.client.request(
            'GET', '/rest/api/uom/VirtualIOServer?group=ViosSCSIMapping')

    def test_documents_are_made_once(self):
        with mock.patch.object(type(self.vios), 'render',
                               autospec=True) as render:
            self.feed()
        render.assert_not_called()

    def test_only_what_changed_is_rendered_again(self):
        with mock.patch.object(
                scsi_mappings.atom, 'fragment',
                side_effect=scsi_mappings.atom.fragment) as made:
            with self.site.lock:
                self.vios.touch()
            self.feed()
        self.assertLess(made.call_count, 10)
