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

"""The command powervm-simulator, as a process of its own."""

import contextlib
import io
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import fixtures as base_fixtures
from pypowervm import adapter as pvm_adapter
from pypowervm.wrappers import managed_system
import testtools

from nova_powervm.simulator import cmd
from nova_powervm.simulator import profile
from nova_powervm.simulator import site


class Command:
    """A running command.

    :ivar ready: dict, what the ready file says
    """

    def __init__(self, test, *arguments):
        self.directory = test.useFixture(base_fixtures.TempDir()).path
        self.ready_file = os.path.join(self.directory, 'ready.json')
        self._process = subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-m',
             'nova_powervm.simulator.cmd', '--port', '0',
             '--ready-file', self.ready_file] + list(arguments),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        test.addCleanup(self._process.stdout.close)
        test.addCleanup(self.end)
        self.log = ''
        # A line for each host comes before the ready file.
        while 'Ready' not in self.log:
            line = self._process.stdout.readline()
            if not line:
                raise AssertionError(self.log)
            self.log += line
        with open(self.ready_file) as ready_file:
            self.ready = json.load(ready_file)

    def end(self, number=signal.SIGTERM):
        """End it, and return its exit status."""
        if self._process.poll() is None:
            self._process.send_signal(number)
            self.log += self._process.stdout.read()
        return self._process.wait()


class LibrariesTest(testtools.TestCase):
    """They are an extra of the package."""

    def run_without(self, module):
        """Run the command where a module is not installed.

        :returns: (exit status, what it says on standard error).
        """
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c',
             'import sys; sys.modules[%r] = None; '
             'from nova_powervm.simulator import __main__ as command; '
             'sys.exit(command.main(["--help"]))' % module],
            capture_output=True, text=True)
        return done.returncode, done.stderr

    def test_missing(self):
        for module in ('cheroot', 'werkzeug'):
            status, said = self.run_without(module)
            self.assertEqual(1, status, said)
            self.assertIn("pip install 'nova-powervm[simulator]'", said)
            self.assertNotIn('Traceback', said)

    def test_not_missing(self):
        self.assertEqual((0, ''), self.run_without('no_such_module'))

    def test_another_module(self):
        """A fault of ours is not hidden."""
        status, said = self.run_without('nova_powervm.simulator.cmd')
        self.assertEqual(1, status)
        self.assertIn('Traceback', said)


