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
"""Tests of the check of all options, with files as an operator writes them."""

import os
import re

import fixtures
from nova import exception as nova_exc
from nova import test as nova_test
import trustme

from nova_powervm import conf as powervm_conf
from nova_powervm.conf import powervm
from nova_powervm.virt.powervm import driver
from nova_powervm.virt.powervm.options import static
from nova_powervm.virt.powervm.options import table
from nova_powervm.virt.powervm import short_text

CONF = powervm_conf.CONF

#: Options with which nova-compute starts.
GOOD = {'volume_group_name': 'datavg'}
SWIFT = {'nvram_store': 'swift', 'swift_password': 'secret',
         'swift_auth_url': 'https://controller:5000/v3'}
NPIV = {'fc_attach_strategy': 'npiv',
        'fabric_A_port_wwpns': '10:00:00:90:fa:1b:2c:01'}
WWPN = '10000090FA1B2C01'

#: (option, value, what else is set, what the message says)
BAD = (
    ('rest_host', 'https://novalink', {}, 'a host name or an IP address'),
    ('rest_host', 'novalink:12443', {}, 'a host name or an IP address'),
    ('rest_host', 'novalink:port', {}, 'a host name or an IP address'),
    ('rest_host', 'nova link', {}, 'a host name or an IP address'),
    ('rest_host', '', {}, 'default, localhost'),
    ('rest_host', 'hmc1, hmc2:12443', {}, 'a host name or an IP address'),
    ('rest_host', 'hmc1, hmc2, hmc1', {}, 'the same host twice'),
    ('rest_port', '99999', {}, 'a whole number from 1 to 65535'),
    ('rest_port', '0', {}, 'a whole number from 1 to 65535'),
    ('rest_protocol', 'gopher', {}, 'one of http, https'),
    ('rest_user', 'neo', {}, 'no effect without rest_password'),
    ('rest_password', 'trinity', {}, 'requires rest_user'),
    ('rest_password', 'a$b', {'rest_user': 'neo'}, 'write $$ for a $'),
    ('rest_ca_file', '/no/such.pem', {'rest_protocol': 'https'},
     'no such file'),
    ('rest_ca_file', __file__, {'rest_protocol': 'https'},
     'no certificates in PEM format'),
    ('rest_ca_file', __file__, {}, 'no effect with http'),
    ('rest_connect_timeout', '-1', {}, 'a whole number of at least 0'),
    ('rest_read_timeout', '5', {}, 'a whole number of at least 60'),
    ('hmc_parallel_requests', '-1', {}, 'a whole number of at least 0'),
    ('vios_active_wait_timeout', 'never', {}, 'a whole number of at least 0'),
    ('management_root', '/no/such/folder', {}, 'proc/uptime'),
    ('management_root', '/usr', {}, 'proc/uptime'),
    ('management_root', '', {}, 'default, /'),
    ('proc_units_factor', '2', {}, 'a number from 0.05 to 1'),
    ('proc_units_factor', 'nan', {}, 'must be a number'),
    ('uncapped_proc_weight', 'abc', {}, 'a whole number from 1 to 255'),
    ('rescue_boot_mode', 'floppy', {}, 'one of disk, sms'),
    ('use_rmc_mgmt_vif', 'perhaps', {}, 'true or false'),
    ('pvm_vswitch_for_novalink_io', 'MGMTSWITCH', {}, 'is for RMC'),
    ('pvm_vswitch_for_novalink_io', '', {}, 'NovaLinkVEABridge'),
    ('bridge_mappings', 'prod:ent5', {}, 'such as prod:ent5:vios1'),
    ('bridge_mappings', 'a:ent5:vios1,b:ent5:vios1', {}, 'ent5 of vios1'),
    ('remove_unused_vlans', 'True', {'manage_sea_vlans': 'False'},
     'only with manage_sea_vlans=True'),
    ('vnic_required_vfs', '7', {}, 'a whole number from 1 to 6'),
    ('vnic_vf_capacity', 'nan', {}, 'must be a number'),
    ('disk_driver', 'localdisc', {}, 'one of localdisk, ssp'),
    ('volume_group_name', '', {}, 'disk_driver=localdisk requires it'),
    ('volume_group_name', 'datavg', {'disk_driver': 'ssp'},
     'only with disk_driver=localdisk'),
    ('volume_group_vios_name', 'vios1', {
        'disk_driver': 'ssp', 'volume_group_name': ''},
     'only with disk_driver=localdisk'),
    ('cluster_name', 'cluster1', {}, 'only with disk_driver=ssp'),
    ('ssp_tier', 'GOLD', {}, 'only with disk_driver=ssp'),
    ('vopt_media_volume_group', '', {}, 'default, rootvg'),
    ('vopt_media_rep_size', '-1', {}, 'a whole number of at least 1'),
    ('remove_vopt_media_time', '1h', {}, 'a whole number of at least 0'),
    ('fc_attach_strategy', 'iscsi', {}, 'one of vscsi, npiv'),
    ('vscsi_vios_connections_required', '0', {},
     'a whole number of at least 1'),
    ('fabrics', '', {}, 'default, A'),
    ('fabrics', 'A,A', {}, 'different names of letters and digits'),
    ('ports_per_fabric', '-1', {}, 'a whole number of at least 1'),
    ('fabric_A_port_wwpns', '', NPIV, 'fc_attach_strategy=npiv requires it'),
    ('fabric_A_port_wwpns', 'fcs0', NPIV, 'such as 10000090FA1B2C01'),
    ('fabric_A_port_wwpns', '%s,%s' % (WWPN, WWPN), NPIV, 'there twice'),
    ('fabric_B_port_wwpns', WWPN, dict(NPIV, fabrics='A,B'), 'fabric A has'),
    ('fabric_C_port_wwpns', WWPN, dict(NPIV, fabrics='A'),
     'fabrics does not have this fabric; it has A'),
    ('nvram_store', 'tape', {}, 'one of none, swift'),
    ('swift_container', 'a/b', SWIFT, 'no slash'),
    ('swift_username', '', SWIFT, 'nvram_store=swift requires it'),
    ('swift_password', '', SWIFT, 'nvram_store=swift requires it'),
    ('swift_auth_url', 'controller:5000', SWIFT, 'must be a URL'),
    ('swift_auth_url', 'https://controller:5000/v3', {},
     'only with nvram_store=swift'),
    ('swift_auth_version', '1', SWIFT, 'must be 3 or 2'),
    ('swift_cacert', '/no/such.pem', SWIFT, 'no such file'),
    ('swift_endpoint_type', 'secretURL', SWIFT, 'publicURL, internalURL'),
    ('live_migration_address', 'a b', {}, 'not a valid host address'),
    ('live_migration_timeout', '-1', {}, 'a whole number of at least 0'),
    ('vnc_port', '65536', {}, 'a whole number from 0 to 65535'),
    ('vnc_ca_certs', '', {'vnc_use_x509_auth': 'True'},
     'vnc_use_x509_auth=True requires it'),
    ('vnc_server_cert', '/no/such.pem', {},
     'only with vnc_use_x509_auth=True'),
    ('serial_console_listen', 'somewhere', {}, 'must be an IP address'),
    ('serial_console_port', '5901', {}, 'must differ from vnc_port'),
    ('console_log', '2', {}, 'true or false'),
    ('console_force', 'perhaps', {}, 'true or false'),
)


