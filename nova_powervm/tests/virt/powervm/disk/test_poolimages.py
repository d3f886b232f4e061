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

from nova import exception as nova_exc
from nova import objects
from oslo_utils import units
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.simulator.resources import storage as sim_storage
from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.tests.virt.powervm.disk import ssp_base
from nova_powervm.virt.powervm.disk import poolimages
from nova_powervm.virt.powervm.disk import ssp

SECONDS = 60  # the most that a test waits for another thread
IMAGE = pvm_stg.LUType.IMAGE
CLONE = ['PUT LogicalUnit']
#: As long as no host is known to have the image.
LOOK = ['PUT LogicalUnit', 'GET VirtualIOServer', 'GET LogicalUnit',
        'DELETE LogicalUnit']
UPLOAD = ['PUT LogicalUnit', 'GET VirtualIOServer', 'GET LogicalUnit',
          'PUT LogicalUnit', 'PUT File', 'PUT contents', 'DELETE File',
          'DELETE LogicalUnit']


class NameTestCase(ssp_base.ImagesTestCase):

    def test_form(self):
        name = self.image_name()
        self.assertRegex(name, '^i_[a-z2-7]{25}_[a-z2-7]{13}$')
        # pypowervm puts 12 characters before it.
        self.assertLessEqual(len(name), 79 - 12)
        self.glance.add(b'changed', id=self.image_id)
        self.assertEqual(name[:28], self.image_name()[:28])
        self.assertNotEqual(name, self.image_name())


