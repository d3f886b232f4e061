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

"""Tests of the mechanism driver, without Neutron."""

import json
import subprocess
import sys
from unittest import mock

import fixtures
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api
from oslo_config import cfg
from oslo_config import fixture as config_fixture
import testtools

from nova_powervm.neutron import conf
from nova_powervm.neutron import mech_driver
from nova_powervm.tests.neutron import fakes
from nova_powervm.tests import tree

VLAN = {'port_filter': False, 'connectivity': 'l2', 'network_type': 'vlan',
        'physical_network': 'prod', 'vlan': '101', 'powervm_agentless': True}
FLAT = {'port_filter': False, 'connectivity': 'l2', 'network_type': 'flat',
        'physical_network': 'prod', 'powervm_agentless': True}
FOREIGN = '''
import json, sys
from nova_powervm.neutron import mech_driver
driver = mech_driver.PowerVMMechanismDriver()
driver.initialize()
print(json.dumps(sorted({name.split('.')[0] for name in sys.modules} &
                        {'eventlet', 'neutron', 'nova', 'pypowervm'})))
'''


class MechanismDriverTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(
            name=mech_driver.LOG.name, level='DEBUG'))
        conf.register(cfg.CONF)
        self.config = self.useFixture(config_fixture.Config(cfg.CONF))
        self.driver = self.configured(
            host_physical_networks=['power*:prod|test*', 'power1:backup'])

    def configured(self, **options):
        """The driver with some options."""
        self.config.config(group=conf.GROUP, **options)
        driver = mech_driver.PowerVMMechanismDriver()
        driver.initialize()
        return driver

    def bind(self, *segments, **port):
        """Bind a port: (segment, VIF type, details, status), or None."""
        context = fakes.context(*segments, **port)
        self.driver.bind_port(context)
        return fakes.bound(context)


class BindTest(MechanismDriverTestCase):

    def test_vlan(self):
        self.assertEqual(('of prod', 'pvm_sea', VLAN, 'ACTIVE'), self.bind())

    def test_flat(self):
        """It has no VLAN ID: the host knows which VLAN is untagged."""
        self.assertEqual(
            ('of prod', 'pvm_sea', FLAT, 'ACTIVE'),
            self.bind(fakes.segment('flat', segmentation_id=None)))

    def test_direct(self):
        self.assertEqual(('of prod', 'pvm_sriov', VLAN, 'ACTIVE'),
                         self.bind(vnic_type='direct'))

    def test_direct_flat(self):
        self.assertEqual(
            ('of prod', 'pvm_sriov', FLAT, 'ACTIVE'),
            self.bind(fakes.segment('flat', segmentation_id=None),
                      vnic_type='direct'))

    def test_wishes(self):
        details = dict(VLAN, vnic_required_vfs=2, capacity=0.02)
        self.assertEqual(
            ('of prod', 'pvm_sriov', details, 'ACTIVE'),
            self.bind(vnic_type='direct', profile={
                'vnic_required_vfs': '2', 'capacity': 0.02,
                'pci_slot': '0001:00:00.1', 'physical_network': 'prod'}))

    def test_bad_wish(self):
        self.assertIsNone(self.bind(vnic_type='direct',
                                    profile={'capacity': '200%'}))
        self.assertIn(
            'powervm does not bind port %s on host power1. Correct its '
            "binding:profile: capacity is '200%%', not a number above 0 and "
            'up to 1.' % fakes.PORT, self.log.output)

    def test_adapters_of_a_sea_have_no_wishes(self):
        self.assertEqual(VLAN, self.bind(profile={'capacity': 'much'})[2])

    def test_normal_port_on_sriov(self):
        self.driver = self.configured(sriov_physical_networks=['test*'])
        details = dict(VLAN, physical_network='test1', capacity=0.5)
        self.assertEqual(
            ('of test1', 'pvm_sriov', details, 'ACTIVE'),
            self.bind(fakes.segment(physical_network='test1'),
                      profile={'capacity': 0.5}))
        self.assertEqual('pvm_sea', self.bind()[1])

    def test_no_owner(self):
        """An administrator may bind a port before a server has it."""
        self.assertEqual('pvm_sea', self.bind(device_owner='')[1])

    def test_no_profile(self):
        self.assertEqual('pvm_sea', self.bind(profile={})[1])
        context = fakes.context()
        del context.current[portbindings.PROFILE]
        del context.current[portbindings.VNIC_TYPE]
        self.driver.bind_port(context)
        self.assertEqual('pvm_sea', fakes.bound(context)[1])


