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

"""Connect Cinder volumes to servers; each way is a transport.

TRANSPORTS is the registry. A new transport needs one module and one line here.
"""

from __future__ import annotations

import typing

from nova import exception as nova_exc
from nova import objects
from nova.virt import driver as virt_driver
from oslo_log import log as logging
from oslo_utils import importutils

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import host as powervm_host
from nova_powervm.virt.powervm.volume import driver
from nova_powervm.virt.powervm.volume import instance_volumes

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

_HERE = 'nova_powervm.virt.powervm.volume.'

#: Class paths of the transports.
TRANSPORTS = (
    _HERE + 'npiv.NpivTransport',
    _HERE + 'vscsi.VscsiTransport',
)


def _classes() -> list[type[driver.VolumeTransport]]:
    return [importutils.import_class(path) for path in TRANSPORTS]


def connector_properties(host: powervm_host.Host,
                         instance: objects.Instance) -> dict[str, typing.Any]:
    """Return the connector of an instance, by which Cinder exports volumes.

    The properties of all transports are merged, as os-brick does it with its
    connectors. The LPAR need not exist.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :returns: dict
    :raises FabricPortNotFound: if no port is free for an adapter (NPIV).
    :raises pypowervm.exceptions.Error: if the platform does not answer.
    """
    properties = {'ip': CONF.my_block_storage_ip, 'host': CONF.host,
                  'initiator': None,
                  'multipath': CONF.powervm.volume_use_multipath}
    for cls in _classes():
        properties.update(cls.connector_properties(host, instance))
    return properties


def check_connector(host: powervm_host.Host,
                    instance: objects.Instance) -> None:
    """Check that a host can tell the connector of an instance.

    Change nothing, neither on the platform nor in Nova.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :raises FabricPortNotFound: if no port is free for an adapter (NPIV).
    :raises pypowervm.exceptions.Error: if the platform does not answer.
    """
    for cls in _classes():
        cls.check_connector(host, instance)


def transport_class(
        instance: objects.Instance,
        connection_info: dict[str, typing.Any]
        ) -> type[driver.VolumeTransport]:
    """Find the class of the transport that serves a volume (no request).

    :param instance: nova.objects.Instance
    :param connection_info: dict of Cinder.
    :returns: subclass of driver.VolumeTransport
    :raises nova.exception.InvalidVolume: if no transport does.
    """
    classes = _classes()
    for cls in classes:
        if cls.serves(instance, connection_info):
            return cls
    raise exception.VolumeTypeNotSupported(
        transport=connection_info.get('driver_volume_type'),
        known=', '.join(sorted({cls.DRIVER_VOLUME_TYPE for cls in classes})))


def check_encryption(connection_info: dict[str, typing.Any],
                     encryption: dict | None = None) -> None:
    """Refuse a volume that the guest would see encrypted.

    :param connection_info: dict of Cinder.
    :param encryption: dict, Nova's data on its encryption, or None.
    :raises nova.exception.VolumeEncryptionNotSupported
    """
    driver.Volume(connection_info).check_encryption(encryption)


def build(host: powervm_host.Host, instance: objects.Instance,
          connection_info: dict[str, typing.Any],
          is_new: bool = False) -> instance_volumes.InstanceVolumes:
    """Return InstanceVolumes for an operation on one volume (no request).

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :param connection_info: dict of Cinder; transports write into its 'data'
        what Nova shall store with the volume.
    :param is_new: bool, whether the instance does not have the volume yet.
    :returns: instance_volumes.InstanceVolumes
    :raises nova.exception.InvalidVolume: if no transport serves its type, or
        its data is incomplete.
    """
    return _build(host, instance, [
        driver.Volume(connection_info, is_new=is_new)])


