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

"""Running servers move between two hosts of one pool."""

import fixtures as fx

from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import live_migration
from nova_powervm.virt.powervm.live import data


class LiveMigrationTest(live_migration.LiveMigrationMixin,
                        base.ScenarioCase):

    def test_moves(self):
        server = self.boot_on_first()
        disk = self.boot_disk_of(server)
        disk.write_at(4096, b'written')
        booted = self.lpar_on(server, 'compute1').boot_time
        macs = sorted(self.macs_of(server))
        drive = self.media_of('compute1')

        self.live_migrate(server)

        self.assert_runs_on(server, 'compute2', booted)
        self.assertEqual('completed', self.migration_of(server).status)
        self.assertEqual(macs, sorted(self.macs_of(server)))
        self.assertEqual(b'written', self.boot_disk_of(server).read(4096, 7))
        self.assertEqual([], self.media_of('compute1'))
        self.assertEqual(drive, self.media_of('compute2'))
        self.assert_gone(server)

    def test_source_has_nothing_of_it(self):
        server = self.boot_on_first()
        self.live_migrate(server)
        self.assert_source_is_clean()

    def test_there_and_back(self):
        server = self.boot_on_first()
        for _host in self.move_about(server):
            pass
        self.assert_gone(server)

    def test_operations_after_it(self):
        server = self.boot_on_first()
        self.live_migrate(server)
        self.reboot(server)
        self.reboot(server, hard=True)
        self.assert_runs_on(server, 'compute2')
        self.attach_port(server)
        self.detach_port(server, 2)
        self.assert_runs_on(server, 'compute2')
        self.act(server, 'rebuild', {'imageRef': self.image_id})
        self.assert_runs_on(server, 'compute2')
        self.migrate(server)
        self.act(server, 'confirmResize')
        self.assert_runs_on(server, 'compute1')
        self.live_migrate(server)
        self.stop(server)
        self.start(server)
        self.assert_runs_on(server, 'compute2')
        self.assert_gone(server)

    def test_two_one_after_the_other(self):
        one, two = self.boot_on_first(), self.boot_on_first(
            networks=[{'port': self.neutron.port_2['id']}])
        self.live_migrate(one)
        self.live_migrate(two)
        for server in (one, two):
            self.assert_runs_on(server, 'compute2')

    def test_checks_change_nothing(self):
        server = self.boot_on_first()
        before = self.site.fingerprint()
        driver = self.cloud.compute('compute2').driver
        instance = self.instance_of(server)
        found = driver.check_can_live_migrate_destination(
            self.context, instance, {}, {})
        self.driver.check_can_live_migrate_source(
            self.context, instance, found,
            self.block_device_info(instance))
        driver.check_source_migrate_data_at_dest(
            self.context, instance, found, None, None, None)
        driver.cleanup_live_migration_destination_check(self.context, found)
        self.assertEqual(before, self.site.fingerprint())

    def block_device_info(self, instance):
        return self.compute._get_instance_block_device_info(
            self.context, instance)


class OvsMixin(live_migration.LiveMigrationMixin):
    """Ports on Open vSwitch: each is alone with its trunk in a VLAN."""

    VIF = {'vif_type': 'ovs', 'vif_details': {
        'port_filter': True, 'bridge_name': 'br-int'}}
    OPTIONS = {'force_config_drive': False, 'shelved_offload_time': 0}
    STORAGE_OF_SERVER = ['b_', 'b_']

    def trunks_on(self, host):
        """The trunks of servers on a host: sorted list of (MAC told, VLAN)."""
        return sorted(
            (cna.ovs_ids.split('attached-mac=')[1].split(',')[0], cna.pvid)
            for cna in self.simulated_host(host).store.all(
                'ClientNetworkAdapter')
            if cna.ovs_ids and 'attached-mac' in cna.ovs_ids)

    def clients_on(self, host):
        """VLANs of the client adapters of servers: sorted list."""
        return sorted(
            cna.pvid for cna in self.simulated_host(host).store.all(
                'ClientNetworkAdapter')
            if cna.switch.name == 'NovaLinkVEABridge' and
            cna.trunk_priority is None)

    def assert_linked(self, host, count):
        trunks = self.trunks_on(host)
        self.assertEqual(count, len(trunks))
        self.assertEqual(sorted(vlan for _mac, vlan in trunks),
                         self.clients_on(host))

    def leaks(self):
        return [leak for migration in self.site.state()['migrations']
                for leak in migration['leaks']]


