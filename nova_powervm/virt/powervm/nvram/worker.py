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

"""The only thread that writes to the store of NVRAM and slot maps.

Work is queued under a key, such as a server's. Newer work under the same key
replaces work that still waits. If a piece of work fails, the worker retries it
after the next piece of work that comes in, because the store is probably down
and further retries would be useless. No exception ends the thread.
"""

import collections
import threading

from oslo_log import log as logging

from nova_powervm.virt.powervm.nvram import api

LOG = logging.getLogger(__name__)

#: Seconds for which shutdown() waits for queued work.
SHUTDOWN_SECONDS = 10


class Worker:
    """Run pieces of work in the background, one after the other.

    The first piece of work starts the thread, and shutdown() ends it.
    """

    def __init__(self):
        # Key -> (function, whether it has failed before).
        self._queue = collections.OrderedDict()
        # Key -> function that has failed.
        self._failed = collections.OrderedDict()
        self._changed = threading.Condition()
        self._thread = None
        self._busy = False
        self._stopped = False

    def submit(self, key, func):
        """Queue a function, and after it the functions that failed before.

        :param key: any hashable value; it replaces work with the same key.
        :param func: function without arguments; it may run several times.
        """
        with self._changed:
            if self._stopped:
                return
            self._failed.pop(key, None)
            self._queue.pop(key, None)
            self._queue[key] = func, False
            for failed_key, failed in self._failed.items():
                self._queue.setdefault(failed_key, (failed, True))
            self._failed.clear()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name='powervm-nvram', daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self, seconds=SHUTDOWN_SECONDS):
        """Wait until nothing is queued.

        :returns: bool, whether the queue is empty.
        """
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._queue and not self._busy, seconds)

    @property
    def failed(self):
        """Keys of failed work that waits for the next piece of work."""
        with self._changed:
            return list(self._failed)

    def shutdown(self, seconds=SHUTDOWN_SECONDS):
        """Finish queued work, as far as the time allows; end the thread."""
        if not self.flush(seconds):
            LOG.warning('nova-compute ends before all NVRAM and slot maps are '
                        'stored.')
        with self._changed:
            self._stopped = True
            self._queue.clear()
            self._changed.notify_all()

    def _run(self):
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._queue or self._stopped)
                if self._stopped:
                    return
                key, (func, _again) = self._queue.popitem(last=False)
                self._busy = True
            try:
                func()
            except Exception as exc:
                self._note_failure(key, func, exc)

    def _note_failure(self, key, func, exc):
        # Log an unexpected failure with its traceback.
        LOG.warning('%(exc)s; retrying with the next change or event.',
                    {'exc': exc},
                    exc_info=not isinstance(exc, api.NVRAMException))
        with self._changed:
            if key not in self._queue:
                self._failed[key] = func
            for other, (func, again) in list(self._queue.items()):
                if again:
                    self._failed[other] = func
                    del self._queue[other]
