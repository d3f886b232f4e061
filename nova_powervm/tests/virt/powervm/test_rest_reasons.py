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

"""Tests of the reasons why a request fails, as the libraries tell them."""

import requests
import testtools

from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import rest_reasons
from nova_powervm.virt.powervm import short_text

CERTIFICATE = (
    "SSLError(MaxRetryError('HTTPSConnectionPool(host=\'novalink\', "
    "port=12443): Max retries exceeded with url: /rest/api/web/Logon (Caused "
    "by SSLError(SSLCertVerificationError(1, \'[SSL: CERTIFICATE_VERIFY_"
    "FAILED] certificate verify failed: unable to get local issuer "
    "certificate (_ssl.c:1006)\')))'))")


class ExplainTest(testtools.TestCase):

    def test_certificate(self):
        self.assertEqual(
            'certificate verify failed: unable to get local issuer '
            'certificate; check [powervm] rest_ca_file',
            rest_reasons.explain(CERTIFICATE))

    def test_one_line(self):
        exc = exception.RestServerUnavailable(
            url='https://novalink:12443', reason=CERTIFICATE * 3)
        self.assertLessEqual(len(str(exc)), short_text.LIMIT)
        self.assertIn('rest_ca_file', str(exc))

    def test_what_requests_says(self):
        for url, words in (
                ('http://127.0.0.1:9/', 'Connection refused; check'),
                ('http://no-such-host.invalid/', 'rest_host')):
            exc = self.assertRaises(requests.ConnectionError, requests.get,
                                    url, timeout=5, proxies={'http': ''})
            said = rest_reasons.explain(str(exc))
            self.assertIn(words, said)
            self.assertLess(len(said), 120)

    def test_reasons_that_are_logged(self):
        now = [0]
        reasons = rest_reasons.Reasons(lambda: now[0])
        logged = []
        for seconds in range(0, 130, 2):
            now[0] = seconds
            reason = 'refused' if seconds < 100 else 'starting up'
            if reasons.is_worth_a_line(reason):
                logged.append((seconds, reason))
        self.assertEqual([(0, 'refused'), (60, 'refused'),
                          (100, 'starting up')], logged)

    def test_other_texts_are_kept(self):
        self.assertEqual('Starting up', rest_reasons.explain('Starting up'))
