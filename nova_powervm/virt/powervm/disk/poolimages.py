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

"""The cache of images in a Shared Storage Pool. Boot disks are clones.

An image is a logical unit (LU) of the type image. Boot disks are linked clones
of it. All hosts of the pool share it. Its name is

    i_<25 characters for the image's id>_<13 characters for its content>

both in base 32, from a SHA-256. The module markers describes how hosts decide
which of them uploads an image.
"""

import contextlib
import random
import threading
import time

from nova import exception as nova_exc
from nova.virt import imagecache
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm import util as pvm_util
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm.disk import download
from nova_powervm.virt.powervm.disk import image as disk_image
from nova_powervm.virt.powervm.disk import image_locks
from nova_powervm.virt.powervm.disk import markers
from nova_powervm.virt.powervm import names

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

_POLL_SECONDS = 5
_RIVAL_POLLS = 3


def lu_name(image):
    """Return the name of an image's LU."""
    return names.pool_image(image.id, image.content)


def _images(lus, name=None):
    """Return the images of this driver among LUs: all, or one by name."""
    return [lu_w for lu_w in lus if lu_w.lu_type == pvm_stg.LUType.IMAGE and
            (names.is_pool_image(lu_w.name) if name is None
             else lu_w.name == name)]


class _ImageIsGone(Exception):
    """An image that was in the pool is gone."""


