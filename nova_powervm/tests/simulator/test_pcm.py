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

import json

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks.monitor import host_cpu as pvm_host_cpu
from pypowervm.tasks.monitor import util as pvm_monitor

from nova_powervm.simulator.resources import network_adapters
from nova_powervm.simulator.resources import pcm
from nova_powervm.simulator.resources import pcm_samples
from nova_powervm.simulator.resources import switch
from nova_powervm.tests.simulator import captures
from nova_powervm.tests.simulator import fc_base
from nova_powervm.tests.simulator import network_base


def capture(name):
    """Read a captured sample of a real system."""
    return json.loads(captures.read(name))


def pass_time(clock, seconds):
    """Let time pass, and some more: the next sample is far away then.

    :param clock: clock.Clock
    :returns: int seconds of the epoch, the time of the latest sample
    """
    interval = pcm.INTERVAL
    latest = int(clock.now() + seconds) // interval * interval + interval
    clock.advance(latest + 0.1 - clock.now())
    return latest


def shape(value, path=''):
    """Yield (path, type) of all values; members of lists have one path."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from shape(member, '%s/%s' % (path, key.lower()))
    elif isinstance(value, list):
        for member in value:
            yield from shape(member, path + '/[]')
    else:
        yield path, ('number' if type(value) in (int, float)
                     else type(value).__name__)


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


class TestSamples(fc_base.FcTestCase):
    """Some time after the monitor was turned on, with a partition that runs.

    It has a disk and a network adapter.
    """

    def setUp(self):
        super().setUp()
        self.lpar = self.make_lpar('server')
        self.make_lpar('off')
        with self.site.lock:
            network_adapters.add_adapter(
                self.lpar, switch.find_switch(self.host, 'ETHERNET0'), 7)
        self.connect(self.lpar)
        with self.site.lock:
            self.lpar.booted()
        self.turn_on()
        pass_time(self.site.clock, 120)

    def turn_on(self):
        pvm_monitor.ensure_ltm_monitors(self.adapter, self.host.system.uuid)

    def feed(self):
        return pvm_monitor.query_ltm_feed(self.adapter,
                                          self.host.system.uuid)

    def read(self, category):
        """The latest sample of a kind."""
        metric = pvm_monitor._get_metric(self.feed(), category)
        return json.loads(self.adapter.read_by_href(metric.link,
                                                    xag=[]).body)

    def metric(self):
        """What pypowervm makes of the latest samples of the partition."""
        cache = pvm_monitor.LparMetricCache(self.adapter,
                                            self.host.system.uuid)
        return cache.get_latest_metric(self.lpar.uuid)[1]

    def test_feed(self):
        times = {}
        for metric in self.feed():
            times.setdefault(metric.category, set()).add(
                metric.updated_datetime)
        vioses = {'vios_%d' % vios.partition_id
                  for vios in (self.vios, self.vios2)}
        self.assertEqual(vioses | {'phyp', 'lpar'}, set(times))
        self.assertIn(len(times['phyp']), (4, 5))
        self.assertIn(len(times['lpar']), (1, 2))
        for vios in vioses:
            self.assertEqual(times['phyp'], times[vios])

    def test_form(self):
        """Each value has a name and a type that a real system has."""
        for category, names in (
                ('phyp', ('phyp_pcm_data.txt',)), ('lpar', (
                    'lpar_pcm_data.txt',)),
                ('vios_%d' % self.vios.partition_id, ('vios_pcm_data.txt',))):
            known = {found for name in names for found in shape(capture(name))}
            self.assertEqual(set(), set(shape(self.read(category))) - known)

    def test_counters(self):
        metric = self.metric()
        cpu = metric.processor
        self.assertEqual(
            int(self.lpar.processors.used_units *
                pcm_samples.FREQUENCY) * self.seconds(),
            cpu.entitled_proc_cycles)
        self.assertGreater(cpu.util_cap_proc_cycles, cpu.idle_proc_cycles)
        self.assertEqual(pcm_samples.FREE, metric.memory.pct_real_mem_free)
        adapter, = metric.network.cnas
        self.assertEqual(7, adapter.vlan_id)
        self.assertLess(0, adapter.received_packets)
        self.assertEqual(2, len(metric.storage.virt_adpts))
        for disk in metric.storage.virt_adpts:
            self.assertLess(0, disk.num_reads)

    def seconds(self):
        """How long the partition had run at the last sample."""
        latest = pvm_monitor._get_metric(self.feed(), 'phyp')
        return int(latest.updated_datetime.timestamp() -
                   self.lpar.boot_time)

    def test_they_grow(self):
        before = self.metric()
        pass_time(self.site.clock, 30)
        after = self.metric()
        for look in (lambda m: m.processor.util_cap_proc_cycles,
                     lambda m: m.network.cnas[0].sent_bytes,
                     lambda m: m.storage.virt_adpts[0].write_bytes):
            self.assertLess(look(before), look(after))

    def test_partition_that_is_off(self):
        found, = [lpar for lpar in self.read('phyp')['systemUtil'][
            'utilSample']['lparsUtil'] if lpar['name'] == 'off']
        self.assertEqual(0, found['processor']['utilizedCappedProcCycles'])
        self.assertNotIn('network', found)
        found, = [lpar for lpar in self.read('lpar')['lparUtil']
                  if lpar['name'] == 'off']
        self.assertEqual('6001', found['errorInfo']['errorId'])

    def test_partition_without_rmc(self):
        with self.site.lock:
            self.lpar.set_rmc('inactive')
        found, = [lpar for lpar in self.read('lpar')['lparUtil']
                  if lpar['name'] == 'server']
        self.assertEqual('6003', found['errorInfo']['errorId'])

    def test_vios_that_is_down(self):
        with self.site.lock:
            self.vios2.halted()
        self.assertNotIn('vios_%d' % self.vios2.partition_id,
                         {metric.category for metric in self.feed()})
        self.assertEqual(1, len(self.metric().storage.virt_adpts))

    def test_virtual_fibre_channel(self):
        wwpns = self.new_wwpns()
        self.add_map(self.lpar, wwpns)
        pair, = [found['wwpnpair'] for lpar in self.read('phyp')[
            'systemUtil']['utilSample']['lparsUtil'] for found in
            lpar.get('storage', {}).get('virtualFiberChannelAdapters', ())]
        self.assertEqual([int(wwpn, 16) for wwpn in wwpns], pair)
        ports = self.read('vios_%d' % self.vios.partition_id)['systemUtil'][
            'utilSample']['viosUtil'][0]['storage']['fiberChannelAdapters']
        self.assertEqual(wwpns[0].lower(), ports[0]['ports'][0]['wwpn'])

    def test_no_such_sample(self):
        metric = self.feed()[0]
        self.assertRaises(pvm_exc.HttpNotFound, self.adapter.read_by_href,
                          metric.link.replace('_20', '_19'), xag=[])

    def test_turned_off(self):
        with self.site.lock:
            preference, = self.host.store.all('ManagedSystemPcmPreference')
            preference.enabled['LongTermMonitorEnabled'] = False
            preference.since = None
        self.assertEqual([], self.feed())
        self.turn_on()
        self.assertEqual([], self.feed())

    def test_host_cpu(self):
        cache = pvm_host_cpu.HostCPUMetricCache(self.adapter,
                                                self.host.system.uuid)
        self.assertLess(0, cache.total_user_cycles)
        self.assertLess(cache.total_user_cycles, cache.total_cycles)
