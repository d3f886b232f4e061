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


"""Tests of volume groups and uploads of the simulated site."""

import hashlib
import io
import os
import types

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import storage as pvm_tasks
from pypowervm.tasks import vopt as pvm_vopt
from pypowervm.wrappers import storage as pvm_stor
from pypowervm.wrappers import vios_file as pvm_file

from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import scsi_mappings
from nova_powervm.simulator.resources import uploads
from nova_powervm.simulator.resources import volume_group
from nova_powervm.tests.simulator import storage_base

GIB = storage_base.GIB


class DiskTestCase(storage_base.StorageTestCase):
    """Virtual disks, through pypowervm's tasks."""

    def crt_vdisk(self, name='boot_1', size_gb=1, **kwargs):
        return pvm_tasks.crt_vdisk(self.adapter, self.vios.uuid,
                                   self.group.uuid, name, size_gb, **kwargs)

    def update(self, change):
        """Read the volume group, change the wrapper, write it back."""
        group_w = self.group_w()
        change(group_w)
        return group_w.update()

    def test_create(self):
        vdisk = self.crt_vdisk('boot_1', 5)
        self.assertEqual('boot_1', vdisk.name)
        self.assertEqual(5.0, vdisk.capacity)
        self.assertEqual('03%s.1' % self.group.serial, vdisk.udid)
        self.assertTrue(vdisk.vg_uri.endswith(self.group.uuid))
        group_w = self.group_w()
        self.assertEqual((1995.0, 1995.0, 2000.0), (
            group_w.free_space, group_w.available_size, group_w.capacity))

    def test_create_a_fraction_of_a_gigabyte(self):
        vdisk = self.crt_vdisk(size_gb=1.41)
        self.assertEqual(1.41, vdisk.capacity)
        self.assertEqual(1998.59, self.group_w().free_space)

    def test_write_back_changes_nothing(self):
        self.crt_vdisk(size_gb=1.41)
        before = self.host.state()
        self.update(lambda group_w: None)
        self.assertEqual(before, self.host.state())

    def test_numbers_are_used_again(self):
        first = self.crt_vdisk('a')
        self.crt_vdisk('b')
        before = self.host.state()
        third = self.crt_vdisk('c')
        pvm_tasks.rm_vg_storage(self.group_w(), vdisks=[third])
        self.assertEqual(before, self.host.state())
        pvm_tasks.rm_vg_storage(self.group_w(), vdisks=[first])
        self.assertEqual(first.udid, self.crt_vdisk('d').udid)

    def test_name_is_taken(self):
        self.crt_vdisk('a')
        exc = self.assertRaises(pvm_exc.HttpError, self.crt_vdisk, 'a')
        self.assertEqual(409, exc.response.status)
        self.make_disk('b', group=self.group_of(self.vios, 'rootvg'))
        self.assertRefused('the name b already exists', self.crt_vdisk, 'b')
        self.make_disk('c', group=self.group_of(self.vios2, 'datavg'))
        self.crt_vdisk('c')

    def test_bad_names(self):
        for name in ('a' * 16, 'a b', 'a/b', ''):
            self.assertRefused('not a name for a virtual disk',
                               self.crt_vdisk, name)

    def test_group_is_too_small(self):
        before = self.host.state()
        self.assertRefused('has 2000 GB free, 2001 GB more are needed',
                           self.crt_vdisk, 'a', 2001)
        self.assertEqual(before, self.host.state())
        self.crt_vdisk('a', 1500)
        self.assertRefused('has 500 GB free', self.crt_vdisk, 'b', 501)

    def test_bad_sizes(self):
        self.assertRefused('needs a DiskCapacity', self.crt_vdisk, 'a', 0)
        self.assertRefused('needs a DiskCapacity', self.crt_vdisk, 'a', -1)

    def test_grow(self):
        disk = self.make_disk('a', 1)
        self.update(lambda w: setattr(w.virtual_disks[0], 'capacity', 3))
        self.assertEqual(3 * GIB, disk.size)
        self.assertEqual(3 * GIB, disk.disk.size)
        self.assertEqual(1997.0, self.group_w().free_space)

    def test_grow_too_far(self):
        self.make_disk('a', 1)
        self.assertRefused(
            'has 1999 GB free, 2000 GB more', self.update,
            lambda w: setattr(w.virtual_disks[0], 'capacity', 2001))

    def test_shrink(self):
        self.make_disk('a', 2)
        self.assertRefused(
            'cannot shrink from 2 GB to 1 GB', self.update,
            lambda w: setattr(w.virtual_disks[0], 'capacity', 1))

    def test_rename(self):
        self.make_disk('a')
        self.assertRefused('Disk a cannot be renamed', self.update,
                           lambda w: setattr(w.virtual_disks[0], 'name', 'b'))

    def test_rename_group(self):
        self.assertRefused('datavg cannot be renamed', self.update,
                           lambda w: setattr(w, 'name', 'b'))

    def test_extend_group(self):
        self.assertRefused(
            'cannot be extended by hdisk10', self.update,
            lambda w: w.phys_vols.append(
                pvm_stor.PV.bld(self.adapter, 'hdisk10')))

    def test_other_kind_of_disk(self):
        vdisk = pvm_stor.VDisk.bld(self.adapter, 'a', 1)
        vdisk._vdtype(pvm_stor.VDiskType.FILE)
        self.assertRefused('type File cannot be created in', self.update,
                           lambda w: w.virtual_disks.append(vdisk))

    def test_unknown_udid(self):
        disk = self.make_disk('a')
        group_w = self.group_w()
        with self.site.lock:
            del self.group.disks['a']
        self.assertRefused('has no disk with UDID ' + disk.udid,
                           group_w.update)

    def test_remove_keeps_the_others(self):
        gone = self.make_disk('a')
        self.make_disk('b')
        group_w = self.group_w()
        pvm_tasks.rm_vg_storage(group_w, vdisks=[group_w.virtual_disks[0]])
        self.assertEqual(['b'], list(self.group.disks))
        self.assertFalse(os.path.exists(gone.disk.path))

    def test_remove_of_a_mapped_disk(self):
        disk = self.make_disk('a')
        lpar = self.make_lpar()
        with self.site.lock:
            lpar_bus(self.vios, lpar).add_target(disk)
        group_w = self.group_w()
        self.assertRefused(
            'VirtualDisk a is mapped to vm1', pvm_tasks.rm_vg_storage,
            group_w, vdisks=list(group_w.virtual_disks))
        self.assertEqual(['a'], list(self.group.disks))

    def test_vios_is_down(self):
        with self.site.lock:
            self.vios.set_rmc('inactive')
        self.assertRefused('VIOS vios1 cannot do this', self.crt_vdisk)

    def test_etag(self):
        group_w = self.group_w()
        self.crt_vdisk()
        exc = self.assertRaises(pvm_exc.HttpError, group_w.update)
        self.assertEqual(412, exc.response.status)

    def test_find_disk(self):
        disk = self.make_disk('a')
        other = self.make_disk('a', group=self.group_of(self.vios2, 'datavg'))
        found = volume_group.find_disk(self.host, 'a')
        self.assertIs(disk.disk, found)
        found = volume_group.find_disk(self.host, 'a', vios='vios2')
        self.assertIs(other.disk, found)
        self.assertRaises(errors.NotFound, volume_group.find_disk, self.host,
                          'b')


