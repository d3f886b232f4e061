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

"""What the tasks on disks do; test_disk_reverts tells how they are undone.

Disks of both kinds are on a simulated site, see base.
"""

from unittest import mock

from nova import exception as nova_exc

from nova_powervm.tests.virt.powervm.tasks import base
from nova_powervm.tests.virt.powervm.tasks import site
from nova_powervm.tests.virt.powervm.tasks import storage_base
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm.disk import server_disks
from nova_powervm.virt.powervm import power_jobs
from nova_powervm.virt.powervm.tasks import disk as tf_disk
from nova_powervm.virt.powervm.tasks import storage as tf_stg

setUpModule = base.set_up_module
EDIT = ['GET VirtualIOServer', 'POST VirtualIOServer']
LUA = '0x8%d00000000000000'


class NewDisksMixin:
    """Tasks that make disks and connect them."""

    def on_each(self, *types):
        """The same for each VIOS that serves disks, as mapped_types()."""
        count = len(self.disk_dvr.vios_uuids)
        return sorted((vios, disk_type) for vios in ('vios1', 'vios2')[
            :count] for disk_type in types)

    def test_create_disk_for_img(self):
        meta = self.platform.glance.meta(self.platform.image_id)
        for disk_type, size_gb in ((base.BOOT, 2), (base.RESCUE, 1)):
            disk = self.run_flow(tf_disk.CreateDiskForImg(
                self.disk_dvr, None, self.instance, meta, disk_type))[
                    'disk_dev_info']
            self.assertEqual((self.name(disk_type), size_gb),
                             (disk.name, disk.capacity))
        self.assertEqual([], self.mapped())

    def test_create_rescue_disk_in_place_of_a_mapped_one(self):
        """A crash has left it; the server may even have booted from it."""
        self.make_disks(base.BOOT, base.RESCUE)
        meta = self.platform.glance.meta(self.platform.image_id)
        disk = self.run_flow(tf_disk.CreateRescueDisk(
            self.disk_dvr, None, self.instance, meta))['disk_dev_info']
        self.assertEqual(self.name(base.RESCUE), disk.name)
        self.assertEqual(self.on_each(base.BOOT), self.mapped_types())

    def test_connect_disk(self):
        [disk] = self.make_disks(base.BOOT, connect=False)
        self.stg = self.transaction()
        self.run_flow(base.Provide(disk_dev_info=disk), tf_disk.ConnectDisk(
            self.disk_dvr, self.instance, self.stg, base.BOOT))
        self.assertEqual([], self.requests())
        self.run_edits()
        self.assertEqual(EDIT * len(self.disk_dvr.vios_uuids),
                         self.requests())
        self.assertEqual(self.on_each(base.BOOT), self.mapped_types())

    def test_connect_own_disks(self):
        """In the order in which the guest is to find them."""
        self.make_disks(base.SWAP, base.BOOT, connect=False)
        self.stg = self.transaction()
        disks = self.run_edits(tf_disk.ConnectOwnDisks(
            self.disk_dvr, self.instance, self.stg,
            [base.BOOT, base.SWAP]))['own_disks']
        self.assertEqual({base.BOOT: self.name(base.BOOT),
                          base.SWAP: self.name(base.SWAP)},
                         {key: disk.name for key, disk in disks.items()})
        addresses = {mapping['storage']: mapping['lua']
                     for mapping in self.vios().state()['mappings']
                     if mapping['lpar_id'] == self.lpar.partition_id}
        self.assertEqual({self.name(base.BOOT): LUA % 1,
                          self.name(base.SWAP): LUA % 2}, addresses)

    def test_rescue_disk(self):
        """One VIOS is enough for it, and is told to who boots from it."""
        self.make_disks(base.BOOT)
        [disk] = self.make_disks(base.RESCUE, connect=False)
        result = self.run_flow(
            base.Provide(disk_dev_info=disk),
            tf_disk.ConnectRescueDisk(self.disk_dvr, self.instance),
            tf_stg.FindBootDevice(self.disk_dvr, self.instance, base.RESCUE))
        self.assertEqual(EDIT, self.requests())
        self.assertEqual({self.vios().uuid}, set(result['vioses']))
        self.assertEqual(
            sorted(self.on_each(base.BOOT) + [('vios1', base.RESCUE)]),
            self.mapped_types())
        self.assertRegex(
            result['boot_device'],
            '^/vdevice/v-scsi@3000000[0-9]/disk@8200000000000000$')

    def test_rescue_disk_apart(self):
        """It has an adapter of its own, and keeps to it."""
        self.make_disks(base.BOOT)
        [disk] = self.make_disks(base.RESCUE, connect=False)

        def tasks():
            return (base.Provide(disk_dev_info=disk),
                    tf_disk.ConnectRescueDisk(self.disk_dvr, self.instance,
                                              apart=True))

        before = self.platform.state()
        self.run_to_the_end(*tasks())
        self.assert_site(before)
        self.run_flow(*tasks())
        slots = self.slots()
        self.assertEqual(len(self.mapped_types()), len(slots))
        result = self.run_flow(
            tf_disk.ReconnectRescueDisk(self.disk_dvr, self.instance))
        self.assertEqual({self.vios().uuid}, set(result['vioses']))
        self.assertEqual(slots, self.slots())

    def slots(self):
        """The slots by which the server has its disks, as set of int."""
        return {mapping['client_slot']
                for vios in self.simulated.store.all('VirtualIOServer')
                for mapping in vios.state()['mappings']
                if mapping['lpar_id'] == self.lpar.partition_id}

    def test_rescue_disk_that_is_not_there(self):
        self.assertRaises(
            nova_exc.DiskNotFound, self.run_flow,
            tf_disk.ReconnectRescueDisk(self.disk_dvr, self.instance))

    def test_detach_and_delete(self):
        self.make_disks(base.BOOT, base.RESCUE, base.SWAP)
        self.stg = self.transaction()
        self.run_edits(tf_disk.DetachDisk(self.disk_dvr, self.instance,
                                          self.stg, [base.RESCUE]))
        self.assertEqual(self.on_each(base.BOOT, base.SWAP),
                         self.mapped_types())
        self.stg = self.transaction()
        result = self.run_edits(
            tf_disk.DetachDisk(self.disk_dvr, self.instance, self.stg))
        self.assertEqual(
            {self.name(base.BOOT), self.name(base.SWAP)},
            {disk.name for disk in result['unmapped_storage']})
        self.run_flow(
            base.Provide(unmapped_storage=result['unmapped_storage']),
            tf_disk.DeleteDisk(self.disk_dvr, self.instance))
        self.assert_site(self.before)

    def test_growth(self):
        [disk] = self.make_disks(base.BOOT)
        check = tf_disk.CheckBootDiskGrowth(self.disk_dvr, self.instance, 1)
        self.assertRaises(nova_exc.ResizeError, self.run_flow, check)
        self.run_flow(
            tf_disk.CheckBootDiskGrowth(self.disk_dvr, self.instance, 3))
        self.assertEqual(2, self.size())
        self.run_flow(tf_disk.ExtendBootDisk(self.disk_dvr, self.instance, 3))
        self.assertEqual(3, self.size())

    def size(self):
        return self.disk_dvr.get_disk_ref(self.instance, base.BOOT).capacity


