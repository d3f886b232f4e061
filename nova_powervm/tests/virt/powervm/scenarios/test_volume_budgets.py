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

"""How many REST requests volumes may cost (see the docs' table)."""

from nova_powervm.tests.virt.powervm.scenarios import test_budgets
from nova_powervm.tests.virt.powervm.scenarios import volumes

MANY = 8


class VolumeBudgetBase(volumes.VolumeMixin, test_budgets.BudgetBase):

    def setUp(self):
        super().setUp()
        # The ports of the VIOSes and the forms of jobs are read once.
        self.delete(self.boot_with([0]))

    def check_attach_and_detach(self):
        server = self.boot()
        done, requests = self.requests_of(self.attach, server, 1)
        self.assertTrue(done)
        self.assert_within(11, requests)
        costs = [len(requests)]
        self.assert_sees(server, 1)
        done, requests = self.requests_of(self.detach, server, 1)
        self.assertTrue(done)
        self.assert_within(10, requests)
        costs.append(len(requests))
        self.assertIsNone(self.delete(server))
        return costs


class VolumeBudgetTest(VolumeBudgetBase):

    def test_attach_and_detach(self):
        self.check_attach_and_detach()

    def test_connector(self):
        server = self.boot()
        instance = self.instance_of(server)
        connector, requests = self.requests_of(
            self.driver.get_volume_connector, instance)
        self.assertEqual(4, len(connector['wwpns']))
        self.assertEqual([], requests)

    def test_boot(self):
        server, bare = self.requests_of(self.boot)
        self.delete(server)
        server, requests = self.requests_of(self.boot_with, range(MANY))
        self.assertEqual('ACTIVE', server['status'], server.get('fault'))
        vioses = len(self.VIOSES)
        self.assert_within(
            len(bare) + 4 * vioses + 2 * MANY * vioses, requests)
        self.assert_sees(server, *range(MANY))
        left, requests = self.requests_of(self.delete, server)
        self.assertIsNone(left)
        self.assert_detached()
        # The mappings tell what to remove: nothing is discovered.
        self.assertEqual([], [request for request in requests
                              if 'LUARecovery' in request])


class CrowdedVolumeBudget10Test(VolumeBudgetBase):
    """Other LPARs on the host make nothing dearer."""

    FOREIGN_LPARS = 10

    def test_attach_and_detach(self):
        self.check_attach_and_detach()


class CrowdedVolumeBudget100Test(CrowdedVolumeBudget10Test):
    FOREIGN_LPARS = 100


class CrowdedVolumeBudget500Test(CrowdedVolumeBudget10Test):
    FOREIGN_LPARS = 500
