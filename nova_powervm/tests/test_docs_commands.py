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

"""The commands of the documentation are commands, and those that can run do.

That is ``.. code-block:: console``: a line that begins with ``$`` (anybody) or
``#`` (root), and what goes on with it; other lines are output.
"""

import configparser
import importlib
import os
import re
import shlex
import subprocess
import sys
from unittest import mock

import fixtures
import testtools

from nova_powervm import command as powervm_command
from nova_powervm.simulator import cmd
from nova_powervm.simulator.recording import command as recorder
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import test_cmd
from nova_powervm.tests import test_docs
from nova_powervm.tests import tree

#: Programs that this machine may not have: of the distribution, of NovaLink,
#: of Nova's control plane, and for those who work on this driver.
ELSEWHERE = frozenset("""
    apt-get cd chmod chown cp echo git id install qemu-img openssl
    rescan-scsi-bus.sh sed systemctl journalctl useradd usermod visudo
    ovs-vsctl pvmctl mkvterm rmvterm podman
    nova-compute nova-manage oslo-config-validator pip
    run tox source stack.sh
""".split())
#: Programs whose commands are tried by a test below.
TRIED = frozenset(('curl', 'nova-powervm', 'openstack', 'powervm-recorder',
                   'powervm-simulator', 'python', 'python3'))

#: Programs whose output on a page is compared, and the test that does so.
COMPARED = {'nova-powervm': 'test_command.CheckTest.test_page',
            'mkvterm': 'RunTest.test_mkvterm'}

_PROMPT = re.compile(r'[$#] (.*)')
_ASSIGNMENT = re.compile(r'\w+=')
_PORT = '12080'


def is_complete(command):
    """Whether bash can parse a command, which is not run."""
    return not command.endswith('\\') and subprocess.run(
        ['bash', '-n', '-c', command], capture_output=True).returncode == 0


def commands():
    """All commands of all pages: list of (page, command)."""
    return [found[:2] for found in _sessions()]


def outputs():
    """What pages say that commands print: list of (page, command, text)."""
    return [found for found in _sessions() if found[2]]


def _sessions():
    """All commands of all pages: list of (page, command, what it prints)."""
    found = []
    for page, text in test_docs.blocks('console'):
        lines = iter(text.splitlines())
        for line in lines:
            match = _PROMPT.match(line)
            if match:
                command = match.group(1)
                while not is_complete(command):
                    following = next(lines, None)
                    if following is None:
                        break
                    command += '\n' + following
                found.append((page, command, ''))
            elif line:
                found[-1] = (*found[-1][:2], '%s%s\n' % (found[-1][2], line))
    return found


def split(command):
    """Split a command line into commands without what redirects them.

    :returns: list of lists of str; the first of each is the program, without
        its folder. sudo and assignments in front of it are left out.
    """
    lexer = shlex.shlex(command.replace('\\\n', ' '), posix=True,
                        punctuation_chars=True)
    lexer.whitespace_split = True
    found, skip = [[]], False
    for word in lexer:
        if set(word) <= set('|&;'):
            found.append([])
        elif set(word) <= set('<>'):
            skip = True
        elif skip:
            skip = False
        elif found[-1] or not _ASSIGNMENT.match(word):
            found[-1].append(word)
    return [_without_sudo(words) for words in found if words]


def _without_sudo(words):
    if words[0] == 'sudo':
        words = words[3:] if words[1] == '-u' else words[1:]
    return [os.path.basename(words[0])] + words[1:]


def with_program(*programs):
    """The simple commands of some programs: list of (page, words)."""
    return [(page, words) for page, command in commands()
            for words in split(command) if words[0] in programs]


@tree.needs_source
class CommandTest(testtools.TestCase):

    def test_bash_understands_each(self):
        self.assertGreater(len(commands()), 60)
        self.assertEqual([], [found for found in commands()
                              if not is_complete(found[1])])

    def test_each_line_is_at_the_prompt(self):
        """A block without a prompt is no console."""
        for page, text in test_docs.blocks('console'):
            self.assertRegex(text, _PROMPT, page)

    def test_outputs_are_compared(self):
        self.assertEqual(set(COMPARED), {
            split(command)[0][0] for _page, command, _text in outputs()})

    def test_programs_are_known(self):
        used = {words[0] for _page, command in commands()
                for words in split(command)}
        self.assertEqual(set(), used - ELSEWHERE - TRIED)


class ClientCase(testtools.TestCase):
    """The client itself parses its commands; no cloud is asked."""

    GROUPS = ('openstack.cli', 'openstack.common', 'openstack.compute.v2',
              'openstack.identity.v3', 'openstack.image.v2',
              'openstack.network.v2', 'openstack.volume.v3')

    def setUp(self):
        super().setUp()
        try:
            shell = importlib.import_module('openstackclient.shell')
        except ImportError:
            self.skipTest('python-openstackclient is not installed')
        self.shell = shell.OpenStackShell()
        self.manager = self.shell.command_manager
        for group in self.GROUPS:
            self.manager.add_command_group(group)
        self.app = mock.Mock()

    def parse(self, words):
        """Parse the arguments of one command.

        :raises SystemExit: if the client does not take them.
        :raises ValueError: if there is no such command.
        """
        _options, rest = self.shell.parser.parse_known_args(words)
        # What belongs to the command alone is left in its order.
        first = words.index(next(word for word in rest
                                 if not word.startswith('-')))
        factory, name, arguments = self.manager.find_command(words[first:])
        command = factory(self.app, None, cmd_name=name)
        return command.get_parser('openstack ' + name).parse_args(arguments)


