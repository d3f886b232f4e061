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


"""VolumeGroup: virtual disks and the media repository.

Disks, repository and media have no URL of their own: clients POST the whole
volume group, and what is new, changed or left out in it is created, resized
or removed.
"""

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import base
from nova_powervm.simulator.resources import staging
from nova_powervm.simulator.resources import storage
from nova_powervm.simulator import values

el = atom.el

#: What AIX, hence a VIOS, takes as name of a logical volume.
_LONGEST_DISK_NAME = 15
_LONGEST_FILE_NAME = 100
#: Source: pypowervm.const.MaxLen.VOPT_NAME.
_LONGEST_MEDIA_NAME = 37
_FILE_FORMATS = ('raw', 'qcow2')


class VolumeGroup(base.Resource):
    """A volume group of a VIOS, or a pool of file-backed disks.

    The latter is a volume group to clients, whose disks are files in a
    directory (assumed, no hardware; the documentation of NovaLink calls it
    "QCOW VG - default"): a disk has a path as its name, may hold qcow2, and
    cannot be resized.

    :param vios: the VirtualIOServer that owns it
    :param capacity: int bytes
    :param used: int bytes taken by what the platform keeps there itself
    :param volumes: list of storage.PhysicalVolume below it
    :param directory: str, path of the files; None for a volume group
    :ivar disks: dict of name, without directory -> storage.VirtualDisk
    :ivar repository: storage.MediaRepository or None
    """

    TYPE = 'VolumeGroup'
    ROOT = False
    PARENTS = ('VirtualIOServer',)
    METHODS = ('POST',)

    def __init__(self, host, uuid, vios, name, capacity, used=0, volumes=(),
                 directory=None):
        super().__init__(host, uuid, vios)
        self.name = name
        self.directory = directory
        self.capacity = capacity
        self.used = used
        self.volumes = list(volumes)
        self.disks = {}
        self.repository = None
        self.serial = '00' + storage.digits(host.name, vios.uuid, name) + (
            storage.digits(name, vios.uuid)[:14])
        for volume in self.volumes:
            volume.group = self

    @property
    def file_backed(self):
        """Whether its disks are files."""
        return self.directory is not None

    def find_disk(self, name):
        """Return the disk with a name or a path, or None."""
        disk = self.disks.get(name.rsplit('/', 1)[-1])
        return disk if disk and disk.is_called(name) else None

    @property
    def free(self):
        """Bytes that are not taken by a disk or the repository."""
        taken = sum(disk.size for disk in self.disks.values())
        if self.repository:
            taken += self.repository.size
        return self.capacity - self.used - taken

    def render(self, groups):
        """Return the elements (source: capture fake_volume_group2.txt)."""
        repository = self.repository
        free = storage.gigabytes(self.free)
        return [
            el('AvailableSize', free),
            el('FreeSpace', free),
            el('GroupCapacity', storage.gigabytes(self.capacity)),
            el('GroupName', self.name),
            el('GroupSerialID', self.serial),
            el('MaximumLogicalVolumes', 1024)] + ([
                atom.section('MediaRepositories', repository.render())]
                if repository else []) + [
            atom.section('PhysicalVolumes', [
                volume.render() for volume in self.volumes]),
            el('UniqueDeviceID', '04' + self.serial),
            atom.section('VirtualDisks', [
                disk.render(in_group=True) for disk in self.disks.values()])]

    def update(self, doc, groups):
        """Make the disks and media what the document says they are.

        :raises errors.Refused: for anything that cannot be done; nothing
            has changed then
        """
        self.parent.check_serving()
        self._check_fixed_parts(doc)
        disk_plan = _DiskPlan(self, doc)
        media_plan = _MediaPlan(self, doc)
        self.check_free(disk_plan.growth + media_plan.growth)
        with staging.Staging(self.parent) as files:
            disk_plan.prepare(files)
            media_plan.prepare(files)
        disk_plan.carry_out()
        media_plan.carry_out()
        return 'Other'

    def _check_fixed_parts(self, doc):
        if doc.text('GroupName', self.name) != self.name:
            raise errors.Refused('Volume group %s cannot be renamed' %
                                 self.name)
        ours = {volume.name for volume in self.volumes}
        for volume in doc.all('PhysicalVolumes/PhysicalVolume'):
            if volume.text('VolumeName') not in ours:
                raise errors.Refused(
                    'Volume group %s cannot be extended by %s' % (
                        self.name, volume.text('VolumeName')))

    def check_name(self, name):
        """Refuse an invalid name for a new disk.

        :param name: str; the name of a file may include its directory
        :returns: str, the name without a directory
        :raises errors.Refused:
        """
        if not self.file_backed:
            if not values.is_file_name(name, _LONGEST_DISK_NAME):
                raise errors.Refused(
                    '%r is not a name for a virtual disk: it needs 1 to 15 '
                    'letters, digits and characters of "_.-"' % name)
            return name
        directory, _, file_name = name.rpartition('/')
        if not values.is_file_name(file_name, _LONGEST_FILE_NAME) or (
                directory not in ('', self.directory)):
            raise errors.Refused(
                '%r is not a name for a disk in %s: it needs 1 to 100 '
                'letters, digits and characters of "_.-"' % (
                    name, self.directory))
        return file_name

    def taken_names(self):
        """Return the names that a new disk cannot have: set of str."""
        if self.file_backed:
            return set(self.disks)
        return self.parent.disk_names()

    def check_free(self, needed):
        """Refuse a request for more space than is free.

        :param needed: int bytes
        :raises errors.Refused:
        """
        if needed > self.free:
            raise errors.Refused(
                'Volume group %s has %s GB free, %s GB more are needed' % (
                    self.name, storage.gigabytes(self.free),
                    storage.gigabytes(needed)))

    def add_disk(self, name, size, label='None', file_format='raw',
                 disk=None):
        """Create a disk; the caller has made sure that all is in order.

        :param name: str, without directory
        :param size: int bytes
        :param file_format: str, for a file-backed disk
        :param disk: sparse_disk.SparseDisk with its bytes; None for a new one
        :returns: storage.VirtualDisk
        """
        if self.file_backed:
            made = storage.FileDisk(self, name, size, file_format, disk)
        else:
            made = storage.VirtualDisk(
                self, name, self._free_udid(), size, label, disk)
        self.disks[name] = made
        return made

    def _free_udid(self):
        """Return the disk UDID with the lowest number that is not taken."""
        taken = (int(disk.udid.rsplit('.', 1)[1])
                 for disk in self.disks.values())
        return '03%s.%d' % (self.serial, storage.lowest_free(taken, 1))

    def state(self):
        return {'uuid': self.uuid, 'name': self.name,
                'capacity_gb': float(storage.gigabytes(self.capacity)),
                'free_gb': float(storage.gigabytes(self.free)),
                'disks': [self.disks[name].state()
                          for name in sorted(self.disks)],
                'repository': self.repository and self.repository.state()}


