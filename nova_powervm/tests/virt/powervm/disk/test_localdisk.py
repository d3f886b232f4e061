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

from unittest import mock

import fixtures
from nova import exception as nova_exc
from nova import objects
from oslo_utils import units
from pypowervm import exceptions as pvm_exc

from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.tests.virt.powervm.disk import test_image
from nova_powervm.virt.powervm.disk import driver
from nova_powervm.virt.powervm.disk import localdisk
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.storage import deletion
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm.storage import volumegroup

BOOT, RESCUE, SWAP = (driver.DiskType.BOOT, driver.DiskType.RESCUE,
                      driver.DiskType.SWAP)
EPHEMERAL = driver.DiskType.EPHEMERAL
MAPPING = ['GET VirtualIOServer', 'POST VirtualIOServer']
COPY = ['GET VolumeGroup', 'POST VolumeGroup']


class StartTestCase(base.StorageTestCase):

    def start(self):
        self.simulated.journal.clear()
        return localdisk.LocalStorage(self.host, self.glance)

    def test_where_the_option_says(self):
        for name in ('vios1', 'vios2'):
            self.flags(volume_group_vios_name=name, group='powervm')
            adapter = self.start()
            self.assertEqual([self.vios(name).uuid], adapter.vios_uuids)
            self.assertEqual(1, self.requests().count('GET VolumeGroup'))
            self.assertEqual(
                {'shared_storage': False, 'has_imagecache': True,
                 'snapshot': False}, adapter.capabilities)

    def test_what_nova_keeps(self):
        self.assertEqual(
            {'powervm_volume_group': 'datavg',
             'powervm_volume_group_vios': self.vios('vios1').uuid},
            self.start().kept_with_host)

    def test_snapshot_on_the_management_vios(self):
        self.useFixture(fixtures.MonkeyPatch(
            'nova_powervm.virt.powervm.host.Host.mgmt_uuid',
            self.vios('vios1').uuid))
        self.assertTrue(self.start().capabilities['snapshot'])

    def test_no_option(self):
        self.flags(volume_group_name='', group='powervm')
        error = self.assertRaises(exception.OptRequiredIfOtherOptValue,
                                  self.start)
        self.assertIn('volume_group_name', str(error))
        self.assertEqual([], self.requests())

    def test_no_volume_group(self):
        self.flags(volume_group_name='nonesuch', group='powervm')
        error = self.assertRaises(exception.VGNotFound, self.start)
        self.assertIn('nonesuch', str(error))


class LocalDiskTestCase(base.StorageTestCase):
    """Base: a server, and an image for its disk."""

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MockPatchObject(objects.Instance, 'save'))
        self.adapter = localdisk.LocalStorage(self.host, self.glance)
        self.instance = self.make_instance()
        self.content = b'PowerVM!' * 30000
        self.image_id = self.glance.add(self.content)
        self.simulated.journal.clear()

    def create(self, instance=None, **kwargs):
        return self.adapter.create_disk_from_image(
            self.context, instance or self.instance,
            self.glance.meta(self.image_id), **kwargs)

    def name(self, disk_type=BOOT, instance=None):
        return self.adapter.get_disk_name(disk_type,
                                          instance or self.instance)

    def fill_cache(self):
        self.assertTrue(self.adapter.cache_image(self.context, self.image_id))
        self.simulated.journal.clear()

    def connect(self):
        self.fill_cache()
        self.create_lpar(self.instance)
        disk = self.create()
        self.simulated.journal.clear()
        with transaction.StorageTransaction.immediate(
                self.host, 'test') as stg:
            self.adapter.connect_disk(self.instance, disk, stg)
            self.assertEqual([], self.requests())

    def disconnect(self, disk_types=None):
        with transaction.StorageTransaction.immediate(
                self.host, 'test') as stg:
            self.adapter.disconnect_disk(self.instance, stg, disk_types)
            self.assertEqual([], self.requests())


