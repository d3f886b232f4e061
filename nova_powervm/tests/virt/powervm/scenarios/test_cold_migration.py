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

"""Servers that move between two hosts of one pool, or cannot."""

from nova.compute import vm_states
from nova import objects

from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import test_resize
from nova_powervm.tests.virt.powervm.walks import view


class SharedPoolMoveTest(platforms.SharedPool, base.TwoHostMixin,
                         base.ScenarioCase):

    PROFILE = 'ssp-two-host'

    def setUp(self):
        super().setUp()
        self.empty = self.platform_state()

    def assert_usable(self, server, host):
        """It runs there, and only there, with all that it had."""
        self.assertEqual({host: 'running'}, self.lpars_of(server))
        mapped = sorted({mapping['storage'][:2]
                         for mapping in self.mappings_of(server)})
        self.assertEqual(['b_', 'cf'], mapped)
        self.assertEqual(2, len(self.macs_of(server)))

    def assert_nothing_left(self, server):
        self.assertIsNone(self.delete(server))
        self.assert_state_equal(self.empty, self.platform_state(), 'deleted')

    def test_confirm(self):
        server = self.boot_on_first()
        disk = self.boot_disk_of(server)
        disk.write_at(test_resize.OFFSETS[0], b'written')

        self.migrate(server)

        self.assertEqual({'compute1': 'not activated', 'compute2': 'running'},
                         self.lpars_of(server))
        # One host only has the disk.
        self.where = 'compute1'
        self.assertEqual({'cf'}, {mapping['storage'][:2] for mapping in
                                  self.mappings_of(server)})
        self.act(server, 'confirmResize')
        self.assert_usable(server, 'compute2')
        self.assertEqual(b'written', self.boot_disk_of(server).read(
            test_resize.OFFSETS[0], 7))
        self.assert_nothing_left(server)

    def test_revert_gives_back_what_was(self):
        server = self.boot_on_first()
        before = self.platform_state()
        self.migrate(server)
        self.assertEqual('ACTIVE',
                         self.act(server, 'revertResize')['status'])
        self.assert_usable(server, 'compute1')
        self.assert_state_equal(before, self.platform_state(), 'reverted')

    def test_stopped_server_stays_off(self):
        server = self.boot_on_first()
        self.stop(server)
        before = self.platform_state()
        self.migrate(server)
        self.assertEqual(
            {'compute1': 'not activated', 'compute2': 'not activated'},
            self.lpars_of(server))
        self.assertEqual('SHUTOFF',
                         self.act(server, 'revertResize')['status'])
        self.assert_state_equal(before, self.platform_state(), 'reverted')

    def test_there_and_back(self):
        server = self.boot_on_first()
        for host in ('compute2', 'compute1'):
            self.migrate(server)
            self.act(server, 'confirmResize')
            self.assert_usable(server, host)
        self.assert_nothing_left(server)

    def test_resize(self):
        server = self.boot_on_first()
        before = self.platform_state()
        self.resize(server, self.large)
        self.assertEqual('compute2', self.host_of(server))
        self.where = 'compute2'
        self.assertEqual((4096, 2, 2), self.size_of(server))
        self.act(server, 'revertResize')
        self.where = 'compute1'
        self.assert_state_equal(before, self.platform_state(), 'reverted')

        self.resize(server, self.large)
        self.act(server, 'confirmResize')

        self.assert_usable(server, 'compute2')
        self.assertEqual((4096, 2, 5), self.size_of(server))
        self.assert_nothing_left(server)

    def test_disks_of_the_flavor(self):
        server = self.boot_on_first(flavor_id=self.make_flavor(
            'more', ephemeral=3, swap=1024))
        before = self.sizes_of_disks(server)
        self.assertEqual({'b': 2, 'e': 3, 's': 1}, before)
        self.resize(server, self.make_flavor(
            'most', ephemeral=3, swap=4096, memory_mb=4096))
        self.where = 'compute2'
        self.assertEqual({'b': 2, 'e': 3, 's': 4},
                         self.sizes_of_disks(server))
        self.act(server, 'revertResize')
        self.where = 'compute1'
        self.assertEqual(before, self.sizes_of_disks(server))
        self.migrate(server)
        self.act(server, 'confirmResize')
        self.assertEqual({'compute2': 'running'}, self.lpars_of(server))
        self.assertEqual(
            ['b_', 'cf', 'e0', 's_'],
            sorted({mapping['storage'][:2]
                    for mapping in self.mappings_of(server)}))
        self.assert_nothing_left(server)

    def test_confirmed_late(self):
        """The message was held up until an evacuation brought it back."""
        server = self.boot_on_first()
        self.migrate(server)
        [migration] = objects.MigrationList.get_by_filters(
            self.context, {'instance_uuid': server['id']})
        self.cloud.stop('compute2')
        self.users.reset_state(self.walk_server(server), vm_states.ACTIVE)
        # Nova refuses a host that still has an LPAR of the server.
        with self.site.lock:
            self.platform.operator.delete_partition(
                view.partition_of(self.platform, server['id']).uuid)
        self.restart('compute1')
        self.users.evacuate(self.walk_server(server), 'compute1')
        self.start(server)
        self.assert_runs_here(server)
        with self.cloud.on('compute1'):
            self.driver.confirm_migration(
                self.context, migration, self.instance_of(server), [])
        self.assert_runs_here(server)
        self.assertIn('confirmed late', self.logger.output)

    def assert_runs_here(self, server):
        self.assertEqual('compute1', self.host_of(server))
        self.assertEqual('running', self.lpars_of(server)['compute1'])

    def test_delete_before_it_is_confirmed(self):
        server = self.boot_on_first()
        self.migrate(server)
        self.assert_nothing_left(server)

    def fail_at_target(self, server):
        """Migrate a server to compute2, which cannot make its LPAR."""
        self.where = 'compute2'
        self.platform.faults.add({'effect': 'status', 'status': 500,
                                  'method': 'PUT', 'path': 'LogicalPartition',
                                  'nth': 1})
        self.migrate(server, status='ERROR')

    def test_target_fails(self):
        """A hard reboot makes the server usable; nothing is left."""
        server = self.boot_on_first()
        self.fail_at_target(server)
        self.assertEqual({'compute1': 'not activated'},
                         self.lpars_of(server))
        self.assertEqual('ACTIVE', self.act(
            server, 'reboot', {'type': 'HARD'})['status'])
        self.assertEqual({'compute1': 'not activated', 'compute2': 'running'},
                         self.lpars_of(server))
        self.assertIsNone(self.delete(server))
        self.reap()
        self.assert_state_equal(self.empty, self.platform_state(), 'deleted')

    def test_back_to_a_host_that_kept_something(self):
        server = self.boot_on_first()
        self.fail_at_target(server)
        self.act(server, 'reboot', {'type': 'HARD'})
        self.migrate(server)
        self.act(server, 'confirmResize')
        self.assert_usable(server, 'compute1')
        self.assert_nothing_left(server)

    def test_evacuate(self):
        server = self.boot_on_first()
        disk = self.boot_disk_of(server)
        disk.write_at(test_resize.OFFSETS[0], b'written')

        self.evacuate(server)

        self.where = 'compute2'
        self.assertEqual('running', self.lpar_of(server)['state'])
        self.assertEqual(b'written', self.boot_disk_of(server).read(
            test_resize.OFFSETS[0], 7))

        self.restart()

        self.assert_usable(server, 'compute2')
        self.assertEqual(b'written', self.boot_disk_of(server).read(
            test_resize.OFFSETS[0], 7))
        self.assert_nothing_left(server)


class LocalDiskMoveTest(base.TwoHostMixin, base.ScenarioCase):
    """No other host reaches the disks."""

    PROFILE = 'two-host'

    def test_server_stays(self):
        server = self.boot_on_first()
        before = self.platform_state()
        self.migrate(server, status='ACTIVE')
        self.assertIn('cannot leave its host', self.fault_of(server))
        self.assertEqual('compute1', self.host_of(server))
        self.assert_state_equal(before, self.platform_state(), 'refused')

    def test_evacuate_from_the_image(self):
        server = self.boot_on_first()
        self.evacuate(server)
        self.restart()
        self.assertEqual({'compute2': 'running'}, self.lpars_of(server))
