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

"""Tests of what is reserved of the storage that disks come from."""

import random
import uuid

import fixtures
from nova import objects
import os_resource_classes as orc
from oslo_utils import units
from testtools import content

from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import shared_pool
from nova_powervm.tests.virt.powervm import base
from nova_powervm.tests.virt.powervm.disk import test_pool
from nova_powervm.tests.virt.powervm import offers
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm.disk import localdisk
from nova_powervm.virt.powervm.disk import ssp

BOOT = disk_driver.DiskType.BOOT
RESCUE = disk_driver.DiskType.RESCUE


def make_flavor(root_gb=1, ephemeral_gb=0, swap=0):
    return objects.Flavor(
        name='m1', memory_mb=offers.BLOCK, vcpus=1, root_gb=root_gb,
        ephemeral_gb=ephemeral_gb, swap=swap, extra_specs={})


def granted_gb(flavor, from_volume=False):
    """What Nova asks placement for."""
    if 'resources:DISK_GB' in flavor.extra_specs:
        return int(flavor.extra_specs['resources:DISK_GB'])
    return (0 if from_volume else flavor.root_gb) + flavor.ephemeral_gb + (
        -(-flavor.swap // 1024))


class DiskCase(offers.OffersCase):

    def setUp(self):
        # Nothing is remembered of a former start.
        self.useFixture(fixtures.MockPatchObject(
            objects.ComputeNodeList, 'get_all_by_host', return_value=[]))
        super().setUp()
        self.flags(disk_allocation_ratio=1.0)

    def instance(self, flavor):
        return base.make_instance(flavor=flavor, uuid=str(uuid.UUID(
            int=self.random.getrandbits(128))), vm_state='active',
            launched_at=None)

    def add(self, flavor, from_volume=False, root_gb=None):
        """Make the disks of a server, as it is granted or as they are."""
        instance = self.instance(flavor)
        self.servers[instance.uuid] = instance, {
            orc.DISK_GB: granted_gb(flavor, from_volume)}
        self.report(looks=False)
        if not from_volume:
            self.create(self.name(BOOT, instance), root_gb or flavor.root_gb)
        sizes = dict(zip(disk_driver.BLANK_DISK_TYPES, [
            flavor.ephemeral_gb]))
        sizes[disk_driver.DiskType.SWAP] = -(-flavor.swap // 1024)
        for disk_type, size_gb in sizes.items():
            if size_gb:
                self.create(self.name(disk_type, instance), size_gb)
        return instance

    def name(self, disk_type, instance):
        return self.adapter.get_disk_name(disk_type, instance)


class GroupTest(DiskCase):
    """Disks in a volume group of 2,000 GB."""

    HISTORIES = 8
    STEPS = 30

    def make_disk_adapter(self):
        self.flags(group='powervm', volume_group_name='datavg',
                   volume_group_vios_name='vios1')
        self.adapter = localdisk.LocalStorage(self.host, None)
        self.group = next(
            group for group in self.simulated.store.all('VolumeGroup')
            if group.name == 'datavg')
        return self.adapter

    def create(self, name, size_gb):
        self.simulated.operator.create_disk('vios1', 'datavg', name,
                                            int(size_gb * units.Gi))

    def offers(self):
        self.report()
        return self.offered(orc.DISK_GB)

    def test_cached_image(self):
        """It is not in DISK_GB, as the issue has it."""
        self.assertEqual(2000, self.offers())
        self.create('i_abcdefghijklm', 50)
        self.assertEqual(1950, self.offers())

    def test_others(self):
        self.create('theirs', 100.5)
        self.assertEqual(1899, self.offers())
        self.create('b_aaaaaaaaaaaaa', 10)
        self.assertEqual(1889, self.offers())

    def test_server(self):
        instance = self.add(make_flavor(10, 5, 1500))
        self.assertEqual(17, self.used(orc.DISK_GB))
        self.assertEqual(1983, self.offers())
        self.create(self.name(RESCUE, instance), 3)
        self.assertEqual(1980, self.offers())

    def test_disk_that_is_yet_to_grow(self):
        self.add(make_flavor(100), root_gb=10)
        self.assertEqual(1900, self.offers())
        self.assertEqual(1990, self.group.free // units.Gi)

    def test_size_of_the_image(self):
        """Placement grants nothing for the disk."""
        self.add(make_flavor(0), root_gb=30)
        self.assertEqual(1970, self.offers())

    def test_flavor_that_asks_for_something_else(self):
        """Of 37 GB of disks; what is not granted is reserved."""
        for asked, offered in ((0, 1963), (20, 1963), (37, 1963),
                               (50, 1950)):
            flavor = make_flavor(30, 5, 1025)
            flavor.extra_specs['resources:DISK_GB'] = str(asked)
            self.add(flavor)
            self.assertEqual(offered, self.offers(), asked)
            self.assertEqual(1963, self.group.free // units.Gi)
            for disk in list(self.group.disks.values()):
                self.simulated.operator.delete_disk('vios1', disk.udid)
            self.servers.clear()

    def test_volume_backed_server_that_asks_for_something_else(self):
        flavor = make_flavor(30, 5)
        flavor.extra_specs['resources:DISK_GB'] = '2'
        self.add(flavor, from_volume=True)
        self.assertEqual(1995, self.offers())

    def test_deleted_since_the_last_look(self):
        self.add(make_flavor(100))
        self.report()
        self.servers.clear()
        self.report(looks=False)
        self.assertEqual(2000, self.offered(orc.DISK_GB))
        # Its disk is left behind.
        self.assertEqual(1900, self.offers())

    def test_operator_reserves_more(self):
        self.reserved_disk_gb = 500
        self.assertEqual(1500, self.offers())
        self.create('theirs', 100)
        self.assertEqual(1500, self.offers())

    def test_granted_is_given(self):
        for seed in range(self.HISTORIES):
            self.addDetail('seed', content.text_content(str(seed)))
            self.random = random.Random(seed)
            for _step in range(self.STEPS):
                self.step()
            self.assertLess(self.offered(orc.DISK_GB), 2000)
            for disk in list(self.group.disks.values()):
                self.simulated.operator.delete_disk('vios1', disk.udid)
            self.servers.clear()

    def step(self):
        choose = self.random
        if choose.random() < 0.3:
            try:
                self.create(choose.choice(('theirs%d', 'i_abc%d')) %
                            choose.getrandbits(24), choose.randint(1, 200))
            except errors.Refused:
                pass
        offered = self.offers()
        self.assertLessEqual(offered, self.group.free / units.Gi)
        self.assertGreaterEqual(
            self.capacity(orc.DISK_GB), int(0.95 * (
                self.used(orc.DISK_GB) + self.group.free / units.Gi)))
        flavor = make_flavor(choose.randint(1, 300), choose.choice(
            (0, 0, 40)), choose.choice((0, 512, 2048)))
        from_volume = choose.random() < 0.2
        wanted = granted_gb(flavor, from_volume)
        if choose.random() < 0.2 and offered > 50:
            flavor.root_gb += offered - granted_gb(flavor)
            wanted = granted_gb(flavor, from_volume)
        if choose.random() < 0.2:
            # What is granted for no disk is as good as used.
            flavor.extra_specs['resources:DISK_GB'] = str(
                choose.randint(0, wanted))
        if flavor.root_gb > 0 and wanted <= offered:
            self.add(flavor, from_volume)


class PoolTest(DiskCase):
    """Disks in a Shared Storage Pool, of servers of any host."""

    PROFILE = test_pool.make_profile(('cluster1', {'SYSTEM': 2000},
                                      ['vios1', 'vios2']))

    def make_disk_adapter(self):
        self.flags(group='powervm', disk_driver='ssp')
        self.adapter = ssp.SSPDiskAdapter(self.host, None)
        self.tier = self.site.pools[0].default_tier
        self.total = self.tier.capacity // units.Gi
        return self.adapter

    def create(self, name, size_gb, kind=shared_pool.DISK, data_gb=0):
        unit = self.simulated.operator.create_logical_unit(
            name, int(size_gb * units.Gi), kind=kind)
        with self.site.lock:
            unit._written = int(data_gb * units.Gi)
            unit.tier.pool.changed('LogicalUnit', 'SharedStoragePool')

    def capacity(self, name):
        record = next(
            self.tree.data(provider).inventory[name]
            for provider in self.tree.get_provider_uuids()
            if name in self.tree.data(provider).inventory)
        return record['total'] - record['reserved']

    def offers(self):
        self.report()
        return self.offered(orc.DISK_GB)

    def test_image(self):
        self.assertEqual(self.total, self.offers())
        self.create('i_image', 50, shared_pool.IMAGE, data_gb=50)
        self.assertEqual(self.total - 50, self.offers())

    def test_servers_of_all_hosts(self):
        self.add(make_flavor(40))
        self.create(self.name(BOOT, self.instance(make_flavor())), 30,
                    data_gb=20)
        self.create('boot_instance_00000001', 30, data_gb=20)
        self.assertEqual(self.total - 40, self.offers())

    def test_others(self):
        self.create('theirs', 60, data_gb=10)
        self.create('i_image', 20, shared_pool.IMAGE, data_gb=1)
        # No more than is used.
        self.assertEqual(self.total - 11, self.offers())
        self.add(make_flavor(40))
        self.create(self.name(BOOT, self.instance(make_flavor())), 100,
                    data_gb=100)
        self.assertEqual(self.total - 40 - 80, self.offers())

    def test_granted_before_is_granted_still(self):
        """Images were not reserved, and disks are thin."""
        for _number in range(2):
            self.add(make_flavor(self.total // 2))
        self.create('i_image', 20, shared_pool.IMAGE, data_gb=10)
        self.assertEqual(0, self.offers())
        self.assertEqual(self.total, self.capacity(orc.DISK_GB))


class TierTest(PoolTest):
    """The platform does not tell how much data is in one of two tiers."""

    PROFILE = 'ssp-two-host'

    def test_others(self):
        self.create('theirs', 60, data_gb=10)
        self.create('i_image', 20, shared_pool.IMAGE, data_gb=1)
        self.assertEqual(self.total - 80, self.offers())
