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


"""Disks with real bytes, kept in sparse files.

A disk of 100 GiB that holds a 10 MiB image takes 10 MiB of the machine that
runs the simulator: what was never written is a hole in the file.
"""

import contextlib
import errno
import hashlib
import os
import time
from urllib import parse

from nova_powervm.simulator import errors

_CHUNK = 1024 * 1024
_ZEROES = bytes(_CHUNK)
#: Size of the blocks of a digest, which skips blocks of zeroes.
_BLOCK = 64 * 1024
#: The time stamps of files are not finer than a few milliseconds. A file that
#: was changed less than this ago may change again without a new time stamp.
_SETTLED_NS = 100 * 1000 ** 2
_LONGEST_NAME = 150
_NO_SPACE = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EINVAL)


class SparseDisk:
    """A virtual disk in a sparse file of its own.

    No file descriptor is kept open between calls, so a disk needs no close;
    two threads may write to the same disk.

    :param path: str, path of the new file; its directory is created
    :param size_bytes: int, the size of the disk
    :ivar is_deleted: bool, whether delete() was called
    """

    def __init__(self, path, size_bytes):
        self.path = path
        self.size = size_bytes
        self.is_deleted = False
        # How often it was changed through this object.
        self._changes = 0
        # What the file was like when it was last digested, and the digest.
        self._digested = None
        try:
            with _space():
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, 'wb') as new:
                    new.truncate(size_bytes)
        except errors.Refused:
            self.delete()
            raise

    def write(self, stream, limit=None):
        """Fill the disk from its start with what a stream yields.

        Chunks that hold only zeroes are skipped where the disk is empty. A
        stream that breaks off leaves what was written until then.

        :param stream: object with read(n) -> bytes
        :param limit: int bytes, default the size of the disk
        :returns: int bytes written
        :raises errors.Refused: when the stream holds more than the limit;
            the disk is filled up to the limit then
        """
        limit = self.size if limit is None else min(limit, self.size)
        offset = 0
        self._changes += 1
        with _space(), self._open(os.O_RDWR) as fd:
            while True:
                chunk = stream.read(_CHUNK)
                if not chunk:
                    return offset
                fits = chunk[:limit - offset]
                if not self._is_hole(fd, offset, fits):
                    _pwrite_all(fd, fits, offset)
                offset += len(fits)
                if len(fits) < len(chunk):
                    raise errors.Refused(
                        'The data does not fit: it is larger than %d bytes' %
                        limit)

    def copy_from(self, other):
        """Copy all data of another disk; holes stay holes.

        :param other: SparseDisk of at most this size
        :raises errors.Refused: when the other disk is larger
        """
        if other.size > self.size:
            raise errors.Refused(
                'A disk of %d bytes does not fit on one of %d bytes' % (
                    other.size, self.size))
        self._changes += 1
        with _space(), other._open(os.O_RDONLY) as source, (
                self._open(os.O_RDWR)) as target:
            for start, end in _extents(source):
                _copy_range(source, target, start, min(end, other.size))

    def resize(self, size_bytes):
        """Make the disk larger or smaller.

        :param size_bytes: int, the new size
        """
        self._changes += 1
        with _space():
            os.truncate(self.path, size_bytes)
        self.size = size_bytes

    def read(self, offset, length):
        """Read bytes; fewer come back at the end of the disk.

        :returns: bytes
        """
        with self._open(os.O_RDONLY) as fd:
            return os.pread(fd, max(0, min(length, self.size - offset)),
                            offset)

    def write_at(self, offset, data):
        """Write bytes at an offset.

        :raises errors.Refused: when they do not lie on the disk
        """
        if offset < 0 or offset + len(data) > self.size:
            raise errors.Refused('Bytes %d to %d are not on the disk' % (
                offset, offset + len(data)))
        self._changes += 1
        with _space(), self._open(os.O_RDWR) as fd:
            _pwrite_all(fd, data, offset)

    def sha256(self, length=None):
        """Hash the first bytes of the disk.

        :param length: int bytes, default the whole disk
        :returns: str of 64 hex digits
        """
        left = self.size if length is None else min(length, self.size)
        digest = hashlib.sha256()
        offset = 0
        with self._open(os.O_RDONLY) as fd:
            while left:
                chunk = os.pread(fd, min(left, _CHUNK), offset)
                digest.update(chunk)
                offset += len(chunk)
                left -= len(chunk)
        return digest.hexdigest()

    def digest(self):
        """Hash the size of the disk, and all that is not zero on it.

        This takes time only for blocks with data, and none if nothing has
        changed since the last call. The time stamp of the file tells when
        somebody has written through a link to it, as the management partition
        does.

        :returns: str of 64 hex digits. It depends on the bytes alone, not on
            where the file has holes; it is not the SHA-256 of the bytes
        """
        with self._open(os.O_RDONLY) as fd:
            found = os.fstat(fd)
            like = self._changes, found.st_mtime_ns, self.size
            if self._digested is not None and self._digested[0] == like:
                return self._digested[1]
            digest = hashlib.sha256(b'%d' % self.size)
            for offset, block in _blocks(fd, self.size):
                digest.update(b'%d:' % offset)
                digest.update(block)
        if time.time_ns() - found.st_mtime_ns > _SETTLED_NS:
            self._digested = like, digest.hexdigest()
        return digest.hexdigest()

    def data_bytes(self):
        """Return how many bytes were written to, in blocks of the machine.

        A file system that knows no holes counts the whole disk.
        """
        with self._open(os.O_RDONLY) as fd:
            return sum(end - start for start, end in _extents(fd))

    def allocated(self):
        """Return how many bytes of the machine's file system it takes."""
        return os.stat(self.path).st_blocks * 512

    def move(self, path):
        """Give the file another path on the same file system."""
        os.replace(self.path, path)
        self.path = path

    def delete(self):
        """Remove the file; one that is gone already is fine."""
        self.is_deleted = True
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass

    def _open(self, flags):
        return _Descriptor(self.path, flags)

    @staticmethod
    def _is_hole(fd, offset, data):
        """Tell whether data is all zero and nothing was written there yet."""
        if data != _ZEROES[:len(data)]:
            return False
        try:
            return os.lseek(fd, offset, os.SEEK_DATA) >= offset + len(data)
        except OSError:
            # ENXIO: there is no data behind this offset.
            return True


