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

"""What placement is told while servers come, change and go."""

from unittest import mock

import os_resource_classes as orc

from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.walks import neighbours
from nova_powervm.virt.powervm import granted


class OffersCase(base.ScenarioCase):

    OPTIONS = {'cpu_allocation_ratio': 1.0, 'ram_allocation_ratio': 1.0}

    def offered(self, name, host='compute1'):
        """What placement would grant now, after a look at the platform."""
        self.run_task('update_available_resource', host)
        running = self.cloud.compute(host)
        record = running.reportclient.tree.data(host).inventory[name]
        servers = granted.find(running.driver.rooms.host.system, host)
        return ((record['total'] - record['reserved']) *
                record['allocation_ratio'] - granted.total(servers, name))

    def assert_memory_fits(self, least=0.95, host='compute1'):
        offered = self.offered(orc.MEMORY_MB, host)
        free = self.simulated_host(host).system.available_memory_mb
        self.assertLessEqual(offered, free)
        self.assertGreaterEqual(offered, least * free)
        return offered


class MemoryTest(base.MoveMixin, OffersCase):

    def test_life(self):
        before = self.assert_memory_fits()
        server = self.boot(flavor_id=self.make_flavor(memory_mb=8192))
        # With 256 MB for its page table and adapters.
        self.assertEqual(before - 8448, self.assert_memory_fits())
        self.delete(server)
        self.assertEqual(before, self.assert_memory_fits())

    def test_resize(self):
        self.flags(allow_resize_to_same_host=True)
        server = self.boot(flavor_id=self.make_flavor(memory_mb=4096))
        before = self.assert_memory_fits()
        self.resize(server, self.make_flavor('more', memory_mb=16384))
        # Placement holds both sizes until the resize is confirmed, and is
        # told of so much more.
        self.assertEqual(before + 4352 - 16896, self.assert_memory_fits())
        self.act(server, 'revertResize')
        self.assertEqual(before, self.assert_memory_fits())

    def test_lost_lpar(self):
        """Nova has granted the memory still, and a hard reboot needs it."""
        server = self.boot(flavor_id=self.make_flavor(memory_mb=8192))
        before = self.assert_memory_fits()
        uuid = self.lpar_of(server)['uuid']
        self.platform.operator.delete_partition(uuid)
        self.assertEqual(before, self.assert_memory_fits(least=0.9))

    def test_others(self):
        before = self.assert_memory_fits()
        lpar = self.platform.operator.create_partition(
            'theirs', memory_mb=65536, running=False)
        self.addCleanup(self.platform.operator.delete_partition, lpar.uuid)
        # With a page table of 1 GB.
        self.assertGreaterEqual(before - 65536 - 1024,
                                self.assert_memory_fits())


class ProcessorsTest(OffersCase):

    def setUp(self):
        super().setUp()
        self.flavor = self.make_flavor('own', vcpu=3, extra_spec={
            'hw:cpu_policy': 'dedicated'})

    def boot_granted(self, name):
        with mock.patch.object(
                neighbours.Placement, 'get_allocations_for_consumer',
                return_value={'node': {'resources': {name: 3}}}):
            return self.boot(flavor_id=self.flavor)

    def test_dedicated(self):
        before = self.offered(orc.VCPU), self.offered(orc.PCPU)
        for name, others in ((orc.PCPU, orc.VCPU), (orc.VCPU, orc.PCPU)):
            server = self.boot_granted(name)
            processors = self.settings_of(server)[1]
            self.assertEqual((True, 3), (processors.dedicated,
                                         processors.desired))
            self.assertEqual(
                (before[0] - 3, before[1] - 3),
                (self.offered(orc.VCPU), self.offered(orc.PCPU)), name)
            self.delete(server)
            self.assertEqual(before, (self.offered(orc.VCPU),
                                      self.offered(orc.PCPU)))

    def test_mixed(self):
        flavor = self.make_flavor('mixed', extra_spec={
            'hw:cpu_policy': 'mixed'})
        server = self.boot('ERROR', flavor_id=flavor)
        self.assertIn('Flavor mixed: hw:cpu_policy=mixed cannot be used',
                      self.logger.output)
        self.delete(server)

    def test_policy_that_was_ignored(self):
        """A server of an earlier version; a resize gives it its own."""
        server = self.boot(flavor_id=self.make_flavor('plain', vcpu=3))
        instance = self.instance_of(server)
        instance.flavor.extra_specs = {'hw:cpu_policy': 'dedicated'}
        instance.save()
        self.assertLessEqual(self.offered(orc.PCPU),
                             self.platform.system.available_units)
        self.assertGreaterEqual(self.offered(orc.VCPU), 0)
        self.delete(server)


class MigrationTest(base.TwoHostMixin, OffersCase):

    PROFILE = 'ssp-two-host'
    STORAGE = {'disk_driver': 'ssp'}

    def test_both_hosts(self):
        before = {host: self.assert_memory_fits(host=host)
                  for host in ('compute1', 'compute2')}
        server = self.boot_on_first(flavor_id=self.make_flavor(
            memory_mb=8192))
        self.migrate(server)
        for host in before:
            self.assertEqual(before[host] - 8448,
                             self.assert_memory_fits(host=host))
        self.act(server, 'confirmResize')
        self.assertEqual(before['compute1'], self.assert_memory_fits())
        self.assertEqual(before['compute2'] - 8448,
                         self.assert_memory_fits(host='compute2'))