class FetchTestCase(ssp_base.ImagesTestCase):

    def test_requests(self):
        self.create(1)
        self.assertEqual(UPLOAD + CLONE, self.requests())
        self.create(2)
        self.assertEqual(CLONE, self.requests())
        self.restart()
        self.create(3)
        self.assertEqual(CLONE, self.requests())
        self.assertEqual([self.image_id], self.glance.downloads)
        image_unit = self.unit(self.image_name())
        self.assertEqual('VirtualIO_Image', image_unit.kind)
        self.assertEqual(3, len(image_unit.clones))
        for clone in image_unit.clones:
            self.assert_content(clone.name)
            self.assertTrue(clone.thin)

    def test_uploaded_by_another_host_meanwhile(self):
        """Only another process learns of it by looking."""
        other = ssp.SSPDiskAdapter(self.host, self.glance)
        self.create(1)
        self.simulated.journal.clear()
        self.create(2, adapter=other)
        self.assertEqual(LOOK + CLONE, self.requests())
        self.assertEqual(1, len(self.glance.downloads))

    def test_once_under_concurrent_spawns_on_two_hosts(self):
        """Each process has a lock, and markers hold off the others."""
        adapters = [self.adapter] + [
            ssp.SSPDiskAdapter(self.connect_host(
                self.simulated, name='compute%d' % number), self.glance)
            for number in (2, 3)]
        for adapter in adapters:
            adapter._images._sleep = lambda seconds: None
        errors = []

        def spawn(number):
            try:
                self.create(number, adapter=adapters[number % 3])
            except Exception as exc:
                errors.append(exc)

        threads = [threading.Thread(target=spawn, args=(number,))
                   for number in range(1, 10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
        self.assertEqual([], errors)
        self.assertEqual([self.image_id], self.glance.downloads)
        self.assertEqual(9, len(self.unit(self.image_name()).clones))
        self.assertEqual(10, len(self.unit_names()))

    def test_changed_content_is_another_image(self):
        self.create(1)
        self.content = b'changed'
        self.glance.add(self.content, id=self.image_id)
        self.assert_content(self.create(2).name)

    def test_changed_since_the_server_was_asked_for(self):
        meta = self.glance.meta(self.image_id)
        self.glance.add(b'changed', id=self.image_id)
        self.assertRaises(
            nova_exc.CouldNotFetchImage, self.adapter.create_disk_from_image,
            self.context, self.make_instance(), meta)
        self.assertEqual(self.before, self.state())

    def test_image_that_another_host_removed(self):
        self.create(1)
        self.adapter.delete_disks(self.make_instance(1))
        self.delete_unit(self.image_name())
        self.assert_content(self.create(2).name)
        # The attempt to clone, the look why it failed, and all anew.
        self.assertEqual(CLONE + ['GET LogicalUnit'] + UPLOAD + CLONE,
                         self.requests())

    def test_clone_refused_though_the_image_is_there(self):
        self.create(1)
        self.break_request('status', 'PUT', 'LogicalUnit', status=400,
                           message='No more logical units')
        error = self.assertRaises(pvm_exc.HttpError, self.create, 2)
        self.assertIn('No more logical units', str(error))
        self.assertEqual(1, len(self.glance.downloads))

    def test_no_room(self):
        self.make_unit('full', 2000)
        before = self.state()
        error = self.assertRaises(nova_exc.ComputeResourcesUnavailable,
                                  self.create)
        self.assertIn('1.00 GB needed in Shared Storage Pool ssp1, 0.00 GB',
                      str(error))
        self.assertEqual(before, self.state())
        self.assertEqual([], self.glance.downloads)

    def test_upload_by_a_vios_that_is_up(self):
        for down in ('vios1', 'vios2'):
            self.stop_vios(down)
            image_id = self.glance.add(b'image for %s' % down.encode())
            self.create(image_id=image_id)
            self.assert_content(self.image_name(image_id),
                                self.glance.content[image_id])
            self.adapter.delete_disks(self.make_instance())
            self.start_vios(down)

    def assert_not_fetched(self, *in_message):
        error = self.assertRaises(nova_exc.CouldNotFetchImage, self.create)
        for text in (self.image_id,) + in_message:
            self.assertIn(text, str(error))
        self.assertEqual(self.before, self.state())

    def test_too_short(self):
        self.glance.content[self.image_id] = self.content[:-1]
        self.assert_not_fetched('239999 bytes of 240000')

    def test_corrupt(self):
        self.glance.content[self.image_id] = self.content[:-1] + b'?'
        self.assert_not_fetched('sha512')

    def test_glance_fails_half_way(self):
        def send(content):
            yield content[:base.CHUNK]
            raise OSError('Glance is gone')

        self.glance.send = send
        self.assert_not_fetched('Glance is gone', '65536 of 240000')

    def test_every_request_broken(self):
        """A failure leaves neither a partial image nor a marker."""
        for effect, more in (
                ('status', {'status': 500}), ('drop_before', {}),
                ('drop_after', {})):
            for number in itertools.count(1):
                fault = self.break_request(effect, nth=number, **more)
                try:
                    self.create()
                except pvm_exc.Error:
                    pass
                self.simulated.faults.clear()
                self.assertNotIn('part', ' '.join(self.unit_names()))
                self.adapter.delete_disks(self.make_instance())
                self.assert_content(self.create().name)
                self.adapter.delete_disks(self.make_instance())
                self.assertEqual([self.image_name()], self.unit_names())
                self.delete_unit(self.image_name())
                self.assertEqual(self.before, self.state(),
                                 (effect, number))
                if not fault.applied:
                    break
            self.assertGreater(number, 8)


class CacheImageTestCase(ssp_base.ImagesTestCase):

    def cache(self, image_id=None):
        return self.adapter.cache_image(self.context,
                                        image_id or self.image_id)

    def test_cache_image(self):
        self.assertIs(True, self.cache())
        self.assertEqual(UPLOAD, self.requests())
        self.assertIs(False, self.cache())
        self.assertEqual(['GET LogicalUnit'], self.requests())

    def test_that_another_host_removed(self):
        self.cache()
        self.delete_unit(self.image_name())
        self.assertIs(True, self.cache())

    def test_that_another_host_has(self):
        other = ssp.SSPDiskAdapter(self.host, self.glance)
        self.cache()
        self.assertIs(False, other.cache_image(self.context, self.image_id))

    def test_bad_images(self):
        for attributes in ({'disk_format': 'qcow2'}, {'size': 0}):
            image_id = self.glance.add(b'content', **attributes)
            self.assertRaises(nova_exc.ImageUnacceptable, self.cache,
                              image_id)
        self.assertEqual([], self.requests())


class PruneTestCase(ssp_base.ImagesTestCase):

    def setUp(self):
        super().setUp()
        self.flags(group='image_cache',
                   remove_unused_original_minimum_age_seconds=100)

    def prune(self, *used):
        instances = [objects.Instance(image_ref=image_id)
                     for image_id in used + ('', None)]
        self.simulated.journal.clear()
        self.adapter.manage_image_cache(
            self.context, objects.InstanceList(objects=instances))

    def cache(self, *contents):
        """Put images into the pool; returns their ids."""
        image_ids = [self.glance.add(content) for content in contents]
        for image_id in image_ids:
            self.adapter.cache_image(self.context, image_id)
        return image_ids

    def names(self, *image_ids):
        return sorted(self.image_name(image_id) for image_id in image_ids)

    def test_unused_and_old_enough(self):
        """20 images: 5 have servers here, 5 have clones of other hosts."""
        images = self.cache(*(b'image %d' % number for number in range(20)))
        used, cloned, unused = images[:5], images[5:10], images[10:]
        other = ssp.SSPDiskAdapter(self.host, self.glance)
        clones = [self.create(number, image_id, adapter=other).name
                  for number, image_id in enumerate(cloned, 1)]
        self.prune(*used)
        self.now += 99
        self.prune(*used)
        self.assertEqual(self.names(*images),
                         [name for name in self.unit_names()
                          if name not in clones])
        self.now += 1
        # The look at cluster, VIOSes and tier, at all LUs, and the removal.
        self.prune(*used, unused[0])
        self.assertEqual(['DELETE LogicalUnit'] * 9, self.requests()[4:])
        self.assertEqual(self.names(*used, *cloned, unused[0]),
                         [name for name in self.unit_names()
                          if name not in clones])

    def test_spawn_while_images_are_removed(self):
        """A concurrent spawn of one of them still works."""
        images = self.cache(*(b'image %d' % number for number in range(20)))
        self.prune()
        self.now += 100
        errors = []

        def spawn(number):
            try:
                disk = self.create(number, images[number])
                self.assert_content(disk.name, b'image %d' % number)
            except Exception as exc:
                errors.append(exc)

        threads = [threading.Thread(target=spawn, args=(number,))
                   for number in range(1, 10)]
        for thread in threads:
            thread.start()
        self.prune()
        for thread in threads:
            thread.join(SECONDS)
        self.assertEqual([], errors)
        self.assertLessEqual(set(self.names(*images[1:10])),
                             set(self.unit_names()))

    def test_use_begins_the_time_again(self):
        image_id, = self.cache(b'image')
        self.prune()
        self.now += 99
        self.create(image_id=image_id)
        self.adapter.delete_disks(self.make_instance())
        self.now += 1
        self.prune()
        self.assertEqual(self.names(image_id), self.unit_names())
        self.now += 100
        self.prune()
        self.assertEqual([], self.unit_names())

    def test_not_wanted(self):
        self.cache(b'image')
        self.flags(remove_unused_base_images=False, group='image_cache')
        self.restart()
        for _time in range(2):
            self.prune()
            self.now += 1000
        self.assertEqual(1, len(self.unit_names()))

    def test_what_is_not_ours_stays(self):
        for name in ('image_aix_0123456789abcdef0123456789abcdef', 'i_data',
                     'partdata'):
            self.make_unit(name, lu_type=IMAGE)
        letters = 'i_' + 25 * 'a' + '_' + 13 * 'b'
        self.make_unit(letters)
        self.make_unit(letters + '_data', lu_type=IMAGE)
        self.make_unit(letters[:-1] + 'c', lu_type=IMAGE)
        self.make_unit('part01234567' + letters, lu_type=IMAGE)
        before = self.state()
        for _time in range(2):
            self.prune()
            self.now += 10000
        self.assertEqual(before, self.state())

    def test_image_that_is_being_uploaded_stays(self):
        during = []

        def send(content):
            self.prune()
            self.adapter.clean(base.NobodyLeft())
            during.append(len(self.unit_names()))
            yield content

        self.glance.send = send
        self.now += 1000
        self.create()
        self.assertEqual([2], during)
        self.assert_content(self.image_name())

    def test_clone_of_another_host_in_the_last_moment(self):
        image_id, = self.cache(b'image')
        self.prune()
        self.now += 100
        other = ssp.SSPDiskAdapter(self.host, self.glance)
        self.patch(self.adapter._images, '_expired', lambda lus, in_use: (
            self.create(image_id=image_id, adapter=other) and
            poolimages._images(lus)))
        self.adapter._images._unused_since = {
            self.unit(self.image_name(image_id)).uuid: 0}
        self.prune()
        self.assertIn(self.image_name(image_id), self.unit_names())


class SizeTestCase(ssp_base.ImagesTestCase):

    def test_size_of_the_image_in_hundredths(self):
        self.glance.images[self.image_id]['size'] = 240000
        self.create()
        self.assertEqual(sim_storage.to_bytes(0.01),
                         self.unit(self.image_name()).size)

    def test_flavor_says_nothing(self):
        disk = self.adapter.create_disk_from_image(
            self.context, self.make_instance(root_gb=0),
            self.glance.meta(self.image_id))
        self.assertEqual(1, disk.capacity)

    def test_too_small(self):
        self.glance.images[self.image_id]['size'] = 3 * units.Gi
        self.assertRaises(nova_exc.FlavorDiskSmallerThanImage, self.create)
        self.assertEqual([], self.requests())
