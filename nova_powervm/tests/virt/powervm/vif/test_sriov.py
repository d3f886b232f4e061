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


"""Ports on SR-IOV adapters: vNICs and the devices that back them."""

from concurrent import futures
from unittest import mock

import fixtures
from nova import exception as nova_exc
from nova.objects import instance
from pypowervm.wrappers import iocard as pvm_card

from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import vnic
from nova_powervm.tests.virt.powervm import test_locks
from nova_powervm.tests.virt.powervm.vif import base
from nova_powervm.virt.powervm import event
from nova_powervm.virt.powervm import host_record
from nova_powervm.virt.powervm import sriov
from nova_powervm.virt.powervm import vif
from nova_powervm.virt.powervm.vif import details
from nova_powervm.virt.powervm.vif import driver
from nova_powervm.virt.powervm.vif import plugger
from nova_powervm.virt.powervm import vm

CREATE = 'PUT VirtualNICDedicated'


def make_vif(number=1, physnet='prod', slot=None, vlan='101', **told):
    """Build a port; slot is the PCI address that Nova has claimed."""
    return base.make_vif(
        number, type='pvm_sriov', vnic_type='direct',
        profile={'pci_slot': slot} if slot else {},
        details=dict({'vlan': vlan, 'physical_network': physnet,
                      'network_type': 'vlan' if vlan else 'flat',
                      details.AGENTLESS: True}, **told))


class SriovTestCase(base.SimulatedHostTestCase):
    """A host of the profile sriov, which knows its VIOSes.

    Label prod: ports 0 and 2 of adapter 1, port 0 of adapter 2. Label test:
    port 1 of each adapter, and port 2 of adapter 2, which has no link.
    """

    PROFILE = 'sriov'

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MockPatchObject(instance.Instance, 'save'))
        self.instance = base.make_instance()
        self.lpar_w = self.create_lpar(self.instance)
        self.host.sriov.vioses()
        self.requests()

    def plug(self, port=None, **kwargs):
        return vif.plug(self.host, self.instance, port or make_vif(),
                        self.lpar_w, **kwargs)

    def unplug(self, port=None, **kwargs):
        return vif.unplug(self.host, self.instance, port or make_vif(),
                          **kwargs)

    def vnics(self):
        """The simulator's vNICs."""
        return self.simulated.store.all('VirtualNICDedicated')

    def devices(self):
        """What backs the only vNIC: [(VIOS, adapter, port, priority), ...]."""
        [vnic] = self.vnics()
        return [(device.vios.name, device.port.adapter.adapter_id,
                 device.port.port_id, device.priority)
                for device in vnic.devices]

    def port(self, adapter, number):
        """A physical port in the simulator's model."""
        return self.simulated.system.sriov[adapter - 1].port(number)

    def logical_ports(self):
        return self.simulated.store.all('SRIOVEthernetLogicalPort')

    def refused(self, port, *texts):
        """Have a port be refused. Nothing is left of it."""
        before = self.site.fingerprint()
        exc = self.assertRaises(nova_exc.VirtualInterfacePlugException,
                                self.plug, port)
        self.assertEqual(before, self.site.fingerprint())
        for text in texts:
            self.assertIn(text, str(exc))


