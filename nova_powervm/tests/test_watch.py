# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""A test that hangs ends its process with its name; each one's cost is known.

The tests that hang run in a process of their own, as a worker of stestr.
"""

from concurrent import futures
import io
import json
import os
import subprocess
import sys

import fixtures
import subunit
import testtools

from nova_powervm.tests import watch

#: What Nova's own classes are to us: a class of tests from elsewhere.
CASES = '''
import subprocess
import sys
import threading
import unittest

import testtools

import nova_powervm.tests


def hang():
    threading.Event().wait()


class Testtools(testtools.TestCase):

    def test_hangs_in_cleanup(self):
        self.addCleanup(hang)

    def test_hangs_with_a_child(self):
        # It has our standard output, on whose end stestr waits.
        child = subprocess.Popen([sys.executable, '-c', 'input()'],
                                 stdin=subprocess.PIPE)
        self.addCleanup(child.wait)


class HangsInSetUp(testtools.TestCase):

    def setUp(self):
        super().setUp()
        hang()

    def test_it(self):
        pass


class Unittest(unittest.TestCase):

    def test_hangs(self):
        hang()


class HangsAfterwards(unittest.TestCase):

    @classmethod
    def tearDownClass(cls):
        hang()

    def test_it(self):
        pass


class ThreadStays(unittest.TestCase):

    def test_it(self):
        threading.Thread(target=hang, name='stays').start()


class Works(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        sum(range(5 * 10 ** 6))

    def test_here(self):
        pass

    def test_in_a_child(self):
        subprocess.run([sys.executable, '-c', 'sum(range(10 ** 7))'])
'''
#: Seconds, for tests that hang. Six processes must start within them.
SHORT = '10'
#: Seconds, for those that do not.
LONG = '60'


class WorkerTestCase(testtools.TestCase):
    """Runs some of the CASES in a worker.

    :ivar folder: str, a folder of the test.
    """

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir()).path
        with open(os.path.join(self.folder, 'cases.py'), 'w') as target:
            target.write(CASES)

    def run_cases(self, name, deadline, **environment):
        """Run tests of CASES.

        :param name: str, of a class or of a test of it
        :param deadline: str, seconds
        :returns: (exit status, {test ID: (status, text of its details)},
                  what came on standard error).
        """
        paths = [self.folder, os.getcwd()] + sys.path
        done = subprocess.run(
            [sys.executable, '-m', 'stestr.subunit_runner.run',
             'cases.' + name],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL, timeout=120,
            env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths),
                 'OS_TEST_DEADLINE': deadline, 'OS_TEST_COSTS': '',
                 **environment})
        outcomes = {}
        result = testtools.StreamToDict(
            lambda test: outcomes.update({test['id']: (
                test['status'], ''.join(
                    detail.as_text()
                    for detail in test['details'].values()))}))
        result.startTestRun()
        subunit.ByteStreamToStreamResult(io.BytesIO(done.stdout)).run(result)
        result.stopTestRun()
        return done.returncode, outcomes, done.stderr.decode()


class DeadlineTest(WorkerTestCase):

    #: What is run, the ID that is reported, and what its stacks have in them.
    HANGS = (
        ('Testtools.test_hangs_in_cleanup',
         'cases.Testtools.test_hangs_in_cleanup', 'in hang'),
        ('HangsInSetUp', 'cases.HangsInSetUp.test_it', 'in setUp'),
        ('Unittest', 'cases.Unittest.test_hangs', 'in test_hangs'),
        ('HangsAfterwards', 'after cases.HangsAfterwards.test_it',
         'in tearDownClass'),
        ('ThreadStays', 'after cases.ThreadStays.test_it', 'Thread stays'),
        # Its output would not end before that of the child.
        ('Testtools.test_hangs_with_a_child',
         'cases.Testtools.test_hangs_with_a_child', 'in wait'),
    )

    def test_hangs(self):
        with futures.ThreadPoolExecutor(len(self.HANGS)) as executor:
            ran = executor.map(lambda hang: self.run_cases(hang[0], SHORT),
                               self.HANGS)
        for (_case, reported, where), (status, outcomes, stderr) in zip(
                self.HANGS, ran):
            self.assertEqual(watch.STATUS, status, stderr)
            outcome, details = outcomes[reported]
            self.assertEqual('fail', outcome, (reported, details, stderr))
            for text in (details, stderr):
                self.assertIn('%s took longer than %s seconds' % (
                    reported, SHORT), text)
                self.assertIn('Thread MainThread', text)
                self.assertIn(where, text)


class CostsTest(WorkerTestCase):

    def _run(self, folder):
        """Run tests that end in time."""
        status, outcomes, stderr = self.run_cases(
            'Works', LONG, OS_TEST_COSTS=folder)
        self.assertEqual((0, ''), (status, stderr))
        self.assertEqual(
            {'cases.Works.test_here': 'success',
             'cases.Works.test_in_a_child': 'success'},
            {name: outcome for name, (outcome, _text) in outcomes.items()})

    def test_each_test_has_a_line(self):
        folder = os.path.join(self.folder, 'costs')
        self._run(folder)
        [name] = os.listdir(folder)
        with open(os.path.join(folder, name)) as lines:
            *costs, end = [json.loads(line) for line in lines]
        self.assertEqual({'end': True}, end)
        self.assertEqual(
            ['before the first test', 'cases.Works.test_here',
             'cases.Works.test_in_a_child'],
            [cost['id'] for cost in costs])
        # Fixtures of classes count, and so do children.
        before, here, child = costs
        for cost in (before, child):
            self.assertGreater(cost['cpu'], here['cpu'])
            self.assertGreater(cost['wall'], here['wall'])

    def test_no_folder_is_made_for_stestr(self):
        self._run(os.path.join(self.folder, '.stestr', 'costs'))
        self.assertFalse(os.path.exists(
            os.path.join(self.folder, '.stestr')))
