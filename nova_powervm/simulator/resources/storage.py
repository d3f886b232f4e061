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


"""Storage that a VIOS can map to a partition: disks, media, volumes.

These objects have no URL. The documents of VolumeGroup, VirtualIOServer and
VirtualSCSIMapping contain them.
"""

import base64
import hashlib
import os
import uuid

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator import sparse_disk

el = atom.el

GIB = 1024 ** 3


def gigabytes(size_bytes):
    """Format a size as the captures do: GiB, up to six decimals.

    :returns: str such as '60', '0.0977'
    """
    value = '%.6f' % (size_bytes / GIB)
    return value.rstrip('0').rstrip('.')


def to_bytes(size_gib):
    """Return the whole bytes of a size in (fractional) GiB."""
    return int(round(size_gib * GIB))


class Backing:
    """Base of everything that a virtual SCSI target device can stand on.

    :ivar name: str, unique among its kind in its VIOS
    :ivar udid: str, UniqueDeviceID
    :ivar targets: list of scsi_mappings.Target which use it
    """

    #: Tag of its element.
    TAG = None
    #: Whether the client sees it as a disk whose bytes are in ``self.disk``.
    is_disk = False
    #: The format of its bytes.
    file_format = 'raw'
    #: Tag of the target device of a mapping.
    TARGET_TAG = None
    #: First digits of the UDID of that device, and start of its name.
    #: (source: captures fake_vios_ssp_npiv.txt and fake_vios_mappings.txt)
    TARGET_UDID_PREFIX = TARGET_NAME_PREFIX = None

    def __init__(self, name, udid):
        self.name = name
        self.udid = udid
        self.targets = []

    @property
    def device_name(self):
        """BackingDeviceName of its mappings."""
        return self.name

    @property
    def in_use(self):
        """Whether it has a mapping."""
        return bool(self.targets)

    @property
    def shareable(self):
        """Whether it may have several mappings at a time."""
        return False

    @property
    def works(self):
        """Whether its VIOS can read and write it."""
        return True

    @property
    def base_name(self):
        """Its name without a directory."""
        return self.name

    def check_lendable(self):
        """Refuse if no mapping can ever stand on it.

        :raises errors.Refused:
        """

    def bytes_changed(self):
        """Note that data was written to it; site.lock is held."""

    def attach(self, target):
        """Record a new mapping.

        :param target: scsi_mappings.Target
        """
        self.targets.append(target)

    def detach(self, target):
        """Record that a mapping was removed."""
        self.targets.remove(target)

    def set_tag(self, tag):
        """Store the tag from a client; most kinds do not.

        :param tag: str, or None
        """

    def changed(self):
        """Forget what mappings have cached of it."""
        for target in self.targets:
            target.bus.changed()

    def render(self):
        """Return its element in a mapping."""
        raise NotImplementedError()

    def clients(self):
        """Return the sorted names of the partitions that have it mapped."""
        return sorted(target.bus.client_name for target in self.targets)


class VirtualDisk(Backing):
    """A logical volume with real bytes.

    :param group: the VolumeGroup that holds it
    :param size: int bytes
    :param label: str, what the client gave as DiskLabel
    :param disk: sparse_disk.SparseDisk that becomes its own; None for a new
                 one
    """

    TAG = 'VirtualDisk'
    is_disk = True
    TARGET_TAG = 'LogicalVolumeVirtualTargetDevice'
    TARGET_UDID_PREFIX, TARGET_NAME_PREFIX = '09', 'vtscsi'

    def __init__(self, group, name, udid, size, label='None', disk=None):
        super().__init__(name, udid)
        self.group = group
        self.size = size
        self.label = label
        path = file_path(group.parent, 'disk', name)
        if disk is None:
            disk = sparse_disk.SparseDisk(path, size)
        else:
            disk.move(path)
        self.disk = disk
        self.restored()

    def restored(self):
        """Show it on a VIOS that is the management partition."""
        if self.group.parent.is_management:
            self.group.host.management.show(self.device_name, self.disk.path)

    @property
    def device_name(self):
        """Its path if the management partition is the VIOS that has it."""
        if self.group.parent.is_management:
            return '/dev/%s/%s' % (self.group.name, self.name)
        return self.name

    def delete(self):
        """Remove its bytes."""
        if self.group.parent.is_management:
            self.group.host.management.hide(self.device_name)
        self.disk.delete()

    @property
    def room(self):
        """Bytes that may be written to it."""
        return self.size

    def is_called(self, name):
        """Tell whether a client means it by a name or a path."""
        return name.rsplit('/', 1)[-1] == self.name

    def receive(self, stream, limit):
        """Take the bytes of an upload; site.lock is not held.

        :param stream: object with read(n) -> bytes
        :param limit: int bytes
        :returns: int bytes
        """
        return self.disk.write(stream, limit)

    def render(self, in_group=False):
        """Return its element.

        :param in_group: inside its VolumeGroup, with a link to that
        """
        return atom.section(
            self.TAG,
            el('DiskCapacity', gigabytes(self.size)),
            el('DiskLabel', self.label),
            el('DiskName', self.name),
            atom.link('VolumeGroup', self.group.href()) if in_group else None,
            el('UniqueDeviceID', self.udid))

    def state(self):
        return {'name': self.name, 'udid': self.udid,
                'size_gb': float(gigabytes(self.size)),
                'mapped_to': self.clients()}


