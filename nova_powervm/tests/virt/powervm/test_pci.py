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


"""PCI devices of SR-IOV ports: what Nova 34 makes of them."""

from unittest import mock

import fixtures
from nova import context as nova_context
from nova import objects
from nova.pci import manager
from oslo_serialization import jsonutils

from nova_powervm import conf as cfg
from nova_powervm.tests.virt.powervm.vif import base
from nova_powervm.tests.virt.powervm.vif import test_sriov
from nova_powervm.virt.powervm import pci
from nova_powervm.virt.powervm import physical_ports
from nova_powervm.virt.powervm import vif

CONF = cfg.CONF

#: Physical ports of the two networks.
PROD = ((1, 0), (1, 2), (2, 0))
TEST = ((1, 1), (2, 1), (2, 2))


def request(physnet, count=1):
    return objects.InstancePCIRequests(requests=[objects.InstancePCIRequest(
        count=count, request_id='a1b2c3d4-0000-4000-8000-0000000000aa',
        spec=[{'physical_network': physnet, 'remote_managed': 'False'}])])


class PciTestCase(base.SimulatedHostTestCase):
    """A host of the profile sriov.

    Label prod: ports 0 and 2 of adapter 1, port 0 of adapter 2. Label test:
    port 1 of each adapter, and port 2 of adapter 2, which has no link. Ports 2
    can have 4 logical ports, the others 20.
    """

    PROFILE = 'sriov'

    def setUp(self):
        super().setUp()
        objects.register_all()
        self.useFixture(fixtures.MockPatchObject(objects.Instance, 'save'))
        self.addCleanup(CONF.clear_default, 'device_spec', group='pci')
        # What Nova has a record of: objects.PciDevice.
        self.records = []
        self.pci = pci.Devices(find=self.find_known)

    def find_known(self):
        return pci.as_known(self.records)

    def devices(self):
        return self.pci.list_all(self.host.get_system())

    def claim(self, *addresses):
        """Have servers have some of the devices that are offered."""
        self.records += [
            objects.PciDevice(address=device['address'], status='allocated',
                              vendor_id=device['vendor_id'],
                              product_id=device['product_id'])
            for device in self.devices() if device['address'] in addresses]

    def addresses(self):
        return [device['address'] for device in self.devices()]

    def count_devices(self, *ports):
        """How many devices some ports have together."""
        counts = self.counts()
        return sum(counts.get(port, 0) for port in ports)

    def counts(self):
        """How many devices each physical port has: dict."""
        found = {}
        for device in self.devices():
            place = pci.port_ids(device['address'])
            found[place] = found.get(place, 0) + 1
        return found

    def port(self, adapter, number):
        """A physical port in the simulator's model."""
        return self.simulated.system.sriov[adapter - 1].port(number)

    def change(self, port, **values):
        for name, value in values.items():
            setattr(port, name, value)
        port.adapter.changed()


