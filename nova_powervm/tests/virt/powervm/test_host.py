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

"""Tests of the host: connection, start-up, what is cached."""

import contextlib
import threading
import time
import uuid

import fixtures
from nova import exception as nova_exc
from pypowervm import adapter as pvm_adapter

from nova_powervm.simulator.resources import system as sim_system
from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import facts
from nova_powervm.virt.powervm import host as powervm_host
from nova_powervm.virt.powervm import rest

SECONDS = 30  # the most that a test waits for another thread


class Recorder(pvm_adapter.WrapperEventHandler):
    """Keeps what it receives, and tells when something came."""

    def __init__(self):
        self.events = []
        self.came = threading.Event()

    def process(self, events):
        self.events.extend(events)
        if events:
            self.came.set()


def poll_threads():
    return [thread for thread in threading.enumerate()
            if isinstance(thread, pvm_adapter._EventPollThread)]


class ConnectionTest(base.SimulatedHostTestCase):

    def setUp(self):
        super().setUp()
        self.host = powervm_host.Host('compute1')
        self.addCleanup(self.host.close)

    def test_connect(self):
        self.host.connect()
        self.assertEqual(self.simulated.system.uuid, self.host.system_uuid)
        self.assertEqual(['PUT Logon', 'GET ManagedSystem'], self.requests())
        self.assertFalse(self.host.adapter.traits.local_api)
        self.assertEqual([], poll_threads())

    def test_each_fact_needs_news(self):
        """One that does not expire without events would be wrong for good."""
        owners = [self.host, *(owner for owner in vars(self.host).values()
                               if hasattr(owner, '__dict__'))]
        found = {id(value): value for owner in owners
                 for value in vars(owner).values()
                 if isinstance(value, facts.Fact)}
        self.assertEqual({self.host.news},
                         {fact._news for fact in found.values()})
        self.assertEqual(8, len(found))

    def test_polls_keep_facts(self):
        recorder = Recorder()
        self.host.connect(recorder)
        self.host.get_vswitch('ETHERNET0')
        self.requests()
        self.host.news._clock = lambda: time.monotonic() + 3600
        self.simulated.store.all('VirtualIOServer')[0].touch()
        self.assertTrue(recorder.came.wait(SECONDS))
        self.host.get_vswitch('ETHERNET0')
        self.assertEqual([], self.requests())

    def test_failed_polls(self):
        self.host.connect(Recorder())
        self.fail_request(path='/Event$', effect='status', status=500,
                          count=0)
        for _poll in range(2):
            self.host.get_vswitch('ETHERNET0')
            self.host.get_vswitch('ETHERNET0')
            self.assertEqual(1, self.requests().count(
                'GET ManagedSystem/VirtualSwitch'))
            now = self.host.news.now()
            self.host.news._clock = lambda: now + facts.News.MAX_AGE

    def test_not_connected(self):
        self.assertRaises(nova_exc.VirtDriverNotReady,
                          getattr, self.host, 'adapter')
        self.assertRaises(nova_exc.VirtDriverNotReady,
                          getattr, self.host, 'system_uuid')
        self.host.close()

    def assert_nothing_left(self):
        self.assertEqual([], self.simulated.sessions.state())
        self.assertEqual([], poll_threads())
        self.assertRaises(nova_exc.VirtDriverNotReady,
                          getattr, self.host, 'adapter')

    def test_close(self):
        self.host.connect(Recorder())
        self.host.close()
        self.assert_nothing_left()
        self.host.close()

    def test_no_system(self):
        self.simulated.store.remove(self.simulated.system)
        exc = self.assertRaises(exception.ManagedSystemCount,
                                self.host.connect)
        self.assertIn('http://127.0.0.1:%d manages 0 systems' %
                      self.simulated.port, str(exc))
        self.assert_nothing_left()

    def test_two_systems(self):
        other = sim_system.ManagedSystem(self.simulated,
                                         self.simulated.spec['system'])
        other.uuid = str(uuid.uuid4())
        self.simulated.store.add(other)
        exc = self.assertRaises(exception.ManagedSystemCount,
                                self.host.connect)
        self.assertIn('manages 2 systems', str(exc))
        self.assert_nothing_left()

    def test_system_cannot_be_read(self):
        self.fail_request(path='ManagedSystem', effect='status', status=500,
                          message='Out of order')
        exc = self.assertRaises(exception.RestServerUnavailable,
                                self.host.connect)
        self.assertIn('Out of order', str(exc))
        self.assert_nothing_left()

    def test_no_event_queue(self):
        self.useFixture(fixtures.MockPatch('pypowervm.adapter.time.sleep'))
        self.fail_request(path='Event', effect='status', status=500)
        exc = self.assertRaises(exception.RestServerUnavailable,
                                self.host.connect, Recorder())
        self.assertIn('no event queue', str(exc))
        self.assert_nothing_left()

    def test_events(self):
        recorder = Recorder()
        self.host.connect(recorder)
        self.simulated.events.emit('ADD_URI', 'http://some/thing', 'detail')
        self.assertTrue(recorder.came.wait(60))
        self.assertEqual('http://some/thing', recorder.events[0].data)

    def test_close_does_not_wait_for_the_end_of_the_poll(self):
        self.site.timing['event_seconds'] = 3600
        # Otherwise the poll of an hour would outlive a failed test.
        self.addCleanup(self.simulated.events.close)
        self.host.connect(Recorder())
        self.host.close()
        self.assert_nothing_left()
        self.assertEqual(['PUT Logon', 'GET ManagedSystem', 'PUT Event',
                          'DELETE Logon'], self.requests())

    def test_close_ends_where_the_server_does_not_answer(self):
        self.useFixture(fixtures.MonkeyPatch(
            'nova_powervm.virt.powervm.rest.EVENT_POLL_CEILING', 0))
        self.site.timing['event_seconds'] = 3600
        self.host.connect(Recorder())
        self.fail_request(method='PUT', path='Event', effect='status',
                          status=500)
        self.host.close()
        self.assertEqual([], self.simulated.sessions.state())
        self.assertIn('The event thread has not ended in 0 seconds',
                      self.logger.output)
        self.simulated.events.close()
        for thread in poll_threads():
            thread.join()


