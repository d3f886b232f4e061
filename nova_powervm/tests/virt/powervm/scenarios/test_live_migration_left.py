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

"""Live migrations, and what earlier moves have left or still remove."""

from unittest import mock

from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import live_migration
from nova_powervm.tests.virt.powervm.scenarios import live_volumes
from nova_powervm.tests.virt.powervm.scenarios import test_live_migration


class LeftTest(test_live_migration.OvsMixin, base.ScenarioCase):

    def test_target_has_an_lpar_of_it(self):
        """A cold migration has left it, off."""
        server = self.leave_lpar()
        self.cloud.run_periodic_tasks()
        before = self.platform_state()
        self.live_migrate(server, host='compute1')
        self.assertIn('host compute1 has an LPAR of the server already',
                      self.fault_of(server))
        self.assertEqual('error', self.migration_of(server).status)
        self.assert_state_equal(before, self.platform_state(), 'refused')

    def test_target_does_not_know(self):
        """The platform refuses; the target keeps nothing of that."""
        server = self.leave_lpar()
        with self.cloud.on('compute1'):
            self.driver.services.host.partition_states.clear()
        self.live_migrate(server, host='compute1')
        self.assertEqual('failed', self.migration_of(server).status)
        self.assertEqual([], self.trunks_on('compute1'))
        self.assert_linked('compute2', 1)
        self.assertEqual('not activated',
                         self.lpar_on(server, 'compute1').partition_state)

    def leave_lpar(self):
        """Move a server to compute2, and leave its LPAR on compute1."""
        server = self.boot_on_first()
        self.migrate(server)
        self.platform.faults.add({
            'method': 'DELETE', 'path': '/LogicalPartition/[^/]*$',
            'effect': 'status', 'status': 500, 'count': 0})
        self.act(server, 'confirmResize')
        self.platform.faults.clear()
        self.users.reset_state(self.walk_server(server))
        self.reboot(server, hard=True)
        self.assertEqual({'compute1': 'not activated', 'compute2': 'running'},
                         self.lpars_of(server))
        self._begin()
        return server

    def test_target_rolls_back_late(self):
        """The next migration has begun, and keeps what it has prepared."""
        server, (args, kwargs) = self.fail_and_keep_the_cast()
        rpcapi = self.compute.compute_rpcapi
        prepare = rpcapi.pre_live_migration

        def prepare_and_roll_back(*prepare_args):
            result = prepare(*prepare_args)
            self.cloud.cast(*args, **kwargs)
            self.cloud.run_casts()
            return result

        with mock.patch.object(rpcapi, 'pre_live_migration',
                               prepare_and_roll_back):
            self.live_migrate(server)
        self.assert_runs_on(server, 'compute2')
        self.assert_linked('compute2', 1)
        self.assert_linked('compute1', 0)

    def test_target_rolls_back_after_a_cold_migration(self):
        """The server lives there by then, and is off."""
        server, (args, kwargs) = self.fail_and_keep_the_cast()
        self.migrate(server)
        self.act(server, 'confirmResize')
        self.assertEqual('compute2', self.host_of(server))
        self.users.stop(self.walk_server(server))
        self.roll_back_late(args, kwargs)
        self.users.start(self.walk_server(server))
        self.assert_runs_on(server, 'compute2')
        # The next start removes what the live migration had prepared.
        self.restart('compute2')
        self.assert_linked('compute2', 1)

    def test_target_rolls_back_while_it_may_get_the_server_back(self):
        """A cold migration has taken it away, and is not confirmed."""
        server, (args, kwargs) = self.fail_and_keep_the_cast()
        self.migrate(server)
        self.act(server, 'confirmResize')
        self.migrate(server)
        self.assertEqual('compute1', self.host_of(server))
        self.roll_back_late(args, kwargs)
        self.act(server, 'revertResize')
        self.assert_runs_on(server, 'compute2')
        self.restart('compute2')
        self.assert_linked('compute2', 1)

    def roll_back_late(self, args, kwargs):
        """Deliver a cast; the trunks of the target stay as they are."""
        before = self.trunks_on('compute2')
        self.assertNotEqual([], before)
        self.cloud.cast(*args, **kwargs)
        self.cloud.run_casts()
        self.assertEqual(before, self.trunks_on('compute2'))

    def fail_and_keep_the_cast(self):
        """Let a live migration fail, and keep its roll-back at the target.

        :returns: the server; the arguments of the cast.
        """
        server = self.boot_on_first()
        late = []
        self.break_migration('copy')
        with mock.patch.object(
                self.cloud, 'cast',
                lambda *args, **kwargs: late.append((args, kwargs))):
            self.live_migrate(server)
        self.platform.faults.clear()
        found, = late
        return server, found


class VolumesTest(live_volumes.LiveVolumeMixin, base.ScenarioCase):
    """Nova has it on compute1, and its LPAR runs on compute2."""

    TIMING = live_migration.SLOW

    def arrive_unseen(self):
        server, _before = self.interrupt('cleanup')
        self.release(server)
        self.site.clock.advance(60)
        self._begin()
        return server

    def volumes_on(self, host, server):
        """What compute2 maps to the LPAR of a server: sorted list."""
        name = self.lpar_on(server, host).name
        return sorted(
            (vios['name'], mapping['storage'])
            for vios in self.simulated_host(host).state()['VirtualIOServer']
            for mapping in vios['mappings'] if mapping['lpar'] == name)

    def test_evacuation_to_the_target(self):
        """Nova refuses that; the running server goes on as it is."""
        server = self.arrive_unseen()
        before = self.volumes_on('compute2', server)
        booted = self.lpar_on(server, 'compute2').boot_time
        self.assertEqual(4, len(before))
        self.users.evacuate(self.walk_server(server), 'compute2')
        self.assertEqual('compute1', self.host_of(server))
        self.assertIn('already exists', self.fault_of(server))
        self.restart('compute2')
        self.cloud.run_periodic_tasks()
        self.assertEqual(before, self.volumes_on('compute2', server))
        lpar = self.lpar_on(server, 'compute2')
        self.assertEqual(('running', booted),
                         (lpar.partition_state, lpar.boot_time))
