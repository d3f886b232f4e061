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

"""The bytes of images from Glance.

Only this module asks Nova's image API for content.
"""

import queue
import threading

import cryptography.exceptions
from cursive import exception as cursive_exc
from nova import exception as nova_exc

from nova_powervm import conf as cfg

CONF = cfg.CONF

#: Number of chunks to buffer if the upload is slower than Glance.
_AHEAD = 4


class Download:
    """The content of an image; each iteration downloads it again.

    If Nova verifies signatures (option verify_glance_signatures of group
    [glance], or certificates to trust by default), the last chunk follows only
    when the signature is valid. So the upload of a modified image is never
    complete.

    :param image_api: nova.image.glance.API, or an object with its methods.
    :param context: nova.context.RequestContext
    :param image_id: UUID of the image.
    :param size: int, number of bytes in Glance; None if it is not known.
    """

    def __init__(self, image_api, context, image_id, size=None):
        self._image_api = image_api
        self._context = context
        self._image_id = image_id
        self._size = size

    def __iter__(self):
        """Yield its chunks (bytes).

        :raises nova.exception.ImageUnacceptable: if its signature is missing
            or wrong.
        :raises nova.exception.CouldNotFetchImage: if Glance has not sent all
            bytes, so that the signature is wrong.
        """
        pipe = _Pipe()
        try:
            if _is_verified():
                yield from self._verified(pipe)
            else:
                yield from self._image_api.download(self._context,
                                                    self._image_id)
        except (cryptography.exceptions.InvalidSignature,
                cursive_exc.SignatureVerificationError) as exc:
            if pipe.received and self._size not in (None, pipe.received):
                raise nova_exc.CouldNotFetchImage(
                    'Could not fetch image %s: got %d bytes of %d' % (
                        self._image_id, pipe.received, self._size)) from exc
            raise nova_exc.ImageUnacceptable(
                image_id=self._image_id,
                reason='its signature is not good: %s' % (
                    str(exc) or 'it is not that of its content')) from exc

    def _verified(self, pipe):
        """Yield the chunks, the last one after the verification.

        To verify an image Nova reads it to its end. An iterator from Nova
        would be at its end then, so Nova has to write to a file object.
        """
        thread = threading.Thread(
            target=pipe.fill, name='image-%s' % self._image_id, daemon=True,
            args=(self._image_api, self._context, self._image_id))
        thread.start()
        try:
            last = None
            for chunk in pipe:
                if last:
                    yield last
                last = chunk
            if last:
                yield last
        finally:
            pipe.close()
            thread.join()


def _is_verified():
    """Return whether Nova verifies the images that it downloads."""
    return bool(CONF.glance.verify_glance_signatures or (
        CONF.glance.enable_certificate_validation and
        CONF.glance.default_trusted_certificate_ids))


class _Closed(Exception):
    """The reader does not need the rest of the image."""


class _Pipe:
    """A file object to which Nova writes in a thread, read in chunks."""

    def __init__(self):
        self._chunks = queue.Queue(_AHEAD)
        self._is_closed = False
        self._error = None
        #: Bytes that Nova has written.
        self.received = 0

    def fill(self, image_api, context, image_id):
        """Download an image into it; pass an error on to the reader."""
        try:
            image_api.download(context, image_id, data=self)
        except BaseException as exc:
            self._error = exc
        finally:
            self._chunks.put(None)

    def write(self, chunk):
        """Accept some bytes; wait for the reader if necessary."""
        if self._is_closed:
            raise _Closed('The upload has ended')
        self.received += len(chunk)
        if chunk:
            self._chunks.put(chunk)

    def truncate(self, size):
        """Do nothing. Nova calls this if the signature is wrong."""

    def __iter__(self):
        while (chunk := self._chunks.get()) is not None:
            yield chunk
        self._chunks.put(None)
        if self._error is not None:
            raise self._error

    def close(self):
        """End the download, if it is running."""
        self._is_closed = True
        while self._chunks.get() is not None:
            pass
