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

"""A tier of a Shared Storage Pool (SSP), and the logical units (LU) in it."""

import threading
import typing

from nova import exception as nova_exc
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm.utils import transaction
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.virt.powervm.disk import clusters
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import names
from nova_powervm.virt.powervm.storage import deletion

LOG = logging.getLogger(__name__)

#: The driver rather sends another request than reads so many LUs more.
_WORTH_A_REQUEST = 50
# Prefix of the names of boot disks from nova-powervm 9.0.0.
_LEGACY_PREFIX = 'boot_'


class Unit(typing.NamedTuple):
    """A logical unit, with values that never change.

    :ivar uuid: identifies it in the REST API.
    :ivar udid: identifies it everywhere else, in mappings for example.
    """

    uuid: str
    udid: str
    name: str

    @classmethod
    def from_wrapper(cls, lu_w):
        """Return the Unit for a LUEnt wrapper."""
        return cls(lu_w.uuid, lu_w.udid, lu_w.name)


class Pool:
    """The tier of the pool for the disks of servers, see clusters.

    In a large pool, a list of all LUs is an expensive answer. But it is the
    only answer with the UUID of an LU; a mapping has its UDID. So this object
    remembers the LUs that it has seen, created and deleted. It does not know
    an LU that another host creates until it reads the next list.

    :param host: the owner of the REST connection (host.Host), connected.
    :raises AbstractDiskException: if the cluster or the tier is not clear, see
        clusters.
    """

    def __init__(self, host):
        self.host = host
        vioses = self._read_vioses()
        cluster = clusters.find(host, vioses)
        self.cluster_name = cluster.name
        self._cluster_uuid = cluster.uuid
        self._ssp = host.shared_storage_pool(cluster)
        self._tier, self._is_only_tier = clusters.find_tier(host, cluster,
                                                            self._ssp)
        self.vios_uuids = self._members(cluster, vioses)
        self._lock = threading.Lock()
        self._units = {}
        # Each number represents an LU whose creation may be unknown here. A
        # list of all LUs settles the earlier ones.
        self._doubts = 1
        self._settled = 0

    # ---- the pool ------------------------------------------------------

    def _read_vioses(self):
        return sorted(self.host.vioses(), key=lambda vios_w: vios_w.name)

    def _members(self, cluster, vioses):
        """Return UUIDs of this host's VIOSes in the cluster, active first.

        The cluster also has VIOSes of other hosts.
        """
        active = {vios_w.uuid for vios_w in self.host.filter_active(vioses)}
        members = clusters.member_uuids(cluster)
        return sorted((vios_w.uuid for vios_w in vioses
                       if vios_w.uuid.lower() in members),
                      key=lambda uuid: uuid not in active)

    @property
    def kept_with_host(self):
        """See DiskAdapter."""
        return clusters.to_keep(self._cluster_uuid, self.tier_uuid)

    @property
    def ssp_name(self):
        return self._ssp.name

    @property
    def ssp_uuid(self):
        return self._ssp.uuid

    @property
    def tier_name(self):
        return self._tier.name

    @property
    def tier_uuid(self):
        return self._tier.uuid

    def refresh(self):
        """Read the VIOSes of the pool, and its size (3 requests)."""
        cluster = self.host.cluster(self._cluster_uuid)
        self.vios_uuids = self._members(cluster, self._read_vioses())
        self._tier = self.host.read_again(self._tier)

    def active_vios_uuids(self):
        """Return the UUIDs of its VIOSes that are up (1 request).

        :raises StorageNotServed: if there is none.
        """
        active = {vios_w.uuid for vios_w in self.host.active_vioses()}
        found = [uuid for uuid in self.vios_uuids if uuid in active]
        if not found:
            raise exception.StorageNotServed(
                vioses=', '.join(self.vios_uuids))
        return found

    def capacity(self, lus=None):
        """Return the size and the used space (1 request).

        The platform reports how much data is in a pool, but not in one of
        several tiers. For a tier the driver adds the sizes of the LUs, which
        is more than their data because they are thin. The size of the tier is
        from the last refresh().

        :param lus: list of all LUs, if the caller has just read it.
        :returns: driver.DiskCapacity
        """
        if self._is_only_tier:
            # The answer has no content if nothing has changed.
            self._ssp = ssp = self.host.read_again(self._ssp)
            return _capacity(ssp.capacity, ssp.capacity - ssp.free_space,
                             ssp.logical_units)
        total = self._tier.capacity
        if lus is None:
            lus = self.list_units()
        return _capacity(total, sum(lu_w.capacity for lu_w in lus), lus)

    def check_room(self, size_gb, lus=None):
        """Raise ComputeResourcesUnavailable without this space (1 request).

        :param lus: list of all LUs, if the caller has just read it.
        """
        capacity = self.capacity(lus)
        free = capacity.total_gb - capacity.used_gb
        if free < size_gb:
            raise nova_exc.ComputeResourcesUnavailable(
                reason='%(need).2f GB needed in Shared Storage Pool %(ssp)s, '
                '%(free).2f GB are free' % {
                    'need': size_gb, 'ssp': self.ssp_name, 'free': free})

    # ---- logical units -------------------------------------------------

    def list_units(self):
        """Read all LUs (1 request).

        :returns: list of LUEnt wrappers.
        """
        with self._lock:
            before, doubts = dict(self._units), self._doubts
        lus = self.host.logical_units(self.tier_uuid)
        with self._lock:
            # LUs that were created in the meantime may be missing.
            made = {uuid: unit for uuid, unit in self._units.items()
                    if uuid not in before}
            self._units = dict(
                {lu_w.uuid: Unit.from_wrapper(lu_w) for lu_w in lus}, **made)
            self._settled = max(self._settled, doubts)
        return lus

    def find(self, names, udids=()):
        """Find LUs by name (1 request, or 0).

        :param names: collection of names.
        :param udids: UDIDs of some of them. If there are any, and all of them
            are known here, then all LUs of these names are known.
        :returns: list of Unit.
        """
        if udids and set(udids) <= {unit.udid for unit in self.known(names)}:
            return self.find_own(names)
        self.list_units()
        return self.known(names)

    def find_own(self, names):
        """Find LUs by names that no other host uses (0 requests).

        Needs 1 request if the answer to the creation of an LU was lost.

        :returns: list of Unit.
        """
        if self._settled != self._doubts:
            self.list_units()
        return self.known(names)

    def known(self, names):
        """Return the LUs with some names that this process knows.

        :returns: list of Unit.
        """
        with self._lock:
            return [unit for unit in self._units.values()
                    if unit.name in names]

    def create(self, name, size_gb, lu_type=pvm_stg.LUType.DISK, clone=None):
        """Create an LU (1 request).

        :param name: str of at most 79 of [.0-9A-Za-z_].
        :param size_gb: float, in GiB; the platform rounds it.
        :param lu_type: pypowervm LUType
        :param clone: LUEnt of the image to create a linked clone of, or None.
        :returns: LUEnt wrapper.
        """
        try:
            lu_w = pvm_stg.LUEnt.bld(
                self.host.adapter, name, size_gb, typ=lu_type,
                clone=clone).create(parent_type=pvm_stg.Tier,
                                    parent_uuid=self.tier_uuid)
        except pvm_exc.Error:
            # The answer may have been lost after the LU was created.
            with self._lock:
                self._doubts += 1
            raise
        with self._lock:
            self._units[lu_w.uuid] = Unit.from_wrapper(lu_w)
        return lu_w

    def delete(self, unit, proof):
        """Delete an LU if it exists (1 request).

        :param unit: Unit, or LUEnt wrapper.
        :param proof: deletion.Proof that covers its name.
        :returns: bool, whether it existed.
        """
        found = deletion.unit(self.host.adapter, self.tier_uuid, unit, proof)
        with self._lock:
            self._units.pop(unit.uuid, None)
        return found

    def read(self, udids):
        """Read LUs that this process knows (1 request each).

        :param udids: set of their UDIDs.
        :returns: list of LUEnt wrappers; None if a list is needed: one of
            them is not known or is gone, the answer to a creation was lost, or
            a list is the cheaper answer.
        """
        with self._lock:
            known = {unit.udid: unit.uuid for unit in self._units.values()
                     if unit.udid in udids}
            is_small = len(self._units) < _WORTH_A_REQUEST * (len(udids) - 1)
            is_sure = self._settled == self._doubts
        if is_small or not is_sure or len(known) < len(udids):
            return None
        try:
            return [self._getter(uuid).get() for uuid in known.values()]
        except pvm_exc.HttpNotFound:
            return None

    def exists(self, uuid):
        """Return whether an LU still exists (1 request)."""
        try:
            self._getter(uuid).get()
        except pvm_exc.HttpNotFound:
            return False
        return True

    def edit(self, uuid, func, *args):
        """Call func with the LUEnt wrapper, alone in this process (1 request).

        :param func: called as func(lu_wrapper, *args). It writes its changes
            itself. After a 412 it is called again with a new wrapper.
        :returns: the result of func.
        """
        return transaction.entry_transaction(func)(self._getter(uuid), *args)

    def _getter(self, uuid):
        return self.host.logical_unit_getter(self.tier_uuid, uuid)


def _capacity(total, used, lus):
    """Return the capacity, and the space that servers do not use.

    A host does not know the servers of the other hosts of the pool, so it
    recognizes disks of servers by their names. Other LUs may grow to their
    full size.

    :param lus: list of LU or LUEnt wrappers.
    """
    disks, others = {}, 0
    for lu_w in lus:
        if lu_w.lu_type == pvm_stg.LUType.DISK and _is_of_server(lu_w.name):
            disks[lu_w.name] = disks.get(lu_w.name, 0) + lu_w.capacity
        else:
            others += lu_w.capacity
    used = min(total, used)
    return disk_driver.DiskCapacity(total, used, disks, min(used, others))


def _is_of_server(name):
    """Return whether an LU is a server's disk, also of 9.0.0, by its name."""
    return names.is_disk_name(name) or name.startswith(_LEGACY_PREFIX)
