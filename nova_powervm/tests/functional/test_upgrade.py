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

"""Servers with disks that nova-powervm 9.0.0 made.

A stand-in for it: this driver, made to give disks the names of 9.0.0.
"""

from unittest import mock

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import moves
from nova_powervm.tests.functional import platforms
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm.disk import legacy
from nova_powervm.virt.powervm.storage import deletion


def legacy_name(disk_dvr, _disk_type, instance):
    return legacy.legacy_name(instance, disk_dvr.storage_class)


def legacy_proof(disk_dvr, instance):
    return deletion.server_proof(
        instance, also=legacy_name(disk_dvr, None, instance))


class UpgradeTest(moves.MoveMixin, base.PowerVMTestCase):

    WITH_SESSIONS = False
    NAME = r'^b_instance_....$'

    def setUp(self):
        super().setUp()
        self.flags(allow_resize_to_same_host=True)
        self.delete(self.boot())
        self.before = self.platform_state()

    def boot_with_legacy(self):
        """Create a server, and upgrade."""
        with mock.patch.multiple(disk_driver.DiskAdapter,
                                 get_disk_name=legacy_name,
                                 proof=legacy_proof):
            server = self.boot(flavor_id=self.small)
        self.assertRegex(self.disk_name(server), self.NAME)
        self.compute = self.restart_compute_service(self.compute)
        return server

    def disk_name(self, server):
        name, = {mapping['storage'] for mapping in self.mappings_of(server)
                 if mapping['storage'].startswith('b')}
        return name

    def assert_nothing_left(self):
        self.assert_state_equal(self.before, self.platform_state(), 'Left')

    def test_life(self):
        server = self.boot_with_legacy()
        name = self.disk_name(server)
        self._reboot_server(server, hard=True)
        self.assertEqual('ACTIVE', self.resize(
            server, self.large, status='VERIFY_RESIZE') and self.act(
                server, 'confirmResize')['status'])
        self.assertEqual(name, self.disk_name(server))
        self.assertEqual((4096, 2, 5), self.size_of(server))
        self.assertIsNone(self.delete(server))
        self.assert_nothing_left()

    def test_rescue_and_rebuild(self):
        server = self.boot_with_legacy()
        name = self.disk_name(server)
        self.act(server, 'rescue')
        self.assertEqual('ACTIVE', self.act(server, 'unrescue')['status'])
        self.assertEqual(name, self.disk_name(server))
        self.assertEqual('ACTIVE', self.act(server, 'rebuild', {
            'imageRef': self.image_id})['status'])
        self.assertIsNone(self.delete(server))
        self.assert_nothing_left()

    def test_new_servers(self):
        """They have names of their own, also after a restart."""
        server = self.boot()
        self.compute = self.restart_compute_service(self.compute)
        self.assertNotRegex(self.disk_name(server), self.NAME)
        self.assertIsNone(self.delete(server))
        self.assert_nothing_left()


class UpgradeOfSharedPoolTest(platforms.SharedPool, UpgradeTest):

    NAME = r'^boot_instance_........$'
