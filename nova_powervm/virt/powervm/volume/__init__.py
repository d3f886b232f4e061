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

"""How Cinder volumes reach servers: a connector for each transport.

VOLUME_CONNECTORS is the registry: a transport that Cinder knows by its
driver_volume_type takes one module and one line here.

Fibre Channel has two connectors. [powervm] fc_attach_strategy chooses one for
a server that has no volumes yet. A server that has some keeps to the one that
it has them by, and each volume is handled by the connector that attached it:
the UDID that is kept of a volume tells of virtual SCSI, and so does an export
to other initiators than the WWPNs which the server was given for NPIV.
"""

import itertools

from nova import exception as nova_exc
from nova.virt import driver as virt_driver
from oslo_log import log as logging
from oslo_utils import importutils

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import former
from nova_powervm.virt.powervm import storage
from nova_powervm.virt.powervm import undoing
from nova_powervm.virt.powervm.volume import fabrics
from nova_powervm.virt.powervm.volume import luns
from nova_powervm.virt.powervm.volume import npiv
from nova_powervm.virt.powervm.volume import places

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

_HERE = 'nova_powervm.virt.powervm.volume.'

#: driver_volume_type of Cinder -> class path, or a dict of class paths by the
#: values of [powervm] fc_attach_strategy.
VOLUME_CONNECTORS = {
    'fibre_channel': {
        'vscsi': _HERE + 'vscsi.VscsiConnector',
        'npiv': _HERE + 'npiv.NpivConnector',
    },
}


def fibre_channel_class(instance=None):
    """Return the class that connects new volumes of a server (no request).

    :param instance: nova.objects.Instance; None for one without volumes.
    """
    strategy = CONF.powervm.fc_attach_strategy.lower()
    if instance is not None and places.of(instance):
        strategy = 'vscsi'
    elif fabrics.known_to(instance):
        strategy = 'npiv'
    return importutils.import_class(
        VOLUME_CONNECTORS['fibre_channel'][strategy])


def _strategy_of(instance, connection_info):
    """How a Fibre Channel volume was, or is to be, attached: str."""
    data = connection_info.get('data') or {}
    if (data.get(places.UDID_KEY) or
            connection_info.get('serial') in places.of(instance)):
        return 'vscsi'
    exported = luns.initiators(data)
    if not exported:
        return 'npiv' if fabrics.known_to(instance) else 'vscsi'
    own = {luns.plain(wwpn) for wwpn in fabrics.wwpns_of(instance)}
    return 'vscsi' if exported.isdisjoint(own) else 'npiv'


def is_by_npiv(instance, connection_info):
    """Whether a volume was, or is to be, attached by NPIV (no request).

    :param connection_info: dict of Cinder; empty if Nova has none yet.
    """
    transport = connection_info.get('driver_volume_type', 'fibre_channel')
    return (transport == 'fibre_channel' and
            _strategy_of(instance, connection_info) == 'npiv')


def _class_for(instance, connection_info):
    transport = connection_info.get('driver_volume_type')
    found = VOLUME_CONNECTORS.get(transport)
    if found is None:
        raise exception.VolumeTypeNotSupported(
            transport=transport, known=', '.join(sorted(VOLUME_CONNECTORS)))
    if isinstance(found, dict):
        found = found[_strategy_of(instance, connection_info)]
    return importutils.import_class(found)


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

    Volumes that could never be attached do not hinder that, and a server
    that once had adapters of its own for volumes may have no volume now. If
    it was evacuated from this host, Nova may have forgotten its WWPNs by now;
    that its partition id here is kept tells that it had adapters.

    :param bdms: see build_all().
    """
    connectors = []
    for bdm in bdms:
        try:
            connectors += build_all(host, instance, [bdm])
        except nova_exc.InvalidVolume as exc:
            LOG.warning('There is nothing to disconnect: %s', exc,
                        instance=instance)
    had_adapters = (fabrics.known_to(instance) or
                    former.kept_ids(instance, host.nodename))
    if had_adapters and not any(
            isinstance(vol, npiv.NpivConnector) for vol in connectors):
        connectors.append(npiv.NpivConnector(host, instance, {}))
    return connectors


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
    groups = {storage.SCSI_MAPPING}
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
        with storage.StorageTransaction.immediate(
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
        with storage.StorageTransaction.immediate(
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
