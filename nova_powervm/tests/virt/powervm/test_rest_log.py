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

"""What is logged of requests that fail, and what is kept for that."""

import logging
import threading

import fixtures
from pypowervm import adapter as pvm_adapter
from pypowervm import exceptions as pvm_exc
from pypowervm.helpers import log_helper

from nova_powervm.simulator import profile as sim_profile
from nova_powervm.tests.bench import profiles
from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import rest_log

PATH = '/rest/api/uom/LogicalPartition'


def answer(status=200, body='<entry/>', method='GET'):
    return pvm_adapter.Response(method, PATH, status, 'Reason', {}, body=body)


def refuse(status):
    def request(method, path, **kwargs):
        raise pvm_adapter.Session._get_httperror(
            answer(status, '<entry>' + 'x' * 10 ** 6 + '</entry>'))
    return request


class RestLogTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.log = rest_log.RestLog()
        self.listen(logging.INFO)

    def listen(self, level):
        self.logger = self.useFixture(fixtures.FakeLogger(
            level=level, format='%(levelname)s %(message)s'))

    def send(self, func, method='GET', path=PATH, **kwargs):
        return self.log(func)(method, path, **kwargs)

    def fail(self, status, **kwargs):
        self.assertRaises(pvm_exc.HttpError, self.send, refuse(status),
                          **kwargs)
        return self.logger.output

    def test_answer_is_handed_on(self):
        given = answer()
        self.assertIs(given, self.send(lambda *args, **kwargs: given))
        self.assertEqual('', self.logger.output)

    def test_arguments_are_handed_on(self):
        sent = []

        def func(*args, **kwargs):
            sent.append((args, kwargs))
            return answer()

        self.send(func, 'PUT', body='b', headers={'a': 'b'}, timeout=7)
        self.assertEqual([(('PUT', PATH), {
            'body': 'b', 'headers': {'a': 'b'}, 'timeout': 7})], sent)

    def test_failure(self):
        line, = self.fail(500).splitlines()
        self.assertTrue(line.startswith('WARNING '), line)
        self.assertIn('500', line)
        self.assertIn('GET', line)
        self.assertIn(PATH, line)
        self.assertNotIn('xxx', line)

    def test_missing_object(self):
        line, = self.fail(404).splitlines()
        self.assertTrue(line.startswith('INFO '), line)

    def test_too_late(self):
        self.assertEqual('', self.fail(412))

    def test_connection_that_broke(self):
        def func(*args, **kwargs):
            raise pvm_exc.ConnectionError('ConnectionError for GET url')

        self.assertRaises(pvm_exc.ConnectionError, self.send, func)
        line, = self.logger.output.splitlines()
        self.assertTrue(line.startswith('INFO '), line)

    def test_bodies_are_logged_at_debug(self):
        self.listen(logging.DEBUG)
        self.send(lambda *args, **kwargs: answer(body='earlier'))
        output = self.fail(500, body=b'what was sent')
        for text in ('Before it: GET', 'earlier', 'what was sent', 'xxx'):
            self.assertIn(text, output)
        self.assertLess(len(output), 2 * rest_log.MAX_BODY)

    def test_secrets_are_not_logged(self):
        self.listen(logging.DEBUG)
        output = self.fail(500, body='secret', sensitive=True)
        self.assertNotIn('secret', output)
        self.assertNotIn('xxx', output)
        self.assertIn('<sensitive>', output)

    def test_upload_is_not_kept(self):
        self.listen(logging.DEBUG)
        self.send(lambda *args, **kwargs: answer(204, None), 'PUT',
                  filehandle=object())
        self.assertIn('PUT', self.log.last()[0])

    def test_what_is_kept_has_an_end(self):
        for level in (logging.INFO, logging.DEBUG):
            self.listen(level)
            for number in range(1500):
                self.send(lambda *args, **kwargs: answer(body='x' * 10 ** 4),
                          path='%s/%d' % (PATH, number))
            self.assertLessEqual(self.log.size, rest_log.MAX_KEPT)
            self.assertEqual(self.log.size, sum(
                len(entry) for entry in self.log.last(10 ** 6)))
            self.assertIn('/1499', self.log.last()[-1])

    def test_threads_share_it(self):
        def work(number):
            for _time in range(50):
                self.send(lambda *args, **kwargs: answer(),
                          path='%s/%d' % (PATH, number))

        threads = [threading.Thread(target=work, args=(number,))
                   for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(400, len(self.log.last(1000)))


class _Counter(logging.Handler):
    """Counts characters that are logged, and keeps none of them."""

    size = 0

    def emit(self, record):
        self.size += len(record.getMessage())


class CrowdTest(base.SimulatedHostTestCase):
    """Beside 500 LPARs: what an idle thread keeps, and what a 404 logs."""

    #: Characters; what the helper of pypowervm takes is more than this.
    MUCH = 5 * 10 ** 6

    def setUp(self):
        folder = self.useFixture(fixtures.TempDir()).path
        self.PROFILE = sim_profile.load(profiles.write_crowd(
            folder, 500, 'default'))
        super().setUp()
        self.session = self.connect().adapter.session
        self.kept = []

    def read_in_a_thread(self, helper):
        """Read all LPARs three times; what was logged of a 404 after that."""
        counter = _Counter()
        self.useFixture(fixtures.LogHandler(counter, level=logging.INFO))
        request = helper(self.session.request)

        def work():
            for _time in range(3):
                request('GET', PATH)
            self.kept.append(sum(
                len(entry['response'].get('body') or '')
                for entry in getattr(log_helper.log_store, 'powervm_log', ())
                if 'response' in entry))
            self.assertRaises(pvm_exc.HttpNotFound, request, 'GET',
                              PATH + '/7E5D1B0C-0000-4000-8000-00000000FFFF')

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return counter.size

    def test_before_and_after(self):
        logged = self.read_in_a_thread(log_helper.log_helper)
        self.assertGreater(min(self.kept[0], logged), self.MUCH)
        log = rest_log.RestLog()
        logged = [self.read_in_a_thread(log) for _thread in range(2)]
        self.assertEqual([0, 0], self.kept[1:])
        self.assertLess(log.size, 1000)
        self.assertLess(max(logged), 500)
