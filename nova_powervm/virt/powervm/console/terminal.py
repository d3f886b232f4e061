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

"""The virtual terminal of a server, which the driver opens and closes.

A terminal is opened and closed by one thread at a time. Connections belong to
the thread of the hub.
"""

import dataclasses
import threading
import typing

from nova import exception as nova_exc
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc

from nova_powervm.virt.powervm.console import hub as hubs
from nova_powervm.virt.powervm.console import listener as listeners
from nova_powervm.virt.powervm.live import outcome
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)

#: Seconds without clients after which a terminal is closed.
IDLE_SECONDS = 300
#: Return code of mkvterm if the terminal is open (pypowervm, tasks/vterm.py).
RC_OPEN = 3


@dataclasses.dataclass(frozen=True)
class Tools:
    """What all terminals work with.

    :ivar host: the owner of the REST connection (host.Host).
    :ivar mgmt: mgmt.ManagementPartition, which runs mkvterm.
    :ivar hub: hub.Hub
    :ivar executor: runs what waits, such as commands.
    :ivar folder: str, for files; created when it is needed.
    :ivar context: ssl.SSLContext for VNC, or None.
    """

    host: typing.Any
    mgmt: typing.Any
    hub: hubs.Hub
    executor: typing.Any
    folder: str
    context: typing.Any = None

    def run(self, function):
        """Run a function in the background; nothing after the end."""
        def guarded():
            try:
                function()
            except Exception:
                LOG.exception('A console fails.')
        try:
            self.executor.submit(guarded)
        except RuntimeError:
            LOG.debug('The consoles have ended.')


