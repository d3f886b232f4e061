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

"""A part of the tests with a real Neutron, for the run of all tests.

Neutron imports eventlet, so they run in processes of their own: see ml2.
"""

import configparser
from importlib import util
import os
import re
import subprocess
import sys
import unittest

import testtools

from nova_powervm.tests import tree
from nova_powervm.tests import watch

ML2 = 'nova_powervm.tests.neutron.ml2.'
#: Seconds for each test in such a process. This process has more.
DEADLINE = '120'


@unittest.skipUnless(util.find_spec('neutron') and util.find_spec('webtest'),
                     'neutron or WebTest is not installed')
class RealNeutronTest(testtools.TestCase):

    def run_apart(self, name):
        """Run tests of ml2 in a process of their own."""
        environment = {**os.environ, 'OS_TEST_NEUTRON': '1',
                       watch.DEADLINE: DEADLINE}
        # Only tests that stestr knows are there.
        environment.pop(watch.COSTS, None)
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-m', 'testtools.run',
             ML2 + name], env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(0, done.returncode, done.stdout)
        ran = re.search(r'^Ran (\d+) test', done.stdout, re.M)
        self.assertGreater(int(ran.group(1)), 0, done.stdout)

    def test_moves(self):
        self.run_apart('test_binding.MoveTest')

    @tree.needs_source
    def test_server(self):
        self.run_apart('test_server.ServerTest')

    @tree.needs_source
    def test_examples(self):
        self.run_apart('test_server.ExampleTest')

    @tree.needs_source
    def test_devstack(self):
        self.run_apart('test_devstack')

    def test_failure_is_noticed(self):
        self.assertRaises(testtools.matchers.MismatchError, self.run_apart,
                          'test_no_such_module')


@tree.needs_source
class EnvironmentTest(testtools.TestCase):

    def test_default_run_has_neutron(self):
        """Or the tests above would be skipped, and nobody would know."""
        tox = configparser.ConfigParser(interpolation=None)
        tox.read(tree.path('tox.ini'))
        for name in ('testenv:tests', 'testenv:py3'):
            self.assertEqual('{[testenv:neutron]deps}',
                             tox[name]['deps'].strip())
        self.assertIn('neutron>=', tox['testenv:neutron']['deps'])
