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


"""The DevStack plugin; see devstack.py."""

import os
import re

import nova.conf

from nova_powervm.conf import powervm as conf
from nova_powervm.neutron import conf as ml2_conf
from nova_powervm.tests import devstack
from nova_powervm.tests import test_docs_commands
from nova_powervm.tests import tree
from nova_powervm.virt.powervm import inventory

CONF = nova.conf.CONF


@tree.needs_source
class DevStackTest(devstack.PluginCase):

    def test_on_novalink(self):
        said = self.run_plugin(
            'stack pre-install', 'stack install', 'stack post-config',
            'stack extra', 'unstack', NOVALINK='1',
            GROUPS_OF_STACK='pvm_admin', POWERVM_VOLUME_GROUP='datavg',
            POWERVM_VOLUME_GROUP_VIOS='vios2')
        self.assertEqual(['setup_develop %s/nova-powervm' % self.top], said)
        self.assertEqual(
            {'DEFAULT': {
                'compute_driver': 'powervm_ext.driver.PowerVMDriver'},
             'powervm': {
                 'disk_driver': 'localdisk', 'volume_group_name': 'datavg',
                 'volume_group_vios_name': 'vios2',
                 'proc_units_factor': '0.1', 'fc_attach_strategy': 'vscsi'}},
            self.nova_conf())

    def test_shared_pool(self):
        self.run_plugin('stack post-config', POWERVM_DISK_DRIVER='ssp',
                        POWERVM_CLUSTER='cluster1')
        written = self.nova_conf()['powervm']
        self.assertEqual(('ssp', 'cluster1'),
                         (written['disk_driver'], written['cluster_name']))
        self.assertNotIn('volume_group_name', written)
        self.assertNotIn('volume_group_vios_name', written)

    def test_not_a_novalink_partition(self):
        [said] = self.run_plugin('stack pre-install', status=1)
        self.assertIn('POWERVM_SIMULATED=True', said)

    def test_user_may_not_log_on(self):
        [said] = self.run_plugin('stack pre-install', status=1, NOVALINK='1',
                                 GROUPS_OF_STACK='libvirt pvm_admins')
        self.assertIn('usermod -aG pvm_admin stack', said)

    def test_simulated(self):
        said = self.run_plugin(
            'stack pre-install', 'stack install', 'stack post-config',
            'stack extra', 'unstack', POWERVM_SIMULATED='True')
        self.assertEqual([
            'enable_service powervm-simulator',
            'setup_develop %s/nova-powervm simulator' % self.top,
            'run_process powervm-simulator /opt/stack/bin/powervm-simulator '
            '--profile default --data-dir %(data)s --ready-file '
            '%(data)s.ready.json' % {
                'data': self.top + '/data/powervm-simulator'},
            'stop_process powervm-simulator'], said)
        written = self.nova_conf()['powervm']
        self.assertEqual(('datavg', 'vios1', '/sim/root'), (
            written['volume_group_name'], written['volume_group_vios_name'],
            written['management_root']))

    def test_simulator_does_not_start(self):
        said = self.run_plugin('stack post-config', status=1,
                               POWERVM_SIMULATED='True', BROKEN='1')
        self.assertIn('journalctl', said[-1])

    def test_clean(self):
        self.run_plugin('stack post-config', 'clean',
                        POWERVM_SIMULATED='True')
        self.assertEqual([], os.listdir(os.path.join(self.top, 'data')))

    def test_without_nova_compute(self):
        said = self.run_plugin('stack install', 'stack post-config',
                               ENABLED='n-api')
        self.assertEqual([], said)
        self.assertEqual({}, self.nova_conf())

    def test_options_exist(self):
        """Nova's and ours of today, not those of 2019."""
        text = tree.read('devstack', 'plugin.sh')
        options = re.findall(r'iniset "\$NOVA_CONF" (\w+) (\w+)', text)
        self.assertIn(('powervm', 'disk_driver'), options)
        conf.register_opts(CONF)
        for group, option in options:
            where = CONF if group == 'DEFAULT' else CONF[group]
            self.assertIn(option, where)
        self.assertEqual(
            ['host_physical_networks'],
            re.findall(ml2_conf.GROUP + r' (\w+)', text))

    SEA = dict(ENABLED='n-cpu q-svc', NOVALINK='1',
               GROUPS_OF_STACK='pvm_admin', POWERVM_VLAN_RANGE='10:20')

    def test_ports_on_a_shared_ethernet_adapter(self):
        said = self.run_plugin(
            'stack pre-install', 'stack install', 'stack post-config',
            'stack extra', POWERVM_PHYSICAL_NETWORK='prod',
            POWERVM_BRIDGE_MAPPINGS='prod:ent5:vios1',
            POWERVM_SUBNET_RANGE='198.51.100.0/24', **self.SEA)
        self.assertEqual([
            'setup_develop %s/nova-powervm neutron' % self.top,
            'openstack --os-cloud devstack-admin network create --share '
            '--provider-network-type vlan --provider-physical-network prod '
            'powervm',
            'openstack --os-cloud devstack-admin subnet create --network '
            'powervm --subnet-range 198.51.100.0/24 powervm-subnet'], said)
        self.assertEqual('prod:ent5:vios1',
                         self.nova_conf()['powervm']['bridge_mappings'])
        written = self.ml2_conf()
        # OVN runs on this host, too, so it must not be asked first.
        self.assertEqual('powervm,ovn', written['ml2']['mechanism_drivers'])
        self.assertEqual('local,flat,vlan,geneve,vxlan',
                         written['ml2']['type_drivers'])
        self.assertEqual({'network_vlan_ranges': 'prod:10:20'},
                         written['ml2_type_vlan'])
        self.assertEqual({'host_physical_networks': 'power1:prod'},
                         written['ml2_powervm'])

    def test_network_without_a_subnet_is_not_made(self):
        self.assertEqual([], self.run_plugin(
            'stack post-config', 'stack extra', **self.SEA))

    def test_what_local_conf_says_stays(self):
        variables = dict(
            self.SEA,
            POWERVM_HOST_PHYSICAL_NETWORKS='power*:powervm,p7:powervm')
        self.run_plugin('stack post-config', 'stack post-config',
                        drivers='ovn, powervm', **variables)
        written = self.ml2_conf()
        self.assertEqual('ovn, powervm', written['ml2']['mechanism_drivers'])
        # It is written once, though the phase has run twice.
        self.assertEqual({'network_vlan_ranges': 'powervm:10:20'},
                         written['ml2_type_vlan'])
        self.assertEqual(
            {'host_physical_networks': 'power*:powervm,p7:powervm'},
            written['ml2_powervm'])

    def test_ports_need_vlans(self):
        [said] = self.run_plugin('stack pre-install', status=1, **{
            **self.SEA, 'POWERVM_VLAN_RANGE': ''})
        self.assertIn('Set POWERVM_VLAN_RANGE', said)

    def test_unknown_kind_of_ports(self):
        [said] = self.run_plugin('stack pre-install', status=1,
                                 POWERVM_PORTS='sriov', **self.SEA)
        self.assertIn('neither sea nor ovs', said)

    def test_open_vswitch(self):
        said = self.run_plugin(
            'stack pre-install', 'stack install', 'stack post-config',
            'stack extra', drivers='openvswitch', Q_AGENT='openvswitch',
            NOVALINK='1', GROUPS_OF_STACK='pvm_admin',
            ENABLED='n-cpu q-svc q-agt')
        self.assertEqual(['setup_develop %s/nova-powervm neutron' % self.top],
                         said)
        written = self.ml2_conf()
        self.assertEqual('openvswitch', written['ml2']['mechanism_drivers'])
        self.assertNotIn('ml2_powervm', written)
        self.assertEqual('openvswitch',
                         written['securitygroup']['firewall_driver'])

    def test_open_vswitch_without_security_groups(self):
        self.run_plugin('stack post-config', Q_AGENT='openvswitch',
                        Q_USE_SECGROUP='False', ENABLED='n-cpu q-agt')
        self.assertEqual(
            'iptables_hybrid',
            self.ml2_conf()['securitygroup']['firewall_driver'])

    def test_simulated_server_has_no_open_vswitch(self):
        said = self.run_plugin(
            'stack pre-install', status=1, POWERVM_SIMULATED='True',
            POWERVM_PORTS='ovs', ENABLED='n-cpu q-svc')
        self.assertIn('needs POWERVM_PORTS=sea', said[-1])

    def test_everything_simulated(self):
        """On one machine, and nothing but POWERVM_SIMULATED is set."""
        for variables in ({}, {'Q_AGENT': 'openvswitch'}):
            said = self.run_plugin(
                'stack pre-install', 'stack install', 'stack post-config',
                'stack extra', POWERVM_SIMULATED='True',
                ENABLED='n-cpu q-svc q-agt g-api', **variables)
            image = self.top + '/data/powervm-simulator.raw'
            self.assertEqual([
                'openstack --os-cloud devstack-admin network create --share '
                '--provider-network-type vlan --provider-physical-network '
                'powervm powervm',
                'openstack --os-cloud devstack-admin subnet create --network '
                'powervm --subnet-range 192.0.2.0/24 powervm-subnet',
                'openstack --os-cloud devstack-admin image create --public '
                '--disk-format raw --container-format bare --property '
                'architecture=ppc64le --property hypervisor_type=phyp '
                '--property vm_mode=hvm --file %s powervm' % image],
                said[-3:])
            self.assertEqual(32 * 1024 ** 2, os.path.getsize(image))
            written = self.ml2_conf()
            self.assertEqual('powervm,ovn',
                             written['ml2']['mechanism_drivers'])
            self.assertEqual({'network_vlan_ranges': 'powervm:100:199'},
                             written['ml2_type_vlan'])
            self.assertEqual({'host_physical_networks': 'power1:powervm'},
                             written['ml2_powervm'])

    def test_cinder(self):
        """Volumes are in the simulated array, whose profile has a SAN."""
        said = self.run_plugin(
            'stack pre-install', 'configure_cinder', 'stack post-config',
            POWERVM_SIMULATED='True', ENABLED='n-cpu c-vol')
        self.assertIn('--profile fc ', said[-1])
        module = 'nova_powervm.simulator.cinder_driver'
        self.assertEqual({
            'powervm': {
                'volume_backend_name': 'powervm',
                'volume_driver': module + '.SimulatedArrayDriver',
                'powervm_simulator_url': 'http://127.0.0.1:12080'},
            'DEFAULT': {'enabled_backends': 'powervm'}},
            self.cinder_conf())
        # It has the class, and the options.
        text = tree.read(*module.split('.')[:-1], 'cinder_driver.py')
        self.assertIn('\nclass SimulatedArrayDriver(', text)
        self.assertIn("'powervm_simulator_url'", text)

    def test_cinder_as_local_conf_says(self):
        said = self.run_plugin(
            'stack pre-install', 'configure_cinder', 'stack post-config',
            POWERVM_SIMULATED='True', ENABLED='n-cpu c-vol',
            POWERVM_SIMULATOR_PROFILE='everything',
            POWERVM_SIMULATOR_URL='http://192.0.2.9:12080',
            CINDER_ENABLED_BACKENDS='lvm:a,powervm_simulator:b')
        self.assertIn('--profile everything ', said[-1])
        written = self.cinder_conf()
        self.assertEqual({'b', 'DEFAULT'}, set(written))
        self.assertEqual({'enabled_backends': 'a,b'}, written['DEFAULT'])
        self.assertEqual('http://192.0.2.9:12080',
                         written['b']['powervm_simulator_url'])

    def test_cinder_without_a_simulator(self):
        self.run_plugin('configure_cinder', NOVALINK='1',
                        GROUPS_OF_STACK='pvm_admin', ENABLED='n-cpu c-vol')
        self.assertEqual(
            {'DEFAULT': {'enabled_backends': 'lvmdriver-1'}},
            self.cinder_conf())

    def test_control_plane_only(self):
        """By the newer names of services, too."""
        for service in ('q-svc', 'neutron-api'):
            said = self.run_plugin(
                'stack pre-install', 'stack install', 'stack post-config',
                ENABLED=service, POWERVM_VLAN_RANGE='10:20',
                POWERVM_HOST_PHYSICAL_NETWORKS='power*:powervm')
            self.assertEqual(
                ['setup_develop %s/nova-powervm neutron' % self.top], said)
            self.assertEqual({}, self.nova_conf())
            self.assertEqual({'host_physical_networks': 'power*:powervm'},
                             self.ml2_conf()['ml2_powervm'])

    def test_only_nova_compute(self):
        """Then Neutron's files are those of another machine."""
        said = self.run_plugin('stack install', 'stack post-config',
                               'stack extra', POWERVM_VLAN_RANGE='10:20')
        self.assertEqual(['setup_develop %s/nova-powervm' % self.top], said)
        self.assertNotIn('ml2_powervm', self.ml2_conf())

    def test_samples_set_what_the_settings_know(self):
        known = set(re.findall(r'^ *(POWERVM_\w+)=',
                               tree.read('devstack', 'settings'), re.M))
        for name in ('local.conf.simulated', 'local.conf.novalink'):
            with open(os.path.join(devstack.PLUGIN, name)) as sample:
                used = set(re.findall(r'^(?:# )?(POWERVM_\w+)=',
                                      sample.read(), re.MULTILINE))
            self.assertTrue(used)
            self.assertEqual(set(), used - known)


@tree.needs_source
class CommandTest(test_docs_commands.ClientCase, devstack.PluginCase):

    def test_client_takes_the_commands(self):
        said = self.run_plugin('stack post-config', 'stack extra',
                               POWERVM_SIMULATED='True',
                               ENABLED='n-cpu q-svc g-api')
        found = [line.split()[1:] for line in said
                 if line.startswith('openstack ')]
        self.assertEqual(3, len(found))
        *_others, image = [self.parse(words) for words in found]
        # The scheduler finds the host by these.
        self.assertIn(tuple(image.properties[name] for name in (
            'architecture', 'hypervisor_type', 'vm_mode')),
            inventory.SUPPORTED_INSTANCES)
