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

from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import test_npiv_moves
from nova_powervm.tests.virt.powervm.scenarios import test_volume_moves

WRITTEN = b'written from inside the server' * 100
PLACE = 4096


class LoseMixin:

    def lose(self, server):
        """Let an operator delete the LPAR of a server, whatever it does."""
        self.platform.operator.delete_partition(
            self.lpar_of(server)['uuid'])
        self.driver.rooms.host.partition_states.clear()


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
        self.boot_disk_of(server).write_at(PLACE, WRITTEN)
        size, mapped = self.size_of(server), self.mapped(server)
        self.resize(server, self.make_flavor('more', memory_mb=4096,
                                             disk=5, swap=3000))
        self.lose(server)
        self.revert(server, 'ACTIVE')
        self.assertEqual('running', self.lpar_of(server)['state'])
        self.assertEqual(size, self.size_of(server))
        self.assertEqual(mapped, self.mapped(server))
        self.assertEqual(WRITTEN, self.boot_disk_of(server).read(
            PLACE, len(WRITTEN)))
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
