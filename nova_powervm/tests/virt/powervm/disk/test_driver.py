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
from nova import exception as nova_exc
import testtools

from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.virt.powervm import disk
from nova_powervm.virt.powervm.disk import localdisk
from nova_powervm.virt.powervm.disk import server_disks
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import names


class NameTokenTestCase(testtools.TestCase):

    def test_all_bits_count(self):
        tokens = {names.token(1 << bit) for bit in range(65)}
        self.assertEqual(65, len(tokens))
        self.assertEqual({13}, {len(token) for token in tokens})
        self.assertEqual('a' * 13, names.token(1 << 65))

    def test_characters(self):
        for _count in range(100):
            token = names.token(uuid.uuid4().int)
            self.assertRegex(token, '^[a-z2-7]{13}$')

    def test_length(self):
        self.assertEqual('aaab', names.token(1, 4))
        self.assertEqual('7777777777777', names.token((1 << 128) - 1))


class BlankDisksTestCase(testtools.TestCase):

    def blank_disks(self, *sizes, swap=None):
        return server_disks.blank_disks({
            'root_device_name': '/dev/sda', 'block_device_mapping': [],
            'image': [], 'swap': swap, 'ephemerals': [
                {'device_name': '/dev/sd%s' % letter, 'size': size,
                 'guest_format': None}
                for letter, size in zip('bcdefghijklm', sizes)]})

    def test_none(self):
        self.assertEqual([], server_disks.blank_disks(None))
        self.assertEqual([], self.blank_disks())
        self.assertEqual([], self.blank_disks(
            swap={'device_name': '/dev/sdb', 'swap_size': 0}))

    def test_all(self):
        self.assertEqual(
            [('ephemeral0', 5), ('ephemeral1', 7), ('swap', 2)],
            self.blank_disks(5, 7, swap={'device_name': '/dev/sdd',
                                         'swap_size': 1025}))

    def test_as_many_as_there_are_names(self):
        self.assertEqual(10, len(self.blank_disks(*range(1, 11))))
        self.assertRaises(nova_exc.InvalidInput, self.blank_disks,
                          *range(1, 12))


class RegistryTestCase(base.StorageTestCase):

    def test_build(self):
        for name in ('localdisk', 'LocalDisk'):
            self.flags(disk_driver=name, group='powervm')
            adapter = disk.build(self.host, self.glance)
            self.assertIsInstance(adapter, localdisk.LocalStorage)

    def test_ssp(self):
        """There is no cluster here."""
        self.flags(disk_driver='SSP', group='powervm')
        self.assertRaises(exception.NoConfigNoClusterFound, disk.build,
                          self.host, self.glance)

    def test_not_there(self):
        self.useFixture(fixtures.MonkeyPatch(
            'nova_powervm.virt.powervm.disk.DISK_ADAPTERS', {}))
        self.flags(disk_driver='localdisk', group='powervm')
        self.assertRaises(exception.InvalidOption, disk.build, self.host,
                          self.glance)
