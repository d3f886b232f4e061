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

"""Faults that a test adds on purpose."""

import itertools
import re
import threading

from nova_powervm.simulator import errors

BUSY_MESSAGE = ('HSCL3205 The Virtual I/O Server is busy processing some '
                'other request. Please retry the operation after some time.')


#: Effect of a fault that calls a function, and does nothing else.
ACTION = 'action'

#: The effects on the job that the request submits.
OF_JOBS = ('job_failed', 'migration')


class Fault:
    """A fault and the requests that it is for.

    :param spec: dict as the schema of POST /simulator/faults allows; the
                 effect may also be ACTION
    :param action: callable, see Faults.add()
    """

    def __init__(self, fault_id, spec, action=None):
        self.id = fault_id
        # Whoever asks for each request means all of them.
        self.spec = dict({'path': '', 'nth': 1,
                          'count': 0 if spec.get('each') else 1}, **spec)
        if spec['effect'] in OF_JOBS:
            self.spec.setdefault('method', 'PUT')
        self.effect = self.spec['effect']
        self.seen = 0
        self.applied = 0
        self._met = set()
        self._action = action
        self._method = re.compile(self.spec.get('method', '.*'))
        self._path = re.compile(self.spec['path'])
        self._query = re.compile(self.spec.get('query', ''))

    @property
    def wants_vios(self):
        """Whether it is only for requests that are for a certain VIOS."""
        return self.effect == 'vios_down' and 'vios' not in self.spec

    @property
    def is_silent(self):
        """Whether the request is never answered."""
        return self.effect == 'no_answer'

    @property
    def before(self):
        """Whether a lost answer is lost before the request is handled."""
        return (self.effect == 'drop_before' or self.is_silent and
                self.spec.get('when', 'before') == 'before')

    @property
    def after(self):
        """Whether a lost answer is lost after the request was handled."""
        return (self.effect == 'drop_after' or
                self.is_silent and not self.before)

    def ready(self, method, path, query, if_match, for_vios=False):
        """Count the request if it matches, and tell whether it may fail."""
        if not self._method.fullmatch(method):
            return False
        if self.spec.get('if_match', if_match) != if_match:
            return False
        if self.wants_vios and not for_vios:
            return False
        if not self._path.search(path) or not self._query.search(query):
            return False
        if (method, path, query) in self._met:
            return False
        self.seen += 1
        if self.seen < self.spec['nth']:
            return False
        # A count of 0 has no end.
        return not self.spec['count'] or self.applied < self.spec['count']

    def apply(self, method, path, query):
        """Note that a request meets it."""
        self.applied += 1
        if self.spec.get('each'):
            self._met.add((method, path, query))

    def act(self, method, path):
        """Call the function of whoever has added it."""
        if self._action is not None:
            self._action(method, path)

    def raise_error(self):
        """Raise what the effects that answer at once answer with."""
        message = self.spec.get('message')
        if self.effect == 'status':
            raise errors.RestError(
                message or 'A fault was injected', self.spec['status'],
                self.spec.get('reason_code', ''))
        if self.effect == 'busy':
            raise errors.Busy(message or BUSY_MESSAGE)
        if self.effect == 'precondition':
            raise errors.PreconditionFailed(message or
                                            'A fault was injected')

    def data(self):
        """Return it as a dict fit for JSON."""
        return dict(self.spec, id=self.id, seen=self.seen,
                    applied=self.applied)


class Faults:
    """The faults of an endpoint.

    :param find_vios: callable of the name of a VIOS, which raises
                      errors.RestError when there is none
    """

    def __init__(self, find_vios=None):
        self._find_vios = find_vios
        self._faults = []
        self._ids = itertools.count(1)
        self._lock = threading.Lock()

    def add(self, spec, action=None):
        """Add a fault.

        :param spec: dict that the schema of the control API has accepted.
                     With an action it may have no effect: then the server
                     handles the request as usual
        :param action: function of the method and the path of the request. The
                       server calls it before it handles a matching request,
                       in the thread of the request and without a lock. It may
                       change the site, end sessions, or wait. If it raises
                       errors.RestError, the client gets this refusal, and an
                       error 500 for any other exception
        :returns: Fault
        :raises errors.RestError: when there is no such VIOS
        """
        if action is not None:
            spec = dict({'effect': ACTION}, **spec)
        if 'vios' in spec and self._find_vios is not None:
            self._find_vios(spec['vios'])
        with self._lock:
            fault = Fault(next(self._ids), spec, action)
            self._faults.append(fault)
            return fault

    @property
    def want_vios(self):
        """Whether a fault wants to know the VIOS that a request is for."""
        return any(fault.wants_vios for fault in self._faults)

    def match(self, method, path, query, if_match=False, for_vios=False):
        """Find the first fault that a request meets.

        :param if_match: bool, whether it has an If-Match header
        :param for_vios: bool, whether vios_of() has found a VIOS
        :returns: Fault or None
        """
        if not self._faults:
            return None
        with self._lock:
            ready = [f for f in self._faults
                     if f.ready(method, path, query, if_match, for_vios)]
            if not ready:
                return None
            ready[0].apply(method, path, query)
            return ready[0]

    def data(self):
        """Return the faults as a list of dicts fit for JSON."""
        with self._lock:
            return [fault.data() for fault in self._faults]

    def clear(self, fault_id=None):
        """Remove one fault, or all.

        :returns: int, how many were removed
        """
        with self._lock:
            kept = [f for f in self._faults
                    if fault_id is not None and f.id != fault_id]
            removed = len(self._faults) - len(kept)
            self._faults = kept
            return removed


#: What a regular expression is made of, as far as its time matters.
_PARTS = re.compile(r'\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{[0-9]*,\}|.', re.DOTALL)


def check_pattern(pattern):
    """Refuse a regular expression that may take for ever.

    That is one that repeats a group in which there is a choice or another
    repetition. Python can neither stop such a search nor do anything else
    meanwhile.

    :param pattern: str
    :raises errors.Refused:
    """
    # For each open group, whether there are several ways to match it.
    groups, closed = [False], False
    for part in _PARTS.findall(pattern):
        if part in ('*', '+') or part.endswith(',}'):
            if closed:
                raise errors.Refused(
                    '%r may take for ever: it repeats a group in which there '
                    'is a choice or a repetition' % pattern)
            groups[-1] = True
        if part == '|':
            groups[-1] = True
        closed = part == ')' and len(groups) > 1 and groups.pop()
        if closed:
            groups[-1] = True
        if part == '(':
            groups.append(False)


def vios_of(endpoint, segments):
    """Find the VIOS that a request is for.

    :param endpoint: endpoint.Endpoint
    :param segments: list of str, the path of the URL. A VIOS is in it, a
                     file that is for one, or a job of one
    :returns: vios.VirtualIOServer, or None
    """
    with endpoint.site.lock:
        uuid = None
        for name, value in zip(segments, segments[1:]):
            if name == 'VirtualIOServer':
                uuid = value
            elif name in ('File', 'contents'):
                file = endpoint.find('File', value)
                uuid = file.vios_uuid if file is not None else uuid
            elif name == 'jobs':
                job = endpoint.jobs.find(value)
                if job is not None and job.target is not None:
                    uuid = job.target.uuid
        return endpoint.find('VirtualIOServer', uuid) if uuid else None
