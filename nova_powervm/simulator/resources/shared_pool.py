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

"""A shared storage pool: what all its servers have in common.

There is one object for a pool, a tier or a logical unit, however many
servers see it. The REST objects of resources/cluster.py and
resources/logical_unit.py show it to the clients of one server.
"""

import os
import uuid

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import storage
from nova_powervm.simulator import sparse_disk

el = atom.el

DISK = 'VirtualIO_Disk'
IMAGE = 'VirtualIO_Image'
#: Kind of a logical unit -> first digits of its UDID (source: capture
#: lufeed.txt).
_UDID_PREFIXES = {DISK: '27', IMAGE: '29'}
_NAMESPACE = uuid.UUID('7c0bb0f5-6f0e-4f0c-9a63-0f6b2f0d6b1e')


def uuid_of(udid):
    """Return the UUID of a part of a pool: the same on all servers.

    Those of the captures are name-based too (version 3).
    """
    return str(uuid.uuid3(_NAMESPACE, udid))


class Pool:
    """A cluster of VIOSes, and the storage pool that it serves.

    A pool belongs to the site. Only servers with a VIOS in the cluster see
    it.

    :param site: site.Site
    :param name: str, of the cluster
    :param pool_name: str, of the storage pool
    :param overcommit: bool, whether a thin logical unit takes no more space
                       than what was written to it. Otherwise it takes its
                       whole size, as a thick one always does
    :ivar vioses: list of the VirtualIOServers in the cluster
    :ivar tiers: list of Tiers; exactly one is the default
    :ivar views: list of the REST objects (Resource) that show the pool
    """

    def __init__(self, site, name, pool_name, overcommit=True):
        self.site = site
        self.name = name
        self.pool_name = pool_name
        self.overcommit = overcommit
        #: 32 hex digits, a part of all UDIDs.
        self.serial = (storage.digits(site.name, name) +
                       storage.digits(site.name, name, pool_name))
        self.udid = '24%s%s' % (self.serial, storage.digits(pool_name) * 2)
        self.vioses = []
        self.tiers = []
        self.views = []

    @property
    def hosts(self):
        """List of the Hosts that see the pool."""
        return [host for host in self.site.hosts
                if any(vios.host is host for vios in self.vioses)]

    @property
    def default_tier(self):
        """The Tier for units without a given tier."""
        return next(tier for tier in self.tiers if tier.is_default)

    @property
    def units(self):
        """List of all logical units."""
        return [unit for tier in self.tiers for unit in tier.units]

    @property
    def capacity(self):
        """Size in bytes."""
        return sum(tier.capacity for tier in self.tiers)

    @property
    def free(self):
        """Bytes that nothing was written to, and no thick unit takes."""
        return sum(tier.free for tier in self.tiers)

    def find_units(self, name):
        """Return the list of the units with a name.

        Names may repeat: the platform tells units apart by UDID.
        """
        return [unit for unit in self.units if unit.name == name]

    def find_unit_by_udid(self, udid):
        """Return the Unit with a UDID, or None.

        The first two digits do not count: they differ between captures of
        the same relation.
        """
        for unit in self.units:
            if unit.udid[2:] == (udid or '')[2:]:
                return unit
        return None

    def check_serving(self, host):
        """Refuse when no VIOS of a host can work on the pool.

        One of any host behind the same HMC is good, too.

        :raises errors.Refused:
        """
        nodes = [vios for vios in self.vioses
                 if vios.host.endpoint is host.endpoint]
        if not any(vios.is_serving for vios in nodes):
            raise errors.Refused(
                'Cluster %s cannot do this: none of %s is up' % (
                    self.name, ', '.join(vios.name for vios in nodes)))

    def changed(self, detail, type_=None):
        """Tell the clients of all servers that the pool has changed.

        :param detail: str, of the event
        :param type_: str, only objects of this REST type have changed
        """
        for view in self.views:
            if type_ in (None, view.TYPE):
                view.touch(detail)


class Tier:
    """A part of a pool with its own capacity.

    :param pool: Pool
    :param name: str
    :param capacity: int bytes
    :param is_default: bool
    :ivar units: list of Units
    """

    def __init__(self, pool, name, capacity, is_default):
        self.pool = pool
        self.name = name
        self.capacity = capacity
        self.is_default = is_default
        self.udid = '25%s%s' % (pool.serial,
                                storage.digits(pool.serial, name))
        self.units = []

    @property
    def free(self):
        """Bytes that nothing was written to, and no thick unit takes."""
        return self.capacity - sum(unit.used for unit in self.units)

    def create_unit(self, name, size, kind=DISK, thin=True, image=None):
        """Create a logical unit; that it fits is checked here.

        :param size: int bytes
        :param kind: DISK or IMAGE
        :param image: Unit to create a linked clone of, or None
        :returns: Unit
        :raises errors.Refused: when there is no space for it
        """
        self.check_space(name, 0, size, thin)
        unit = Unit(self, name, size, kind, thin, image)
        self.units.append(unit)
        return unit

    def check_space(self, name, old_size, size, thin):
        """Refuse a size of a unit that the tier has no space for.

        Assumed, no hardware: even a thin unit is never larger than its
        tier.

        :raises errors.Refused:
        """
        if size > self.capacity:
            raise errors.Refused(
                'Logical unit %s with %s GB is larger than tier %s, which has '
                '%s GB' % (name, storage.gigabytes(size), self.name,
                           storage.gigabytes(self.capacity)))
        taken = 0 if thin and self.pool.overcommit else size - old_size
        if taken > self.free:
            raise errors.Refused(
                'Tier %s of pool %s has %s GB free, %s GB more are needed' % (
                    self.name, self.pool.pool_name,
                    storage.gigabytes(self.free), storage.gigabytes(taken)))


