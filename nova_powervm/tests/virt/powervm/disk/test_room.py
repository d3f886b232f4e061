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

import itertools

import testtools

from nova_powervm.virt.powervm.disk import room


class NeededTestCase(testtools.TestCase):

    def test_enough_and_each_is_needed(self):
        for sizes in itertools.product((1, 2.5, 7), repeat=4):
            sizes = dict(zip('abcd', sizes))
            for size_gb in range(1, 35):
                to_delete = room.needed(sizes, size_gb, 3, 'bdac'.index)
                freed = 3 + sum(sizes[name] for name in to_delete)
                if not to_delete:
                    self.assertTrue(size_gb <= 3 or
                                    size_gb > 3 + sum(sizes.values()))
                    continue
                self.assertGreaterEqual(freed, size_gb)
                for name in to_delete:
                    self.assertLess(freed - sizes[name], size_gb)

    def test_what_matters_stays(self):
        self.assertEqual(['a'], room.needed({'a': 5, 'b': 5}, 7, 3,
                                            'ab'.index))
        self.assertEqual(['b'], room.needed({'a': 5, 'b': 5}, 7, 3,
                                            'ba'.index))

    def test_the_larger_stays(self):
        self.assertEqual(['a'], room.needed({'a': 5, 'b': 6}, 7, 3,
                                            lambda name: 0))