class DevicesTest(PciTestCase):

    def test_counts(self):
        """A vNIC takes a function of each of two ports."""
        self.assertEqual({(1, 0): 10, (1, 1): 10, (1, 2): 2, (2, 0): 10,
                          (2, 1): 10}, self.counts())

    def test_no_redundancy(self):
        self.flags(vnic_required_vfs=1, group='powervm')
        self.assertEqual({(1, 0): 20, (1, 1): 20, (1, 2): 4, (2, 0): 20,
                          (2, 1): 20}, self.counts())

    def test_more_redundancy_than_ports(self):
        """Each vNIC takes a function of the port that has only four."""
        self.flags(vnic_required_vfs=6, group='powervm')
        self.assertEqual(4, self.count_devices(*PROD))

    def test_ports_of_different_sizes(self):
        """No vNIC can have both devices on the large port."""
        self.change(self.port(2, 0), maximum=2)
        self.assertEqual(6, self.count_devices(*PROD))

    def test_different_granularities(self):
        self.change(self.port(1, 2), label='')
        self.change(self.port(2, 0), granularity=2500)
        self.assertEqual(4, self.count_devices(*PROD))

    def test_capacity(self):
        self.flags(vnic_vf_capacity=0.09, group='powervm')
        # 10 times 10 %, as the granularity is 2 %.
        self.assertEqual(5, self.counts()[1, 0])

    def test_single_port_of_its_network(self):
        self.change(self.port(1, 3), label='lab')
        self.assertEqual(4, self.counts()[1, 3])

    def test_ports_without_label(self):
        self.flags(sriov_default_physnet='lab', group='powervm')
        self.assertEqual(2, self.counts()[1, 3])

    def test_most(self):
        self.flags(vnic_required_vfs=1, group='powervm')
        self.change(self.port(1, 0), maximum=300, granularity=10)
        found = [device for device in self.devices()
                 if pci.port_ids(device['address']) == (1, 0)]
        self.assertEqual(256, len(found))
        self.assertEqual(('0001:00:00.0', '0001:00:1f.7'),
                         (found[0]['address'], found[-1]['address']))

    def test_use_does_not_matter(self):
        """What servers have, and what is left, is as much as before."""
        before = self.addresses()
        instance = base.make_instance()
        lpar_w = self.create_lpar(instance)
        for number, slot in enumerate(('0001:00:00.3', '0002:00:01.1'), 1):
            self.claim(slot)
            self.assertEqual(before, self.addresses())
            vif.plug(self.host, instance, test_sriov.make_vif(
                number, slot=slot), lpar_w)
            self.assertEqual(before, self.addresses())

    def test_functions_of_others(self):
        """Nova is offered no more than what is left."""
        self.change(self.port(1, 2), label='')
        instance = base.make_instance()
        lpar_w = self.create_lpar(instance)
        vif.plug(self.host, instance, test_sriov.make_vif(), lpar_w)
        self.assertEqual(19, self.count_devices(*PROD))

    def test_no_link(self):
        """Only what servers have stays; the rest returns with the link."""
        self.change(self.port(2, 2), label='')
        before = self.addresses()
        self.claim('0001:01:00.5')
        self.simulated.operator.set_sriov_port(1, 1, False)
        self.assertEqual(['0001:01:00.5'], [
            device['address'] for device in self.devices()
            if pci.port_ids(device['address'])[1] == 1])
        self.simulated.operator.set_sriov_port(1, 1, True)
        self.assertEqual(before, self.addresses())

    def test_adapter_that_does_not_run(self):
        """vNICs have less redundancy meanwhile, but no more fit."""
        self.change(self.port(2, 2), label='')
        before = self.addresses()
        self.claim('0001:01:00.5', '0001:00:00.0')
        for state in ('Initializing', 'Failed', 'Running'):
            self.simulated.operator.set_sriov_adapter(1, state)
            self.assertLessEqual({'0001:01:00.5', '0001:00:00.0'}, {
                device['address'] for device in self.devices()})
            self.assertEqual(20, self.count_devices(*TEST))
        self.assertEqual(before, self.addresses())

    def test_adapter_that_is_gone(self):
        """What servers have stays."""
        self.pci.offer(self.host.system)
        self.claim('0001:01:00.5', '0002:00:00.0')
        del self.simulated.system.sriov[:]
        self.simulated.system.touch()
        self.assertEqual(['0001:01:00.5', '0002:00:00.0'], [
            device['address'] for device in self.devices()])

    def test_less_than_servers_have(self):
        self.change(self.port(1, 3), label='lab')
        self.claim('0001:03:00.3', '0001:03:00.1')
        for maximum, numbers in ((3, '013'), (2, '13'), (1, '13')):
            self.change(self.port(1, 3), maximum=maximum)
            self.assertEqual(['0001:03:00.' + number for number in numbers], [
                device['address'] for device in self.devices()
                if device['address'].startswith('0001:03')])

    def test_odd_documents(self):
        """What the platform does not tell is not offered."""
        whole = self.devices()
        for tag in ('ConfiguredMaxEthernetLogicalPorts', 'PhysicalPortID',
                    'MinimumEthernetCapacityGranularity', 'AllocatedCapacity',
                    'ConfiguredEthernetLogicalPorts', 'LinkStatus', 'Label',
                    'LocationCode', 'AdapterState', 'AdapterMode',
                    'Personality', 'SRIOVAdapterID', 'SRIOVAdapters',
                    'AssociatedSystemIOConfiguration'):
            system_w = self.host.read_system()
            for element in list(system_w.element.element.iter(
                    '{*}' + tag)):
                element.getparent().remove(element)
            self.assertLessEqual(
                len(pci.Devices().list_all(system_w)), len(whole), tag)

    def test_numbers_without_address(self):
        """Nova's format has no room for them."""
        self.flags(vnic_required_vfs=1, group='powervm')
        self.simulated.system.sriov[0].adapter_id = 1 << 16
        self.change(self.port(2, 0), port_id=256)
        self.simulated.system.sriov[0].changed()
        self.assertEqual({(2, 1)}, set(self.counts()))

    def test_no_vnics(self):
        with mock.patch.object(physical_ports, 'has_vnics',
                               return_value=False):
            self.assertEqual([], self.devices())

    def test_place(self):
        self.assertEqual((10, 1), pci.port_ids('000a:01:1f.7'))
        for address in (None, '', '*', '0000:00:00.9', '10000:00:00.1'):
            self.assertIsNone(pci.port_ids(address))


