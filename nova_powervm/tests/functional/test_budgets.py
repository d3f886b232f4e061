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

"""How many REST requests an operation may cost (see the docs' table).

Jobs are answered after one poll, as a quick platform does.
"""

import fixtures as fx
from nova import context as nova_context

from nova_powervm.tests.bench import profiles
from nova_powervm.tests.functional import base
from nova_powervm.virt.powervm import host


class BudgetBase(base.PowerVMTestCase):

    TIMING = {'job_polls': 1}
    #: LPARs on the host that are not Nova's.
    FOREIGN_LPARS = 0

    def _start_site(self):
        if self.FOREIGN_LPARS:
            self.PROFILE = profiles.write_crowd(
                self.useFixture(fx.TempDir()).path, self.FOREIGN_LPARS,
                self.PROFILE)
        return super()._start_site()

    def requests_of(self, operation, *args):
        """Run an operation and return the requests that it sent."""
        self.platform.journal.clear()
        result = operation(*args)
        return result, [
            '%(method)s %(path)s' % record
            for record in self.platform.journal.records()
            if 'QUEUE_CLIENTKEY' not in (record['query'] or '')]

    def assert_within(self, budget, requests):
        self.assertLessEqual(len(requests), budget, '\n'.join(requests))

    def check_life(self):
        """A second spawn, the periodic tasks, and the destroy."""
        self.delete(self.boot())

        server, requests = self.requests_of(self.boot)
        self.assert_within(17, requests)

        context = nova_context.get_admin_context()
        manager = self.compute.manager
        _none, requests = self.requests_of(
            manager.update_available_resource, context)
        self.assert_within(2, requests)

        _none, requests = self.requests_of(self.sync_power_states, context)
        self.assert_within(1, requests)

        _none, requests = self.requests_of(self.delete, server)
        self.assert_within(14, requests)

    def sync_power_states(self, context):
        """Run the periodic task, and wait for the threads that it uses."""
        manager = self.compute.manager
        manager._sync_power_states(context)

        def in_progress():
            with manager.syncs_in_progress() as syncs:
                return bool(syncs)
        self.wait_for(lambda: not in_progress())


class BudgetTest(BudgetBase):

    def test_life(self):
        self.check_life()

    def test_power_state_sync_of_several_servers(self):
        for _number in range(5):
            self.boot(networks='none')
        # On a busy machine the events of these boots come so late that the
        # driver asks for the states that they tell of.
        self.driver.events.lifecycle.shutdown()
        self.useFixture(fx.MockPatchObject(host.PartitionStates, 'changed'))
        _none, requests = self.requests_of(
            self.sync_power_states, nova_context.get_admin_context())
        self.assert_within(1, requests)


class CrowdedBudget10Test(BudgetBase):
    """Other LPARs on the host make no operation dearer."""

    FOREIGN_LPARS = 10

    def test_life(self):
        self.check_life()


class CrowdedBudget100Test(CrowdedBudget10Test):
    FOREIGN_LPARS = 100


class CrowdedBudget500Test(CrowdedBudget10Test):
    FOREIGN_LPARS = 500
