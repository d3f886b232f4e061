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
import re
import shlex
import signal
import subprocess
import sys

import fixtures
import testtools

import nova_powervm
from nova_powervm.tests import openstack_client
from nova_powervm.tests import test_docs_commands

_ROOT = os.path.dirname(os.path.dirname(nova_powervm.__file__))


class DemoTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.temp = self.useFixture(fixtures.TempDir()).path
        self.cwd = self.useFixture(fixtures.TempDir()).path

    def _start(self, *arguments):
        path = os.pathsep.join(filter(None, [
            _ROOT, os.environ.get('PYTHONPATH')]))
        return subprocess.Popen(
            [sys.executable, '-m', 'nova_powervm.demo', '--plain',
             *arguments], cwd=self.cwd, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(os.environ, PYTHONPATH=path, TMPDIR=self.temp))

    def _run(self, *arguments):
        return self._end(self._start(*arguments))

    def _end(self, process, begin=''):
        """Wait for the end of a demo, of which some was read already."""
        stdout, stderr = process.communicate()
        return subprocess.CompletedProcess(
            process.args, process.returncode, begin + stdout, stderr)

    def test_it_passes_and_leaves_nothing(self):
        """What --keep prints is tried meanwhile."""
        image = os.path.join(self.temp, 'image.raw')
        with open(image, 'wb') as out:
            out.write(os.urandom(100000))

        process = self._start('--image', image, '--keep')
        said = ''
        try:
            for line in process.stdout:
                said += line
                if line.endswith('/simulator.log\n'):
                    self._try_all(said.partition('another terminal:')[2])
                    break
        finally:
            # It ends the simulator, too.
            process.send_signal(signal.SIGINT)
            done = self._end(process, said)

        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertEqual('', done.stderr)
        self.assertRegex(done.stdout, 'watch it at http://[^ ]*:[0-9]+/\n')
        self.assertIn('image.raw: 0.1 MiB', done.stdout)
        self.assertIn('No guest code runs.', done.stdout)
        self.assertIn('The demo passed: 4 servers came and went',
                      done.stdout.splitlines()[-1])
        self.assertEqual(['image.raw'], os.listdir(self.temp))
        self.assertEqual([], os.listdir(self.cwd))

    def _try_all(self, text):
        """Try what the demo tells to do with its cloud."""
        clouds = re.search(r'OS_CLIENT_CONFIG_FILE=(\S+)', text).group(1)
        tried = set()
        with openstack_client.Client(clouds, self.cwd) as client:
            self._try_cloud(client)
            for command in self._commands(text):
                program, *words = shlex.split(command)
                if program == 'openstack':
                    status, said = client.run(*words)
                    self.assertEqual(0, status, (command, said))
                elif program in ('curl', 'python'):
                    self._try_shell(command)
                tried.add(program)
        self.assertLess({'openstack', 'curl', 'python'}, tried)

    @staticmethod
    def _commands(text):
        """The lines that are indented, those of one command as one."""
        command = ''
        for line in re.findall('^  (.*\n)', text, re.MULTILINE):
            command += line
            if test_docs_commands.is_complete(command.rstrip()):
                yield command.replace('\\\n', '').strip()
                command = ''

    def _try_shell(self, command):
        program, path = os.path.dirname(sys.executable), os.environ['PATH']
        done = subprocess.run(
            ['bash', '-c', command.replace('curl', 'curl --fail', 1)],
            capture_output=True, text=True, cwd=self.cwd,
            env=dict(os.environ, PATH='%s:%s' % (program, path)))
        self.assertEqual(0, done.returncode, (command, done.stderr))
        if command.startswith('python'):
            self.assertIn('novalink', done.stdout)

    def _try_cloud(self, client):
        """Use more of the services beside Nova than the demo tells."""
        self.assertEqual(
            [('demo-1', 'ACTIVE', 'image.raw'),
             ('demo-2', 'ACTIVE', 'image.raw')],
            sorted((server['Name'], server['Status'], server['Image'])
                   for server in client.read('server', 'list')))
        with open(os.path.join(self.temp, 'own.raw'), 'wb') as out:
            out.write(bytes(range(256)) * 1000)
        client.read('image', 'create', '--disk-format', 'raw', '--file',
                    out.name, 'own')
        os.remove(out.name)
        client.read('network', 'create', '--provider-network-type', 'vlan',
                    '--provider-segment', '100', 'net100')
        client.read('subnet', 'create', '--network', 'net100',
                    '--subnet-range', '192.0.2.0/24', 'subnet100')
        server = client.read('server', 'create', '--image', 'own', '--flavor',
                             'demo', '--network', 'net100', '--wait', 'own')
        self.assertEqual(('ACTIVE', {'net100': ['192.0.2.101']}),
                         (server['status'], server['addresses']))
        self.assertEqual(['own'], [image['Name'] for image in client.read(
            'image', 'list', '--name', 'own')])
        status, said = client.run('network', 'delete', 'net100')
        self.assertEqual(1, status)
        self.assertIn('There are ports', said)
        for words in (['server', 'delete', '--wait', 'own'],
                      ['network', 'delete', 'net100'],
                      ['image', 'delete', 'own']):
            self.assertEqual((0, ''), client.run(*words))
        status, said = client.run('image', 'show', 'own')
        self.assertEqual((1, 'No Image found for own\n'), (status, said))

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
