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

"""The wheel, the import hook, and what the project's own files promise."""

import ast
import configparser
from email import parser
from importlib import metadata
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import unittest
import venv
import zipfile

import pip

from nova_powervm.tests import tree

ROOT = tree.ROOT
IN_TREE = os.path.exists(os.path.join(ROOT, 'setup.cfg'))
FINDER = '''
import sys
from importlib import util

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == 'nova':
            return util.spec_from_file_location(
                name, %(init)r, submodule_search_locations=[%(folder)r])

sys.meta_path.append(Finder)
'''
# Import the shim with a stand-in for the driver, which needs a real Nova.
PROBE = '''
import json, sys, types
parent = None
for name in ('virt', 'powervm', 'driver'):
    full = (parent.__name__ if parent else 'nova_powervm') + '.' + name
    module = sys.modules[full] = types.ModuleType(full)
    if parent:
        setattr(parent, name, module)
    parent = module
module.PowerVMDriver = 'the driver'
import nova
from nova.virt.powervm_ext import driver
print(json.dumps([driver.PowerVMDriver, driver.__name__, nova.__file__]))
'''
LOAD = '''
import json
from importlib import metadata
from nova import conf
from nova.virt import driver
conf.CONF([], project='nova', default_config_files=[])
conf.CONF.set_override('compute_driver', 'powervm_ext.driver.PowerVMDriver')
loaded = type(driver.load_compute_driver(None))
points = metadata.distribution('nova-powervm').entry_points
print(json.dumps([loaded.__module__, loaded.__name__,
                  {p.group + ' ' + p.name: str(p.load()) for p in points}]))
'''


