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

"""The WWPNs that a server is given, on the simulator."""

from nova.compute import task_states

from nova_powervm.tests.virt.powervm.volume import test_npiv
from nova_powervm.virt.powervm import exception

PORTS = test_npiv.PORTS


class WwpnsTest(test_npiv.NpivTestCase):

    def test_format(self):
        wwpns = self.wwpns()
        self.assertEqual(2, len(set(wwpns)))
        kept = self.kept()
        self.assertEqual({'npiv_adpt_wwpns_A', 'fabric_state_A',
                          'npiv_adpt_wwpns_AB', 'fabric_state_AB'}, set(kept))
        port, first, second = kept['npiv_adpt_wwpns_A'].split(',')
        self.assertEqual(('10000090FA1BA101', wwpns[0]), (port, first))
        self.assertNotEqual(first, second)
        self.assertTrue(kept['npiv_adpt_wwpns_AB'].startswith(
            '10000090FA1BA202,' + wwpns[1]))
        self.assertEqual({'A': 'unmapped', 'AB': 'unmapped'}, self.states())

    def test_made_once(self):
        self.simulated.journal.clear()
        wwpns = self.wwpns()
        records = self.simulated.journal.records()
        self.assertEqual(1, len([
            record for record in records if record['method'] == 'PUT' and
            'GetNextWWPNs' in record['path']]))
        # It does not read what is behind the ports.
        self.assertEqual(['group=ViosFCMapping'], [
            record['query'] for record in records
            if record['path'].endswith('/VirtualIOServer')])
        self.requests()
        self.assertEqual(wwpns, self.wwpns())
        self.assertEqual([], self.requests())

    def test_without_lpar(self):
        self.assertEqual(2, len(self.wwpns(self.make_instance(2))))

    def test_instance_of_before(self):
        """Of two requests at once the later finds the WWPNs of the other."""
        stale = self.make_instance()
        wwpns = self.wwpns()
        self.requests()
        self.assertEqual(wwpns, self.wwpns(stale))
        self.assertEqual([], self.requests())

    def test_server_that_is_deleted(self):
        self.instance.task_state = task_states.DELETING
        self.assertEqual([], self.wwpns())
        self.assertEqual({}, self.kept())

    def test_many(self):
        self.configure(ports_per_fabric=9, **PORTS)
        self.simulated.journal.clear()
        wwpns = self.wwpns()
        self.assertEqual(18, len(set(wwpns)))
        # At most 8 pairs at a time.
        self.assertEqual(3, len([
            record for record in self.simulated.journal.records()
            if record['method'] == 'PUT' and
            'GetNextWWPNs' in record['path']]))
        for key in ('A', 'A_2', 'A_3', 'AB', 'AB_2', 'AB_3'):
            self.assertIn('npiv_adpt_wwpns_' + key, self.kept())
        self.assertTrue(all(len(value) <= 255
                            for value in self.kept().values()))
        self.connect(self.build(self.connection(wwpns=wwpns)))
        adapters = self.adapters()
        self.assertEqual(set(wwpns), set(adapters))
        ports = list(adapters.values())
        self.assertEqual([4, 4, 5, 5], sorted(map(ports.count, set(ports))))

    def test_fabric_that_is_new(self):
        self.configure(A=PORTS['A'])
        first = self.wwpns()
        self.connect(self.build(self.connection(wwpns=first)))
        self.configure(**PORTS)
        wwpns = self.wwpns()
        self.assertEqual((2, first), (len(wwpns), wwpns[:1]))
        self.connect(self.build(self.connection(2, wwpns=wwpns)))
        self.assertEqual({wwpns[0]: ('vios1', 'fcs0'),
                          wwpns[1]: ('vios2', 'fcs1')}, self.adapters())

    def test_no_port(self):
        for vios in ('vios1', 'vios2'):
            self.set_port(vios, 'fcs1', False)
        self.requests()
        self.assertRaisesRegex(exception.FabricPortNotFound,
                               'fabric_AB_port_wwpns', self.wwpns)
        self.assertEqual({}, self.kept())
        self.assertEqual(['GET VirtualIOServer'], self.requests())
