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

"""The storage area network as those see it who manage an array."""

import testtools

from nova_powervm.simulator import errors
from nova_powervm.simulator import profile
from nova_powervm.simulator.san import volume as san_volume
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import fc_base


class VolumeTest(fc_base.FcTestCase):

    def refused(self, text, func, *args, kind=errors.Refused):
        exc = self.assertRaises(kind, func, *args)
        self.assertIn(text, exc.message)

    def test_volumes(self):
        two = self.create('two', 2)
        self.assertEqual({'one': self.volume, 'two': two}, self.san.volumes)
        self.assertEqual(2 * fc_base.GIB, two.size)
        self.assertNotEqual(self.volume.naa, two.naa)
        two.disk.write_at(5, b'data')
        self.assertEqual(b'data', self.san.volume('two').disk.read(5, 4))
        self.san.delete_volume('two')
        self.assertRaises(errors.NotFound, self.san.volume, 'two')

    def test_rename(self):
        """As Cinder does when it has migrated a volume."""
        two = self.create('two')
        two.disk.write_at(5, b'data')
        self.refused('already', self.san.rename_volume, 'two', 'one',
                     kind=errors.Conflict)
        self.san.delete_volume('one')
        self.san.rename_volume('two', 'one')
        self.assertEqual({'one': two}, self.san.volumes)
        self.assertEqual('one', two.id)
        # The former id is free.
        self.create('two')
        self.assertEqual(b'data', two.disk.read(5, 4))
        self.assertRaises(errors.NotFound, self.san.rename_volume, 'x', 'y')

    def test_bad_volumes(self):
        self.refused('already', self.san.create_volume, 'one', 1,
                     kind=errors.Conflict)
        self.refused('needs a size', self.san.create_volume, 'two', 0)
        self.refused('no array x', self.san.create_volume, 'two', 1, 'x',
                     kind=errors.NotFound)
        self.refused('bytes left', self.san.create_volume, 'two', 1 << 50)
        self.refused('bytes left', self.san.extend_volume, 'one', 1 << 50)
        self.refused('cannot shrink', self.san.extend_volume, 'one', 1)
        self.assertRaises(errors.NotFound, self.san.delete_volume, 'two')

    def test_space(self):
        free = self.san.arrays[0].free
        self.san.extend_volume('one', 3 * fc_base.GIB)
        self.assertEqual(free - 2 * fc_base.GIB, self.san.arrays[0].free)

    def test_export(self):
        port_a, port_b = self.wwpns(self.vios)
        data = self.export(initiators=[port_a, port_b])
        self.assertEqual(0, data['target_lun'])
        self.assertEqual(
            {port_a: ['500507680110A001', '500507680120A001'],
             port_b: ['500507680110A002', '500507680120A002']},
            data['initiator_target_map'])
        self.assertEqual(4, len(data['target_wwn']))
        self.assertEqual({port_a.lower(): 0, port_b.lower(): 0},
                         self.volume.exports)
        self.refused('is exported to', self.san.delete_volume, 'one')
        self.san.unexport('one', [port_a])
        self.assertEqual([port_b.lower()], list(self.volume.exports))
        self.san.unexport('one')
        self.san.delete_volume('one')

    def test_numbers_of_exports(self):
        self.create('two')
        first, second = self.wwpns(self.vios), self.wwpns(self.vios2)
        self.assertEqual(0, self.export('one', first)['target_lun'])
        self.assertEqual(1, self.export('two', first)['target_lun'])
        # The same volume, and those who do not have it yet.
        self.assertEqual(1, self.export('two', first + second)['target_lun'])
        self.assertEqual(0, self.export('one', second)['target_lun'])
        self.create('three')
        self.refused('LUN 1 is not free', self.export, 'three', first, 1)
        self.assertEqual(7, self.export('three', first, 7)['target_lun'])

    def test_bad_exports(self):
        self.refused('without initiators', self.san.export, 'one', [])
        self.refused('does not know the initiators', self.export, 'one',
                     ['12' * 8])
        self.refused('is not a WWPN', self.export, 'one', ['hello'])
        self.assertEqual({}, self.volume.exports)

    def test_forms_of_wwpns(self):
        wwpn = self.wwpns(self.vios)[0]
        with_colons = ':'.join(wwpn[n:n + 2] for n in range(0, 16, 2))
        data = self.export(initiators=[with_colons])
        self.assertEqual([with_colons], list(data['initiator_target_map']))
        self.assertEqual([wwpn.lower()], list(self.volume.exports))

    def test_wwpns_of_the_platform(self):
        wwpns = self.new_wwpns(2)
        self.assertEqual(4, len(set(wwpns)))
        self.assertEqual(set(), set(wwpns) & set(self.new_wwpns(2)))
        # On no fabric yet: all targets.
        data = self.export(initiators=wwpns[:1])
        self.assertEqual(4, len(data['initiator_target_map'][wwpns[0]]))

    def test_too_many_wwpns(self):
        for count in (0, 9):
            self.assertRaisesRegex(Exception, '1 to 8', self.new_wwpns,
                                   count)

    def test_unknown_names(self):
        self.refused('Unknown fault', self.volume.set_fault, 'bad_luck')
        self.refused('no port', self.san.set_port, '12' * 8, False,
                     kind=errors.NotFound)
        self.refused('no fabric', self.san.set_fabric, 'C', False,
                     kind=errors.NotFound)

    def test_state(self):
        self.volume.set_fault(san_volume.PATH_DOWN)
        self.export(initiators=self.wwpns(self.vios)[:1])
        self.assertEqual({'volumes': [{
            'id': 'one', 'array': 'array1', 'naa': self.volume.naa,
            'size_bytes': fc_base.GIB,
            'exports': {'10000090fa1ba101': 0},
            'faults': {'path_down': []}}]}, self.site.state()['san'])


