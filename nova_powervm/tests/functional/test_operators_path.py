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

"""A new operator's path: install, check, first server, volume and move.

The commands are those of the pages, in their order. The programs of the
machine that need root, or change it, are stubs, and folders such as /etc/nova
are below a folder of the test. The environment that the tests run in stands
for the one that the page creates.
"""

import configparser
import os
import re
import subprocess
import sys
import time

import fixtures as fx
from nova.cmd import manage

from nova_powervm.demo.apis import catalog
from nova_powervm.demo.cloud import platform
from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import volume_api
from nova_powervm.tests.functional import volumes
from nova_powervm.tests import openstack_client
from nova_powervm.tests import test_docs_commands
from nova_powervm.tests import tree

INSTALLATION = os.path.join('doc', 'source', 'operator', 'installation.rst')
CINDER = os.path.join('doc', 'source', 'operator', 'cinder.rst')
MOVING = os.path.join('doc', 'source', 'operator', 'moving-servers.rst')
#: The host of the page, and one more to move to.
HOSTS = {'compute1': 'powervm1.example.com',
         'compute2': 'powervm2.example.com'}
#: Folders that are below the folder of the test; the clone is not.
CLONE = '/opt/nova-powervm'
FOLDERS = ('/opt/nova', '/etc/nova', '/etc/sudoers.d', '/var/lib/nova')
#: The page starts with disks in a volume group; moves need a pool.
POOL = (('disk_driver = localdisk', ''), ('volume_group_name = datavg', ''),
        ('volume_group_vios_name = vios1', ''),
        ('#disk_driver = ssp', 'disk_driver = ssp'))
MIB = 1024 ** 2
#: Seconds for something to happen, and between two looks.
TIMEOUT = 60
INTERVAL = 0.5
UUID = r'\b[\da-f]{8}-[-\da-f]{27}\b'
#: The name of the LPAR of the first server.
NAME = 'instance-00000001'
#: Programs of the machine, and what is done instead, as text for sh.
STUBS = {
    'apt-get': '', 'git': '', 'useradd': '', 'usermod': '', 'chown': '',
    'systemctl': '', 'journalctl': '', 'visudo': '', 'pvmctl': '',
    'id': 'echo nova pvm_admin', 'sudo': 'shift 2; exec "$@"',
    'install': 'for path; do case $path in /*) mkdir -p $path;; esac; done',
    'python3': 'test $1 = -m || exec %s "$@"' % sys.executable,
}
#: The programs that are in the environment after the installation.
INSTALLED = {
    'pip': '', 'python': 'exec %s -W ignore "$@"' % sys.executable,
    'nova-powervm': 'exec %s -W ignore -c "import sys; from nova_powervm '
                    'import command; sys.exit(command.main())" "$@"' %
                    sys.executable,
    'oslo-config-validator': 'exec %s/oslo-config-validator "$@"' %
                             os.path.dirname(sys.executable),
}


def commands_of(page):
    """The commands of a page, in order: list of str."""
    return [command for found, command in test_docs_commands.commands()
            if found == page]


