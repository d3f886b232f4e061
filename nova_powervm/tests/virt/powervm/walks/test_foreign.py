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

"""What a driver may do to things of somebody else, and what not."""

import testtools

from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.virt.powervm.walks import foreign

_DISK, _MEDIUM = foreign.THEIRS + '_disk', foreign.THEIRS + '.iso'


class WatchTest(testtools.TestCase):
    """Somebody has an LPAR that is gone, and its VIOS still maps a disk."""

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(powervm_fixtures.SimulatedSite()).site
        self.host = self.site.hosts[0]
        self.operator = self.host.operator
        group = self.operator.vios('vios1').volume_groups[-1].name
        lpar = self.operator.create_partition(
            foreign.THEIRS,
            disk={'vios': 'vios1', 'volume_group': group, 'name': _DISK,
                  'size_bytes': 1024 ** 2, 'content': b'theirs'},
            medium={'vios': 'vios1', 'name': _MEDIUM, 'content': b'iso'})
        self.partition_id = lpar.partition_id
        self.operator.delete_partition(foreign.THEIRS)
        self.watch = foreign.Watch(self.site)

    def _create_ours(self):
        ours = self.operator.create_partition('ours')
        self.assertEqual(self.partition_id, ours.partition_id)

    def _note_creation(self):
        self.host.journal.add({
            'method': 'PUT',
            'path': '/rest/api/uom/ManagedSystem/%s/LogicalPartition' %
                    self.host.system.uuid})

    def test_nothing(self):
        self.assertEqual([], self.watch.changes())

    def test_unmapped_without_reason(self):
        self.operator.unmap_storage('vios1', _DISK)
        self.assertIn('mappings', ''.join(self.watch.changes()))

    def test_id_is_ours_now(self):
        for storage in (_DISK, _MEDIUM):
            self.operator.unmap_storage('vios1', storage)
        self._create_ours()
        self.assertEqual([], self.watch.changes())
        # That holds from then on, also when our LPAR is gone.
        self.operator.delete_partition('ours')
        self.assertEqual([], self.watch.changes())

    def test_id_was_ours(self):
        """The LPAR of a server is gone again when somebody looks."""
        self.operator.unmap_storage('vios1', _DISK)
        self._note_creation()
        self.assertEqual([], self.watch.changes())

    def test_id_was_ours_before(self):
        self._note_creation()
        self.watch.begin()
        self.operator.unmap_storage('vios1', _DISK)
        self.assertNotEqual([], self.watch.changes())

    def test_still_mapped(self):
        """Our LPAR sees the disk of somebody else."""
        self._create_ours()
        self.operator.unmap_storage('vios1', _DISK)
        self.operator.map_storage('vios1', _DISK, 'ours')
        self.assertNotEqual([], self.watch.changes())

    def test_disk_is_gone(self):
        self.operator.unmap_storage('vios1', _DISK)
        self.operator.delete_disk('vios1', _DISK)
        self._create_ours()
        self.assertIn(_DISK, ''.join(self.watch.changes()))

    def test_disk_is_overwritten(self):
        self.operator.unmap_storage('vios1', _DISK)
        self._create_ours()
        self.operator.vios('vios1').find_storage(_DISK).disk.write_at(
            0, b'ours')
        changes = self.watch.changes()
        self.assertEqual(1, len(changes))
        self.assertIn('/bytes', changes[0])

    def test_for_any_partition(self):
        self.operator.unmap_storage('vios1', _DISK)
        self.operator.map_storage('vios1', _DISK)
        self.watch.remember()
        self._create_ours()
        self.operator.unmap_storage('vios1', _DISK)
        self.assertNotEqual([], self.watch.changes())
