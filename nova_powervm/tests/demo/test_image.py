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

import os

import fixtures
import testtools

from nova_powervm.demo import image


class ImageTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.path = os.path.join(
            self.useFixture(fixtures.TempDir()).path, 'image')

    def _write(self, content):
        with open(self.path, 'wb') as out:
            out.write(content)

    def test_made_image_is_a_file_system_that_can_be_recognised(self):
        image.make(self.path, size=image.MIB)

        self.assertGreater(os.path.getsize(self.path), image.MIB)
        self.assertIsNone(image.problem(self.path))
        with open(self.path, 'rb') as made:
            content = made.read()
        lines = image.read_file(content, 'data.txt').splitlines()
        self.assertIn(b'line %08d' % (len(lines) - 1), lines[-1])

    def test_files_that_are_no_images_are_refused(self):
        self.assertIn('No such file', image.problem(self.path))
        self._write(b'')
        self.assertIn('empty', image.problem(self.path))
        self._write(b'QFI\xfb and so on')
        self.assertIn('qcow2', image.problem(self.path))
        self._write(b'anything else')
        self.assertIsNone(image.problem(self.path))
