#!/usr/bin/env python3
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

"""Check the sdist and the wheel that a build has left in a folder.

Usage: check_distribution.py FOLDER

They must have what git tracks and what the build adds, and nothing else; the
wheel has no tests. The wheel is then installed into a new environment with all
that it requires, from PyPI: there "pip check" finds nothing, no web server is
installed, Nova loads the driver, and the commands and options of the package
are there. With the extra "simulator" the simulated site is there, too. Run by
"tox -e packaging", at the root of a clone.
"""

import glob
import os
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile

#: Below these the wheel has nothing: the demo runs on what the tests have.
NOT_IN_WHEEL = ('nova_powervm/demo/', 'nova_powervm/tests/')
#: What pip installs beside the package: folder -> files of the clone.
DATA_FILES = {
    'etc/nova-powervm': ('etc/nova/nova-config-generator-powervm.conf',
                         'etc/nova/nova-config-validator-powervm.conf',
                         'etc/nova/nova-powervm.conf'),
    'lib/systemd/system': ('etc/systemd/powervm-simulator.service',),
    'share/bash-completion/completions': (
        'etc/bash_completion.d/powervm-recorder',
        'etc/bash_completion.d/powervm-simulator'),
    'share/man/man1': ('doc/man/powervm-simulator.1',)}
#: What the extra "simulator" brings in, and nothing else needs.
WEB_SERVERS = ('cheroot', 'werkzeug')
HOOK_FILES = {'_nova_powervm_hook.py', 'nova_powervm_hook.pth'}
#: pbr leaves these out of an sdist.
NOT_IN_SDIST = {'.gitignore', '.gitreview'}
#: What pbr and setuptools make.
ADDED_TO_SDIST = {
    'AUTHORS', 'ChangeLog', 'PKG-INFO', 'setup.cfg',
    'nova_powervm.egg-info/PKG-INFO', 'nova_powervm.egg-info/SOURCES.txt',
    'nova_powervm.egg-info/dependency_links.txt',
    'nova_powervm.egg-info/entry_points.txt',
    'nova_powervm.egg-info/not-zip-safe', 'nova_powervm.egg-info/pbr.json',
    'nova_powervm.egg-info/requires.txt',
    'nova_powervm.egg-info/top_level.txt'}
#: Where reno is installed, pbr puts the release notes in.
MADE_BY_RENO = {'RELEASENOTES.rst', 'releasenotes/notes/reno.cache'}
DIST_INFO = {'METADATA', 'RECORD', 'WHEEL', 'entry_points.txt',
             'licenses/LICENSE', 'pbr.json', 'top_level.txt'}
LOAD = '''
from nova import conf
from nova.virt import driver
conf.CONF([], project='nova', default_config_files=[])
conf.CONF.set_override('compute_driver', 'powervm_ext.driver.PowerVMDriver')
loaded = type(driver.load_compute_driver(None))
assert loaded.__module__ == 'nova_powervm.virt.powervm.driver', loaded
'''


def tracked_files(folder):
    """Return what git tracks in a folder, as a set of paths."""
    listed = subprocess.run(['git', 'ls-files', '-z'], cwd=folder, check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    return set(listed.split('\0')) - {''}


def difference(what, wanted, found):
    """Return what is wrong as a list of lines."""
    return (['%s lacks %s' % (what, name) for name in sorted(wanted - found)] +
            ['%s should not have %s' % (what, name)
             for name in sorted(found - wanted)])


def check_sdist(path, tracked):
    """Compare an sdist with what git tracks.

    :param path: str
    :param tracked: set of str
    :returns: list of str, what is wrong
    """
    with tarfile.open(path) as archive:
        found = {entry.name.partition('/')[2] for entry in archive
                 if entry.isfile()}
    wanted = (tracked - NOT_IN_SDIST) | ADDED_TO_SDIST
    return difference('The sdist', wanted, found - MADE_BY_RENO)


def check_wheel(path, tracked):
    """Compare a wheel with what git tracks.

    :param path: str
    :param tracked: set of str
    :returns: list of str, what is wrong
    """
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist()
                 if not name.endswith('/')]
    stem = '-'.join(os.path.basename(path).split('-')[:2])
    wanted = HOOK_FILES | {
        '%s.dist-info/%s' % (stem, name) for name in DIST_INFO} | {
        '%s.data/data/%s/%s' % (stem, folder, os.path.basename(name))
        for folder, files in DATA_FILES.items() for name in files} | {
        name for name in tracked if name.startswith('nova_powervm/') and
        not name.startswith(NOT_IN_WHEEL)}
    twice = {name for name in names if names.count(name) > 1}
    return difference('The wheel', wanted, set(names)) + [
        'The wheel has %s twice' % name for name in sorted(twice)]


def no_web_server():
    """Return Python code that fails if a web server is installed."""
    return ('from importlib import util; '
            'assert not any(map(util.find_spec, %r))' % (WEB_SERVERS,))


def check_install(wheel):
    """Install the wheel into a new environment, and use it there."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        commands = os.path.join(folder, 'bin')
        python = os.path.join(commands, 'python')
        # No module of the work tree can be meant by mistake in there.
        for command in (
                [python, '-m', 'pip', 'install', '--quiet', wheel],
                [python, '-m', 'pip', 'check'],
                [python, '-c', no_web_server()],
                [python, '-c', LOAD],
                [os.path.join(commands, 'nova-powervm'), '--help'],
                [python, '-m', 'pip', 'install', '--quiet',
                 wheel + '[simulator]'],
                [python, '-m', 'pip', 'check'],
                [os.path.join(commands, 'powervm-simulator'), '--help'],
                [os.path.join(commands, 'oslo-config-generator'),
                 '--namespace', 'nova_powervm', '--output-file', 'sample']):
            print('+ ' + ' '.join(command[:4]).replace(LOAD, 'LOAD'),
                  flush=True)
            subprocess.run(
                command, cwd=folder, check=True, stdout=subprocess.DEVNULL,
                env=dict(os.environ, OS_NOVA_DISABLE_EVENTLET_PATCHING='1'))


def main(folder):
    """Check what is in a folder.

    :returns: int, the exit status
    """
    [sdist] = glob.glob(os.path.join(folder, '*.tar.gz'))
    [wheel] = glob.glob(os.path.join(folder, '*.whl'))
    tracked = tracked_files(os.curdir)
    wrong = check_sdist(sdist, tracked) + check_wheel(wheel, tracked)
    if wrong:
        print('\n'.join(wrong), file=sys.stderr)
        return 1
    check_install(os.path.abspath(wheel))
    print('The sdist and the wheel are as they should be.')
    return 0


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
