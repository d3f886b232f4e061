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

"""Which events of the platform the driver has caused itself.

The platform tells of each change, but not who made it. What the driver keeps
is right after its own changes, so it announces them, and takes the next event
of that object for the one that it has caused.
"""

import collections
import threading
import time

#: Seconds in which the event of a change is expected.
SECONDS = 10


class Echoes:
    """The events that are expected; each announcement counts once.

    :param clock: returns seconds; for tests.
    """

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        # UUID of the object -> until when, for each event.
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
        """Take an announcement back: the change was not made.

        :param uuid: str, UUID of the object.
        """
        with self._lock:
            expected = self._expected[uuid.upper()]
            if expected:
                expected.pop()

    def take(self, uuid):
        """Tell whether an event was expected, which it is no more.

        :param uuid: str, UUID of the object that the event tells of.
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
