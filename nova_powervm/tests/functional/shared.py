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

"""One Nova for all tests of a class.

To start Nova's services costs more than most of what a test does with them.
"""

import itertools
import os
import threading
import time
from unittest import mock

import fixtures as fx
from nova import thread_pool_factory
from oslo_messaging._drivers import impl_fake
from oslo_messaging.rpc import dispatcher
import testtools
from testtools import content

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import platforms
from nova_powervm.tests.functional import test_cold_migration
from nova_powervm.tests.functional import volumes

#: Nova waits 20 seconds less for what is under way, which is nothing.
SHUTDOWN_SECONDS = 20
#: How long a server of Nova that has no work sleeps, at most.
IDLE_SECONDS = 0.5
#: They would end Nova with the first test, or take what others log.
_OF_ONE_TEST = ('OS_TEST_TIMEOUT', 'OS_STDOUT_CAPTURE', 'OS_STDERR_CAPTURE')


class _Clock:
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
        # Messages so far, and by thread, how many of these it has seen.
        self._delivered = 0
        self._seen = threading.local()
        self._deliver = impl_fake.FakeExchange.deliver_message
        self._dispatch = dispatcher.RPCDispatcher.dispatch
        self._spawn_on = thread_pool_factory.spawn_on
        for where, name, method in (
                (impl_fake.FakeExchange, 'deliver_message',
                 self._make_deliver()),
                (dispatcher.RPCDispatcher, 'dispatch',
                 self._make_dispatch()),
                (thread_pool_factory, 'spawn_on', self._spawn),
                (impl_fake, 'time', _Clock(self._sleep))):
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
            with self._changed:
                self._delivered += 1
                self._changed.notify_all()
        return deliver_message

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


class Nova(test_cold_migration.TwoHostMixin, base.PowerVMTestCase):
    """Nova on two hosts, which is no test itself.

    Jobs of the platform are answered after one poll, so that the requests of
    an operation can be counted.
    """

    PROFILE = 'two-host'
    TIMING = {'job_polls': 1, 'event_gather_seconds': 0.2}

    def runTest(self):
        """There is nothing to test; a TestCase must have it."""

    def setUp(self):
        self.work = self.useFixture(Work())
        with mock.patch.dict(os.environ):
            for name in _OF_ONE_TEST:
                os.environ.pop(name, None)
            super().setUp()
        self.flags(allow_resize_to_same_host=True,
                   manager_shutdown_timeout=SHUTDOWN_SECONDS)
        self.useFixture(fx.MockPatch('pypowervm.helpers.vios_busy.SLEEP'))
        self.useFixture(fx.MockPatch('pypowervm.wrappers.job.time',
                                     _Clock(lambda _seconds: None)))

    def wait_for(self, look, seconds=120):
        """Call look() once Nova does nothing more.

        :returns: what it returns, which must be true
        """
        self.assertTrue(self.work.wait(seconds), 'Nova does not end.')
        found = look()
        self.assertTrue(found, 'It has not happened.')
        return found


class PoolNova(platforms.SharedPool, Nova):
    """The disks are in a pool that both hosts share."""

    PROFILE = 'ssp-two-host'


class VolumeNova(volumes.VolumeMixin, Nova):
    """Volumes of Cinder, mapped by the VIOSes of both hosts."""

    PROFILE = 'fc-two-host'

    def setUp(self):
        super().setUp()
        # Nova looks there for whether a volume is on this host.
        self.flags(host='compute1')

    def _configure_driver(self):
        super()._configure_driver()
        self.flags(swap_volume_stops_server=True, group='powervm')


class SharedNovaCase(testtools.TestCase):
    """A test of a Nova that the first test of its class has started.

    A test that fails ends it; the next one has a new one.

    :cvar NOVA: subclass of Nova
    :ivar nova: object of that class
    """

    NOVA = None
    _nova = None

    def setUp(self):
        super().setUp()
        cls = type(self)
        if cls._nova is None:
            nova = cls.NOVA()
            try:
                nova.setUp()
            except BaseException:
                nova.doCleanups()
                raise
            cls._nova = nova
        self.nova = cls._nova
        self.addOnException(self._end_after_failure)

    def _end_after_failure(self, _exc_info):
        if self._nova is None:
            return
        log = self.nova.stdlog.logger.output
        self.addDetail('log of Nova', content.text_content(log))
        self._end_nova()

    @classmethod
    def tearDownClass(cls):
        cls._end_nova()
        super().tearDownClass()

    @classmethod
    def _end_nova(cls):
        ending, cls._nova = cls._nova, None
        if ending is not None:
            ending.doCleanups()
