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
"""Tests of what the platform refuses to migrate, in its order."""

from nova_powervm.simulator.resources import network_adapters
from nova_powervm.simulator.resources import partition_config
from nova_powervm.simulator.resources import processor_pool
from nova_powervm.simulator.resources import switch as switches
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import migration_base as base

CAPABLE = 'ActiveLogicalPartitionMobilityCapable'
IBMI_CAPABLE = 'IBMiLogicalPartitionMobilityCapable'


class RefusalTestCase(base.MigrationTestCase):
    """A test on a profile that it may change.

    :cvar LIMITS: dict, number of a host -> its limits of migrations
    """

    LIMITS = {}

    def profile(self):
        profile = powervm_fixtures.load_profile(self.PROFILE)
        for number, changes in self.LIMITS.items():
            profile['hosts'][number]['system']['migration'].update(changes)
        for host in profile['hosts']:
            host['bridges'][0]['vlans'] = [100, 200]
        self.change(profile['hosts'])
        return profile

    def change(self, hosts):
        """Change the profile, for subclasses."""


class TestTarget(RefusalTestCase):
    """Where the partition is to go, and how the NovaLinks meet."""

    def change(self, hosts):
        hosts[1]['misc']['management_console']['addresses'] = ['192.0.2.1']

    def migrate_to(self, name):
        self.assertFails(
            {self.source.system.name: 'is the same as the source'}.get(
                name, 'is not known to'),
            base.pvm_migration.migrate_lpar, self.wrapper(), name,
            tgt_mgmt_svr='192.0.2.1', tgt_mgmt_usr='wlp')

    def test_system(self):
        before = self.states()
        self.migrate_to('elsewhere')
        self.migrate_to(self.source.system.name)
        self.assertSame(before)

    def test_address(self):
        self.assertRefused('Cannot connect to the management console '
                           'wlp@192.0.2.2', tgt_mgmt_svr='192.0.2.2')
        self.assertRefused('Cannot connect', tgt_mgmt_svr=None)
        self.migrate()

    def test_user(self):
        self.assertRefused('Cannot connect', tgt_mgmt_usr='neo')
        self.assertRefused('Cannot connect', tgt_mgmt_usr=None)

    def test_key(self):
        console, = self.target.store.all('ManagementConsole')
        console.authorized_keys = []
        self.assertRefused('Public key authentication was refused for '
                           'wlp@192.0.2.1')


class TestCapable(RefusalTestCase):

    def test_source(self):
        self.source.system.spec['capabilities'][CAPABLE] = False
        self.assertRefused('System %s is not capable of active migrations' %
                           self.source.system.name)

    def test_target(self):
        self.target.system.spec['capabilities'][CAPABLE] = False
        self.assertRefused('System %s is not capable of active migrations' %
                           self.target.system.name)


class TestLimits(RefusalTestCase):

    LIMITS = {0: {'max_active': 2, 'max_inactive': 4, 'firmware_max': 8},
              1: {'max_active': 1, 'max_inactive': 4}}

    def test_what_the_systems_tell(self):
        source, target = (s.migration_data for s in self.systems())
        self.assertEqual((2, 4, 8), tuple(source[key] for key in (
            'active_migrations_supported', 'inactive_migrations_supported',
            'max_migration_ops_supported')))
        self.assertEqual((1, None), tuple(target[key] for key in (
            'active_migrations_supported', 'max_migration_ops_supported')))

    def test_active(self):
        other = self.make_lpar('vm2')
        self.hold('copy', other)
        self.submit(other)
        self.assertRefused('The limit of 1 active migrations of system %s is '
                           'reached' % self.target.system.name)

    def test_movers(self):
        self.target.system.spec['migration']['max_active'] = 8
        with self.site.lock:
            for vios in self.target.store.all('VirtualIOServer'):
                vios.mover_max = 1
        for name in ('vm2', 'vm3'):
            other = self.make_lpar(name)
            self.source.system.spec['migration']['max_active'] += 1
            self.hold('copy', other)
            self.submit(other)
        self.assertEqual(['vios2', 'vios2'], self.record()['movers'])
        self.assertRefused('The limit of the mover service partitions')


