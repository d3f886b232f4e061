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

"""Write the changes of several threads to one document in one request.

The platform lets one writer change a document at a time and takes seconds for
each write. So the changes that wait for the same document are written
together: the first thread that gets its turn reads the document, makes the
changes of all threads that wait, and writes it once. Threads whose changes of
one document were written soon change the next one, first a volume group, then
its VIOS, but never all at the same time. So the first of them waits a little
for the others.

Each thread learns what it would have learned alone. If a change raises an
exception, the others are made without it, and its thread makes it again by
itself. If the platform refuses a write for several threads, each of them makes
its change by itself. If there is no answer, all of them get the error.
"""

from __future__ import annotations

import contextlib
import threading
import time
import typing

from oslo_context import context as oslo_context
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm.utils import transaction as pvm_tx
from pypowervm.wrappers import entry_wrapper as pvm_wrapper

from nova_powervm.virt.powervm import last_answers

LOG = logging.getLogger(__name__)

#: The most changes that go out in one request. It may take as long as all of
#: them together, such as copies of an image, and must not time out.
MOST_TOGETHER = 16
#: How long a thread waits for others that will soon come, too: this part of
#: the time that the last write took, and at most so many seconds. Whoever
#: comes too late waits for a whole write more.
PATIENCE = 0.5
MOST_PATIENCE = 2.0

#: What a document is read with: a getter, or a wrapper that was just read.
Source = typing.Union[pvm_wrapper.EntryWrapperGetter, pvm_wrapper.EntryWrapper]
#: Changes a wrapper, and returns a true value if it did.
Func = typing.Callable[[pvm_wrapper.EntryWrapper], typing.Any]


class _ChangeFailed(Exception):
    """A change raised an exception while others were made with it."""

    def __init__(self, change: Change) -> None:
        super().__init__(change.name)
        self.change = change


class Change:
    """A change of a document that a thread wants to make.

    :param name: str, the purpose, for logs.
    :param getter: called without arguments; returns a new EntryWrapperGetter
        of the document, as each keeps what it has read.
    :param func: called as func(wrapper); returns a true value if it changed
        the wrapper. It may be called several times, each time with a wrapper
        that has none of its changes, and by another thread. So it must not
        take a lock that its own thread holds.
    :param groups: extended attribute groups with which the document is read.
    :param kind: str. Only changes of one kind with the same groups are made
        together.
    """

    def __init__(self, name: str,
                 getter: typing.Callable[[], pvm_wrapper.EntryWrapperGetter],
                 func: Func, groups: typing.Iterable[str] = (),
                 kind: str = '') -> None:
        self.name = name
        self.getter = getter
        self.groups = frozenset(groups)
        self.kind = kind
        #: The document as it was written, or read if nothing changed.
        self.result: pvm_wrapper.EntryWrapper | None = None
        #: Why it was not made, if its thread is to raise that.
        self.error: Exception | None = None
        #: Whether its thread has to make it by itself.
        self.alone = False
        #: Whether other threads may have got the same result.
        self.is_shared = False
        self._func = func
        self._context = oslo_context.get_current()

    def fits(self, other: Change) -> bool:
        """Whether it can be made together with another one."""
        return (self.groups, self.kind) == (other.groups, other.kind)

    @property
    def is_settled(self) -> bool:
        """Whether no other thread will make it any more."""
        return (self.alone or self.error is not None or
                self.result is not None)

    def make(self, wrapper: pvm_wrapper.EntryWrapper) -> bool:
        """Make it in a wrapper; return whether that changed the wrapper."""
        with self._as_own_thread():
            return bool(self._func(wrapper))

    @contextlib.contextmanager
    def _as_own_thread(self) -> typing.Iterator[None]:
        """Log with the request id of the thread that wants the change."""
        current = oslo_context.get_current()
        if (current is None or self._context is None or
                current is self._context):
            yield
            return
        self._context.update_store()
        try:
            yield
        finally:
            current.update_store()