class Terminal:
    """Base of what a terminal can be opened as.

    :param tools: Tools
    :param instance: nova.objects.Instance
    :param path: str, for which a listener hands over clients.
    """

    #: The type of console, as Nova calls it.
    KIND = ''

    def __init__(self, tools, instance, path):
        self.tools = tools
        self.instance = instance
        self.path = path
        self.lock = threading.RLock()
        self.listener: typing.Any = None
        self.partition_id: typing.Any = None
        self.is_open = False
        self._is_retired = False
        # Why it could not be opened the last time.
        self._failure: typing.Any = None
        # In the thread of the hub.
        self._count = 0
        self._idle: typing.Any = None

    # ---- any thread ----------------------------------------------------

    def open(self, lpar_w=None, takes=False):
        """Open the terminal, unless it is (1 request, or 0).

        Who waits while another thread tries in vain gets the same error:
        otherwise each would try, and wait for mkvterm, one after the other.

        :param lpar_w: LPAR wrapper, if it has just been read.
        :param takes: whether to close the terminal before, if somebody else
            has opened it.
        :raises nova.exception.InstanceNotFound: if there is no LPAR.
        :raises nova.exception.ConsoleTypeUnavailable: if it cannot be opened.
        """
        before = self._failure
        with self.lock:
            if self.is_open and self._is_there():
                return
            if self._failure is not before:
                raise self._failure
            try:
                self._open_now(lpar_w, takes)
            except nova_exc.ConsoleTypeUnavailable as exc:
                self._failure = exc
                raise
        self.tools.hub.post(self._wait_for_clients)

    def _open_now(self, lpar_w, takes):
        if self._is_retired:
            raise self.unavailable('the server has just been changed; try '
                                   'again')
        self.partition_id = self._find_id(lpar_w)
        try:
            self._open(['--id', str(self.partition_id)], takes)
        except OSError as exc:
            raise self.unavailable('mkvterm cannot be run: %s' % exc)
        self.is_open = True
        LOG.info('The terminal is open as %s.', self.KIND,
                 instance=self.instance)

    def _find_id(self, lpar_w):
        """The ID of the partition: it may have another one each time."""
        try:
            if lpar_w is None:
                lpar_w = vm.get_instance_wrapper(self.tools.host,
                                                 self.instance)
        except pvm_exc.Error as exc:
            raise self.unavailable(str(exc))
        # The platform may refuse to move it while the terminal is open.
        if lpar_w.migration_state and outcome.is_migrating(lpar_w):
            raise self.unavailable('the server is being migrated')
        return lpar_w.id

    def offer(self, listener):
        """Let clients come that know the path.

        :param listener: listener.Listener
        """
        with self.lock:
            if self.listener is None and not self._is_retired:
                self.listener = listener
                self.tools.hub.post(listener.offer, self.path, self._take)

    def close(self):
        """Close the terminal, if we have opened it. Never raises."""
        with self.lock:
            was_open, self.is_open = self.is_open, False
            if was_open:
                try:
                    self._close()
                except Exception:
                    LOG.exception('The terminal could not be closed.',
                                  instance=self.instance)
            self.tools.hub.post(self._cut)

    def retire(self):
        """Close the terminal, and never open it again. Never raises.

        A thread may be about to open it, and the server may be about to move
        or to be deleted.
        """
        with self.lock:
            self._is_retired = True
            self.close()
            if self.listener is not None:
                self.tools.hub.post(self.listener.withdraw, self.path,
                                    self._take)

    def _take_from_others(self):
        """Close the terminal that somebody else has opened."""
        LOG.warning('Somebody else has opened the terminal. It is closed, '
                    'because [powervm] console_force is set.',
                    instance=self.instance)
        self._rmvterm()

    def _rmvterm(self):
        """Run rmvterm; returns whether it has closed the terminal."""
        result = self.tools.mgmt.run_command('rmvterm', '--id',
                                             str(self.partition_id))
        if result.code != 0:
            LOG.warning('rmvterm has not closed the terminal: %s',
                        result.error.strip(), instance=self.instance)
        return result.code == 0

    def unavailable(self, reason):
        """An exception that tells the user why there is no console."""
        LOG.warning('There is no %s console: %s', self.KIND, reason,
                    instance=self.instance)
        return nova_exc.ConsoleTypeUnavailable(
            'Unavailable console type %s: %s' % (self.KIND, reason),
            console_type=self.KIND)

    def close_if_idle(self):
        """Close the terminal if there is still no client."""
        with self.lock:
            if self.is_open and not self._count and self._may_close():
                LOG.info('Nobody has used the console for %d seconds; the '
                         'terminal is closed.', IDLE_SECONDS,
                         instance=self.instance)
                self.close()

    # ---- the thread of the hub -----------------------------------------

    def _take(self, channel, data):
        """Take a client, or refuse it."""
        if not self.is_open or self._count >= listeners.MAX_OF_ONE:
            LOG.warning('A client of the console is refused: %s',
                        'there are %d' % self._count if self.is_open
                        else 'the terminal is closed',
                        instance=self.instance)
            listeners.refuse(channel)
            return
        self._count += 1
        if self._idle is not None:
            self._idle.cancel()
        self._connect(channel, data)

    def _left(self):
        """Take in that a client is gone."""
        self._count -= 1
        if not self._count:
            self._wait_for_clients()

    def _wait_for_clients(self):
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self.tools.hub.later(
            IDLE_SECONDS, lambda: self.tools.run(self.close_if_idle))

    def _cut(self):
        """Cut all clients."""
        if self._idle is not None:
            self._idle.cancel()

    # ---- what differs ----------------------------------------------------

    def _open(self, arguments, takes):
        """Open it; raises ConsoleTypeUnavailable or OSError."""
        raise NotImplementedError()

    def _close(self):
        """Close what is open."""
        raise NotImplementedError()

    def _is_there(self):
        """Whether what was opened still is, as far as can be told."""
        return True

    def _may_close(self):
        """Whether it may be closed while nobody uses it."""
        return True

    def _connect(self, channel, data):
        """Let a client see it, and call _left() at its end."""
        raise NotImplementedError()
