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

"""Tests of the virtual SCSI mappings of the simulated site."""

import copy

import fixtures
from pypowervm.tasks import scsi_mapper as pvm_smap
from pypowervm.tasks import storage as pvm_tasks
from pypowervm.wrappers import storage as pvm_stor
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.tests.simulator import storage_base


class MappingTestBase(storage_base.StorageTestCase):
    """A partition to map storage to."""

    def setUp(self):
        super().setUp()
        self.lpar = self.make_lpar('vm1')

    def add(self, storage, lpar=None, vios=None, **kwargs):
        """Map storage to a partition."""
        return pvm_smap.add_vscsi_mapping(
            None, (vios or self.vios).uuid, (lpar or self.lpar).uuid,
            storage, **kwargs)

    def disk_w(self, name='boot_1', **kwargs):
        """Make a disk, and return a wrapper that refers to it."""
        self.make_disk(name, **kwargs)
        return pvm_stor.VDisk.bld_ref(self.adapter, name)

    def new_map(self, storage, lpar=None, **kwargs):
        return pvm_vios.VSCSIMapping.bld(
            self.adapter, None, (lpar or self.lpar).uuid, storage, **kwargs)

    def append(self, *maps):
        """Post mappings beside those that there are."""
        vios_w = self.vios_w()
        vios_w.scsi_mappings.extend(maps)
        return vios_w.update()

    def maps(self):
        return self.vios.state()['mappings']


