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

"""Tests of the API of Glance."""

import hashlib
import os

import fixtures

from nova_powervm.demo.apis import image
from nova_powervm.demo.cloud import stand_ins
from nova_powervm.tests.demo.apis import base

NEW = {'name': 'new', 'disk_format': 'raw', 'container_format': 'bare',
       'architecture': 'ppc64le'}


class ImageTest(base.ApiCase):

    def setUp(self):
        super().setUp()
        self.glance = self.useFixture(stand_ins.Images(self))
        self.service = image.Image(self.glance)

    def create(self):
        return self.request('POST', '/v2/images', NEW, 201)

    def names(self, query=''):
        return [shown['name'] for shown in
                self.get('/v2/images' + query)['images']]

    def test_versions(self):
        self.assertEqual('CURRENT', self.get('/')['versions'][0]['status'])
        self.assertEqual(self.get('/'), self.get('/versions'))

    def test_create(self):
        new = self.create()
        self.assertEqual(('queued', None, 'ppc64le'), (
            new['status'], new['size'], new['architecture']))
        self.assertEqual('/v2/images/%s/file' % new['id'], new['file'])
        self.assertRegex(new['created_at'], r'^[\d-]+T[\d:]+Z$')
        self.assertEqual(new, self.get('/v2/images/' + new['id']))

    def test_upload(self):
        new = self.create()
        content = os.urandom(stand_ins.CHUNK + 1)
        self.request('PUT', new['file'], status=204, data=content)
        shown = self.get('/v2/images/' + new['id'])
        self.assertEqual(('active', len(content)), (
            shown['status'], shown['size']))
        self.assertEqual(hashlib.sha512(content).hexdigest(),
                         shown['os_hash_value'])
        self.assertEqual(content, b''.join(
            self.glance.download(None, new['id'])))

    def test_file_of_this_machine(self):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'disk')
        with open(path, 'wb') as disk:
            disk.write(b'PowerVM')
        self.glance.add_file(path, 'mine')
        [shown] = self.get('/v2/images')['images']
        self.assertEqual(('mine', 7, 'active'), (
            shown['name'], shown['size'], shown['status']))

    def test_list(self):
        self.assertEqual([], self.names())
        first, second = self.create(), self.create()
        self.assertEqual(['new', 'new'], self.names())
        self.assertEqual(['new'], self.names('?id=in:' + first['id']))
        self.assertEqual(['new', 'new'], self.names(
            '?id=in:%s,%s' % (first['id'], second['id'])))
        self.assertEqual([], self.names('?name=old'))

    def test_delete(self):
        path = '/v2/images/' + self.create()['id']
        self.assertIsNone(self.request('DELETE', path, status=204))
        self.assertEqual([], self.names())
        for method in ('GET', 'DELETE'):
            self.assert_refused(404, 'There is no image', method, path)
        self.assert_refused(404, 'There is no image', 'PUT', path + '/file')
