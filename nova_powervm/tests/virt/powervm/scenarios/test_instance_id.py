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

"""Servers that nova-powervm 9.0.0 made keep their id on a config drive.

A stand-in for it: this driver, made to give disks the names of 9.0.0, and ids
as it did; what this driver notes of a server is forgotten.
"""

import io
import itertools
from unittest import mock

import fixtures as fx
import pycdlib

from nova_powervm.tests.functional import platforms
from nova_powervm.tests.functional import test_upgrade
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import test_volume_moves
from nova_powervm.tests.virt.powervm.walks import neighbours
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm import instance_id


class InstanceIdMixin:
    """Servers whose UUIDs begin with f, and what their media tell."""

    def setUp(self):
        super().setUp()
        self._numbers = itertools.count(0xf0000001)

    def boot_with_legacy(self):
        """Create a server, and upgrade."""
        with mock.patch.multiple(disk_driver.DiskAdapter,
                                 get_disk_name=test_upgrade.legacy_name,
                                 proof=test_upgrade.legacy_proof), \
                mock.patch.object(instance_id, 'guest_id',
                                  instance_id.legacy_id):
            server = self.make_server()
        self.legacy_id = '7' + server['id'][1:]
        self.assertEqual(self.legacy_id, self.id_of(server))
        self.forget_notes(server)
        for host in sorted(self.computes):
            self.restart(host)
        return server

    def make_server(self):
        return self.boot_on_first()

    def forget_notes(self, server):
        instance = self.instance_of(server)
        instance.system_metadata = {
            key: value for key, value in instance.system_metadata.items()
            if not key.startswith('powervm_')}
        instance.save()

    def id_of(self, server):
        """The id on the medium that is in the server's drive."""
        self.where = self.host_of(server)
        name, = {mapping['storage'] for mapping in self.mappings_of(server)
                 if mapping['storage'].startswith('cfg_')}
        [disk] = [vios.repository.media[name].disk for vios in
                  self.platform.store.all('VirtualIOServer')
                  if vios.repository and name in vios.repository.media]
        iso = pycdlib.PyCdlib()
        iso.open_fp(io.BytesIO(disk.read(0, disk.size)))
        self.addCleanup(iso.close)
        content = io.BytesIO()
        iso.get_file_from_iso_fp(content, iso_path='/UUID.;1')
        return content.getvalue().decode()

    def test_cold_migration(self):
        server = self.boot_with_legacy()
        for host in ('compute2', 'compute1'):
            self.migrate(server)
            self.assertEqual(host, self.host_of(server))
            self.assertEqual(self.legacy_id, self.id_of(server))
            self.act(server, 'confirmResize')
        self.assertIsNone(self.delete(server))

    def test_new_server(self):
        server = self.make_server()
        for host in sorted(self.computes):
            self.restart(host)
        self.migrate(server)
        self.assertEqual(server['id'], self.id_of(server))

    def test_shelved_before_the_upgrade(self):
        server = self.boot_with_legacy()
        self.assertEqual('SHELVED_OFFLOADED',
                         self.act(server, 'shelve')['status'])
        self.forget_notes(server)
        self.useFixture(fx.MockPatchObject(
            neighbours.Placement, 'get_allocations_for_consumer',
            return_value={'node': {'resources': {'VCPU': 1}}}))
        self.assertEqual('ACTIVE', self.act(server, 'unshelve')['status'])
        self.assertEqual(self.legacy_id, self.id_of(server))


class SharedPoolTest(platforms.SharedPool, InstanceIdMixin, base.TwoHostMixin,
                     base.ScenarioCase):

    PROFILE = 'ssp-two-host'


class VolumeTest(InstanceIdMixin, test_volume_moves.ColdMigrationMixin,
                 base.ScenarioCase):
    """They boot from a volume, and have no disk to be known by."""

    MADE_WITH = HAS = (1, 2)

    def make_server(self):
        return self.boot_server()
