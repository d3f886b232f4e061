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

"""Images from Glance, and their upload to disks."""

import dataclasses
import hashlib
import itertools
import math

from nova import exception as nova_exc
from oslo_utils.imageutils import format_inspector
from oslo_utils import units
from pypowervm.wrappers import vios_file

from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.storage import uploads

#: All image formats that some type of disk accepts.
FORMATS = ('raw', 'qcow2')


def size_gb(size):
    """Return the GiB for a number of bytes, rounded up, at least 1."""
    return max(1, math.ceil(size / units.Gi))


def check_fits(size, disk_gb):
    """Raise FlavorDiskSmallerThanImage unless a disk can hold an image.

    :param size: int, bytes of the image.
    :param disk_gb: int, GiB of the disk.
    """
    if size > disk_gb * units.Gi:
        raise nova_exc.FlavorDiskSmallerThanImage(
            flavor_size=disk_gb * units.Gi, image_size=size)


@dataclasses.dataclass(frozen=True)
class Image:
    """An image as Glance describes it.

    :ivar id: its UUID.
    :ivar size: length in bytes.
    :ivar disk_format: 'raw', 'qcow2', ...
    :ivar content: str that differs if the content differs.
    :ivar hash_algo: name of a hash for hashlib, or None.
    :ivar hash_value: hex digest of the content with this hash.
    """

    id: str
    size: int
    disk_format: str
    content: str
    hash_algo: str | None = None
    hash_value: str | None = None

    @property
    def virtual_size(self):
        """Bytes of the disk in the image; None if only its content has it."""
        return self.size if self.disk_format == 'raw' else None

    def check(self, formats):
        """Raise ImageUnacceptable unless the image is usable for a disk.

        :param formats: tuple of the accepted disk formats.
        """
        if self.disk_format not in formats:
            failure: type[nova_exc.ImageUnacceptable] = (
                exception.ImageFormatNotOnThisHost
                if self.disk_format in FORMATS
                else nova_exc.ImageUnacceptable)
            raise failure(
                image_id=self.id, reason='the disk driver needs the disk '
                'format %s, not %s' % (' or '.join(formats),
                                       self.disk_format))
        if not self.size:
            raise nova_exc.ImageUnacceptable(image_id=self.id,
                                             reason='it has no content')

    @classmethod
    def from_glance(cls, image_api, context, image_id):
        """Ask Glance for an image.

        :raises ImageNotFound: and other exceptions of Nova's image API.
        :raises ImageNotActive: if Glance does not have its content.
        """
        found = image_api.get(context, image_id)
        if found.get('status') != 'active':
            raise nova_exc.ImageNotActive(image_id=image_id)
        checksum = found.get('checksum')
        algo, value = found.get('os_hash_algo'), found.get('os_hash_value')
        size = int(found.get('size') or 0)
        if not (algo and value):
            algo, value = 'md5' if checksum else None, checksum
        return cls(
            id=image_id, size=size, disk_format=found.get('disk_format'),
            content=checksum or value or '%s %s' % (
                size, found.get('updated_at')),
            hash_algo=algo, hash_value=value)

    @classmethod
    def from_meta(cls, image_meta):
        """Describe an image without asking Glance.

        :param image_meta: nova.objects.ImageMeta
        :returns: Image, or None if image_meta is incomplete: Nova stores
            neither size nor checksum with an instance.
        """
        def get(field):
            return image_meta.obj_attr_is_set(field) and getattr(image_meta,
                                                                 field)
        if not all(get(field) for field in ('id', 'size', 'disk_format',
                                            'checksum')):
            return None
        return cls(id=image_meta.id, size=image_meta.size,
                   disk_format=image_meta.disk_format,
                   content=image_meta.checksum)


