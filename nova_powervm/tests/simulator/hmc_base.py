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

"""Base of the tests of a simulated HMC, through pypowervm."""

from pypowervm import exceptions as pvm_exc
import testtools

from nova_powervm.simulator.resources import lpar as sim_lpar
from nova_powervm.tests import fixtures as powervm_fixtures

#: A partition may have it on each server.
UUID = '0A1B2C3D-0000-4000-8000-00000000000A'


class HmcTestCase(testtools.TestCase):
    """A test on the profile hmc.

    :cvar CONSOLE: dict, changes of the section ``console`` of the profile
    :ivar endpoint: endpoint.Endpoint, the simulated HMC
    :ivar one, two, three: the models of the servers
    :ivar adapter: pypowervm Adapter
    """

    CONSOLE = {}
    VLANS = ()

    def setUp(self):
        super().setUp()
        profile = powervm_fixtures.load_profile('hmc')
        profile['console'].update(self.CONSOLE)
        self.site = self.useFixture(powervm_fixtures.SimulatedSite(
            profile, vlans=self.VLANS)).site
        self.endpoint, = self.site.endpoints
        self.one, self.two, self.three = self.site.hosts
        self.adapter = self.useFixture(
            powervm_fixtures.Adapter(self.one)).adapter

    def make_lpar(self, host, name='vm1', uuid=None, running=False):
        """Put a partition on a server."""
        with self.site.lock:
            return sim_lpar.from_spec(host, {
                'name': name, 'uuid': uuid, 'memory_mb': 1024,
                'processors': 1, 'units': 0.5, 'dedicated': False,
                'management': False, 'running': running,
                'type': 'AIX/Linux', 'max_slots': 64, 'adapters': []})

    def refused(self, status, text, func, *args, **kwargs):
        """Check that the server refuses, says why, and changes nothing."""
        before = self.site.state()
        exc = self.assertRaises(pvm_exc.HttpError, func, *args, **kwargs)
        self.assertEqual(status, exc.response.status)
        self.assertIn(text, str(exc))
        self.assertEqual(before, self.site.state())
