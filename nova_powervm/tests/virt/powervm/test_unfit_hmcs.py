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

"""At start the driver passes over an HMC that is of no use."""

from unittest import mock

from nova_powervm.tests.virt.powervm import test_two_hmcs
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import host as powervm_host
from nova_powervm.virt.powervm import managed_system


class UnfitTest(test_two_hmcs.TwoHmcsTestCase):
    """At start, an HMC may be of no use, though it answers."""

    def hide(self, *endpoints):
        """Let HMCs manage all systems but that of the driver."""
        for endpoint in endpoints:
            endpoint.hosts = [host for host in endpoint.hosts
                              if host is not self.simulated]

    def refused(self, kind, *texts):
        host = powervm_host.Host('compute1')
        message = str(self.assertRaises(kind, host.connect))
        for text in texts:
            self.assertIn(text, message)
        self.assertNotIn('\n', message)
        self.assertEqual([0, 0], self.sessions())

    def test_first(self):
        system = self.simulated.system
        self.hide(self.one)
        for wanted in (system.uuid, system.mtms_of_commands, system.name):
            self.flags(group='powervm', managed_system=wanted)
            host = powervm_host.Host('compute1')
            host.connect()
            self.assertEqual(system.uuid, host.adapter.sys_uuid)
            self.assertEqual([0, 1], self.sessions())
            self.assertIn('manages no such system', self.logger.output)
            host.close()

    def test_first_is_not_the_master(self):
        self.patch(managed_system, 'choose', mock.Mock(side_effect=[
            exception.ManagedSystemNotMaster(url='one', systems=['server1']),
            self.connect().system]))
        self.connect()
        self.assertIn('its master', self.logger.output)
        self.assertEqual([1, 1], self.sessions())

    def test_first_does_not_tell(self):
        self.one.faults.add({'path': 'ManagedSystem', 'effect': 'status',
                             'status': 500})
        self.connect()
        self.assertEqual([0, 1], self.sessions())

    def test_both(self):
        self.hide(self.one, self.two)
        self.refused(exception.ManagedSystemNotFound,
                     'http://127.0.0.1:%d' % self.one.port,
                     *(host.system.name for host in self.one.hosts))
        self.assertEqual([1, 1], [self.logons(self.one),
                                  self.logons(self.two)])

    def test_second_is_down(self):
        self.hide(self.one)
        self.end(self.two)
        self.flags(group='powervm', rest_connect_timeout=0)
        self.refused(exception.ManagedSystemNotFound,
                     *(host.system.name for host in self.one.hosts))

    def test_several_systems(self):
        """The next HMC may have but one of them, which nobody has chosen."""
        self.flags(group='powervm', managed_system=None)
        self.hide(self.two)
        self.refused(exception.ManagedSystemCount, 'manages 2 systems')
        self.assertEqual(0, self.logons(self.two))
