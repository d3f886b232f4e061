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

"""The base of tests that run a whole Nova on the simulated site."""

from concurrent import futures
import os
import sys
import types
from unittest import mock
import uuid

import fixtures as fx
from nova.network import model as network_model
from nova.servicegroup import api as servicegroup_api
from nova.tests import fixtures as nova_fixtures
from nova.tests.functional.api import client as api_client
from nova.tests.functional import integrated_helpers
from nova.virt import node
from oslo_log import log as logging
from oslo_messaging import server as messaging_server

from nova_powervm import conf as cfg
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.functional import fixtures as func_fixtures
from nova_powervm.tests.functional import work
from nova_powervm.tests import log_watch
from nova_powervm.tests import quick
from nova_powervm.tests.virt.powervm.scenarios import looks

LOG = logging.getLogger(__name__)
CONF = cfg.CONF
DAY = 24 * 3600
COMPUTE_DRIVER = 'powervm_ext.driver.PowerVMDriver'


def _run_now(function, *args, **kwargs):
    """Do what a thread of Nova should do: a Future that has ended."""
    future = futures.Future()
    try:
        future.set_result(function(*args, **kwargs))
    except Exception as exc:
        future.set_exception(exc)
    return future


class SimulatedPlatformMixin:
    """Put a simulated site below any of Nova's functional test classes.

    It comes before Nova's class in the list of bases. The site is
    ``self.site``; compute services connect to its hosts in the order in
    which they start, and a service that starts again gets its own host.
    """

    compute_driver = COMPUTE_DRIVER
    PROFILE = 'default'
    TIMING = {}
    #: How many calls a service of Nova works on at once.
    RPC_THREADS = 8

    def setUp(self):
        self._prepare_platform()
        super().setUp()

    def _prepare_platform(self):
        self.useFixture(quick.QuickNova())
        self.work = self.useFixture(work.Work())
        # Jobs are asked for at once again, not a second later.
        self.useFixture(fx.MockPatch('pypowervm.wrappers.job.time',
                                     work.Clock(lambda _seconds: None)))
        # The wheel of Nova puts it there, not beside its code.
        self.flags(api_paste_config=os.path.join(
            sys.prefix, 'etc/nova/api-paste.ini'), group='wsgi')
        self.flags(compute_driver=self.compute_driver)
        self.flags(mkisofs_cmd=quick.MKISOFS)
        self.flags(force_config_drive=True)
        # Services must not report: the locks of Nova's fixtures can deadlock
        # when they do while a test writes. So they must not be missed either.
        self.flags(report_interval=DAY, service_down_time=2 * DAY)
        self.useFixture(fx.MockPatchObject(
            servicegroup_api, 'INITIAL_REPORTING_DELAY', DAY))
        # Each service starts a thread for each call until it has that many,
        # all of which look for work all the time.
        CONF.register_opts(messaging_server._pool_opts)
        self.flags(executor_thread_pool_size=self.RPC_THREADS)
        # Nova copies an instance while its thread that asks Neutron for ports
        # changes it, which fails now and then on a busy machine.
        self.useFixture(fx.MockPatchObject(
            network_model, 'thread_pool_factory',
            types.SimpleNamespace(spawn=_run_now)))
        for name in ('GlanceFixture', 'NeutronFixture'):
            self.useFixture(fx.MockPatchObject(
                nova_fixtures, name, getattr(func_fixtures, name)))
        self._hosts_by_service = {}
        self.site = self._start_site()
        self._configure_driver()

    def _start_site(self):
        """Start the site below; what it returns has hosts with ports."""
        return self.useFixture(powervm_fixtures.SimulatedSite(
            profile=self.PROFILE, vlans=powervm_fixtures.PORT_VLANS,
            **self.TIMING)).site

    def _configure_driver(self):
        self.flags(disk_driver='localdisk', volume_group_name='datavg',
                   volume_group_vios_name='vios1',
                   rest_user=self.site.profile['user'],
                   rest_password=self.site.profile['password'],
                   group='powervm')

    def start_service(self, name, host=None, cell_name=None, **kwargs):
        if name != 'compute':
            return super().start_service(name, host=host,
                                         cell_name=cell_name, **kwargs)
        hostname = host or CONF.host
        with self._on_its_own_host(hostname):
            return super().start_service(name, host=host,
                                         cell_name=cell_name, **kwargs)

    def _on_its_own_host(self, hostname):
        """While a compute service starts, it is alone on its own server."""
        number = self._hosts_by_service.setdefault(
            hostname, len(self._hosts_by_service))
        simulated = self.site.hosts[number]
        self.flags(rest_host='127.0.0.1', rest_port=simulated.port,
                   rest_protocol='http', group='powervm')
        return mock.patch.object(
            node, 'get_local_node_uuid',
            return_value=str(uuid.uuid5(uuid.NAMESPACE_DNS, hostname)))

    def restart_compute_service(self, compute, keep_hypervisor_state=True):
        # The hypervisor is the simulated site, which never restarts: the
        # new service always gets a new driver.
        return super().restart_compute_service(compute,
                                               keep_hypervisor_state=False)

    def simulated_host(self, hostname=None):
        """The simulated server below a compute service."""
        return self.site.hosts[
            self._hosts_by_service.get(hostname or CONF.host, 0)]

    def driver_of(self, compute):
        """The driver object of a compute service."""
        return compute.manager.driver


class PowerVMTestCase(looks.PlatformLooks, SimulatedPlatformMixin,
                      integrated_helpers.ProviderUsageBaseTestCase):
    """A cloud of one compute service, started, with 'compute1' its name."""

    REQUIRES_LOCKING = True
    #: Whether Nova's API answers only when the work is done.
    CAST_AS_CALL = True
    #: Whether a warning of the driver makes a test fail, see log_watch.
    IS_QUIET = False

    def setUp(self):
        if self.IS_QUIET:
            self.addCleanup(self.useFixture(log_watch.LogWatch()).check)
        super().setUp()
        if self.CAST_AS_CALL:
            self.useFixture(nova_fixtures.CastAsCallFixture(self))
        self.compute = self._start_compute('compute1')
        self.image_id = self.glance.image1['id']

    @property
    def platform(self):
        return self.simulated_host('compute1')

    @property
    def driver(self):
        return self.driver_of(self.compute)

    def start_boot(self, **kwargs):
        """Ask Nova for a server with a port, without waiting for it."""
        kwargs.setdefault('networks', [{'port': self.neutron.port_1['id']}])
        kwargs.setdefault('image_uuid', self.image_id)
        return self.api.post_server({'server': self._build_server(**kwargs)})

    def boot(self, expected_status='ACTIVE', **kwargs):
        """Create a server and wait until it is made, or has failed."""
        server = self.settled(self.start_boot(**kwargs))
        self.assertEqual(expected_status, server['status'],
                         server.get('fault'))
        return server

    def settled(self, server):
        """Wait until Nova works on a server no more.

        :returns: the server as Nova shows it; None if it is deleted.
        """
        def look():
            try:
                now = self.api.get_server(server['id'])
            except api_client.OpenStackApiNotFoundException:
                return [None]
            if (now['OS-EXT-STS:task_state'] is None and
                    now['status'] not in ('BUILD', 'DELETED')):
                return [now]
        return self.wait_for(look)[0]

    def delete(self, server):
        """Delete a server and wait.

        :returns: the server if it could not be deleted, else None.
        """
        try:
            self.api.delete_server(server['id'])
        except api_client.OpenStackApiException:
            # With CAST_AS_CALL a failure of the compute comes back here.
            LOG.exception('The deletion failed.')
        return self.settled(server)
