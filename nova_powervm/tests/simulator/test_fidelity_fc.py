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

"""Holds documents of Fibre Channel against captures of real servers."""

from lxml import etree
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import storage as pvm_stor
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.tests.simulator import fc_base
from nova_powervm.tests.simulator import fidelity

VIOS_FILES = ('fake_vios_ssp_npiv.txt', 'fake_vios_mappings.txt',
              'fake_vios_feed.txt', 'fake_vios_feed2.txt',
              'fake_vios_feed3.txt', 'fake_vios_hosting_vios_feed.txt',
              'vio_multi_vscsi_mapping.txt')
ADAPTER_FILES = ('vfc_client_adapter_feed.txt',)
LPAR_FILES = ('lpar.txt', 'fake_lpar_feed.txt')
#: What pypowervm knows and no capture has.
NEWER = ('Tag', 'PhysicalPageTableRatio', 'CurrentPhysicalPageTableRatio',
         'PendingSecureBoot', 'CurrentSecureBoot')


class FcFidelityTest(fc_base.FcTestCase):
    """Mappings with and without port and partition, and a mapped volume."""

    def setUp(self):
        super().setUp()
        lpar, gone = self.make_lpar('vm1'), self.make_lpar('vm2')
        self.lpar = lpar
        self.connect(lpar)
        self.add_map(lpar, None)
        self.add_map(lpar, None, port=1)
        self.add_map(gone, None)
        vios_w = self.fc_w()
        element = vios_w.vfc_mappings[1].element
        element.remove(element.find('Port'))
        vios_w.update()
        self.adapter.delete('LogicalPartition', root_id=gone.uuid)
        self.wrapper = self.vios_w([])
        self.captured = fidelity.capture_wrappers(pvm_vios.VIOS, *VIOS_FILES)

    def assert_like(self, element, type_name, *files):
        self.assertEqual([], fidelity.compare_structure(
            element, fidelity.capture_elements(type_name, *files),
            newer=NEWER))

    def element(self, wrapper):
        return etree.fromstring(wrapper.toxmlstring())

    def captured_mappings(self, with_client, with_port):
        """Wrappers of captured mappings of one kind."""
        found = [mapping for vios_w in self.captured
                 for mapping in vios_w.vfc_mappings
                 if (mapping.client_adapter is not None) == with_client and
                 (mapping.backing_port is not None) == with_port]
        self.assertNotEqual([], found)
        return found

    def test_mappings(self):
        self.assertEqual(3, len(self.wrapper.vfc_mappings))
        for mapping in self.wrapper.vfc_mappings:
            self.assert_like(self.element(mapping),
                             'VirtualFibreChannelMapping', *VIOS_FILES)

    def test_wrappers_of_mappings(self):
        whole, portless, orphan = self.wrapper.vfc_mappings
        for ours, captured in (
                (whole, self.captured_mappings(True, True)),
                (portless, self.captured_mappings(True, False)),
                (orphan, self.captured_mappings(False, True))):
            # Not all orphans have a link.
            self.assertEqual([], fidelity.compare_wrapper(
                ours, captured, skip=('client_lpar_href',)))
            for part in ('client_adapter', 'server_adapter', 'backing_port'):
                if getattr(ours, part) is None:
                    continue
                # A port can also be gone from one side only.
                skip = ('map_port',) if ours is portless else ()
                self.assertEqual([], fidelity.compare_wrapper(
                    getattr(ours, part), [getattr(mapping, part)
                                          for mapping in captured],
                    skip=skip))

    def test_ports(self):
        captured = [port for vios_w in self.captured
                    for port in vios_w.pfc_ports
                    if port.npiv_total_ports]
        for port in self.wrapper.pfc_ports:
            self.assertEqual([], fidelity.compare_wrapper(port, captured))

    def test_port_that_is_down(self):
        self.san.set_port(self.wwpns(self.vios)[1], False)
        captured = [port for vios_w in fidelity.capture_wrappers(
            pvm_vios.VIOS, 'fake_vios_ssp_npiv.txt')
            for port in vios_w.pfc_ports if not port.npiv_total_ports]
        self.assertNotEqual([], captured)
        self.assertEqual([], fidelity.compare_wrapper(
            self.fc_w().pfc_ports[1], captured))

    def test_vios(self):
        captured = fidelity.capture_elements('VirtualIOServer', *VIOS_FILES)
        captured += fidelity.capture_elements('LogicalPartition', *LPAR_FILES)
        self.assertEqual([], fidelity.compare_structure(
            self.element(self.wrapper), captured, newer=NEWER))

    def test_volume(self):
        ours = next(volume for volume in self.wrapper.phys_vols
                    if volume.udid == self.volume.udid)
        captured = [volume for vios_w in self.captured
                    for volume in vios_w.phys_vols if volume.is_fc_backed]
        self.assertEqual([], fidelity.compare_wrapper(ours, captured, skip=(
            # Such as those of encrypted volumes, which there are not here.
            'encryption_state', 'encryption_agent')))
        self.assert_like(self.element(ours), 'PhysicalVolume', *VIOS_FILES)

    def test_volume_mapping(self):
        ours = self.wrapper.scsi_mappings[0]
        self.assert_like(self.element(ours), 'VirtualSCSIMapping',
                         *VIOS_FILES)
        captured = [
            mapping for vios_w in self.captured
            for mapping in vios_w.scsi_mappings
            if isinstance(mapping.backing_storage, pvm_stor.PV) and
            mapping.client_adapter is not None]
        self.assertEqual([], fidelity.compare_wrapper(
            ours.target_dev, [mapping.target_dev for mapping in captured]))

    def test_client_adapter(self):
        ours = pvm_stor.VFCClientAdapter.get(
            self.adapter, parent_type=pvm_lpar.LPAR,
            parent_uuid=self.lpar.uuid)[0]
        element = self.element(ours)
        # Cards of some makers write it in lower case, as the only captured
        # one does; ours are like those of the other captures.
        wwpn = element.find('.//{*}WWPN')
        wwpn.text = wwpn.text.lower()
        self.assert_like(element, 'VirtualFibreChannelClientAdapter',
                         *ADAPTER_FILES)
        captured = fidelity.capture_wrappers(pvm_stor.VFCClientAdapter,
                                             *ADAPTER_FILES)
        self.assertEqual([], fidelity.compare_wrapper(ours, captured))
        self.assertIn('/LogicalPartition/%s/VirtualFibreChannelClientAdapter/'
                      % self.lpar.uuid, ours.href)

    def test_partition(self):
        ours = pvm_lpar.LPAR.get(self.adapter, uuid=self.lpar.uuid)
        # AutoStart and what is after it differ for other reasons, see
        # test_fidelity_partition.
        self.assertEqual([], [
            problem for problem in fidelity.compare_structure(
                self.element(ours), fidelity.capture_elements(
                    'LogicalPartition', *LPAR_FILES), newer=NEWER)
            if 'FibreChannel' in problem])
