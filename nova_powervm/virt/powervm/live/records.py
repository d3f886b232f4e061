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

"""Nova's records of live migrations, by which the hosts know of each other.

While the target prepares itself, the record has the status for that. If
nova-compute on the source ends then, the next process finds this record. It
first writes into the record that the server runs, and then takes the migration
back. So the target, which may still prepare itself, learns that nobody waits
for it.
"""

from nova.compute import task_states
from nova import exception as nova_exc
from nova import objects
from nova.objects import fields

from nova_powervm.virt.powervm.live import attachments
from nova_powervm.virt.powervm import migration_status

# Tasks of a server that its source still waits with.
_MIGRATED = (task_states.MIGRATING, task_states.DELETING)


def take_over(migration):
    """Note that another process follows a migration (1 DB call).

    :param migration: nova.objects.Migration
    """
    migration.status = migration_status.LIVE_RUNNING
    migration.save()


def are_under_way(instance):
    """Return whether live migrations of a server have not ended (1 DB call).

    :param instance: nova.objects.Instance; its context may read what Nova has
        deleted.
    """
    return bool(objects.MigrationList.get_by_filters(instance._context, {
        'instance_uuid': instance.uuid,
        'migration_type': fields.MigrationType.LIVE_MIGRATION,
        'status': list(migration_status.LIVE_UNDER_WAY)}))


def check_is_awaited(host, instance, source_attachments):
    """Refuse a server whose source waits for it no longer (2 DB calls).

    The source has had Nova keep what it had of the volumes before. Meanwhile
    this host may have put its own data in the place of that again.

    If the source was down when Nova asked it to migrate the server, it does so
    after it has taken the migration back; then the server is not migrating.

    :param host: host.Host of the target.
    :param instance: nova.objects.Instance
    :param source_attachments: dict of volume id -> id of its attachment on
        the source; they are restored before it is refused.
    :raises nova.exception.MigrationPreCheckError:
    """
    found = objects.MigrationList.get_by_filters(instance._context, {
        'instance_uuid': instance.uuid,
        'migration_type': fields.MigrationType.LIVE_MIGRATION,
        'status': [migration_status.LIVE_PREPARING]})
    # The source itself finds out that somebody deletes the server.
    present = objects.Instance.get_by_uuid(
        instance._context.elevated(read_deleted='yes'), instance.uuid)
    if (host.nodename not in [migration.dest_compute for migration in found] or
            present.host not in (instance.host, None) or
            present.task_state not in _MIGRATED):
        attachments.restore(instance, source_attachments)
        raise nova_exc.MigrationPreCheckError(
            reason='nova-compute has started again on the source, and has '
            'taken the migration back')


def is_expected(host, instance):
    """Return whether Nova still has a server on its way here (1 DB call).

    A call of Nova may come late: its target was down meanwhile. The instance
    that comes with it is as old as the call. If the server is expected, it
    gets Nova's present system_metadata, which would be overwritten otherwise.

    :param host: host.Host of the target.
    :param instance: nova.objects.Instance, as the source has sent it.
    :returns: bool; True also if Nova has it here already.
    """
    try:
        present = objects.Instance.get_by_uuid(
            instance._context, instance.uuid,
            expected_attrs=['system_metadata'])
    except nova_exc.InstanceNotFound:
        return False
    if present.host != host.nodename and (
            present.host != instance.host or
            present.task_state not in _MIGRATED):
        return False
    instance.system_metadata = present.system_metadata
    instance.obj_reset_changes(['system_metadata'])
    return True