class _Turn:
    """Lets one thread at a time make changes."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._is_taken = False
        # How many changes were written, and those before a pause.
        self._written = self._before_pause = 0
        # What the last write took, and when it ended.
        self._seconds = 0.0
        self._ended = 0.0

    @property
    def seconds(self) -> float:
        """What the last write took."""
        return self._seconds

    def note_write(self, count: int, seconds: float) -> int:
        """Note a write of this many changes.

        :returns: how many changes were written so far.
        """
        with self._changed:
            now = time.monotonic()
            if self._is_pause(now - seconds):
                self._before_pause = self._written
            self._written += count
            self._seconds, self._ended = seconds, now
            return self._written

    def notify(self) -> None:
        """Wake a thread in gather()."""
        with self._changed:
            self._changed.notify_all()

    def gather(self, since: int, arrived: typing.Callable[[], int]) -> int:
        """Wait a little for threads whose other changes were written lately.

        Whoever is alone does not wait; nor does anybody if the last write was
        longer ago than it took.

        :param since: how many changes were written when the document was
            changed last, or waited for.
        :param arrived: returns how many threads have come.
        :returns: how many changes were written so far.
        """
        with self._changed:
            crowd = min(self._written - max(since, self._before_pause),
                        MOST_TOGETHER)
            if crowd > 1 and not self._is_pause(time.monotonic()):
                self._changed.wait_for(
                    lambda: arrived() >= crowd,
                    min(self._seconds * PATIENCE, MOST_PATIENCE))
            return self._written

    def _is_pause(self, now: float) -> bool:
        return now > self._ended + self._seconds

    @contextlib.contextmanager
    def wait(self, change: Change) -> typing.Iterator[bool]:
        """Wait until it is a thread's turn, or its change is settled.

        A thread whose change is settled goes on at once, so that its next
        change comes in time for the next write.

        :returns: context manager that yields a bool, whether it is its turn.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: change.is_settled or not self._is_taken)
            if not change.is_settled:
                self._is_taken = is_own = True
            else:
                is_own = False
        try:
            yield is_own
        finally:
            if is_own:
                with self._changed:
                    self._is_taken = False
                    self._changed.notify_all()


class _Document:
    """The changes that wait for one document.

    :param turn: documents of the same owner have the same.
    :param uuid: str, upper case
    :param answers: LastAnswers
    """

    def __init__(self, turn: _Turn, uuid: str,
                 answers: last_answers.LastAnswers) -> None:
        self.turn = turn
        self._uuid = uuid
        self._answers = answers
        self._lock = threading.Lock()
        self._waiting: list[Change] = []
        self._writes = 0
        # How many changes with the same turn were written when this document
        # was written last, or a thread waited for others.
        self._turns_written = 0

    @property
    def writes(self) -> int:
        """How often it was written."""
        return self._writes

    def note_write(self) -> None:
        with self._lock:
            self._writes += 1

    def note_turn(self, count: int, seconds: float) -> None:
        """Note that the one whose turn it is has written changes."""
        self._turns_written = self.turn.note_write(count, seconds)

    def gather(self, own: Change) -> None:
        """Wait a little for other threads, before a thread writes."""
        self._turns_written = self.turn.gather(
            self._turns_written, lambda: self._count(own) + 1)

    def read(self, own: Change) -> Source:
        """Read it with the groups of a change, or return what does that.

        If it was written here, and has not changed since then, the platform
        answers without content.
        """
        return (self._answers.read((self._uuid, own.groups)) or
                own.getter())

    def keep(self, own: Change, answer: pvm_wrapper.EntryWrapper) -> None:
        """Keep the answer to a write."""
        self._answers.keep((self._uuid, own.groups), answer)

    def add(self, change: Change) -> None:
        with self._lock:
            self._waiting.append(change)

    def withdraw(self, change: Change) -> None:
        with self._lock:
            self._waiting.remove(change)

    def _count(self, own: Change) -> int:
        """Return how many changes wait that fit another one."""
        with self._lock:
            return sum(change.fits(own) for change in self._waiting)

    def take(self, own: Change, most: int) -> list[Change]:
        """Withdraw and return some changes that fit another one."""
        with self._lock:
            taken = [change for change in self._waiting
                     if change.fits(own)][:most]
            self._waiting = [change for change in self._waiting
                             if change not in taken]
            return taken


class GroupCommit:
    """Makes changes of documents, those of several threads together.

    :param read_again: see reader.PlatformReader.read_again().
    :ivar answers: LastAnswers, with which changes begin.
    """

    def __init__(self, read_again: typing.Callable[
            [pvm_wrapper.EntryWrapper], pvm_wrapper.EntryWrapper]) -> None:
        self.answers = last_answers.LastAnswers(read_again)
        self._documents: dict[str, _Document] = {}
        self._turns: dict[str, _Turn] = {}
        self._lock = threading.Lock()

    def writes(self, uuid: str) -> int:
        """Return how often a document was written here.

        Call this before a document is read that commit() is to use.

        :param uuid: str, UUID of the document.
        """
        return self._document(uuid).writes

    def seconds(self, uuid: str) -> float:
        """Return what the last write of an owner of documents took.

        :param uuid: str, UUID of the VIOS.
        :returns: seconds; 0 if it was not written yet.
        """
        return self._document(uuid).turn.seconds

    def commit(self, uuid: str, change: Change,
               known: pvm_wrapper.EntryWrapper | None = None,
               writes: int | None = None,
               owner: str | None = None) -> pvm_wrapper.EntryWrapper:
        """Make a change, together with those that wait for the same document.

        Alone, this costs a read, unless a wrapper is given, and a write if the
        change changes something. The read moves no content if the document is
        what this process has last written. If somebody else has changed the
        document in between, it is read again, and the change is made again.

        :param uuid: str, UUID of the document.
        :param known: wrapper that was just read, to save the request. It is
            not used if the document was written here since then.
        :param writes: int, what writes() returned before `known` was read.
        :param owner: str, UUID of the VIOS that the document is a part of, if
            it is one. A VIOS takes one write at a time, and a write of a part
            makes its own document outdated.
        :returns: the wrapper of the document as it is now. Other threads may
            have got the same one, so do not change it.
        :raises: what the change raises; a pypowervm Error if the document
            cannot be read or written.
        """
        document = self._document(uuid, owner)
        document.add(change)
        document.turn.notify()
        with document.turn.wait(change) as is_own_turn:
            if is_own_turn:
                document.withdraw(change)
                is_fresh = known is not None and writes == document.writes
                _lead(document, change, known if is_fresh else None)
        if change.error is not None:
            raise change.error
        if change.result is None:
            _Batch(document, change).write(change.getter())
        return change.result

    def _document(self, uuid: str, owner: str | None = None) -> _Document:
        key = uuid.upper()
        with self._lock:
            if key not in self._documents:
                self._documents[key] = _Document(self._turns.setdefault(
                    (owner or uuid).upper(), _Turn()), key, self.answers)
            return self._documents[key]


