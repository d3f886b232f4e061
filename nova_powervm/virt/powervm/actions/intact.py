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

"""Find out cheaply whether a running server is missing anything.

A hard reboot connects what a server is missing, while the server is off. Most
servers are missing nothing: they can be restarted in one job. So the driver
looks first, while the server runs. Servers with parts that it cannot look at
cheaply (volumes, ports other than those on a SEA, a slot map, IBM i) count as
servers that may be missing something. So do servers that Nova does not count
as active, because their last operation may have failed halfway.
"""

import typing

from nova.compute import vm_states
from nova.virt import configdrive
from nova.virt import driver as virt_driver
from oslo_log import log as logging
from pypowervm.wrappers import base_partition as pvm_bp

from nova_powervm.virt.powervm.disk import server_disks
from nova_powervm.virt.powervm import flavor as flavors
from nova_powervm.virt.powervm import size as lpar_size
from nova_powervm.virt.powervm import vif as powervm_vif
from nova_powervm.virt.powervm.vif import driver as vif_driver
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm import volume

LOG = logging.getLogger(__name__)


class Server(typing.NamedTuple):
    """A server, as Nova passes it to the driver.

    :ivar instance: nova.objects.Instance
    :ivar network_info: list of nova.network.model.VIF
    :ivar block_device_info: dict, or None
    :ivar disk_types: list of disk.driver.DiskType, its own disks.
    """

    instance: typing.Any
    network_info: list
    block_device_info: typing.Optional[dict]
    disk_types: list


def find_adapters(services, server):
    """Return the network adapters of a server that is missing nothing.

    Needs 1 request if the server has ports, and 1 for each VIOS of its disks.
    Most servers that are not looked at need none.

    :param services: services.Services
    :param server: Server
    :returns: list of the wrappers of the adapters of its ports; None if it is
        missing something, or may be.
    """
    if not _is_plain(services, server):
        return None
    try:
        adapters = _read_adapters(services.host, server)
        if adapters is None or not _has_storage(services, server):
            return None
    except Exception as exc:
        # The hard reboot itself reads all of it again, and tells.
        LOG.warning('Whether the server is missing anything is not known: %s',
                    exc, instance=server.instance)
        return None
    return adapters


def _is_plain(services, server):
    """Return whether the server is one to look at (no request)."""
    instance = server.instance
    is_drive_known = (not configdrive.required_by(instance) or
                      services.config_drive.only_vios_uuid is not None)
    return bool(
        instance.vm_state == vm_states.ACTIVE and
        services.host.partition_states.known(vm.get_lpar_uuid(instance)) in (
            None, pvm_bp.LPARState.RUNNING) and
        services.nvram is None and is_drive_known and
        not flavors.is_ibmi(instance) and
        lpar_size.is_settled(instance) and
        powervm_vif.are_on_platform(server.network_info) and
        not volume.build_all(
            services.host, instance,
            virt_driver.block_device_info_get_mapping(
                server.block_device_info)))


def _read_adapters(host, server):
    """Read the adapters of the ports: list; None if one is missing."""
    adapters = vif_driver.read_adapters(
        host, server.instance,
        powervm_vif.adapter_types(server.network_info))
    if any(vif_driver.find_adapter(adapters, vif) is None
           for vif in server.network_info):
        return None
    return adapters


def _has_storage(services, server):
    """Return whether the server has its disks and its config drive."""
    instance, config_drive = server.instance, services.config_drive
    needs_drive = configdrive.required_by(instance)
    uuids = list(dict.fromkeys([
        *services.disk.vios_uuids,
        *([config_drive.only_vios_uuid] if needs_drive else ())]))
    vioses = {uuid: services.host.vios_looks.get(uuid) for uuid in uuids}
    return (
        len(services.host.filter_active(vioses.values())) == len(uuids) and
        (not needs_drive or config_drive.is_attached(instance, vioses)) and
        server_disks.are_connected(
            services.disk, instance, server.disk_types,
            server_disks.swap_sizes(instance, server.block_device_info),
            vioses))
