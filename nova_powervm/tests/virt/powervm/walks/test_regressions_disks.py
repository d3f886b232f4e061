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

"""Histories of servers with disks of ours that failed once.

See history_case.RegressionCase.
"""

from nova_powervm.tests.virt.powervm.walks import history_case
from nova_powervm.tests.virt.powervm.walks import platforms


class DisksRegressionTest(history_case.RegressionCase):
    """Each test plays one history."""

    def test_any_client(self):
        def steps(history):
            history.their_any_client(1)
            history.start_compute(1)
        self.play(platforms.VOLUME_GROUP, steps)

    def test_disk_of_deleted_lpar(self):
        def steps(history):
            history.their_lpar(1)
            history.delete_their_lpar('theirs1')
            history.start_compute(1)
        self.play(platforms.VOLUME_GROUP, steps)

    def test_id_of_deleted_lpar(self):
        """The new server must not see the disk of the former LPAR."""
        def steps(history):
            history.their_lpar(1)
            history.delete_their_lpar('theirs1')
            history.make(1)
            history.end()
        self.play(platforms.VOLUME_GROUP, steps)

    def test_deleted_in_absence(self):
        def steps(history):
            history.make(1)
            history.lose(1)
            history.stop_compute(1)
            history.delete(1)
            history.end()
        self.play(platforms.TWO_POOL, steps)

    def test_volume_group_of_vios_that_is_down(self):
        def steps(history):
            history.make(1)
            history.vios_down(1, 'vios1')
            history.start_compute(1)
            self.assertFalse(history.is_up(1))
            history.vios_up(1, 'vios1')
            history.start_compute(1)
            history.delete(1)
            history.end()
        self.play(platforms.VOLUME_GROUP, steps)

    def test_cleaning_at_the_start_fails(self):
        """The server was deleted in absence: the periodic task cleans up."""
        def steps(history):
            history.make(1, 'with disks', (), False)
            history.lose(1)
            history.stop_compute(1)
            history.delete(1)
            history.fault('error_500', 11, 1)
            history.start_compute(1)
            history.end()
        self.play(platforms.VOLUME_GROUP, steps)

    def test_deleted_while_vios_is_down(self):
        def steps(history):
            history.make(1)
            history.vios_down(1, 'vios2')
            history.delete(1)
            history.start_compute(1)
            history.end()
        self.play(platforms.TWO_POOL, steps)

    def test_deleted_and_id_reused(self):
        def steps(history):
            history.make(1)
            history.vios_down(1, 'vios1')
            history.delete(1)
            history.vios_up(1, 'vios1')
            history.stop_compute(1)
            history.their_lpar(1)
            history.end()
        self.play(platforms.TWO_POOL, steps)

    def test_back_after_vios_was_down(self):
        """The server comes back live before the VIOS has forgotten it."""
        def steps(history):
            history.make(1)
            history.vios_down(1, 'vios2')
            history.migrate(1)
            history.confirm(1)
            history.vios_up(1, 'vios2')
            history.live_migrate(1)
            history.periodic()
            lpar = history.lpar(1)
            with history.cloud.site.lock:
                paths = {vios['name'] for vios in
                         lpar.host.state()['VirtualIOServer']
                         for mapping in vios['mappings']
                         if mapping['lpar'] == lpar.name and
                         str(mapping['storage']).startswith('b_')}
            self.assertEqual({'vios1', 'vios2'}, paths)
            history.end()
        self.play(platforms.TWO_POOL, steps)

    def test_config_drives_on_two_vioses(self):
        """The first was on a VIOS that was down when the second was made."""
        def steps(history):
            history.make(1)
            history.lose(1)
            history.vios_down(1, 'vios1')
            history.start_compute(1)
            history.hard_reboot(1)
            history.vios_up(1, 'vios1')
            history.delete(1)
            history.end()
        self.play(platforms.TWO_POOL, steps)

    def test_upload_that_cannot_be_removed_at_the_start(self):
        """The periodic task removes its descriptor."""
        def steps(history):
            history.fault('killed_before', 6, 1)
            history.make(1)
            history.fault('error_500', 10, 1)
            history.start_compute(1)
            history.end()
        self.play(platforms.VOLUME_GROUP, steps)

    def test_memory_of_others_is_offered(self):
        def steps(history):
            history.their_lpar(1)
            history.compare_offers()
        self.play(platforms.VOLUME_GROUP, steps)
