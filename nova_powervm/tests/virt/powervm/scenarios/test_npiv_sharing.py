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

"""Servers with adapters on the fabrics (NPIV), sharing, and swaps."""

from nova_powervm.tests.virt.powervm.scenarios import test_npiv
from nova_powervm.tests.virt.powervm.scenarios import test_volume_sharing


class MultiattachTest(test_npiv.NpivMixin,
                      test_volume_sharing.MultiattachTest):
    pass


class SharingTest(test_npiv.NpivCase):

    def test_swap_is_refused(self):
        self.flags(swap_volume_stops_server=True, group='powervm')
        server = self.boot_with([1, 2])
        self.assert_sees(server, 1, 2)
        before = self.platform_state()
        after = self.swap(server, 1, 5)
        self.assertEqual('ACTIVE', after['status'])
        self.assertIn('cannot copy', str(self.last_action(server)))
        self.assert_state_equal(before, self.platform_state(), 'refused')
        self.assert_sees(server, 1, 2)
        self.assert_deleted(server)
