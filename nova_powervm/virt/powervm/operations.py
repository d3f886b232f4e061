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

"""Count the running operations of the driver, so that they can end.

An operation is a call of a public method of the driver, with all flows that it
runs. When the driver ends, it waits for running operations and admits no new
ones. A flow that loses its REST session can neither continue nor be reverted.
"""

import contextlib
import functools
import inspect
import threading

from nova import exception as nova_exc
from oslo_log import log as logging

LOG = logging.getLogger(__name__)

#: Seconds for which the driver waits when it ends. Nova reserves 20 seconds
#: for this (graceful_shutdown of nova.compute.manager).
MAX_WAIT = 15


class Operations:
    """The operations of one driver. It admits none before open()."""

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

        :param max_wait: seconds; operations that run longer are logged.
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
        """Whether close() waited for the last operation of this thread.

        If so, Nova may still be completing what this operation was part of.
        """
        return getattr(self._in_thread, 'was_awaited', False)

    @contextlib.contextmanager
    def one(self, name):
        """Run the body as an operation, or as part of a running one.

        :param name: str, for the log.
        :raises nova.exception.VirtDriverNotReady: if no operation is admitted.
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
    """Decorate a driver class: each call of a public method is an operation.

    The driver has its Operations in the attribute ``operations``.

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