class LeaveTest(MechanismDriverTestCase):
    """Ports that other drivers may bind."""

    def assert_left(self, reason, *segments, **port):
        self.assertIsNone(self.bind(*segments, **port))
        self.assertIn(reason, self.log.output)

    def test_unknown_host(self):
        for host in ('kvm1', 'Power1', 'a.power1', '', None):
            self.assert_left('Host %s of port %s is not in [ml2_powervm] '
                             'host_physical_networks.' % (host, fakes.PORT),
                             host=host)

    def test_wrong_physical_network(self):
        for name in ('other', 'production', 'Prod'):
            self.assert_left(
                'powervm leaves port %s on host power1 to other mechanism '
                'drivers: its network has no segment of type vlan or flat on '
                'a physical network of this host (prod, test*, backup)' %
                fakes.PORT, fakes.segment(physical_network=name))

    def test_network_of_another_host(self):
        backup = fakes.segment(physical_network='backup')
        self.assertIsNotNone(self.bind(backup, host='power1'))
        self.assertIsNone(self.bind(backup, host='power2'))

    def test_tunnels(self):
        for kind in ('vxlan', 'geneve', 'gre'):
            self.assert_left('no segment of type vlan or flat',
                             fakes.segment(kind, physical_network=None))

    def test_local_network(self):
        self.assert_left('no segment of type vlan or flat', fakes.segment(
            'local', physical_network=None, segmentation_id=None))

    def test_other_vnic_types(self):
        for vnic_type in ('macvtap', 'direct-physical', 'baremetal',
                          'virtio-forwarder', 'vdpa', 'remote-managed',
                          'smart-nic', 'accelerator-direct'):
            self.assert_left('its vnic_type is ' + vnic_type,
                             vnic_type=vnic_type)

    def test_switchdev(self):
        self.assert_left('its binding:profile asks for switchdev',
                         vnic_type='direct',
                         profile={'capabilities': ['switchdev']})

    def test_trunk_parent(self):
        self.assert_left('it belongs to a trunk', trunk_details={
            'trunk_id': 'trunk', 'sub_ports': []})

    def test_trunk_subport(self):
        self.assert_left('it belongs to a trunk',
                         device_owner='trunk:subport')

    def test_ports_of_no_server(self):
        for owner in ('network:dhcp', 'network:router_interface',
                      'network:distributed', 'baremetal:none'):
            self.assert_left('its owner is %s, no server' % owner,
                             device_owner=owner)


class SegmentTest(MechanismDriverTestCase):
    """Networks with several segments."""

    TUNNEL = fakes.segment('vxlan', physical_network=None, id='tunnel')
    PROD = fakes.segment()
    TEST = fakes.segment(physical_network='test', segmentation_id=7)

    def test_first_that_the_host_reaches(self):
        self.assertEqual('of test', self.bind(
            self.TUNNEL, fakes.segment(physical_network='other'), self.TEST,
            self.PROD)[0])

    def test_physical_network_of_the_claimed_device(self):
        profile = {'pci_slot': '0001:00:00.1', 'physical_network': 'prod'}
        self.assertEqual('of prod', self.bind(
            self.TEST, self.PROD, vnic_type='direct', profile=profile)[0])
        self.assertIsNone(self.bind(
            self.TEST, vnic_type='direct', profile=profile))

    def test_segment_of_the_address(self):
        """An address of a routed network is good on one segment only."""
        plugin = mock.Mock()
        subnets = {'a': {'segment_id': 'of prod'}, 'b': {'segment_id': None},
                   'c': {'segment_id': 'of other'}, 'd': {}}
        plugin.get_subnet.side_effect = (
            lambda _context, subnet: subnets[subnet])
        self.useFixture(fixtures.MockPatch(
            'neutron_lib.plugins.directory.get_plugin', return_value=plugin))
        for has, wanted in (('a', 'of prod'), ('b', 'of test'),
                            ('ab', 'of prod'), ('d', 'of test')):
            self.assertEqual(wanted, self.bind(
                self.TEST, self.PROD,
                fixed_ips=[{'subnet_id': subnet} for subnet in has])[0])
        self.assertIsNone(self.bind(
            self.TEST, self.PROD, fixed_ips=[{'subnet_id': 'c'}]))
        plugin.get_subnet.assert_called_with(
            mock.sentinel.plugin_context, 'c')

    def test_one_segment_needs_no_subnet(self):
        self.assertIsNotNone(self.bind(fixed_ips=[{'subnet_id': 'a'}]))


