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

from unittest import mock

import fixtures
from nova import exception as nova_exc
from nova.network import model
from oslo_utils import importutils

from nova_powervm.tests.virt.powervm.vif import base
from nova_powervm.virt.powervm import no_slots
from nova_powervm.virt.powervm import vif
from nova_powervm.virt.powervm.vif import details
from nova_powervm.virt.powervm.vif import driver
from nova_powervm.virt.powervm.vif import plugger


class PlugTestCase(base.SimulatedHostTestCase):
    """SEA ports through the functions of the package."""

    DETAIL = {'provider': 'NOVA_PVM_VIF', 'mac': 'FA163E000001',
              'type': 'pvm_sea'}

    def setUp(self):
        super().setUp()
        self.instance = base.make_instance()
        self.lpar_w = self.create_lpar(self.instance)
        self.custom_events()

    def plug(self, port=None, **kwargs):
        return vif.plug(self.host, self.instance, port or base.make_vif(),
                        self.lpar_w, **kwargs)

    def test_plug(self):
        cna = self.plug()

        self.assertEqual(['PUT ClientNetworkAdapter'], self.requests())
        self.assertEqual('FA163E000001', cna.mac)
        self.assertEqual(101, cna.pvid)
        self.assertEqual(self.host.get_vswitch('ETHERNET0').switch_id,
                         cna.vswitch_id)
        self.assertEqual(1, len(self.adapters(self.lpar(self.instance))))

    def test_no_agent_is_told(self):
        self.plug()
        self.assertEqual([], self.custom_events())

    def test_port_without_agent_on_a_host_with_agents(self):
        self.flags(send_vif_events=True, group='powervm')
        self.plug(base.make_vif(details={
            'vlan': '101', details.AGENTLESS: True}))
        self.assertEqual([], self.custom_events())

    def test_plug_when_the_agent_cannot_be_told(self):
        self.flags(send_vif_events=True, group='powervm')
        self.simulated.faults.add(
            {'method': 'PUT', 'path': '/Event$', 'effect': 'status',
             'status': 405})
        self.assertIsNotNone(self.plug())
        self.assertEqual(1, len(self.adapters(self.lpar(self.instance))))

    def test_plug_tells_the_agent(self):
        self.flags(send_vif_events=True, group='powervm')
        cna = self.plug()
        self.assertEqual(
            [(cna.related_href, dict(self.DETAIL, action='plug'))],
            self.custom_events())

    def test_vlan_of_network_goes_first(self):
        network = model.Network(id='net', bridge=None, vlan=7)
        self.assertEqual(7, self.plug(base.make_vif(network=network)).pvid)

    def test_no_vlan(self):
        for told in ({}, {'vlan': 'many'}):
            exc = self.assertRaises(
                nova_exc.VirtualInterfacePlugException, self.plug,
                base.make_vif(details=told))
            self.assertIn(base.PORT % 1, str(exc))
        self.assertEqual([], self.requests())

    def test_unknown_type(self):
        for vif_type in (None, 'binding_failed', 'bridge'):
            port = base.make_vif(type=vif_type)
            exc = self.assertRaises(
                nova_exc.VirtualInterfacePlugException, self.plug, port)
            self.assertIn(str(vif_type), str(exc))
            # Nova deletes the server afterwards.
            self.assertIsNone(vif.unplug(self.host, self.instance, port))
        self.assertEqual([], self.requests())

    def test_plug_without_wrapper_reads_the_lpar(self):
        self.lpar_w = None
        self.plug()
        self.assertEqual(['GET LogicalPartition', 'PUT ClientNetworkAdapter'],
                         self.requests())

    def test_plug_is_idempotent(self):
        first = self.plug()
        self.requests()
        cnas = driver.read_adapters(self.host, self.instance)

        second = self.plug(adapters=cnas)

        self.assertEqual(first.uuid, second.uuid)
        self.assertEqual(['GET ClientNetworkAdapter'], self.requests())
        self.assertEqual(1, len(self.adapters(self.lpar(self.instance))))

    def test_plug_of_plugged_port(self):
        cna = self.plug()
        self.requests()
        again = self.plug(new_vif=False, adapters=[cna])
        self.assertIs(cna, again)
        self.assertEqual([], self.requests())

    def test_plug_refused(self):
        self.simulated.faults.add(
            {'method': 'PUT', 'path': 'ClientNetworkAdapter',
             'effect': 'status', 'status': 500, 'message': 'no more slots'})
        exc = self.assertRaises(
            nova_exc.VirtualInterfacePlugException, self.plug)
        self.assertIn('no more slots', str(exc))
        self.assertEqual(['PUT ClientNetworkAdapter'], self.requests())

    def test_no_such_switch(self):
        with mock.patch.object(self.host, 'get_vswitch', return_value=None):
            exc = self.assertRaises(
                nova_exc.VirtualInterfacePlugException, self.plug)
        self.assertIn('ETHERNET0', str(exc))

    def test_refused_for_another_reason_than_the_switch(self):
        self.simulated.faults.add(
            {'method': 'PUT', 'path': 'ClientNetworkAdapter',
             'effect': 'status', 'status': 400, 'message': 'no more slots'})
        exc = self.assertRaises(
            nova_exc.VirtualInterfacePlugException, self.plug)
        self.assertIn('no more slots', str(exc))
        self.assertEqual(['PUT ClientNetworkAdapter', 'GET VirtualSwitch'],
                         self.requests())

    def test_unplug(self):
        port = base.make_vif()
        self.plug(port)
        self.requests()

        vif.unplug(self.host, self.instance, port)

        self.assertEqual(
            ['GET ClientNetworkAdapter', 'DELETE ClientNetworkAdapter'],
            self.requests())
        self.assertEqual([], self.adapters(self.lpar(self.instance)))
        self.assertEqual([], self.custom_events())

    def test_unplug_tells_the_agent(self):
        self.flags(send_vif_events=True, group='powervm')
        cna = self.plug()
        self.custom_events()
        vif.unplug(self.host, self.instance, base.make_vif())
        self.assertEqual(
            [(cna.related_href, dict(self.DETAIL, action='unplug'))],
            self.custom_events())

    def test_unplug_before_the_lpar_is_deleted(self):
        port = base.make_vif()
        cna = self.plug(port)
        self.requests()
        vif.unplug(self.host, self.instance, port, adapters=[cna],
                   lpar_going=True)
        self.assertEqual([], self.requests())
        self.assertEqual(1, len(self.adapters(self.lpar(self.instance))))

    def test_unplug_twice(self):
        port = base.make_vif()
        cna = self.plug(port)
        vif.unplug(self.host, self.instance, port)
        # With an old list, and with a fresh one.
        vif.unplug(self.host, self.instance, port, adapters=[cna])
        self.assertIsNone(vif.unplug(self.host, self.instance, port))

    def test_unplug_when_the_lpar_is_gone(self):
        other = base.make_instance(2)
        self.assertIsNone(vif.unplug(self.host, other, base.make_vif()))

    def test_unplug_refused(self):
        self.plug()
        self.simulated.faults.add(
            {'method': 'DELETE', 'path': 'ClientNetworkAdapter',
             'effect': 'status', 'status': 400, 'message': 'in use'})
        exc = self.assertRaises(
            nova_exc.VirtualInterfaceUnplugException, vif.unplug, self.host,
            self.instance, base.make_vif())
        self.assertIn('in use', str(exc))

    def test_unplug_after_a_binding_that_failed(self):
        """Neutron has bound the port again, in vain: the adapter goes."""
        for vif_type in (None, 'binding_failed', 'unbound'):
            self.plug()
            self.requests()
            plugger.unplug_all(self.host, self.instance, [
                base.make_vif(type=vif_type), base.make_vif(2)])
            self.assertEqual([], self.adapters(self.lpar(self.instance)))

    def test_unplug_when_the_agent_cannot_be_told(self):
        self.flags(send_vif_events=True, group='powervm')
        self.plug()
        self.simulated.faults.add(
            {'method': 'PUT', 'path': '/Event$', 'effect': 'status',
             'status': 500})
        self.assertIsNotNone(
            vif.unplug(self.host, self.instance, base.make_vif()))
        self.assertEqual([], self.adapters(self.lpar(self.instance)))