class StartTest(base.SimulatedHostTestCase):

    def setUp(self):
        super().setUp()
        self.host = self.connect()

    def test_vioses_are_ready(self):
        self.host.wait_for_vioses()
        self.assertEqual(['GET VirtualIOServer'], self.requests())

    def test_one_vios_is_enough(self):
        vios = self.simulated.store.all('VirtualIOServer')[0]
        vios.rmc = 'inactive'
        vios.touch()
        self.host.wait_for_vioses()

    def test_no_vios(self):
        for vios in self.simulated.store.all('VirtualIOServer'):
            vios.rmc = 'inactive'
            vios.touch()
        exc = self.assertRaises(exception.ViosNotAvailable,
                                self.host.wait_for_vioses, max_wait_time=0)
        self.assertIn('after a wait of 0 seconds', str(exc))


class CacheTest(base.SimulatedHostTestCase):

    def setUp(self):
        super().setUp()
        self.host = self.connect()

    def test_system(self):
        before = self.host.system.memory_free
        self.simulated.system.memory_mb += 1024
        self.simulated.system.touch()
        self.assertEqual(before, self.host.system.memory_free)
        self.assertEqual(before + 1024, self.host.get_system().memory_free)
        self.assertEqual(before + 1024, self.host.system.memory_free)
        self.assertEqual(['GET ManagedSystem'], self.requests())

    def test_vswitch(self):
        self.assertEqual('ETHERNET0', self.host.get_vswitch('ETHERNET0').name)
        self.assertIsNotNone(self.host.get_vswitch('MGMTSWITCH'))
        self.assertIsNone(self.host.get_vswitch('none'))
        self.assertEqual(['GET ManagedSystem/VirtualSwitch'], self.requests())
        self.host.invalidate()
        self.host.get_vswitch('ETHERNET0')
        self.assertEqual(['GET ManagedSystem/VirtualSwitch'], self.requests())

    def test_vswitch_that_is_made_or_deleted(self):
        """Only news has the switches, and nothing else, read again."""
        known = self.host.get_vswitch('ETHERNET0').uuid
        self.host.mgmt_uuid
        self.requests()
        for switch, is_there, is_news in (
                (known, True, False), (known.upper(), True, False),
                (str(uuid.uuid4()), False, False),
                (known, False, True), (str(uuid.uuid4()), True, True)):
            self.host.vswitch_changed(switch, is_there=is_there)
            self.host.get_vswitch('ETHERNET0')
            self.host.mgmt_uuid
            self.assertEqual(
                ['GET ManagedSystem/VirtualSwitch'] if is_news else [],
                self.requests())
        self.host.vswitches_changed()
        self.host.get_vswitch('ETHERNET0')
        self.host.mgmt_uuid
        self.assertEqual(['GET ManagedSystem/VirtualSwitch'], self.requests())

    def test_vswitch_from_many_threads(self):
        threads = [threading.Thread(target=self.host.get_vswitch,
                                    args=('ETHERNET0',)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(1, len(self.requests()))

    def test_slow_read_is_nobody_elses_concern(self):
        """Each read is tried while another one gets no answer yet."""
        reads = {'VirtualSwitch': lambda: self.host.get_vswitch('none'),
                 'LogicalPartition': lambda: self.host.mgmt_uuid,
                 'VirtualIOServer': self.host.fc_ports}
        for slow, read in reads.items():
            self.host.invalidate()
            with self.no_answer_for(slow) as is_waiting:
                thread = threading.Thread(target=read)
                thread.start()
                is_waiting()
                for other in set(reads) - {slow}:
                    reads[other]()
                self.host.vios_changed('some VIOS')
                self.host.vioses_changed()
                self.host.invalidate()
            thread.join()

    @contextlib.contextmanager
    def no_answer_for(self, rest_type):
        """Hold back requests for one type; the first of them only."""
        request = rest.Session.request
        sent, release = threading.Event(), threading.Event()

        def slow_request(session, method, path, *args, **kwargs):
            if rest_type in path and not sent.is_set():
                sent.set()
                assert release.wait(SECONDS)
            return request(session, method, path, *args, **kwargs)

        with fixtures.MonkeyPatch(
                'nova_powervm.virt.powervm.rest.Session.request',
                slow_request):
            try:
                yield lambda: self.assertTrue(sent.wait(SECONDS))
            finally:
                release.set()

    def test_management_partition(self):
        mgmt = [lpar for lpar in self.simulated.store.all('LogicalPartition')
                if lpar.is_management]
        self.assertEqual(mgmt[0].uuid, self.host.mgmt_uuid)
        self.assertFalse(self.host.mgmt_is_vios)
        self.assertEqual(['GET VirtualIOServer', 'GET LogicalPartition'],
                         self.requests())

    def test_management_partition_is_a_vios(self):
        for lpar in self.simulated.store.all('LogicalPartition'):
            lpar.is_management = False
        vios = self.simulated.store.all('VirtualIOServer')[1]
        vios.is_management = True
        for resource in self.simulated.partitions():
            resource.touch()
        self.assertEqual(vios.uuid, self.host.mgmt_uuid)
        self.assertTrue(self.host.mgmt_is_vios)
        self.assertEqual(['GET VirtualIOServer'], self.requests())


class StatisticsTest(base.SimulatedHostTestCase):

    def test_cpu_stats(self):
        host = self.connect()
        self.assertEqual([], self.requests())
        stats = host.get_cpu_stats()
        self.assertEqual({'kernel': 0, 'user': 0, 'idle': 0, 'iowait': 0,
                          'frequency': stats['frequency']}, stats)
        self.assertNotEqual([], self.requests())
        host.get_cpu_stats()
        self.assertEqual([], self.requests())
