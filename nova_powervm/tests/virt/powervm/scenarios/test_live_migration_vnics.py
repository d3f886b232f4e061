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

"""Running servers with vNICs move: the labels of ports lead their way."""

from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import live_migration
from nova_powervm.tests.virt.powervm.scenarios import test_sriov


class VnicTest(test_sriov.SriovMixin, live_migration.LiveMigrationMixin,
               base.ScenarioCase):

    #: The adapter of the management network.
    ADAPTERS = 1

    @classmethod
    def load_profile(cls):
        profile = powervm_fixtures.load_sriov_profile(cls.PROFILE)
        # On the target the same cables are in other ports.
        for adapter in profile['hosts'][1]['sriov'][:2]:
            adapter['ports'].reverse()
        return profile

    def ports(self, host, label='prod'):
        """The simulated physical ports with a label."""
        return [port for adapter in self.simulated_host(host).system.sriov
                for port in adapter.ports if port.label == label]

    def change_labels(self, ports, label='test'):
        """Give ports another label until the test ends."""
        for port in ports:
            self.addCleanup(self.set_port, port, label=port.label)
            self.set_port(port, label=label)

    def set_port(self, port, **settings):
        with self.site.lock:
            for name, value in settings.items():
                setattr(port, name, value)
            port.adapter.changed()

    def labels_of(self, host):
        """Labels of the ports that back the vNICs of a host."""
        return {port.label for vnic in self.simulated_host(host).store.all(
            'VirtualNICDedicated') for device in vnic.devices
            for port in [device.port]}

    def test_moves_there_and_back(self):
        server = self.boot_on_first()
        booted = self.lpar_on(server, 'compute1').boot_time
        for here, there in (('compute1', 'compute2'),
                            ('compute2', 'compute1')):
            self.live_migrate(server)
            self.assert_runs_on(server, there, booted)
            self.assert_wired(there, 1)
            self.assert_wired(here)
            self.assertEqual({'prod'}, self.labels_of(there))
        self.reboot(server, hard=True)
        self.assert_wired('compute1', 1)
        self.assert_gone(server)

    def test_operations_after_it(self):
        server = self.boot_on_first()
        self.live_migrate(server)
        self.attach_port(server)
        self.assert_wired('compute2', 1, 2)
        self.live_migrate(server)
        self.assert_wired('compute1', 1, 2)
        self.detach_port(server, 2)
        self.assert_wired('compute1', 1)

    def test_stays(self):
        """Nothing of it is left on the target."""
        server, before = self.boot_and_look()
        self.break_migration('copy')
        self.live_migrate(server)
        self.assert_stayed(server, before)
        self.assert_wired('compute2')
        self.assert_moves_again(server)
        self.assert_wired('compute2', 1)

    def check_refused(self, *reasons):
        server, before = self.boot_and_look()
        self.live_migrate(server)
        self.assert_stayed(server, before, 'error')
        for reason in reasons:
            self.assertIn(reason, self.fault_of(server))

    def test_label_is_missing(self):
        self.change_labels(self.ports('compute2'))
        self.check_refused('2 ports of SR-IOV adapters with the label prod',
                           'has 0')

    def test_one_port_too_few(self):
        self.change_labels(self.ports('compute2')[1:])
        self.check_refused('2 ports of SR-IOV adapters with the label prod',
                           'has 1')

    def test_ports_are_full(self):
        for port in self.ports('compute2'):
            self.addCleanup(self.set_port, port, maximum=port.maximum)
            self.set_port(port, maximum=0)
        self.check_refused('physical network prod',
                           'logical ports are in use')

    def test_no_vnics_on_the_target(self):
        system = self.simulated_host('compute2').system

        def set_capable(value):
            with self.site.lock:
                system.spec['capabilities'][
                    'VirtualNICDedicatedSRIOVCapable'] = value
                system.touch('Other')

        self.addCleanup(set_capable, True)
        set_capable(False)
        self.check_refused('has no vNICs')

    def test_port_of_the_source_has_no_label(self):
        """The platform would not know where to."""
        server, before = self.boot_and_look()
        self.change_labels(self.ports('compute1'), '')
        with self.cloud.on('compute1'):
            self.driver.services.host.get_system()
        self.live_migrate(server)
        self.assertIn('has no label', self.fault_of(server))
        self.assertEqual('error', self.migration_of(server).status)
        self.assert_runs_on(server, 'compute1', before[1])

    def test_another_network_on_the_target(self):
        """The platform cannot be told another VLAN for a vNIC."""
        server, before = self.boot_and_look()
        for details in ({'vlan': '102'}, {'physical_network': 'test'}):
            self.cloud.ports.bindings = {(1, 'compute2'): (
                'pvm_sriov', dict(self.VIF['vif_details'], **details))}
            self.live_migrate(server)
            self.assert_stayed(server, before)
            self.assertIn('A vNIC of a running server keeps its network',
                          self.fault_of(server))
        self.cloud.ports.bindings = {}
        self.assert_moves_again(server)

    def test_room_is_taken_after_the_checks(self):
        """The platform refuses it, and the server stays."""
        server, before = self.boot_and_look()
        taken = self.ports('compute2')
        most = [port.maximum for port in taken]

        def take(_method, _path):
            for port in taken:
                self.set_port(port, maximum=0)

        self.simulated_host('compute1').faults.add(
            {'method': 'PUT', 'path': '/do/Migrate$'}, take)
        self.live_migrate(server)
        for port, maximum in zip(taken, most, strict=True):
            self.set_port(port, maximum=maximum)
        self.assert_stayed(server, before)
        self.assertIn('no SR-IOV port with the label prod',
                      self.logger.output)
        self.assert_moves_again(server)
