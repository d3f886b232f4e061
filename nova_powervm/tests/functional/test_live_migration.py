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

"""Running servers that move, through Nova's API, conductor and computes."""

import fixtures
from nova import utils

from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import moves
from nova_powervm.tests.functional import platforms
from nova_powervm.tests.functional import test_sriov
from nova_powervm.tests.functional import volumes
from nova_powervm.virt.powervm.actions import settling
from nova_powervm.virt.powervm.live import running


class LiveMigrationMixin(moves.TwoHostMixin):
    """Moves running servers, and looks where they are."""

    def live_migrate(self, server):
        return self.act(server, 'os-migrateLive', {
            'host': None, 'block_migration': 'auto'})

    def begin(self, server):
        """Have a server moved, and do not wait for it."""
        self.api.post_server_action(server['id'], {'os-migrateLive': {
            'host': None, 'block_migration': 'auto'}})

    def ended(self):
        """Statuses of the migrations, once all have ended."""
        found = [migration['status'] for migration in self.admin_api.api_get(
            '/os-migrations').body['migrations']]
        return [] if {'running', 'preparing'} & set(found) else sorted(found)

    def assert_is_on(self, server, host, *migrations):
        """Nova, placement and the platforms agree where it is.

        :param migrations: statuses of all migrations
        """
        self.assertEqual(list(migrations), self.wait_for(self.ended))
        after = self.api.get_server(server['id'])
        self.assertEqual('ACTIVE', after['status'], after.get('fault'))
        self.assertEqual(host, after['OS-EXT-SRV-ATTR:host'])
        self.assertEqual({host: 'running'}, self.lpars_of(server))
        for name in self.computes:
            held = self._get_allocations_by_server_uuid(server['id'])
            self.assertEqual(name == host, self._get_provider_uuid_by_host(
                name) in held, name)
        bound = [port['binding:host_id'] for port in
                 self.neutron.list_ports(is_admin=True)['ports']
                 if port['device_id'] == server['id']]
        self.assertEqual([host], bound)

    def break_copy(self):
        self.simulated_host('compute1').faults.add({
            'method': 'PUT', 'path': '/do/Migrate$', 'effect': 'migration',
            'phase': 'copy', 'outcome': 'failed'})

    def hold(self, server, host):
        """Let its migration stop in the copy.

        :returns: function that tells whether it has
        """
        self.where = host
        with self.site.lock:
            return self.site.migrations.hold(self.lpar_of(server)['uuid'],
                                             'copy').is_set

    def release(self, server):
        self.where = self.host_of(server)
        with self.site.lock:
            self.site.migrations.release(self.lpar_of(server)['uuid'])


