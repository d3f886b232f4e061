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

"""What the storage tasks do; how they are undone, test_storage_reverts tells.

Disks of both kinds, media and mappings are on a simulated site, see base.
"""

from unittest import mock

import fixtures
from nova import exception as nova_exc
from pypowervm import const as pvm_const
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.tests.virt.powervm.tasks import base
from nova_powervm.tests.virt.powervm.tasks import site
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm import media
from nova_powervm.virt.powervm import power_jobs
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm.tasks import storage as tf_stg

setUpModule = base.set_up_module

EDIT = ['GET VirtualIOServer', 'POST VirtualIOServer']
LUA = '0x8%d00000000000000'


class StorageTasksTestCase(base.TaskTestCase):
    """A server with its LPAR; its disks are in the volume group.

    :cvar DISK: the name of the DiskAdapter.
    """

    DISK = 'localdisk'

    def setUp(self):
        super().setUp()
        self.disk_dvr = self.platform.disks[self.DISK]
        self.empty = self.platform.state()
        self.lpar_w = self.create_lpar()
        self.before = self.platform.state()
        self.requests()

    def name(self, disk_type):
        return self.disk_dvr.get_disk_name(disk_type, self.instance)

    def make_disks(self, *types, connect=True):
        """Make disks of the server; returns their wrappers."""
        disks = [
            self.platform.create_disk(self.disk_dvr, self.instance, disk_type)
            if disk_type in (base.BOOT, base.RESCUE) else
            self.disk_dvr.create_blank_disks(self.instance, [
                disk_driver.BlankDisk(disk_type, 1)])[0]
            for disk_type in types]
        if connect:
            with self.edits() as stg:
                for disk in disks:
                    self.disk_dvr.connect_disk(self.instance, disk, stg)
        self.requests()
        return disks

    def make_medium(self, connect=True):
        """Make the config drive of the server; returns the Medium."""
        medium = self.platform.config_drive.create(
            None, self.instance, [], [], None)
        if connect:
            with self.edits() as stg:
                self.platform.config_drive.attach(self.instance, medium, stg)
        self.requests()
        return medium

    def run_edits(self, *tasks, **provided):
        """Run tasks that have queued edits on self.stg, and make the edits.

        :returns: what they all provide.
        """
        return self.run_flow(base.Provide(**provided), *tasks,
                             tf_stg.UpdateVioses(self.stg))

    def mapped_types(self):
        """[(VIOS name, 'boot'), ...] of the server's disks."""
        names = {self.name(disk_type): disk_type
                 for disk_type in disk_driver.INSTANCE_DISK_TYPES}
        return [(vios, names[name]) for vios, name in self.mapped()]


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
            disk = self.run_flow(tf_stg.CreateDiskForImg(
                self.disk_dvr, None, self.instance, meta, disk_type))[
                    'disk_dev_info']
            self.assertEqual((self.name(disk_type), size_gb),
                             (disk.name, disk.capacity))
        self.assertEqual([], self.mapped())

    def test_create_rescue_disk_in_place_of_a_mapped_one(self):
        """A crash has left it; the server may even have booted from it."""
        self.make_disks(base.BOOT, base.RESCUE)
        meta = self.platform.glance.meta(self.platform.image_id)
        disk = self.run_flow(tf_stg.CreateRescueDisk(
            self.disk_dvr, None, self.instance, meta))['disk_dev_info']
        self.assertEqual(self.name(base.RESCUE), disk.name)
        self.assertEqual(self.on_each(base.BOOT), self.mapped_types())

    def test_connect_disk(self):
        [disk] = self.make_disks(base.BOOT, connect=False)
        self.stg = self.transaction()
        self.run_flow(base.Provide(disk_dev_info=disk), tf_stg.ConnectDisk(
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
        disks = self.run_edits(tf_stg.ConnectOwnDisks(
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
            tf_stg.ConnectRescueDisk(self.disk_dvr, self.instance),
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
                    tf_stg.ConnectRescueDisk(self.disk_dvr, self.instance,
                                             apart=True))

        before = self.platform.state()
        self.run_to_the_end(*tasks())
        self.assert_site(before)
        self.run_flow(*tasks())
        slots = self.slots()
        self.assertEqual(len(self.mapped_types()), len(slots))
        result = self.run_flow(
            tf_stg.ReconnectRescueDisk(self.disk_dvr, self.instance))
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
            tf_stg.ReconnectRescueDisk(self.disk_dvr, self.instance))

    def test_detach_and_delete(self):
        self.make_disks(base.BOOT, base.RESCUE, base.SWAP)
        self.stg = self.transaction()
        self.run_edits(tf_stg.DetachDisk(self.disk_dvr, self.instance,
                                         self.stg, [base.RESCUE]))
        self.assertEqual(self.on_each(base.BOOT, base.SWAP),
                         self.mapped_types())
        self.stg = self.transaction()
        result = self.run_edits(
            tf_stg.DetachDisk(self.disk_dvr, self.instance, self.stg))
        self.assertEqual(
            {self.name(base.BOOT), self.name(base.SWAP)},
            {disk.name for disk in result['unmapped_storage']})
        self.run_flow(
            base.Provide(unmapped_storage=result['unmapped_storage']),
            tf_stg.DeleteDisk(self.disk_dvr, self.instance))
        self.assert_site(self.before)

    def test_growth(self):
        [disk] = self.make_disks(base.BOOT)
        check = tf_stg.CheckBootDiskGrowth(self.disk_dvr, self.instance, 1)
        self.assertRaises(nova_exc.ResizeError, self.run_flow, check)
        self.run_flow(
            tf_stg.CheckBootDiskGrowth(self.disk_dvr, self.instance, 3))
        self.assertEqual(2, self.size())
        self.run_flow(tf_stg.ExtendBootDisk(self.disk_dvr, self.instance, 3))
        self.assertEqual(3, self.size())

    def size(self):
        return self.disk_dvr.get_disk_ref(self.instance, base.BOOT).capacity


class LocalDisksTest(NewDisksMixin, StorageTasksTestCase):
    """And what is the same for both kinds."""

    def test_blank_disks(self):
        self.stg = self.transaction()
        blank = [disk_driver.BlankDisk(base.EPHEMERAL, 2),
                 disk_driver.BlankDisk(base.SWAP, 1)]
        disks = self.run_edits(
            tf_stg.CreateBlankDisks(self.disk_dvr, self.instance, blank),
            tf_stg.ConnectBlankDisks(self.disk_dvr, self.instance, self.stg,
                                     blank))['blank_disks']
        self.assertEqual([(self.name(base.EPHEMERAL), 2),
                          (self.name(base.SWAP), 1)],
                         [(disk.name, disk.capacity) for disk in disks])
        self.assertEqual(self.on_each(base.EPHEMERAL, base.SWAP),
                         self.mapped_types())

    def test_release_own_disks(self):
        self.make_disks(base.BOOT, base.EPHEMERAL, base.SWAP)
        self.stg = self.transaction()
        self.run_edits(tf_stg.ReleaseOwnDisks(
            self.disk_dvr, self.instance, self.stg, [base.BOOT, base.SWAP]))
        self.assertEqual(self.on_each(base.EPHEMERAL), self.mapped_types())

    def test_delete_only_what_was_unmapped(self):
        [disk] = self.make_disks(base.RESCUE, connect=False)

        def delete(unmapped):
            self.run_flow(
                base.Provide(unmapped_storage=unmapped), tf_stg.DeleteDisk(
                    self.disk_dvr, self.instance, [base.RESCUE],
                    only_unmapped=True))

        delete([])
        self.assertEqual([], self.requests())
        delete([disk])
        self.assert_site(self.before)

    def test_growth_is_made_up(self):
        [disk] = self.make_disks(base.BOOT)
        task = tf_stg.MakeUpBootDiskGrowth(self.disk_dvr, self.instance)
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


class PoolDisksTest(NewDisksMixin, StorageTasksTestCase):

    DISK = 'ssp'


class ReplaceSwapTest(StorageTasksTestCase):

    def replace(self, swap, **kwargs):
        self.instance.flavor = site.make_flavor(swap=swap)
        self.run_flow(tf_stg.ReplaceSwap(
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
        disk_dvr = mock.Mock()
        tf_stg.ReplaceSwap(disk_dvr, self.instance, site.make_flavor(),
                           slots='slots').execute()
        disk_dvr.replace_swap.assert_called_once_with(
            self.instance, 0, mapped=True, slots='slots')


class ConfigDriveTest(StorageTasksTestCase):

    def setUp(self):
        super().setUp()
        self.drive = self.platform.config_drive
        self.medium_name = media.get_cfg_drv_name(self.instance)
        self.stg = self.transaction()

    def media_names(self):
        return set(self.vios().repository.media)

    def test_what_it_is_made_of(self):
        drive = mock.Mock()
        result = self.run_flow(
            base.Provide(mgmt_cna='adapter'), tf_stg.CreateCfgDrive(
                drive, 'context', self.instance, ['file'], ['port'], 'pw'))
        drive.create.assert_called_once_with(
            'context', self.instance, ['file'], ['port'], 'pw',
            mgmt_cna='adapter')
        self.assertIs(drive.create.return_value, result['cfg_drive'])

    def test_create_and_connect(self):
        self.run_edits(
            tf_stg.CreateCfgDrive(self.drive, None, self.instance, [], [],
                                  None),
            tf_stg.ConnectCfgDrive(self.drive, self.instance, self.stg),
            mgmt_cna=None)
        self.assertIn(self.medium_name, self.media_names())
        self.assertEqual([('vios1', self.medium_name)], self.mapped())

    def test_reattach(self):
        self.make_medium(connect=False)
        self.run_edits(tf_stg.ReattachCfgDrive(self.drive, self.instance,
                                               self.stg))
        self.assertEqual([('vios1', self.medium_name)], self.mapped())

    def test_reattach_one_that_is_gone(self):
        self.run_edits(tf_stg.ReattachCfgDrive(self.drive, self.instance,
                                               self.stg))
        self.assert_site(self.before)

    def test_detach_and_delete(self):
        self.make_medium()
        self.run_edits(tf_stg.DetachCfgDrive(self.drive, self.instance,
                                             self.stg))
        self.assertEqual([], self.mapped())
        self.assertIn(self.medium_name, self.media_names())
        self.run_flow(tf_stg.DeleteVOpt(self.drive, self.instance))
        self.assert_site(self.before)

    def test_deletion_may_wait(self):
        self.make_medium(connect=False)
        refused = dict(base.EFFECTS['refused'], path='VolumeGroup')
        self.simulated.faults.add(refused)
        self.run_broken(tf_stg.DeleteVOpt(self.drive, self.instance))
        self.simulated.faults.add(refused)
        self.run_flow(tf_stg.DeleteVOpt(self.drive, self.instance,
                                        may_wait=True))
        self.assertIn(self.medium_name, self.media_names())
        self.drive.clean_periodically()
        self.assert_site(self.before)


class PartitionTest(StorageTasksTestCase):
    """What is removed of an LPAR as a whole."""

    def setUp(self):
        super().setUp()
        self.stg = self.transaction()
        # Edits of what is touched come with one that is wanted.
        self.touch = tf_stg.DetachDisk(self.disk_dvr, self.instance, self.stg,
                                       [base.RESCUE])

    def test_detach_partition(self):
        self.make_medium()
        self.make_disks(base.BOOT, base.SWAP)
        self.run_edits(self.touch, tf_stg.DetachPartition(self.instance,
                                                          self.stg))
        self.assertEqual([], self.mapped())
        self.disk_dvr.delete_disks(self.instance)
        self.platform.config_drive.delete(self.instance)
        self.assert_site(self.before)

    def test_stale_mappings(self):
        """What the LPAR has that had the id before is not the server's."""
        [disk] = self.make_disks(base.BOOT)
        partition_id = self.lpar.partition_id
        self.simulated.remove(self.lpar)
        self.assertEqual(1, len(self.orphans(partition_id)))
        lpar_w = self.create_lpar()
        self.assertEqual(partition_id, lpar_w.id)
        self.run_edits(
            self.touch, tf_stg.DetachStaleMappings(self.instance, self.stg),
            lpar_wrap=lpar_w)
        self.assertEqual([], self.orphans(partition_id))
        self.disk_dvr.delete_disks(self.instance)
        self.assert_site(self.before)

    def orphans(self, partition_id):
        return [mapping for mapping in self.vios().state()['mappings']
                if mapping['lpar'] is None and
                mapping['lpar_id'] == partition_id]

    def test_own_mappings_are_not_stale(self):
        self.make_disks(base.BOOT)
        self.run_edits(
            self.touch, tf_stg.DetachStaleMappings(self.instance, self.stg),
            lpar_wrap=self.lpar_w)
        self.assertEqual([('vios1', base.BOOT)], self.mapped_types())

    def test_fibre_channel_mappings_of_what_was_read_only(self):
        """Edits may touch only those groups of documents that were read."""
        self.useFixture(fixtures.MockPatchObject(tf_stg.host_record,
                                                 'keep_id'))
        for groups in ([vios_mappings.SCSI_MAPPING],
                       [vios_mappings.SCSI_MAPPING, vios_mappings.FC_MAPPING]):
            stg = mock.Mock(reads=groups.__contains__)
            tf_stg.DetachStaleMappings(self.instance, stg).execute(self.lpar_w)
            self.assertEqual(len(groups), len(stg.edit_touched.mock_calls))

    def test_vioses_as_they_are_afterwards(self):
        self.make_disks(base.RESCUE)
        result = self.run_edits(self.touch)
        [vios_w] = result['vioses'].values()
        self.assertEqual(
            pvm_vios.VIOS.get(self.host.adapter, uuid=vios_w.uuid, xag=[
                pvm_const.XAG.VIO_SMAP]).etag, vios_w.etag)
        self.assertEqual([self.name(base.RESCUE)], [
            disk.name for disk in result['unmapped_storage']])


class ManagementTest(StorageTasksTestCase):
    """The boot disk is lent to the management partition, and given back."""

    DISK = 'ssp'

    def test_life(self):
        self.make_disks(base.BOOT)
        power_jobs.PowerOp(self.host, self.instance).start()
        before = self.platform.state()
        room = self.disk_dvr, self.platform.mgmt, self.instance
        disk = self.run_flow(tf_stg.InstanceDiskToMgmt(*room))['mgmt_disk']
        self.assertEqual('raw', disk.disk_format)
        with self.platform.mgmt.open_disk(disk.path) as opened:
            self.assertEqual(site.CONTENT, opened.read(len(site.CONTENT)))
        self.run_flow(tf_stg.RemoveInstanceDiskFromMgmt(*room))
        self.assert_site(before)
