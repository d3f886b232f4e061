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

"""What unit tests of the driver on an HMC share."""

import fixtures

from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.virt.powervm import base


class HmcTestCase(base.SimulatedHostTestCase):
    """A test on the second of three servers behind a simulated HMC.

    :cvar CONSOLE: dict, changes of the section ``console`` of the profile
    :ivar others: the models of the other servers
    :ivar stored: dict of Nova's name of a host -> what Nova has stored with it
    """

    CONSOLE = {}

    @property
    def PROFILE(self):
        profile = powervm_fixtures.load_profile('hmc')
        profile['console'].update(self.CONSOLE)
        return profile

    def setUp(self):
        super().setUp()
        self.simulated = self.site.hosts[1]
        self.others = [self.site.hosts[0], self.site.hosts[2]]
        self.flags(group='powervm',
                   managed_system=self.simulated.system.uuid)
        self.stored = {}
        self.useFixture(fixtures.MockPatch(
            'nova_powervm.virt.powervm.kept.find',
            side_effect=lambda nodename, **wanted: (
                self.stored.get(nodename, {}))))

    def make_lpar(self, host, instance_uuid, **kwargs):
        """Put an LPAR of a server on a simulated server, past the driver."""
        uuid = '%x%s' % (int(instance_uuid[0], 16) & 7, instance_uuid[1:])
        return host.operator.create_partition(
            'server', uuid=uuid, **kwargs)
