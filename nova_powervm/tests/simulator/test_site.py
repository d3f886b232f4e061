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

import os
import threading
from unittest import mock

import fixtures as base_fixtures
import testtools

from nova_powervm.simulator import host as sim_host
from nova_powervm.simulator import site as sim_site
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


class DataFolderTest(testtools.TestCase):
    """A data folder belongs to one site at a time."""

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(base_fixtures.TempDir()).path

    def site(self, folder=None):
        site = sim_site.Site(fixtures.load_profile('default'),
                             folder or self.folder)
        self.addCleanup(site.stop)
        return site

    def files(self):
        return sorted(os.path.join(folder, name) for folder, _folders, names
                      in os.walk(self.folder) for name in names)

    def test_in_use(self):
        first = self.site()
        before = self.files()
        exc = self.assertRaises(OSError, self.site)
        self.assertIn('Another simulated site uses the folder', str(exc))
        self.assertEqual(before, self.files())
        first.stop()
        self.site()

    def test_links(self):
        """What a link in it leads to stays; the folder is emptied."""
        other = self.useFixture(base_fixtures.TempDir()).path
        letter = os.path.join(other, 'letter')
        with open(letter, 'w'):
            pass
        self.site().stop()
        for name, target in (('a', other), ('z', letter), ('b', '/nowhere')):
            os.symlink(target, os.path.join(self.folder, name))
        self.site()
        self.assertTrue(os.path.exists(letter))
        self.assertEqual({'.powervm-simulator', 'server1'},
                         set(os.listdir(self.folder)))

    def test_the_mark_is_a_link(self):
        other = os.path.join(self.useFixture(base_fixtures.TempDir()).path,
                             'letter')
        os.symlink(other, os.path.join(self.folder, '.powervm-simulator'))
        self.assertRaises(OSError, self.site)
        self.assertFalse(os.path.exists(other))

    def test_a_site_that_cannot_be_built_leaves_nothing(self):
        before = set(threading.enumerate())
        made = []
        with mock.patch.object(
                sim_host.Host, 'build', side_effect=KeyboardInterrupt), \
                mock.patch('tempfile.mkdtemp', side_effect=lambda prefix: (
                    made.append(self.folder + '/own') or made[0])):
            self.assertRaises(KeyboardInterrupt, sim_site.Site,
                              fixtures.load_profile('default'))
        self.assertFalse(os.path.exists(made[0]))
        self.assertEqual(before, set(threading.enumerate()))
        with mock.patch.object(sim_host.Host, 'build', side_effect=OSError):
            self.assertRaises(OSError, self.site)
        self.site()


class PortsTest(testtools.TestCase):

    def test_wanted(self):
        for name, ports in (('default', [12080]),
                            ('two-host', [12080, 12081]), ('hmc', [12080])):
            profile = fixtures.load_profile(name)
            self.assertEqual(ports, sim_site.wanted_ports(profile))
            self.assertEqual([0] * len(ports),
                             sim_site.wanted_ports(profile, 0))
            self.assertEqual(list(range(7, 7 + len(ports))),
                             sim_site.wanted_ports(profile, 7))
            site = sim_site.Site(profile)
            self.addCleanup(site.stop)
            self.assertEqual(len(ports), len(site.endpoints))
