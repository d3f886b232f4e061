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

"""Histories of servers that move that failed once.

See history_case.RegressionCase.
"""

from nova_powervm.tests.virt.powervm.walks import history_case
from nova_powervm.tests.virt.powervm.walks import platforms


class MovesRegressionTest(history_case.RegressionCase):
    """Each test plays one history."""

    def test_evacuated_without_lpar(self):
        def steps(history):
            history.make(1)
            history.lose(1)
            history.evacuate(1, False)
            history.end()
        self.play(platforms.TWO_VSCSI, steps)

    def test_config_drive_of_a_server_that_returns(self):
        """The host that was evacuated still has one, which nothing maps."""
        def steps(history):
            history.make(2)
            history.lose(1)
            history.evacuate(1, True)
            history.start_compute(2)
            history.migrate(1)
            self.assertEqual(('migrate', True), history.outcomes[-1])
            history.end()
        self.play(platforms.TWO_POOL, steps)

    def test_config_drive_that_nothing_maps(self):
        """It is on the other VIOS of a host that was evacuated since.

        Another server has the id of the lost LPAR, so nothing maps the config
        drive when nova-compute starts again.
        """
        def steps(history):
            history.make(1, 'small', (1,), True)
            history.vios_down(2, 'vios1')
            history.migrate(1)
            history.lose(1)
            history.vios_up(2, 'vios1')
            history.start_compute(2)
            history.confirm(1)
            history.make(2, 'small', (2,), True)
            history.evacuate(1, True)
            history.end()
        self.play(platforms.TWO_VSCSI, steps)

    def test_evacuated_and_rebuilt(self):
        def steps(history):
            history.make(1)
            history.evacuate(1, True)
            history.rebuild(1)
            history.delete(1)
            history.end()
        self.play(platforms.TWO_POOL, steps)

    def test_evacuated_from_a_pool_and_deleted(self):
        def steps(history):
            history.make(1)
            history.evacuate(1, True)
            history.delete(1)
            history.end()
        self.play(platforms.TWO_POOL, steps)

    def test_volume_of_evacuated_server(self):
        """The host that is down has the hard disk; nobody wonders."""
        def steps(history):
            history.make(2, 'large', (1, 2))
            history.evacuate(1, True)
            history.detach(1, 2)
        self.play(platforms.TWO_VSCSI, steps)

    def test_evacuated_and_detached(self):
        def steps(history):
            history.make(1, 'small', (1,))
            history.evacuate(1, True)
            history.detach(1, 1)
            history.end()
        self.play(platforms.TWO_VSCSI, steps)

    def test_evacuated_and_deleted(self):
        def steps(history):
            history.make(1, 'small', (1,))
            history.evacuate(1, True)
            history.delete(1)
            history.end()
        self.play(platforms.TWO_NPIV, steps)

    def test_fibre_channel_of_evacuated_server(self):
        """Its volume was detached before; the LPAR kept the mappings."""
        def steps(history):
            history.make(1, 'small', (1,))
            history.detach(1, 1)
            history.evacuate(1, False)
            history.delete(1)
            history.end()
        self.play(platforms.TWO_NPIV, steps)

    def test_evacuated_while_a_vios_is_down(self):
        """Seed 5002 of the soak: the periodic tasks take the hard disk."""
        def steps(history):
            history.make(1, 'with disks', (1,), False, 3)
            history.vios_down(1, 'vios2')
            history.evacuate(3, False)
            history.start_compute(1)
            history.end()
        self.play(platforms.TWO_VSCSI, steps)

    def test_units_that_a_lost_server_left_while_a_vios_was_down(self):
        """A seed of the soak on Shared Storage Pools, shortened."""
        def steps(history):
            history.vios_down(1, 'vios2')
            history.fault('killed_before', 6, 2)
            history.make(2, 'large', (), False, 2)
            history.make(1, 'large', (), False, 4)
            history.rescue(4)
            history.vios_up(1, 'vios2')
            history.lose(4)
            history.fault('dropped_after', 6, 1)
            history.start_compute(2)
            history.unrescue(4)
            history.periodic()
            history.evacuate(4, False)
            history.fault('dropped_after', 7, 1)
            history.periodic()
            history.end()
        self.play(platforms.TWO_POOL, steps)

    def test_config_drive_of_a_server_that_moved_twice(self):
        """Seed 1032 of the soak, as it was shrunk.

        Nova launches a server whose creation was killed when it has moved.
        """
        def steps(history):
            history.make(1, 'large', (1,), False, 1)
            history.make(2, 'large', (2,), True, 2)
            history.fault('killed_after', 9, 2)
            history.make(2, 'small', (3, 4), True, 3)
            history.vios_down(2, 'vios2')
            history.hard_reboot(1)
            history.vios_up(2, 'vios2')
            history.resize(1, 'wide')
            history.rescue(1)
            history.delete(1)
            history.start_compute(2)
            history.fault('etag_412', 19, 2)
            history.stop(2)
            history.migrate(2)
            history.confirm(2)
            history.periodic()
            history.migrate(2)
            history.mend(3)
            history.migrate(3)
            history.fault('dropped_after', 20, 1)
            history.end()
        self.play(platforms.TWO_VSCSI, steps)

    def test_deletion_killed_before_an_evacuation(self):
        """Seed 1042 of the soak, as it was shrunk."""
        def steps(history):
            history.make(2, 'small', (1,), True, 1)
            history.make(2, 'large', (2,), True, 2)
            history.migrate(2)
            history.confirm(2)
            history.migrate(2)
            history.fault('killed_before', 7, 2)
            history.delete(2)
            history.evacuate(2, False)
            history.end()
        self.play(platforms.TWO_VSCSI, steps)

    def test_migrated_while_a_vios_was_down(self):
        """Seed 1053 of the soak, as it was shrunk."""
        def steps(history):
            history.make(1, 'with disks', (), False, 4)
            history.vios_down(1, 'vios2')
            history.migrate(4)
            history.confirm(4)
            history.end()
        self.play(platforms.TWO_POOL, steps)

    def test_device_on_the_host_of_an_evacuated_server(self):
        """Seed 4, as it was shrunk: nothing maps it there any more."""
        def steps(history):
            history.make(2, 'large', (1,), True, 1)
            history.fault('etag_412', 5, 2)
            history.make(1, 'small', (2,), True, 2)
            history.vios_down(2, 'vios2')
            history.hard_reboot(1)
            history.lose(2)
            history.stop(1)
            history.stop(2)
            history.their_lpar(2, 3)
            history.fault('error_500', 10, 1)
            history.start_compute(1)
            history.migrate(2)
            history.evacuate(2, True)
            history.start_compute(1)
            history.end()
        self.play(platforms.TWO_VSCSI, steps)

    def test_device_of_a_volume_that_was_replaced(self):
        """Seed 5, as it was shrunk: its VIOS was down all the while."""
        def steps(history):
            history.make(1, 'small', (1,), False, 3)
            history.lose(3)
            history.make(2, 'large', (2, 3), True, 4)
            history.hard_reboot(4)
            history.migrate(4)
            history.vios_down(1, 'vios2')
            history.rebuild(3)
            history.extend(3, 1)
            history.swap(3, 1)
            history.detach(3, 1)
            history.end()
        self.play(platforms.TWO_VSCSI, steps)

    def test_rebuilt_while_a_vios_was_down(self):
        """The former boot disk goes with the server, on another host."""
        def steps(history):
            history.make(2, 'large', (), False, 4)
            history.vios_down(2, 'vios1')
            history.rebuild(4)
            history.evacuate(4, False)
            history.end()
        self.play(platforms.TWO_POOL, steps)

    def test_lost_server_that_does_not_arrive(self):
        """Its former host keeps no config drive of it."""
        def steps(history):
            history.make(2, 'large', (), False, 1)
            history.lose(1)
            history.evacuate(1, False)
            history.start_compute(2)
            history.lose(1)
            history.migrate(1)
            history.end()
        self.play(platforms.TWO_POOL, steps)

    def play_killed_evacuation(self, number):
        """Kill nova-compute in an evacuation, then delete the server.

        :param number: int, the request to its host at which it is killed
        """
        def steps(history):
            history.make(1, 'small', (1,), False, 1)
            history.fault('killed_after', number, 2)
            history.evacuate(1, False)
            history.end()
        self.play(platforms.TWO_VSCSI, steps)

    def test_evacuation_killed_as_a_volume_was_found(self):
        """Nothing maps it; Cinder has taken it away when its LPAR goes."""
        self.play_killed_evacuation(8)

    def test_evacuation_killed_before_a_volume_is_mapped(self):
        self.play_killed_evacuation(12)

    def test_evacuation_killed_at_its_end(self):
        """Seed 3018 of the soak, as it was shortened."""
        self.play_killed_evacuation(17)

    def test_reverted_after_the_confirmation_was_killed(self):
        def steps(history):
            history.make(1, 'large', (3,), False, 5)
            history.migrate(5)
            history.fault('killed_after', 1, 1)
            history.confirm(5)
            history.start_compute(1)
            history.revert(5)
            self.assertEqual('resized', history.look(5).status)
            history.end()
        self.play(platforms.POOL_NPIV, steps)

    def test_id_of_a_server_that_is_deleted_in_absence(self):
        def steps(history):
            history.make(1, 'with disks', (1, 2), False, 1)
            history.vios_down(1, 'vios2')
            history.evacuate(1, True)
            history.start_compute(1)
            history.make(1, 'with disks', (), False, 5)
            history.stop_compute(1)
            history.delete(5)
            history.end()
        self.play(platforms.TWO_NPIV, steps)

    def test_devices_that_a_vios_has_kept_while_it_was_down(self):
        """Nothing maps them, so no transaction has missed the VIOS."""
        def steps(history):
            history.make(2, 'small', (1, 2, 5), True, 2)
            history.fault('killed_after', 6, 1)
            history.migrate(2)
            history.start_compute(1)
            history.vios_down(1, 'vios1')
            history.mend(2)
            history.migrate(2)
            history.end()
        self.play(platforms.TWO_VSCSI, steps)

    def test_evacuation_to_a_host_that_has_not_reported(self):
        """Nova hides then why the HMC refuses it."""
        def steps(history):
            history.make(3, 'with disks', (), False, 2)
            history.fault('error_500', 14, 2)
            history.start_compute(2)
            history.move_away(2, 'evacuate', 2)
            history.end()
        self.play(platforms.HMC_VSCSI, steps)

    def test_evacuation_that_cannot_tell_its_connector(self):
        """The volumes must stay exported to the old host."""
        def steps(history):
            history.make(1, 'small', (1, 2), True, 1)
            history.fault('error_500', 5, 2)
            history.lose(1)
            history.evacuate(1, False)
            history.start_compute(1)
            history.mend(1)
            history.end()
        self.play(platforms.POOL_VSCSI, steps)

    def test_mapping_of_a_server_that_is_busy_elsewhere(self):
        """It goes when the server is deleted, not at the next start only."""
        def steps(history):
            history.vios_down(2, 'vios1')
            history.make(2, 'small', (), False, 2)
            history.live_migrate_until(2, 'switch', 'kill target')
            history.vios_up(2, 'vios1')
            history.lose(2)
            history.evacuate(2, True)
            history.start_compute(2)
            history.vios_down(2, 'vios1')
            history.lose(2)
            history.hard_reboot(2)
            history.fault('killed_before', 4, 2)
            history.mend(2)
            history.end()
        self.play(platforms.TWO_POOL, steps)

    def test_beside_a_server_whose_evacuation_failed(self):
        """Its volumes have the addresses of devices that are in use."""
        def steps(history):
            history.make(1, 'large', (1, 5), True, 1)
            history.make(2, 'small', (2, 3), True, 2)
            history.fault('error_500', 8, 2)
            history.evacuate(1, False)
            history.start_compute(1)
            history.migrate(2)
            history.mend(2)
            self.assertEqual('error', history.servers[2].status)
            history.end()
        self.play(platforms.POOL_VSCSI, steps)
