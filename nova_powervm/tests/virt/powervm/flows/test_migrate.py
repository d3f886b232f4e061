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

"""What the flows of a cold migration consist of."""

from nova_powervm.tests.virt.powervm.flows import base
from nova_powervm.virt.powervm.flows import migrate


class PrepareTest(base.RecipesTestCase):

    MODULE = migrate
    FLOW = 'prepare_on_source'
    RECIPES = {
        'was on': ({}, {'was_on': True}, '''
            pwr_back_on
            pwr_off_vm+missing_ok
            release_own_disks[boot]
            update_vioses'''),
        'was off': ({}, {'was_on': False}, '''
            pwr_off_vm+missing_ok
            release_own_disks[boot]
            update_vioses'''),
        'by force': ({}, {'was_on': True, 'timeout': 0}, '''
            pwr_back_on
            pwr_off_vm+force_immediate+missing_ok
            release_own_disks[boot]
            update_vioses'''),
        'to a larger boot disk': (
            {'new_root_gb': 2}, {'was_on': True}, '''
            check_disk_growth
            pwr_back_on
            pwr_off_vm+missing_ok
            release_own_disks[boot]
            update_vioses'''),
        'to a smaller boot disk': (
            {'root_gb': 2}, {'was_on': False}, '''
            pwr_off_vm+missing_ok
            release_own_disks[boot]
            update_vioses'''),
        # Cinder's volumes do not have the size of a flavor.
        'from a volume to a larger boot disk': (
            {'boot_volume': True, 'new_root_gb': 2}, {'was_on': True}, '''
            pwr_back_on
            pwr_off_vm+missing_ok
            release_own_disks[]
            release_volumes+server_going
            update_vioses'''),
        # What another host needs is stored before the disks are let go.
        'with all there can be': (
            {'volumes': 1, 'ephemerals': 1, 'swap': 512, 'store': True,
             'config_drive': True}, {'was_on': True}, '''
            pwr_back_on
            pwr_off_vm+missing_ok
            store_nvram
            release_own_disks[boot,ephemeral0,swap]
            release_volumes+server_going
            update_vioses
            vopt_delete_of_lost'''),
    }

    def test_time_to_shut_down(self):
        flow = self.build(migrate.prepare_on_source, was_on=True, timeout=17)
        self.assertEqual(17, self.task(flow, 'pwr_off_vm').timeout)


class RevertTest(base.RecipesTestCase):
    """If it fails, a hard reboot goes on: what was connected stays."""

    MODULE = migrate
    FLOW = 'revert_on_source'
    RECIPES = {
        'to be on': ({}, {'power_on': True}, '''
            pwr_off_vm
            get_vm
            plug_vifs
            restore_own_disks[boot]
            update_vioses
            pwr_vm'''),
        'to be off': ({}, {'power_on': False}, '''
            pwr_off_vm
            get_vm
            plug_vifs
            restore_own_disks[boot]
            update_vioses'''),
        'with all there can be': (
            {'volumes': 1, 'ephemerals': 1, 'swap': 512, 'swap_before': 0,
             'store': True, 'config_drive': True}, {'power_on': True}, '''
            pwr_off_vm
            get_vm
            plug_vifs
            replace_swap
            restore_own_disks[boot,ephemeral0,swap]
            rediscover_volumes
            restore_volumes
            update_vioses
            save_volumes
            save_slot_store
            pwr_vm'''),
        'from a volume': (
            {'boot_volume': True}, {'power_on': True}, '''
            pwr_off_vm
            get_vm
            plug_vifs
            restore_own_disks[]
            rediscover_volumes
            restore_volumes
            update_vioses
            save_volumes
            pwr_vm'''),
    }
