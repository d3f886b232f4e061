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

from nova import exception as nova_exc
from oslo_utils import units
from pypowervm.wrappers import cluster as pvm_cluster

from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.tests.virt.powervm.disk import ssp_base
from nova_powervm.virt.powervm.disk import pool
from nova_powervm.virt.powervm.disk import ssp
from nova_powervm.virt.powervm import exception


def make_profile(*clusters, **host):
    """A site of one host, with clusters: (name, {tier: GB}, VIOSes)."""
    profile = powervm_fixtures.load_profile('ssp')
    profile['hosts'][0].update(host)
    profile['clusters'] = [{
        'name': name, 'pool': 'pool_of_' + name, 'thin_overcommit': True,
        'tiers': [{'name': tier, 'capacity_gb': size, 'default': number == 0}
                  for number, (tier, size) in enumerate(tiers.items())],
        'nodes': [{'host': 'server1', 'vios': vios} for vios in vioses]}
        for name, tiers, vioses in clusters]
    return profile


class OneClusterTestCase(base.StorageTestCase):

    PROFILE = make_profile(('cluster1', {'SYSTEM': 100}, ['vios2']))

    def test_the_only_one(self):
        found = pool.Pool(self.host)
        self.assertEqual(('cluster1', 'pool_of_cluster1', 'SYSTEM'), (
            found.cluster_name, found.ssp_name, found.tier_name))
        self.assertEqual([self.vios('vios2').uuid], found.vios_uuids)
        self.assertEqual(
            ['GET VirtualIOServer', 'GET Cluster', 'GET SharedStoragePool',
             'GET Tier'], self.requests())

    def test_by_name(self):
        self.flags(cluster_name='cluster1', group='powervm')
        self.assertEqual('cluster1', pool.Pool(self.host).cluster_name)

    def test_not_found_by_name(self):
        self.flags(cluster_name='nonesuch', group='powervm')
        error = self.assertRaises(exception.ClusterNotFoundByName, pool.Pool,
                                  self.host)
        self.assertIn('nonesuch', str(error))

    def test_several_of_that_name(self):
        self.flags(cluster_name='cluster1', group='powervm')
        self.patch(pvm_cluster.Cluster, 'search',
                   lambda adapter, name: [None, None])
        error = self.assertRaises(exception.TooManyClustersFound, pool.Pool,
                                  self.host)
        self.assertIn('cluster_name=cluster1 cannot be used: 2 clusters have '
                      'the name', str(error))

    def test_no_such_tier(self):
        self.flags(ssp_tier='GOLD', group='powervm')
        error = self.assertRaises(exception.TierNotFound, pool.Pool,
                                  self.host)
        for word in ('GOLD', 'pool_of_cluster1', 'SYSTEM'):
            self.assertIn(word, str(error))

    def test_capacity(self):
        found = pool.Pool(self.host)
        self.assertEqual((100, 0), tuple(found.capacity())[:2])
        self.requests()
        disk = found.create('disk', 30)
        self.assertEqual((100, 0), tuple(found.capacity())[:2])
        with self.site.lock:
            unit = self.simulated.store.all('Cluster')[0].pool.units[0]
            unit.disk.write_at(0, b'x' * 12 * units.Mi)
            unit.bytes_changed()
        self.assertEqual((100, 0.01), tuple(
            round(size, 2) for size in found.capacity()[:2]))
        self.assertEqual(['PUT LogicalUnit', 'GET SharedStoragePool',
                          'GET SharedStoragePool'], self.requests())
        self.assertTrue(found.delete(disk, base.ANY))
        self.assertFalse(found.delete(disk, base.ANY))

    def test_capacity_that_has_not_changed_costs_little(self):
        found = pool.Pool(self.host)
        found.capacity()
        self.simulated.journal.clear()
        found.capacity()
        self.assertEqual([304], [record['status'] for record in
                                 self.simulated.journal.records()])


class NoClusterTestCase(base.StorageTestCase):

    PROFILE = make_profile()

    def test_none(self):
        self.assertRaises(exception.NoConfigNoClusterFound, pool.Pool,
                          self.host)


class TwoClustersTestCase(base.StorageTestCase):

    PROFILE = make_profile(('one', {'A': 100}, ['vios1']),
                           ('two', {'B': 100}, ['vios2']))

    def test_not_clear_which(self):
        error = self.assertRaises(exception.NoConfigTooManyClusters,
                                  pool.Pool, self.host)
        self.assertIn('in several clusters; set it to one of: one, two',
                      str(error))
        self.assertIn('one, two', str(error))

    def test_by_name(self):
        self.flags(cluster_name='two', group='powervm')
        self.assertEqual('B', pool.Pool(self.host).tier_name)


