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

"""Fibre Channel fabrics: their options, and what servers keep of them."""

from nova import exception as nova_exc
from oslo_config import cfg as oslo_cfg

from nova_powervm.conf import powervm as powervm_conf
from nova_powervm.tests.virt.powervm.vif import base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.volume import fabrics


def adapters(count, first=0):
    return [fabrics.Adapter('10000090FA1B2C01', (
        'C05076%010X' % (first + 2 * n), 'C05076%010X' % (first + 2 * n + 1)))
        for n in range(count)]


class MetadataTest(base.SimulatedHostTestCase):

    def setUp(self):
        super().setUp()
        self.instance = base.make_instance()

    def test_many_adapters(self):
        found = adapters(9)
        fabrics.set_adapters(self.instance, 'A', found)
        self.assertEqual(found, fabrics.adapters(self.instance, 'A'))
        self.assertEqual(
            {'npiv_adpt_wwpns_A', 'npiv_adpt_wwpns_A_2',
             'npiv_adpt_wwpns_A_3'}, set(self.instance.system_metadata))
        self.assertTrue(all(len(value) <= 255 for value in
                            self.instance.system_metadata.values()))
        fabrics.set_adapters(self.instance, 'A', found[:1])
        self.assertEqual(found[:1], fabrics.adapters(self.instance, 'A'))
        self.assertEqual(['npiv_adpt_wwpns_A'],
                         list(self.instance.system_metadata))

    def test_similar_names(self):
        for number, name in enumerate(('A', 'AB')):
            fabrics.set_adapters(self.instance, name, adapters(5, 90 * number))
            fabrics.set_state(self.instance, name, fabrics.MAPPED)
        fabrics.set_adapters(self.instance, 'A', [])
        self.assertEqual(adapters(5, 90),
                         fabrics.adapters(self.instance, 'AB'))
        self.assertEqual(['A', 'AB'], fabrics.known_to(self.instance))
        fabrics.forget(self.instance)
        self.assertEqual({}, self.instance.system_metadata)


class ValidateTest(base.SimulatedHostTestCase):

    def setUp(self):
        super().setUp()
        self.config.register_opt(powervm_conf.fabric_opt('A'),
                                 group='powervm')
        self.flags(group='powervm', fc_attach_strategy='npiv')

    def validate(self, *wwpns, **flags):
        self.flags(group='powervm', fabric_A_port_wwpns=list(wwpns), **flags)
        fabrics.validate(self.host)

    def test_good(self):
        self.validate('10:00:00:90:fa:1b:2c:01', '10000090FA1B2C03')
        self.assertEqual(['10000090FA1B2C01', '10000090FA1B2C03'],
                         fabrics.ports('A'))

    def test_port_of_another_host(self):
        self.assertRaisesRegex(
            exception.InvalidOption, 'fabric_A_port_wwpns.*10000090FA1B2CFF',
            self.validate, '10000090FA1B2CFF')

    def test_vios_that_is_down(self):
        """It may not tell its ports; those listed may be right."""
        vios = self.simulated.store.all('VirtualIOServer')[0]
        vios.set_rmc('inactive')
        self.validate('10000090FA1B2CFF')

    def test_port_that_is_down(self):
        with self.site.lock:
            for vios in self.simulated.store.all('VirtualIOServer'):
                for port in vios.fc_ports:
                    port.up = False
                vios.touch('Other')
        self.validate('10000090FA1B2C01')

    def test_port_of_two_fabrics(self):
        self.config.register_opt(powervm_conf.fabric_opt('B'),
                                 group='powervm')
        self.flags(group='powervm', fabrics=['A', 'B'], fabric_B_port_wwpns=[
            '10:00:00:90:FA:1B:2C:03'])
        self.assertRaisesRegex(
            exception.InvalidOption, 'fabric_B.*fabric A', self.validate,
            '10000090FA1B2C01', '10000090fa1b2c03')

    def test_no_ports(self):
        self.assertRaisesRegex(exception.OptRequiredIfOtherOptValue,
                               'fabric_A_port_wwpns', self.validate)

    def test_bad_names(self):
        for names in (['A', 'A'], [], ['A_2']):
            self.assertRaises(nova_exc.InvalidConfiguration, self.validate,
                              fabrics=names)

    def test_vscsi_needs_no_ports(self):
        self.validate(fc_attach_strategy='vscsi')

    def test_options_of_several_fabrics(self):
        conf = oslo_cfg.ConfigOpts()
        powervm_conf.register_opts(conf)
        conf(['--config-dir', self.config_dir('AB, C')])
        powervm_conf.register_fabrics(conf)
        self.assertEqual(['1', '2'], conf.powervm.fabric_AB_port_wwpns)
        self.assertEqual([], conf.powervm.fabric_C_port_wwpns)

    def config_dir(self, names):
        path = self.useFixture(base.fixtures.TempDir()).path
        with open(path + '/nova.conf', 'w') as conf:
            conf.write('[powervm]\nfabrics = %s\n'
                       'fabric_AB_port_wwpns = 1, 2\n' % names)
        return path