class LocalDisksTest(NewDisksMixin, storage_base.StorageTasksTestCase):
    """And what is the same for both kinds."""

    def test_blank_disks(self):
        self.stg = self.transaction()
        blank = [disk_driver.BlankDisk(base.EPHEMERAL, 2),
                 disk_driver.BlankDisk(base.SWAP, 1)]
        disks = self.run_edits(
            tf_disk.CreateBlankDisks(self.disk_dvr, self.instance, blank),
            tf_disk.ConnectBlankDisks(self.disk_dvr, self.instance, self.stg,
                                      blank))['blank_disks']
        self.assertEqual([(self.name(base.EPHEMERAL), 2),
                          (self.name(base.SWAP), 1)],
                         [(disk.name, disk.capacity) for disk in disks])
        self.assertEqual(self.on_each(base.EPHEMERAL, base.SWAP),
                         self.mapped_types())

    def test_release_own_disks(self):
        self.make_disks(base.BOOT, base.EPHEMERAL, base.SWAP)
        self.stg = self.transaction()
        self.run_edits(tf_disk.ReleaseOwnDisks(
            self.disk_dvr, self.instance, self.stg, [base.BOOT, base.SWAP]))
        self.assertEqual(self.on_each(base.EPHEMERAL), self.mapped_types())

    def test_delete_only_what_was_unmapped(self):
        [disk] = self.make_disks(base.RESCUE, connect=False)

        def delete(unmapped):
            self.run_flow(
                base.Provide(unmapped_storage=unmapped), tf_disk.DeleteDisk(
                    self.disk_dvr, self.instance, [base.RESCUE],
                    only_unmapped=True))

        delete([])
        self.assertEqual([], self.requests())
        delete([disk])
        self.assert_site(self.before)

    def test_growth_is_made_up(self):
        [disk] = self.make_disks(base.BOOT)
        task = tf_disk.MakeUpBootDiskGrowth(self.disk_dvr, self.instance)
        for root_gb, own_disks, expected in (
                (3, {}, 2), (2, {base.BOOT: disk}, 2),
                (3, {base.BOOT: disk}, 3)):
            self.instance.flavor.root_gb = root_gb
            self.run_flow(base.Provide(own_disks=own_disks), task)
            self.assertEqual(expected, self.size())

    def test_boot_device_of_a_disk_that_is_not_mapped(self):
        result = self.run_flow(base.Provide(vioses={}), tf_stg.FindBootDevice(
            self.disk_dvr, self.instance, base.RESCUE))
        self.assertIsNone(result['boot_device'])