class Machine:
    """A folder that stands for the root folder of NovaLink.

    :param folder: str, its path
    :param port: int, of the REST API
    """

    def __init__(self, folder, port):
        self._folder = folder
        self._port = port
        for path in (*FOLDERS, '/opt/nova/bin', '/bin'):
            os.makedirs(folder + path)
        os.symlink(os.path.join(sys.prefix, 'etc'), self.path('/opt/nova/etc'))
        for place, programs in (('/bin', STUBS),
                                ('/opt/nova/bin', INSTALLED)):
            for name, text in programs.items():
                path = os.path.join(folder + place, name)
                with open(path, 'w') as program:
                    program.write('#!/bin/sh\n%s\n' % text)
                os.chmod(path, 0o755)

    def path(self, path):
        """Where something of the root folder really is: str."""
        return self._folder + path

    def run(self, commands):
        """Run commands in one shell, which stops at the first that fails.

        :returns: str, what they have printed
        :raises AssertionError: if one fails
        """
        known = {'port=12080': 'port=%d' % self._port,
                 '<URL of this repository>': tree.ROOT, CLONE: tree.ROOT}
        known.update((path, self.path(path)) for path in FOLDERS)
        lines = [re.sub(r'(?<!\w)(%s)' % '|'.join(known),
                        lambda match: known[match[0]], line)
                 for line in commands]
        done = subprocess.run(
            ['bash', '-ex'], input='\n'.join(lines), text=True,
            capture_output=True, cwd=self._folder, env=dict(
                os.environ, PYTHONPATH=tree.ROOT, no_proxy='localhost',
                PATH='%s/bin:%s' % (self._folder, os.environ['PATH'])))
        if done.returncode:
            raise AssertionError(done.stdout + done.stderr)
        return done.stdout


