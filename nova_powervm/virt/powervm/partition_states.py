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

"""Cache the state of each LPAR."""

import contextlib
import threading
import time
import typing

from nova import exception as nova_exc
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import base_partition as pvm_bp

from nova_powervm.virt.powervm import answers


class _State(typing.NamedTuple):
    """A state of an LPAR, and when it was read.

    :ivar by_job: whether a job of this driver led to it.
    :ivar untold: ident of the thread that ran the job and has not asked for
        the state yet; None if there is none.
    """

    name: str
    since: float
    by_job: bool = False
    untold: typing.Optional[int] = None


class PartitionStates:
    """The states of LPARs, from reads that are recent enough.

    A state is dropped when an event or the driver reports a change. It also
    expires, in case an event is lost. Transient states are not cached. After a
    job of the driver the state is known without a read.

    :param host: the Host.
    :param clock: returns seconds; for tests.
    """

    #: Seconds after which a state expires.
    MAX_AGE = 60
    #: The same for reported() and listed(), while the platform tells of
    #: changes.
    MAX_REPORTED_AGE = 3600
    #: If more states than that are not known, one list of all LPARs is cheaper
    #: than a request for each (an estimate).
    MOST_UNKNOWN = 10
    #: Seconds after a job in which the thread that ran it gets the resulting
    #: state without a read, the first time it asks. An event in this time is
    #: taken for a report of the job. If it reports more,
    #: PowerVMLifecycleEventHandler finds out soon, because it reads the state
    #: later.
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
        # UUIDs of all LPARs, in upper case, and when they were read; None
        # after one of them has come or gone.
        self._listed = None
        # UUIDs of LPARs that have moved to other hosts, see note_departure().
        self._departed = set()
        # One set for each read in progress: the UUIDs whose answers will be
        # out of date when they arrive. None in a set means all UUIDs.
        self._reads = {}

    def refresh(self):
        """Read the state of all LPARs (1 request).

        :returns: list of the LPAR wrappers that may be servers of Nova, so
            without the management partition.
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

    def listed(self):
        """Return which LPARs there are, as reads and events tell (no request).

        :returns: frozenset of str, UUIDs in upper case, without the management
            partition; None if refresh() is needed to know them, or is cheaper
            than to ask for the states that are not known.
        """
        with self._lock:
            if self._listed is None or not self._is_reported(self._listed[1]):
                return None
            uuids = self._listed[0]
            unknown = [uuid for uuid in uuids
                       if uuid not in self._states or
                       not self._is_reported(self._states[uuid].since)]
        return uuids if len(unknown) <= self.MOST_UNKNOWN else None

    def reported(self, lpar_uuid):
        """Return the state, as the last read and events tell (see get()).

        An event may be lost. So whoever does something because of this state
        has to ask() before.
        """
        with self._lock:
            known = self._states.get(lpar_uuid.upper())
        if known and self._is_reported(known.since):
            return known.name
        return self.get(lpar_uuid)

    def _is_reported(self, since):
        """Return whether events tell of what has changed since some time."""
        return (self._host.news.has_come() and
                self._clock() - since < self.MAX_REPORTED_AGE)

    def get(self, lpar_uuid, use_cache=True):
        """Return the state of an LPAR (1 request, 0 if known).

        :param lpar_uuid: the LPAR's UUID.
        :param use_cache: False means to ask the platform. An exception is the
            thread that has just run a job: it gets the resulting state once
            without a request, because Nova asks right after each job.
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
        """Read the state of an LPAR from the platform (1 request).

        Use this before a decision that depends on the state, because the state
        after a job may change within a second. Parameters, result and errors
        are the same as with get().
        """
        lpar_uuid = lpar_uuid.upper()
        with self._read() as keep:
            state = self._ask(lpar_uuid)
            keep({lpar_uuid: state})
        return state

    def known(self, lpar_uuid):
        """Return the last known state of an LPAR, without a request.

        :param lpar_uuid: the LPAR's UUID.
        :returns: a pypowervm LPARState, str, which may be out of date; None if
            it is not known.
        """
        with self._lock:
            known = self._states.get(lpar_uuid.upper())
        return known and known.name

    def is_fresh(self, lpar_uuid):
        """Return whether get() needs no request; so the LPAR is there."""
        with self._lock:
            known = self._states.get(lpar_uuid.upper())
        return known is not None and self._clock() - known.since < self.MAX_AGE

    def _ask(self, lpar_uuid):
        try:
            return self._host.lpar_state(lpar_uuid)
        except pvm_exc.HttpNotFound:
            self.forget_deleted(lpar_uuid)
            raise nova_exc.InstanceNotFound(instance_id=lpar_uuid) from None

    @contextlib.contextmanager
    def _read(self):
        """Yield a function that caches the states that a read returns.

        The function leaves out states that were dropped since the read began.
        With only=True it also drops the states that are not in the answer.
        """
        began = self._clock()
        read, dropped = object(), set()

        def keep(states, only=False):
            with self._lock:
                if only:
                    self._states.clear()
                    self._listed = None if dropped else (
                        frozenset(map(str.upper, states)), began)
                for lpar_uuid, state in states.items():
                    lpar_uuid = lpar_uuid.upper()
                    self._departed.discard(lpar_uuid)
                    self._states.pop(lpar_uuid, None)
                    self._note_presence(lpar_uuid)
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
        """Drop the state of an LPAR, because it changes.

        :param lpar_uuid: the LPAR's UUID.
        """
        with self._lock:
            self._drop(lpar_uuid.upper())

    def _drop(self, lpar_uuid):
        """Drop the state of an LPAR. Needs the lock."""
        self._states.pop(lpar_uuid, None)
        self._note_presence(lpar_uuid)
        for dropped in self._reads.values():
            dropped.add(lpar_uuid)

    def _note_presence(self, lpar_uuid):
        """Drop the list of all LPARs if one may be new. Needs the lock."""
        if self._listed is not None and lpar_uuid not in self._listed[0]:
            self._listed = None

    def forget_deleted(self, lpar_uuid):
        """Drop the state of an LPAR that may be gone.

        :param lpar_uuid: the LPAR's UUID.
        """
        with self._lock:
            self._listed = None
            self._drop(lpar_uuid.upper())

    def note_departure(self, lpar_uuid):
        """Note that the platform has moved an LPAR for this process.

        :param lpar_uuid: the LPAR's UUID.
        """
        self.forget_deleted(lpar_uuid)
        with self._lock:
            self._departed.add(lpar_uuid.upper())

    def has_departed(self, lpar_uuid):
        """Return whether note_departure() was called for an LPAR.

        It is False again once the LPAR was seen here.

        :param lpar_uuid: the LPAR's UUID.
        """
        with self._lock:
            return lpar_uuid.upper() in self._departed

    def changed(self, lpar_uuid):
        """Drop the state of an LPAR after an event of the platform.

        Right after a job of the driver the state stays, because the event
        reports the result of the job.

        :param lpar_uuid: the LPAR's UUID.
        """
        with self._lock:
            known = self._states.get(lpar_uuid.upper())
        if not (known and known.by_job and
                self._clock() - known.since < self.ECHO):
            self.forget(lpar_uuid)

    def note(self, lpar_uuid, state):
        """Cache the state of an LPAR after a successful job.

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
            self._listed = None
            for dropped in self._reads.values():
                dropped.add(None)
