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

"""Choose a server's logical units in a pool, where names may be ambiguous.

Several LUs may have one name. The driver stores the UDID of each LU that it
creates for a server in the server's system_metadata, with the UUID of the
pool. It removes this record before it replaces the LU by another one. If
nova-compute ends at this moment, only the name counts, as for servers of
earlier versions. If several LUs have the name and none of them is on record,
the driver leaves them alone.

If the driver cannot delete an LU, because a VIOS that is down may map it, and
replaces it by another one, it stores the old LU separately, to delete it
later.
"""

import typing

from nova import context as nova_context
from nova import exception as nova_exc
from nova import objects
from oslo_log import log as logging

from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import server_notes

LOG = logging.getLogger(__name__)

#: Prefix; the name of the LU follows. The value is the pool's UUID and the
#: UDID.
KEY = 'powervm_lu_'
# Prefix; the UDID of an LU to delete follows. The value is its name.
_PENDING = 'powervm_old_lu_'
#: Replaces the UUID of the pool once the LU is deleted.
_GONE = '-'


class Kept(typing.NamedTuple):
    """The record of an LU.

    :ivar pool: UUID of its pool; '-' once the LU is deleted.
    """

    pool: str
    udid: str


def kept(metadata, name):
    """Return the record of an LU, Kept, or None.

    :param metadata: dict, system_metadata of its server.
    :param name: str, its name.
    """
    value = (metadata or {}).get(KEY + name)
    return Kept(*value.split()) if value else None


def keep(instance, lus, pool_uuid):
    """Store LUs that were created for a server.

    :param lus: their wrappers, or objects with name and udid.
    """
    _write(instance, {KEY + lu_w.name: '%s %s' % (pool_uuid, lu_w.udid)
                      for lu_w in lus})


def keep_pending(instance, lus):
    """Store LUs that have to be deleted later."""
    _write(instance, {_PENDING + lu_w.udid: lu_w.name for lu_w in lus})


def pending(metadata, names=None):
    """Return the LUs that have to be deleted: dict of UDID -> name.

    :param metadata: dict, system_metadata of their server.
    :param names: collection of the names to look for; None means any.
    """
    return {key.removeprefix(_PENDING): name
            for key, name in (metadata or {}).items()
            if key.startswith(_PENDING) and (names is None or name in names)}


def forget_pending(instance, udids):
    """Remove the records of LUs that have been deleted."""
    keys = {_PENDING + udid for udid in udids} & set(instance.system_metadata)
    _write(instance, dict.fromkeys(keys))


def forget(instance, names):
    """Remove the records of LUs before creating others with their names."""
    keys = {KEY + name for name in names} & instance.system_metadata.keys()
    _write(instance, dict.fromkeys(keys))


def note_deleted(instance, names, deleted):
    """Record that LUs are deleted; others with their names are not ours.

    :param names: their names, and maybe others.
    :param deleted: the deleted ones; some may have had no record.
    """
    udids = {unit.name: unit.udid for unit in deleted}
    udids.update({name: found.udid for name in names
                  for found in [kept(instance.system_metadata, name)]
                  if found})
    _write(instance, {KEY + name: '%s %s' % (_GONE, udid)
                      for name, udid in udids.items()})


def _write(instance, new):
    metadata = instance.system_metadata
    if all(metadata.get(key) == value
           for key, value in new.items()):
        return
    server_notes.apply(instance, new)
    try:
        server_notes.save(instance)
    except nova_exc.InstanceNotFound:
        LOG.info('Nova has deleted the server meanwhile.', instance=instance)


def read_owner(instance_uuid):
    """Read a server from Nova's database (1 DB call).

    :returns: nova.objects.Instance with its system_metadata; None if Nova has
        deleted it.
    """
    try:
        return objects.Instance.get_by_uuid(
            nova_context.get_admin_context(), instance_uuid,
            expected_attrs=['system_metadata'])
    except nova_exc.InstanceNotFound:
        return None


def has(metadata, name, udid):
    """Return whether a server has an LU.

    :param metadata: dict, system_metadata of the server.
    :returns: bool; None if there is no record of an LU with that name.
    """
    unit = kept(metadata, name)
    if udid in pending(metadata, [name]):
        return False
    return unit and unit.pool != _GONE and unit.udid == udid


def recorded(instance, names, pool_uuid):
    """Return the UDIDs of the server's LUs of some names: dict of name -> str.

    Names without a record are missing. A UDID is None if the server has no LU
    of the name any more.

    :returns: dict; None if the records do not tell: the server has none, as
        those of earlier versions, or has one of another pool.
    """
    metadata = instance.system_metadata
    if not any(key.startswith(KEY) for key in metadata):
        return None
    found = {name: unit for name in names
             for unit in [kept(metadata, name)] if unit}
    if any(unit.pool not in (pool_uuid, _GONE) for unit in found.values()):
        return None
    return {name: unit.udid if has(metadata, name, unit.udid) else None
            for name, unit in found.items()}


def lost(instance, names, pool_uuid):
    """Return those names whose LUs the server certainly has: list."""
    found = {name: kept(instance.system_metadata, name) for name in names}
    return [name for name, unit in found.items()
            if unit is not None and unit.pool == pool_uuid]


def own(found, metadata, name, mapped=()):
    """Choose the LUs of a server among LUs with one name.

    :param found: list of Unit, or of LUEnt wrappers, with that name.
    :param metadata: dict, system_metadata of the server.
    :param mapped: UDIDs of the LUs that were mapped to the server until now.
    :returns: list, with one LU at most unless several were mapped. It does not
        contain LUs that have to be deleted.
    :raises DiskNameAmbiguous: if there are several, and none is on record.
    """
    old = pending(metadata, [name])
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
    """Choose the LUs to delete, see own(). Keep and log ambiguous LUs.

    The result includes LUs that could not be deleted before.
    """
    old = pending(metadata, [name])
    chosen = [lu_w for lu_w in found if lu_w.udid in old]
    try:
        return chosen + own(found, metadata, name, mapped)
    except exception.DiskNameAmbiguous as exc:
        LOG.warning('Logical units named %(name)s stay in the pool: %(error)s',
                    {'name': name, 'error': exc})
        return chosen
