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

"""What goes wrong on purpose."""

from concurrent import futures
import io
import json
import socket
import ssl
import threading

import fixtures as base_fixtures
from pypowervm import adapter as pvm_adapter
from pypowervm import exceptions as pvm_exc
from pypowervm.helpers import vios_busy
from pypowervm.tasks import hdisk
from pypowervm.tasks import power
from pypowervm.tasks import storage as pvm_storage
from pypowervm.wrappers import job
from pypowervm.wrappers import logical_partition
from pypowervm.wrappers import managed_system
from pypowervm.wrappers import storage
from pypowervm.wrappers import virtual_io_server
import testtools

from nova_powervm.simulator import certificate
from nova_powervm.simulator import errors
from nova_powervm.simulator import faults
from nova_powervm.simulator import profile
from nova_powervm.simulator import site as sim_site
from nova_powervm.tests import fixtures


class TestMatching(testtools.TestCase):

    def applied(self, spec, *requests):
        found = faults.Faults()
        found.add(dict({'effect': 'busy'}, **spec))
        return [found.match(*request) is not None for request in requests]

    def test_method_path_query(self):
        requests = (('GET', '/a/b', ''), ('PUT', '/a/b', 'group=None'))
        for spec, expected in (
                ({}, [True, True]), ({'method': 'PUT'}, [False, True]),
                ({'method': 'PUT|GET'}, [True, True]),
                ({'method': 'PU'}, [False, False]),
                ({'path': '^/a/b$'}, [True, True]),
                ({'path': '/c'}, [False, False]),
                ({'query': 'None'}, [False, True])):
            spec['count'] = 0
            self.assertEqual(expected, self.applied(spec, *requests), spec)

    def test_if_match(self):
        requests = (('GET', '/', '', True), ('GET', '/', '', False))
        self.assertEqual([True, False], self.applied(
            {'if_match': True, 'count': 0}, *requests))
        self.assertEqual([False, True], self.applied(
            {'if_match': False, 'count': 0}, *requests))

    def test_nth_and_count(self):
        requests = [('GET', '/', '')] * 5
        for nth, count, expected in ((1, 1, '10000'), (2, 2, '01100'),
                                     (3, 0, '00111')):
            hits = self.applied({'nth': nth, 'count': count}, *requests)
            self.assertEqual(expected, ''.join(str(int(h)) for h in hits))

    def test_each_request_once(self):
        one, other = ('GET', '/', ''), ('GET', '/', 'a=b')
        requests = (one, one, other, ('PUT', '/', ''), other, one)
        self.assertEqual([True, False, True, True, False, False],
                         self.applied({'each': True}, *requests))
        self.assertEqual([True, False, False, False, False, False],
                         self.applied({'each': True, 'count': 1}, *requests))
        self.assertEqual([False, False, True, False, False, False],
                         self.applied({'each': True, 'query': 'a'},
                                      *requests))

    def test_each_waits_until_it_is_met(self):
        """Another fault in front of it does not use it up."""
        found = faults.Faults()
        first = found.add({'effect': 'status', 'status': 500})
        each = found.add({'effect': 'busy', 'each': True})
        self.assertEqual([first, each, None], [
            found.match('GET', '/', '') for _ in range(3)])

    def test_vios_down_without_a_vios_wants_a_request_for_one(self):
        found = faults.Faults()
        self.assertFalse(found.want_vios)
        fault = found.add({'effect': 'vios_down'})
        self.assertTrue(found.want_vios)
        self.assertIsNone(found.match('GET', '/', ''))
        self.assertIs(fault, found.match('GET', '/', '', for_vios=True))
        found.clear()
        found.add({'effect': 'vios_down', 'vios': 'vios1'})
        self.assertFalse(found.want_vios)
        self.assertIsNotNone(found.match('GET', '/', ''))

    def test_the_first_fault_wins(self):
        found = faults.Faults()
        first, second = (found.add({'effect': 'busy'}) for _ in range(2))
        self.assertIs(first, found.match('GET', '/', ''))
        self.assertIs(second, found.match('GET', '/', ''))
        self.assertIsNone(found.match('GET', '/', ''))
        self.assertEqual([(3, 1), (3, 1)],
                         [(f['seen'], f['applied']) for f in found.data()])
        self.assertEqual(1, found.clear(first.id))
        self.assertEqual([second.id], [f['id'] for f in found.data()])
        self.assertEqual(1, found.clear())


