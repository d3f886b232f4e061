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


"""Tests of the sparse disks of the simulated site."""

import hashlib
import io
import os
from unittest import mock

import fixtures
import testtools

from nova_powervm.simulator import errors
from nova_powervm.simulator import sparse_disk

MIB = 1024 ** 2


class Trickle(io.BytesIO):
    """A stream that yields few bytes at a time, as a socket may."""

    def read(self, size=-1):
        return super().read(min(size, 700))


class DiskTestBase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir()).path

    def disk(self, name='a', size=8 * MIB):
        return sparse_disk.SparseDisk(
            os.path.join(self.folder, 'x', name), size)


class SparseDiskTestCase(DiskTestBase):

    def test_new_disk_is_zero_and_takes_no_room(self):
        disk = self.disk(size=1024 ** 4)
        self.assertEqual(bytes(100), disk.read(10 ** 9, 100))
        self.assertEqual(0, disk.allocated())

    def test_new_disk_forgets_an_old_file(self):
        self.disk().write_at(0, b'old')
        self.assertEqual(bytes(3), self.disk().read(0, 3))

    def test_write_stores_the_bytes(self):
        data = os.urandom(3 * MIB + 17)
        disk = self.disk()
        self.assertEqual(len(data), disk.write(io.BytesIO(data)))
        self.assertEqual(data, disk.read(0, len(data)))
        self.assertEqual(hashlib.sha256(data).hexdigest(),
                         disk.sha256(len(data)))

    def test_write_takes_small_pieces(self):
        data = os.urandom(10000)
        disk = self.disk()
        self.assertEqual(10000, disk.write(Trickle(data)))
        self.assertEqual(data, disk.read(0, 10000))

    def test_write_skips_zeroes(self):
        disk = self.disk()
        disk.write(io.BytesIO(b'x' + bytes(6 * MIB) + b'y'))
        self.assertLessEqual(disk.allocated(), 2 * MIB)
        self.assertEqual(b'y', disk.read(6 * MIB + 1, 1))

    def test_write_of_zeroes_overwrites_data(self):
        disk = self.disk()
        disk.write(io.BytesIO(b'x' * 3 * MIB))
        disk.write(io.BytesIO(bytes(2 * MIB)))
        self.assertEqual(bytes(2 * MIB) + b'x', disk.read(0, 2 * MIB + 1))

    def test_write_refuses_what_does_not_fit(self):
        disk = self.disk(size=1000)
        self.assertRaises(errors.Refused, disk.write,
                          io.BytesIO(b'x' * 1001))
        self.assertEqual(b'x' * 1000, disk.read(0, 2000))

    def test_write_obeys_a_limit(self):
        disk = self.disk(size=1000)
        self.assertRaises(errors.Refused, disk.write, io.BytesIO(b'x' * 11),
                          limit=10)
        self.assertEqual(b'x' * 10 + b'\0', disk.read(0, 11))

    def test_copy_from(self):
        source, target = self.disk('a'), self.disk('b', 9 * MIB)
        source.write_at(5 * MIB, b'hello')
        source.write_at(8 * MIB - 3, b'end')
        target.copy_from(source)
        self.assertEqual(source.read(0, 8 * MIB), target.read(0, 8 * MIB))
        self.assertEqual(bytes(MIB), target.read(8 * MIB, MIB))
        self.assertLess(target.allocated(), MIB)

    def test_copy_from_without_kernel_support(self):
        self.useFixture(fixtures.MockPatch('os.copy_file_range',
                                           side_effect=OSError))
        source, target = self.disk('a'), self.disk('b')
        data = os.urandom(3 * MIB)
        source.write_at(MIB, data)
        target.copy_from(source)
        self.assertEqual(data, target.read(MIB, 3 * MIB))

    def test_copy_from_a_larger_one_is_refused(self):
        self.assertRaises(errors.Refused, self.disk('a', 10).copy_from,
                          self.disk('b', 11))

    def test_resize(self):
        disk = self.disk(size=10)
        disk.write_at(0, b'0123456789')
        disk.resize(20)
        self.assertEqual(20, disk.size)
        self.assertEqual(b'9' + bytes(10), disk.read(9, 100))

    def test_write_at_stays_on_the_disk(self):
        disk = self.disk(size=10)
        self.assertRaises(errors.Refused, disk.write_at, 8, b'xyz')
        self.assertRaises(errors.Refused, disk.write_at, -1, b'x')

    def test_sha256_of_the_whole_disk(self):
        disk = self.disk(size=2 * MIB + 1)
        self.assertEqual(hashlib.sha256(bytes(2 * MIB + 1)).hexdigest(),
                         disk.sha256())

    def test_move_and_delete(self):
        disk = self.disk()
        disk.write_at(0, b'abc')
        disk.move(os.path.join(self.folder, 'x', 'c'))
        self.assertEqual(['c'], os.listdir(os.path.join(self.folder, 'x')))
        self.assertEqual(b'abc', disk.read(0, 3))
        disk.delete()
        disk.delete()
        self.assertEqual([], os.listdir(os.path.join(self.folder, 'x')))


