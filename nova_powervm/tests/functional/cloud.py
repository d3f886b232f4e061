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

"""A cloud to play with: Nova in this process, the simulated site in its own.

The demo and the benchmark run on it. Nova is put together by the same
machinery as for the functional tests, without a test runner.
"""

import contextlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import fixtures as fx
from nova import context as nova_context
from nova.tests import fixtures as nova_fixtures
from nova.tests.functional.api import client as api_client
import requests

from nova_powervm.demo import stand_ins
from nova_powervm.simulator import profile as sim_profile
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import platforms

LOG = logging.getLogger(__name__)

#: Seconds for the simulator to come up, and to go.
START_TIMEOUT = 60
STOP_TIMEOUT = 15
#: Seconds for a server to reach a state.
SERVER_TIMEOUT = 120
LOG_FORMAT = '%(asctime)s %(levelname)s [%(name)s] %(message)s'


class CloudError(Exception):
    """Something in the cloud did not happen as it should."""


class NotFound(CloudError):
    """A simulated host does not have what a request names."""


def wait_for(condition, what, timeout=SERVER_TIMEOUT, interval=0.05):
    """Call a function until it returns something true.

    :param what: str, ends the sentence 'Timed out waiting ...'.
    :returns: what it returned.
    :raises CloudError: after ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise CloudError('Timed out waiting %s.' % what)
        time.sleep(interval)


@contextlib.contextmanager
def uninterrupted():
    """Let SIGINT and SIGTERM wait for the end of what is in the block.

    Nova's fixtures make something else of an exception in their midst. The
    second signal does not wait. For the main thread only.
    """
    pending = []

    def note(number, frame):
        pending.append(number)
        if len(pending) > 1:
            raise KeyboardInterrupt()

    handlers = {number: signal.signal(number, note)
                for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for number in pending:
        signal.raise_signal(number)


def _is_of_the_session(record):
    return record['path'] == '/rest/api/web/Logon' or (
        record['method'] == 'GET' and record['path'].endswith('/uom/Event'))


class SimulatedHost:
    """A host of the site, and the control API on its port.

    :param description: dict, an item of the simulator's ready file.
    :cvar NotFound: what a method raises for a partition that is not here.
    :ivar management_root: str, folder with what the management partition sees
    """

    NotFound = NotFound

    def __init__(self, description):
        self.name = description['name']
        self.management_root = description['management_root']
        self.port = description['port']
        self.url = 'http://127.0.0.1:%d' % self.port
        self._http = requests.Session()
        # A proxy of the environment cannot reach it.
        self._http.trust_env = False

    def _send(self, method, path, body=None):
        response = self._http.request(
            method, '%s/simulator/%s' % (self.url, path), json=body)
        if response.status_code >= 400:
            error = NotFound if response.status_code == 404 else CloudError
            raise error('%s /simulator/%s: %s' % (method, path,
                                                  response.text.strip()))
        return response

    def state(self):
        """Return what is on this host as a dict (see the control API)."""
        return next(host for host in self._send('GET', 'state').json()['hosts']
                    if host['name'] == self.name)

    def journal(self):
        """Return the REST requests since clear_journal(), oldest first."""
        return self._send('GET', 'journal').json()['requests']

    def clear_journal(self):
        """Forget the REST requests so far."""
        self._send('DELETE', 'journal')

    def take_requests(self):
        """Return the journal and clear it, without logon and event polls.

        Those are not the cost of any operation: there is always one poll for
        events under way.
        """
        requests = [record for record in self.journal()
                    if not _is_of_the_session(record)]
        self.clear_journal()
        return requests

    def add_fault(self, **spec):
        """Let requests fail (see the control API)."""
        return self._send('POST', 'faults', spec).json()

    def clear_faults(self):
        """Let no requests fail any more."""
        self._send('DELETE', 'faults')

    def act(self, action, **arguments):
        """Change something from outside (see the control API)."""
        return self._send('POST', 'control',
                          dict(arguments, action=action)).json()

    def disk_checksum(self, disk_name, length):
        """Hash what a disk holds.

        :param length: int, how many bytes from its start.
        :returns: str, the SHA-256 as hex digits.
        """
        return self._send('GET', 'disks/%s/sha256?length=%d' % (
            disk_name, length)).json()['sha256']

    def read_disk(self, disk_name, offset=0, length=16 * 1024 ** 2):
        """Return what a disk or a medium holds, bytes.

        :param offset: int, in bytes.
        :param length: int, of bytes, 16 MiB at most.
        """
        return self._send('GET', 'disks/%s?offset=%d&length=%d' % (
            disk_name, offset, length)).content

    def write_disk(self, disk_name, offset, content):
        """Write bytes to a disk, as a guest would.

        :param offset: int, in bytes.
        :param content: bytes
        """
        response = self._http.post('%s/simulator/disks/%s?offset=%d' % (
            self.url, disk_name, offset), data=content)
        response.raise_for_status()

    def disks_of(self, partition, length):
        """Return the disks that a partition sees, one dict for each path.

        :param partition: str, its name.
        :param length: int, of how many bytes to tell the SHA-256.
        """
        return self._send('GET', 'partitions/%s/disks?sha256=%d' % (
            partition, length)).json()['disks']

    def console_of(self, partition):
        """Return what a partition has printed: dict (see the control API)."""
        return self._send('GET', 'partitions/%s/console' % partition).json()


class Simulator:
    """A simulated PowerVM site in a process of its own.

    :param profile: str, name or path of a profile.
    :param folder: str, an existing folder for its data and its log.
    :param timing: dict, overrides of the timing section of the profile.
    :ivar hosts: list of SimulatedHost
    :ivar profile: dict, what the site was made from
    """

    def __init__(self, profile, folder, timing=None):
        self._name = profile
        self._timing = timing or {}
        self._ready_file = os.path.join(folder, 'ready.json')
        self.data_dir = os.path.join(folder, 'data')
        self.log_file = os.path.join(folder, 'simulator.log')
        self._process = None
        self.hosts = []
        self.profile = sim_profile.load(profile)

    @property
    def pid(self):
        """int, of the process."""
        return self._process.pid

    def start(self):
        """Start the process and wait until it serves.

        :raises CloudError: if it ends, or takes too long.
        """
        with open(self.log_file, 'wb') as log:
            # In a session of its own, Ctrl-C does not end it before Nova.
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True)
        try:
            ready = wait_for(self._read_ready_file, 'for the simulator',
                             START_TIMEOUT)
        except Exception:
            self.stop()
            raise
        self.hosts = [SimulatedHost(host) for host in ready['hosts']]

    def _command(self):
        command = [
            sys.executable, '-m', 'nova_powervm.simulator.cmd',
            '--profile', self._name, '--port', '0',
            '--data-dir', self.data_dir, '--ready-file', self._ready_file]
        for name, value in self._timing.items():
            command += ['--timing', '%s=%s' % (name, value)]
        return command

    def _read_ready_file(self):
        if self._process.poll() is not None:
            with open(self.log_file, errors='replace') as log:
                raise CloudError('The simulator ended:\n%s' %
                                 log.read()[-2000:])
        try:
            with open(self._ready_file) as ready:
                return json.load(ready)
        except FileNotFoundError:
            return None

    def stop(self):
        """End the process, and wait for its end."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def state(self):
        """Return the whole site as data."""
        return {'hosts': [host.state() for host in self.hosts]}


