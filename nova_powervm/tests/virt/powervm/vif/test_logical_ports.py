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

"""Logical ports that vNICs have left, and what proves whose they were."""

from unittest import mock

from nova_powervm.tests.virt.powervm.vif import test_sriov
from nova_powervm.virt.powervm.cleanup import logical_ports
from nova_powervm.virt.powervm import sriov
from nova_powervm.virt.powervm import vif
from nova_powervm.virt.powervm.vif import plugger
from nova_powervm.virt.powervm import vm


class LeftLogicalPortsTest(test_sriov.SriovTestCase):
    """VIOSes keep logical ports whose vNIC is gone: a fault."""

    def setUp(self):
        super().setUp()
        self.simulated.operator.keep_logical_ports(True)

    def clean(self):
        """Clean up: the requests."""
        self.requests()
        vif.clean_periodically(self.host)
        return self.requests()

    def test_nothing_to_do(self):
        self.assertEqual([], self.clean())
        self.plug()
        self.assertEqual([], self.clean())

    def test_usually_they_are_gone(self):
        self.simulated.operator.keep_logical_ports(False)
        self.plug()
        self.unplug()
        self.assertEqual(['GET SRIOVEthernetLogicalPort'] * 2, self.clean())
        self.assertEqual([], self.clean())

    def test_unplugged(self):
        self.plug()
        self.unplug()
        self.assertEqual(2, len(self.logical_ports()))
        self.clean()
        self.assertEqual([], self.logical_ports())
        self.assertEqual([], self.clean())

    def test_with_the_lpar(self):
        self.plug()
        plugger.unplug_all(self.host, self.instance, [test_sriov.make_vif()],
                           lpar_going=True)
        self.assertEqual([], self.clean())
        vm.delete_lpar(self.host, self.instance)
        self.assertEqual(2, len(self.logical_ports()))
        self.clean()
        self.assertEqual([], self.logical_ports())

    def lose(self, number=1):
        """Delete a vNIC from outside."""
        vnic = next(vnic for vnic in self.vnics()
                    if vnic.mac == 'FA163E00000%d' % number)
        with self.site.lock:
            vnic.remove()
            self.simulated.take_out(vnic)

    def test_lost_answer(self):
        self.plug()
        self.simulated.faults.add(
            {'method': 'DELETE', 'path': 'VirtualNICDedicated',
             'effect': 'drop_after'})
        self.unplug()
        self.assertEqual(2, len(self.logical_ports()))
        self.clean()
        self.assertEqual([], self.logical_ports())

    def test_vnic_that_somebody_else_has_deleted(self):
        for lpar_going in (False, True):
            self.plug()
            self.lose()
            self.unplug(lpar_going=lpar_going)
            self.assertEqual(2, len(self.logical_ports()))
            self.clean()
            self.assertEqual([], self.logical_ports())
            self.assertEqual([], self.clean())

    def test_vnic_that_is_plugged_again(self):
        """What the first one has left goes; what the second one has stays."""
        self.plug()
        self.lose()
        self.plug()
        self.assertEqual(4, len(self.logical_ports()))
        self.clean()
        [vnic] = self.vnics()
        self.assertEqual({device.logical for device in vnic.devices},
                         set(self.logical_ports()))

    def test_port_that_never_had_a_vnic(self):
        self.assertIsNone(self.unplug())
        self.assertEqual([], self.clean())

    def test_vios_is_down(self):
        """It is looked at when it is back."""
        self.plug()
        self.lose()
        self.unplug()
        vios = self.logical_ports()[0].partition
        with self.site.lock:
            vios.set_rmc('inactive')
            vios.set_state('not activated')
        self.host.sriov.forget()
        self.clean()
        self.assertEqual(1, len(self.logical_ports()))
        with self.site.lock:
            vios.set_state('running')
            vios.set_rmc('active')
        self.clean()
        self.assertEqual([], self.logical_ports())

    def test_vnic_that_is_being_made(self):
        """Its logical ports are there first."""
        self.plug()
        self.unplug()
        port = self.logical_ports()[0]
        with self.host.sriov.reserved(port.mac, None, lambda *_known: []):
            self.clean()
        self.assertEqual(2, len(self.logical_ports()))

    def start(self, *stale):
        """Clean up as nova-compute does when it starts: the requests."""
        self.requests()
        logical_ports.remove(self.host, mock.Mock(
            stale_vnics=set(stale),
            active_vioses=lambda: self.host.vioses()))
        return self.requests()

    def test_start(self):
        """Only what has a record goes. What others have left is told."""
        self.plug()
        self.plug(test_sriov.make_vif(2))
        self.lose(1)
        self.lose(2)
        self.plug(test_sriov.make_vif(3))
        self.assertEqual(['GET VirtualIOServer'] +
                         ['GET SRIOVEthernetLogicalPort'] * 2, self.start())
        self.assertEqual(6, len(self.logical_ports()))
        self.start('FA163E000001')
        self.assertEqual({'FA163E000002', 'FA163E000003'},
                         {port.mac for port in self.logical_ports()})
        self.assertIn('FA163E000002, but nothing proves',
                      self.logger.output)
        self.assertNotIn('FA163E000003', self.logger.output)

    def test_start_with_a_record_of_a_vnic_that_is_there(self):
        self.plug()
        self.start('FA163E000001')
        self.assertEqual(2, len(self.logical_ports()))

    def test_start_without_vnics(self):
        self.simulated.system.spec['vnic_capable'] = False
        self.host.get_system()
        self.assertEqual([], self.start())

    def test_those_of_others_stay(self):
        self.plug()
        self.unplug()
        self.plug(test_sriov.make_vif(2))
        [own] = self.vnics()
        self.clean()
        self.assertEqual({device.logical for device in own.devices},
                         set(self.logical_ports()))

    def note(self, lpar_uuid, vnic_uuid):
        """Note the logical ports of the vNIC that there is."""
        vnic, = self.vnics()
        self.host.sriov.frees([
            sriov.LogicalPort(device.vios.uuid, device.logical.uuid,
                              vnic.mac, lpar_uuid, vnic_uuid)
            for device in vnic.devices])

    def test_logical_port_with_a_uuid_that_another_server_had(self):
        """The LPAR that had it is gone."""
        self.simulated.operator.keep_logical_ports(False)
        self.plug()
        self.note('0' * 8 + self.lpar_w.uuid[8:], 'other')
        self.clean()
        self.assertEqual(2, len(self.logical_ports()))
        self.assertEqual([], self.clean())

    def test_vios_that_is_gone(self):
        self.plug()
        self.unplug()
        self.host.sriov.frees([sriov.LogicalPort(
            '0' * 8 + self.lpar_w.uuid[8:], self.lpar_w.uuid, 'FA',
            self.lpar_w.uuid, 'vnic')])
        self.clean()
        self.assertEqual([], self.logical_ports())
        self.assertEqual([], self.clean())

    def test_deletion_that_is_refused(self):
        """It is told, and does not keep the other VIOS from being cleaned."""
        self.plug()
        self.unplug()
        self.simulated.faults.add(
            {'method': 'DELETE', 'path': 'SRIOVEthernetLogicalPort',
             'effect': 'status', 'status': 400, 'message': 'is in use'})
        self.clean()
        self.assertEqual(1, len(self.logical_ports()))
        self.assertIn('Delete it there', self.logger.output)
        self.assertEqual([], self.clean())

    def test_vnic_that_is_there(self):
        """What was noted by mistake is in use."""
        vnic_w = self.plug()
        self.host.sriov.frees([
            sriov.LogicalPort(
                device.vios.uuid, device.logical.uuid, vnic_w.mac,
                self.lpar_w.uuid, vnic_w.uuid)
            for device in self.vnics()[0].devices])
        self.clean()
        self.assertEqual(2, len(self.logical_ports()))
        self.assertEqual([], self.clean())

    def test_failure(self):
        """It is tried again."""
        self.plug()
        self.unplug()
        self.simulated.faults.add(
            {'method': 'DELETE', 'path': 'SRIOVEthernetLogicalPort',
             'count': 1, 'effect': 'status', 'status': 500,
             'message': 'busy VIOS'})
        self.clean()
        self.assertIn('busy VIOS', self.logger.output)
        self.clean()
        self.assertEqual([], self.logical_ports())
