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

"""What fails does not keep the rest from being undone, and is told."""

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import undoing


class UndoingTest(base.TestCase):

    def undo(self, *things):
        """Undo things; those that are exceptions fail with themselves."""
        self.tried = []

        def undo_one(thing):
            self.tried.append(thing)
            if isinstance(thing, Exception):
                raise thing

        undoing.each(undo_one, things)

    def test_all_is_well(self):
        self.undo(1, 2)
        self.assertEqual([1, 2], self.tried)

    def test_some_fail(self):
        things = [1, ValueError('one'), 2, KeyError('other'), 3]
        self.assertIs(things[1], self.assertRaises(ValueError, self.undo,
                                                   *things))
        self.assertEqual(things, self.tried)
        self.assertIn('other', self.logger.output)
