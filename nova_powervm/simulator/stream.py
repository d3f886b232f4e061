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

"""Server-sent events: what pages in browsers are told of a site.

There is no queue for a client. The site has one picture, whose objects have
the version in which they last changed, and the journals have their last
requests. A client only has the numbers of what it was told last. However slow
it is, it keeps nothing in memory, and gets all that it missed in one piece.
"""

import json
import threading
import time
import uuid

from nova_powervm.simulator import errors
from nova_powervm.simulator import picture

#: Most clients at a time; each of them occupies a thread of a server.
MOST_CLIENTS = 16
#: Seconds between two looks at the site.
_PERIOD = 0.2
#: Seconds after which there is a look even if no object seems to have changed:
#: objects have a few values that change without an etag.
_LONGEST = 2
#: A look holds the lock of the site. It takes no more than this part of the
#: time.
_SHARE = 0.1
#: Seconds after which a client is told something in any case.
_HEARTBEAT = 15
#: Seconds in which a client must take what it is told.
_PATIENCE = 20
#: Requests that a new client is told of, and most that are told at a time.
_BACKLOG = 500
#: Most objects that are gone and still remembered.
_MOST_GONE = 1000


class _Picture:
    """The last picture of a site, and what changed when.

    :param site: site.Site
    """

    def __init__(self, site):
        self._site = site
        self._lock = threading.Lock()
        self._version = 0
        #: Key -> (version, object)
        self._objects = {}
        #: Key -> version, the oldest first.
        self._gone = {}
        #: What was gone in this version may be forgotten.
        self._forgotten = 0
        self._changes = None
        self._next = self._latest = 0

    def since(self, version):
        """Tell what has changed.

        :param version: int, what the client knows; 0 for nothing
        :returns: tuple of the int version, and a dict fit for JSON; None for
            no changes. ``reset`` means that the client must forget all that
            is not in ``set``
        """
        with self._lock:
            self._look()
            if version == self._version:
                return version, None
            reset = version <= self._forgotten
            return self._version, {
                'reset': reset,
                'set': {key: data for key, (changed, data) in
                        self._objects.items() if reset or changed > version},
                'gone': [] if reset else [
                    key for key, when in self._gone.items()
                    if when > version]}

    def forget(self):
        """Forget the picture; nobody looks at it."""
        with self._lock:
            self._objects, self._gone = {}, {}
            self._changes, self._next = None, 0
            self._version += 1
            self._forgotten = self._version

    def _look(self):
        began = time.monotonic()
        changes = [host.changes for host in self._site.hosts]
        if began < self._next or (
                changes == self._changes and began < self._latest):
            return
        with self._site.lock:
            self._changes = [host.changes for host in self._site.hosts]
            took = time.monotonic()
            drawn = picture.draw(self._site)
            took = time.monotonic() - took
        self._compare(drawn)
        now = time.monotonic()
        self._next = now + max(_PERIOD / 2, took / _SHARE)
        self._latest = now + max(_LONGEST, took / _SHARE)

    def _compare(self, drawn):
        version = self._version + 1
        for key, data in drawn.items():
            if key not in self._objects or self._objects[key][1] != data:
                self._objects[key] = (version, data)
                self._gone.pop(key, None)
                self._version = version
        for key in self._objects.keys() - drawn.keys():
            del self._objects[key]
            self._gone[key] = self._version = version
        while len(self._gone) > _MOST_GONE:
            self._forgotten = self._gone.pop(next(iter(self._gone)))


class _Client:
    """What one client was told last.

    :param site: site.Site
    :param shown: _Picture
    """

    def __init__(self, site, shown):
        self._site = site
        self._picture = shown
        self._version = 0
        self._numbers = {endpoint: max(0, endpoint.journal.count - _BACKLOG)
                         for endpoint in site.endpoints}
        self._faults = None

    def hello(self, run):
        """Return the first message (bytes).

        :param run: str, tells this run of the site from others
        """
        return _message('site', {
            'name': self._site.name, 'run': run, 'endpoints': [
                {'name': endpoint.name, 'is_hmc': endpoint.is_hmc,
                 'hosts': [host.name for host in endpoint.hosts]}
                for endpoint in self._site.endpoints]})

    def news(self):
        """Return messages (bytes) about what is new."""
        self._version, changes = self._picture.since(self._version)
        parts = [_message('picture', changes)] if changes else []
        requests = []
        for endpoint, number in self._numbers.items():
            for record in endpoint.journal.since(number, _BACKLOG):
                requests.append(dict(record, server=endpoint.name))
                self._numbers[endpoint] = record['number']
        if requests:
            requests.sort(key=lambda record: record['at'])
            parts.append(_message('requests', {'requests': requests}))
        faults = {endpoint.name: endpoint.faults.data()
                  for endpoint in self._site.endpoints}
        if faults != self._faults:
            self._faults = faults
            parts.append(_message('faults', faults))
        return b''.join(parts)


def _message(event, data):
    # JSON has no line breaks, which would end a message.
    return ('event: %s\ndata: %s\n\n' % (event, json.dumps(data))).encode()


class Streams:
    """The streams of events about a site.

    :param site: site.Site
    """

    def __init__(self, site):
        self._site = site
        self._picture = _Picture(site)
        self._lock = threading.Lock()
        self._connections = []
        self._closed = threading.Event()
        self._run = str(uuid.uuid4())

    def __len__(self):
        return len(self._connections)

    def check_room(self):
        """Refuse one client too many.

        :raises errors.Busy:
        """
        if len(self._connections) >= MOST_CLIENTS:
            raise errors.Busy('%d clients already read the events' %
                              MOST_CLIENTS)

    def close(self):
        """End all streams, and those to come at once."""
        self._closed.set()
        with self._lock:
            for connection in self._connections:
                connection.hang_up()

    def follow(self, connection, seconds=None):
        """Tell a client what there is and what happens, until it hangs up.

        The lock of the site must not be held.

        :param connection: connection.Connection of the client
        :param seconds: int, when to end; None for never
        :returns: generator of bytes
        """
        with self._lock:
            self._connections.append(connection)
        try:
            connection.begin_stream(_PATIENCE)
            yield from self._talk(connection, seconds)
        finally:
            with self._lock:
                self._connections.remove(connection)
                if not self._connections:
                    self._picture.forget()

    def _talk(self, connection, seconds):
        end = None if seconds is None else time.monotonic() + seconds
        client = _Client(self._site, self._picture)
        yield client.hello(self._run)
        spoke = time.monotonic()
        while True:
            news = client.news()
            now = time.monotonic()
            if not news and now > spoke + _HEARTBEAT:
                # A comment, which a client ignores.
                news = b':\n\n'
            if news:
                yield news
                spoke = now
            if (end is not None and now >= end or connection.is_gone() or
                    self._closed.wait(_PERIOD)):
                return
