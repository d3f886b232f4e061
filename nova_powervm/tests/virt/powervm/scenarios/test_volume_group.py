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

"""Which VIOS has the disks, where no option tells."""

from nova_powervm.simulator import profile as sim_profile
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.virt.powervm import exception


class HolderScenarioTest(base.ScenarioCase):
    """At the first start only vios1 has a group 'datavg'."""

    STORAGE = {'volume_group_vios_name': ''}

    @classmethod
    def load_profile(cls):
        profile = sim_profile.load(cls.PROFILE)
        profile['hosts'][0]['vioses'][1]['volume_groups'][1]['name'] = 'other'
        return profile

    def vios(self, name):
        return next(vios for vios in self.platform.store.all(
            'VirtualIOServer') if vios.name == name)

    def _rename_on_vios2(self, name):
        with self.site.lock:
            group = self.vios('vios2').volume_groups[1]
            group.name = name
            group.touch()

    def setUp(self):
        super().setUp()
        self.addCleanup(self._rename_on_vios2, 'other')

    def test_start_while_the_right_one_is_down(self):
        """Nova remembers it: no disk goes elsewhere, and none is lost."""
        server = self.boot()
        self._rename_on_vios2('datavg')
        with self.site.lock:
            self.vios('vios1').halted()
        refusal = self.assertRaises(exception.VGHolderNotUsable, self.restart)
        self.assertIn('vios1', str(refusal))
        with self.site.lock:
            self.vios('vios1').booted()
        self.restart()
        self.act(server, 'reboot', {'type': 'HARD'})
        self.assertEqual([], self.cloud.failures)
        self.assertEqual({}, self.vios('vios2').volume_groups[1].disks)
        self.assertIsNone(self.delete(server))

    def test_second_group_appears(self):
        self._rename_on_vios2('datavg')
        self.restart()
        self.assertIsNone(self.delete(self.boot()))
        self.assertEqual({}, self.vios('vios2').volume_groups[1].disks)