def run(command, cwd=None, **env):
    """Run a command with a plain environment; return what it printed."""
    unwanted = ('GIT_', 'PBR_', 'PIP_', 'PYTHON', 'OSLO_PACKAGE')
    variables = {key: value for key, value in os.environ.items()
                 if not key.startswith(unwanted)}
    variables.update(env, GIT_CONFIG_GLOBAL=os.devnull,
                     GIT_CONFIG_NOSYSTEM='1', PIP_CONFIG_FILE=os.devnull)
    done = subprocess.run(command, cwd=cwd, env=variables, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        raise AssertionError('%s exited %d\n%s\n%s' % (
            command, done.returncode, done.stdout, done.stderr))
    return done.stdout


def git(folder, *args):
    run(['git', '-c', 'user.name=test', '-c', 'user.email=test@example.org',
         *args], cwd=folder)


def stage(folder):
    """Copy what goes into a wheel to folder, as a git tree of two commits.

    In a worktree .git is a file that leads to the repository. It must not be
    copied: the commits would go there.
    """
    os.mkdir(folder)
    for name in os.listdir(ROOT):
        path = os.path.join(ROOT, name)
        if (name != '.git' and os.path.isfile(path) and
                not os.path.islink(path)):
            shutil.copy(path, folder)
    for name in ('doc/man', 'etc', 'nova_powervm', 'tools'):
        shutil.copytree(os.path.join(ROOT, name), os.path.join(folder, name),
                        ignore=shutil.ignore_patterns('__pycache__'))
    git(folder, 'init', '-q')
    git(folder, 'add', '-A')
    git(folder, 'commit', '-qm', 'One')
    git(folder, 'commit', '-qm', 'Two', '--allow-empty')


def backend(hook, source, folder):
    """Call a PEP 517 hook as pip does; return the path that it names."""
    code = ('import sys; sys.path.insert(0, "tools"); import build_backend; '
            'print(getattr(build_backend, sys.argv[1])(sys.argv[2]))')
    output = run([sys.executable, '-c', code, hook, folder], cwd=source)
    return os.path.join(folder, output.split()[-1])


def read_metadata(text):
    return parser.Parser().parsestr(text)


class Venv:
    """A virtual environment without pip, for this interpreter."""

    def __init__(self, folder):
        venv.create(folder, with_pip=False, symlinks=True)
        self.python = os.path.join(folder, 'bin', 'python')
        self.site = sysconfig.get_path('purelib', 'venv', vars={
            'base': folder, 'platbase': folder})
        self.folder = folder

    def pip(self, *args):
        """Run the pip of this interpreter in the environment.

        This is what "pip --python" runs, in a process of its own.
        """
        run([self.python, os.path.join(os.path.dirname(pip.__file__),
                                       '__pip-runner__.py'), *args])

    def install(self, wheel):
        self.pip('install', '--no-deps', '--no-index', '--no-compile',
                 '--disable-pip-version-check', wheel)

    def answer(self, code, **env):
        """Run code in the environment; return the JSON that it prints."""
        return json.loads(run([self.python, '-c', code], cwd=self.folder,
                              **env).splitlines()[-1])

    def write(self, name, text):
        with open(os.path.join(self.site, name), 'w') as target:
            target.write(text)

    def files(self):
        return sorted(
            os.path.join(folder, name)
            for folder, _folders, names in os.walk(self.site)
            for name in names if not name.endswith('.pyc'))


@unittest.skipUnless(IN_TREE, 'needs the source tree')
class WheelTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.temp = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.temp)
        cls.source = os.path.join(cls.temp, 'source')
        stage(cls.source)
        cls.wheel = backend('build_wheel', cls.source, cls.temp)
        editable = os.path.join(cls.temp, 'editable')
        os.mkdir(editable)
        cls.editable = backend('build_editable', cls.source, editable)

    def _venv(self):
        return Venv(tempfile.mkdtemp(dir=self.temp))

    def _stub_nova(self, folder):
        """Make a Nova that is as empty as its two packages really are."""
        os.makedirs(os.path.join(folder, 'nova', 'virt'))
        init = os.path.join(folder, 'nova', '__init__.py')
        for path in (init, os.path.join(folder, 'nova/virt/__init__.py')):
            with open(path, 'w') as target:
                target.write('# Nothing.\n')
        return init

    def _add_nova(self, env, place):
        """Put a stub of Nova where the case says; return its file."""
        if place == 'same':
            return self._stub_nova(env.site)
        folder = tempfile.mkdtemp(dir=self.temp)
        init = self._stub_nova(folder)
        if place == 'elsewhere':
            env.write('distro.pth', folder + '\n')
        else:
            env.write('nova_finder.py', FINDER % {
                'init': init, 'folder': os.path.dirname(init)})
            env.write('nova_finder.pth', 'import nova_finder\n')
        return init

    def _check_install(self, wheel, place):
        env = self._venv()
        nova_file = self._add_nova(env, place)
        before = env.files()
        env.install(wheel)
        self.assertEqual(
            ['the driver', 'nova.virt.powervm_ext.driver', nova_file],
            env.answer(PROBE))
        env.pip('uninstall', '--yes', 'nova-powervm')
        self.assertEqual(before, env.files())
        self.assertEqual(nova_file, env.answer(
            'import json, nova.virt; print(json.dumps(nova.__file__))'))

    def test_wheel_beside_nova(self):
        self._check_install(self.wheel, 'same')

    def test_wheel_nova_elsewhere(self):
        self._check_install(self.wheel, 'elsewhere')

    def test_wheel_nova_editable(self):
        self._check_install(self.wheel, 'editable')

    def test_editable_beside_nova(self):
        self._check_install(self.editable, 'same')

    def test_editable_nova_elsewhere(self):
        self._check_install(self.editable, 'elsewhere')

    def test_editable_nova_editable(self):
        self._check_install(self.editable, 'editable')

    def test_a_lost_checkout_does_not_disturb_python(self):
        env = self._venv()
        source = os.path.join(self.temp, 'lost')
        os.rename(self.source, source)
        self.addCleanup(os.rename, source, self.source)
        env.install(self.editable)
        done = subprocess.run([env.python, '-c', 'pass'],
                              stderr=subprocess.PIPE, text=True)
        self.assertEqual((0, ''), (done.returncode, done.stderr))

    def test_real_nova_loads_the_driver(self):
        env = self._venv()
        env.install(self.wheel)
        env.write('real_nova.pth', '\n'.join(filter(os.path.isdir, sys.path)))
        module, name, points = env.answer(
            LOAD, OS_NOVA_DISABLE_EVENTLET_PATCHING='1')
        self.assertEqual(('nova_powervm.virt.powervm.driver',
                          'PowerVMDriver'), (module, name))
        self.assertEqual({
            'console_scripts nova-powervm',
            'console_scripts powervm-recorder',
            'console_scripts powervm-simulator',
            'neutron.ml2.mechanism_drivers powervm',
            'nova.api.extra_spec_validators powervm',
            'oslo.config.opts nova_powervm',
            'oslo.config.opts nova_powervm.fabrics',
            'oslo.config.opts nova_powervm.neutron'}, set(points))

    def test_contents(self):
        with zipfile.ZipFile(self.wheel) as wheel:
            names = wheel.namelist()
        self.assertEqual(
            {'_nova_powervm_hook.py', 'nova_powervm', 'nova_powervm_hook.pth'},
            {name.split('/')[0] for name in names
             if '.dist-info/' not in name and '.data/' not in name})
        data = {os.path.relpath(os.path.join(folder, name), self.source)
                for folder, _folders, files in
                os.walk(os.path.join(self.source, 'nova_powervm'))
                for name in files if not name.endswith('.pyc')}
        apart = {name for name in data if name.startswith(
            ('nova_powervm/demo/', 'nova_powervm/tests/'))}
        self.assertEqual(apart, data - set(names))
        self.assertEqual(len(set(names)), len(names))
        self.assertEqual(
            {'etc/nova-powervm/nova-powervm.conf',
             'etc/nova-powervm/nova-config-generator-powervm.conf',
             'etc/nova-powervm/nova-config-validator-powervm.conf',
             'lib/systemd/system/powervm-simulator.service',
             'share/bash-completion/completions/powervm-recorder',
             'share/bash-completion/completions/powervm-simulator',
             'share/man/man1/powervm-simulator.1'},
            {name.partition('.data/data/')[2] for name in names
             if '.data/' in name})

    def test_metadata(self):
        with zipfile.ZipFile(self.wheel) as wheel:
            name = [name for name in wheel.namelist()
                    if name.endswith('.dist-info/METADATA')][0]
            text = wheel.read(name).decode()
        data = read_metadata(text)
        self.assertEqual('10.0.0.dev1', data['Version'])
        self.assertEqual('Apache-2.0', data['License'])
        required = {re.split(r'[^\w.-]', line)[0]
                    for line in data.get_all('Requires-Dist')}
        self.assertLessEqual({'nova', 'pypowervm', 'Werkzeug', 'SQLAlchemy'},
                             required)
        # Without an extra, pip installs no web server.
        always = {line for line in data.get_all('Requires-Dist')
                  if 'extra ==' not in line}
        self.assertEqual(set(), {
            line for line in always
            if re.match('(?i)cheroot|werkzeug|trustme|ruamel', line)})
        self.assertLess(15, len(always))

    def _version_of(self, source):
        folder = tempfile.mkdtemp(dir=self.temp)
        path = backend('prepare_metadata_for_build_wheel', source, folder)
        with open(os.path.join(path, 'METADATA')) as text:
            return read_metadata(text.read())['Version']

    def test_version_of_a_shallow_clone(self):
        clone = os.path.join(self.temp, 'shallow')
        git(self.temp, 'clone', '-q', '--depth', '1',
            'file://' + self.source, clone)
        self.assertEqual('10.0.0.dev0', self._version_of(clone))

    def test_version_of_a_tag(self):
        clone = os.path.join(self.temp, 'tagged')
        git(self.temp, 'clone', '-q', 'file://' + self.source, clone)
        git(clone, 'tag', '-am', 'A release', '10.0.0')
        self.assertEqual('10.0.0', self._version_of(clone))


