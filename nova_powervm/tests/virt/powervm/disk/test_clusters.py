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

"""Which Shared Storage Pool and tier serve, where no option tells."""

from nova import objects
from pypowervm.wrappers import cluster as pvm_cluster

from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.tests.virt.powervm.disk import test_pool
from nova_powervm.virt.powervm.disk import clusters
from nova_powervm.virt.powervm.disk import pool
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import short_text


class ClustersTestCase(base.StorageTestCase):
    """Each VIOS is in a cluster of its own, and shows it while it is up."""

    PROFILE = test_pool.make_profile(('one', {'A': 100, 'B': 10}, ['vios1']),
                                     ('two', {'C': 100}, ['vios2']))

    def setUp(self):
        super().setUp()
        self.down = set()
        read_all = pvm_cluster.Cluster.get
        # Assumed, no hardware: the VIOSes that are up tell of clusters.
        self.patch(pvm_cluster.Cluster, 'get', lambda adapter: [
            cluster for cluster in read_all(adapter)
            if not clusters.member_uuids(cluster) <= self.down])

    def stop(self, name):
        with self.site.lock:
            self.vios(name).halted()
        self.down.add(self.vios(name).uuid.lower())

    def start(self, name):
        with self.site.lock:
            self.vios(name).booted()
        self.down.clear()

    def found(self):
        found = pool.Pool(self.host)
        return found.cluster_name, found.tier_name

    def keep(self, cluster=None, tier=''):
        """Start with a cluster and a tier, and let Nova keep them."""
        self.flags(cluster_name=cluster, ssp_tier=tier, group='powervm')
        found = pool.Pool(self.host)
        self.flags(cluster_name='', ssp_tier='', group='powervm')
        self.compute_nodes = [objects.ComputeNode(stats=dict(
            found.kept_with_host, failed_builds='0'))]

    def assert_refused(self, error, *texts):
        refusal = self.assertRaises(error, self.found)
        for text in texts:
            self.assertIn(text, str(refusal))
        self.assertIn('[powervm] ', str(refusal))
        self.assertLessEqual(len(str(refusal)), short_text.LIMIT)

    # ---- nothing is known

    def test_several(self):
        self.assert_refused(exception.NoConfigTooManyClusters, 'one, two',
                            'cluster_name')

    def test_one_cannot_be_asked(self):
        """The one that is up is not taken because of that."""
        self.stop('vios1')
        before = self.state()
        self.assert_refused(exception.ClusterUnknown, 'two', 'vios1',
                            'cluster_name')
        self.assertEqual(before, self.state())

    def test_named_while_the_other_is_down(self):
        self.flags(cluster_name='two', group='powervm')
        self.stop('vios1')
        self.assertEqual(('two', 'C'), self.found())

    # ---- Nova knows them

    def test_kept(self):
        for cluster, tier in (('one', 'A'), ('two', 'C')):
            self.keep(cluster)
            self.assertEqual((cluster, tier), self.found())

    def test_kept_while_the_other_is_down(self):
        self.keep('two')
        self.stop('vios1')
        self.assertEqual(('two', 'C'), self.found())

    def test_kept_but_down(self):
        self.keep('one')
        self.stop('vios1')
        self.assert_refused(exception.ClusterNotUsable, 'vios1', 'two',
                            'cluster_name')
        self.start('vios1')
        self.assertEqual(('one', 'A'), self.found())

    def test_kept_but_another_one_is_named(self):
        self.keep('one')
        self.flags(cluster_name='two', group='powervm')
        self.assertEqual(('two', 'C'), self.found())

    def test_default_tier_has_changed(self):
        """The disks that are there are found, and new ones are with them."""
        self.keep('one', tier='B')
        self.assertEqual(('one', 'B'), self.found())
        self.flags(ssp_tier='A', group='powervm')
        self.assertEqual(('one', 'A'), self.found())

    def test_tier_is_gone(self):
        self.keep('one')
        self.compute_nodes[0].stats[clusters._TIER_KEY] = 'f00d'
        self.assert_refused(exception.TierNotFound, 'f00d', 'A, B')


class OneClusterTestCase(base.StorageTestCase):

    PROFILE = test_pool.make_profile(
        ('one', {'A': 100}, ['vios1', 'vios2']))

    def test_a_member_is_down(self):
        """It is in no other cluster: as after an upgrade from 9.0.0."""
        with self.site.lock:
            self.vios('vios1').halted()
        for nodes in ([], [objects.ComputeNode(stats=None)],
                      [objects.ComputeNode(stats={'failed_builds': '0'})]):
            self.compute_nodes = nodes
            self.assertEqual('one', pool.Pool(self.host).cluster_name)