class CheckedStream:
    """The bytes of an image during an upload, counted and hashed.

    The download begins when the first byte is needed.

    :param image: Image, with the expected size and hash.
    :param download: iterable of bytes, such as download.Download. It is
        iterated at most once.
    """

    def __init__(self, image, download):
        self._image = image
        self._download = download
        self._head = []
        self._rest = None
        self._count = 0
        self._hash = image.hash_algo and hashlib.new(image.hash_algo,
                                                     usedforsecurity=False)
        self._ended = False
        self._error = None

    def virtual_size(self):
        """Return the size of the disk in the image, in bytes.

        For formats other than raw this reads the first bytes.

        :raises ImageUnacceptable: if they do not have the right format, or
            refer to files of the host, as a qcow2 image can.
        """
        if self._image.virtual_size is not None:
            return self._image.virtual_size
        inspector = format_inspector.get_inspector(self._image.disk_format)()
        try:
            for chunk in self._chunks():
                self._head.append(chunk)
                inspector.eat_chunk(chunk)
                if inspector.complete:
                    break
            inspector.safety_check()
            return inspector.virtual_size
        except (format_inspector.ImageFormatError,
                format_inspector.SafetyCheckFailed) as exc:
            self.close()
            raise nova_exc.ImageUnacceptable(
                image_id=self._image.id, reason='its content is not a safe '
                '%s image: %s' % (self._image.disk_format, exc)) from exc

    def begin(self):
        """Wait for the first bytes, to make sure that Glance sends them.

        :raises CouldNotFetchImage: and exceptions of Nova's image API, if
            Glance does not send them.
        """
        if self._head:
            return
        try:
            self._head.extend(itertools.islice(self._chunks(), 1))
        except Exception:
            self.raise_if_to_blame()
            raise
        if self._ended:
            self.verify()

    def __iter__(self):
        head, self._head = self._head, []
        yield from head
        yield from self._chunks()

    def _chunks(self):
        """Continue the download."""
        try:
            if self._rest is None:
                self._rest = iter(self._download)
            for chunk in self._rest:
                self._count += len(chunk)
                if self._hash:
                    self._hash.update(chunk)
                if chunk:
                    yield chunk
            self._ended = True
        except Exception as exc:
            self._error = exc
            raise

    def close(self):
        """End the download, if it is running."""
        if self._rest is not None and hasattr(self._rest, 'close'):
            self._rest.close()

    def raise_if_to_blame(self):
        """Raise CouldNotFetchImage if an upload failed because of Glance."""
        if isinstance(self._error, nova_exc.NovaException):
            raise self._error
        if self._error is not None:
            raise nova_exc.CouldNotFetchImage(
                'Could not fetch image %s: after %d of %d bytes: %s' % (
                    self._image.id, self._count, self._image.size,
                    self._error)) from self._error
        if self._ended:
            self.verify()

    def verify(self):
        """Raise CouldNotFetchImage unless these are the image's bytes."""
        if self._count != self._image.size:
            raise nova_exc.CouldNotFetchImage(
                'Could not fetch image %s: got %d bytes of %d' % (
                    self._image.id, self._count, self._image.size))
        if self._hash and self._hash.hexdigest() != self._image.hash_value:
            raise nova_exc.CouldNotFetchImage(
                'Could not fetch image %s: its %s is %s, Glance says %s' % (
                    self._image.id, self._image.hash_algo,
                    self._hash.hexdigest(), self._image.hash_value))


def upload(host, vios_uuid, name, image, stream, target_udid):
    """Stream an image to a disk (3 requests).

    :param host: the owner of the REST connection (host.Host).
    :param vios_uuid: UUID of a VIOS that serves the disk.
    :param name: str, name of the disk.
    :param stream: CheckedStream of the image.
    :param target_udid: UDID of the disk.
    :raises CouldNotFetchImage: if the bytes do not match Glance's record.
    """
    try:
        uploads.upload(
            host, vios_uuid, vios_file.FileType.DISK_IMAGE, name, stream,
            image.size, target_udid=target_udid, sha256=(
                image.hash_value if image.hash_algo == 'sha256' else None))
    except Exception:
        stream.raise_if_to_blame()
        raise
    finally:
        stream.close()
    stream.verify()
