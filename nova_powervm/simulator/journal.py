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

"""A record of every REST request."""

import collections
import itertools
import threading
import time


class Journal:
    """The last requests to a host, oldest first.

    :param limit: int, how many are kept
    :param recent: int, how many since() knows
    :ivar count: int, how many there were so far, cleared ones included
    """

    def __init__(self, limit=100000, recent=2000):
        self._records = collections.deque(maxlen=limit)
        #: (seconds of the epoch, record)
        self._recent = collections.deque(maxlen=recent)
        self._lock = threading.Lock()
        self.count = 0

    def add(self, record):
        """Append a record: a dict fit for JSON."""
        with self._lock:
            self.count += 1
            self._records.append(record)
            self._recent.append((time.time(), record))

    def __len__(self):
        with self._lock:
            return len(self._records)

    def records(self):
        """Return the records as a list."""
        with self._lock:
            return list(self._records)

    def since(self, number, most):
        """Return the requests that came after one, even if cleared.

        :param number: int; the first request has the number 1
        :param most: int, how many to return; the last ones
        :returns: list of dict, with their ``number``, and ``at``: float
            seconds of the epoch when the request was over
        """
        if number == self.count:
            return []
        with self._lock:
            count = min(self.count - number, most, len(self._recent))
            found = list(itertools.islice(
                self._recent, len(self._recent) - count, None))
            first = self.count - count + 1
        return [dict(record, number=first + position, at=round(at, 3))
                for position, (at, record) in enumerate(found)]

    def clear(self):
        """Forget all records, but for since()."""
        with self._lock:
            self._records.clear()