class TestPartition(RefusalTestCase):
    """The partition itself."""

    def test_management(self):
        novalink, = [lpar for lpar in self.source.partitions()
                     if lpar.is_management]
        self.lpar = novalink
        self.assertRefused('The management partition novalink cannot be '
                           'migrated')

    def test_state(self):
        with self.site.lock:
            self.lpar.halted()
        self.assertRefused('its state is not activated')
        with self.site.lock:
            self.lpar.crashed()
        self.assertRefused('its state is error')

    def test_rmc(self):
        with self.site.lock:
            self.lpar.set_rmc('inactive')
        self.assertRefused('The RMC connection of partition vm1 is inactive')

    def test_ibmi(self):
        self.lpar = self.make_lpar('ibmi', type_='OS400')
        self.assertEqual((True, None), self.wrapper().can_lpm(
            self.systems()[0]))
        self.migrate()
        self.migrate(self.arrival())
        self.lpar = self.source.store.get('LogicalPartition', self.lpar.uuid)
        self.target.system.spec['capabilities'][IBMI_CAPABLE] = False
        self.assertRefused('is not capable of migrations of IBM i')
        self.target.system.spec['capabilities'].clear()
        self.source.system.spec['capabilities'][IBMI_CAPABLE] = False
        self.assertRefused('is not capable of migrations of IBM i')
        with self.site.lock:
            self.lpar.restricted_io = False
            self.lpar.touch()
        self.assertFalse(self.wrapper().restrictedio)
        self.assertRefused('Partition ibmi has no restricted I/O')

    def test_vios(self):
        """There is no such job for one."""
        vios = self.vios(self.source, 'vios1')
        self.assertRaises(
            base.pvm_exc.HttpNotFound, self.adapter.read, 'VirtualIOServer',
            vios.uuid, suffix_type='do', suffix_parm='Migrate')

    def test_unknown(self):
        self.assertRaises(
            base.pvm_exc.HttpNotFound, self.adapter.read, 'LogicalPartition',
            self.source.random_uuid(), suffix_type='do',
            suffix_parm='Migrate')


class TestMovers(RefusalTestCase):
    """The VIOSes that copy the memory."""

    def change(self, hosts):
        for number, host in enumerate(hosts):
            host['vioses'][0]['mover_addresses'] = ['192.0.2.%d1' % number,
                                                    '192.0.2.%d2' % number]

    def set_movers(self, host, value):
        with self.site.lock:
            for vios in host.store.all('VirtualIOServer'):
                vios.mover = value

    def test_none(self):
        for host in self.site.hosts:
            self.set_movers(host, False)
            self.assertRefused('System %s has no mover service partition that '
                               'runs' % host.system.name)
            self.set_movers(host, True)

    def test_rmc(self):
        with self.site.lock:
            for vios in self.target.store.all('VirtualIOServer'):
                vios.set_rmc('inactive')
        self.assertRefused('has no mover service partition that runs')

    def test_profile(self):
        vios = self.vios(self.source, 'vios1')
        self.assertEqual((True, 8, ('192.0.2.01', '192.0.2.02')), (
            vios.mover, vios.mover_max, vios.mover_addresses))
        other = self.vios(self.source, 'vios2')
        self.assertEqual((other.rmc_ip,), other.mover_addresses)

    def test_addresses(self):
        self.migrate(source_msp_name='192.0.2.02,192.0.2.3',
                     dest_msp_name='192.0.2.12')
        self.assertEqual('vios1', self.record()['movers'][1])

    def test_no_such_address(self):
        self.assertRefused(
            'has no mover service partition with the address 192.0.2.99',
            dest_msp_name='192.0.2.12,192.0.2.99')
        self.assertRefused('with the address 192.0.2.98',
                           source_msp_name='192.0.2.98')


