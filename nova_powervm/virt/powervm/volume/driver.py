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

"""What the driver needs to know of a volume transport."""

import abc

from nova import exception as nova_exc

from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import vm


class VolumeConnector(abc.ABC):
    """Connects one Cinder volume to one server.

    Methods that take a StorageTransaction only queue edits on it. All of
    them may be called again after a failure half-way, and disconnect() for a
    volume that was never connected.

    :ivar missed: set of the UUIDs of VIOSes that were down and left out.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :param connection_info: dict of Cinder; what is to be kept with the volume
        is written into its 'data'.
    :param boot: bool, whether the server boots from it.
    :raises nova.exception.InvalidVolume: if the data is not complete.
    """

    #: The driver_volume_type of Cinder that it serves.
    DRIVER_VOLUME_TYPE = None
    #: Attribute groups of VIOS documents that the queued edits need.
    xag = (vios_mappings.SCSI_MAPPING,)
    #: places.Place of the volume, on each path; None if it is not known.
    place = None
    #: Whether the server does not have the volume yet, so that what is kept
    #: of a volume with its id is not what it is to be checked against.
    is_new = False
    #: Whether disconnect() changes the adapters of an LPAR that stays.
    disconnect_changes_io = True

    def __init__(self, host, instance, connection_info, boot=False):
        self.host = host
        self.instance = instance
        self.connection_info = connection_info
        self.boot = boot
        self.missed = set()

    @property
    def data(self):
        """The transport's data in connection_info, a dict."""
        return self.connection_info.setdefault('data', {})

    @property
    def volume_id(self):
        """Cinder's UUID of the volume, str."""
        return (self.connection_info.get('serial') or
                self.data.get('volume_id') or
                self.connection_info.get('volume_id'))

    @property
    def lpar_uuid(self):
        """The UUID of the server's LPAR, which need not exist, str."""
        return vm.get_pvm_uuid(self.instance)

    def check_encryption(self, encryption=None):
        """Refuse a volume that the guest would see encrypted.

        :param encryption: what Nova knows of it, a dict, or None.
        :raises nova.exception.VolumeEncryptionNotSupported
        """
        if encryption or self.data.get('encrypted'):
            raise nova_exc.VolumeEncryptionNotSupported(
                volume_type=self.connection_info.get('driver_volume_type'),
                volume_id=self.volume_id)

    @classmethod
    def serves(cls, instance, connection_info):
        """Whether a volume was, or is to be, attached in this way.

        :param instance: nova.objects.Instance
        :param connection_info: dict of Cinder.
        """
        return connection_info.get(
            'driver_volume_type') == cls.DRIVER_VOLUME_TYPE

    @classmethod
    def discover(cls, connectors):
        """Make VIOSes see volumes that are to be connected.

        :param connectors: list of connectors of this class.
        :raises nova.exception.VolumeAttachFailed: if too few see one, or if
            what they see is not the volume, or not the same one.
        """

    @classmethod
    def discover_what_is_there(cls, connectors):
        """Make VIOSes see volumes, as far as they do.

        :returns: list of the connectors whose volumes no VIOS sees.
        :raises nova.exception.VolumeAttachFailed: if nobody knows, or if one
            is not the volume that the server had.
        """
        cls.discover(connectors)
        return []

    @property
    def needs_io_change(self):
        """Whether connect() changes the adapters of the LPAR."""
        return True

    def expect_place(self):
        """Find out, before connect(), what ``place`` will be.

        The LPAR is new, and all volumes of the server are connected at once.
        """

    def client_slots(self, vioses):
        """Tell by which adapters the server's LPAR reaches the volume.

        Costs no request.

        :param vioses: list of VIOS wrappers, read with xag.
        :returns: list of int, virtual slots of the LPAR.
        """
        return []

    def give_up(self):
        """Forget what was made for a volume that is not connected at last.

        To be called if connect() was not, or after what takes it back.
        """

    @abc.abstractmethod
    def connect(self, stg):
        """Queue what connects the volume, which was discovered."""

    @abc.abstractmethod
    def disconnect(self, stg, server_going=False):
        """Queue what disconnects the volume.

        :param server_going: bool, whether the server is being removed, or
            leaves this host.
        """

    def undo_connect(self, stg):
        """Queue what takes back what connect() queued, and maybe did."""
        self.disconnect(stg)

    def boot_paths(self, vioses):
        """Tell by which names the firmware knows the volume (no request).

        :param vioses: dict of UUID -> VIOS wrapper, read with xag.
        :returns: list of str or None, see boot_path; one for each path.
        """
        return []

    @property
    def can_be_copied(self):
        """Whether VIOSes can show the volume to the management partition."""
        return False

    def replace(self, old, stg):
        """Queue what puts the volume, which was discovered, for another.

        :param old: connector of the same class, of the volume that goes.
        """
        old.disconnect(stg)
        self.connect(stg)

    @abc.abstractmethod
    def extend(self, size):
        """Make the server see that the volume has grown, on each path.

        :param size: int, bytes that it has now.
        :raises nova.exception.VolumeExtendFailed: if a VIOS that shows it to
            the server does not notice.
        """

    @classmethod
    def connector_properties(cls, host, instance):
        """Tell Cinder where to export new volumes of an instance.

        It is merged into what the other transports tell. The LPAR need not
        exist.

        :param host: the owner of the REST connection (host.Host).
        :param instance: nova.objects.Instance
        :returns: dict with keys of os-brick's connector properties; empty if
            new volumes of the instance do not come this way.
        """
        return {}

    @classmethod
    def may_have_left(cls, host, instance):
        """Whether an instance may have devices here without a volume.

        :param host: the owner of the REST connection (host.Host).
        :param instance: nova.objects.Instance
        """
        return False
