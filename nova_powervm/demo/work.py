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

"""What Nova's services do just now, and how they wait for more."""

import itertools
import threading
import time

import fixtures as fx
from nova import thread_pool_factory
from oslo_messaging._drivers import impl_fake
from oslo_messaging.rpc import dispatcher

#: How long a server of Nova that has no work sleeps, at most.
IDLE_SECONDS = 0.5


class Clock:
    """The module time, for a module that is to sleep in another way.

    :param sleep: called with seconds
    """

    def __init__(self, sleep):
        self.sleep = sleep

    def __getattr__(self, name):
        return getattr(time, name)


class Work(fx.Fixture):
    """What Nova's services do just now: to wait until they do nothing.

    To look at a server again and again costs more than most operations.
    """

    def _setUp(self):
        self._changed = threading.Condition()
        self._under_way = set()
        self._numbers = itertools.count()
        # Messages and stops so far, and by thread, how many it has seen.
        self._delivered = 0
        self._seen = threading.local()
        self._deliver = impl_fake.FakeExchange.deliver_message
        self._dispatch = dispatcher.RPCDispatcher.dispatch
        self._spawn_on = thread_pool_factory.spawn_on
        self._stop = impl_fake.FakeListener.stop
        for where, name, method in (
                (impl_fake.FakeExchange, 'deliver_message',
                 self._make_deliver()),
                (dispatcher.RPCDispatcher, 'dispatch',
                 self._make_dispatch()),
                (impl_fake.FakeListener, 'stop', self._make_stop()),
                (thread_pool_factory, 'spawn_on', self._spawn),
                (impl_fake, 'time', Clock(self._sleep))):
            self.useFixture(fx.MockPatchObject(where, name, method))

    def wait(self, seconds):
        """Wait until nothing is under way; returns whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._under_way,
                                          seconds)

    def _begin(self, work):
        with self._changed:
            self._under_way.add(work)

    def _end(self, work):
        with self._changed:
            self._under_way.discard(work)
            self._changed.notify_all()

    def _sleep(self, _seconds):
        """Let a server without work sleep until somebody has any."""
        seen = self._seen
        with self._changed:
            self._changed.wait_for(
                lambda: self._delivered != getattr(seen, 'count', 0),
                IDLE_SECONDS)
            seen.count = self._delivered

    def _make_deliver(self):
        def deliver_message(exchange, topic, ctxt, message, server=None,
                            fanout=False, reply_q=None):
            # Whoever gets notifications, or what is for all, does not matter.
            if not fanout and 'method' in message:
                self._begin(id(message))
            self._deliver(exchange, topic, ctxt, message, server=server,
                          fanout=fanout, reply_q=reply_q)
            self._wake_up()
        return deliver_message

    def _make_stop(self):
        def stop(listener):
            self._stop(listener)
            # It is waited for.
            self._wake_up()
        return stop

    def _wake_up(self):
        """Have all servers that sleep look for work."""
        with self._changed:
            self._delivered += 1
            self._changed.notify_all()

    def _make_dispatch(self):
        def dispatch(rpc_dispatcher, incoming):
            try:
                return self._dispatch(rpc_dispatcher, incoming)
            finally:
                self._end(id(incoming.message))
        return dispatch

    def _spawn(self, executor_type, function, *args, **kwargs):
        work = 'thread %d' % next(self._numbers)
        self._begin(work)
        future = self._spawn_on(executor_type, function, *args, **kwargs)
        future.add_done_callback(lambda _future: self._end(work))
        return future