def _lead(document: _Document, own: Change,
          known: pvm_wrapper.EntryWrapper | None) -> None:
    """Make a change, and those that wait for the same document.

    :param known: wrapper that was just read, or None.
    :raises: what commit() raises.
    """
    document.gather(own)
    batch = _Batch(document, own, takes_others=True)
    try:
        batch.write(known or document.read(own))
    except pvm_exc.HttpError as exc:
        if batch.is_own_alone:
            raise
        LOG.info('Making these changes one by one, as the platform refused '
                 'them together: %(changes)s (%(exc)s)', {
                     'changes': ', '.join(
                         change.name for change in batch.changes),
                     'exc': exc})
    except Exception as exc:
        # The document may have been written, or not.
        batch.fail(exc)
        raise
    finally:
        batch.leave_the_rest()


class _Batch:
    """Changes of a document that are made together.

    :param own: the Change of this thread.
    :param takes_others: whether the changes that wait join it.
    """

    def __init__(self, document: _Document, own: Change,
                 takes_others: bool = False) -> None:
        self.changes = [own]
        self._own = own
        self._document = document
        self._takes_others = takes_others
        self._has_changed = False
        self._made_at = 0.0

    @property
    def is_own_alone(self) -> bool:
        """Whether it has no change of another thread."""
        return self.changes == [self._own]

    def write(self, source: Source) -> None:
        """Read the document, make the changes, and write it.

        Settle all changes, if this succeeds.

        :param source: what to read the document with the first time.
        :raises: what a change raises if it is the only one; a pypowervm Error.
        """
        while self.changes:
            try:
                wrapper = self._execute(source)
            except _ChangeFailed as exc:
                source = self._drop(exc.change)
                continue
            finally:
                if self._has_changed:
                    self._note_write()
            if self._has_changed:
                self._document.keep(self._own, wrapper)
            for change in self.changes:
                change.is_shared = not self.is_own_alone
                change.result = wrapper
            return

    def _note_write(self) -> None:
        self._document.note_write()
        if self._takes_others:
            self._document.note_turn(
                len(self.changes), time.monotonic() - self._made_at)

    def fail(self, error: Exception) -> None:
        """Have the threads of the other changes raise an error."""
        for change in self.changes:
            if change is not self._own:
                change.error = error

    def leave_the_rest(self) -> None:
        """Have the threads of unsettled changes make them by themselves."""
        for change in self.changes:
            if not change.is_settled:
                change.alone = True

    def _execute(self, source: Source) -> pvm_wrapper.EntryWrapper:
        edit = pvm_tx.WrapperTask(self.changes[0].name, source)
        edit.add_functor_subtask(self._make)
        return edit.execute()[0]

    def _make(self, wrapper: pvm_wrapper.EntryWrapper) -> bool:
        """Make all changes; called again if the document was outdated."""
        if self._takes_others:
            self.changes.extend(self._document.take(
                self._own, MOST_TOGETHER - len(self.changes)))
        self._has_changed = False
        for change in self.changes:
            try:
                self._has_changed |= change.make(wrapper)
            except Exception as exc:
                if self.is_own_alone:
                    raise
                raise _ChangeFailed(change) from exc
        self._made_at = time.monotonic()
        return self._has_changed

    def _drop(self, failed: Change) -> pvm_wrapper.EntryWrapperGetter:
        """Go on without a change that has failed.

        It may have changed a part of the wrapper, so that has to be read anew.

        :returns: the getter for that.
        """
        failed.alone = True
        self.changes.remove(failed)
        return failed.getter()