class TestCommand(testtools.TestCase):

    def setUp(self):
        super().setUp()
        for name in ('http_proxy', 'HTTP_PROXY', 'REQUESTS_CA_BUNDLE',
                     'CURL_CA_BUNDLE'):
            self.useFixture(base_fixtures.EnvironmentVariable(name))

    def test_life(self):
        command = Command(self, '--profile', 'two-host')
        hosts = command.ready['hosts']
        self.assertEqual(['server1', 'server2'], [h['name'] for h in hosts])
        for host in hosts:
            self.assertIn('Host %s is at %s' % (host['name'], host['url']),
                          command.log)
            self.assertEqual(['dev', 'proc', 'sys', 'usr'], sorted(
                os.listdir(host['management_root'])))
            # File authentication, as a plain Session() does it.
            session = pvm_adapter.Session(port=host['port'])
            self.assertEqual(1, len(managed_system.System.get(
                pvm_adapter.Adapter(session))))
            session._logoff()
        self.assertEqual(0, command.end())
        self.assertFalse(os.path.exists(command.ready_file))
        self.assertFalse(os.path.exists(command.ready['data_dir']))
        self.assertNotIn('Traceback', command.log)

    def test_interrupt_with_a_poll_under_way(self):
        command = Command(self, '--timing', 'event_seconds=600')
        port = command.ready['hosts'][0]['port']
        session = pvm_adapter.Session(port=port)
        listener = session.get_event_listener()
        failed = threading.Event()

        def poll():
            listener.getevents()
            failed.set()

        self.patch(pvm_adapter.time, 'sleep', lambda seconds: None)
        thread = threading.Thread(target=poll)
        thread.start()
        self.assertEqual(0, command.end(signal.SIGINT))
        thread.join()
        self.assertTrue(failed.is_set())
        session._logoff()

    def test_only_the_main_thread_takes_signals(self):
        """It takes them when it waits: none can come too early."""
        pid = Command(self).ready['pid']
        wanted = sum(1 << number - 1
                     for number in (signal.SIGTERM, signal.SIGINT))
        threads = set(os.listdir('/proc/%d/task' % pid)) - {str(pid)}
        self.assertTrue(threads)
        for thread in threads:
            with open('/proc/%d/task/%s/status' % (pid, thread)) as status:
                blocked = re.search('SigBlk:\t(.*)', status.read()).group(1)
            self.assertEqual(wanted, int(blocked, 16) & wanted)

    def test_https(self):
        command = Command(self, '--https')
        url = command.ready['hosts'][0]['url']
        self.assertTrue(url.startswith('https://localhost:'))
        authority = os.path.join(command.ready['data_dir'], 'ca.pem')
        context = ssl.create_default_context(cafile=authority)
        with urllib.request.urlopen(url + '/simulator/state',
                                    context=context) as reply:
            self.assertEqual('default', json.load(reply)['name'])
        self.useFixture(base_fixtures.EnvironmentVariable(
            'REQUESTS_CA_BUNDLE', authority))
        session = pvm_adapter.Session(
            'localhost', 'neo', 'abc123', certpath=None,
            port=command.ready['hosts'][0]['port'])
        self.assertEqual('PVM', session.mc_type)
        session._logoff()

    def test_https_of_two_hmcs(self):
        """The certificate is good for the address of each."""
        command = Command(self, '--profile', 'two-hmc', '--https')
        context = ssl.create_default_context(cafile=os.path.join(
            command.ready['data_dir'], 'ca.pem'))
        port = command.ready['hosts'][0]['port']
        for address in ('localhost', '127.0.0.1', '127.0.0.2'):
            with urllib.request.urlopen(
                    'https://%s:%d/simulator/state' % (address, port),
                    context=context) as reply:
                self.assertEqual('two-hmc', json.load(reply)['name'])

    def test_data_folder(self):
        directory = self.useFixture(base_fixtures.TempDir()).path
        for _ in range(2):
            command = Command(self, '--data-dir', directory)
            self.assertEqual(directory, command.ready['data_dir'])
            self.assertEqual(0, command.end())
        self.assertTrue(os.path.isdir(os.path.join(directory, 'server1')))

    def test_kept_state(self):
        """A restart goes on with the state, and with the certificate."""
        arguments = ('--data-dir',
                     self.useFixture(base_fixtures.TempDir()).path,
                     '--keep-state', '--https')
        command = Command(self, *arguments)
        authority = os.path.join(command.ready['data_dir'], 'ca.pem')
        context = ssl.create_default_context(cafile=authority)
        body = json.dumps({'action': 'create_partition', 'name': 'kept'})
        urllib.request.urlopen(
            command.ready['hosts'][0]['url'] + '/simulator/control',
            body.encode(), context=context).close()
        self.assertEqual(0, command.end())
        command = Command(self, *arguments)
        with urllib.request.urlopen(
                command.ready['hosts'][0]['url'] + '/simulator/state',
                context=context) as reply:
            [host] = json.load(reply)['hosts']
        self.assertIn('kept', [lpar['name'] for lpar in
                               host['LogicalPartition']])

    def test_token(self):
        """The REST API does not want it; mkvterm has it."""
        path = os.path.join(self.useFixture(base_fixtures.TempDir()).path,
                            'token')
        with open(path, 'w') as token_file:
            token_file.write('s3cret\n')
        [host] = Command(self, '--control-token', path).ready['hosts']
        exc = self.assertRaises(urllib.error.HTTPError,
                                urllib.request.urlopen,
                                host['url'] + '/simulator/state')
        exc.close()
        self.assertEqual(401, exc.code)
        urllib.request.urlopen(urllib.request.Request(
            host['url'] + '/simulator/state',
            headers={'Authorization': 'Bearer s3cret'})).close()
        command = os.path.join(host['management_root'], 'usr/bin/rmvterm')
        self.assertEqual(0o700, os.stat(command).st_mode & 0o777)
        subprocess.run([command, '--id', '1'], check=True)

    def test_ready_file_of_another_command(self):
        command = Command(self)
        with open(command.ready_file, 'w') as ready_file:
            ready_file.write('{"pid": 1}')
        self.assertEqual(0, command.end())
        self.assertTrue(os.path.exists(command.ready_file))

    def test_warning(self):
        command = Command(self, '--bind', '0.0.0.0')
        self.assertIn('Other machines may reach this simulator', command.log)
        self.assertEqual(0, command.end())


