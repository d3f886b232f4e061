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

"""Servers whose LPARs somebody has deleted on the platform."""

from unittest import mock

from pypowervm import exceptions as pvm_exc

from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import test_npiv_moves
from nova_powervm.tests.virt.powervm.scenarios import test_rescue
from nova_powervm.tests.virt.powervm.scenarios import test_volume_moves
from nova_powervm.virt.powervm.actions import runner

WRITTEN = b'written from inside the server' * 100
OFFSET = 4096


class LoseMixin:

    def lose(self, server):
        """Let an operator delete the LPAR of a server, whatever it does."""
        self.platform.operator.delete_partition(
            self.lpar_of(server)['uuid'])
        self.driver.services.host.partition_states.clear()


class RevertedResizeMixin(LoseMixin, base.MoveMixin):
    """The LPAR is lost between a resize on the same host and its revert."""

    def setUp(self):
        super().setUp()
        self.flags(allow_resize_to_same_host=True, force_config_drive=True)
        self.empty = self.platform_state()

    def mapped(self, server):
        return sorted(mapping['storage'] for mapping in
                      self.mappings_of(server))

    def revert(self, server, status):
        after = self.act(server, 'revertResize')
        self.assertEqual(status, after['status'], self.cloud.failures)

    def test_revert(self):
        server = self.boot(flavor_id=self.make_flavor('some', swap=1024))
        self.boot_disk_of(server).write_at(OFFSET, WRITTEN)
        size, mapped = self.size_of(server), self.mapped(server)
        self.resize(server, self.make_flavor('more', memory_mb=4096,
                                             disk=5, swap=3000))
        self.lose(server)
        self.revert(server, 'ACTIVE')
        self.assertEqual('running', self.lpar_of(server)['state'])
        self.assertEqual(size, self.size_of(server))
        self.assertEqual(mapped, self.mapped(server))
        self.assertEqual(WRITTEN, self.boot_disk_of(server).read(
            OFFSET, len(WRITTEN)))
        self.assertIsNone(self.delete(server))
        self.assert_state_equal(self.empty, self.platform_state(), 'left')

    def test_stopped(self):
        server = self.boot(flavor_id=self.small)
        self.stop(server)
        self.resize(server, self.large)
        self.lose(server)
        self.revert(server, 'SHUTOFF')
        self.assertEqual('not activated', self.lpar_of(server)['state'])

    def test_finish(self):
        """It is lost before the resize ends: that makes it anew."""
        server = self.boot(flavor_id=self.small)
        self.lose(server)
        self.resize(server, self.large)
        self.assertEqual((4096, 2, 2), self.size_of(server))
        self.revert(server, 'ACTIVE')
        self.assertEqual((2048, 1, 2), self.size_of(server))


class RescuedMixin(LoseMixin, test_rescue.RescueMixin):
    """The LPAR is lost while the server is rescued."""

    CACHED = 2

    def setUp(self):
        super().setUp()
        self.empty = self.platform_state()
        self.server = self.boot()
        self.boot_disk_of(self.server).write_at(OFFSET, WRITTEN)
        self.assertEqual('RESCUE', self.rescue(
            self.server, self.glance.image3['id'])['status'])
        self.lose(self.server)

    def storage(self):
        """The first letters of the names of all disks of servers."""
        return sorted(
            name[0] for name in self.names_of_storage() if name[1:2] == '_')

    def assert_as_before(self):
        self.assert_boots_from('b', self.server)
        self.assertEqual(WRITTEN, self.boot_disk_of(self.server).read(
            OFFSET, len(WRITTEN)))
        self.assertNotIn('r', self.storage())
        self.assertIsNone(self.delete(self.server))
        self.assert_state_equal(self.empty, self.platform_state(), 'left')

    def test_unrescue(self):
        self.assertEqual('ACTIVE', self.unrescue(self.server)['status'],
                         self.cloud.failures)
        self.assert_as_before()

    def test_unrescue_fails(self):
        """The hard reboot that mends that takes the rescue disk, too."""
        with mock.patch.object(runner, 'run', side_effect=ValueError):
            self.assertEqual('ERROR', self.unrescue(self.server)['status'])
        self.assertEqual('ACTIVE', self.hard_reboot(self.server)['status'],
                         self.cloud.failures)
        self.assert_as_before()

    def test_disk_cannot_be_deleted(self):
        """The server is more important."""
        with mock.patch.object(self.driver.services.disk, 'delete_disks',
                               side_effect=pvm_exc.Error('for the test')):
            self.assertEqual('ACTIVE', self.unrescue(self.server)['status'])
        self.assert_boots_from('b', self.server)
        self.assertIn('The rescue disk could not be deleted',
                      self.logger.output)

    def test_restored(self):
        """It was deleted softly before its LPAR was lost."""
        instance = self.instance_of(self.server)
        instance.system_metadata['powervm_was_rescued'] = 'yes'
        instance.task_state, instance.vm_state = 'restoring', 'soft-delete'
        instance.save()
        with self.cloud.on('compute1'):
            self.compute.restore_instance(self.context, instance)
        self.assert_as_before()


class RescuedLocalDiskTest(RescuedMixin, base.ScenarioCase):

    def names_of_storage(self):
        return [disk for vios in self.platform.store.all('VirtualIOServer')
                for group in vios.volume_groups for disk in group.disks]


class RescuedSharedPoolTest(platforms.SharedPool, RescuedMixin,
                            base.ScenarioCase):

    def names_of_storage(self):
        pool = self.platform.store.all('Cluster')[0].pool
        return [unit.name for unit in pool.units]


class LocalDiskTest(RevertedResizeMixin, base.ScenarioCase):
    pass


class SharedPoolTest(platforms.SharedPool, RevertedResizeMixin,
                     base.ScenarioCase):
    pass


class VolumesTest(LoseMixin, test_volume_moves.VolumeMoveMixin,
                  base.MoveMixin, base.ScenarioCase):
    """A server that boots from a volume, and has others."""

    def test_revert(self):
        self.flags(allow_resize_to_same_host=True)
        empty = self.platform_state()
        self.empty = empty
        server = self.boot_server()
        self.resize(server, self.large)
        self.lose(server)
        self.assertEqual('ACTIVE',
                         self.act(server, 'revertResize')['status'],
                         self.cloud.failures)
        self.assert_whole(server)
        self.assert_nothing_left(server)


class NpivTest(test_npiv_moves.NpivMoveMixin, VolumesTest):
    pass
