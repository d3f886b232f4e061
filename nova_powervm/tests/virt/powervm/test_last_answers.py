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

"""Tests of last_answers.py, on the simulated host."""

import random

from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.tests.virt.powervm.disk import base as disk_base
from nova_powervm.tests.virt.powervm.storage import base
from nova_powervm.virt.powervm import last_answers
from nova_powervm.virt.powervm.storage import deletion
from nova_powervm.virt.powervm.storage import volumegroup

KEY = 'document'


class LastAnswersTest(base.DisksTestCase):

    def setUp(self):
        super().setUp()
        self.now = 0
        self.vg = self.volume_group()
        self.answers = last_answers.LastAnswers(
            self.host.read_again, clock=lambda: self.now)
        self.keep()

    def keep(self):
        self.answers.keep(KEY, self.vg.read())
        self.simulated.journal.clear()

    def statuses(self):
        """The statuses of all answers since the last journal.clear()."""
        return [record['status'] for record in
                self.simulated.journal.records()]

    def test_unchanged(self):
        """It is read once; whoever reads it may change it."""
        self.assertEqual(self.vg.uuid, self.answers.read(KEY).uuid)
        self.assertEqual([304], self.statuses())
        self.assertIsNone(self.answers.read(KEY))
        self.assertEqual([304], self.statuses())

    def test_changed(self):
        self.vg.edit(volumegroup.create_disk, 'other', 1)
        self.simulated.journal.clear()
        found = self.answers.read(KEY)
        self.assertIsNotNone(volumegroup.find_disk(found, 'other'))
        self.assertEqual([200], self.statuses())

    def test_copy_is_kept(self):
        answer = self.vg.read()
        self.answers.keep(KEY, answer)
        volumegroup.add_blank_disks(answer, {'scribble': 1})
        self.assertIsNone(volumegroup.find_disk(self.answers.read(KEY),
                                                'scribble'))

    def test_old(self):
        for drop in (lambda: None, self.answers.drop_old):
            self.keep()
            self.now += last_answers.MAX_AGE - 1
            drop()
            self.assertIsNotNone(self.answers.read(KEY))
            self.keep()
            self.now += last_answers.MAX_AGE
            drop()
            self.assertIsNone(self.answers.read(KEY))
        self.assertEqual([], self.statuses())

    def test_forget(self):
        self.answers.forget()
        self.assertIsNone(self.answers.read(KEY))

    def test_everything_may_have_changed(self):
        self.vg.add_disks('add', volumegroup.add_disk, 'new', 1)
        self.host.invalidate()
        self.simulated.journal.clear()
        self.vg.add_disks('add', volumegroup.add_disk, 'newer', 1)
        self.assertEqual([200, 200], self.statuses())

    def test_no_etag(self):
        """Nothing could tell whether it has changed."""
        self.answers.forget()
        answer = self.vg.read()
        self.answers.keep(KEY, type(answer).wrap(answer.entry))
        self.assertIsNone(self.answers.read(KEY))

    def test_error(self):
        """What was kept is not used any more."""
        self.break_request('status', 'GET', 'VolumeGroup', status=500)
        self.assertRaises(pvm_exc.HttpError, self.answers.read, KEY)
        self.assertIsNone(self.answers.read(KEY))

    def test_vios(self):
        """Its parts are those that it was read with."""
        groups = ['ViosSCSIMapping']
        disk = self.create_disk('data')
        instance = self.make_instance(1)
        self.create_lpar(instance)
        self.map_disk(instance, disk)
        written = self.host.edits.answers.read(
            (self.vios('vios1').uuid.upper(), frozenset(groups)))
        whole = pvm_vios.VIOS.get(self.host.adapter, uuid=written.uuid,
                                  xag=groups)
        self.assertEqual([304, 200], self.statuses()[-2:])
        self.assertEqual(whole.toxmlstring(), written.toxmlstring())


class EditsTest(base.DisksTestCase):

    def setUp(self):
        super().setUp()
        self.vg = self.volume_group()
        self.numbers = iter(range(100))

    def add(self, vg_w, dice):
        """Change: compare what it changes with a whole read, and add."""
        whole = self.vg.read()
        # To look for media adds an empty element.
        self.assertEqual(len(whole.vmedia_repos), len(vg_w.vmedia_repos))
        self.assertEqual(whole.toxmlstring(), vg_w.toxmlstring())
        return volumegroup.add_disk(
            vg_w, 'b_%d' % next(self.numbers), dice.randint(1, 3))

    def edit(self, dice):
        """Change something, as this driver or somebody else does."""
        names = self.disk_names()
        what = dice.choice(['add', 'add', 'remove', 'other', 'none'])
        if what == 'add':
            self.vg.add_disks('add', self.add, dice)
        elif what == 'remove' and names:
            self.vg.remove('remove', deletion.remove_disks,
                           [dice.choice(names)], disk_base.ANY)
        elif what == 'other':
            self.vg.edit(volumegroup.create_disk,
                         'o_%d' % next(self.numbers), 1)

    def test_as_a_whole_read(self):
        """After random edits, changes begin with what there is."""
        dice = random.Random(20)
        for _ in range(40):
            self.edit(dice)
        self.assertIn(304, [record['status'] for record in
                            self.simulated.journal.records()])
