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

"""The consoles of a driver: what Nova asks for, and when terminals close."""

from concurrent import futures
import hashlib
import hmac
import os
import re
import secrets
import threading
import time
import typing

from nova.compute import task_states
from nova import exception as nova_exc
from oslo_log import log as logging

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm.console import hub as hubs
from nova_powervm.virt.powervm.console import listener as listeners
from nova_powervm.virt.powervm.console import log as logs
from nova_powervm.virt.powervm.console import terminal
from nova_powervm.virt.powervm.console import text
from nova_powervm.virt.powervm.console import tls
from nova_powervm.virt.powervm.console import vnc
from nova_powervm.virt.powervm import flavor as flavors
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

#: Threads that run mkvterm and rmvterm.
_WORKERS = 4
#: Seconds that the end of the driver waits for terminals to close.
_END_SECONDS = 10
#: The files of terminals: logs (log.py), and marks (vnc.py).
_FILE = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'
                   r'\.(log|log\.1|vnc)')
#: What Nova does with a server while its terminal stays closed.
_NOT_NOW = (task_states.DELETING, task_states.MIGRATING)


class Address(typing.NamedTuple):
    """Where a proxy of Nova finds a console.

    :ivar host: str
    :ivar port: int
    :ivar path: str, for CONNECT. Who knows it has the console.
    """

    host: str
    port: int
    path: str


