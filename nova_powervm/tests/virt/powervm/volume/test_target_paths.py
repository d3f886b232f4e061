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

"""Which VIOSes of the target serve a server that is migrated live."""

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.volume import target_paths


def slots(*described):
    return target_paths.read(described)


class TargetPathsTest(base.TestCase):

    def choose(self, described, seen_by, pooled=(), ids=None):
        """dict of slot -> VIOS."""
        self.chosen = target_paths.choose(slots(*described), seen_by, pooled,
                                          ids or {})
        return {slot.number: uuid for slot, uuid in self.chosen.items()}

    def test_each_path_on_another_vios(self):
        both = {'a': {'v1', 'v2'}, 'b': {'v1', 'v2'}}
        self.assertEqual({3: 'v1', 4: 'v2'}, self.choose(
            [[3, ['a', 'b'], False], [4, ['a', 'b'], False]], both))
        self.assertEqual({3: 'v1', 4: 'v2', 5: 'v1', 6: 'v2'}, self.choose(
            [[3, ['a'], False], [4, ['a'], False], [5, ['b'], False],
             [6, ['b'], False]], both))
        self.assertIsNone(target_paths.lost(self.chosen, 2))

    def test_order(self):
        """The VIOS with the lowest id gets the first slot."""
        self.assertEqual({3: 'v2', 4: 'v1'}, self.choose(
            [[4, ['a'], False], [3, ['a'], False]], {'a': {'v1', 'v2'}},
            ids={'v1': 3, 'v2': 2}))

    def test_where_all_is_seen(self):
        self.assertEqual({3: 'v2', 4: 'v1'}, self.choose(
            [[3, ['a', 'b'], False], [4, ['a'], False]],
            {'a': {'v1', 'v2'}, 'b': {'v2'}}))

    def test_pool(self):
        """A slot with a disk in a pool too, and one with nothing else."""
        seen_by = {'a': {'v1', 'v2', 'v3'}}
        self.assertEqual({2: 'v2', 3: 'v3', 4: 'v1'}, self.choose(
            [[2, [], True], [3, ['a'], True], [4, ['a'], False]],
            seen_by, pooled=['v2', 'v3']))
        self.assertEqual({4: 'v1'}, self.choose(
            [[2, [], True], [4, ['a'], False]], seen_by, pooled=['v4']))

    def test_none(self):
        exc = self.assertRaises(ValueError, self.choose,
                                [[3, ['a', 'b'], False]],
                                {'a': {'v1'}, 'b': {'v2'}})
        self.assertIn('in slot 3: a, b', str(exc))
        self.assertRaises(ValueError, self.choose, [[3, ['x'], False]],
                          {'a': {'v1'}})

    def test_lost(self):
        self.choose([[3, ['a'], False], [4, ['a'], False]], {'a': {'v1'}})
        self.assertEqual(('a', 1), target_paths.lost(self.chosen, 2))
        self.assertIsNone(target_paths.lost(self.chosen, 1))
        self.choose([[3, ['a'], False]], {'a': {'v1', 'v2'}})
        self.assertIsNone(target_paths.lost(self.chosen, 2))
        self.assertIsNone(target_paths.lost({}, 2))
