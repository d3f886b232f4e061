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

"""What the driver asks of whatever keeps the disks of its servers.

Every disk has a name that is computed from what it belongs to, so a disk is
found, and cleaned up, without any record of it. A name has the form

    <letter of the type>_<13 characters of a-z2-7>

which is the 15 characters that a virtual disk's name may have. For the disk
of a server, the 13 characters are the last 65 bits of the server's UUID in
base 32 (RFC 4648, lower case): 63 random bits in a UUID of version 4. The
letters: b boot disk, r rescue disk, i image in the cache, p marker of an
image that is not complete (see imagecache). Kept free for a server's further
disks are e0 to e9 and s, the former with 12 characters, 60 bits, behind
them.
"""

import abc
import base64
import typing
import uuid

import six


class DiskType:
    """What a disk is for; the first letter begins its name."""

    BOOT = 'boot'
    RESCUE = 'rescue'


#: The types that belong to one server.
INSTANCE_DISK_TYPES = (DiskType.BOOT, DiskType.RESCUE)


class DiskCapacity(typing.NamedTuple):
    """Size of the storage that the disks come from, in GiB."""

    total_gb: float
    used_gb: float


def name_token(number, length=13):
    """Write the low bits of a number as lower-case base 32 characters.

    :param number: non-negative int of up to 128 bits.
    :param length: how many characters, of 5 bits each.
    :returns: str of [a-z2-7]
    """
    bits = number & ((1 << 5 * length) - 1)
    text = base64.b32encode((bits << 128 - 5 * length).to_bytes(16, 'big'))
    return text[:length].decode().lower()


@six.add_metaclass(abc.ABCMeta)
class DiskAdapter:
    """Base of the disk adapters.

    One object serves all flows at the same time, in several threads. Methods
    that take a StorageTransaction only queue edits on it; the others issue
    their requests at once. All of them may be repeated, and are content when
    there is nothing to do.

    :param host: the owner of the REST connection (host.Host), connected.
    :param image_api: nova.image.glance.API, or what has its methods.
    :ivar capabilities: dict of bool: 'shared_storage', whether other hosts
        see the same disks; 'has_imagecache', whether there is an image cache
        for Nova to manage; 'snapshot', whether the management partition can
        read the disks.
    """

    def __init__(self, host, image_api):
        self.host = host
        self.image_api = image_api
        self.capabilities = {'shared_storage': False,
                             'has_imagecache': False,
                             'snapshot': False}

    @property
    @abc.abstractmethod
    def vios_uuids(self):
        """UUIDs of the VIOSes that serve the disks, the preferred first."""

    @abc.abstractmethod
    def capacity(self):
        """Return the DiskCapacity as it is now (1 request)."""

    @abc.abstractmethod
    def create_disk_from_image(self, context, instance, image_meta,
                               image_type=DiskType.BOOT):
        """Create a disk of the server that begins with an image's bytes.

        A boot disk has the size that the flavor says, or that of the image
        if the flavor leaves it open; other disks have that of the image.

        :param image_meta: nova.objects.ImageMeta
        :param image_type: DiskType of the new disk.
        :returns: wrapper of the disk, for connect_disk.
        :raises FlavorDiskSmallerThanImage: before anything was made.
        :raises ImageUnacceptable: if the platform cannot boot from such an
            image.
        :raises ComputeResourcesUnavailable: if there is not the room.
        """

    @abc.abstractmethod
    def connect_disk(self, instance, disk, stg):
        """Queue the mapping of a disk to the server's LPAR.

        :param disk: what create_disk_from_image returned.
        :param stg: storage.StorageTransaction
        """

    @abc.abstractmethod
    def disconnect_disk(self, instance, stg, disk_types=None):
        """Queue the removal of the mappings of the server's own disks.

        They are found by the names of the disks, also when the LPAR is gone.

        :param stg: storage.StorageTransaction
        :param disk_types: iterable of DiskType; None means all.
        """

    @abc.abstractmethod
    def delete_disks(self, instance, disk_types=None):
        """Delete the server's own disks, which nothing maps any more.

        :param disk_types: iterable of DiskType; None means all.
        """

    def scrub(self):
        """Remove what an earlier process left half-done; for start-up."""

    def manage_image_cache(self, context, all_instances):
        """Remove cached images that are out of use (see Nova)."""

    def cache_image(self, context, image_id):
        """Fetch an image into the cache.

        :returns: bool: True if it was fetched, False if it was there.
        """
        raise NotImplementedError()

    def get_disk_name(self, disk_type, instance):
        """Name of a disk of the server; see the module's description."""
        return '%s_%s' % (disk_type[0],
                          name_token(uuid.UUID(instance.uuid).int))

    def get_disk_names(self, instance, disk_types=None):
        """Names of the server's own disks of some types, or of all (None)."""
        if disk_types is None:
            disk_types = INSTANCE_DISK_TYPES
        return [self.get_disk_name(disk_type, instance)
                for disk_type in disk_types]
