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

"""Event queues: one for each application id that polls."""

import collections
import threading
import time
import uuid

from nova_powervm.simulator import atom

el = atom.el

#: Clients come with a new application id after each start, and never say
#: that they will not poll again (assumed, no hardware: how many there can be).
_MOST_QUEUES = 500


class Event:
    """Something that happened.

    :param type_: str such as MODIFY_URI
    :param event_id: int, grows
    :param data: str, absolute URI of the object without query
    :param detail: str, comma list of what changed, or free text
    """

    def __init__(self, type_, event_id, data='', detail='', published=0.0):
        self.type = type_
        self.event_id = event_id
        self.data = data
        self.detail = detail
        self.published = published
        self.uuid = str(uuid.uuid4())
        self._body = None

    def entry(self, base_url):
        """Return it as an Atom entry (bytes)."""
        if self._body is None:
            self._body = atom.document('Event', 'uom', [
                atom.metadata(self.uuid),
                el('EventType', self.type), el('EventID', self.event_id),
                el('EventData', self.data), el('EventDetail', self.detail)])
        href = '%s/rest/api/uom/Event/%s' % (base_url, self.uuid)
        return atom.entry('Event', 'uom', self._body, self.uuid, href,
                          str(self.event_id), self.published)


class Events:
    """The event queues of a host.

    :param clock: clock.Clock
    :param limit: int, events that a queue holds; when there are more, all
                  are dropped for one CACHE_CLEARED
    :param greets: bool, whether the first poll is answered with NEW_CLIENT
    :ivar others: list of Events of other REST servers for the same hosts
    """

    def __init__(self, clock, limit=2000, greets=True):
        self._clock = clock
        self._limit = limit
        self._greets = greets
        self._queues = {}
        self._changed = threading.Condition()
        self._last_id = 0
        self._closed = threading.Event()
        self.others = []

    def make(self, type_, data='', detail=''):
        """Make an event with the next id; it is not sent."""
        with self._changed:
            now = self._clock.now()
            # Ids of the captures are milliseconds of the epoch.
            self._last_id = max(self._last_id + 1, int(now * 1000))
            return Event(type_, self._last_id, data, detail, now)

    def emit(self, type_, data='', detail=''):
        """Send an event to every client that polls.

        :returns: Event
        """
        event = self.make(type_, data, detail)
        with self._changed:
            for queue in self._queues.values():
                queue.append(event)
                if len(queue) > self._limit:
                    queue.clear()
                    self._last_id += 1
                    queue.append(Event('CACHE_CLEARED', self._last_id,
                                       published=event.published))
            self._changed.notify_all()
        for other in self.others:
            other.emit(type_, data, detail)
        return event

    def poll(self, app_id, seconds, gather=lambda: 0):
        """Wait for events; the lock of the site must not be held.

        The first poll of an application id is answered at once, with
        NEW_CLIENT. If there are too many, the id that has not polled for the
        longest time is forgotten.

        :param app_id: str
        :param seconds: float, how long to wait
        :param gather: called once there is an event; returns the seconds to
                       wait for further ones, so that they come in one answer
        :returns: list of Event; empty when nothing happened
        """
        new_client = self.make('NEW_CLIENT')
        deadline = time.monotonic() + seconds
        with self._changed:
            queue = self._queues.pop(app_id, None)
            # Who polls last is at the end.
            if queue is None:
                self._queues[app_id] = collections.deque()
                while len(self._queues) > _MOST_QUEUES:
                    del self._queues[next(iter(self._queues))]
                return [new_client] if self._greets else []
            self._queues[app_id] = queue
            while (not queue and not self._closed.is_set() and
                   self._queues.get(app_id) is queue):
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
        if queue:
            self._closed.wait(gather())
        with self._changed:
            events = list(queue)
            queue.clear()
            return events

    def forget(self):
        """Drop all queues, as a restart of the server does."""
        with self._changed:
            self._queues.clear()
            self._changed.notify_all()

    def close(self):
        """Answer all waiting polls, and answer later polls at once."""
        with self._changed:
            self._closed.set()
            self._changed.notify_all()