@unittest.skipUnless(IN_TREE, 'needs the source tree')
class TreeTest(unittest.TestCase):
    """What the files of the project say about each other."""

    maxDiff = None

    def _read(self, name):
        with open(os.path.join(ROOT, name), encoding='utf-8') as source:
            return source.read()

    def _requirements(self, name):
        return self._names(self._read(name))

    def _optional(self):
        """What the extras of the package bring in."""
        setup = configparser.ConfigParser(interpolation=None)
        setup.read(os.path.join(ROOT, 'setup.cfg'))
        return self._names('\n'.join(setup['extras'].values()))

    @staticmethod
    def _names(requirements):
        return {re.split(r'[^\w.-]', line)[0].lower().replace('_', '-')
                for line in requirements.splitlines()
                if line and not line.startswith('#')}

    def _imported(self, for_tests):
        """The top-level modules that a part of the project imports."""
        found = set()
        package = os.path.join(ROOT, 'nova_powervm')
        # Tests with a real Neutron have an environment of their own.
        apart = os.path.join(package, 'tests', 'neutron', 'ml2', '')
        # Cinder loads it, so Cinder is there.
        for_cinder = os.path.join(package, 'simulator', 'cinder_driver.py')
        # The demo is one of the things that need Nova's test fixtures.
        outside = tuple(os.path.join(package, name, '')
                        for name in ('demo', 'tests'))
        for folder, _folders, files in os.walk(package):
            for name in files:
                path = os.path.join(folder, name)
                if name.endswith('.py') and not path.startswith(apart) and (
                        for_tests == path.startswith(outside)):
                    found |= self._imports(path) - (
                        {'cinder'} if path == for_cinder else set())
        return found - set(sys.stdlib_module_names) - {
            'nova_powervm', '_nova_powervm_hook'}

    def _imports(self, path):
        found = set()
        for node in ast.walk(ast.parse(self._read(path))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module or '')
        return {name.split('.')[0] for name in found}

    def _undeclared(self, imported, required):
        owners = metadata.packages_distributions()
        return {name for name in imported
                if not required & {owner.lower().replace('_', '-')
                                   for owner in owners.get(name, [])}}

    def test_only_the_simulator_needs_its_extra(self):
        required = self._requirements('requirements.txt')
        setup = configparser.ConfigParser(interpolation=None)
        setup.read(os.path.join(ROOT, 'setup.cfg'))
        extra = self._names(setup['extras']['simulator'])
        self.assertFalse(required & extra)
        package = os.path.join(ROOT, 'nova_powervm')
        found = set()
        for folder, _folders, files in os.walk(package):
            if not os.path.relpath(folder, package).startswith(
                    ('demo', 'simulator', 'tests')):
                for name in files:
                    if name.endswith('.py'):
                        found |= self._imports(os.path.join(folder, name))
        owners = metadata.packages_distributions()
        self.assertEqual(set(), {
            name for name in found if {
                owner.lower() for owner in owners.get(name, [])} & extra})

    def test_what_is_imported_is_required(self):
        required = self._requirements('requirements.txt') | self._optional()
        self.assertEqual(
            set(), self._undeclared(self._imported(False), required))
        required |= self._requirements('test-requirements.txt')
        self.assertEqual(
            set(), self._undeclared(self._imported(True), required))

    def test_nova_is_not_shadowed(self):
        self.assertFalse(os.path.exists(os.path.join(ROOT, 'nova')))

    def test_ci_runs_the_command_of_the_readme(self):
        command = re.search(r'^tests="(.*)"$', self._read('.ci/run'), re.M)
        self.assertIn('\n   %s\n' % command.group(1),
                      self._read('README.rst'))

    def test_tox_environments(self):
        tox = configparser.ConfigParser(interpolation=None)
        tox.read(os.path.join(ROOT, 'tox.ini'))
        wanted = {'functional', 'pep8', 'cover', 'demo', 'bench', 'moves',
                  'genconfig', 'docs', 'neutron', 'packaging', 'pypowervm-git',
                  'releasenotes', 'soak', 'tests'}
        self.assertLessEqual({'testenv:' + name for name in wanted},
                             set(tox.sections()))

    def test_pictures_are_what_their_sources_say(self):
        folder = os.path.join(ROOT, 'doc', 'source', 'diagrams')
        code = ('import sys; sys.path.insert(0, "tools"); import diagram; '
                'print(diagram.render(sys.stdin.read()), end="")')
        sources = [os.path.join(folder, name) for name in os.listdir(folder)
                   if name.endswith('.toml')]
        self.assertNotEqual([], sources)
        for path in sources:
            drawn = subprocess.run(
                [sys.executable, '-c', code], input=self._read(path),
                cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
            self.assertEqual(
                self._read(path.removesuffix('.toml') + '.svg'), drawn.stdout)

    def test_license_headers(self):
        paths = [os.path.join(folder, name)
                 for top in ('nova_powervm', 'tools', 'doc', 'releasenotes')
                 for folder, _, names in os.walk(os.path.join(ROOT, top))
                 for name in names if name.endswith('.py')]
        self.assertEqual([], [path for path in paths if (
            'Licensed under the Apache License' not in self._read(path))])
