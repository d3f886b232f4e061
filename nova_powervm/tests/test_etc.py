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


"""What etc/ has: configuration that Nova reads, and a systemd unit."""

import ast
import configparser
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile

import fixtures
import testtools

from nova_powervm import conf
from nova_powervm.simulator import cmd
from nova_powervm.simulator.recording import command as recorder
from nova_powervm.tests.simulator import test_cmd
from nova_powervm.tests import test_docs
from nova_powervm.tests import tree

COMPLETIONS = tree.path('etc', 'bash_completion.d')
GENERATOR = tree.path('etc', 'nova', 'nova-config-generator-powervm.conf')
VALIDATOR = tree.path('etc', 'nova', 'nova-config-validator-powervm.conf')
UNIT = tree.path('etc', 'systemd', 'powervm-simulator.service')


#: Runs console scripts of oslo.config as its argument says, in one process:
#: it takes seconds to import all that has options.
RUN = '''
import contextlib, importlib, io, json, logging, sys

said = []
for name, arguments in json.loads(sys.argv[1]):
    sys.argv[1:] = arguments
    logging.root.handlers.clear()
    output = io.StringIO()
    with contextlib.redirect_stdout(output), \\
            contextlib.redirect_stderr(output):
        status = importlib.import_module('oslo_config.' + name).main()
    said.append([status or 0, output.getvalue()])
print(json.dumps(said))
'''


def run_scripts(calls):
    """Run console scripts of oslo.config, one after the other.

    :param calls: list of (name of a module of oslo_config, its arguments)
    :returns: list of (exit status, all that it printed)
    """
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', RUN, json.dumps(
            [(name, ['--config-file', {
                'generator': GENERATOR, 'validator': VALIDATOR}[name],
                *arguments]) for name, arguments in calls])],
        cwd=tree.ROOT, text=True, stdout=subprocess.PIPE, check=True,
        env=dict(os.environ, PYTHONPATH=tree.ROOT))
    return [tuple(outcome)
            for outcome in json.loads(done.stdout.splitlines()[-1])]


