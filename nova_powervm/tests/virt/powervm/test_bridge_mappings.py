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

"""The option [powervm] bridge_mappings."""

from nova import exception as nova_exc

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import bridge_mappings


class ParseTest(base.TestCase):

    def test_mappings(self):
        self.assertEqual(
            {'prod': ('ent5', 'vios1'), 'test': ('ent6', 'vios 2')},
            bridge_mappings.parse(['prod:ent5:vios1', ' test: ent6:vios 2 ']))

    def test_none(self):
        self.assertEqual({}, bridge_mappings.parse([]))

    def test_unusable(self):
        for entry in ('prod', 'prod:ent5', 'prod:ent5:', ':ent5:vios1',
                      'prod:ent5:vios1:more', ''):
            exc = self.assertRaises(nova_exc.InvalidConfiguration,
                                    bridge_mappings.parse, [entry])
            self.assertIn(repr(entry), str(exc))

    def test_twice(self):
        exc = self.assertRaises(
            nova_exc.InvalidConfiguration, bridge_mappings.parse,
            ['prod:ent5:vios1', 'prod:ent6:vios1'])
        self.assertIn('prod twice', str(exc))

    def test_two_on_one_adapter(self):
        exc = self.assertRaises(
            nova_exc.InvalidConfiguration, bridge_mappings.parse,
            ['test:ent5:vios1', 'prod:ent5:vios1', 'lab:ent5:vios2'])
        self.assertIn('prod and test', str(exc))
        self.assertIn('ent5 of vios1', str(exc))
