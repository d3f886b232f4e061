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

"""Diagnostics of servers, against what the simulated site has."""

import collections

import fixtures as fx
import jsonschema
from nova.api.openstack.compute.schemas import server_diagnostics as schema
from nova.api.openstack.compute.views import server_diagnostics as view
from nova import exception as nova_exc
from nova import objects

from nova_powervm.simulator.resources import pcm_samples
from nova_powervm.tests.simulator import test_pcm
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import test_npiv
from nova_powervm.tests.virt.powervm.scenarios import volumes
from nova_powervm.virt.powervm import exception

#: What is not counted.
NOT_TOLD = dict.fromkeys(('read_bytes', 'read_requests', 'write_bytes',
                          'write_requests', 'errors_count'))


class DiagnosticsMixin:
    """Asks for diagnostics as Nova does."""

    def ask(self, server):
        """Both answers: (what the API shows from 2.48 on, dict before)."""
        with self.cloud.on('compute1'):
            found = self.compute.get_instance_diagnostics(
                self.context, self.instance_of(server))
            legacy = self.compute.get_diagnostics(
                self.context, self.instance_of(server))
        return self.shown(found), legacy

    def ask_driver(self, server):
        """The same of a server that does not run, which Nova refuses."""
        instance = self.instance_of(server)
        return (self.shown(self.driver.get_instance_diagnostics(instance)),
                self.driver.get_diagnostics(instance))

    def shown(self, found):
        """What the API shows, held against the schema of its answer."""
        sent = objects.Diagnostics.obj_from_primitive(
            found.obj_to_primitive())
        answer = view.ViewBuilder().instance_diagnostics(sent)
        jsonschema.validate(answer, schema.index_response_v248)
        return answer

    def model(self, server):
        """The model of the LPAR of a server."""
        return self.platform.store.get('LogicalPartition',
                                       self.lpar_of(server)['uuid'])

    def monitor(self, server, seconds=200):
        """Turn the monitor on, and return how long the server ran then.

        :returns: int seconds, at the time of the latest sample
        """
        with self.cloud.on('compute1'):
            self.driver.get_host_cpu_stats()
        latest = test_pcm.pass_time(self.site.clock, seconds)
        return pcm_samples.running_seconds(self.model(server), latest)

    def macs(self, server):
        return sorted(':'.join(mac[at:at + 2] for at in range(0, 12, 2)
                               ).lower() for mac in self.macs_of(server))