class DigestTestCase(DiskTestBase):

    @staticmethod
    def write_through_a_link(disk, data):
        """Write as the management partition does."""
        os.link(disk.path, disk.path + '-link')
        with open(disk.path + '-link', 'r+b') as linked:
            linked.write(data)

    def settle(self, disk):
        """Let the last change be so long ago that a digest is kept."""
        os.utime(disk.path, ns=(0, 0))

    def test_depends_on_the_bytes(self):
        disk, other = self.disk('a'), self.disk('b')
        seen = {disk.digest()}
        self.assertEqual(disk.digest(), other.digest())
        for offset, data in ((0, b'x'), (0, b'y'), (MIB - 1, b'xx'),
                             (8 * MIB - 1, b'z')):
            disk.write_at(offset, data)
            seen.add(disk.digest())
            self.assertNotEqual(disk.digest(), other.digest())
            other.write_at(offset, data)
            self.assertEqual(disk.digest(), other.digest())
        self.assertEqual(5, len(seen))
        self.assertNotEqual(self.disk('c', MIB).digest(),
                            self.disk('d', 2 * MIB).digest())

    def test_zeroes_are_as_good_as_holes(self):
        disk, other = self.disk('a'), self.disk('b')
        for each, filler in ((disk, bytes(3 * MIB)), (other, b'')):
            each.write_at(0, filler)
            each.write_at(MIB + 5, b'data')
        self.assertGreater(disk.allocated(), other.allocated())
        self.assertEqual(disk.digest(), other.digest())

    def test_reads_no_holes(self):
        disk = self.disk(size=1024 ** 4)
        disk.write_at(1024 ** 3 + 7, b'data')
        with mock.patch.object(sparse_disk.os, 'pread',
                               side_effect=os.pread) as read:
            disk.digest()
        self.assertEqual(1, read.call_count)

    def test_reads_nothing_twice(self):
        disk = self.disk()
        disk.write_at(5, b'data')
        self.settle(disk)
        first = disk.digest()
        with mock.patch.object(sparse_disk.os, 'pread') as read:
            self.assertEqual(first, disk.digest())
        read.assert_not_called()

    def test_what_was_kept_is_not_used_after_a_change(self):
        disk, other = self.disk('a'), self.disk('b', size=2 * MIB)
        other.write_at(0, b'other')
        seen = []
        for change in (lambda: disk.write_at(0, b'x'),
                       lambda: disk.write(io.BytesIO(b'y')),
                       lambda: disk.copy_from(other),
                       lambda: disk.resize(9 * MIB),
                       lambda: self.write_through_a_link(disk, b'more')):
            self.settle(disk)
            seen.append(disk.digest())
            change()
        seen.append(disk.digest())
        self.assertEqual(6, len(set(seen)))

    def test_a_change_at_once_is_seen(self):
        """The time stamp of the file may be the same as before."""
        self.patch(sparse_disk, '_SETTLED_NS', 10 ** 15)
        disk = self.disk()
        disk.write_at(0, b'x')
        stamp = os.stat(disk.path).st_mtime_ns
        first = disk.digest()
        self.write_through_a_link(disk, b'y')
        os.utime(disk.path, ns=(stamp, stamp))
        self.assertNotEqual(first, disk.digest())
