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

"""Documents of the network against the captures that pypowervm ships."""

from pypowervm.tasks import cna as pvm_cna
from pypowervm.tasks import management_console as pvm_mc
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import management_console as pvm_mc_wrap
from pypowervm.wrappers import monitor as pvm_monitor
from pypowervm.wrappers import network as pvm_net
from pypowervm.wrappers import shared_proc_pool as pvm_spp
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.tests.simulator import fidelity
from nova_powervm.tests.simulator import network_base

BRIDGES = ('fake_network_bridge.txt', 'nbbr_network_bridge.txt',
           'nbbr_network_bridge_failover.txt', 'nbbr_network_bridge_peer.txt')
VIOSES = ('fake_vios_feed.txt', 'fake_vios_feed3.txt',
          'fake_vios_ssp_npiv.txt')
CNAS = ('cna_feed.txt', 'cna_feed1.txt', 'fake_cna.txt')
#: Of an external management system for virtual Ethernet (802.1Qbg).
VSI = ('vsi_type_id', 'vsi_type_manager_id', 'vsi_type_version')
#: What the operating system of the partition would report.
ADDRESS = ('gateway', 'ip_address', 'subnet_mask')


class TestNetworkFidelity(network_base.NetworkTestCase):

    def check(self, wrappers, *captures, skip=()):
        """Compare wrappers of entries, and the XML below them."""
        self.assertNotEqual([], wrappers)
        kind = type(wrappers[0])
        captured = fidelity.capture_wrappers(kind, *captures,
                                             adapter=self.adapter)
        elements = fidelity.capture_elements(kind.schema_type, *captures)
        for wrapper in wrappers:
            self.assertEqual([], fidelity.compare_structure(
                wrapper.entry.element.element, elements))
            self.assertEqual([], fidelity.compare_wrapper(
                wrapper, captured, skip))

    def check_parts(self, wrappers, tag, *captures, skip=()):
        """Compare wrappers of elements that have no URL of their own."""
        self.assertNotEqual([], list(wrappers))
        elements = fidelity.capture_elements(tag, *captures)
        captured = [type(wrappers[0]).wrap(part) for part in
                    self.captured_parts(tag, captures)]
        for wrapper in wrappers:
            self.assertEqual([], fidelity.compare_structure(
                wrapper.element.element, elements))
            self.assertEqual([], fidelity.compare_wrapper(
                wrapper, captured, skip))

    def captured_parts(self, tag, captures):
        found = []
        for kind in (pvm_net.NetBridge, pvm_vios.VIOS):
            for wrapper in fidelity.capture_wrappers(
                    kind, *captures, adapter=self.adapter):
                found.extend(wrapper.element.iter(tag))
        return found

    def test_virtual_switch(self):
        self.check(self.children(pvm_net.VSwitch), 'vswitch_feed.txt',
                   'fake_virtual_switch.txt')

    def test_virtual_network(self):
        self.check(self.children(pvm_net.VNet), 'nbbr_virtual_network.txt',
                   'fake_virtual_network_feed.txt')

    def test_client_adapter(self):
        lpar = self.make_lpar()
        pvm_cna.crt_cna(self.adapter, None, lpar.uuid, 5)
        pvm_cna.crt_cna(self.adapter, None, lpar.uuid, 5,
                        addl_vlans=['6', '7'])
        self.check(self.cnas(lpar), *CNAS, skip=VSI + ADDRESS + (
            # Of trunk adapters, or of adapters with Open vSwitch.
            'trunk_pri', 'configured_mtu', 'ovs_bridge', 'ovs_ext_ids'))

    def test_trunk_adapter_with_open_vswitch(self):
        cna = pvm_net.CNA.bld(
            self.adapter, 5, self.switch_w().related_href, trunk_pri=1,
            ovs_bridge='br-int', ovs_ext_ids='iface-id=1',
            configured_mtu=1500)
        cna.create(parent_type=pvm_lpar.LPAR, parent_uuid=self.mgmt.uuid)
        self.check(self.cnas(self.mgmt), *CNAS, skip=VSI + ADDRESS)

    def test_trunk_adapter_of_a_vios(self):
        self.check(self.children(pvm_net.CNA, pvm_vios.VIOS,
                                 self.vios1.uuid),
                   *CNAS, skip=VSI + ADDRESS + (
                       'configured_mtu', 'ovs_bridge', 'ovs_ext_ids'))

    def test_network_bridge(self):
        self.check(self.children(pvm_net.NetBridge), *BRIDGES,
                   skip=('control_channel_id',))

    def test_parts_of_a_bridge(self):
        for bridge in self.children(pvm_net.NetBridge):
            self.check_parts(bridge.load_grps, 'LoadGroup', *BRIDGES)
            self.check_parts(bridge.seas, 'SharedEthernetAdapter', *BRIDGES)

    def test_network_of_a_vios(self):
        vios = pvm_vios.VIOS.get(self.adapter, uuid=self.vios1.uuid,
                                 xag=['ViosNetwork'])
        self.check_parts(vios.seas, 'SharedEthernetAdapter', *VIOSES,
                         skip=('control_channel',))
        self.check_parts(vios.trunk_adapters, 'TrunkAdapter', *VIOSES)
        self.check_parts(vios.io_adpts_for_link_agg, 'IOAdapterChoice',
                         *VIOSES)
        root = vios.entry.element.element
        for tag in ('SharedEthernetAdapters', 'TrunkAdapters',
                    'FreeIOAdaptersForLinkAggregation',
                    'FreeEthenetBackingDevicesForSEA'):
            self.assertEqual([], fidelity.compare_structure(
                root.find('{*}' + tag),
                fidelity.capture_elements(tag, *VIOSES)))

    def test_processor_pool(self):
        self.check(self.children(pvm_spp.SharedProcPool), 'shrprocpool.txt')

    def test_management_console(self):
        pvm_mc.add_authorized_key(self.adapter, 'ssh-rsa AAAA me@here')
        self.check(pvm_mc_wrap.ManagementConsole.get(self.adapter),
                   'managementconsole_ssh.txt')

    def test_pcm_preferences(self):
        response = self.adapter.read_by_href(self.adapter.build_href(
            'ManagedSystem', root_id=self.host.system.uuid,
            child_type='preferences', service='pcm'))
        self.check(pvm_monitor.PcmPref.wrap(response), 'pcm_pref.txt')
