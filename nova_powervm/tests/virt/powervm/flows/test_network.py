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

"""What the flows that attach and detach ports consist of."""

from nova_powervm.tests.virt.powervm.flows import base
from nova_powervm.virt.powervm.flows import network


class PlugTest(base.RecipesTestCase):

    MODULE = network
    FLOW = 'plug'
    RECIPES = {
        'plain': ({}, {}, 'get_vm plug_vifs'),
        'with a store': ({'store': True}, {},
                         'get_vm plug_vifs save_slot_store'),
    }


class UnplugTest(base.RecipesTestCase):
    """The LPAR stays: its adapters are removed one by one."""

    MODULE = network
    FLOW = 'unplug'
    RECIPES = {
        'plain': ({}, {}, 'get_vm unplug_vifs'),
        'with a store': ({'store': True}, {},
                         'get_vm unplug_vifs save_slot_store'),
    }

    def test_ports(self):
        flow = self.build(network.unplug, network_info=['port'])
        self.assertEqual(['port'],
                         self.task(flow, 'unplug_vifs').network_infos)
