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

"""Which system a nova-compute manages."""

from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.virt.powervm import base
from nova_powervm.tests.virt.powervm import hmc_base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import host as powervm_host
from nova_powervm.virt.powervm import short_text


class RefusalMixin:

    def refused(self, kind, *texts):
        """Check that the driver does not start, and says why in one line."""
        host = powervm_host.Host('compute1')
        message = str(self.assertRaises(kind, host.connect))
        self.assertNotIn('\n', message)
        self.assertLessEqual(len(message), short_text.LIMIT)
        for text in texts:
            self.assertIn(text, message)
        self.assertEqual([], self.simulated.endpoint.sessions.state())
        # Nova logs it; there is no other server to tell of.
        self.assertNotIn('of no use', self.logger.output)
        return message


class HmcTest(RefusalMixin, hmc_base.HmcTestCase):

    def choose(self, wanted):
        self.flags(group='powervm', managed_system=wanted)

    def assertManages(self, wanted):
        self.choose(wanted)
        host = self.connect()
        self.assertEqual(self.simulated.system.uuid, host.system_uuid)
        self.assertEqual(self.simulated.system.uuid, host.adapter.sys_uuid)

    def all_systems(self):
        return [host.system.name for host in self.site.hosts]

    def test_by_uuid(self):
        """The feed of all systems is large; only one system is read."""
        self.assertManages(self.simulated.system.uuid.upper())
        powervm_host.Host('compute1').connect()
        self.assertEqual(['PUT Logon', 'GET ManagedSystem'], self.requests())

    def test_by_type_and_serial_number(self):
        self.assertManages(self.simulated.system.mtms_of_commands)

    def test_by_name(self):
        self.assertManages(self.simulated.system.name)

    def test_unset(self):
        self.choose(None)
        self.refused(exception.ManagedSystemCount, 'manages 3 systems',
                     'managed_system', *self.all_systems())

    def test_unknown(self):
        for wanted, listed in (
                ('compute1', self.all_systems()),
                # The line has no room for more.
                (self.simulated.system.uuid[:-4] + 'ffff',
                 sorted(self.all_systems())[:2] + ['and 1 more'])):
            self.choose(wanted)
            self.refused(exception.ManagedSystemNotFound,
                         'managed_system=' + wanted, *listed)

    def test_two_with_one_name(self):
        for host in self.site.hosts[1:]:
            host.system.name = 'twin'
        self.choose('twin')
        message = self.refused(exception.ManagedSystemAmbiguous, 'twin',
                               *(host.system.mtms_of_commands
                                 for host in self.site.hosts[1:]))
        self.assertNotIn(self.site.hosts[0].system.mtms_of_commands, message)
        # A UUID or serial number that is somebody's name is no match.
        self.others[0].system.name = self.simulated.system.mtms_of_commands
        self.assertManages(self.simulated.system.mtms_of_commands)

    def test_no_password(self):
        """It is configured for the NovaLink on this machine."""
        self.flags(group='powervm', rest_host='localhost', rest_user=None,
                   rest_password=None)
        self.refused(exception.RestServerUnavailable,
                     'http://localhost:%d' % self.simulated.port)

    def test_not_the_master(self):
        self.simulated.system.spec['master'] = False
        self.refused(exception.ManagedSystemNotMaster, 'chcomgmt',
                     self.simulated.system.name)


class OneSystemTest(RefusalMixin, base.SimulatedHostTestCase):
    """An HMC, or its user's resource role, with one system."""

    @property
    def PROFILE(self):
        profile = powervm_fixtures.load_profile('hmc')
        del profile['hosts'][1:]
        return profile

    def test_unset(self):
        host = self.connect()
        self.assertEqual(self.simulated.system.uuid, host.system_uuid)
        host.lpars()
        self.assertEqual(['GET ManagedSystem/LogicalPartition'],
                         self.requests())


class NovaLinkTest(RefusalMixin, base.SimulatedHostTestCase):

    def test_wrong_console(self):
        self.flags(group='powervm', managed_system='server2')
        self.refused(exception.ManagedSystemNotFound, 'server2',
                     'managed_system=server2',
                     self.simulated.system.name)

    def test_right_console(self):
        self.flags(group='powervm',
                   managed_system=self.simulated.system.name)
        self.connect()
