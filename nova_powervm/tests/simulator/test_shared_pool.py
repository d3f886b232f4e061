# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Tests of clusters, shared storage pools and logical units."""

import hashlib
import io
import os

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import cluster_ssp as pvm_ssp
from pypowervm.tasks import scsi_mapper as pvm_smap
from pypowervm.tasks import storage as pvm_tasks
from pypowervm.wrappers import cluster as pvm_cluster
from pypowervm.wrappers import storage as pvm_stor
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import storage_base

GIB = storage_base.GIB
DISK, IMAGE = pvm_stor.LUType.DISK, pvm_stor.LUType.IMAGE


class ClusterTestCase(storage_base.PoolTestCase):
    """What leads a client to the pool."""

    def cluster_w(self):
        return pvm_cluster.Cluster.search(self.adapter, name='cluster1',
                                          one_result=True)

    def test_search(self):
        self.assertEqual('cluster1', self.cluster_w().name)
        self.assertEqual([], pvm_cluster.Cluster.search(self.adapter,
                                                        name='other'))
        self.assertEqual(1, len(pvm_cluster.Cluster.get(self.adapter)))
        ssp_w = pvm_stor.SSP.search(self.adapter, name='ssp1',
                                    one_result=True)
        self.assertEqual(self.cluster_w().ssp_uuid, ssp_w.uuid)

    def test_nodes(self):
        nodes = self.cluster_w().nodes
        self.assertEqual([(2, self.vios.uuid, 'Up'),
                          (3, self.vios2.uuid, 'Up')],
                         [(n.lpar_id, n.vios_uuid, n.state) for n in nodes])

    def test_node_goes_down_and_comes_back(self):
        cluster_w = self.cluster_w()
        for change, state in (
                (lambda: self.vios.set_rmc('inactive'), 'Unknown'),
                (self.vios.halted, 'Down'), (self.vios.booted, 'Up')):
            with self.site.lock:
                change()
            cluster_w = cluster_w.refresh()
            self.assertEqual([state, 'Up'],
                             [node.state for node in cluster_w.nodes])

    def test_tiers(self):
        ssp_w = pvm_stor.SSP.get_by_href(self.adapter,
                                         self.cluster_w().ssp_uri)
        tiers = pvm_stor.Tier.get(self.adapter, parent=ssp_w)
        self.assertEqual([('SYSTEM', True, 2000.0), ('FAST', False, 500.0)],
                         [(t.name, t.is_default, t.capacity) for t in tiers])
        self.assertEqual({ssp_w.uuid}, {tier.ssp_uuid for tier in tiers})
        self.assertEqual(
            'SYSTEM', pvm_tasks.default_tier_for_ssp(ssp_w).name)
        self.assertEqual(2500.0, ssp_w.capacity)
        self.assertEqual(2500.0, ssp_w.free_space)
        for tier in tiers:
            self.assertTrue(tier.href.startswith(
                self.host.base_url + '/rest/api/uom/Tier/'))
            self.assertEqual(tier.name, tier.refresh().name)

    def test_pool_by_both_urls(self):
        cluster_w = self.cluster_w()
        direct = self.adapter.read('SharedStoragePool',
                                   root_id=cluster_w.ssp_uuid)
        nested = self.adapter.read(
            'Cluster', root_id=cluster_w.uuid,
            child_type='SharedStoragePool', child_id=cluster_w.ssp_uuid)
        self.assertEqual(direct.body, nested.body)

    def test_nothing_else_is_possible(self):
        cluster_w = self.cluster_w()
        self.assertRefused('not possible', cluster_w.delete)
        self.assertRefused('not possible', cluster_w.update)
        self.assertRefused('not possible', self.tier.delete)


