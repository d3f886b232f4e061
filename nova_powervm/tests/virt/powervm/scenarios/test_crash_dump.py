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

"""Crash dumps of servers."""

from nova.compute import power_state
from nova import exception as nova_exc
from nova.virt import event as virt_event
import oslo_messaging

from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.virt.powervm import exception


class CrashDumpTest(base.ScenarioCase):

    TIMING = {'job_polls': 1}

    def dump(self, server):
        """Trigger a dump, as Nova does; returns the failure, or None."""
        failure = self.cloud.call('compute1', 'trigger_crash_dump',
                                  instance=self.instance_of(server))
        if isinstance(failure, oslo_messaging.ExpectedException):
            return failure.exc_info[1]
        return failure

    def simulated(self, server):
        return self.platform.store.get('LogicalPartition',
                                       self.lpar_of(server)['uuid'])

    def listen(self):
        """Note what Nova is told of the power of servers."""
        told = []
        self.patch(self.driver, 'emit_event', told.append)
        self.patch(self.driver.events.lifecycle, '_settle', 0.3)
        return told

    def test_dump(self):
        server = self.boot()
        told = self.listen()
        self.assertIsNone(self.dump(server))
        lpar = self.simulated(server)
        self.assertTrue(lpar.has_dumped)
        self.assertEqual('running', lpar.partition_state)
        self.assertEqual('ACTIVE', self.status_of(server))
        # Nova hears of no stop: the server was on when its state settled.
        lifecycle = self.driver.events.lifecycle
        self.wait_for(lambda: not lifecycle._due)
        self.assertEqual([], [
            change for change in told
            if change.transition == virt_event.EVENT_LIFECYCLE_STOPPED])
        self.assertEqual(power_state.RUNNING, self.driver.get_info(
            self.instance_of(server)).state)

    def test_requests(self):
        server = self.boot()
        self.dump(server)
        _none, requests = self.requests_of(self.dump, server)
        self.assert_within(4, requests)

    def test_stopped_server(self):
        server = self.boot()
        self.stop(server)
        _failure, requests = self.requests_of(self.check_refused, server)
        self.assert_within(1, requests)

    def check_refused(self, server):
        self.assertIsInstance(self.dump(server), nova_exc.InstanceNotRunning)
        self.assertFalse(self.simulated(server).has_dumped)

    def test_crashed_server(self):
        server = self.boot()
        with self.site.lock:
            self.simulated(server).crashed()
        # It is known from the job that it was on a moment ago.
        self.driver.services.host.partition_states.clear()
        self.check_refused(server)

    def test_it_stops_meanwhile(self):
        server = self.boot()

        def stop(_method, _path):
            with self.site.lock:
                self.simulated(server).halted()

        self.platform.faults.add({'path': 'PowerOff', 'method': 'PUT'}, stop)
        self.check_refused(server)

    def test_lpar_is_gone(self):
        server = self.boot()
        lpar = self.simulated(server)
        with self.site.lock:
            lpar.halted()
            self.platform.remove(lpar)
        self.assertIsInstance(self.dump(server), nova_exc.InstanceNotFound)

    def test_platform_refuses(self):
        server = self.boot()
        self.platform.faults.add({
            'path': 'PowerOff', 'method': 'PUT', 'effect': 'job_failed',
            'message': 'HSCL0001 Not now'})
        failure = self.dump(server)
        self.assertIsInstance(failure, exception.PowerVMAPIFailed)
        self.assertIn('HSCL0001 Not now', str(failure))
        self.assertEqual('ACTIVE', self.status_of(server))
        self.assertIsNone(self.dump(server))

    def test_answer_is_lost(self):
        """The job may go on: nothing is said about whether it runs."""
        server = self.boot()
        self.platform.faults.add({
            'path': 'PowerOff', 'method': 'PUT', 'effect': 'drop_after'})
        self.assertIsInstance(self.dump(server), exception.PowerVMAPIFailed)
        self.assertEqual('ACTIVE', self.status_of(server))

    def test_state_is_not_told(self):
        server = self.boot()
        self.driver.services.host.partition_states.clear()
        self.platform.faults.add({
            'path': 'quick', 'effect': 'status', 'status': 500})
        failure = self.dump(server)
        self.assertIsInstance(failure, exception.PowerVMAPIFailed)
        self.assertFalse(self.simulated(server).has_dumped)
