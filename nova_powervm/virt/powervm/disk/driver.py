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

"""The interface of the disk drivers, which manage the disks of servers.

The driver computes the name of every disk from its owner. So it finds disks,
and cleans them up, without a record. The name of a server's disk has 15
characters, the maximum for a virtual disk:

    b_<token>    boot disk
    r_<token>    rescue disk
    e<n>_<token> ephemeral disk number n, from 0
    s_<token>    swap disk

The token is the end of the server's UUID in base 32 (RFC 4648, lower case):
13 characters for 65 bits, of which 63 are random in a UUID of version 4, or
12 characters for 60 bits, all random. The modules imagecache, poolimages and
markers describe the names of cached images and their markers. Boot disks from
nova-powervm 9.0.0 keep their names, see module legacy.
"""

from __future__ import annotations

import abc
import typing

from nova import context as nova_context
from nova import exception as nova_exc
from nova.image import glance
from nova import objects
from oslo_log import log as logging
from pypowervm.wrappers import entry_wrapper as pvm_wrapper
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.virt.powervm.disk import image
from nova_powervm.virt.powervm.disk import legacy
from nova_powervm.virt.powervm import host as powervm_host
from nova_powervm.virt.powervm import names
from nova_powervm.virt.powervm.storage import deletion
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)

_MAX_EPHEMERALS = 10


class DiskType:
    """The purpose of a server's disk."""

    BOOT = 'boot'
    RESCUE = 'rescue'
    SWAP = 'swap'
    #: By number, from 0.
    EPHEMERAL = tuple('ephemeral%d' % number
                      for number in range(_MAX_EPHEMERALS))


#: The types that are empty at first.
BLANK_DISK_TYPES = (*DiskType.EPHEMERAL, DiskType.SWAP)
#: The types that belong to one server.
INSTANCE_DISK_TYPES = (DiskType.BOOT, DiskType.RESCUE, DiskType.SWAP,
                       *DiskType.EPHEMERAL)


#: The wrapper of a disk: a virtual disk or a logical unit.
Disk: typing.TypeAlias = pvm_stg.VDisk | pvm_stg.LU


class DiskCapacity(typing.NamedTuple):
    """Size of the storage for disks, in GiB.

    :ivar disks: dict of the name of a disk that may belong to a server -> its
        size; None if the storage does not report it.
    :ivar others_gb: float, used by others than servers, for example by cached
        images; None if others use everything except the disks of this host's
        servers.
    """

    total_gb: float
    used_gb: float
    disks: dict[str, float] | None = None
    others_gb: float | None = None


class SharedPool(typing.NamedTuple):
    """Storage that several hosts share for their disks.

    :ivar uuid: the same on all hosts.
    :ivar name: for people; unique among pools.
    """

    uuid: str
    name: str


class BlankDisk(typing.NamedTuple):
    """An empty disk for a server; size in GiB."""

    disk_type: str
    size_gb: int