class AdapterTypesTest(base.SimulatedHostTestCase):
    """A kind whose ports are adapters of a type of their own."""

    def setUp(self):
        super().setUp()
        self.instance = base.make_instance()
        self.lpar_w = self.create_lpar(self.instance)
        self.port = base.make_vif(type='toy')
        self.adapter = mock.Mock(mac='FA163E000001', slot=7)
        self.read = mock.Mock(return_value=[self.adapter])
        toy = type('ToyVifDriver', (driver.VifDriver,), {
            'adapter_type': driver.AdapterType('VNIC', mock.Mock,
                                               self.read),
            'plug': mock.Mock()})
        self.useFixture(fixtures.MockPatch(
            'oslo_utils.importutils.import_class',
            side_effect=lambda name, known=importutils.import_class: (
                toy if name == 'toy' else known(name))))
        self.useFixture(fixtures.MockPatchObject(
            vif, 'VIF_DRIVERS', dict(vif.VIF_DRIVERS, toy='toy')))

    def plug(self, *ports, slots=no_slots.NO_SLOTS):
        return plugger.VifPlugger(None, self.host, self.instance, ports,
                                  slots=slots).plug(self.lpar_w)

    def test_only_what_the_ports_need_is_read(self):
        self.assertEqual([self.adapter], self.plug(self.port))
        self.assertEqual([], self.requests())
        self.read.assert_called_once_with(self.host, self.lpar_w.uuid)

    def test_ports_of_both_types(self):
        self.plug(self.port, base.make_vif(2))
        self.assertEqual(['GET ClientNetworkAdapter',
                          'PUT ClientNetworkAdapter'], self.requests())

    def test_slots_of_what_was_not_read_stay(self):
        slots = mock.Mock()
        self.plug(self.port, slots=slots)
        slots.record_vnets.assert_called_once_with([self.adapter],
                                                   complete=['VNIC'])

    def test_unplug(self):
        self.adapter.href = '%s/VirtualNICDedicated/%s' % (
            self.lpar_w.href, self.lpar_w.uuid)
        self.assertEqual([self.adapter], plugger.unplug_all(
            self.host, self.instance, [self.port]))
        self.assertEqual(['DELETE VirtualNICDedicated'], self.requests())
