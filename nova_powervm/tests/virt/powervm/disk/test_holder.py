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

from nova import objects

from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.virt.powervm.disk import holder
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import names
from nova_powervm.virt.powervm import short_text


class HolderTest(base.StorageTestCase):
    """vios1 and vios2 have a group 'datavg'; without it one is 'othervg'."""

    def setUp(self):
        super().setUp()
        self.flags(volume_group_vios_name='', group='powervm')

    def keep(self, vios_uuid, group='datavg', **more):
        """Have Nova keep what an earlier start has found."""
        self.compute_nodes = [objects.ComputeNode(stats=dict(
            holder.to_keep(vios_uuid, group), **more))]

    def take_away(self, vios):
        """Let a VIOS have no group 'datavg'."""
        with self.site.lock:
            group = self.group(vios=vios)
            group.name = 'othervg'
            group.touch()

    def stop(self, vios):
        with self.site.lock:
            self.vios(vios).halted()

    def found(self, name='datavg'):
        """The name of the VIOS that holds the group."""
        vios_w, vg_w = holder.find(self.host, name)
        self.assertEqual(name, vg_w.name)
        return vios_w.name

    def assert_refused(self, error, *texts):
        refusal = self.assertRaises(error, self.found)
        for text in texts:
            self.assertIn(text, str(refusal))
        self.assertIn('[powervm] ', str(refusal))
        self.assertLessEqual(len(str(refusal)), short_text.LIMIT)

    # ---- nothing is known of it

    def test_on_two_vioses(self):
        self.assert_refused(exception.VGHolderAmbiguous, 'vios1', 'vios2',
                            'datavg', 'volume_group_vios_name')

    def test_on_one_vios(self):
        """As after an upgrade from 9.0.0."""
        self.take_away('vios1')
        for nodes in ([], [objects.ComputeNode(stats=None)],
                      [objects.ComputeNode(stats={'failed_builds': '0'})]):
            self.compute_nodes = nodes
            self.assertEqual('vios2', self.found())

    def test_on_no_vios(self):
        self.take_away('vios1')
        self.take_away('vios2')
        self.assert_refused(exception.VGNotFound, 'datavg')

    def test_one_vios_cannot_be_asked(self):
        self.take_away('vios1')
        self.stop('vios1')
        self.assert_refused(exception.VGHolderUnknown, 'vios1', 'vios2',
                            'volume_group_vios_name')

    # ---- Nova knows the VIOS

    def test_kept(self):
        for name in ('vios1', 'vios2'):
            self.keep(self.vios(name).uuid.lower())
            self.assertEqual(name, self.found())

    def test_kept_but_down(self):
        """The right VIOS is down: the other group is left alone."""
        self.keep(self.vios('vios1').uuid)
        self.stop('vios1')
        before = self.state()
        self.assert_refused(exception.VGHolderNotUsable, 'vios1', 'down')
        self.assertEqual(before, self.state())

    def test_kept_while_the_other_is_down(self):
        self.keep(self.vios('vios1').uuid)
        self.stop('vios2')
        self.assertEqual('vios1', self.found())

    def test_kept_but_without_the_group(self):
        self.keep(self.vios('vios1').uuid)
        self.take_away('vios1')
        self.assert_refused(exception.VGHolderNotUsable, 'vios1',
                            'no such volume group')

    def test_kept_but_gone(self):
        self.keep('12345678-0000-4000-8000-000000000000')
        self.assert_refused(exception.VGHolderNotUsable, '12345678',
                            'no longer')

    def test_kept_of_another_group(self):
        self.keep(self.vios('vios2').uuid, 'rootvg')
        self.assert_refused(exception.VGHolderAmbiguous, 'vios1', 'vios2')

    def test_renamed(self):
        self.keep(self.vios('vios2').uuid)
        with self.site.lock:
            self.vios('vios2').name = 'renamed'
            self.vios('renamed').touch()
        self.assertEqual('renamed', self.found())

    # ---- the option names it

    def test_option_names_another_while_disks_are_left(self):
        """Neither a delete nor a rebuild would find the disks of servers."""
        self.keep(self.vios('vios1').uuid)
        name = names.disk_name('b_', '00000001-0000-4000-8000-fedcba980001')
        self.simulated.operator.create_disk('vios1', 'datavg', name, 2 ** 30)
        self.flags(volume_group_vios_name='vios2', group='powervm')
        before = self.state()
        self.assert_refused(exception.VGHolderChanged, 'vios1', 'vios2', name)
        self.assertEqual(before, self.state())

    def test_option_names_another_while_one_is_down(self):
        self.keep(self.vios('vios1').uuid)
        self.stop('vios1')
        self.flags(volume_group_vios_name='vios2', group='powervm')
        self.assert_refused(exception.VGHolderChanged, 'vios1', 'down')

    def test_option_is_stronger(self):
        self.keep(self.vios('vios1').uuid)
        self.flags(volume_group_vios_name='vios2', group='powervm')
        self.assertEqual('vios2', self.found())

    def test_option_names_one_that_is_down(self):
        self.flags(volume_group_vios_name='vios1', group='powervm')
        self.stop('vios1')
        self.assert_refused(exception.VGHolderNotUsable, 'vios1', 'down')

    def test_option_names_one_without_the_group(self):
        self.flags(volume_group_vios_name='vios1', group='powervm')
        self.take_away('vios1')
        self.assert_refused(exception.VGHolderNotUsable, 'vios1', 'datavg')

    def test_option_names_none(self):
        self.flags(volume_group_vios_name='vios3', group='powervm')
        self.assert_refused(exception.InvalidOption, 'vios3', 'vios1, vios2',
                            'volume_group_vios_name')
