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

"""Tests of the options of the connection to the REST server."""

import fixtures
from nova import exception as nova_exc

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import rest_settings


class SettingsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        for variable in ('REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'):
            self.useFixture(fixtures.EnvironmentVariable(variable))
        self.ca_file = self.useFixture(fixtures.TempDir()).join('ca.pem')
        with open(self.ca_file, 'w'):
            pass

    def test_default_is_a_local_file(self):
        self.assertEqual(
            {'hosts': ['localhost'], 'port': 12080, 'protocol': 'http',
             'username': None, 'password': None, 'ca_file': None},
            rest_settings.read())

    def test_password_means_https(self):
        self.flags(group='powervm', rest_user='neo', rest_password='trinity',
                   rest_host='novalink', rest_ca_file=self.ca_file)
        self.assertEqual(
            {'hosts': ['novalink'], 'port': 12443, 'protocol': 'https',
             'username': 'neo', 'password': 'trinity',
             'ca_file': self.ca_file},
            rest_settings.read())

    def test_port_and_protocol(self):
        self.flags(group='powervm', rest_protocol='HTTPS', rest_port=443)
        settings = rest_settings.read()
        self.assertEqual(('https', 443),
                         (settings['protocol'], settings['port']))

    def test_several_hosts(self):
        self.flags(group='powervm', rest_host=['hmc1', 'fe80::1'])
        self.assertEqual(['hmc1', 'fe80::1'], rest_settings.read()['hosts'])

    def test_password_without_user(self):
        self.flags(group='powervm', rest_password='secret')
        exc = self.assertRaises(exception.OptRequiredIfOtherOptValue,
                                rest_settings.read)
        self.assertIsInstance(exc, nova_exc.InvalidConfiguration)
        self.assertIn('rest_user', str(exc))
        self.assertNotIn('secret', str(exc))

    def test_no_ca_file(self):
        self.flags(group='powervm', rest_protocol='https',
                   rest_ca_file='/no/such.pem')
        exc = self.assertRaises(exception.InvalidOption, rest_settings.read)
        self.assertEqual('[powervm] rest_ca_file=/no/such.pem cannot be '
                         'used: there is no such file', str(exc))

    def test_ca_file_does_not_matter_to_http(self):
        self.flags(group='powervm', rest_ca_file='/no/such.pem')
        rest_settings.read()

    def test_environment_overrides_ca_file(self):
        self.flags(group='powervm', rest_protocol='https',
                   rest_ca_file=self.ca_file)
        with fixtures.EnvironmentVariable('CURL_CA_BUNDLE', '/other.pem'):
            exc = self.assertRaises(exception.InvalidOption,
                                    rest_settings.read)
        self.assertIn('CURL_CA_BUNDLE=/other.pem overrides it', str(exc))
        with fixtures.EnvironmentVariable('CURL_CA_BUNDLE', self.ca_file):
            self.assertEqual(self.ca_file, rest_settings.read()['ca_file'])
