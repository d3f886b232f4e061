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

"""The driver goes on with another HMC when it loses the first one."""

import contextlib
import threading
import time
from unittest import mock

import fixtures
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import logical_partition as pvm_lpar
import requests

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import event
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import rest
from nova_powervm.virt.powervm import switch_over
from nova_powervm.virt.powervm import transport


class TwoHmcsTestCase(base.SimulatedHostTestCase):
    """A test with two HMCs that manage the same systems.

    :ivar one, two: endpoint.Endpoint of the HMCs
    """

    PROFILE = 'two-hmc'

    def setUp(self):
        super().setUp()
        self.one, self.two = self.site.endpoints
        self.flags(group='powervm',
                   managed_system=self.simulated.system.uuid,
                   rest_host=['127.0.0.1', '127.0.0.2'])

    def end(self, endpoint):
        """Let an HMC be down for the rest of the test."""
        server, endpoint.server = endpoint.server, None
        endpoint.events.close()
        server.stop()

    @contextlib.contextmanager
    def raising(self, exc, path=''):
        """Have requests to the first HMC raise an error, on the client."""
        real = transport.Session.request

        def request(session, method, url, **kwargs):
            if '127.0.0.1:' in url and path in url:
                raise exc
            return real(session, method, url, **kwargs)

        with mock.patch.object(transport.Session, 'request', request):
            yield

    def sessions(self):
        """How many sessions each HMC has."""
        return [len(endpoint.sessions.state())
                for endpoint in (self.one, self.two)]

    def logons(self, endpoint):
        """How often an HMC was asked for a session since the last call."""
        return [asked for asked in self.asked(endpoint)
                if asked.endswith('Logon')].count('PUT /rest/api/web/Logon')

    def asked(self, endpoint):
        """What an HMC was asked for since the last call."""
        found = ['%s %s' % (record['method'],
                            record['path'].rpartition('/uom/')[2])
                 for record in endpoint.journal.records()
                 if not record['path'].endswith('/Event')]
        endpoint.journal.clear()
        return found


class ConnectTest(TwoHmcsTestCase):

    def test_first(self):
        self.connect()
        self.assertEqual([1, 0], self.sessions())

    def test_second(self):
        self.end(self.one)
        host = self.connect()
        self.assertEqual(1, len(self.two.sessions.state()))
        self.assertEqual('http://127.0.0.2:%d' % self.two.port,
                         host.adapter.session.dest)

    def test_close(self):
        """The end of nova-compute needs no other session."""
        host = self.connect()
        self.end(self.one)
        host.adapter.session.close()
        self.assertEqual([], self.asked(self.two))

    def test_wrong_password(self):
        """Another attempt might lock the account on the other one, too."""
        self.flags(group='powervm', rest_password='wrong')
        self.assertRaises(exception.RestAuthenticationFailed, rest.connect)
        self.assertEqual([], self.asked(self.two))

    def test_bad_certificate(self):
        """The driver takes the other one, and tells why."""
        with self.raising(requests.exceptions.SSLError('has expired')):
            self.connect()
        self.assertEqual([0, 1], self.sessions())
        self.assertIn('has expired', self.logger.output)

    def test_one_may_come_up(self):
        """It is waited for, though the other one is of no use."""
        self.flags(group='powervm', rest_connect_timeout=60)
        self.end(self.two)
        self.patch(rest, 'RETRY_INTERVAL', 0)
        self.one.faults.add({'path': 'Logon', 'effect': 'status',
                             'status': 503})
        self.connect()
        self.assertEqual([1, 0], self.sessions())


