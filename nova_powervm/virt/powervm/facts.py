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

"""Cache what was read from the platform until it may have changed."""

import math
import threading
import time


class News:
    """Knows until when the platform has told of changes.

    While nobody has noted anything, values have no limit: whoever does not
    listen to the platform keeps them for as long as it likes.

    :param clock: returns seconds; for tests.
    """

    #: Seconds for which a value is good without news. A poll for events takes
    #: less, see rest.EVENT_POLL_CEILING.
    MAX_AGE = 60

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._told_until = math.inf

    def note_poll(self):
        """Note that the platform has told of all changes until now."""
        self._told_until = self._clock()

    def note_silence(self):
        """Note that the platform tells of no changes."""
        self._told_until = -math.inf

    def has_come(self):
        """Return whether the platform tells of changes, and did so lately."""
        return 0 <= self._clock() - self._told_until < self.MAX_AGE

    def now(self):
        """Return the time for is_good(): float."""
        return self._clock()

    def is_good(self, since):
        """Return whether what was read at some time is still to be used.

        :param since: what now() returned before the value was read.
        """
        return self._clock() - max(since, self._told_until) < self.MAX_AGE


class Fact:
    """A value that is read when it is first needed, and then cached.

    Threads that need it at the same time share one read. No other thread waits
    for this read: neither forget() nor get() of another fact does.

    :param read: function that reads the value; it returns the value for get(),
        and whether to cache it.
    :param news: News; the value expires if they stop.
    """

    def __init__(self, read, news):
        self._read = read
        self._news = news
        # When the value was read.
        self._since = 0.0
        # Held while a thread reads the value.
        self._reading = threading.Lock()
        # Held only briefly.
        self._lock = threading.Lock()
        self._value = None
        self._is_kept = False
        # Number of calls of forget() that dropped the value.
        self._version = 0

    def get(self):
        """Return the value; read it first if it is not cached.

        :raises: what the read raises.
        """
        is_kept, value, _version = self._look()
        if is_kept:
            return value
        with self._reading:
            is_kept, value, version = self._look()
            if is_kept:
                return value
            since = self._news.now()
            value, is_lasting = self._read()
            if is_lasting:
                self._keep(value, version, since)
            return value

    def known(self):
        """Return the value if it is cached, else None; it is not read."""
        is_kept, value, _version = self._look()
        return value if is_kept else None

    def _look(self):
        with self._lock:
            return (self._is_kept and self._news.is_good(self._since),
                    self._value, self._version)

    def _keep(self, value, version, since):
        """Cache a value, unless forget() was called since its read began."""
        with self._lock:
            if version == self._version:
                self._value, self._is_kept, self._since = value, True, since

    def set(self, value):
        """Cache a value that somebody else has just read."""
        with self._lock:
            self._value, self._is_kept = value, True
            self._since = self._news.now()

    def replace(self, before, value):
        """Cache the value after a change that the driver has made.

        :param before: what get() returned before the change. If the value was
            forgotten in the meantime, the next get() reads it.
        """
        with self._lock:
            if self._is_kept and self._value is before:
                self._value = value

    def forget(self, is_true=lambda value: False):
        """Drop the value, because it may have changed.

        :param is_true: called with the cached value; returns whether the value
            is still true, so that it stays.
        """
        with self._lock:
            if self._is_kept and is_true(self._value):
                return
            self._value, self._is_kept = None, False
            self._version += 1


class AgingFact(Fact):
    """A fact that expires, in case the platform does not report a change.

    :param read: see Fact.
    :param news: see Fact.
    :param max_age: seconds after which the value expires.
    :param clock: returns seconds; for tests.
    """

    def __init__(self, read, news, max_age, clock=time.monotonic):
        super().__init__(self._begin, news)
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
        """Let the value expire after some seconds, if not before."""
        with self._lock:
            self._good_until = min(self._good_until, self._clock() + seconds)