class UnitTestCase(storage_base.PoolTestCase):
    """Logical units through the tasks of pypowervm."""

    def lus(self):
        return pvm_stor.LUEnt.get(self.adapter, parent=self.tier)

    def ssp_w(self):
        return pvm_stor.SSP.get(self.adapter)[0]

    def test_create(self):
        lu = self.crt_lu('boot_1', 5)
        self.assertEqual(('boot_1', 5.0, DISK, True, False, None), (
            lu.name, lu.capacity, lu.lu_type, lu.is_thin, lu.in_use,
            lu.cloned_from_udid))
        self.assertEqual('27', lu.udid[:2])
        self.assertEqual(66, len(lu.udid))
        hash(lu)
        self.assertEqual([lu], self.lus())
        self.assertEqual([lu], list(self.ssp_w().logical_units))
        self.assertEqual('29', self.crt_lu('image', 1, typ=IMAGE).udid[:2])

    def test_read_one(self):
        lu = self.crt_lu('boot_1')
        again = pvm_stor.LUEnt.get(
            self.adapter, uuid=lu.uuid, parent_type=pvm_stor.Tier,
            parent_uuid=self.tier.uuid)
        self.assertEqual(lu, again)
        self.assertEqual(lu.etag, again.etag)

    def test_create_through_the_pool(self):
        """pypowervm finds the default tier by itself."""
        ssp_w, lu = pvm_tasks.crt_lu(self.ssp_w(), 'boot_1', 1)
        self.assertEqual([lu], list(ssp_w.logical_units))
        self.assertEqual([lu], self.lus())

    def test_other_tier(self):
        self.tier = self.tier_w('FAST')
        lu = self.crt_lu()
        self.assertEqual([lu], self.lus())
        self.tier = self.tier_w()
        self.assertEqual([], self.lus())
        self.assertRefused(
            'is not in Tier', self.adapter.read, 'Tier',
            root_id=self.tier.uuid, child_type='LogicalUnit',
            child_id=lu.uuid)

    def test_same_name_twice(self):
        one, two = self.crt_lu('same'), self.crt_lu('same')
        self.assertNotEqual(one.udid, two.udid)
        lpar = self.make_lpar()
        self.assertRefused('2 logical units with the name same', (
            pvm_smap.add_vscsi_mapping), None, self.vios.uuid, lpar.uuid,
            pvm_stor.LU.bld_ref(self.adapter, 'same', ''))
        two.delete()
        self.assertEqual([one], self.lus())

    def test_bad_requests(self):
        before = self.site.state()
        for name in ('', 'a b', 'a/b', 'a' * 80):
            self.assertRefused('not a name for a logical unit', self.crt_lu,
                               name)
        self.assertRefused('needs a UnitCapacity', self.crt_lu, 'a', 0)
        self.assertRefused('cannot be created', self.crt_lu, 'a', 1,
                           typ=pvm_stor.LUType.HIBERNATION)
        self.assertEqual(before, self.site.state())

    def test_grow(self):
        self.crt_lu('boot_1', 1)
        lu = self.lus()[0]
        lu._capacity(3)
        lu = lu.update()
        self.assertEqual(3.0, lu.capacity)
        self.assertEqual(3 * GIB, self.unit().disk.size)
        self.assertEqual(3.0, self.ssp_w().total_lu_size)

    def test_bad_updates(self):
        def update(change):
            lu = self.lus()[0]
            change(lu)
            return lu.update()

        self.crt_lu('boot_1', 2)
        before = self.site.state()
        self.assertRefused('cannot shrink', update,
                           lambda lu: lu._capacity(1))
        self.assertRefused('larger than tier SYSTEM', update,
                           lambda lu: lu._capacity(2001))
        self.assertRefused('cannot be renamed', update,
                           lambda lu: lu._name('other'))
        update(lambda lu: None)
        self.assertEqual(before, self.site.state())

    def test_etags(self):
        """A stale etag is refused; tier and pool get a new one."""
        lu = self.crt_lu()
        ssp_w, tier = self.ssp_w(), self.tier.refresh()
        self.assertIs(ssp_w, ssp_w.refresh())
        with self.site.lock:
            self.unit().views[0].touch()
        self.assertRaises(pvm_exc.HttpError, lu.delete)
        lu.refresh().delete()
        self.assertNotEqual(ssp_w.etag, ssp_w.refresh().etag)
        self.assertNotEqual(tier.etag, tier.refresh().etag)

    def test_delete(self):
        before = self.site.state()
        lu = self.crt_lu()
        path = self.unit().disk.path
        self.assertTrue(os.path.exists(path))
        pvm_tasks.rm_tier_storage([lu], self.tier)
        self.assertFalse(os.path.exists(path))
        self.assertEqual(before, self.site.state())

    def test_delete_through_the_pool(self):
        before = self.site.state()
        image = self.crt_image()
        clone = self.crt_lu('boot_1', 1, clone=image)
        kept = self.crt_lu('kept')
        pvm_tasks.rm_ssp_storage(self.ssp_w(), [clone])
        self.assertEqual([kept], self.lus())
        pvm_tasks.rm_ssp_storage(self.ssp_w(), [kept])
        self.assertEqual(before, self.site.state())

    def test_bad_changes_of_the_pool(self):
        image = self.crt_image()
        self.crt_lu('boot_1', 1, clone=image)
        before = self.site.state()
        self.assertRefused('has linked clones', pvm_tasks.rm_ssp_storage,
                           self.ssp_w(), [image])
        ssp_w = self.ssp_w()
        ssp_w.name = 'other'
        self.assertRefused('cannot be renamed', ssp_w.update)
        ssp_w = self.ssp_w()
        ssp_w.logical_units.append(pvm_stor.LU.bld(self.adapter, 'new', 1))
        self.assertRefused('has no logical unit new', ssp_w.update)
        ssp_w = self.ssp_w()
        ssp_w.logical_units[0]._capacity(7)
        self.assertRefused('cannot be resized here', ssp_w.update)
        self.assertEqual(before, self.site.state())

    def test_no_vios_is_up(self):
        lu = self.crt_lu()
        with self.site.lock:
            self.vios.halted()
        lu2 = self.crt_lu('second')
        with self.site.lock:
            self.vios2.halted()
        for func in (self.crt_lu, lu.delete, lu2.update):
            self.assertRefused('none of vios1, vios2 is up', func)


