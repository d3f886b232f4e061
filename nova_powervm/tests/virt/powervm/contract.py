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

"""What of Nova's contract of compute drivers is not built, and why.

A method of nova.virt.driver.ComputeDriver is built by PowerVMDriver, or it is
in exactly one of these lists. test_driver_contract.py and
tests/test_support_matrix.py hold it.
"""

LATER = 'to come'
NOT_ON_POWERVM = 'the platform cannot do it'
#: Nova meets NotImplementedError with what it does itself.
BY_DEFAULT = "Nova's default does it"
NO_DISK_COPIES = (
    'it is for live migrations that copy disks, which '
    'check_can_live_migrate_source() refuses')
COUNTED_TOGETHER = (
    'the platform counts what goes through an adapter, and the boot disk and '
    'volumes share one; a volume would be charged for others')
NOT_FOR_HOSTS = (
    'only /os-hosts asks for it, which Nova has given up in microversion '
    '2.43; no driver of Nova has it. To empty a host takes live migration, '
    'and nova-compute runs on the host itself')
BARE_METAL = 'it is for bare metal'
FILE_VOLUMES = 'it is for volumes that are files of the host'

#: {method that raises NotImplementedError: why}.
NOT_IMPLEMENTED = {
    'block_stats': COUNTED_TOGETHER,
    'default_device_names_for_instance': BY_DEFAULT,
    'default_root_device_name': BY_DEFAULT,
    'get_all_volume_usage': COUNTED_TOGETHER,
    'get_device_name_for_instance': BY_DEFAULT,
    'get_instance_disk_info': NO_DISK_COPIES,
    'get_mks_console': NOT_ON_POWERVM,
    'get_spice_console': NOT_ON_POWERVM,
    'host_maintenance_mode': NOT_FOR_HOSTS,
    'host_power_action': NOT_FOR_HOSTS,
    'is_share_mounted': NOT_ON_POWERVM,
    'live_migration_force_complete': NOT_ON_POWERVM,
    'mount_share': NOT_ON_POWERVM,
    'pause': NOT_ON_POWERVM,
    'power_update_event': BARE_METAL,
    'resume': NOT_ON_POWERVM,
    'set_admin_password': NOT_ON_POWERVM,
    'set_host_enabled': BY_DEFAULT,
    'suspend': NOT_ON_POWERVM,
    'umount_share': NOT_ON_POWERVM,
    'unpause': NOT_ON_POWERVM,
    'unquiesce': NOT_ON_POWERVM,
    'volume_snapshot_create': FILE_VOLUMES,
    'volume_snapshot_delete': FILE_VOLUMES,
}

#: {method that ComputeDriver itself has: why that is right}.
INHERITED = {
    'capabilities_as_traits': 'it reads our capabilities',
    'check_instance_shared_storage_cleanup':
        'check_instance_shared_storage_local() leaves nothing behind',
    'clean_networks_preparation': BARE_METAL,
    'cleanup_lingering_instance_resources': 'it is for devices of libvirt',
    'delete_instance_files':
        'there are no files; storage that is left over is removed by cleanup',
    'emit_event': 'it hands events to Nova',
    'failed_spawn_cleanup': BARE_METAL,
    'get_instance_driver_metadata': 'it only tells who the server is',
    'inject_network_info': 'it is on the config drive',
    'is_node_deleted': 'a driver has one node, which is there',
    'is_supported_fs_format': 'no disk is formatted',
    'manages_network_binding_host_id': 'Nova binds ports',
    'network_binding_host_id': 'ports are bound to the host',
    'node_is_available': 'it asks get_available_nodes()',
    'post_claim_migrate_data': 'no guest is pinned to processors',
    'prepare_for_spawn': BARE_METAL,
    'prepare_networks_before_block_device_mapping': BARE_METAL,
    'register_event_listener': 'Nova listens',
}