class LocalStorageTestCase(LocalDiskTestCase):

    # ---- names and capacity

    def test_names(self):
        names = {self.name(disk_type, self.make_instance(number))
                 for number in range(10)
                 for disk_type in driver.INSTANCE_DISK_TYPES}
        self.assertEqual(130, len(names))
        for name in names:
            self.assertRegex(
                name, '^([brs]_[a-z2-7]{13}|e[0-9]_[a-z2-7]{12})$')

    def test_capacity(self):
        self.assertEqual((2000.0, 0.0), self.adapter.capacity()[:2])
        self.assertEqual(['GET VolumeGroup'], self.requests())
        self.create(self.make_instance(root_gb=5))
        # The image takes 1 GB.
        self.assertEqual((2000.0, 6.0), self.adapter.capacity()[:2])

    # ---- creation

    def test_first_server(self):
        disk = self.create()
        self.assertEqual(
            ['GET VolumeGroup'] + ['POST VolumeGroup'] * 2 +
            ['PUT File', 'PUT contents', 'DELETE File'] +
            ['GET VolumeGroup'] + ['POST VolumeGroup'] * 2, self.requests())
        self.assertEqual(self.name(), disk.name)
        self.assertEqual(self.content,
                         self.content_of(disk.name, len(self.content)))

    def test_second_server(self):
        self.fill_cache()
        disk = self.create()
        self.assertEqual(COPY, self.requests())
        self.assertEqual((self.name(), 2.0), (disk.name, disk.capacity))
        self.assertEqual(self.content,
                         self.content_of(disk.name, len(self.content)))
        self.assertEqual([self.image_id], self.glance.downloads)

    def test_size_is_the_flavors_or_the_images(self):
        self.glance.images[self.image_id]['size'] = len(self.content)
        for root_gb, expected in ((0, 1.0), (1, 1.0), (7, 7.0)):
            instance = self.make_instance(root_gb=root_gb)
            self.assertEqual(expected, self.create(instance).capacity)
            self.adapter.delete_disks(instance)

    def test_rescue_disk_is_as_large_as_its_image(self):
        instance = self.make_instance(root_gb=7)
        self.create(instance)
        disk = self.create(instance, image_type=RESCUE)
        self.assertEqual((self.name(RESCUE), 1.0), (disk.name, disk.capacity))

    def test_image_meta_of_an_instance(self):
        # Nova keeps little of an image with a server.
        self.fill_cache()
        meta = objects.ImageMeta.from_dict({'id': self.image_id,
                                            'disk_format': 'raw'})
        disk = self.adapter.create_disk_from_image(
            self.context, self.instance, meta)
        self.assertEqual(COPY, self.requests())
        self.assertEqual(self.name(), disk.name)

    def test_stale_disk_is_replaced(self):
        self.fill_cache()
        disk = self.create()
        self.group().disks[disk.name].disk.write_at(0, b'old')
        self.simulated.journal.clear()
        self.create()
        self.assertEqual(['GET VolumeGroup'] + ['POST VolumeGroup'] * 2,
                         self.requests())
        self.assertEqual(self.content,
                         self.content_of(disk.name, len(self.content)))

    # ---- bad input

    def assert_refused(self, error, **kwargs):
        before = self.state()
        refusal = self.assertRaises(error, self.create, **kwargs)
        self.assertEqual(before, self.state())
        return refusal

    def test_image_larger_than_the_flavors_disk(self):
        self.glance.images[self.image_id]['size'] = 2 * units.Gi + 1
        self.assert_refused(nova_exc.FlavorDiskSmallerThanImage)
        self.assertEqual([], self.requests())

    def test_format_that_does_not_boot(self):
        self.glance.images[self.image_id]['disk_format'] = 'qcow2'
        error = self.assert_refused(nova_exc.ImageUnacceptable)
        self.assertIn('qcow2', str(error))
        self.assertRaises(nova_exc.ImageUnacceptable,
                          self.adapter.cache_image, self.context,
                          self.image_id)
        self.assertEqual([], self.requests())

    def test_image_without_content(self):
        self.glance.images[self.image_id]['size'] = None
        self.assert_refused(nova_exc.ImageUnacceptable)

    def test_image_is_missing(self):
        meta = self.glance.meta(self.image_id)
        del self.glance.images[self.image_id]
        before = self.state()
        self.assertRaises(
            nova_exc.ImageNotFound, self.adapter.create_disk_from_image,
            self.context, self.instance, meta)
        self.assertEqual(before, self.state())

    def test_image_is_not_active(self):
        self.glance.images[self.image_id]['status'] = 'queued'
        self.assert_refused(nova_exc.ImageNotActive)

    def test_volume_group_is_full(self):
        self.fill_cache()
        before = self.state()
        instance = self.make_instance(root_gb=2001)
        error = self.assertRaises(nova_exc.ComputeResourcesUnavailable,
                                  self.create, instance)
        self.assertIn('2001 GB needed in volume group datavg, 1999.00 GB',
                      str(error))
        self.assertEqual(before, self.state())

    def test_disk_and_image_do_not_fit(self):
        self.assert_refused(nova_exc.ComputeResourcesUnavailable,
                            instance=self.make_instance(root_gb=2001))
        self.assertEqual([], self.glance.downloads)

    # ---- no room for the image beside the disk

    def test_disk_of_all_that_is_free(self):
        """Placement grants it, with the image cached or not."""
        for is_cached in (False, True):
            if is_cached:
                self.fill_cache()
            disk = self.create(self.make_instance(root_gb=2000))
            self.assertEqual(2000, disk.capacity)
            self.assertEqual([disk.name], self.disk_names())
            self.assertEqual(self.content, self.content_of(
                disk.name, len(self.content)))
            self.assertEqual(0, self.group().free)
            self.adapter.delete_disks(self.make_instance(root_gb=2000))

    def test_requests_without_room_for_the_image(self):
        self.create(self.make_instance(root_gb=2000))
        self.assertEqual(
            COPY + ['PUT File', 'PUT contents', 'DELETE File'],
            self.requests())

    def test_other_images_give_way(self):
        """To disks, but not to other images."""
        self.fill_cache()
        self.adapter.create_blank_disks(
            self.instance, [driver.BlankDisk(SWAP, 2000)])
        self.assertEqual([self.name(SWAP)], self.disk_names())
        self.adapter.delete_disks(self.instance)
        self.fill_cache()
        self.create()
        self.adapter.check_extend(self.instance, 2000)
        self.adapter.extend_disk(self.instance, 2000)
        self.assertEqual([self.name()], self.disk_names())
        self.adapter.delete_disks(self.instance)
        self.fill_cache()
        cached = self.disk_names()
        self.image_id = self.glance.add(b'another image')
        instance = self.make_instance(root_gb=1999)
        self.create(instance)
        self.assertEqual(sorted(cached + [self.name(BOOT, instance)]),
                         self.disk_names())

    def test_all_images_give_way(self):
        """None of them alone makes the room, that of the disk neither."""
        for is_last in (False, True):
            other = self.glance.add(b'another image')
            for image_id in sorted([self.image_id, other],
                                   key=self.image_id.__eq__, reverse=is_last):
                self.adapter.cache_image(self.context, image_id)
            instance = self.make_instance(root_gb=2000)
            disk = self.create(instance)
            self.assertEqual([disk.name], self.disk_names())
            self.assertEqual(self.content, self.content_of(
                disk.name, len(self.content)))
            self.assertEqual({}, instance.system_metadata)
            self.adapter.delete_disks(instance)

    def test_own_image_alone_gives_way(self):
        """Others stay that make no room."""
        self.fill_cache()
        own = self.disk_names()
        other = self.glance.add(b'another image')
        self.adapter.cache_image(self.context, other)
        kept, = set(self.disk_names()) - set(own)
        instance = self.make_instance(root_gb=1999)
        with self.adapter._images.locks.shared(kept):
            self.create(instance)
        self.assertEqual(sorted([kept, self.name(BOOT, instance)]),
                         self.disk_names())

    def test_images_stay_if_that_does_not_help(self):
        self.fill_cache()
        before = self.state()
        self.assertRaises(
            nova_exc.ComputeResourcesUnavailable,
            self.adapter.create_blank_disks, self.instance,
            [driver.BlankDisk(SWAP, 2001)])
        self.assertEqual(before, self.state())

    def test_image_that_is_being_copied_stays(self):
        self.fill_cache()
        name, = self.disk_names()
        with self.adapter._images.locks.shared(name):
            self.assertRaises(
                nova_exc.ComputeResourcesUnavailable,
                self.adapter.create_blank_disks, self.instance,
                [driver.BlankDisk(SWAP, 2000)])
        self.assertEqual([name], self.disk_names())

    def test_glance_fails_half_way_without_room_for_the_image(self):
        def send(content):
            yield content[:base.CHUNK]
            raise OSError('Glance is gone')

        self.glance.send = send
        self.assert_refused(nova_exc.CouldNotFetchImage,
                            instance=self.make_instance(root_gb=2000))

    def test_crash_without_room_for_the_image(self):
        """The disk is there, and nobody takes it for a whole one."""
        instance = self.make_instance(root_gb=2000)
        before = self.state()
        self.break_request('drop_before', nth=4)
        self.break_request('drop_before', nth=5, count=0)
        self.assertRaises(pvm_exc.Error, self.create, instance)
        self.simulated.faults.clear()
        self.assertEqual([self.name(BOOT, instance)], self.disk_names())
        self.assertIsNone(self.adapter.get_disk_ref(instance, BOOT))
        self.adapter.delete_disks(instance)
        self.assertEqual(before, self.state())
        self.assertEqual({}, instance.system_metadata)
        instance.flavor.root_gb = 2
        self.create(instance)
        self.assertIsNotNone(self.adapter.get_disk_ref(instance, BOOT))

    def crash(self):
        """Have the boot disk be left behind without its content."""
        instance = self.make_instance(root_gb=1999)
        other = self.make_instance(2)
        self.adapter.create_blank_disks(other, [driver.BlankDisk(SWAP, 1)])
        self.break_request('drop_before', nth=4)
        self.break_request('drop_before', nth=5, count=0)
        self.assertRaises(pvm_exc.Error, self.create, instance)
        self.simulated.faults.clear()
        self.adapter.delete_disks(other)
        self.assert_half_made(instance)
        return instance

    def assert_half_made(self, instance):
        self.assertIn(self.name(BOOT, instance), self.disk_names())
        self.assertIsNone(self.adapter.get_disk_ref(instance, BOOT))

    def test_rescue_after_a_crash(self):
        """The boot disk is no more whole than it was."""
        instance = self.crash()
        # Without room for the image beside it.
        self.create(instance, image_type=RESCUE)
        self.assert_half_made(instance)
        self.assertIsNotNone(self.adapter.get_disk_ref(instance, RESCUE))
        self.adapter.delete_disks(instance, [RESCUE])
        self.assert_half_made(instance)
        instance.flavor.root_gb = 2
        self.create(instance)
        self.assertIsNotNone(self.adapter.get_disk_ref(instance, BOOT))
        self.assertEqual({}, instance.system_metadata)

    def test_rescue_that_crashes_after_a_crash(self):
        instance = self.crash()
        self.break_request('drop_before', nth=4)
        self.break_request('drop_before', nth=5, count=0)
        self.assertRaises(pvm_exc.Error, self.create, instance,
                          image_type=RESCUE)
        self.simulated.faults.clear()
        self.assert_half_made(instance)
        self.assertIsNone(self.adapter.get_disk_ref(instance, RESCUE))
        self.adapter.delete_disks(instance, [RESCUE])
        self.assert_half_made(instance)

    def test_another_host_after_a_crash(self):
        """What it has made says nothing of the disk here."""
        instance = self.crash()
        kept = dict(instance.system_metadata)
        with mock.patch.object(self.host, 'nodename', 'other' * 51):
            with self.adapter._half_made(instance, self.name(BOOT, instance)):
                self.assertEqual(2, len(instance.system_metadata))
                self.assertEqual(255, max(map(len, instance.system_metadata)))
            self.assertIsNotNone(self.adapter.get_disk_ref(instance, BOOT))
        self.assertEqual(kept, instance.system_metadata)
        self.assert_half_made(instance)

    def test_server_is_gone_after_a_crash(self):
        instance = self.crash()
        with mock.patch.object(
                objects.Instance, 'save',
                side_effect=nova_exc.InstanceNotFound(instance_id='it')):
            self.adapter.delete_disks(instance)
        self.assertEqual([], self.disk_names())

    def test_platform_refuses(self):
        self.fill_cache()
        self.break_request('status', 'POST', 'VolumeGroup', status=400,
                           message='No more logical volumes')
        error = self.assert_refused(pvm_exc.HttpError)
        self.assertIn('No more logical volumes', str(error))

    # ---- mapping and deletion

    def test_connect_and_disconnect(self):
        self.connect()
        self.assertEqual(MAPPING, self.requests())
        self.assertEqual([(self.name(), 'lpar1')], self.mappings())
        self.disconnect([RESCUE])
        self.assertEqual(MAPPING[:1], self.requests())
        self.assertEqual([(self.name(), 'lpar1')], self.mappings())
        self.disconnect([BOOT])
        self.assertEqual(MAPPING, self.requests())
        self.assertEqual([], self.mappings())

    def test_disconnect_takes_only_what_is_ours(self):
        self.connect()
        vios_uuid = self.vios().uuid
        group = self.adapter._vg
        volume = group.edit(volumegroup.create_disk, 'volume-1', 1)[1]
        with transaction.StorageTransaction.immediate(
                self.host, 'test') as stg:
            stg.edit(vios_uuid, vios_mappings.add_mapping,
                     self.lpar(self.instance).uuid, volume)
        self.simulated.journal.clear()
        self.disconnect()
        self.assertEqual([('volume-1', 'lpar1')], self.mappings())

    def test_delete_without_lpar(self):
        before = self.state()
        self.connect()
        self.host.adapter.delete('LogicalPartition',
                                 root_id=self.lpar(self.instance).uuid)
        self.simulated.journal.clear()
        self.disconnect()
        self.assertEqual(MAPPING, self.requests())
        self.adapter.delete_disks(self.instance)
        self.assertEqual(COPY, self.requests())
        self.adapter._vg.edit(deletion.disks, self.disk_names(), base.ANY)
        self.assertEqual(before, self.state())

    def test_delete(self):
        self.create()
        self.create(image_type=RESCUE)
        self.simulated.journal.clear()
        self.adapter.delete_disks(self.instance, [RESCUE])
        self.assertIn(self.name(), self.disk_names())
        self.assertNotIn(self.name(RESCUE), self.disk_names())
        self.adapter.delete_disks(self.instance, [])
        self.adapter.delete_disks(self.instance)
        self.assertEqual(COPY + COPY[:1] + COPY, self.requests())
        self.adapter.delete_disks(self.instance)
        self.assertEqual(COPY[:1], self.requests())

    def test_mapped_disk_is_not_deleted(self):
        self.connect()
        self.assertRaises(pvm_exc.HttpError, self.adapter.delete_disks,
                          self.instance)
        self.assertIn(self.name(), self.disk_names())

    # ---- the image cache

    def test_cache_image(self):
        self.assertIs(True, self.adapter.cache_image(self.context,
                                                     self.image_id))
        self.assertEqual(
            ['GET VolumeGroup'] + ['POST VolumeGroup'] * 2 +
            ['PUT File', 'PUT contents', 'DELETE File'] + COPY,
            self.requests())
        self.assertIs(False, self.adapter.cache_image(self.context,
                                                      self.image_id))
        self.assertEqual(['GET VolumeGroup'], self.requests())

    def test_manage_and_clean_at_start(self):
        self.flags(remove_unused_original_minimum_age_seconds=0,
                   group='image_cache')
        before = self.state()
        self.fill_cache()
        self.adapter.manage_image_cache(
            self.context, objects.InstanceList(objects=[]))
        self.assertEqual(COPY, self.requests())
        self.assertEqual(before, self.state())
        self.adapter.clean(base.NobodyLeft())
        self.assertEqual(['GET VolumeGroup'], self.requests())

    # ---- ephemeral and swap disks

    def test_blank_disks(self):
        before = self.state()
        disks = self.adapter.create_blank_disks(self.instance, [
            driver.BlankDisk(EPHEMERAL[0], 3),
            driver.BlankDisk(EPHEMERAL[1], 2), driver.BlankDisk(SWAP, 1)])
        self.assertEqual(COPY, self.requests())
        names = [self.name(EPHEMERAL[0]), self.name(EPHEMERAL[1]),
                 self.name(SWAP)]
        self.assertEqual(list(zip(names, [3.0, 2.0, 1.0])),
                         [(disk.name, disk.capacity) for disk in disks])
        self.create_lpar(self.instance)
        with transaction.StorageTransaction.immediate(
                self.host, 'test') as stg:
            for disk in disks:
                self.adapter.connect_disk(self.instance, disk, stg)
        self.assertEqual(MAPPING, self.requests())
        self.assertEqual([(name, 'lpar1') for name in names],
                         self.mappings())
        self.disconnect()
        self.adapter.delete_disks(self.instance)
        self.host.adapter.delete('LogicalPartition',
                                 root_id=self.lpar(self.instance).uuid)
        self.assertEqual(before, self.state())

    def test_blank_disks_recreated(self):
        disks = [driver.BlankDisk(SWAP, 1)]
        self.adapter.create_blank_disks(self.instance, disks)
        name = self.name(SWAP)
        self.group().disks[name].disk.write_at(0, b'old')
        self.adapter.create_blank_disks(self.instance, disks)
        self.assertEqual(b'\0\0\0', self.content_of(name, 3))

    def test_blank_disks_do_not_fit(self):
        before = self.state()
        self.assertRaises(
            nova_exc.ComputeResourcesUnavailable,
            self.adapter.create_blank_disks, self.instance,
            [driver.BlankDisk(EPHEMERAL[number], 1500)
             for number in range(2)])
        self.assertEqual(before, self.state())

    # ---- resize

    def test_extend(self):
        self.connect()
        self.adapter.extend_disk(self.instance, 5)
        self.assertEqual(MAPPING + COPY, self.requests())
        self.assertEqual(5 * units.Gi,
                         self.group().disks[self.name()].size)
        self.assertEqual(self.content,
                         self.content_of(self.name(), len(self.content)))
        self.adapter.extend_disk(self.instance, 5)
        self.assertEqual(COPY[:1], self.requests())

    def test_extend_other_disk(self):
        self.adapter.create_blank_disks(self.instance,
                                        [driver.BlankDisk(SWAP, 1)])
        self.adapter.extend_disk(self.instance, 2, disk_type=SWAP)
        self.assertEqual(2 * units.Gi,
                         self.group().disks[self.name(SWAP)].size)

    def assert_not_extended(self, error, size_gb):
        before = self.state()
        refusal = self.assertRaises(error, self.adapter.extend_disk,
                                    self.instance, size_gb)
        self.assertEqual(before, self.state())
        return str(refusal)

    def test_extend_to_less(self):
        self.create()
        message = self.assert_not_extended(nova_exc.ResizeError, 1)
        self.assertIn('cannot shrink from 2 to 1 GB', message)

    def test_extend_without_room(self):
        self.create()
        message = self.assert_not_extended(
            nova_exc.ComputeResourcesUnavailable, 3000)
        self.assertIn('2998 GB needed', message)

    def test_extend_nothing(self):
        message = self.assert_not_extended(nova_exc.DiskNotFound, 3)
        self.assertIn(self.name(), message)

    # ---- finding disks, and other hosts

    def test_get_disk_ref(self):
        self.assertIsNone(self.adapter.get_disk_ref(self.instance, BOOT))
        disk = self.create()
        self.simulated.journal.clear()
        self.assertEqual(disk.udid, self.adapter.get_disk_ref(
            self.instance, BOOT).udid)
        self.assertEqual(COPY[:1], self.requests())

    def test_no_other_host_has_them(self):
        self.assertIsNone(self.adapter.shared_pool)
        self.assertIn('no other host',
                      self.adapter.validate(self.adapter.get_info()))
        self.assertRaises(
            NotImplementedError,
            self.adapter.check_instance_shared_storage_local, self.context,
            self.instance)
        self.assertFalse(self.adapter.check_instance_shared_storage_remote(
            self.context, {}))
        self.adapter.clean_periodically()


