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

import itertools
import threading
from unittest import mock

from nova import exception as nova_exc
from nova import objects
from pypowervm import exceptions as pvm_exc
import testtools

from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.virt.powervm.disk import image
from nova_powervm.virt.powervm.disk import imagecache
from nova_powervm.virt.powervm.disk import localdisk
from nova_powervm.virt.powervm.storage import deletion

SECONDS = 60  # the most that a test waits for another thread


class NameTestCase(testtools.TestCase):

    def name(self, **attributes):
        values = dict(id='id-1', size=1, disk_format='raw', content='abc')
        values.update(attributes)
        return imagecache.disk_name(image.Image(**values))

    def test_form(self):
        self.assertRegex(self.name(), '^i_[a-z2-7]{13}$')
        self.assertEqual(self.name(), self.name(size=2))

    def test_tells_id_and_content(self):
        other_content = self.name(content='abd')
        self.assertEqual(self.name()[:8], other_content[:8])
        self.assertNotEqual(self.name(), other_content)
        self.assertNotEqual(self.name()[:8], self.name(id='id-2')[:8])


class ImageCacheTestCase(base.StorageTestCase):

    def setUp(self):
        super().setUp()
        self.content = b'PowerVM!' * 30000
        self.image_id = self.glance.add(self.content)
        self.restart()
        self.before = self.state()

    def restart(self):
        """Begin anew with what is on the platform."""
        self.adapter = localdisk.LocalStorage(self.host, self.glance)
        self.simulated.journal.clear()

    def create(self, number=1, image_id=None):
        return self.adapter.create_disk_from_image(
            self.context, self.make_instance(number),
            self.glance.meta(image_id or self.image_id))

    def cache(self, *contents):
        """Put images into the cache; returns their ids."""
        image_ids = [self.glance.add(content) for content in contents]
        for image_id in image_ids:
            self.adapter.cache_image(self.context, image_id)
        return image_ids

    def image_name(self, image_id=None):
        return imagecache.disk_name(image.Image.from_glance(
            self.glance, self.context, image_id or self.image_id))

    def assert_content(self, disk, content=None):
        content = content or self.content
        self.assertEqual(content, self.content_of(disk.name, len(content)))


