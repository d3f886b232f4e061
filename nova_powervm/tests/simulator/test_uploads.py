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

"""Uploads."""

import hashlib
import io

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import storage as pvm_storage
from pypowervm.wrappers import storage as pvm_stg
from pypowervm.wrappers import vios_file
from pypowervm.wrappers import virtual_io_server
import testtools

from nova_powervm.tests import fixtures
from nova_powervm.tests.simulator import fidelity

DATA = bytes(range(256)) * 1000


class TestUploads(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(fixtures.SimulatedSite()).site
        self.host = self.site.hosts[0]
        self.client = self.useFixture(fixtures.Client(self.host))
        self.adapter = self.useFixture(fixtures.Adapter(self.host)).adapter
        self.vios = virtual_io_server.VIOS.get(self.adapter)[0]
        self.group = next(g for g in pvm_stg.VG.get(
            self.adapter, parent=self.vios) if g.name == 'datavg')

    def make(self, size=len(DATA), sha256=None, name='an.iso'):
        return vios_file.File.bld(
            self.adapter, name, vios_file.FileType.MEDIA_ISO,
            self.vios.uuid, sha_chksum=sha256, f_size=size).create()

    def put(self, made, data=DATA, method='PUT'):
        return self.client.request(
            method, '/rest/api/web/File/contents/' + made.uuid,
            iter([data[:1000], data[1000:]]) if data else b'')

    def test_disk(self):
        disk, uploaded_file = pvm_storage.upload_new_vdisk(
            self.adapter, self.vios.uuid, self.group.uuid,
            io.BytesIO(DATA), 'disk1', len(DATA),
            sha_chksum=hashlib.sha256(DATA).hexdigest())
        self.assertIsNone(uploaded_file)
        self.assertEqual([], self.host.store.all('File'))
        vios = self.host.store.get('VirtualIOServer', self.vios.uuid)
        model = vios.find_disk_by_udid(disk.udid)
        self.assertEqual(DATA, model.disk.read(0, len(DATA)))
        upload = [r for r in self.host.journal.records()
                  if 'contents' in r['path']]
        self.assertEqual([len(DATA)], [r['bytes_in'] for r in upload])

    def test_what_the_server_fills_in(self):
        made = self.make()
        self.assertTrue(made.uuid)
        self.assertEqual(0, made.current_file_size)
        self.assertEqual(len(DATA), made.expected_file_size)
        self.assertEqual(204, self.put(made).status)
        made = made.refresh()
        self.assertEqual(len(DATA), made.current_file_size)
        self.assertEqual([{
            'uuid': made.uuid, 'name': 'an.iso', 'received': len(DATA),
            'type': 'BROKERED_MEDIA_ISO'}],
            self.site.state()['hosts'][0]['File'])
        made.delete()
        self.assertNotIn('File', self.site.state()['hosts'][0])

    def test_too_short(self):
        for data in (DATA[:-1], b''):
            made = self.make(name='short%d.iso' % len(data))
            reply = self.put(made, data)
            self.assertEqual(400, reply.status)
            self.assertIn(str(len(data)), reply.text('Message'))

    def test_wrong_digest(self):
        reply = self.put(self.make(sha256='0' * 64), method='POST')
        self.assertEqual(400, reply.status)
        self.assertIn('SHA-256', reply.text('Message'))

    def test_no_such_file(self):
        made = self.make()
        made.delete()
        reply = self.put(made)
        self.assertEqual(404, reply.status)
        self.assertIn('There is no File', reply.text('Message'))

    def test_expired_token(self):
        """The client repeats the upload without the data, and must know."""
        made = self.make()
        self.host.faults.add({'path': 'contents', 'effect': 'status',
                              'status': 401})
        exc = self.assertRaises(
            pvm_exc.HttpError, self.adapter.upload_file, made.element,
            io.BytesIO(DATA))
        self.assertEqual(400, exc.response.status)

    def test_refusals(self):
        for change in (
                lambda f: f.set_parm_value('FileEnumType', 'NOVEL'),
                lambda f: f.set_parm_value('Filename', ''),
                lambda f: f.set_parm_value('TargetVirtualIOServerUUID',
                                           'nope'),
                lambda f: f.set_parm_value('ExpectedFileSizeInBytes',
                                           'big')):
            made = vios_file.File.bld(
                self.adapter, 'a', vios_file.FileType.MEDIA_ISO,
                self.vios.uuid, f_size=1)
            change(made)
            exc = self.assertRaises(pvm_exc.HttpError, made.create)
            self.assertIn(exc.response.status, (400, 404))

    def test_fidelity(self):
        made = self.make(sha256=hashlib.sha256(DATA).hexdigest())
        self.put(made)
        made = made.refresh()
        files = ('upload_file.txt', 'file_feed.txt')
        captured = fidelity.capture_wrappers(vios_file.File, *files,
                                             adapter=self.adapter)
        ours = self.client.get('/rest/api/web/File/' + made.uuid).xml.find(
            './/{*}File')
        self.assertEqual([], fidelity.compare_structure(
            ours, fidelity.capture_elements('File', *files)))
        self.assertEqual([], fidelity.compare_wrapper(
            made, captured, skip=['tdev_udid']))