class PlugTest(SriovTestCase):

    def test_plug(self):
        vnic_w = self.plug()
        self.assertEqual(['GET ManagedSystem', CREATE], self.requests())
        [vnic] = self.vnics()
        self.assertEqual('FA163E000001', vnic_w.mac)
        self.assertEqual(('FA163E000001', 101, 'NONE', 'NONE'),
                         (vnic.mac, vnic.policy.pvid, vnic.policy.vlans,
                          vnic.policy.macs))
        self.assertIs(self.lpar(self.instance), vnic.partition)

    def test_the_system_is_not_sent_again(self):
        self.host.refresh_system()
        self.simulated.journal.clear()
        self.plug()
        statuses = [record['status'] for record in
                    self.simulated.journal.records()
                    if record['path'].partition('?')[0].endswith(
                        self.host.system_uuid)]
        self.assertEqual([304], statuses)

    def test_vioses_are_read_once(self):
        self.host.sriov.forget()
        for number, requests in ((1, 3), (2, 2)):
            self.plug(make_vif(number))
            self.assertEqual(requests, len(self.requests()))

    def test_flat_network(self):
        self.plug(make_vif(vlan=None))
        self.assertEqual(0, self.vnics()[0].policy.pvid)

    def test_slot(self):
        self.assertEqual(33, self.plug(slot_num=33).slot)
        self.assertEqual(33, self.vnics()[0].slot)

    def test_twice(self):
        vnic_w = self.plug()
        self.requests()
        self.assertIs(vnic_w, self.plug(adapters=[vnic_w]))
        self.assertEqual([], self.requests())

    def test_agent_of_networking_powervm(self):
        self.flags(send_vif_events=True, group='powervm')
        self.custom_events()
        port = make_vif()
        del port['details'][details.AGENTLESS]
        self.plug(port)
        [(_data, detail)] = self.custom_events()
        self.assertEqual({'provider': 'NOVA_PVM_VIF', 'action': 'plug',
                          'mac': 'FA163E000001', 'type': 'pvm_sriov'}, detail)

    def test_platform_refuses(self):
        self.simulated.faults.add(
            {'method': 'PUT', 'path': 'VirtualNICDedicated',
             'effect': 'status', 'status': 500, 'message': 'no luck'})
        self.refused(make_vif(), 'no luck')
        self.assertEqual(1, self.requests().count(CREATE))

    def test_server_migrates_while_it_runs(self):
        """The platform makes the vNIC on the target."""
        port = make_vif()
        self.requests()
        self.assertIsNone(vif.find_switch(self.host, self.instance, port))
        self.assertIsNone(vif.prepare_on_target(self.host, self.instance,
                                                port, port, None))
        self.assertEqual(['FA163E000001'], host_record.kept_macs(
            self.instance.system_metadata, self.host.nodename))
        self.assertNotIn(CREATE, self.requests())


class ChoiceTest(SriovTestCase):

    def test_redundancy(self):
        """Two VIOSes and two adapters, ascending priorities."""
        self.plug()
        first, second = self.devices()
        self.assertEqual([1, 2], sorted([first[1], second[1]]))
        self.assertNotEqual(first[0], second[0])
        self.assertEqual((10, 20), (first[3], second[3]))

    def test_vioses_take_turns(self):
        self.plug()
        [first, _second] = self.devices()
        self.unplug()
        self.plug()
        self.assertNotEqual(first[0], self.devices()[0][0])

    def test_claimed_port_is_preferred(self):
        for number, (slot, place) in enumerate((
                ('0002:00:00.3', (2, 0)), ('0001:02:01.0', (1, 2)),
                ('0001:00:00.0', (1, 0)))):
            self.plug(make_vif(slot=slot))
            self.assertEqual(place, self.devices()[0][1:3])
            self.unplug()

    def test_claim_of_another_network(self):
        self.plug(make_vif(slot='0001:01:00.0'))
        self.assertNotIn((1, 1), [device[1:3] for device in self.devices()])

    def test_number_of_devices(self):
        self.flags(vnic_required_vfs=1, group='powervm')
        self.plug()
        self.assertEqual(1, len(self.devices()))
        self.unplug()
        self.plug(make_vif(vnic_required_vfs=3))
        self.assertEqual([10, 20, 30],
                         [device[3] for device in self.devices()])
        self.assertEqual({(1, 0), (1, 2), (2, 0)},
                         {device[1:3] for device in self.devices()})
        self.assertEqual({'vios1', 'vios2'},
                         {device[0] for device in self.devices()})

    def test_more_than_the_network_has(self):
        self.plug(make_vif(vnic_required_vfs=6))
        self.assertEqual(3, len(self.devices()))

    def test_no_failover(self):
        self.simulated.system.spec['vnic_failover_capable'] = False
        self.host.get_system()
        self.plug()
        self.assertEqual(1, len(self.devices()))

    def test_one_vios(self):
        with mock.patch.object(
                self.host.sriov, 'vioses', return_value=[
                    found for found in self.host.sriov.vioses()
                    if found.name == 'vios1']):
            self.plug()
        self.assertEqual(['vios1', 'vios1'],
                         [device[0] for device in self.devices()])

    def test_no_vios(self):
        with mock.patch.object(self.host.sriov, 'vioses', return_value=[]):
            self.refused(make_vif(), 'no VIOS is up')

    def test_capacity(self):
        self.plug(make_vif(capacity=0.1))
        self.assertEqual([(1000, 10000)] * 2, self.capacities())

    def test_maximum_capacity(self):
        self.plug(make_vif(maxcapacity=0.5))
        self.assertEqual([(200, 5000)] * 2, self.capacities())

    def test_both_capacities(self):
        self.plug(make_vif(capacity='0.2', maxcapacity='0.4'))
        self.assertEqual([(2000, 4000)] * 2, self.capacities())

    def test_capacity_is_rounded_up(self):
        self.flags(vnic_vf_capacity=0.03, group='powervm')
        self.plug()
        self.assertEqual([(400, 10000)] * 2, self.capacities())

    def capacities(self):
        [vnic] = self.vnics()
        return [(device.capacity, device.maximum) for device in vnic.devices]

    def test_adapter_without_maximum(self):
        for adapter in self.simulated.system.sriov:
            adapter.personality = 'MIN_CAPACITY'
            adapter.changed()
        self.refused(make_vif(maxcapacity=0.5), 'no maximum capacity')

    def test_values_without_sense(self):
        for key, value in (('capacity', 'much'), ('capacity', 0),
                           ('capacity', True), ('maxcapacity', 1.5),
                           *(('vnic_required_vfs', count) for count in (
                               'two', 7, 0, -1, 1.9, True, '2.0', ' 2 ', '')),
                           ('redundancy', 0)):
            self.refused(make_vif(**{key: value}), key, repr(value))
            self.assertEqual([], self.requests())

    def test_unknown_network(self):
        for physnet in ('blue', None, ''):
            self.refused(make_vif(physnet=physnet), 'prod, test')

    def test_ports_without_label(self):
        self.flags(sriov_default_physnet='lab', group='powervm')
        self.plug(make_vif(physnet='lab'))
        self.assertEqual({(1, 3), (2, 3)},
                         {device[1:3] for device in self.devices()})

    def test_link_down(self):
        self.plug(make_vif(physnet='test'))
        self.assertEqual({(1, 1), (2, 1)},
                         {device[1:3] for device in self.devices()})
        self.unplug()
        self.simulated.operator.set_sriov_port(1, 1, False)
        self.refused(make_vif(physnet='test'), 'no link')

    def test_adapter_failed(self):
        self.simulated.operator.set_sriov_adapter(2, 'Failed')
        self.plug()
        self.assertEqual({(1, 0), (1, 2)},
                         {device[1:3] for device in self.devices()})
        self.unplug()
        self.simulated.operator.set_sriov_adapter(1, 'Failed')
        self.refused(make_vif(), 'The labels are: none')


