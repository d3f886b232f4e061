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

"""Resizes that Nova's scheduler has no host for."""

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import moves


class FullVolumeGroupTest(moves.MoveMixin, base.PowerVMTestCase):

    def test_volume_group_is_full(self):
        self.flags(allow_resize_to_same_host=True)
        server = self.boot(flavor_id=self.small)
        before = self.platform_state()
        huge = self.make_flavor('huge', disk=1999)
        self.resize(server, huge, status='ACTIVE')
        self.assert_state_equal(before, self.platform_state(), 'refused')