class ImageTestCase(storage_base.PoolTestCase):
    """Images and their clones."""

    DATA = b'0123456789abcdef' * 100000

    def test_upload(self):
        self.crt_image(data=self.DATA)
        unit = self.unit('image_1')
        self.assertEqual(hashlib.sha256(self.DATA).hexdigest(),
                         unit.disk.sha256(len(self.DATA)))
        self.assertEqual([], self.host.store.all('File'))

    def test_get_or_upload(self):
        def stream():
            calls.append(1)
            return io.BytesIO(self.DATA)

        calls = []
        lu = pvm_ssp.get_or_upload_image_lu(
            self.tier, 'image_x', self.vios.uuid, stream, len(self.DATA))
        again = pvm_ssp.get_or_upload_image_lu(
            self.tier, 'image_x', self.vios2.uuid, stream, len(self.DATA))
        self.assertEqual(lu.udid, again.udid)
        self.assertEqual(1, len(calls))
        self.assertEqual(['image_x'], [u.name for u in self.pool.units])

    def test_failed_upload(self):
        before = self.site.state()
        self.host.faults.add({'method': 'PUT', 'path': 'contents',
                              'effect': 'status', 'status': 500})
        self.assertRaises(
            pvm_exc.HttpError, pvm_ssp.get_or_upload_image_lu, self.tier,
            'image_x', self.vios.uuid, lambda: io.BytesIO(self.DATA),
            len(self.DATA))
        self.assertEqual(before, self.site.state())

    def test_upload_that_is_too_large(self):
        lu = self.crt_lu('image_1', 0.001, typ=IMAGE)
        self.assertRefused('is larger than disk image_1', pvm_tasks.upload_lu,
                           self.vios.uuid, lu, io.BytesIO(self.DATA),
                           len(self.DATA))

    def test_clone(self):
        image = self.crt_image(data=self.DATA)
        clone = self.crt_lu('boot_1', 5, clone=image, typ=DISK)
        self.assertEqual((image.udid, 5.0, True), (
            clone.cloned_from_udid, clone.capacity, clone.is_thin))
        unit = self.unit()
        self.assertEqual(self.DATA, unit.disk.read(0, len(self.DATA)))
        unit.disk.write_at(0, b'X')
        self.assertEqual(b'0', self.unit('image_1').disk.read(0, 1))

    def test_clone_is_as_large_as_its_image(self):
        image = self.crt_lu('image_1', 2, typ=IMAGE)
        self.assertEqual(2.0, self.crt_lu('boot_1', 1, clone=image).capacity)

    def test_bad_clones(self):
        image, disk = self.crt_lu('i', 2, typ=IMAGE), self.crt_lu('d', 1)
        self.assertRefused('is not an image', self.crt_lu, 'c', 1, clone=disk)
        self.assertRefused('cannot be thick', self.crt_lu, 'c', 2,
                           clone=image, thin=False)
        small = pvm_stor.LUEnt.bld(self.adapter, 'c', 1, clone=image)
        small._capacity(1)
        self.assertRefused('is too small', small.create, parent=self.tier)
        self.tier = self.tier_w('FAST')
        self.assertRefused('is in tier SYSTEM', self.crt_lu, 'c', 2,
                           clone=image)
        gone = pvm_stor.LU.bld_ref(self.adapter, 'x', '29ab')
        gone._capacity(1)
        self.assertRefused('no logical unit with UDID 29ab', self.crt_lu,
                           'c', 2, clone=gone)

    def test_remove_with_the_last_clone(self):
        before = self.site.state()
        image = self.crt_image()
        clones = [self.crt_lu(name, 1, clone=image) for name in 'ab']
        self.assertRefused('has linked clones and cannot be removed: a, b',
                           image.delete)
        pvm_tasks.rm_tier_storage(clones[:1], self.tier)
        self.assertEqual(['image_1', 'b'], [u.name for u in self.pool.units])
        pvm_tasks.rm_tier_storage(clones[1:], self.tier)
        self.assertEqual(before, self.site.state())