class PoolDisksTest(NewDisksMixin, storage_base.StorageTasksTestCase):

    DISK = 'ssp'


class ReplaceSwapTest(storage_base.StorageTasksTestCase):

    def replace(self, swap, **kwargs):
        self.instance.flavor = site.make_flavor(swap=swap)
        self.run_flow(tf_disk.ReplaceSwap(
            self.disk_dvr, self.instance, site.make_flavor(), **kwargs))
        found = self.disk_dvr.get_disk_ref(self.instance, base.SWAP)
        return found and found.capacity

    def test_sizes(self):
        """They are rounded up to GiB; the boot disk stays where it is."""
        self.make_disks(base.BOOT, base.SWAP)
        self.assertEqual(2, self.replace(1025))
        self.assertEqual([('vios1', base.BOOT), ('vios1', base.SWAP)],
                         self.mapped_types())
        self.assertIsNone(self.replace(0))
        self.assertEqual([('vios1', base.BOOT)], self.mapped_types())
        self.assertEqual(1, self.replace(1))

    def test_not_mapped(self):
        self.assertEqual(1, self.replace(512, mapped=False))
        self.assertEqual([], self.mapped())

    def test_slots(self):
        """The new one comes to where the old one was."""
        with mock.patch.object(server_disks, 'replace_swap') as replace:
            tf_disk.ReplaceSwap(self.disk_dvr, self.instance,
                                site.make_flavor(), slots='slots').execute()
        replace.assert_called_once_with(
            self.disk_dvr, self.instance, 0, mapped=True, slots='slots')


class ManagementTest(storage_base.StorageTasksTestCase):
    """The boot disk is lent to the management partition, and given back."""

    DISK = 'ssp'

    def test_life(self):
        self.make_disks(base.BOOT)
        power_jobs.PowerOp(self.host, self.instance).start()
        before = self.platform.state()
        room = self.disk_dvr, self.platform.mgmt, self.instance
        disk = self.run_flow(tf_disk.InstanceDiskToMgmt(*room))['mgmt_disk']
        self.assertEqual('raw', disk.disk_format)
        with self.platform.mgmt.open_disk(disk.path) as opened:
            self.assertEqual(site.CONTENT, opened.read(len(site.CONTENT)))
        self.run_flow(tf_disk.RemoveInstanceDiskFromMgmt(*room))
        self.assert_site(before)
