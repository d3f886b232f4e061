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

"""What a resize, its failure and its revert make of the size of an LPAR."""

import contextlib

from nova import exception as nova_exc

from nova_powervm.tests.virt.powervm.scenarios import base


class SizeCase(base.MoveMixin, base.ScenarioCase):
    """A server whose LPAR can be changed by hand."""

    def setUp(self):
        super().setUp()
        self.flags(allow_resize_to_same_host=True)

    @contextlib.contextmanager
    def by_hand(self, server):
        """Change the LPAR of a server as an administrator does."""
        lpar = self.platform.store.get('LogicalPartition',
                                       self.lpar_of(server)['uuid'])
        with self.site.lock:
            yield lpar
            lpar.touch()

    def settings(self, server):
        """All of the size of an LPAR: (memory, processors, others)."""
        memory, processors, *others = self.settings_of(server)
        return dict(vars(memory)), dict(vars(processors)), others

    def hard_reboot(self, server):
        self.users.reset_state(self.walk_server(server))
        self.assertEqual('ACTIVE', self.act(
            server, 'reboot', {'type': 'HARD'})['status'])


class ByHandTest(SizeCase):
    """What somebody has changed, and no flavor names, stays."""

    def change(self, server):
        with self.by_hand(server) as lpar:
            lpar.processors.sharing_mode = 'capped'
            lpar.processors.weight = 0
            lpar.processors.units = 0.3
            lpar.processors.max_units = 2.0
            lpar.processors.maximum = 16
            lpar.memory.minimum = 512
            lpar.memory.maximum = 8192

    def test_stays(self):
        server = self.boot(flavor_id=self.small)
        self.change(server)
        before = self.settings(server)
        self.resize(server, self.large)
        memory, processors, _others = self.settings(server)
        self.assertEqual((4096, 512, 8192), (
            memory['desired'], memory['minimum'], memory['maximum']))
        self.assertEqual((2, 16, 'capped', 0.3, 2.0), (
            processors['desired'], processors['maximum'],
            processors['sharing_mode'], processors['units'],
            processors['max_units']))
        self.assertEqual('ACTIVE',
                         self.act(server, 'revertResize')['status'])
        self.assertEqual(before, self.settings(server))
        # It is not the memory of the first resize that counts.
        with self.by_hand(server) as lpar:
            lpar.processors.units = 0.4
        before = self.settings(server)
        self.resize(server, self.large)
        self.act(server, 'revertResize')
        self.assertEqual(before, self.settings(server))
        self.assertNotIn('powervm_size_before', str(
            self.instance_of(server).system_metadata))

    def test_weight(self):
        server = self.boot(flavor_id=self.small)
        with self.by_hand(server) as lpar:
            lpar.processors.weight = 200
        before = self.settings(server)
        for flavor, weight in ((self.large, 200), (self.make_flavor(
                'light', extra_spec={'powervm:shared_weight': '5'}), 5)):
            self.resize(server, flavor)
            self.assertEqual(weight, self.settings(server)[1]['weight'])
            self.act(server, 'revertResize')
            self.assertEqual(before, self.settings(server))

    def test_dedicated(self):
        server = self.boot(flavor_id=self.small)
        with self.by_hand(server) as lpar:
            lpar.processors = type(lpar.processors)(
                True, 'keep idle procs', 1, 1, 1)
        before = self.settings(server)
        self.resize(server, self.large)
        processors = self.settings(server)[1]
        self.assertEqual((True, 'keep idle procs', 2), (
            processors['dedicated'], processors['sharing_mode'],
            processors['desired']))
        self.act(server, 'revertResize')
        self.assertEqual(before, self.settings(server))

    def test_what_a_revert_gives_back_of_what_a_flavor_names(self):
        """Dedicated by the flavor, and by hand before in another way."""
        server = self.boot(flavor_id=self.small)
        self.change(server)
        before = self.settings(server)
        self.resize(server, self.make_flavor('owner', extra_spec={
            'powervm:dedicated_proc': 'true', 'powervm:max_mem': '16384'}))
        self.assertTrue(self.settings(server)[1]['dedicated'])
        self.act(server, 'revertResize')
        self.assertEqual(before, self.settings(server))

    def test_memory_that_is_added_while_it_runs(self):
        """See flavors.rst: a hard reboot does not take it away."""
        server = self.boot(flavor_id=self.make_flavor(
            'elastic', memory_mb=2048, extra_spec={
                'powervm:min_mem': '1024', 'powervm:max_mem': '8192',
                'powervm:max_vcpu': '4', 'powervm:max_proc_units': '4'}))
        with self.by_hand(server) as lpar:
            lpar.memory.desired = 4096
            lpar.processors.desired = 3
            lpar.processors.units = 0.5
        before = self.settings(server)
        self.hard_reboot(server)
        self.assertEqual(before, self.settings(server))


