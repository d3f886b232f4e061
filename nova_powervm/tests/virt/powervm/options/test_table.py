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
"""Tests of the table of options."""

from oslo_config import types
import testtools

from nova_powervm.conf import powervm
from nova_powervm.virt.powervm.options import table


def is_free_text(opt):
    """Whether the type of an option accepts any text, or list of texts."""
    return not getattr(opt.type, 'choices', None) and isinstance(
        opt.type, (types.String, types.List))


class TableTest(testtools.TestCase):

    def test_each_option_is_there_once(self):
        self.assertEqual([opt.dest for opt in powervm.ALL_OPTS],
                         list(table.RULES))

    def test_free_text_has_a_check(self):
        for opt in [*powervm.ALL_OPTS, powervm.fabric_opt('A')]:
            rule = table.RULES.get(opt.dest, table.FABRIC)
            if is_free_text(opt):
                self.assertIsNotNone(rule.check, opt.dest)

    def test_conditions_are_options_that_can_have_the_value(self):
        options = {opt.dest: opt for opt in powervm.ALL_OPTS}
        for rule in [*table.RULES.values(), table.FABRIC]:
            for condition in (rule.needed_with, rule.only_with):
                if condition:
                    name, value = condition
                    self.assertEqual(value, options[name].type(str(value)))
