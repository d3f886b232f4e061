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

"""Which logical units of a pool are a server's: names of LUs may repeat.

The UDID of each LU that is made for a server is kept in its system_metadata,
with the pool that it is in. That is forgotten before another LU is made in
its place: if nova-compute ends then, the name alone counts, as it does for
the servers of earlier versions. Several LUs of one name, and none of them
kept, are left alone.

An LU that cannot be deleted, as a VIOS that is down may have it mapped, is
kept apart when another takes its place: it is the server's, and has to go.
"""

import typing

from nova import exception as nova_exc
from oslo_log import log as logging

from nova_powervm.virt.powervm import exception

LOG = logging.getLogger(__name__)

#: Followed by the name of the LU; the value is the pool's UUID and the UDID.
KEY = 'powervm_lu_'
# Followed by the UDID of an LU that has to go; the value is its name.
_DOOMED = 'powervm_old_lu_'
#: In place of the pool, once the LU has been deleted.
_GONE = '-'


class Kept(typing.NamedTuple):
    """What is kept of an LU.

    :ivar pool: UUID of its pool; '-' once it has been deleted.
    """

    pool: str
    udid: str


def kept(metadata, name):
    """What is kept of an LU: Kept, or None.

    :param metadata: dict, system_metadata of its server.
    :param name: str, its name.
    """
    value = (metadata or {}).get(KEY + name)
    return Kept(*value.split()) if value else None


def keep(instance, lus, pool_uuid):
    """Have Nova keep LUs that have been made for a server.

    :param lus: wrappers of them, or what has their name and udid.
    """
    _write(instance, {KEY + lu_w.name: '%s %s' % (pool_uuid, lu_w.udid)
                      for lu_w in lus})


def keep_doomed(instance, lus):
    """Have Nova keep LUs that have to go, and cannot be deleted yet."""
    _write(instance, {_DOOMED + lu_w.udid: lu_w.name for lu_w in lus})


def doomed(metadata, names=None):
    """LUs that have to go: dict of UDID -> name.

    :param metadata: dict, system_metadata of their server.
    :param names: collection of the names to look for; None means any.
    """
    return {key.removeprefix(_DOOMED): name
            for key, name in (metadata or {}).items()
            if key.startswith(_DOOMED) and (names is None or name in names)}


def forget_doomed(instance, udids):
    """Forget LUs that had to go, and are gone."""
    keys = {_DOOMED + udid for udid in udids} & set(instance.system_metadata)
    _write(instance, dict.fromkeys(keys))


def forget(instance, names):
    """Forget LUs, before others of these names are made."""
    keys = {KEY + name for name in names} & instance.system_metadata.keys()
    _write(instance, dict.fromkeys(keys))


def note_deleted(instance, names):
    """Keep that LUs are gone: what has their names now is somebody else's."""
    _write(instance, {
        KEY + name: '%s %s' % (_GONE, found.udid) for name in names
        for found in [kept(instance.system_metadata, name)] if found})


def _write(instance, new):
    metadata = instance.system_metadata
    if all(metadata.get(key) == value
           for key, value in new.items()):
        return
    for key, value in new.items():
        metadata.pop(key, None)
        if value is not None:
            metadata[key] = value
    try:
        instance.save()
    except nova_exc.InstanceNotFound:
        LOG.info('Nova has deleted the server meanwhile.', instance=instance)


def lost(instance, names, pool_uuid):
    """Those names of which the server certainly has LUs in a pool: list."""
    found = {name: kept(instance.system_metadata, name) for name in names}
    return [name for name, unit in found.items()
            if unit is not None and unit.pool == pool_uuid]


def own(found, metadata, name, mapped=()):
    """Choose the LUs of a server among those of one name.

    :param found: list of Unit, or of LUEnt wrappers, with that name.
    :param metadata: dict, system_metadata of the server.
    :param mapped: UDIDs of what was mapped to the server until now.
    :returns: list; one at most, if nothing else was mapped. Those that have
        to go are not among them.
    :raises DiskNameAmbiguous: if there are several, and none is known.
    """
    old = doomed(metadata, [name])
    found = [lu_w for lu_w in found if lu_w.udid not in old]
    unit = kept(metadata, name)
    udids = {*mapped, *([unit.udid] if unit else ())}
    known = [lu_w for lu_w in found if lu_w.udid in udids]
    if known or unit is not None:
        return known
    if len(found) > 1:
        raise exception.DiskNameAmbiguous(
            name=name, udids=', '.join(sorted(lu_w.udid for lu_w in found)))
    return list(found)


def to_delete(found, metadata, name, mapped=()):
    """Choose those to delete; those that are ambiguous stay, which is logged.

    See own(). Those that could not be deleted before are among them.
    """
    old = doomed(metadata, [name])
    chosen = [lu_w for lu_w in found if lu_w.udid in old]
    try:
        return chosen + own(found, metadata, name, mapped)
    except exception.DiskNameAmbiguous as exc:
        LOG.warning('Logical units named %(name)s stay in the pool: %(error)s',
                    {'name': name, 'error': exc})
        return chosen