class TestRoom(RefusalTestCase):
    """What the target must have for the partition."""

    def test_uuid(self):
        self.make_lpar('other', self.target, uuid=self.lpar.uuid)
        self.assertRefused('A partition with the UUID %s exists' %
                           self.lpar.uuid)

    def test_name(self):
        self.make_lpar('vm1', self.target)
        self.assertRefused('with the name vm1 already exists')

    def test_partition_id(self):
        self.make_lpar('other', self.target, partition_id=9)
        for wanted in ('9', '0'):
            status, text = self.poll(self.submit(DestinationLparID=wanted))
            self.assertEqual('FAILED_BEFORE_COMPLETION', status)
            self.assertIn('Partition ID %s is not free' % wanted, text)
        self.assertEqual('COMPLETED_OK', self.poll(
            self.submit(DestinationLparID='17'))[0])
        self.assertEqual(17, self.arrival().partition_id)

    def test_mode(self):
        self.target.system.spec['compatibility_modes'].remove('POWER8')
        self.assertRefused('does not support the processor compatibility mode '
                           'POWER8')

    def test_region_size(self):
        self.target.system.region_mb = 128
        self.assertRefused('The memory region size of system %s is 256 MB' %
                           self.source.system.name)

    def test_multiple(self):
        """It has been made on a system that did not mind."""
        self.lpar.memory = partition_config.Memory(2000, 2000, 2000)
        self.assertRefused('must be a multiple of the memory region size')

    def test_memory(self):
        self.target.system.memory_mb = (
            self.target.system.memory_mb -
            self.target.system.available_memory_mb + 2048)
        self.assertRefused('There is not enough memory')

    def test_units(self):
        self.target.system.processors = 2
        self.assertRefused('There are not enough processing resources')

    def test_pool(self):
        self.assertRefused('has no shared processor pool 3', spp_id=3)
        with self.site.lock:
            self.target.add(processor_pool.SharedProcessorPool(
                self.target, self.target.random_uuid(), 3, 'gold', 4.0))
        self.migrate(spp_id=3)
        self.assertEqual(3, self.arrival().processors.pool_id)

    def test_affinity(self):
        """Only a client that asks for it is refused."""
        self.target.system.affinity_score = 99
        self.assertRefused('The affinity score of partition',
                           check_affinity_score=True)
        self.migrate()

    def test_affinity_is_not_worse(self):
        self.migrate(check_affinity_score=True)

    def test_own_pool(self):
        with self.site.lock:
            self.lpar.processors.pool_id = 5
        self.assertRefused('has no shared processor pool 5')