class FullPortTest(SriovTestCase):
    """Virtual functions are scarce."""

    def fill(self, adapter, number, left=0):
        port = self.port(adapter, number)
        port.maximum = len(port.logical) + left
        port.adapter.changed()

    def test_full_port(self):
        self.fill(1, 0)
        self.plug(make_vif(slot='0001:00:00.0'))
        self.assertEqual({(1, 2), (2, 0)},
                         {device[1:3] for device in self.devices()})

    def test_all_full(self):
        for place in ((1, 0), (1, 2)):
            self.fill(*place)
        self.refused(make_vif(), 'all of its 0 logical ports are in use')

    def test_no_capacity_left(self):
        self.refused(make_vif(capacity=1, maxcapacity=0.5), 'is less than')
        self.plug(make_vif(capacity=0.6, vnic_required_vfs=3))
        self.refused(make_vif(number=2, capacity=0.6),
                     'less than 60.0% of its capacity is left')

    def refuse(self, *messages):
        for message in messages:
            self.simulated.faults.add(
                {'method': 'PUT', 'path': 'VirtualNICDedicated', 'count': 1,
                 'effect': 'status', 'status': 400, 'message': message})

    def test_vios_that_refuses(self):
        """It is avoided at the next attempt."""
        self.refuse_vioses('vios2')
        self.plug()
        self.assertEqual(['vios1'] * 2,
                         [device[0] for device in self.devices()])
        self.assertEqual(2, self.requests().count(CREATE))

    def refuse_vioses(self, *names, text='VIOS %s has no memory for vNICs'):
        check = vnic._check_new

        def refuse(device, leaving):
            if device.vios.name in names:
                raise errors.Refused(
                    text % device.vios.name if '%' in text else text)
            check(device, leaving)

        self.useFixture(fixtures.MockPatchObject(vnic, '_check_new', refuse))

    def test_vios_that_refuses_without_its_name(self):
        """Another VIOS alone is tried at last."""
        self.refuse_vioses('vios2', text='no memory')
        vioses = sorted(self.host.sriov.vioses(), key=lambda vios: vios.name)
        with mock.patch.object(self.host.sriov, 'vioses',
                               return_value=vioses):
            self.plug()
        self.assertEqual(['vios1'] * 2,
                         [device[0] for device in self.devices()])
        self.assertEqual(3, self.requests().count(CREATE))

    def test_all_vioses_refuse(self):
        self.refuse_vioses('vios1', 'vios2')
        self.refused(make_vif(), 'no memory')

    def test_refusals_that_no_choice_can_cure(self):
        self.plug(slot_num=33)
        other = base.make_instance(2)
        lpar_w = self.create_lpar(other)
        self.requests()
        for instance_, lpar, port, text in (
                (other, lpar_w, make_vif(), 'MAC address'),
                (self.instance, self.lpar_w, make_vif(2), 'slot 33')):
            exc = self.assertRaises(
                nova_exc.VirtualInterfacePlugException, vif.plug, self.host,
                instance_, port, lpar, slot_num=33)
            self.assertIn(text, str(exc))
            self.assertEqual(1, self.requests().count(CREATE))

    def test_lpar_is_gone(self):
        vm.delete_lpar(self.host, self.instance)
        self.requests()
        self.refused(make_vif())
        self.assertEqual(1, self.requests().count(CREATE))

    def test_no_thread_waits_for_the_vnic_of_another(self):
        gate = test_locks.Gate(pvm_card.VNIC.create)

        def create(vnic_w, **kwargs):
            return gate(vnic_w, **kwargs)

        with mock.patch.object(pvm_card.VNIC, 'create', create):
            self.assertTrue(gate.run(lambda: self.plug(make_vif(1)),
                                     lambda: self.plug(make_vif(2))))
        self.assertEqual(2, len(self.vnics()))

    def test_what_is_reserved_is_not_taken(self):
        self.flags(vnic_required_vfs=1, group='powervm')
        for place in ((1, 2), (2, 0)):
            self.fill(*place)
        self.fill(1, 0, left=1)
        with self.host.sriov.reserved(
                'FA163E000009', None, lambda ports, vioses: [
                    mock.Mock(port=port) for port in ports
                    if port.ids == (1, 0)]):
            self.requests()
            self.refused(make_vif(), 'in use')
            self.assertNotIn(CREATE, self.requests())
        self.plug()

    def test_filled_up_in_between(self):
        """The next ports are tried, after all is read again."""
        self.refuse('first')
        self.plug(make_vif(slot='0001:00:00.0'))
        self.assertEqual(
            ['GET ManagedSystem', CREATE, 'GET ManagedSystem',
             'GET VirtualIOServer', CREATE], self.requests())
        self.assertEqual((1, 2), self.devices()[0][1:3])

    def test_two_more_are_tried(self):
        self.refuse('first', 'second')
        self.plug()
        self.assertEqual(3, self.requests().count(CREATE))
        self.unplug()
        self.refuse('first', 'second', 'third')
        self.requests()
        self.refused(make_vif(), 'third')
        self.assertEqual(3, self.requests().count(CREATE))

    def test_no_other_candidate(self):
        self.flags(vnic_required_vfs=1, group='powervm')
        for place in ((1, 2), (2, 0)):
            self.fill(*place)
        with mock.patch.object(self.host.sriov, 'vioses',
                               return_value=self.host.sriov.vioses()[:1]):
            self.refuse('first')
            self.refused(make_vif(), 'first')
        self.assertEqual(1, self.requests().count(CREATE))

    def test_two_plugs_for_the_last_one(self):
        self.flags(vnic_required_vfs=1, group='powervm')
        for place in ((1, 2), (2, 0)):
            self.fill(*place)
        self.fill(1, 0, left=1)

        def plug(number):
            try:
                return self.plug(make_vif(number))
            except nova_exc.VirtualInterfacePlugException as exc:
                return exc

        with futures.ThreadPoolExecutor(2) as executor:
            results = list(executor.map(plug, (1, 2)))
        failures = [str(found) for found in results
                    if isinstance(found, Exception)]
        self.assertEqual(1, len(failures), results)
        self.assertIn('in use', failures[0])
        self.assertEqual((1, 1),
                         (len(self.vnics()), len(self.logical_ports())))

    def test_two_plugs_on_two_drivers(self):
        """Without the lock the platform decides."""
        self.flags(vnic_required_vfs=1, group='powervm')
        for place in ((1, 2), (2, 0)):
            self.fill(*place)
        self.fill(1, 0, left=1)
        old = self.host.sriov.ports()
        self.plug()
        fresh = self.host.sriov.ports
        with mock.patch.object(self.host.sriov, 'ports', side_effect=[
                old, *[fresh()] * 2]):
            self.refused(make_vif(2), 'in use')


