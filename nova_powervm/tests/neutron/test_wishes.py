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

"""Tests of what ports wish of SR-IOV vNICs."""

import testtools

from nova_powervm.neutron import wishes


class WishesTest(testtools.TestCase):

    def test_none(self):
        for profile in (None, {}, {'capacity': None},
                        {'pci_slot': '0001:00:00.1'}):
            self.assertEqual({}, wishes.parse(profile))

    def test_numbers_and_text(self):
        """JSON has numbers; "port set --binding-profile a=b" sends text."""
        wanted = {'vnic_required_vfs': 2, 'capacity': 0.02,
                  'maxcapacity': 0.5}
        for kind in (str, float):
            self.assertEqual(wanted, wishes.parse(
                {key: kind(value) for key, value in wanted.items()}))
        parsed = wishes.parse({'vnic_required_vfs': ' 3 '})
        self.assertEqual({'vnic_required_vfs': 3}, parsed)
        self.assertIsInstance(parsed['vnic_required_vfs'], int)

    def test_each_alone(self):
        for wish in ({'vnic_required_vfs': 1}, {'capacity': 1.0},
                     {'maxcapacity': 0.001},
                     {'capacity': 0.25, 'maxcapacity': 0.25}):
            self.assertEqual(wish, wishes.parse(wish))

    def test_wrong(self):
        for key, values in (
                ('vnic_required_vfs', (0, -1, 1.5, '', 'two', True, [2],
                                       'nan', 'inf', float('inf'), 7,
                                       '1e999999999')),
                ('capacity', (0, -0.5, 1.1, '2%', 'nan', False, {}, '',
                              '1e-400', '1e999999999')),
                ('maxcapacity', (0, 2, 'all'))):
            for value in values:
                error = self.assertRaises(ValueError, wishes.parse,
                                          {key: value})
                self.assertIn('%s is %r, not a ' % (key, value), str(error))

    def test_more_than_the_most(self):
        error = self.assertRaises(ValueError, wishes.parse, {
            'capacity': '0.6', 'maxcapacity': 0.5})
        self.assertEqual('capacity is 0.6, more than maxcapacity, which is '
                         '0.5', str(error))