class RunningTest(DiagnosticsMixin, base.ScenarioCase):

    def boot_large(self):
        return self.boot(flavor_id=self.make_flavor(
            memory_mb=2048, vcpu=2, ephemeral=1))

    def test_without_the_monitor(self):
        """The monitor is off, and stays so."""
        server = self.boot_large()
        self.ask(server)
        self.site.clock.advance(1000)
        shown, legacy = self.ask(server)
        self.assertEqual(
            {'state': 'running', 'driver': 'libvirt', 'hypervisor': 'phyp',
             'hypervisor_os': None, 'config_drive': True, 'num_cpus': 2,
             'num_nics': 2, 'num_disks': 2,
             'memory_details': {'maximum': 2048, 'used': None},
             'cpu_details': [{'id': 0, 'time': None, 'utilisation': None},
                             {'id': 1, 'time': None, 'utilisation': None}],
             'disk_details': [NOT_TOLD, NOT_TOLD]},
            {name: value for name, value in shown.items()
             if name not in ('uptime', 'nic_details')})
        self.assertAlmostEqual(self.model(server).uptime, shown['uptime'],
                               delta=5)
        self.assertEqual(self.macs(server), sorted(
            nic['mac_address'] for nic in shown['nic_details']))
        self.assertEqual({None}, {
            value for nic in shown['nic_details']
            for name, value in nic.items() if name != 'mac_address'})
        self.check_legacy(server, legacy)
        preferences, = self.platform.store.all('ManagedSystemPcmPreference')
        self.assertIsNone(preferences.since)

    def check_legacy(self, server, legacy):
        lpar = self.lpar_of(server)
        self.assertAlmostEqual(self.model(server).uptime,
                               legacy.pop('uptime'), delta=5)
        self.assertEqual(
            {'state': 'running', 'lpar_id': lpar['id'],
             'lpar_name': lpar['name'], 'lpar_state': 'running',
             'rmc_state': 'active', 'reference_code': 'Linux ppc64le',
             'operating_system': self.model(server).os_version,
             'num_cpus': 2, 'memory': 2048, 'num_nics': 2, 'num_disks': 2},
            legacy)

    def test_counters(self):
        server = self.boot_large()
        seconds = self.monitor(server)
        shown, legacy = self.ask(server)
        model = self.model(server)
        time = int(int(model.processors.used_units * seconds *
                       pcm_samples.FREQUENCY) *
                   (pcm_samples.BUSY + pcm_samples.BEYOND -
                    pcm_samples.IDLE)) / pcm_samples.FREQUENCY
        self.assertAlmostEqual(time, legacy['cpu_time'] / 10 ** 9, places=6)
        for cpu in shown['cpu_details']:
            self.assertAlmostEqual(time / 2, cpu['time'] / 10 ** 9, places=6)
        used = 2048 * (100 - pcm_samples.AVAILABLE) // 100
        self.assertEqual({'maximum': 2048, 'used': used},
                         shown['memory_details'])
        self.assertEqual(used, legacy['memory_used'])
        self.check_traffic(server, shown, legacy, seconds)
        self.check_shared_adapter(server, shown, legacy, seconds)

    def check_traffic(self, server, shown, legacy, seconds):
        adapters = self.platform.store.children(self.model(server),
                                                'ClientNetworkAdapter')
        self.assertEqual(2, len(adapters))
        for adapter in adapters:
            mac = ':'.join(adapter.mac[at:at + 2]
                           for at in range(0, 12, 2)).lower()
            nic, = [nic for nic in shown['nic_details']
                    if nic['mac_address'] == mac]
            received = adapter.slot * seconds
            self.assertEqual(
                (received, received * 100, 2 * received, received * 200),
                (nic['rx_packets'], nic['rx_octets'], nic['tx_packets'],
                 nic['tx_octets']))
            self.assertEqual(
                (received, received * 100, 2 * received, received * 200),
                tuple(legacy[mac + suffix] for suffix in (
                    '_rx_packets', '_rx', '_tx_packets', '_tx')))
            self.assertIsNone(nic['rx_drop'])

    def check_shared_adapter(self, server, shown, legacy, seconds):
        """Two disks behind one adapter: they are counted together only."""
        mapping = self.mappings_of(server)[0]
        reads = mapping['server_slot'] * seconds
        self.assertEqual([NOT_TOLD, NOT_TOLD], shown['disk_details'])
        name = 'vios1_' + mapping['adapter']
        self.assertEqual(
            (reads, reads * 4096, 2 * reads, reads * 8192),
            tuple(legacy[name + suffix] for suffix in (
                '_read_req', '_read', '_write_req', '_write')))

    def test_only_disk(self):
        server = self.boot()
        seconds = self.monitor(server)
        shown, _legacy = self.ask(server)
        reads = self.mappings_of(server)[0]['server_slot'] * seconds
        self.assertEqual(
            [{'read_requests': reads, 'read_bytes': reads * 4096,
              'write_requests': 2 * reads, 'write_bytes': 2 * reads * 4096,
              'errors_count': None}], shown['disk_details'])

    def test_requests(self):
        server = self.boot()
        instance = self.instance_of(server)
        _found, requests = self.requests_of(
            self.driver.get_instance_diagnostics, instance)
        self.assert_within(4, requests)
        self.monitor(server)
        _found, requests = self.requests_of(
            self.driver.get_instance_diagnostics, instance)
        self.assert_within(7, requests)