class FileDisk(VirtualDisk):
    """A disk that is a file of its VIOS.

    What is uploaded to it is kept as it is: a qcow2 file remains one, of the
    length that it has, whatever the capacity of the disk.

    :param name: str, without directory
    :param file_format: 'raw' or 'qcow2'
    """

    def __init__(self, group, name, size, file_format, disk=None):
        path = '%s/%s' % (group.directory, name)
        self.file_format = file_format
        # Those of capture fake_vios_hosting_vios_feed.txt are name-based
        # UUIDs too.
        udid = str(uuid.uuid3(uuid.UUID(group.uuid), path))
        super().__init__(group, path, udid, size, path, disk)

    @property
    def device_name(self):
        return self.name

    @property
    def base_name(self):
        return self.name.rsplit('/', 1)[-1]

    def is_called(self, name):
        return name in (self.name, self.base_name)

    def receive(self, stream, limit):
        count = super().receive(stream, limit)
        if self.file_format != 'raw':
            self.disk.resize(count)
        return count

    def render(self, in_group=False):
        """Return its element.

        BackStoreType and FileFormat are newer than the captures (source:
        pypowervm.wrappers.storage).
        """
        element = super().render(in_group)
        element.put([el('VirtualDiskType', 'File'),
                     el('BackStoreType', 'user:qcow'),
                     el('FileFormat', self.file_format)])
        return element

    def state(self):
        return dict(super().state(), file_format=self.file_format)


class OpticalMedia(Backing):
    """A medium (ISO file) in a media repository.

    :param repository: the MediaRepository that holds it
    :param disk: sparse_disk.SparseDisk with its bytes
    :param mount_type: 'rw' or 'ro'; a read-only one may be in several
                       drives (source: mount_type of captures; assumed)
    """

    TAG = 'VirtualOpticalMedia'
    TARGET_TAG = 'VirtualOpticalTargetDevice'
    TARGET_UDID_PREFIX, TARGET_NAME_PREFIX = '19', 'vtopt'

    def __init__(self, repository, name, disk, mount_type='rw'):
        super().__init__(name, '0e' + name)
        self.repository = repository
        self.disk = disk
        self.mount_type = mount_type

    @property
    def size(self):
        """Size in bytes."""
        return self.disk.size

    @property
    def shareable(self):
        return self.mount_type != 'rw'

    def render(self):
        return atom.section(
            self.TAG,
            el('MediaName', self.name),
            el('MediaUDID', self.udid),
            el('MountType', self.mount_type),
            el('Size', gigabytes(self.size)))

    def state(self):
        return {'name': self.name, 'size_bytes': self.size,
                'mapped_to': self.clients()}


