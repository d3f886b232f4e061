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

import threading

import fixtures
from nova import exception as nova_exc
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import storage as pvm_stg
from pypowervm.wrappers import vios_file
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.virt.powervm import deletion
from nova_powervm.virt.powervm import storage
from nova_powervm.virt.powervm import uploads
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm import volumegroup


class DisksTestCase(base.StorageTestCase):
    """Base: disks that are there, and shorter names for what is tested."""

    def volume_group(self, vios='vios1'):
        vios_uuid = self.vios(vios).uuid
        vg_w = next(vg_w for vg_w in pvm_stg.VG.get(
            self.host.adapter, parent_type=pvm_vios.VIOS,
            parent_uuid=vios_uuid) if vg_w.name == 'datavg')
        return volumegroup.VolumeGroup(self.host, vios_uuid, vg_w)

    def create_disk(self, name, vios='vios1'):
        disk = self.volume_group(vios).edit(volumegroup.create_disk, name,
                                            1)[1]
        self.simulated.journal.clear()
        return disk

    def map_disk(self, instance, disk, vios='vios1'):
        with storage.StorageTransaction.immediate(self.host, 'map') as stg:
            stg.edit(self.vios(vios).uuid, storage.add_mapping,
                     vm.get_pvm_uuid(instance), disk)
        self.simulated.journal.clear()


class StorageTransactionTestCase(DisksTestCase):

    def setUp(self):
        super().setUp()
        self.instance = self.make_instance()
        self.create_lpar(self.instance)
        self.disk = self.create_disk('b_test')
        self.stg = self.transaction()

    def add(self, vios='vios1', disk=None):
        self.stg.edit(self.vios(vios).uuid, storage.add_mapping,
                      vm.get_pvm_uuid(self.instance), disk or self.disk)

    def test_one_read_and_one_write(self):
        self.add()
        self.assertEqual([], self.requests())
        self.stg.execute()
        queries = {record['query'] for record in
                   self.simulated.journal.records()}
        self.assertEqual({'group=ViosSCSIMapping'}, queries)
        self.assertEqual(['GET VirtualIOServer', 'POST VirtualIOServer'],
                         self.requests())
        self.assertEqual([('b_test', 'lpar1')], self.mappings())

    def test_no_write_without_a_change(self):
        self.map_disk(self.instance, self.disk)
        self.add()
        results = self.stg.execute()
        self.assertEqual(['GET VirtualIOServer'], self.requests())
        self.assertEqual({self.vios().uuid: 'vios1'}, {
            uuid: vios_w.name for uuid, vios_w in results.items()})

    def test_no_read_without_an_edit(self):
        done = []
        self.stg.edit_touched(self.fail)
        self.stg.then(done.append, 1)
        self.assertEqual({}, self.stg.execute())
        self.assertEqual(([1], []), (done, self.requests()))

    def test_done_anew_if_somebody_was_faster(self):
        self.break_request('precondition', 'POST', 'VirtualIOServer')
        self.add()
        self.stg.execute()
        self.assertEqual(['GET VirtualIOServer', 'POST VirtualIOServer'] * 2,
                         self.requests())
        self.assertEqual([('b_test', 'lpar1')], self.mappings())

    def test_edits_of_a_vios_are_written_together(self):
        self.add()
        self.add(disk=self.create_disk('r_test'))
        self.stg.execute()
        self.assertEqual(['GET VirtualIOServer', 'POST VirtualIOServer'],
                         self.requests())
        self.assertEqual([('b_test', 'lpar1'), ('r_test', 'lpar1')],
                         self.mappings())

    def test_several_vioses(self):
        threads = threading.active_count()
        self.add()
        self.add('vios2', self.create_disk('r_test', 'vios2'))
        done = []
        self.stg.then(lambda: done.append(self.mappings('vios2')))
        self.stg.execute()
        self.assertEqual(['GET VirtualIOServer'] * 2 +
                         ['POST VirtualIOServer'] * 2,
                         sorted(self.requests()))
        self.assertEqual([[('r_test', 'lpar1')]], done)
        self.assertEqual(threads, threading.active_count())

    def test_one_of_several_fails(self):
        self.add()
        self.add('vios2', self.create_disk('r_test', 'vios2'))
        self.break_request('status', 'GET', self.vios('vios2').uuid,
                           status=500, message='Broken on purpose')
        self.stg.then(self.fail)
        error = self.assertRaises(pvm_exc.HttpError, self.stg.execute)
        self.assertIn('Broken on purpose', str(error))
        self.assertEqual([('b_test', 'lpar1')], self.mappings())

    def test_all_of_several_fail(self):
        self.add()
        self.add('vios2', self.create_disk('r_test', 'vios2'))
        self.break_request('status', 'POST', 'VirtualIOServer', count=2,
                           status=500, message='Broken on purpose')
        threads = threading.active_count()
        error = self.assertRaises(pvm_exc.Error, self.stg.execute)
        for vios in ('vios1', 'vios2'):
            self.assertIn(self.vios(vios).uuid, str(error))
        self.assertIn('Broken on purpose', str(error))
        self.assertEqual(threads, threading.active_count())

    def test_immediate_does_nothing_after_an_error(self):
        def use():
            with storage.StorageTransaction.immediate(self.host,
                                                      'test') as stg:
                stg.edit(self.vios().uuid, self.fail)
                raise ValueError()

        self.assertRaises(ValueError, use)
        self.assertEqual([], self.requests())


