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

"""Servers that are to come to a host which cannot do what their flavor says.

The source asks the target before it lets a server go. If the target finds it
out too late all the same, the server can leave it again.
"""

from unittest import mock

import oslo_messaging

from nova_powervm.simulator.resources import processor_pool
from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.virt.powervm import peers

POOL = {'powervm:shared_proc_pool_name': 'gold'}


class TargetMixin(platforms.SharedPool, base.TwoHostMixin):
    """compute1 has a processor pool that compute2 lacks."""

    PROFILE = 'ssp-two-host'

    @classmethod
    def warm_up(cls, cloud):
        super().warm_up(cloud)
        cls.add_pool(cloud.host_of('compute1'))

    @classmethod
    def add_pool(cls, host):
        with host.site.lock:
            host.add(processor_pool.SharedProcessorPool(
                host, host.new_uuid('SharedProcessorPool', '1'), 1, 'gold'))

    def setUp(self):
        super().setUp()
        self.gold = self.make_flavor('gold', extra_spec=POOL)

    def end_cloud(self):
        """Let each host forget the disks of servers that have moved.

        The name of a server comes again, here only.
        """
        self._is_broken = True

    def assert_stays(self, server, action, body=None, word='gold'):
        """It is refused, and the server is as it was, and never stopped."""
        self.where = 'compute1'
        before, booted = self.platform_state(), self.booted_at(server)
        after = self.act(server, action, body)
        self.assertEqual('ACTIVE', after['status'], self.cloud.failures)
        self.assertIn(word, self.fault_of(server))
        self.assertEqual('compute1', self.host_of(server))
        self.assert_state_equal(before, self.platform_state(), action)
        self.assertEqual(booted, self.booted_at(server))

    def booted_at(self, server):
        lpar = self.platform.store.get('LogicalPartition',
                                       self.lpar_of(server)['uuid'])
        return lpar.boot_time


class RefusalTest(TargetMixin, base.ScenarioCase):

    def test_pool_migrate(self):
        server = self.boot_on_first(flavor_id=self.gold)
        self.assert_stays(server, 'migrate', word='compute2 cannot take')
        self.assertIn('this host has 0 pools', self.fault_of(server))

    def test_pool_resize(self):
        server = self.boot_on_first()
        self.assert_stays(server, 'resize', {'flavorRef': self.gold})

    def test_processor_generation(self):
        """The other ways in which hosts differ go the same way."""
        server = self.boot_on_first()
        for name, key, value in (
                ('compat', 'processor_compatibility', 'POWER11'),
                ('weight', 'shared_weight', '300')):
            self.assert_stays(server, 'resize', {
                'flavorRef': self.make_flavor(name, extra_spec={
                    'powervm:' + key: value})}, word=key)

    def test_pool_of_disks(self):
        server = self.boot_on_first()
        disk_dvr = self.cloud.compute('compute2').driver.services.disk
        with mock.patch.object(disk_dvr, 'validate', return_value='far off'):
            self.assert_stays(server, 'migrate', word='far off')

    def test_no_answer(self):
        server = self.boot_on_first()
        with mock.patch('nova.compute.rpcapi.ComputeAPI',
                        side_effect=oslo_messaging.MessagingTimeout('late')):
            self.assert_stays(server, 'migrate', word='does not answer')

    def test_older_driver(self):
        """It tells whether its disks are the same, as Nova asks."""
        self.end_cloud()
        server = self.boot_on_first()
        with mock.patch.object(peers, 'question', return_value=None):
            self.migrate(server)
        self.assertEqual('compute2', self.host_of(server))

    def test_pool_on_both(self):
        self.end_cloud()
        self.add_pool(self.simulated_host('compute2'))
        server = self.boot_on_first(flavor_id=self.gold)
        self.migrate(server)
        self.assertEqual('compute2', self.host_of(server))


class LateTest(TargetMixin, base.ScenarioCase):
    """The target had no objection, and cannot make the LPAR after all."""

    def setUp(self):
        super().setUp()
        self.server = self.boot_on_first(flavor_id=self.gold)
        self.boot_disk_of(self.server).write_at(0, b'precious')
        with mock.patch.object(peers, 'why_not', return_value=None):
            self.migrate(self.server, status='ERROR')
        self.assertEqual('compute2', self.host_of(self.server))
        self.reset_state()

    def reset_state(self):
        """What an administrator does with "server set --state active"."""
        instance = self.instance_of(self.server)
        instance.vm_state = 'active'
        instance.task_state = None
        instance.save()

    def assert_runs(self, host):
        self.where = host
        self.assertEqual(b'precious',
                         self.boot_disk_of(self.server).read(0, 8))
        self.assertEqual({host}, {
            name for name, state in self.lpars_of(self.server).items()
            if state == 'running'})

    def test_migrate_back(self):
        self.migrate(self.server)
        self.assert_runs('compute1')

    def test_resize(self):
        self.resize(self.server, self.small)
        self.assert_runs('compute1')

    def test_resize_here(self):
        self.flags(allow_resize_to_same_host=True)
        self.resize(self.server, self.small)
        self.assert_runs('compute2')

    def test_pool_is_made(self):
        self.end_cloud()
        self.add_pool(self.simulated_host('compute2'))
        self.reboot(self.server, hard=True)
        self.where = 'compute2'
        self.assert_runs('compute2')


class OtherWaysTest(TargetMixin, base.ScenarioCase):
    """Nobody is asked before, as the source has let go, or is down.

    Nova leaves the server where it is, and tells why.
    """

    def assert_goes_on(self, server):
        self.where = 'compute1'
        self.assertEqual('compute1', self.host_of(server))
        self.assertEqual({'compute1': 'running'}, self.lpars_of(server))
        self.assertEqual(b'precious', self.boot_disk_of(server).read(0, 8))

    def test_evacuation(self):
        server = self.boot_on_first(flavor_id=self.gold)
        self.boot_disk_of(server).write_at(0, b'precious')
        self.cloud.stop('compute1')
        self._begin()
        self.users.evacuate(self.walk_server(server))
        self.assertIn('this host has 0 pools', self.fault_of(server))
        self.assertEqual('ERROR', self.status_of(server))
        self.cloud.start('compute1')
        self.reboot(server, hard=True)
        self.assert_goes_on(server)

    def test_unshelve(self):
        server = self.boot_on_first(flavor_id=self.gold)
        self.boot_disk_of(server).write_at(0, b'precious')
        self.act(server, 'shelve')
        self._begin()
        self.users.unshelve(self.walk_server(server), host='compute2')
        self.assertIn('this host has 0 pools', self.fault_of(server))
        self.assertEqual('SHELVED_OFFLOADED', self.status_of(server))
        self.act(server, 'unshelve')
        self.assert_goes_on(server)
