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

"""What the flows of power operations consist of."""

from nova_powervm.tests.virt.powervm.flows import base
from nova_powervm.virt.powervm.flows import power


class PowerOnTest(base.RecipesTestCase):

    MODULE = power
    FLOW = 'power_on'
    RECIPES = {'plain': ({}, {}, 'pwr_vm')}

    def test_options(self):
        flow = self.build(power.power_on, opts='options')
        self.assertEqual('options', self.task(flow, 'pwr_vm').opts)


class PowerOffTest(base.RecipesTestCase):
    """A server that has no LPAR cannot be stopped."""

    MODULE = power
    FLOW = 'power_off'
    RECIPES = {
        'with time to shut down': ({}, {'timeout': 60}, 'pwr_off_vm'),
        'at once': ({}, {'timeout': 0}, 'pwr_off_vm+force_immediate'),
    }

    def test_time_to_shut_down(self):
        flow = self.build(power.power_off, timeout=17)
        self.assertEqual(17, self.task(flow, 'pwr_off_vm').timeout)


class SoftRebootTest(base.RecipesTestCase):

    MODULE = power
    FLOW = 'soft_reboot'
    RECIPES = {'plain': ({}, {}, 'reboot_vm')}


class CrashDumpTest(base.RecipesTestCase):

    MODULE = power
    FLOW = 'crash_dump'
    RECIPES = {'plain': ({}, {}, 'crash_dump')}


class RestartTest(base.RecipesTestCase):
    """A hard reboot of a server that is missing nothing."""

    MODULE = power
    FLOW = 'restart'
    RECIPES = {'plain': ({}, {'adapters': []}, '''
        replug_vifs
        restart_vm''')}


class HardRebootTest(base.RecipesTestCase):
    """What it has connected stays if it fails; it may be tried again."""

    MODULE = power
    FLOW = 'hard_reboot'
    RECIPES = {
        'smallest': ({}, {}, '''
            pwr_off_vm+force_immediate
            get_vm
            make_up_size
            plug_vifs
            restore_own_disks[boot]
            detach_storage[rescue]
            remove_second_paths[boot]
            update_vioses
            dlt_storage[rescue]+only_unmapped
            make_up_disk_growth
            pwr_vm'''),
        'with all there can be': (
            {'config_drive': True, 'volumes': 1, 'ephemerals': 1,
             'swap': 512, 'store': True}, {}, '''
            pwr_off_vm+force_immediate
            get_vm
            make_up_size
            plug_vifs
            restore_own_disks[boot,ephemeral0,swap]
            detach_storage[rescue]
            reattach_cfg_drive
            rediscover_volumes
            reconnect_volumes
            remove_second_paths[boot,ephemeral0,swap]
            update_vioses
            save_volumes
            save_slot_store
            dlt_storage[rescue]+only_unmapped
            make_up_disk_growth
            pwr_vm'''),
        'from a volume': ({'boot_volume': True}, {}, '''
            pwr_off_vm+force_immediate
            get_vm
            make_up_size
            plug_vifs
            restore_own_disks[]
            detach_storage[rescue]
            rediscover_volumes
            reconnect_volumes
            remove_second_paths[]
            update_vioses
            save_volumes
            dlt_storage[rescue]+only_unmapped
            make_up_disk_growth
            pwr_vm'''),
    }
