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

"""What the cache of images gives up for the disks of servers."""

from unittest import mock

from nova import exception as nova_exc
from nova import objects
from pypowervm import exceptions as pvm_exc

from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.tests.virt.powervm.disk import test_localdisk
from nova_powervm.virt.powervm.disk import driver
from nova_powervm.virt.powervm.disk import image
from nova_powervm.virt.powervm.disk import imagecache
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings

BOOT, SWAP = driver.DiskType.BOOT, driver.DiskType.SWAP


class RoomTestCase(test_localdisk.LocalDiskTestCase):
    """Base: a volume group of 2000 GB with images in its cache."""

    lpars = 1

    def cache(self, *sizes):
        """Cache images of some sizes in GiB; returns the names of the disks.

        The content of each is one that Glance does not have in full.
        """
        return [self.cache_one(size_gb) for size_gb in sizes]

    def cache_one(self, size_gb):
        image_id = self.glance.add(b'image of %d GB' % size_gb)
        known = image.Image.from_glance(self.glance, self.context, image_id)
        name = imagecache.disk_name(known)
        self.adapter._vg.edit(imagecache.volumegroup.create_disk, name,
                              size_gb)
        self.last_id = image_id
        return name

    def cache_own(self):
        self.fill_cache()
        return self.image_name(self.image_id)

    def image_name(self, image_id):
        return imagecache.disk_name(image.Image.from_glance(
            self.glance, self.context, image_id))

    def create_swap(self, size_gb):
        self.adapter.create_blank_disks(
            self.instance, [driver.BlankDisk(SWAP, size_gb)])

    def map_by_hand(self, name):
        """Have an operator map a disk to an LPAR."""
        self.lpars += 1
        lpar = self.create_lpar(self.make_instance(self.lpars))
        with transaction.StorageTransaction.immediate(
                self.host, 'hand') as stg:
            stg.edit(self.vios().uuid, vios_mappings.add_mapping_apart,
                     lpar.uuid, imagecache.volumegroup.find_disk(
                         self.adapter._vg.read(), name))
        self.simulated.journal.clear()


class SourceTest(RoomTestCase):
    """No room is made for an image before Glance sends it."""

    def assert_nothing_goes(self, error=nova_exc.NovaException):
        before = self.state()
        self.assertRaises(error, self.create,
                          self.make_instance(root_gb=2000))
        self.assertEqual(before, self.state())

    def test_glance_is_down(self):
        self.cache_own()
        self.cache(3)
        before = self.state()
        instance = self.make_instance(root_gb=2000)
        meta = self.glance.meta(self.image_id)
        self.glance.get = mock.Mock(
            side_effect=nova_exc.GlanceConnectionFailed(
                server='glance', reason='it is down'))
        self.assertRaises(
            nova_exc.GlanceConnectionFailed,
            self.adapter.create_disk_from_image, self.context, instance, meta)
        self.assertEqual(before, self.state())
        self.assertEqual({}, instance.system_metadata)

    def test_content_is_not_sent(self):
        """Glance describes the image, and its store is down."""
        self.cache_own()
        self.cache(3)
        self.glance.download = mock.Mock(
            side_effect=nova_exc.GlanceConnectionFailed(
                server='glance', reason='its store is down'))
        self.assert_nothing_goes()

    def test_breaks_off_at_once(self):
        self.cache_own()
        self.cache(3)

        def send(_content):
            raise OSError('its store is down')
            yield

        self.glance.send = send
        self.assert_nothing_goes(nova_exc.CouldNotFetchImage)

    def test_nothing_is_sent(self):
        self.cache_own()
        self.glance.content[self.image_id] = b''
        self.assert_nothing_goes(nova_exc.CouldNotFetchImage)

    def test_image_that_is_not_cached(self):
        self.cache(3)
        self.glance.download = mock.Mock(
            side_effect=nova_exc.ImageNotFound(image_id=self.image_id))
        self.assert_nothing_goes()

    def test_room_that_does_not_suffice(self):
        """All images together make no room: each stays, and a copy fails."""
        self.cache_own()
        self.cache(3)
        before = self.state()
        self.assertRaises(
            nova_exc.ComputeResourcesUnavailable, self.create,
            self.make_instance(root_gb=2001))
        self.assertEqual(before, self.state())
        self.assertEqual([self.image_id], self.glance.downloads)

    def test_own_image_stays_if_another_cannot_go(self):
        """The room of both is needed, and one is in use by somebody."""
        self.cache_own()
        other, = self.cache(3)
        with self.adapter._images.locks.shared(other):
            self.assert_nothing_goes(nova_exc.ComputeResourcesUnavailable)

    def test_download_is_ended(self):
        """Also if the platform refuses the disk."""
        self.cache_own()
        ended = []

        def send(content):
            try:
                yield content[:base.CHUNK]
            finally:
                ended.append(True)

        self.glance.send = send
        self.break_request('status', 'POST', 'VolumeGroup', status=400)
        self.assertRaises(pvm_exc.HttpError, self.create,
                          self.make_instance(root_gb=2000))
        self.assertEqual([True], ended)

    def test_stale_marker_counts(self):
        """Its room is for the disk that replaces it."""
        instance = self.make_instance(root_gb=2000)
        self.adapter._vg.edit(imagecache.volumegroup.create_disk,
                              self.name(BOOT, instance), 1990)
        disk = self.create(instance)
        self.assertEqual(2000, disk.capacity)
        self.assertEqual([disk.name], self.disk_names())


