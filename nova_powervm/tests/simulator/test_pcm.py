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

"""Performance and capacity monitoring, through pypowervm."""

from pypowervm.tasks.monitor import host_cpu as pvm_host_cpu
from pypowervm.tasks.monitor import util as pvm_monitor

from nova_powervm.tests.simulator import network_base


class TestPcm(network_base.NetworkTestCase):

    def preferences(self):
        return self.host.store.all('ManagedSystemPcmPreference')[0].enabled

    def test_host_cpu_metric_cache(self):
        cache = pvm_host_cpu.HostCPUMetricCache(self.adapter,
                                                self.host.system.uuid)
        cache.refresh()
        self.assertEqual((0, 0, 0), (cache.total_cycles,
                                     cache.total_user_cycles,
                                     cache.total_fw_cycles))
        self.assertTrue(self.preferences()['LongTermMonitorEnabled'])

    def test_preferences(self):
        pvm_monitor.ensure_ltm_monitors(self.adapter, self.host.system.uuid,
                                        override_to_default=True,
                                        compute_ltm=True)
        self.assertEqual(
            {'LongTermMonitorEnabled': True, 'AggregationEnabled': True,
             'ShortTermMonitorEnabled': False, 'ComputeLTMEnabled': True},
            self.preferences())

    def test_no_samples(self):
        self.assertEqual([], pvm_monitor.query_ltm_feed(
            self.adapter, self.host.system.uuid))

    def test_lpar_metric_cache(self):
        cache = pvm_monitor.LparMetricCache(self.adapter,
                                            self.host.system.uuid)
        self.assertIsNone(cache.get_latest_metric('uuid')[1])