class ForeignDiskTestCase(LocalDiskTestCase):
    """A disk has a server's name, but a foreign partition uses it."""

    def setUp(self):
        super().setUp()
        self.fill_cache()
        disk = self.adapter._vg.edit(volumegroup.create_disk, self.name(),
                                     1)[1]
        other = self.make_instance(2)
        self.create_lpar(other)
        with transaction.StorageTransaction.immediate(
                self.host, 'test') as stg:
            self.adapter.connect_disk(other, disk, stg)
        self.simulated.journal.clear()
        self.before = self.state()

    def test_create(self):
        for create in (self.create, lambda: self.adapter.create_blank_disks(
                self.instance, [driver.BlankDisk(BOOT, 1)])):
            error = self.assertRaises(exception.DiskNameInUse, create)
            for text in (self.name(), 'datavg',
                         self.lpar(self.make_instance(2)).uuid):
                self.assertIn(text, str(error))
        self.assertEqual(self.before, self.state())

    def test_disconnect_and_delete(self):
        self.disconnect()
        self.adapter.delete_disks(self.instance)
        self.assertEqual(self.before, self.state())
        self.assertIn('are left alone', self.logger.output)

    def test_delete_what_is_the_servers(self):
        self.create(image_type=RESCUE)
        self.adapter.delete_disks(self.instance)
        self.assertEqual(self.before, self.state())

    def test_platform_fails_for_another_reason(self):
        self.break_request('status', 'POST', 'VolumeGroup', status=500,
                           message='ODM lock')
        error = self.assertRaises(pvm_exc.HttpError, self.create,
                                  self.make_instance(3))
        self.assertIn('ODM lock', str(error))


