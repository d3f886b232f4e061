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

"""What Nova's database has of servers, read in few and plain statements.

Histories look at all servers before and after each step. Objects of Nova cost
a dozen statements each.
"""

import json
import typing

from nova.db.main import api as main_db_api
import sqlalchemy

_ONE = sqlalchemy.text(
    'SELECT vm_state, task_state, host, image_ref, instance_type_id '
    'FROM instances WHERE uuid = :uuid AND deleted = 0')
_ALL = sqlalchemy.text(
    'SELECT uuid, vm_state, task_state, power_state, host, memory_mb, vcpus '
    'FROM instances WHERE deleted = 0')
_VOLUMES = sqlalchemy.text(
    'SELECT volume_id, boot_index, connection_info '
    'FROM block_device_mapping WHERE instance_uuid = :uuid AND deleted = 0 '
    "AND destination_type = 'volume' ORDER BY id")

#: The last move of a kind of each server that is not where it was to go.
_CUT_OFF = sqlalchemy.text(
    'SELECT last.instance_uuid, last.dest_compute FROM migrations AS last '
    'JOIN instances ON instances.uuid = last.instance_uuid '
    'WHERE last.migration_type = :kind AND last.id = ('
    'SELECT MAX(id) FROM migrations '
    'WHERE instance_uuid = last.instance_uuid AND migration_type = :kind) '
    'AND instances.host != last.dest_compute')


#: Hosts of live migrations that have not ended, as far as Nova knows.
_UNDER_WAY = sqlalchemy.text(
    'SELECT source_compute, dest_compute FROM migrations '
    "WHERE migration_type = 'live-migration' AND status NOT IN "
    "('completed', 'failed', 'error', 'cancelled')")

_KEPT_IDS = sqlalchemy.text(
    'SELECT value FROM instance_system_metadata '
    'WHERE instance_uuid = :uuid AND key = :key AND deleted = 0')


class Volume(typing.NamedTuple):
    """A volume of a server.

    :ivar number: int
    :ivar is_root: bool, whether the server boots from it
    :ivar is_connected: bool, whether Nova has noted how it is connected
    """

    number: int
    is_root: bool
    is_connected: bool


class Look(typing.NamedTuple):
    """What Nova has of a server.

    :ivar status: str, see server.Server.status
    :ivar host: Nova's name of its host, or None
    :ivar has_image: bool, whether it boots from a disk of ours
    :ivar flavor_id: int
    :ivar volumes: list of Volume, also those that are not connected
    """

    status: str
    host: typing.Optional[str]
    has_image: bool
    flavor_id: int
    volumes: list


_GONE = Look('gone', None, False, 0, [])


def look(uuid):
    """Look at a server: Look.

    :param uuid: str
    """
    with main_db_api.get_engine().connect() as connection:
        row = connection.execute(_ONE, {'uuid': uuid}).first()
        if row is None:
            return _GONE
        volumes = [
            Volume(int(found.volume_id[-2:]), found.boot_index == 0,
                   bool(json.loads(found.connection_info or '{}')))
            for found in connection.execute(_VOLUMES, {'uuid': uuid})]
    status = row.vm_state + (', ' + row.task_state if row.task_state else '')
    return Look(status, row.host, bool(row.image_ref), row.instance_type_id,
                volumes)


def instances():
    """List the rows of all servers that Nova has.

    :returns: list of rows with uuid, vm_state, task_state, power_state, host,
        memory_mb and vcpus
    """
    with main_db_api.get_engine().connect() as connection:
        return list(connection.execute(_ALL))


def moves_cut_off(kind):
    """List moves after which Nova has the server where it was before.

    :param kind: str, 'evacuation' or 'live-migration'
    :returns: list of rows with instance_uuid and dest_compute, also of
        servers that Nova has deleted since then
    """
    with main_db_api.get_engine().connect() as connection:
        return list(connection.execute(_CUT_OFF, {'kind': kind}))


def moves_under_way():
    """List (source, target), Nova's names of hosts, of live migrations.

    Those of servers that Nova has deleted meanwhile are among them.
    """
    with main_db_api.get_engine().connect() as connection:
        return [tuple(row) for row in connection.execute(_UNDER_WAY)]


def kept_ids(uuid, host):
    """The partition IDs that Nova keeps of a server on a host: set of int.

    :param uuid: str
    :param host: Nova's name of the host
    """
    with main_db_api.get_engine().connect() as connection:
        kept = connection.execute(_KEPT_IDS, {
            'uuid': uuid, 'key': 'powervm_lpar_id_' + host}).scalar()
    return {int(lpar_id) for lpar_id in (kept or '').split(',') if lpar_id}