class PhysicalVolume(Backing):
    """A disk of the VIOS: local, or a LUN of a storage area network.

    :param name: str such as hdisk3
    :param location: str, location code
    :param capacity_mb: int
    :param serial: str of 16 hex digits, its identity
    :param fc_backed: bool, whether it is a LUN
    :param udid: str UniqueDeviceID, None for one made from the serial
    """

    TAG = 'PhysicalVolume'
    TARGET_TAG = 'PhysicalVolumeVirtualTargetDevice'
    TARGET_UDID_PREFIX, TARGET_NAME_PREFIX = '08', 'vtscsi'

    def __init__(self, name, location, capacity_mb, serial, fc_backed=False,
                 udid=None):
        self.fc_backed = fc_backed
        self.serial = serial.upper()
        super().__init__(name, udid or '01' + _base64(
            '3IBM' + self._model + self.serial))
        self.location = location
        self.capacity_mb = capacity_mb
        self.reserve_policy = 'NoReserve'
        self.group = None
        self.tag = None

    @property
    def _model(self):
        return '2145' if self.fc_backed else 'MBF2600RC'

    @property
    def _unique_id(self):
        if self.fc_backed:
            return '33213%s04214503IBMfcp' % self.serial.rjust(32, '0')
        return '28113%s09MBF2600RC03IBMsas' % self.serial

    @property
    def page83(self):
        """Its NAA identity in the format of DescriptorPage83."""
        return _base64(self.serial.rjust(32, '0'))

    @property
    def size(self):
        """Size in bytes."""
        return self.capacity_mb * 1024 ** 2

    def set_tag(self, tag):
        # Until it is mapped no more; assumed, no hardware.
        if tag and tag != self.tag:
            self.tag = tag
            self.changed()

    def check_lendable(self):
        if self.group is not None:
            raise errors.Refused(
                'Physical volume %s belongs to volume group %s' % (
                    self.name, self.group.name))

    def found(self, paths=frozenset()):
        """Note what a discovery has found.

        :returns: bool, whether its document is another one now
        """
        return False

    def forget(self):
        """Record that its VIOS no longer has it."""

    def detach(self, target):
        super().detach(target)
        if not self.in_use:
            self.tag = None

    def render(self):
        return atom.section(
            self.TAG,
            el('Tag', self.tag) if self.tag else None,
            el('Description', 'MPIO IBM 2076 FC Disk' if self.fc_backed
               else 'SAS Disk Drive'),
            el('LocationCode', self.location),
            el('PersistentReserveKeyValue', 'none') if self.fc_backed
            else None,
            el('ReservePolicy', self.reserve_policy),
            el('ReservePolicyAlgorithm', 'Failover'),
            el('UniqueDeviceID', self.udid),
            el('AvailableForUsage', self.group is None and not self.in_use),
            el('VolumeCapacity', self.capacity_mb),
            el('VolumeName', self.name),
            el('VolumeState', 'active'),
            el('VolumeUniqueID', self._unique_id),
            el('IsFibreChannelBacked', self.fc_backed),
            el('DescriptorPage83', self.page83) if self.fc_backed else None)

    def state(self):
        return {'name': self.name, 'udid': self.udid,
                'capacity_mb': self.capacity_mb,
                'volume_group': self.group and self.group.name,
                'mapped_to': self.clients()}


class MediaRepository:
    """The optical media library of a VIOS; it takes space of its group.

    :param group: the VolumeGroup that holds it
    :param size: int bytes
    :ivar media: dict of name -> OpticalMedia
    """

    def __init__(self, group, name, size):
        self.group = group
        self.name = name
        self.size = size
        self.media = {}

    @property
    def free(self):
        """Bytes that are left for more media."""
        return self.size - sum(medium.size for medium in self.media.values())

    def media_path(self, name):
        """Path of the file that holds the bytes of a medium."""
        return file_path(self.group.parent, 'media', name)

    def render(self):
        return atom.section(
            'VirtualMediaRepository',
            atom.section('OpticalMedia', [
                medium.render() for medium in self.media.values()]),
            el('RepositoryName', self.name),
            el('RepositorySize', gigabytes(self.size)))

    def state(self):
        return {'name': self.name, 'size_gb': float(gigabytes(self.size)),
                'media': [self.media[name].state()
                          for name in sorted(self.media)]}


def file_path(vios, kind, name):
    """Path of the sparse file of a disk or a medium.

    :param vios: the VirtualIOServer that owns it
    :param kind: 'disk' or 'media'
    :returns: str, below the data directory of the host
    """
    return os.path.join(vios.host.data_dir, 'storage', vios.uuid,
                        sparse_disk.file_name(kind, name))


def lowest_free(taken, first=0):
    """Return the lowest number from ``first`` on that is not taken.

    :param taken: iterable of int
    """
    taken = set(taken)
    number = first
    while number in taken:
        number += 1
    return number


def digits(*parts):
    """Return 16 hex digits that depend on the parts and nothing else."""
    text = '/'.join(str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _base64(text):
    return base64.b64encode(text.encode()).decode()
