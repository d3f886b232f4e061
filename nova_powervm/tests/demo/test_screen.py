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

import io

import testtools

from nova_powervm.demo import screen


class ScreenTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.output = io.StringIO()
        self.screen = screen.Screen(plain=True, output=self.output)

    def _lines(self):
        return self.output.getvalue().splitlines()

    def test_a_step_is_a_line_with_its_cost_and_its_result(self):
        with self.screen.step('Do something') as result:
            result.requests = 7
            result.detail = 'it is done'

        line, detail = self._lines()
        self.assertEqual(['ok', 'Do', 'something', '0.0', 's', '7'],
                         line.split())
        self.assertEqual('it is done', detail.strip())

    def test_a_step_that_fails_is_shown_as_such(self):
        with testtools.ExpectedException(ValueError):
            with self.screen.step('Do something'):
                raise ValueError()

        [line] = self._lines()
        self.assertTrue(line.startswith('FAIL'))

    def test_a_step_may_cost_nothing_that_can_be_counted(self):
        with self.screen.step('Do something'):
            pass

        self.assertEqual('-', self._lines()[0].split()[-1])

    def test_plain_means_ascii_and_no_colours(self):
        self.screen.heading()
        self.screen.table('A table', ['a', 'b'], [['1', '2\n3']])
        self.screen.say('a paragraph', 'bold')

        text = self.output.getvalue()
        self.assertTrue(text.isascii())
        self.assertNotIn('\x1b', text)

    def test_a_step_fits_in_80_columns(self):
        with self.screen.step('x' * screen.TITLE_WIDTH) as result:
            result.requests = 1000

        self.assertLess(len(self._lines()[0]), 80)