class ReplugTest(SriovTestCase):
    """A server that has its vNIC is hard rebooted."""

    def setUp(self):
        super().setUp()
        self.change_label(2, 2, '')

    def change_label(self, adapter, number, label):
        self.port(adapter, number).label = label
        self.port(adapter, number).adapter.changed()
        self.host.get_system()

    def replug(self, port):
        adapters = driver.read_adapters(self.host, self.instance,
                                        [driver.VNIC])
        self.requests()
        self.plug(port, adapters=adapters, new_vif=False)
        return self.requests()

    def test_nothing_to_do(self):
        for port in (make_vif(1), make_vif(2, vlan=None),
                     make_vif(3, vnic_required_vfs=6)):
            self.plug(port)
            self.assertEqual([], self.replug(port))
        self.assertNotIn('not what the port needs', self.logger.output)

    def fail(self, adapter=2):
        self.simulated.operator.set_sriov_adapter(adapter, 'Failed')

    def plug_with_one(self, port):
        self.fail()
        self.plug(port)
        self.assertEqual(1, len(self.devices()))

    def test_missing_device(self):
        """It was not there when the vNIC was made."""
        port = make_vif(physnet='test', capacity=0.1)
        self.plug_with_one(port)
        [first] = self.devices()
        self.assertIn('hard reboot', self.logger.output)
        self.host.get_system()
        self.assertEqual([], self.replug(port))
        self.simulated.operator.set_sriov_adapter(2, 'Running')
        self.host.get_system()
        self.assertEqual(['GET ManagedSystem', 'POST VirtualNICDedicated'],
                         self.replug(port))
        kept, added = self.devices()
        self.assertEqual((first, (2, 1, 20)), (kept, added[1:]))
        self.assertNotEqual(first[0], added[0])
        self.assertEqual([1000, 1000], [
            device.capacity for device in self.vnics()[0].devices])
        self.assertEqual([], self.replug(port))

    def test_missing_device_that_it_cannot_get(self):
        """The server starts nevertheless."""
        port = make_vif(physnet='test')
        self.plug_with_one(port)
        self.simulated.operator.set_sriov_adapter(2, 'Running')
        self.host.get_system()
        for fault in ({'status': 400, 'effect': 'status'},
                      {'effect': 'drop_before'}):
            self.simulated.faults.add(
                {'method': 'POST', 'path': 'VirtualNICDedicated',
                 'count': 1, **fault})
            self.replug(port)
            self.assertEqual(1, len(self.devices()))
            self.assertIn('The next hard reboot tries again',
                          self.logger.output)
        self.replug(port)
        self.assertEqual(2, len(self.devices()))

    def test_vlan(self):
        self.plug()
        self.assertEqual([], self.replug(make_vif(vlan='102')))
        self.assertIn('it is in VLAN 101, and its network is in VLAN 102',
                      self.logger.output)
        self.assertIn('Detach the port', self.logger.output)

    def test_label(self):
        self.plug(make_vif(slot='0002:00:00.0'))
        self.change_label(2, 0, 'lab')
        self.replug(make_vif())
        self.assertIn('leads to the physical network lab, and its network is '
                      'in prod', self.logger.output)

    def test_values_without_sense(self):
        """They do not keep the server from starting."""
        self.plug()
        self.assertEqual([], self.replug(make_vif(vnic_required_vfs=9)))
        self.assertIn('makes no sense', self.logger.output)

    def test_adapter_of_another_type(self):
        """Neutron has bound the port again, to another type."""
        vnic_w = self.plug()
        cna = vif.plug(self.host, self.instance, base.make_vif(2),
                       self.lpar_w)
        self.requests()
        for port, adapter in ((make_vif(2), cna), (base.make_vif(1), vnic_w),
                              (base.make_vif(1, type='ovs'), vnic_w)):
            self.plug(port, adapters=[adapter], new_vif=False)
            self.assertEqual([], self.requests())
        self.unplug(base.make_vif(1, type='ovs'), adapters=[vnic_w])
        self.assertEqual([], self.vnics())
        self.assertEqual(3, self.logger.output.count(
            'it has another type of adapter'))


