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

"""Values that no partition can have are refused, when created or changed."""

import json
import re

import testtools

from nova_powervm.simulator import profile as sim_profile
from nova_powervm.tests import fixtures

#: Element -> values to refuse, and one to take.
VALUES = {
    'MaximumVirtualIOSlots': ((-5, 1, 65535, 10 ** 12), 2000),
    'UncappedWeight': ((-1, 256, 10 ** 9), 200),
    'AvailabilityPriority': ((-1, 256), 0),
    # These took minutes and gigabytes, or were an error of the server.
    'HardwarePageTableRatio': ((-10 ** 6, 0, 10, 10 ** 12), 7),
    'PhysicalPageTableRatio': ((-1, 7), 0),
    'ExpansionFactor': ((-1, 0.5, 10.1), 1.5),
    'KeylockPosition': (('open',), 'manual'),
    'SharedProcessorPoolID': ((-1, 2), 1),
}


class LimitsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        profile = fixtures.load_profile('default')
        profile['hosts'][0]['misc']['processor_pools'] = [
            {'name': 'gold', 'maximum_units': 1.0}]
        self.site = self.useFixture(fixtures.SimulatedSite(
            profile=profile)).site
        self.host = self.site.hosts[0]
        self.client = self.useFixture(fixtures.Client(self.host))
        self.lpar = self.host.operator.create_partition(
            'vm1', memory_mb=1024, running=False)

    def document(self, **values):
        document = self.lpar.document(frozenset()).decode()
        document = document.replace('>capped<', '>uncapped<')
        if '<UncappedWeight>' not in document:
            document = document.replace(
                '</SharedProcessorPoolID>', '</SharedProcessorPoolID>'
                '<UncappedWeight>128</UncappedWeight>')
        for name, value in values.items():
            document, count = re.subn('<%s>[^<]*' % name,
                                      '<%s>%s' % (name, value), document)
            self.assertEqual(1, count, name)
        return document

    def new(self, **values):
        document = self.document(PartitionName='vm2', **values)
        for part in ('<Metadata>.*?</Metadata>',
                     '<PartitionUUID>.*?</PartitionUUID>'):
            document = re.sub(part, '', document, count=1, flags=re.DOTALL)
        if 'PartitionID' not in values:
            document = re.sub('<PartitionID>.*?</PartitionID>', '', document)
        return document

    def create(self, **values):
        answer = self.client.request(
            'PUT', '/rest/api/uom/LogicalPartition', self.new(**values))
        return answer.status

    def change(self, **values):
        return self.client.request(
            'POST', '/rest/api/uom/LogicalPartition/' + self.lpar.uuid,
            self.document(**values)).status

    def remove(self):
        self.host.operator.delete_partition('vm2')

    def test_values(self):
        self.assertEqual(200, self.change())
        for name, (bad, good) in VALUES.items():
            before = self.site.state()['hosts']
            for value in bad:
                self.assertEqual(400, self.create(**{name: value}), name)
                self.assertEqual(400, self.change(**{name: value}), name)
            self.assertEqual(before, self.site.state()['hosts'])
            self.assertEqual(200, self.create(**{name: good}), name)
            self.remove()
            self.assertEqual(200, self.change(**{name: good}), name)

    def test_ids(self):
        for value in (-1, 0, 65536, 10 ** 12):
            self.assertEqual(400, self.create(PartitionID=value))
        self.assertEqual(200, self.create(PartitionID=65535))

    def test_full_pool(self):
        pool = {'SharedProcessorPoolID': 1}
        units = {'MaximumProcessingUnits': 1, 'DesiredVirtualProcessors': 1}
        self.assertEqual(200, self.create(
            DesiredProcessingUnits=0.8, **pool, **units))
        self.assertEqual(400, self.change(
            DesiredProcessingUnits=0.3, **pool, **units))
        self.assertEqual(200, self.change(
            DesiredProcessingUnits=0.2, **pool, **units))
        # A change of something else is possible in a full pool.
        self.assertEqual(200, self.change(KeylockPosition='manual'))

    def test_virtual_io_server(self):
        vios = self.host.store.all('VirtualIOServer')[0]
        document = vios.document(frozenset()).decode()
        path = '/rest/api/uom/VirtualIOServer/%s?group=None' % vios.uuid
        self.assertEqual(200, self.client.request('POST', path,
                                                  document).status)
        for name in ('MaximumVirtualIOSlots', 'HardwarePageTableRatio'):
            changed = re.sub('<%s>[^<]*' % name, '<%s>%d' % (name, 10 ** 9),
                             document)
            self.assertNotEqual(document, changed)
            self.assertEqual(400, self.client.request('POST', path,
                                                      changed).status)

    def test_control_api_and_profile(self):
        profile = fixtures.load_profile('default')
        for key, value in (('id', 65536), ('max_slots', 1),
                           ('max_slots', 10 ** 9)):
            answer = self.client.request(
                'POST', '/simulator/control', json.dumps({
                    'action': 'create_partition', 'name': 'vm2', key: value}))
            self.assertEqual(400, answer.status)
            vios = dict(profile['hosts'][0]['vioses'][0], **{key: value})
            self.assertRaises(sim_profile.ProfileError, sim_profile.fill,
                              vios, sim_profile.schema_profile.VIOS)
