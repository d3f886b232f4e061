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

from nova.compute import task_states
from nova import exception as nova_exc
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.tests.virt.powervm.disk import ssp_base
from nova_powervm.virt.powervm.disk import driver
from nova_powervm.virt.powervm.disk import ssp
from nova_powervm.virt.powervm.disk import units
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import move
from nova_powervm.virt.powervm.storage import vios_mappings

BOOT, RESCUE, SWAP = (driver.DiskType.BOOT, driver.DiskType.RESCUE,
                      driver.DiskType.SWAP)
EPHEMERAL = driver.DiskType.EPHEMERAL
MAPPING = ['GET VirtualIOServer'] * 2 + ['POST VirtualIOServer'] * 2


class SSPTestCase(ssp_base.PoolTestCase):
    """Base: one server, and the image of its disk in the pool."""

    def setUp(self):
        super().setUp()
        self.adapter.cache_image(self.context, self.image_id)
        self.before = self.state()
        self.instance = self.make_instance()
        self.simulated.journal.clear()

    def name(self, disk_type=BOOT):
        return self.adapter.get_disk_name(disk_type, self.instance)

    def spawn(self):
        """Create a disk, an LPAR, and the mapping of both."""
        disk = self.create(instance=self.instance)
        self.create_lpar(self.instance)
        self.connect(self.instance, disk)
        self.simulated.journal.clear()
        return disk

    def destroy(self):
        """Unmap and delete all; the LPAR goes in between."""
        unmapped = self.disconnect(self.instance)
        self.delete_lpar()
        self.adapter.delete_disks(self.instance, unmapped=unmapped)

    def delete_lpar(self):
        self.host.adapter.delete('LogicalPartition',
                                 root_id=self.lpar(self.instance).uuid)

    def sorted_requests(self):
        return sorted(self.requests())


