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

"""Locks of cached images: many threads copy one image, one thread changes it.

A thread that copies an image shares its lock. A thread that fetches or removes
the image has the lock alone. A thread that has found the image missing turns
its share into the whole lock, so between the two nobody can have changed the
image. The others that found it missing as well then look again.
"""

from __future__ import annotations

import contextlib
import threading
import typing


class _State:
    """Who has the lock of an image.

    :ivar shares: int, how many threads share it.
    :ivar is_claimed: bool, whether a thread has it alone, or waits for the
        others to give up their shares.
    """

    def __init__(self) -> None:
        self.shares = 0
        self.is_claimed = False


class Share:
    """The lock of one image, as one thread has it."""

    def __init__(self, locks: ImageLocks, state: _State) -> None:
        self._locks = locks
        self._state = state
        self._is_whole = False

    def make_whole(self) -> bool:
        """Wait until this thread has the lock alone.

        :returns: bool. False if another thread has asked for it before. Then
            leave the context, begin a new one, and look again: that thread
            changes the image, and waits for this one.
        """
        with self._locks.changed:
            if self._state.is_claimed:
                return False
            self._state.is_claimed = self._is_whole = True
            self._state.shares -= 1
            self._locks.changed.wait_for(lambda: not self._state.shares)
            return True

    def end(self) -> None:
        """Give the lock up."""
        with self._locks.changed:
            if self._is_whole:
                self._state.is_claimed = False
            else:
                self._state.shares -= 1
            self._locks.changed.notify_all()


class ImageLocks:
    """A lock for each image, by name.

    Each lock is held by a context, not by a thread: nobody gets it twice, so
    the same thread cannot take an image away from itself.
    """

    def __init__(self) -> None:
        #: Tells that somebody has given up a lock, or a share.
        self.changed = threading.Condition()
        self._states: dict[str, _State] = {}

    @contextlib.contextmanager
    def shared(self, name: str) -> typing.Iterator[Share]:
        """Wait until no thread has, or wants, the lock of an image alone.

        :param name: str, name of the image.
        :returns: context manager that yields a Share.
        """
        with self.changed:
            while True:
                state = self._states.setdefault(name, _State())
                if not state.is_claimed:
                    break
                self.changed.wait()
            state.shares += 1
        share = Share(self, state)
        try:
            yield share
        finally:
            share.end()
            self._forget(name)

    @contextlib.contextmanager
    def alone(self, name: str) -> typing.Iterator[bool]:
        """Take the lock of an image if nobody has it. This never waits.

        :param name: str, name of the image.
        :returns: context manager that yields a bool, whether it is taken.
        """
        with self.changed:
            state = self._states.setdefault(name, _State())
            is_free = not state.is_claimed and not state.shares
            if is_free:
                state.is_claimed = True
        if not is_free:
            yield False
            return
        try:
            yield True
        finally:
            with self.changed:
                state.is_claimed = False
                self.changed.notify_all()
            self._forget(name)

    @contextlib.contextmanager
    def free(self, names: typing.Iterable[str]) -> typing.Iterator[list[str]]:
        """Take the locks of those images that nobody uses. Never waits.

        :param names: iterable of str.
        :returns: context manager that yields the list of their names.
        """
        with contextlib.ExitStack() as held:
            yield [name for name in sorted(names)
                   if held.enter_context(self.alone(name))]

    def _forget(self, name: str) -> None:
        """Forget a lock that nobody has."""
        with self.changed:
            state = self._states.get(name)
            if state and not state.shares and not state.is_claimed:
                del self._states[name]