class OvsTest(OvsMixin, base.ScenarioCase):

    def test_vlan_is_taken_on_the_target(self):
        server = self.boot_on_first()
        other = self.boot(host='compute2', networks=[
            {'port': self.neutron.port_2['id']}])
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2')
        self.assert_linked('compute2', 2)
        self.assert_linked('compute1', 0)
        self.assertEqual([], self.leaks())
        self.delete(other)
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute1')
        self.assert_linked('compute1', 1)
        self.assert_linked('compute2', 0)
        self.reboot(server, hard=True)
        self.assertIsNone(self.delete(server))
        self.assert_linked('compute1', 0)

    def test_stays(self):
        server, before = self.boot_and_look()
        self.break_migration('copy')
        self.live_migrate(server)
        self.assertEqual([], self.trunks_on('compute2'))
        self.assert_linked('compute1', 1)
        self.simulated_host('compute1').faults.clear()
        self.live_migrate(server)
        self.assert_linked('compute2', 1)

    def test_trunk_stays_on_the_source(self):
        """The next start of the source removes it."""
        server = self.boot_on_first()
        self.keep_trunks('compute1')
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2')
        self.assert_linked('compute2', 1)
        self.assert_start_removes_trunk('compute1')
        self.assert_linked('compute2', 1)
        self.live_migrate(server)
        self.assert_linked('compute1', 1)

    def test_trunk_stays_on_the_target(self):
        """The server stays, and so does what was made ready for it."""
        server = self.boot_on_first()
        self.break_migration('copy')
        self.keep_trunks('compute2')
        self.live_migrate(server)
        self.assert_linked('compute1', 1)
        self.assert_start_removes_trunk('compute2')
        self.assert_linked('compute1', 1)
        self.simulated_host('compute1').faults.clear()
        self.live_migrate(server)
        self.assert_linked('compute2', 1)

    def keep_trunks(self, host):
        """Let a host refuse to delete the next adapter."""
        self.simulated_host(host).faults.add({
            'method': 'DELETE', 'path': '/ClientNetworkAdapter/',
            'effect': 'status', 'status': 500})

    def assert_start_removes_trunk(self, host):
        self.assertEqual(1, len(self.trunks_on(host)))
        self.assertIn('Could not remove what port', self.logger.output)
        self.restart(host)
        self.assertEqual([], self.trunks_on(host))

    def test_vlans_get_lost(self):
        """Nobody is moved into the VLAN of another server."""
        server = self.boot_on_first()
        prepare = data.write

        def forget(migrate_data, content):
            prepare(migrate_data, dict(content, **(
                {'vlans': {}} if 'vlans' in content else {})))

        self.useFixture(fx.MockPatchObject(data, 'write', forget))
        self.live_migrate(server)
        self.assertEqual('compute1', self.host_of(server))
        self.assertEqual('failed', self.migration_of(server).status)
        self.assertIn('has no VLAN on the target', self.logger.output)
        self.assertEqual([], self.trunks_on('compute2'))
        self.assert_linked('compute1', 1)

    def test_adapter_of_nobody(self):
        server = self.boot_on_first()
        adapter = next(
            cna for cna in self.simulated_host('compute1').store.all(
                'ClientNetworkAdapter')
            if cna.switch.name == 'NovaLinkVEABridge' and
            cna.trunk_priority is None)
        with self.site.lock:
            adapter.mac = '0A0B0C0D0E0F'
            adapter.touch()
        self.live_migrate(server)
        self.assertEqual('compute1', self.host_of(server))
        self.assertIn('adapter 0A0B0C0D0E0F of the partition',
                      self.fault_of(server))


class SlowOvsTest(OvsMixin, base.ScenarioCase):

    TIMING = live_migration.SLOW

    def test_trunk_of_a_server_that_comes(self):
        """The start of the target takes nothing from it."""
        server = self.boot_on_first()
        self.hold(server, 'validate')

        def restart():
            self.restart('compute2')
            self.cloud.run_periodic_tasks()
            self.release(server)

        self.meanwhile(None, restart)
        self.live_migrate(server)
        self.assert_linked('compute2', 1)


class SlowTest(live_migration.LiveMigrationMixin, base.ScenarioCase):
    """The phases last."""

    TIMING = live_migration.SLOW

    def test_progress(self):
        server = self.boot_on_first()
        seen = []

        def look():
            migration = self.migration_of(server)
            seen.append((migration.status, migration.memory_total,
                         migration.memory_remaining))

        self.meanwhile(*[look] * 40)
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2')
        self.assertEqual({'running'}, {status for status, *_rest in seen})
        self.assertIsNone(seen[0][1])
        left = [remaining for _status, total, remaining in seen if total]
        self.assertEqual(sorted(left, reverse=True), left)
        self.assertLess(1, len(set(left)))
        self.assertEqual({2048 * 1024 ** 2}, {
            total for _status, total, _left in seen if total})

    def test_nothing_is_told_meanwhile(self):
        """No power state that passes by is taken for a stop."""
        server = self.boot_on_first()
        self.meanwhile(*[self.cloud.run_periodic_tasks] * 20)
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2')
        self.cloud.run_periodic_tasks()
        self.assert_runs_on(server, 'compute2')


class BudgetTest(live_migration.LiveMigrationMixin, base.ScenarioCase):
    """How many requests it takes, over both hosts."""

    #: Each with one poll.
    BARE = 12
    WITH_CONFIG_DRIVE = 22
    TIMING = {'job_polls': 1}

    def warm_up_pair(self):
        """Let the hosts know one another's keys and forms of jobs."""
        server = self.boot_on_first()
        self.live_migrate(server)
        self.live_migrate(server)
        self.assertIsNone(self.delete(server))

    def test_without_config_drive(self):
        self.flags(force_config_drive=False)
        self.warm_up_pair()
        server = self.boot_on_first()
        _none, requests = self.requests_of_both(self.live_migrate, server)
        self.assert_within(self.BARE, requests)

    def test_with_config_drive(self):
        self.warm_up_pair()
        server = self.boot_on_first()
        _none, requests = self.requests_of_both(self.live_migrate, server)
        self.assert_within(self.WITH_CONFIG_DRIVE, requests)
