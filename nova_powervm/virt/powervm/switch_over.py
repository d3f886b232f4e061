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

"""Go on with another HMC when the one in use is lost.

Two HMCs may manage the same systems. Each has its own sessions and jobs.
"""

import collections
import contextlib
import threading
import time

from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
import requests

from nova_powervm.virt.powervm import answers

LOG = logging.getLogger(__name__)

#: Seconds in which a server that was of no use is not tried again. Without
#: them each request would wait for its time-outs.
PAUSE = 30
#: The same after it has refused the user: more attempts might lock the user.
REFUSED_PAUSE = 3600
# Statuses of a server whose part for REST does not run.
_DOWN = (502, 503, 504)
#: Statuses of a logon with a wrong password, or of a locked user.
REFUSED = (401, 403)


class SwitchOver:
    """Decides with which server a session goes on, and keeps what was tried.

    :param hosts: sequence of str, all servers that may be used. With fewer
        than two of them nothing is ever done.
    :param clock: returns seconds; for tests.
    """

    def __init__(self, hosts, clock=time.monotonic):
        self._hosts = tuple(hosts)
        self._clock = clock
        # Held while a thread logs on elsewhere; the others wait for it.
        self._switching = threading.Lock()
        # Host -> when it may be tried again.
        self._not_before = {}
        # Hosts that have refused the user, and have not taken it since.
        self._refused = set()
        # Held only briefly.
        self._lock = threading.Lock()
        # Sessions that were left and may not have ended.
        self._left = []
        # Token -> how many requests with it have no answer yet.
        self._requests = collections.Counter()

    def goes_on(self, session, token, exc):
        """Log on to another server, if an error tells that this one is lost.

        :param session: rest.Session
        :param token: str, of the session when the request was sent.
        :param exc: pypowervm.exceptions.Error, why the request has failed.
        :returns: bool, whether there is a new session.
        """
        if len(self._hosts) < 2 or not _is_lost(session, exc):
            return False
        with self._switching:
            if session.token != token:
                return True
            other = self._log_on(session)
            if other is None:
                return False
            left = session.adopt(other)
        with self._lock:
            self._left.append(left)
        if left is other:
            # nova-compute ends.
            self.end_left()
            return False
        LOG.warning('The REST session goes on with %s.', session.dest)
        session.on_switch()
        self.end_left({left.host, other.host})
        return True

    @contextlib.contextmanager
    def sending(self, token):
        """Do not end a session while a request of it has no answer."""
        with self._lock:
            self._requests[token] += 1
        try:
            yield
        finally:
            with self._lock:
                self._requests[token] -= 1
                hosts = {session.host for session in self._left
                         if session.token == token}
                if not self._requests[token]:
                    del self._requests[token]
            if hosts:
                self.end_left(hosts)

    def end_left(self, hosts=None):
        """Log off where sessions were left; an HMC allows only so many.

        :param hosts: set of str, the servers to ask; None for all, at the end.
            The others are asked when the session is back on them.
        """
        with self._lock:
            ending = [session for session in self._left if hosts is None or
                      session.host in hosts and
                      not self._requests[session.token]]
            self._left = [session for session in self._left
                          if session not in ending]
        for session in ending:
            try:
                session.end()
            except pvm_exc.HttpError as exc:
                LOG.debug('A session has ended already: %s', exc)
            except pvm_exc.Error as exc:
                LOG.info('A session on %(url)s could not be ended: %(error)s',
                         {'url': session.dest, 'error': exc})
                with self._lock:
                    self._left.append(session)

    def _log_on(self, session):
        """Log on to the next server that can be used: a session, or None."""
        if session.is_refused and session.host not in self._refused:
            self._note_refusal(session.host)
        last = self._hosts.index(session.host)
        # The present one may be back already.
        for host in (*self._hosts[last + 1:], *self._hosts[:last + 1]):
            if self._clock() < self._not_before.get(host, 0):
                continue
            other = session.elsewhere(host)
            try:
                self._enter(session, other)
                return other
            except pvm_exc.Error as exc:
                # A refusal has set a later time.
                self._not_before[host] = max(
                    self._not_before.get(host, 0), self._clock() + PAUSE)
                LOG.warning('%(url)s is of no use: %(error)s',
                            {'url': other.dest, 'error': exc})
        return None

    def _note_refusal(self, host):
        self._refused.add(host)
        self._not_before[host] = self._clock() + REFUSED_PAUSE

    def _enter(self, session, other):
        """Log on, and make sure that the server is as good as the lost one.

        :raises pypowervm.exceptions.Error: if it is not.
        """
        try:
            other.log_on()
        except pvm_exc.HttpError as exc:
            if exc.response.status in REFUSED:
                self._note_refusal(other.host)
                LOG.error('%(url)s has refused the user and is not tried '
                          'again for %(seconds)d seconds, because more '
                          'attempts might lock the user.',
                          {'url': other.dest, 'seconds': REFUSED_PAUSE})
            raise
        self._refused.discard(other.host)
        reason = 'it could not be compared'
        try:
            reason = _why_not(session, other)
        finally:
            if reason:
                with self._lock:
                    self._left.append(other)
                self.end_left({other.host})
        if reason:
            raise pvm_exc.Error(reason)


def _is_lost(session, exc):
    """Whether an error tells that a server is down, or cannot be trusted."""
    if isinstance(exc, (pvm_exc.ConnectionError, pvm_exc.SSLError,
                        pvm_exc.TimeoutError)):
        return True
    if isinstance(exc, pvm_exc.HttpError):
        # A VIOS that is busy is answered with 503, too.
        return exc.response.status in _DOWN and not _tells_of_system(session)
    # The connection was lost within an answer.
    return isinstance(exc.__context__,
                      requests.exceptions.ChunkedEncodingError)


def _tells_of_system(session):
    """Whether the server still answers for the system (1 request)."""
    if session.system is None:
        return False
    try:
        session.elsewhere(session.host, session.token).read_system()
    except pvm_exc.HttpError as exc:
        return exc.response.status not in _DOWN
    except pvm_exc.Error:
        return False
    return True


def _why_not(session, other):
    """Tell why another server cannot take over: str, or None (1 request).

    :param session: rest.Session on the lost server.
    :param other: rest.Session on the other one.
    :raises pypowervm.exceptions.Error: if it does not have the system.
    """
    if other.mc_type != session.mc_type:
        return 'it is a %s, and the lost one was a %s' % (
            other.mc_type, session.mc_type)
    if session.system is None:
        return None
    system = other.read_system()
    with answers.understood('system'):
        seen, wanted = [(found.uuid.lower(), found.mtms.mtms_str)
                        for found in (system, session.system)]
    if seen != wanted:
        return 'its system is %s (%s), not %s (%s)' % (*seen, *wanted)
    if not system.session_is_master:
        return 'another management console is the master of the system'
    return None