def file_name(kind, name):
    """Make the name of the file of a disk, whatever the disk is called.

    :param kind: str, the file name begins with it
    :param name: str, unique among the disks of this kind in a folder
    :returns: str without a separator, not too long for a file system
    """
    quoted = parse.quote(name, safe='')
    if len(quoted) > _LONGEST_NAME:
        quoted = hashlib.sha256(name.encode()).hexdigest()
    return '%s-%s' % (kind, quoted)


@contextlib.contextmanager
def _space():
    """Refuse what the file system of this machine has no space for.

    :raises errors.Refused:
    """
    try:
        yield
    except OSError as exc:
        if exc.errno not in _NO_SPACE:
            raise
        raise errors.Refused('The machine that runs the simulator cannot '
                             'store this: %s' % exc.strerror)


class _Descriptor:
    """A file descriptor as a context manager."""

    def __init__(self, path, flags):
        self._fd = os.open(path, flags | os.O_CLOEXEC)

    def __enter__(self):
        return self._fd

    def __exit__(self, *_exc):
        os.close(self._fd)


def _extents(fd):
    """Yield (start, end) of each run of data in a sparse file."""
    end = 0
    while True:
        try:
            start = os.lseek(fd, end, os.SEEK_DATA)
        except OSError:
            return
        end = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, end


def _blocks(fd, size):
    """Yield (offset, bytes) of each block of a sparse file that is not zero.

    :param size: int, where the last block ends
    """
    done = 0
    for start, end in _extents(fd):
        for offset in range(max(done, start - start % _BLOCK), end, _BLOCK):
            block = os.pread(fd, min(_BLOCK, size - offset), offset)
            if block.strip(b'\0'):
                yield offset, block
            done = offset + _BLOCK


def _copy_range(source, target, start, end):
    while start < end:
        try:
            count = os.copy_file_range(source, target, end - start, start,
                                       start)
        except OSError:
            # Not every pair of file systems can do it inside the kernel.
            data = os.pread(source, min(end - start, _CHUNK), start)
            _pwrite_all(target, data, start)
            count = len(data)
        if not count:
            return
        start += count


def _pwrite_all(fd, data, offset):
    view = memoryview(data)
    while view:
        count = os.pwrite(fd, view, offset)
        view = view[count:]
        offset += count
