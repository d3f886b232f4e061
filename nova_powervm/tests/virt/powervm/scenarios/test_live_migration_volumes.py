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

"""Running servers with Cinder volumes on Fibre Channel move."""

from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import live_volumes
from nova_powervm.tests.virt.powervm.scenarios import test_ibmi_volumes
from nova_powervm.tests.virt.powervm.scenarios import volumes

VOLUME = volumes.VOLUME


class VolumesTest(live_volumes.LiveVolumeMixin, base.ScenarioCase):
    """It boots from a volume, and has another one."""

    def test_moves(self):
        server = self.boot_on_first()
        self.lun(3).disk.write_at(volumes.MIB, b'written')
        booted = self.lpar_on(server, 'compute1').boot_time
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2', booted)
        self.assertEqual('completed', self.migration_of(server).status)
        self.assertEqual(b'written', self.lun(3).disk.read(volumes.MIB, 7))
        self.assert_source_is_clean()
        self.assert_gone(server)

    def test_there_and_back(self):
        server = self.boot_on_first()
        for host in self.move_about(server):
            self.assertEqual({host}, {
                attachment['connector']['host'] for attachment in
                self.cinder.volume_to_attachment[VOLUME % 3].values()})
        self.assert_gone(server)

    def test_operations_after_it(self):
        server = self.boot_on_first()
        self.live_migrate(server)
        self.where = 'compute2'
        self.assertTrue(self.attach(server, 4))
        self.assert_sees(server, 1, 3, 4, boots=True)
        self.assertTrue(self.detach(server, 3))
        self.assert_sees(server, 1, 4, boots=True)
        self.assertEqual({VOLUME % 1, VOLUME % 4}, {
            volume_id for _vios, volume_id in self.hdisks_on('compute2')})
        self.assertIsNone(self.extend(server, 4, 2))
        self.assert_sees(server, 1, 4, boots=True)
        self.reboot(server, hard=True)
        self.assert_sees(server, 1, 4, boots=True)
        self.stop(server)
        self.start(server)
        self.live_migrate(server)
        self.assertEqual('compute1', self.host_of(server))
        self.where = 'compute1'
        self.assert_sees(server, 1, 4, boots=True)
        self.assertEqual([], self.hdisks_on('compute2'))
        self.migrate(server)
        self.act(server, 'confirmResize')
        self.where = 'compute2'
        self.assert_sees(server, 1, 4, boots=True)
        self.assertIsNone(self.delete(server))
        self.assert_detached()
        self.assertEqual([], [*self.hdisks_on('compute1'),
                              *self.hdisks_on('compute2')])

    def test_checks_change_nothing(self):
        server = self.boot_on_first()
        instance = self.instance_of(server)
        block_device_info = self.compute._get_instance_block_device_info(
            self.context, instance)
        before = self.site.fingerprint()
        driver = self.cloud.compute('compute2').driver
        found = driver.check_can_live_migrate_destination(
            self.context, instance, {}, {})
        self.driver.check_can_live_migrate_source(
            self.context, instance, found, block_device_info)
        driver.check_source_migrate_data_at_dest(
            self.context, instance, found, None, None, None)
        self.assertEqual(before, self.site.fingerprint())

    def test_shared_volume(self):
        """Two servers have a volume; neither loses it when one moves."""
        self.cinder.multiattach.add(VOLUME % 3)
        server = self.boot_on_first()
        other = self.boot_with((2, 3), boots=True, flavor_id=self.small,
                               networks=[{'port': self.neutron.port_2['id']}])
        for _time in range(2):
            self.live_migrate(server)
            self.assert_both(server, other)
        self.live_migrate(server)
        self.live_migrate(other)
        self.assert_both(server, other)
        self.assertEqual([], self.hdisks_on('compute1'))
        self.assertIsNone(self.delete(other))
        self.assert_gone(server)

    def assert_both(self, server, other):
        self.where = self.host_of(server)
        self.assert_whole(server)
        self.where = self.host_of(other)
        self.assert_sees(other, 2, 3, boots=True)


