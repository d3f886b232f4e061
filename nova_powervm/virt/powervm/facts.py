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

"""What was read of the platform and is kept until it may have changed."""

import threading
import time


class Fact:
    """One thing that is read when it is asked for, and kept then.

    Threads that ask for it at the same time share one read. Nobody else ever
    waits for that read: forget() does not, nor does who asks for another fact.

    :param read: function that reads it; it returns what get() is to return,
        and whether that is to be kept.
    """

    def __init__(self, read):
        self._read = read
        # Held while it is read.
        self._reading = threading.Lock()
        # Held for moments only.
        self._lock = threading.Lock()
        self._value = None
        self._is_kept = False
        # How often it was forgotten.
        self._version = 0

    def get(self):
        """Tell it, after a read if need be.

        :raises: what the read raises.
        """
        is_kept, value, _version = self._look()
        if is_kept:
            return value
        with self._reading:
            is_kept, value, version = self._look()
            if is_kept:
                return value
            value, is_lasting = self._read()
            if is_lasting:
                self._keep(value, version)
            return value

    def _look(self):
        with self._lock:
            return self._is_kept, self._value, self._version

    def _keep(self, value, version):
        """Keep what was read, unless it was forgotten since the read began."""
        with self._lock:
            if version == self._version:
                self._value, self._is_kept = value, True

    def set(self, value):
        """Take in what somebody else has read."""
        with self._lock:
            self._value, self._is_kept = value, True

    def replace(self, before, value):
        """Take in what it has become by a change of the driver.

        :param before: what get() returned before the change; if it was
            forgotten meanwhile, it is read again.
        """
        with self._lock:
            if self._is_kept and self._value is before:
                self._value = value

    def forget(self, is_true=lambda value: False):
        """Have it read again, as it may have changed.

        :param is_true: called with what is kept; whether that is true still.
        """
        with self._lock:
            if self._is_kept and is_true(self._value):
                return
            self._value, self._is_kept = None, False
            self._version += 1


class AgingFact(Fact):
    """A fact that is read again when it is old, as a platform may be silent.

    :param read: see Fact.
    :param max_age: seconds for which it is good.
    :param clock: returns seconds; for tests.
    """

    def __init__(self, read, max_age, clock=time.monotonic):
        super().__init__(self._begin)
        self._read_now = read
        self._max_age = max_age
        self._clock = clock
        self._good_until = 0

    def get(self):
        """See Fact."""
        with self._lock:
            is_old = self._clock() >= self._good_until
        if is_old:
            self.forget()
        return super().get()

    def _begin(self):
        with self._lock:
            self._good_until = self._clock() + self._max_age
        return self._read_now()

    def age(self, seconds):
        """Have it read again after some seconds, if not before."""
        with self._lock:
            self._good_until = min(self._good_until, self._clock() + seconds)
