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

"""Tests of what the host reports to Nova and to placement."""

import threading

from nova.compute import provider_tree
from nova import exception as nova_exc
from nova.virt import driver
import os_resource_classes as orc
from oslo_serialization import jsonutils
from pypowervm import exceptions as pvm_exc

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm import inventory

NODE = 'compute1'
NODE_UUID = '5e5e5e5e-0000-4000-8000-000000000001'


class Disk:
    """A disk adapter with one request's worth of capacity."""

    total_gb = 1000.9
    used_gb = 100.1
    shared_pool = None

    def __init__(self, host):
        self._host = host

    def capacity(self):
        self._host.adapter.read('VirtualIOServer')
        return disk_driver.DiskCapacity(self.total_gb, self.used_gb)


class InventoryBase(base.SimulatedHostTestCase):

    def setUp(self):
        super().setUp()
        self.host = self.connect()
        self.disk = Disk(self.host)
        self.now = 0
        self.restart()
        self.system = self.simulated.system
        self.tree = provider_tree.ProviderTree()
        self.tree.new_root(NODE, NODE_UUID)

        self.servers = []

    def restart(self):
        self.inventory = inventory.Inventory(
            self.host, self.disk, clock=lambda: self.now,
            find_servers=lambda _system, _nodename: self.servers)

    def update(self, **spec):
        """Change the simulated system, and report it."""
        self.system.spec.update(spec)
        self.system.touch()
        self.inventory.get_available_resource(NODE)
        self.inventory.update_provider_tree(
            self.tree, NODE, driver.ComputeDriver._get_allocation_ratios, 7)
        return self.tree.data(NODE)