class TestNetwork(RefusalTestCase):
    """Where the frames go."""

    def adapter_of(self, lpar=None):
        cna, = (lpar or self.lpar).host.store.children(
            lpar or self.lpar, 'ClientNetworkAdapter')
        return cna

    def to_vlan(self, vlan, tagged=()):
        with self.site.lock:
            self.adapter_of().set_vlans(vlan, tagged)

    def private(self, host, trunk=True, vlan=7):
        """Make a private switch, with a trunk of the management partition."""
        with self.site.lock:
            switch = switches.find_switch(host, 'private')
            if switch is None:
                switch = switches.VirtualSwitch(
                    host, host.random_uuid(), 'private', 5)
                host.add(switch)
            novalink, = [lpar for lpar in host.partitions()
                         if lpar.is_management]
            if trunk:
                network_adapters.add_adapter(novalink, switch, vlan,
                                             trunk_priority=1)
            return switch

    def on_private(self, vlan=7):
        """Put the adapter of the partition in a VLAN of its own there."""
        switch = self.private(self.source, vlan=vlan)
        with self.site.lock:
            adapter = self.adapter_of()
            adapter.switch.unplug(adapter)
            adapter.switch, adapter.pvid = switch, vlan
            switch.plug(adapter)
            adapter.touch()

    def test_switch(self):
        self.on_private()
        self.assertRefused('has no virtual switch private')

    def test_trunk_is_on_no_vios(self):
        self.on_private()
        self.private(self.target)
        self.assertRefused('is bridged by partition novalink, which is no '
                           'Virtual I/O Server')
        self.migrate(sdn_override=True)
        self.assertEqual('private', self.adapter_of(
            self.arrival()).switch.name)

    def test_bridged(self):
        self.migrate()
        self.migrate(self.arrival())
        self.lpar = self.source.store.get('LogicalPartition', self.lpar.uuid)
        self.to_vlan(200)
        self.migrate()

    def test_not_bridged_on_the_target(self):
        self.to_vlan(200)
        with self.site.lock:
            for trunk in [t for t in self.target.store.all(
                    'ClientNetworkAdapter') if t.sea]:
                trunk.set_vlans(trunk.pvid, [100])
        self.assertRefused('VLAN 200 of the adapter in slot 2 is not bridged')
        self.migrate(vlan_check_override=True)
        self.assertEqual(200, self.adapter_of(self.arrival()).pvid)

    def test_not_bridged_here(self):
        self.to_vlan(300)
        self.migrate()

    def test_vlan_mapping(self):
        mac = self.adapter_of().mac
        self.migrate(vlan_mappings=['%s/100/200 300' % mac.lower()],
                     vlan_check_override=True)
        adapter = self.adapter_of(self.arrival())
        self.assertEqual((mac, 100, (200, 300)),
                         (adapter.mac, adapter.pvid, adapter.tagged))
        networks = adapter.switch.networks
        self.assertIn(adapter, networks[100].adapters)
        self.assertIn(adapter, networks[300].adapters)

    def test_refused_vlan_mappings(self):
        mac = self.adapter_of().mac
        for mapping, text in (
                ('FAFAFAFAFAFA/5', 'has no adapter with the MAC address'),
                (mac + '/0', 'A VLAN ID lies between'),
                (mac + '/4095', 'A VLAN ID lies between'),
                (mac, 'is not a mapping'), (mac + '/x', 'is not a mapping'),
                ('12/5', 'is not a mapping'),
                (mac + '/5/5', 'is given twice')):
            self.assertRefused(text, vlan_mappings=[mapping])

    def test_mac_is_taken(self):
        mac = self.adapter_of().mac
        self.make_lpar('other', self.target, adapters=[
            {'switch': 'ETHERNET0', 'vlan': 9, 'mac': mac}])
        self.assertRefused('The MAC address %s is in use' % mac)

    def test_leak(self):
        """Two partitions end up in one VLAN of a private switch."""
        self.on_private(vlan=7)
        switch = self.private(self.target, vlan=7)
        other = self.make_lpar('other', self.target)
        with self.site.lock:
            network_adapters.add_adapter(other, switch, 7)
        mac = self.adapter_of().mac
        limits = self.target.system.spec['migration']
        limits['separate_vlans'] = True
        self.assertRefused('Two partitions would hear each other: %s shares '
                           'VLAN 7' % mac, sdn_override=True)
        limits['separate_vlans'] = False
        self.migrate(sdn_override=True)
        self.assertEqual(['%s shares VLAN 7 of private with other' % mac],
                         self.record()['leaks'])

    def test_no_leak(self):
        self.on_private(vlan=7)
        self.private(self.target, vlan=8)
        self.migrate(sdn_override=True, vlan_mappings=[
            '%s/8' % self.adapter_of().mac])
        self.assertEqual([], self.record()['leaks'])


class TestParameters(RefusalTestCase):
    """What a client may send."""

    def test_refused(self):
        before = self.states()
        for name, value, text in (
                ('Colour', 'red', 'There is no parameter Colour'),
                ('OVSOverride', '1', "OVSOverride can only be 2, not '1'"),
                ('VLANBridgeOverride', 'true', 'can only be 2'),
                ('Affinity', '2', 'Affinity can only be true'),
                ('SharedProcPoolID', 'gold', 'is not a number'),
                ('DestinationLparID', '-1', 'is not a number'),
                ('VirtualSCSIMappings', '2', 'is not a mapping')):
            status, message = self.poll(self.submit(**{name: value}))
            self.assertEqual('FAILED_BEFORE_COMPLETION', status)
            self.assertIn(text, message)
        self.assertSame(before)

    def test_accepted(self):
        status, _message = self.poll(self.submit(
            WaitTime='5', RedundantVIOS='1', DetailedLevel='5'))
        self.assertEqual('COMPLETED_OK', status)

    def test_affinity(self):
        self.migrate(check_affinity_score=True)
