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

"""Recognize events of the platform that the driver itself has caused.

The platform reports each change, but not who made it. The driver's own changes
do not make its cached facts stale. So the driver announces them, and takes the
next event about the same object for the consequence.
"""

import collections
import threading
import time

#: Seconds within which the event about a change is expected.
SECONDS = 10


class Echoes:
    """The expected events; each announcement is good for one event.

    :param clock: returns seconds; for tests.
    """

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        # UUID of the object -> for each expected event, the time until which
        # it is expected.
        self._expected = collections.defaultdict(collections.deque)

    def expect(self, uuid):
        """Announce that the driver is about to change an object.

        :param uuid: str, UUID of the object.
        """
        now = self._clock()
        with self._lock:
            for other in list(self._expected):
                if not self._expected[other] or (
                        self._expected[other][-1] < now):
                    del self._expected[other]
            self._expected[uuid.upper()].append(now + SECONDS)

    def withdraw(self, uuid):
        """Withdraw an announcement, because the change was not made.

        :param uuid: str, UUID of the object.
        """
        with self._lock:
            expected = self._expected[uuid.upper()]
            if expected:
                expected.pop()

    def take(self, uuid):
        """Return whether an event was expected, and use up its announcement.

        :param uuid: str, UUID of the object that the event is about.
        :returns: bool
        """
        now = self._clock()
        with self._lock:
            expected = self._expected[uuid.upper()]
            while expected and expected[0] < now:
                expected.popleft()
            if expected:
                expected.popleft()
                return True
            del self._expected[uuid.upper()]
            return False