class LiveMigrationTest(LiveMigrationMixin, platforms.SharedPool,
                        base.PowerVMTestCase):

    PROFILE = 'ssp-two-host'

    def setUp(self):
        super().setUp()
        # The computes, one of which has 1 thread for it, are one process.
        self.flags(max_concurrent_live_migrations=2)
        self.server = self.boot_on_first()

    def test_moves(self):
        self.live_migrate(self.server)
        self.assert_is_on(self.server, 'compute2', 'completed')
        self.assertIsNone(self.delete(self.server))

    def test_stays(self):
        self.break_copy()
        self.live_migrate(self.server)
        self.assert_is_on(self.server, 'compute1', 'failed')

    def test_two_opposite_ways(self):
        self.enable('compute1', False)
        self.neutron.create_port({'port': self.neutron.port_2})
        other = self.boot(flavor_id=self.small, networks=[
            {'port': self.neutron.port_2['id']}])
        self.enable('compute1', True)
        held = [self.hold(self.server, 'compute1'),
                self.hold(other, 'compute2')]
        for server in (self.server, other):
            self.begin(server)
        for is_held in held:
            self.wait_for(is_held)
        for server in (self.server, other):
            self.release(server)
        for server, host in ((self.server, 'compute2'), (other, 'compute1')):
            self.assert_is_on(server, host, 'completed', 'completed')

    def test_no_host_has_room(self):
        """It is no error of the server."""
        system = self.simulated_host('compute2').system
        with self.site.lock:
            system.spec['migration']['max_active'] = 0
            system.touch('Other')
        self.live_migrate(self.server)
        self.assert_is_on(self.server, 'compute1', 'error')
        self.assertIn('No valid host', self.fault_of(self.server))

    def test_source_stops_in_the_copy(self):
        """Its next start stops the migration, and the server stays."""
        # It waits 20 seconds less for tasks that have not ended.
        self.flags(manager_shutdown_timeout=20)
        is_held = self.hold(self.server, 'compute1')
        self.begin(self.server)
        self.wait_for(is_held)
        self.compute = self.computes['compute1'] = (
            self.restart_compute_service(self.compute))
        self.assert_is_on(self.server, 'compute1', 'failed')

    def start_without_waiting(self):
        """End compute1 in the copy; it cannot learn how that ends."""
        self.flags(manager_shutdown_timeout=20)
        for owner, name in ((settling, 'START_SECONDS'),
                            (running, 'CONFIRM_INTERVAL')):
            self.useFixture(fixtures.MockPatchObject(owner, name, 0.2))
        is_held = self.hold(self.server, 'compute1')
        self.begin(self.server)
        self.wait_for(is_held)
        for method, path in (
                ('GET', '/LogicalPartition/%s' % self.server['id'].upper()),
                ('PUT', '/do/MigrateAbort$')):
            self.platform.faults.add({'method': method, 'path': path,
                                      'effect': 'status', 'status': 500,
                                      'count': 0})
        self.compute = self.computes['compute1'] = (
            self.restart_compute_service(self.compute))
        self.assertEqual('MIGRATING', self.api.get_server(
            self.server['id'])['status'])

    def test_arrives_after_the_start(self):
        """Nova learns it from a thread."""
        self.start_without_waiting()
        self.release(self.server)
        self.wait_for(lambda: list(self.lpars_of(self.server)) ==
                      ['compute2'])
        self.platform.faults.clear()
        self.assert_is_on(self.server, 'compute2', 'completed')
        self.assertIsNone(self.delete(self.server))

    def test_is_stopped_after_the_start(self):
        """A user aborts it; Nova learns it from a thread."""
        self.start_without_waiting()
        self.platform.faults.clear()
        migration, = self.admin_api.api_get('/os-migrations').body[
            'migrations']
        self.admin_api.api_delete('/servers/%s/migrations/%d' % (
            self.server['id'], migration['id']))
        self.assert_is_on(self.server, 'compute1', 'failed')

    def test_deleted_in_the_copy(self):
        before = self.hold(self.server, 'compute1')
        self.begin(self.server)
        self.wait_for(before)
        self.assertIsNone(self.delete(self.server))
        self.assertEqual([], [
            lpar for host in self.site.hosts
            for lpar in host.state()['LogicalPartition']
            if lpar['name'] != 'novalink'])
        self.assertEqual({}, self._get_allocations_by_server_uuid(
            self.server['id']))


class QueueTest(LiveMigrationMixin, platforms.SharedPool,
                base.PowerVMTestCase):
    """A host migrates one server at a time, as it does by default."""

    PROFILE = 'ssp-two-host'

    def test_aborted_in_the_queue(self):
        self.neutron.create_port({'port': self.neutron.port_2})
        first, second = [self.boot_on_first(
            networks=[{'port': port['id']}])
            for port in (self.neutron.port_1, self.neutron.port_2)]
        is_held = self.hold(first, 'compute1')
        self.begin(first)
        self.wait_for(is_held)
        self.begin(second)
        queued = self.wait_for(lambda: [
            migration for migration in self.admin_api.api_get(
                '/servers/%s/migrations' % second['id']).body['migrations']
            if migration['status'] == 'queued'])
        with utils.temporary_mutation(self.admin_api, microversion='2.65'):
            self.admin_api.api_delete('/servers/%s/migrations/%d' % (
                second['id'], queued[0]['id']))
        self.wait_for(lambda: self.api.get_server(
            second['id'])['status'] == 'ACTIVE')
        self.release(first)
        self.assert_is_on(second, 'compute1', 'cancelled', 'completed')
        self.assert_is_on(first, 'compute2', 'cancelled', 'completed')


class VnicTest(test_sriov.SriovMixin, LiveMigrationMixin,
               platforms.SharedPool, base.PowerVMTestCase):
    """A port of type direct: Nova claims a device of the target."""

    def _prepare_platform(self):
        self.PROFILE = powervm_fixtures.load_sriov_profile('ssp-two-host')
        super()._prepare_platform()

    def assert_wired_on(self, server, host):
        """It has its vNIC and its device there, and nowhere else."""
        (address, owner), = self.claimed(host)
        self.assertEqual(server['id'], owner)
        self.assertEqual(1, len(self.vnics(host)))
        profile = self.neutron.show_port(self.port_1['id'])['port'][
            'binding:profile']
        self.assertEqual(address, profile['pci_slot'])
        for name in self.computes:
            if name != host:
                self.assertEqual(([], []), (self.claimed(name),
                                            self.vnics(name)))

    def test_moves_and_stays(self):
        server = self.boot_on_first(networks=[{'port': self.port_1['id']}])
        self.break_copy()
        self.live_migrate(server)
        self.assert_is_on(server, 'compute1', 'failed')
        self.assert_wired_on(server, 'compute1')
        self.live_migrate(server)
        self.assert_is_on(server, 'compute2', 'completed', 'failed')
        self.assert_wired_on(server, 'compute2')
        self.assertIsNone(self.delete(server))
        self.assertEqual([], self.vnics('compute2'))