class SpaceTestCase(storage_base.PoolTestCase):
    """What fits, and what the pool tells about it."""

    def figures(self):
        ssp_w = pvm_stor.SSP.get(self.adapter)[0]
        return (ssp_w.free_space, ssp_w.total_lu_size,
                ssp_w.over_commit_space)

    def test_thick(self):
        self.crt_lu('a', 1500, thin=False)
        self.assertEqual((1000.0, 1500.0, 0.0), self.figures())
        self.assertRefused(
            'Tier SYSTEM of pool ssp1 has 500 GB free, 501 GB more',
            self.crt_lu, 'b', 501, thin=False)
        self.crt_lu('b', 500, thin=False)

    def test_thin(self):
        self.assertRefused('larger than tier SYSTEM', self.crt_lu, 'a', 2001)
        self.crt_lu('a', 1500)
        self.crt_lu('b', 1500)
        self.assertEqual((2500.0, 3000.0, 500.0), self.figures())

    def test_what_is_written_counts(self):
        data = os.urandom(1024 * 1024)
        image = self.crt_image(data=data)
        self.assertEqual(len(data), self.unit('image_1').used)
        clone = self.crt_lu('boot_1', 1, clone=image)
        self.assertEqual(0, self.unit().used)
        self.assertEqual(round(2500 - 1 / 1024, 6), self.figures()[0])
        pvm_tasks.upload_lu(self.vios.uuid, clone, io.BytesIO(data * 2),
                            2 * len(data))
        self.assertEqual(len(data), self.unit().used)

    def test_pool_is_full(self):
        self.crt_lu('a', 1999.999, thin=False)
        image = self.crt_lu('image_1', 0.01, typ=IMAGE)
        data = os.urandom(1024 * 1024 * 2)
        exc = self.assertRefused(
            'There is no space for file image_1', pvm_tasks.upload_lu,
            self.vios.uuid, image, io.BytesIO(data), len(data))
        self.assertEqual(400, exc.response.status)
        self.assertRefused(
            'does not fit', pvm_tasks.upload_lu, self.vios.uuid, image,
            io.BytesIO(data), None)

    def test_no_overcommit(self):
        self.pool.overcommit = False
        self.crt_lu('a', 1500)
        self.assertEqual(1000.0, self.figures()[0])
        self.assertRefused('500 GB free, 501 GB more', self.crt_lu, 'b', 501)
        lu = pvm_stor.LUEnt.get(self.adapter, parent=self.tier)[0]
        lu._capacity(2001)
        self.assertRefused('is larger than tier', lu.update)
        lu._capacity(2000)
        lu.update()
        self.assertEqual(500.0, self.figures()[0])


