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

"""Terminals that are open as text.

mkvterm runs as a child of nova-compute, on a terminal of its own. All that it
prints goes to the log, if there is one, and to all clients. Only the newest
client can type.

If mkvterm ends although nobody here has ended it, somebody else may want the
terminal. With a log, the driver tries to open it again, later and later.
"""

import threading
import time
import typing

from nova import exception as nova_exc
from oslo_log import log as logging

from nova_powervm.virt.powervm.console import channel as channels
from nova_powervm.virt.powervm.console import listener as listeners
from nova_powervm.virt.powervm.console import terminal

LOG = logging.getLogger(__name__)

#: Seconds in which a mkvterm ends that cannot open the terminal (assumed, no
#: hardware).
SETTLE_SECONDS = 1
#: Seconds before the terminal is opened again, at first and at most.
FIRST_RETRY_SECONDS = 60
LAST_RETRY_SECONDS = 1800
#: How much of the output is kept to tell why mkvterm has ended.
_LAST_WORDS = 300


class TextTerminal(terminal.Terminal):
    """A terminal that is open as text.

    :param log: log.ConsoleLog, or None.
    """

    KIND = 'serial'

    def __init__(self, tools, instance, path, log=None):
        super().__init__(tools, instance, path)
        self._log = log
        self._command: typing.Any = None
        self._ended = threading.Event()
        self._is_settled = self._takes = False
        # What the last mkvterm that has ended by itself has returned.
        self._code: typing.Any = None
        self._retry_timer = None
        self._retry_seconds = FIRST_RETRY_SECONDS
        self._opened_at = 0
        self._started_at = 0.0
        # In the thread of the hub.
        self._terminal: typing.Any = None
        self._clients = []
        # Clients that type faster than the guest reads.
        self._held = set()
        self._stall: typing.Any = None
        self._last_words = b''

    # ---- any thread ----------------------------------------------------

    def settle(self):
        """Wait a moment for a mkvterm that cannot open the terminal.

        :raises nova.exception.ConsoleTypeUnavailable: if it has ended.
        """
        if self._has_settled():
            return
        if self._takes:
            with self.lock:
                if self._command is not None and self._ended.is_set():
                    self._die(self._command)
                if self._code == terminal.RC_OPEN and not self.is_open:
                    self._take_from_others()
                    self.open()
            if self._has_settled():
                return
        text = self._last_words.decode(errors='replace').strip()
        raise self.unavailable('mkvterm has ended. ' + text)

    def _has_settled(self):
        """Whether mkvterm still runs after a moment."""
        if not self._is_settled:
            seconds = self._started_at + SETTLE_SECONDS - time.monotonic()
            self._is_settled = not self._ended.wait(max(0, seconds))
        return self._is_settled

    def keep_open(self, lpar_w=None):
        """Open the terminal for the log, now or later. Never raises."""
        try:
            self.open(lpar_w)
        except nova_exc.InstanceNotFound:
            LOG.info('There is no LPAR, so its console is not logged.',
                     instance=self.instance)
        except nova_exc.ConsoleTypeUnavailable:
            self._try_later()
        except Exception:
            LOG.exception('The console is not logged for now.',
                          instance=self.instance)
            self._try_later()

    def _open(self, arguments, takes):
        self._takes = takes
        command = self.tools.mgmt.start_on_terminal('mkvterm', *arguments)
        self._ended = threading.Event()
        self._is_settled = False
        self._opened_at = self.tools.hub.clock()
        self._started_at = time.monotonic()
        self._command = command
        if not self.tools.hub.post(self._begin, command, self._ended):
            self._command = None
            command.terminal.close()
            command.end()
            raise self.unavailable('nova-compute ends')

    def _close(self):
        command, self._command = self._command, None
        self._forget_retry()
        if command is None:
            return
        # One that is too young may be about to say that somebody else has the
        # terminal: rmvterm would close that of somebody else.
        try:
            if self._has_settled() and not self._ended.is_set():
                self._rmvterm()
        finally:
            self.tools.hub.post(self._hang_up)
            command.end()

    def close(self):
        """See Terminal."""
        with self.lock:
            self._forget_retry()
            super().close()

    def _forget_retry(self):
        if self._retry_timer is not None:
            self._retry_timer.cancel()
            self._retry_timer = None

    def _may_close(self):
        return self._log is None

    def _die(self, command):
        """Take in that mkvterm has ended by itself."""
        with self.lock:
            if self._command is not command:
                return
            self._command = None
            self.is_open = False
            code = self._code = command.end()
            LOG.warning('mkvterm has ended with %s; somebody may have closed '
                        'the terminal.', code, instance=self.instance)
            if self._log is None:
                return
            self._log.note('the terminal is closed, mkvterm returns %s' % code)
            if (self.tools.hub.clock() - self._opened_at >
                    FIRST_RETRY_SECONDS):
                self._retry_seconds = FIRST_RETRY_SECONDS
            self._try_later()

    def _try_later(self):
        with self.lock:
            self._forget_retry()
            if self._is_retired:
                return
            self._retry_timer = self.tools.hub.later(
                self._retry_seconds,
                lambda: self.tools.run(self._try_again))
            self._retry_seconds = min(2 * self._retry_seconds,
                                      LAST_RETRY_SECONDS)

    def _try_again(self):
        with self.lock:
            # Somebody may have closed it since.
            if self._retry_timer is not None:
                self._retry_timer = None
                self.keep_open()

    # ---- the thread of the hub -----------------------------------------

    def _begin(self, command, ended):
        opened = channels.Channel(self.tools.hub, command.terminal,
                                  cuts=False)
        self._last_words = b''

        def on_end():
            ended.set()
            self._cut()
            self.tools.run(lambda: self._die(command))

        opened.on_data = self._print
        opened.on_end = on_end
        opened.on_drained = self._resume_clients
        self._terminal = opened
        opened.start()

    def _hang_up(self):
        if self._terminal is not None:
            self._terminal.close()

    def _print(self, data):
        self._last_words = (self._last_words + data)[-_LAST_WORDS:]
        if self._log is not None:
            self._log.write(data)
        for client in list(self._clients):
            client.send(data)
        if self._is_any_full():
            self._terminal.pause()

    def _is_any_full(self):
        return any(client.is_full for client in self._clients)

    def _resume(self):
        if not self._terminal.is_closed and not self._is_any_full():
            self._terminal.resume()

    def _resume_clients(self):
        self._forget_held()
        for client in self._clients:
            client.resume()

    def _type(self, client, data):
        if client is self._clients[-1]:
            self._terminal.send(data)
            if self._terminal.is_full:
                self._hold(client)

    def _hold(self, client):
        """Read no more from a client until the guest has read.

        Meanwhile nobody sees whether the client leaves. So if the guest reads
        nothing for some time, the client is cut off.
        """
        client.pause()
        self._held.add(client)
        if self._stall is None:
            self._look_later()

    def _look_later(self):
        waiting = self._terminal.waiting
        self._stall = self.tools.hub.later(
            channels.STALL_SECONDS, lambda: self._look(waiting))

    def _look(self, waiting):
        """See whether the guest has read."""
        if self._terminal.waiting < waiting:
            self._look_later()
            return
        LOG.info('The guest does not read what users type; %d connections '
                 'are cut.', len(self._held), instance=self.instance)
        held = list(self._held)
        self._forget_held()
        for client in held:
            client.close()

    def _forget_held(self):
        self._held.clear()
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _connect(self, channel, data):
        if self._terminal is None or self._terminal.is_closed:
            listeners.refuse(channel)
            self._left()
            return
        forget = channel.on_end

        def on_end():
            forget()
            self._clients.remove(channel)
            self._held.discard(channel)
            self._left()
            self._resume()

        self._clients.append(channel)
        channel.on_end = on_end
        channel.on_drained = self._resume
        channel.on_data = lambda more: self._type(channel, more)
        channel.accept()
        if data:
            self._type(channel, data)

    def _cut(self):
        self._forget_held()
        for client in list(self._clients):
            client.close()
        super()._cut()
