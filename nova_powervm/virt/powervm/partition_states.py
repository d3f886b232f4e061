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

"""What state each LPAR is in, as far as it is known."""

import contextlib
import threading
import time
import typing

from nova import exception as nova_exc
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import base_partition as pvm_bp

from nova_powervm.virt.powervm import answers


class _State(typing.NamedTuple):
    """A state of an LPAR, and since when it is known.

    :ivar by_job: whether a job of ours led to it.
    :ivar untold: ident of the thread that ran the job, and has not asked for
        the state yet; None if there is none.
    """

    name: str
    since: float
    by_job: bool = False
    untold: typing.Optional[int] = None


class PartitionStates:
    """What state each LPAR is in, from reads that are not too old.

    A state is dropped when an event or the driver says that it changes, and
    when it gets old, should an event be lost. States that do not last are
    never kept. What a job of the driver has led to is known without a read.

    :param host: the Host.
    :param clock: returns seconds; for tests.
    """

    #: Seconds for which a state is good.
    MAX_AGE = 60
    #: Seconds after a job for which what it led to is as good as read now to
    #: the thread that ran it, if that asks for the first time; and for which
    #: an event is taken to tell of the job. If it told of more,
    #: PowerVMLifecycleEventHandler finds that out soon: it asks later.
    ECHO = 5

    _LASTING = frozenset((
        pvm_bp.LPARState.RUNNING, pvm_bp.LPARState.NOT_ACTIVATED,
        pvm_bp.LPARState.OPEN_FIRMWARE, pvm_bp.LPARState.SUSPENDED,
        pvm_bp.LPARState.ERROR))

    def __init__(self, host, clock=time.monotonic):
        self._host = host
        self._clock = clock
        self._lock = threading.Lock()
        # UUID in upper case -> _State.
        self._states = {}
        # One set for each read that is under way: the UUIDs whose answer
        # will be out of date when it comes; None in it means all.
        self._reads = {}

    def refresh(self):
        """Read the state of all LPARs (1 request).

        :returns: list of the LPAR wrappers that may be servers of Nova; the
            management partition is not.
        :raises pypowervm.exceptions.Error: if they cannot be read.
        """
        with self._read() as keep:
            lpars = [lpar for lpar in self._host.lpars()
                     if not lpar.is_mgmt_partition]
            if not all(lpar.uuid for lpar in lpars):
                raise answers.UnusableAnswer(
                    'The list of LPARs has one without a UUID')
            keep({lpar.uuid: lpar.state for lpar in lpars}, only=True)
        return lpars

    def get(self, lpar_uuid, use_cache=True):
        """Tell the state of an LPAR (1 request, 0 if it is known).

        :param lpar_uuid: the LPAR's UUID.
        :param use_cache: False means to ask the platform. Only the thread
            that has just run a job need not: it is told once what that has
            led to. Nova asks right after each of them.
        :returns: a pypowervm LPARState, str.
        :raises nova.exception.InstanceNotFound: if there is no such LPAR.
        :raises pypowervm.exceptions.Error: if it cannot be read.
        """
        lpar_uuid = lpar_uuid.upper()
        with self._lock:
            known = self._states.get(lpar_uuid)
            if known and not use_cache:
                self._states[lpar_uuid] = known._replace(untold=None)
        if known and self._clock() - known.since < (
                self.MAX_AGE if use_cache else
                self.ECHO if known.untold == threading.get_ident() else 0):
            return known.name
        return self.ask(lpar_uuid)

    def ask(self, lpar_uuid):
        """Have the platform tell the state of an LPAR (1 request).

        It is for those who go by the state: what a job has led to need not
        last for a second. The rest is as with get().
        """
        lpar_uuid = lpar_uuid.upper()
        with self._read() as keep:
            state = self._ask(lpar_uuid)
            keep({lpar_uuid: state})
        return state

    def known(self, lpar_uuid):
        """Tell the state of an LPAR as far as it is known, without a request.

        :param lpar_uuid: the LPAR's UUID.
        :returns: a pypowervm LPARState, str, which may be out of date; None if
            it is not known.
        """
        with self._lock:
            known = self._states.get(lpar_uuid.upper())
        return known and known.name

    def _ask(self, lpar_uuid):
        try:
            return self._host.lpar_state(lpar_uuid)
        except pvm_exc.HttpNotFound:
            self.forget(lpar_uuid)
            raise nova_exc.InstanceNotFound(instance_id=lpar_uuid) from None

    @contextlib.contextmanager
    def _read(self):
        """Yield a function that keeps the states that a read returns.

        It leaves out those that were dropped since the read began; only=True
        drops those that are not in the answer.
        """
        began = self._clock()
        read, dropped = object(), set()

        def keep(states, only=False):
            with self._lock:
                if only:
                    self._states.clear()
                for lpar_uuid, state in states.items():
                    lpar_uuid = lpar_uuid.upper()
                    self._states.pop(lpar_uuid, None)
                    if state in self._LASTING and dropped.isdisjoint(
                            (lpar_uuid, None)):
                        self._states[lpar_uuid] = _State(state, began)

        with self._lock:
            self._reads[read] = dropped
        try:
            yield keep
        finally:
            with self._lock:
                del self._reads[read]

    def forget(self, lpar_uuid):
        """Drop the state of an LPAR, as it changes.

        :param lpar_uuid: the LPAR's UUID.
        """
        lpar_uuid = lpar_uuid.upper()
        with self._lock:
            self._states.pop(lpar_uuid, None)
            for dropped in self._reads.values():
                dropped.add(lpar_uuid)

    def changed(self, lpar_uuid):
        """Drop the state of an LPAR, as the platform tells that it changes.

        :param lpar_uuid: the LPAR's UUID.
        """
        with self._lock:
            known = self._states.get(lpar_uuid.upper())
        if not (known and known.by_job and
                self._clock() - known.since < self.ECHO):
            self.forget(lpar_uuid)

    def note(self, lpar_uuid, state):
        """Take in what a job that has ended well has made of an LPAR.

        :param lpar_uuid: the LPAR's UUID.
        :param state: a pypowervm LPARState, str.
        """
        self.forget(lpar_uuid)
        with self._lock:
            self._states[lpar_uuid.upper()] = _State(
                state, self._clock(), by_job=True,
                untold=threading.get_ident())

    def clear(self):
        """Drop all states."""
        with self._lock:
            self._states.clear()
            for dropped in self._reads.values():
                dropped.add(None)
