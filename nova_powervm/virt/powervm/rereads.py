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

"""Read an object again and again, without content if it has not changed."""

from __future__ import annotations

import threading
import time
import typing

from pypowervm.wrappers import entry_wrapper as pvm_wrapper

#: Seconds after which an object is read whole, changed or not, in case the
#: platform has told of no change though there was one (assumed, no hardware).
MAX_AGE = 600


class Rereads:
    """Reads one object of the platform, for callers that do not change it.

    The platform answers without content if the object is what it was when it
    was read before, and with the whole object otherwise.

    :param read: called without arguments; returns a pypowervm wrapper.
    :param read_again: called with such a wrapper; returns it if the object
        has not changed, or a new one.
    :param clock: returns seconds; for tests.
    """

    def __init__(self, read: typing.Callable[[], pvm_wrapper.EntryWrapper],
                 read_again: typing.Callable[[pvm_wrapper.EntryWrapper],
                                             pvm_wrapper.EntryWrapper],
                 clock: typing.Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._read_again = read_again
        self._clock = clock
        self._lock = threading.Lock()
        self._last: pvm_wrapper.EntryWrapper | None = None
        self._good_until = 0.0

    def get(self) -> typing.Any:
        """Read the object (1 request).

        :returns: wrapper; do not change it.
        :raises pypowervm.exceptions.Error: if it cannot be read. Then the next
            call reads the whole object.
        """
        with self._lock:
            last, self._last = self._last, None
            good_until = self._good_until
        if last is None or self._clock() >= good_until:
            good_until = self._clock() + MAX_AGE
            found = self._read()
        else:
            found = self._read_again(last)
        with self._lock:
            self._last, self._good_until = found, good_until
        return found