class TestStart(testtools.TestCase):
    """What comes before the site is ready."""

    def start(self, *arguments):
        process = subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-m',
             'nova_powervm.simulator.cmd', '--port', '0'] + list(arguments),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_signal_while_it_starts(self):
        """The site is not built to its end."""
        temporary = self.useFixture(base_fixtures.TempDir()).path
        self.useFixture(base_fixtures.EnvironmentVariable('TMPDIR', temporary))
        for number in (signal.SIGTERM, signal.SIGINT):
            process = self.start('--profile', 'large')
            while not os.listdir(temporary):
                self.assertIsNone(process.poll())
            process.send_signal(number)
            log = process.stdout.read()
            self.assertEqual(0, process.wait(), log)
            self.assertIn('has not started', log)
            self.assertNotIn('Traceback', log)
            self.assertNotIn('Ready', log)
            self.assertEqual([], os.listdir(temporary))

    def test_port_in_use(self):
        """The folder of an earlier run stays as it is."""
        folder = self.useFixture(base_fixtures.TempDir()).path
        command = Command(self, '--data-dir', folder)
        self.assertEqual(0, command.end())
        before = sorted(os.walk(folder))
        other = Command(self)
        process = self.start(
            '--data-dir', folder, '--port',
            str(other.ready['hosts'][0]['port']), '--ready-file',
            other.ready_file)
        log = process.stdout.read()
        self.assertEqual(1, process.wait(), log)
        self.assertEqual(before, sorted(os.walk(folder)))
        # Neither is the ready file of the other one its own.
        self.assertTrue(os.path.exists(other.ready_file))

    def test_addresses(self):
        for address in ('', 'nowhere.invalid', 'a..b', 'x' * 70 + '.y'):
            process = self.start('--bind', address)
            log = process.stdout.read()
            self.assertEqual(1, process.wait(), log)
            self.assertNotIn('Traceback', log)
            self.assertIn('isten on', log)

    def test_ready_file_that_cannot_be(self):
        """Nothing is left of it."""
        folder = self.useFixture(base_fixtures.TempDir()).path
        inner = os.path.join(folder, 'is-a-folder')
        os.mkdir(inner)
        for path in (inner, os.path.join(folder, 'none', 'ready.json')):
            process = self.start('--ready-file', path)
            log = process.stdout.read()
            self.assertEqual(1, process.wait(), log)
            self.assertNotIn('Traceback', log)
            self.assertIn('Cannot write the ready file', log)
            self.assertIn(path, log)
            self.assertEqual(['is-a-folder'], os.listdir(folder))

    def test_folder_in_use(self):
        command = Command(self, '--data-dir',
                          self.useFixture(base_fixtures.TempDir()).path)
        folder = command.ready['data_dir']
        before = sorted(os.walk(folder))
        process = self.start('--data-dir', folder)
        log = process.stdout.read()
        self.assertEqual(1, process.wait(), log)
        self.assertIn('Another simulated site uses the folder', log)
        self.assertEqual(before, sorted(os.walk(folder)))


