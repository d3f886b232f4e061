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

"""What is refused before a live migration begins, and why."""

from unittest import mock

from nova import exception as nova_exc
from nova.network import model
from nova import objects
from pypowervm.wrappers import logical_partition as pvm_lpar

from nova_powervm.simulator.resources import partition
from nova_powervm.tests.virt.powervm.live import base
from nova_powervm.tests.virt.powervm.vif import base as vif_base
from nova_powervm.virt.powervm.live import checks
from nova_powervm.virt.powervm.vif import rmc

GIB = 1024 ** 3


class ChecksTestCase(base.LiveTestCase):

    def assert_refused(self, reason, check, *args, **kwargs):
        exc = self.assertRaises(nova_exc.MigrationPreCheckError, check,
                                *args, **kwargs)
        self.assertIn(reason, str(exc))


class TargetTest(ChecksTestCase):

    def describe(self):
        return checks.describe_target(self.target)

    def set_system(self, **migration):
        system = self.site.hosts[1].system
        with self.site.lock:
            system.spec['migration'].update(migration)
            system.touch('Other')

    def test_describes(self):
        self.flags(my_ip='192.0.2.7')
        found = self.describe()
        self.assertEqual('192.0.2.7', found['address'])
        self.assertEqual(self.site.hosts[1].system.name, found['system'])
        self.assertEqual(self.site.hosts[1].system.region_mb,
                         found['region_mb'])
        self.assertIn('MGMTSWITCH', found['switches'])
        self.assertIn('POWER8', found['modes'])
        self.flags(group='powervm', live_migration_address='novalink2')
        self.assertEqual('novalink2', self.describe()['address'])

    def test_costs(self):
        self.describe()
        self.simulated = self.site.hosts[1]
        self.requests()
        self.describe()
        self.assertEqual(['GET ManagedSystem'], self.requests())

    def test_busy(self):
        self.set_system(max_active=0)
        self.assert_refused('0 migrations are in progress on the target',
                            self.describe)

    def test_not_capable(self):
        system = self.site.hosts[1].system
        with self.site.lock:
            system.spec['capabilities'][
                'ActiveLogicalPartitionMobilityCapable'] = False
            system.touch('Other')
        self.assert_refused('is not capable of migrating running partitions',
                            self.describe)

    def test_what_is_not_told_is_not_refused(self):
        system = mock.Mock(migration_data={
            'active_migrations_supported': None,
            'active_migrations_in_progress': None})
        system.get_capability.return_value = None
        checks._check_system(system, 'target')


