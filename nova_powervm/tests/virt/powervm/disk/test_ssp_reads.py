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

"""How the disks of servers are read in a pool with many logical units."""

from unittest import mock

from pypowervm import exceptions as pvm_exc

from nova_powervm.tests.virt.powervm.disk import ssp_base
from nova_powervm.virt.powervm.disk import driver
from nova_powervm.virt.powervm.disk import pool
from nova_powervm.virt.powervm.disk import ssp
from nova_powervm.virt.powervm.disk import units

BOOT, RESCUE, SWAP = (driver.DiskType.BOOT, driver.DiskType.RESCUE,
                      driver.DiskType.SWAP)
LIST = 'a list'


class ReadsTest(ssp_base.PoolTestCase):
    """A server with a boot disk, which it has on record."""

    def setUp(self):
        super().setUp()
        self.adapter.cache_image(self.context, self.image_id)
        self.instance = self.make_instance()
        self.disk = self.create(instance=self.instance)
        self.simulated.journal.clear()

    def reads(self):
        """What was read: LIST, or the UUID of an LU."""
        found = []
        for record in self.simulated.journal.records():
            if record['method'] == 'GET' and 'LogicalUnit' in record['path']:
                name = record['path'].rpartition('/')[2]
                found.append(LIST if name == 'LogicalUnit' else name)
        self.simulated.journal.clear()
        return found

    def check(self, *reads, types=(BOOT, ), found=(BOOT, )):
        """Find disks, and compare what was read for this."""
        refs = self.adapter.get_disk_refs(self.instance, types)
        self.assertEqual(set(found), set(refs))
        if BOOT in found:
            self.assertEqual(self.disk.udid, refs[BOOT].udid)
            self.assertEqual(self.disk.capacity, refs[BOOT].capacity)
        self.assertEqual(list(reads), self.reads())

    def test_known(self):
        self.check(self.disk.uuid)
        self.check(self.disk.uuid, types=[BOOT, RESCUE, SWAP])

    def test_never_made(self):
        """Whoever had made one would have put it on record."""
        self.check(types=[RESCUE], found=())

    def test_deleted(self):
        self.adapter.delete_disks(self.instance)
        self.reads()
        self.check(found=())

    def test_somebody_has_deleted_it(self):
        self.disk.delete()
        self.check(self.disk.uuid, LIST, found=())

    def test_first_look(self):
        """Nobody has read a list yet."""
        self.adapter = ssp.SSPDiskAdapter(self.host, self.glance)
        self.check(LIST)
        self.check(self.disk.uuid)

    def test_nothing_on_record(self):
        """Earlier versions wrote none."""
        units.forget(self.instance, [self.disk.name])
        self.check(LIST)

    def test_on_record_in_another_pool(self):
        units.keep(self.instance, [self.disk], 'another')
        self.check(LIST)

    def test_one_that_is_not_on_record(self):
        """Only its name tells whose it is."""
        name = self.adapter.get_disk_name(SWAP, self.instance)
        self.adapter._pool.create(name, 1)
        self.reads()
        self.check(LIST, types=[BOOT, SWAP], found=[BOOT, SWAP])

    def test_creation_without_an_answer(self):
        with mock.patch.object(self.adapter._pool, '_settled', 0):
            self.check(LIST)

    def test_to_be_deleted(self):
        units.keep_pending(self.instance, [self.disk])
        self.check(found=())

    def test_several(self):
        """In a small pool, a list takes fewer requests."""
        [swap] = self.adapter.create_blank_disks(
            self.instance, [driver.BlankDisk(SWAP, 1)])
        self.reads()
        self.check(LIST, types=[BOOT, SWAP], found=[BOOT, SWAP])
        with mock.patch.object(pool, '_WORTH_A_REQUEST', 0):
            self.check(self.disk.uuid, swap.uuid, types=[BOOT, SWAP],
                       found=[BOOT, SWAP])

    def test_platform_does_not_answer(self):
        self.break_request('status', 'GET', 'LogicalUnit', status=500)
        self.assertRaises(pvm_exc.HttpError, self.adapter.get_disk_refs,
                          self.instance, [BOOT])

    def test_has_disks(self):
        """Whoever is told that there is none may lose data: it is listed."""
        self.assertTrue(self.adapter.has_disks(self.instance, [BOOT]))
        self.assertEqual([LIST], self.reads())
