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

"""Tests of rereads.py, on the simulated host."""

import random

from pypowervm import exceptions as pvm_exc

from nova_powervm.tests.virt.powervm.disk import base as disk_base
from nova_powervm.tests.virt.powervm.storage import base
from nova_powervm.virt.powervm import rereads
from nova_powervm.virt.powervm.storage import deletion
from nova_powervm.virt.powervm.storage import volumegroup


class RereadsTest(base.DisksTestCase):

    def setUp(self):
        super().setUp()
        self.now = 0
        self.vg = self.volume_group()
        self.of_system = rereads.Rereads(
            self.host.get_system, lambda _system: self.host.refresh_system(),
            clock=lambda: self.now)
        self.of_group = rereads.Rereads(
            self.vg.read, self.host.read_again, clock=lambda: self.now)
        self.simulated.journal.clear()

    def bytes_of(self, function):
        """Call it; returns the bytes that the platform has answered."""
        self.simulated.journal.clear()
        function()
        [record] = self.simulated.journal.records()
        return record['bytes_out']

    def test_unchanged(self):
        for reread in (self.of_system, self.of_group):
            self.assertGreater(self.bytes_of(reread.get), 1000)
            self.assertEqual(0, self.bytes_of(reread.get))

    def test_whole_after_some_time(self):
        for reread in (self.of_system, self.of_group):
            reread.get()
            self.now += rereads.MAX_AGE - 1
            self.assertEqual(0, self.bytes_of(reread.get))
            self.now += 1
            self.assertGreater(self.bytes_of(reread.get), 1000)
            self.assertEqual(0, self.bytes_of(reread.get))

    def test_error(self):
        """What was known before the error is not used any more."""
        self.of_group.get()
        self.break_request('status', 'GET', 'VolumeGroup', status=500)
        self.assertRaises(pvm_exc.HttpError, self.of_group.get)
        self.assertGreater(self.bytes_of(self.of_group.get), 1000)

    def edit(self, dice):
        """Change something, as this driver or somebody else does."""
        names = self.disk_names()
        what = dice.choice(['add', 'add', 'remove', 'lpar', 'none'])
        if what == 'add':
            self.vg.edit(volumegroup.create_disk,
                         'b_%d' % dice.randrange(10 ** 9), dice.randint(1, 9))
        elif what == 'remove' and names:
            self.vg.edit(deletion.disks, [dice.choice(names)],
                         disk_base.ANY)
        elif what == 'lpar':
            self.create_lpar(self.make_instance(next(self.numbers)))

    def test_as_a_whole_read(self):
        """After random edits it is the same as what a whole read returns."""
        self.numbers = iter(range(1, 100))
        dice = random.Random(19)
        for _ in range(25):
            self.edit(dice)
            for reread, read in ((self.of_system, self.host.get_system),
                                 (self.of_group, self.vg.read)):
                self.assertEqual(read().toxmlstring(),
                                 reread.get().toxmlstring())
