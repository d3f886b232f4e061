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

"""Config drives that an operator has put into the drive of another LPAR."""

from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.virt.powervm import media


class LentTest(base.ScenarioCase):

    def media(self):
        """Names of all media on the VIOSes: set."""
        with self.site.lock:
            return {name for vios in self.platform.store.all(
                'VirtualIOServer') if vios.repository
                for name in vios.repository.media}

    def lend(self, name):
        """Put a medium into the drive of an LPAR of somebody else."""
        operator = self.platform.operator
        operator.create_partition('theirs', memory_mb=256)
        operator.unmap_storage('vios1', name)
        operator.map_storage('vios1', name, 'theirs')

    def is_lent(self, name):
        with self.site.lock:
            return ['theirs'] == self.platform.operator.vios(
                'vios1').find_storage(name).clients()

    def take_back(self, name):
        operator = self.platform.operator
        operator.unmap_storage('vios1', name)
        operator.delete_partition('theirs')

    def test_of_a_server_that_is_deleted(self):
        """The LPAR keeps it; it goes with a later start."""
        server = self.boot()
        name = media.get_cfg_drv_name(self.instance_of(server))
        self.lend(name)
        self.delete(server)
        self.assertEqual({name}, self.media())
        self.assertTrue(self.is_lent(name))
        self.take_back(name)
        self.restart()
        self.assertEqual(set(), self.media())

    def test_of_a_departed_server(self):
        """It does not keep the others from being cleaned up."""
        servers = self.boot(), self.boot(networks='none')
        names = [media.get_cfg_drv_name(self.instance_of(server))
                 for server in servers]
        self.cloud.stop('compute1')
        for server in servers:
            self.users.delete(self.walk_server(server))
            self.platform.operator.delete_partition(
                self.lpar_of(server)['uuid'])
        self.lend(names[0])
        self.restart()
        self.assertEqual({names[0]}, self.media())
        self.assertTrue(self.is_lent(names[0]))
        self.take_back(names[0])
        self.restart()
        self.assertEqual(set(), self.media())
