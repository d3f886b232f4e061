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

"""Where a server finds its volumes, and what they are, for good.

What is written into connection_info is lost when Nova reads the attachment
anew, as for a resize or a reboot. So the logical unit address (LUA) and the
UDID of each volume are kept in the server's system_metadata, which goes with
it to other hosts.
"""

import typing

from nova import exception as nova_exc
from nova import objects
from oslo_serialization import jsonutils

#: Where transports keep the UDID of a volume in connection_info['data'].
UDID_KEY = 'target_UDID'

_KEY = 'powervm_volume_'
# A volume that a VIOS may still have, as it was down when the server let go of
# it: UDID -> volume id, which a volume that replaces it takes over. It stays
# with the server: it is of use only if a device with it is there.
_MISSED_KEY = 'powervm_missed_'


class DeviceAddress(typing.NamedTuple):
    """Where a volume is: its LUA, and the UDID of what is there."""

    lua: str
    udid: str


def read(instance):
    """Where the volumes of a server are, or shall be (no request).

    :returns: dict of volume id -> DeviceAddress
    """
    metadata = getattr(instance, 'system_metadata', None) or {}
    return {key[len(_KEY):]: DeviceAddress(*value.split())
            for key, value in metadata.items() if key.startswith(_KEY)}


def udid_of(instance, volume):
    """Tell the UDID of a volume of an instance (no request).

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

    :param volume_id: the volume that is not meant.
    :returns: its id in Cinder; None if the server has no such volume.
    """
    strange = _strange(instance)
    return next((other for other, address in read(instance).items()
                 if address.udid == udid and other != volume_id and
                 other not in strange), None)


def keep(instance, new):
    """Have Nova keep where volumes are.

    Those that it does not know as the server's any more are forgotten, such
    as the id that a volume had before it took the place of another.

    :param new: dict of volume id -> DeviceAddress; None to forget the volume.
    """
    kept = read(instance)
    if all(kept.get(volume_id) == address
           for volume_id, address in new.items()):
        return
    fresh = _save_fresh(instance, lambda fresh: _write(
        fresh, {**dict.fromkeys(_strange(fresh)), **new}))
    if fresh is not None:
        _write(instance, {**dict.fromkeys(kept), **read(fresh)})


def _save_fresh(instance, change):
    """Change what Nova has of a server by now, and save it.

    A request that Nova sent while another one was at work comes with what was
    there before that.

    :param change: called with the fresh Instance.
    :returns: the fresh Instance; None if Nova has deleted the server.
    """
    try:
        fresh = objects.Instance.get_by_uuid(
            instance._context, instance.uuid,
            expected_attrs=['system_metadata'])
        change(fresh)
        fresh.save()
    except nova_exc.InstanceNotFound:
        return None
    return fresh


def keep_connection(instance, volume_id, connection_info):
    """Have Nova keep how a volume is to be reached, before it is looked for.

    Nova itself saves that after the volume was attached. If nova-compute ends
    before that, nothing else tells whose the devices are that VIOSes have
    found. With it, they go when Nova deletes the server or detaches the
    volume. What Nova has saved already is left alone.

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
    """Have Nova keep that a VIOS may still have a volume of a server.

    Of a volume that another one has replaced Nova keeps nothing else.
    """
    key = _MISSED_KEY + udid
    if key not in instance.system_metadata:
        note(instance, {key: volume_id})


def note(instance, notes):
    """Have Nova keep notes in a server's system_metadata.

    :param notes: dict of key -> str; None to forget it.
    """
    if not notes:
        return

    def write(target):
        for key, value in notes.items():
            target.system_metadata.pop(key, None)
            if value is not None:
                target.system_metadata[key] = value

    write(instance)
    _save_fresh(instance, write)


def missed(instance):
    """UDIDs of volumes that VIOSes may still have of a server: set."""
    return {key[len(_MISSED_KEY):] for key in instance.system_metadata
            if key.startswith(_MISSED_KEY)}


def _strange(instance):
    """Ids of volumes that are kept though the server has them no more."""
    attached = objects.BlockDeviceMappingList.get_by_instance_uuid(
        instance._context, instance.uuid)
    return read(instance).keys() - {bdm.volume_id for bdm in attached}


def _write(instance, new):
    for volume_id, address in new.items():
        instance.system_metadata.pop(_KEY + volume_id, None)
        if address is not None:
            instance.system_metadata[_KEY + volume_id] = ' '.join(address)
