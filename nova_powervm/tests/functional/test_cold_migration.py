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

from nova import context as nova_context
from oslo_utils import units

from nova_powervm.simulator import inside
from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import platforms
from nova_powervm.tests.functional import test_resize


class TwoHostMixin(test_resize.MoveMixin):
    """A cloud of two hosts; self.platform is the one of self.where."""

    WITH_SESSIONS = False

    where = 'compute1'

    def setUp(self):
        super().setUp()
        self.other = self._start_compute('compute2')
        self.computes = {'compute1': self.compute, 'compute2': self.other}

    @property
    def platform(self):
        return self.simulated_host(self.where)

    def boot_on_first(self, **kwargs):
        """Create a server on compute1.

        To name it would make Nova overlook the pool that the hosts share.
        """
        kwargs.setdefault('flavor_id', self.small)
        self.enable('compute2', False)
        server = self.boot(**kwargs)
        self.enable('compute2', True)
        self.assertEqual('compute1', self.host_of(server))
        return server

    def enable(self, host, enabled):
        """Let the scheduler choose a host, or not."""
        service = self.computes[host].service_ref
        self.admin_api.put_service(service.uuid, {
            'status': 'enabled' if enabled else 'disabled'})

    def force_down(self, host, down):
        """Tell Nova that a host is dead, or no longer."""
        self.admin_api.put_service_force_down(
            self.computes[host].service_ref.uuid, down)

    def host_of(self, server):
        return self.api.get_server(server['id'])['OS-EXT-SRV-ATTR:host']

    def evacuate(self, server):
        """Let compute1 die, and the server go on on compute2."""
        self.compute.stop()
        self.force_down('compute1', True)
        # Nova stops what it has evacuated.
        self._evacuate_server(server, expected_host='compute2')
        self._start_server(server)

    def reap(self):
        """Let Nova remove deleted servers that hosts still have.

        It does so every half an hour (running_deleted_instance_action). The
        report of resources, every minute, deletes what had to wait.
        """
        context = nova_context.get_admin_context()
        for compute in self.computes.values():
            compute.manager._cleanup_running_deleted_instances(context)
            compute.manager.update_available_resource(context)

    def migrate(self, server, status='VERIFY_RESIZE'):
        after = self.act(server, 'migrate')
        self.assertEqual(status, after['status'], after.get('fault'))
        return after

    def lpars_of(self, server):
        """State of its LPAR by host, for the hosts that have one."""
        found = {}
        for self.where in self.computes:
            lpar = self.lpar_of(server)
            if lpar:
                found[self.where] = lpar['state']
        self.where = self.host_of(server)
        return found

    def sizes_of_disks(self, server):
        """GiB of the disks that it has, by the first letter of their name."""
        return {
            name[0]: inside.find(self.platform, name).backing.disk.size //
            units.Gi for name in {
                mapping['storage'] for mapping in self.mappings_of(server)}
            if not name.startswith('cfg')}


class SharedPoolMoveTest(platforms.SharedPool, TwoHostMixin,
                         base.PowerVMTestCase):

    PROFILE = 'ssp-two-host'

    def setUp(self):
        super().setUp()
        self.delete(self.boot_on_first())
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
        disk.write_at(test_resize.PLACES[0], b'written')

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
            test_resize.PLACES[0], 7))
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
        self._stop_server(server)
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

    def test_delete_before_it_is_confirmed(self):
        server = self.boot_on_first()
        self.migrate(server)
        self.assert_nothing_left(server)

    def test_target_fails(self):
        """A hard reboot makes the server usable; nothing is left."""
        server = self.boot_on_first()
        self.where = 'compute2'
        self.platform.faults.add({'effect': 'status', 'status': 500,
                                  'method': 'PUT', 'path': 'LogicalPartition',
                                  'nth': 1})
        self.migrate(server, status='ERROR')
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
        self.where = 'compute2'
        self.platform.faults.add({'effect': 'status', 'status': 500,
                                  'method': 'PUT', 'path': 'LogicalPartition',
                                  'nth': 1})
        self.migrate(server, status='ERROR')
        self.act(server, 'reboot', {'type': 'HARD'})
        self.migrate(server)
        self.act(server, 'confirmResize')
        self.assert_usable(server, 'compute1')
        self.assert_nothing_left(server)

    def test_evacuate(self):
        server = self.boot_on_first()
        disk = self.boot_disk_of(server)
        disk.write_at(test_resize.PLACES[0], b'written')

        self.evacuate(server)

        self.where = 'compute2'
        self.assertEqual('running', self.lpar_of(server)['state'])
        self.assertEqual(b'written', self.boot_disk_of(server).read(
            test_resize.PLACES[0], 7))

        self.computes['compute1'] = self.restart_compute_service(self.compute)

        self.assert_usable(server, 'compute2')
        self.assertEqual(b'written', self.boot_disk_of(server).read(
            test_resize.PLACES[0], 7))
        self.force_down('compute1', False)
        self.assert_nothing_left(server)


class LocalDiskMoveTest(TwoHostMixin, base.PowerVMTestCase):
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
        self.computes['compute1'] = self.restart_compute_service(self.compute)
        self.assertEqual({'compute2': 'running'}, self.lpars_of(server))