class _DiskPlan:
    """What a POST wants of the disks of a group; made only if it can be.

    :ivar growth: int bytes that the group needs more (may be negative)
    """

    def __init__(self, group, doc):
        self._group = group
        self._new = []
        self._resized = {}
        self._removed = []
        if doc.has('VirtualDisks'):
            self._read(doc.all('VirtualDisks/VirtualDisk'))
        self._files = []
        self.growth = (
            sum(size for _doc, size, _source in self._new) +
            sum(size - disk.size for disk, size in self._resized.items()) -
            sum(disk.size for disk in self._removed))

    def _read(self, docs):
        by_udid = {disk.udid: disk for disk in self._group.disks.values()}
        kept = set()
        for doc in docs:
            udid = doc.text('UniqueDeviceID')
            if not udid:
                self._new.append(self._read_new(doc))
            elif udid in by_udid:
                kept.add(udid)
                self._read_old(by_udid[udid], doc)
            else:
                raise errors.Refused(
                    'Volume group %s has no disk with UDID %s' % (
                        self._group.name, udid))
        self._removed = [disk for udid, disk in by_udid.items()
                         if udid not in kept]
        for disk in self._removed:
            refuse_if_mapped(disk)
        self._check_new()

    def _read_new(self, doc):
        """Return (document, bytes, source disk or None) of a new disk."""
        name = self._group.check_name(doc.text('DiskName', ''))
        kind = doc.text('VirtualDiskType') or 'LogicalVolume'
        # What pypowervm says of every new disk is LogicalVolume.
        if kind != 'LogicalVolume' and not (kind == 'File' and
                                            self._group.file_backed):
            raise errors.Refused(
                'A disk of type %s cannot be created in a volume group' % kind)
        if (doc.text('FileFormat') or 'raw') not in _FILE_FORMATS:
            raise errors.Refused('The file format of disk %s is not one of '
                                 '%s' % (name, ', '.join(_FILE_FORMATS)))
        size = storage.to_bytes(doc.float('DiskCapacity', 0.0))
        if size <= 0:
            raise errors.Refused('Disk %s needs a DiskCapacity' % name)
        source = None
        if doc.text('BaseImage'):
            source = self._source(name, size, doc)
        return doc, size, source

    def _source(self, name, size, doc):
        udid = doc.text('BaseImage')
        source = self._group.parent.find_disk_by_udid(udid)
        if source is None:
            raise errors.Refused('There is no disk with UDID %s to copy' %
                                 udid)
        if source.size > size:
            raise errors.Refused(
                'Disk %s is too small (%s GB) for a copy of %s (%s GB)' % (
                    name, storage.gigabytes(size), source.name,
                    storage.gigabytes(source.size)))
        if self._group.file_backed and (
                doc.text('FileFormat') or source.file_format
                ) != source.file_format:
            raise errors.Refused('Disk %s holds %s, not %s' % (
                source.name, source.file_format, doc.text('FileFormat')))
        return source

    def _read_old(self, disk, doc):
        if not disk.is_called(doc.text('DiskName', disk.name)):
            raise errors.Refused('Disk %s cannot be renamed' % disk.name)
        shown = storage.gigabytes(disk.size)
        wanted = storage.to_bytes(doc.float('DiskCapacity', float(shown)))
        if storage.gigabytes(wanted) == shown:
            return
        if self._group.file_backed:
            raise errors.Refused('Disk %s is file-backed and cannot be '
                                 'resized' % disk.name)
        if wanted < disk.size:
            raise errors.Refused(
                'Disk %s cannot shrink from %s GB to %s GB' % (
                    disk.name, shown, storage.gigabytes(wanted)))
        self._resized[disk] = wanted

    def _check_new(self):
        taken = self._group.taken_names()
        taken -= {disk.base_name for disk in self._removed}
        for doc, _size, source in self._new:
            name = self._group.check_name(doc.text('DiskName', ''))
            if source in self._removed:
                raise errors.Refused('Disk %s is both to be copied and to be '
                                     'removed' % source.name)
            if name in taken:
                raise errors.Conflict(
                    'A disk with the name %s already exists in VIOS %s' % (
                        name, self._group.parent.name))
            taken.add(name)

    @staticmethod
    def _format(doc, source):
        return doc.text('FileFormat') or (
            source.file_format if source else 'raw')

    def prepare(self, files):
        """Make all files; a staging.Staging takes them back.

        :raises errors.Refused: when one cannot be made
        """
        for doc, size, source in self._new:
            self._files.append(files.make(size, source,
                                          self._format(doc, source)))
        for disk, size in self._resized.items():
            files.resize(disk.disk, size)

    def carry_out(self):
        # A disk that takes the name of one that goes takes its path, too.
        for disk in self._removed:
            del self._group.disks[disk.base_name]
            disk.delete()
        for (doc, size, source), made in zip(self._new, self._files):
            self._group.add_disk(
                self._group.check_name(doc.text('DiskName', '')), size,
                doc.text('DiskLabel') or 'None', self._format(doc, source),
                made)
        for disk, size in self._resized.items():
            disk.size = size
            disk.changed()
            if disk.in_use:
                self._group.parent.touch('VirtualSCSIMappings')


