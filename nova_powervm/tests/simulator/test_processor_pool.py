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

"""Shared processor pools, through pypowervm."""

from pypowervm.wrappers import managed_system as pvm_ms
from pypowervm.wrappers import shared_proc_pool as pvm_spp

from nova_powervm.tests.simulator import network_base


class TestSharedProcessorPool(network_base.NetworkTestCase):

    def pool(self, name='gold'):
        return pvm_spp.SharedProcPool.search(
            self.adapter, parent_type=pvm_ms.System, name=name,
            parent_uuid=self.host.system.uuid, one_result=True)

    def test_search(self):
        default, gold = self.pool('DefaultPool'), self.pool()
        self.assertEqual((0, True, 0), (default.id, default.is_default,
                                        default.avail_proc_units))
        self.assertEqual(
            (1, False, 4.0, 1.0, 1.0, 3.0),
            (gold.id, gold.is_default, gold.max_proc_units,
             gold.curr_rsrv_proc_units, gold.pend_rsrv_proc_units,
             gold.avail_proc_units))
        self.assertIsNone(self.pool('silver'))

    def test_members(self):
        lpar = self.make_lpar()
        links = self.pool('DefaultPool').get_href('AssignedPartitions/link')
        self.assertEqual(
            {partition.href() for partition in self.host.partitions()},
            set(links))
        with self.site.lock:
            lpar.processors.pool_id = 1
        gold = self.pool()
        self.assertEqual((lpar.href(),),
                         tuple(gold.get_href('AssignedPartitions/link')))
        self.assertEqual(2.5, gold.avail_proc_units)

    def test_etag_follows_the_members(self):
        gold = self.pool()
        self.assertIs(gold, gold.refresh())
        lpar = self.make_lpar()
        with self.site.lock:
            lpar.processors.pool_id = 1
        self.assertEqual(2.5, gold.refresh().avail_proc_units)

    def test_update(self):
        gold = self.pool()
        gold.name, gold.max_proc_units = 'silver', 8
        gold.pend_rsrv_proc_units = 0
        gold = gold.update()
        self.assertEqual(('silver', 8.0, 0.0, 8.0), (
            gold.name, gold.max_proc_units, gold.curr_rsrv_proc_units,
            gold.avail_proc_units))

    def test_update_refused(self):
        for name, key, value, reason in (
                ('DefaultPool', 'max_proc_units', 3, 'default'),
                ('gold', 'max_proc_units', 0.5, 'fit'),
                ('gold', 'name', 'DefaultPool', 'already'),
                ('gold', 'name', '', 'empty')):
            pool = self.pool(name)
            setattr(pool, key, value)
            self.refused(reason, pool.update)
        self.refused('DELETE', self.pool().delete)
