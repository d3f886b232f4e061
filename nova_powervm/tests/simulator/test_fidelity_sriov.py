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

"""Documents of SR-IOV against the captures that pypowervm ships."""

from pypowervm.wrappers import iocard as pvm_card
from pypowervm.wrappers import logical_partition as pvm_lpar

from nova_powervm.tests.simulator import fidelity
from nova_powervm.tests.simulator import sriov_base

_SYSTEM = 'sys_with_sriov.txt'
_SYSTEMS = ('fake_managedsystem.txt', 'managedsystem.txt', _SYSTEM)
_PORTS = ('SRIOVConvergedNetworkAdapterPhysicalPort',
          'SRIOVEthernetPhysicalPort')
_VNICS = 'vnic_feed.txt'
#: Newer than the capture: names and order are those of wrappers.iocard.
_NEWER = ('FailOverPriority', 'AutoFailBack')
_LOGICAL_PORTS = 'sriov_lp_feed.txt'


class TestAdapters(sriov_base.SriovTestCase):

    def adapters(self):
        return self.system_w().asio_config.sriov_adapters

    def test_adapters(self):
        captured = fidelity.capture_elements('SRIOVAdapters', _SYSTEM)
        # No port of the capture has a label.
        with self.site.lock:
            for adapter in self.host.system.sriov:
                for port in adapter.ports:
                    port.label = ''
                adapter.changed()
        root = self.system_w().entry.element.element
        ours = root.find('.//{*}SRIOVAdapters')
        self.assertEqual(3, len(ours.findall('.//{*}SRIOVAdapter')))
        self.assertEqual([], fidelity.compare_structure(ours, captured))

    def test_system(self):
        system = self.system_w()
        captured = fidelity.capture_wrappers(type(system), *_SYSTEMS)
        # The system is in no enterprise pool.
        self.assertEqual([], fidelity.compare_wrapper(
            system, captured, skip=('metered_pool_id',)))

    def test_wrappers(self):
        system, = fidelity.capture_wrappers(type(self.system_w()), _SYSTEM)
        captured = system.asio_config.sriov_adapters
        ports = [port for adapter in captured for port in adapter.phys_ports]
        shared = self.adapters()[:2]
        for adapter in shared:
            self.assertEqual([], fidelity.compare_wrapper(
                adapter, captured[:2], skip=('phys_ports',)))
            for port in adapter.phys_ports:
                self.assertEqual([], fidelity.compare_wrapper(
                    port, ports, skip=('sriov_adap',)))
        dedicated, ours = captured[-1], self.adapters()[-1]
        for name in ('sriov_adap_id', 'mode', 'state', 'personality'):
            self.assertEqual(getattr(dedicated, name), getattr(ours, name))

    def test_every_element_of_a_port(self):
        """A port has all that a captured one has, in the same order."""
        root = self.system_w().entry.element.element
        for tag in _PORTS:
            for ours in root.iter('{*}' + tag):
                captured = [port for port in fidelity.capture_elements(
                    tag, _SYSTEM) if len(port.findall(
                        '{*}CurrentOptions')) == len(ours.findall(
                            '{*}CurrentOptions'))]
                names = [[fidelity.local_name(child) for child in port
                          if fidelity.local_name(child) not in (
                              'PortCapabilities', 'SupportedConnectionSpeeds')]
                         for port in (ours, captured[0])]
                self.assertEqual(names[1], names[0])

    def test_links_and_capacities(self):
        up, down = self.pport_w(1, 0), self.pport_w(2, 2)
        self.assertEqual((True, 'E10Gbps'), (up.link_status, up.curr_speed))
        self.assertEqual((False, 'Unknown'),
                         (down.link_status, down.curr_speed))
        self.assertEqual((20, 20, 0, 0.02, 0.0), (
            up.supp_max_lps, up.cfg_max_lps, up.cfg_lps, up.min_granularity,
            up.allocated_capacity))
        self.assertEqual(('prod', None, 'Veb', 'E_1500'), (
            up.label, up.sublabel, up.switch_mode, up.mtu))
        self.assertTrue(up.loc_code.endswith('-P1-C1-T1'))


class TestVnics(sriov_base.VnicTestCase):

    def test_document(self):
        self.pair(pvid=100)
        self.create(self.lpar, (self.vios1, 1, 1))
        captured = fidelity.capture_wrappers(pvm_card.VNIC, _VNICS,
                                             adapter=self.adapter)
        for groups in ([], ['Advanced', 'VNIC']):
            for vnic in self.vnics(self.lpar, xag=groups):
                self.assertEqual([], fidelity.compare_structure(
                    vnic.entry.element.element, fidelity.capture_elements(
                        'VirtualNICDedicated', _VNICS), newer=_NEWER))
                # The addresses are what the operating system would report.
                self.assertEqual([], fidelity.compare_wrapper(
                    vnic, captured,
                    skip=('ip_address', 'gateway', 'subnet_mask')))

    def test_devices(self):
        captured = [device for vnic in fidelity.capture_wrappers(
            pvm_card.VNIC, _VNICS) for device in vnic.back_devs]
        for device in self.pair().back_devs:
            self.assertEqual([], fidelity.compare_wrapper(device, captured))

    def test_every_element(self):
        """A vNIC has all that a captured one has, but for the addresses."""
        def paths(element, path=''):
            for child in element:
                if isinstance(child.tag, str):
                    name = path + '/' + fidelity.local_name(child)
                    yield name
                    yield from paths(child, name)

        captured = fidelity.capture_elements('VirtualNICDedicated',
                                             _VNICS)[1]
        self.create(self.lpar, (self.vios1, 1, 1))
        ours, = self.vnics(self.lpar, xag=['VNIC'])
        self.assertEqual(list(paths(captured)), [
            path for path in paths(ours.entry.element.element)
            if path.rpartition('/')[2] not in _NEWER])


class TestLogicalPorts(sriov_base.SriovTestCase):

    def check(self, ports):
        self.assertNotEqual([], ports)
        captured = fidelity.capture_wrappers(
            pvm_card.SRIOVEthLPort, _LOGICAL_PORTS, adapter=self.adapter)
        elements = fidelity.capture_elements('SRIOVEthernetLogicalPort',
                                             _LOGICAL_PORTS)
        for port in ports:
            self.assertEqual([], fidelity.compare_structure(
                port.entry.element.element, elements))
            self.assertEqual([], fidelity.compare_wrapper(port, captured))
            # The captured ones have the same elements, all of them.
            names = [[fidelity.local_name(child) for child in element]
                     for element in elements if element.findtext(
                         '{*}VNICPortUsage') == port.vnic_port_usage]
            self.assertIn([fidelity.local_name(child) for child in
                           port.entry.element.element], names)

    def test_of_a_vnic(self):
        self.create(self.make_lpar(), (self.vios1, 1, 0), (self.vios2, 2, 1),
                    pvid=1095)
        self.check(self.lports(self.vios1) + self.lports(self.vios2))

    def test_of_a_partition(self):
        lpar = self.make_lpar()
        pvm_card.SRIOVEthLPort.bld(self.adapter, 1, 2).create(
            parent_type=pvm_lpar.LPAR, parent_uuid=lpar.uuid)
        self.check(self.lports(lpar))
