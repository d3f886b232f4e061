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

"""Kill nova-compute at every single REST request of a spawn.

The driver object is abandoned on the spot: nothing that it would still do to
the platform happens. A new nova-compute starts on the same host, and the
server is deleted; the platform is as it was before.
"""

import threading

import fixtures as fx
from nova.compute import claims

from nova_powervm.tests.functional import base


class Killed(BaseException):
    """What every request of a dead process ends with."""


class Killer:
    """Lets a session die at its number-th request.

    :param session: the pypowervm Session of the driver.
    :param number: the request at which it dies, from 1; its event polls do
                   not count.
    :param answered: whether that request still reaches the platform.
    """

    def __init__(self, session, number, answered):
        self.left = number
        self.answered = answered
        self.dead = threading.Event()
        self._lock = threading.Lock()
        self._request = session.request
        session.request = self.request

    def disarm(self):
        """Let the session live, if it still does."""
        self.left = 0

    def request(self, method, path, *args, **kwargs):
        if self.dead.is_set():
            if 'Logon' in path:
                # Of Session.__del__, which has nobody to raise to.
                return None
            raise Killed()
        if 'QUEUE_CLIENTKEY' in path:
            return self._request(method, path, *args, **kwargs)
        with self._lock:
            self.left -= 1
            dies = self.left == 0
            if dies:
                self.dead.set()
        if dies and not self.answered:
            raise Killed()
        response = self._request(method, path, *args, **kwargs)
        if self.dead.is_set():
            raise Killed()
        return response


def _unless(event, method):
    """A method that does nothing once an event has happened.

    A dead process gives nothing back in Nova either, while an exception
    that unwinds the stack here does.
    """
    def wrapper(*args, **kwargs):
        if not event.is_set():
            return method(*args, **kwargs)
    return wrapper


class CrashWalkTest(base.PowerVMTestCase):

    CAST_AS_CALL = False
    # Those of the dead expire some time.
    WITH_SESSIONS = False

    def setUp(self):
        super().setUp()
        self.delete(self.boot())
        self.before = self.platform_state()

    def crash_at(self, number, answered):
        killer = Killer(self.driver.rooms.host.adapter.session, number,
                        answered)
        self.useFixture(fx.MockPatchObject(
            claims.Claim, 'abort', _unless(killer.dead, claims.Claim.abort)))
        server = self.start_boot()
        self.wait_for(lambda: killer.dead.is_set() or self.api.get_server(
            server['id'])['status'] == 'ACTIVE')
        crashed = killer.dead.is_set()
        killer.disarm()
        if crashed:
            self.compute = self.restart_after_crash()
        self.assertIsNone(self.delete(server))
        self.assert_state_equal(self.before, self.platform_state(),
                                'killed at request %d' % number)
        return crashed

    def restart_after_crash(self):
        """Start a new nova-compute. The old one's threads are gone too."""
        old = self.driver
        old.events.shutdown()
        return self.restart_compute_service(self.compute)

    def walk(self, answered):
        number = 1
        while self.crash_at(number, answered):
            number += 1
        self.assertGreater(number, 10)

    def test_killed_before_the_request_is_sent(self):
        self.walk(answered=False)

    def test_killed_before_the_answer_is_read(self):
        self.walk(answered=True)
