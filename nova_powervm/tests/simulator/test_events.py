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

"""Event queues."""

import queue
import threading

from pypowervm import adapter as pvm_adapter
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import event as pvm_event
import testtools

from nova_powervm.simulator import clock
from nova_powervm.simulator import events
from nova_powervm.tests import fixtures

_POLL = ('/rest/api/uom/Event?QUEUE_CLIENTKEY_METHOD=USE_APPLICATIONID&'
         'QUEUE_APPLICATIONID=%s&group=None')


class TestQueues(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.events = events.Events(clock.Clock(threading.RLock()), limit=5)

    def types(self, app_id='app'):
        return [event.type for event in self.events.poll(app_id, 0)]

    def test_first_poll(self):
        self.events.emit('ADD_URI', 'before')
        self.assertEqual(['NEW_CLIENT'], self.types())
        self.assertEqual([], self.types())

    def test_every_queue_gets_everything_once(self):
        self.types('one')
        self.types('two')
        self.events.emit('ADD_URI', 'a')
        self.events.emit('MODIFY_URI', 'a', 'Other')
        for app_id in ('one', 'two'):
            self.assertEqual(['ADD_URI', 'MODIFY_URI'], self.types(app_id))
            self.assertEqual([], self.types(app_id))

    def test_overflow(self):
        self.types()
        for _ in range(6):
            self.events.emit('ADD_URI')
        self.events.emit('DELETE_URI')
        self.assertEqual(['CACHE_CLEARED', 'DELETE_URI'], self.types())

    def test_ids_grow(self):
        ids = [self.events.emit('ADD_URI').event_id for _ in range(5)]
        self.assertEqual(sorted(set(ids)), ids)

    def test_forget(self):
        self.types()
        self.events.forget()
        self.assertEqual(['NEW_CLIENT'], self.types())

    def test_clients_that_never_come_back(self):
        """They cost neither memory nor time for ever."""
        self.patch(events, '_MOST_QUEUES', 10)
        for app_id in ('polls', 'waits', *range(100)):
            self.types(app_id)
            if app_id != 'waits':
                self.events.emit('ADD_URI')
                self.assertEqual(['ADD_URI'], self.types('polls')[-1:])
        self.assertEqual(10, len(self.events._queues))
        # That was forgotten, so it knows that it has missed something.
        self.assertEqual(['NEW_CLIENT'], self.types('waits'))
        self.assertEqual(['NEW_CLIENT'], self.types(5))
        self.assertEqual([], self.types('polls'))

    def test_a_forgotten_client_that_waits(self):
        self.patch(events, '_MOST_QUEUES', 1)
        self.types('one')
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(
            self.events.poll('one', 60)))
        waiting.start()
        # The order of both does not matter.
        self.types('two')
        self.events.emit('ADD_URI')
        waiting.join(30)
        self.assertFalse(waiting.is_alive())

    def test_further_events_come_in_the_same_answer(self):
        self.types()
        self.events.emit('ADD_URI')
        waits = []

        def wait(seconds):
            waits.append(seconds)
            self.events.emit('MODIFY_URI')

        self.patch(self.events._closed, 'wait', wait)
        self.assertEqual(['ADD_URI', 'MODIFY_URI'], [
            event.type
            for event in self.events.poll('app', 0, gather=lambda: 7)])
        self.assertEqual([], self.types())
        self.assertEqual([], self.events.poll('app', 0, gather=lambda: 7))
        self.assertEqual([7], waits)

    def test_the_end_does_not_wait_for_further_events(self):
        self.types()
        self.events.emit('ADD_URI')
        self.events.close()
        self.assertEqual(['ADD_URI'], [
            event.type for event in self.events.poll('app', 60, lambda: 3600)])

    def test_those_who_wait(self):
        self.types()
        for wake, expected in (
                (lambda: self.events.emit('ADD_URI'), ['ADD_URI']),
                (self.events.close, [])):
            found = queue.Queue()
            thread = threading.Thread(target=lambda: found.put(
                [e.type for e in self.events.poll('app', 60)]))
            thread.start()
            wake()
            self.assertEqual(expected, found.get(timeout=30))
            thread.join()


class _Handler(pvm_adapter.WrapperEventHandler):

    def __init__(self):
        self.found = queue.Queue()

    def process(self, found):
        for event in found:
            self.found.put(event)


class TestEvents(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(fixtures.SimulatedSite()).site
        self.host = self.site.hosts[0]
        self.lpar = self.host.store.all('LogicalPartition')[0]

    def test_poll(self):
        self.site.timing['event_seconds'] = 0
        client = self.useFixture(fixtures.Client(self.host))
        first = client.get(_POLL % 'app')
        self.assertEqual('NEW_CLIENT', first.text('EventType'))
        self.assertTrue(first.text('EventID').isdigit())
        nothing = client.get(_POLL % 'app')
        self.assertEqual((204, b''), (nothing.status, nothing.body))
        self.lpar.touch('NVRAM')
        reply = client.get(_POLL % 'app')
        self.assertEqual('MODIFY_URI', reply.text('EventType'))
        self.assertEqual(self.host.base_url + self.lpar.path(),
                         reply.text('EventData'))
        self.assertEqual('NVRAM', reply.text('EventDetail'))

    def test_without_an_application_id_the_token_counts(self):
        client = self.useFixture(fixtures.Client(self.host))
        reply = client.get('/rest/api/uom/Event')
        self.assertEqual('NEW_CLIENT', reply.text('EventType'))

    def test_pypowervm(self):
        adapter = self.useFixture(fixtures.Adapter(self.host)).adapter
        handler = _Handler()
        adapter.session.get_event_listener().subscribe(handler)
        self.lpar.set_rmc('inactive')
        event = handler.found.get(timeout=30)
        self.assertEqual(pvm_event.EventType.MODIFY_URI, event.etype)
        self.assertTrue(event.data.endswith(
            'LogicalPartition/' + self.lpar.uuid))
        made = pvm_event.Event.bld(adapter, 'there', '{"a": 1}').create()
        self.assertTrue(made.eid)
        event = handler.found.get(timeout=30)
        self.assertEqual(pvm_event.EventType.CUSTOM_CLIENT_EVENT,
                         event.etype)
        self.assertEqual(('there', '{"a": 1}'), (event.data, event.detail))

    def test_servers_without_custom_events(self):
        self.host.spec['custom_events'] = False
        adapter = self.useFixture(fixtures.Adapter(self.host)).adapter
        event = pvm_event.Event.bld(adapter, 'there', '{"a": 1}')
        exc = self.assertRaises(pvm_exc.HttpError, event.create)
        self.assertEqual(405, exc.response.status)
        self.assertIn('cannot be created', str(exc))

    def test_stop_answers_those_who_wait(self):
        self.site.timing['event_seconds'] = 60
        client = self.useFixture(fixtures.Client(self.host))
        client.get(_POLL % 'app')
        statuses = queue.Queue()
        started = threading.Event()
        poll = self.host.events.poll

        def polling(*args):
            started.set()
            return poll(*args)

        self.patch(self.host.events, 'poll', polling)
        thread = threading.Thread(target=lambda: statuses.put(
            client.get(_POLL % 'app').status))
        thread.start()
        self.assertTrue(started.wait(30))
        self.site.stop()
        self.assertEqual(204, statuses.get(timeout=30))
        thread.join()
