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
"""Tests of messages of one line."""

import testtools

from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import short_text


class FitTest(testtools.TestCase):

    def test_what_fits_is_kept(self):
        self.assertEqual(
            {'a': 'x y', 'b': 'one, two', 'n': 7, 'c': 'none'},
            short_text.fit('%(a)s %(b)s %(n)d %(c)s', {
                'a': 'x\n  y', 'b': ['one', 'two'], 'n': 7, 'c': []}))

    def test_list_loses_its_last_items(self):
        found = short_text.fit('There are: %(all)s', {
            'all': ['volume_group_%d' % number for number in range(50)]})
        message = 'There are: %(all)s' % found
        self.assertLessEqual(len(message), short_text.LIMIT)
        self.assertRegex(message, 'volume_group_0, .* and [34][0-9] more$')

    def test_long_item(self):
        self.assertLessEqual(len(short_text.fit(
            '%(all)s', {'all': ['x' * 500, 'y']})['all']), short_text.LIMIT)

    def test_reason_is_cut_last(self):
        exc = exception.InvalidOption(option='rest_host', value='x' * 500,
                                      reason='it must be ' + 'short ' * 20)
        self.assertLessEqual(len(str(exc)), short_text.LIMIT)
        self.assertTrue(str(exc).endswith('short'))
        exc = exception.InvalidOption(option='rest_host', value='x' * 500,
                                      reason='y' * 500, there=['z' * 500])
        self.assertLessEqual(len(str(exc)), short_text.LIMIT)
        self.assertIn('rest_host=xxx', str(exc))
