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

"""What the flows of a new server, and of one that has disks, consist of."""

from nova import exception as nova_exc
from nova.virt import fake

from nova_powervm.tests.virt.powervm.flows import base
from nova_powervm.virt.powervm.flows import spawn


class SpawnTest(base.RecipesTestCase):

    MODULE = spawn
    FLOW = 'spawn'
    RECIPES = {
        'from an image': ({}, {}, '''
            keep_host
            crt_vm
            plug_vifs+new_lpar
            plug_mgmt_vif
            crt_disk_from_img[boot]
            connect_disk[boot]
            tag_devices
            detach_stale_mappings
            update_vioses
            pwr_vm'''),
        'from a volume': ({'boot_volume': True}, {}, '''
            keep_host
            crt_vm
            plug_vifs+new_lpar
            plug_mgmt_vif
            discover_volumes
            connect_volumes
            tag_devices
            detach_stale_mappings
            update_vioses
            save_volumes
            pwr_vm'''),
        'with volumes': ({'volumes': 2}, {}, '''
            keep_host
            crt_vm
            plug_vifs+new_lpar
            plug_mgmt_vif
            crt_disk_from_img[boot]
            connect_disk[boot]
            discover_volumes
            connect_volumes
            tag_devices
            detach_stale_mappings
            update_vioses
            save_volumes
            pwr_vm'''),
        'with a config drive': ({'config_drive': True}, {}, '''
            keep_host
            crt_vm
            plug_vifs+new_lpar
            plug_mgmt_vif
            crt_disk_from_img[boot]
            connect_disk[boot]
            tag_devices
            crt_cfg_drive
            cfg_drive
            detach_stale_mappings
            update_vioses
            pwr_vm'''),
        'with ephemeral disks': ({'ephemerals': 2}, {}, '''
            keep_host
            crt_vm
            plug_vifs+new_lpar
            plug_mgmt_vif
            crt_disk_from_img[boot]
            connect_disk[boot]
            crt_blank_disks[ephemeral0,ephemeral1]
            connect_blank_disks[ephemeral0,ephemeral1]
            tag_devices
            detach_stale_mappings
            update_vioses
            pwr_vm'''),
        'with swap': ({'swap': 512}, {}, '''
            keep_host
            crt_vm
            plug_vifs+new_lpar
            plug_mgmt_vif
            crt_disk_from_img[boot]
            connect_disk[boot]
            crt_blank_disks[swap]
            connect_blank_disks[swap]
            tag_devices
            detach_stale_mappings
            update_vioses
            pwr_vm'''),
        'stays off': ({}, {'power_on': False}, '''
            keep_host
            crt_vm
            plug_vifs+new_lpar
            plug_mgmt_vif
            crt_disk_from_img[boot]
            connect_disk[boot]
            tag_devices
            detach_stale_mappings
            update_vioses'''),
        # What was seen is stored only when nothing can fail any more.
        'with all there can be': (
            {'volumes': 1, 'config_drive': True, 'ephemerals': 1,
             'swap': 512, 'store': True}, {}, '''
            keep_host
            crt_vm
            plug_vifs+new_lpar
            plug_mgmt_vif
            crt_disk_from_img[boot]
            connect_disk[boot]
            crt_blank_disks[ephemeral0,swap]
            connect_blank_disks[ephemeral0,swap]
            discover_volumes
            connect_volumes
            tag_devices
            crt_cfg_drive
            cfg_drive
            detach_stale_mappings
            update_vioses
            save_volumes
            pwr_vm
            save_slot_store'''),
    }

    def create_task(self, function=spawn.spawn, **attributes):
        flow = self.build(function, base.Server(store=True, **attributes))
        return self.task(flow, 'crt_vm')

    def test_nvram_of_a_shelved_server_is_used_again(self):
        self.assertIsNone(self.create_task().nvram)
        for state in ('shelved', 'shelved_offloaded'):
            self.assertIsNotNone(
                self.create_task(attrs={'vm_state': state}).nvram)

    def test_power_opts(self):
        flow = self.build(spawn.spawn, power_opts='options')
        self.assertEqual('options', self.task(flow, 'pwr_vm').opts)

    def test_encrypted_volume_is_refused_before_anything_is_made(self):
        info = {'block_device_mapping': [base.block_device(
            1, encrypted=True)]}
        for function in (spawn.spawn, spawn.rebuild):
            self.assertRaises(nova_exc.VolumeEncryptionNotSupported,
                              self.build, function, block_device_info=info)

    def test_neutron_is_waited_for(self):
        virtapi = fake.FakeVirtAPI()
        services = base.Server().services()
        object.__setattr__(services, 'virtapi', virtapi)
        flow = self.build(spawn.spawn, services=services)
        self.assertIs(virtapi, self.task(flow, 'plug_vifs').plugger.virtapi)


