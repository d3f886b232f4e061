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

"""Uploads: the bytes that a client sends for a disk or a medium."""

import hashlib

from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import storage
from nova_powervm.simulator import sparse_disk


#: FileEnumType of an upload that becomes a medium with the name of the File.
MEDIUM = 'BROKERED_MEDIA_ISO'


def receive(host, uuid, source):
    """Take the contents of a file; site.lock must not be held.

    :param uuid: str, of the File
    :param source: object with read(n) -> bytes
    :raises errors.RestError: the disk or repository is not there, the bytes
        do not fit, or are not what was promised. A disk keeps what it got
        until then; a medium only comes into being once all its bytes are
        there
    """
    with host.site.lock:
        file = host.store.get('File', uuid)
    stream = _Stream(source, digest=file.sha256)
    RECEIVERS[file.type](host, file, stream)
    while stream.read(65536):
        # What the receiver had no use for still counts.
        pass
    with host.site.lock:
        file.received = stream.count
        file.touch(event=False)
    if file.size is not None and stream.count != file.size:
        raise errors.Refused(
            '%d bytes of %s arrived, but %d were expected' % (
                stream.count, file.filename, file.size))
    if file.sha256 and stream.hexdigest() != file.sha256:
        raise errors.Refused('The SHA-256 digest of %s is not %s' % (
            file.filename, file.sha256))


class _Stream:
    """A readable that counts what passes, and digests it if need be."""

    def __init__(self, source, digest):
        self._source = source
        self._digest = hashlib.sha256() if digest else None
        self.count = 0

    def read(self, size=None):
        data = self._source.read(size)
        self.count += len(data)
        if self._digest is not None:
            self._digest.update(data)
        return data

    def hexdigest(self):
        return self._digest.hexdigest()


def _receive_disk_image(host, file, stream):
    with host.site.lock:
        vios = host.store.get('VirtualIOServer', file.vios_uuid)
        vios.check_serving()
        target = vios.find_upload_target(file.device_udid)
        room = target.room
        if (file.size or 0) > target.size:
            raise errors.Refused(
                'File %s (%d bytes) is larger than disk %s (%d bytes)' % (
                    file.filename, file.size, target.name, target.size))
        if (file.size or 0) > room:
            raise errors.Refused(
                'There is no space for file %s (%d bytes): disk %s can take '
                '%d bytes' % (file.filename, file.size, target.name, room))
    try:
        return target.receive(stream, room)
    except FileNotFoundError:
        raise errors.Refused('Disk %s was removed during the upload' %
                             target.name)


def _receive_medium(host, file, stream):
    with host.site.lock:
        repository = _repository_for(host, file, file.size or 0)
        path = '%s.%s' % (repository.media_path(file.filename), file.uuid)
        disk = sparse_disk.SparseDisk(path, repository.free)
    try:
        count = disk.write(stream)
        if file.size is not None and count != file.size:
            raise errors.Refused('%d bytes were announced, %d received' % (
                file.size, count))
        disk.resize(count)
        if file.sha256 and disk.sha256() != file.sha256:
            raise errors.Refused('The SHA-256 digest of %s is not %s' % (
                file.filename, file.sha256))
        with host.site.lock:
            repository = _repository_for(host, file, count)
            disk.move(repository.media_path(file.filename))
            repository.media[file.filename] = storage.OpticalMedia(
                repository, file.filename, disk)
            repository.group.touch('Other')
            repository.group.parent.touch('Other')
    except BaseException:
        disk.delete()
        raise
    return count


def _repository_for(host, file, size):
    """Return the repository for a medium.

    :raises errors.RestError: when it cannot
    """
    vios = host.store.get('VirtualIOServer', file.vios_uuid)
    vios.check_serving()
    repository = vios.repository
    if repository is None:
        raise errors.Refused('VIOS %s has no media repository' % vios.name)
    if file.filename in repository.media:
        raise errors.Conflict('Medium %s already exists in VIOS %s' % (
            file.filename, vios.name))
    if size > repository.free:
        raise errors.Refused(
            'Media repository %s of VIOS %s has %d bytes free; %s needs %d' % (
                repository.name, vios.name, repository.free, file.filename,
                size))
    return repository


#: FileEnumType -> function(host, file, stream) that puts the bytes where they
#: belong. site.lock is not held meanwhile.
RECEIVERS = {
    'BROKERED_DISK_IMAGE': _receive_disk_image,
    MEDIUM: _receive_medium,
}
