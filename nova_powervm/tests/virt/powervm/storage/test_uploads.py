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

"""Bytes that go to a VIOS."""


from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import vios_file

from nova_powervm.tests.virt.powervm.storage import base
from nova_powervm.virt.powervm.storage import uploads


class UploadTestCase(base.DisksTestCase):

    def setUp(self):
        super().setUp()
        self.disk = self.create_disk('i_test')

    def upload(self, content=b'x' * 100000):
        uploads.upload(
            self.host, self.vios().uuid,
            vios_file.FileType.DISK_IMAGE, 'i_test',
            self.glance.send(content), len(content),
            target_udid=self.disk.udid)

    def files(self):
        return [file.filename for file in self.simulated.store.all('File')]

    def test_upload(self):
        self.upload()
        self.assertEqual(['PUT File', 'PUT contents', 'DELETE File'],
                         self.requests())
        self.assertEqual(b'x' * 100000, self.content_of('i_test', 100000))
        self.assertEqual([], self.files())

    def test_descriptor_is_made_but_the_answer_lost(self):
        self.break_request('drop_after', 'PUT', '/File$')
        self.assertRaises(pvm_exc.ConnectionError, self.upload)
        self.assertEqual([], self.files())

    def test_bytes_are_refused(self):
        self.break_request('status', 'PUT', 'contents', status=500)
        self.assertRaises(pvm_exc.HttpError, self.upload)
        self.assertEqual([], self.files())

    def test_bytes_are_never_sent_twice(self):
        # The second time there would be none left to send.
        for effect in ({'effect': 'busy'},
                       {'effect': 'status', 'status': 401}):
            self.break_request(method='PUT', path='contents', **effect)
            self.assertRaises(pvm_exc.HttpError, self.upload)
            self.assertEqual(['PUT File', 'PUT contents', 'DELETE File'],
                             self.requests())

    def test_descriptor_is_deleted_at_the_second_try(self):
        for effect in ('drop_before', 'drop_after'):
            self.break_request(effect, 'DELETE', 'File')
            self.upload()
            self.assertEqual([], self.files())

    def test_descriptor_that_stays_is_found_by_name(self):
        self.break_request('status', 'DELETE', 'File', count=2, status=500)
        self.upload()
        self.assertEqual(['i_test'], self.files())
        self.simulated.journal.clear()
        uploads.delete_files(self.host, ['i_tes', 'other'],
                             self.vios().uuid)
        self.assertEqual((['i_test'], ['GET File']),
                         (self.files(), self.requests()))
        uploads.delete_files(self.host, ['i_test'],
                             self.vios().uuid)
        self.assertEqual(([], ['GET File', 'DELETE File']),
                         (self.files(), self.requests()))
        uploads.delete_files(self.host, ['i_test'],
                             self.vios().uuid)
