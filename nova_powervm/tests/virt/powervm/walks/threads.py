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

"""Which compute has started which thread, and which of these still run.

All computes of a cloud, Nova and the simulated site share one process. A
thread is the driver's if the driver, or pypowervm for it, starts it: the stack
at that time tells. It belongs to the compute that is at work then, or to that
of the thread that starts it. So nobody has to know threads by their names, and
those of a compute that was killed are told from those that its cleanup_host()
should have ended.
"""

import sys
import threading
import time

import fixtures as fx

#: How long all threads together may take to end.
SECONDS_TO_END = 5
_DRIVER = 'nova_powervm.virt', 'pypowervm'
_NOVA = 'nova'


class Threads(fx.Fixture):
    """Notes who starts a thread, from the time that it is set up.

    :param find_worker: callable that returns the compute.Compute that is at
        work, or None
    """

    def __init__(self, find_worker):
        super().__init__()
        self._find_worker = find_worker
        self._lock = threading.Lock()
        # Thread of the driver -> compute.Compute
        self._owners = {}

    def _setUp(self):
        really_start = threading.Thread.start

        def start(thread):
            if _is_driver_at_work():
                self._note(thread)
            really_start(thread)

        self.useFixture(fx.MonkeyPatch('threading.Thread.start', start))

    def _note(self, thread):
        with self._lock:
            owner = self._owners.get(threading.current_thread(),
                                     self._find_worker())
            if owner is not None:
                self._owners[thread] = owner

    def left(self):
        """Wait once for the threads of computes that were stopped.

        :returns: list of the threads that have not ended
        """
        with self._lock:
            owned = [thread for thread, owner in self._owners.items()
                     if not owner.is_dead]
            self._owners.clear()
        deadline = time.monotonic() + SECONDS_TO_END
        for thread in owned:
            thread.join(max(0, deadline - time.monotonic()))
        return [thread for thread in owned if thread.is_alive()]


def _is_driver_at_work():
    """Whether the driver is what calls, and not Nova below or above it."""
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get('__name__', '')
        if _is_of(module, *_DRIVER):
            return True
        if _is_of(module, _NOVA):
            return False
        frame = frame.f_back
    return False


def _is_of(module, *packages):
    return any(module == package or module.startswith(package + '.')
               for package in packages)
