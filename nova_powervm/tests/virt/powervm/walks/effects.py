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

import threading

#: All but the long poll for events, which no operation waits for.
NOT_THE_EVENT_POLL = '^(?!.*QUEUE_CLIENTKEY)'


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
        #: Whether each request is one that it can break.
        self.is_for_all = 'method' not in spec and not spec.get('each')

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
    """The process of nova-compute dies at a request.

    :param name: str
    :param answered: whether that request still reaches the platform; then
        it is one that changes something
    """

    kills = True

    def __init__(self, name, answered):
        self.name = name
        self._answered = answered
        self.is_for_all = not answered

    def arm(self, cloud, host, number):
        """See Fault."""
        return Killer(cloud.compute(host), number, self._answered)


class Killer:
    """Lets a compute die at its number-th request.

    :ivar hit: bool, whether it is dead
    :param compute: compute.Compute
    :param number: int, the request at which it dies, from 1; its polls for
        events do not count.
    :param answered: whether that request still reaches the platform.
    """

    def __init__(self, compute, number, answered):
        self._compute = compute
        self._left = number
        self._answered = answered
        self._lock = threading.Lock()
        self._session = compute.driver.rooms.host.adapter.session
        self._request = self._session.request
        self._session.request = self.request
        self._number = number
        self.hit = False

    @property
    def goes_on(self):
        return self.hit

    @property
    def count(self):
        return self._number - 1

    def disarm(self):
        """Let the compute live, if it still does."""
        if not self.hit:
            del self._session.request

    def request(self, method, path, *args, **kwargs):
        if 'QUEUE_CLIENTKEY' in path:
            return self._request(method, path, *args, **kwargs)
        with self._lock:
            if self.hit:
                if 'Logon' in path:
                    # Of Session.__del__, which has nobody to raise to.
                    return None
                raise Killed()
            if not (self._answered and method == 'GET'):
                self._left -= 1
            dies = self._left == 0
            self.hit = dies
        if dies:
            self._compute.is_dead = True
            if not self._answered:
                raise Killed()
        response = self._request(method, path, *args, **kwargs)
        if self.hit:
            raise Killed()
        return response


#: What walks break each request with.
FAULTS = (
    Fault('error_500', {'effect': 'status', 'status': 500}),
    # Nobody notices: each request of an operation is refused once.
    Fault('busy_503', {'effect': 'busy', 'each': True}),
    # A POST carries If-Match.
    Fault('etag_412', {'effect': 'precondition', 'method': 'POST'}),
    Fault('dropped_before', {'effect': 'drop_before'}),
    # To lose the answer to a GET is to lose the GET.
    Fault('dropped_after', {'effect': 'drop_after',
                            'method': 'PUT|POST|DELETE'}),
)
KILLS = (Kill('killed_before', False), Kill('killed_after', True))
EFFECTS = {effect.name: effect for effect in FAULTS + KILLS}
