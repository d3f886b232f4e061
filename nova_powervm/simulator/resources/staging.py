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

"""Files that a request needs, made before the request changes anything."""

from nova_powervm.simulator.resources import storage
from nova_powervm.simulator import sparse_disk


class Staging:
    """Files of disks and media, which are taken back if one cannot be made.

    :param vios: the VirtualIOServer that gets them
    """

    def __init__(self, vios):
        self._vios = vios
        self._made = []
        self._resized = []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_exc):
        if kind is not None:
            for disk in self._made:
                disk.delete()
            for disk, size in self._resized:
                disk.resize(size)

    def make(self, size, source=None, file_format='raw'):
        """Make a file that has no name yet.

        :param source: storage.VirtualDisk to copy, or None
        :returns: sparse_disk.SparseDisk
        """
        disk = sparse_disk.SparseDisk(storage.file_path(
            self._vios, 'new', str(len(self._made))), size)
        self._made.append(disk)
        if source is not None:
            disk.copy_from(source.disk)
            if file_format != 'raw':
                disk.resize(source.disk.size)
        return disk

    def resize(self, disk, size):
        """Make the file of a disk larger."""
        self._resized.append((disk, disk.size))
        disk.resize(size)
