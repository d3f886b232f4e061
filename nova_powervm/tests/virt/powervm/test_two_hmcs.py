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

import threading

from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import logical_partition as pvm_lpar

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import event
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import rest


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
        self.assertEqual([1, 0], [len(endpoint.sessions.state())
                                  for endpoint in (self.one, self.two)])

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
