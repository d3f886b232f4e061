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

"""Histories with live migrations that failed once.

See history_case.RegressionCase.
"""

from nova_powervm.tests.virt.powervm.walks import history_case
from nova_powervm.tests.virt.powervm.walks import history_rules
from nova_powervm.tests.virt.powervm.walks import platforms


class LiveMigrationsRegressionTest(history_case.RegressionCase):
    """Each test plays one history."""

    def test_disks_on_a_host_that_others_have_left(self):
        """Nova has another kind of list for servers that have moved."""
        def steps(history):
            history.make(2, 'with disks', (1, 2, 5), True, 1)
            history.make(1, 'large', (3, 4), True, 2)
            history.live_migrate_until(2, 'copy', 'move others')
            history.make(1, 'with disks', (), False, 5)
            history.lose(5)
            history.evacuate(5, True)
            history.end()
        self.play(platforms.TWO_NPIV, steps)

    def test_evacuation_killed_leaves_an_lpar(self):
        """The server cannot be migrated there before somebody deletes it."""
        def steps(history):
            history.make(2, 'with disks', (1, 2), False, 1)
            history.vios_down(2, 'vios1')
            history.fault('killed_after', 4, 1)
            history.evacuate(1, True)
            history.start_compute(2)
            history.start_compute(1)
            history.mend(1)
            history.vios_up(2, 'vios1')
            history.rebuild(1)
            history.live_migrate(1)
            self.assertEqual(2, history.host_number(1))
            history.end()
        self.play(platforms.POOL_VSCSI, steps)

    def test_devices_for_a_server_that_does_not_come(self):
        """It is deleted while nova-compute of its host is down."""
        for platform, phase in ((platforms.TWO_VSCSI, 'prepare'),
                                (platforms.POOL_VSCSI, 'validate')):
            def steps(history):
                history.make(2, 'small', (1, 2), True, 5)
                history.live_migrate_until(5, phase, 'kill source early')
                history.delete(5)
                history.end()
            with self.subTest(platform.name):
                self.play(platform, steps)

    def test_lost_before_its_arrival_is_noted(self):
        """The mappings stay: see history_rules.KNOWN."""
        def steps(history):
            history.make(1, 'with disks', (1, 2, 5), False, 1)
            history.live_migrate_until(1, 'validate', 'kill target')
            self.assertFalse(history_rules.is_allowed(history, 'lose', (1,)))
            history.start_compute(2)
            self.assertTrue(history_rules.is_allowed(history, 'lose', (1,)))
            history.lose(1)
            history.end()
        self.play(platforms.POOL_NPIV, steps)

    def test_volume_replaced_after_the_host_was_left(self):
        """Its former host is down, and has the device of the old volume."""
        def steps(history):
            history.make(1, 'small', (1, 5), False, 1)
            history.make(2, 'large', (2, 3, 5), True, 2)
            history.live_migrate_until(2, 'validate', 'kill target')
            history.evacuate(2, False)
            history.swap(2, 3)
            history.end()
        self.play(platforms.POOL_VSCSI, steps)

    def test_volumes_in_another_order_than_attached(self):
        """Nova lists them in its own order; so the LUNs differ."""
        def steps(history):
            history.make(2, 'large', (1, 5), True, 1)
            history.attach(1, 3)
            history.live_migrate(1)
            history.end()
        self.play(platforms.TWO_NPIV, steps)

    def test_config_drive_outside_the_repository_in_use(self):
        """The platform moves no server that has a medium."""
        def steps(history):
            history.vios_down(2, 'vios1')
            history.make(2, 'small', (1, 2), True, 4)
            history.vios_up(2, 'vios1')
            history.make(2, 'with disks', (3, 4, 5), True, 5)
            history.start_compute(2)
            history.live_migrate(5)
            self.assertEqual(1, history.host_number(5))
            history.end()
        self.play(platforms.POOL_VSCSI, steps)

    def test_deleted_before_its_arrival_is_noted(self):
        """Its mappings would stay: see history_rules.KNOWN."""
        def steps(history):
            history.make(1, 'small', (1,), True, 1)
            history.live_migrate_until(1, 'cleanup', 'stop source')
            self.assertFalse(history_rules.is_allowed(history, 'delete',
                                                      (1,)))
            history.start_compute(1)
            self.assertTrue(history_rules.is_allowed(history, 'delete', (1,)))
            history.vios_down(2, 'vios2')
            history.delete(1)
            history.periodic()
            history.end()
        self.play(platforms.TWO_NPIV, steps)

    def test_volume_whose_attachment_was_cut_off_is_not_replaced(self):
        """Cinder has it as being attached."""
        def steps(history):
            history.make(1, 'small', (), False, 1)
            history.fault('killed_before', 1, 1)
            history.attach(1, 2)
            history.start_compute(1)
            self.assertFalse(history_rules.is_allowed(history, 'swap',
                                                      (1, 2)))
            history.live_migrate_until(1, 'switch', 'look')
            history.end()
        self.play(platforms.POOL_VSCSI, steps)

    def test_target_that_cannot_start_again(self):
        """The VIOS with its volume group is down."""
        def steps(history):
            history.vios_down(1, 'vios1')
            history.make(2, 'large', (1, 2), True, 3)
            history.live_migrate_until(3, 'switch', 'restart target')
            self.assertFalse(history.is_up(1))
            history.end()
        self.play(platforms.TWO_VSCSI, steps)

    def test_lost_after_its_migration_was_cut_off(self):
        """A hard reboot needs its volumes as they were on the source."""
        def steps(history):
            history.make(2, 'small', (1,), False, 1)
            history.live_migrate_until(1, 'validate', 'kill source early')
            history.vios_down(2, 'vios1')
            history.lose(1)
            history.vios_up(2, 'vios1')
            history.start_compute(2)
            history.snapshot(1)
            history.mend(1)
            history.end()
        self.play(platforms.POOL_VSCSI, steps)

    def test_mappings_of_a_server_that_leaves_as_its_vios_returns(self):
        """Whoever looks then must look again when it has left."""
        def steps(history):
            history.make(2, 'with disks', (), False, 2)
            history.rescue(2)
            history.vios_down(2, 'vios2')
            history.lose(2)
            history.unrescue(2)
            history.vios_up(2, 'vios2')
            history.live_migrate_until(2, 'prepare', 'periodic')
            history.end()
        self.play(platforms.TWO_POOL, steps)

    def test_lost_after_the_source_has_ended_its_migration(self):
        """The target has not kept the ID: see history_rules.KNOWN."""
        def steps(history):
            history.make(1, 'small', (1,), True, 1)
            history.live_migrate_until(1, 'copy', 'stop source')
            history.fault('killed_before', 3, 2)
            history.make(2, 'with disks', (5,), False, 4)
            history.start_compute(1)
            self.assertEqual(2, history.host_number(1))
            self.assertFalse(history_rules.is_allowed(history, 'lose', (1,)))
            history.start_compute(2)
            self.assertTrue(history_rules.is_allowed(history, 'lose', (1,)))
            history.lose(1)
            history.end()
        self.play(platforms.POOL_NPIV, steps)

    def test_lost_on_the_host_to_which_it_returned(self):
        """It went live to another host, which is down since."""
        def steps(history):
            history.make(2, 'small', (5,), False, 5)
            history.live_migrate_until(5, 'prepare', 'kill target')
            history.evacuate(5, False)
            self.assertEqual(2, history.host_number(5))
            history.lose(5)
            history.resize(5, 'wide')
            history.mend(5)
            history.end()
        self.play(platforms.POOL_NPIV, steps)

    def test_crashed_while_another_one_moves(self):
        """Nova compares the power states meanwhile, and stops it."""
        def steps(history):
            history.make(1, 'small', (1, 2), False, 7)
            history.make(1, 'small', (3, 5), True, 8)
            history.crash(8)
            # Nova stops it when it finds it like that a second time.
            history.periodic()
            history.live_migrate_until(7, 'validate', 'periodic')
            self.assertEqual('stopped', history.look(8).status)
            history.end()
        self.play(platforms.POOL_VSCSI, steps)

    def test_target_whose_start_meets_a_fault(self):
        """It cannot tell Nova that the server has come."""
        def steps(history):
            history.make(2, 'small', (1,), True, 1)
            history.fault('error_500', 13, 1)
            history.live_migrate_until(1, 'switch', 'restart target')
            self.assertFalse(history.is_up(1))
            self.assertEqual('error', history.look(1).status)
            history.end()
        self.play(platforms.POOL_NPIV, steps)

    def test_deleted_after_the_evacuation_of_its_target(self):
        """Nobody had noted the ID of the LPAR there; the LPAR is still on."""
        def steps(history):
            history.make(1, 'small', (1, 2, 5), True, 1)
            history.live_migrate_until(1, 'switch', 'kill target')
            history.evacuate(1, False)
            history.delete(1)
            history.end()
        self.play(platforms.TWO_NPIV, steps)

    def test_others_are_on_a_third_host_that_is_down(self):
        """Nova would not be asked to reboot them."""
        def steps(history):
            history.make(1, 'small', (1,), False, 1)
            history.make(2, 'small', (3,), True, 2)
            history.stop_compute(1)
            history.live_migrate_until(2, 'validate', 'reboot others', 3)
            self.assertEqual(3, history.host_number(2))
            history.end()
        self.play(platforms.HMC_VSCSI, steps)

    def test_deleted_after_it_has_stayed(self):
        """Its LPAR has its volumes until Nova removes it."""
        def steps(history):
            history.make(1, 'small', (1, 5), True, 1)
            history.live_migrate_until(1, 'switch', 'look')
            history.live_migrate_until(1, 'prepare', 'kill source early')
            history.delete(1)
            history.start_compute(2)
            history.end()
        self.play(platforms.TWO_VSCSI, steps)

    def test_start_that_cannot_read_the_resources(self):
        """Nova completes the migration once it knows them."""
        def steps(history):
            history.make(1, 'small', (1, 2), False, 1)
            history.delete(1)
            history.make(1, 'small', (1, 5), True, 5)
            history.live_migrate_until(5, 'validate', 'kill source', 3)
            history.fault('error_500', 21, 1)
            history.start_compute(1)
            history.end()
        self.play(platforms.HMC_VSCSI, steps)
