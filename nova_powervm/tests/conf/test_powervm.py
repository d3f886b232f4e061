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

"""Tests of the options of this driver."""

import io
from unittest import mock

import nova.conf
from oslo_config import cfg as oslo_cfg
from oslo_config import fixture as config_fixture
from oslo_config import generator
import testtools

from nova_powervm import conf
from nova_powervm.conf import powervm


class OptionsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.conf = oslo_cfg.ConfigOpts()
        self.config = self.useFixture(config_fixture.Config(self.conf))
        powervm.register_opts(self.conf)

    def test_they_are_in_novas_configuration(self):
        self.assertIs(nova.conf.CONF, conf.CONF)
        self.assertEqual('localdisk', conf.CONF.powervm.disk_driver)

    def test_may_be_registered_twice(self):
        powervm.register_opts(self.conf)

    def test_defaults_of_the_last_release(self):
        for name, value in (
                ('proc_units_factor', 0.1), ('disk_driver', 'localdisk'),
                ('volume_group_name', ''), ('uncapped_proc_weight', 64),
                ('vopt_media_volume_group', 'rootvg'),
                ('vopt_media_rep_size', 1),
                ('pvm_vswitch_for_novalink_io', 'NovaLinkVEABridge'),
                ('remove_vopt_media_on_boot', False),
                ('remove_vopt_media_time', 60), ('use_rmc_mgmt_vif', True),
                ('use_rmc_ipv6_scheme', True),
                ('vios_active_wait_timeout', 300),
                ('nvram_store', 'none'), ('swift_container', 'powervm_nvram'),
                ('swift_username', 'powervm'),
                ('swift_user_domain_name', 'powervm'),
                ('swift_project_name', 'powervm'),
                ('swift_project_domain_name', 'powervm'),
                ('swift_password', None), ('swift_auth_version', '3'),
                ('swift_auth_url', None), ('swift_cacert', None),
                ('swift_endpoint_type', None)):
            self.assertEqual(value, self.conf.powervm[name], name)

    def test_local_connection_is_the_default(self):
        self.assertEqual(
            (['localhost'], None, None, None, None, None),
            tuple(self.conf.powervm['rest_' + name] for name in (
                'host', 'port', 'protocol', 'user', 'password', 'ca_file')))
        self.assertEqual('/', self.conf.powervm.management_root)

    def test_limits(self):
        for name, value in (
                ('proc_units_factor', 0.04), ('proc_units_factor', 1.1),
                ('uncapped_proc_weight', 0), ('uncapped_proc_weight', 256),
                ('vopt_media_rep_size', 0), ('remove_vopt_media_time', -1),
                ('disk_driver', 'floppy'), ('nvram_store', 'tape'),
                ('rest_protocol', 'gopher'),
                ('rest_port', 65536), ('rest_connect_timeout', -1),
                ('rest_read_timeout', 30), ('hmc_parallel_requests', -1),
                ('vios_active_wait_timeout', -1)):
            self.assertRaises(ValueError, self.config.config,
                              group='powervm', **{name: value})

    def test_case_does_not_matter(self):
        self.config.config(group='powervm', disk_driver='LocalDisk',
                           rest_protocol='HTTPS')
        self.assertEqual('https', self.conf.powervm.rest_protocol.lower())

    def test_password_is_kept_secret(self):
        secret = {opt.name for opt in powervm.ALL_OPTS if opt.secret}
        self.assertEqual({'rest_password', 'swift_password'}, secret)

    def test_help_texts(self):
        for opt in powervm.ALL_OPTS:
            self.assertTrue(opt.help.strip().endswith('.'), opt.name)
            for line in opt.help.splitlines():
                # More would be wrapped in the sample file.
                self.assertLess(len(line), 68, opt.name)

    def test_list_opts(self):
        (group, opts), = conf.list_opts()
        self.assertEqual('powervm', group.name)
        # The sample shows what an option of a fabric looks like, too.
        self.assertEqual(powervm.ALL_OPTS, opts[:len(powervm.ALL_OPTS)])
        self.assertTrue(all(opt.name.startswith('fabric_')
                            for opt in opts[len(powervm.ALL_OPTS):]))

    def test_sample(self):
        """What oslo-config-generator makes of the entry point."""
        arguments = oslo_cfg.ConfigOpts()
        generator.register_cli_opts(arguments)
        arguments(['--namespace', 'nova_powervm'])
        sample = io.StringIO()
        with mock.patch.object(generator, '_list_opts', return_value=[
                ('nova_powervm', conf.list_opts())]):
            generator.generate(arguments, output_file=sample)
        self.assertIn('\n[powervm]\n', sample.getvalue())
        for opt in powervm.ALL_OPTS:
            self.assertIn('\n#%s =' % opt.name, sample.getvalue())
