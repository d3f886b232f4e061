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
"""Each option of group [powervm], and what its value must be.

A test fails for an option that is not here, and for free text without a check.
"""

from __future__ import annotations

import collections.abc
import typing

from nova_powervm.virt.powervm.options import values


class Rule(typing.NamedTuple):
    """What makes the value of an option right, beside its type.

    :ivar check: takes the value, and returns why it cannot be used, or None.
        It does not get an empty value.
    :ivar needed_with: (option, value) that requires this option.
    :ivar only_with: (option, value) without which this option has no effect.
        Somebody who has set it expects something that does not happen.
    """

    check: collections.abc.Callable[[typing.Any], str | None] | None = None
    needed_with: tuple[str, typing.Any] | None = None
    only_with: tuple[str, typing.Any] | None = None


#: The type of the option, with its limits or choices, refuses what is wrong.
TYPE = Rule()

_LOCAL = ('disk_driver', 'localdisk')
_SSP = ('disk_driver', 'ssp')
_SWIFT = ('nvram_store', 'swift')
_X509 = ('vnc_use_x509_auth', True)

#: Name of an option -> Rule.
RULES = {
    # The connection.
    'rest_host': Rule(values.rest_host),
    'managed_system': Rule(values.anything),
    'rest_port': TYPE,
    'rest_protocol': TYPE,
    'rest_user': Rule(values.rest_user),
    'rest_password': Rule(values.rest_password),
    'rest_ca_file': Rule(values.rest_ca_file),
    'rest_connect_timeout': TYPE,
    'rest_read_timeout': TYPE,
    'hmc_parallel_requests': TYPE,
    # The start.
    'vios_active_wait_timeout': TYPE,
    'management_root': Rule(values.root_folder),
    # Partitions.
    'proc_units_factor': Rule(values.finite),
    'uncapped_proc_weight': TYPE,
    'rescue_boot_mode': TYPE,
    # Networks.
    'use_rmc_mgmt_vif': TYPE,
    'use_rmc_ipv6_scheme': TYPE,
    'pvm_vswitch_for_novalink_io': Rule(values.vswitch),
    'bridge_mappings': Rule(values.mappings),
    'manage_sea_vlans': TYPE,
    'remove_unused_vlans': Rule(only_with=('manage_sea_vlans', True)),
    'untagged_vlan_networks': TYPE,
    'vnic_required_vfs': TYPE,
    'vnic_vf_capacity': Rule(values.finite),
    'sriov_default_physnet': Rule(values.anything),
    'send_vif_events': TYPE,
    # Disks.
    'disk_driver': TYPE,
    'volume_group_name': Rule(values.anything, _LOCAL, _LOCAL),
    'volume_group_vios_name': Rule(values.anything, only_with=_LOCAL),
    'cluster_name': Rule(values.anything, only_with=_SSP),
    'ssp_tier': Rule(values.anything, only_with=_SSP),
    'ssp_sharing_provider': TYPE,
    'vopt_media_volume_group': Rule(values.anything),
    'vopt_media_rep_size': TYPE,
    'remove_vopt_media_on_boot': TYPE,
    'remove_vopt_media_time': TYPE,
    # Volumes.
    'fc_attach_strategy': TYPE,
    'vscsi_vios_connections_required': TYPE,
    'swap_volume_stops_server': TYPE,
    'volume_use_multipath': TYPE,
    'fabrics': Rule(values.fabrics),
    'ports_per_fabric': TYPE,
    # NVRAM and slot maps.
    'nvram_store': Rule(values.nvram_store),
    'swift_container': Rule(values.swift_container, _SWIFT, _SWIFT),
    'swift_username': Rule(values.anything, _SWIFT, _SWIFT),
    'swift_user_domain_name': Rule(values.anything, only_with=_SWIFT),
    'swift_password': Rule(values.anything, _SWIFT, _SWIFT),
    'swift_project_name': Rule(values.anything, _SWIFT, _SWIFT),
    'swift_project_domain_name': Rule(values.anything, only_with=_SWIFT),
    'swift_auth_version': Rule(values.swift_auth_version, _SWIFT, _SWIFT),
    'swift_auth_url': Rule(values.url, _SWIFT, _SWIFT),
    'swift_cacert': Rule(values.certificates, only_with=_SWIFT),
    'swift_endpoint_type': Rule(values.endpoint_type, only_with=_SWIFT),
    # Live migration.
    'live_migration_address': TYPE,
    'live_migration_timeout': TYPE,
    # Consoles.
    'vnc_port': TYPE,
    'vnc_use_x509_auth': Rule(values.x509),
    'vnc_ca_certs': Rule(values.anything, only_with=_X509),
    'vnc_server_cert': Rule(values.anything, only_with=_X509),
    'vnc_server_key': Rule(values.anything, only_with=_X509),
    'serial_console_listen': Rule(values.address),
    'serial_console_port': Rule(values.serial_port),
    'console_log': TYPE,
    'console_force': TYPE,
}

#: The same for fabric_<name>_port_wwpns. Servers that have NPIV keep it, so
#: this option has an effect with vscsi, too.
FABRIC = Rule(values.wwpns, needed_with=('fc_attach_strategy', 'npiv'))
