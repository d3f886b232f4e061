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

from nova import context as nova_context
from nova import objects
from nova.pci import manager
from oslo_serialization import jsonutils

from nova_powervm import conf as cfg
from nova_powervm.tests.virt.powervm.vif import base
from nova_powervm.virt.powervm import pci
from nova_powervm.virt.powervm import physical_ports

CONF = cfg.CONF


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
        self.addCleanup(CONF.clear_default, 'device_spec', group='pci')

    def devices(self):
        return pci.devices(self.host.get_system())

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
                          (2, 1): 10, (2, 2): 2}, self.counts())

    def test_no_redundancy(self):
        self.flags(vnic_required_vfs=1, group='powervm')
        self.assertEqual({(1, 0): 20, (1, 1): 20, (1, 2): 4, (2, 0): 20,
                          (2, 1): 20, (2, 2): 4}, self.counts())

    def test_more_redundancy_than_ports(self):
        self.flags(vnic_required_vfs=6, group='powervm')
        self.assertEqual(6, self.counts()[1, 0])

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

    def test_link_and_use_do_not_matter(self):
        before = self.devices()
        self.simulated.operator.set_sriov_port(1, 0, False)
        self.assertEqual(before, self.devices())

    def test_adapter_that_does_not_run(self):
        self.simulated.operator.set_sriov_adapter(1, 'Failed')
        self.assertEqual({2}, {place[0] for place in self.counts()})

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
        objects.register_all()
        for place in ((1, 2), (2, 2)):
            self.change(self.port(*place), label='')

    def track(self, *known):
        """Make the tracker, as Nova does after init_host."""
        self.virtapi = mock.Mock()
        pci.offer(self.host.get_system(), self.virtapi)
        with mock.patch.object(
                objects.PciDeviceList, 'get_by_compute_node',
                return_value=objects.PciDeviceList(objects=list(known))):
            tracker = manager.PciDevTracker(
                nova_context.get_admin_context(),
                objects.ComputeNode(id=1, numa_topology=None))
        self.update(tracker)
        return tracker

    def update(self, tracker):
        tracker.update_devices_from_hypervisor_resources(
            jsonutils.dumps(self.devices()))

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
        [device] = tracker.claim_instance(
            mock.Mock(), self.request('prod', 1), None)
        tracker.allocate_instance(objects.Instance(
            uuid='a1b2c3d4-0000-4000-8000-000000000101',
            pci_devices=objects.PciDeviceList(objects=[])))
        adapter, number = pci.port_ids(device.address)
        self.simulated.operator.set_sriov_port(adapter, number, False)
        for found in tracker.pci_devs:
            # What its database would tell.
            if 'instance_uuid' not in found:
                found.instance_uuid = None
        tracker = self.track(*tracker.pci_devs)
        self.assertEqual([('allocated', device.address)], [
            (found.status, found.address) for found in tracker.pci_devs
            if found.status != 'available'])
        self.assertEqual(19, sum(self.pools(tracker)['prod']))
        self.assertEqual({}, tracker.to_be_removed_when_freed)

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
        pci.offer(self.host.system, object())
        pci.offer(self.host.system, None)

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
