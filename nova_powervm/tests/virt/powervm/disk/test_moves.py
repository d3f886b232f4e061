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

"""Tests of what a move asks of the disks, on both kinds of storage."""

from nova import exception as nova_exc
from nova import objects
from oslo_utils import units

from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.tests.virt.powervm.disk import ssp_base
from nova_powervm.tests.virt.powervm.disk import test_localdisk
from nova_powervm.virt.powervm.disk import driver
from nova_powervm.virt.powervm.disk import server_disks

BOOT, SWAP = driver.DiskType.BOOT, driver.DiskType.SWAP
EPHEMERAL0 = driver.DiskType.EPHEMERAL[0]


class MoveMixin:
    """A server with a boot disk of 2 GiB, an ephemeral and a swap disk."""

    def setUp(self):
        super().setUp()
        self.instance = self.make_instance()
        self.create_lpar(self.instance)
        self.boot_disk = self.adapter.create_disk_from_image(
            self.context, self.instance, self.glance.meta(self.image_id))
        self.adapter.create_blank_disks(self.instance, [
            driver.BlankDisk(EPHEMERAL0, 3), driver.BlankDisk(SWAP, 1)])
        self.simulated.journal.clear()

    def connect_own(self, *disk_types):
        with self.transact() as stg:
            return server_disks.connect_own_disks(
                self.adapter, self.instance, disk_types, stg)

    def size_of(self, disk_type):
        """Size of a disk in GiB; None if there is none."""
        disk = self.adapter.get_disk_ref(self.instance, disk_type)
        return disk and disk.capacity

    def mapped_types(self):
        names = {self.adapter.get_disk_name(disk_type, self.instance):
                 disk_type for disk_type in (BOOT, EPHEMERAL0, SWAP)}
        return [names[name] for name in self.mapped_names()]

    # ---- finding the disks ---------------------------------------------

    def test_connect_own_disks(self):
        disks = self.connect_own(BOOT, SWAP)
        self.assertEqual({BOOT, SWAP}, set(disks))
        self.assertEqual(2, disks[BOOT].capacity)
        self.assertEqual([BOOT, SWAP], self.mapped_types())

    def test_connect_own_disks_again(self):
        self.connect_own(BOOT)
        before = self.state()
        self.connect_own(BOOT)
        self.assertEqual(before, self.state())

    def test_a_disk_is_missing(self):
        self.adapter.delete_disks(self.instance, [SWAP])
        before = self.state()
        exc = self.assertRaises(nova_exc.DiskNotFound, self.connect_own, BOOT,
                                SWAP)
        self.assertIn(self.adapter.get_disk_name(SWAP, self.instance),
                      str(exc))
        self.assertEqual(before, self.state())

    # ---- growing the boot disk -----------------------------------------

    def test_check_extend_changes_nothing(self):
        before = self.state()
        for size_gb in (2, 5):
            self.adapter.check_extend(self.instance, size_gb)
        self.assertEqual(2, len(self.requests()))
        self.assertEqual(before, self.state())

    def test_check_extend_to_less(self):
        self.assertRaises(nova_exc.ResizeError, self.adapter.check_extend,
                          self.instance, 1)

    def test_check_extend_nothing(self):
        self.adapter.delete_disks(self.instance)
        self.assertRaises(nova_exc.DiskNotFound, self.adapter.check_extend,
                          self.instance, 5)

    def test_grow_to_flavor(self):
        server_disks.grow_to_flavor(self.adapter, self.instance,
                                    self.boot_disk)
        self.assertEqual([], self.requests())
        self.instance.flavor = objects.Flavor(root_gb=4)
        server_disks.grow_to_flavor(self.adapter, self.instance,
                                    self.boot_disk)
        self.assertEqual(4, self.size_of(BOOT))

    def test_cannot_grow_to_flavor(self):
        self.instance.flavor = objects.Flavor(root_gb=4)
        self.break_request('status', status=500, method='POST')
        server_disks.grow_to_flavor(self.adapter, self.instance,
                                    self.boot_disk)
        self.assertEqual(2, self.size_of(BOOT))
        self.assertIn('The boot disk has 2 GB of the 4 GB of the flavor',
                      self.logger.output)

    # ---- another swap disk ---------------------------------------------

    def test_replace_swap(self):
        self.connect_own(BOOT, SWAP)
        server_disks.replace_swap(self.adapter, self.instance,
                                  2 * units.Ki + 1)
        self.assertEqual((2, 3), (self.size_of(BOOT), self.size_of(SWAP)))
        self.assertEqual([BOOT, SWAP], self.mapped_types())

    def test_replace_swap_of_a_server_that_arrives(self):
        server_disks.replace_swap(self.adapter, self.instance, 2 * units.Ki,
                                  mapped=False)
        self.assertEqual(2, self.size_of(SWAP))
        self.assertEqual([], self.mapped_types())

    def test_no_swap_any_more(self):
        self.connect_own(BOOT, SWAP)
        server_disks.replace_swap(self.adapter, self.instance, 0)
        self.assertIsNone(self.size_of(SWAP))
        self.assertEqual([BOOT], self.mapped_types())

    def test_swap_for_the_first_time(self):
        self.adapter.delete_disks(self.instance, [SWAP])
        server_disks.replace_swap(self.adapter, self.instance, units.Ki)
        self.assertEqual(1, self.size_of(SWAP))
        self.assertEqual([SWAP], self.mapped_types())


class LocalDiskMoveTestCase(MoveMixin, test_localdisk.LocalDiskTestCase):

    def transact(self):
        return base.transaction.StorageTransaction.immediate(self.host, 'test')

    def mapped_names(self):
        return [name for name, _client in self.mappings()]

    def test_check_extend_without_room(self):
        self.assertRaises(nova_exc.ComputeResourcesUnavailable,
                          self.adapter.check_extend, self.instance, 2000)


class SharedPoolMoveTestCase(MoveMixin, ssp_base.PoolTestCase):

    def transact(self):
        return self.edits()

    def mapped_names(self):
        names = self.mapped('vios1')
        self.assertEqual(names, self.mapped('vios2'))
        return names

    def test_disks_that_another_host_has_made(self):
        """Which this process has not seen before."""
        self.restart()
        self.assertEqual(2, self.connect_own(BOOT)[BOOT].capacity)
        self.restart()
        self.adapter.check_extend(self.instance, 5)