class MappingTestCase(MappingTestBase):
    """What a client can do to mappings, through pypowervm's tasks."""

    def test_map_a_disk(self):
        vios_w = self.add(self.disk_w())
        self.assertEqual(1, len(vios_w.scsi_mappings))
        smap = vios_w.scsi_mappings[0]
        self.assertTrue(smap.client_lpar_href.endswith(
            '/LogicalPartition/' + self.lpar.uuid))
        client, server = smap.client_adapter, smap.server_adapter
        self.assertEqual(
            (self.lpar.partition_id, 2, self.vios.partition_id),
            (client.lpar_id, client.lpar_slot_num, client.vios_id))
        self.assertEqual(
            (self.lpar.partition_id, 2, self.vios.partition_id),
            (server.lpar_id, server.lpar_slot_num, server.vios_id))
        self.assertEqual(client.vios_slot_num, server.vios_slot_num)
        self.assertEqual('vhost0', server.name)
        self.assertEqual('boot_1', server.backing_dev_name)
        location = self.host.location(self.vios.partition_id,
                                      server.vios_slot_num)
        self.assertEqual('1e' + location, server.udid)
        self.assertEqual(location, server.loc_code)
        self.assertIsInstance(smap.backing_storage, pvm_stor.VDisk)
        self.assertEqual(self.group.disks['boot_1'].udid,
                         smap.backing_storage.udid)
        self.assertEqual(1.0, smap.backing_storage.capacity)
        self.assertIsInstance(smap.target_dev, pvm_stor.VDiskTargetDev)
        self.assertEqual(('0x8100000000000000', 'vtscsi0'),
                         (smap.target_dev.lua, smap.target_dev.name))
        self.assertEqual([2], list(self.lpar.slots))

    def test_map_a_medium(self):
        vios_w = self.add(self.upload())
        smap = vios_w.scsi_mappings[0]
        self.assertIsInstance(smap.backing_storage, pvm_stor.VOptMedia)
        self.assertEqual('0ecfg.iso', smap.backing_storage.udid)
        self.assertIsInstance(smap.target_dev, pvm_stor.VOptTargetDev)
        self.assertEqual('vtopt0', smap.target_dev.name)

    def test_map_a_physical_volume(self):
        pv = self.vios_w(['ViosStorage']).phys_vols[0]
        vios_w = self.add(pvm_stor.PV.bld(self.adapter, pv.name, pv.udid))
        smap = vios_w.scsi_mappings[0]
        self.assertIsInstance(smap.backing_storage, pvm_stor.PV)
        self.assertIsInstance(smap.target_dev, pvm_stor.PVTargetDev)
        pv = self.vios_w(['ViosStorage']).phys_vols[0]
        self.assertFalse(pv.avail_for_use)

    def test_later_mappings_share_the_adapters(self):
        self.add(self.disk_w('a'))
        self.add(self.disk_w('b'))
        vios_w = self.add(self.upload())
        self.assertEqual(1, len({smap.server_adapter.udid
                                 for smap in vios_w.scsi_mappings}))
        self.assertEqual(
            ['0x8100000000000000', '0x8200000000000000',
             '0x8300000000000000'],
            [smap.target_dev.lua for smap in vios_w.scsi_mappings])
        self.assertEqual(1, len(self.lpar.slots))

    def test_a_full_bus_gets_a_second_one(self):
        self.add(self.disk_w('a'), fuse_limit=1)
        vios_w = self.add(self.disk_w('b'), fuse_limit=1)
        self.assertEqual(['vhost0', 'vhost1'], [
            smap.server_adapter.name for smap in vios_w.scsi_mappings])
        self.assertEqual([2, 3], sorted(self.lpar.slots))

    def test_new_mappings_of_one_request_share_the_adapters(self):
        vios_w = self.append(self.new_map(self.disk_w('a')),
                             self.new_map(self.upload()))
        self.assertEqual(['vhost0'] * 2, [
            smap.server_adapter.name for smap in vios_w.scsi_mappings])

    def test_several_partitions(self):
        other = self.make_lpar('vm2')
        self.append(self.new_map(self.disk_w('a')),
                    self.new_map(self.disk_w('b'), other))
        self.assertEqual([('vm1', 'vhost0', 'a'), ('vm2', 'vhost1', 'b')],
                         [(m['lpar'], m['adapter'], m['storage'])
                          for m in self.maps()])

    def test_wanted_slot_address_and_name(self):
        vios_w = self.append(
            self.new_map(self.disk_w('a'), lpar_slot_num=5),
            self.new_map(self.disk_w('b'), lpar_slot_num=5,
                         lua='0x8100000000000000', target_name='mine'),
            self.new_map(self.disk_w('c'), lpar_slot_num=7))
        self.assertEqual(
            [('b', 5, '0x8100000000000000', 'mine'),
             ('a', 5, '0x8200000000000000', 'vtscsi0'),
             ('c', 7, '0x8100000000000000', 'vtscsi1')],
            [(smap.backing_storage.name, smap.client_adapter.lpar_slot_num,
              smap.target_dev.lua, smap.target_dev.name)
             for smap in vios_w.scsi_mappings])

    def test_a_wanted_slot_is_not_given_away(self):
        self.append(self.new_map(self.disk_w('a')),
                    self.new_map(self.disk_w('b'), lpar_slot_num=2))
        self.assertEqual({'a': 3, 'b': 2}, {
            m['storage']: m['client_slot'] for m in self.maps()})

    def test_wishes_that_cannot_be(self):
        self.append(self.new_map(self.disk_w('a'), lpar_slot_num=5,
                                 lua='0x8100000000000000', target_name='x'))
        before = self.host.state()
        disk = self.disk_w('b')
        self.assertRefused('slot 5 of partition vm1 is in use', self.append,
                           self.new_map(disk, lpar_slot_num=5))
        self.assertRefused('slot 99 of partition vm1', self.append,
                           self.new_map(disk, lpar_slot_num=99))
        self.assertRefused('device name x is used twice', self.append,
                           self.new_map(disk, target_name='x'))
        self.assertRefused(
            'address 0x8100000000000000 is used twice', self.add, disk,
            lua='0x8100000000000000')
        self.assertRefused('is not a logical unit address', self.append,
                           self.new_map(disk, lua='one'))
        with self.site.lock:
            del self.group.disks['b']
        self.assertEqual(before, self.host.state())

    def test_no_free_slot(self):
        lpar = self.make_lpar('vm2', max_slots=3)
        self.add(self.disk_w('a'), lpar)
        before = self.vios.state()
        disk = self.disk_w('b')
        self.assertRefused('has no free virtual slot', self.append,
                           self.new_map(disk),
                           self.new_map(self.disk_w('c'), lpar))
        self.assertEqual(before, self.vios.state())
        self.assertEqual({}, self.lpar.slots)

    def test_no_free_slot_in_the_vios(self):
        self.vios.max_slots = max(self.vios.slots) + 1
        self.assertRefused('vios1 has no free virtual slot', self.add,
                           self.disk_w())
        self.assertEqual({}, self.lpar.slots)

    def test_too_many_devices(self):
        self.useFixture(fixtures.MonkeyPatch(
            'nova_powervm.simulator.resources.scsi_mappings._LAST_LUN', 0x82))
        for name in 'ab':
            self.add(self.disk_w(name))
        self.assertRefused('cannot have 3 devices', self.add,
                           self.disk_w('c'))

    def test_slots_can_be_taken_over_in_one_request(self):
        lpar = self.make_lpar('vm2', max_slots=3)
        vios_w = self.add(self.disk_w('a'), lpar)
        vios_w.scsi_mappings = [self.new_map(self.disk_w('b'), lpar)]
        vios_w.update()
        self.assertEqual(['b'], [m['storage'] for m in self.maps()])

    def test_bad_references(self):
        bld = pvm_stor.VDisk.bld_ref
        self.assertRefused('has no VirtualDisk', self.add,
                           bld(self.adapter, 'none'))
        self.assertRefused(
            'has no VirtualOpticalMedia', self.add,
            pvm_stor.VOptMedia.bld_ref(self.adapter, 'none'))
        self.assertRefused('has no PhysicalVolume', self.add,
                           pvm_stor.PV.bld(self.adapter, 'hdisk99'))
        self.assertRefused(
            'hdisk0 belongs to volume group rootvg', self.add,
            pvm_stor.PV.bld(self.adapter, 'hdisk0'))
        self.assertRefused(
            'has no LogicalUnit', self.add,
            pvm_stor.LU.bld_ref(self.adapter, 'lu', '27ab'))
        self.assertEqual([], self.maps())

    def test_stale_udid(self):
        self.make_disk('a')
        disk_w = self.group_w().virtual_disks[0]
        disk_w.element.find('UniqueDeviceID').text = '0300ab.7'
        self.assertRefused('has no VirtualDisk', self.add, disk_w)

    def test_no_partition(self):
        smap = self.new_map(self.disk_w())
        smap.element.remove(smap.element.find('AssociatedLogicalPartition'))
        self.assertRefused('needs an AssociatedLogicalPartition',
                           self.append, smap)

    def test_unknown_partition(self):
        smap = pvm_vios.VSCSIMapping.bld(
            self.adapter, None, '11111111-2222-3333-4444-555555555555',
            self.disk_w())
        self.assertRefused('no partition with UUID 11111111', self.append,
                           smap)

    def test_disk_is_mapped_to_another(self):
        self.add(self.disk_w())
        self.assertRefused(
            'VirtualDisk boot_1 is already mapped to vm1', self.add,
            pvm_stor.VDisk.bld_ref(self.adapter, 'boot_1'),
            self.make_lpar('vm2'))

    def test_medium_in_two_drives(self):
        self.add(self.upload())
        other = self.make_lpar('vm2')
        vopt = pvm_stor.VOptMedia.bld_ref(self.adapter, 'cfg.iso')
        self.assertRefused('cfg.iso is already mapped to vm1', self.add, vopt,
                           other)
        self.vios.repository.media['cfg.iso'].mount_type = 'ro'
        self.add(vopt, other)
        self.assertEqual(2, len(self.maps()))

    def test_write_back_changes_nothing(self):
        self.add(self.disk_w())
        self.add(self.upload())
        before = self.host.state()
        vios_w = self.vios_w()
        self.assertEqual(before, self.host.state())
        vios_w.update()
        self.assertEqual(before, self.host.state())
        vios_w = self.vios_w([])
        vios_w.update(xag=[])
        self.assertEqual(before, self.host.state())

    def test_remove(self):
        before = self.host.state()
        self.add(self.disk_w())
        vios_w, removed = pvm_smap.remove_vdisk_mapping(
            self.adapter, self.vios.uuid, self.lpar.uuid,
            disk_names=['boot_1'])
        self.assertEqual(['boot_1'], [stg.name for stg in removed])
        self.assertEqual([], vios_w.scsi_mappings)
        pvm_tasks.rm_vg_storage(self.group_w(), vdisks=removed)
        self.assertEqual(before, self.host.state())
        self.assertEqual({}, self.lpar.slots)

    def test_remove_one_of_two(self):
        self.add(self.disk_w())
        self.add(self.upload())
        _vios_w, removed = pvm_smap.remove_vopt_mapping(
            self.adapter, self.vios.uuid, self.lpar.uuid)
        root = self.group_w(self.group_of(self.vios, 'rootvg'))
        pvm_tasks.rm_vg_storage(root, vopts=removed)
        self.assertEqual(['boot_1'], [m['storage'] for m in self.maps()])
        self.assertEqual({}, self.vios.repository.media)

    def test_numbers_are_used_again(self):
        self.add(self.disk_w('a'), fuse_limit=1)
        self.add(self.disk_w('b'), fuse_limit=1)
        before = self.maps()
        pvm_smap.remove_vdisk_mapping(self.adapter, self.vios.uuid,
                                      self.lpar.uuid, disk_names=['a'])
        vios_w = self.vios_w()
        vios_w.scsi_mappings.append(
            self.new_map(pvm_stor.VDisk.bld_ref(self.adapter, 'a')))
        vios_w.update()
        self.assertEqual(before, self.maps())

    def test_detach_storage(self):
        self.add(self.disk_w())
        vios_w = self.vios_w()
        pvm_smap.detach_storage(vios_w, self.lpar.uuid)
        vios_w = vios_w.update()
        smap = vios_w.scsi_mappings[0]
        self.assertIsNone(smap.backing_storage)
        self.assertIsNone(smap.target_dev)
        self.assertEqual('vhost0', smap.server_adapter.name)
        self.assertEqual([2], list(self.lpar.slots))
        vios_w = self.add(pvm_stor.VDisk.bld_ref(self.adapter, 'boot_1'))
        self.assertEqual(['vhost0'], [m['adapter'] for m in self.maps()])
        self.assertEqual(['boot_1'], [m['storage'] for m in self.maps()])

    def test_detach_one_of_two(self):
        self.add(self.disk_w())
        self.add(self.upload())
        vios_w = self.vios_w()
        pvm_smap.detach_storage(
            vios_w, self.lpar.uuid,
            match_func=pvm_smap.gen_match_func(pvm_stor.VOptMedia))
        vios_w.update()
        self.assertEqual(['boot_1'], [m['storage'] for m in self.maps()])

    def test_remap_a_medium(self):
        self.add(self.upload('one.iso'))
        self.upload('two.iso')
        before = self.maps()
        pvm_smap.modify_vopt_mapping(
            self.adapter, self.vios.uuid, self.lpar.uuid,
            pvm_stor.VOptMedia.bld_ref(self.adapter, 'two.iso'),
            media_name='one.iso')
        self.assertEqual([dict(before[0], storage='two.iso')], self.maps())
        media = self.vios.repository.media
        self.assertFalse(media['one.iso'].in_use)
        self.assertTrue(media['two.iso'].in_use)

    def test_remap_to_another_kind(self):
        self.add(self.upload())
        vios_w = self.vios_w()
        vios_w.scsi_mappings[0].backing_storage = self.disk_w()
        vios_w = vios_w.update()
        self.assertIsInstance(vios_w.scsi_mappings[0].target_dev,
                              pvm_stor.VDiskTargetDev)
        self.assertEqual([('boot_1', 'vtscsi0')], [
            (m['storage'], m['target']) for m in self.maps()])

    def test_adapter_that_is_gone(self):
        self.add(self.disk_w())
        vios_w = self.vios_w()
        clone = pvm_vios.VSCSIMapping.bld_from_existing(
            vios_w.scsi_mappings[0], self.disk_w('b'))
        clone = copy.deepcopy(clone)
        pvm_smap.remove_maps(vios_w, self.lpar.uuid)
        vios_w = vios_w.update()
        vios_w.scsi_mappings.append(clone)
        self.assertRefused('has no virtual SCSI adapter with UDID',
                           vios_w.update)

    def test_adapter_cannot_move(self):
        vios_w = self.add(self.disk_w())
        clone = pvm_vios.VSCSIMapping.bld_from_existing(
            vios_w.scsi_mappings[0], self.disk_w('b'), lpar_slot_num=9)
        vios_w.scsi_mappings.append(clone)
        self.assertRefused('is in slot 2 and cannot move to slot 9',
                           vios_w.update)

    def test_other_groups_leave_mappings_alone(self):
        self.add(self.disk_w())
        for xag in (None, ['ViosStorage']):
            vios_w = self.vios_w(xag)
            # Looking at them makes an empty list in the document.
            self.assertEqual(0, len(vios_w.scsi_mappings))
            vios_w.update()
            self.assertEqual(1, len(self.maps()))

    def test_resize_of_a_mapped_disk(self):
        self.add(self.disk_w())
        group_w = self.group_w()
        group_w.virtual_disks[0].capacity = 7
        group_w.update()
        self.assertEqual(
            7.0, self.vios_w().scsi_mappings[0].backing_storage.capacity)

    def test_vios_is_down(self):
        disk = self.disk_w()
        with self.site.lock:
            self.vios.set_rmc('inactive')
        self.assertRefused('VIOS vios1 cannot do this', self.add, disk)

    def test_mapping_to_a_vios(self):
        self.add(self.disk_w(), self.vios2)
        self.assertEqual(['vios2'], [m['lpar'] for m in self.maps()])

    def test_only_changed_mappings_are_rendered_again(self):
        self.add(self.disk_w('a'))
        self.add(self.disk_w('b'), self.make_lpar('vm2'))
        first, second = (bus.fragments() for bus in self.vios.buses)
        self.add(self.disk_w('c'))
        self.assertIs(second, self.vios.buses[1].fragments())
        self.assertIsNot(first, self.vios.buses[0].fragments())


