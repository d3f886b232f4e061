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

"""What servers leave on a host that Nova does not keep them with any more.

Nova forgets the host of a server that is shelved, or whose build failed. A
VIOS that was down then still has something of it.
"""

from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import looks
from nova_powervm.tests.virt.powervm.scenarios import volumes
from nova_powervm.tests.virt.powervm.walks import compute
from nova_powervm.virt.powervm import driver


class StaleMixin:
    """Looks at what is left; the words for VIOSes that go and come back."""

    OPTIONS = {'shelved_offload_time': 0}
    WITH_SESSIONS = False
    set_rmc = looks.VolumeLooks.set_rmc
    vios = looks.VolumeLooks.vios

    def setUp(self):
        super().setUp()
        self.clean = self.platform_state()

    def look_around(self, host='compute1'):
        """Run the periodic task that also cleans up."""
        self.run_task('update_available_resource', host)

    def shelve(self, server):
        self.assertEqual('SHELVED_OFFLOADED',
                         self.act(server, 'shelve')['status'])
        self.assertIsNone(self.host_of(server))

    def assert_nothing_left(self):
        self.assert_state_equal(self.clean, self.platform_state(), 'Left')

    def assert_deleted(self, server):
        """It is deleted by Nova alone; the host finds what is left."""
        self.assertIsNone(self.delete(server))
        self.look_around()
        self.restart()
        self.look_around()
        self.assert_nothing_left()

    def break_build(self, method, path, name):
        """Let a VIOS go down when a build sends a request, which fails."""
        def break_it(_method, _path):
            self.set_rmc(name, 'inactive')
            raise RuntimeError('The request fails.')

        self.platform.faults.add(
            {'method': method, 'path': path, 'count': 1}, break_it)

    def fail_to_boot(self, **kwargs):
        server = self._create(**kwargs)
        self.assertEqual('ERROR', server['status'])
        self.assertIsNone(self.host_of(server))
        self.platform.faults.clear()
        return server


class FailedBuildTest(StaleMixin, base.ScenarioCase):
    """The VIOS of the volume group goes down while a server is made."""

    def setUp(self):
        super().setUp()
        self.break_build('POST', 'VirtualIOServer/[^/]*$', 'vios1')
        self.server = self.fail_to_boot()
        self.assertNotEqual(self.clean, self.platform_state())
        self.set_rmc('vios1', 'active')

    def test_restart(self):
        """Nothing is taken before Nova deletes the server."""
        self.restart()
        self.look_around()
        self.assertNotEqual(self.clean, self.platform_state())
        self.assertIsNone(self.delete(self.server))
        self.look_around()
        self.assert_nothing_left()

    def test_deleted_at_once(self):
        self.assert_deleted(self.server)

    def test_without_restart(self):
        self.look_around()
        self.assertIsNone(self.delete(self.server))
        self.look_around()
        self.assert_nothing_left()


class SecondTest(StaleMixin, base.ScenarioCase):
    """Somebody runs a second nova-compute for the host, by mistake."""

    OPTIONS = {}
    WORDS = 'Another nova-compute seems to manage this system'

    def test_start(self):
        server = self.boot()
        before = self.platform_state()
        self.restart()
        self.assertNotIn(self.WORDS, self.logger.output)
        second = driver.PowerVMDriver(compute.VirtAPI(None))
        self.addCleanup(second.cleanup_host, 'other')
        second.init_host('other')
        self.assertIn(self.WORDS, self.logger.output)
        self.assertIn('%s (host compute1)' % server['id'],
                      self.logger.output)
        self.assert_state_equal(before, self.platform_state(), 'Changed')


class ShelvedTest(platforms.SharedPool, StaleMixin, base.ScenarioCase):
    """A VIOS is down while a server in a pool is shelved."""

    def setUp(self):
        super().setUp()
        self.server = self.boot()
        self.set_vios('vios2', False)
        self.shelve(self.server)
        self.restart()
        self.set_vios('vios2', True)
        self.look_around()

    def test_unshelve(self):
        self.act(self.server, 'unshelve')
        self.assertEqual('ACTIVE', self.status_of(self.server))
        self.assertEqual(2, len(self.mappings_of_disks()))
        self.assertIsNone(self.delete(self.server))
        self.assertEqual([], self.mappings_of_disks())

    def mappings_of_disks(self):
        return [mapping for vios in self.platform.state()['VirtualIOServer']
                for mapping in vios['mappings']
                if mapping['storage'].startswith('b_')]

    def test_delete(self):
        self.assert_deleted(self.server)


class RepositoryTest(platforms.SharedPool, StaleMixin, base.ScenarioCase):
    """The VIOS of the media repository is down while one is shelved."""

    def test_delete(self):
        server = self.boot()
        self.set_vios('vios1', False)
        self.shelve(server)
        self.restart()
        self.set_vios('vios1', True)
        self.look_around()
        self.assert_deleted(server)


class AdapterTest(StaleMixin, looks.NpivLooks, volumes.VolumeCase):
    """A VIOS keeps a Fibre Channel adapter."""

    def test_shelved(self):
        server = self.boot_with([1], boots=True)
        self.set_rmc('vios2', 'inactive')
        self.shelve(server)
        self.restart()
        self.set_rmc('vios2', 'active')
        self.look_around()
        self.assert_nothing_left()
        self.assert_deleted(server)

    def test_shelved_and_deleted(self):
        server = self.boot_with([1], boots=True)
        self.set_rmc('vios2', 'inactive')
        self.shelve(server)
        self.set_rmc('vios2', 'active')
        self.assert_deleted(server)

    def test_failed_build(self):
        self.break_build('PUT', 'do/PowerOn', 'vios2')
        server = self.fail_to_boot(volumes=[1])
        self.set_rmc('vios2', 'active')
        self.assert_deleted(server)

    def test_lost_lpar(self):
        """The server is on this host: its adapters stay, for a hard reboot."""
        server = self.boot_with([1], boots=True)
        before = self.platform_state()
        self.platform.operator.delete_partition(self.lpar_of(server)['uuid'])
        left = self.platform_state()
        self.assertNotEqual(before, left)
        self.restart()
        self.look_around()
        self.assert_state_equal(left, self.platform_state(), 'Changed')
        self.act(server, 'reboot', {'type': 'HARD'})
        self.assert_sees(server, 1, boots=True)
        self.assert_deleted(server)


class MigrationTest(platforms.SharedPool, StaleMixin, base.TwoHostMixin,
                    base.ScenarioCase):
    """A VIOS of the source is down while a server leaves."""

    PROFILE = 'ssp-two-host'

    def migrate_away(self):
        """Migrate a server; returns it, and the VIOS that is down."""
        self.where = 'compute1'
        name = sorted(vios['name'] for vios in
                      self.platform.state()['VirtualIOServer'])[-1]
        server = self.boot_on_first()
        self.set_vios(name, False)
        self.migrate(server)
        self.act(server, 'confirmResize')
        return server, name

    def test_rebuild(self):
        server, name = self.migrate_away()
        self.restart('compute1')
        self.set_vios(name, True)
        for host in ('compute1', 'compute2'):
            self.look_around(host)
        self.assertEqual('ACTIVE', self.act(
            server, 'rebuild', {'imageRef': self.image_id})['status'])
        self.assertIsNone(self.delete(server))

    def test_delete_before_it_is_back(self):
        server, name = self.migrate_away()
        self.restart('compute1')
        self.assertIsNone(self.delete(server))
        self.set_vios(name, True)
        for host in ('compute1', 'compute2'):
            self.look_around(host)
        self.cloud.run_periodic_tasks()
        self.assert_nothing_left()
