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

"""Tests of the bytes of disks in the control API."""

import functools
import hashlib
import urllib.parse

import jsonschema
from ruamel import yaml

from nova_powervm.simulator import control
from nova_powervm.simulator import disk_io
from nova_powervm.simulator import errors
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import storage_base

DISKS = '/simulator/disks'


class DiskControlMixin:
    """Requests to /simulator/disks."""

    @functools.cached_property
    def client(self):
        return powervm_fixtures.Client(self.host)

    def get(self, name, status=200, what='', **query):
        reply = self.client.get('%s/%s%s?%s' % (
            DISKS, urllib.parse.quote(name), what,
            urllib.parse.urlencode(query)))
        self.assertEqual(status, reply.status, reply.body)
        return reply

    def post(self, name, data, status=200, **query):
        reply = self.client.request('POST', '%s/%s?%s' % (
            DISKS, name, urllib.parse.urlencode(query)), data)
        self.assertEqual(status, reply.status, reply.body)
        return reply

    def check_list(self, expected):
        disks = self.client.get(DISKS).json['disks']
        document = yaml.YAML(typ='safe', pure=True).load(
            control.openapi_text())
        for disk in disks:
            jsonschema.validate(disk, {
                '$ref': '#/components/schemas/Disk',
                'components': document['components']})
        self.assertEqual(expected, [
            (disk['kind'], disk['name'], disk['vios']) for disk in disks])


class DiskTestCase(storage_base.StorageTestCase, DiskControlMixin):

    def test_list(self):
        self.make_disk('boot_1')
        self.upload()
        self.check_list([('VirtualOpticalMedia', 'cfg.iso', 'vios1'),
                         ('VirtualDisk', 'boot_1', 'vios1')])

    def test_write_and_read(self):
        disk = self.make_disk('boot_1')
        self.assertEqual({'written': 6},
                         self.post('boot_1', b'inside', offset=4096).json)
        self.assertEqual(b'inside', disk.disk.read(4096, 6))
        self.assertEqual(b'\0\0inside', self.get(
            'boot_1', offset=4094, length=8).body)
        self.assertEqual(b'inside', self.get(
            disk.udid, offset=4096, length=6).body)
        self.assertEqual(b'\0', self.get(
            'boot_1', offset=disk.size - 1).body)
        self.assertEqual(
            {'length': 4102, 'sha256': hashlib.sha256(
                bytes(4096) + b'inside').hexdigest()},
            self.get('boot_1', what='/sha256', length=4102).json)

    def test_medium(self):
        self.upload(data=b'an iso')
        self.assertEqual(b'an iso', self.get('cfg.iso').body)
        self.assertEqual(
            {'length': 6, 'sha256': hashlib.sha256(b'an iso').hexdigest()},
            self.get('cfg.iso', what='/sha256').json)

    def test_refusals(self):
        disk = self.make_disk('boot_1')
        self.make_disk('boot_1', group=self.group_of(self.vios2, 'datavg'))
        self.get('other', 404)
        self.get('boot_1', 409)
        self.get('boot_1', vios='vios2')
        self.get('boot_1', 400, vios='vios1', offset='-1')
        self.get('boot_1', 400, vios='vios1', length=disk_io.MAX_BYTES + 1)
        self.post('boot_1', b'12', 400, vios='vios1', offset=disk.size - 1)
        reply = self.client.request('DELETE', DISKS + '/boot_1?vios=vios1')
        self.assertEqual(405, reply.status)

    def test_disk_that_goes_meanwhile(self):
        self.make_disk('boot_1')
        found = disk_io.find(self.host, 'boot_1')
        found.backing.delete()
        self.assertRaises(errors.NotFound, disk_io.sha256, found)
        self.assertRaises(errors.NotFound, disk_io.write, found, 0, b'x')


class UnitTestCase(storage_base.PoolTestCase, DiskControlMixin):

    def test_unit(self):
        image = self.crt_image(data=b'of the image')
        self.crt_lu('boot_1', 1, clone=image)
        self.check_list([('LogicalUnit', 'image_1', None),
                         ('LogicalUnit', 'boot_1', None)])
        self.assertEqual(b'of the image', self.get('boot_1', length=12).body)
        self.post('boot_1', b'inside', offset=1024 ** 2)
        self.assertEqual(4096, self.unit().used)
        self.assertEqual(0, self.unit('image_1').disk.read(1024 ** 2, 1)[0])

    def test_name_of_two(self):
        lus = [self.crt_lu('same') for _ in range(2)]
        self.get('same', 409)
        for lu in lus:
            self.post(lu.udid, b'x')


class FileTestCase(storage_base.StorageTestCase, DiskControlMixin):

    PROFILE = 'mgmt-vios'
    GROUP = 'QCOW VG - default'

    def test_file(self):
        disk = self.make_disk('boot_1')
        for name in ('boot_1', disk.udid):
            self.post(name, b'inside')
        self.assertEqual(b'inside', self.get(disk.name, length=6).body)
        self.check_list([('VirtualDisk', disk.name, 'vios1')])
