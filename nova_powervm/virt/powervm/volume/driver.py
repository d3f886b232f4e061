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

"""The interface between the driver and a volume transport."""

from __future__ import annotations

import abc
import typing

from nova import exception as nova_exc
from nova import objects
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.virt.powervm import host as powervm_host
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm.volume import device_addresses


class Volume:
    """A Cinder volume of an instance, as Nova passes it to the driver.

    :ivar connection_info: dict of Cinder. Transports write into its 'data'
        what Nova shall store with the volume.
    :ivar boot: bool, whether the instance boots from it.
    :ivar is_new: bool, whether the instance does not have the volume yet. In
        this case data that is stored under its id belongs to another volume.
    """

    def __init__(self, connection_info: dict[str, typing.Any],
                 boot: bool = False, is_new: bool = False) -> None:
        self.connection_info = connection_info
        self.boot = boot
        self.is_new = is_new

    @property
    def data(self) -> dict[str, typing.Any]:
        """The transport's data in connection_info, a dict."""
        return self.connection_info.setdefault('data', {})

    @property
    def id(self) -> str:
        """Cinder's UUID of the volume, str."""
        return typing.cast(str, (
            self.connection_info.get('serial') or
            self.data.get('volume_id') or
            self.connection_info.get('volume_id')))

    def check_encryption(self, encryption: dict | None = None) -> None:
        """Refuse a volume that the guest would see encrypted.

        :param encryption: dict, Nova's data on its encryption, or None.
        :raises nova.exception.VolumeEncryptionNotSupported
        """
        if encryption or self.data.get('encrypted'):
            raise nova_exc.VolumeEncryptionNotSupported(
                volume_type=self.connection_info.get('driver_volume_type'),
                volume_id=self.id)


