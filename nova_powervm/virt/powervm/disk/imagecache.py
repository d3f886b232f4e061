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

"""The cache of images in a volume group. Boot disks are copies of them.

A cached image is a virtual disk in the same group as the servers' disks. Its
name is computed from the image's ID and its content, see module names. If the
content of an image changes, it gets another disk.

While the driver fetches an image, there is also a disk of the smallest size,
the marker of a partial image. It has the same name with a p in front. The
driver creates it before the image's disk, in a separate request. It deletes
the marker when all bytes are uploaded and their number and checksum match
Glance's record. So an image without a marker is complete, even after a crash
of this process, of the VIOS or of both. The driver never uses an image with a
marker. It removes such an image before the next upload, in the periodic
clean-up, or in clean_at_start() when nova-compute starts. This needs no space
and no time for a second copy. pypowervm also uses a marker to coordinate its
uploads to a Shared Storage Pool.

The cache uses only space that no disk needs. If an image does not fit in
addition to its disk, the driver uploads it to the disk itself. If a disk does
not fit otherwise, the driver removes cached images, which Glance still has. It
removes no more than the disk needs, and the image of the disk itself only when
Glance has begun to send it.

The driver never deletes an image that somebody has mapped to a partition by
hand: the platform refuses this, and the driver removes only the others.
"""

import contextlib
import threading
import time

from nova import exception as nova_exc
from nova.virt import imagecache
from oslo_log import log as logging
from oslo_utils import excutils
from oslo_utils import units
from pypowervm import exceptions as pvm_exc

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm.disk import download
from nova_powervm.virt.powervm.disk import image as disk_image
from nova_powervm.virt.powervm.disk import image_locks
from nova_powervm.virt.powervm.disk import room
from nova_powervm.virt.powervm import names
from nova_powervm.virt.powervm.storage import deletion
from nova_powervm.virt.powervm.storage import uploads
from nova_powervm.virt.powervm.storage import volumegroup
from nova_powervm.virt.powervm import utils

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

_MARKER_GB = 1


def disk_name(image):
    """Return the name of an image's disk in the cache."""
    return names.group_image(image.id, image.content)


def _marker(name):
    """Return the name of the marker of an image's disk."""
    return 'p' + name[1:]


def _is_marker(name):
    return name.startswith('p_') and names.is_group_image('i' + name[1:])


_PROOF = deletion.cache_proof(
    lambda name: names.is_group_image(name) or _is_marker(name))


