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

"""Read and write the bytes of any disk of a host.

The control API serves this under /simulator/disks, so that a test can write
to a disk as the guest would.
"""

import contextlib

from nova_powervm.simulator import errors

#: The most bytes that one request reads or writes.
MAX_BYTES = 16 * 1024 ** 2


class Disk:
    """A disk, a medium, a logical unit, or a volume of the SAN.

    :param host: host.Host
    :param backing: storage.Backing or san.volume.Volume whose bytes are in
                    ``backing.disk``
    :param vios: str, name of the VIOS that has it; None for a logical unit
                 or a volume
    """

    def __init__(self, host, backing, vios=None):
        self.host = host
        self.backing = backing
        self.vios = vios

    def data(self):
        """Return the disk as a dict for JSON."""
        backing = self.backing
        return {'kind': backing.TAG, 'name': backing.name,
                'udid': backing.udid, 'vios': self.vios,
                'size_bytes': backing.disk.size,
                'file_format': backing.file_format,
                'mapped_to': backing.clients()}

    def is_called(self, name):
        """Return whether the disk has a name or a UDID."""
        return name in (self.backing.name, self.backing.base_name,
                        self.backing.udid)


def list_disks(host):
    """List all disks of a host; site.lock is held.

    :param host: host.Host
    :returns: list of Disk
    """
    found = []
    for vios in host.store.all('VirtualIOServer'):
        for group in vios.volume_groups:
            backings = list(group.disks.values())
            if group.repository:
                backings += group.repository.media.values()
            found += [Disk(host, backing, vios.name) for backing in backings]
    found += [Disk(host, volume)
              for volume in host.site.san.volumes.values()]
    for pool in host.site.pools:
        if host in pool.hosts:
            found += [Disk(host, unit) for unit in pool.units]
    return found


def find(host, name, vios=None):
    """Find a disk.

    :param host: host.Host
    :param name: str, its name, path or UDID
    :param vios: str, name of a VIOS: only its disks
    :returns: Disk
    :raises errors.NotFound:
    :raises errors.Conflict: when several disks have the name
    """
    with host.site.lock:
        found = [disk for disk in list_disks(host) if disk.is_called(name) and
                 vios in (None, disk.vios)]
    if not found:
        raise errors.NotFound('Host %s has no disk %s' % (host.name, name))
    if len(found) > 1:
        raise errors.Conflict('Host %s has %d disks %s: name a VIOS or a '
                              'UDID' % (host.name, len(found), name))
    return found[0]


@contextlib.contextmanager
def _present(disk):
    try:
        yield disk.backing.disk
    except FileNotFoundError:
        raise errors.NotFound('Disk %s is gone' % disk.backing.name)


def read(disk, offset, length):
    """Read bytes; at the end of the disk fewer than asked for.

    :param disk: Disk
    :returns: bytes
    :raises errors.Refused: for more than MAX_BYTES
    """
    if length > MAX_BYTES:
        raise errors.Refused('length is more than %d' % MAX_BYTES)
    with _present(disk) as sparse:
        return sparse.read(offset, length)


def sha256(disk, length=None):
    """Hash the first bytes, in constant memory.

    :param disk: Disk
    :param length: int bytes, None for the whole disk
    :returns: str of 64 hex digits
    """
    with _present(disk) as sparse:
        return sparse.sha256(length)


def write(disk, offset, data):
    """Write bytes.

    :param disk: Disk
    :param data: bytes
    :raises errors.Refused: when they are beyond the end of the disk
    """
    with _present(disk) as sparse:
        sparse.write_at(offset, data)
    with disk.host.site.lock:
        disk.backing.bytes_changed()