@tree.needs_source
class OpenStackTest(ClientCase):

    def test_each(self):
        found = with_program('openstack')
        self.assertGreater(len(found), 30)
        for page, (_program, *words) in found:
            try:
                self.parse(words)
            except (SystemExit, ValueError) as exc:
                self.fail('%s: openstack %s: %s' % (page, ' '.join(words),
                                                    exc))

    def test_wrong_ones_are_noticed(self):
        for words in (['server', 'list', '--no-such-option'],
                      ['server', 'rescue'], ['hypervisor', 'mend']):
            self.assertRaises((SystemExit, ValueError), self.parse, words)


@tree.needs_source
class ToxTest(testtools.TestCase):
    """What the pages have tox do is there."""

    def setUp(self):
        super().setUp()
        ini = configparser.ConfigParser(interpolation=None)
        ini.read(tree.path('tox.ini'))
        self.environments = {'py3', *(
            name.removeprefix('testenv:') for name in ini.sections())}

    def test_environments(self):
        found = {
            name for page in (
                *test_docs.pages(), *(tree.path(name) for name in (
                    'README.rst', 'CONTRIBUTING.rst', 'HACKING.rst')))
            for names in re.findall(r'\btox\s+-e\s+([\w,-]+)',
                                    tree.read(page))
            for name in names.split(',')}
        table = tree.read('doc', 'source', 'contributor', 'ci.rst')
        found.update(re.findall(r'^``([\w-]+)``  ', table, re.MULTILINE))
        self.assertLess(10, len(found))
        self.assertEqual(set(), found - self.environments)

    def test_names_of_tests(self):
        """A page that has stestr run some tests has it run one at least."""
        modules = [
            os.path.relpath(os.path.join(folder, name), tree.ROOT)
            for folder, _folders, names in os.walk(
                tree.path('nova_powervm', 'tests'))
            for name in names if re.fullmatch(r'test_\w+\.py', name)]
        ids = [path[:-3].replace(os.sep, '.') + '.' for path in modules]
        found = [word for _page, (_program, _option, name, *words) in
                 with_program('tox') if '--' in words and
                 name in ('tests', 'py3', 'functional', 'moves')
                 for word in words[words.index('--') + 1:]
                 if not word.startswith('-') and not word.isdigit()]
        self.assertLess(3, len(found))
        self.assertEqual([], [word for word in found if not any(
            re.search(re.split(r'\.[A-Z]', word)[0], name)
            for name in ids)])


@tree.needs_source
class RunTest(testtools.TestCase):
    """What can be run here is run; only ports and folders are others."""

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir()).path

    def simulator_port(self):
        site = self.useFixture(powervm_fixtures.SimulatedSite()).site
        return str(site.hosts[0].port)

    def run_command(self, words):
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=120,
            cwd=self.folder, env=dict(os.environ, no_proxy='127.0.0.1'))
        self.assertEqual(0, done.returncode, (words, done.stderr))
        return done.stdout

    def test_python(self):
        port = self.simulator_port()
        said = [self.run_command(
            [sys.executable, '-W', 'ignore', '-c',
             words[2].replace(_PORT, port)])
            for _page, words in with_program('python', 'python3')
            if words[1] == '-c']
        self.assertIn('Server-8286-42A-', ''.join(said))

    def test_check(self):
        """The arguments are right; test_command runs it."""
        found = with_program('nova-powervm')
        self.assertTrue(found)
        for _page, (_program, *words) in found:
            options = powervm_command.make_parser().parse_args(words)
            # Behind an HMC each server has a file of its own, too.
            self.assertIn(options.config_file, (
                ['/etc/nova/nova.conf'],
                ['/etc/nova/nova.conf', '/etc/nova/power1.conf']))

    def test_curl(self):
        port = self.simulator_port()
        for _page, words in with_program('curl'):
            if any('/simulator/' in word for word in words):
                self.run_command(words[:1] + ['--fail'] + [
                    word.replace(_PORT, port) for word in words[1:]])

    def test_recorder(self):
        parser = recorder.make_parser()
        found = with_program('powervm-recorder')
        self.assertTrue(found)
        for _page, (_program, *words) in found:
            parser.parse_args(words)

    def test_mkvterm(self):
        """It prints a port, as the page says."""
        site = self.useFixture(powervm_fixtures.SimulatedSite()).site
        program = site.hosts[0].management_root + '/usr/bin/mkvterm'
        for _page, command, text in outputs():
            (name, *words), = split(command)
            if name == 'mkvterm':
                self.assertRegex(self.run_command([program, *words]),
                                 re.sub(r'\d+', r'\\d+', text))

    def test_simulator(self):
        """Each is started, with its options and free ports, and ended."""
        parser = cmd.make_parser()
        found = [words for _page, (_program, *words) in
                 with_program('powervm-simulator')]
        self.assertTrue(found)
        for words in found:
            options = parser.parse_args(words)
            # A profile of one's own is that of the page; its own test has it.
            if not options.profile.startswith('./'):
                self.assertEqual(0, test_cmd.Command(self, *(
                    self.folder if word == options.data_dir else word
                    for word in words)).end())
