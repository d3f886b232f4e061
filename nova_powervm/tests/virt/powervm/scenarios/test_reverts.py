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

"""What a failed operation leaves as it was, and does not harm."""

from nova.compute import power_state
from nova import objects

from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.virt.powervm import exception


class BusyMixin:
    """A platform that is busy costs no server its power."""

    def be_busy(self, path='do/PowerOn', status=503, **kwargs):
        self.platform.faults.add(dict({
            'effect': 'status', 'status': status, 'path': path, 'count': 0},
            **kwargs))

    def assert_running(self, server, boot):
        """It runs, and was not restarted."""
        lpar = self.lpar_of(server)
        self.assertEqual(('running', boot), (lpar['state'], lpar['boot']))

    def test_server_that_runs(self):
        """The job that is refused is not needed."""
        server = self.boot()
        boot = self.lpar_of(server)['boot']
        self.be_busy()
        self.driver.power_on(self.context, self.instance_of(server), [])
        self.assert_running(server, boot)

    def test_server_that_runs_and_whose_state_nobody_tells(self):
        server = self.boot()
        boot = self.lpar_of(server)['boot']
        self.driver.services.host.partition_states.clear()
        self.be_busy(path='LogicalPartition')
        self.assertRaises(
            exception.PowerVMAPIFailed, self.driver.power_on, self.context,
            self.instance_of(server), [])
        self.assert_running(server, boot)


class PowerOnTest(BusyMixin, base.ScenarioCase):

    def test_answer_is_lost(self):
        """A server that was off is off again, as nobody knows."""
        server = self.boot()
        self.stop(server)
        # Neither the end of the job nor the state can be read.
        self.platform.faults.add({'effect': 'drop_after', 'method': 'PUT',
                                  'path': 'do/PowerOn'})
        self.platform.faults.add({'effect': 'status', 'status': 500,
                                  'method': 'GET',
                                  'path': 'quick/PartitionState'})
        self.assertRaises(
            exception.PowerVMAPIFailed, self.driver.power_on, self.context,
            self.instance_of(server), [])
        self.assertEqual('not activated', self.lpar_of(server)['state'])

    def test_resumed_when_busy(self):
        """A server that runs does not get into trouble."""
        server = self.boot()
        boot = self.lpar_of(server)['boot']
        self.be_busy()
        self.driver.resume_state_on_host_boot(
            self.context, self.instance_of(server), [], None)
        self.assert_running(server, boot)

    def test_resumed_in_vain(self):
        """That a server is off is told."""
        server = self.boot()
        self.stop(server)
        self.be_busy()
        self.assertRaises(
            exception.PowerVMAPIFailed, self.driver.resume_state_on_host_boot,
            self.context, self.instance_of(server), [], None)


class RescuedTest(BusyMixin, base.ScenarioCase):
    """Servers that run from a rescue disk are harmed as little."""

    CACHED = 2

    def boot(self, **kwargs):
        server = super().boot(**kwargs)
        self.assertEqual('RESCUE', self.act(server, 'rescue')['status'])
        return server

    def resume(self, server):
        self.driver.resume_state_on_host_boot(
            self.context, self.instance_of(server), [], None)

    def test_resumed_though_it_runs(self):
        """Nova asks for it if it did not get the state of the server."""
        server = super().boot()
        self.act(server, 'rescue')
        boot = self.lpar_of(server)['boot']
        _none, requests = self.requests_of(self.resume, server)
        self.assert_running(server, boot)
        self.assertEqual([], [request for request in requests
                              if 'PowerOff' in request])

    def test_resumed_when_busy(self):
        server = self.boot()
        boot = self.lpar_of(server)['boot']
        self.be_busy()
        self.resume(server)
        self.assert_running(server, boot)

    def test_rescue_whose_start_is_refused(self):
        """A server that Nova could not stop goes on from its own disk."""
        server = base.ScenarioCase.boot(self)
        boot = self.lpar_of(server)['boot']
        self.be_busy()
        image = self.glance.images[self.image_id]
        self.assertRaises(
            exception.PowerVMAPIFailed, self.driver.rescue, self.context,
            self.instance_of(server), [],
            objects.ImageMeta.from_dict(image), None, None, None)
        self.assert_running(server, boot)
        self.assertEqual(power_state.RUNNING, self.driver.get_info(
            self.instance_of(server), use_cache=False).state)