class DiskAdapter(abc.ABC):
    """Base of the disk adapters.

    One object serves all flows at the same time, in several threads. Methods
    that take a StorageTransaction only queue edits on it; the others issue
    their requests at once. All of them are idempotent.

    :param host: the owner of the REST connection (host.Host), connected.
    :param image_api: nova.image.glance.API, or an object with its methods.
    :ivar capabilities: dict of bool: 'shared_storage', whether other hosts
        see the same disks; 'has_imagecache', whether there is an image cache
        for Nova to manage; 'snapshot', whether the management partition can
        read the disks.
    :ivar image_formats: tuple of the disk formats that an image may have.
    """

    #: pypowervm class of the disks in SCSI mappings.
    storage_class = pvm_stg.VDisk

    def __init__(self, host: powervm_host.Host, image_api: glance.API) -> None:
        self.host = host
        self.image_api = image_api
        self.capabilities = {'shared_storage': False,
                             'has_imagecache': False,
                             'snapshot': False}
        self.image_formats: tuple[str, ...] = ('raw',)

    # ---- the storage ---------------------------------------------------

    @property
    @abc.abstractmethod
    def vios_uuids(self) -> list[str]:
        """UUIDs of the VIOSes that serve the disks, the preferred first."""

    @property
    def kept_with_host(self) -> dict[str, str]:
        """What Nova stores with the host for the next start, dict of str.

        The driver reports it with the statistics of the host.
        """
        return {}

    @property
    def local_to_mgmt(self) -> bool:
        """Whether the management partition is the VIOS that has the disks.

        It reads them as its backing devices then, without a mapping.
        """
        return False

    @abc.abstractmethod
    def capacity(self) -> DiskCapacity:
        """Return the DiskCapacity as it is now (1 request)."""

    @property
    def shared_pool(self) -> SharedPool | None:
        """The SharedPool that the disks come from, or None."""
        return None

    def clean(self, snapshot: typing.Any) -> None:
        """Clean up after earlier processes, at the start.

        Remove half-finished work, and disks of servers that are no longer on
        this host.

        :param snapshot: cleanup.platform_snapshot.PlatformSnapshot
        """

    def clean_periodically(self) -> None:
        """Finish work that was not possible while a VIOS was down.

        Called about once a minute. Needs no request if there is nothing to do.
        Logs its failures.
        """

    # ---- disks of servers ----------------------------------------------

    @abc.abstractmethod
    def create_disk_from_image(self, context: nova_context.RequestContext,
                               instance: objects.Instance,
                               image_meta: objects.ImageMeta,
                               image_type: str = DiskType.BOOT) -> Disk:
        """Create a disk of the server that begins with an image's bytes.

        A boot disk has the size in the flavor, or the image's size if the
        flavor sets none. Other disks have the image's size. The driver
        replaces a stale disk of the server.

        :param image_meta: nova.objects.ImageMeta
        :param image_type: DiskType of the new disk.
        :returns: wrapper of the disk, for connect_disk.
        :raises FlavorDiskSmallerThanImage: before anything is created.
        :raises ImageUnacceptable: if the platform cannot boot from such an
            image.
        :raises ComputeResourcesUnavailable: if there is not enough space.
        :raises DiskNameInUse: if somebody else uses a disk of that name.
        """

    @abc.abstractmethod
    def create_blank_disks(self, instance: objects.Instance,
                           disks: list[BlankDisk],
                           made: list[str] | None = None) -> list[Disk]:
        """Create disks of the server that are empty.

        In a volume group the driver replaces stale disks of the server. In a
        shared pool existing disks may have its data, after an evacuation for
        example, so the driver keeps them. But it replaces a swap disk of
        another size.

        :param disks: list of BlankDisk.
        :param made: list, to which the types of new disks are added, also of
            disks that may exist after a failure. Disks that existed before are
            not added.
        :returns: list of wrappers of the disks, for connect_disk.
        :raises ComputeResourcesUnavailable: if there is not enough space.
        :raises DiskNameInUse: if somebody else uses a disk of such a name.
        """

    @abc.abstractmethod
    def get_disk_refs(self, instance: objects.Instance,
                      disk_types: typing.Iterable[str]) -> dict[str, Disk]:
        """Find disks of the server (1 request).

        :param disk_types: iterable of DiskType
        :returns: dict of DiskType -> wrapper of the disk, for connect_disk,
            without missing disks.
        """

    def get_disk_ref(self, instance: objects.Instance,
                     disk_type: str) -> Disk | None:
        """Find a disk of the server (1 request).

        :param disk_type: DiskType
        :returns: wrapper of the disk, for connect_disk, or None.
        """
        return self.get_disk_refs(instance, [disk_type]).get(disk_type)

    def has_disks(self, instance: objects.Instance,
                  disk_types: typing.Iterable[str]) -> bool:
        """Return whether the server has some of these disks (1 request).

        :param disk_types: iterable of DiskType
        :raises DiskNotFound: if it certainly has one, which is not found.
        """
        return bool(self.get_disk_refs(instance, disk_types))

    @abc.abstractmethod
    def note_in_use(self, instance: objects.Instance, disk: Disk) -> bool:
        """Note that the server's LPAR has a disk (no request).

        :param disk: wrapper, as a mapping to the server's LPAR has it.
        :returns: bool, whether it is surely a complete disk of the server.
        """

    def is_on_record(self, instance: objects.Instance,
                     disk_type: str) -> bool:
        """Return whether Nova's database says that a server has a disk.

        Needs no request. Maybe nothing maps the disk.

        :param disk_type: DiskType
        :returns: bool; False if the driver keeps no records.
        """
        return False

    @abc.abstractmethod
    def connect_disk(self, instance: objects.Instance, disk: Disk,
                     stg: transaction.StorageTransaction) -> None:
        """Queue the mapping of a disk to the server's LPAR.

        :param disk: wrapper, the result of create_disk_from_image().
        :param stg: transaction.StorageTransaction
        """

    def note_own(self, instance: objects.Instance, disk: Disk) -> None:
        """Store that a disk is the server's, if its name does not prove it.

        :param disk: wrapper, as a mapping to the server's LPAR has it.
        """

    def reference(self, disk: Disk) -> Disk:
        """Return the element that a new mapping contains for a disk.

        :param disk: wrapper, the result of create_disk_from_image().
        """
        return disk

    @abc.abstractmethod
    def disconnect_disk(self, instance: objects.Instance,
                        stg: transaction.StorageTransaction,
                        disk_types: typing.Iterable[str] | None = None,
                        clients: typing.Iterable[str] | None = None) -> None:
        """Queue the removal of the mappings of the server's own disks.

        The driver finds them by the names of the disks, even if the LPAR is
        gone, or if they are mapped to the management partition. It leaves
        mappings of other partitions alone.

        :param stg: transaction.StorageTransaction
        :param disk_types: iterable of DiskType; None means all.
        :param clients: UUIDs of the partitions from which to unmap them; None
            means own_partitions().
        """

    @abc.abstractmethod
    def delete_disks(
            self, instance: objects.Instance,
            disk_types: typing.Iterable[str] | None = None,
            unmapped: typing.Iterable[pvm_wrapper.Wrapper] = ()) -> None:
        """Delete the server's own disks, which no longer have mappings.

        If another partition uses a disk with such a name, it stays.

        :param disk_types: iterable of DiskType; None means all.
        :param unmapped: wrappers of storage whose mappings have just been
            removed (StorageTransaction.removed_storage); saves look-ups.
        """

    @abc.abstractmethod
    def extend_disk(self, instance: objects.Instance, size_gb: int,
                    disk_type: str = DiskType.BOOT) -> None:
        """Extend a disk of the server, even while it is mapped.

        :param size_gb: int, the new size in GiB; a disk that has it already
            does not change.
        :param disk_type: DiskType
        :raises DiskNotFound: if the server has no such disk.
        :raises ResizeError: if it is larger, or of a kind that cannot grow.
        :raises ComputeResourcesUnavailable: if there is not enough space.
        """

    @abc.abstractmethod
    def check_extend(self, instance: objects.Instance, size_gb: int,
                     disk_type: str = DiskType.BOOT) -> None:
        """Raise what extend_disk() would raise now.

        Needs 1 request, if this process has seen the disk before.
        """

    def get_disk_name(self, disk_type: str, instance: objects.Instance) -> str:
        """Return the name of a disk of the server; see the module."""
        kept = disk_type == DiskType.BOOT and legacy.boot_disk_name(instance)
        if kept:
            return kept
        prefix = disk_type[0] + '_'
        if disk_type in DiskType.EPHEMERAL:
            prefix = 'e%d_' % DiskType.EPHEMERAL.index(disk_type)
        return names.disk_name(prefix, instance.uuid)

    @staticmethod
    def proof(instance: objects.Instance) -> deletion.Proof:
        """Return a deletion.Proof for the disks of a server."""
        return deletion.server_proof(
            instance, also=legacy.boot_disk_name(instance))

    def get_disk_names(
            self, instance: objects.Instance,
            disk_types: typing.Iterable[str] | None = None) -> list[str]:
        """Return names of the server's own disks, of some types or of all.

        :param disk_types: iterable of DiskType; None means all.
        """
        if disk_types is None:
            disk_types = INSTANCE_DISK_TYPES
        return [self.get_disk_name(disk_type, instance)
                for disk_type in disk_types]

    def own_partitions(self, instance: objects.Instance) -> list[str]:
        """Return UUIDs of partitions that may have a server's disks mapped."""
        mgmt_uuid = self.host.mgmt_uuid
        return [vm.get_lpar_uuid(instance), *(
            [mgmt_uuid.upper()] if mgmt_uuid else [])]

    @staticmethod
    def check_growth(name: str, old_gb: float, new_gb: int) -> float:
        """Return by how many GiB a disk grows.

        :raises ResizeError: if it would shrink.
        """
        if new_gb < old_gb:
            raise nova_exc.ResizeError(
                reason='disk %(name)s cannot shrink from %(old)g to %(new)g '
                'GB' % {'name': name, 'old': old_gb, 'new': new_gb})
        return new_gb - old_gb

    # ---- moving to another host ----------------------------------------

    def get_info(self) -> dict[str, str]:
        """Describe the storage of a server's disks for its new host.

        :returns: dict of str, for validate() there.
        """
        return {}

    def validate(self, disk_info: dict[str, str]) -> str | None:
        """Check that this host reaches the disks of a server on another host.

        :param disk_info: dict, the result of get_info() there.
        :returns: str, why not, or None.
        """
        return 'its disks are on storage that no other host reaches'

    def check_instance_shared_storage_local(
            self, context: nova_context.RequestContext,
            instance: objects.Instance) -> typing.Any:
        """Describe this storage for another host; see Nova's method.

        :raises NotImplementedError: if no other host reaches it.
        """
        raise NotImplementedError()

    def check_instance_shared_storage_remote(
            self, context: nova_context.RequestContext,
            data: typing.Any) -> bool:
        """Return whether another host uses the same storage."""
        return False

    # ---- images --------------------------------------------------------

    def manage_image_cache(self, context: nova_context.RequestContext,
                           all_instances: objects.InstanceList) -> None:
        """Remove unused images from the cache (see Nova)."""

    def cache_image(self, context: nova_context.RequestContext,
                    image_id: str) -> bool:
        """Fetch an image into the cache.

        :returns: bool, True if it was fetched, False if it was cached.
        """
        raise NotImplementedError()

    def find_image(self, context: nova_context.RequestContext,
                   image_meta: objects.ImageMeta) -> image.Image:
        """Describe the image for a disk, with as few requests as possible.

        :param image_meta: nova.objects.ImageMeta
        :returns: image.Image
        :raises ImageUnacceptable: if disks cannot have it.
        """
        found = image.Image.from_meta(image_meta)
        if found is None:
            return self.find_image_by_id(context, image_meta.id)
        found.check(self.image_formats)
        return found

    def find_image_by_id(self, context: nova_context.RequestContext,
                         image_id: str) -> image.Image:
        """Ask Glance for the image for a disk; see find_image."""
        found = image.Image.from_glance(self.image_api, context, image_id)
        found.check(self.image_formats)
        return found

    @staticmethod
    def disk_size_gb(instance: objects.Instance, source: image.Image,
                     image_type: str) -> int | None:
        """Return the size of a disk, or None for the image's size.

        :param source: image.Image
        :raises FlavorDiskSmallerThanImage: if the image is known to be larger.
        """
        root_gb = instance.flavor.root_gb
        if image_type != DiskType.BOOT or not root_gb:
            return None
        if source.virtual_size is not None:
            image.check_fits(source.virtual_size, root_gb)
        return root_gb
