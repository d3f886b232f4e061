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

"""What becomes of an upload: the bytes of a disk, or a medium."""

from nova_powervm.simulator import disks
from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import storage


def receive_upload(host, file, stream):
    """Take the bytes of an upload; called without site.lock.

    :param file: the File resource which describes it
    :param stream: object with read(n) -> bytes
    :returns: int bytes
    :raises errors.RestError: the disk or repository is not there, or the
        data do not fit. A disk keeps what it got until then; a medium only
        comes into being once all its bytes are there
    """
    if file.type == 'BROKERED_MEDIA_ISO':
        return _receive_medium(host, file, stream)
    return _receive_disk_image(host, file, stream)


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
        disk = disks.SparseDisk(repository.media_path(file.filename) + '.' +
                                file.uuid, repository.free)
    try:
        count = disk.write(stream)
        if file.size is not None and count != file.size:
            raise errors.Refused('%d bytes were announced, %d came' % (
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
    """Return the repository that shall take a medium.

    :raises errors.RestError: when it cannot
    """
    vios = host.store.get('VirtualIOServer', file.vios_uuid)
    vios.check_serving()
    repository = vios.repository
    if repository is None:
        raise errors.Refused('VIOS %s has no media repository' % vios.name)
    if file.filename in repository.media:
        raise errors.Conflict('There is a medium %s already in VIOS %s' % (
            file.filename, vios.name))
    if size > repository.free:
        raise errors.Refused(
            'Media repository %s of VIOS %s has %d bytes free; %s needs %d' % (
                repository.name, vios.name, repository.free, file.filename,
                size))
    return repository