class NoMoreThanNeededTest(RoomTestCase):

    def assert_left(self, *names):
        self.assertEqual(sorted(names + (self.name(SWAP),)),
                         self.disk_names())

    def test_one_that_suffices(self):
        """Whatever the order of the names is."""
        small, large, middle = self.cache(2, 50, 7)
        self.create_swap(2000 - 59 + 40)
        self.assert_left(small, middle)
        self.adapter.delete_disks(self.instance)
        self.create_swap(2000 - 9 + 1)
        self.assert_left(middle)

    def test_several(self):
        small, large, middle = self.cache(2, 50, 7)
        self.create_swap(2000 - 59 + 52)
        self.assert_left(middle)

    def test_out_of_use_goes_first(self):
        used, unused = self.cache(5, 50)
        self.adapter.manage_image_cache(self.context, objects.InstanceList(
            objects=[objects.Instance(image_ref=image_id)
                     for image_id in self.glance.images
                     if self.image_name(image_id) == used]))
        self.create_swap(2000 - 55 + 1)
        self.assert_left(used)

    def test_image_that_is_fetched_stays(self):
        """Another boot has its lock."""
        fetched, other = self.cache(50, 60)
        with self.adapter._images.locks.shared(fetched):
            self.create_swap(2000 - 110 + 1)
            self.assert_left(fetched)
            before = self.state()
            self.assertRaises(
                nova_exc.ComputeResourcesUnavailable,
                self.adapter.create_blank_disks, self.make_instance(9),
                [driver.BlankDisk(SWAP, 100)])
            self.assertEqual(before, self.state())

    def test_own_image_goes_last(self):
        """It is copied, and Glance is not asked."""
        own = self.cache_own()
        self.cache(50)
        instance = self.make_instance(root_gb=1960)
        self.create(instance)
        self.assertEqual(sorted([own, self.name(BOOT, instance)]),
                         self.disk_names())
        self.assertEqual([self.image_id], self.glance.downloads)

    def test_platform_refuses(self):
        """Nobody has mapped an image: there is another reason."""
        self.cache(50)
        before = self.state()
        self.break_request('status', 'POST', 'VolumeGroup', status=400)
        self.assertRaises(pvm_exc.HttpError, self.create_swap, 2000)
        self.assertEqual(before, self.state())

    def test_own_image_alone(self):
        """Room for the disk is where it was: 1 GB is wanted."""
        self.cache_own()
        other, = self.cache(50)
        instance = self.make_instance(root_gb=1950)
        with self.adapter._images.locks.shared(other):
            self.create(instance)
        self.assertEqual(sorted([other, self.name(BOOT, instance)]),
                         self.disk_names())


class MappedByHandTest(RoomTestCase):
    """An image that somebody has mapped stays, and the next one goes."""

    def setUp(self):
        super().setUp()
        self.mapped, self.other = self.cache(50, 40)
        self.map_by_hand(self.mapped)

    def test_next_one_goes(self):
        self.create_swap(2000 - 90 + 10)
        self.assertEqual(sorted([self.mapped, self.name(SWAP)]),
                         self.disk_names())

    def test_nothing_but_mapped_images(self):
        before = self.state()
        self.assertRaises(nova_exc.ComputeResourcesUnavailable,
                          self.create_swap, 2000 - 90 + 41)
        self.assertEqual(before, self.state())

    def test_disk_of_an_image(self):
        instance = self.make_instance(root_gb=2000 - 90 + 10)
        self.create(instance)
        self.assertEqual(sorted([self.mapped, self.name(BOOT, instance)]),
                         self.disk_names())

    def test_own_image(self):
        """It is copied as ever, but does not give way."""
        self.image_id = self.last_id
        self.map_by_hand(self.other)
        before = self.state()
        self.assertRaises(
            nova_exc.ComputeResourcesUnavailable, self.create,
            self.make_instance(root_gb=2000 - 90 + 10))
        self.assertEqual(before, self.state())

    def test_growth(self):
        self.adapter._vg.edit(imagecache.volumegroup.create_disk,
                              self.name(), 1)
        self.adapter.check_extend(self.instance, 2000 - 90 + 10)
        self.assertRaises(nova_exc.ComputeResourcesUnavailable,
                          self.adapter.check_extend, self.instance,
                          2000 - 90 + 41)
        self.adapter.extend_disk(self.instance, 2000 - 90 + 10)
        self.assertEqual(sorted([self.mapped, self.name()]),
                         self.disk_names())

    def test_out_of_use_for_long(self):
        self.flags(group='image_cache',
                   remove_unused_original_minimum_age_seconds=0)
        self.adapter.manage_image_cache(self.context, [])
        self.assertEqual([self.mapped], self.disk_names())
        self.adapter.manage_image_cache(self.context, [])
        self.assertEqual([self.mapped], self.disk_names())

    def test_upload_that_broke_off(self):
        for name in (self.mapped, self.other):
            self.adapter._vg.edit(imagecache.volumegroup.create_disk,
                                  'p' + name[1:], 1)
        self.adapter.clean(base.NobodyLeft())
        self.assertEqual(sorted([self.mapped, 'p' + self.mapped[1:]]),
                         self.disk_names())