@tree.needs_source
class ConfigurationTest(testtools.TestCase):
    """What oslo-config-generator and oslo-config-validator say."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, folder)
        sample = os.path.join(folder, 'sample')
        # With the settings that are commented out, too.
        with open(tree.path('etc', 'nova', 'nova-powervm.conf')) as text:
            own, cls.commented = re.subn(r'(?m)^#(?=\w+ = )', '', text.read())
        pages, cls.complete_pages = cls._pages()
        calls = [('generator', ['--output-file', sample])]
        for number, text in enumerate((
                own, pages, '[powervm]\ndisk_drivr = localdisk\n',
                '[powervm]\nfabric_C_port_wwpns = 10000090FA1B2C01\n')):
            path = os.path.join(folder, '%d.conf' % number)
            with open(path, 'w') as out:
                out.write(text)
            calls.append(('validator', ['--input-file', path]))
        (cls.of_generator, cls.of_sample, cls.of_pages,
         cls.of_misspelt, cls.of_third_fabric) = run_scripts(calls)
        with open(sample) as text:
            cls.sample = text.read()

    @staticmethod
    def _pages():
        """The text of all complete configurations, and how many they are."""
        groups = {}
        complete = 0
        for _, text in test_docs.ini_blocks():
            parsed = test_docs.ConfigurationTest.parse(text)
            if 'compute_driver' not in parsed.get('DEFAULT', {}):
                continue
            complete += 1
            for group, values in parsed.items():
                groups.setdefault(group, []).extend(values.items())
        return '\n'.join(
            '[%s]\n%s' % (group, '\n'.join('%s = %s' % pair
                                           for pair in pairs))
            for group, pairs in groups.items()), complete

    def test_generator(self):
        self.assertEqual(0, self.of_generator[0], self.of_generator)
        options = {}
        for line in self.sample.splitlines():
            if line.startswith('['):
                found = options.setdefault(line.strip('[]'), set())
            match = re.match(r'#(\w+) = ?', line)
            if match:
                found.add(match.group(1))
        self.assertEqual(
            {option.dest for _, group in conf.list_opts()
             for option in group},
            options['powervm'])
        self.assertLessEqual(
            {'compute_driver', 'transport_url', 'log_dir'},
            options['DEFAULT'])
        self.assertIn('lock_path', options['oslo_concurrency'])
        for group in ('neutron', 'placement', 'glance'):
            self.assertIn('valid_interfaces', options[group])

    def test_sample_is_valid(self):
        self.assertGreater(self.commented, 5)
        self.assertEqual(0, self.of_sample[0], self.of_sample)

    def test_pages_are_valid(self):
        self.assertGreater(self.complete_pages, 3)
        self.assertEqual(0, self.of_pages[0], self.of_pages)

    def test_more_fabrics(self):
        self.assertEqual(0, self.of_third_fabric[0], self.of_third_fabric)
        self.assertNotIn('fabric_C', self.sample)

    def test_both_lists_are_the_same(self):
        """But for the options of fabrics."""
        listed = []
        for path in (GENERATOR, VALIDATOR):
            with open(path) as text:
                listed.append(re.findall('^namespace = (.*)$', text.read(),
                                         re.MULTILINE))
        self.assertEqual(listed[0], [name for name in listed[1]
                                     if name != 'nova_powervm.fabrics'])

    def test_misspelt_option(self):
        status, said = self.of_misspelt
        self.assertEqual(1, status)
        self.assertIn('powervm/disk_drivr', said)


@tree.needs_source
class UnitTest(testtools.TestCase):
    """The systemd unit of the simulated site."""

    def setUp(self):
        super().setUp()
        self.unit = configparser.ConfigParser(
            strict=False, interpolation=None, comment_prefixes='#')
        self.unit.optionxform = str
        with open(UNIT) as unit:
            # systemd joins a line that ends with a backslash with the next.
            self.unit.read_string(unit.read().replace('\\\n', ' '))
        self.service = self.unit['Service']

    def arguments(self):
        """What the command is called with: list of str."""
        command, *arguments = shlex.split(self.service['ExecStart'])
        self.assertEqual(cmd.make_parser().prog, command)
        name, _, profile = self.service['Environment'].partition('=')
        known = {'${%s}' % name: profile}
        return [known.get(argument, argument) for argument in arguments]

    def test_command(self):
        options = cmd.make_parser().parse_args(self.arguments())
        self.assertEqual('127.0.0.1', options.bind)
        self.assertEqual('default', options.profile)
        # The folders that systemd makes for it.
        self.assertEqual('%S/' + self.service['StateDirectory'],
                         options.data_dir)
        self.assertEqual('%t/' + self.service['RuntimeDirectory'],
                         os.path.dirname(options.ready_file))

    def test_page_overrides_it_with_the_same(self):
        with open(tree.path('doc', 'source', 'simulator',
                            'index.rst')) as page:
            text = page.read().replace('\\\n', ' ')
        command = re.search(r'ExecStart=(/.*)', text).group(1)
        known = {'${POWERVM_SIMULATOR_PROFILE}': 'default'}
        self.assertEqual(self.arguments(), [
            known.get(argument, argument)
            for argument in shlex.split(command)[1:]])

    def test_devstack_runs_the_same(self):
        with open(tree.path('devstack', 'plugin.sh')) as plugin:
            text = plugin.read()
        start = text[text.index('start_powervm_simulator {'):]
        theirs = set(re.findall(r'command\+=" (--[a-z-]+)',
                                start.partition('\n}')[0]))
        ours = {argument for argument in self.arguments()
                if argument.startswith('--')}
        self.assertEqual(ours - {'--bind'}, theirs)
        self.assertEqual(
            '127.0.0.1', cmd.make_parser().parse_args([]).bind)
        with open(tree.path('devstack', 'settings')) as settings:
            self.assertIn(
                '{%s:-%s}' % tuple(self.service['Environment'].split('=')),
                settings.read())

    def test_it_says_when_it_is_ready(self):
        """Type=notify, with both kinds of sockets."""
        self.assertEqual('notify', self.service['Type'])
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'n')
        for address in (path, '@' + path):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
                systemd.bind(address.replace('@', '\0'))
                systemd.settimeout(60)
                self.useFixture(fixtures.EnvironmentVariable(
                    'NOTIFY_SOCKET', address))
                command = test_cmd.Command(self)
                self.assertEqual(b'READY=1', systemd.recv(100))
                self.assertEqual(0, command.end())

    def test_nobody_listens(self):
        self.useFixture(fixtures.EnvironmentVariable(
            'NOTIFY_SOCKET', '/nonexistent'))
        command = test_cmd.Command(self)
        self.assertEqual(0, command.end())
        self.assertIn('Cannot tell systemd', command.log)

    def test_systemd_accepts_it(self):
        program = shutil.which('systemd-analyze')
        if program is None:
            self.skipTest('There is no systemd-analyze')
        path = os.path.join(self.useFixture(fixtures.TempDir()).path,
                            os.path.basename(UNIT))
        with open(UNIT) as unit, open(path, 'w') as copy:
            # It wants to see the command, wherever that is installed.
            copy.write(unit.read().replace('ExecStart=powervm-simulator',
                                           'ExecStart=' + sys.executable))
        done = subprocess.run(
            [program, 'verify', '--man=no', path], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = [line for line in done.stdout.splitlines()
                if os.path.basename(UNIT) in line]
        self.assertEqual([], said)


@tree.needs_source
class CompletionTest(testtools.TestCase):
    """What bash offers is what the commands take."""

    def complete(self, *words):
        """List what bash offers for the last word."""
        name = words[0]
        # bash has no command of this name here.
        script = (
            'powervm-simulator() { printf "default   One\\n   more\\n'
            'large  Many\\n"; }\n'
            '. %s\nCOMP_WORDS=(%s)\nCOMP_CWORD=%d\n_%s %s "%s" "%s"\n'
            'printf "%%s\\n" "${COMPREPLY[@]}"' % (
                os.path.join(COMPLETIONS, name),
                ' '.join('"%s"' % word for word in words), len(words) - 1,
                name.replace('-', '_'), name, words[-1], words[-2]))
        done = subprocess.run(['bash', '-c', script], text=True, check=True,
                              capture_output=True)
        self.assertEqual('', done.stderr)
        return done.stdout.split()

    @staticmethod
    def options(parser):
        return sorted(name for action in parser._actions
                      for name in action.option_strings if name[1] == '-')

    def test_simulator(self):
        self.assertEqual(self.options(cmd.make_parser()),
                         sorted(self.complete('powervm-simulator', '-')))
        self.assertEqual(['large'], self.complete(
            'powervm-simulator', '--print-profile', 'l'))
        self.assertEqual([], self.complete('powervm-simulator', '--port', ''))

    def test_recorder(self):
        [actions] = [action for action in recorder.make_parser()._actions
                     if action.choices]
        self.assertEqual(
            sorted([*actions.choices, '--help']),
            sorted(self.complete('powervm-recorder', '')))
        for name, parser in actions.choices.items():
            self.assertEqual(self.options(parser), sorted(
                self.complete('powervm-recorder', name, '-')))


@tree.needs_source
class ContainerfileTest(testtools.TestCase):
    """No image is built here: that needs a network and podman."""

    def setUp(self):
        super().setUp()
        self.lines = tree.read('Containerfile').replace('\\\n', ' ')

    def test_command(self):
        words = json.loads(re.search('ENTRYPOINT (.*)', self.lines).group(1))
        self.assertEqual('powervm-simulator', words[0])
        options = cmd.make_parser().parse_args(
            [*words[1:], '--profile', 'everything'])
        self.assertTrue(options.keep_state)
        self.assertTrue(options.data_dir.startswith('/data/'))

    def test_libraries(self):
        """They are those of the extra, and what the simulator imports."""
        config = configparser.ConfigParser()
        config.read(tree.path('setup.cfg'))
        needed = {line.partition('#')[0].strip() for line in
                  config['extras']['simulator'].split('\n')}
        needed |= {line.partition('#')[0].strip() for line in tree.read(
            'requirements.txt').splitlines() if re.match(
                'pbr|lxml|oslo.log', line)}
        self.assertEqual(needed - {''}, set(re.findall(
            "'([^']+)'", self.lines.partition('COPY')[0])))
        roots = set()
        for folder, _folders, files in os.walk(tree.path(
                'nova_powervm', 'simulator')):
            for name in files:
                # Only Cinder loads this driver, and not in the container.
                if name.endswith('.py') and name != 'cinder_driver.py':
                    roots |= _imports(os.path.join(folder, name))
        self.assertEqual(
            {'cheroot', 'jsonschema', 'lxml', 'oslo_log', 'ruamel', 'trustme',
             'werkzeug'},
            roots - set(sys.stdlib_module_names) - {'nova_powervm'})


def _imports(path):
    """Find the packages that a module imports, a set of str."""
    with open(path, encoding='utf-8') as source:
        nodes = list(ast.walk(ast.parse(source.read())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import)
             for alias in node.names]
    names += [node.module for node in nodes
              if isinstance(node, ast.ImportFrom)]
    return {name.partition('.')[0] for name in names}