class ProfileTest(testtools.TestCase):
    """The section san of a profile."""

    SOURCE = '''name: small
hosts:
  - name: one
    lpars:
      - {name: n, management: true}
    vioses:
      - name: v1
        fc_ports:
          - {name: fcs0, wwpn: '1000000000000001', fabric: A}
          - {name: fcs1, wwpn: '1000000000000002'}
san:
  fabrics: [A]
  arrays:
    - name: a1
      targets:
        - {wwpn: '5000000000000001', fabric: A}
'''

    def parse(self, find='', replace=''):
        return profile.parse(self.SOURCE.replace(find, replace), 'my.yaml')

    def test_good(self):
        site = self.useFixture(
            powervm_fixtures.SimulatedSite(self.parse())).site
        vios = site.hosts[0].store.all('VirtualIOServer')[0]
        self.assertEqual([True, False],
                         [port.online for port in vios.fc_ports])
        self.assertEqual(10000 * fc_base.GIB, site.san.arrays[0].free)

    def test_two_hosts(self):
        site = self.useFixture(
            powervm_fixtures.SimulatedSite('fc-two-host')).site
        ports = [port for host in site.hosts
                 for vios in host.store.all('VirtualIOServer')
                 for port in vios.fc_ports]
        self.assertEqual(8, len({port.wwpn for port in ports}))
        self.assertEqual({'A', 'B'}, {port.fabric.name for port in ports})
        pairs = [site.san.issue_wwpns(host) for host in site.hosts * 2]
        self.assertEqual(8, len({wwpn for pair in pairs for wwpn in pair}))

    def test_contradictions(self):
        for find, replace, line, reason in (
                ('fabric: A', 'fabric: B', 9, 'there is no fabric B'),
                ('000002', '000001', 10, 'two ports have the WWPN 1000'),
                ('5000000000000001', '1000000000000001', 16,
                 'two ports have the WWPN'),
                ('targets:', 'target:', 14, "'targets' is a required"),
                ('    - name: a1', "    - {name: a1, targets: [{wwpn: "
                 "'5000000000000002', fabric: A}]}\n    - name: a1", 15,
                 'two arrays have the name a1'),
                ('[A]', '[A, A]', 12, 'non-unique')):
            exc = self.assertRaises(profile.ProfileError, self.parse, find,
                                    replace)
            self.assertIn(reason, str(exc))
            self.assertTrue(str(exc).startswith('my.yaml:%d: ' % line),
                            (str(exc), line))
