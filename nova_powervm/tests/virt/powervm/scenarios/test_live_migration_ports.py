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

"""Running servers move whose ports are not all alike, on either host."""

from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import live_migration
from nova_powervm.tests.virt.powervm.scenarios import test_live_migration

_HOSTS = (None, 'compute1', 'compute2')


class MixedTest(test_live_migration.OvsMixin, base.ScenarioCase):
    """Port 1 is on a Shared Ethernet Adapter, port 2 on Open vSwitch."""

    PROFILE = 'live-migration'
    VIF = {}
    OVS = test_live_migration.OvsMixin.VIF
    ADAPTERS = 3

    def setUp(self):
        super().setUp()
        self.cloud.ports.bindings = {
            (2, host): (self.OVS['vif_type'], self.OVS['vif_details'])
            for host in _HOSTS}
        self.addCleanup(self.cloud.ports.bindings.clear)

    def boot_on_first(self, **kwargs):
        return super().boot_on_first(networks=[
            {'port': self.neutron.port(number)['id']} for number in (1, 2)],
            **kwargs)

    def assert_runs_on(self, server, host, booted=None):
        super().assert_runs_on(server, host, booted)
        self.assert_linked(host, 1)
        self.assert_linked(self.other_host(server), 0)
        self.assertEqual([], self.leaks())
        self.assertEqual(101, self.vlan_of_port(host))

    def test_there_and_back(self):
        server = self.boot_on_first()
        for _host in self.move_about(server):
            pass
        self.reboot(server, hard=True)
        self.assert_runs_on(server, 'compute2')
        self.assert_gone(server)

    def test_stays(self):
        server, before = self.boot_and_look()
        self.break_migration('copy')
        self.live_migrate(server)
        self.assert_stayed(server, before)
        self.assert_moves_again(server)

    def test_type_on_the_target(self):
        """The platform cannot change it."""
        server, before = self.boot_and_look()
        del self.cloud.ports.bindings[2, 'compute2']
        self.live_migrate(server)
        self.assert_stayed(server, before)
        self.assertIn('has the type ovs on the source, and pvm_sea on the '
                      'target', self.fault_of(server))


class VlanTest(live_migration.LiveMigrationMixin, base.ScenarioCase):
    """The network of a port has another VLAN on the target."""

    @classmethod
    def load_profile(cls):
        profile = powervm_fixtures.load_profile(cls.PROFILE)
        for host in profile['hosts']:
            for bridge in host['bridges']:
                bridge['vlans'].append(102)
        return profile

    def setUp(self):
        super().setUp()
        self.cloud.ports.bindings = {
            (1, 'compute2'): ('pvm_sea', {'vlan': '102'})}
        self.addCleanup(self.cloud.ports.bindings.clear)

    def test_adapter_gets_it(self):
        server = self.boot_on_first()
        booted = self.lpar_on(server, 'compute1').boot_time
        for host, vlan in (('compute2', 102), ('compute1', 101)):
            self.live_migrate(server)
            self.assert_runs_on(server, host, booted)
            self.assertEqual(vlan, self.vlan_of_port(host))
        self.live_migrate(server)
        self.reboot(server, hard=True)
        self.assertEqual(102, self.vlan_of_port('compute2'))
        self.assert_gone(server)

    def test_stays(self):
        server, before = self.boot_and_look()
        self.break_migration('copy')
        self.live_migrate(server)
        self.assert_stayed(server, before)
        self.assertEqual(101, self.vlan_of_port('compute1'))