class Consoles:
    """Opens and closes the virtual terminals of servers.

    It has no thread, and listens on no port, before somebody wants a console.

    :param host: the owner of the REST connection (host.Host).
    :param mgmt: mgmt.ManagementPartition
    :param clock: returns seconds that only go up.
    :raises InvalidOption: if a file with a certificate cannot be used.
    """

    def __init__(self, host, mgmt, clock=time.monotonic):
        self._host = host
        self._mgmt = mgmt
        self._tools = terminal.Tools(
            host=host, mgmt=mgmt, hub=hubs.Hub(clock),
            executor=futures.ThreadPoolExecutor(
                _WORKERS, thread_name_prefix='powervm-console'),
            folder=os.path.join(CONF.state_path, 'consoles', host.nodename),
            context=tls.build_context())
        # So nobody can compute the path of a console. It stays the same while
        # nova-compute runs, because Nova asks for it several times.
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._terminals = {}
        self._logs = {}
        self._listeners = {}
        self._has_ended = False

    # ---- what Nova asks for ----------------------------------------------

    def vnc(self, instance):
        """Open the VNC console of a server (1 request, 0 if it is open).

        :param instance: nova.objects.Instance
        :returns: Address
        :raises nova.exception.InstanceNotFound: if it has no LPAR here.
        :raises nova.exception.ConsoleTypeUnavailable: if there is none.
        """
        self._check_type(instance, vnc.VncTerminal)
        found = self._terminal(instance)
        listener = self._listener(found, CONF.vnc.server_listen,
                                  CONF.powervm.vnc_port)
        found.open(takes=CONF.powervm.console_force)
        found.offer(listener)
        return Address(CONF.vnc.server_proxyclient_address, listener.port,
                       found.path)

    def serial(self, instance):
        """Open the serial console of a server (1 request, 0 if it is open).

        See vnc().
        """
        self._check_type(instance, text.TextTerminal)
        found = self._terminal(instance)
        listener = self._listener(found, CONF.powervm.serial_console_listen,
                                  CONF.powervm.serial_console_port)
        found.open(takes=CONF.powervm.console_force)
        found.settle()
        found.offer(listener)
        return Address(CONF.serial_console.proxyclient_address, listener.port,
                       found.path)

    def output(self, instance):
        """Tell what a server has printed (0 requests).

        :param instance: nova.objects.Instance
        :returns: bytes, at most 100 KiB.
        :raises nova.exception.ConsoleNotAvailable: if it is not logged.
        """
        reason = self._why_no_log(instance)
        if reason is not None:
            raise nova_exc.ConsoleNotAvailable(
                'The console of the server is not logged: %s' % reason)
        return self._log(instance).read()

    # ---- what operations on servers need ---------------------------------

    @property
    def keeps_logs(self):
        """Whether consoles are logged, if that is possible."""
        return CONF.powervm.console_log

    def is_open(self, instance):
        """Whether we have opened the terminal of a server."""
        with self._lock:
            found = self._terminals.get(instance.uuid)
        return found is not None and found.is_open

    def keep_log(self, instance, lpar_w=None):
        """Begin to log the console of a server, if that is wanted.

        It takes 1 request, or 0 if the terminal is open. Never raises.

        :param instance: nova.objects.Instance
        :param lpar_w: its LPAR wrapper, if it has just been read.
        """
        if self._why_no_log(instance) is None and not self._has_ended:
            self._terminal(instance).keep_open(lpar_w)

    def close(self, instance):
        """Close the terminal of a server, if we have opened it.

        0 requests. Never raises.
        """
        with self._lock:
            found = self._terminals.get(instance.uuid)
        if found is None:
            return
        # Nobody gets another one before it is closed.
        found.retire()
        with self._lock:
            if self._terminals.get(instance.uuid) is found:
                del self._terminals[instance.uuid]

    def forget(self, instance):
        """Close the terminal, and delete the log. Never raises."""
        self.close(instance)
        try:
            self._log(instance).delete()
        except OSError as exc:
            LOG.warning('The log of the console stays: %s', exc,
                        instance=instance)
        self._logs.pop(instance.uuid, None)

    # ---- start and end -------------------------------------------------

    def resume(self, partitions):
        """Do what an earlier process would do now (0 requests).

        Log the consoles of servers that are on, close VNC servers that nobody
        uses any more, and delete files of servers that are not on this host.
        Terminals are opened and closed in the background.

        :param partitions: cleanup.platform_snapshot.PlatformSnapshot
        """
        names = self._files()
        if not names and not self.keeps_logs:
            return
        self._delete_others(names, {instance.uuid for instance
                                    in partitions.instances})
        if self._mgmt.why_no_terminals(self._host.system) is not None:
            return
        lpars = {lpar_w.uuid.upper(): lpar_w for lpar_w in partitions.lpars}
        for instance in partitions.instances:
            lpar_w = lpars.get(vm.get_lpar_uuid(instance))
            if lpar_w is not None:
                self._resume_one(instance, lpar_w,
                                 instance.uuid + '.vnc' in names)

    def _files(self):
        """The names of our files, which begin with the UUID of a server."""
        try:
            return [name for name in os.listdir(self._tools.folder)
                    if _FILE.fullmatch(name)]
        except FileNotFoundError:
            return []

    def _delete_others(self, names, uuids):
        """Delete the files of servers that are not among some UUIDs."""
        for name in names:
            if name.partition('.')[0] not in uuids:
                try:
                    os.unlink(os.path.join(self._tools.folder, name))
                except OSError as exc:
                    LOG.warning('A file of a server that has left this host '
                                'cannot be deleted: %s', exc)

    def _resume_one(self, instance, lpar_w, was_vnc):
        found = self._terminal(instance)
        if not was_vnc:
            old = None
        elif isinstance(found, vnc.VncTerminal):
            found.adopt(lpar_w)
            return
        else:
            old = vnc.VncTerminal(self._tools, instance, found.path)
            old.adopt(lpar_w)

        def log():
            if old is not None:
                old.close()
            if vm.is_off(self._host, instance, lpar_w) is False:
                self.keep_log(instance, lpar_w)

        self._tools.run(log)

    def shutdown(self):
        """Close all terminals, and end all threads."""
        with self._lock:
            if self._has_ended:
                return
            self._has_ended = True
            terminals, self._terminals = self._terminals, {}
            ending, self._listeners = self._listeners, {}
        for listener in ending.values():
            self._tools.hub.post(listener.close)
        waiting = [self._tools.executor.submit(found.retire)
                   for found in terminals.values()]
        late = futures.wait(waiting, _END_SECONDS).not_done
        if late:
            LOG.warning('%d terminals of servers are still open.', len(late))
        self._tools.hub.close()
        self._tools.executor.shutdown(wait=not late, cancel_futures=True)

    # ---- the terminals ---------------------------------------------------

    @staticmethod
    def _is_vnc(instance):
        """Whether the terminal of a server is opened as VNC.

        That of IBM i always is: text has no 5250.
        """
        return flavors.is_ibmi(instance) or not (
            CONF.serial_console.enabled or CONF.powervm.console_log)

    def _why_no_log(self, instance):
        if not self.keeps_logs:
            return '[powervm] console_log is not set'
        if flavors.is_ibmi(instance):
            return 'it is that of IBM i'
        return self._mgmt.why_no_terminals(self._host.system)

    def _check_type(self, instance, wanted):
        if self._has_ended:
            reason = 'nova-compute ends'
        elif instance.task_state in _NOT_NOW:
            # Nova's API refuses that, but a proxy may come with an old URL.
            reason = 'the server is in state %s' % instance.task_state
        elif self._is_vnc(instance) == (wanted is vnc.VncTerminal):
            reason = self._mgmt.why_no_terminals(self._host.system)
        elif wanted is vnc.VncTerminal:
            reason = ('the only terminal of the server is a serial console, '
                      'because of [serial_console] enabled or [powervm] '
                      'console_log')
        elif flavors.is_ibmi(instance):
            reason = 'IBM i has a VNC console only'
        else:
            reason = '[serial_console] enabled is not set'
        if reason is not None:
            LOG.warning('There is no %s console: %s', wanted.KIND, reason,
                        instance=instance)
            raise nova_exc.ConsoleTypeUnavailable(
                'Unavailable console type %s: %s' % (wanted.KIND, reason),
                console_type=wanted.KIND)

    def _terminal(self, instance):
        with self._lock:
            found = self._terminals.get(instance.uuid)
            if found is None:
                found = self._build(instance)
                self._terminals[instance.uuid] = found
            return found

    def _build(self, instance):
        path = hmac.new(self._key, instance.uuid.encode(),
                        hashlib.sha256).hexdigest()
        if self._is_vnc(instance):
            return vnc.VncTerminal(self._tools, instance, path)
        return text.TextTerminal(
            self._tools, instance, path,
            log=self._log(instance) if self.keeps_logs else None)

    def _log(self, instance):
        # One object for each server: it has a lock.
        return self._logs.setdefault(instance.uuid, logs.ConsoleLog(
            self._tools.folder, instance.uuid))

    def _listener(self, found, address, port):
        with self._lock:
            listener = self._listeners.get(found.KIND)
            if listener is None:
                try:
                    listener = listeners.Listener(self._tools.hub, address,
                                                  port)
                except OSError as exc:
                    raise found.unavailable(
                        'nova-compute cannot listen on %s port %d: %s' % (
                            address, port, exc))
                self._listeners[found.KIND] = listener
            return listener
