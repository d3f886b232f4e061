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

"""Store the addresses and UDIDs of a server's volumes with the server.

Data in connection_info is lost when Nova reads the attachment again, for
example for a resize or a reboot. So the logical unit address (LUA) and the
UDID of each volume are stored in the server's system_metadata, which moves
with the server to other hosts.
"""

import typing

from nova import exception as nova_exc
from nova import objects
from oslo_serialization import jsonutils

from nova_powervm.virt.powervm import server_notes

#: Key of a volume's UDID in connection_info['data'].
UDID_KEY = 'target_UDID'

_KEY = 'powervm_volume_'
# Prefix for a volume that a VIOS may still have, because the VIOS was down
# when the volume was disconnected from the server: UDID -> volume id. A volume
# that replaces it takes over this id. The record stays with the server; it
# matters only if a device with this UDID exists.
_MISSED_KEY = 'powervm_missed_'


class DeviceAddress(typing.NamedTuple):
    """The address of a volume: its LUA, and the UDID of the device there."""

    lua: str
    udid: str


def read(instance):
    """Return the present or planned addresses of a server's volumes.

    Needs no request.

    :returns: dict of volume id -> DeviceAddress
    """
    metadata = getattr(instance, 'system_metadata', None) or {}
    return {key[len(_KEY):]: DeviceAddress(*value.split())
            for key, value in metadata.items() if key.startswith(_KEY)}


def udids(instance):
    """Return the UDIDs of the volumes of a server (no request).

    :returns: dict of volume id -> str
    """
    return {volume_id: address.udid for volume_id, address in
            read(instance).items()}


def udid_of(instance, volume):
    """Return the UDID of a volume of an instance (no request).

    :param volume: driver.Volume
    :returns: str; None if it was never connected.
    """
    udid = volume.data.get(UDID_KEY)
    if udid or volume.is_new:
        return udid
    kept = read(instance).get(volume.id)
    return kept and kept.udid


def volume_with(instance, udid, volume_id):
    """Find another volume of a server by its UDID (no request, 1 DB call).

    :param volume_id: id of the volume to ignore.
    :returns: its id in Cinder; None if the server has no such volume.
    """
    strange = _strange(instance)
    return next((other for other, address in read(instance).items()
                 if address.udid == udid and other != volume_id and
                 other not in strange), None)


def keep(instance, new):
    """Store the addresses of volumes in Nova.

    Also forget volumes that Nova no longer has as the server's, such as the id
    that a volume had before it replaced another one.

    :param new: dict of volume id -> DeviceAddress; None to forget the volume.
    """
    kept = read(instance)
    if all(kept.get(volume_id) == address
           for volume_id, address in new.items()):
        return
    server_notes.change(instance, lambda found: _write(
        found, {**dict.fromkeys(_strange(found)), **new}))


def keep_connection(instance, volume_id, connection_info):
    """Store in Nova how to reach a volume, before VIOSes discover it.

    Nova itself stores this only after the attachment. If nova-compute ends
    before that, no other record says whose the discovered devices are. With
    this record they are removed when Nova deletes the server or detaches the
    volume. If Nova has a record already, leave it unchanged.

    :param connection_info: dict of Cinder.
    """
    try:
        bdm = objects.BlockDeviceMapping.get_by_volume_and_instance(
            instance._context, volume_id, instance.uuid)
    except nova_exc.VolumeBDMNotFound:
        return
    if not bdm.connection_info:
        bdm.connection_info = jsonutils.dumps(connection_info)
        bdm.save()


def keep_missed(instance, volume_id, udid):
    """Store in Nova that a VIOS may still have a volume of a server.

    If another volume has replaced this one, Nova has no other record of it.
    """
    key = _MISSED_KEY + udid
    if key not in instance.system_metadata:
        server_notes.note(instance, {key: volume_id})


def missed(instance):
    """Return UDIDs of volumes that VIOSes may still have of a server: set."""
    return {key[len(_MISSED_KEY):] for key in instance.system_metadata
            if key.startswith(_MISSED_KEY)}


def _strange(instance):
    """Return ids of stored volumes that the server no longer has."""
    attached = objects.BlockDeviceMappingList.get_by_instance_uuid(
        instance._context, instance.uuid)
    return read(instance).keys() - {bdm.volume_id for bdm in attached}


def _write(instance, new):
    server_notes.apply(instance, {
        _KEY + volume_id: address and ' '.join(address)
        for volume_id, address in new.items()})
