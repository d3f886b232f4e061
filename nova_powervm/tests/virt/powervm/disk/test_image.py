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

import io
import struct
from unittest import mock

from nova import exception as nova_exc
from nova import objects
from oslo_utils import units
import testtools

from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.virt.powervm.disk import download
from nova_powervm.virt.powervm.disk import image


class ImageTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        objects.register_all()
        self.api = base.ImageApi()

    def from_glance(self, image_id):
        return image.Image.from_glance(self.api, None, image_id)

    def test_size_gb(self):
        for size, size_gb in ((1, 1), (units.Gi, 1), (units.Gi + 1, 2)):
            self.assertEqual(size_gb, image.size_gb(size))

    def test_check_fits(self):
        image.check_fits(units.Gi, 1)
        error = self.assertRaises(nova_exc.FlavorDiskSmallerThanImage,
                                  image.check_fits, units.Gi + 1, 1)
        self.assertIn(str(units.Gi + 1), str(error))

    def test_content_known_by_what_there_is(self):
        image_id = self.api.add(b'content')
        contents = set()
        for missing in ('nothing', 'checksum', 'os_hash_value'):
            self.api.images[image_id].pop(missing, None)
            found = self.from_glance(image_id)
            contents.add(found.content)
        self.assertEqual(3, len(contents))
        self.assertIsNone(found.hash_algo)
        self.api.images[image_id]['updated_at'] = 'later'
        self.assertNotIn(self.from_glance(image_id).content, contents)

    def test_meta_tells_the_same(self):
        image_id = self.api.add(b'content')
        known = image.Image.from_meta(self.api.meta(image_id))
        self.assertEqual(self.from_glance(image_id).content, known.content)

    def test_meta_that_says_too_little(self):
        for field in ('size', 'checksum', 'disk_format'):
            image_id = self.api.add(b'content', **{field: None})
            self.assertIsNone(image.Image.from_meta(self.api.meta(image_id)))

    def test_check(self):
        found = self.from_glance(self.api.add(b'content'))
        found.check(('raw',))
        error = self.assertRaises(nova_exc.ImageUnacceptable, found.check,
                                  ('qcow2', 'vmdk'))
        self.assertIn('qcow2 or vmdk, not raw', str(error))
        found = self.from_glance(self.api.add(b''))
        self.assertRaises(nova_exc.ImageUnacceptable, found.check, ('raw',))


def make_qcow2(virtual_size=3 * units.Gi, backing_file=b'', length=200000):
    """Make what passes for a qcow2 image of version 3."""
    header = struct.pack(
        '>4sIQIIQIIQQIIQQQQII', b'QFI\xfb', 3, 120 if backing_file else 0,
        len(backing_file), 16, virtual_size, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        4, 104)
    return (header.ljust(120, b'\0') + backing_file).ljust(length, b'\xa5')


class CheckedStreamTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.api = base.ImageApi()

    def stream(self, content, disk_format='qcow2'):
        self.image_id = self.api.add(content, disk_format=disk_format)
        return image.CheckedStream(
            image.Image.from_glance(self.api, None, self.image_id),
            download.Download(self.api, None, self.image_id))

    def test_raw_is_not_looked_into(self):
        stream = self.stream(make_qcow2(), 'raw')
        self.assertEqual(200000, stream.virtual_size())
        self.assertEqual([], self.api.downloads)

    def test_virtual_size_and_then_all_bytes(self):
        content = make_qcow2()
        stream = self.stream(content)
        self.assertEqual(3 * units.Gi, stream.virtual_size())
        received = io.BytesIO()
        received.writelines(stream)
        self.assertEqual(content, received.getvalue())
        self.assertEqual(1, len(self.api.downloads))
        stream.verify()

    def test_backing_file(self):
        error = self.assertRaises(
            nova_exc.ImageUnacceptable,
            self.stream(make_qcow2(backing_file=b'/etc/shadow')).virtual_size)
        self.assertIn('backing_file', str(error))

    def test_something_else(self):
        for content in (b'#!/bin/sh\n' * 20000, b'QFI'):
            self.assertRaises(nova_exc.ImageUnacceptable,
                              self.stream(content).virtual_size)

    def test_glance_fails_at_once(self):
        stream = self.stream(make_qcow2())

        del self.api.content[self.image_id]
        self.assertRaises(nova_exc.ImageNotFound, stream.virtual_size)

    def test_begin(self):
        for disk_format in ('raw', 'qcow2'):
            content = make_qcow2()
            stream = self.stream(content, disk_format)
            stream.virtual_size()
            stream.begin()
            stream.begin()
            self.assertEqual(content, b''.join(stream))
            self.assertEqual(1, self.api.downloads.count(self.image_id))
            stream.verify()

    def test_does_not_begin(self):
        stream = self.stream(make_qcow2(), 'raw')
        self.api.content[self.image_id] = b''
        error = self.assertRaises(nova_exc.CouldNotFetchImage, stream.begin)
        self.assertIn('0 bytes of 200000', str(error))
        stream = self.stream(make_qcow2(), 'raw')
        self.api.send = mock.Mock(side_effect=OSError('Glance is gone'))
        error = self.assertRaises(nova_exc.CouldNotFetchImage, stream.begin)
        self.assertIn('Glance is gone', str(error))

    def test_what_is_missing_is_found_after_a_look(self):
        stream = self.stream(make_qcow2())
        self.api.content[self.image_id] = make_qcow2()[:-1]
        stream.virtual_size()
        self.assertEqual(199999, sum(len(chunk) for chunk in stream))
        error = self.assertRaises(nova_exc.CouldNotFetchImage, stream.verify)
        self.assertIn('199999 bytes of 200000', str(error))
