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

"""Servers with ports of type direct: Nova claims a PCI device, and plugs a
vNIC.
"""

import copy

import fixtures as fx
from nova import context as nova_context
from nova import objects
from nova.tests import fixtures as nova_fixtures

from nova_powervm import conf as cfg
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import fixtures as func_fixtures
from nova_powervm.tests.functional import moves
from nova_powervm.tests.functional import platforms
from nova_powervm.virt.powervm import pci

CONF = cfg.CONF


class NeutronFixture(func_fixtures.NeutronFixture):
    """Two ports of type direct, as our mechanism driver binds them."""

    DETAILS = {'port_filter': False, 'connectivity': 'l2', 'vlan': '24',
               'network_type': 'vlan', 'physical_network': 'prod',
               'powervm_agentless': True}

    def __init__(self, test):
        super().__init__(test)
        network = dict(self.network_2, **{'provider:physical_network': 'prod'})
        self._networks[network['id']] = network
        self._subnets[self.subnet_2['id']] = self.subnet_2
        for port in (self.sriov_port, self.sriov_port2):
            self._ports[port['id']] = dict(copy.deepcopy(port), **{
                'binding:vif_type': 'pvm_sriov',
                'binding:vif_details': dict(self.DETAILS)})


class SriovMixin:
    """It comes before base.PowerVMTestCase in a list of bases."""

    PROFILE = 'sriov'

    def _prepare_platform(self):
        super()._prepare_platform()
        self.useFixture(fx.MockPatchObject(nova_fixtures, 'NeutronFixture',
                                           NeutronFixture))
        self.addCleanup(CONF.clear_default, 'device_spec', group='pci')

    def setUp(self):
        super().setUp()
        self.port_1, self.port_2 = (
            self.neutron.sriov_port, self.neutron.sriov_port2)

    def start_service(self, name, *args, **kwargs):
        if name == 'scheduler':
            self.flags(enabled_filters=[
                *CONF.filter_scheduler.enabled_filters,
                'PciPassthroughFilter'], group='filter_scheduler')
        return super().start_service(name, *args, **kwargs)

    def claimed(self, host='compute1'):
        """Nova's devices that are not free: [(address, server), ...]."""
        context = nova_context.get_admin_context()
        node = objects.ComputeNode.get_first_node_by_host_for_old_compat(
            context, host)
        return [(device.address, device.instance_uuid) for device in
                objects.PciDeviceList.get_by_compute_node(context, node.id)
                if device.status == 'allocated']

    def vnics(self, host='compute1'):
        return self.simulated_host(host).state().get('VirtualNICDedicated',
                                                     [])

    def assert_wired(self, server, *ports, host='compute1'):
        """Each port has a vNIC, whose first device is the one claimed."""
        claimed = self.claimed(host)
        self.assertEqual([server['id']] * len(ports),
                         [uuid for _address, uuid in claimed])
        found = {vnic['mac']: vnic for vnic in self.vnics(host)}
        self.assertEqual({port['mac_address'].replace(':', '').upper()
                          for port in ports}, set(found))
        for port in ports:
            vnic = found[port['mac_address'].replace(':', '').upper()]
            self.assertEqual(self.lpar_of(server)['name'], vnic['partition'])
            self.assertEqual(24, vnic['pvid'])
            profile = self.neutron.show_port(port['id'])['port'][
                'binding:profile']
            self.assertIn((profile['pci_slot'], server['id']), claimed)
            first, second = sorted(vnic['devices'],
                                   key=lambda device: device['priority'])
            self.assertEqual(
                '%d/%d' % pci.port_ids(profile['pci_slot']),
                first['device'].partition('/')[2])
            self.assertNotEqual(first['device'].partition('/')[0],
                                second['device'].partition('/')[0])


class SriovTest(SriovMixin, base.PowerVMTestCase):

    def setUp(self):
        super().setUp()
        # Fills the image cache.
        self.delete(self.boot())
        self.before = self.platform_state()

    def boot_direct(self):
        return self.boot(networks=[{'port': self.port_1['id']}])

    def assert_nothing_left(self):
        self.assertEqual([], self.claimed())
        self.assert_state_equal(self.before, self.platform_state(), 'Left')

    def test_life(self):
        server = self.boot_direct()
        self.assert_wired(server, self.port_1)
        self._stop_server(server)
        self._start_server(server)
        self._reboot_server(server, hard=True)
        self.assert_wired(server, self.port_1)
        self.compute = self.restart_compute_service(self.compute)
        self.assert_wired(server, self.port_1)
        self.assertIsNone(self.delete(server))
        self.assertEqual(([], []), (self.claimed(), self.vnics()))

    def test_ports_come_and_go(self):
        server = self.boot_direct()
        self._attach_interface(server, self.port_2['id'])
        self.assert_wired(server, self.port_1, self.port_2)
        self._detach_interface(server, self.port_1['id'])
        self.assert_wired(server, self.port_2)
        self.assertIsNone(self.delete(server))
        self.assert_nothing_left()

    def test_other_network(self):
        """No host has a device for it."""
        self.neutron._networks[self.neutron.network_2['id']][
            'provider:physical_network'] = 'blue'
        server = self.boot(networks=[{'port': self.port_1['id']}],
                           expected_status='ERROR')
        self.assertIn('No valid host', server['fault']['message'])
        self.assertIsNone(self.delete(server))
        self.assert_nothing_left()


class SriovMoveTest(SriovMixin, moves.TwoHostMixin, platforms.SharedPool,
                    base.PowerVMTestCase):

    def _prepare_platform(self):
        self.PROFILE = powervm_fixtures.load_sriov_profile('ssp-two-host')
        super()._prepare_platform()

    def test_cold_migration(self):
        """Nova claims a device of the target, too."""
        server = self.boot_on_first(networks=[{'port': self.port_1['id']}])
        self.migrate(server)
        self.where = 'compute2'
        self.assert_wired(server, self.port_1, host='compute2')
        self.act(server, 'confirmResize')
        self.assert_wired(server, self.port_1, host='compute2')
        self.assertEqual(([], []), (self.claimed(), self.vnics()))
        self.assertIsNone(self.delete(server))
        self.assertEqual([], self.vnics('compute2'))
        # After a move Nova does not track the server there before its next
        # periodic task, which frees the device.
        self.reap()
        self.assertEqual([], self.claimed('compute2'))
