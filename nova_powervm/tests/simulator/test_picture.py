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

"""What the page shows of a site."""

import json

import testtools

from nova_powervm.simulator import picture
from nova_powervm.tests import fixtures
from nova_powervm.tests.simulator import fc_base
from nova_powervm.tests.simulator import sriov_base


def draw(site):
    """Draw a site; it must be fit for JSON."""
    with site.lock:
        return json.loads(json.dumps(picture.draw(site)))


def lpar_of(site, lpar):
    return draw(site)['lpar/server1/' + lpar.uuid]


class VnicTest(sriov_base.VnicTestCase):

    def test_ports(self):
        self.pair()
        [port] = lpar_of(self.site, self.lpar)['ports']
        self.assertEqual('vNIC', port['kind'])
        self.assertEqual([('vios1', False), ('vios2', True)], sorted(
            (vios, device['active']) for vios, device in port['devices']))


class FcTest(fc_base.FcTestCase):

    def test_disks_and_ports(self):
        lpar = self.make_lpar()
        self.connect(lpar)
        wwpns = self.new_wwpns()
        self.add_map(lpar, wwpns)
        shown = lpar_of(self.site, lpar)
        self.assertEqual(
            [('vios1', 'PhysicalVolume', 1.0),
             ('vios2', 'PhysicalVolume', 1.0)],
            sorted((disk['vios'], disk['kind'], disk['size'])
                   for disk in shown['disks']))
        [port] = shown['fc_ports']
        self.assertEqual(('vios1', 'fcs0', 2), (
            port['vios'], port['port'], len(port['wwpns'])))
        vios = draw(self.site)['vios/server1/' + self.vios.uuid]
        self.assertEqual((1, 1), (vios['mappings'], vios['fc_mappings']))
        self.assertEqual({'A', 'B'}, {port['fabric']
                                      for port in vios['fc_ports']})
        self.assertEqual([], vios['orphans'])
        with self.site.lock:
            self.site.san.set_fabric('B', False)
            volume = next(iter(self.site.san.volumes.values()))
            volume.set_fault('wrong_lun')
        san = draw(self.site)['san/site']
        self.assertEqual([('A', True), ('B', False)], [
            (fabric['name'], fabric['up']) for fabric in san['fabrics']])
        self.assertEqual((volume.id, ['wrong_lun'], [lpar.name]), tuple(
            san['volumes'][0][key] for key in ('id', 'faults', 'clients')))
        with self.site.lock:
            self.host.operator.delete_partition(lpar.name)
        shown = draw(self.site)
        self.assertNotIn('lpar/server1/' + lpar.uuid, shown)
        self.assertEqual(1, len(shown['vios/server1/' + self.vios.uuid][
            'orphans']))


class HmcTest(testtools.TestCase):

    def test_pool_and_hosts(self):
        site = self.useFixture(fixtures.SimulatedSite('hmc')).site
        shown = draw(site)
        self.assertEqual(
            [('server1', 'hmc1', True), ('server2', 'hmc1', True),
             ('server3', 'hmc1', True)],
            [(host['name'], host['server'], host['is_hmc'])
             for key, host in shown.items() if key.startswith('host/')])
        pool = shown['pool/cluster1']
        self.assertEqual(('ssp1', 2500.0, 2500.0, 0), tuple(
            pool[name] for name in ('name', 'capacity', 'free', 'units')))
        self.assertIn(['server3', 'vios2'], pool['members'])
        [switch, _internal] = shown['host/server1']['switches']
        self.assertEqual([['vios1', 'ent5', 'ent0'],
                          ['vios2', 'ent5', 'ent0']], switch['seas'])
