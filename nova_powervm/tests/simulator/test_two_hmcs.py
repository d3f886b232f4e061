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

"""Two simulated HMCs for the same servers."""

from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import job as pvm_job
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import managed_system as pvm_ms
from pypowervm.wrappers import management_console as pvm_mc
import testtools

from nova_powervm.simulator import profile as sim_profile
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import storage_base

_UOM = '/rest/api/uom/'


class TwoHmcsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(powervm_fixtures.SimulatedSite(
            powervm_fixtures.load_profile('two-hmc'))).site
        self.one, self.two = self.site.endpoints
        self.adapters = [
            self.useFixture(powervm_fixtures.Adapter(endpoint)).adapter
            for endpoint in (self.one, self.two)]

    def test_same_systems(self):
        for adapter in self.adapters:
            self.assertEqual(
                [host.system.uuid for host in self.site.hosts],
                [system.uuid for system in pvm_ms.System.get(adapter)])

    def test_links(self):
        """Each has links to itself, and takes those."""
        for endpoint, adapter in zip((self.one, self.two), self.adapters):
            client = self.useFixture(powervm_fixtures.Client(endpoint))
            body = client.get(_UOM + 'ManagedSystem').body
            other = self.two if endpoint is self.one else self.one
            self.assertIn(endpoint.base_url.encode(), body)
            self.assertNotIn(other.base_url.encode() + b'/', body)
            for system in pvm_ms.System.get(adapter):
                for href in system.vios_links:
                    adapter.read_by_href(href)

    def test_consoles(self):
        """Each shows itself, and not the other."""
        consoles = [pvm_mc.ManagementConsole.get(adapter)
                    for adapter in self.adapters]
        self.assertEqual([['hmc1'], ['hmc2']], [
            [console.name for console in found] for found in consoles])
        [[one], [two]] = consoles
        self.assertNotEqual(one.uuid, two.uuid)
        self.assertNotEqual(one.mtms.mtms_str, two.mtms.mtms_str)
        for adapter, other in zip(self.adapters, (two, one)):
            self.assertRaises(pvm_exc.HttpNotFound,
                              pvm_mc.ManagementConsole.get, adapter,
                              uuid=other.uuid)

    def test_sessions(self):
        """A token is good for one of them."""
        self.assertEqual([1, 1], [len(endpoint.sessions.state())
                                  for endpoint in (self.one, self.two)])
        self.one.sessions.expire_all()
        self.assertEqual(1, len(self.two.sessions.state()))

    def test_events(self):
        for adapter in self.adapters:
            storage_base.raw_events(adapter, 'app')
        lpar = self.site.hosts[1].operator.create_partition('new')
        for endpoint, adapter in zip((self.one, self.two), self.adapters):
            self.assertIn(
                endpoint.base_url + lpar.path(),
                [event['EventData'] for event in
                 storage_base.raw_events(adapter, 'app')])

    def test_jobs(self):
        """One of them starts what the other has created."""
        lpar = self.site.hosts[0].operator.create_partition(
            'new', running=False)
        job = pvm_job.Job.wrap(self.adapters[1].read(
            'LogicalPartition', lpar.uuid, suffix_type='do',
            suffix_parm='PowerOn'))
        job.run_job(lpar.uuid)
        self.assertEqual('running', pvm_lpar.LPAR.get(
            self.adapters[0], uuid=lpar.uuid).state)

    def test_one_name(self):
        exc = self.assertRaises(
            sim_profile.ProfileError, sim_profile.parse,
            'name: x\nhosts: [{name: one}]\n'
            'console: {kind: hmc, name: hmc1, second: {name: hmc1}}\n')
        self.assertIn('two HMCs have the name hmc1', str(exc))