class DiskContentsTestCase(storage_base.StorageTestCase):
    """The bytes on virtual disks."""

    def upload(self, data, name='boot_1', size=None, **kwargs):
        return pvm_tasks.upload_new_vdisk(
            self.adapter, self.vios.uuid, self.group.uuid, io.BytesIO(data),
            name, len(data) if size is None else size, **kwargs)

    def test_upload(self):
        data = os.urandom(2 * 1024 ** 2 + 5)
        vdisk, uploaded_file = self.upload(
            data, d_size=3 * GIB,
            sha_chksum=hashlib.sha256(data).hexdigest())
        self.assertIsNone(uploaded_file)
        self.assertEqual(3.0, vdisk.capacity)
        disk = volume_group.find_disk(self.host, 'boot_1')
        self.assertEqual(data, disk.read(0, len(data)))
        self.assertEqual(bytes(100), disk.read(len(data), 100))
        self.assertEqual([], self.host.store.all('File'))

    def test_failed_upload_leaves_nothing(self):
        before = self.host.state()
        self.assertRefused('', self.upload, b'x' * 100, size=200)
        self.assertRefused('', self.upload, b'x' * 100, sha_chksum='0' * 64)
        self.assertEqual(before, self.host.state())

    def test_upload_that_is_too_large(self):
        disk = self.make_disk('a', 1)
        disk.disk.resize(1000)
        file_w = pvm_file.File.bld(
            self.adapter, 'a', pvm_file.FileType.DISK_IMAGE, self.vios.uuid,
            f_size=disk.size + 1, tdev_udid=disk.udid).create()
        self.assertRefused('is larger than disk a', self.adapter.upload_file,
                           file_w.element, io.BytesIO(b'x'))
        file_w = pvm_file.File.bld(
            self.adapter, 'a', pvm_file.FileType.DISK_IMAGE, self.vios.uuid,
            tdev_udid=disk.udid).create()
        self.assertRefused('does not fit', self.adapter.upload_file,
                           file_w.element, io.BytesIO(b'x' * 1001))

    def test_short_upload_leaves_half_a_disk(self):
        disk = self.make_disk('a', 1)
        file_w = pvm_file.File.bld(
            self.adapter, 'a', pvm_file.FileType.DISK_IMAGE, self.vios.uuid,
            f_size=100, tdev_udid=disk.udid).create()
        self.assertRefused('', self.adapter.upload_file, file_w.element,
                           io.BytesIO(b'x' * 50))
        self.assertEqual(b'x' * 50 + b'\0', disk.disk.read(0, 51))

    def test_disk_goes_during_the_upload(self):
        disk = self.make_disk('a')
        file = types.SimpleNamespace(
            type='BROKERED_DISK_IMAGE', vios_uuid=self.vios.uuid,
            device_udid=disk.udid, size=None, filename='a')
        disk.disk.delete()
        self.assertRaises(errors.Refused, uploads.RECEIVERS[file.type],
                          self.host, file, io.BytesIO(b'x'))

    def test_upload_to_no_disk(self):
        file_w = pvm_file.File.bld(
            self.adapter, 'a', pvm_file.FileType.DISK_IMAGE, self.vios.uuid,
            tdev_udid='0300').create()
        self.assertRefused('no disk with UDID 0300', self.adapter.upload_file,
                           file_w.element, io.BytesIO(b'x'))

    def test_copy(self):
        source = self.make_disk('image', 1)
        source.disk.write_at(12345, b'contents')
        copy = pvm_tasks.crt_copy_vdisk(
            self.adapter, self.vios.uuid, self.group.uuid, source.udid,
            GIB, 'boot_1', d_size=2 * GIB,
            file_format=pvm_stor.FileFormatType.RAW)
        self.assertEqual(2.0, copy.capacity)
        disk = volume_group.find_disk(self.host, 'boot_1')
        self.assertEqual(b'contents', disk.read(12345, 8))
        self.assertLess(disk.allocated(), 1024 ** 2)
        source.disk.write_at(12345, b'changed!')
        self.assertEqual(b'contents', disk.read(12345, 8))

    def test_copy_from_another_group(self):
        source = self.make_disk('image', 1,
                                self.group_of(self.vios, 'rootvg'))
        pvm_tasks.crt_copy_vdisk(self.adapter, self.vios.uuid,
                                 self.group.uuid, source.udid, GIB, 'boot_1')

    def test_bad_copies(self):
        source = self.make_disk('image', 2)
        args = (self.adapter, self.vios.uuid, self.group.uuid)
        self.assertRefused('too small (1 GB) for a copy of image (2 GB)',
                           pvm_tasks.crt_copy_vdisk, *args, source.udid,
                           GIB, 'boot_1')
        other = self.make_disk('image', 1, self.group_of(self.vios2, 'datavg'))
        self.assertRefused('no disk with UDID', pvm_tasks.crt_copy_vdisk,
                           *args, other.udid, GIB, 'boot_1')
        self.assertRefused('file format', pvm_tasks.crt_copy_vdisk, *args,
                           source.udid, 2 * GIB, 'boot_1', file_format='vmdk')
        group_w = self.group_w()
        group_w.virtual_disks = [pvm_stor.VDisk.bld(
            self.adapter, 'boot_1', 2, base_image=source.udid)]
        self.assertRefused('image is both to be copied and to be removed',
                           group_w.update)
        self.assertEqual(['image'], list(self.group.disks))