class StatusTest(MechanismDriverTestCase):
    """A port that the driver has bound is up, whatever ML2 makes of it."""

    def update(self, vif_type, details, **port):
        """Have the driver see a change: what it does to the plugin."""
        context = fakes.context(**port)
        context.vif_type, context.vif_details = vif_type, details
        plugin = self.useFixture(fixtures.MockPatch(
            'neutron_lib.plugins.directory.get_plugin')).mock.return_value
        self.driver.update_port_postcommit(context)
        return plugin.mock_calls

    def test_down(self):
        for vif_type in ('pvm_sea', 'pvm_sriov'):
            self.assertEqual(
                [mock.call.update_port_status(
                    mock.sentinel.plugin_context, fakes.PORT, 'ACTIVE')],
                self.update(vif_type, VLAN))

    def test_up(self):
        self.assertEqual([], self.update('pvm_sea', VLAN, status='ACTIVE'))

    def test_ports_of_others(self):
        for vif_type, details in (
                ('unbound', {}), ('binding_failed', {}), ('ovs', {}),
                # networking-powervm had an agent, which reports it.
                ('pvm_sea', {'port_filter': False, 'vlan': '101'})):
            self.assertEqual([], self.update(vif_type, details))


class DriverTest(MechanismDriverTestCase):

    def test_all_hosts_and_networks(self):
        self.driver = self.configured(host_physical_networks=['*:*'])
        self.assertIsNotNone(self.bind(
            fakes.segment(physical_network='any'), host='any'))

    def test_nothing_configured(self):
        self.driver = self.configured(host_physical_networks=[])
        self.assertIn('powervm binds no ports, because [ml2_powervm] '
                      'host_physical_networks is empty', self.log.output)
        self.assertIsNone(self.bind())

    def test_wrong_configuration(self):
        self.config.conf.clear_override('host_physical_networks', conf.GROUP)
        path = self.useFixture(fixtures.TempDir()).join('ml2_conf.ini')
        with open(path, 'w') as out:
            out.write('[ml2_powervm]\nhost_physical_networks = power1\n')
        loaded = cfg.ConfigOpts()
        loaded(['--config-file', path])
        driver = mech_driver.PowerVMMechanismDriver()
        with mock.patch.object(cfg, 'CONF', loaded):
            error = self.assertRaises(cfg.ConfigFileValueError,
                                      driver.initialize)
        self.assertIn('"power1" has no colon', str(error))

    def test_connectivity(self):
        self.assertEqual('l2', self.driver.connectivity)

    def test_hosts_of_agents(self):
        """No port of a DHCP agent is bound, so none should run there."""
        self.assertTrue(self.driver.is_host_filtering_supported())
        self.assertEqual(set(), self.driver.filter_hosts_with_segment_access(
            mock.sentinel.context, [fakes.segment()], {'power1', 'kvm1'},
            mock.sentinel.agent_getter))

    def test_it_is_a_mechanism_driver(self):
        self.assertIsInstance(self.driver, api.MechanismDriver)

    def test_details_are_plain(self):
        """ML2 keeps them as JSON."""
        details = self.bind(vnic_type='direct', profile={
            'maxcapacity': '0.4', 'vnic_required_vfs': '2'})[2]
        self.assertEqual(details, json.loads(json.dumps(details)))


class ImportTest(testtools.TestCase):

    def test_what_it_brings_along(self):
        """Neutron's server loads no Nova, no pypowervm and no eventlet."""
        printed = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', FOREIGN], cwd=tree.ROOT,
            check=True, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL).stdout
        self.assertEqual([], json.loads(printed.splitlines()[-1]))
