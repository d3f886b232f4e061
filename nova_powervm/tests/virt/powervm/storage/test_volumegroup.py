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

"""Edits of volume groups."""

import functools

from nova import exception as nova_exc
from pypowervm import exceptions as pvm_exc

from nova_powervm.tests.virt.powervm.disk import base as disk_base
from nova_powervm.tests.virt.powervm.storage import base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.storage import deletion
from nova_powervm.virt.powervm.storage import volumegroup


class VolumeGroupTestCase(base.DisksTestCase):

    def setUp(self):
        super().setUp()
        self.vg = self.volume_group()
        self.simulated.journal.clear()

    def test_disks_come_and_go(self):
        before = self.state()
        vg_w, disk = self.vg.edit(volumegroup.create_disk, 'b_test', 3)
        self.assertEqual((3.0, 'b_test', 1997.0),
                         (disk.capacity, disk.name, vg_w.available_size))
        self.assertEqual(['GET VolumeGroup', 'POST VolumeGroup'],
                         self.requests())
        self.vg.edit(deletion.disks, ['b_test', 'b_none'], disk_base.ANY)
        self.assertEqual(before, self.state())
        self.simulated.journal.clear()
        self.vg.edit(deletion.disks, ['b_test', 'b_none'], disk_base.ANY)
        self.assertEqual(['GET VolumeGroup'], self.requests())

    def test_repeated_if_somebody_was_faster(self):
        self.break_request('precondition', 'POST', 'VolumeGroup')
        self.vg.edit(volumegroup.create_disk, 'b_test', 3)
        self.assertEqual(['GET VolumeGroup', 'POST VolumeGroup'] * 2,
                         self.requests())
        self.assertEqual(['b_test'], self.disk_names())

    def test_no_room(self):
        error = self.assertRaises(
            nova_exc.ComputeResourcesUnavailable, self.vg.edit,
            volumegroup.create_disk, 'b_test', 2001)
        self.assertIn('2001 GB needed in volume group datavg, 2000.00 GB',
                      str(error))
        self.assertEqual(['GET VolumeGroup'], self.requests())


class TogetherTestCase(base.DisksTestCase):
    """Threads edit one volume group."""

    COUNT = 5
    ONE_WRITE = ['GET VolumeGroup', 'POST VolumeGroup']

    def setUp(self):
        super().setUp()
        self.vg = self.volume_group()
        self.names = ['b_test%d' % number for number in range(self.COUNT)]

    def add(self, name, size_gb=1):
        vg_w, is_added = self.vg.add_disks(
            'add', volumegroup.add_disk, name, size_gb)
        self.assertEqual(is_added,
                         volumegroup.find_disk(vg_w, name) is not None)
        return is_added

    def remove(self, name, proof=disk_base.ANY):
        return self.vg.remove('remove', deletion.remove_disks, [name], proof)

    def make(self):
        for name in self.names:
            self.create_disk(name)

    def together(self, function, names=None):
        self.simulated.journal.clear()
        return base.together(self.host, [
            functools.partial(function, name)
            for name in (names or self.names)])

    def test_add(self):
        self.assertEqual([True] * self.COUNT, self.together(self.add))
        self.assertEqual(self.names, self.disk_names())
        self.assertEqual(self.ONE_WRITE, self.requests())

    def test_remove(self):
        self.make()
        self.assertEqual([True] * self.COUNT, self.together(self.remove))
        self.assertEqual([], self.disk_names())
        self.assertEqual(self.ONE_WRITE, self.requests())

    def test_some_are_missing(self):
        for name in self.names[:2]:
            self.create_disk(name)
        self.assertEqual([True] * 2 + [False] * 3, self.together(self.remove))

    def test_room_for_some(self):
        """Nobody gets space that another one in the same request gets."""
        free = self.vg.read().available_size
        outcomes = self.together(
            functools.partial(self.add, size_gb=int(free / 2)))
        self.assertEqual(2, outcomes.count(True))
        self.assertEqual(2, len(self.disk_names()))
        self.assertEqual(0, self.vg.read().available_size)

    def test_one_has_no_proof(self):
        """The others are removed; it is told why it is not."""
        self.make()
        proof = deletion.Proof('a test', lambda name: name != self.names[1])
        outcomes = self.together(
            functools.partial(self.remove, proof=proof))
        self.assertIsInstance(outcomes.pop(1), exception.StorageIsNotOurs)
        self.assertEqual([True] * 4, outcomes)
        self.assertEqual([self.names[1]], self.disk_names())

    def test_one_is_mapped(self):
        """The platform refuses them together, and then this one alone."""
        instance = self.make_instance()
        self.create_lpar(instance)
        self.make()
        self.map_disk(instance, self.vg.read().virtual_disks[1])
        mapped, = [name for name, _lpar in self.mappings()]
        outcomes = self.together(self.remove)
        refused = outcomes.pop(self.names.index(mapped))
        self.assertIsInstance(refused, pvm_exc.HttpError)
        self.assertEqual([True] * 4, outcomes)
        self.assertEqual([mapped], self.disk_names())

    def test_answer_is_lost(self):
        """All are told so. Each may remove its own disk, and no other."""
        self.break_request('drop_after', 'POST', 'VolumeGroup')
        outcomes = self.together(self.add)
        for outcome in outcomes:
            self.assertIsInstance(outcome, pvm_exc.Error)
        self.assertEqual(self.names, self.disk_names())
        self.remove(self.names[2])
        self.assertEqual(self.names[:2] + self.names[3:], self.disk_names())

    def test_one_exists(self):
        """Who cannot add its disk gets a document of its own to go on with."""
        self.create_disk(self.names[3])
        wrappers = []

        def add(vg_w, name):
            return (volumegroup.find_disk(vg_w, name) is None and
                    volumegroup.add_disk(vg_w, name, 1))

        def call(name):
            vg_w, is_added = self.vg.add_disks('add', add, name)
            wrappers.append((is_added, vg_w))
            return is_added

        self.assertEqual([True] * 3 + [False, True], self.together(call))
        [alone] = [vg_w for is_added, vg_w in wrappers if not is_added]
        self.assertTrue(all(vg_w is not alone
                            for is_added, vg_w in wrappers if is_added))
        alone.virtual_disks.remove(volumegroup.find_disk(alone,
                                                         self.names[3]))
        alone.update()

    def test_adding_and_removing(self):
        """Each goes out with its like."""
        self.make()
        new = ['b_new%d' % number for number in range(2)]
        outcomes = base.together(self.host, [
            functools.partial(self.add, name) for name in new] + [
            functools.partial(self.remove, name) for name in self.names])
        self.assertEqual([True] * 7, outcomes)
        self.assertEqual(new, self.disk_names())
