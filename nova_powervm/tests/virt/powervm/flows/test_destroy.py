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

"""What the flow that removes a server consists of."""

import fixtures
from nova import objects

from nova_powervm.tests.virt.powervm.flows import base
from nova_powervm.virt.powervm.flows import destroy

FOR_GOOD = {'attrs': {'task_state': 'deleting'}}


class DestroyTest(base.RecipesTestCase):

    MODULE = destroy
    FLOW = 'destroy'
    RECIPES = {
        'smallest': ({}, {}, '''
            keep_host
            pwr_off_vm+force_immediate+missing_ok
            unplug_vifs+lpar_going
            detach_storage
            detach_partition
            update_vioses
            dlt_storage
            dlt_vm'''),
        # The disks of all types go, also those of a former flavor.
        'with all there can be': (
            {'config_drive': True, 'volumes': 1, 'ephemerals': 1,
             'swap': 512, 'store': True, **FOR_GOOD}, {}, '''
            keep_host
            pwr_off_vm+force_immediate+missing_ok
            unplug_vifs+lpar_going
            detach_storage
            disconnect_volumes+server_going
            detach_cfg_drive
            detach_partition
            update_vioses
            vopt_delete
            dlt_storage
            dlt_vm
            delete_nvram
            delete_slot_store'''),
        # A server that boots from a volume may have disks from a rescue.
        'booted from a volume': ({'boot_volume': True}, {}, '''
            keep_host
            pwr_off_vm+force_immediate+missing_ok
            unplug_vifs+lpar_going
            detach_storage
            disconnect_volumes+server_going
            detach_partition
            update_vioses
            dlt_storage
            dlt_vm'''),
        'after which it comes back': ({'store': True}, {}, '''
            keep_host
            pwr_off_vm+force_immediate+missing_ok
            unplug_vifs+lpar_going
            detach_storage
            detach_partition
            update_vioses
            dlt_storage
            dlt_vm'''),
        'for good but on another host': (
            {'store': True, 'attrs': {'task_state': 'deleting',
                                      'host': 'compute2'}}, {}, '''
            keep_host
            pwr_off_vm+force_immediate+missing_ok
            unplug_vifs+lpar_going
            detach_storage
            detach_partition
            update_vioses
            dlt_storage
            dlt_vm'''),
        'whose ports stay': ({}, {'destroy_vifs': False}, '''
            keep_host
            pwr_off_vm+force_immediate+missing_ok
            detach_storage
            detach_partition
            update_vioses
            dlt_storage
            dlt_vm'''),
        # It is not stopped by force, its disks stay, and while it has an
        # LPAR it has its config drive.
        'that leaves this host': (
            {'config_drive': True, 'volumes': 1, 'store': True},
            {'destroy_disks': False}, '''
            keep_host
            pwr_off_vm+missing_ok
            unplug_vifs+lpar_going
            detach_storage
            disconnect_volumes+server_going
            detach_cfg_drive
            detach_partition
            update_vioses
            dlt_vm
            vopt_delete+may_wait'''),
        # It is on another host by now: what is stored of it is used there.
        'that leaves and is to be deleted': (
            {'store': True, **FOR_GOOD}, {'destroy_disks': False}, '''
            keep_host
            pwr_off_vm+missing_ok
            unplug_vifs+lpar_going
            detach_storage
            detach_partition
            update_vioses
            dlt_vm'''),
    }

    def setUp(self):
        super().setUp()
        self.migrations = self.useFixture(fixtures.MockPatchObject(
            objects.MigrationList, 'get_by_filters', return_value=[])).mock

    def test_all_types_of_disks_are_looked_for(self):
        flow = self.build(destroy.destroy)
        for name in ('detach_storage', 'dlt_storage'):
            self.assertIsNone(self.task(flow, name).disk_types)

    def test_what_was_unmapped_is_handed_on(self):
        flow = self.build(destroy.destroy)
        self.assertIn('unmapped_storage',
                      self.task(flow, 'dlt_storage').optional)

    def test_no_lpar_is_needed(self):
        """No task takes the LPAR: it may be gone."""
        flow = self.build(destroy.destroy, base.Server(
            volumes=1, config_drive=True, store=True, **FOR_GOOD))
        self.assertEqual(set(), {
            value for task in flow for value in task.requires})

    def test_volume_that_could_never_be_attached(self):
        info = {'block_device_mapping': [
            base.Bdm(connection_info={'driver_volume_type': 'iscsi',
                                      'data': {}}, boot_index=None),
            base.Bdm(connection_info=None, boot_index=None)]}
        flow = self.build(destroy.destroy, block_device_info=info)
        self.assertNotIn('disconnect_volumes', base.words(flow))

    def test_that_had_come_live_and_is_on_another_host(self):
        """It may have Fibre Channel adapters here that nobody knows of."""
        server = base.Server(transport='npiv', attrs={'host': 'compute2'})
        for nodename, expected in (('compute3', []),
                                   (server.services().host.nodename,
                                    ['disconnect_volumes'])):
            self.migrations.return_value = [
                objects.Migration(dest_compute=nodename)]
            flow = self.build(destroy.destroy, server)
            self.assertEqual(expected, [
                task.name for task in flow
                if task.name == 'disconnect_volumes'])
