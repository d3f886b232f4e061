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

"""Virtual Fibre Channel mappings, and the partition's side of them."""

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import storage as pvm_tasks
from pypowervm.tasks import vfc_mapper
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import storage as pvm_stor
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.tests.simulator import fc_base


class FcMappingTest(fc_base.FcTestCase):

    def setUp(self):
        super().setUp()
        self.lpar = self.make_lpar()

    def adapters(self, lpar=None):
        """The wrappers of the client adapters of a partition."""
        lpar = lpar or self.lpar
        return pvm_stor.VFCClientAdapter.get(
            self.adapter, parent_type=pvm_lpar.LPAR, parent_uuid=lpar.uuid)

    def available(self, vios=None):
        """AvailablePorts of the ports of a VIOS."""
        return [port.npiv_available_ports for port in
                self.fc_w(vios).pfc_ports]

    def assert_nothing_changed(self, before):
        self.assertEqual(before, self.site.state())
        self.assertEqual([64, 64], self.available())

    def test_create_and_remove(self):
        before = self.site.state()
        wwpns = self.new_wwpns()
        self.add_map(self.lpar, wwpns)

        mapping = self.fc_w().vfc_mappings[0]
        self.assertEqual(wwpns, mapping.client_adapter.wwpns)
        self.assertEqual(self.wwpns(self.vios)[0], mapping.backing_port.wwpn)
        self.assertEqual('fcs0', mapping.server_adapter.map_port)
        self.assertEqual('vfchost0', mapping.server_adapter.name)
        self.assertEqual(self.lpar.partition_id,
                         mapping.server_adapter.lpar_id)
        self.assertEqual('1d' + mapping.server_adapter.loc_code,
                         mapping.server_adapter.udid)
        slot = mapping.client_adapter.lpar_slot_num
        self.assertIn(slot, self.lpar.slots)
        self.assertIn(mapping.server_adapter.vios_slot_num, self.vios.slots)
        self.assertEqual([63, 64], self.available())

        adapter = self.adapters()[0]
        self.assertEqual(
            (wwpns, slot, self.vios.partition_id),
            (adapter.wwpns, adapter.lpar_slot_num, adapter.vios_id))
        lpar_w = pvm_lpar.LPAR.get(self.adapter, uuid=self.lpar.uuid)
        self.assertIn('VirtualFibreChannelClientAdapter/' + adapter.uuid,
                      lpar_w.toxmlstring().decode())

        vios_w = self.fc_w()
        self.assertEqual(1, len(vfc_mapper.remove_maps(vios_w,
                                                       self.lpar.uuid)))
        vios_w.update()
        self.assert_nothing_changed(before)
        self.assertEqual([], self.adapters())

    def test_same_again_is_no_change(self):
        self.add_map(self.lpar, None)
        before = self.site.state()
        self.fc_w().update()
        self.assertEqual(before, self.site.state())

    def test_wwpns_made_by_the_platform(self):
        self.add_map(self.lpar, None)
        self.add_map(self.lpar, None, port=1)
        wwpns = [wwpn for adapter in self.adapters()
                 for wwpn in adapter.wwpns]
        self.assertEqual(4, len(set(wwpns)))
        self.assertEqual(set(), set(wwpns) & set(self.new_wwpns()))

    def test_slot(self):
        self.add_map(self.lpar, None, slot=17)
        self.assertEqual([17], [adapter.lpar_slot_num for adapter in
                                self.adapters()])
        self.assertRefused('slot 17', self.add_map, self.lpar, None, slot=17)
        self.assertEqual(1, len(self.vios.fc_mappings))
        self.assertEqual([63, 64], self.available())

    def test_driver_of_pypowervm(self):
        """The way that a client chooses ports on two fabrics."""
        vioses = pvm_vios.VIOS.get(self.adapter, xag=fc_base.FC)
        for number in (0, 1):
            ports = [vios.fc_ports[number].wwpn for vios in
                     (self.vios, self.vios2)]
            port_maps = vfc_mapper.derive_npiv_map(
                vioses, ports, self.new_wwpns(2))
            for port_map in port_maps:
                vios_w = vfc_mapper.find_vios_for_port_map(vioses, port_map)
                self.assertIsNotNone(vfc_mapper.add_map(
                    vios_w, self.host.system.uuid, self.lpar.uuid, port_map))
        for vios_w in vioses:
            vios_w.update()
        self.assertEqual([63, 63], self.available())
        self.assertEqual([63, 63], self.available(self.vios2))
        self.assertEqual(['vfchost0', 'vfchost1'], [
            mapping['adapter'] for mapping in
            self.vios.state()['fc_mappings']])
        self.assertEqual(4, len(self.adapters()))

    def test_port_of_a_mapping_changes(self):
        self.add_map(self.lpar, None)
        vios_w = self.fc_w()
        mapping = vios_w.vfc_mappings[0]
        mapping.backing_port = vios_w.pfc_ports[1].bld_ref(
            self.adapter, 'fcs1', ref_tag='Port')
        vios_w.update()
        self.assertEqual([64, 63], self.available())
        self.assertEqual('fcs1', self.fc_w().vfc_mappings[
            0].server_adapter.map_port)

    def test_mapping_without_a_port(self):
        wwpns = self.new_wwpns()
        self.add_map(self.lpar, wwpns)
        vios_w = self.fc_w()
        element = vios_w.vfc_mappings[0].element
        element.remove(element.find('Port'))
        vios_w.update()
        self.assertIsNone(self.fc_w().vfc_mappings[0].backing_port)
        self.assertEqual([64, 64], self.available())
        # pypowervm gives it a port again.
        self.add_map(self.lpar, wwpns)
        self.assertEqual(1, len(self.vios.fc_mappings))
        self.assertEqual([63, 64], self.available())

    def test_events_and_etags(self):
        etags = (self.vios.etag, self.lpar.etag)
        self.add_map(self.lpar, None)
        self.assertNotIn(self.vios.etag, etags)
        self.assertNotIn(self.lpar.etag, etags)

    # -- refusals ---------------------------------------------------------

    def test_wwpn_in_use(self):
        wwpns = self.new_wwpns()
        self.add_map(self.lpar, wwpns)
        before = self.site.state()
        for vios in (self.vios, self.vios2):
            vios_w = self.fc_w(vios)
            vios_w.vfc_mappings.append(pvm_vios.VFCMapping.bld(
                self.adapter, self.host.system.uuid, self.lpar.uuid, 'fcs0',
                client_wwpns=wwpns))
            self.assertRefused('is in use', vios_w.update)
        self.assertEqual(before, self.site.state())

    def test_bad_mappings(self):
        before = self.site.state()
        uuid = self.lpar.uuid
        for lpar_uuid, port, wwpns, reason in (
                (uuid, 'fcs7', None, 'no Fibre Channel port fcs7'),
                (uuid, 'fcs0', ['12' * 8, '12' * 8], 'two different WWPNs'),
                (uuid, 'fcs0', ['hello', 'you'], 'is not a WWPN'),
                (self.host.new_uuid('x'), 'fcs0', None, 'no partition'),
                (self.vios2.uuid, 'fcs0', None, 'cannot have a virtual')):
            vios_w = self.fc_w()
            vios_w.vfc_mappings.append(pvm_vios.VFCMapping.bld(
                self.adapter, self.host.system.uuid, lpar_uuid, port,
                client_wwpns=wwpns))
            self.assertRefused(reason, vios_w.update)
        self.assert_nothing_changed(before)

    def test_unknown_adapter(self):
        self.add_map(self.lpar, None)
        vios_w = self.fc_w()
        with self.site.lock:
            self.vios.fc_mappings[0].release_slots()
            self.vios.fc_mappings.clear()
        self.assertRefused('no virtual Fibre Channel adapter', vios_w.update)

    def test_wwpns_cannot_change(self):
        self.add_map(self.lpar, None)
        vios_w = self.fc_w()
        vios_w.vfc_mappings[0].client_adapter._wwpns(self.new_wwpns())
        self.assertRefused('cannot change', vios_w.update)

    def test_full_port(self):
        with self.site.lock:
            self.vios.fc_ports[0].total = 1
            self.vios.touch()
        self.add_map(self.lpar, None)
        self.assertRefused('no virtual port left', self.add_map, self.lpar,
                           None)
        self.add_map(self.lpar, None, port=1)

    def test_port_that_is_down(self):
        self.san.set_port(self.wwpns(self.vios)[0], False)
        self.assertRefused('cannot carry virtual ports', self.add_map,
                           self.lpar, None)

    def test_running_partition_without_rmc(self):
        running = self.make_lpar('vm2', running=True)
        self.add_map(running, None)
        running.set_rmc('inactive')
        self.assertRefused('HSCL294D', self.add_map, running, None)
        vios_w = self.fc_w()
        vios_w.vfc_mappings = []
        self.assertRefused('HSCL294D', vios_w.update)
        self.assertEqual(1, len(self.vios.fc_mappings))

    def test_vios_is_down(self):
        self.vios.set_rmc('inactive')
        self.assertRefused('cannot do this', self.add_map, self.lpar, None)

    def test_refusal_of_another_part_undoes_it(self):
        before = self.site.state()
        vios_w = self.fc_w()
        vios_w.vfc_mappings.append(pvm_vios.VFCMapping.bld(
            self.adapter, self.host.system.uuid, self.lpar.uuid, 'fcs0'))
        vios_w.name = 'x' * 32
        self.assertRefused('HSCL1551', vios_w.update)
        self.assert_nothing_changed(before)
        self.assertEqual({}, self.lpar.slots)

    def test_adapters_only_come_with_mappings(self):
        self.add_map(self.lpar, None)
        adapter = self.adapters()[0]
        for func in (adapter.delete, adapter.update):
            exc = self.assertRaises(pvm_exc.HttpError, func)
            self.assertEqual(405, exc.response.status)

    # -- partitions that go -----------------------------------------------

    def test_orphan(self):
        before = self.site.state()
        gone = self.make_lpar('vm2')
        wwpns = self.new_wwpns()
        self.add_map(gone, wwpns)
        self.adapter.delete('LogicalPartition', root_id=gone.uuid)
        mapping = self.fc_w().vfc_mappings[0]
        self.assertIsNone(mapping.client_adapter)
        self.assertIsNone(mapping.client_lpar_href)
        self.assertEqual(gone.partition_id, mapping.server_adapter.lpar_id)
        self.assertEqual([63, 64], self.available())
        self.assertEqual([], self.host.store.all(
            'VirtualFibreChannelClientAdapter'))
        # The names are free again.
        self.add_map(self.lpar, wwpns, port=1)

        pvm_tasks.ComprehensiveScrub(self.adapter).execute()
        self.assertEqual(['vm1'], [mapping.client.name for mapping in
                                   self.vios.fc_mappings])
        vios_w = self.fc_w()
        vios_w.vfc_mappings = []
        vios_w.update()
        self.assert_nothing_changed(before)