class VolumeTest(volumes.VolumeMixin, LiveMigrationMixin,
                 base.PowerVMTestCase):
    """A server that boots from a volume, and has another one."""

    PROFILE = 'fc-two-host'

    def setUp(self):
        super().setUp()
        self.enable('compute2', False)
        self.server = self.boot_with((1, 3), boots=True,
                                     flavor_id=self.small)
        self.enable('compute2', True)
        self.assertEqual('ACTIVE', self.server['status'],
                         self.server.get('fault'))

    def assert_is_on(self, server, host, *migrations):
        """Cinder agrees, too: each volume has one attachment, of that host."""
        super().assert_is_on(server, host, *migrations)
        self.where = host
        self.assert_sees(server, 1, 3, boots=True)
        ports = {port.wwpn for vios in self.platform.store.all(
            'VirtualIOServer') for port in vios.fc_ports}
        for number in (1, 3):
            attachment, = self.cinder.volume_to_attachment[
                volumes.VOLUME % number].values()
            self.assertEqual(ports, set(attachment['connector']['wwpns']))

    def test_moves(self):
        self.live_migrate(self.server)
        self.assert_is_on(self.server, 'compute2', 'completed')
        self.assertTrue(self.attach(self.server, 4))
        self.assertTrue(self.detach(self.server, 3))
        self.assert_sees(self.server, 1, 4, boots=True)
        self.assertIsNone(self.delete(self.server))
        self.assert_detached()

    def test_stays(self):
        self.break_copy()
        self.live_migrate(self.server)
        self.assert_is_on(self.server, 'compute1', 'failed')
        self.assertIsNone(self.delete(self.server))
        self.assert_detached()


class MaintenanceTest(platforms.SharedPool, moves.TwoHostMixin,
                      base.PowerVMTestCase):
    """What the operator guide says of the maintenance of a host."""

    PROFILE = 'ssp-two-host'

    def where(self):
        """Names of the hosts of all servers, by the name of the server."""
        return {server['name']: server['OS-EXT-SRV-ATTR:host']
                for server in self.admin_api.get_servers()}

    def boot_two(self):
        self.neutron.create_port({'port': self.neutron.port_2})
        return [self.boot_on_first(
            name=name, networks=[{'port': port['id']}])
            for name, port in (('one', self.neutron.port_1),
                               ('two', self.neutron.port_2))]

    def move_all(self, servers):
        """Move one after the other.

        Placement on SQLite does not see what another request has written
        since its own began. It refuses to write then, however often it tries.
        """
        for server in servers:
            after = self.act(server, 'os-migrateLive', {
                'host': None, 'block_migration': 'auto'})
            self.assertEqual('ACTIVE', after['status'], after.get('fault'))
            self.wait_for(lambda: {'completed'} == {
                migration['status'] for migration in self.admin_api.api_get(
                    '/os-migrations').body['migrations']})

    def test_maintenance(self):
        servers = self.boot_two()
        booted = [self.boot_time_of(server) for server in servers]
        empty = self.servers_of('compute2')
        self.assertEqual({'one': 'compute1', 'two': 'compute1'},
                         self.where())

        self.enable('compute1', False)
        self.move_all(servers)
        self.assertEqual({'one': 'compute2', 'two': 'compute2'},
                         self.where())
        self.assertEqual(empty, self.servers_of('compute1'))

        self.compute.stop()
        for vios in ('vios1', 'vios2'):
            self.set_vios(vios, False)
            self.set_vios(vios, True)
        self.compute = self.computes['compute1'] = (
            self.restart_compute_service(self.compute))
        self.enable('compute1', True)

        self.enable('compute2', False)
        self.move_all(servers)
        self.assertEqual({'one': 'compute1', 'two': 'compute1'},
                         self.where())
        self.assertEqual(booted, [self.boot_time_of(server)
                                  for server in servers])
        for server in servers:
            self.assertIsNone(self.delete(server))

    def servers_of(self, host):
        """The LPARs and the mappings on a host."""
        state = self.simulated_host(host).state()
        return ([lpar['name'] for lpar in state['LogicalPartition']],
                [mapping for vios in state['VirtualIOServer']
                 for mapping in vios['mappings']])

    def boot_time_of(self, server):
        """When the guest of a server was booted, on whichever host."""
        [found] = [lpar.boot_time for host in self.site.hosts
                   for lpar in host.store.all('LogicalPartition')
                   if lpar.name == server['OS-EXT-SRV-ATTR:instance_name']]
        return found
