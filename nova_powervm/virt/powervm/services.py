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

"""The services that the flows of a driver use, and how they start."""

from __future__ import annotations

import dataclasses
import typing

from nova.image import glance

from nova_powervm.virt.powervm import cleanup
from nova_powervm.virt.powervm.cleanup import evacuation
from nova_powervm.virt.powervm.cleanup import platform_snapshot
from nova_powervm.virt.powervm.console import service as console_service
from nova_powervm.virt.powervm import disk
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm.disk import legacy
from nova_powervm.virt.powervm import host as powervm_host
from nova_powervm.virt.powervm import instance_id
from nova_powervm.virt.powervm import last_system
from nova_powervm.virt.powervm.live import keys as live_keys
from nova_powervm.virt.powervm.live import running
from nova_powervm.virt.powervm import made_of
from nova_powervm.virt.powervm import media
from nova_powervm.virt.powervm import mgmt as powervm_mgmt
from nova_powervm.virt.powervm import no_slots
from nova_powervm.virt.powervm.nvram import manager
from nova_powervm.virt.powervm.options import site
from nova_powervm.virt.powervm import pci
from nova_powervm.virt.powervm.slots import maps
from nova_powervm.virt.powervm import system_identity
from nova_powervm.virt.powervm import utils
from nova_powervm.virt.powervm.volume import fabrics
from nova_powervm.virt.powervm.volume import stale


@dataclasses.dataclass(frozen=True)
class Services:
    """Objects that exist once per driver, from init_host to cleanup_host.

    :ivar virtapi: Nova's VirtAPI, to wait for events of Neutron.
    :ivar host: the owner of the REST connection.
    :ivar disk: the adapter of ephemeral disks that disk_driver names.
    :ivar config_drive: creates and deletes config drives.
    :ivar mgmt: the devices of the management partition.
    :ivar volumes: removes stale mappings and devices of volumes.
    :ivar slots: the slot maps of servers, slots.maps.SlotMaps, or NoSlotMaps.
    :ivar nvram: stores the NVRAM of servers; None without a store.
    :ivar cleaning: what the periodic clean-up works with.
    :ivar keys: the SSH keys of the NovaLink, for live migrations.
    :ivar migrations: the live migrations that leave this host.
    :ivar pci_devices: the devices that Nova counts for SR-IOV ports.
    :ivar consoles: the consoles of servers, open or not.
    """

    virtapi: typing.Any
    host: powervm_host.Host
    disk: disk_driver.DiskAdapter
    config_drive: media.ConfigDrive
    mgmt: powervm_mgmt.ManagementPartition
    volumes: stale.StaleVolumes
    slots: no_slots.SlotMaps = no_slots.NoSlotMaps()
    nvram: manager.NvramManager | None = None
    cleaning: cleanup.Work | None = None
    keys: live_keys.Keys | None = None
    migrations: running.RunningMigrations | None = None
    pci_devices: pci.Devices | None = None
    consoles: console_service.Consoles | None = None

    @property
    def kept_with_host(self) -> dict[str, str]:
        """What Nova stores with this host for the next start, see kept."""
        return {**system_identity.to_keep(self.host),
                **self.disk.kept_with_host}


def open_services(
        virtapi: typing.Any, host: powervm_host.Host,
        nvram_manager: manager.NvramManager | None = None) -> Services:
    """Build the Services, and clean up what a crash left on the platform.

    :param virtapi: Nova's VirtAPI.
    :param host: the owner of the REST connection (host.Host), connected.
    :param nvram_manager: nvram.manager.NvramManager, or None.
    :raises nova.exception.NovaException: if an option does not fit the
        platform.
    :raises pypowervm.exceptions.Error: if the platform does not answer.
    """
    partitions = platform_snapshot.PlatformSnapshot(host)
    utils.try_to('find the management partition among all', lambda: (
        host.note_partitions(partitions.partitions())))
    _check_options(host, partitions)
    pci_devices = pci.Devices(virtapi, lambda: pci.find_known(host.nodename))
    pci_devices.offer(host.system)
    disk_dvr = disk.build(host, glance.API())
    legacy.take_over(host, disk_dvr, partitions.active_vioses)
    instance_id.take_over(host.nodename)
    utils.try_to('keep what servers are made of', lambda: (
        made_of.take_over(host.nodename, lambda: partitions.lpars)))
    config_drive = media.ConfigDrive(
        host, preferred_vios_uuid=disk_dvr.vios_uuids[0])
    volumes = stale.StaleVolumes(host)
    mgmt = powervm_mgmt.ManagementPartition(host)
    cleaning = cleanup.Work(host, disk_dvr, config_drive, volumes, mgmt,
                            partitions)
    cleanup.start(cleaning)
    config_drive.check_options()
    evacuation.stop_unfinished(host, partitions)
    return Services(
        virtapi=virtapi, host=host, disk=disk_dvr, config_drive=config_drive,
        mgmt=mgmt, volumes=volumes,
        slots=_build_slot_maps(host, nvram_manager),
        nvram=nvram_manager, cleaning=cleaning,
        keys=live_keys.Keys(host),
        migrations=running.RunningMigrations(host), pci_devices=pci_devices,
        consoles=_open_consoles(host, mgmt, partitions))


def _check_options(
        host: powervm_host.Host,
        partitions: platform_snapshot.PlatformSnapshot) -> None:
    """Compare options with the platform; disks are compared when found."""
    last_system.check(host, partitions)
    fabrics.validate(host)
    site.check(partitions)
    host.bridges.check_options()


def _open_consoles(
        host: powervm_host.Host, mgmt: powervm_mgmt.ManagementPartition,
        partitions: platform_snapshot.PlatformSnapshot
) -> console_service.Consoles:
    consoles = console_service.Consoles(host, mgmt)
    utils.try_to('open consoles again', consoles.resume, partitions)
    return consoles


def _build_slot_maps(
        host: powervm_host.Host,
        nvram_manager: manager.NvramManager | None) -> no_slots.SlotMaps:
    if nvram_manager is None:
        return no_slots.NoSlotMaps()
    return maps.SlotMaps(host, nvram_manager.store_api, nvram_manager.worker)
