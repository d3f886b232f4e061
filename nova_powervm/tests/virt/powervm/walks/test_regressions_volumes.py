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

"""Histories of servers with volumes that failed once.

See history_case.RegressionCase.
"""

from nova_powervm.tests.virt.powervm.walks import history_case
from nova_powervm.tests.virt.powervm.walks import history_rules
from nova_powervm.tests.virt.powervm.walks import platforms


class VolumesRegressionTest(history_case.RegressionCase):
    """Each test plays one history."""

    def test_lpar_lost_after_a_swap_without_a_vios(self):
        """The server protects a mapping until it is deleted."""
        def steps(history):
            history.make(1, 'small', (1, 2), True)
            history.vios_down(1, 'vios1')
            history.swap(1, 2)
            history.start_compute(1)
            history.lose(1)
            history.end()
        self.play(platforms.TWO_VSCSI, steps)

    def test_device_of_a_server_deleted_in_absence(self):
        """It stays: see history_rules.KNOWN."""
        def steps(history):
            history.fault('killed_after', 7, 2)
            history.make(2, 'small', (1,))
            self.assertTrue(history.has_unmapped_device(1))
            self.assertFalse(history_rules.is_allowed(history, 'delete', (1,)))
            history.start_compute(2)
            history.delete(1)
            history.end()
        self.play(platforms.TWO_VSCSI, steps)

    def test_path_of_vios_that_is_down(self):
        def steps(history):
            history.make(1, 'small', (1,), False)
            history.vios_down(1, 'vios2')
            history.detach(1, 1)
            history.vios_up(1, 'vios2')
            history.end()
        self.play(platforms.TWO_VSCSI, steps)

    def test_killed_attachment(self):
        def steps(history):
            history.make(1)
            history.fault('killed_after', 1, 1)
            history.attach(1, 1)
            history.end()
        self.play(platforms.TWO_VSCSI, steps)

    def play_killed_swap(self, number, effect='killed_after'):
        """Kill nova-compute in a swap, at a request that changes something.

        The server gets its old volume back, and runs, when it starts again.
        """
        def steps(history):
            history.make(1, 'small', (1,), False)
            history.fault(effect, number, 1)
            history.swap(1, 1)
            history.start_compute(1)
            history.end()
        self.play(platforms.TWO_VSCSI, steps)

    def test_swap_killed_as_the_new_volume_is_found(self):
        self.play_killed_swap(9)

    def test_swap_killed_as_volumes_are_lent(self):
        self.play_killed_swap(12, 'killed_before')

    def test_swap_killed_in_the_copy(self):
        self.play_killed_swap(12)

    def test_swap_killed_as_the_volume_is_replaced(self):
        self.play_killed_swap(15)

    def test_swap_killed_as_the_server_is_started(self):
        self.play_killed_swap(17)

    def test_volume_of_server_deleted_in_absence(self):
        def steps(history):
            history.make(1, 'small', (1,))
            history.stop_compute(1)
            history.delete(1)
            history.start_compute(1)
            history.make(1, 'small', (1,))
        self.play(platforms.TWO_VSCSI, steps)

    def test_volume_found_by_a_deletion_that_fails(self):
        """The deletion looks for the volume, then a VIOS does not answer."""
        def steps(history):
            history.make(1, 'small', (1, 5), True, 1)
            history.vios_down(1, 'vios1')
            history.lose(1)
            history.make(1, 'small', (2, 5), False, 4)
            history.end()
        self.play(platforms.TWO_VSCSI, steps)

    def test_deleted_after_a_swap_was_killed(self):
        """The new volume is mapped, and Nova has never heard of it.

        The second time the old one is read through the management partition.
        """
        for number in (9, 12):
            def steps(history):
                history.make(1, 'large', (1, 2, 5), True, 1)
                history.fault('killed_after', number, 1)
                history.swap(1, 2)
                history.delete(1)
                history.end()
            with self.subTest(number):
                self.play(platforms.POOL_VSCSI, steps)

    def test_reserved_only_after_a_rebuild(self):
        """Another server on its host has one of them, which is exported."""
        def steps(history):
            history.make(1, 'large', (1, 2, 5), False, 1)
            history.make(2, 'large', (3, 5), True, 2)
            history.evacuate(1, False)
            history.rescue(1)
            history.lose(1)
            history.resize(2, 'wide')
            history.fault('busy_503', 7, 2)
            history.unrescue(1)
            history.fault('dropped_before', 19, 2)
            history.rebuild(1)
            history.fault('killed_before', 11, 2)
            history.mend(1)
            history.start_compute(2)
            history.mend(1)
            history.start_compute(1)
            history.revert(2)
            history.end()
        self.play(platforms.TWO_VSCSI, steps)

    def test_device_kept_for_a_server_that_is_busy_elsewhere(self):
        """It is deleted there, and never comes."""
        def steps(history):
            history.make(2, 'large', (1, 2), True, 1)
            history.live_migrate_until(1, 'cleanup', 'forget jobs')
            history.evacuate(1, False)
            history.lose(1)
            history.make(2, 'with disks', (3, 4, 5), True, 2)
            history.detach(1, 2)
            history.start_compute(1)
            history.vios_down(2, 'vios2')
            history.evacuate(1, False)
            history.fault('killed_before', 8, 1)
            history.resize(1, 'wide')
            history.end()
        self.play(platforms.TWO_VSCSI, steps)

    def test_volume_that_a_vios_kept_for_another_server(self):
        """Another server has it when the VIOS comes back."""
        def steps(history):
            history.make(2, 'with disks', (1, 2, 5), True, 1)
            history.evacuate(1, False)
            history.vios_down(1, 'vios2')
            history.detach(1, 2)
            history.hard_reboot(1)
            history.make(1, 'large', (2, 5), True, 6)
            history.end()
        self.play(platforms.POOL_VSCSI, steps)

    def test_volume_of_a_server_without_host(self):
        """Its build has failed, so it needs no device."""
        def steps(history):
            history.make(1, 'with disks', (1, 2), True, 1)
            history.fault('busy_503', 19, 1)
            history.make(1, 'small', (3, 5), False, 3)
            history.start_compute(1)
            history.make(1, 'small', (3,), False, 5)
            history.fault('error_500', 4, 1)
            history.detach(5, 3)
            history.resize(5, 'large')
            history.end()
        self.play(platforms.POOL_VSCSI, steps)

    def test_shared_volume_of_an_evacuation_that_failed(self):
        """The old host has it until the last server is deleted."""
        def steps(history):
            history.make(1, 'large', (1,), False, 1)
            history.make(1, 'large', (2, 5), True, 5)
            history.make(1, 'large', (5,), False, 6)
            history.live_migrate_until(5, 'prepare', 'reboot others')
            history.live_migrate(5)
            history.vios_down(2, 'vios1')
            history.evacuate(6, False)
            history.end()
        self.play(platforms.TWO_VSCSI, steps)