class FailureTest(SizeCase):
    """A resize that fails, and cannot be undone either."""

    def fail_and_not_undo(self, server, **fault):
        """Let a resize fail after the LPAR was changed, and its revert."""
        self.platform.faults.add(dict({
            'effect': 'status', 'status': 500, 'path': 'do/PowerOn',
            'method': 'PUT'}, **fault))
        self.platform.faults.add({
            'effect': 'status', 'status': 500, 'method': 'POST', 'nth': 2,
            'path': 'LogicalPartition/[^/]*$'})
        return self.act(server, 'resize', {'flavorRef': self.large})

    def test_server_keeps_its_new_size(self):
        """Nova is not told that all is as before."""
        server = self.boot(flavor_id=self.small)
        before = self.settings(server)
        after = self.fail_and_not_undo(server)
        self.assertEqual(4096, self.lpar_of(server)['memory_mb'])
        self.assertEqual('ERROR', after['status'])
        self.assertEqual([], [
            failure for failure in self.cloud.failures if isinstance(
                failure, nova_exc.InstanceFaultRollback)])
        self.platform.faults.clear()
        self.hard_reboot(server)
        self.assertEqual(before, self.settings(server))

    def test_request_is_dropped(self):
        server = self.boot(flavor_id=self.small)
        after = self.fail_and_not_undo(server, effect='drop_before')
        self.assertEqual(4096, self.lpar_of(server)['memory_mb'])
        self.assertEqual('ERROR', after['status'])

    def test_server_has_its_old_size(self):
        server = self.boot(flavor_id=self.small)
        with self.by_hand(server) as lpar:
            lpar.processors.weight = 200
        before = self.settings(server)
        self.platform.faults.add({
            'effect': 'status', 'status': 500, 'path': 'do/PowerOn',
            'method': 'PUT'})
        self.assertEqual('ACTIVE', self.act(
            server, 'resize', {'flavorRef': self.large})['status'])
        self.assertEqual(before, self.settings(server))
        self.assertEqual('running', self.lpar_of(server)['state'])
        # A hard reboot has nothing to make up for.
        with self.by_hand(server) as lpar:
            lpar.memory.minimum = 512
            lpar.memory.desired = 1024
        self.hard_reboot(server)
        self.assertEqual(1024, self.lpar_of(server)['memory_mb'])

    def test_revert_fails(self):
        """A hard reboot gives the server all that it had."""
        server = self.boot(flavor_id=self.small)
        with self.by_hand(server) as lpar:
            lpar.processors.weight = 200
        before = self.settings(server)
        self.resize(server, self.large)
        self.platform.faults.add({
            'effect': 'status', 'status': 500, 'method': 'POST',
            'path': 'LogicalPartition/[^/]*$'})
        self.assertEqual('ERROR',
                         self.act(server, 'revertResize')['status'])
        self.assertEqual(4096, self.lpar_of(server)['memory_mb'])
        self.hard_reboot(server)
        self.assertEqual(before, self.settings(server))