class Unit(storage.Backing):
    """A logical unit: a disk that every VIOS of the cluster can map.

    A linked clone is made with the data of its image, as a sparse copy; what
    it has in common with the image is not counted as used.

    :param tier: Tier
    :param size: int bytes
    :param kind: DISK or IMAGE
    :param thin: bool
    :param image: Unit that it is a linked clone of, or None
    :ivar disk: sparse_disk.SparseDisk with its bytes
    :ivar views: list of the LogicalUnit resources that show it
    """

    TAG = 'LogicalUnit'
    is_disk = True
    TARGET_TAG = 'SharedStoragePoolLogicalUnitVirtualTargetDevice'
    TARGET_UDID_PREFIX, TARGET_NAME_PREFIX = '0a', 'vtscsi'

    def __init__(self, tier, name, size, kind=DISK, thin=True, image=None):
        pool = tier.pool
        super().__init__(name, _UDID_PREFIXES[kind] + pool.serial +
                         uuid.uuid4().hex)
        self.tier = tier
        self.size = size
        self.kind = kind
        self.thin = thin
        self.image = image
        self.views = []
        self.disk = sparse_disk.SparseDisk(os.path.join(
            pool.site.data_dir, 'pools', pool.name, self.udid), size)
        if image:
            try:
                self.disk.copy_from(image.disk)
            except errors.Refused:
                self.disk.delete()
                raise
        self._shared = self._written = self.disk.data_bytes()

    @property
    def uuid(self):
        """UUID of its REST object."""
        return uuid_of(self.udid)

    @property
    def shareable(self):
        """Any number of partitions on any number of servers may have it."""
        return True

    @property
    def used(self):
        """Bytes that it takes of its tier."""
        if self.thin and self.tier.pool.overcommit:
            return max(0, self._written - self._shared)
        return self.size

    @property
    def clones(self):
        """List of the units that are linked clones of it."""
        return [unit for unit in self.tier.pool.units if unit.image is self]

    @property
    def room(self):
        """Bytes that may be written to it, at most."""
        if self.thin and self.tier.pool.overcommit:
            return min(self.size, self.tier.free + self.used)
        return self.size

    def attach(self, target):
        super().attach(target)
        self._use_changed(1)

    def detach(self, target):
        super().detach(target)
        self._use_changed(0)

    def _use_changed(self, first):
        if len(self.targets) == first:
            # source of the detail: capture event_feed.txt
            for view in self.views:
                view.touch('derived')
            self.tier.pool.changed('LogicalUnit', 'SharedStoragePool')

    def clients(self):
        return sorted('%s of %s' % (target.bus.client_name,
                                    target.bus.vios.host.name)
                      for target in self.targets)

    def receive(self, stream, limit):
        """Take the bytes of an upload; site.lock is not held.

        :param stream: object with read(n) -> bytes
        :param limit: int bytes
        :returns: int bytes
        """
        try:
            return self.disk.write(stream, limit)
        finally:
            with self.tier.pool.site.lock:
                self.bytes_changed()

    def bytes_changed(self):
        """Compute again how much was written to the unit."""
        if self not in self.tier.units:
            return
        before = self.used
        self._written = self.disk.data_bytes()
        if self.used != before:
            self.tier.pool.changed('LogicalUnit', 'SharedStoragePool')

    def resize(self, size):
        """Extend the unit, also for the partitions that have it mapped.

        :param size: int bytes
        :raises errors.Refused: to shrink, or when there is no space
        """
        if size < self.size:
            raise errors.Refused(
                'Logical unit %s cannot shrink from %s GB to %s GB' % (
                    self.name, storage.gigabytes(self.size),
                    storage.gigabytes(size)))
        self.tier.check_space(self.name, self.size, size, self.thin)
        self.size = size
        self.disk.resize(size)
        self.changed()
        for vios in {target.bus.vios for target in self.targets}:
            vios.touch('VirtualSCSIMappings')

    def check_removable(self):
        """Refuse while somebody needs it.

        :raises errors.Refused:
        """
        if self.in_use:
            raise errors.Refused(
                'Logical unit %s is mapped to %s and cannot be removed' % (
                    self.name, ', '.join(self.clients())))
        if self.clones:
            raise errors.Refused(
                'Logical unit %s has linked clones and cannot be removed: '
                '%s' % (self.name, ', '.join(
                    sorted(unit.name for unit in self.clones))))

    def delete(self):
        """Remove it, with its bytes.

        :raises errors.Refused: while it is mapped or has clones
        """
        self.check_removable()
        self.tier.units.remove(self)
        self.disk.delete()

    def elements(self, in_use=True):
        """Make the children of its element (source: capture lufeed.txt).

        :param in_use: whether to include in_use; a mapping does not have it
                       (source: capture fake_vios_ssp_npiv.txt)
        """
        return [
            el('ThinDevice', self.thin),
            el('UniqueDeviceID', self.udid),
            el('UnitCapacity', storage.gigabytes(self.size)),
            el('LogicalUnitType', self.kind),
            el('ClonedFrom', self.image.udid) if self.image else None,
            el('InUse', self.in_use) if in_use else None,
            el('UnitName', self.name)]

    def render(self, in_use=False):
        return atom.section(self.TAG, self.elements(in_use))

    def state(self):
        """Return the unit as data, with the UUID of the REST object."""
        return {'uuid': self.uuid, 'name': self.name, 'tier': self.tier.name,
                'kind': self.kind, 'thin': self.thin,
                'size_gb': float(storage.gigabytes(self.size)),
                'used_bytes': self.used,
                'cloned_from': self.image and self.image.name,
                'mapped_to': self.clients()}