class OptionsCase(nova_test.NoDBTestCase):
    """A test with a nova.conf."""

    def setUp(self):
        super().setUp()
        for variable in ('REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'):
            self.useFixture(fixtures.EnvironmentVariable(variable))
        self.folder = self.useFixture(fixtures.TempDir()).path

    def configure(self, **options):
        """Read a nova.conf with these options, and those of GOOD."""
        path = os.path.join(self.folder, 'nova.conf')
        with open(path, 'w') as out:
            out.write('[powervm]\n' + ''.join(
                '%s = %s\n' % item
                for item in dict(GOOD, **options).items()))
        CONF([], project='nova', default_config_files=[path],
             default_config_dirs=[])
        self.addCleanup(self._unregister)

    @staticmethod
    def _unregister():
        CONF.reset()
        for fabric in 'ABCD':
            CONF.unregister_opt(powervm.fabric_opt(fabric), group='powervm')

    def problems(self, **options):
        self.configure(**options)
        return [str(problem) for problem in static.problems()]


class StaticTest(OptionsCase):

    def test_good(self):
        for options in (
                {}, {'rest_user': 'neo', 'rest_password': 'a$$b',
                     'rest_host': '192.0.2.1'},
                {'rest_host': 'hmc1.example.com, hmc2.example.com'},
                {'rest_host': '2001:db8::1'}, {'rest_host': '[2001:db8::1]'},
                {'disk_driver': 'SSP', 'volume_group_name': '',
                 'cluster_name': 'cluster1'}, NPIV, SWIFT,
                dict(SWIFT, swift_auth_version='v2.0',
                     swift_endpoint_type='internalURL'),
                {'fabric_A_port_wwpns': WWPN}, {'serial_console_port': 0,
                                                'vnc_port': 0},
                {'bridge_mappings': 'prod:ent5:vios1'},
                {'vopt_media_volume_group': 'mediavg'}):
            self.assertEqual([], self.problems(**options), options)

    def test_bad(self):
        for option, value, others, words in BAD:
            found = self.problems(**dict(others, **{option: value}))
            self.assertEqual(1, len(found), (option, value, found))
            self.assertIn(words, found[0])
            self.assertTrue(found[0].startswith('[powervm] %s' % option),
                            found)
            self.assertLessEqual(len(found[0]), short_text.LIMIT)
            self.assertNotIn('\n', found[0])
            if option.endswith('password'):
                self.assertNotIn(value or 'secret', found[0])
            elif value:
                self.assertIn('%s=%s' % (option, value.split(',')[0]),
                              re.sub("'", '', found[0]))

    def test_each_option_has_a_bad_value(self):
        """But those whose value only the platform can judge, and bools."""
        tried = {option for option, _value, _others, _words in BAD}
        known = {'managed_system', 'sriov_default_physnet',
                 'swift_project_name', 'vnc_server_key'}
        self.assertEqual(set(), {
            opt.dest for opt in powervm.ALL_OPTS
            if opt.dest not in tried | known and
            table.RULES[opt.dest].check is not None and
            table.RULES[opt.dest].only_with is None and
            opt.dest != 'vnc_use_x509_auth'})

    def test_good_certificates(self):
        path = os.path.join(self.folder, 'ca.pem')
        trustme.CA().cert_pem.write_to_path(path)
        self.assertEqual([], self.problems(rest_protocol='https',
                                           rest_ca_file=path))
        self.assertEqual([], self.problems(**dict(SWIFT, swift_cacert=path)))
        with fixtures.EnvironmentVariable('CURL_CA_BUNDLE', '/other.pem'):
            self.assertIn('CURL_CA_BUNDLE=/other.pem overrides it',
                          self.problems(rest_protocol='https',
                                        rest_ca_file=path)[0])

    def test_misspelt(self):
        self.assertEqual(
            ['[powervm] disk_drivr is set, but not known: is it '
             'disk_driver?'], self.problems(disk_drivr='localdisk'))
        [said] = self.problems(rest_pasword='secret')
        self.assertIn('is it rest_password?', said)
        self.assertNotIn('secret', said)
        self.assertEqual(
            ['[powervm] qqq is set, but not known: remove it; the operator '
             'guide lists the options'], self.problems(qqq='1'))

    def test_option_of_an_older_release(self):
        self.assertIn('no longer has it', self.problems(rbd_user='x')[0])

    def test_misspelt_comes_first(self):
        self.assertEqual(
            ['[powervm] volume_group_nam is set, but not known: is it '
             'volume_group_name?',
             '[powervm] volume_group_name is not set, and '
             'disk_driver=localdisk requires it.'],
            self.problems(volume_group_nam='datavg', volume_group_name=''))

    def test_misspelt_in_the_environment(self):
        self.useFixture(fixtures.EnvironmentVariable(
            'OS_POWERVM__DISK_DRIVR', 'ssp'))
        self.assertIn('is it disk_driver?', self.problems()[0])

    def test_bad_value_in_the_environment(self):
        self.useFixture(fixtures.EnvironmentVariable(
            'OS_POWERVM__PROC_UNITS_FACTOR', '2'))
        self.assertIn('proc_units_factor=2 ', self.problems()[0])

    def test_folder_of_files(self):
        self.configure()
        with open(os.path.join(self.folder, 'more.conf'), 'w') as out:
            out.write('[PowerVM]\ndisk_drivr = ssp\nports_per_fabric = -1\n')
        CONF(['--config-dir', self.folder], project='nova',
             default_config_files=[])
        found = [str(problem) for problem in static.problems()]
        self.assertEqual(2, len(found), found)
        self.assertIn('disk_drivr', found[0])
        self.assertIn('ports_per_fabric=-1', found[1])

    def test_fabrics_that_cannot_be_read(self):
        """Then nobody knows which options of fabrics there are."""
        [said] = self.problems(fabrics='A_2', fabric_C_port_wwpns=WWPN)
        self.assertIn('fabrics=A_2', said)

    def test_driver_refuses_before_it_connects(self):
        self.configure(proc_units_factor='2', rest_port='9',
                       rest_connect_timeout='0')
        exc = self.assertRaises(nova_exc.InvalidConfiguration,
                                driver.PowerVMDriver(None).init_host, 'host')
        self.assertIn('proc_units_factor=2', str(exc))
