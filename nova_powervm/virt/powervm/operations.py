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

"""Which operations of the driver are under way, so that they can end.

An operation is a call of a public method of the driver, with all flows that
it runs. The end of the driver waits until they have ended, and admits no new
ones: a flow that loses its session half-way can neither go on nor be undone.
"""

import contextlib
import functools
import inspect
import threading

from nova import exception as nova_exc
from oslo_log import log as logging

LOG = logging.getLogger(__name__)

#: Seconds for which the end of the driver waits. Nova reserves 20 for it
#: (graceful_shutdown of nova.compute.manager).
MAX_WAIT = 15


class Operations:
    """The operations of one driver. At first, none is admitted."""

    def __init__(self):
        self._changed = threading.Condition()
        self._is_open = False
        self._running = []
        self._in_thread = threading.local()

    def open(self):
        """Admit operations from now on."""
        with self._changed:
            self._is_open = True

    def close(self, max_wait=MAX_WAIT):
        """Admit no more operations, and wait until all have ended.

        :param max_wait: seconds; what goes on even then is logged.
        """
        with self._changed:
            self._is_open = False
            if self._running:
                LOG.info('Waiting for operations to end: %s',
                         ', '.join(self._running))
            if not self._changed.wait_for(lambda: not self._running,
                                          max_wait):
                LOG.warning('These operations have not ended in %(seconds)d '
                            'seconds, and are cut off: %(names)s', {
                                'seconds': max_wait,
                                'names': ', '.join(self._running)})

    @property
    def was_last_awaited(self):
        """Whether the last operation of this thread was waited for by close().

        Nova may be in the middle of something that was to end well, then.
        """
        return getattr(self._in_thread, 'was_awaited', False)

    @contextlib.contextmanager
    def one(self, name):
        """Be an operation, or a part of one that is under way.

        :param name: str, for the log.
        :raises nova.exception.VirtDriverNotReady: if none is admitted.
        """
        if getattr(self._in_thread, 'is_busy', False):
            yield
            return
        with self._changed:
            if not self._is_open:
                raise nova_exc.VirtDriverNotReady()
            self._running.append(name)
        self._in_thread.is_busy = True
        try:
            yield
        finally:
            self._in_thread.is_busy = False
            with self._changed:
                self._in_thread.was_awaited = not self._is_open
                self._running.remove(name)
                self._changed.notify_all()


def counted(*besides):
    """Decorator of a driver: each public method of it is an operation.

    The driver has its Operations as ``operations``.

    :param besides: names of the methods that need no platform.
    """
    def decorate(cls):
        for name, method in list(vars(cls).items()):
            if (inspect.isfunction(method) and not name.startswith('_') and
                    name not in besides):
                setattr(cls, name, _count(name, method))
        return cls
    return decorate


def _count(name, method):
    @functools.wraps(method)
    def wrapper(self, *args, **kwargs):
        with self.operations.one(name):
            return method(self, *args, **kwargs)
    return wrapper
