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

"""Profiles."""

import os

import fixtures as base_fixtures
import testtools

from nova_powervm.simulator import profile

_GOOD = '''\
name: small
hosts:
  - name: one
    lpars:
      - name: novalink
        management: true
'''


class TestProfile(testtools.TestCase):

    def refusal(self, source):
        return str(self.assertRaises(profile.ProfileError, profile.parse,
                                     source, 'my.yaml'))

    def test_shipped(self):
        self.assertLessEqual({'default', 'large', 'two-host'},
                             set(profile.names()))
        for name in profile.names():
            self.assertEqual(name, profile.load(name)['name'])

    def test_default_is_where_pypowervm_looks(self):
        data = profile.load('default')
        self.assertEqual([12080], [h['port'] for h in data['hosts']])

    def test_defaults(self):
        data = profile.parse(_GOOD)
        self.assertEqual(0, data['timing']['job_polls'])
        host = data['hosts'][0]
        self.assertEqual(256, host['system']['memory_region_mb'])
        self.assertEqual(2, len(host['switches']))
        self.assertEqual('AIX/Linux', host['lpars'][0]['type'])

    def test_two_loads_share_nothing(self):
        one, two = profile.parse(_GOOD), profile.parse(_GOOD)
        one['hosts'][0]['system']['capabilities']['x'] = True
        self.assertEqual({}, two['hosts'][0]['system']['capabilities'])

    def test_file(self):
        path = os.path.join(self.useFixture(base_fixtures.TempDir()).path,
                            'p.yaml')
        message = str(self.assertRaises(profile.ProfileError, profile.load,
                                        path))
        self.assertIn('No such file', message)
        self.assertIn('default, fc, ', message)
        with open(path, 'w') as profile_file:
            profile_file.write(_GOOD)
        self.assertEqual('small', profile.load(path)['name'])

    def test_no_yaml(self):
        self.assertTrue(self.refusal('name: [1\nhosts: 2').startswith(
            'my.yaml:2: '))
        self.assertTrue(self.refusal('').startswith('my.yaml:1: '))
        self.assertTrue(self.refusal('name: \x00').startswith('my.yaml:1: '))

    def test_line_and_reason(self):
        for find, replace, line, reason in (
                ('name: small', 'name: 5', 1, "5 is not of type 'string'"),
                ('name: one', 'name: one\n    port: 70000', 4,
                 'hosts.0.port: 70000 is greater than the maximum'),
                ('management: true', 'memory_mb: 0', 6,
                 'hosts.0.lpars.0.memory_mb: 0 is less than the minimum'),
                ('management: true', 'managment: true', 5,
                 "'managment' was unexpected"),
                ('management: true', 'id: 2', 3,
                 'exactly one partition must have management: true; 0 have'),
                ('        management', '        id: 7\n      - {name: b, id: '
                 '7}\n      - name: c\n        management', 7,
                 'two partitions have the id 7'),
                ('    lpars', '    bridges: [{switch: X, vioses: [v]}]\n'
                 '    lpars', 4, 'there is no switch X'),
                ('    lpars', '    bridges: [{vioses: [v]}]\n    lpars', 4,
                 'there is no VIOS v'),
                ('    lpars', '    vioses:\n      - name: v\n        '
                 'trunk_adapters:\n          - {pvid: 5, switch: X}\n'
                 '    lpars', 7, 'there is no switch X'),
                ('    lpars', '    vioses: [{name: v}]\n    bridges:\n'
                 '      - {vioses: [v]}\n      - {vioses: [v], pvid: 2, '
                 'backing_device: ent1}\n    lpars', 7,
                 'two bridges use ent5 of VIOS v'),
                ('    lpars', '    vioses: [{name: v}]\n    bridges:\n'
                 '      - {vioses: [v], vlans: [7]}\n      - {vioses: [v], '
                 'pvid: 7, device: ent6, backing_device: ent1}\n    lpars', 7,
                 'switch ETHERNET0(Default) has two trunk adapters with the '
                 'same priority in VLAN 7'),
                ('    lpars', '    vioses: [{name: v, trunk_adapters: [{pvid: '
                 '9, vlans: [1]}]}]\n    bridges: [{vioses: [v]}]\n    lpars',
                 4, 'in VLAN 1'),
                ('management: true', 'management: true\n        memory_mb: '
                 '300', 3, '300 MB of memory is not a multiple of 256 MB'),
                ('management: true', 'management: true\n        memory_mb: '
                 '516352', 3, 'the partitions have 516352 MB'),
                ('management: true', 'management: true\n        units: 25',
                 3, 'the partitions have 25.00 processor units'),
                ('  - name: one', '  - {name: one, lpars: [{name: n, '
                 'management: true}]}\n  - name: one', 4,
                 'two hosts have the name one')):
            message = self.refusal(_GOOD.replace(find, replace))
            self.assertTrue(message.startswith('my.yaml:%d: ' % line),
                            (message, line))
            self.assertIn(reason, message)

    def test_same_key_twice(self):
        self.assertIn('duplicate key', self.refusal(_GOOD + 'name: x\n'))
