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

"""Which transport serves a Fibre Channel volume."""

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.volume import fibre_channel

VSCSI, NPIV = fibre_channel.VSCSI, fibre_channel.NPIV
ADAPTERS = {'fabric_state_A': 'inst_mapped',
            'npiv_adpt_wwpns_A': '1000,c050,c051'}
ADDRESS = {'powervm_volume_one': '0x9000000000000000 udid'}


class StrategyTest(base.TestCase):

    def instance(self, **system_metadata):
        return base.make_instance(system_metadata=system_metadata)

    def test_new_volumes_by_the_option(self):
        for strategy in (VSCSI, NPIV):
            self.flags(fc_attach_strategy=strategy, group='powervm')
            for instance in (None, self.instance()):
                self.assertEqual(strategy,
                                 fibre_channel.strategy_for_new(instance))

    def test_new_volumes_by_what_the_instance_has(self):
        for option, has, strategy in ((NPIV, ADDRESS, VSCSI),
                                      (VSCSI, ADAPTERS, NPIV)):
            self.flags(fc_attach_strategy=option, group='powervm')
            self.assertEqual(strategy, fibre_channel.strategy_for_new(
                self.instance(**has)))

    def strategy(self, has, serial='one', **data):
        return fibre_channel.strategy_of(self.instance(**has), {
            'driver_volume_type': 'fibre_channel', 'serial': serial,
            'data': data})

    def test_what_is_kept_of_a_volume(self):
        self.assertEqual(VSCSI, self.strategy(ADDRESS))
        self.assertEqual(VSCSI, self.strategy({**ADDRESS, **ADAPTERS}))
        self.assertEqual(VSCSI, self.strategy(ADAPTERS, target_UDID='udid'))
        self.assertEqual(NPIV, self.strategy(ADAPTERS, serial='two'))

    def test_to_whom_it_is_exported(self):
        for initiator, strategy in (('C0:51', NPIV), ('c0ff', VSCSI)):
            self.assertEqual(strategy, self.strategy(
                ADAPTERS, initiator_target_map={initiator: ['5005']}))

    def test_volume_that_nova_knows_nothing_of(self):
        self.assertEqual(NPIV, fibre_channel.strategy_of(
            self.instance(**ADAPTERS), {}))
        self.assertEqual(VSCSI, fibre_channel.strategy_of(
            self.instance(), {}))

    def test_another_network(self):
        self.assertIsNone(fibre_channel.strategy_of(
            self.instance(**ADAPTERS), {'driver_volume_type': 'iscsi'}))