class VolumeTransport(abc.ABC):
    """The volumes that an instance reaches in one way, for one operation.

    It is created for each operation, without a request. An operation calls, in
    this order:

    1. discover(), which makes VIOSes see the volumes, and returns what they
       see. The transport does not keep the result; the caller passes it to
       each of the other methods.
    2. check(), which raises if a volume cannot be connected; or missing(), if
       the other volumes are to be connected nevertheless.
    3. connect(), which queues edits on the transaction of the flow.
    4. execute() of the transaction, which makes the edits.
    5. addresses(), which returns where the instance has the volumes now.

    disconnect() needs no call before it. After a failure halfway, all methods
    may be called again, and disconnect() also for volumes that were never
    connected. A transport may remember what connect() has queued, so that
    undo_connect() reverts exactly that.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :param volumes: list of Volume, all of them served by this transport.
    :raises nova.exception.InvalidVolume: if Cinder's data on a volume is
        incomplete.
    """

    #: The driver_volume_type of Cinder that it serves.
    DRIVER_VOLUME_TYPE: str
    #: What the hosts of a live migration call it.
    NAME = ''
    #: Attribute groups of VIOS documents that the queued edits need.
    xag: tuple[str, ...] = (vios_mappings.SCSI_MAPPING,)
    #: Whether disconnect() changes the adapters of an LPAR that stays.
    disconnect_changes_io = True
    #: Whether VIOSes can map the volumes to the management partition, so that
    #: they can be copied, see devices().
    can_be_copied = False

    def __init__(self, host: powervm_host.Host, instance: objects.Instance,
                 volumes: list[Volume]) -> None:
        self.host = host
        self.instance = instance
        self.volumes = volumes

    @property
    def lpar_uuid(self) -> str:
        """The UUID of the instance's LPAR, which need not exist, str."""
        return vm.get_lpar_uuid(self.instance)

    # ---- volumes and connectors ----------------------------------------

    @classmethod
    def serves(cls, instance: objects.Instance,
               connection_info: dict[str, typing.Any]) -> bool:
        """Return whether a volume was, or is to be, attached in this way.

        :param instance: nova.objects.Instance
        :param connection_info: dict of Cinder.
        """
        return connection_info.get(
            'driver_volume_type') == cls.DRIVER_VOLUME_TYPE

    @classmethod
    def connector_properties(
            cls, host: powervm_host.Host,
            instance: objects.Instance) -> dict[str, typing.Any]:
        """Return this transport's part of an instance's connector for Cinder.

        It says where to export new volumes. The parts of all transports are
        merged. The LPAR need not exist.

        :param host: the owner of the REST connection (host.Host).
        :param instance: nova.objects.Instance
        :returns: dict with keys of os-brick's connector properties; empty if
            new volumes of the instance use another transport.
        """
        return {}

    @classmethod
    def check_connector(cls, host: powervm_host.Host,
                        instance: objects.Instance) -> None:
        """Check that connector_properties() would tell, and change nothing.

        :param host: the owner of the REST connection (host.Host).
        :param instance: nova.objects.Instance
        :raises nova.exception.NovaException: if it would not.
        :raises pypowervm.exceptions.Error: if the platform does not answer.
        """
        cls.connector_properties(host, instance)

    @classmethod
    def may_have_left(cls, host: powervm_host.Host,
                      instance: objects.Instance) -> bool:
        """Return whether an instance may have devices here without a volume.

        :param host: the owner of the REST connection (host.Host).
        :param instance: nova.objects.Instance
        """
        return False

    # ---- connection ----------------------------------------------------

    def discover(self) -> typing.Any:
        """Make VIOSes see the volumes.

        :returns: what they see, for the other methods; None if the transport
            discovers nothing.
        :raises nova.exception.InvalidVolume: if Cinder's data on a volume is
            invalid.
        :raises pypowervm.exceptions.Error: if nothing can be discovered.
        """

    def check(self, discovered: typing.Any) -> None:
        """Check that all volumes can be connected (no request).

        :param discovered: the result of discover().
        :raises nova.exception.VolumeAttachFailed: if too few VIOSes see a
            volume, or if they see another one instead.
        """

    def missing(self, discovered: typing.Any) -> list[Volume]:
        """Return the volumes that no VIOS sees (no request).

        :param discovered: the result of discover().
        :returns: list of Volume
        :raises nova.exception.VolumeAttachFailed: if that is unknown, or if
            VIOSes see another volume instead of one that the instance had.
        """
        return []

    def devices(self, discovered: typing.Any) -> list:
        """Return what VIOSes see of volumes that can be copied.

        Only a transport that can_be_copied implements this.

        :param discovered: the result of discover().
        :returns: list of objects for copying.VolumeCopier.
        :raises nova.exception.VolumeAttachFailed: see missing().
        """
        raise NotImplementedError()

    @property
    def needs_io_change(self) -> bool:
        """Whether connect() changes the adapters of the LPAR."""
        return True

    @abc.abstractmethod
    def connect(self, stg: transaction.StorageTransaction,
                discovered: typing.Any,
                replaces: Volume | None = None) -> None:
        """Queue the edits that connect the discovered volumes.

        :param stg: transaction.StorageTransaction
        :param discovered: the result of discover().
        :param replaces: Volume that the only volume replaces, or None.
        """

    def undo_connect(self, stg: transaction.StorageTransaction,
                     discovered: typing.Any = None) -> None:
        """Queue the edits that revert connect().

        The edits that connect() has queued may have been made, or not.

        :param stg: transaction.StorageTransaction
        :param discovered: the result of discover(); None if it failed.
        """
        self.disconnect(stg, discovered)

    def give_up(self) -> None:
        """Forget what was created for volumes that were not connected.

        Call this if connect() was not called, or after it was reverted.
        """

    @abc.abstractmethod
    def disconnect(self, stg: transaction.StorageTransaction,
                   discovered: typing.Any = None,
                   server_going: bool = False) -> None:
        """Queue the edits that disconnect the volumes.

        :param stg: transaction.StorageTransaction
        :param discovered: the result of discover() in the operation that this
            undoes; None in other operations.
        :param server_going: bool, whether the server is being removed, or
            leaves this host.
        """

    @abc.abstractmethod
    def extend(self, volume: Volume, size: int) -> None:
        """Make the instance see that a volume has grown, on each path.

        :param volume: Volume, one of its volumes.
        :param size: int, its new size in bytes.
        :raises nova.exception.VolumeExtendFailed: if a VIOS that maps it to
            the instance does not see the new size.
        """

    def split(self) -> list[VolumeTransport]:
        """Return transports that can be tried separately if this one fails."""
        return [type(self)(self.host, self.instance, [volume])
                for volume in self.volumes]

    # ---- where the volumes are -----------------------------------------

    def addresses(
            self,
            discovered: typing.Any
            ) -> dict[str, device_addresses.DeviceAddress]:
        """Return where the instance has the volumes that connect() connected.

        :param discovered: the result of discover().
        :returns: dict of volume id -> device_addresses.DeviceAddress; empty if
            the instance finds its volumes in another way.
        """
        return {}

    def expected_addresses(self) -> dict[str, device_addresses.DeviceAddress]:
        """Return, before connect(), what addresses() will return.

        Use this for a new LPAR, to which all volumes of the instance are
        connected at once.
        """
        return {}

    def client_slots(self,
                     vioses: typing.Iterable[pvm_vios.VIOS]) -> list[int]:
        """Return the slots that lead the LPAR to the volumes (no request).

        :param vioses: list of VIOS wrappers, read with xag.
        :returns: list of int, virtual slots of the LPAR.
        """
        return []

    def boot_paths(self, vioses: dict[str, pvm_vios.VIOS]) -> list[str | None]:
        """Return the firmware's names of the volumes (no request).

        :param vioses: dict of UUID -> VIOS wrapper, read with xag.
        :returns: list of str or None, see boot_path; one for each path.
        """
        return []

    # ---- live migration ------------------------------------------------

    def is_path(self, mapping: pvm_vios.VSCSIMapping) -> bool:
        """Whether the LPAR has one of the volumes by a mapping."""
        return False

    def describe_adapters(self, vioses: list[pvm_vios.VIOS]) -> list:
        """Describe the adapters of the LPAR on the source (no request).

        :param vioses: list of VIOS wrappers, read with xag.
        :returns: list that JSON can tell, for prepare_target().
        """
        return []

    def prepare_target(self, described: list,
                       pooled: typing.Collection[str]) -> list[str]:
        """Have the VIOSes of the target see the volumes, and map nothing.

        The platform makes the mappings. What departure.forget() removes is
        all that may be left of it.

        :param described: what describe_adapters() has returned.
        :param pooled: UUIDs of the VIOSes that have the Shared Storage Pool
            with disks of the server.
        :returns: list of str, which VIOS is to serve which adapter, for the
            job of the platform.
        :raises nova.exception.VolumeAttachFailed: if too few VIOSes see a
            volume, or if what they see is not the volume.
        """
        return []

    def note_departure(self, target: str) -> None:
        """Have Nova keep, on the source, that the server has left with them.

        :param target: Nova's name of the host that the server has moved to.
        """

    def note_on_target(self, vioses: list[pvm_vios.VIOS] | None) -> None:
        """Have Nova keep where the server has its volumes now.

        :param vioses: list of VIOS wrappers of the target, read with xag;
            None if they could not be read.
        """

    def known_udids(self) -> dict[str, str]:
        """Tell the UDIDs of the volumes that VIOSes have as devices.

        :returns: dict of volume id -> UDID, for departure.forget().
        """
        return {}