class NotRunningTest(DiagnosticsMixin, base.ScenarioCase):

    def test_stopped_server(self):
        server = self.boot()
        self.monitor(server)
        self.stop(server)
        for method in ('get_diagnostics', 'get_instance_diagnostics'):
            self.assertIsInstance(
                self.cloud.call('compute1', method,
                                self.instance_of(server)),
                nova_exc.InstanceInvalidState)
        (shown, legacy), requests = self.requests_of(self.ask_driver, server)
        # The monitor has nothing to tell of it.
        self.assert_within(2 * 3, requests)
        self.assertEqual(
            ('shutdown', None, 1, 2, 1),
            tuple(shown[name] for name in (
                'state', 'uptime', 'num_cpus', 'num_nics', 'num_disks')))
        self.assertEqual({'maximum': 512, 'used': None},
                         shown['memory_details'])
        self.assertEqual('not activated', legacy['lpar_state'])
        self.assertNotIn('uptime', legacy)

    def test_uptime_of_before(self):
        """A real platform keeps it while the server is off."""
        server = self.boot()
        self.stop(server)
        with self.site.lock:
            # So that it tells of an uptime.
            self.model(server).boot_time = self.site.clock.now() - 1185681
            self.model(server).touch()
        self.assertIsNone(self.ask_driver(server)[0]['uptime'])

    def test_crashed_server(self):
        server = self.boot()
        with self.site.lock:
            self.model(server).crashed()
        shown, legacy = self.ask_driver(server)
        self.assertEqual('shutdown', shown['state'])
        self.assertEqual('error', legacy['lpar_state'])


class HalfBrokenTest(DiagnosticsMixin, base.ScenarioCase):

    def setUp(self):
        super().setUp()
        self.server = self.boot()

    def break_requests(self, path, **fault):
        self.platform.faults.add(dict({
            'path': path, 'method': 'GET', 'effect': 'status',
            'status': 500, 'count': 0}, **fault))

    def test_lpar_is_gone(self):
        instance = self.instance_of(self.server)
        with self.site.lock:
            lpar = self.model(self.server)
            lpar.halted()
            self.platform.remove(lpar)
        for method in (self.driver.get_diagnostics,
                       self.driver.get_instance_diagnostics):
            self.assertRaises(nova_exc.InstanceNotFound, method, instance)

    def test_lpar_is_not_told(self):
        self.break_requests('LogicalPartition/[^/]*$')
        self.assertRaises(
            exception.PowerVMAPIFailed, self.driver.get_diagnostics,
            self.instance_of(self.server))

    def test_size_is_not_told(self):
        """Nova's records have it."""
        with fx.MockPatch('nova_powervm.virt.powervm.size.read',
                          return_value=collections.defaultdict(
                              lambda: None)):
            shown, legacy = self.ask(self.server)
        flavor = self.instance_of(self.server).flavor
        self.assertEqual(flavor.vcpus, shown['num_cpus'])
        self.assertEqual(flavor.vcpus, legacy['num_cpus'])

    def test_adapters_are_missing(self):
        with self.site.lock:
            for adapter in self.platform.store.children(
                    self.model(self.server), 'ClientNetworkAdapter'):
                self.platform.remove(adapter)
        vios = self.platform.store.all('VirtualIOServer')[0]
        with self.site.lock:
            for bus in list(vios.buses):
                if bus.client is self.model(self.server):
                    for target in list(bus.targets):
                        bus.remove_target(target)
                    bus.release_slots()
                    vios.buses.remove(bus)
            vios.touch('VirtualSCSIMappings')
        shown, legacy = self.ask(self.server)
        self.assertEqual((0, 0), (shown['num_nics'], shown['num_disks']))
        self.assertEqual((0, 0), (legacy['num_nics'], legacy['num_disks']))
        self.assertEqual('running', shown['state'])

    def test_adapters_are_not_told(self):
        """Nova's object cannot say so: there is what Nova has on record."""
        self.break_requests('ClientNetworkAdapter')
        self.break_requests('VirtualIOServer')
        shown, legacy = self.ask(self.server)
        nic, = shown['nic_details']
        self.assertEqual(self.neutron.port_1['mac_address'],
                         nic['mac_address'])
        self.assertEqual([NOT_TOLD], shown['disk_details'])
        self.assertEqual((1, 1), (shown['num_nics'], shown['num_disks']))
        self.assertNotIn('num_nics', legacy)
        self.assertNotIn('num_disks', legacy)
        self.assertEqual('running', shown['state'])
        self.assertEqual(1, shown['num_cpus'])

    def test_monitor_fails(self):
        self.monitor(self.server)
        for path in ('LongTermMonitor$', '_phyp_', '_vios_', '_lpar_'):
            self.platform.faults.clear()
            self.break_requests(path)
            shown, _legacy = self.ask(self.server)
            self.assertEqual('running', shown['state'])
            self.assertEqual((2, 1), (shown['num_nics'], shown['num_disks']))
            is_counted = path in ('_vios_', '_lpar_')
            self.assertEqual(is_counted, shown['cpu_details'][0]['time']
                             is not None, path)
            self.assertEqual(path == '_lpar_', shown['disk_details'][0][
                'read_bytes'] is not None, path)
            self.assertIsNone(None if path == '_vios_' else
                              shown['memory_details']['used'], path)

    def test_vios_is_down(self):
        """Its disks are there, but it counts nothing."""
        self.monitor(self.server)
        with self.site.lock:
            self.platform.store.all('VirtualIOServer')[0].halted()
        shown, _legacy = self.ask(self.server)
        self.assertEqual([NOT_TOLD], shown['disk_details'])
        self.assertIsNotNone(shown['cpu_details'][0]['time'])

    def test_guest_without_rmc(self):
        self.monitor(self.server)
        with self.site.lock:
            self.model(self.server).set_rmc('inactive')
        shown, legacy = self.ask(self.server)
        self.assertEqual('inactive', legacy['rmc_state'])
        # It is not all used, as pypowervm assumes.
        self.assertIsNone(shown['memory_details']['used'])


