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

"""How Cinder volumes reach servers: a transport for each way.

TRANSPORTS is the registry: a new transport takes one module and one line
here.
"""

import itertools

from nova import exception as nova_exc
from nova.virt import driver as virt_driver
from oslo_log import log as logging
from oslo_utils import importutils

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import undoing
from nova_powervm.virt.powervm.volume import places

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

_HERE = 'nova_powervm.virt.powervm.volume.'

#: Class paths of the transports.
TRANSPORTS = (
    _HERE + 'npiv.NpivConnector',
    _HERE + 'vscsi.VscsiConnector',
)


def _classes():
    return [importutils.import_class(path) for path in TRANSPORTS]


def connector_properties(host, instance):
    """Describe to Cinder where to export volumes of an instance.

    What each transport tells is merged, as the connectors of os-brick do it.
    The LPAR need not exist.

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


def _class_for(instance, connection_info):
    """The class of the transport that serves a volume.

    :raises nova.exception.InvalidVolume: if none does.
    """
    classes = _classes()
    for cls in classes:
        if cls.serves(instance, connection_info):
            return cls
    raise exception.VolumeTypeNotSupported(
        transport=connection_info.get('driver_volume_type'),
        known=', '.join(sorted({cls.DRIVER_VOLUME_TYPE for cls in classes})))


def build(host, instance, connection_info, boot=False):
    """Make the connector of one volume (no request).

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :param connection_info: dict of Cinder; connectors write into its 'data'
        what Nova is to keep with the volume.
    :param boot: bool, whether the server boots from it.
    :returns: volume.driver.VolumeConnector
    :raises nova.exception.InvalidVolume: if there is none for its type, or
        the data is not complete.
    """
    return _class_for(instance, connection_info)(
        host, instance, connection_info, boot=boot)


def build_all(host, instance, bdms):
    """Make the connectors of volumes, the boot volume first (no request).

    :param bdms: list of nova.virt.block_device.DriverVolumeBlockDevice, such
        as block_device_info_get_mapping() returns.
    :returns: list of VolumeConnector; those without connection_info, which
        were never attached, are left out.
    """
    return [build(host, instance, bdm['connection_info'],
                  boot=_boot_index(bdm) == 0)
            for bdm in sorted(bdms, key=_boot_index)
            if bdm.get('connection_info')]


def build_root(host, instance, bdms):
    """Make the connector of the volume that a server boots from.

    :param bdms: see build_all().
    :returns: list of VolumeConnector; empty if it boots from another disk.
    """
    return build_all(host, instance,
                     [bdm for bdm in bdms if _boot_index(bdm) == 0])


def build_leaving(host, instance, bdms):
    """Make the connectors of a server that is removed (no request).

    Volumes that could never be attached do not hinder that. A transport may
    have something of a server that has no volume by it now.

    :param bdms: see build_all().
    """
    connectors = []
    for bdm in bdms:
        try:
            connectors += build_all(host, instance, [bdm])
        except nova_exc.InvalidVolume as exc:
            LOG.warning('There is nothing to disconnect: %s', exc,
                        instance=instance)
    served = {type(connector) for connector in connectors}
    return connectors + [
        cls(host, instance, {}) for cls in _classes()
        if cls not in served and cls.may_have_left(host, instance)]


def keep_connection(instance, connector):
    """Have Nova keep how a volume is to be reached, before it is attached.

    :param connector: VolumeConnector
    """
    places.keep_connection(instance, connector.volume_id,
                           connector.connection_info)


def keep_places(instance, connectors, are_all=False):
    """Have Nova keep where the server has volumes that were connected.

    :param connectors: list of VolumeConnector
    :param are_all: whether the server has no other volumes; they are
        forgotten.
    """
    new = {vol.volume_id: vol.place for vol in connectors
           if vol.place is not None}
    if are_all:
        ids = {vol.volume_id for vol in connectors}
        new.update(dict.fromkeys(places.of(instance).keys() - ids))
    places.keep(instance, new)


def keep_swapped(instance, old, new):
    """Have Nova keep where the server has a volume that replaced another.

    Cinder gives it the id of the other when it has migrated that.

    :param old: VolumeConnector
    :param new: likewise
    """
    if new.place is not None:
        places.keep(instance, dict.fromkeys((old.volume_id, new.volume_id),
                                            new.place))


def forget_places(instance, connectors):
    """Let it be forgotten where the server had volumes."""
    places.keep(instance, {vol.volume_id: None for vol in connectors})


def devices(connectors, block_device_info):
    """Names by which Nova knows volumes, such as '/dev/sdb'.

    :param connectors: list of VolumeConnector, or None.
    """
    ids = [connector.volume_id for connector in connectors or ()]
    return [bdm['mount_device'] for bdm in
            virt_driver.block_device_info_get_mapping(block_device_info)
            if (bdm.get('connection_info') or {}).get('serial') in ids]


def _boot_index(bdm):
    """Sort key: volumes that nothing boots from come last."""
    index = bdm.get('boot_index')
    return float('inf') if index is None or index < 0 else index


def _by_class(connectors):
    for cls, group in itertools.groupby(
            sorted(connectors, key=lambda vol: type(vol).__name__), type):
        yield cls, list(group)


def discover(connectors):
    """Make VIOSes see volumes; those of one operation together.

    :param connectors: list of VolumeConnector
    :raises nova.exception.VolumeAttachFailed: if too few VIOSes see one.
    """
    for cls, group in _by_class(connectors):
        cls.discover(group)


def xag(connectors):
    """The attribute groups of VIOSes that the connectors' edits need."""
    groups = {vios_mappings.SCSI_MAPPING}
    for cls, _group in _by_class(connectors):
        groups.update(cls.xag)
    return sorted(groups)


def discover_what_is_there(connectors):
    """Make VIOSes see volumes, as far as they do.

    :returns: list of the connectors whose volumes no VIOS sees.
    :raises nova.exception.VolumeAttachFailed: if nobody knows.
    """
    bad = []
    for cls, group in _by_class(connectors):
        bad += cls.discover_what_is_there(group)
    return bad


def connect_now(host, connectors):
    """Connect volumes at once, to undo what disconnected them.

    If that fails for one, the others are connected nevertheless.

    :param host: the owner of the REST connection (host.Host).
    :param connectors: list of VolumeConnector
    :raises nova.exception.VolumeAttachFailed: if one is not connected.
    :raises pypowervm.exceptions.Error: if a VIOS that is up refuses.
    """
    def connect(vols):
        discover(vols)
        with transaction.StorageTransaction.immediate(
                host, 'undo_disconnect_volumes', xag=xag(vols)) as stg:
            for vol in vols:
                vol.connect(stg)

    _together_or_each(connect, connectors)


def disconnect_now(host, connectors):
    """Disconnect volumes at once, to undo what connected them.

    If that fails for one, the others are disconnected nevertheless.

    :param host: the owner of the REST connection (host.Host).
    :param connectors: list of VolumeConnector
    :raises pypowervm.exceptions.Error: if a VIOS that is up refuses.
    """
    def disconnect(vols):
        with transaction.StorageTransaction.immediate(
                host, 'undo_connect_volumes', xag=xag(vols)) as stg:
            for vol in vols:
                vol.undo_connect(stg)

    _together_or_each(disconnect, connectors)


def _together_or_each(func, connectors):
    """Call func with all connectors; with each alone if that fails."""
    try:
        func(connectors)
    except Exception as exc:
        if len(connectors) == 1:
            raise
        LOG.warning('Each volume is tried on its own, as not all could be '
                    'changed together: %s', exc)
        undoing.each(lambda vol: func([vol]), connectors)