class RefusedTest(live_volumes.LiveVolumeMixin, base.ScenarioCase):
    """Volumes that the target cannot have, or not as the source has them."""

    def check_stays(self, reason, status='failed', server=None, before=None):
        if server is None:
            server, before = self.boot_and_look()
        self.live_migrate(server)
        self.assert_stayed(server, before, status)
        self.assertIn(reason, self.fault_of(server) + self.logger.output)
        return server

    def test_shared_volume_stays(self):
        """The target has it for another server, and keeps it."""
        self.cinder.multiattach.add(VOLUME % 3)
        other = self.boot_with((2, 3), boots=True, flavor_id=self.small,
                               host='compute2', networks=[
                                   {'port': self.neutron.port_2['id']}])
        self.break_migration('copy')
        self.check_stays('the mover has failed')
        self.where = 'compute2'
        self.assert_sees(other, 2, 3, boots=True)

    def test_copy_fails(self):
        self.break_migration('copy')
        self.assert_moves_again(self.check_stays('the mover has failed'))

    def test_another_volume(self):
        """Its LUN leads to another volume on the target."""
        earlier = self.boot_with((7,), boots=True, host='compute2',
                                 networks='none')
        self.assertIsNone(self.delete(earlier))
        server, before = self.boot_and_look()
        other = self.lun(7)

        def lead_astray(info):
            with self.site.lock:
                data = self.site.san.export(other.id, [
                    wwpn for wwpn in info['data']['initiator_target_map']])
            info['data'].update(
                (key, data[key]) for key in (
                    'initiator_target_map', 'target_lun', 'target_luns',
                    'initiator_target_lun_map', 'target_wwn') if key in data)

        self.cinder.edits[VOLUME % 3] = lead_astray
        self.live_migrate(server)
        del self.cinder.edits[VOLUME % 3]
        with self.site.lock:
            self.site.san.unexport(other.id)
        self.assert_stayed(server, before)
        self.assertIn('leads to another volume', self.fault_of(server))
        self.assert_moves_again(server)

    def test_not_exported(self):
        server, before = self.boot_and_look()
        ports = [port.wwpn for vios in self.site.hosts[1].store.all(
            'VirtualIOServer') for port in vios.fc_ports]
        with self.site.lock:
            self.lun(3).set_fault('not_exported', ports)
        self.live_migrate(server)
        with self.site.lock:
            self.lun(3).clear_faults()
        self.assert_stayed(server, before)
        self.assertIn('vscsi_vios_connections_required',
                      self.fault_of(server))
        self.assert_moves_again(server)

    def test_encrypted(self):
        server, before = self.boot_and_look()
        bdm = next(bdm for bdm in self.walk_server(server).bdms()
                   if bdm.volume_id == VOLUME % 3)
        plain = bdm.connection_info
        bdm.connection_info = plain.replace('"encrypted": false',
                                            '"encrypted": true')
        bdm.save()
        self.check_stays('Volume encryption is not supported', 'error',
                         server, before)
        bdm.connection_info = plain
        bdm.save()

    def test_vios_of_the_target_is_down(self):
        """Less redundancy is allowed, as far as the option allows it."""
        server, before = self.boot_and_look()
        self.flags(group='powervm', vscsi_vios_connections_required=2)
        self.where = 'compute2'
        self.set_rmc('vios2', 'inactive')
        self.where = 'compute1'
        self.live_migrate(server)
        self.assertIn('vscsi_vios_connections_required',
                      self.fault_of(server))
        self.assertEqual({'compute1': 'running'}, self.lpars_of(server))
        self.flags(group='powervm', vscsi_vios_connections_required=1)
        self.live_migrate(server)
        self.where = 'compute2'
        self.assert_sees(server, 1, 3, vioses=['vios1'], boots=True)
        self.set_rmc('vios2', 'active')
        self.reboot(server, hard=True)
        self.assert_runs_on(server, 'compute2')
        self.assert_gone(server)

    def test_disk_of_nobody(self):
        """Somebody has mapped a disk by hand."""
        server, _before = self.boot_and_look()
        self.site.hosts[0].operator.map_storage(
            'vios2', 'hdisk2', self.lpar_on(server, 'compute1').name)
        self.live_migrate(server)
        self.assertEqual('compute1', self.host_of(server))
        self.assertIn('VIOS vios2 maps physical volume hdisk2',
                      self.fault_of(server))


class PoolTest(platforms.SharedPool, live_volumes.LiveVolumeMixin,
               base.ScenarioCase):
    """Volumes beside a disk in a pool."""

    PROFILE = 'live-migration'
    BOOTS = False
    STORAGE_OF_SERVER = ['b_', 'b_', 'cf', 'hd', 'hd', 'hd', 'hd']

    def test_there_and_back(self):
        server = self.boot_on_first()
        self.boot_disk_of(server).write_at(4096, b'written')
        booted = self.lpar_on(server, 'compute1').boot_time
        for host in ('compute2', 'compute1'):
            self.live_migrate(server)
            self.assert_runs_on(server, host, booted)
            self.assertEqual(b'written',
                             self.boot_disk_of(server).read(4096, 7))
        self.assert_gone(server)


class IbmiTest(test_ibmi_volumes.VolumeMixin, live_volumes.LiveVolumeMixin,
               base.ScenarioCase):
    """IBM i, which boots from what is tagged as its load source."""

    def test_moves(self):
        server = self.boot_on_first()
        tags = self.tags_of(server)
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2')
        self.assertEqual(tags, self.tags_of(server))
        self.reboot(server, hard=True)
        self.assert_boots_from(server, 1)
        self.assert_gone(server)


class BudgetTest(live_volumes.LiveVolumeMixin, base.ScenarioCase):
    """How many requests it takes, over both hosts."""

    MADE_WITH = (1,)
    OPTIONS = {'force_config_drive': False, 'shelved_offload_time': 0}
    STORAGE_OF_SERVER = ['hd', 'hd']

    def test_boot_volume(self):
        server = self.boot_on_first()
        for _time in range(4):
            _none, requests = self.requests_of_both(self.live_migrate, server)
        self.assert_runs_on(server, 'compute1')
        self.assert_within(self.BUDGET, requests)


class CrowdTest(BudgetTest):
    """The same beside many LPARs."""

    FOREIGN_LPARS = 20
