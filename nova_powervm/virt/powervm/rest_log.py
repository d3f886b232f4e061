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

"""Log failed requests, with the requests before them.

pypowervm's helper keeps the last requests of each thread, with their whole
answers, for as long as the thread lives. When a request fails, it logs all of
them at INFO, which is many megabytes if there are many partitions. The helper
in this module keeps a fixed number of bytes for the whole session, and logs
bodies only at DEBUG.
"""

import collections
import threading
import time

from oslo_log import log as logging
from pypowervm import const as pvm_const
from pypowervm import exceptions as pvm_exc

LOG = logging.getLogger(__name__)

#: Most characters of a body, and of the platform's message about a failure.
MAX_BODY = 2000
MAX_REASON = 500
#: Characters to keep of all the last requests together.
MAX_KEPT = 100_000
#: Number of the last requests to log at DEBUG when a request fails.
SHOWN = 5
_HIDDEN = '<sensitive>'
# Levels for answers that callers expect: a caller may check whether an object
# is gone, and repeats a change if somebody else was faster.
_LEVELS = {
    pvm_const.HTTPStatus.NOT_FOUND: logging.INFO,
    pvm_const.HTTPStatus.ETAG_MISMATCH: logging.DEBUG,
}


class RestLog:
    """A request helper of pypowervm that logs the requests that fail.

    May be called from any thread.

    :param max_kept: int, characters to keep of all the last requests together.
    """

    def __init__(self, max_kept=MAX_KEPT):
        self._max_kept = max_kept
        self._lock = threading.Lock()
        self._last = collections.deque()
        self._size = 0

    def __call__(self, func):
        """Wrap a function that sends a request.

        :param func: callable as pypowervm.adapter.Session.request.
        """
        def request(method, path, *args, **kwargs):
            began = time.monotonic()
            try:
                response = func(method, path, *args, **kwargs)
            except pvm_exc.Error as exc:
                entry = _entry(method, path, kwargs, exc.response, began)
                self._log(exc, entry, began)
                self._keep(entry)
                raise
            self._keep(_entry(method, path, kwargs, response, began))
            return response

        return request

    @property
    def size(self):
        """The number of characters that are kept, int."""
        return self._size

    def last(self, count=SHOWN):
        """Return what is kept of the last requests, the oldest first.

        :param count: int, the most entries to return.
        :returns: list of str.
        """
        with self._lock:
            return list(self._last)[-count:]

    def _keep(self, entry):
        with self._lock:
            self._last.append(entry)
            self._size += len(entry)
            while self._size > self._max_kept:
                self._size -= len(self._last.popleft())

    def _log(self, exc, entry, began):
        """Log a failed request, and at DEBUG those before it."""
        status = getattr(exc.response, 'status', None)
        # pypowervm has already logged a warning if the connection broke. The
        # message names method and path, but no body.
        LOG.log(_LEVELS.get(status, logging.WARNING if status else
                            logging.INFO),
                'A request to the platform failed after %.1f s: %s',
                time.monotonic() - began, _cut(str(exc), MAX_REASON))
        if status == pvm_const.HTTPStatus.ETAG_MISMATCH:
            return
        if LOG.isEnabledFor(logging.DEBUG):
            for earlier in self.last():
                LOG.debug('Before it: %s', earlier)
            LOG.debug('It was: %s', entry)


def _entry(method, path, kwargs, response, began):
    """Return a text about a request; with bodies only if they are logged."""
    status = getattr(response, 'status', 'no answer')
    text = '%s %s -> %s in %.2f s' % (
        method, _cut(path, MAX_BODY), status, time.monotonic() - began)
    if not LOG.isEnabledFor(logging.DEBUG):
        return text
    if kwargs.get('sensitive'):
        return '%s\n%s' % (text, _HIDDEN)
    return '%s\nsent: %s\nreceived: %s' % (
        text, _cut(kwargs.get('body'), MAX_BODY),
        _cut(getattr(response, 'body', None), MAX_BODY))


def _cut(text, length):
    """Return the beginning of a text, and its length if it is cut."""
    if isinstance(text, bytes):
        text = text[:length * 4].decode(errors='replace')
    text = text or ''
    if len(text) <= length:
        return text
    return '%s... (%d characters)' % (text[:length], len(text))
