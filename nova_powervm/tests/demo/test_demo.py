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

"""The whole demo, as a process of its own."""

import os
import subprocess
import sys

import fixtures
import testtools

import nova_powervm

_ROOT = os.path.dirname(os.path.dirname(nova_powervm.__file__))


class DemoTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.temp = self.useFixture(fixtures.TempDir()).path
        self.cwd = self.useFixture(fixtures.TempDir()).path

    def _run(self, *arguments):
        path = os.pathsep.join(filter(None, [
            _ROOT, os.environ.get('PYTHONPATH')]))
        return subprocess.run(
            [sys.executable, '-m', 'nova_powervm.demo', '--plain',
             *arguments], cwd=self.cwd, text=True, capture_output=True,
            env=dict(os.environ, PYTHONPATH=path, TMPDIR=self.temp))

    def test_it_passes_and_leaves_nothing(self):
        image = os.path.join(self.temp, 'image.raw')
        with open(image, 'wb') as out:
            out.write(os.urandom(100000))

        done = self._run('--image', image)

        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertEqual('', done.stderr)
        self.assertRegex(done.stdout, 'watch it at http://[^ ]*:[0-9]+/\n')
        self.assertIn('image.raw: 0.1 MiB', done.stdout)
        self.assertIn('The demo passed', done.stdout.splitlines()[-1])
        self.assertEqual(['image.raw'], os.listdir(self.temp))
        self.assertEqual([], os.listdir(self.cwd))

    def test_a_running_server_moves(self):
        done = self._run('--act', 'live-migration')

        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertEqual('', done.stderr)
        for text in ('s on server2: it was never booted',
                     'migration list: running, ', 'migrating not active',
                     'The guest wrote this before it moved'):
            self.assertIn(text, done.stdout)
        self.assertIn('The demo passed', done.stdout.splitlines()[-1])
        self.assertEqual([], os.listdir(self.temp))

    def test_only_the_first_act_can_be_kept(self):
        done = self._run('--act', 'live-migration', '--keep')

        self.assertEqual(2, done.returncode)
        self.assertIn('--keep goes with the act servers', done.stderr)

    def test_a_file_that_is_no_image_is_refused_at_once(self):
        done = self._run('--image', os.path.join(self.temp, 'nothing'))

        self.assertEqual(2, done.returncode)
        self.assertIn('No such file', done.stderr)
        self.assertEqual('', done.stdout)