class TestRefusals(testtools.TestCase):
    """What the command ends with before it serves anything."""

    def run_command(self, *arguments):
        output = io.StringIO()
        self.useFixture(base_fixtures.FakeLogger())
        self.useFixture(base_fixtures.MonkeyPatch('signal.signal',
                                                  lambda *args: None))
        with contextlib.redirect_stdout(output), \
                contextlib.redirect_stderr(output):
            ended = self.assertRaises(SystemExit, cmd.main, list(arguments))
        return ended.code, output.getvalue()

    def test_help(self):
        status, text = self.run_command('--help')
        self.assertEqual(0, status)
        for word in ('--profile', '--ready-file', 'two-host',
                     'exit status:'):
            self.assertIn(word, text)

    def test_profile(self):
        status, text = self.run_command('--profile', 'nowhere')
        self.assertEqual(2, status)
        self.assertIn('powervm-simulator: nowhere: No such file', text)
        self.assertNotIn('Traceback', text)

    def test_token(self):
        path = os.path.join(self.useFixture(base_fixtures.TempDir()).path,
                            'token')
        self.assertEqual(1, self.run_command('--control-token', path)[0])
        for text in ('', '\n', 'two words\n'):
            with open(path, 'w') as token_file:
                token_file.write(text)
            status, text = self.run_command('--control-token', path)
            self.assertEqual(2, status)
            self.assertIn('is no token', text)

    def test_state_without_a_folder(self):
        self.assertEqual(2, self.run_command('--keep-state')[0])

    def test_state_of_another_profile(self):
        folder = self.useFixture(base_fixtures.TempDir()).path
        site.Site(profile.load('default'), folder, keep=True).stop()
        status, text = self.run_command(
            '--data-dir', folder, '--profile', 'ssp', '--keep-state',
            '--port', '0')
        self.assertEqual(1, status)
        self.assertIn('another profile', text)
        self.assertNotIn('Traceback', text)

    def test_timing(self):
        for value, reason in (('naps=1', 'unknown name naps'),
                              ('job_polls=many', 'not a number >= 0'),
                              ('job_polls=-1', 'not a number >= 0')):
            status, text = self.run_command('--timing', value)
            self.assertEqual(2, status)
            self.assertIn(reason, text)

    def test_port(self):
        for value in ('abc', '70000', '-1', '1e3'):
            status, text = self.run_command('--port=' + value)
            self.assertEqual(2, status)
            self.assertIn('a port is a number from 0 to 65535, not %r' %
                          value, text)

    def test_version(self):
        status, text = self.run_command('--version')
        self.assertEqual(0, status)
        self.assertRegex(text, r'^powervm-simulator \d+\.\d+')

    def print(self, *arguments):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            self.assertEqual(0, cmd.main(list(arguments)))
        return output.getvalue()

    def test_list_profiles(self):
        text = self.print('--list-profiles')
        listed = [line.split()[0] for line in text.splitlines()
                  if not line.startswith(' ')]
        self.assertEqual(profile.names(), listed)
        self.assertIn('two HMCs', ' '.join(text.split()))
        for name in listed:
            self.assertLess(20, len(profile.describe(name)), name)

    def test_print_profile(self):
        text = self.print('--print-profile', 'two-host')
        self.assertEqual(profile.load('two-host'), profile.parse(text))
        status, text = self.run_command('--print-profile', 'nowhere')
        self.assertEqual(2, status)
        self.assertIn('The profiles that come with the simulator are', text)

    def test_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', 0))
            taken.listen()
            status, text = self.run_command(
                '--port', str(taken.getsockname()[1]))
        self.assertEqual(1, status)
        self.assertIn('powervm-simulator: ', text)

    def test_data_folder_of_somebody_else(self):
        directory = self.useFixture(base_fixtures.TempDir()).path
        path = os.path.join(directory, 'letter')
        with open(path, 'w'):
            pass
        status, text = self.run_command('--data-dir', directory)
        self.assertEqual(1, status)
        self.assertIn('not empty', text)
        self.assertTrue(os.path.exists(path))