class OtherTypeTest(SriovTestCase):
    """Neutron has bound the only port again, to another type."""

    def setUp(self):
        super().setUp()
        self.sea, self.vnic = base.make_vif(), make_vif()

    def adapters_of_all(self):
        return self.vnics() + self.adapters(self.lpar(self.instance))

    def test_hard_reboot(self):
        for before, now in ((self.sea, self.vnic), (self.vnic, self.sea)):
            self.plug(before)
            has = self.adapters_of_all()
            told = self.logger.output.count('it has another type of adapter')
            plugger.VifPlugger(None, self.host, self.instance, [now]).plug(
                self.lpar_w)
            self.assertEqual(has, self.adapters_of_all())
            self.assertEqual(told + 1, self.logger.output.count(
                'it has another type of adapter'))
            self.unplug(before)

    def test_detach(self):
        for before, now in ((self.sea, self.vnic), (self.vnic, self.sea),
                            (self.vnic, base.make_vif(type='ovs'))):
            self.plug(before)
            self.assertEqual(1, len(self.adapters_of_all()))
            plugger.unplug_all(self.host, self.instance, [now])
            self.assertEqual([], self.adapters_of_all())

    def test_that_it_leaves(self):
        """The logical ports are noted."""
        self.plug(self.vnic)
        plugger.unplug_all(self.host, self.instance, [self.sea])
        self.assertEqual(2, len(self.host.sriov.freed()))

    def test_requests(self):
        """A new port has no other adapter; others are looked for if needed."""
        attach = plugger.VifPlugger(None, self.host, self.instance,
                                    [self.sea])
        attach.plug(self.lpar_w, are_new=True)
        self.assertNotIn('GET VirtualNICDedicated', self.requests())
        attach.plug(self.lpar_w)
        self.assertEqual(['GET ClientNetworkAdapter'], self.requests())