class LostTest(TwoHmcsTestCase):

    def setUp(self):
        super().setUp()
        handler = event.PowerVMNovaEventHandler(None, None)
        self.host = handler.host = self.connect(handler)
        self.asked(self.one)

    def test_read(self):
        self.end(self.one)
        self.assertEqual([], self.host.lpars())
        system = 'ManagedSystem/' + self.simulated.system.uuid
        self.assertEqual(
            ['PUT /rest/api/web/Logon', 'GET ' + system,
             'GET %s/LogicalPartition' % system], self.asked(self.two))
        self.assertIn('goes on with http://127.0.0.2:%d' % self.two.port,
                      self.logger.output)

    def test_write(self):
        """It may have been done; whoever asked for it finds out."""
        lpar = self.simulated.operator.create_partition('new', running=False)
        self.host.lpars()
        self.simulated.faults.add({'method': 'DELETE',
                                   'effect': 'drop_after'})
        self.assertRaises(
            pvm_exc.ConnectionError, self.host.adapter.delete,
            'LogicalPartition', lpar.uuid)
        self.assertEqual([], self.host.lpars())
        self.assertNotIn('DELETE', ''.join(self.asked(self.two)))

    def test_job(self):
        """The other HMC may have a job with this ID, of somebody else."""
        self.site.timing['job_polls'] = 1
        uuid = self.simulated.operator.create_partition(
            'server', running=True).uuid
        job = self.host.job_form(pvm_lpar.LPAR, uuid, 'PowerOff')
        job.run_job(uuid, synchronous=False)
        self.end(self.one)
        # Another thread may have lost the first one before.
        self.host.lpars()
        for function in (self.host.job, self.host.adapter.read_job):
            self.assertRaises(pvm_exc.ConnectionError, function, job.job_id)
        self.assertEqual([], [asked for asked in self.asked(self.two)
                              if 'jobs' in asked])

    def test_facts_are_forgotten(self):
        """The other one tells of no events from before."""
        for _time in range(2):
            self.host.get_vswitch('ETHERNET0')
        self.assertEqual(1, len(self.asked(self.one)))
        self.end(self.one)
        self.host.lpars()
        self.asked(self.two)
        self.host.get_vswitch('ETHERNET0')
        self.assertEqual(1, len(self.asked(self.two)))

    def test_events(self):
        told = threading.Event()
        self.patch(self.host, 'vios_changed', lambda *_args: told.set())
        self.end(self.one)
        self.host.lpars()
        for _attempt in range(100):
            with self.site.lock:
                self.simulated.store.all('VirtualIOServer')[0].touch()
            if told.wait(0.1):
                break
        self.assertTrue(told.is_set())

    def test_many_threads(self):
        """They log on once."""
        self.end(self.one)
        threads = [threading.Thread(target=self.host.lpars)
                   for _number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(1, len(self.two.sessions.state()))

    def test_back_again(self):
        """The connection was lost; the other one does not answer either."""
        self.end(self.two)
        self.fail_request(path='LogicalPartition', effect='drop_before')
        self.assertEqual([], self.host.lpars())

    def test_both_are_down(self):
        self.end(self.one)
        self.end(self.two)
        for _time in range(2):
            self.assertRaises(pvm_exc.ConnectionError, self.host.lpars)

    def test_other_systems(self):
        """The other one does not manage the system of this host."""
        self.two.hosts = self.site.hosts[1:]
        self.end(self.one)
        self.assertRaises(pvm_exc.ConnectionError, self.host.lpars)
        self.assertEqual([], self.two.sessions.state())


class SwitchTest(TwoHmcsTestCase):
    """When the driver goes on with which HMC; no thread polls for events."""

    def setUp(self):
        super().setUp()
        self.host = self.connect()
        self.asked(self.one)

    def test_a_server_is_not_asked_at_once_again(self):
        """Else each request would wait for the time-outs."""
        self.end(self.one)
        self.end(self.two)
        now = time.monotonic()
        self.patch(self.host.adapter.session._servers, '_clock', lambda: now)
        logons = []
        real = rest.Session._logon
        self.patch(rest.Session, '_logon',
                   lambda session: (logons.append(session), real(session)))

        def ask():
            self.assertRaises(pvm_exc.ConnectionError, self.host.lpars)

        threads = [threading.Thread(target=ask) for _number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(['127.0.0.2', '127.0.0.1'],
                         [session.host for session in logons])
        now += switch_over.PAUSE
        ask()
        self.assertEqual(4, len(logons))

    def test_time_outs(self):
        """A logon need not have the time that other requests have."""
        real, sent = transport.Session.request, []

        def request(session, method, url, **kwargs):
            sent.append((method, kwargs['timeout'][1]))
            return real(session, method, url, **kwargs)

        self.end(self.one)
        with mock.patch.object(transport.Session, 'request', request):
            self.host.lpars()
        self.assertEqual(
            [('GET', 300), ('PUT', rest.LOGON_TIMEOUT),
             ('GET', rest.LOGON_TIMEOUT), ('DELETE', rest.LOGOFF_TIMEOUT),
             ('GET', 300)], sent)

    def test_refused_password(self):
        """More attempts might lock the user, unless there are few."""
        password, self.two.sessions._password = (
            self.two.sessions._password, 'changed')
        self.end(self.one)
        now = time.monotonic()
        self.patch(self.host.adapter.session._servers, '_clock', lambda: now)
        for _hour in range(2):
            for seconds in (0, switch_over.PAUSE, 3500):
                now += seconds
                self.assertRaises(pvm_exc.ConnectionError, self.host.lpars)
            self.assertEqual(1, self.logons(self.two))
            self.assertIn('has refused the user', self.logger.output)
            now += 100
        self.two.sessions._password = password
        self.host.lpars()

    def test_refused_on_the_present_one(self):
        """The other one may have the right password."""
        self.one.sessions._password = 'changed'
        self.one.spec['expired_status'] = 403
        self.one.sessions._expired_status = 403
        self.one.sessions.expire_all()
        for _time in range(2):
            self.assertRaises(pvm_exc.HttpError, self.host.lpars)
        self.assertEqual(1, self.logons(self.one))
        self.one.faults.add({'path': 'LogicalPartition',
                             'effect': 'drop_before', 'count': 0})
        self.host.lpars()
        self.two.faults.add({'path': 'LogicalPartition',
                             'effect': 'drop_before'})
        # It is not sent there again, though the other one is lost as well.
        self.host.lpars()
        self.assertEqual(0, self.logons(self.one))
        # A new session can be had where the password is good.
        self.two.sessions.expire_all()
        self.host.lpars()

    def test_refused_on_the_present_one_for_a_while(self):
        """It is tried again, also if no other one was of use since."""
        password, self.one.sessions._password = (
            self.one.sessions._password, 'changed')
        now = time.monotonic()
        self.patch(self.host.adapter.session._servers, '_clock', lambda: now)
        self.one.spec['expired_status'] = 403
        self.one.sessions._expired_status = 403
        self.one.sessions.expire_all()
        self.assertRaises(pvm_exc.HttpError, self.host.lpars)
        self.one.sessions._password = password
        self.end(self.two)
        for seconds, logons in ((0, 0), (3599, 0), (1, 1)):
            now += seconds
            self.logons(self.one)
            self.one.faults.add({'path': 'LogicalPartition',
                                 'effect': 'drop_before'})
            if logons:
                self.host.lpars()
            else:
                self.assertRaises(pvm_exc.Error, self.host.lpars)
            self.assertEqual(logons, self.logons(self.one))

    def test_sessions_are_ended(self):
        """An HMC that has only lost a connection has a session less."""
        for number in range(6):
            (self.one, self.two)[number % 2].faults.add(
                {'path': 'LogicalPartition', 'effect': 'drop_before'})
            self.host.lpars()
            self.assertEqual([number % 2, 1 - number % 2], self.sessions())
        self.host.close()
        self.assertEqual([0, 0], self.sessions())

    def test_session_is_ended_later(self):
        """The lost HMC does not answer at once."""
        self.one.faults.add({'path': 'LogicalPartition',
                             'effect': 'drop_before'})
        fault = self.one.faults.add({'method': 'DELETE', 'path': 'Logon',
                                     'effect': 'drop_before', 'count': 0})
        self.host.lpars()
        self.assertEqual([1, 1], self.sessions())
        self.one.faults.clear(fault.id)
        self.two.faults.add({'path': 'LogicalPartition',
                             'effect': 'drop_before'})
        self.host.lpars()
        self.assertEqual([1, 0], self.sessions())

    def test_requests_are_answered_before_the_end(self):
        """An upload goes on through the HMC that another thread has left."""
        asked, answer = threading.Event(), threading.Event()
        self.addCleanup(answer.set)
        self.one.faults.add({'path': 'VirtualSwitch'}, lambda *_args: (
            asked.set(), answer.wait(30)))
        other = threading.Thread(target=self.host.virtual_switches)
        other.start()
        asked.wait(30)
        self.one.faults.add({'path': 'LogicalPartition',
                             'effect': 'drop_before'})
        self.host.lpars()
        self.assertEqual([1, 1], self.sessions())
        answer.set()
        other.join()
        self.assertEqual([0, 1], self.sessions())

    def test_session_is_ended_at_the_end(self):
        self.one.faults.add({'path': 'LogicalPartition',
                             'effect': 'drop_before'})
        self.one.faults.add({'method': 'DELETE', 'path': 'Logon',
                             'effect': 'drop_before'})
        self.host.lpars()
        self.host.close()
        self.assertEqual([0, 0], self.sessions())

    def test_closed(self):
        """Who asks after the end does not log on again."""
        adapter = self.host.adapter
        self.host.close()
        self.end(self.one)
        self.assertRaises(pvm_exc.ConnectionError, adapter.read,
                          'ManagedSystem')
        self.assertEqual(0, self.logons(self.two))

    def test_closed_meanwhile(self):
        """nova-compute ends while a thread logs on elsewhere."""
        adapter = self.host.adapter
        self.two.faults.add({'path': 'ManagedSystem'},
                            lambda *_args: self.host.close())
        self.one.faults.add({'path': 'LogicalPartition',
                             'effect': 'drop_before'})
        self.assertRaises(pvm_exc.ConnectionError, adapter.read,
                          'LogicalPartition')
        self.assertEqual([0, 0], self.sessions())

    def test_other_signs_of_a_loss(self):
        raised = [requests.exceptions.ReadTimeout('silence'),
                  requests.exceptions.SSLError('expired'),
                  requests.exceptions.ChunkedEncodingError('cut')]
        for exc in raised:
            with self.raising(exc, '/LogicalPartition'):
                self.host.lpars()
            self.assertEqual([0, 1], self.sessions(), exc)
            self.two.faults.add({'path': 'LogicalPartition',
                                 'effect': 'drop_before'})
            self.host.lpars()
            self.assertEqual([1, 0], self.sessions(), exc)

    def test_which_hmc(self):
        """The driver notices that it is another one, of the same systems."""
        before = self.host.hmc
        self.end(self.one)
        self.host.lpars()
        self.assertNotEqual(before.uuid, self.host.hmc.uuid)
        self.assertEqual(before.system_uuids, self.host.hmc.system_uuids)

    def test_impatience(self):
        """The monitor is not waited for as long as for other answers."""
        with self.raising(requests.exceptions.ReadTimeout('silence')):
            self.assertRaises(pvm_exc.TimeoutError, self.host.latest_samples,
                              5)
        self.assertEqual([1, 0], self.sessions())

    def test_rest_is_down(self):
        """The HMC answers, but its part for REST does not run."""
        self.one.faults.add({'path': 'uom/', 'effect': 'status',
                             'status': 503, 'count': 0})
        self.host.lpars()
        self.assertEqual([0, 1], self.sessions())

    def test_busy(self):
        """A VIOS is busy: the HMC still tells of the system."""
        self.one.faults.add({'path': 'LogicalPartition', 'effect': 'status',
                             'status': 503})
        self.useFixture(fixtures.MockPatch(
            'pypowervm.helpers.vios_busy.SLEEP'))
        self.host.lpars()
        self.assertEqual([1, 0], self.sessions())

    def refused(self, reason):
        """Have the other one found to be of no use."""
        self.end(self.one)
        self.assertRaises(pvm_exc.ConnectionError, self.host.lpars)
        self.assertIn('http://127.0.0.2:%d is of no use: %s' % (
            self.two.port, reason), self.logger.output)
        self.assertEqual([], self.two.sessions.state())

    def test_other_kind(self):
        """The driver works in another way with a NovaLink."""
        self.two.is_hmc = False
        self.refused('it is a PVM, and the lost one was a HMC')

    def test_other_serial(self):
        self.simulated.system.serial = '0000000'
        self.simulated.system.touch()
        self.refused('its system is ')

    def test_not_the_master(self):
        self.simulated.system.spec['master'] = False
        self.simulated.system.touch()
        self.refused('another management console is the master')
