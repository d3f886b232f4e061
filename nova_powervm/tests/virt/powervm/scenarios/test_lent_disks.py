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

"""Disks that an operator has put behind an adapter for any LPAR."""

from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import test_names_of_units


class _LentMixin:
    """They stay there; what nobody needs goes once it is taken back."""

    def disks(self):
        """Names of all disks of servers: set."""
        raise NotImplementedError()

    def lend_boot_disk(self, server):
        """Put the boot disk of a server on an adapter for any LPAR."""
        [name] = self.disks()
        self.platform.operator.unmap_storage('vios1', name)
        self.platform.operator.map_storage('vios1', name)
        return name

    def is_lent(self, name):
        with self.site.lock:
            return self.platform.operator.vios('vios1').find_storage(
                name).clients()

    def take_back(self, name):
        self.platform.operator.unmap_storage('vios1', name)

    def test_of_a_server_that_is_deleted(self):
        server = self.boot(networks='none')
        name = self.lend_boot_disk(server)
        self.assertIsNone(self.delete(server))
        self.assertEqual({name}, self.disks())
        self.assertTrue(self.is_lent(name))
        self.restart()
        self.assertTrue(self.is_lent(name))
        self.take_back(name)
        self.restart()
        self.run_task('update_available_resource')
        self.assertEqual(set(), self.disks())


class VolumeGroupTest(_LentMixin, base.ScenarioCase):

    def disks(self):
        with self.site.lock:
            return {name for group in self.platform.store.all('VolumeGroup')
                    for name in group.disks if name.startswith('b_')}


class SharedPoolTest(test_names_of_units.PoolMixin, _LentMixin,
                     platforms.SharedPool, base.ScenarioCase):

    def disks(self):
        return {name for _udid, name in self.units()}