class ReadTest(SriovTestCase):

    def test_no_such_feed(self):
        """A platform that does not know vNICs tells the other adapters."""
        vif.plug(self.host, self.instance, base.make_vif(2), self.lpar_w)
        self.simulated.faults.add(
            {'method': 'GET', 'path': 'VirtualNICDedicated',
             'effect': 'status', 'status': 404})
        self.assertEqual(['FA163E000002'], [
            adapter.mac for adapter in driver.read_adapters(
                self.host, self.instance,
                [driver.CLIENT_ADAPTER, driver.VNIC])])


class UnplugTest(SriovTestCase):

    def test_unplug(self):
        self.plug()
        self.requests()
        self.unplug()
        self.assertEqual(['GET VirtualNICDedicated',
                          'DELETE VirtualNICDedicated'], self.requests())
        self.assertEqual(([], []), (self.vnics(), self.logical_ports()))

    def test_twice(self):
        vnic_w = self.plug()
        self.unplug()
        self.unplug(adapters=[vnic_w])
        self.assertIsNone(self.unplug())

    def test_lpar_is_gone(self):
        vm.delete_lpar(self.host, self.instance)
        self.assertIsNone(self.unplug())

    def test_platform_refuses(self):
        self.plug()
        self.simulated.faults.add(
            {'method': 'DELETE', 'path': 'VirtualNICDedicated',
             'effect': 'status', 'status': 500, 'message': 'busy VIOS'})
        exc = self.assertRaises(nova_exc.VirtualInterfaceUnplugException,
                                self.unplug)
        self.assertIn('busy VIOS', str(exc))
        self.assertEqual(set(), self.host.sriov.freed())

    def test_lost_answer(self):
        """The vNIC is gone, or deleted again: the ports are noted."""
        for effect, requests in (
                ('drop_after', ['GET VirtualNICDedicated'] * 2),
                ('drop_before', ['GET VirtualNICDedicated'] * 2 +
                 ['DELETE VirtualNICDedicated'])):
            self.plug()
            self.requests()
            self.simulated.faults.add(
                {'method': 'DELETE', 'path': 'VirtualNICDedicated',
                 'effect': effect})
            self.unplug()
            self.assertEqual(([], []), (self.vnics(), self.logical_ports()))
            self.assertEqual(
                sorted([*requests, 'DELETE VirtualNICDedicated']),
                sorted(self.requests()))
            freed = self.host.sriov.freed()
            self.assertEqual(2, len(freed))
            self.host.sriov.are_gone(freed)

    def test_no_answer_at_all(self):
        """The next attempt finds it gone."""
        self.plug()
        self.simulated.faults.add(
            {'method': 'DELETE', 'path': 'VirtualNICDedicated',
             'effect': 'drop_after'})
        self.simulated.faults.add(
            {'method': 'GET', 'path': 'VirtualNICDedicated/.', 'count': 1,
             'effect': 'drop_before'})
        self.assertRaises(nova_exc.VirtualInterfaceUnplugException,
                          self.unplug)
        self.assertEqual(2, len(self.host.sriov.freed()))
        self.assertIsNone(self.unplug())

    def test_binding_failed(self):
        """Neutron has bound the port again, in vain."""
        for lpar_going in (False, True):
            self.plug()
            plugger.unplug_all(self.host, self.instance, [
                make_vif() | {'type': 'binding_failed'}],
                lpar_going=lpar_going)
            self.assertEqual(lpar_going, bool(self.vnics()))
        vm.delete_lpar(self.host, self.instance)
        self.assertEqual(4, len(self.host.sriov.freed()))

    def test_other_ports_need_no_request_for_vnics(self):
        port = base.make_vif(2)
        vif.plug(self.host, self.instance, port, self.lpar_w)
        plugger.unplug_all(self.host, self.instance, [port])
        self.assertNotIn('VirtualNICDedicated', str(self.requests()))