class _MediaPlan:
    """What a POST wants of the media repository of a group.

    :ivar growth: int bytes that the group needs more (may be negative)
    """

    def __init__(self, group, doc):
        self._group = group
        self._old = group.repository
        self._size = self._old.size if self._old else 0
        self._name = None
        self._new = []
        self._files = []
        self._removed = []
        if doc.has('MediaRepositories'):
            self._read(doc.all('MediaRepositories/VirtualMediaRepository'))
        self.growth = self._size - (self._old.size if self._old else 0)

    def _read(self, docs):
        if len(docs) > 1:
            raise errors.Refused('A VIOS can have one media repository only')
        if docs:
            self._read_repository(docs[0])
        else:
            self._size = 0
            self._removed = list(self._old.media.values()) if self._old else []
        for medium in self._removed:
            refuse_if_mapped(medium)

    def _read_repository(self, doc):
        old = self._old
        shown = storage.gigabytes(old.size) if old else '0'
        wanted = storage.to_bytes(doc.float('RepositorySize', float(shown)))
        if storage.gigabytes(wanted) != shown:
            self._size = wanted
        if old is None:
            self._name = doc.text('RepositoryName') or 'VMLibrary'
            if self._group.parent.repository is not None:
                raise errors.Refused('VIOS %s already has a media repository' %
                                     self._group.parent.name)
        elif self._size < old.size:
            raise errors.Refused('Media repository %s cannot shrink' %
                                 old.name)
        if self._size <= 0:
            raise errors.Refused('A media repository needs a RepositorySize')
        if doc.has('OpticalMedia'):
            self._read_media(doc.all('OpticalMedia/VirtualOpticalMedia'))
        media = old.media.values() if old else ()
        needed = (sum(m.size for m in media if m not in self._removed) +
                  sum(size for _name, size, _type in self._new))
        if needed > self._size:
            raise errors.Refused('The media repository is too small for its '
                                 'media')

    def _read_media(self, docs):
        media = dict(self._old.media) if self._old else {}
        names = set()
        for doc in docs:
            name = doc.text('MediaName', '')
            if name in names:
                raise errors.Conflict('Two media have the name %s' % name)
            names.add(name)
            if name in media:
                continue
            if doc.text('MediaUDID'):
                raise errors.Refused('There is no medium %s' % name)
            size = storage.to_bytes(doc.float('Size', 0.0))
            if not name or size <= 0:
                raise errors.Refused('A new medium needs a name and a Size')
            check_media_name(name)
            self._new.append((name, size, doc.text('MountType') or 'rw'))
        self._removed = [medium for name, medium in media.items()
                         if name not in names]

    def prepare(self, files):
        """Make all files; a staging.Staging takes them back.

        :raises errors.Refused: when one cannot be made
        """
        self._files = [files.make(size) for _name, size, _type in self._new]

    def carry_out(self):
        group = self._group
        if not (self.growth or self._new or self._removed or self._name):
            return
        for medium in self._removed:
            del self._old.media[medium.name]
            medium.disk.delete()
        if not self._size:
            group.repository = None
        elif self._old is None:
            group.repository = storage.MediaRepository(
                group, self._name, self._size)
        else:
            self._old.size = self._size
        for (name, _size, mount_type), disk in zip(self._new, self._files):
            disk.move(group.repository.media_path(name))
            group.repository.media[name] = storage.OpticalMedia(
                group.repository, name, disk, mount_type)
        group.parent.touch('Other')


