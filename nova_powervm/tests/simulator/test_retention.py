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

"""Tests of what goes by itself when a client does not remove it."""

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import power
import testtools

from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import test_lpar


class RetentionTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(powervm_fixtures.SimulatedSite()).site
        self.host = self.site.hosts[0]
        self.adapter = self.useFixture(
            powervm_fixtures.Adapter(self.host)).adapter

    def advance(self, setting):
        self.site.clock.advance(self.site.timing[setting] + 1)

    def leave_job(self):
        """Power a server on, and lose the deletion of the job."""
        self.host.faults.add({'method': 'DELETE', 'path': '/jobs/',
                              'effect': 'drop_before'})
        power.power_on(test_lpar.create(self.adapter), None)
        return self.host.jobs.state()[0]['id']

    def test_job(self):
        job_id = self.leave_job()
        self.advance('job_retention_seconds')
        self.assertEqual([], self.host.jobs.state())
        self.assertRaises(pvm_exc.HttpNotFound, self.adapter.read, 'jobs',
                          root_id=job_id)

    def test_job_that_runs(self):
        self.site.timing['job_seconds'] = 10 * self.site.timing[
            'job_retention_seconds']
        wrapper = test_lpar.create(self.adapter)
        client = self.useFixture(powervm_fixtures.Client(self.host))
        path = '/rest/api/uom/LogicalPartition/%s/do/PowerOn' % wrapper.uuid
        client.request('PUT', path, (
            '<JobRequest><RequestedOperation><OperationName>PowerOn'
            '</OperationName></RequestedOperation></JobRequest>'))
        self.advance('job_retention_seconds')
        self.assertEqual(['RUNNING'], [
            job['status'] for job in self.host.jobs.state()])
        self.advance('job_seconds')
        self.assertEqual(['COMPLETED_OK'], [
            job['status'] for job in self.host.jobs.state()])
        self.advance('job_retention_seconds')
        self.assertEqual([], self.host.jobs.state())

    def test_session(self):
        self.assertEqual(1, len(self.host.sessions.state()))
        self.advance('session_idle_seconds')
        self.assertEqual([], self.host.sessions.state())
