# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Sessions: logon by password or by a file on the client's own disk."""

import hashlib
import hmac
import os
import secrets
import threading

from nova_powervm.simulator import errors

#: So many sessions can always be looked through.
_FEW = 100


class Session:
    """A client that has logged on.

    :ivar token: str, what it shows in X-API-Session
    :ivar path: str, the file with the token, or None
    """

    def __init__(self, token, user, path, now):
        self.token = token
        self.user = user
        self.path = path
        self.created = now
        self.last_used = now

    def restored(self):
        """Write the file with the token, if there is one."""
        if self.path:
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(self.path, flags, 0o600),
                           'w') as token_file:
                token_file.write(self.token + '\n')


class Sessions:
    """The sessions of a host.

    :param clock: clock.Clock
    :param user: str, name of the user who may log on with a password
    :param password: str
    :param directory: str, folder for the token files
    :param idle_seconds: float, time after which an unused session ends
    :param max_seconds: float, time after which any session ends
    :param takes_files: bool, whether a client may log on with a file
    :param expired_status: int, HTTP status for a token of no session
    :param passwords: dict of the names of other users -> their passwords
    """

    def __init__(self, clock, user, password, directory, idle_seconds,
                 max_seconds, takes_files=True, expired_status=401,
                 passwords=None):
        self._clock = clock
        self._user = user
        self._password = password
        self._passwords = passwords or {}
        self._directory = directory
        self._idle_seconds = idle_seconds
        self._max_seconds = max_seconds
        self._takes_files = takes_files
        self._expired_status = expired_status
        self._lock = threading.Lock()
        self._by_token = {}
        # How many there are when the old ones are looked for.
        self._look_at = _FEW

    def logon_password(self, user, password):
        """Start a session for a user name and a password.

        :returns: Session
        :raises errors.Unauthorized: when they are wrong
        """
        users = {**self._passwords, self._user: self._password}
        if not any([self._is_good(user, name) &
                    self._is_good(password, users[name]) for name in users]):
            raise errors.Unauthorized('The user name or the password is '
                                      'wrong', reason_code='Logon failed.')
        return self._start(user, None)

    @staticmethod
    def _is_good(given, wanted):
        return hmac.compare_digest(given.encode(), wanted.encode())

    def logon_file(self, user):
        """Start a session whose token is put in a file of mode 0600.

        Whoever can read the file may use the session.

        :returns: Session
        :raises errors.Refused: if only passwords are good
        """
        if not self._takes_files:
            raise errors.Refused('A client logs on with a password here')
        name = 'session-%s' % secrets.token_hex(8)
        return self._start(user, os.path.join(self._directory, name))

    def _start(self, user, path):
        session = Session(secrets.token_urlsafe(48), user, path,
                          self._clock.now())
        session.restored()
        if len(self._by_token) >= self._look_at:
            self._end_old()
            self._look_at = max(_FEW, 2 * len(self._by_token))
        with self._lock:
            self._by_token[session.token] = session
        return session

    def check(self, token):
        """Find the session of a token, and note that it is in use.

        :returns: Session
        :raises errors.Unauthorized: when there is none, or it has ended
        """
        now = self._clock.now()
        with self._lock:
            session = self._by_token.get(token or '')
            # Clients that log on and never off leave many others.
            if session is not None and not self._is_over(session, now):
                session.last_used = now
                return session
        self._end_old()
        raise errors.Unauthorized('There is no session with this token, or '
                                  'it has expired',
                                  status=self._expired_status)

    def _end_old(self):
        """End the sessions whose time is over."""
        now = self._clock.now()
        with self._lock:
            ended = [session for session in self._by_token.values()
                     if self._is_over(session, now)]
            for session in ended:
                del self._by_token[session.token]
        for session in ended:
            self._delete_file(session)

    def _is_over(self, session, now):
        return (now - session.last_used > self._idle_seconds or
                now - session.created > self._max_seconds)

    def logoff(self, token):
        """End a session; an unknown token is nothing to complain about."""
        with self._lock:
            session = self._by_token.pop(token or '', None)
        if session is not None:
            self._delete_file(session)

    def expire_all(self):
        """End all sessions.

        :returns: int, how many there were
        """
        with self._lock:
            ended = list(self._by_token.values())
            self._by_token.clear()
        for session in ended:
            self._delete_file(session)
        return len(ended)

    @staticmethod
    def _delete_file(session):
        if session.path and os.path.exists(session.path):
            os.unlink(session.path)

    def state(self):
        """Return the sessions as a list of dicts fit for JSON."""
        self._end_old()
        with self._lock:
            return [{'id': hashlib.sha256(s.token.encode()).hexdigest()[:12],
                     'user': s.user, 'file': bool(s.path)}
                    for s in self._by_token.values()]