class VolumesTest(DiagnosticsMixin, volumes.VolumeCase):

    def test_paths_are_no_disks(self):
        """A volume that comes through two VIOSes is one disk."""
        server = self.boot_with([1], boots=True)
        seconds = self.monitor(server)
        shown, _legacy = self.ask(server)
        self.assertEqual(1, shown['num_disks'])
        slots = [mapping['server_slot'] for mapping in
                 self.mappings_of(server)
                 if not mapping['storage'].startswith('cfg')]
        self.assertEqual(2, len(slots))
        self.assertEqual(sum(slots) * seconds,
                         shown['disk_details'][0]['read_requests'])


class NpivTest(DiagnosticsMixin, test_npiv.NpivCase):

    def test_volumes(self):
        """The platform sees ports; Nova knows how many volumes there are."""
        server = self.boot()
        self.assertTrue(self.attach(server, 1))
        seconds = self.monitor(server)
        shown, legacy = self.ask(server)
        self.assertEqual(2, shown['num_disks'])
        with self.site.lock:
            ports = [mapping for vios in self.platform.store.all(
                'VirtualIOServer') for mapping in vios.fc_mappings
                if mapping.client is self.model(server)]
        self.assertEqual(
            sum(port.server_slot for port in ports) * seconds,
            shown['disk_details'][1]['read_requests'])
        for port in ports:
            self.assertEqual(port.server_slot * seconds, legacy[
                '%s_%s_read_req' % (port.vios.name, port.name)])

        self.assertTrue(self.attach(server, 2))
        shown, _legacy = self.ask(server)
        self.assertEqual(3, shown['num_disks'])
        self.assertEqual([NOT_TOLD] * 2, shown['disk_details'][1:])