class LogFile(fx.Fixture):
    """Everything that is logged goes to a file, and nowhere else.

    :param path: str
    """

    def __init__(self, path):
        super().__init__()
        self._path = path

    def _setUp(self):
        handler = logging.FileHandler(self._path)
        handler.setFormatter(logging.Formatter(LOG_FORMAT))
        self.addCleanup(handler.close)
        self.useFixture(fx.LogHandler(handler, level=logging.INFO))
        # oslo.log would put its own handlers there again.
        self.useFixture(fx.MonkeyPatch('oslo_log.log.setup',
                                       lambda *args, **kwargs: None))


class _GivenSite(fx.Fixture):
    """In place of the SimulatedSite in this process."""

    def __init__(self, simulator):
        super().__init__()
        self.site = simulator

    def _setUp(self):
        for name in powervm_fixtures._ENVIRONMENT:
            self.useFixture(fx.EnvironmentVariable(name))
        for module, attribute, empty in powervm_fixtures._CACHES:
            self.useFixture(fx.MonkeyPatch(
                '%s.%s' % (module, attribute), empty))


class _Nova(platforms.Platform, base.PowerVMTestCase):
    """Nova as the functional tests have it, on a site that is given.

    :param simulator: Simulator, started.
    :param folder: str, an existing folder for all that Nova writes.
    :param options: dict, of group [powervm].
    """

    def __init__(self, simulator, folder, options):
        super().__init__()
        self.STORAGE = options
        # With several hosts, a failure would come back to the conductor,
        # which does not expect it.
        self.CAST_AS_CALL = len(simulator.hosts) == 1
        self._simulator = simulator
        self._folder = folder

    def runTest(self):
        """There is nothing to test; a TestCase must have it."""

    def _start_site(self):
        return self.useFixture(_GivenSite(self._simulator)).site

    def _prepare_platform(self):
        for name in ('OS_TEST_TIMEOUT', 'OS_STDOUT_CAPTURE',
                     'OS_STDERR_CAPTURE', 'OS_DEBUG'):
            self.useFixture(fx.EnvironmentVariable(name))
        super()._prepare_platform()
        self.flags(state_path=self._folder,
                   instances_path=os.path.join(self._folder, 'instances'))
        os.makedirs(os.path.join(self._folder, 'instances'))
        # The compute service takes leave of the platform before it is gone.
        self.flags(manager_shutdown_timeout=STOP_TIMEOUT)
        for name, double in (
                ('GlanceFixture', stand_ins.Images),
                ('NeutronFixture', stand_ins.Networks),
                ('StandardLogging', fx.Fixture)):
            self.useFixture(fx.MockPatchObject(nova_fixtures, name, double))