class SourceTest(ChecksTestCase):

    def setUp(self):
        super().setUp()
        self.instance.info_cache = objects.InstanceInfoCache(
            network_info=model.NetworkInfo([self.vif('pvm_sea')]))
        self.disk_dvr = mock.Mock(capabilities={'shared_storage': True})
        self.described = checks.describe_target(self.target)

    def vif(self, vif_type):
        return vif_base.make_vif(type=vif_type)

    def check(self, own_disks=(), volumes=()):
        checks.SourceCheck(
            self.host, self.disk_dvr, self.instance, self.described).check(
                list(own_disks), {'block_device_mapping': list(volumes)})

    def refused(self, reason, **kwargs):
        before = self.site.fingerprint()
        self.assert_refused(reason, self.check, **kwargs)
        self.assertEqual(before, self.site.fingerprint())

    def test_can_move(self):
        self.host.bridges.all()
        self.requests()
        self.check()
        self.assertEqual(['GET LogicalPartition', 'GET VirtualIOServer'],
                         self.requests())

    def test_disk_of_this_host(self):
        self.disk_dvr.capabilities['shared_storage'] = False
        self.disk_dvr.get_disk_name.return_value = 'b_disk'
        self.disk_dvr.validate.return_value = 'nobody else reaches it'
        self.refused('disk b_disk of the server is on this host: nobody',
                     own_disks=['boot'])

    def test_volume_of_another_kind(self):
        self.refused('iscsi', volumes=[
            {'connection_info': {'driver_volume_type': 'iscsi'}}])

    def test_encrypted_volume(self):
        self.refused('encryption is not supported', volumes=[
            {'connection_info': {'driver_volume_type': 'fibre_channel',
                                 'data': {'encrypted': True}}}])

    def test_port(self):
        self.instance.info_cache.network_info.append(self.vif('vhostuser'))
        self.refused('has the type vhostuser')

    def test_switch(self):
        self.described['switches'].remove('ETHERNET0')
        self.refused('has no virtual switch ETHERNET0')

    def test_management_switch(self):
        self.described['switches'].remove('MGMTSWITCH')
        self.check()
        self.instance.system_metadata[rmc.MAC_KEY] = '0a'
        self.refused('has no virtual switch MGMTSWITCH')

    def test_no_rmc(self):
        with self.site.lock:
            self.lpar.set_rmc('inactive')
        self.refused('RMC connection')

    def test_not_running(self):
        with self.site.lock:
            self.lpar.set_state(partition.OFF)
        self.refused('the partition is not activated, not running')

    def test_migrates_already(self):
        self.useFixture(base.fixtures.MockPatchObject(
            pvm_lpar.LPAR, 'migration_state', 'Migration_Failed'))
        self.refused('its migration state is Migration_Failed')

    def test_processor_mode(self):
        self.described['modes'] = ['POWER9']
        self.refused('is none of the target system')
        self.described['modes'] = []
        self.check()

    def test_memory_blocks(self):
        self.described['region_mb'] = 7
        self.refused('logical memory blocks')

    def test_memory(self):
        with mock.patch.object(
                type(self.host.lpar(self.lpar.uuid).mem_config), 'desired',
                2047):
            self.refused('2047 MB, is no multiple')

    def test_ibmi(self):
        with self.site.lock:
            self.lpar.type = 'OS400'
            self.lpar.restricted_io = False
            self.lpar.touch('Other')
        self.refused('restricted I/O')

    def test_foreign_disk(self):
        operator = self.simulated.operator
        with self.site.lock:
            operator.create_disk('vios1', 'rootvg', 'data', GIB)
            operator.map_storage('vios1', 'data', 'vm1')
        self.refused('VIOS vios1 maps disk data to the partition')

    def test_foreign_medium(self):
        operator = self.simulated.operator
        with self.site.lock:
            operator.create_medium('vios1', 'install.iso', b'disc')
            operator.map_storage('vios1', 'install.iso', 'vm1')
        self.refused('VIOS vios1 maps medium install.iso')

    def test_unit_of_the_pool(self):
        operator = self.simulated.operator
        with self.site.lock:
            unit = operator.create_logical_unit('data', GIB)
            operator.map_storage('vios1', unit.udid, 'vm1')
        self.check()

    def test_busy(self):
        system = self.simulated.system
        with self.site.lock:
            system.spec['migration']['max_active'] = 0
            system.touch('Other')
        self.host.get_system()
        self.refused('on the source system')

    def test_is_not_busy_any_more(self):
        with mock.patch.object(self.host, '_system', mock.Mock(
                uuid=self.host.system_uuid, migration_data={
                    'active_migrations_supported': 1,
                    'active_migrations_in_progress': 1})):
            self.check()


class MoreTest(ChecksTestCase):

    def test_block_migration(self):
        for wanted in (None, False):
            checks.check_block_migration(wanted)
        self.assertRaises(nova_exc.InvalidLocalStorage,
                          checks.check_block_migration, True)

    def test_pool(self):
        disk_dvr = mock.Mock()
        disk_dvr.validate.return_value = 'another pool'
        self.assertIsNone(checks.why_not_here(disk_dvr, None))
        self.assertEqual('another pool', checks.why_not_here(disk_dvr, {}))
