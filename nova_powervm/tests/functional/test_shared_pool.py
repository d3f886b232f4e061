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

"""Servers with their disks in a Shared Storage Pool, or more than one disk.

A whole Nova, with the real placement service, on one or two hosts.
"""

from nova import context as nova_context
import os_resource_classes as orc
import os_traits

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import platforms


class PoolBase(platforms.SharedPool, base.PowerVMTestCase):
    """Helpers to look at placement."""

    def pool_provider(self):
        """UUID of the one sharing provider that there is."""
        found = [provider['uuid'] for provider in self._get_all_providers()
                 if os_traits.MISC_SHARES_VIA_AGGREGATE in
                 self._get_provider_traits(provider['uuid'])]
        self.assertEqual(1, len(found))
        return found[0]

    def node_provider(self, host='compute1'):
        return self._get_provider_uuid_by_host(host)

    def allocations(self, server):
        """What a server has: {provider UUID: {resource class: amount}}."""
        return {uuid: allocation['resources'] for uuid, allocation in
                self._get_allocations_by_server_uuid(server['id']).items()}

    def update_resources(self, compute=None):
        """Run the periodic task of a compute service."""
        (compute or self.compute).manager.update_available_resource(
            nova_context.get_admin_context())

    def pool_state(self):
        """The LUs on the platform, by name."""
        return {unit['name']: unit for unit in
                self.platform.state().get('LogicalUnit', ())}


class PlacementTest(PoolBase):
    """Disk space of the pool counts once, however many hosts there are."""

    PROFILE = 'ssp-two-host'

    def setUp(self):
        super().setUp()
        self.second = self._start_compute('compute2')

    def test_one_provider_for_all_hosts(self):
        pool = self.pool_provider()
        self.assertEqual(3, len(self._get_all_providers()))
        record = self._get_provider_inventory(pool)[orc.DISK_GB]
        self.assertEqual(2000, record['total'])
        self.assertIn(os_traits.OWNER_NOVA, self._get_provider_traits(pool))
        aggregates = self._get_provider_aggregates(pool)
        for host in ('compute1', 'compute2'):
            node = self.node_provider(host)
            self.assertEqual({orc.VCPU, orc.PCPU, orc.MEMORY_MB},
                             set(self._get_provider_inventory(node)))
            self.assertEqual(aggregates, self._get_provider_aggregates(node))

    def test_stays_as_it_is(self):
        """Whoever updates it, and after a new start."""
        pool = self.pool_provider()
        before = self._get_resource_provider_by_uuid(pool)
        for compute in (self.second, self.compute):
            self.update_resources(compute)
        self.second = self.restart_compute_service(self.second)
        self.update_resources(self.second)
        # Nothing was written: each change would count its generation up.
        self.assertEqual(before, self._get_resource_provider_by_uuid(pool))

    def test_servers_share_the_space(self):
        big = self._create_flavor(disk=1200, ephemeral=0, memory_mb=512)
        small = self._create_flavor(disk=700, ephemeral=0, memory_mb=512)
        self.use_only('compute1')
        server = self.boot(flavor_id=big, networks='none')
        pool = self.pool_provider()
        self.assertEqual({
            self.node_provider(): {orc.VCPU: 2, orc.MEMORY_MB: 512},
            pool: {orc.DISK_GB: 1200}}, self.allocations(server))
        self.use_only('compute2')
        refused = self.boot(flavor_id=big, networks='none',
                            expected_status='ERROR')
        self.assertIn('No valid host', refused['fault']['message'])
        other = self.boot(flavor_id=small, networks='none')
        self.assertEqual('compute2', other['OS-EXT-SRV-ATTR:host'])
        self.assertEqual({orc.DISK_GB: 1900},
                         self._get_provider_usages(pool))
        for each in (refused, server, other):
            self.assertIsNone(self.delete(each))
        self.assertEqual({orc.DISK_GB: 0}, self._get_provider_usages(pool))

    def test_scheduler_does_not_warn(self):
        """It did of disks that are thin, or have yet to grow."""
        self.use_only('compute1')
        # Of a pool with one tier the platform tells how much data is in it.
        self.driver.services.disk._pool._is_only_tier = True
        flavor = self._create_flavor(disk=500, ephemeral=0, memory_mb=512)
        for _number in range(2):
            self.boot(flavor_id=flavor, networks='none')
            self.update_resources()
        self.assertNotIn('more disk space than database expected',
                         self.stdlog.logger.output)

    def test_given_host(self):
        """Nova asks placement for that host only, without what it shares."""
        server = self.boot(networks='none', host='compute1',
                           expected_status='ERROR')
        self.assertIn('No valid host', server['fault']['message'])

    def test_given_host_without_sharing(self):
        self.flags(ssp_sharing_provider=False, group='powervm')
        self.compute = self.restart_compute_service(self.compute)
        server = self.boot(networks='none', host='compute1')
        node = self.node_provider()
        self.assertEqual([node], list(self.allocations(server)))
        self.assertEqual(2000, self._get_provider_inventory(node)[
            orc.DISK_GB]['total'])

    def use_only(self, host):
        """Let the scheduler choose one host only."""
        for service in self.admin_api.get_services('nova-compute'):
            self.admin_api.put_service(service['id'], {
                'status': 'enabled' if service['host'] == host
                else 'disabled'})

    def _get_resource_provider_by_uuid(self, uuid):
        return self.placement.get('/resource_providers/%s' % uuid).body


