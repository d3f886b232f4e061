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

"""What goes wrong on purpose."""

import itertools
import re
import threading

from nova_powervm.simulator import errors

BUSY_MESSAGE = ('HSCL3205 The Virtual I/O Server is busy processing some '
                'other request. Please retry the operation after some time.')


class Fault:
    """A fault and the requests that it is for.

    :param spec: dict as the schema of POST /simulator/faults allows
    """

    def __init__(self, fault_id, spec):
        self.id = fault_id
        self.spec = dict({'path': '', 'nth': 1, 'count': 1}, **spec)
        if spec['effect'] == 'job_failed':
            self.spec.setdefault('method', 'PUT')
        self.effect = self.spec['effect']
        self.seen = 0
        self.applied = 0
        self._path = re.compile(self.spec['path'])
        self._query = re.compile(self.spec.get('query', ''))

    def ready(self, method, path, query, if_match):
        """Count the request if it matches, and tell whether it may fail."""
        if self.spec.get('method', method) != method:
            return False
        if self.spec.get('if_match', if_match) != if_match:
            return False
        if not self._path.search(path) or not self._query.search(query):
            return False
        self.seen += 1
        if self.seen < self.spec['nth']:
            return False
        # A count of 0 has no end.
        return not self.spec['count'] or self.applied < self.spec['count']

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
    """The faults of a host."""

    def __init__(self):
        self._faults = []
        self._ids = itertools.count(1)
        self._lock = threading.Lock()

    def add(self, spec):
        """Add a fault.

        :param spec: dict that the schema of the control API has accepted
        :returns: Fault
        """
        with self._lock:
            fault = Fault(next(self._ids), spec)
            self._faults.append(fault)
            return fault

    def match(self, method, path, query, if_match=False):
        """Find the first fault that a request meets.

        :param if_match: bool, whether it has an If-Match header
        :returns: Fault or None
        """
        with self._lock:
            ready = [f for f in self._faults
                     if f.ready(method, path, query, if_match)]
            if not ready:
                return None
            ready[0].applied += 1
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