class OrphanTestCase(MappingTestBase):
    """Mappings of partitions that are gone."""

    def delete_lpar(self):
        self.adapter.delete('LogicalPartition', root_id=self.lpar.uuid)

    def test_delete_leaves_an_orphan(self):
        self.add(self.disk_w())
        self.delete_lpar()
        smap = self.vios_w().scsi_mappings[0]
        self.assertIsNone(smap.client_lpar_href)
        self.assertIsNone(smap.client_adapter)
        self.assertEqual(self.lpar.partition_id, smap.server_adapter.lpar_id)
        self.assertEqual(2, smap.server_adapter.lpar_slot_num)
        self.assertEqual('boot_1', smap.backing_storage.name)
        self.assertTrue(self.group.disks['boot_1'].in_use)

    def test_orphans_stay_in_other_requests(self):
        self.add(self.disk_w())
        self.delete_lpar()
        self.add(self.disk_w('b'), self.make_lpar('vm2'))
        self.assertEqual([None, 'vm2'], [m['lpar'] for m in self.maps()])

    def test_orphan_is_removed(self):
        before = self.vios.state()
        self.add(self.disk_w())
        self.delete_lpar()
        vios_w = self.vios_w()
        pvm_smap.remove_maps(vios_w, self.lpar.partition_id)
        vios_w.update()
        self.assertEqual(before, self.vios.state())
        self.assertFalse(self.group.disks['boot_1'].in_use)

    def test_mapped_to_nobody(self):
        self.add(self.disk_w())
        self.delete_lpar()
        group_w = self.group_w()
        self.assertRefused(
            'boot_1 is mapped to partition %d (gone)' % self.lpar.partition_id,
            pvm_tasks.rm_vg_storage, group_w,
            vdisks=list(group_w.virtual_disks))

    def test_comprehensive_scrub(self):
        keep = self.make_lpar('vm2')
        self.add(self.disk_w('keep'), keep)
        before = self.vios.state(), self.group.state()
        self.add(self.disk_w())
        self.delete_lpar()
        pvm_tasks.ComprehensiveScrub(self.adapter).execute()
        self.assertEqual(before, (self.vios.state(), self.group.state()))

    def test_comprehensive_scrub_of_a_medium(self):
        # pypowervm 1.1.27 looks for the medium in every volume group, and
        # fails on one without a media repository.
        with self.site.lock:
            self.host.store.remove(self.group)
        self.add(self.upload())
        self.delete_lpar()
        pvm_tasks.ComprehensiveScrub(self.adapter).execute()
        self.assertEqual([], self.maps())
        self.assertEqual({}, self.vios.repository.media)

    def test_scrub_for_the_next_partition_with_that_id(self):
        self.add(self.disk_w())
        self.delete_lpar()
        new = self.make_lpar('vm3')
        self.assertEqual(self.lpar.partition_id, new.partition_id)
        pvm_tasks.ScrubOrphanStorageForLpar(
            self.adapter, new.partition_id).execute()
        self.assertEqual([], self.maps())
        self.assertEqual({}, self.group.disks)

    def test_events(self):
        disk = self.disk_w()
        listener = self.adapter.session.get_event_listener()
        self.add(disk)
        self.delete_lpar()
        events = storage_base.raw_events(self.adapter, listener.appid)
        self.assertEqual(
            [('MODIFY_URI', 'VirtualSCSIMappings')] * 2,
            [(e['EventType'], e['EventDetail']) for e in events
             if e['EventData'] == self.vios.href()])
