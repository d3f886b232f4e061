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

"""What is remembered of the virtual networks of an HMC.

test_hmc.py has the tests with a simulated HMC.
"""

import threading
from unittest import mock

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import virtual_networks


class VirtualNetworksTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.host = mock.Mock(is_hmc=True)
        self.host.virtual_networks.return_value = []
        self.networks = virtual_networks.VirtualNetworks(self.host)
        self.created = []
        self.patch(self.networks, '_create',
                   lambda vswitch, vlan: self.created.append(vlan))
        self.vswitch = mock.Mock(switch_id=0)

    def ensure(self, vlan):
        """Ensure a network in a thread, which must not hang."""
        thread = threading.Thread(
            target=self.networks.ensure, args=(self.vswitch, vlan),
            daemon=True)
        thread.start()
        thread.join(30)
        self.assertFalse(thread.is_alive(), 'It hangs.')

    def test_remembered(self):
        self.ensure(5)
        self.ensure(5)
        self.assertEqual([5], self.created)
        self.assertEqual(1, self.host.virtual_networks.call_count)

    def test_forgotten(self):
        self.ensure(5)
        self.networks.forget()
        self.ensure(5)
        self.assertEqual(2, self.host.virtual_networks.call_count)

    def test_another_hmc_takes_over_while_networks_are_read(self):
        """What was read may be of the first one: it is not kept."""
        def read():
            self.networks.forget()
            return []

        self.host.virtual_networks.side_effect = read
        self.ensure(5)
        self.host.virtual_networks.side_effect = None
        self.ensure(5)
        self.assertEqual(2, self.host.virtual_networks.call_count)

    def test_another_hmc_takes_over_while_one_is_created(self):
        self.patch(self.networks, '_create',
                   lambda vswitch, vlan: self.networks.forget())
        self.ensure(5)
        self.ensure(5)
        self.assertEqual(2, self.host.virtual_networks.call_count)