def check_media_name(name):
    """Refuse an invalid name for a new medium.

    :raises errors.Refused:
    """
    if not values.is_file_name(name, _LONGEST_MEDIA_NAME):
        raise errors.Refused(
            '%r is not a name for a medium: it needs 1 to %d letters, digits '
            'and characters of "_.-"' % (name, _LONGEST_MEDIA_NAME))


def refuse_if_mapped(backing):
    """Refuse to remove a disk or a medium that has a mapping.

    :raises errors.Refused:
    """
    if backing.in_use:
        raise errors.Refused('%s %s is mapped to %s and cannot be removed' % (
            backing.TAG, backing.name, ', '.join(backing.clients())))


def find_disk(host, name, vios=None):
    """Find the bytes of a virtual disk or an optical medium.

    :param name: str
    :param vios: str name of the VIOS, where a name alone is ambiguous
    :returns: sparse_disk.SparseDisk
    :raises errors.NotFound:
    """
    for server in host.store.all('VirtualIOServer'):
        if vios not in (None, server.name):
            continue
        for group in server.volume_groups:
            if name in group.disks:
                return group.disks[name].disk
            if group.repository and name in group.repository.media:
                return group.repository.media[name].disk
    raise errors.NotFound('Host %s has no disk or medium %s' % (
        host.name, name))
