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

"""Servers whose ports are on an Open vSwitch of the management partition."""

import fixtures as fx
from nova.tests import fixtures as nova_fixtures

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import budgets
from nova_powervm.tests.functional import fixtures as func_fixtures


class NeutronFixture(func_fixtures.NeutronFixture):
    """Ports as the Open vSwitch agent of Neutron binds them."""

    VIF_TYPE = 'ovs'
    VIF_DETAILS = {'port_filter': True, 'bridge_name': 'br-int'}


class HybridFixture(NeutronFixture):
    """The agent filters in a Linux bridge, which PowerVM has not."""

    VIF_DETAILS = dict(NeutronFixture.VIF_DETAILS, ovs_hybrid_plug=True)


class OvsMixin:
    """It comes before base.PowerVMTestCase in a list of bases."""

    NEUTRON = NeutronFixture

    def _prepare_platform(self):
        super()._prepare_platform()
        self.useFixture(fx.MockPatchObject(nova_fixtures, 'NeutronFixture',
                                           self.NEUTRON))

    def trunks(self):
        """The adapters of the management partition that lead to servers."""
        return [cna for cna in self.platform.state()['ClientNetworkAdapter']
                if cna['ovs_bridge']]

    def assert_wired(self, server, *ports):
        """A trunk leads to each port of a server, alone in its VLAN.

        :param ports: dicts of Neutron's.
        """
        adapters = self.platform.state()['ClientNetworkAdapter']
        self.assertEqual(len(ports), len(self.trunks()))
        for port in ports:
            mac = port['mac_address'].replace(':', '').upper()
            client, = [cna for cna in adapters if cna['mac'] == mac]
            self.assertEqual(self.lpar_of(server)['name'],
                             client['partition'])
            pair = [cna for cna in adapters
                    if (cna['switch'], cna['pvid']) ==
                    (client['switch'], client['pvid'])]
            self.assertEqual(2, len(pair))
            trunk, = [cna for cna in pair if cna is not client]
            self.assertEqual('novalink', trunk['partition'])
            self.assertEqual('br-int', trunk['ovs_bridge'])
            for text in ('iface-id=' + port['id'],
                         'attached-mac=' + port['mac_address'],
                         'vm-uuid=' + server['id']):
                self.assertIn(text, trunk['ovs_ids'].split(','))


class OvsTest(OvsMixin, base.PowerVMTestCase):

    def setUp(self):
        super().setUp()
        # The first server has the private virtual switch made.
        self.delete(self.boot())
        self.before = self.platform_state()
        self.neutron.create_port({'port': self.neutron.port_2})

    def assert_nothing_left(self):
        self.assert_state_equal(self.before, self.platform_state(), 'Left')

    def test_life(self):
        server = self.boot()
        self.assert_wired(server, self.neutron.port_1)
        self._stop_server(server)
        self._start_server(server)
        self._reboot_server(server, hard=True)
        self.assert_wired(server, self.neutron.port_1)
        self.assertIsNone(self.delete(server))
        self.assert_nothing_left()

    def test_two_servers(self):
        servers = [self.boot(networks=[{'port': port['id']}]) for port in (
            self.neutron.port_1, self.neutron.port_2)]
        self.assertEqual(2, len({cna['pvid'] for cna in self.trunks()}))
        self.assertIsNone(self.delete(servers[0]))
        self.assert_wired(servers[1], self.neutron.port_2)
        self.assertIsNone(self.delete(servers[1]))
        self.assert_nothing_left()

    def test_ports_come_and_go(self):
        server = self.boot()
        self._attach_interface(server, self.neutron.port_2['id'])
        self.assert_wired(server, self.neutron.port_1, self.neutron.port_2)
        self._detach_interface(server, self.neutron.port_1['id'])
        self.assert_wired(server, self.neutron.port_2)
        self.assertIsNone(self.delete(server))
        self.assert_nothing_left()

    def test_lost_trunk(self):
        """A hard reboot makes it anew."""
        server = self.boot()
        with self.site.lock:
            self.platform.remove(self.platform.store.get(
                'ClientNetworkAdapter', self.trunks()[0]['uuid']))
        self.assertEqual([], self.trunks())
        self._reboot_server(server, hard=True)
        self.assert_wired(server, self.neutron.port_1)
        self.assertIsNone(self.delete(server))
        self.assert_nothing_left()


class FirewallTest(OvsMixin, base.PowerVMTestCase):

    NEUTRON = HybridFixture

    def test_unfiltered_port_is_refused(self):
        before = self.platform_state()
        server = self.boot(expected_status='ERROR')
        self.assertEqual([], self.trunks())
        self.assertIsNone(self.delete(server))
        self.assert_state_equal(before, self.platform_state(), 'Left')


class OvsBudgetTest(OvsMixin, budgets.BudgetBase):

    def test_spawn_and_destroy(self):
        # The first has the private virtual switch made, and the event that
        # tells so has its host read what switches there are again.
        for _number in range(2):
            self.delete(self.boot())
        server, requests = self.requests_of(self.boot)
        self.assert_within(17, requests)
        left, requests = self.requests_of(self.delete, server)
        self.assertIsNone(left)
        self.assert_within(16, requests)