class ViosesTest(SriovTestCase):
    """When the VIOSes are read again."""

    def hear(self, detail, etype='MODIFY_URI'):
        event.PowerVMNovaEventHandler(mock.Mock(), self.host).process([
            mock.Mock(etype=etype, detail=detail, data=(
                'http://x/rest/api/uom/VirtualIOServer/%s' %
                base.UUID % 1))])

    def reads(self):
        self.host.sriov.vioses()
        return self.requests()

    def test_events(self):
        for detail in ('Other', 'VirtualSCSIMappings,Other', ''):
            self.hear(detail)
            self.assertEqual([], self.reads())
        for detail in ('PartitionState', 'Other,RMCState'):
            self.hear(detail)
            self.assertEqual(['GET VirtualIOServer'], self.reads())
        self.hear('', etype='ADD_URI')
        self.assertEqual(['GET VirtualIOServer'], self.reads())

    def test_age(self):
        now = 0
        known = sriov.Sriov(self.host, clock=lambda: now)
        known.vioses()
        now = sriov.MAX_AGE - 1
        self.requests()
        known.vioses()
        self.assertEqual([], self.requests())
        now += 1
        known.vioses()
        self.assertEqual(['GET VirtualIOServer'], self.requests())

    def set_down(self, name):
        """Power a VIOS off; nobody hears of it."""
        [vios] = [vios for vios in self.simulated.store.all('VirtualIOServer')
                  if vios.name == name]
        with self.site.lock:
            vios.set_rmc('inactive')
            vios.set_state('not activated')

    def test_vios_that_is_down(self):
        """It is not used, and looked for again for the next port."""
        self.set_down('vios2')
        self.host.sriov.forget()
        self.plug()
        self.assertIn('are in VIOS vios1, as vios2 cannot be used now',
                      self.logger.output)
        self.assertEqual(['vios1'] * 2,
                         [device[0] for device in self.devices()])
        self.requests()
        self.plug(make_vif(2))
        self.assertIn('GET VirtualIOServer', self.requests())

    def test_vios_goes_down_unheard(self):
        """The platform refuses it, and the VIOSes are read again."""
        self.set_down('vios2')
        self.plug()
        self.assertEqual(
            ['GET ManagedSystem', CREATE, 'GET ManagedSystem',
             'GET VirtualIOServer', CREATE], self.requests())
        self.assertEqual(['vios1'] * 2,
                         [device[0] for device in self.devices()])