class InventoryTest(InventoryBase):

    def test_available_resource(self):
        data = self.inventory.get_available_resource(NODE)
        units = self.system.processors
        used_units = units - self.system.available_units
        memory = self.system.memory_mb
        self.assertEqual({
            'hypervisor_type': 'phyp', 'hypervisor_version': 8,
            'hypervisor_hostname': NODE,
            'supported_instances': [('ppc64', 'phyp', 'hvm'),
                                    ('ppc64le', 'phyp', 'hvm')],
            'numa_topology': None,
            'pci_passthrough_devices': '[]',
            'vcpus': units, 'vcpus_used': -int(-used_units // 1),
            'memory_mb': memory,
            'memory_mb_used': memory - self.system.available_memory_mb,
            'local_gb': 1000, 'local_gb_used': 101,
            'disk_available_least': None,
            'stats': {'proc_units': '%.2f' % units,
                      'proc_units_used': '%.2f' % used_units,
                      'memory_region_size': self.system.region_mb},
        }, {key: value for key, value in data.items() if key != 'cpu_info'})
        self.assertEqual({'vendor': 'ibm', 'arch': 'ppc64'},
                         jsonutils.loads(data['cpu_info']))

    def test_two_requests_for_both(self):
        self.update()
        self.assertEqual(['GET ManagedSystem', 'GET VirtualIOServer'],
                         self.requests())

    def update_tree(self):
        self.inventory.update_provider_tree(
            self.tree, NODE, driver.ComputeDriver._get_allocation_ratios, 0)
        return len(self.requests())

    def test_snapshot(self):
        self.assertEqual(2, self.update_tree())
        self.assertEqual(0, self.update_tree())
        self.now = 299
        self.assertEqual(0, self.update_tree())
        self.now = 300
        self.assertEqual(2, self.update_tree())

    def test_what_is_used_is_always_fresh(self):
        self.inventory.get_available_resource(NODE)
        self.disk.used_gb = 500
        self.assertEqual(500, self.inventory.get_available_resource(NODE)[
            'local_gb_used'])
        self.assertEqual(4, len(self.requests()))

    def test_many_threads_share_a_snapshot(self):
        threads = [threading.Thread(
            target=self.inventory.update_provider_tree,
            args=(self.tree, NODE, driver.ComputeDriver._get_allocation_ratios,
                  0)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(2, len(self.requests()))

    def test_failure_keeps_the_last_snapshot(self):
        self.update_tree()
        self.fail_request(path='VirtualIOServer', effect='status', status=500)
        self.assertRaises(pvm_exc.HttpError,
                          self.inventory.get_available_resource, NODE)
        self.requests()
        self.assertEqual(0, self.update_tree())

    def test_inventory(self):
        self.flags(reserved_host_cpus=1, reserved_host_memory_mb=2048,
                   cpu_allocation_ratio=10.0,
                   initial_ram_allocation_ratio=1.5,
                   initial_disk_allocation_ratio=1.0)
        block = self.system.region_mb
        memory = self.system.memory_mb
        self.assertEqual({
            orc.VCPU: {'total': self.system.processors, 'min_unit': 1,
                       'step_size': 1, 'max_unit': 64, 'reserved': 3,
                       'allocation_ratio': 10.0},
            orc.PCPU: {'total': self.system.processors, 'min_unit': 1,
                       'step_size': 1, 'max_unit': 64, 'reserved': 3,
                       'allocation_ratio': 1.0},
            orc.MEMORY_MB: {'total': memory, 'min_unit': block,
                            'step_size': block, 'max_unit': memory,
                            'reserved': 37120, 'allocation_ratio': 1.5},
            orc.DISK_GB: {'total': 1000, 'min_unit': 1, 'step_size': 1,
                          'max_unit': 1000, 'reserved': 7,
                          'allocation_ratio': 1.0},
        }, self.update().inventory)

    def test_no_more_memory_than_is_free(self):
        """Of 524,288 MB, 495,616 are free without any server."""
        self.assertEqual(495616, self.system.available_memory_mb)
        record = self.update().inventory[orc.MEMORY_MB]
        offered = record['total'] - record['reserved']
        self.assertLessEqual(offered, 495616)
        self.assertGreaterEqual(offered, 0.95 * 495616)

    def test_memory_that_is_not_whole_blocks(self):
        self.system.memory_mb += 100
        record = self.update().inventory[orc.MEMORY_MB]
        self.assertEqual(self.system.memory_mb, record['total'])
        self.assertEqual(self.system.memory_mb - 100, record['max_unit'])

    def test_ratio_set_in_placement_stays(self):
        self.tree.update_inventory(NODE, {
            orc.VCPU: {'total': 1, 'allocation_ratio': 3.5},
            orc.MEMORY_MB: {'total': 1, 'allocation_ratio': 1.0},
            orc.DISK_GB: {'total': 1, 'allocation_ratio': 1.0}})
        self.assertEqual(3.5, self.update().inventory[orc.VCPU][
            'allocation_ratio'])

    def test_inventory_of_others_stays(self):
        self.tree.update_inventory(NODE, {'CUSTOM_BANANA': {'total': 3}})
        data = self.update()
        self.assertEqual({'total': 3}, data.inventory['CUSTOM_BANANA'])
        self.assertIn(orc.VCPU, data.inventory)

    def test_no_disk_space_at_all(self):
        self.disk.total_gb = 0.5
        self.tree.update_inventory(NODE, {
            orc.DISK_GB: {'total': 10, 'allocation_ratio': 1.0},
            orc.VCPU: {'total': 1, 'allocation_ratio': 1.0},
            orc.MEMORY_MB: {'total': 1, 'allocation_ratio': 1.0}})
        self.assertNotIn(orc.DISK_GB, self.update().inventory)

    def test_traits(self):
        traits = self.update(compatibility_modes=[
            'default', 'POWER7', 'POWER8', 'POWER8_Enhanced', 'POWER9_Base',
            'POWER10']).traits
        self.assertEqual(
            {'HW_ARCH_PPC64', 'HW_ARCH_PPC64LE', 'COMPUTE_ARCH_PPC64LE',
             'CUSTOM_POWERVM_POWER7', 'HW_CPU_PPC64LE_POWER8',
             'HW_CPU_PPC64LE_POWER9', 'CUSTOM_POWERVM_POWER10'},
            {trait for trait in traits
             if 'PPC' in trait or '_POWER' in trait.replace('POWERVM', '')})
        self.assertIn('CUSTOM_POWERVM_REMOTE_RESTART', traits)

    def test_traits_of_an_old_machine(self):
        traits = self.update(
            compatibility_modes=['default', 'POWER7']).traits
        self.assertIn('HW_ARCH_PPC64', traits)
        self.assertNotIn('HW_ARCH_PPC64LE', traits)

    def test_traits_come_and_go(self):
        self.tree.add_traits(NODE, 'CUSTOM_POWERVM_MINE', 'HW_CPU_X86_AVX',
                             'COMPUTE_NODE', 'CUSTOM_POWERVM_POWER11')
        traits = self.update(compatibility_modes=['default',
                                                  'POWER9']).traits
        self.assertIn('HW_CPU_PPC64LE_POWER9', traits)
        traits = self.update(compatibility_modes=['default',
                                                  'POWER8']).traits
        self.assertNotIn('HW_CPU_PPC64LE_POWER9', traits)
        self.assertNotIn('CUSTOM_POWERVM_POWER11', traits)
        for foreign in ('CUSTOM_POWERVM_MINE', 'HW_CPU_X86_AVX',
                        'COMPUTE_NODE'):
            self.assertIn(foreign, traits)


class SharedPoolTest(InventoryBase):
    """The disks of several hosts are in one pool."""

    def setUp(self):
        super().setUp()
        self.disk.shared_pool = disk_driver.SharedPool('ssp-uuid/tier-uuid',
                                                       'ssp1/SYSTEM')
        self.flags(disk_allocation_ratio=1.0)

    def pool(self, tree=None):
        """The provider of the pool."""
        tree = tree or self.tree
        uuid, = set(tree.get_provider_uuids()) - {NODE_UUID}
        return tree.data(uuid)

    def test_provider(self):
        node = self.update()
        pool = self.pool()
        self.assertEqual({orc.VCPU, orc.PCPU, orc.MEMORY_MB},
                         set(node.inventory))
        self.assertEqual({orc.DISK_GB: {
            'total': 1000, 'min_unit': 1, 'step_size': 1, 'max_unit': 1000,
            'reserved': 7, 'allocation_ratio': 1.0}}, pool.inventory)
        self.assertEqual({'MISC_SHARES_VIA_AGGREGATE', 'OWNER_NOVA'},
                         pool.traits)
        self.assertEqual(node.aggregates, pool.aggregates)
        self.assertEqual(1, len(pool.aggregates))
        self.assertIsNone(pool.parent_uuid)
        self.assertIn('ssp1/SYSTEM', pool.name)
        self.assertIn(pool.uuid, pool.name)

    def test_again(self):
        """With the tree that placement has, or with a part of it."""
        self.update()
        first = self.pool()
        self.update()
        self.assertEqual(first, self.pool())
        self.tree = self.tree.subtree(NODE)
        self.update()
        self.assertEqual(first, self.pool())

    def test_what_others_have_put_there_stays(self):
        self.update()
        uuid = self.pool().uuid
        self.tree.add_traits(uuid, 'STORAGE_DISK_SSD')
        self.tree.add_aggregates(uuid, 'another')
        self.tree.add_aggregates(NODE, 'aggregate')
        node = self.update()
        self.assertIn('STORAGE_DISK_SSD', self.pool().traits)
        self.assertIn('another', self.pool().aggregates)
        self.assertEqual(2, len(node.aggregates))

    def test_same_on_all_hosts(self):
        self.update()
        other = inventory.Inventory(self.host, self.disk,
                                    find_servers=lambda *_args: [])
        tree = provider_tree.ProviderTree()
        tree.new_root('compute2', '5e5e5e5e-0000-4000-8000-000000000002')
        other.update_provider_tree(
            tree, 'compute2', driver.ComputeDriver._get_allocation_ratios, 7)
        pool = tree.data(self.pool().uuid)
        self.assertEqual(self.pool(), pool)
        self.assertEqual(tree.data('compute2').aggregates, pool.aggregates)

    def test_other_pools_are_others(self):
        self.update()
        uuids = {self.pool().uuid}
        for uuid in ('ssp-uuid/other-tier', 'other-ssp/tier-uuid'):
            self.tree = provider_tree.ProviderTree()
            self.tree.new_root(NODE, NODE_UUID)
            self.disk.shared_pool = disk_driver.SharedPool(uuid, 'name')
            self.update()
            uuids.add(self.pool().uuid)
        self.assertEqual(3, len(uuids))

    def test_ratio_set_in_placement_stays(self):
        self.flags(disk_allocation_ratio=None)
        self.update()
        record = self.pool().inventory[orc.DISK_GB]
        self.tree.update_inventory(self.pool().uuid, {
            orc.DISK_GB: dict(record, allocation_ratio=2.5)})
        self.update()
        self.assertEqual(2.5, self.pool().inventory[orc.DISK_GB][
            'allocation_ratio'])

    def test_empty_pool(self):
        self.disk.total_gb = 0
        self.update()
        self.assertEqual({}, self.pool().inventory)

    def test_disks_of_the_host_before(self):
        """As after an upgrade, or a change of the disk driver."""
        self.tree.update_inventory(NODE, {orc.DISK_GB: {
            'total': 10, 'allocation_ratio': 1.0}})
        self.assertRaises(nova_exc.ReshapeNeeded, self.update)
        self.assertNotIn(orc.VCPU, self.tree.data(NODE).inventory)
        allocations = {
            'server1': {'project_id': 'p', 'allocations': {
                NODE_UUID: {'generation': 3, 'resources': {
                    orc.VCPU: 2, orc.DISK_GB: 5}}}},
            'server2': {'allocations': {
                NODE_UUID: {'resources': {orc.DISK_GB: 7}}}},
            'server3': {'allocations': {
                NODE_UUID: {'resources': {orc.VCPU: 1}},
                'else': {'resources': {orc.DISK_GB: 9}}}}}
        self.inventory.update_provider_tree(
            self.tree, NODE, driver.ComputeDriver._get_allocation_ratios, 0,
            allocations=allocations)
        pool_uuid = self.pool().uuid
        self.assertEqual({
            'server1': {'project_id': 'p', 'allocations': {
                NODE_UUID: {'generation': 3, 'resources': {orc.VCPU: 2}},
                pool_uuid: {'resources': {orc.DISK_GB: 5}}}},
            'server2': {'allocations': {
                pool_uuid: {'resources': {orc.DISK_GB: 7}}}},
            'server3': {'allocations': {
                NODE_UUID: {'resources': {orc.VCPU: 1}},
                'else': {'resources': {orc.DISK_GB: 9}}}},
        }, allocations)
        self.assertNotIn(orc.DISK_GB, self.tree.data(NODE).inventory)
        self.update()

    def test_not_as_a_sharing_provider(self):
        self.flags(group='powervm', ssp_sharing_provider=False)
        self.restart()
        node = self.update()
        self.assertEqual([NODE_UUID], self.tree.get_provider_uuids())
        self.assertEqual(1000, node.inventory[orc.DISK_GB]['total'])
        self.assertEqual(set(), node.aggregates)

    def test_no_longer_as_a_sharing_provider(self):
        self.update()
        pool_uuid = self.pool().uuid
        self.tree = self.tree.subtree(NODE)
        self.flags(group='powervm', ssp_sharing_provider=False)
        self.restart()
        self.assertRaises(nova_exc.ReshapeNeeded, self.update)
        allocations = {'server': {'allocations': {
            NODE_UUID: {'resources': {orc.VCPU: 2}},
            pool_uuid: {'resources': {orc.DISK_GB: 5}}}}}
        self.inventory.update_provider_tree(
            self.tree, NODE, driver.ComputeDriver._get_allocation_ratios, 0,
            allocations=allocations)
        self.assertEqual({'server': {'allocations': {
            NODE_UUID: {'resources': {orc.VCPU: 2, orc.DISK_GB: 5}}}}},
            allocations)
        self.assertEqual(set(), self.tree.data(NODE).aggregates)
        # Other hosts may use it still.
        self.assertEqual(1000, self.pool().inventory[orc.DISK_GB]['total'])
        self.tree = self.tree.subtree(NODE)
        self.update()
        self.assertEqual([NODE_UUID], self.tree.get_provider_uuids())
