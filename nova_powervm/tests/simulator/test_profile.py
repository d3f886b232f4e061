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

    def test_everything(self):
        """It has each kind of thing that a profile can have, but a crowd."""
        data = profile.load('everything')
        hosts = data['hosts']
        self.assertEqual(2, len(hosts))
        for key in ('sriov', 'vioses', 'bridges', 'lpars'):
            self.assertTrue(all(host[key] for host in hosts), key)
        vioses = [vios for host in hosts for vios in host['vioses']]
        for key in ('volume_groups', 'physical_volumes', 'fc_ports',
                    'any_client_adapters', 'management'):
            self.assertTrue(any(vios[key] for vios in vioses), key)
        self.assertTrue(any(group['kind'] == 'file' for vios in vioses
                            for group in vios['volume_groups']))
        self.assertTrue(data['clusters'] and data['san']['arrays'])

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
        self.assertIn('default, everything, fc, ', message)
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

    def test_all_errors_at_once(self):
        message = self.refusal(
            _GOOD.replace('name: small', 'name: 5').replace(
                'management: true', 'managment: true\n        id: many'))
        lines = message.splitlines()
        self.assertEqual([1, 5, 7], [int(line.split(':')[1])
                                     for line in lines])
        self.assertIn("'managment' was unexpected", lines[1])
        self.assertIn('; there can be: ', lines[1])
        self.assertIn('management', lines[1].partition(';')[2])

    def test_not_too_many(self):
        message = self.refusal(_GOOD + '  - {}\n' * 30)
        self.assertEqual(21, len(message.splitlines()))
        self.assertIn('more errors', message)

    def test_same_key_twice(self):
        self.assertIn('duplicate key', self.refusal(_GOOD + 'name: x\n'))

    def test_names_of_files_and_folders(self):
        """No name leads out of the data folder, or to what else is in it."""
        for bad in ('../../../x', '..', '.', 'a/b', '/x', '"a\\n"', '"a\\0"',
                    'san', 'pools', 'ca.pem', '.powervm-simulator', '""',
                    'x' * 32):
            message = self.refusal(_GOOD.replace('name: one', 'name: ' + bad))
            self.assertRegex(message, r'my.yaml:[0-9]: .*name', bad)
        console = 'console: {kind: hmc, name: %s, hosts: [one]}\n'
        for bad in ('../x', '..', 'san', 'one'):
            self.assertIn('name', self.refusal(
                console % bad + _GOOD.replace('true', 'false')))
        group = ('vioses: [{name: v, volume_groups: [{capacity_gb: 10, %s}]}]'
                 '\n    lpars')
        for bad in ('name: ../x', 'name: ..', 'name: g, disks: [{name: .., '
                    'size_gb: 1}]',
                    'name: g, disks: [{name: a/b, size_gb: 1}]',
                    'name: g, kind: file, directory: /a/../../b',
                    'name: g, kind: file, directory: /..'):
            self.refusal(_GOOD.replace('lpars', group % bad))
        self.refusal(_GOOD + 'clusters: [{name: ../x, pool: p, tiers: [{name: '
                     't, capacity_gb: 1}]}]\n')

    def test_volume_groups(self):
        group = ('vioses: [{name: v, volume_groups: [%s]}]\n    lpars')
        good = '{name: g, capacity_gb: 10}'
        profile.parse(_GOOD.replace('lpars', group % good, 1))
        for bad, reason in (
                (good[:-1] + ', media_repository_gb: 11}', 'has 10 GB, its '
                 'disks and its media repository need 11 GB'),
                (good[:-1] + ', media_repository_gb: 6, disks: [{name: d, '
                 'size_gb: 5}]}', 'need 11 GB'),
                (good + ', ' + good, 'two volume groups have the name g'),
                (good[:-1] + ', disks: [{name: d, size_gb: 1}, {name: d, '
                 'size_gb: 1}]}', 'two disks have the name d'),
                (good[:-1] + ', media_repository_gb: 1}, {name: h, '
                 'capacity_gb: 9, media_repository_gb: 1}',
                 'one media repository only')):
            self.assertIn(reason, self.refusal(
                _GOOD.replace('lpars', group % bad, 1)))

    def test_numbers(self):
        for find, bad in (
                ('management: true', 'processors: .inf'),
                ('management: true', 'processors: 1000000000'),
                ('management: true', 'units: .nan'),
                ('management: true', 'memory_mb: 1e400'),
                ('management: true', 'memory_mb: ' + '9' * 400),
                ('  - name: one', '  - name: one\n    vioses: [{name: v, '
                 'physical_volumes: [{name: a, size_gb: .nan}]}]'),
                ('  - name: one', '  - name: one\n    crowd: {count: '
                 '1000000000}'),
                ('name: small', 'name: small\ntiming: {job_seconds: .inf}'),
                ('name: small', 'name: small\nsan: {arrays: [{name: a, '
                 'capacity_gb: .nan, targets: []}]}')):
            if bad.startswith(('processors', 'units', 'memory')):
                bad = 'management: true\n        ' + bad
            self.assertIn('my.yaml:', self.refusal(_GOOD.replace(find, bad)))

    def test_bombs(self):
        """Aliases, depth and size do not take memory or time."""
        bomb = 'a0: &a0 [x, x]\n' + ''.join(
            'a%d: &a%d [*a%d, *a%d]\n' % (n, n, n - 1, n - 1)
            for n in range(1, 60))
        for source in (bomb + _GOOD, 'name: &a [*a]\n', '[' * 20000,
                       'name: !!int x', 'name: !!timestamp x',
                       'name: 2001-99-99', '- ' * 3000, '&a', '*a', '!!x y',
                       '? {a: b}\n: c', 'name: "\\ud800"', 'x' * 300000,
                       'name: !!binary x', '%YAML 9.9\n---\na: b'):
            self.assertIn('my.yaml:', self.refusal(source))

    def test_binary_file(self):
        path = os.path.join(self.useFixture(base_fixtures.TempDir()).path, 'p')
        for content in (b'\x7fELF\x02\x01\x01\0', bytes(range(256)),
                        b'\xff' * 9, b'\0' * 1000000):
            with open(path, 'wb') as profile_file:
                profile_file.write(content)
            message = str(self.assertRaises(profile.ProfileError,
                                            profile.load, path))
            self.assertTrue(message.startswith(path + ':1: '), message)
        self.assertRaises(profile.ProfileError, profile.load,
                          os.path.dirname(path))