class ReshapeTest(PoolBase):
    """Two hosts report disks of their own, then one pool, and back."""

    PROFILE = 'ssp-two-host'

    def setUp(self):
        self.flags(ssp_sharing_provider=False, group='powervm')
        super().setUp()
        self.second = self._start_compute('compute2')
        self.servers = [self.boot(networks='none', host=host)
                        for host in ('compute1', 'compute2')]
        self.nodes = [self.node_provider(host)
                      for host in ('compute1', 'compute2')]

    def restart(self, sharing):
        self.flags(ssp_sharing_provider=sharing, group='powervm')
        self.compute = self.restart_compute_service(self.compute)
        yield
        self.second = self.restart_compute_service(self.second)
        yield

    def test_there_and_back_again(self):
        before = [self.allocations(server) for server in self.servers]
        self.assertEqual([[node] for node in self.nodes],
                         [list(allocations) for allocations in before])
        for number, _restarted in enumerate(self.restart(True)):
            pool = self.pool_provider()
            allocations = {node: dict(resources) for node, resources in
                           before[number].items()}
            allocations[pool] = {
                orc.DISK_GB: allocations[self.nodes[number]].pop(orc.DISK_GB)}
            self.assertEqual(allocations,
                             self.allocations(self.servers[number]))
            self.assertNotIn(orc.DISK_GB, self._get_provider_inventory(
                self.nodes[number]))
        self.assertEqual({orc.DISK_GB: 2}, self._get_provider_usages(pool))
        for number, _restarted in enumerate(self.restart(False)):
            self.assertEqual(before[number],
                             self.allocations(self.servers[number]))
            for compute in (self.compute, self.second):
                self.update_resources(compute)
        self.assertEqual({orc.DISK_GB: 0}, self._get_provider_usages(pool))
        for server in self.servers:
            self.assertIsNone(self.delete(server))


class ViosDownTest(PoolBase):
    """One of the two VIOSes is down while a server is made, or deleted.

    The first one has the media repository.
    """

    def setUp(self):
        super().setUp()
        self.delete(self.boot())
        self.before = self.platform_state()

    def storage_of(self, server):
        """The letters that the names of what it has mapped begin with."""
        return sorted(mapping['storage'][0]
                      for mapping in self.mappings_of(server))

    def test_spawn(self):
        for down in ('vios2', 'vios1'):
            self.set_vios(down, False)
            server = self.boot()
            self.assertEqual(['b', 'c'], self.storage_of(server))
            self.set_vios(down, True)
            self.assertIsNone(self.delete(server))
            self.update_resources()
            after = self.platform_state()
            if down == 'vios1':
                self.take_repository(after)
            self.assert_state_equal(self.before, after, down)

    @staticmethod
    def take_repository(state):
        """Take the repository that was made out of a platform state."""
        group, = [group for group in state['hosts'][0]['VolumeGroup']
                  if group['repository'] and not group['repository']['media']
                  and group['free_gb'] == group['capacity_gb'] - 1]
        group['repository'] = None
        group['free_gb'] = group['capacity_gb']

    def test_destroy(self):
        for down in ('vios2', 'vios1'):
            server = self.boot()
            self.assertEqual(['b', 'b', 'c'], self.storage_of(server))
            self.set_vios(down, False)
            self.assertIsNone(self.delete(server))
            self.set_vios(down, True)
            self.update_resources()
            self.assert_state_equal(self.before, self.platform_state(), down)


class EphemeralBase(base.PowerVMTestCase):

    def check_life(self):
        self.delete(self.boot())
        before = self.platform_state()
        flavor = self._create_flavor(disk=2, ephemeral=3, swap=700)
        server = self.boot(flavor_id=flavor)
        names = sorted({mapping['storage'].rsplit('/', 1)[-1][:2]
                        for mapping in self.mappings_of(server)})
        self.assertEqual(['b_', 'cf', 'e0', 's_'], names)
        self.assertIsNone(self.delete(server))
        self.assert_state_equal(before, self.platform_state(), 'ephemeral')


class LocalEphemeralTest(EphemeralBase):
    """Servers with ephemeral and swap disks in a volume group."""

    def test_life(self):
        self.check_life()


class PoolEphemeralTest(PoolBase, EphemeralBase):
    """The same in a Shared Storage Pool."""

    def test_life(self):
        self.check_life()


class FileEphemeralTest(platforms.FilePool, EphemeralBase):
    """The same with files."""

    def test_life(self):
        self.check_life()
