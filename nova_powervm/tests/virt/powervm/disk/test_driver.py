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

import uuid

import fixtures
import testtools

from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.virt.powervm import disk
from nova_powervm.virt.powervm.disk import driver
from nova_powervm.virt.powervm.disk import localdisk
from nova_powervm.virt.powervm import exception


class NameTokenTestCase(testtools.TestCase):

    def test_all_bits_count(self):
        tokens = {driver.name_token(1 << bit) for bit in range(65)}
        self.assertEqual(65, len(tokens))
        self.assertEqual({13}, {len(token) for token in tokens})
        self.assertEqual('a' * 13, driver.name_token(1 << 65))

    def test_characters(self):
        for _count in range(100):
            token = driver.name_token(uuid.uuid4().int)
            self.assertRegex(token, '^[a-z2-7]{13}$')

    def test_length(self):
        self.assertEqual('aaab', driver.name_token(1, 4))
        self.assertEqual('7777777777777', driver.name_token((1 << 128) - 1))


class RegistryTestCase(base.StorageTestCase):

    def test_build(self):
        for name in ('localdisk', 'LocalDisk'):
            self.flags(disk_driver=name, group='powervm')
            adapter = disk.build(self.host, self.glance)
            self.assertIsInstance(adapter, localdisk.LocalStorage)

    def test_not_there(self):
        self.useFixture(fixtures.MonkeyPatch(
            'nova_powervm.virt.powervm.disk.DISK_ADAPTERS', {}))
        self.flags(disk_driver='localdisk', group='powervm')
        self.assertRaises(exception.InvalidOption, disk.build, self.host,
                          self.glance)