class MediaTestCase(storage_base.StorageTestCase):
    """The media repository, through pypowervm's tasks."""

    def setUp(self):
        super().setUp()
        self.root = self.group_of(self.vios, 'rootvg')
        self.repository = self.root.repository

    def upload_vopt(self, data=b'iso', name='cfg.iso', size=None, **kwargs):
        return pvm_tasks.upload_vopt(self.adapter, self.vios.uuid,
                                     io.BytesIO(data), name,
                                     f_size=size or len(data), **kwargs)

    def test_upload(self):
        data = os.urandom(500000)
        vopt, uploaded_file = self.upload_vopt(data)
        self.assertEqual('cfg.iso', vopt.name)
        self.assertIsNone(uploaded_file)
        media = self.group_w(self.root).vmedia_repos[0].optical_media
        self.assertEqual([('cfg.iso', '0ecfg.iso', 'rw', 0.000466)], [
            (m.name, m.udid, m.mount_type, m.size) for m in media])
        disk = volume_group.find_disk(self.host, 'cfg.iso')
        self.assertEqual(data, disk.read(0, 10 ** 6))
        in_vios = self.vios_w(['ViosStorage']).media_repository
        self.assertIn(b'0ecfg.iso', in_vios.toxmlstring())

    def test_remove(self):
        before = self.host.state()
        self.upload()
        path = volume_group.find_disk(self.host, 'cfg.iso').path
        group_w = self.group_w(self.root)
        pvm_tasks.rm_vg_storage(
            group_w, vopts=list(group_w.vmedia_repos[0].optical_media))
        self.assertEqual(before, self.host.state())
        self.assertFalse(os.path.exists(path))

    def test_remove_of_a_mapped_medium(self):
        self.upload()
        lpar = self.make_lpar()
        with self.site.lock:
            lpar_bus(self.vios, lpar).add_target(
                self.repository.media['cfg.iso'])
        group_w = self.group_w(self.root)
        self.assertRefused(
            'cfg.iso is mapped to vm1', pvm_tasks.rm_vg_storage, group_w,
            vopts=list(group_w.vmedia_repos[0].optical_media))

    def test_uploads_that_fail_leave_no_medium(self):
        before = self.host.state()
        folder = os.path.dirname(self.repository.media_path('x'))
        self.assertRefused('20 bytes were announced, 3 received',
                           self.upload_vopt, size=20)
        self.assertRefused('SHA-256', self.upload_vopt, sha_chksum='0' * 64)
        self.assertRefused('has 10737418240 bytes free',
                           self.upload_vopt, size=11 * GIB)
        self.assertEqual(before, self.host.state())
        self.assertFalse(os.path.exists(folder) and os.listdir(folder))

    def test_name_is_taken(self):
        self.upload()
        self.assertRefused('Medium cfg.iso already exists', self.upload)

    def test_no_repository(self):
        self.assertRefused(
            'VIOS vios2 has no media repository', pvm_tasks.upload_vopt,
            self.adapter, self.vios2.uuid, io.BytesIO(b'x'), 'cfg.iso')

    def test_repository_is_made(self):
        with self.site.lock:
            self.root.repository = None
            self.root.touch()
        vios_uuid, vg_uuid = pvm_vopt.validate_vopt_repo_exists(
            self.adapter, 'datavg', 2)
        self.assertEqual(self.vios.uuid, vios_uuid)
        self.assertEqual(self.group.uuid, vg_uuid)
        self.assertEqual(2 * GIB, self.group.repository.size)
        self.assertEqual(1998.0, self.group_w().free_space)

    def test_repository_is_found(self):
        self.assertEqual(
            (self.vios.uuid, self.root.uuid),
            pvm_vopt.validate_vopt_repo_exists(self.adapter, 'datavg'))

    def test_second_repository(self):
        group_w = self.group_w()
        group_w.vmedia_repos = [
            pvm_stor.VMediaRepos.bld(self.adapter, 'vopt', 1)]
        self.assertRefused('already has a media repository', group_w.update)

    def test_repository_without_a_size(self):
        group_w = self.group_w(self.group_of(self.vios2, 'datavg'))
        group_w.vmedia_repos = [
            pvm_stor.VMediaRepos.bld(self.adapter, 'vopt', 0)]
        self.assertRefused('needs a RepositorySize', group_w.update)

    def test_repository_that_does_not_fit(self):
        group_w = self.group_w(self.group_of(self.vios2, 'datavg'))
        group_w.vmedia_repos = [
            pvm_stor.VMediaRepos.bld(self.adapter, 'vopt', 2001)]
        self.assertRefused('2001 GB more are needed', group_w.update)

    def test_repository_is_removed(self):
        self.upload()
        group_w = self.group_w(self.root)
        group_w.vmedia_repos = []
        group_w = group_w.update()
        self.assertEqual(300.0, group_w.free_space)
        self.assertIsNone(self.root.repository)

    def test_repository_grows(self):
        group_w = self.group_w(self.root)
        group_w.vmedia_repos[0]._size(12)
        group_w = group_w.update()
        self.assertEqual(12.0, group_w.vmedia_repos[0].size)
        self.assertEqual(288.0, group_w.free_space)
        group_w.vmedia_repos[0]._size(11)
        self.assertRefused('cannot shrink', group_w.update)

    def test_bad_repositories_and_media(self):
        def bad(text, change):
            group_w = self.group_w(self.root)
            change(group_w.vmedia_repos)
            self.assertRefused(text, group_w.update)

        before = self.host.state()
        bad('one media repository only', lambda repos: repos.append(
            pvm_stor.VMediaRepos.bld(self.adapter, 'vopt', 1)))
        vopt = pvm_stor.VOptMedia.bld(self.adapter, 'x')
        bad('needs a name and a Size',
            lambda repos: repos[0].optical_media.append(vopt))
        vopt.set_parm_value('MediaUDID', '0ex')
        bad('There is no medium x',
            lambda repos: repos[0].optical_media.append(vopt))
        vopt = pvm_stor.VOptMedia.bld(self.adapter, 'x', 1)
        bad('Two media have the name x',
            lambda repos: repos[0].optical_media.extend(
                [vopt, pvm_stor.VOptMedia.bld(self.adapter, 'x', 1)]))
        self.assertEqual(before, self.host.state())

    def test_blank_medium(self):
        group_w = self.group_w(self.root)
        group_w.vmedia_repos[0].optical_media.append(
            pvm_stor.VOptMedia.bld(self.adapter, 'blank', size=1.5))
        group_w = group_w.update()
        self.assertEqual(1.5, group_w.vmedia_repos[0].optical_media[0].size)
        group_w.vmedia_repos[0].optical_media.append(
            pvm_stor.VOptMedia.bld(self.adapter, 'blank2', size=9))
        self.assertRefused('too small', group_w.update)

    def test_events(self):
        listener = self.adapter.session.get_event_listener()
        self.upload()
        events = storage_base.raw_events(self.adapter, listener.appid)
        found = [(e['EventType'], e['EventDetail'], e['EventData'])
                 for e in events]
        for href in (self.root.href(), self.vios.href()):
            self.assertIn(('MODIFY_URI', 'Other', href), found)


def lpar_bus(vios, lpar):
    """Put a bus between a VIOS and a partition."""
    bus = scsi_mappings.Bus(vios, lpar)
    vios.buses.append(bus)
    vios.touch()
    return bus
