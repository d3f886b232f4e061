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

"""The jobs that move an LPAR."""

from pypowervm import exceptions as pvm_exc

from nova_powervm.tests.virt.powervm.live import base
from nova_powervm.virt.powervm.live import job


class MigrationJobsTest(base.LiveTestCase):

    def setUp(self):
        super().setUp()
        self.jobs = job.MigrationJobs(self.host, self.lpar.uuid)
        self.parameters = job.parameters(
            self.site.hosts[1].system.name, '192.0.2.1')

    def test_submit(self):
        self.authorize()
        self.requests()
        job_id, status = self.jobs.submit(self.parameters)
        self.assertEqual((True, True, ''), status)
        self.jobs.delete(job_id)
        self.assertRaises(pvm_exc.HttpNotFound, self.jobs.read, job_id)
        self.assertEqual(
            ['GET LogicalPartition/do/Migrate',
             'PUT LogicalPartition/do/Migrate', 'DELETE jobs', 'GET jobs'],
            self.requests())

    def test_refused(self):
        _id, status = self.jobs.submit(self.parameters)
        self.assertTrue(status.is_over)
        self.assertFalse(status.is_done)
        self.assertIn('Public key authentication', status.message)

    def test_abort(self):
        self.authorize()
        self.slow_down()
        job_id, status = self.jobs.submit(self.parameters)
        self.assertFalse(status.is_over)
        self.assertTrue(self.jobs.abort()[1].is_done)
        status = self.jobs.read(job_id)
        self.assertTrue(status.is_over)
        self.assertIn('was stopped', status.message)

    def test_recover(self):
        _id, status = self.jobs.recover()
        self.assertTrue(status.is_over)
        self.assertIn('no failed migration', status.message)


class ParametersTest(base.base.TestCase):

    def test_least(self):
        self.assertEqual({
            'TargetManagedSystemName': 'system',
            'TargetRemoteHMCIPAddress': 'address',
            'TargetRemoteHMCUserID': 'wlp',
            'OVSOverride': '2', 'VLANBridgeOverride': '2'},
            job.parameters('system', 'address'))

    def test_mappings(self):
        found = job.parameters(
            'system', 'address', scsi=['4/vios1/2', '5/vios2/3'],
            fc=['6/vios1/2//fcs0'], vlans={'0a:0b:0c:0d:0e:0f': 5}, pool_id=3)
        self.assertEqual('4/vios1/2,5/vios2/3', found['VirtualSCSIMappings'])
        self.assertEqual('6/vios1/2//fcs0', found['VirtualFCMappings'])
        self.assertEqual('0A0B0C0D0E0F/5', found['VlanMappings'])
        self.assertEqual('3', found['SharedProcPoolID'])

    def test_affinity(self):
        found = job.parameters('system', 'address', checks_affinity=True)
        self.assertEqual('true', found['Affinity'])