class FileBackedTestCase(base.StorageTestCase):
    """The pool of file-backed disks on a VIOS that manages the host."""

    PROFILE = 'mgmt-vios'
    GROUP = 'QCOW VG - default'

    def setUp(self):
        super().setUp()
        self.flags(volume_group_name=self.GROUP, group='powervm')
        self.adapter = localdisk.LocalStorage(self.host, self.glance)
        self.instance = self.make_instance(root_gb=4)
        self.before = self.state()

    def group(self, name=GROUP, vios='vios1'):
        return super().group(name, vios)

    def create(self, content, disk_format, **kwargs):
        image_id = self.glance.add(content, disk_format=disk_format)
        return self.adapter.create_disk_from_image(
            self.context, kwargs.get('instance', self.instance),
            self.glance.meta(image_id))

    def delete_all(self):
        self.adapter.delete_disks(self.instance)
        self.flags(group='image_cache',
                   remove_unused_original_minimum_age_seconds=0)
        self.adapter.manage_image_cache(
            self.context, objects.InstanceList(objects=[]))

    def test_what_it_is(self):
        self.assertEqual(('raw', 'qcow2'), self.adapter.image_formats)
        self.assertTrue(self.adapter.capabilities['snapshot'])

    def check_life(self, content, disk_format):
        disk = self.create(content, disk_format)
        name = self.adapter.get_disk_name(BOOT, self.instance)
        self.assertTrue(disk.name.endswith('/' + name), disk.name)
        self.assertEqual((4.0, disk_format),
                         (disk.capacity, disk.file_format))
        self.assertEqual(content, self.content_of(name, len(content)))
        self.create_lpar(self.instance)
        with transaction.StorageTransaction.immediate(
                self.host, 'test') as stg:
            self.adapter.connect_disk(self.instance, disk, stg)
        self.assertEqual([(disk.name, 'lpar1')], self.mappings())
        error = self.assertRaises(nova_exc.ResizeError,
                                  self.adapter.extend_disk, self.instance, 5)
        self.assertIn('file-backed', str(error))
        self.adapter.extend_disk(self.instance, 4)
        with transaction.StorageTransaction.immediate(
                self.host, 'test') as stg:
            self.adapter.disconnect_disk(self.instance, stg)
        self.host.adapter.delete('LogicalPartition',
                                 root_id=self.lpar(self.instance).uuid)
        self.delete_all()
        self.assertEqual(self.before, self.state())

    def test_raw(self):
        self.check_life(b'PowerVM!' * 30000, 'raw')

    def test_qcow2(self):
        self.check_life(test_image.make_qcow2(), 'qcow2')

    def test_qcow2_in_a_disk_that_is_too_small(self):
        """The disk in the image counts; its length is far less."""
        error = self.assertRaises(
            nova_exc.FlavorDiskSmallerThanImage, self.create,
            test_image.make_qcow2(5 * units.Gi), 'qcow2')
        self.assertIn(str(5 * units.Gi), str(error))
        self.assertEqual(self.before, self.state())

        image_id = self.glance.add(test_image.make_qcow2(5 * units.Gi),
                                   disk_format='qcow2')
        self.adapter.cache_image(self.context, image_id)
        self.assertRaises(
            nova_exc.FlavorDiskSmallerThanImage,
            self.adapter.create_disk_from_image, self.context, self.instance,
            self.glance.meta(image_id))
        self.assertEqual(1, len(self.disk_names()))

    def test_qcow2_and_a_flavor_without_a_size(self):
        disk = self.create(test_image.make_qcow2(5 * units.Gi), 'qcow2',
                           instance=self.make_instance(root_gb=0))
        self.assertEqual(5.0, disk.capacity)

    def test_qcow2_that_reads_files_of_the_host(self):
        error = self.assertRaises(
            nova_exc.ImageUnacceptable, self.create,
            test_image.make_qcow2(backing_file=b'/etc/shadow'), 'qcow2')
        self.assertIn('backing_file', str(error))
        self.assertEqual(self.before, self.state())

    def test_qcow2_that_is_none(self):
        self.assertRaises(nova_exc.ImageUnacceptable, self.create,
                          b'#!/bin/sh' * 30000, 'qcow2')
        self.assertEqual(self.before, self.state())

    def test_other_formats(self):
        error = self.assertRaises(nova_exc.ImageUnacceptable, self.create,
                                  b'KDMV' * 1000, 'vmdk')
        self.assertIn('raw or qcow2', str(error))

    def test_blank_disks(self):
        disk, = self.adapter.create_blank_disks(
            self.instance, [driver.BlankDisk(SWAP, 1)])
        self.assertEqual('raw', disk.file_format)
        self.delete_all()
        self.assertEqual(self.before, self.state())
