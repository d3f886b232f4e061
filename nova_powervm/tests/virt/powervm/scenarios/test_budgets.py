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

from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.virt.powervm import partition_states


class BudgetBase(base.ScenarioCase):

    TIMING = {'job_polls': 1}

    def check_life(self):
        """A second spawn, the periodic tasks, and the destroy."""
        self.delete(self.boot())

        server, requests = self.requests_of(self.boot)
        self.assert_within(14, requests)

        _none, requests = self.requests_of(
            self.run_task, 'update_available_resource')
        self.assert_within(2, requests)

        _none, requests = self.requests_of(self.sync_power_states)
        self.assert_within(1, requests)

        _none, requests = self.requests_of(self.delete, server)
        self.assert_within(13, requests)

    def sync_power_states(self):
        """See ScenarioCase; the platform tells of nothing meanwhile."""
        # On a busy machine the events of former operations come so late that
        # the driver asks for the states that they tell of.
        for owner, method in ((partition_states.PartitionStates, 'changed'),
                              (self.driver.events.lifecycle, 'emit')):
            self.useFixture(fx.MockPatchObject(owner, method))
        super().sync_power_states()


class BudgetTest(BudgetBase):

    def test_life(self):
        self.check_life()

    def test_power_state_sync_of_several_servers(self):
        for _number in range(5):
            self.boot(networks='none')
        _none, requests = self.requests_of(self.sync_power_states)
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