def build_all(host: powervm_host.Host, instance: objects.Instance,
              bdms: typing.Iterable[dict]) -> instance_volumes.InstanceVolumes:
    """Return the InstanceVolumes of an instance, the boot volume first.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :param bdms: list of nova.virt.block_device.DriverVolumeBlockDevice, such
        as block_device_info_get_mapping() returns. Those without
        connection_info, which were never attached, are left out.
    :returns: instance_volumes.InstanceVolumes
    :raises nova.exception.InvalidVolume: see build().
    """
    return _build(host, instance, _volumes(bdms))


def build_root(
        host: powervm_host.Host, instance: objects.Instance,
        bdms: typing.Iterable[dict]) -> instance_volumes.InstanceVolumes:
    """Return the InstanceVolumes with the boot volume of an instance.

    :param bdms: see build_all().
    :returns: instance_volumes.InstanceVolumes; without volumes if the instance
        boots from another disk.
    """
    return build_all(host, instance,
                     [bdm for bdm in bdms if _boot_index(bdm) == 0])


def build_for_removal(
        host: powervm_host.Host, instance: objects.Instance,
        bdms: typing.Iterable[dict]) -> instance_volumes.InstanceVolumes:
    """Return the InstanceVolumes of an instance to remove (no request).

    Leave out volumes that could never be attached. Include each transport that
    may have left something of the instance here, even if the instance no
    longer has a volume of this kind.

    :param bdms: see build_all().
    :returns: instance_volumes.InstanceVolumes
    """
    volumes = []
    for volume in _volumes(bdms):
        try:
            _build(host, instance, [volume])
        except nova_exc.InvalidVolume as exc:
            LOG.warning('There is nothing to disconnect: %s', exc,
                        instance=instance)
        else:
            volumes.append(volume)
    return _with_remains(_build(host, instance, volumes))


def build_for_migration(
        host: powervm_host.Host, instance: objects.Instance,
        bdms: typing.Iterable[dict]) -> instance_volumes.InstanceVolumes:
    """Make the InstanceVolumes of a server that is migrated live.

    A server without volumes may have the adapters that led to them.

    :param bdms: see build_all().
    :returns: instance_volumes.InstanceVolumes
    :raises nova.exception.InvalidVolume: see build().
    """
    return _with_remains(build_all(host, instance, bdms))


def _with_remains(found: instance_volumes.InstanceVolumes
                  ) -> instance_volumes.InstanceVolumes:
    """Add transports that may have something of a server without volumes."""
    served = set(map(type, found.transports))
    found.transports.extend(
        cls(found.host, found.instance, []) for cls in _classes()
        if cls not in served and cls.may_have_left(found.host,
                                                   found.instance))
    return found


def _volumes(bdms: typing.Iterable[dict]) -> list[driver.Volume]:
    return [driver.Volume(bdm['connection_info'], boot=_boot_index(bdm) == 0)
            for bdm in sorted(bdms, key=_boot_index)
            if bdm.get('connection_info')]


def _boot_index(bdm: dict) -> float:
    """Return a sort key; volumes from which nothing boots come last."""
    index = bdm.get('boot_index')
    return float('inf') if index is None or index < 0 else index


def _build(host: powervm_host.Host, instance: objects.Instance,
           volumes: list[driver.Volume]) -> instance_volumes.InstanceVolumes:
    by_class = {}
    for volume in volumes:
        by_class.setdefault(transport_class(
            instance, volume.connection_info), []).append(volume)
    return instance_volumes.InstanceVolumes(host, instance, [
        cls(host, instance, served) for cls, served in by_class.items()])


def devices(volumes: typing.Iterable[driver.Volume],
            block_device_info: dict | None) -> list[str]:
    """Return Nova's names of the devices of volumes, such as '/dev/sdb'.

    :param volumes: list of driver.Volume, or None.
    """
    ids = [volume.id for volume in volumes or ()]
    return [bdm['mount_device'] for bdm in
            virt_driver.block_device_info_get_mapping(block_device_info)
            if (bdm.get('connection_info') or {}).get('serial') in ids]