class MappingTestCase(storage_base.PoolTestCase):
    """Logical units that are lent to partitions."""

    def map(self, lu, lpar, vios=None):
        return pvm_smap.add_vscsi_mapping(
            None, (vios or self.vios).uuid, lpar.uuid,
            pvm_stor.LU.bld_ref(self.adapter, lu.name, lu.udid))

    def unmap(self, lpar, vios=None):
        def remove(vios_w):
            return pvm_smap.remove_maps(vios_w, lpar.partition_id)

        vios_w = pvm_vios.VIOS.get(self.adapter, uuid=(vios or self.vios).uuid,
                                   xag=storage_base.SCSI)
        self.assertNotEqual([], remove(vios_w))
        vios_w.update()

    def test_map(self):
        lpar, lu = self.make_lpar(), self.crt_lu('boot_1', 2)
        self.map(lu, lpar)
        smap = self.vios_w().scsi_mappings[0]
        self.assertEqual(lu, smap.backing_storage)
        self.assertEqual(2.0, smap.backing_storage.capacity)
        self.assertEqual('boot_1', smap.server_adapter.backing_dev_name)
        self.assertIsInstance(smap.target_dev, pvm_stor.LUTargetDev)
        self.assertTrue(lu.refresh().in_use)

    def test_map_through_both(self):
        """Both VIOSes, and the management partition at the same time."""
        lpar, lu = self.make_lpar(), self.crt_lu()
        manager = self.host.store.all('LogicalPartition')[0]
        before = self.site.state()
        self.map(lu, lpar)
        self.map(lu, lpar, self.vios2)
        self.map(lu, manager)
        self.assertEqual(['novalink of server1', 'vm1 of server1',
                          'vm1 of server1'], self.unit().clients())
        self.assertRefused('is mapped to novalink of server1, vm1 of',
                           lu.refresh().delete)
        self.unmap(manager)
        self.unmap(lpar)
        self.assertTrue(lu.refresh().in_use)
        self.unmap(lpar, self.vios2)
        self.assertFalse(lu.refresh().in_use)
        self.assertEqual(before, self.site.state())

    def test_map_by_name(self):
        lpar = self.make_lpar()
        self.crt_lu()
        self.map(pvm_stor.LU.bld_ref(self.adapter, 'boot_1', ''), lpar)
        self.assertTrue(self.unit().in_use)

    def test_no_such_unit(self):
        self.assertRefused(
            'has no LogicalUnit 27ab x', self.map,
            pvm_stor.LU.bld_ref(self.adapter, 'x', '27ab'), self.make_lpar())

    def test_grow_while_mapped(self):
        lpar, lu = self.make_lpar(), self.crt_lu()
        for vios in (self.vios, self.vios2):
            self.map(lu, lpar, vios)
        vios_w = self.vios_w()
        lu = lu.refresh()
        lu._capacity(4)
        lu.update()
        smap = vios_w.refresh().scsi_mappings[0]
        self.assertEqual(4.0, smap.backing_storage.capacity)

    def test_vios_is_down(self):
        lpar, lu = self.make_lpar(), self.crt_lu()
        self.map(lu, lpar)
        with self.site.lock:
            self.vios.halted()
        self.assertRefused('VIOS vios1 cannot do this', self.unmap, lpar)
        self.assertRefused('VIOS vios1 cannot do this', pvm_tasks.upload_lu,
                           self.vios.uuid, lu, io.BytesIO(b'x'), 1)
        self.map(lu, lpar, self.vios2)
        self.assertEqual(2, len(self.unit().targets))

    def test_vios_outside_of_the_cluster(self):
        lpar, lu = self.make_lpar(), self.crt_lu()
        self.vios.pool = None
        self.assertRefused('VIOS vios1 has no LogicalUnit', self.map, lu,
                           lpar)
        self.assertRefused('VIOS vios1 has no disk with UDID',
                           pvm_tasks.upload_lu, self.vios.uuid, lu,
                           io.BytesIO(b'x'), 1)

    def test_partition_is_deleted(self):
        lpar, lu = self.make_lpar(), self.crt_lu()
        self.map(lu, lpar)
        self.adapter.delete('LogicalPartition', root_id=lpar.uuid)
        self.assertRefused('(gone) of server1', lu.refresh().delete)


