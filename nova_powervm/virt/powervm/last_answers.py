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

"""The documents that the platform has answered to writes of this process.

To change a document of the platform, the driver reads it, changes it, and
sends it back; the answer has the document as it is then. A VIOS with 1,000
mappings is a document of 2 MB. So the driver keeps the last answer. It begins
the next change with a conditional read: the platform sends the document only
if somebody has changed it since then.
"""

from __future__ import annotations

import copy
import threading
import time
import typing

from lxml import etree
from pypowervm import adapter as pvm_adapter
from pypowervm import entities as pvm_entities
from pypowervm.wrappers import entry_wrapper as pvm_wrapper

#: Seconds after which an answer is dropped: the memory is worth more. It also
#: bounds how long the driver trusts a platform that tells of no change though
#: there was one (assumed, no hardware).
MAX_AGE = 600


class _Answer(typing.NamedTuple):
    """A document as text: its objects take many times the memory.

    :ivar since: when it arrived.
    """

    kind: type[pvm_wrapper.EntryWrapper]
    etag: str
    properties: dict
    text: bytes
    adapter: pvm_adapter.Adapter
    since: float

    def parse(self) -> pvm_wrapper.EntryWrapper:
        """Return a wrapper, which the caller may change."""
        entry = pvm_entities.Entry(self.properties,
                                   etree.fromstring(self.text), self.adapter)
        return self.kind.wrap(entry, self.etag)


class LastAnswers:
    """Keeps the last answer to a write of each document.

    Keys are the UUID of a document, and the extended attribute groups that it
    was read with, a frozenset.

    :param read_again: see reader.PlatformReader.read_again().
    :param clock: returns seconds; for tests.
    """

    def __init__(self,
                 read_again: typing.Callable[[pvm_wrapper.EntryWrapper],
                                             pvm_wrapper.EntryWrapper],
                 clock: typing.Callable[[], float] = time.monotonic) -> None:
        self._read_again = read_again
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: dict[typing.Hashable, _Answer] = {}

    def keep(self, key: typing.Hashable,
             wrapper: pvm_wrapper.EntryWrapper) -> None:
        """Keep a copy of an answer, if it has an etag.

        :param wrapper: as the platform has answered it.
        """
        if not wrapper.etag:
            return
        answer = _Answer(
            type(wrapper), wrapper.etag,
            copy.deepcopy(wrapper.entry.properties), wrapper.toxmlstring(),
            wrapper.adapter, self._clock())
        with self._lock:
            self._answers[key] = answer

    def read(self, key: typing.Hashable) -> pvm_wrapper.EntryWrapper | None:
        """Read a document again (1 request).

        The answer is not kept any longer, so the caller may change it.

        :returns: wrapper; None without a request if no answer is kept.
        :raises pypowervm.exceptions.Error: if the document cannot be read.
        """
        with self._lock:
            answer = self._answers.pop(key, None)
        if answer is None or not self._is_good(answer):
            return None
        return self._read_again(answer.parse())

    def forget(self) -> None:
        """Drop all answers."""
        with self._lock:
            self._answers.clear()

    def drop_old(self) -> None:
        """Drop the answers that are too old."""
        with self._lock:
            self._answers = {key: answer
                             for key, answer in self._answers.items()
                             if self._is_good(answer)}

    def _is_good(self, answer: _Answer) -> bool:
        return self._clock() - answer.since < MAX_AGE