class RebuildTest(base.RecipesTestCase):

    MODULE = spawn
    FLOW = 'rebuild'
    RECIPES = {
        # No disk is made, nor any deleted if it fails.
        'of a server with its own disks': (
            {'ephemerals': 1, 'swap': 512}, {}, '''
            keep_host
            crt_vm
            plug_vifs+new_lpar
            plug_mgmt_vif
            connect_own_disks[boot,ephemeral0,swap]
            tag_devices
            detach_stale_mappings
            update_vioses
            pwr_vm'''),
        'of a server that boots from a volume': (
            {'boot_volume': True, 'volumes': 1}, {}, '''
            keep_host
            crt_vm
            plug_vifs+new_lpar
            plug_mgmt_vif
            connect_own_disks[]
            discover_volumes
            connect_volumes
            tag_devices
            detach_stale_mappings
            update_vioses
            save_volumes
            pwr_vm'''),
        'with a config drive': ({'config_drive': True}, {}, '''
            keep_host
            crt_vm
            plug_vifs+new_lpar
            plug_mgmt_vif
            connect_own_disks[boot]
            tag_devices
            crt_cfg_drive
            cfg_drive
            detach_stale_mappings
            update_vioses
            pwr_vm'''),
        'after a resize to another swap': (
            {'swap': 512, 'swap_before': 1024}, {}, '''
            keep_host
            crt_vm
            plug_vifs+new_lpar
            plug_mgmt_vif
            replace_swap
            connect_own_disks[boot,swap]
            tag_devices
            detach_stale_mappings
            update_vioses
            pwr_vm'''),
        'after a resize with the same swap': (
            {'swap': 512, 'swap_before': 512}, {}, '''
            keep_host
            crt_vm
            plug_vifs+new_lpar
            plug_mgmt_vif
            connect_own_disks[boot,swap]
            tag_devices
            detach_stale_mappings
            update_vioses
            pwr_vm'''),
        'in place of a hard reboot': (
            {'store': True}, {'grow': True}, '''
            keep_host
            crt_vm
            plug_vifs+new_lpar
            plug_mgmt_vif
            connect_own_disks[boot]
            tag_devices
            detach_stale_mappings
            update_vioses
            make_up_disk_growth
            pwr_vm
            save_slot_store'''),
        'stays off': ({}, {'power_on': False}, '''
            keep_host
            crt_vm
            plug_vifs+new_lpar
            plug_mgmt_vif
            connect_own_disks[boot]
            tag_devices
            detach_stale_mappings
            update_vioses'''),
    }

    def test_nvram_is_used_again(self):
        flow = self.build(spawn.rebuild, base.Server(store=True))
        self.assertIsNotNone(self.task(flow, 'crt_vm').nvram)


class HelpersTest(base.FlowTestCase):

    def test_is_volume_backed(self):
        boot, other = [base.block_device(0, boot_index=0)], [
            base.block_device(1)]
        for expected, mapping, root in (
                (True, boot, '/dev/sda'), (True, other + boot, 'sda'),
                (False, other, '/dev/sda'), (False, [], '/dev/sda'),
                (False, boot, None)):
            self.assertEqual(expected, spawn.is_volume_backed({
                'root_device_name': root, 'block_device_mapping': mapping}))
        self.assertFalse(spawn.is_volume_backed(None))

    def test_own_disk_types(self):
        for server, expected in (
                (base.Server(), ['boot']),
                (base.Server(boot_volume=True), []),
                (base.Server(volumes=1, swap=1), ['boot', 'swap']),
                (base.Server(ephemerals=2, swap=1, boot_volume=True),
                 ['ephemeral0', 'ephemeral1', 'swap'])):
            self.assertEqual(expected, spawn.own_disk_types(
                server.block_device_info()))
        self.assertEqual(['boot'], spawn.own_disk_types(None))
