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

"""The vNICs of a server that is migrated live; see the scenarios, too."""

import fixtures
from nova import exception as nova_exc
from nova.network import model
from nova import objects

from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.virt.powervm.live import base
from nova_powervm.tests.virt.powervm.vif import base as vif_base
from nova_powervm.virt.powervm.live import vnics
from nova_powervm.virt.powervm import vif as powervm_vif


class VnicsTest(base.LiveTestCase):

    @property
    def PROFILE(self):
        return powervm_fixtures.load_sriov_profile('ssp-two-host')

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MockPatch('nova.objects.Instance.save'))
        self.ports = model.NetworkInfo()
        self.instance.info_cache = objects.InstanceInfoCache(
            network_info=self.ports)

    def plug(self, **details):
        """Give the server a vNIC in network prod."""
        port = vif_base.make_vif(type='pvm_sriov', details=dict({
            'vlan': '101', 'network_type': 'vlan', 'physical_network': 'prod',
            'powervm_agentless': True}, **details))
        self.ports.append(port)
        powervm_vif.plug(self.host, self.instance, port,
                         self.host.lpar(self.lpar.uuid))
        self.host.get_system()
        self.requests()

    def assert_refused(self, reason, described):
        exc = self.assertRaises(nova_exc.MigrationPreCheckError,
                                vnics.check_room, self.target, described)
        self.assertIn(reason, str(exc))

    def test_none(self):
        self.ports.append(vif_base.make_vif(type='pvm_sea'))
        self.requests()
        self.assertEqual([], vnics.describe(self.host, self.instance))
        self.assertEqual([], self.requests())
        self.simulated = self.site.hosts[1]
        self.requests()
        vnics.check_room(self.target, [])
        self.assertEqual([], self.requests())

    def test_describes(self):
        self.plug(capacity='0.04')
        described, = vnics.describe(self.host, self.instance)
        self.assertEqual(['GET LogicalPartition/VirtualNICDedicated'],
                         self.requests())
        self.assertEqual(['prod'] * 2, [
            device['label'] for device in described['devices']])
        self.assertEqual([400] * 2, [
            device['capacity'] for device in described['devices']])

    def test_room(self):
        self.plug()
        described = vnics.describe(self.host, self.instance)
        self.simulated = self.site.hosts[1]
        vnics.check_room(self.target, described)
        self.requests()
        vnics.check_room(self.target, described)
        self.assertEqual(['GET ManagedSystem'], self.requests())

    def test_several_vnics_share_the_room(self):
        self.plug(capacity='0.6')
        described = vnics.describe(self.host, self.instance)
        vnics.check_room(self.target, described)
        self.assert_refused('of its capacity is left', described * 2)

    def test_one_device_only(self):
        self.plug()
        described = vnics.describe(self.host, self.instance)
        system = self.site.hosts[1].system
        with self.site.lock:
            system.spec['capabilities']['VirtualNICFailOverCapable'] = False
            system.touch('Other')
        self.assert_refused('no vNICs with several backing devices',
                            described)

    def test_logical_ports_are_noted(self):
        self.plug()
        described = vnics.describe(self.host, self.instance)
        vnics.note_moved(self.host, self.instance, described)
        self.assertEqual(
            {port.uuid for port in self.simulated.store.all(
                'SRIOVEthernetLogicalPort')},
            {noted.uuid for noted in self.host.sriov.freed()})