@tree.needs_source
class OperatorsPathTest(volumes.VolumeMixin, base.PowerVMTestCase):

    PROFILE = 'live-migration'
    CAST_AS_CALL = False
    VOLUMES = 0
    STAND_INS = platform.PlatformMixin.STAND_INS

    def setUp(self):
        super().setUp()
        # As for all tests of moves: what still goes on is waited for.
        self.flags(manager_shutdown_timeout=35)
        self._start_compute('compute2')
        project_id = self.api_fixture.project_id
        services = self.enterContext(catalog.Catalog(
            self.api_fixture.app(), project_id, self.glance, self.neutron,
            {'block-storage': (volume_api.Volume(self.cinder),
                               '/v3/' + project_id)}))
        self.client = self.enterContext(openstack_client.Client(
            services.write_clouds(self.folder), self.folder))

    def _prepare_platform(self):
        self.folder = self.useFixture(fx.TempDir()).path
        super()._prepare_platform()

    def _configure_driver(self):
        """Install nova-compute as the page says, and use its nova.conf."""
        host = self.site.hosts[0]
        machine = Machine(os.path.join(self.folder, 'root'), host.port)
        commands, _rest = self._parts(INSTALLATION, 'openstack')
        number, = [number for number, command in enumerate(commands)
                   if 'nova-powervm check' in command]
        machine.run(commands[:number])
        self.assertIn('exec_dirs=%s/bin,' % machine.path('/opt/nova'),
                      self._read(machine.path('/etc/nova/rootwrap.conf')))
        self._edit(machine.path('/etc/nova/nova.conf'), host)
        said = machine.run(commands[number:])
        for line in ('REST server:    http://localhost:%d' % host.port,
                     'Disks:          Shared Storage Pool'):
            self.assertIn(line, said)
        parser = configparser.RawConfigParser(default_section=None)
        parser.read(machine.path('/etc/nova/nova.conf'))
        self.flags(group='powervm', **parser['powervm'])

    @staticmethod
    def _parts(page, program):
        """The commands of a page before a program, and from it on."""
        commands = commands_of(page)
        first = next(number for number, command in enumerate(commands)
                     if command.startswith(program + ' '))
        return commands[:first], commands[first:]

    @staticmethod
    def _read(path):
        with open(path) as text:
            return text.read()

    def _edit(self, path, host):
        """Do what the file says, for a host with disks in a pool."""
        text = self._read(path)
        for old, new in POOL:
            self.assertEqual(1, text.count('\n%s\n' % old), old)
            text = text.replace('\n%s\n' % old, '\n%s\n' % new)
        # On NovaLink these have the right values already.
        text = text.replace('[powervm]\n', (
            '[powervm]\nrest_port = %d\nmanagement_root = %s\n' % (
                host.port, host.management_root)))
        with open(path, 'w') as conf:
            conf.write(text)

    def _start_compute(self, host, **kwargs):
        return super()._start_compute(HOSTS[host], **kwargs)

    def _on_its_own_host(self, hostname):
        own = super()._on_its_own_host(hostname)
        # Without a host and a protocol the logon is the local one.
        self.flags(rest_host=['localhost'], rest_protocol=None,
                   group='powervm')
        return own

    # ---- what the pages say ----------------------------------------------

    def test_first_server_volume_and_move(self):
        with open(os.path.join(self.folder, 'ubuntu-ppc64le.raw'),
                  'wb') as image:
            image.write(os.urandom(MIB))
        for command in self._parts(INSTALLATION, 'openstack')[1]:
            self._follow(command)
        for command in commands_of(CINDER):
            self._follow(command)
        self._move()
        self.assertIn(' data1 ', self._run('volume', 'list'))
        self._run('server', 'delete', '--wait', 'first')

    def _move(self):
        """Move the server: at first in vain, then to the other host."""
        migrate, *others = self._parts(
            MOVING, 'openstack server migrate --live-migration')[1][:4]
        before = self._host_of_first()
        uuid = next(lpar['uuid'] for lpar in self._lpars()
                    if lpar['name'] == NAME)
        with self.site.lock:
            reached = self.site.migrations.hold(uuid, 'copy')
        self._follow(migrate)
        self.assertTrue(reached.wait(120))
        show_all = test_docs_commands.split(others[0])[0][1:]
        migration, = self.client.read(*show_all)
        for command in others:
            self._follow(re.sub(UUID, migration['UUID'], command))
        self._run(*show_all, tells=' cancelled ')
        self.assertEqual(before, self._host_of_first())
        self._follow(migrate)
        self._run(*show_all, tells=' completed ')
        self.assertEqual(set(HOSTS.values()), {before, self._host_of_first()})

    def _lpars(self):
        return [lpar for host in self.site.hosts
                for lpar in host.state()['LogicalPartition']]

    #: What the client prints in the end, by the first words of a command.
    TELLS = {
        'port show': 'pvm_sea', 'image show': ' active ',
        'compute service list': r'powervm1\.example\.com .* up ',
        'hypervisor list': r'powervm1\.example\.com *\| phyp ',
        'hypervisor show': r'hypervisor_type *\| phyp ',
        'server show first -c status': ' ACTIVE ',
        'server show wrong -c fault': 'No valid host was found',
        'server event list': ' create ', 'volume show': ' in-use ',
        'server migration show': ' running '}

    def _follow(self, command):
        """Do what a page says, and look at what it says to look at."""
        (program, *words), = test_docs_commands.split(command)
        if words[-1] == 'fault':
            # This is for a server in ERROR.
            self._run('flavor', 'create', '--disk', '99999', 'huge')
            self._run('server', 'create', '--image', 'ubuntu', '--flavor',
                      'huge', '--network', 'net100', 'wrong')
            words[words.index('first')] = 'wrong'
        if program == 'openstack':
            self._run(*words)
        elif program == 'nova-manage':
            self.assertEqual(['cell_v2', 'discover_hosts', '--verbose'], words)
            manage.CellV2Commands().discover_hosts(verbose=True)
        else:
            self.assertEqual('pvmctl lpar list', command)
            self.assertIn(NAME, [lpar['name'] for lpar in self._lpars()])

    def _run(self, *words, tells=None):
        """Run the client until it tells what it should; return that."""
        tells = tells or ''.join(
            text for first, text in self.TELLS.items()
            if ' '.join(words).startswith(first)) or '^'

        deadline = time.monotonic() + TIMEOUT
        while True:
            status, said = self.client.run(*words)
            if re.search(tells, said) or time.monotonic() > deadline:
                break
            time.sleep(INTERVAL)
        self.assertEqual(0, status, (words, said))
        self.assertRegex(said, tells, words)
        return said

    def _host_of_first(self):
        return self.client.read('server', 'show', 'first')[
            'OS-EXT-SRV-ATTR:host']
