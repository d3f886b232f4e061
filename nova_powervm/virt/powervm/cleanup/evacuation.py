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


"""Power off servers that an interrupted evacuation has left running."""

from nova.compute import task_states
from nova import context as nova_context
from nova import exception as nova_exc
from nova import objects
from nova.objects import fields
from oslo_log import log as logging
from pypowervm.wrappers import base_partition as pvm_bp

from nova_powervm.virt.powervm import host_record
from nova_powervm.virt.powervm import migration_status
from nova_powervm.virt.powervm import power_jobs
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)


def stop_unfinished(host, snapshot):
    """Power off servers that were being evacuated to this host.

    If nova-compute ends while it evacuates a server to this host, Nova keeps
    the server on its old host. When the old host comes back, both hosts would
    write to the server's disks. The LPAR here keeps its devices. The next
    evacuation to this host replaces it, or Nova deletes it. An LPAR that no
    evacuation has made stays on.

    :param host: the owner of the REST connection (host.Host), connected.
    :param snapshot: platform_snapshot.PlatformSnapshot
    """
    on = {lpar_w.uuid.upper() for lpar_w in snapshot.lpars
          if lpar_w.state != pvm_bp.LPARState.NOT_ACTIVATED}
    for instance in _instances(host.nodename):
        if vm.get_lpar_uuid(instance) not in on:
            continue
        LOG.warning('The evacuation of the server to this host did not end. '
                    'Nova has it on host %s; it is powered off here.',
                    instance.host, instance=instance)
        try:
            power_jobs.PowerOp(host, instance).stop(immediate=True)
        except nova_exc.NovaException:
            LOG.exception('The server could not be powered off. It must not '
                          'run on two hosts: power it off by hand.',
                          instance=instance)


def _instances(nodename):
    """Return servers on other hosts whose LPAR here an evacuation has made."""
    context = nova_context.get_admin_context()
    migrations = {}
    for migration in objects.MigrationList.get_by_filters(context, {
            'host': nodename,
            'migration_type': fields.MigrationType.EVACUATION,
            'status': list(migration_status.EVACUATION_UNFINISHED)}):
        if migration.dest_compute == nodename:
            migrations.setdefault(migration.instance_uuid, []).append(
                migration)
    if not migrations:
        return []
    return [instance for instance in objects.InstanceList.get_by_filters(
        context, {'uuid': sorted(migrations), 'deleted': False},
        expected_attrs=['system_metadata'])
        if instance.host != nodename and
        instance.task_state != task_states.MIGRATING and
        any(host_record.was_made_by(instance, migration) and
            not _has_come_live(context, instance, migration)
            for migration in migrations[instance.uuid])]


def _has_come_live(context, instance, evacuation):
    """Return whether a later live migration may have brought the LPAR.

    Nova may not know how it has ended.
    """
    return any(
        migration.id > evacuation.id and
        migration.dest_compute == evacuation.dest_compute
        for migration in objects.MigrationList.get_by_filters(context, {
            'instance_uuid': instance.uuid,
            'migration_type': fields.MigrationType.LIVE_MIGRATION})
        if not migration_status.is_over(migration))