class MappingsTestCase(DisksTestCase):

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
                                 root_id=vm.get_pvm_uuid(self.instance))
        self.assertEqual(1, len(self.mappings()))
        self.simulated.journal.clear()

    def test_removed_by_name(self):
        self.map_disk(self.instance, self.create_disk('b_other'))
        self.edit(storage.remove_storage_mappings, pvm_stg.VDisk, ['b_test'])
        self.assertEqual([('b_other', 'lpar1')], self.mappings())

    def test_kinds_of_storage_are_kept_apart(self):
        self.edit(storage.remove_storage_mappings, pvm_stg.VOptMedia,
                  ['b_test'])
        self.assertEqual([('b_test', 'lpar1')], self.mappings())

    def test_removed_by_name_without_lpar(self):
        self.lose_lpar()
        self.edit(storage.remove_storage_mappings, pvm_stg.VDisk, ['b_test'])
        self.assertEqual([], self.mappings())

    def test_removed_by_partition(self):
        other = self.make_instance(2)
        self.create_lpar(other)
        self.map_disk(other, self.create_disk('b_other'))
        self.edit(storage.remove_partition_mappings,
                  vm.get_pvm_uuid(self.instance))
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
        stg.edit_touched(storage.remove_stale_mappings, lpar_w.id)
        stg.edit(self.vios().uuid, storage.add_mapping, lpar_w.uuid, disk)
        stg.execute()
        self.assertEqual([('b_other', 'lpar2')], self.mappings())
        self.assertEqual(['GET VirtualIOServer', 'POST VirtualIOServer'],
                         self.requests())
        # The disk is its server's; Nova has it deleted with the server.
        self.assertIn('b_test', self.disk_names())

    def test_what_is_not_stale_stays(self):
        lpar_id = self.lpar(self.instance).partition_id
        self.edit(storage.remove_stale_mappings, lpar_id)
        self.edit(storage.remove_stale_mappings, lpar_id + 1)
        self.assertEqual(['GET VirtualIOServer'] * 2, self.requests())
        self.assertEqual([('b_test', 'lpar1')], self.mappings())

    def test_half_an_answer_proves_nothing(self):
        """The answer lacks the adapter of a client that is there."""
        lpar_id = self.lpar(self.instance).partition_id
        other_uuid = vm.get_pvm_uuid(self.make_instance(2))
        self.useFixture(fixtures.MonkeyPatch(
            'pypowervm.wrappers.virtual_io_server.VSCSIMapping.client_adapter',
            None))
        self.edit(storage.remove_stale_mappings, lpar_id)
        self.edit(storage.remove_storage_mappings, pvm_stg.VDisk, ['b_test'],
                  [other_uuid])
        self.assertEqual([('b_test', 'lpar1')], self.mappings())


class VolumeGroupTestCase(DisksTestCase):

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
        self.vg.edit(deletion.disks, ['b_test', 'b_none'], base.ANY)
        self.assertEqual(before, self.state())
        self.simulated.journal.clear()
        self.vg.edit(deletion.disks, ['b_test', 'b_none'], base.ANY)
        self.assertEqual(['GET VolumeGroup'], self.requests())

    def test_done_anew_if_somebody_was_faster(self):
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


class UploadTestCase(DisksTestCase):

    def setUp(self):
        super().setUp()
        self.disk = self.create_disk('i_test')

    def upload(self, content=b'x' * 100000):
        uploads.upload(
            self.host, self.vios().uuid,
            vios_file.FileType.DISK_IMAGE, 'i_test',
            self.glance.send(content), len(content),
            target_udid=self.disk.udid)

    def files(self):
        return [file.filename for file in self.simulated.store.all('File')]

    def test_upload(self):
        self.upload()
        self.assertEqual(['PUT File', 'PUT contents', 'DELETE File'],
                         self.requests())
        self.assertEqual(b'x' * 100000, self.content_of('i_test', 100000))
        self.assertEqual([], self.files())

    def test_descriptor_is_made_but_the_answer_lost(self):
        self.break_request('drop_after', 'PUT', '/File$')
        self.assertRaises(pvm_exc.ConnectionError, self.upload)
        self.assertEqual([], self.files())

    def test_bytes_are_refused(self):
        self.break_request('status', 'PUT', 'contents', status=500)
        self.assertRaises(pvm_exc.HttpError, self.upload)
        self.assertEqual([], self.files())

    def test_bytes_are_never_sent_twice(self):
        # The second time there would be none left to send.
        for effect in ({'effect': 'busy'},
                       {'effect': 'status', 'status': 401}):
            self.break_request(method='PUT', path='contents', **effect)
            self.assertRaises(pvm_exc.HttpError, self.upload)
            self.assertEqual(['PUT File', 'PUT contents', 'DELETE File'],
                             self.requests())

    def test_descriptor_is_deleted_at_the_second_try(self):
        for effect in ('drop_before', 'drop_after'):
            self.break_request(effect, 'DELETE', 'File')
            self.upload()
            self.assertEqual([], self.files())

    def test_descriptor_that_stays_is_found_by_name(self):
        self.break_request('status', 'DELETE', 'File', count=2, status=500)
        self.upload()
        self.assertEqual(['i_test'], self.files())
        self.simulated.journal.clear()
        uploads.delete_files(self.host, ['i_tes', 'other'],
                             self.vios().uuid)
        self.assertEqual((['i_test'], ['GET File']),
                         (self.files(), self.requests()))
        uploads.delete_files(self.host, ['i_test'],
                             self.vios().uuid)
        self.assertEqual(([], ['GET File', 'DELETE File']),
                         (self.files(), self.requests()))
        uploads.delete_files(self.host, ['i_test'],
                             self.vios().uuid)