class DiskTestCase(SSPTestCase):

    def test_what_it_is(self):
        self.assertEqual({'shared_storage': True, 'has_imagecache': True,
                          'snapshot': True}, self.adapter.capabilities)
        self.assertEqual(('raw',), self.adapter.image_formats)
        self.assertEqual(
            [self.vios('vios1').uuid, self.vios('vios2').uuid],
            self.adapter.vios_uuids)
        shared = self.adapter.shared_pool
        self.assertEqual('ssp1/SYSTEM', shared.name)
        self.assertEqual(shared, ssp.SSPDiskAdapter(
            self.host, self.glance).shared_pool)

    def test_life(self):
        disk = self.create()
        self.assertEqual(['PUT LogicalUnit'], self.requests())
        self.assertEqual((self.name(), 2.0), (disk.name, disk.capacity))
        self.create_lpar(self.instance)
        self.connect(self.instance, disk)
        self.assertEqual(MAPPING, self.sorted_requests())
        for vios in ('vios1', 'vios2'):
            self.assertEqual([self.name()], self.mapped(vios))
        unmapped = self.disconnect(self.instance)
        self.assertEqual(MAPPING, self.sorted_requests())
        self.delete_lpar()
        self.simulated.journal.clear()
        self.adapter.delete_disks(self.instance, unmapped=unmapped)
        self.assertEqual(['DELETE LogicalUnit'], self.requests())
        self.assertEqual(self.before, self.state())

    def test_after_a_new_start(self):
        self.spawn()
        self.restart()
        self.destroy()
        self.assertNotIn('GET LogicalUnit', self.requests())
        self.assertEqual(self.before, self.state())

    def test_disk_that_another_host_made(self):
        """Its UDID is known by the mapping, its UUID is not."""
        disk = self.create(adapter=ssp.SSPDiskAdapter(self.host,
                                                      self.glance))
        self.create_lpar(self.instance)
        self.connect(self.instance, disk)
        self.simulated.journal.clear()
        self.destroy()
        self.assertEqual(1, self.requests().count('GET LogicalUnit'))
        self.assertEqual(self.before, self.state())

    def test_delete_by_name(self):
        """Without LPAR, without mappings, and if it was never known."""
        disk = self.spawn()
        self.make_unit(self.name(RESCUE))
        self.delete_lpar()
        self.assertEqual([], self.disconnect(self.instance, [RESCUE]))
        self.assertEqual([disk.udid] * 2, [
            element.udid for element in self.disconnect(self.instance)])
        self.restart()
        self.adapter.delete_disks(self.instance)
        self.assertEqual(['GET LogicalUnit'] + ['DELETE LogicalUnit'] * 2,
                         self.requests())
        self.adapter.delete_disks(self.instance)
        self.assertEqual(['GET LogicalUnit'], self.requests())
        self.assertEqual(self.before, self.state())

    def test_delete_twice_without_a_record(self):
        """Only the name told which it was; one that remains is another's."""
        disk = self.spawn()
        units.forget(self.instance, [disk.name])
        theirs = self.make_unit(disk.name)
        self.destroy()
        self.adapter.delete_disks(self.instance)
        self.assertEqual([theirs.udid], [
            unit.udid for unit in self.pool.find_units(disk.name)])
        self.assertEqual({}, self.adapter.get_disk_refs(self.instance, [BOOT]))

    def test_delete_some(self):
        self.create()
        self.create(image_type=RESCUE)
        self.simulated.journal.clear()
        self.adapter.delete_disks(self.instance, [RESCUE])
        self.assertEqual(['GET LogicalUnit', 'DELETE LogicalUnit'],
                         self.requests())
        self.assertIn(self.name(), self.unit_names())
        self.assertNotIn(self.name(RESCUE), self.unit_names())

    def test_rescue_disk_has_the_size_of_its_image(self):
        self.assertEqual(1, self.create(image_type=RESCUE).capacity)

    def test_stale_disk_is_replaced(self):
        left = self.create()
        self.assertNotEqual(left.udid, self.create().udid)
        self.assertEqual(2, len(self.unit_names()))

    def test_stale_disk_that_is_not_known(self):
        """The platform allows two LUs of a name; the mapped one is ours."""
        left = self.make_unit(self.name())
        disk = self.create()
        self.create_lpar(self.instance)
        self.connect(self.instance, disk)
        self.restart()
        self.destroy()
        self.assertEqual(left.udid, self.unit(self.name()).udid)

    def test_failure_of_a_delete(self):
        self.create()
        self.break_request('status', 'DELETE', 'LogicalUnit', status=500,
                           message='Cluster is busy')
        error = self.assertRaises(pvm_exc.HttpError,
                                  self.adapter.delete_disks, self.instance)
        self.assertIn('Cluster is busy', str(error))

    def test_only_on_the_vioses_of_the_pool(self):
        with self.site.lock:
            self.pool.vioses.remove(self.vios('vios2'))
            self.pool.changed('Other', 'Cluster')
        self.restart()
        self.spawn()
        self.assertEqual([self.name()], self.mapped('vios1'))
        self.assertEqual([], self.mapped('vios2'))

    def test_no_vios_of_this_host_in_the_cluster(self):
        with self.site.lock:
            self.pool.vioses.clear()
            self.pool.changed('Other', 'Cluster')
        self.assertRaises(exception.NoConfigNoClusterFound,
                          ssp.SSPDiskAdapter, self.host, self.glance)


class ForeignTestCase(SSPTestCase):
    """An LU has the server's name, but a foreign partition uses it."""

    def setUp(self):
        super().setUp()
        self.foreign = self.make_unit(self.name())
        self.other = self.make_instance(2)
        self.create_lpar(self.other)
        self.connect(self.other, self.foreign)
        self.restart()
        self.before = self.state()

    def test_create(self):
        error = self.assertRaises(exception.DiskNameInUse, self.create)
        for text in (self.name(), 'ssp1', 'mapped to lpar2'):
            self.assertIn(text, str(error))
        self.assertRaises(
            exception.DiskNameInUse, self.adapter.create_blank_disks,
            self.instance, [driver.BlankDisk(BOOT, 1)])
        self.assertEqual(self.before, self.state())

    def test_disconnect_and_delete(self):
        self.assertEqual([], self.disconnect(self.instance))
        self.adapter.delete_disks(self.instance)
        self.assertEqual(self.before, self.state())
        self.assertIn('left alone', self.logger.output)

    def test_beside_that_of_the_server(self):
        """Names may repeat; the server's own goes, the other stays."""
        own = self.make_unit(self.name())
        self.create_lpar(self.instance)
        self.connect(self.instance, own)
        for known in (True, False):
            unmapped = self.disconnect(self.instance)
            self.assertEqual({own.udid},
                             {element.udid for element in unmapped})
            self.connect(self.instance, own)
        self.destroy()
        self.assertEqual(self.before, self.state())


