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
thread belongs to the compute that was at work when it was started, or whose
thread has started it. So nobody has to know the threads of the simulator by
their names, and those of a compute that was killed are told from those that
its cleanup_host() should have ended.
"""

import threading
import time

import fixtures as fx
from nova import thread_pool_factory

#: How long all threads together may take to end.
SECONDS_TO_END = 5


class Threads(fx.Fixture):
    """Notes who starts a thread, from the time that it is set up.

    :param find_worker: callable that returns the compute.Compute that is at
        work, or None
    """

    def __init__(self, find_worker):
        super().__init__()
        self._find_worker = find_worker
        self._lock = threading.Lock()
        # Thread -> compute.Compute; others have no entry.
        self._owners = {}

    def _setUp(self):
        self._main = threading.current_thread()
        really_start = threading.Thread.start

        def start(thread):
            self._note(thread)
            really_start(thread)

        self.useFixture(fx.MonkeyPatch('threading.Thread.start', start))

    def _note(self, thread):
        if _is_of_nova(thread):
            return
        starter = threading.current_thread()
        if starter is self._main or _is_of_nova(starter):
            owner = self._find_worker()
        else:
            owner = self._owners.get(starter)
        if owner is not None:
            with self._lock:
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


def _is_of_nova(thread):
    """Whether a thread works for a thread pool that Nova itself keeps."""
    find_executor = getattr(thread, 'executor_ref', None)
    return find_executor is not None and find_executor() in (
        thread_pool_factory.FACTORY._all_executors.values())
