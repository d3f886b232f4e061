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
import threading


class Journal:
    """The last requests to a host, oldest first.

    :param limit: int, how many are kept
    """

    def __init__(self, limit=100000):
        self._records = collections.deque(maxlen=limit)
        self._lock = threading.Lock()

    def add(self, record):
        """Append a record: a dict fit for JSON."""
        with self._lock:
            self._records.append(record)

    def __len__(self):
        with self._lock:
            return len(self._records)

    def records(self):
        """Return the records as a list."""
        with self._lock:
            return list(self._records)

    def clear(self):
        """Forget all records."""
        with self._lock:
            self._records.clear()
