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

"""Histories of servers with Fibre Channel adapters that failed once.

See history_case.RegressionCase.
"""

from nova_powervm.tests.virt.powervm.walks import history_case
from nova_powervm.tests.virt.powervm.walks import platforms


class FibreChannelRegressionTest(history_case.RegressionCase):
    """Each test plays one history."""

    def test_fibre_channel_of_lost_lpar(self):
        def steps(history):
            history.make(1, 'small', (1,), False)
            history.lose(1)
            history.end()
        self.play(platforms.TWO_NPIV, steps)

    def test_fibre_channel_of_lost_lpar_that_got_it_later(self):
        """Seed 6007 of the soak, as it was shrunk."""
        def steps(history):
            history.make(2, 'small', (), False, 1)
            history.attach(1, 2)
            history.lose(1)
            history.end()
        self.play(platforms.TWO_NPIV, steps)

    def test_fibre_channel_that_came_later_while_vios_is_down(self):
        def steps(history):
            history.make(1, 'small', (), False, 1)
            history.attach(1, 1)
            history.vios_down(1, 'vios2')
            history.delete(1)
            history.end()
        self.play(platforms.TWO_NPIV, steps)

    def test_partition_id_of_another_server(self):
        """Seed 5011 of the soak; another server has the id of a lost one."""
        def steps(history):
            history.make(1, 'small', (1,), False, 1)
            history.lose(1)
            history.make(1, 'small', (), False, 2)
            history.stop_compute(1)
            history.delete(1)
            history.end()
        self.play(platforms.TWO_NPIV, steps)

    def test_partition_id_of_before_while_vios_is_down(self):
        """Another server has it when the LPAR of the first is made anew."""
        def steps(history):
            history.make(1, 'small', (1,), False, 1)
            history.lose(1)
            history.make(1, 'small', (), False, 2)
            history.vios_down(1, 'vios2')
            history.hard_reboot(1)
            history.delete(1)
            history.end()
        self.play(platforms.TWO_NPIV, steps)

    def test_partition_id_of_others(self):
        """Seed 5015 of the soak; their LPAR has the id that a server had."""
        def steps(history):
            history.make(2, 'small', (1, 2), False, 1)
            history.vios_down(2, 'vios2')
            history.delete(1)
            history.their_lpar(2, 6)
            history.end()
        self.play(platforms.TWO_NPIV, steps)

    def test_fibre_channel_of_a_server_that_was_deleted(self):
        """While a VIOS was down, which was up when nova-compute started."""
        def steps(history):
            history.make(1, 'small', (1,), True, 4)
            history.vios_down(1, 'vios2')
            history.delete(4)
            history.end()
        self.play(platforms.TWO_NPIV, steps)

    def test_attachments_to_a_lost_lpar(self):
        """They fail, and the server keeps the WWPNs of its other volumes."""
        def steps(history):
            history.make(2, 'large', (1, 2, 5), True, 2)
            history.lose(2)
            history.attach(2, 3)
            history.attach(2, 3)
            history.hard_reboot(2)
            history.mend(2)
            history.end()
        self.play(platforms.TWO_NPIV, steps)

    def test_id_of_a_lost_lpar_that_others_have(self):
        """The mappings go when they have it no longer."""
        def steps(history):
            history.make(1, 'large', (1, 2), True, 4)
            history.lose(4)
            history.their_lpar(1, 9)
            history.evacuate(4, True)
            history.end()
        self.play(platforms.POOL_NPIV, steps)
