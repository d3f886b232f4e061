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

"""Starts and ends of nova-compute beside servers that run."""

import threading

import fixtures as fx
from nova.compute import power_state
from nova.compute import vm_states
from nova import exception as nova_exc
from oslo_utils import timeutils

from nova_powervm import conf as cfg
from nova_powervm.simulator.resources import lpar as sim_lpar
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.walks import server as walk_server
from nova_powervm.virt.powervm import vm

CONF = cfg.CONF


class CrowdTest(base.ScenarioCase):
    """A start costs no more for many servers than for one."""

    SERVERS = 100
    MOST_REQUESTS = 20

    def add_server(self, number):
        """Let there be a server that runs and has an SEA port.

        To have Nova create so many would take the most of the test's time.
        """
        server = walk_server.Server(self.cloud, number)
        instance = self.users._make_instance(server, base.TINY, 0)
        instance.update({
            'vm_state': vm_states.ACTIVE, 'task_state': None,
            'power_state': power_state.RUNNING, 'host': 'compute1',
            'node': 'compute1', 'compute_id': 1,
            'launched_at': timeutils.utcnow()})
        instance.create()
        self.cloud.ports.give(server.uuid, [number])
        self.cloud.ports.get_instance_nw_info(self.context, instance)
        with self.site.lock:
            partition = sim_lpar.from_spec(self.platform, {
                'name': instance.name, 'memory_mb': 256, 'processors': 1,
                'dedicated': False, 'management': False, 'running': True,
                'type': 'AIX/Linux', 'max_slots': 64, 'adapters': [],
                'uuid': vm.get_lpar_uuid(instance)})
        self.assertEqual(vm.get_lpar_uuid(instance), partition.uuid)
        # It is not deleted: the cloud ends with the test.
        self._is_broken = True
        return server

    def test_start(self):
        servers = [self.add_server(number)
                   for number in range(1, self.SERVERS + 1)]

        _none, requests = self.requests_of(self.restart)

        self.assert_within(self.MOST_REQUESTS, requests)
        self.assertEqual({'active'}, {server.status for server in servers})
        # The states of all of them are right.
        server = servers[-1].read()
        self.assertEqual(power_state.RUNNING,
                         self.driver.get_info(server).state)
        self.assertEqual(1, len(server.get_network_info()))

    def test_states_are_not_told(self):
        """The start goes on, and asks for each state on its own."""
        servers = [self.add_server(number) for number in range(1, 4)]
        # Bulk reads fail, but for that which init_host needs.
        self.platform.faults.add({
            'effect': 'status', 'status': 500, 'method': 'GET',
            'path': 'uom/LogicalPartition$', 'nth': 2, 'count': 0})
        self.restart()
        self.assertEqual({'active'}, {server.status for server in servers})


class EndTest(base.ScenarioCase):
    """nova-compute ends after what it does, and does nothing afterwards."""

    def test_operation_is_under_way(self):
        """A server that is being made is made: its session lasts so long."""
        ending = threading.Thread(target=self.driver.cleanup_host,
                                  args=('compute1',))
        connect_disk = self.driver.services.disk.connect_disk

        def end_before(*args, **kwargs):
            ending.start()
            return connect_disk(*args, **kwargs)

        self.useFixture(fx.MockPatchObject(
            self.driver.services.disk, 'connect_disk', end_before))
        self._is_broken = True
        server = self.boot()
        ending.join(60)
        self.assertFalse(ending.is_alive())
        self.assertEqual('running', self.lpar_of(server)['state'])
        self.assertIsNone(self.driver.services)

    def test_nothing_is_done_afterwards(self):
        server = self.boot()
        instance = self.instance_of(server)
        self._is_broken = True
        self.driver.cleanup_host('compute1')
        for method, args in (
                ('get_info', (instance,)), ('list_instances', ()),
                ('get_available_nodes', ()),
                ('get_available_resource', ('compute1',)),
                ('power_off', (instance,)),
                ('get_volume_connector', (instance,)),
                ('plug_vifs', (instance, [])),
                ('manage_image_cache', (self.context, []))):
            self.assertRaises(nova_exc.VirtDriverNotReady,
                              getattr(self.driver, method), *args)
        self.assertEqual('running', self.lpar_of(server)['state'])


class OptionsOfNovaTest(base.ScenarioCase):
    """Nobody reports ports without an agent as plugged on a target."""

    def test_default(self):
        self.assertFalse(CONF.compute.live_migration_wait_for_vif_plug)

    def test_value_of_an_operator(self):
        self.flags(live_migration_wait_for_vif_plug=True, group='compute')
        self.restart()
        self.assertTrue(CONF.compute.live_migration_wait_for_vif_plug)