class ManagementPartitionTestCase(SSPTestCase):

    def test_mapping_to_the_management_partition(self):
        """What a snapshot left goes with the server."""
        disk = self.spawn()
        with self.edits() as stg:
            stg.edit(self.vios().uuid, vios_mappings.add_mapping,
                     self.host.mgmt_uuid,
                     pvm_stg.LU.bld_ref(self.host.adapter, disk.name,
                                        disk.udid))
        self.assertEqual(2, len(self.mapped('vios1')))
        self.destroy()
        self.assertEqual(self.before, self.state())


class BlankDisksTestCase(SSPTestCase):

    def test_life(self):
        disks = self.adapter.create_blank_disks(self.instance, [
            driver.BlankDisk(EPHEMERAL[0], 3), driver.BlankDisk(SWAP, 1)])
        self.assertEqual(['PUT LogicalUnit'] * 2, self.requests())
        self.create_lpar(self.instance)
        with self.edits() as stg:
            for disk in disks:
                self.adapter.connect_disk(self.instance, disk, stg)
        self.assertEqual(MAPPING, self.sorted_requests())
        names = [self.name(EPHEMERAL[0]), self.name(SWAP)]
        self.assertEqual(names, self.mapped('vios2'))
        self.assertEqual([3, 1], [
            self.unit(name).size // 1024 ** 3 for name in names])
        self.destroy()
        self.assertEqual(self.before, self.state())

    def test_recreated(self):
        disks = [driver.BlankDisk(EPHEMERAL[1], 1)]
        self.adapter.create_blank_disks(self.instance, disks)
        self.adapter.create_blank_disks(self.instance, disks)
        self.unit(self.name(EPHEMERAL[1]))


class ExtendTestCase(SSPTestCase):

    def test_grow_while_it_is_mapped(self):
        self.spawn()
        self.adapter.extend_disk(self.instance, 5)
        self.assertEqual(['GET LogicalUnit', 'POST LogicalUnit'],
                         self.requests())
        unit = self.unit(self.name())
        self.assertEqual(5, unit.size // 1024 ** 3)
        self.assert_content(unit.name)
        self.adapter.extend_disk(self.instance, 5)
        self.assertEqual(['GET LogicalUnit'], self.requests())

    def test_other_disk(self):
        self.adapter.create_blank_disks(
            self.instance, [driver.BlankDisk(SWAP, 1)])
        self.adapter.extend_disk(self.instance, 2, disk_type=SWAP)
        self.assertEqual(2, self.unit(self.name(SWAP)).size // 1024 ** 3)

    def test_somebody_was_faster(self):
        self.create()
        self.break_request('precondition', 'POST', 'LogicalUnit')
        self.adapter.extend_disk(self.instance, 5)
        self.assertEqual(5, self.unit(self.name()).size // 1024 ** 3)

    def test_shrink(self):
        self.create()
        before = self.state()
        error = self.assertRaises(nova_exc.ResizeError,
                                  self.adapter.extend_disk, self.instance, 1)
        self.assertIn('cannot shrink from 2 to 1 GB', str(error))
        self.assertEqual(before, self.state())

    def test_disk_of_another_host(self):
        other = ssp.SSPDiskAdapter(self.host, self.glance)
        self.create(adapter=other)
        self.adapter.extend_disk(self.instance, 5)
        self.assertEqual(5, self.unit(self.name()).size // 1024 ** 3)

    def test_disk_that_another_host_recreated(self):
        self.create()
        self.delete_unit(self.name())
        self.create(adapter=ssp.SSPDiskAdapter(self.host, self.glance))
        self.adapter.extend_disk(self.instance, 5)
        self.assertEqual(5, self.unit(self.name()).size // 1024 ** 3)

    def test_no_disk(self):
        error = self.assertRaises(nova_exc.DiskNotFound,
                                  self.adapter.extend_disk, self.instance, 5)
        self.assertIn(self.name(), str(error))


class ViosDownTestCase(SSPTestCase):
    """One of two VIOSes is down; nothing is left when it returns."""

    def walk(self, stop):
        for down, up in (('vios1', 'vios2'), ('vios2', 'vios1')):
            stop(down)
            self.spawn()
            self.assertEqual([self.name()], self.mapped(up))
            self.assertEqual([], self.mapped(down))
            self.destroy()
            self.start_vios(down)
            self.adapter.clean_periodically()
            self.assertEqual(self.before, self.state())

            self.spawn()
            stop(down)
            self.destroy()
            self.assertEqual([], self.mapped(up))
            self.simulated.journal.clear()
            self.adapter.clean_periodically()
            self.assertEqual(['GET VirtualIOServer'], self.requests())
            self.start_vios(down)
            self.adapter.clean_periodically()
            self.assertEqual(self.before, self.state())
            self.simulated.journal.clear()
            self.adapter.clean_periodically()
            self.assertEqual([], self.requests())

    def test_powered_off(self):
        self.walk(self.stop_vios)

    def test_no_rmc(self):
        self.walk(lambda vios: self.stop_vios(vios, rmc_only=True))

    def test_goes_down_in_the_last_moment(self):
        """Its document is read, but it takes no changes any more."""
        disk = self.create()
        self.create_lpar(self.instance)
        vios = self.vios('vios2')
        update = type(vios).update

        def go_down(vios, doc, groups):
            if vios.name == 'vios2':
                vios.set_rmc('inactive')
            return update(vios, doc, groups)

        self.patch(type(vios), 'update', go_down)
        self.connect(self.instance, disk)
        self.assertEqual([self.name()], self.mapped('vios1'))
        self.assertEqual([], self.mapped('vios2'))

    def test_is_no_more(self):
        self.spawn()
        gone = self.vios('vios2')
        with self.site.lock:
            for bus in list(gone.buses):
                for target in list(bus.targets):
                    bus.remove_target(target)
            self.simulated.store.remove(gone)
        self.disconnect(self.instance)
        self.assertEqual([], self.mapped('vios1'))
        with self.site.lock:
            self.pool.vioses.remove(gone)
            self.pool.changed('Other', 'Cluster')
        self.adapter.manage_image_cache(self.context, [])
        self.adapter.clean_periodically()
        self.simulated.journal.clear()
        self.adapter.clean_periodically()
        self.assertEqual([], self.requests())

    def test_fails_but_is_up(self):
        """That is a failure of the operation."""
        disk = self.create()
        self.create_lpar(self.instance)
        self.break_request('status', 'POST', self.vios('vios2').uuid,
                           status=500, message='Out of slots')
        error = self.assertRaises(pvm_exc.HttpError, self.connect,
                                  self.instance, disk)
        self.assertIn('Out of slots', str(error))

    def test_all_down(self):
        disk = self.create()
        self.create_lpar(self.instance)
        self.stop_vios('vios1')
        self.stop_vios('vios2', rmc_only=True)
        error = self.assertRaises(exception.StorageNotServed, self.connect,
                                  self.instance, disk)
        for vios in ('vios1', 'vios2'):
            self.assertIn(self.vios(vios).uuid, str(error))
        self.assertRaises(exception.StorageNotServed, self.disconnect,
                          self.instance)

    def test_needed_for_something_else(self):
        """What only that VIOS can do is not left out."""
        disk = self.create()
        self.create_lpar(self.instance)
        self.stop_vios('vios2')
        stg = self.transaction()
        self.adapter.connect_disk(self.instance, disk, stg)
        stg.edit(self.vios('vios2').uuid, lambda vios_w: True)
        self.assertRaises(pvm_exc.HttpError, stg.execute)

    def test_server_recreated_before_the_periodic_clean(self):
        """It deletes the old disk, not the new one of the same name."""
        old = self.spawn()
        self.stop_vios('vios2')
        self.destroy()
        self.start_vios('vios2')
        new = self.spawn()
        self.assertNotEqual(old.udid, new.udid)
        self.assertEqual(new.udid, self.adapter.get_disk_ref(
            self.instance, BOOT).udid)
        self.adapter.extend_disk(self.instance, 3)
        self.adapter.clean_periodically()
        self.assertEqual([self.name()], self.mapped('vios1'))
        self.assertEqual([self.name()], self.mapped('vios2'))
        self.assertEqual([(new.udid, 3)], [
            (unit.udid, unit.size // 1024 ** 3)
            for unit in self.pool.find_units(self.name())])

    def test_same_disk_mapped_again_before_the_periodic_clean(self):
        """As when a server comes back to this host."""
        disk = self.spawn()
        self.stop_vios('vios2')
        self.disconnect(self.instance)
        self.start_vios('vios2')
        self.connect(self.instance, disk)
        self.adapter.clean_periodically()
        self.assertEqual([self.name()], self.mapped('vios1'))
        self.assertEqual([self.name()], self.mapped('vios2'))

    def test_periodic_clean_fails_and_is_tried_again(self):
        self.spawn()
        self.stop_vios('vios2')
        self.destroy()
        self.start_vios('vios2')
        self.break_request('status', 'POST', 'VirtualIOServer', status=500)
        self.adapter.clean_periodically()
        self.assertNotEqual(self.before, self.state())
        self.adapter.clean_periodically()
        self.assertEqual(self.before, self.state())

    def test_second_destroy_while_it_is_down(self):
        """What is left on it is not taken for a foreign disk."""
        self.spawn()
        self.stop_vios('vios2')
        self.disconnect(self.instance)
        self.restart()
        self.destroy()
        self.assertNotIn('left alone', self.logger.output)
        self.start_vios('vios2')
        self.adapter.clean_periodically()
        self.assertEqual(self.before, self.state())


class TwoHostsTestCase(SSPTestCase):
    """Two hosts of one pool."""

    PROFILE = 'ssp-two-host'

    def setUp(self):
        super().setUp()
        self.other = ssp.SSPDiskAdapter(
            self.connect_host(self.site.hosts[1], name='compute2'),
            self.glance)

    def test_own_vioses_only(self):
        for adapter, simulated in zip((self.adapter, self.other),
                                      self.site.hosts):
            self.assertEqual(
                {vios.uuid for vios in
                 simulated.store.all('VirtualIOServer')},
                set(adapter.vios_uuids))

    def test_image_is_uploaded_once(self):
        self.create(1)
        self.create(2, adapter=self.other)
        self.assertEqual(1, len(self.glance.downloads))
        self.assertEqual(2, len(self.unit(self.image_name()).clones))

    def test_disk_is_found(self):
        self.assertIsNone(self.other.get_disk_ref(self.instance, BOOT))
        disk = self.create()
        self.assertEqual(disk.udid, self.other.get_disk_ref(
            self.instance, BOOT).udid)
        self.assertIsNone(self.other.get_disk_ref(self.instance, RESCUE))

    def test_move_to_another_cell(self):
        """Nova has the target build a server whose disk is in the pool."""
        disk = self.create()
        self.instance.task_state = task_states.RESIZE_FINISH
        self.assertRaises(nova_exc.ResizeError, move.check_cell, self.other,
                          self.instance)
        self.assertEqual(disk.udid, self.unit(disk.name).udid)
        self.instance.task_state = task_states.SPAWNING
        self.simulated.journal.clear()
        move.check_cell(self.other, self.instance)
        self.assertEqual([], self.requests())

    def test_storage_is_shared(self):
        info = self.adapter.get_info()
        self.assertEqual({'cluster_name': 'cluster1', 'ssp_name': 'ssp1',
                          'ssp_uuid': self.adapter._pool.ssp_uuid,
                          'tier_name': 'SYSTEM'}, info)
        self.assertIsNone(self.other.validate(info))
        self.assertEqual(self.adapter.shared_pool, self.other.shared_pool)
        data = self.other.check_instance_shared_storage_local(
            self.context, self.instance)
        self.assertTrue(self.adapter.check_instance_shared_storage_remote(
            self.context, data))

    def test_storage_is_not_shared(self):
        for key, word in (('ssp_uuid', 'ssp1'), ('tier_name', 'FAST')):
            info = dict(self.adapter.get_info(), **{key: 'FAST'})
            self.assertIn(word, self.other.validate(info))
            self.assertFalse(self.other.check_instance_shared_storage_remote(
                self.context, info))
        self.assertIsNotNone(self.other.validate({}))

    def test_image_in_use_on_another_host(self):
        """It is not removed with the last clone on this one."""
        self.flags(group='image_cache',
                   remove_unused_original_minimum_age_seconds=0)
        self.create(1)
        self.create(2, adapter=self.other)
        self.adapter.delete_disks(self.make_instance(1))
        self.adapter.manage_image_cache(self.context, [])
        self.assertIn(self.image_name(), self.unit_names())
        self.other.delete_disks(self.make_instance(2))
        self.adapter.manage_image_cache(self.context, [])
        self.assertEqual([], self.unit_names())
        self.create(3, adapter=self.other)
        self.assertEqual(2, len(self.glance.downloads))