class TestEffects(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(fixtures.SimulatedSite()).site
        self.host = self.site.hosts[0]
        self.adapter = self.useFixture(fixtures.Adapter(self.host)).adapter
        self.lpar = self.host.store.all('LogicalPartition')[0]

    def fault(self, effect, **spec):
        return self.host.faults.add(dict(spec, effect=effect))

    def wrapper(self):
        return logical_partition.LPAR.get(self.adapter)[0]

    def test_status(self):
        fault = self.fault('status', path='ManagedSystem', status=507,
                           message='No disk', reason_code='D1')
        exc = self.assertRaises(pvm_exc.HttpError, managed_system.System.get,
                                self.adapter)
        self.assertEqual(507, exc.response.status)
        self.assertIn('No disk', str(exc))
        self.assertEqual(fault.id, self.host.journal.records()[-1]['fault'])
        self.assertEqual(1, len(managed_system.System.get(self.adapter)))
        self.assertIsNone(self.host.journal.records()[-1]['fault'])

    def test_busy(self):
        self.fault('busy', path='ManagedSystem')
        self.patch(vios_busy, 'SLEEP', lambda seconds: None)
        systems = managed_system.System.wrap(self.adapter.read(
            'ManagedSystem', helpers=[vios_busy.vios_busy_retry_helper]))
        self.assertEqual(1, len(systems))
        self.assertEqual([503, 200], [r['status'] for r in
                                      self.host.journal.records()[-2:]])

    def test_precondition(self):
        wrapper = self.wrapper()
        self.fault('precondition', method='POST', if_match=True)
        wrapper.avail_priority = 3
        exc = self.assertRaises(pvm_exc.HttpError, wrapper.update)
        self.assertEqual(412, exc.response.status)
        self.assertNotEqual(3, self.lpar.availability_priority)

    def test_drop_before(self):
        wrapper = self.wrapper()
        self.fault('drop_before', method='POST')
        wrapper.avail_priority = 3
        self.assertRaises(pvm_exc.ConnectionError, wrapper.update)
        self.assertNotEqual(3, self.lpar.availability_priority)
        record = self.host.journal.records()[-1]
        self.assertEqual((None, 0), (record['status'], record['bytes_out']))

    def test_drop_after(self):
        wrapper = self.wrapper()
        self.fault('drop_after', method='POST')
        wrapper.avail_priority = 3
        self.assertRaises(pvm_exc.ConnectionError, wrapper.update)
        self.assertEqual(3, self.lpar.availability_priority)

    def test_a_lost_refusal(self):
        wrapper = self.wrapper()
        self.fault('drop_after', method='POST')
        wrapper.name = 'vios1'
        self.assertRaises(pvm_exc.ConnectionError, wrapper.update)
        self.assertEqual('novalink', self.lpar.name)

    def test_delay(self):
        fault = self.fault('delay', path='ManagedSystem', seconds=0)
        self.assertEqual(1, len(managed_system.System.get(self.adapter)))
        self.assertEqual(1, fault.applied)

    def test_job_failed(self):
        vios = self.host.store.all('VirtualIOServer')[0]
        self.fault('job_failed', path='do/PowerOff', message='HSCLFFFF no')
        wrapper = virtual_io_server.VIOS.get(self.adapter, uuid=vios.uuid)
        exc = self.assertRaises(pvm_exc.VMPowerOffFailure, power.power_off,
                                wrapper, None, force_immediate=True)
        self.assertIn('HSCLFFFF no', str(exc))
        self.assertEqual('running', vios.partition_state)
        self.assertEqual([], self.host.jobs.state())

    def test_each_busy_is_invisible(self):
        """However many requests are under way at a time."""
        self.patch(vios_busy, 'SLEEP', lambda seconds: None)
        adapter = pvm_adapter.Adapter(
            self.adapter.session, helpers=vios_busy.vios_busy_retry_helper)
        fault = self.fault('busy', each=True)
        self.addCleanup(self.host.faults.clear, fault.id)
        paths = ['ManagedSystem', 'VirtualIOServer', 'LogicalPartition'] * 2
        with futures.ThreadPoolExecutor(len(paths)) as pool:
            found = list(pool.map(adapter.read, paths))
        self.assertEqual([200] * len(paths), [r.status for r in found])
        self.assertEqual(
            {path: [200, 200, 503] for path in paths},
            {path: sorted(record['status'] for record in
                          self.host.journal.records()
                          if record['path'].endswith(path))
             for path in paths})

    def test_action(self):
        seen = []

        def act(method, path):
            # It may change the site, and the faults, too.
            with self.site.lock:
                self.lpar.set_rmc('busy')
            seen.append((method, path, self.host.faults.data()))

        fault = self.host.faults.add({'path': 'LogicalPartition', 'nth': 2},
                                     action=act)
        self.wrapper()
        self.assertEqual([], seen)
        self.assertEqual('busy', self.wrapper().rmc_state)
        self.wrapper()
        self.assertEqual([('GET', '/rest/api/uom/LogicalPartition')],
                         [call[:2] for call in seen])
        self.assertEqual([('action', 3, 1)], [
            (f['effect'], f['seen'], f['applied'])
            for f in self.host.faults.data()])
        self.assertEqual(fault.id, self.host.journal.records()[-2]['fault'])

    def test_action_ends_the_session(self):
        client = self.useFixture(fixtures.Client(self.host))
        self.host.faults.add({}, lambda method, path:
                             self.host.sessions.expire_all())
        self.assertEqual([401, 401], [
            client.get('/rest/api/uom/ManagedSystem').status
            for _ in range(2)])

    def test_action_and_effect(self):
        calls = []
        self.host.faults.add({'effect': 'status', 'status': 418},
                             lambda *call: calls.append(call))
        exc = self.assertRaises(pvm_exc.HttpError, self.wrapper)
        self.assertEqual((418, 1), (exc.response.status, len(calls)))

    def test_action_refuses(self):
        def refuse(method, path):
            raise errors.Refused('%s is not wanted' % method)

        self.host.faults.add({}, refuse)
        exc = self.assertRaises(pvm_exc.HttpError, self.wrapper)
        self.assertEqual(400, exc.response.status)
        self.assertIn('GET is not wanted', str(exc))


class TestViosDown(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(fixtures.SimulatedSite()).site
        self.host = self.site.hosts[0]
        self.adapter = self.useFixture(fixtures.Adapter(self.host)).adapter
        self.vios, self.vios2 = self.host.store.all('VirtualIOServer')
        self.group = self.vios.volume_groups[0]

    def down(self, **spec):
        return self.host.faults.add(dict(spec, effect='vios_down'))

    def states(self):
        return [vios.partition_state for vios in (self.vios, self.vios2)]

    def test_the_one_that_the_request_is_for(self):
        group_w = storage.VG.get(
            self.adapter, uuid=self.group.uuid,
            parent_type=virtual_io_server.VIOS, parent_uuid=self.vios.uuid)
        self.down(method='POST')
        group_w.virtual_disks.append(
            storage.VDisk.bld(self.adapter, 'a', 1))
        exc = self.assertRaises(pvm_exc.HttpError, group_w.update)
        self.assertIn('its state is not activated', str(exc))
        self.assertEqual(['not activated', 'running'], self.states())
        self.assertEqual('inactive', self.vios.rmc)
        self.assertEqual({}, self.group.disks)
        self.assertRaises(pvm_exc.HttpError, group_w.update)
        self.host.operator.vios('vios1').booted()
        group_w.update()
        self.assertEqual(['a'], list(self.group.disks))

    def test_others_do_not_count(self):
        fault = self.down(nth=2)
        managed_system.System.get(self.adapter)
        virtual_io_server.VIOS.get(self.adapter)
        for _ in range(2):
            self.assertEqual(['running', 'running'], self.states())
            virtual_io_server.VIOS.get(self.adapter, uuid=self.vios2.uuid)
        self.assertEqual(['running', 'not activated'], self.states())
        self.assertEqual((2, 1), (fault.seen, fault.applied))

    def test_the_one_that_is_named(self):
        self.down(vios='vios2', path='LogicalPartition')
        logical_partition.LPAR.get(self.adapter)
        self.assertEqual(['running', 'not activated'], self.states())

    def test_one_that_is_not_there(self):
        self.assertRaises(errors.NotFound, self.down, vios='vios9')
        self.assertRaises(errors.Refused, self.down, vios='novalink')

    def test_during_an_upload(self):
        self.down(path='File/contents')
        exc = self.assertRaises(
            pvm_exc.HttpError, pvm_storage.upload_vopt, self.adapter,
            self.vios.uuid, io.BytesIO(b'iso'), 'cfg.iso')
        self.assertIn('its state is not activated', str(exc))
        self.assertEqual(['not activated', 'running'], self.states())

    def test_at_a_job(self):
        """A GET of the job of a VIOS is for that VIOS."""
        self.site.timing['job_polls'] = 1
        self.patch(job.time, 'sleep', lambda seconds: None)
        self.down(path='jobs/', method='GET')
        self.assertRaises(
            pvm_exc.JobRequestFailed, hdisk.remove_hdisk, self.adapter,
            'server1', 'hdisk10', self.vios2.uuid)
        self.assertEqual(['running', 'not activated'], self.states())
        self.assertIn('hdisk10', self.vios2.volumes)


def count_waits(test, host):
    """Return a semaphore that is released at the end of each silence.

    :param test: TestCase
    :param host: host.Host whose server waits for clients to give up
    """
    over = threading.Semaphore(0)
    silence = host.server._silence
    wait = silence.wait

    def wait_and_tell(connection):
        wait(connection)
        over.release()

    test.patch(silence, 'wait', wait_and_tell)
    return over


class TestNoAnswer(testtools.TestCase):

    #: Whether the site serves https.
    TLS = False

    def setUp(self):
        super().setUp()
        self.site = sim_site.Site(profile.load('default'), self.useFixture(
            base_fixtures.TempDir()).path)
        self.addCleanup(self.site.stop)
        self.site.start(port=0, tls=self.tls())
        self.host = self.site.hosts[0]
        self.over = count_waits(self, self.host)
        self.hit = threading.Semaphore(0)

    def tls(self):
        if not self.TLS:
            return None
        directory = self.useFixture(base_fixtures.TempDir()).path
        return certificate.make(['127.0.0.1'], directory)

    def hang(self, **spec):
        """Send a request that is never answered: return its connection."""
        self.host.faults.add(dict(spec, effect='no_answer'),
                             lambda method, path: self.hit.release())
        connection = socket.create_connection(('127.0.0.1', self.host.port))
        if self.TLS:
            context = ssl._create_unverified_context()
            connection = context.wrap_socket(connection)
        self.addCleanup(connection.close)
        connection.sendall(b'GET /rest/api/uom/Cluster HTTP/1.1\r\n'
                           b'Host: localhost\r\n\r\n')
        self.assertTrue(self.hit.acquire(timeout=60))
        return connection

    def test_until_the_client_goes(self):
        for _ in range(3):
            connection = self.hang()
            self.assertFalse(self.over.acquire(blocking=False))
            connection.close()
            self.assertTrue(self.over.acquire(timeout=60))

    def test_stopping_does_not_wait(self):
        waiting = [self.hang() for _ in range(8)]
        self.site.stop()
        for connection in waiting:
            # Closed, with or without what belongs to TLS.
            self.assertEqual(b'', connection.recv(1))
            self.assertTrue(self.over.acquire(timeout=60))
        self.assertEqual([], [
            thread for thread in threading.enumerate()
            if thread.name.startswith('simulator-') or
            type(thread).__module__.startswith('cheroot')])
        self.assertEqual([-1, -1], [
            end.fileno() for end in (self.host.server._silence._end,
                                     self.host.server._silence._other_end)])


class TestNoAnswerWithTls(TestNoAnswer):

    TLS = True


class TestNoAnswerToPypowervm(testtools.TestCase):

    def test_before_and_after(self):
        site = self.useFixture(fixtures.SimulatedSite()).site
        [host] = site.hosts
        [lpar] = host.store.all('LogicalPartition')
        adapter = self.useFixture(fixtures.Adapter(host)).adapter
        over = count_waits(self, host)
        for spec, name in (({}, 'novalink'), ({'when': 'after'}, 'b')):
            host.faults.add(dict(spec, effect='no_answer', method='POST'))
            wrapper = logical_partition.LPAR.get(adapter)[0]
            wrapper.name = 'b'
            # With no timeout of its own, update() waits an hour at least.
            self.assertRaises(pvm_exc.TimeoutError, wrapper.update,
                              timeout=0.05)
            self.assertTrue(over.acquire(timeout=60))
            self.assertEqual(name, lpar.name)
            record = host.journal.records()[-1]
            self.assertEqual((None, 0), (record['status'],
                                         record['bytes_out']))


class PatternTest(testtools.TestCase):

    def test_patterns_that_may_take_for_ever(self):
        """The search of one of them stops everything, also SIGTERM."""
        for pattern in (r'^/(\w+[/-]?)+!$', '(a|b)*', '(a+){2,}', '((a)|b)+',
                        '(?:x*)*', '([a-z]+)*', '((a*))+', '(a{1,})+'):
            self.assertRaises(errors.Refused, faults.check_pattern, pattern)

    def test_other_patterns(self):
        for pattern in ('', 'do/Migrate$', '(GET|PUT)', '[(*+]+', '(ab)*c.*',
                        r'\(a+\)+', '(a|b)?', '(a+){2}', '[^]*)]+',
                        r'[\](a+)]*', '(', ')+', '*', '[', '(a+)b+',
                        'VirtualIOServer/[^/]+$|x'):
            faults.check_pattern(pattern)

    def test_control_api(self):
        host = self.useFixture(fixtures.SimulatedSite()).site.hosts[0]
        client = self.useFixture(fixtures.Client(host))
        for name in ('method', 'path', 'query'):
            answer = client.request('POST', '/simulator/faults', json.dumps(
                {'effect': 'busy', name: '(a+)+b'}))
            self.assertEqual(400, answer.status)
            self.assertIn(b'may take for ever', answer.body)
        self.assertEqual([], host.faults.data())
