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

from unittest import mock

import testtools

from nova_powervm.tests.bench import meter


class FakeHost:
    """Has a journal."""

    def __init__(self):
        self.records = []

    def clear_journal(self):
        self.records = []

    def take_requests(self):
        records, self.records = self.records, []
        return records

    def request(self):
        self.records.append({'bytes_in': 10, 'bytes_out': 20})


class MeterTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.host = FakeHost()
        self.meter = meter.Meter(self.host)

    def test_an_operation_is_all_that_happens_meanwhile(self):
        self.host.request()
        with self.meter.operation() as measured:
            self.host.request()
            self.host.request()
        self.host.request()

        self.assertEqual((2, 2, 20, 40), (
            measured.requests, measured.all_requests, measured.bytes_in,
            measured.bytes_out))

    def test_a_driver_call_is_told_from_what_nova_does_around_it(self):
        driver = mock.Mock()
        driver.spawn.side_effect = lambda *args: self.host.request()
        original = driver.spawn

        with self.meter.driver_call(driver, 'spawn') as measured:
            self.host.request()
            driver.spawn('an instance')
            self.host.request()

        self.assertEqual((1, 3), (measured.requests, measured.all_requests))
        original.assert_called_once_with('an instance')
        self.assertIs(original, driver.spawn)

    def test_memory_is_the_growth_of_this_process(self):
        size = 32
        with meter.memory() as measured:
            # Pages count once they are written to.
            kept = bytearray(b'x') * (size * 1024 * 1024)

        self.assertGreater(measured.value, size * 0.9)
        self.assertEqual(size * 1024 * 1024, len(kept))
