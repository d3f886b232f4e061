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

"""The volumes of one instance in one operation, with all transports.

Flows and tasks know only this class. They pass on the result of its discover()
without reading it.
"""

from __future__ import annotations

import itertools
import typing

from nova import objects
from oslo_log import log as logging
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.virt.powervm import host as powervm_host
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import undoing
from nova_powervm.virt.powervm.volume import device_addresses
from nova_powervm.virt.powervm.volume import driver

LOG = logging.getLogger(__name__)


class InstanceVolumes:
    """Runs an operation on volumes with each of their transports.

    It is false if there is nothing to do.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :param transports: list of driver.VolumeTransport, each of another class.
    """

    def __init__(self, host: powervm_host.Host, instance: objects.Instance,
                 transports: list[driver.VolumeTransport]) -> None:
        self.host = host
        self.instance = instance
        self.transports = transports

    def __bool__(self) -> bool:
        return bool(self.transports)

    def __str__(self) -> str:
        return ', '.join(map(str, self.ids))

    @property
    def volumes(self) -> list[driver.Volume]:
        """All volumes, list of driver.Volume."""
        return self._all(lambda transport: transport.volumes)

    @property
    def ids(self) -> list[str]:
        """The ids of the volumes in Cinder, list of str."""
        return [volume.id for volume in self.volumes]

    @property
    def xag(self) -> list[str]:
        """Attribute groups of VIOS documents that the edits need, list."""
        return sorted({vios_mappings.SCSI_MAPPING, *self._all(
            lambda transport: transport.xag)})

    def _all(
            self,
            func: typing.Callable[[driver.VolumeTransport], typing.Iterable]
            ) -> list:
        """Return the results of a function for all transports, in one list."""
        return list(itertools.chain.from_iterable(
            map(func, self.transports)))

    # ---- before an operation -------------------------------------------

    def check_encryption(self) -> None:
        """Refuse volumes that the guest would see encrypted.

        :raises nova.exception.VolumeEncryptionNotSupported
        """
        for volume in self.volumes:
            volume.check_encryption()

    @property
    def needs_io_change(self) -> bool:
        """Whether connect() changes the adapters of the LPAR."""
        return any(transport.needs_io_change for transport in self.transports)

    @property
    def disconnect_changes_io(self) -> bool:
        """Whether disconnect() changes the adapters of an LPAR that stays."""
        return any(transport.disconnect_changes_io
                   for transport in self.transports)

    @property
    def can_be_copied(self) -> bool:
        """Whether VIOSes can map them to the management partition."""
        return all(transport.can_be_copied for transport in self.transports)

    # ---- connection ----------------------------------------------------

    def discover(self) -> dict[type, typing.Any]:
        """Make VIOSes see the volumes; see VolumeTransport.

        :returns: dict of class of a transport -> result of its discover(), for
            the other methods.
        """
        return {type(transport): transport.discover()
                for transport in self.transports}

    def check(self, discovered: dict[type, typing.Any]) -> None:
        """Check that all volumes can be connected; see VolumeTransport."""
        for transport in self.transports:
            transport.check(discovered[type(transport)])

    def missing(self,
                discovered: dict[type, typing.Any]) -> list[driver.Volume]:
        """Return the volumes that no VIOS sees; see VolumeTransport."""
        return self._all(lambda transport: transport.missing(
            discovered[type(transport)]))

    def connect(self, stg: transaction.StorageTransaction,
                discovered: dict[type, typing.Any],
                replaces: driver.Volume | None = None) -> None:
        """Queue the edits that connect the discovered volumes.

        :param stg: transaction.StorageTransaction
        :param discovered: the result of discover().
        :param replaces: driver.Volume that the only volume replaces, or None.
        """
        for transport in self.transports:
            transport.connect(stg, discovered[type(transport)],
                              replaces=replaces)

    def undo_connect(self, stg: transaction.StorageTransaction,
                     discovered: dict[type, typing.Any] | None = None) -> None:
        """Queue the edits that revert connect(); see VolumeTransport."""
        for transport in self.transports:
            transport.undo_connect(stg, (discovered or {}).get(
                type(transport)))

    def give_up(self) -> None:
        """Forget what was created for volumes that were not connected."""
        for transport in self.transports:
            transport.give_up()

    def disconnect(self, stg: transaction.StorageTransaction,
                   discovered: dict[type, typing.Any] | None = None,
                   server_going: bool = False) -> None:
        """Queue the edits that disconnect the volumes; see VolumeTransport."""
        for transport in self.transports:
            transport.disconnect(
                stg, (discovered or {}).get(type(transport)),
                server_going=server_going)

    def extend(self, size: int) -> None:
        """Make the instance see the new size; see VolumeTransport."""
        for transport in self.transports:
            for volume in transport.volumes:
                transport.extend(volume, size)

    def connect_now(self) -> None:
        """Connect the volumes at once, to undo their disconnection.

        If this fails for one volume, connect the others nevertheless.

        :raises nova.exception.VolumeAttachFailed: if a volume is not
            connected.
        :raises pypowervm.exceptions.Error: if a VIOS that is up refuses.
        """
        def connect(volumes: InstanceVolumes) -> None:
            discovered = volumes.discover()
            volumes.check(discovered)
            with transaction.StorageTransaction.immediate(
                    self.host, 'undo_disconnect_volumes',
                    xag=volumes.xag) as stg:
                volumes.connect(stg, discovered)

        self._together_or_each(connect)

    def disconnect_now(
            self, discovered: dict[type, typing.Any] | None = None) -> None:
        """Disconnect the volumes at once, to undo their connection.

        If this fails for one volume, disconnect the others nevertheless.

        :param discovered: the result of discover(); None if it failed.
        :raises pypowervm.exceptions.Error: if a VIOS that is up refuses.
        """
        def disconnect(volumes: InstanceVolumes) -> None:
            with transaction.StorageTransaction.immediate(
                    self.host, 'undo_connect_volumes',
                    xag=volumes.xag) as stg:
                volumes.undo_connect(stg, discovered)

        self._together_or_each(disconnect)

    def _together_or_each(
            self,
            func: typing.Callable[[InstanceVolumes], typing.Any]) -> None:
        """Call func with all volumes; if it fails, call it with each one."""
        try:
            func(self)
        except Exception as exc:
            parts = self._all(lambda transport: transport.split())
            if len(parts) <= 1:
                raise
            LOG.warning('Each volume is tried on its own, as not all could be '
                        'changed together: %s', exc)
            undoing.each(func, [
                InstanceVolumes(self.host, self.instance, [part])
                for part in parts])

    # ---- where the volumes are -----------------------------------------

    def addresses(
            self,
            discovered: dict[type, typing.Any]
            ) -> dict[str, device_addresses.DeviceAddress]:
        """Return where the connected volumes are; see VolumeTransport."""
        return {volume_id: address for transport in self.transports
                for volume_id, address in transport.addresses(
                    discovered[type(transport)]).items()}

    def client_slots(self,
                     vioses: typing.Iterable[pvm_vios.VIOS]) -> list[int]:
        """Return the slots that lead to the volumes; see VolumeTransport."""
        return self._all(lambda transport: transport.client_slots(vioses))

    def boot_paths(self, vioses: dict[str, pvm_vios.VIOS]) -> list[str | None]:
        """Return the firmware's names of the volumes; see VolumeTransport."""
        return self._all(lambda transport: transport.boot_paths(vioses))

    def devices(self, discovered: dict[type, typing.Any]) -> list:
        """Return what VIOSes see of the volumes that can be copied: list.

        Missing volumes are left out.

        :param discovered: the result of discover().
        :raises nova.exception.VolumeAttachFailed: see missing().
        """
        return self._all(lambda transport: transport.devices(
            discovered[type(transport)]) if transport.can_be_copied else [])

    # ---- live migration; see VolumeTransport for each --------------------

    @property
    def ways(self) -> list[str]:
        """VolumeTransport.NAME of each that has volumes: sorted list."""
        return sorted(transport.NAME for transport in self.transports
                      if transport.volumes)

    def are_behind(self, mapping: pvm_vios.VSCSIMapping) -> bool:
        """Whether the LPAR has one of them by a virtual SCSI mapping."""
        return any(transport.is_path(mapping)
                   for transport in self.transports)

    def describe_adapters(self, vioses: list[pvm_vios.VIOS]
                          ) -> dict[str, list]:
        """Describe the adapters of the LPAR: dict by VolumeTransport.NAME."""
        return {transport.NAME: transport.describe_adapters(vioses)
                for transport in self.transports}

    def prepare_target(self, described: dict[str, list],
                       pooled: typing.Collection[str]
                       ) -> dict[str, list[str]]:
        """Have VIOSes of the target see them: dict by VolumeTransport.NAME.

        :param described: what describe_adapters() has returned.
        """
        return {transport.NAME: transport.prepare_target(
            described.get(transport.NAME, []), pooled)
            for transport in self.transports}

    def note_departure(self, target: str) -> None:
        """Have Nova keep, on the source, that the server is on the target."""
        for transport in self.transports:
            transport.note_departure(target)

    def note_on_target(self, vioses: list[pvm_vios.VIOS] | None) -> None:
        """Have Nova keep where the server has them on the target."""
        for transport in self.transports:
            transport.note_on_target(vioses)

    def known_udids(self) -> dict[str, str]:
        """The UDIDs of those that VIOSes have as devices, by their ids."""
        return {volume_id: udid for transport in self.transports
                for volume_id, udid in transport.known_udids().items()}

    # ---- what Nova stores ----------------------------------------------

    def keep_connections(self) -> None:
        """Store in Nova how to reach the volumes, before they are attached."""
        for volume in self.volumes:
            device_addresses.keep_connection(self.instance, volume.id,
                                             volume.connection_info)

    def keep_addresses(self, discovered: dict[type, typing.Any],
                       are_all: bool = False) -> None:
        """Store the addresses of the connected volumes in Nova.

        :param discovered: the result of discover().
        :param are_all: whether the instance has no other volumes, so that
            other addresses are removed.
        """
        new = self.addresses(discovered)
        if are_all:
            new.update(dict.fromkeys(
                device_addresses.read(self.instance).keys() - set(self.ids)))
        device_addresses.keep(self.instance, new)

    def keep_expected_addresses(self) -> None:
        """Store the addresses of the volumes in Nova, before their connection.

        See VolumeTransport.expected_addresses().
        """
        device_addresses.keep(self.instance, {
            volume_id: address for transport in self.transports
            for volume_id, address in transport.expected_addresses().items()})

    def forget_addresses(self) -> None:
        """Remove the addresses of the volumes from Nova."""
        device_addresses.keep(self.instance, dict.fromkeys(self.ids))