class PoolImages(imagecache.ImageCacheManager):
    """The images in one pool.

    A thread shares the lock of an image while it clones it, and has the lock
    alone while it uploads or removes it.
    Markers make other hosts wait. The platform cannot delete an image with a
    clone (assumed, no hardware).

    :param pool: pool.Pool
    :param image_api: nova.image.glance.API, or an object with its methods.
    :param clock: function that returns monotonic seconds.
    :param sleep: function that waits for a number of seconds.
    """

    def __init__(self, pool, image_api, clock=time.monotonic,
                 sleep=time.sleep):
        super().__init__()
        self.pool = pool
        self.image_api = image_api
        self.clock = clock
        self._sleep = sleep
        self._host_token = names.digest(
            '%s %s' % (pool.host.system_uuid, pool.host.nodename), 8)
        self.locks = image_locks.ImageLocks()
        self._state_lock = threading.Lock()
        # Name -> LUEnt of the images that were complete when last seen.
        self._complete = {}
        # UUID of a marker, or of an unused image -> time at which it was first
        # seen so.
        self._marked_since = {}
        self._unused_since = {}

    def create_clone(self, context, image, name, size_gb):
        """Create an LU that is a linked clone of an image.

        Needs 1 request if this process knows that the image is in the pool, 5
        if it does not know, and 9 if the image is not in the pool.

        :param image: image.Image, complete, or as Image.from_meta() returns
            it.
        :param name: str, name of the new LU.
        :param size_gb: int, its size in GiB; not less than the image's.
        :returns: LUEnt wrapper.
        """
        while True:
            with self._using(image) as (share, known):
                if known is not None:
                    with contextlib.suppress(_ImageIsGone):
                        return self._clone(known, name, size_gb)
                if share.make_whole():
                    image_lu, _uploaded = self._obtain(context, image)
                    return self.pool.create(name, size_gb, clone=image_lu)

    def ensure(self, context, image):
        """Upload an image unless it is in the pool (1 to 8 requests).

        :param image: image.Image
        :returns: bool: True if this host uploaded it.
        """
        while True:
            with self._using(image) as (share, known):
                if known is not None and self.pool.exists(known.uuid):
                    return False
                if share.make_whole():
                    return self._obtain(context, image)[1]

    def clean_at_start(self):
        """Read the LUs, and remove stale markers and images (1 request).

        :returns: list of the LUs that remain.
        """
        return self._remove_dead(self.look())

    def update(self, context, all_instances):
        """Remove images that have been unused for long enough.

        Nova calls this. Needs 1 request, and 1 for each image to remove. An
        image with a clone is in use, on whatever host. An image from which a
        server of this host was created is in use, because the server may be
        created again. The time begins when this host first finds the image
        unused.

        :param all_instances: nova.objects.InstanceList
        """
        lus = self.look()
        self._remove_dead(lus)
        if not self.remove_unused_base_images:
            return
        in_use = {names.pool_image_prefix(instance.image_ref)
                  for instance in all_instances if instance.image_ref}
        for lu_w in self._expired(lus, in_use):
            with self.locks.alone(lu_w.name) as is_free:
                if is_free:
                    self._remove_unused(lu_w)

    # ---- known images --------------------------------------------------

    @contextlib.contextmanager
    def _using(self, image):
        """Share the lock of an image.

        :returns: context manager that yields the image_locks.Share, and the
            LUEnt of the image if it is known, else None.
        """
        with self.locks.shared(lu_name(image)) as share:
            with self._state_lock:
                known = self._complete.get(lu_name(image))
                if known is not None:
                    self._unused_since.pop(known.uuid, None)
            yield share, known

    def look(self):
        """Read all LUs (1 request), and record the images among them."""
        lus = self.pool.list_units()
        now = self.clock()
        marked = {markers.marked_image(lu_w.name)
                  for lu_w in markers.find(lus)}
        with self._state_lock:
            self._complete = {lu_w.name: lu_w for lu_w in _images(lus)
                              if lu_w.name not in marked}
            self._marked_since = {
                lu_w.uuid: self._marked_since.get(lu_w.uuid, now)
                for lu_w in markers.find(lus)}
        return lus

    def complete(self, name):
        """Return the LUEnt of an image that was complete, or None."""
        with self._state_lock:
            return self._complete.get(name)

    def _clone(self, image_lu, name, size_gb):
        """Clone an image that existed when last seen (1 request).

        :raises _ImageIsGone: if it no longer exists.
        """
        try:
            return self.pool.create(name, size_gb, clone=image_lu)
        except pvm_exc.HttpError as exc:
            self.look()
            now = self.complete(image_lu.name)
            if now is not None and now.uuid == image_lu.uuid:
                raise
            raise _ImageIsGone() from exc

    # ---- uploads, with the lock of the image ---------------------------

    def _obtain(self, context, image):
        """Make sure that an image is in the pool, no matter who uploads it.

        :returns: (its LUEnt, bool whether it was uploaded here)
        """
        name = lu_name(image)
        while True:
            with markers.Marker(self, self._host_token, name) as marker:
                # No delay is allowed between the check and the upload.
                vios_uuid = random.choice(self.pool.active_vios_uuids())
                image_lu, rivals, lus = self._look_for(name, marker)
                if image_lu is not None and not rivals:
                    return image_lu, False
                if image_lu is None and self._wins(marker, rivals):
                    return self._upload(context, image, marker, vios_uuid,
                                        lus), True
            self._wait(name)

    def _look_for(self, name, marker=None):
        """Read all LUs (1 request), and return the state of an image.

        :param marker: the markers.Marker of this thread, or None.
        :returns: (its LUEnt or None, list of the markers of others, list of
            all LUs)
        """
        lus = self._remove_dead(self.look(), held_name=name, but_not=marker)
        rivals = [lu_w for lu_w in markers.find(lus, name)
                  if marker is None or lu_w.name != marker.name]
        return next(iter(_images(lus, name)), None), rivals, lus

    def _wins(self, marker, rivals):
        """Return whether this thread may upload, among those with a marker.

        The first in the alphabet may, but not if another upload began before
        this marker existed. Then it waits for the others to give up.
        """
        if any(rival.name < marker.name for rival in rivals):
            return False
        for _attempt in range(_RIVAL_POLLS):
            if not rivals:
                return True
            self._sleep(_POLL_SECONDS)
            image_lu, rivals, _lus = self._look_for(marker.image_name, marker)
            if image_lu is not None:
                return False
        return not rivals

    def _upload(self, context, image, marker, vios_uuid, lus):
        """Upload an image; without end(), the marker removes it (6 requests).

        :param marker: markers.Marker of this image.
        :param vios_uuid: UUID of the VIOS that takes the bytes.
        :param lus: list of all LUs that the caller has just read.
        """
        name = marker.image_name
        image = disk_image.Image.from_glance(self.image_api, context,
                                             image.id)
        if lu_name(image) != name:
            raise nova_exc.CouldNotFetchImage(
                'Could not fetch image %s: it has been changed.' % image.id)
        self.pool.check_room(disk_image.size_gb(image.size), lus)
        LOG.info('Fetching image %(image)s into logical unit %(lu)s of '
                 'Shared Storage Pool %(ssp)s.',
                 {'image': image.id, 'lu': name, 'ssp': self.pool.ssp_name})
        image_lu = marker.begin(pvm_util.convert_bytes_to_gb(image.size,
                                                             dp=2))
        disk_image.upload(
            self.pool.host, vios_uuid, name, image,
            disk_image.CheckedStream(image, marker.keep_alive(
                download.Download(self.image_api, context, image.id,
                                  image.size))),
            image_lu.udid)
        marker.end()
        with self._state_lock:
            self._complete[name] = image_lu
        return image_lu

    def _wait(self, name):
        """Wait until no host uploads an image any more."""
        while True:
            _image_lu, others, _lus = self._look_for(name)
            if not others:
                return
            LOG.info('Waiting for the upload of image %(image)s by somebody '
                     'else: %(marker)s.', {'image': name,
                                           'marker': others[0].name})
            while not self._is_dead(others[0]) and self.pool.exists(
                    others[0].uuid):
                self._sleep(_POLL_SECONDS)

    # ---- removal -------------------------------------------------------

    def _remove_dead(self, lus, held_name=None, but_not=None):
        """Delete stale markers and their partial images.

        If the platform refuses to delete one, it stays until the next call.

        :param lus: list of all LUs that the caller has just read.
        :param held_name: name of the image whose lock this thread holds.
        :param but_not: the markers.Marker of this thread, or None.
        :returns: list of the LUs that remain.
        """
        removed = set()
        for marker_lu in markers.find(lus):
            if but_not is not None and marker_lu.name == but_not.name:
                continue
            if not (self._is_of_this_host(marker_lu) or
                    self._is_dead(marker_lu)):
                continue
            name = markers.marked_image(marker_lu.name)
            to_delete = _images(lus, name) + [marker_lu]
            if name == held_name:
                self._remove_partial(to_delete, name, removed, may_stay=False)
                continue
            with self.locks.alone(name) as is_free:
                # Else another thread uploads or clones it.
                if is_free:
                    self._remove_partial(to_delete, name, removed,
                                         may_stay=True)
        return [lu_w for lu_w in lus if lu_w.uuid not in removed]

    def _remove_partial(self, to_delete, name, removed, may_stay):
        """Delete a partial image and its marker.

        :param to_delete: list of LUs.
        :param removed: set to which the UUIDs of deleted LUs are added.
        :param may_stay: whether to ignore a refusal of the platform, after
            somebody has mapped one by hand for example.
        """
        LOG.warning('The upload of image %(image)s was interrupted; removing '
                    'the partial image and its marker %(marker)s.',
                    {'image': name, 'marker': to_delete[-1].name})
        try:
            for lu_w in to_delete:
                self.pool.delete(lu_w, markers.PROOF)
                removed.add(lu_w.uuid)
        except pvm_exc.HttpError as exc:
            if not may_stay:
                raise
            LOG.warning('The partial image %(image)s cannot be removed yet: '
                        '%(exc)s',
                        {'image': name, 'exc': exc})

    def _is_of_this_host(self, marker_lu):
        return markers.host_token(marker_lu.name) == self._host_token

    def _is_dead(self, marker_lu):
        """Return whether a marker has existed for too long."""
        patience = markers.patience_seconds(marker_lu.name)
        with self._state_lock:
            since = self._marked_since.get(marker_lu.uuid)
        return since is not None and self.clock() - since >= patience

    def _expired(self, lus, in_use):
        """Record which images are unused; return the ones to delete."""
        now = self.clock()
        # The first two digits of a UDID are the type.
        cloned = {lu_w.cloned_from_udid[2:] for lu_w in lus
                  if lu_w.cloned_from_udid}
        with self._state_lock:
            unused = [
                lu_w for name, lu_w in self._complete.items()
                if lu_w.udid[2:] not in cloned and
                not name.startswith(tuple(in_use))]
            self._unused_since = {
                lu_w.uuid: self._unused_since.get(lu_w.uuid, now)
                for lu_w in unused}
            return [
                lu_w for lu_w in unused
                if now - self._unused_since[lu_w.uuid] >=
                CONF.image_cache.remove_unused_original_minimum_age_seconds]

    def _remove_unused(self, lu_w):
        """Delete an unused image, unless somebody uses it again."""
        with self._state_lock:
            if lu_w.uuid not in self._unused_since:
                return
            self._complete.pop(lu_w.name, None)
        LOG.info('Removing unused image %s.', lu_w.name)
        try:
            self.pool.delete(lu_w, markers.PROOF)
        except pvm_exc.HttpError as exc:
            LOG.info('Image %(image)s stays, as another host may use it '
                     'again: %(exc)s', {'image': lu_w.name, 'exc': exc})
