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

"""The thread that moves the bytes of all consoles.

What belongs to a connection is read and changed in this thread only. Other
threads have it call functions. Nothing in this thread may wait.
"""

import heapq
import itertools
import os
import selectors
import threading
import time
import typing

from oslo_log import log as logging

LOG = logging.getLogger(__name__)

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE


class Timer:
    """A call of a function at some time."""

    def __init__(self, function):
        self._function = function

    def cancel(self):
        """Do not call the function."""
        self._function = None

    def run(self):
        """Call the function, unless it was cancelled."""
        function, self._function = self._function, None
        if function is not None:
            function()


class Hub:
    """One thread with a selector; it begins with the first call.

    :param clock: returns seconds that only go up.
    """

    def __init__(self, clock=time.monotonic):
        self.clock = clock
        self._lock = threading.Lock()
        self._thread = None
        self._is_closed = False
        self._selector: typing.Any = None
        self._wake_fds: typing.Any = None
        self._posted = []
        self._timers = []
        self._order = itertools.count()

    # ---- any thread ----------------------------------------------------

    def post(self, function, *args):
        """Have the thread call a function soon.

        :returns: bool, False after close().
        """
        with self._lock:
            if self._is_closed:
                return False
            self._posted.append((function, args))
            if self._thread is None:
                self._start()
            self._wake()
        return True

    def later(self, seconds, function):
        """Have the thread call a function after some seconds.

        :returns: Timer
        """
        timer = Timer(function)
        with self._lock:
            heapq.heappush(self._timers, (self.clock() + seconds,
                                          next(self._order), timer))
        self.post(lambda: None)
        return timer

    def close(self):
        """End the thread, after what was posted before, and wait for it."""
        with self._lock:
            thread = self._thread
            if thread is not None and not self._is_closed:
                self._wake()
            self._is_closed = True
        if thread is not None:
            thread.join()

    def _start(self):
        self._selector = selectors.DefaultSelector()
        self._wake_fds = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._run, daemon=True,
                                        name='powervm-consoles')
        self._thread.start()

    def _wake(self):
        try:
            os.write(self._wake_fds[1], b'.')
        except BlockingIOError:
            LOG.debug('The thread of the consoles has yet to wake up.')

    # ---- its thread only -----------------------------------------------

    def watch(self, channel, events):
        """Call channel.ready(events) when there are some.

        :param channel: object with fileno(), ready() and close(), which is
            called if ready() raises.
        :param events: READ, WRITE, both, or 0 to watch it no more.
        """
        known = self._selector.get_map().get(channel)
        if not events:
            if known is not None:
                self._selector.unregister(channel)
        elif known is None:
            self._selector.register(channel, events)
        elif known.events != events:
            self._selector.modify(channel, events)

    def _run(self):
        self._selector.register(self._wake_fds[0], READ)
        while True:
            self._run_posted()
            with self._lock:
                if self._is_closed and not self._posted:
                    break
                timeout = self._timeout()
            for key, events in self._selector.select(timeout):
                if key.fd == self._wake_fds[0]:
                    os.read(key.fd, 4096)
                else:
                    self._serve(key.fileobj, events)
            for timer in self._due():
                _try(timer.run)
        self._end()

    def _run_posted(self):
        with self._lock:
            posted, self._posted = self._posted, []
        for function, args in posted:
            _try(function, *args)

    def _timeout(self):
        if self._posted:
            return 0
        if not self._timers:
            return None
        return max(0, self._timers[0][0] - self.clock())

    def _due(self):
        now, due = self.clock(), []
        with self._lock:
            while self._timers and self._timers[0][0] <= now:
                due.append(heapq.heappop(self._timers)[2])
        return due

    @staticmethod
    def _serve(channel, events):
        try:
            channel.ready(events)
        except Exception:
            LOG.exception('A connection to a console fails; it ends.')
            _try(channel.close)

    def _end(self):
        for key in list(self._selector.get_map().values()):
            if key.fd != self._wake_fds[0]:
                _try(key.fileobj.close)
        self._selector.close()
        for fd in self._wake_fds:
            os.close(fd)


def _try(function, *args):
    """Call a function; what it raises must not end the thread."""
    try:
        function(*args)
    except Exception:
        LOG.exception('A function of the consoles fails.')
