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

"""Sites made from profiles."""

import threading

import testtools

from nova_powervm.tests import fixtures


class TestSite(testtools.TestCase):

    def test_no_thread_stays(self):
        before = set(threading.enumerate())
        fixture = fixtures.SimulatedSite('two-host', rmc_seconds=1000)
        with fixture:
            for host in fixture.site.hosts:
                with fixtures.Client(host) as client:
                    client.get('/rest/api/uom/ManagedSystem')
            fixture.site.clock.after(1000, self.fail)
        self.assertEqual(before, set(threading.enumerate()))

    def test_profiles_hold_what_they_say(self):
        site = self.useFixture(fixtures.SimulatedSite('large')).site
        host = site.hosts[0]
        self.assertEqual(501, len(host.store.all('LogicalPartition')))
        client = self.useFixture(fixtures.Client(host))
        reply = client.get(
            '/rest/api/uom/VirtualIOServer?group=ViosSCSIMapping')
        mappings = reply.xml.findall('.//{*}VirtualSCSIMapping')
        self.assertEqual(2000, len(mappings))

    def test_hosts_differ(self):
        site = self.useFixture(fixtures.SimulatedSite('two-host')).site
        one, two = site.hosts
        self.assertNotEqual(one.system.uuid, two.system.uuid)
        self.assertNotEqual(one.mtms, two.mtms)
        self.assertNotEqual(one.next_mac(), two.next_mac())
        self.assertNotEqual(one.port, two.port)
        self.assertIs(two, site.host('server2'))
        self.assertIsNone(site.host('server3'))

    def test_state_is_the_same_every_time(self):
        states = []
        for _ in range(2):
            with fixtures.SimulatedSite() as fixture:
                states.append(fixture.site.state())
        self.assertEqual(*states)
