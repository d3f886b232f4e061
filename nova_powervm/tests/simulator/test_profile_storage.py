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

"""Tests of clusters and file-backed pools in profiles."""

import testtools

from nova_powervm.simulator import profile
from nova_powervm.tests import fixtures as powervm_fixtures


class ProfileTestCase(testtools.TestCase):
    """The section clusters of a profile."""

    SOURCE = '''name: small
hosts:
  - name: one
    lpars:
      - name: n
        management: true
    vioses:
      - name: v1
      - name: v2
clusters:
  - name: c1
    pool: p1
    tiers:
      - {name: A, capacity_gb: 1}
      - {name: B, capacity_gb: 1}
'''

    def parse(self, find='', replace=''):
        return profile.parse(self.SOURCE.replace(find, replace), 'my.yaml')

    def test_no_default_tier(self):
        site = self.useFixture(
            powervm_fixtures.SimulatedSite(self.parse())).site
        self.assertEqual('A', site.pools[0].default_tier.name)
        self.assertEqual(2, len(site.pools[0].vioses))

    def test_nodes(self):
        data = self.parse('pool: p1', 'pool: p1\n    nodes: [{host: one, '
                          'vios: v2}]')
        data['clusters'] += self.parse('c1', 'c2')['clusters']
        data['clusters'][1]['nodes'] = [{'host': 'one', 'vios': 'v1'}]
        site = self.useFixture(powervm_fixtures.SimulatedSite(data)).site
        host = site.hosts[0]
        self.assertEqual(
            [['v2'], ['v1']],
            [[vios.name for vios in pool.vioses] for pool in site.pools])
        self.assertEqual(2, len(host.store.all('Cluster')))

    def test_host_without_a_node(self):
        data = profile.load('ssp-two-host')
        data['clusters'][0]['nodes'] = [{'host': 'server1', 'vios': 'vios1'}]
        site = self.useFixture(powervm_fixtures.SimulatedSite(data)).site
        self.assertEqual([1, 0], [len(host.store.all('Cluster'))
                                  for host in site.hosts])

    def test_contradictions(self):
        for find, replace, line, reason in (
                ('name: B', 'name: A', 13, 'two tiers have the same name'),
                ('capacity_gb: 1', 'capacity_gb: 1, default: true', 13,
                 'two tiers are the default'),
                ('    pool: p1', '    nodes: [{host: one, vios: x}]\n'
                 '    pool: p1', 12, 'there is no VIOS x in host one'),
                ('clusters:', 'clusters:\n  - {name: c1, pool: p, nodes: '
                 '[{host: one, vios: v1}], tiers: [{name: A, capacity_gb: '
                 '1}]}', 12, 'two clusters have the name c1'),
                ('clusters:', 'clusters:\n  - {name: c0, pool: p, nodes: '
                 '[{host: one, vios: v1}], tiers: [{name: A, capacity_gb: '
                 '1}]}', 12, 'VIOS v1 of host one is in two clusters'),
                ('tiers:', 'tier:', 11, "'tiers' is a required property"),
                ('capacity_gb: 1', 'capacity_gb: 0', 14, 'minimum of 0'),
                ('- name: v1', '- {name: v1, volume_groups: [{name: '
                 'more-than-15-characters, capacity_gb: 1}]}', 8,
                 'is too long')):
            exc = self.assertRaises(profile.ProfileError, self.parse, find,
                                    replace)
            self.assertTrue(str(exc).startswith('my.yaml:%d: ' % line),
                            (str(exc), line))
            self.assertIn(reason, str(exc))
