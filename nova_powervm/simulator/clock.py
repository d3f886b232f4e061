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

"""The clock of a site: it runs by itself, and can be put forward."""

import heapq
import itertools
import threading
import time

from oslo_log import log as logging

LOG = logging.getLogger(__name__)


class Phase:
    """A part of an operation that takes time.

    :param name: str
    :param seconds: float, how long it lasts
    :param held: bool, whether it waits to be released before it begins
    :ivar began: float, when its time began to run; None before that
    """

    def __init__(self, name='', seconds=0, held=False):
        self.name = name
        self.seconds = seconds
        self.held = held
        self.began = None


class Clock:
    """Time of a simulated site, in seconds of the epoch.

    :param lock: the lock of the site, held while a due function runs
    :ivar actions: int, how many functions it has run
    """

    def __init__(self, lock):
        self._site_lock = lock
        self._wake = threading.Condition()
        self._offset = 0.0
        self._due = []
        self._order = itertools.count()
        self._thread = None
        self._stopped = False
        self.actions = 0

    def now(self):
        """Return the time as a float."""
        return time.time() + self._offset

    def after(self, seconds, function):
        """Run a function later, with the lock of the site held.

        :param seconds: float; 0 runs it at once, in the calling thread
        :param function: callable without arguments
        """
        if seconds <= 0:
            with self._site_lock:
                function()
            return
        with self._wake:
            heapq.heappush(self._due, (self.now() + seconds,
                                       next(self._order), function))
            self._start()

    def _start(self):
        """Look at what is due; the lock of the clock is held."""
        if self._thread is None and not self._stopped:
            self._thread = threading.Thread(
                target=self._run, name='simulator-clock', daemon=True)
            self._thread.start()
        self._wake.notify_all()

    def resume(self):
        """Run what is due according to a state that was loaded."""
        with self._wake:
            self._due = [(due, next(self._order), function)
                         for due, _, function in sorted(
                             self._due, key=lambda item: item[:2])]
            if self._due:
                self._start()

    def advance(self, seconds):
        """Put the clock forward, and run what became due before returning.

        :param seconds: float, not negative
        """
        with self._wake:
            self._offset += seconds
        self._run_due()

    def stop(self):
        """Forget what is not due yet, and end the thread."""
        with self._wake:
            self._stopped = True
            self._due.clear()
            self._wake.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run_due(self):
        # The order of locks is site, then clock.
        with self._site_lock:
            while True:
                with self._wake:
                    if not self._due or self._due[0][0] > self.now():
                        return
                    function = heapq.heappop(self._due)[2]
                    self.actions += 1
                try:
                    function()
                except Exception:
                    LOG.exception('A delayed action of the site failed')

    def _run(self):
        while True:
            with self._wake:
                if self._stopped:
                    return
                wait = self._due[0][0] - self.now() if self._due else None
                if wait is None or wait > 0:
                    self._wake.wait(wait)
                    continue
            self._run_due()
