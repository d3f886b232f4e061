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

"""Build an ISO with Nova's data for the guest: the config drive."""

import copy

import netaddr
from nova.api.metadata import base as instance_metadata
from nova import exception as nova_exc
from nova.network import model as network_model
from nova.virt import configdrive

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import instance_id

CONF = cfg.CONF


def build_iso(path, instance, injected_files, network_info, admin_pass):
    """Build the ISO image of a config drive.

    :param path: str, the file to write.
    :param injected_files: list of (path, content).
    :param network_info: nova.network.model.NetworkInfo, the result of
        network_info().
    :param admin_pass: str, or None.
    :raises ConfigDriveUnsupportedFormat: if [DEFAULT] config_drive_format is
        not iso9660.
    """
    if CONF.config_drive_format != 'iso9660':
        raise nova_exc.ConfigDriveUnsupportedFormat(
            format=CONF.config_drive_format)
    metadata = instance_metadata.InstanceMetadata(
        instance, content=injected_files, network_info=network_info,
        extra_md={'admin_pass': admin_pass} if admin_pass else None)
    metadata.uuid = instance_id.guest_id(instance)
    with configdrive.ConfigDriveBuilder(instance_md=metadata) as builder:
        builder.make_drive(path)


def network_info(network_info, mgmt_cna):
    """Return the ports of a server as the config drive describes them.

    cloud-init does not know the types of PowerVM's ports, but accepts 'vif'.

    :returns: nova.network.model.NetworkInfo, a copy.
    """
    vifs = network_model.NetworkInfo(copy.deepcopy(list(network_info or [])))
    if mgmt_cna is not None and CONF.powervm.use_rmc_ipv6_scheme:
        vifs.append(_mgmt_vif(mgmt_cna))
    for vif in vifs:
        if vif.get('type') != network_model.VIF_TYPE_OVS:
            vif['type'] = 'vif'
    return vifs


def _mgmt_vif(cna):
    """Describe the management adapter, with the address that RMC expects.

    This is the link-local IPv6 address that is derived from the MAC (EUI-64).
    """
    mac = netaddr.EUI(cna.mac, dialect=netaddr.mac_unix_expanded)
    address = network_model.FixedIP(
        version=6, address=str(mac.ipv6_link_local()))
    subnet = network_model.Subnet(version=6, cidr='fe80::/64', ips=[address])
    network = network_model.Network(id='mgmt', subnets=[subnet],
                                    injected='yes')
    return network_model.VIF(id='mgmt_vif', address=str(mac), network=network)
