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

"""The power states of all LPARs, when nova-compute starts."""

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import startup


class PowerStatesTest(base.SimulatedHostTestCase):

    def setUp(self):
        super().setUp()
        self.now = 0
        self.states = startup.PowerStates(self.connect(), lambda: self.now)

    def test_read_once(self):
        for _server in range(3):
            self.assertTrue(self.states.are_known())
        self.assertEqual(['GET LogicalPartition'], self.requests())

    def test_read_again(self):
        self.states.are_known()
        self.now = self.states.MAX_AGE
        self.states.are_known()
        self.assertEqual(['GET LogicalPartition'] * 2, self.requests())

    def test_platform_does_not_tell(self):
        """It is not asked for all again at once."""
        self.fail_request(effect='status', status=500,
                          path='LogicalPartition')
        for _server in range(3):
            self.assertFalse(self.states.are_known())
        self.assertEqual(['GET LogicalPartition'], self.requests())
        self.assertIn('could not be read', self.logger.output)
        self.now = self.states.MAX_AGE
        self.assertTrue(self.states.are_known())