class FetchTestCase(ImageCacheTestCase):

    def test_once_under_concurrent_spawns(self):
        others = self.glance.add(b'another image')
        disks, errors = {}, []

        def spawn(number):
            try:
                disks[number] = self.create(
                    number, self.image_id if number < 9 else others)
            except Exception as exc:
                errors.append(exc)

        threads = [threading.Thread(target=spawn, args=(number,))
                   for number in range(1, 10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
        self.assertEqual([], errors)
        self.assertEqual(sorted([self.image_id, others]),
                         sorted(self.glance.downloads))
        for number in range(1, 9):
            self.assert_content(disks[number])
        self.assert_content(disks[9], b'another image')
        self.assertEqual(11, len(self.disk_names()))

    def test_changed_content_is_another_image(self):
        self.create(1)
        self.content = b'changed'
        self.glance.add(self.content, id=self.image_id)
        self.assert_content(self.create(2))
        self.assertEqual(2, len(self.glance.downloads))

    def test_changed_since_the_server_was_asked_for(self):
        meta = self.glance.meta(self.image_id)
        self.glance.add(b'changed', id=self.image_id)
        self.assertRaises(
            nova_exc.CouldNotFetchImage, self.adapter.create_disk_from_image,
            self.context, self.make_instance(), meta)
        self.assertEqual(self.before, self.state())

    def test_checked_by_the_hash_there_is(self):
        for number, missing in enumerate(
                ((), ('os_hash_value',), ('os_hash_value', 'checksum'))):
            image_id = self.glance.add(b'content %d' % number)
            for key in missing:
                del self.glance.images[image_id][key]
            self.assertTrue(self.adapter.cache_image(self.context, image_id))

    def assert_not_fetched(self, *in_message):
        error = self.assertRaises(nova_exc.CouldNotFetchImage, self.create)
        for text in (self.image_id,) + in_message:
            self.assertIn(text, str(error))
        self.assertEqual(self.before, self.state())

    def test_too_short(self):
        self.glance.content[self.image_id] = self.content[:-1]
        self.assert_not_fetched('239999 bytes of 240000')

    def test_too_long(self):
        self.glance.content[self.image_id] = self.content + b'!'
        self.assert_not_fetched('240001 bytes of 240000')

    def test_corrupt(self):
        self.glance.content[self.image_id] = self.content[:-1] + b'?'
        self.assert_not_fetched('sha512')

    def test_corrupt_where_there_is_only_a_checksum(self):
        self.glance.content[self.image_id] = self.content[:-1] + b'?'
        del self.glance.images[self.image_id]['os_hash_value']
        self.assert_not_fetched('md5')

    def test_glance_fails_half_way(self):
        def send(content):
            yield content[:base.CHUNK]
            raise OSError('Glance is gone')

        self.glance.send = send
        self.assert_not_fetched('Glance is gone', '65536 of 240000')

    def test_glance_refuses(self):
        self.glance.download = mock.Mock(
            side_effect=nova_exc.ImageNotFound(image_id=self.image_id))
        self.assertRaises(nova_exc.ImageNotFound, self.create)
        self.assertEqual(self.before, self.state())

    def test_every_request_broken(self):
        """A failure leaves the cache without a partial image."""
        for effect, more in (
                ('status', {'status': 500}), ('drop_before', {}),
                ('drop_after', {}), ('precondition', {'method': 'POST'})):
            for number in itertools.count(1):
                fault = self.break_request(effect, nth=number, **more)
                try:
                    self.create()
                except pvm_exc.Error:
                    pass
                self.simulated.faults.clear()
                names = self.disk_names()
                self.assertEqual([], [name for name in names
                                      if name.startswith('p_')])
                self.assert_content(self.create())
                self.forget_all()
                self.assertEqual(self.before, self.state(),
                                 (effect, number))
                if not fault.applied:
                    break
            self.assertGreater(number, 4)

    def forget_all(self):
        self.adapter._vg.edit(deletion.disks, self.disk_names(), base.ANY)


class CrashTestCase(ImageCacheTestCase):
    """The driver ends without a chance to clean up."""

    def walk(self, recover):
        for answered in (False, True):
            for number in itertools.count(1):
                hit = self.crash(number, answered)
                self.restart()
                recover()
                self.simulated.journal.clear()
                self.assert_content(self.create())
                self.assertEqual(
                    sorted([self.image_name(),
                            self.adapter.get_disk_name(
                                'boot', self.make_instance())]),
                    self.disk_names())
                self.assert_content(
                    self.group().disks[self.image_name()])
                self.adapter._vg.edit(deletion.disks, self.disk_names(),
                                      base.ANY)
                self.delete_files()
                self.assertEqual(self.before, self.state())
                if not hit:
                    break
            self.assertGreater(number, 7)

    def delete_files(self):
        imagecache.uploads.delete_files(self.host,
                                        [self.image_name()], self.vios().uuid)

    def test_clean_at_start(self):
        def recover():
            self.adapter.clean(base.NobodyLeft())
            self.assertEqual([], [name for name in self.disk_names()
                                  if name.startswith('p_')])
        self.walk(recover)

    def test_next_spawn_recovers_by_itself(self):
        self.walk(lambda: None)

    def test_periodic_pass_recovers(self):
        self.crash(5, True)
        self.assertEqual(2, len(self.disk_names()))
        self.adapter.manage_image_cache(self.context, [])
        self.assertEqual([], self.disk_names())

    def test_clean_at_start_keeps_what_is_not_ours(self):
        for name in ('p_data', 'p_', 'pictures', 'p_databasefiles',
                     'i_databasefiles'):
            self.adapter._vg.edit(imagecache.volumegroup.create_disk, name, 1)
        before = self.state()
        self.adapter.clean(base.NobodyLeft())
        self.assertEqual(before, self.state())


class PruneTestCase(ImageCacheTestCase):

    def setUp(self):
        super().setUp()
        self.now = 1000
        self.adapter._images._clock = lambda: self.now
        self.flags(group='image_cache',
                   remove_unused_original_minimum_age_seconds=100)

    def prune(self, *used):
        instances = [objects.Instance(image_ref=image_id)
                     for image_id in used + ('', None)]
        self.simulated.journal.clear()
        self.adapter.manage_image_cache(
            self.context, objects.InstanceList(objects=instances))

    def names(self, *image_ids):
        return sorted(self.image_name(image_id) for image_id in image_ids)

    def test_unused_and_old_enough(self):
        images = self.cache(*(b'image %d' % number for number in range(20)))
        used, unused = images[:10], images[10:]
        self.prune(*used)
        self.assertEqual(['GET VolumeGroup'], self.requests())
        self.now += 99
        self.prune(*used)
        self.assertEqual(self.names(*images), self.disk_names())
        self.now += 1
        self.prune(*used, unused[0])
        self.assertEqual(['GET VolumeGroup', 'POST VolumeGroup'],
                         self.requests())
        self.assertEqual(self.names(*used, unused[0]), self.disk_names())

    def test_use_begins_the_time_again(self):
        image_id, = self.cache(b'image')
        self.prune()
        self.now += 99
        self.create(image_id=image_id)
        self.adapter.delete_disks(self.make_instance())
        self.now += 1
        self.prune()
        self.assertEqual(self.names(image_id), self.disk_names())
        self.now += 100
        self.prune()
        self.assertEqual([], self.disk_names())

    def test_not_wanted(self):
        self.cache(b'image')
        self.flags(remove_unused_base_images=False, group='image_cache')
        self.restart()
        self.prune()
        self.assertEqual([], self.requests())

    def test_what_is_not_an_image_stays(self):
        for name in ('i_data', 'i_3e865d14_8c1e', 'image',
                     'i_oraclebackups', 'p_databasefiles'):
            self.adapter._vg.edit(imagecache.volumegroup.create_disk, name, 1)
        before = self.state()
        self.prune()
        self.now += 1000
        self.prune()
        self.assertEqual(before, self.state())

    def test_image_that_a_spawn_is_about_to_copy_stays(self):
        """A spawn that runs meanwhile has its image, or is having it."""
        image_id, = self.cache(b'image')
        self.prune()
        self.now += 100
        with self.adapter._images.locks.shared(self.image_name(image_id)):
            self.prune()
            self.assertEqual(self.names(image_id), self.disk_names())
        self.prune()
        self.assertEqual([], self.disk_names())

    def test_image_that_is_being_fetched_stays(self):
        during = []

        def send(content):
            self.prune()
            self.adapter.clean(base.NobodyLeft())
            during.append(self.disk_names())
            yield content

        self.glance.send = send
        self.now += 1000
        disk = self.create()
        self.assert_content(disk)
        marker = 'p' + self.image_name()[1:]
        self.assertEqual([sorted([self.image_name(), marker])], during)

    def test_spawn_fetches_again_what_was_removed(self):
        image_id, = self.cache(b'image')
        self.prune()
        self.now += 100
        self.prune()
        self.assert_content(self.create(image_id=image_id), b'image')

    def test_somebody_else_removes_it(self):
        image_id, = self.cache(b'image')
        with mock.patch.object(imagecache.ImageCache, '_is_complete',
                               return_value=False):
            self.assertRaises(nova_exc.CouldNotFetchImage, self.create, 1,
                              image_id)
