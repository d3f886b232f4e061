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

"""A host whose servers come and go as placement allows.

Placement is a few lines here. The host is a simulated one, which refuses what
the platform refuses; what it could give comes from its own objects.
"""

import random

from nova.compute import provider_tree
from nova.virt import driver
import os_resource_classes as orc

from nova_powervm.simulator.resources import partition_config
from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm import granted
from nova_powervm.virt.powervm import inventory
from nova_powervm.virt.powervm import vm

NODE = 'compute1'
NODE_UUID = '5e5e5e5e-0000-4000-8000-000000000001'
BLOCK = 256


class Disk:
    """A disk adapter that this is not about."""

    shared_pool = None

    @staticmethod
    def capacity():
        return disk_driver.DiskCapacity(1000, 0)


class OffersCase(base.SimulatedHostTestCase):
    """Servers come and go as placement allows.

    :ivar servers: dict of UUID -> (nova.objects.Instance, dict of what it was
        granted)
    """

    CPU_RATIO = 1.0
    reserved_disk_gb = 0

    def setUp(self):
        super().setUp()
        self.flags(cpu_allocation_ratio=self.CPU_RATIO,
                   ram_allocation_ratio=1.0)
        self.host = self.connect()
        self.system = self.simulated.system
        self.servers = {}
        self.random = random.Random(1)
        self.inventory = inventory.Inventory(
            self.host, self.make_disk_adapter(),
            find_servers=self._find_servers)
        self.tree = provider_tree.ProviderTree()
        self.tree.new_root(NODE, NODE_UUID)

    def make_disk_adapter(self):
        return Disk()

    def _find_servers(self, system, _nodename):
        return [granted.describe(system, NODE, instance, [instance.flavor])
                for instance, _resources in self.servers.values()]

    def report(self, looks=True):
        """Tell placement what there is, with or without a look at it."""
        if looks:
            self.inventory.get_available_resource(NODE)
        self.inventory.update_provider_tree(
            self.tree, NODE, driver.ComputeDriver._get_allocation_ratios,
            self.reserved_disk_gb)

    def capacity(self, name):
        """What placement grants of a resource class altogether."""
        record = self.tree.data(NODE).inventory[name]
        self.assertGreaterEqual(record['total'], record['reserved'])
        self.assertGreaterEqual(record['reserved'], 0)
        return int((record['total'] - record['reserved']) *
                   record['allocation_ratio'])

    def used(self, name):
        return sum(resources.get(name, 0)
                   for _instance, resources in self.servers.values())

    def offered(self, name):
        return self.capacity(name) - self.used(name)

    def grants(self, resources):
        """Whether placement would grant all of that."""
        inventory = self.tree.data(NODE).inventory
        return all(self.offered(name) >= amount and
                   amount <= inventory[name]['max_unit'] and
                   amount % inventory[name]['step_size'] == 0
                   for name, amount in resources.items())

    def make(self, flavor, resources, **attrs):
        """Have Nova claim for a server, and the platform make its LPAR."""
        instance = base.make_instance(
            len(self.servers) + 1, flavor, uuid=self.new_uuid(),
            display_name='s%d' % self.random.getrandbits(40),
            vm_state='active', launched_at=None, **attrs)
        self.servers[instance.uuid] = instance, resources
        # The claim tells placement before there is an LPAR.
        self.report(looks=False)
        vm.create_lpar(self.host, instance)
        return instance

    def new_uuid(self):
        return '%08x-0000-4000-8000-%012x' % (
            self.random.getrandbits(31), self.random.getrandbits(48))

    def delete(self, uuid):
        instance, _resources = self.servers.pop(uuid)
        self.simulated.operator.delete_partition(vm.get_lpar_uuid(instance))

    def foreign(self, **settings):
        return self.simulated.operator.create_partition(
            'theirs%d' % self.random.getrandbits(40), running=False,
            **settings)

    # ---- what the host could give ---------------------------------------

    def could_give_mb(self):
        """What servers have, and the largest that could be made."""
        free = self.system.available_memory_mb
        largest = max([size for size in range(0, free + 1, BLOCK)
                       if size + partition_config.Memory(
                           size, size, size).overhead_mb(BLOCK) <= free],
                      default=0)
        return self.used(orc.MEMORY_MB) + largest

    def could_give_vcpus(self):
        """Processors that nobody but servers with VCPUs has."""
        ours = {vm.get_lpar_uuid(instance)
                for instance, resources in self.servers.values()
                if orc.VCPU in resources}
        return int(self.system.processors - sum(
            lpar.processors.used_units
            for lpar in self.simulated.partitions()
            if lpar.uuid not in ours) + 1e-6)

    def could_give_pcpus(self):
        return self.used(orc.PCPU) + int(self.system.available_units + 1e-6)

    def assert_enough(self):
        """Nothing is held back: 95 % of what the host could give."""
        for name, could in ((orc.MEMORY_MB, self.could_give_mb()),
                            (orc.VCPU, self.could_give_vcpus()),
                            (orc.PCPU, self.could_give_pcpus())):
            self.assertGreaterEqual(self.capacity(name), 0.95 * could, name)
            self.assertGreaterEqual(self.capacity(name), self.used(name))
