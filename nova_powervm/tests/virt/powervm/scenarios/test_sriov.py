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


"""Servers with vNICs: they are restarted, moved and removed."""

from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base


class SriovMixin:
    """Ports on SR-IOV adapters, on each host of a site."""

    VIF = {'vif_type': 'pvm_sriov', 'vif_details': {
        'vlan': '101', 'network_type': 'vlan', 'physical_network': 'prod',
        'powervm_agentless': True}}

    @classmethod
    def load_profile(cls):
        return powervm_fixtures.load_sriov_profile(cls.PROFILE)

    def vnics(self, host='compute1'):
        """The vNICs of a host."""
        return self.simulated_host(host).state().get('VirtualNICDedicated',
                                                     [])

    def logical_ports(self, host='compute1'):
        return self.simulated_host(host).state().get(
            'SRIOVEthernetLogicalPort', [])

    def assert_wired(self, host, *numbers):
        """The host has vNICs of these ports, and no others."""
        self.assertEqual(
            {self.neutron.port(number)['mac_address'].replace(':', '').upper()
             for number in numbers}, {vnic['mac'] for vnic in
                                      self.vnics(host)})
        for vnic in self.vnics(host):
            first, second = [device['device'].split('/')
                             for device in vnic['devices']]
            self.assertNotEqual(first[0], second[0])
            self.assertNotEqual(first[1], second[1])
        self.assertEqual(2 * len(numbers), len(self.logical_ports(host)))

    def requests_of(self, action, *args):
        """What reaches vNICs and the system during an action."""
        self.platform.journal.clear()
        action(*args)
        return ['%s %s' % (record['method'], kind)
                for record in self.platform.journal.records()
                for kind in ('VirtualNICDedicated', 'ManagedSystem')
                if kind in record['path'] and not record['path'].endswith(
                    'Event')]


