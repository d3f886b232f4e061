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

"""Tests of the options of the mechanism driver."""

import io
from unittest import mock

import fixtures
from oslo_config import cfg as oslo_cfg
from oslo_config import generator
import testtools

from nova_powervm.neutron import conf


class OptionsTest(testtools.TestCase):

    def load(self, text):
        """What an operator's file says: the group of options."""
        path = self.useFixture(fixtures.TempDir()).join('ml2_conf.ini')
        with open(path, 'w') as out:
            out.write('[ml2_powervm]\n%s\n' % text)
        loaded = oslo_cfg.ConfigOpts()
        loaded(['--config-file', path], project='neutron')
        conf.register(loaded)
        conf.register(loaded)
        return loaded.ml2_powervm

    def test_defaults(self):
        options = self.load('')
        self.assertEqual([], options.host_physical_networks)
        self.assertEqual([], options.sriov_physical_networks)

    def test_values(self):
        options = self.load(
            'host_physical_networks = power*:prod|test,\n'
            '  power7.example.org : backup ,power[12]:*\n'
            'sriov_physical_networks = fast, 10g*')
        self.assertEqual(
            [('power*', ('prod', 'test')), ('power7.example.org',
                                            ('backup',)),
             ('power[12]', ('*',))], options.host_physical_networks)
        self.assertEqual(['fast', '10g*'], options.sriov_physical_networks)

    def test_wrong_hosts(self):
        for text, said in (
                ('power1', '"power1" has no colon'),
                # What is wrong does not swallow its neighbour.
                ('power1,power2:prod', '"power1" has no colon'),
                (':prod', '":prod" needs one name of a host'),
                ('power1 power2:prod', '"power1 power2:prod" needs one name'),
                ('power1:', '"" is no name or pattern of a physical network'),
                ('power1:prod|', '"" is no name or pattern'),
                ('power1:prod test', '"prod test" is no name or pattern'),
                ('power1:prod:1:100', '"prod:1:100" is no name or pattern')):
            options = self.load('host_physical_networks = ' + text)
            error = self.assertRaises(
                oslo_cfg.ConfigFileValueError, getattr, options,
                'host_physical_networks')
            self.assertIn(said, str(error))
            self.assertIn('host_physical_networks', str(error))

    def test_wrong_sriov_networks(self):
        for text in ('fast:1', 'fast|slow', 'fast slow'):
            options = self.load('sriov_physical_networks = ' + text)
            error = self.assertRaises(
                oslo_cfg.ConfigFileValueError, getattr, options,
                'sriov_physical_networks')
            self.assertIn('"%s" is no name or pattern' % text, str(error))

    def test_help_texts(self):
        for opt in conf.options:
            self.assertTrue(opt.help.strip().endswith('.'), opt.name)
            for line in opt.help.splitlines():
                # More would be wrapped in the sample file.
                self.assertLess(len(line), 68, opt.name)

    def test_sample(self):
        """What oslo-config-generator makes of the entry point."""
        arguments = oslo_cfg.ConfigOpts()
        generator.register_cli_opts(arguments)
        arguments(['--namespace', 'nova_powervm.neutron'])
        sample = io.StringIO()
        with mock.patch.object(generator, '_list_opts', return_value=[
                ('nova_powervm.neutron', conf.list_opts())]):
            generator.generate(arguments, output_file=sample)
        self.assertIn('\n[ml2_powervm]\n', sample.getvalue())
        for opt in conf.options:
            self.assertIn('\n#%s =' % opt.name, sample.getvalue())
