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

The demo and the benchmark run on it. Nova is put together by the machinery of
its functional tests, without a test runner.
"""

import contextlib
import logging
import os
import shutil
import signal
import tempfile

import fixtures as fx
from nova import context as nova_context
from nova.tests import fixtures as nova_fixtures
from nova.tests.functional.api import client as api_client
from nova.tests.functional import integrated_helpers

from nova_powervm.demo.cloud import platform
from nova_powervm.demo.cloud import site
from nova_powervm.demo import fresh

LOG = logging.getLogger(__name__)

LOG_FORMAT = '%(asctime)s %(levelname)s [%(name)s] %(message)s'


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


class _Nova(platform.PlatformMixin,
            integrated_helpers.ProviderUsageBaseTestCase):
    """Nova as its functional tests have it, on a site that is given.

    :param simulator: site.Simulator, started.
    :param folder: str, an existing folder for all that Nova writes.
    :param options: dict, of group [powervm].
    """

    REQUIRES_LOCKING = True

    def __init__(self, simulator, folder, options):
        super().__init__()
        self._options = platform.complete(options)
        self._simulator = simulator
        self._folder = folder

    def runTest(self):
        """There is nothing to test; a TestCase must have it."""

    def setUp(self):
        super().setUp()
        # Nova's API answers only when the work is done. With several hosts,
        # a failure would come back to the conductor, which does not expect it.
        if len(self._simulator.hosts) == 1:
            self.useFixture(nova_fixtures.CastAsCallFixture(self))
        self.compute = self._start_compute('compute1')

    def _start_site(self):
        self.useFixture(fresh.FreshPypowervm())
        return self._simulator

    def _prepare_platform(self):
        for name in ('OS_TEST_TIMEOUT', 'OS_STDOUT_CAPTURE',
                     'OS_STDERR_CAPTURE', 'OS_DEBUG'):
            self.useFixture(fx.EnvironmentVariable(name))
        super()._prepare_platform()
        self.flags(state_path=self._folder,
                   instances_path=os.path.join(self._folder, 'instances'))
        os.makedirs(os.path.join(self._folder, 'instances'))
        # The compute service takes leave of the platform before it is gone.
        self.flags(manager_shutdown_timeout=site.STOP_TIMEOUT)
        self.useFixture(fx.MockPatchObject(
            nova_fixtures, 'StandardLogging', fx.Fixture))

    def _configure_driver(self):
        super()._configure_driver()
        self.flags(group='powervm', **self._options)

    def _on_its_own_host(self, hostname):
        own = super()._on_its_own_host(hostname)
        self.flags(group='powervm', management_root=self.simulated_host(
            hostname).management_root)
        return own


class Cloud:
    """A simulated site with a whole Nova on it; a context manager.

    :param profile: str, name or path of the profile of the site.
    :param timing: dict, overrides of the timing section of the profile.
    :param options: dict, options of group [powervm] that differ from the
        defaults.
    :ivar folder: str, the temporary folder with all that is written. It is
        removed at the end, unless that is an exception: this gets a note
        that names the logs.
    :ivar simulator: site.Simulator
    :ivar nova: a test case of Nova's, set up
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
        self.simulator = site.Simulator(
            self.profile, self._make_folder('site'), self._timing)
        self._exit.callback(self.simulator.stop)
        self.simulator.start()

    def start_nova(self):
        """Start Nova's services, with a compute service for each host.

        :raises site.CloudError: if one does not start; the log tells why.
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
            raise site.CloudError('Nova does not start.')
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
        """The site.SimulatedHost below the compute service."""
        return self.simulator.hosts[0]

    @property
    def driver(self):
        """The PowerVMDriver of the compute service."""
        return self.nova.driver_of(self.nova.compute)

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

        :raises site.CloudError: if it goes to ERROR, or takes too long.
        """
        def settled():
            shown = self.server(server)
            if shown['status'] == 'ERROR' and status != 'ERROR':
                raise site.CloudError('Server %s is in error: %s' % (
                    shown['name'], shown.get('fault', {}).get('message')))
            if (shown['status'] == status and
                    shown['OS-EXT-STS:task_state'] is None):
                return shown
        return site.wait_for(settled, 'for server %s to be %s' % (
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
        site.wait_for(lambda: port['id'] not in [
            interface['port_id'] for interface in api.get_port_interfaces(
                server['id'])], 'for port %s to go' % port['id'])

    def delete(self, server):
        """Delete a server, and wait until it is gone.

        :raises site.CloudError: if it goes to ERROR, or takes too long.
        """
        def gone():
            shown = self.server(server)
            if shown is not None and shown['status'] == 'ERROR':
                raise site.CloudError('Server %s is in error: %s' % (
                    shown['name'], shown.get('fault', {}).get('message')))
            return shown is None
        self.nova.api.delete_server(server['id'])
        site.wait_for(gone, 'for server %s to go' % server['id'])