class PoolOfTwoTiersTestCase(ssp_base.PoolTestCase):

    def test_default_tier(self):
        found = pool.Pool(self.host)
        self.assertEqual('SYSTEM', found.tier_name)
        self.assertEqual((2000, 0), tuple(found.capacity())[:2])

    def test_tier_by_name(self):
        self.flags(ssp_tier='FAST', group='powervm')
        adapter = ssp.SSPDiskAdapter(self.host, self.glance)
        name = self.create(adapter=adapter).name
        self.assertEqual('FAST', self.unit(name).tier.name)
        self.assertEqual((500, 2.01), tuple(adapter.capacity())[:2])
        self.assertEqual((2000, 0), tuple(self.adapter.capacity())[:2])

    def test_capacity_is_one_request(self):
        self.adapter.capacity()
        self.assertEqual(['GET LogicalUnit'], self.requests())

    def test_used_is_not_more_than_there_is(self):
        for number in range(3):
            self.make_unit('thin%d' % number, 900)
        self.assertEqual((2000, 2000), tuple(self.adapter.capacity())[:2])

    def test_vioses_that_are_up_come_first(self):
        self.stop_vios('vios1')
        self.assertEqual([self.vios('vios2').uuid, self.vios('vios1').uuid],
                         pool.Pool(self.host).vios_uuids)

    def test_vios_that_joins_later(self):
        with self.site.lock:
            self.pool.vioses.remove(self.vios('vios2'))
            self.pool.changed('Other', 'Cluster')
        self.restart()
        self.assertEqual([self.vios().uuid], self.adapter.vios_uuids)
        with self.site.lock:
            self.pool.vioses.append(self.vios('vios2'))
            self.pool.changed('Other', 'Cluster')
        self.adapter.manage_image_cache(self.context, [])
        self.assertEqual(2, len(self.adapter.vios_uuids))

    def test_no_vios_is_up(self):
        self.stop_vios('vios1')
        self.stop_vios('vios2', rmc_only=True)
        error = self.assertRaises(exception.StorageNotServed,
                                  self.adapter._pool.active_vios_uuids)
        self.assertIn(self.vios('vios1').uuid, str(error))


class KnownUnitsTestCase(ssp_base.PoolTestCase):
    """What the pool remembers saves requests, and is never trusted wrongly."""

    def setUp(self):
        super().setUp()
        self.found = pool.Pool(self.host)
        self.simulated.journal.clear()

    def test_nothing_is_known_at_first(self):
        self.make_unit('disk')
        self.assertEqual([], self.found.known(['disk']))
        self.assertEqual(1, len(self.found.find_own(['disk'])))
        self.assertEqual(['GET LogicalUnit'], self.requests())
        self.assertEqual([], self.found.find_own(['other']))
        self.assertEqual([], self.requests())

    def test_by_a_udid_that_is_known(self):
        self.found.list_units()
        lu_w = self.found.create('disk', 1)
        self.simulated.journal.clear()
        self.assertEqual([pool.Unit(lu_w.uuid, lu_w.udid, 'disk')],
                         self.found.find(['disk', 'other'], [lu_w.udid]))
        self.assertEqual([], self.requests())
        self.found.find(['disk'], [lu_w.udid, '27abc'])
        self.found.find(['disk'])
        self.assertEqual(['GET LogicalUnit'] * 2, self.requests())

    def test_answer_to_a_creation_was_lost(self):
        self.found.list_units()
        lu_w = self.found.create('disk', 1)
        self.break_request('drop_after', 'PUT', 'LogicalUnit')
        self.assertRaises(pool.pvm_exc.Error, self.found.create, 'disk', 1)
        self.assertEqual(2, len(self.found.find(['disk'], [lu_w.udid])))
        self.simulated.journal.clear()
        self.assertEqual(2, len(self.found.find(['disk'], [lu_w.udid])))
        self.assertEqual([], self.requests())

    def test_made_while_the_list_is_read(self):
        made = []
        read = pool.pvm_stg.LUEnt.get

        def slow(*args, **kwargs):
            lus = read(*args, **kwargs)
            made.append(self.found.create('disk', 1))
            return lus

        self.patch(pool.pvm_stg.LUEnt, 'get', slow)
        self.assertEqual([], self.found.list_units())
        self.assertEqual(1, len(self.found.known(['disk'])))

    def test_deleted_by_another_host(self):
        lu_w = self.found.create('disk', 1)
        self.assertTrue(self.found.exists(lu_w.uuid))
        self.delete_unit('disk')
        self.assertFalse(self.found.exists(lu_w.uuid))
        self.assertFalse(self.found.delete(lu_w, base.ANY))
        self.assertEqual([], self.found.known(['disk']))

    def test_no_room(self):
        self.found.check_room(2000)
        error = self.assertRaises(nova_exc.ComputeResourcesUnavailable,
                                  self.found.check_room, 2000.5)
        self.assertIn('2000.50 GB needed in Shared Storage Pool ssp1',
                      str(error))