class TwoHostTestCase(storage_base.PoolTestCase):
    """Two servers see one pool."""

    PROFILE = 'ssp-two-host'

    def setUp(self):
        super().setUp()
        self.host2 = self.site.hosts[1]
        self.adapter2 = self.useFixture(
            powervm_fixtures.Adapter(self.host2)).adapter
        self.tier2 = self.tier_w(adapter=self.adapter2)

    def lus2(self):
        return pvm_stor.LUEnt.get(self.adapter2, parent=self.tier2)

    def test_same_pool(self):
        self.assertEqual(self.tier.uuid, self.tier2.uuid)
        self.assertEqual(self.tier.ssp_uuid, self.tier2.ssp_uuid)
        self.assertTrue(self.tier2.href.startswith(self.host2.base_url))

    def test_only_own_nodes_have_a_link(self):
        nodes = pvm_cluster.Cluster.get(self.adapter2)[0].nodes
        self.assertEqual(4, len(nodes))
        self.assertEqual(
            [None, None] + [vios.uuid for vios in
                            self.host2.store.all('VirtualIOServer')],
            [node.vios_uuid for node in nodes])

    def test_life_of_a_unit(self):
        before = self.site.state()
        ssp_w = pvm_stor.SSP.get(self.adapter2)[0]
        lu = self.crt_lu()
        other = self.lus2()[0]
        self.assertEqual((lu, lu.uuid), (other, other.uuid))
        ssp_w = ssp_w.refresh()
        self.assertEqual([lu], list(ssp_w.logical_units))
        lu._capacity(2)
        lu = lu.update()
        other = other.refresh()
        self.assertEqual(2.0, other.capacity)
        other.delete()
        self.assertRaises(pvm_exc.HttpNotFound, lu.refresh)
        self.assertEqual([], list(ssp_w.refresh().logical_units))
        self.assertEqual(before, self.site.state())

    def test_map_from_both(self):
        lu = self.crt_lu()
        other = self.lus2()[0]
        vios = self.host2.store.all('VirtualIOServer')[0]
        pvm_smap.add_vscsi_mapping(
            None, self.vios.uuid, self.make_lpar().uuid, lu)
        self.assertTrue(other.refresh().in_use)
        pvm_smap.add_vscsi_mapping(
            None, vios.uuid,
            self.make_lpar('vm2', host=self.host2).uuid, other)
        self.assertEqual(['vm1 of server1', 'vm2 of server2'],
                         self.unit().clients())
        self.assertRefused('vm1 of server1, vm2 of server2',
                           other.refresh().delete)

    def test_events(self):
        for adapter in (self.adapter, self.adapter2):
            storage_base.raw_events(adapter, 'app')
        lu = self.crt_lu()
        lu.delete()
        for adapter, host in ((self.adapter, self.host),
                              (self.adapter2, self.host2)):
            path = '%s/rest/api/uom/Tier/%s/LogicalUnit/%s' % (
                host.base_url, self.tier.uuid, lu.uuid)
            events = storage_base.raw_events(adapter, 'app')
            self.assertEqual(
                ['ADD_URI', 'DELETE_URI'],
                [e['EventType'] for e in events if e['EventData'] == path])
            self.assertIn('LogicalUnit', {e['EventDetail'] for e in events})
