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

"""Tests of the connection to the REST server."""

import itertools
import socket
import threading
import time
from unittest import mock

import fixtures
from pypowervm import adapter as pvm_adapter
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import job as pvm_job
import trustme

from nova_powervm.simulator import server
from nova_powervm.simulator import site as sim_site
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import rest
from nova_powervm.virt.powervm import rest_settings
from nova_powervm.virt.powervm import short_text


class ConnectTest(base.SimulatedHostTestCase):

    def connect_rest(self):
        adapter = rest.connect()
        self.addCleanup(adapter.session.close)
        return adapter

    def test_password(self):
        adapter = self.connect_rest()
        self.assertFalse(adapter.session.use_file_auth)
        self.assertEqual(300, adapter.session.timeout)
        self.assertEqual(['PUT Logon'], self.requests())

    def test_local_file(self):
        self.flags(group='powervm', rest_host='localhost', rest_user=None,
                   rest_password=None)
        adapter = self.connect_rest()
        self.assertTrue(adapter.traits.local_api)
        adapter.read('ManagedSystem')

    def test_busy_helper_is_in_place(self):
        sleep = self.useFixture(fixtures.MockPatch(
            'pypowervm.helpers.vios_busy.SLEEP')).mock
        adapter = self.connect_rest()
        self.fail_request(path='ManagedSystem', effect='busy')
        adapter.read('ManagedSystem')
        self.assertEqual(1, sleep.call_count)

    def test_form_of_a_job_is_read_once(self):
        adapter = self.connect_rest()
        uuids = [lpar.uuid for lpar in
                 self.simulated.store.all('LogicalPartition')] + ['other']
        self.requests()

        def read(operation):
            return adapter.read('LogicalPartition', uuids.pop(0),
                                suffix_type='do', suffix_parm=operation)

        form = read('PowerOn')
        form.entry.element.find('JobParameters').append(
            pvm_job.Job.create_job_parameter('bootmode', 'sms'))
        # What was filled in is not there the next time.
        self.assertEqual(
            0, len(read('PowerOn').entry.element.findall(
                'JobParameters/JobParameter')))
        self.assertEqual(['GET LogicalPartition/do/PowerOn'],
                         self.requests())

    def test_threads_read_a_form_once(self):
        adapter = self.connect_rest()
        began, answer = threading.Barrier(3), mock.Mock()
        asked = []

        def read(*args, **kwargs):
            asked.append(args)
            time.sleep(0.05)
            return answer

        def ask():
            began.wait(30)
            adapter.read('ManagementConsole', suffix_type='do',
                         suffix_parm='CLIRunner')

        with mock.patch.object(pvm_adapter.Adapter, 'read', read):
            threads = [threading.Thread(target=ask) for _number in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(1, len(asked))

    def test_forms_differ(self):
        adapter = self.connect_rest()
        uuid = self.simulated.store.all('LogicalPartition')[0].uuid
        operations = [adapter.read(
            'LogicalPartition', uuid, suffix_type='do', suffix_parm=operation
        ).entry.element.findtext('RequestedOperation/OperationName')
            for operation in ('PowerOn', 'PowerOff')]
        self.assertEqual(['PowerOn', 'PowerOff'], operations)

    def test_close_logs_off(self):
        adapter = self.connect_rest()
        adapter.session.close()
        adapter.session.close()
        self.assertEqual(['PUT Logon', 'DELETE Logon'], self.requests())
        self.assertEqual([], self.simulated.sessions.state())

    def test_wrong_password(self):
        self.flags(group='powervm', rest_password='wrong')
        exc = self.assertRaises(exception.RestAuthenticationFailed,
                                rest.connect)
        self.assertIn('user ' + self.site.profile['user'], str(exc))
        self.assertIn('http://127.0.0.1:%d' % self.simulated.port, str(exc))
        self.assertNotIn('wrong', str(exc))
        # Another attempt might lock the account.
        self.assertEqual(['PUT Logon'], self.requests())

    def test_url(self):
        self.assertEqual('http://[fe80::1]:443',
                         rest_settings.url('http', 'fe80::1', 443))

    def test_unreachable(self):
        with socket.create_server(('127.0.0.1', 0)) as unused:
            port = unused.getsockname()[1]
        self.flags(group='powervm', rest_port=port)
        exc = self.assertRaises(exception.RestServerUnavailable, rest.connect)
        self.assertIn('http://127.0.0.1:%d cannot be used: ' % port, str(exc))
        self.assertIn('refused', str(exc))

    def test_no_such_host(self):
        self.flags(group='powervm', rest_host='no-such-host.invalid')
        exc = self.assertRaises(exception.RestServerUnavailable, rest.connect)
        self.assertIn('no-such-host.invalid', str(exc))
        self.assertIn('check [powervm] rest_host', str(exc))
        self.assertLessEqual(len(str(exc)), short_text.LIMIT)
        self.assertNotIn('\n', str(exc))

    def test_retries_until_the_server_is_up(self):
        self.flags(group='powervm', rest_connect_timeout=60)
        self.fail_request(path='Logon', effect='drop_before')
        self.fail_request(path='Logon', effect='status', status=404)
        self.fail_request(path='Logon', effect='status', status=503)
        with mock.patch('tenacity.nap.time') as time:
            self.connect_rest()
        self.assertEqual([mock.call(rest.RETRY_INTERVAL)] * 3,
                         time.sleep.mock_calls)

    def test_retries_have_an_end(self):
        self.flags(group='powervm', rest_connect_timeout=60)
        self.fail_request(path='Logon', effect='status', status=503, count=0,
                          message='Starting up')
        with mock.patch('tenacity.nap.time') as time, (
                mock.patch('tenacity.time')) as clock:
            clock.monotonic.side_effect = itertools.count(0, 25)
            exc = self.assertRaises(exception.RestServerUnavailable,
                                    rest.connect)
        self.assertIn('Starting up', str(exc))
        self.assertEqual(2, time.sleep.call_count)

    def test_other_refusals_are_not_retried(self):
        self.flags(group='powervm', rest_connect_timeout=60)
        self.fail_request(path='Logon', effect='status', status=500)
        self.assertRaises(exception.RestServerUnavailable, rest.connect)
        self.assertEqual(1, len(self.requests()))

    def test_logs_on_again(self):
        adapter = self.connect_rest()
        self.simulated.sessions.expire_all()
        adapter.read('ManagedSystem')
        self.assertEqual(
            ['PUT Logon', 'GET ManagedSystem', 'PUT Logon',
             'GET ManagedSystem'], self.requests())


class HttpsTest(base.TestCase):
    """With a real certificate authority, and with the wrong one."""

    def setUp(self):
        super().setUp()
        for variable in ('REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE',
                         'https_proxy', 'HTTPS_PROXY', 'all_proxy',
                         'ALL_PROXY'):
            self.useFixture(fixtures.EnvironmentVariable(variable))
        self.folder = self.useFixture(fixtures.TempDir())
        self.ca = trustme.CA()
        self.site = self.start_site(self.ca)
        self.flags(group='powervm', rest_host='127.0.0.1',
                   rest_port=self.site.hosts[0].port, rest_protocol='https',
                   rest_user=self.site.profile['user'],
                   rest_password=self.site.profile['password'],
                   rest_ca_file=self.write('ca.pem', self.ca.cert_pem),
                   rest_connect_timeout=0)

    def start_site(self, ca):
        """Start a site with a certificate of an authority."""
        certificate = ca.issue_cert('127.0.0.1')
        site = sim_site.Site(
            powervm_fixtures.load_profile('default'),
            self.useFixture(fixtures.TempDir()).path)
        self.addCleanup(site.stop)
        site.start(port=0, tls=server.Tls(
            self.write('server.pem', *certificate.cert_chain_pems),
            self.write('server.key', certificate.private_key_pem)))
        return site

    def write(self, name, *blobs):
        path = self.folder.join(name)
        with open(path, 'wb') as target:
            target.writelines(blob.bytes() for blob in blobs)
        return path

    def test_trusted(self):
        adapter = rest.connect()
        self.addCleanup(adapter.session.close)
        self.assertEqual(1, len(adapter.read('ManagedSystem').feed.entries))

    def test_logon_is_verified(self):
        self.flags(group='powervm', rest_ca_file=self.write(
            'other.pem', trustme.CA().cert_pem))
        exc = self.assertRaises(exception.RestServerUnavailable, rest.connect)
        self.assertIn('certificate verify failed', str(exc))
        self.assertIn('check [powervm] rest_ca_file', str(exc))
        self.assertLessEqual(len(str(exc)), short_text.LIMIT)
        self.assertEqual([], self.site.hosts[0].journal.records())

    def test_logon_is_verified_with_the_common_authorities(self):
        self.flags(group='powervm', rest_ca_file=None)
        exc = self.assertRaises(exception.RestServerUnavailable, rest.connect)
        self.assertIn('certificate verify failed', str(exc))

    def test_every_request_is_verified(self):
        session = rest.connect().session
        self.addCleanup(session.close)
        impostor = self.start_site(trustme.CA())
        good, session.dest = session.dest, (
            'https://127.0.0.1:%d' % impostor.hosts[0].port)
        # False is what pypowervm passes by default.
        for kwargs in ({}, {'verify': False}):
            self.assertRaises(pvm_exc.SSLError, session.request, 'GET',
                              '/rest/api/uom/ManagedSystem', **kwargs)
        self.assertEqual([], impostor.hosts[0].journal.records())
        session.dest = good
