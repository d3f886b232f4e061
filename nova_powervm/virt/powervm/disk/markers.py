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

"""The markers of images that a host uploads to a Shared Storage Pool.

Hosts use the protocol of pypowervm's get_or_upload_image_lu to decide which of
them uploads an image, so hosts that run this function can share the pool. An
image without a marker is complete. A host that wants to upload an image first
creates a marker, a tiny LU of the type image whose name ends with the image's
name. It deletes the marker at the end. A host that sees a marker of another
host waits, but among markers without an image, the first in the alphabet wins.

This driver improves the protocol. Its markers are named

    part<8 random digits>_<8 characters for the host>_<name of the image>

and it replaces each marker with a new one every minute. So a marker that stays
is stale. The host that created it knows this at once, other hosts after a few
minutes. A marker of pypowervm does not show whether it is stale, so it may
stay for an hour. The image of a stale marker is partial, and the driver
deletes both. A host that waits continues as soon as the marker is gone.
"""

import random
import re

from nova import exception as nova_exc
from oslo_utils import excutils
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.virt.powervm import names
from nova_powervm.virt.powervm.storage import deletion
from nova_powervm.virt.powervm import utils

_OUR_MARKER = re.compile('part[0-9a-f]{8}_([a-z2-7]{8})_(i_.*)')
# Markers of pypowervm have only the beginning of a UUID.
_ANY_MARKER = re.compile('part[0-9a-f]{8}(?:_[a-z2-7]{8}_)?(i_.*)')

# GiB, as in pypowervm.
_MARKER_GB = 0.001
_RENEW_SECONDS = 60
_PATIENCE_SECONDS = 5 * _RENEW_SECONDS
_FOREIGN_PATIENCE_SECONDS = 3600


def host_token(name):
    """Return what a marker of this driver says about its host, or None.

    :param name: str, name of the marker.
    """
    match = _OUR_MARKER.fullmatch(name)
    if match and names.is_pool_image(match.group(2)):
        return match.group(1)
    return None


def marked_image(name):
    """Return the name of a marker's image, str.

    :returns: None if the name does not belong to a marker.
    """
    match = _ANY_MARKER.fullmatch(name)
    return match.group(1) if match and names.is_pool_image(
        match.group(1)) else None


#: deletion.Proof for images and their markers, which all hosts share.
PROOF = deletion.cache_proof(
    lambda name: names.is_pool_image(name) or marked_image(name) is not None)


def find(lus, name=None):
    """Return the markers among LUs: of all images, or of one by name."""
    found = [(lu_w, marked_image(lu_w.name)) for lu_w in lus
             if lu_w.lu_type == pvm_stg.LUType.IMAGE]
    return [lu_w for lu_w, marked in found
            if marked and name in (None, marked)]


def patience_seconds(name):
    """Return after how many seconds a marker that stays is stale.

    :param name: str, name of the marker.
    """
    return (_PATIENCE_SECONDS if host_token(name)
            else _FOREIGN_PATIENCE_SECONDS)


class Marker:
    """The marker of one upload; a context manager.

    At the end of the context the marker is gone. Without end() the image is
    also gone.

    :param images: PoolImages
    :param host_token: str, of this host.
    :param image_name: str, name of the image.
    :ivar image_name: the same.
    :ivar name: str, name of the marker's LU.
    """

    def __init__(self, images, host_token, image_name):
        self._images = images
        self._pool = images.pool
        self._host_token = host_token
        self.image_name = image_name
        self._image_lu: pvm_stg.LUEnt | None = None
        self._names = []
        self._has_begun = False
        self._made = None
        self.name = None

    def __enter__(self):
        try:
            self._make()
        except Exception:
            with excutils.save_and_reraise_exception():
                self._clean_up()
        return self

    def __exit__(self, exc_type, exc, traceback):
        if self._names:
            self._clean_up()

    def _make(self):
        """Create an LU for a marker (1 request)."""
        self.name = 'part%08x_%s_%s' % (random.getrandbits(32),
                                        self._host_token, self.image_name)
        self._names.append(self.name)
        self._made = self._images.clock()
        self._pool.create(self.name, _MARKER_GB,
                          lu_type=pvm_stg.LUType.IMAGE)

    def begin(self, size_gb):
        """Create the LU of the image (1 request)."""
        self._has_begun = True
        self._image_lu = self._pool.create(self.image_name, size_gb,
                                           lu_type=pvm_stg.LUType.IMAGE)
        return self._image_lu

    def keep_alive(self, chunks):
        """Yield chunks; replace the marker if this takes long."""
        for chunk in chunks:
            if self._images.clock() - self._made >= _RENEW_SECONDS:
                utils.try_to('renew the marker of image %s' %
                             self.image_name, self._renew)
            yield chunk

    def _renew(self):
        """Replace the marker with a new one (2 requests)."""
        old = self.name
        self._make()
        for unit in self._pool.known([old]):
            self._pool.delete(unit, PROOF)

    def end(self):
        """Delete the marker, so that the image is complete (1 request).

        :raises CouldNotFetchImage: if another host has treated the upload as
            stale, and deleted it.
        """
        there = [self._delete(unit)
                 for unit in self._pool.find_own(self._names)]
        if not any(there):
            self._images.look()
            complete = self._images.complete(self.image_name)
            if complete is None or self._image_lu is None or (
                    complete.uuid != self._image_lu.uuid):
                raise nova_exc.CouldNotFetchImage(
                    'Could not fetch image %s: it took so long that another '
                    'host removed it.' % self.image_name)
        self._names = []

    def _delete(self, unit):
        """Delete an LU; False if it was gone, or the answer was lost."""
        try:
            return self._pool.delete(unit, PROOF)
        except pvm_exc.Error:
            return self._pool.delete(unit, PROOF)

    def _clean_up(self):
        """Delete the marker, after the image if there is one."""
        utils.try_to('remove the marker of image %s' % self.image_name,
                     self._remove)

    def _remove(self):
        if self._image_lu is not None:
            self._delete(self._image_lu)
        elif self._has_begun:
            self._delete_named([self.image_name])
        self._delete_named(self._names)

    def _delete_named(self, names):
        for unit in self._pool.find_own(names):
            self._delete(unit)
