# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Tests of file-backed disks, and of the job that rescans a disk."""

import io

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import scsi_mapper as pvm_smap
from pypowervm.tasks import storage as pvm_tasks
from pypowervm.wrappers import storage as pvm_stor

from nova_powervm.tests.simulator import storage_base

GIB = storage_base.GIB
RAW, QCOW2 = pvm_stor.FileFormatType.RAW, pvm_stor.FileFormatType.QCOW2
PATH = '/var/lib/pvm/fileio/boot_1'


class FilePoolTestCase(storage_base.StorageTestCase):
    """Disks in the pool of the documentation."""

    PROFILE = 'mgmt-vios'
    GROUP = 'QCOW VG - default'

    def crt_vdisk(self, name='boot_1', size_gb=1, **kwargs):
        return pvm_tasks.crt_vdisk(self.adapter, self.vios.uuid,
                                   self.group.uuid, name, size_gb, **kwargs)

    def upload_new(self, data, name='image_1', file_format=None, size=None):
        return pvm_tasks.upload_new_vdisk(
            self.adapter, self.vios.uuid, self.group.uuid, io.BytesIO(data),
            name, len(data), d_size=size, file_format=file_format)[0]

    def copy(self, source, name='boot_1', **kwargs):
        return pvm_tasks.crt_copy_vdisk(
            self.adapter, self.vios.uuid, self.group.uuid, source.udid, GIB,
            name, **kwargs)

    def disk(self, name='boot_1'):
        return self.group.disks[name]

    def test_find(self):
        vios_w, group_w = pvm_tasks.find_vg(self.adapter, self.GROUP)
        self.assertEqual('vios1', vios_w.name)
        self.assertEqual((1000.0, []), (group_w.available_size,
                                        list(group_w.phys_vols)))

    def test_create(self):
        vdisk = self.crt_vdisk()
        self.assertEqual(
            (PATH, PATH, 1.0, 'File', 'user:qcow', RAW),
            (vdisk.name, vdisk.label, vdisk.capacity, vdisk.vdtype,
             vdisk.backstore_type, vdisk.file_format))
        self.assertEqual(36, len(vdisk.udid))
        self.assertEqual(999.0, self.group_w().available_size)
        self.assertEqual(QCOW2, self.crt_vdisk(
            'boot_2', file_format=QCOW2).file_format)

    def test_create_by_path(self):
        self.assertEqual(PATH, self.crt_vdisk(PATH).name)

    def test_bad_requests(self):
        before = self.host.state()
        for name in ('', 'a b', 'a' * 101, '..', '/tmp/boot_1', 'a/b'):
            self.assertRefused('not a name for a disk', self.crt_vdisk, name)
        self.assertRefused('file format of disk', self.crt_vdisk,
                           file_format='vmdk')
        self.assertRefused('has 1000 GB free', self.crt_vdisk, size_gb=1001)
        self.assertEqual(before, self.host.state())

    def test_names(self):
        """Unlike those of logical volumes they are unique in the pool."""
        self.make_disk('boot_1', group=self.group_of(self.vios, 'datavg'))
        self.crt_vdisk()
        exc = self.assertRaises(pvm_exc.HttpError, self.crt_vdisk)
        self.assertEqual(409, exc.response.status)
        self.crt_vdisk('a-name-of-more-than-15-characters')

    def test_upload_raw(self):
        self.upload_new(b'raw image', size=GIB)
        disk = self.disk('image_1').disk
        self.assertEqual((b'raw image', GIB), (disk.read(0, 9), disk.size))

    def test_qcow2_is_kept_as_it_is(self):
        data = b'QFI\xfb' + bytes(100) + b'end'
        image = self.upload_new(data, file_format=QCOW2, size=GIB)
        self.assertEqual(1.0, image.capacity)
        disk = self.disk('image_1').disk
        self.assertEqual(data, disk.read(0, GIB))
        copy = self.copy(image, d_size=5 * GIB, file_format=QCOW2)
        self.assertEqual((QCOW2, 5.0), (copy.file_format, copy.capacity))
        self.assertEqual(data, self.disk().disk.read(0, GIB))

    def test_copy(self):
        image = self.upload_new(b'raw image')
        copy = self.copy(image)
        self.assertEqual((PATH, RAW), (copy.name, copy.file_format))
        self.assertEqual(b'raw image', self.disk().disk.read(0, 9))
        self.assertRefused('holds raw, not qcow2', self.copy, image,
                           'boot_2', file_format=QCOW2)

    def test_map(self):
        self.crt_vdisk()
        lpar = self.make_lpar()
        for number, name in enumerate((PATH, 'boot_1')):
            vios_w = pvm_smap.add_vscsi_mapping(
                None, self.vios.uuid, lpar.uuid,
                pvm_stor.VDisk.bld_ref(self.adapter, name))
            # The second time it is mapped already.
            smap, = vios_w.scsi_mappings
            self.assertEqual(PATH, smap.backing_storage.name)
            self.assertEqual('File', smap.backing_storage.vdtype)
        self.assertRefused('is mapped to vm1', pvm_tasks.rm_vg_storage,
                           self.group_w(), [smap.backing_storage])

    def test_no_resize(self):
        self.crt_vdisk()
        group_w = self.group_w()
        group_w.virtual_disks[0].capacity = 2
        self.assertRefused('is file-backed and cannot be resized',
                           group_w.update)

    def test_remove(self):
        before = self.host.state()
        vdisk = self.crt_vdisk()
        udid = vdisk.udid
        pvm_tasks.rm_vg_storage(self.group_w(), [vdisk])
        self.assertEqual(before, self.host.state())
        self.assertEqual(udid, self.crt_vdisk().udid)


class RescanTestCase(storage_base.PoolTestCase):
    """The job RescanVirtualDisk."""

    def test_rescan(self):
        lu = self.crt_lu()
        self.make_disk('boot_2')
        vdisk = self.group_w().virtual_disks[0]
        for storage in (lu, vdisk):
            pvm_tasks.rescan_vstor(self.vios.uuid, storage)
        self.assertEqual([], self.host.jobs.state())

    def test_no_such_disk(self):
        self.assertRaises(pvm_exc.VstorNotFound, pvm_tasks.rescan_vstor,
                          self.vios.uuid, '27ab', adapter=self.adapter)

    def test_vios_is_down(self):
        lu = self.crt_lu()
        with self.site.lock:
            self.vios.halted()
        exc = self.assertRaises(
            pvm_exc.JobRequestFailed, pvm_tasks.rescan_vstor, self.vios.uuid,
            lu)
        self.assertNotIsInstance(exc, pvm_exc.VstorNotFound)