class TrackerTest(PciTestCase):
    """Nova's own tracker of PCI devices."""

    def setUp(self):
        super().setUp()
        self.servers = {}
        for place in ((1, 2), (2, 2)):
            self.change(self.port(*place), label='')

    def track(self, *known):
        """Make the tracker, as Nova does after init_host."""
        self.virtapi = mock.Mock()
        self.virtapi._compute.rt.pci_tracker = None
        self.pci = pci.Devices(self.virtapi, self.find_known)
        self.pci.offer(self.host.get_system())
        self.records = list(known)
        listed = self.devices()
        with mock.patch.object(
                objects.PciDeviceList, 'get_by_compute_node',
                return_value=objects.PciDeviceList(objects=list(known))):
            tracker = manager.PciDevTracker(
                nova_context.get_admin_context(),
                objects.ComputeNode(id=1, numa_topology=None))
        self.virtapi._compute.rt.pci_tracker = tracker
        self.save(tracker, listed)
        return tracker

    def update(self, tracker):
        """What Nova does each minute."""
        self.records = tracker.pci_devs
        self.save(tracker, self.devices())

    def save(self, tracker, listed):
        tracker.update_devices_from_hypervisor_resources(
            jsonutils.dumps(listed))
        tracker.pci_devs.objects = [device for device in tracker.pci_devs
                                    if device.status != 'removed']
        for number, device in enumerate(tracker.pci_devs):
            device.id = number

    def restart(self, tracker):
        for found in tracker.pci_devs:
            # What its database would tell.
            if 'instance_uuid' not in found:
                found.instance_uuid = None
        return self.track(*tracker.pci_devs)

    def give(self, tracker, physnet, number=1):
        """Give a server a device: objects.PciDevice."""
        wish = self.request(physnet, number)
        [device] = tracker.claim_instance(mock.Mock(), wish, None)
        tracker.allocate_instance(self.server(number))
        return device

    def server(self, number):
        return self.servers.setdefault(number, objects.Instance(
            uuid=self.request('', number).instance_uuid,
            pci_devices=objects.PciDeviceList(objects=[])))

    def in_use(self, tracker):
        """Addresses of the devices that servers have."""
        return [device.address for device in tracker.pci_devs
                if device.status == 'allocated']

    def pools(self, tracker):
        """The pools: {physical network: [number of devices, ...]}."""
        found = {}
        for pool in tracker.pci_stats.pools:
            found.setdefault(pool['physical_network'], []).append(
                pool['count'])
        return found

    def test_pools(self):
        self.assertEqual({'prod': [10, 10], 'test': [10, 10]},
                         self.pools(self.track()))

    def test_all_are_accepted(self):
        self.change(self.port(1, 0), maximum=256, granularity=10)
        self.flags(vnic_required_vfs=1, group='powervm')
        self.assertEqual(256 + 20,
                         sum(self.pools(self.track())['prod']))

    def test_two_networks_on_two_ports(self):
        """A request never lands on the other network."""
        for place, label in (((1, 0), 'blue'), ((1, 1), 'red'), ((2, 0), ''),
                             ((2, 1), '')):
            self.change(self.port(*place), label=label)
        tracker = self.track()
        self.assertEqual({'blue': [20], 'red': [20]}, self.pools(tracker))
        for number in range(20):
            claimed = tracker.claim_instance(
                mock.Mock(), self.request('blue', number), None)
            self.assertEqual([(1, 0)], [pci.port_ids(device.address)
                                        for device in claimed])
        self.assertEqual({'blue': [0], 'red': [20]}, self.pools(tracker))
        self.assertFalse(tracker.pci_stats.support_requests(
            request('blue').requests, {}))
        self.assertFalse(tracker.pci_stats.support_requests(
            request('green').requests, {}))

    def request(self, physnet, number):
        found = request(physnet)
        found.instance_uuid = 'a1b2c3d4-0000-4000-8000-0000000001%02d' % number
        return found

    def test_restart(self):
        """Devices of servers stay, also if their link is down."""
        tracker = self.track()
        device = self.give(tracker, 'prod')
        adapter, number = pci.port_ids(device.address)
        self.simulated.operator.set_sriov_port(adapter, number, False)
        tracker = self.restart(tracker)
        self.assertEqual([device.address], self.in_use(tracker))
        self.assertEqual({}, tracker.to_be_removed_when_freed)
        self.assertNotIn('prod', self.pools(tracker))
        self.simulated.operator.set_sriov_port(adapter, number, True)
        self.update(tracker)
        self.assertEqual(19, sum(self.pools(tracker)['prod']))

    def test_restart_while_adapters_do_not_run(self):
        """They are offered when they run, without another restart."""
        tracker = self.track()
        device = self.give(tracker, 'test')
        for adapter in (1, 2):
            self.simulated.operator.set_sriov_adapter(adapter, 'Initializing')
        tracker = self.restart(tracker)
        self.assertEqual({}, self.pools(tracker))
        for adapter in (1, 2):
            self.simulated.operator.set_sriov_adapter(adapter, 'Running')
        self.update(tracker)
        self.assertEqual((19, 20), (sum(self.pools(tracker)['test']),
                                    sum(self.pools(tracker)['prod'])))
        self.assertEqual([device.address], self.in_use(tracker))
        self.assertEqual({}, tracker.to_be_removed_when_freed)

    def test_adapter_fails_and_returns(self):
        """Nova drops no device that a server has."""
        tracker = self.track()
        before = self.pools(tracker)
        self.simulated.operator.set_sriov_adapter(2, 'Failed')
        self.update(tracker)
        taken = [self.give(tracker, 'test', number).address
                 for number in range(20)]
        self.assertEqual([], tracker.claim_instance(
            mock.Mock(), objects.InstancePCIRequests(requests=[]), None))
        self.simulated.operator.set_sriov_adapter(2, 'Running')
        self.update(tracker)
        self.assertEqual(sorted(taken), sorted(self.in_use(tracker)))
        self.assertEqual(0, sum(self.pools(tracker).get('test', [])))
        self.assertEqual({}, tracker.to_be_removed_when_freed)
        for number in range(20):
            tracker.free_instance(mock.Mock(), self.server(number))
        self.update(tracker)
        self.assertEqual(before, self.pools(tracker))

    def test_port_that_gets_a_label(self):
        """It is offered without a restart; no other device is dropped."""
        self.change(self.port(1, 0), label='')
        tracker = self.track()
        taken = [self.give(tracker, 'prod', number).address
                 for number in range(20)]
        self.change(self.port(1, 0), label='prod')
        self.update(tracker)
        self.assertEqual(sorted(taken), sorted(self.in_use(tracker)))
        self.assertEqual({}, tracker.to_be_removed_when_freed)
        self.change(self.port(1, 3), label='lab')
        self.update(tracker)
        self.assertEqual([4], self.pools(tracker)['lab'])
        device = self.give(tracker, 'lab', 30)
        spec = self.virtapi._compute.network_api.pci_whitelist.get_devspec(
            device)
        self.assertEqual('lab', spec.get_tags()['physical_network'])

    def test_port_that_gets_another_label(self):
        """Its free devices leave the old network before they get to the new.

        Nova never takes the one for the other.
        """
        tracker = self.track()
        taken = {self.give(tracker, 'prod', number).address
                 for number in range(5)}
        self.assertEqual({(1, 0), (2, 0)}, self.free_ports(tracker, 'prod'))
        self.change(self.port(1, 0), label='lab')
        self.update(tracker)
        self.assertEqual({(2, 0)}, self.free_ports(tracker, 'prod'))
        self.assertEqual(set(), self.free_ports(tracker, 'lab'))
        self.update(tracker)
        self.assertEqual({(2, 0)}, self.free_ports(tracker, 'prod'))
        self.assertEqual({(1, 0)}, self.free_ports(tracker, 'lab'))
        self.assertEqual(taken, set(self.in_use(tracker)))
        self.assertEqual({}, tracker.to_be_removed_when_freed)
        for number in range(5):
            tracker.free_instance(mock.Mock(), self.server(number))
        self.update(tracker)
        self.assertEqual({'lab': [20], 'prod': [20]}, {
            name: counts for name, counts in self.pools(tracker).items()
            if name != 'test'})

    def free_ports(self, tracker, physnet):
        """The physical ports of the free devices for a network: set."""
        return {pci.port_ids(device.address)
                for pool in tracker.pci_stats.pools
                if pool['physical_network'] == physnet
                for device in pool['devices']}

    def test_port_that_loses_its_label(self):
        tracker = self.track()
        device = self.give(tracker, 'prod')
        self.change(self.port(*pci.port_ids(device.address)), label='')
        self.update(tracker)
        self.assertEqual([device.address], self.in_use(tracker))
        self.assertNotIn(pci.port_ids(device.address),
                         self.free_ports(tracker, 'prod'))

    def test_the_value_of_the_operator_is_stronger(self):
        self.flags(device_spec=['{"address": "0001:00:*.*", '
                                '"physical_network": "blue"}'], group='pci')
        self.assertEqual({'blue': [10]}, self.pools(self.track()))

    def test_client_of_neutron(self):
        """It had read the option before: it tells Neutron of devices."""
        [device] = self.track().claim_instance(
            mock.Mock(), self.request('prod', 1), None)
        client = self.virtapi._compute.network_api
        spec = client.pci_whitelist.get_devspec(device)
        self.assertEqual('prod', spec.get_tags()['physical_network'])

    def test_no_manager(self):
        for virtapi in (object(), None):
            pci.Devices(virtapi).offer(self.host.system)

    def test_labels_that_look_like_variables_of_options(self):
        """oslo.config replaces those in defaults."""
        for label in ('net$prod', 'a ${b}', '$my_ip', 'a$$b'):
            self.change(self.port(1, 0), label=label)
            self.assertIn(label, self.pools(self.track()))

    def test_no_labels(self):
        for place in ((1, 0), (1, 1), (2, 0), (2, 1)):
            self.change(self.port(*place), label='')
        self.assertEqual({}, self.pools(self.track()))
        self.assertEqual([], CONF.pci.device_spec)
