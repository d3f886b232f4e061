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

from pypowervm import exceptions as pvm_exc
from pypowervm.helpers import vios_busy
from pypowervm.tasks import power
from pypowervm.wrappers import logical_partition
from pypowervm.wrappers import managed_system
from pypowervm.wrappers import virtual_io_server
import testtools

from nova_powervm.simulator import faults
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
