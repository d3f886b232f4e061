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

"""The fingerprint of a site tells what has changed on it."""

import json
import os

from pypowervm.tasks import scsi_mapper as pvm_smap
from pypowervm.wrappers import storage as pvm_stor

from nova_powervm.simulator import fingerprint
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import storage_base

GIB = storage_base.GIB
DISKS = 'server1/VolumeGroup/vios1/datavg/disks/'
MEDIA = 'server1/VolumeGroup/vios1/rootvg/repository/media/'


class FingerprintTest(storage_base.StorageTestCase):

    def setUp(self):
        super().setUp()
        self.operator = self.host.operator
        self.operator.create_partition('theirs', disk={
            'vios': 'vios1', 'volume_group': 'datavg', 'name': 'a',
            'size_bytes': GIB, 'content': b'theirs'}, medium={
                'vios': 'vios1', 'name': 'a.iso', 'content': b'iso'})
        self.before = self.site.fingerprint()

    def changes(self):
        """The names of the parts that have changed: list of str."""
        found = fingerprint.differences(self.before, self.site.fingerprint())
        return [line.split(': ')[0] for line in found]

    def test_it_is_the_same_as_long_as_nothing_happens(self):
        self.vios_w(None)
        self.vios_w().update()
        self.assertEqual([], self.changes())
        self.assertEqual(self.before, powervm_fixtures.Client(self.host).get(
            '/simulator/fingerprint').json)

    def test_bytes(self):
        for backing, name in ((self.group.disks['a'], DISKS + 'a'),
                              (self.vios.repository.media['a.iso'],
                               MEDIA + 'a.iso')):
            old = backing.disk.read(0, 1)
            backing.disk.write_at(0, b'X')
            self.assertEqual(['! %s/bytes' % name], self.changes())
            backing.disk.write_at(0, old)
            self.assertEqual([], self.changes())

    def test_what_comes_and_goes(self):
        """The parts of others stay the same beside it."""
        lpar = self.make_lpar()
        self.make_disk('b')
        self.assertEqual(
            ['! server1/ManagedSystem/' + self.host.system.name,
             '! server1/VolumeGroup/vios1/datavg',
             '+ server1/LogicalPartition/vm1',
             '+ %sb' % DISKS, '+ %sb/bytes' % DISKS],
            sorted(self.changes()))
        self.before = self.site.fingerprint()
        pvm_smap.add_vscsi_mapping(
            None, self.vios.uuid, lpar.uuid,
            pvm_stor.VDisk.bld_ref(self.adapter, 'b'))
        mapping = 'server1/VirtualIOServer/vios1/mappings/vhost1/0x81' + (
            '0' * 14)
        self.assertEqual(
            ['! server1/LogicalPartition/vm1',
             '! server1/VirtualIOServer/vios1', '! %sb' % DISKS,
             '+ ' + mapping], sorted(self.changes()))
        self.assertEqual('b', json.loads(
            self.site.fingerprint()[mapping])['storage'])
        self.operator.delete_partition('vm1')
        self.operator.unmap_storage('vios1', 'b')
        self.operator.delete_disk('vios1', 'b')
        self.operator.delete_partition('theirs')
        self.assertIn('- server1/LogicalPartition/theirs', self.changes())

    def test_differences_say_what_it_was(self):
        self.host.partition(self.vios2.partition_id).set_rmc('busy')
        [line] = fingerprint.differences(self.before, self.site.fingerprint())
        before, after = line.split(' -> ')
        self.assertTrue(before.startswith('! server1/VirtualIOServer/vios2: '))
        self.assertEqual('busy', json.loads(after)['rmc'])
        self.assertIn('"rmc": "active"', before)

    def test_nvram(self):
        [lpar] = [p for p in self.host.partitions() if p.name == 'theirs']
        lpar.nvram = 'other'
        self.assertEqual(['! server1/LogicalPartition/theirs/nvram'],
                         self.changes())

    def test_bytes_that_somebody_has_taken_away(self):
        os.unlink(self.group.disks['a'].disk.path)
        self.assertEqual('gone', self.site.fingerprint()[DISKS + 'a/bytes'])


class PoolFingerprintTest(storage_base.PoolTestCase):

    def test_units_with_the_same_name(self):
        units = [self.host.operator.create_logical_unit('a', GIB, content)
                 for content in (b'x', b'y', b'x')]
        before = self.site.fingerprint()
        digests = [before['pools/%s/units/a %s/bytes' % (
            self.pool.pool_name, unit.uuid)] for unit in units]
        self.assertEqual(digests[0], digests[2])
        self.assertNotEqual(digests[0], digests[1])
        units[2].disk.write_at(GIB - 1, b'z')
        [line] = fingerprint.differences(before, self.site.fingerprint())
        self.assertIn(units[2].uuid + '/bytes: ', line)


class SanFingerprintTest(storage_base.StorageTestCase):

    PROFILE = 'fc'

    def test_volumes(self):
        self.site.san.create_volume('vol1', GIB)
        before = self.site.fingerprint()
        self.assertEqual({'san/volumes/vol1', 'san/volumes/vol1/bytes',
                          'san/volumes/vol1/exports',
                          'san/volumes/vol1/faults'},
                         {name for name in before if 'vol1' in name})
        self.site.san.volume('vol1').disk.write_at(7, b'x')
        [line] = fingerprint.differences(before, self.site.fingerprint())
        self.assertTrue(line.startswith('! san/volumes/vol1/bytes: '))