class ImageCache(imagecache.ImageCacheManager):
    """The images in one volume group.

    A thread shares the lock of an image while it copies it, and has the lock
    alone while it fetches or removes it. It requests a copy with the etag of
    the document that had the complete image, so no other client can have
    removed the image in between.

    :param host: the owner of the REST connection (host.Host).
    :param volume_group: volumegroup.VolumeGroup
    :param image_api: nova.image.glance.API, or an object with its methods.
    :param clock: function that returns monotonic seconds.
    """

    def __init__(self, host, volume_group, image_api, clock=time.monotonic):
        super().__init__()
        self.host = host
        self.vg = volume_group
        self.image_api = image_api
        self._clock = clock
        self.locks = image_locks.ImageLocks()
        self._unused_since = {}
        self._unused_lock = threading.Lock()

    def create_copy(self, context, image, name, size_gb, proof,
                    half_made=contextlib.nullcontext):
        """Create a disk that begins with an image's bytes.

        Needs 2 requests if the image is cached, otherwise 9, or 5 if there is
        not enough space for both. Replaces a stale disk with this name.

        :param image: image.Image, complete, or as Image.from_meta() returns
            it.
        :param name: str, name of the new disk.
        :param size_gb: int, its size in GiB, or None for the image's size.
        :param proof: deletion.Proof for a disk with this name.
        :param half_made: function that returns a context manager, in which
            there may be a disk of this name with incomplete content.
        :returns: wrapper of the new disk.
        :raises FlavorDiskSmallerThanImage: if the size is too small.
        """
        while True:
            with self._using(image) as share:
                vg_w, disk = self._copy_first(image, name, size_gb, proof)
                if disk is not None:
                    return disk
                if share.make_whole():
                    return self._create_fetched(
                        context, image, vg_w, name, size_gb, proof, half_made)
                # Another thread is fetching it.

    def ensure(self, context, image):
        """Fetch an image unless it is cached (1 request, or 8).

        :param image: image.Image
        :returns: bool: True if it was fetched.
        """
        while True:
            with self._using(image) as share:
                vg_w = self.vg.read()
                if self._is_complete(vg_w, disk_name(image)):
                    return False
                if not share.make_whole():
                    continue
                with self._opened(context, image) as (found, stream, image_gb):
                    with self._fetched(found, stream, vg_w, image_gb,
                                       _MARKER_GB):
                        self.vg.edit(self._end, found)
                return True

    def give_way(self, vg_w, size_gb, own=None):
        """Remove images, if this makes enough space for a disk.

        Needs 0 or 1 request, and 3 more if the platform refuses. Remove no
        more images than necessary, and none that is being fetched or copied,
        or that somebody has mapped.

        :param vg_w: wrapper of the volume group, as in VolumeGroup.edit().
        :param size_gb: int, GiB that must be free.
        :param own: str, name of an image whose lock the caller holds. It may
            also be removed, but last. None means that there is none.
        :returns: wrapper of the group.
        """
        return self._sparing_mapped(vg_w, self._give_way, size_gb, own)

    def check_room(self, vg_w, size_gb):
        """Raise ComputeResourcesUnavailable if give_way() cannot help.

        Needs no request; 1 if images would have to be removed.

        :param vg_w: wrapper of the volume group.
        """
        if vg_w.available_size < size_gb <= room.most(vg_w):
            mapped = self.vg.clients(room.images(vg_w))
            if size_gb <= room.most(vg_w, but=mapped):
                return
        volumegroup.check_room(vg_w, size_gb)

    def clean_at_start(self):
        """Remove partial images that nobody is fetching (1 request).

        :returns: wrapper of the volume group.
        """
        partial = []
        vg_w = self.vg.edit(self._sparing_mapped, self._drop_partial, partial)
        if partial:
            uploads.delete_files(self.host, partial,
                                 self.vg.vios_uuid)
        return vg_w

    def update(self, context, all_instances):
        """Remove images that have been unused for long enough.

        Nova calls this. Needs 1 request, and 1 to remove images. Nova does not
        say which content of an image a server has, so all contents of a used
        image stay. A disk does not show when it was last used. So the time
        begins when an image is first found unused, and starts again when
        nova-compute starts.

        :param all_instances: nova.objects.InstanceList
        """
        if not self.remove_unused_base_images:
            return
        in_use = {names.group_image_prefix(instance.image_ref)
                  for instance in all_instances if instance.image_ref}
        self.vg.edit(self._sparing_mapped, self._prune, in_use)

    @contextlib.contextmanager
    def _using(self, image):
        """Share the lock of an image that is in use from now on."""
        name = disk_name(image)
        with self.locks.shared(name) as share:
            with self._unused_lock:
                self._unused_since.pop(name, None)
            yield share

    # ---- fetching an image, its lock held alone ------------------------

    def _create_fetched(self, context, image, vg_w, *disk):
        """Fetch an image for a disk; as create_copy, with the lock alone."""
        for _attempt in range(2):
            # Others may use the space between fetching and copying.
            vg_w, made = self._fetch_and_copy(context, image, vg_w, *disk)
            if made is not None:
                return made
        raise nova_exc.CouldNotFetchImage(
            'Image %s was removed from volume group %s by somebody else.' % (
                image.id, self.vg.name))

    def _fetch_and_copy(self, context, image, vg_w, name, size_gb, proof,
                        half_made):
        """See create_copy.

        :param vg_w: wrapper of the volume group, as it was read just now.
        :returns: (wrapper, wrapper of the disk; None if the image is gone)
        """
        with self._opened(context, image, size_gb) as (
                image, stream, image_gb):
            disk_gb = size_gb or image_gb
            if vg_w.available_size < image_gb + disk_gb:
                self._check_room_instead(vg_w, name, disk_gb)
                stream.begin()
                with half_made():
                    return vg_w, self._upload_to_disk(
                        image, stream, vg_w, name, disk_gb, proof)
            with self._fetched(image, stream, vg_w, image_gb, disk_gb):
                return self.vg.edit(self._end_and_copy, image, name, size_gb,
                                    proof)

    @contextlib.contextmanager
    def _opened(self, context, image, size_gb=None):
        """Begin to fetch an image; the context ends the download.

        :param size_gb: int, GiB of the disk for the image, if known.
        :returns: context manager that yields (image.Image,
            image.CheckedStream, int GiB that it needs).
        :raises FlavorDiskSmallerThanImage: if this is too small for the image.
        """
        name = disk_name(image)
        image = disk_image.Image.from_glance(self.image_api, context,
                                             image.id)
        if disk_name(image) != name:
            raise nova_exc.CouldNotFetchImage(
                'Could not fetch image %s: it has been changed.' % image.id)
        stream = disk_image.CheckedStream(image, download.Download(
            self.image_api, context, image.id, image.size))
        with contextlib.closing(stream):
            virtual_size = stream.virtual_size()
            if size_gb is not None:
                disk_image.check_fits(virtual_size, size_gb)
            yield image, stream, disk_image.size_gb(virtual_size)

    @contextlib.contextmanager
    def _fetched(self, image, stream, vg_w, image_gb, room_gb):
        """Fetch an image; the caller deletes the marker in the context.

        If anything fails, also in the context, no partial image is left.

        :param vg_w: wrapper of the volume group, as it was read just now.
        :param image_gb: int, GiB that the image needs.
        :param room_gb: int, GiB that must stay free.
        """
        name = disk_name(image)
        try:
            target = self.vg.edit(self._begin, image, image_gb, room_gb,
                                  known=vg_w)
            self._fill(image, stream, target, name)
            yield
        except Exception:
            with excutils.save_and_reraise_exception():
                utils.try_to('remove the partial image %s' % name,
                             self.vg.edit, self._drop_if_partial, name)

    def _upload_to_disk(self, image, stream, vg_w, name, size_gb, proof):
        """Create a disk, and stream an image to it (5 requests)."""
        disk = self.vg.edit(self._create, image, name, size_gb, proof,
                            known=vg_w)
        try:
            self._fill(image, stream, disk, name)
        except Exception:
            with excutils.save_and_reraise_exception():
                utils.try_to('remove the partial disk %s' % name,
                             self.vg.edit, deletion.disks, [name], proof)
        return disk

    def _fill(self, image, stream, target, name):
        """Stream an image from Glance to a disk (3 requests)."""
        LOG.info('Fetching image %(image)s into disk %(disk)s of volume '
                 'group %(vg)s.', {'image': image.id, 'disk': name,
                                   'vg': self.vg.name})
        disk_image.upload(self.host, self.vg.vios_uuid, name, image,
                          stream, target.udid)

    # ---- edits of the volume group's document --------------------------

    @staticmethod
    def _is_complete(vg_w, name):
        return (volumegroup.find_disk(vg_w, name) is not None and
                volumegroup.find_disk(vg_w, _marker(name)) is None)

    def _copy_first(self, image, name, size_gb, proof):
        """Copy an image, as _copy, together with other threads."""
        vg_w, is_added = self.vg.add_disks(
            'copy image', self._add_copy, image, name, size_gb)
        if is_added:
            return vg_w, volumegroup.find_new_disks(vg_w, [name])[0]
        if not self._is_complete(vg_w, disk_name(image)):
            return vg_w, None
        return self.vg.edit(self._copy, image, name, size_gb, proof,
                            known=vg_w)

    def _add_copy(self, vg_w, image, name, size_gb):
        """Add a copy of an image to a document, if nothing is in its way.

        :returns: bool, whether it was added.
        """
        if (not self._is_complete(vg_w, disk_name(image)) or
                volumegroup.find_disk(vg_w, name) is not None):
            return False
        source, size_gb = self._measure(vg_w, image, size_gb)
        return volumegroup.add_disk(vg_w, name, size_gb, source=source,
                                    file_format=image.disk_format)

    @staticmethod
    def _measure(vg_w, image, size_gb):
        """Return the disk of an image, and the size of its copy."""
        source = volumegroup.find_disk(vg_w, disk_name(image))
        image_size = int(source.capacity * units.Gi)
        if size_gb is None:
            size_gb = disk_image.size_gb(image_size)
        disk_image.check_fits(image_size, size_gb)
        return source, size_gb

    def _copy(self, vg_w, image, name, size_gb, proof):
        """Copy an image; return (vg_w, None) if no complete image exists."""
        if not self._is_complete(vg_w, disk_name(image)):
            return vg_w, None
        vg_w = deletion.disks(vg_w, [name], proof)
        _source, size_gb = self._measure(vg_w, image, size_gb)
        vg_w = self.give_way(vg_w, size_gb)
        if vg_w.available_size < size_gb <= room.most(vg_w):
            # The image itself has to be removed, so Glance has to send it
            # first.
            return vg_w, None
        source = volumegroup.find_disk(vg_w, disk_name(image))
        return volumegroup.create_disk(vg_w, name, size_gb, source=source,
                                       file_format=image.disk_format)

    def _begin(self, vg_w, image, image_gb, room_gb):
        """Create the marker, then the image's disk."""
        name = disk_name(image)
        vg_w = self._drop(vg_w, name)
        volumegroup.check_room(vg_w, image_gb + room_gb)
        vg_w, _marker_w = volumegroup.create_disk(vg_w, _marker(name),
                                                  _MARKER_GB)
        return volumegroup.create_disk(vg_w, name, image_gb,
                                       file_format=image.disk_format)[1]

    def _create(self, vg_w, image, name, size_gb, proof):
        """Create a disk for an image without a copy in the cache."""
        own = disk_name(image)
        vg_w = self._drop_if_partial(vg_w, own)
        vg_w = deletion.disks(vg_w, [name], proof)
        vg_w = self.give_way(vg_w, size_gb, own=own)
        return volumegroup.create_disk(vg_w, name, size_gb,
                                       file_format=image.disk_format)[1]

    @staticmethod
    def _end(vg_w, image):
        """Delete the marker, so that the image is complete."""
        return deletion.disks(vg_w, [_marker(disk_name(image))], _PROOF)

    def _end_and_copy(self, vg_w, image, name, size_gb, proof):
        return self._copy(self._end(vg_w, image), image, name, size_gb,
                          proof)

    @staticmethod
    def _drop(vg_w, name):
        """Delete an image's disk, then its marker."""
        vg_w = deletion.disks(vg_w, [name], _PROOF)
        return deletion.disks(vg_w, [_marker(name)], _PROOF)

    def _drop_if_partial(self, vg_w, name):
        if volumegroup.find_disk(vg_w, _marker(name)) is not None:
            vg_w = self._drop(vg_w, name)
        return vg_w

    def _drop_partial(self, vg_w, mapped, dropped):
        """Delete partial images, except those that are being fetched.

        :param mapped: names of disks that stay.
        :param dropped: list that takes the names of the images.
        :returns: wrapper
        """
        for name in volumegroup.disk_names(vg_w, _is_marker):
            image_name = 'i' + name[1:]
            if not mapped.isdisjoint((name, image_name)):
                continue
            with self.locks.alone(image_name) as is_free:
                if is_free:
                    LOG.warning('Removing image %s: its upload was '
                                'interrupted.', image_name)
                    vg_w = self._drop(vg_w, image_name)
                    dropped.append(image_name)
        return vg_w

    def _prune(self, vg_w, mapped, in_use):
        """Delete partial images, and images that were unused long enough."""
        vg_w = self._drop_partial(vg_w, mapped, [])
        expired = self._expired(room.images(vg_w), in_use)
        with self.locks.free(set(expired) - mapped) as to_delete:
            deletion.disks(vg_w, to_delete, _PROOF)

    def _expired(self, found, in_use):
        """Record which images are unused; return the ones to delete."""
        now = self._clock()
        unused = [name for name in found
                  if not name.startswith(tuple(in_use))]
        with self._unused_lock:
            self._unused_since = {name: self._unused_since.get(name, now)
                                  for name in unused}
            return [
                name for name in unused if now - self._unused_since[name] >=
                CONF.image_cache.remove_unused_original_minimum_age_seconds]

    # ---- room ----------------------------------------------------------

    def _check_room_instead(self, vg_w, name, size_gb):
        """Do check_room() for a disk that may replace one with its name."""
        existing = volumegroup.find_disk(vg_w, name)
        self.check_room(vg_w, size_gb - (existing.capacity if existing else 0))

    def _give_way(self, vg_w, mapped, size_gb, own):
        """See give_way().

        :param mapped: names of disks that stay.
        """
        if vg_w.available_size >= size_gb:
            return vg_w
        found = set(room.images(vg_w)) - mapped
        with self.locks.free(found - {own}) as free:
            with self._unused_lock:
                unused = set(self._unused_since)
            to_delete = room.needed(
                {name: volumegroup.find_disk(vg_w, name).capacity
                 for name in free + sorted(found & {own})},
                size_gb, vg_w.available_size,
                to_keep=lambda name: (name == own, name not in unused))
            if to_delete:
                LOG.info('Removing images %(images)s from the cache, for a '
                         'disk of %(size)d GB.', {
                             'images': ', '.join(to_delete), 'size': size_gb})
            return deletion.disks(vg_w, to_delete, _PROOF)

    def _sparing_mapped(self, vg_w, delete, *args):
        """Delete disks of the cache, except those that somebody has mapped.

        Ask for the mapped disks only if the platform refuses.

        :param delete: called as delete(vg_w, mapped, *args) with a set of the
            names of disks that stay.
        :returns: the result of delete.
        """
        cached = volumegroup.disk_names(vg_w, _PROOF.owns)
        try:
            return delete(vg_w, frozenset(), *args)
        except pvm_exc.HttpError:
            mapped = self.vg.clients(cached)
            if not mapped:
                raise
        LOG.warning('Cached images in volume group %(vg)s that somebody has '
                    'mapped to partitions are left alone: %(disks)s', {
                        'vg': self.vg.name, 'disks': mapped})
        return delete(self.vg.read(), frozenset(mapped), *args)
