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

"""The disks that a partition sees: one for each path to each disk."""

from nova_powervm.simulator.resources import storage

VSCSI, NPIV = 'vscsi', 'npiv'


class Disk:
    """A disk of a partition, on one path.

    :ivar transport: VSCSI or NPIV
    :ivar vios: str, name of the VIOS of this path
    :ivar adapter: str, name of the adapter there: vhost<n> or vfchost<n>
    :ivar slot: int, virtual slot of the partition
    :ivar lua: str, logical unit address
    :ivar target: str, WWPN of the target port; None for VSCSI
    :ivar backing: storage.Backing, or san.volume.Volume for NPIV
    :ivar disk: sparse_disk.SparseDisk with the bytes; None if there are none,
                as for physical volumes of a profile
    :ivar size: int bytes, as the partition learns it
    :ivar works: bool, whether the path works
    """

    def __init__(self, adapter, backing, lua, size, works, transport,
                 target=None):
        self.transport = transport
        self.vios = adapter.vios.name
        self.adapter = adapter.name
        self.slot = adapter.client_slot
        self.lua = lua
        self.target = target
        self.backing = backing
        self.disk = getattr(backing, 'disk', None)
        self.size = size
        self.works = works

    @property
    def volume(self):
        """The id of the volume of the storage area network, or None."""
        if self.transport == NPIV:
            return self.backing.id
        volume = getattr(self.backing, 'volume', None)
        return volume and volume.id

    def data(self):
        """Return it as a dict fit for JSON."""
        return {'transport': self.transport, 'vios': self.vios,
                'adapter': self.adapter, 'slot': self.slot, 'lua': self.lua,
                'target': self.target, 'kind': self.backing.TAG,
                'storage': self.backing.name, 'udid': self.backing.udid,
                'volume': self.volume, 'size_bytes': self.size,
                'works': self.works}


def list_disks(partition):
    """List the disks of a partition, on all paths; site.lock is held.

    The list includes broken paths of virtual SCSI, because the partition knows
    them.

    :param partition: partition.Partition
    :returns: list of Disk, in the order of slots and addresses
    """
    found = []
    for owner in set(partition.slots.values()):
        if getattr(owner, 'client', None) is not partition:
            continue
        if hasattr(owner, 'targets'):
            found += [_through_vscsi(owner, target)
                      for target in owner.targets
                      if not isinstance(target.backing,
                                        storage.OpticalMedia)]
        elif hasattr(owner, 'luns'):
            found += [Disk(owner, volume, '0x%016x' % unit, volume.size,
                           True, NPIV, target.wwpn)
                      for volume, target, unit in owner.luns()]
    return sorted(found, key=lambda disk: (disk.slot, disk.lua,
                                           disk.target or ''))


def _through_vscsi(bus, target):
    backing = target.backing
    return Disk(bus, backing, target.lua, backing.size,
                bus.works and backing.works, VSCSI)
