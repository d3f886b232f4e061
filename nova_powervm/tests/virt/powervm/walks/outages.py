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

"""Effects that a site, or the network to it, has beyond one request.

See effects: these are armed and asked in the same way.
"""

import re
import threading

from nova_powervm.tests.virt.powervm.walks import effects
from nova_powervm.virt.powervm import rest

#: Seconds after which the driver gives up on a request without an answer.
PATIENCE_SECONDS = 0.3


class NoAnswer:
    """A request is never answered.

    Only that request has a short deadline: no other one fails on a machine
    that is busy.

    :param name: str
    :param when: 'before' or 'after' the platform has done what it was asked
    """

    kills = False

    def __init__(self, name, when):
        self.name = name
        self._when = when

    def arm(self, cloud, host, number):
        """Let the number-th request that changes something get no answer."""
        return _Silence(cloud.host_of(host), number, self._when)


class _Silence:

    def __init__(self, host, number, when):
        self._host = host
        self._left = number
        self._when = when
        self._lock = threading.Lock()
        self._really_request = rest.Session.request
        self.hit = False
        rest.Session.request = self._make_request()

    def disarm(self):
        rest.Session.request = self._really_request

    def _make_request(self):
        def request(session, method, path, *args, **kwargs):
            if not self._is_it(session, method, path):
                return self._really_request(session, method, path, *args,
                                            **kwargs)
            fault = self._host.faults.add({
                'effect': 'no_answer', 'when': self._when, 'method': method,
                'path': '^%s$' % re.escape(path.partition('?')[0])})
            try:
                return self._really_request(
                    session, method, path, *args,
                    **dict(kwargs, timeout=PATIENCE_SECONDS))
            finally:
                self._host.faults.clear(fault.id)
        return request

    def _is_it(self, session, method, path):
        if (session.port != self._host.port or
                not re.fullmatch(effects.WRITES, method) or 'Logon' in path):
            return False
        with self._lock:
            self._left -= 1
            self.hit = self.hit or not self._left
            return not self._left


class Nothing:
    """All goes well."""

    name = 'none'
    kills = False

    def arm(self, cloud, host, number):
        return _NotArmed()


class _NotArmed:
    hit = False

    def disarm(self):
        """Nothing was armed."""


def _fault(name, spec):
    """Make a fault that counts only requests that change something."""
    return effects.Fault(name, dict({'method': effects.WRITES}, **spec))


#: Each kind of effect, and the effects of that kind. Other walks break every
#: request of every operation with each that is 'failed' or 'killed'.
KINDS = {
    'failed': (
        _fault('error_500', {'effect': 'status', 'status': 500}),
        _fault('dropped_after', {'effect': 'drop_after'}),
        _fault('etag_412', {'effect': 'precondition', 'method': 'POST'}),
        _fault('dropped_before', {'effect': 'drop_before'}),
        effects.EFFECTS['busy_503']),
    'killed': effects.KILLS,
    'vios down': tuple(
        _fault(vios + '_down', {'effect': 'vios_down', 'vios': vios})
        for vios in ('vios1', 'vios2')),
    'no answer': (NoAnswer('no_answer_before', 'before'),
                  NoAnswer('no_answer_after', 'after')),
    'none': (Nothing(),),
}
EFFECTS = {effect.name: effect for kind in KINDS.values() for effect in kind}