class LifeTest(SriovMixin, base.ScenarioCase):

    def test_life(self):
        server = self.boot()
        self.assert_wired('compute1', 1)
        self.stop(server)
        self.start(server)
        self.reboot(server, hard=True)
        self.act(server, 'rebuild', {'imageRef': self.image_id})
        self.assert_wired('compute1', 1)
        self.assertIsNone(self.delete(server))
        self.assert_wired('compute1')

    def test_hard_reboot_plugs_what_is_missing(self):
        server = self.boot(networks=[
            {'port': self.neutron.port(number)['id']} for number in (1, 2)])
        lost = self.platform.store.all('VirtualNICDedicated')[0]
        with self.site.lock:
            lost.remove()
            self.platform.take_out(lost)
        self.assertEqual(1, len(self.vnics()))
        self.reboot(server, hard=True)
        self.assert_wired('compute1', 1, 2)

    def test_hard_reboot_adds_missing_devices(self):
        self.platform.operator.set_sriov_adapter(1, 'Failed')
        server = self.boot()
        self.assertEqual([1], [len(vnic['devices']) for vnic in self.vnics()])
        self.platform.operator.set_sriov_adapter(1, 'Running')
        self.run_task('update_available_resource')
        self.reboot(server, hard=True)
        self.assert_wired('compute1', 1)

    def test_start_of_nova_compute(self):
        """Nothing is plugged again, and nothing is read for it."""
        self.boot()
        self.assertNotIn('GET VirtualNICDedicated',
                         self.requests_of(self.restart))
        self.assert_wired('compute1', 1)

    def test_attach_and_detach(self):
        server = self.boot()
        self.assertEqual(
            ['GET VirtualNICDedicated', 'GET ManagedSystem',
             'PUT VirtualNICDedicated'],
            [found for found in self.requests_of(self.attach_port, server, 2)])
        self.assert_wired('compute1', 1, 2)
        self.assertEqual(
            ['GET VirtualNICDedicated', 'DELETE VirtualNICDedicated'],
            self.requests_of(self.detach_port, server, 2))
        self.assert_wired('compute1', 1)

    def test_diagnostics(self):
        server = self.boot()
        found = self.driver.get_instance_diagnostics(self.instance_of(server))
        self.assertIn(self.neutron.port_1['mac_address'],
                      [nic.mac_address for nic in found.nic_details])

    def test_logical_ports_that_stay(self):
        self.platform.operator.keep_logical_ports(True)
        self.addCleanup(self.platform.operator.keep_logical_ports, False)
        server = self.boot()
        self.assertIsNone(self.delete(server))
        self.assertEqual(([], 2), (self.vnics(), len(self.logical_ports())))
        self.run_task('update_available_resource')
        self.assertEqual([], self.logical_ports())

    def keep_logical_ports(self):
        self.platform.operator.keep_logical_ports(True)
        self.addCleanup(self.platform.operator.keep_logical_ports, False)

    def test_logical_ports_that_stay_over_a_restart(self):
        """Of a server that is deleted, and of a port that is detached."""
        self.keep_logical_ports()
        kept = self.boot()
        self.attach_port(kept, 2)
        gone = self.boot(networks=[{'port': self.neutron.port(3)['id']}])
        self.detach_port(kept, 2)
        self.assertIsNone(self.delete(gone))
        self.assertEqual(6, len(self.logical_ports()))
        self.restart()
        self.assert_wired('compute1', 1)

    def test_logical_ports_of_others_stay(self):
        """A server that Nova does not know has had this vNIC."""
        self.keep_logical_ports()
        server = self.boot()
        instance = self.instance_of(server)
        del instance.system_metadata['powervm_vnics_compute1']
        instance.save()
        self.assertIsNone(self.delete(server))
        self.restart()
        self.assertEqual(2, len(self.logical_ports()))
        self.platform.operator.keep_logical_ports(False)
        for port in self.platform.store.all('SRIOVEthernetLogicalPort'):
            with self.site.lock:
                port.remove()
                self.platform.take_out(port)

    def test_full(self):
        """The server is not made, and nothing of it is left."""
        for adapter in self.platform.system.sriov[:2]:
            for port in adapter.ports:
                port.maximum, most = 0, port.maximum
                self.addCleanup(setattr, port, 'maximum', most)
            adapter.changed()
            self.addCleanup(adapter.changed)
        before = self.platform_state()
        server = self.boot(expected_status='ERROR')
        self.assertIn('logical ports are in use', server['fault']['message'])
        self.assertIsNone(self.delete(server))
        self.assert_state_equal(before, self.platform_state(), 'deleted')


class OtherPortsTest(base.ScenarioCase):
    """Servers without such ports, on a host with SR-IOV adapters."""

    PROFILE = 'sriov'

    def test_no_requests_for_vnics(self):
        self.platform.journal.clear()
        server = self.boot()
        self.attach_port(server)
        self.detach_port(server, 2)
        self.reboot(server, hard=True)
        self.assertIsNone(self.delete(server))
        self.assertEqual([], [
            record for record in self.platform.journal.records()
            if 'VirtualNIC' in record['path'] or
            'SRIOV' in record['path']])


class MoveTest(SriovMixin, platforms.SharedPool, base.TwoHostMixin,
               base.ScenarioCase):

    PROFILE = 'ssp-two-host'

    def test_confirm(self):
        server = self.boot_on_first()
        self.migrate(server)
        self.assert_wired('compute2', 1)
        self.act(server, 'confirmResize')
        self.assert_wired('compute1')
        self.assert_wired('compute2', 1)
        self.assertIsNone(self.delete(server))
        self.assert_wired('compute2')

    def test_revert(self):
        server = self.boot_on_first()
        before = self.vnics()
        self.migrate(server)
        self.act(server, 'revertResize')
        self.assertEqual(before, self.vnics())
        self.assert_wired('compute2')
        self.assertIsNone(self.delete(server))
        self.assert_wired('compute1')

    def test_evacuation(self):
        server = self.boot_on_first()
        self.evacuate(server)
        self.assert_wired('compute2', 1)
        self.cloud.start_all()
        self.reap()
        self.assert_wired('compute1')
        self.assert_wired('compute2', 1)
