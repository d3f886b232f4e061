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

"""How many REST requests NPIV may cost (see the docs' table)."""

from nova_powervm.tests.virt.powervm.scenarios import test_budgets
from nova_powervm.tests.virt.powervm.scenarios import test_npiv


class NpivBudgetBase(test_npiv.NpivMixin, test_budgets.BudgetBase):
    """All servers are on one fabric, as those of 9.0.0 were measured."""

    PORTS = {'A': test_npiv.PORTS['A']}
    VIOSES = ('vios1',)
    FIRST_ATTACH = 3

    def setUp(self):
        super().setUp()
        # What is read once is read now.
        self.delete(self.boot_with([0]))

    def connector_of(self, server):
        instance = self.instance_of(server)
        return self.driver.get_volume_connector(instance)

    def check_attach_and_detach(self):
        server = self.boot()
        connector, requests = self.requests_of(self.connector_of, server)
        self.assert_within(4, requests)
        self.assertEqual(len(self.PORTS), len(connector['wwpns']))
        costs = [len(requests)]
        again, requests = self.requests_of(self.connector_of, server)
        self.assertEqual((connector, []), (again, requests))
        for number, budget in ((1, self.FIRST_ATTACH), (2, 1), (3, 1)):
            done, requests = self.requests_of(self.attach, server, number)
            self.assertTrue(done)
            self.assert_within(budget, requests)
            costs.append(len(requests))
        self.assert_sees(server, 1, 2, 3)
        done, requests = self.requests_of(self.detach, server, 2)
        self.assertTrue(done)
        self.assertEqual([], requests)
        self.assertIsNone(self.delete(server))
        return costs


class OneFabricBudgetTest(NpivBudgetBase):

    def test_attach_and_detach(self):
        self.assertEqual([4, 3, 1, 1], self.check_attach_and_detach())

    def test_boot(self):
        """Volumes cost what the adapters cost, however many they are."""
        server, bare = self.requests_of(self.boot)
        self.delete(server)
        for numbers in (range(1, 2), range(1, 9)):
            server, requests = self.requests_of(self.boot_with, numbers)
            # Four make the WWPNs; one reads the VIOSes, of which the bare
            # boot reads the one that it needs, and one writes the other.
            self.assert_within(len(bare) + 5, requests)
            self.assert_sees(server, *numbers)
            self.assertIsNone(self.delete(server))


class TwoFabricBudgetTest(NpivBudgetBase):
    """Each VIOS that gets an adapter is written."""

    PORTS = test_npiv.PORTS
    VIOSES = ('vios1', 'vios2')
    FIRST_ATTACH = 4

    def test_attach_and_detach(self):
        self.assertEqual([4, 4, 1, 1], self.check_attach_and_detach())


class CrowdedBudget10Test(NpivBudgetBase):
    """Other LPARs on the host make nothing dearer."""

    FOREIGN_LPARS = 10

    def test_attach_and_detach(self):
        self.assertEqual([4, 3, 1, 1], self.check_attach_and_detach())


class CrowdedBudget100Test(CrowdedBudget10Test):
    FOREIGN_LPARS = 100


class CrowdedBudget500Test(CrowdedBudget10Test):
    FOREIGN_LPARS = 500