class Cloud:
    """A simulated site with a whole Nova on it; a context manager.

    :param profile: str, name or path of the profile of the site.
    :param timing: dict, overrides of the timing section of the profile.
    :param options: dict, options of group [powervm] that differ from the
        defaults.
    :ivar folder: str, the temporary folder with all that is written. It is
        removed at the end, unless that is an exception: this gets a note
        that names the logs.
    :ivar simulator: Simulator
    :ivar nova: PowerVMTestCase, set up
    """

    def __init__(self, profile='default', timing=None, options=None):
        self.profile = profile
        self._timing = timing
        self._options = options or {}
        self._exit = contextlib.ExitStack()
        self.folder = None
        self.simulator = None
        self.nova = None

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix='nova-powervm-')
        self._exit.enter_context(LogFile(os.path.join(self.folder,
                                                      'nova.log')))
        return self

    def __exit__(self, exc_type, exc, traceback):
        self._exit.close()
        if isinstance(exc, Exception):
            exc.add_note('The logs are %s' % ' and '.join(self.log_files))
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        """Start everything."""
        self.start_simulator()
        self.start_nova()
        return self

    def start_simulator(self):
        """Start the simulated site."""
        self.simulator = Simulator(
            self.profile, self._make_folder('site'), self._timing)
        self._exit.callback(self.simulator.stop)
        self.simulator.start()

    def start_nova(self):
        """Start Nova's services, with a compute service for each host.

        :raises CloudError: if one does not start; the log tells why.
        """
        nova = _Nova(self.simulator, self._make_folder('nova'),
                     self._options)
        self._exit.callback(self._stop_nova, nova)
        try:
            with uninterrupted():
                nova.setUp()
                for number in range(2, len(self.simulator.hosts) + 1):
                    nova._start_compute('compute%d' % number)
        except SystemExit:
            # A service that cannot start ends its process.
            raise CloudError('Nova does not start.')
        self.nova = nova

    @staticmethod
    def _stop_nova(nova):
        with uninterrupted():
            if not nova.doCleanups():
                LOG.warning('Not everything of Nova could be stopped.')

    def _make_folder(self, name):
        path = os.path.join(self.folder, name)
        os.mkdir(path)
        return path

    @property
    def log_files(self):
        """Paths of the logs, as list of str."""
        paths = [os.path.join(self.folder, 'nova.log'),
                 os.path.join(self.folder, 'site', 'simulator.log')]
        return [path for path in paths if os.path.exists(path)]

    @property
    def host(self):
        """The SimulatedHost below the compute service."""
        return self.simulator.hosts[0]

    @property
    def driver(self):
        """The PowerVMDriver of the compute service."""
        return self.nova.driver

    @property
    def manager(self):
        """The ComputeManager of the compute service."""
        return self.nova.compute.manager

    @property
    def network_id(self):
        """str, of the network that ports are on."""
        return self.nova.neutron.network_1['id']

    @property
    def network_name(self):
        """str, of the network that ports are on."""
        return self.nova.neutron.network_1['name']

    def clean_image_cache(self):
        """Have Nova remove all images that no server uses, however young."""
        self.nova.flags(remove_unused_original_minimum_age_seconds=0,
                        group='image_cache')
        self.manager._run_image_cache_manager_pass(self.context())

    @staticmethod
    def context():
        """Return the context in which Nova runs its periodic tasks."""
        return nova_context.get_admin_context()

    # ---- what a server is made of --------------------------------------

    def create_image(self, path, name):
        """Make an image of a file; returns it as dict."""
        return self.nova.glance.add_file(path, name)

    def create_port(self):
        """Make a network port; returns it as dict."""
        return self.nova.neutron.add_port()

    def create_flavor(self, name, memory_mb=2048, vcpus=2, disk_gb=1):
        """Make a flavor; returns its ID."""
        return self.nova._create_flavor(
            name=name, memory_mb=memory_mb, vcpu=vcpus, disk=disk_gb,
            ephemeral=0)

    # ---- servers, through Nova's API -----------------------------------

    def boot(self, name, image, flavor, ports=None):
        """Create a server and wait until it is active.

        :param image: dict of create_image().
        :param flavor: ID of create_flavor().
        :param ports: list of dicts of create_port(); None for a new one.
        :returns: dict, the server as the API shows it.
        """
        if ports is None:
            ports = [self.create_port()]
        server = self.nova.api.post_server({'server': {
            'name': name, 'imageRef': image['id'], 'flavorRef': flavor,
            'networks': [{'port': port['id']} for port in ports] or 'none'}})
        return self.wait_for_status(server, 'ACTIVE')

    def servers(self):
        """Return all servers as the API shows them."""
        return self.nova.api.get_servers()

    def count_deleted_servers(self):
        """Return how many servers there have been: int."""
        return len(self.nova.admin_api.api_get(
            '/servers?deleted=True').body['servers'])

    def server(self, server):
        """Read a server anew; None if there is none."""
        with contextlib.suppress(
                api_client.OpenStackApiNotFoundException):
            return self.nova.api.get_server(server['id'])

    def wait_for_status(self, server, status):
        """Wait until a server has a status and nothing happens to it.

        :raises CloudError: if it goes to ERROR, or takes too long.
        """
        def settled():
            shown = self.server(server)
            if shown['status'] == 'ERROR' and status != 'ERROR':
                raise CloudError('Server %s is in error: %s' % (
                    shown['name'], shown.get('fault', {}).get('message')))
            if (shown['status'] == status and
                    shown['OS-EXT-STS:task_state'] is None):
                return shown
        return wait_for(settled, 'for server %s to be %s' % (
            server['id'], status))

    def act(self, server, status, action, argument=None):
        """Have Nova do something with a server, and wait for it.

        :param status: str, which the server has at the end.
        :param action: str of the API, such as os-stop.
        :returns: dict, the server.
        """
        # Nova has noted the task before it answers.
        self.nova.api.post_server_action(server['id'], {action: argument})
        return self.wait_for_status(server, status)

    def attach_port(self, server, port):
        """Give a server one more port."""
        self.nova.api.attach_interface(server['id'], {
            'interfaceAttachment': {'port_id': port['id']}})

    def detach_port(self, server, port):
        """Take a port from a server, and wait until it is gone."""
        api = self.nova.api
        api.detach_interface(server['id'], port['id'])
        wait_for(lambda: port['id'] not in [
            interface['port_id'] for interface in api.get_port_interfaces(
                server['id'])], 'for port %s to go' % port['id'])

    def delete(self, server):
        """Delete a server, and wait until it is gone.

        :raises CloudError: if it goes to ERROR, or takes too long.
        """
        def gone():
            shown = self.server(server)
            if shown is not None and shown['status'] == 'ERROR':
                raise CloudError('Server %s is in error: %s' % (
                    shown['name'], shown.get('fault', {}).get('message')))
            return shown is None
        self.nova.api.delete_server(server['id'])
        wait_for(gone, 'for server %s to go' % server['id'])
