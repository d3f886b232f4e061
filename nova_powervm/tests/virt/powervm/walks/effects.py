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

"""What goes wrong at one request of an operation.

An effect is armed for the n-th request to a host from then on. Whether it has
hit tells whether the operation sent that many.
"""

import functools
import threading

from nova_powervm.virt.powervm import rest

#: In the query of the long poll for events, which no operation waits for.
EVENT_POLL = 'QUEUE_CLIENTKEY'
#: In the path of logons and logoffs.
LOGON = 'Logon'
#: Requests that change something.
WRITES = 'PUT|POST|DELETE'
#: The queries of all other requests.
NOT_THE_EVENT_POLL = '^(?!.*%s)' % EVENT_POLL


class Killed(BaseException):
    """What every request of a dead process ends with."""


class Fault:
    """The simulated site does not do what it is asked for, or not tell.

    :param name: str
    :param spec: dict, of a fault of the simulated site
    """

    kills = False

    def __init__(self, name, spec):
        self.name = name
        self._spec = spec
        #: Whether one round breaks each different request once.
        self.is_for_each = bool(spec.get('each'))

    def arm(self, cloud, host, number):
        """Let the number-th request to a host fail.

        :param host: Nova's name of the host
        :returns: object with ``hit``, a bool, ``goes_on``, whether there may
            be further requests to break, ``count``, how many there were if
            not, and disarm()
        """
        return _ArmedFault(cloud.host_of(host).faults, number, dict(
            self._spec, query=NOT_THE_EVENT_POLL,
            **({} if self._spec.get('each') else {'nth': number})))


class _ArmedFault:

    def __init__(self, faults, number, spec):
        self._faults = faults
        self._fault = faults.add(spec)
        self._number = number

    @property
    def hit(self):
        return bool(self._fault.applied)

    @property
    def goes_on(self):
        return self.hit and not self._fault.spec.get('each')

    @property
    def count(self):
        return (self._fault.applied if self._fault.spec.get('each')
                else self._number - 1)

    def disarm(self):
        self._faults.clear(self._fault.id)


class Kill:
    """The process of nova-compute dies at a request that changes something.

    Where it dies between two of these makes no difference to the site. What
    Nova has saved meanwhile may differ: so it dies once before it asks for the
    next change, and once after the last one.

    :param name: str
    :param answered: whether that request still reaches the platform
    """

    kills = True
    is_for_each = False

    def __init__(self, name, answered):
        self.name = name
        self._answered = answered

    def arm(self, cloud, host, number):
        """See Fault."""
        return Killer(cloud, host, number, self._answered)


class Killer:
    """Lets a compute die at its number-th request from now.

    :ivar hit: bool, whether it is dead
    :param cloud: cloud.Cloud
    :param host: Nova's name of the host of the compute, which may be about
        to start
    :param number: int, the request at which it dies, from 1; those that
        change nothing do not count.
    :param answered: whether that request still reaches the platform
    """

    def __init__(self, cloud, host, number, answered):
        self._cloud = cloud
        self._host = host
        self._port = cloud.host_of(host).port
        self._number = self._left = number
        self._answered = answered
        self._lock = threading.Lock()
        self._really_request = rest.Session.request
        self.hit = False
        rest.Session.request = self._make_request()

    @property
    def goes_on(self):
        return self.hit

    @property
    def count(self):
        return self._number - 1

    def disarm(self):
        """Let the compute live, if it still does."""
        rest.Session.request = self._really_request

    def _make_request(self):
        def request(session, method, path, *args, **kwargs):
            def ask():
                return self._really_request(session, method, path, *args,
                                            **kwargs)

            if not self._is_of_host(session) or EVENT_POLL in path:
                return ask()
            if not self._dies(method):
                return ask()
            self._cloud.compute(self._host).is_dead = True
            if self._answered:
                ask()
            session.request = functools.partial(
                _request_of_the_dead, functools.partial(
                    self._really_request, session))
            raise Killed()
        return request

    def _is_of_host(self, session):
        """Whether it is the compute's session: an HMC serves several."""
        return (session.port == self._port and
                session.auditmemento.endswith(' ' + self._host))

    def _dies(self, method):
        """Count a request that changes something; whether it dies there."""
        with self._lock:
            if method == 'GET':
                return False
            self._left -= 1
            self.hit = self.hit or not self._left
            return not self._left


def die(cloud, host):
    """Let the process of a compute do nothing more; see cloud.Cloud.kill().

    :param cloud: cloud.Cloud
    :param host: Nova's name of the host
    """
    dead = cloud.compute(host)
    dead.is_dead = True
    _mute(dead.driver.services.host.adapter.session)


def _mute(session):
    """Have a session do what one of a dead process does."""
    session.request = functools.partial(
        _request_of_the_dead, functools.partial(
            type(session).request, session))


def _request_of_the_dead(really_request, method, path, *args, **kwargs):
    """What a session that belongs to a dead process does."""
    if EVENT_POLL in path:
        # Its thread is still to end, in an orderly way.
        return really_request(method, path, *args, **kwargs)
    if LOGON in path:
        # Of Session.__del__, which has nobody to raise to.
        return None
    raise Killed()


#: What walks break each request with.
FAULTS = (
    Fault('error_500', {'effect': 'status', 'status': 500}),
    # Nobody notices: each request of an operation is refused once. A logon
    # is not for a VIOS, and pypowervm does not repeat it.
    Fault('busy_503', {'effect': 'busy', 'each': True,
                       'path': '^(?!.*/%s)' % LOGON}),
    # A POST carries If-Match.
    Fault('etag_412', {'effect': 'precondition', 'method': 'POST'}),
    Fault('dropped_before', {'effect': 'drop_before'}),
    # To lose the answer to a GET is to lose the GET.
    Fault('dropped_after', {'effect': 'drop_after',
                            'method': WRITES}),
)
KILLS = (Kill('killed_before', False), Kill('killed_after', True))
#: Those of a walk over a platform that differs in some requests only.
OF_VARIANTS = tuple(fault for fault in FAULTS
                    if fault.name in ('error_500', 'dropped_after'))
EFFECTS = {effect.name: effect for effect in FAULTS + KILLS}
