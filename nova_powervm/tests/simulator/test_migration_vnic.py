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

"""Live migration of partitions with virtual NICs."""

from pypowervm.wrappers import iocard as pvm_card

from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import migration_base as base

_MAC = 'FA1630000001'


class TestVnics(base.MigrationTestCase):

    def profile(self):
        profile = powervm_fixtures.load_profile(self.PROFILE)
        for host in profile['hosts']:
            model, = powervm_fixtures.load_profile('sriov')['hosts']
            host['sriov'] = model['sriov']
        return profile

    def setUp(self):
        super().setUp()
        with self.site.lock:
            self.lpar.set_rmc('active')

    def create(self, *places, **more):
        """Create a vNIC; places are VIOS, adapter, port and priority."""
        return pvm_card.VNIC.bld(self.adapter, back_devs=[
            pvm_card.VNICBackDev.bld(
                self.adapter, self.vios(self.source, vios).uuid, adapter,
                port, capacity=0.1, failover_pri=priority)
            for vios, adapter, port, priority in places], **more).create(
                parent=self.wrapper())

    def pair(self):
        return self.create(('vios1', 1, 0, 20), ('vios2', 2, 0, 10),
                           mac_addr=_MAC, pvid=100)

    def port(self, host, adapter, port):
        return host.system.sriov[adapter - 1].port(port)

    def label(self, host, label, *places):
        """Give ports of a host a label, and none of the others."""
        with self.site.lock:
            for adapter in host.system.sriov:
                for port in adapter.ports:
                    place = adapter.adapter_id, port.port_id
                    port.label = label if place in places else 'other'
                adapter.changed()

    def test_move(self):
        self.label(self.target, 'prod', (1, 3), (2, 1), (2, 2))
        vnic = self.pair()
        self.migrate()
        found, = pvm_card.VNIC.get(self.target_adapter, parent=self.wrapper(
            self.arrival()))
        self.assertEqual((_MAC, vnic.slot, 100),
                         (found.mac, found.slot, found.pvid))
        self.assertNotEqual(vnic.uuid, found.uuid)
        self.assertEqual(
            [('vios1', 1, 3, 0.1, 20, False), ('vios2', 2, 1, 0.1, 10, True)],
            [(self.target.operator.vios(
                device.vios_href.rpartition('/')[2]).name,
              device.sriov_adap_id, device.pport_id, device.capacity,
              device.failover_pri, device.is_active)
             for device in found.back_devs])
        self.assertEqual([1, 1, 0], [
            len(self.port(self.target, *place).logical)
            for place in ((1, 3), (2, 1), (2, 2))])
        self.assertEqual([0, 0], [
            len(self.port(self.source, adapter, 0).logical)
            for adapter in (1, 2)])
        for kind in ('VirtualNICDedicated', 'SRIOVEthernetLogicalPort'):
            self.assertEqual([], self.source.store.all(kind))

    def test_validate_changes_nothing(self):
        self.pair()
        before = self.states()
        self.migrate(validate_only=True)
        self.assertSame(before)

    def test_failed_move_leaves_nothing(self):
        self.pair()
        before = self.states()
        self.hold('copy')
        self.submit()
        self.assertEqual(1, len(self.target.store.all('VirtualNICDedicated')))
        self.migration_stopped()
        self.assertSame(before)

    def migration_stopped(self):
        self.submit(operation='MigrateAbort')
        self.release()
        self.assertEqual('failed', self.record()['outcome'])

    def test_no_label(self):
        self.label(self.target, 'none')
        self.pair()
        self.assertRefused('no SR-IOV port with the label prod')

    def test_one_port_for_two_devices(self):
        self.label(self.target, 'prod', (1, 0))
        self.pair()
        self.assertRefused('no SR-IOV port with the label prod')

    def test_ports_without_a_label(self):
        self.create(('vios1', 1, 3, 1))
        self.migrate()
        self.assertEqual(1, len(self.port(self.target, 1, 3).logical))

    def test_other_switch_mode(self):
        self.pair()
        with self.site.lock:
            for adapter in self.target.system.sriov:
                for port in adapter.ports:
                    port.switch_mode = 'Vepa'
        self.assertRefused('label prod')

    def test_two_vnics_share_what_is_left(self):
        self.label(self.target, 'prod', (1, 0))
        for number in range(2):
            self.create(('vios1', 1, 0, 1))
        with self.site.lock:
            self.port(self.target, 1, 0).maximum = 1
        self.assertRefused('label prod')
        with self.site.lock:
            self.port(self.target, 1, 0).maximum = 2
        self.migrate()
        self.assertEqual(2, len(self.port(self.target, 1, 0).logical))

    def test_capabilities(self):
        self.pair()
        for key in ('vnic_failover_capable', 'vnic_capable'):
            with self.site.lock:
                self.target.system.spec[key] = False
            self.assertRefused('is not capable of the vNIC')

    def test_address_is_taken(self):
        self.pair()
        other = self.make_lpar('other', self.target)
        with self.site.lock:
            other.set_rmc('active')
        pvm_card.VNIC.bld(self.target_adapter, mac_addr=_MAC, back_devs=[
            pvm_card.VNICBackDev.bld(
                self.target_adapter, self.vios(self.target, 'vios1').uuid,
                1, 0)]).create(parent_type='LogicalPartition',
                               parent_uuid=other.uuid)
        self.assertRefused('%s is in use, by partition other' % _MAC)

    def test_logical_port_of_its_own(self):
        pvm_card.SRIOVEthLPort.bld(self.adapter, 1, 0).create(
            parent=self.wrapper())
        self.assertRefused('has an SR-IOV logical port of its own')
