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

from nova.tests import fixtures as nova_fixtures
from nova.tests.functional.api import client as api_client
from nova.tests.functional import integrated_helpers
from oslo_log import log as logging

from nova_powervm import conf as cfg
from nova_powervm.demo.cloud import platform
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.functional import fixtures as func_fixtures
from nova_powervm.tests import log_watch
from nova_powervm.tests.virt.powervm.scenarios import looks

LOG = logging.getLogger(__name__)
CONF = cfg.CONF


class SimulatedPlatformMixin(platform.PlatformMixin):
    """Put a simulated site in this process below a class of Nova's tests."""

    PROFILE = 'default'
    TIMING = {}
    STAND_INS = {'GlanceFixture': func_fixtures.GlanceFixture,
                 'NeutronFixture': func_fixtures.NeutronFixture}

    def _start_site(self):
        """Start the site below; what it returns has hosts with ports."""
        return self.useFixture(powervm_fixtures.SimulatedSite(
            profile=self.PROFILE, vlans=powervm_fixtures.PORT_VLANS,
            **self.TIMING)).site


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
