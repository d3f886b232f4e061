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

"""Edits of mappings."""


import fixtures
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.tests.virt.powervm.storage import base
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import vm


class MappingsTestCase(base.DisksTestCase):

    def setUp(self):
        super().setUp()
        self.instance = self.make_instance()
        self.create_lpar(self.instance)
        self.map_disk(self.instance, self.create_disk('b_test'))

    def edit(self, func, *args):
        with self.transaction().immediate(self.host, 'test') as stg:
            stg.edit(self.vios().uuid, func, *args)

    def lose_lpar(self):
        """Delete the LPAR, and nothing else."""
        self.host.adapter.delete('LogicalPartition',
                                 root_id=vm.get_lpar_uuid(self.instance))
        self.assertEqual(1, len(self.mappings()))
        self.simulated.journal.clear()

    def test_removed_by_name(self):
        self.map_disk(self.instance, self.create_disk('b_other'))
        self.edit(vios_mappings.remove_storage_mappings, pvm_stg.VDisk,
                  ['b_test'])
        self.assertEqual([('b_other', 'lpar1')], self.mappings())

    def test_kinds_of_storage_are_kept_apart(self):
        self.edit(vios_mappings.remove_storage_mappings, pvm_stg.VOptMedia,
                  ['b_test'])
        self.assertEqual([('b_test', 'lpar1')], self.mappings())

    def test_removed_by_name_without_lpar(self):
        self.lose_lpar()
        self.edit(vios_mappings.remove_storage_mappings, pvm_stg.VDisk,
                  ['b_test'])
        self.assertEqual([], self.mappings())

    def test_removed_by_partition(self):
        other = self.make_instance(2)
        self.create_lpar(other)
        self.map_disk(other, self.create_disk('b_other'))
        self.edit(vios_mappings.remove_partition_mappings,
                  vm.get_lpar_uuid(self.instance))
        self.assertEqual([('b_other', 'lpar2')], self.mappings())

    def reuse_id(self):
        """Create another LPAR, of the same id as that which was lost."""
        old_id = self.lpar(self.instance).partition_id
        self.lose_lpar()
        other = self.make_instance(2)
        lpar_w = self.create_lpar(other)
        self.assertEqual(old_id, lpar_w.id)
        return other, lpar_w

    def test_stale_ones_go_with_the_edit(self):
        disk = self.create_disk('b_other')
        other, lpar_w = self.reuse_id()
        stg = self.transaction()
        stg.edit_touched(vios_mappings.remove_stale_mappings, lpar_w.id)
        stg.edit(self.vios().uuid, vios_mappings.add_mapping, lpar_w.uuid,
                 disk)
        stg.execute()
        self.assertEqual([('b_other', 'lpar2')], self.mappings())
        self.assertEqual(['GET VirtualIOServer', 'POST VirtualIOServer'],
                         self.requests())
        # The disk is its server's; Nova has it deleted with the server.
        self.assertIn('b_test', self.disk_names())

    def test_what_is_not_stale_stays(self):
        lpar_id = self.lpar(self.instance).partition_id
        self.edit(vios_mappings.remove_stale_mappings, lpar_id)
        self.edit(vios_mappings.remove_stale_mappings, lpar_id + 1)
        self.assertEqual(['GET VirtualIOServer'] * 2, self.requests())
        self.assertEqual([('b_test', 'lpar1')], self.mappings())

    def test_half_an_answer_proves_nothing(self):
        """The answer lacks the adapter of a client that is there."""
        lpar_id = self.lpar(self.instance).partition_id
        other_uuid = vm.get_lpar_uuid(self.make_instance(2))
        self.useFixture(fixtures.MonkeyPatch(
            'pypowervm.wrappers.virtual_io_server.VSCSIMapping.client_adapter',
            None))
        self.edit(vios_mappings.remove_stale_mappings, lpar_id)
        self.edit(vios_mappings.remove_storage_mappings, pvm_stg.VDisk,
                  ['b_test'],
                  [other_uuid])
        self.assertEqual([('b_test', 'lpar1')], self.mappings())

    def test_second_paths(self):
        """The one with the lowest slot stays."""
        vios_w = self.host.vios(self.vios().uuid,
                                [vios_mappings.SCSI_MAPPING])
        lpar_uuid = vm.get_lpar_uuid(self.instance)
        first, = vios_w.scsi_mappings
        slot = first.client_adapter.lpar_slot_num
        for number in (slot + 7, slot + 3):
            vios_w.scsi_mappings.append(vios_mappings.build_mapping(
                vios_w, lpar_uuid, first.backing_storage, slot=number))

        def slots():
            return [mapping.client_adapter.lpar_slot_num
                    for mapping in vios_w.scsi_mappings]

        for uuid, is_ours in (
                (lpar_uuid, lambda element: False),
                (vm.get_lpar_uuid(self.make_instance(2)),
                 lambda element: True)):
            self.assertFalse(vios_mappings.remove_second_paths(
                vios_w, uuid, is_ours))
            self.assertEqual([slot, slot + 7, slot + 3], slots())
        for is_changed in (True, False):
            self.assertIs(is_changed, vios_mappings.remove_second_paths(
                vios_w, lpar_uuid,
                lambda element: element.name == 'b_test'))
            self.assertEqual([slot], slots())
