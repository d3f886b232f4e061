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

"""Tests of the logs of consoles."""

import os

import fixtures

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.console import log

MIB = 1024 ** 2


class LogTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = os.path.join(
            self.useFixture(fixtures.TempDir()).path, 'consoles')
        self.log = log.ConsoleLog(self.folder, 'uuid')

    def size(self):
        """Bytes of all files."""
        return sum(os.stat(os.path.join(self.folder, name)).st_size
                   for name in os.listdir(self.folder))

    def test_a_gibibyte(self):
        chunk = bytes(range(256)) * (MIB // 256)
        for number in range(1024):
            self.log.write(chunk)
            if number % 64 == 0:
                self.assertLessEqual(self.size(), 3 * log.FILE_BYTES)
        self.log.write(b'the end')
        self.assertEqual((chunk + b'the end')[-log.TAIL_BYTES:],
                         self.log.read())
        self.assertLessEqual(len(os.listdir(self.folder)), 2)

    def test_small_pieces(self):
        piece = b'%039d\n'
        count = 2 * log.FILE_BYTES // 40
        for number in range(count):
            self.log.write(piece % number)
            if number % 500 == 0:
                self.assertLessEqual(self.size(), 2 * log.FILE_BYTES + 40)
        lines = self.log.read().splitlines()[1:]
        self.assertEqual(list(range(count - len(lines), count)),
                         list(map(int, lines)))
        self.assertGreater(len(lines), 2500)

    def test_nothing(self):
        self.assertEqual(b'', self.log.read())
        self.log.delete()
        self.assertFalse(os.path.exists(self.folder))

    def test_any_bytes(self):
        self.log.write(b'\0\xff\x1b[2J')
        self.log.note('a line')
        self.assertRegex(self.log.read(), br'(?s)\0\xff\x1b\[2J\r\n'
                         br'\[[0-9T:Z-]+ nova-compute: a line\]\r\n$')
