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

"""Settle the live migrations that a killed nova-compute was following.

Nova's own start calls a server ACTIVE on its source, and cleans up nothing.
The LPAR may have arrived on the target meanwhile. So the driver finds out
where it is, and has Nova's manager do what its thread would have done. Nova
offers no other way to that than private methods of the manager; if a future
Nova lacks them, it does what it does without this module.
"""

from nova.compute import task_states
from nova import objects
from nova.objects import fields
from nova.objects import migrate_data as nova_data
from oslo_log import log as logging

from nova_powervm.virt.powervm.actions import runner
from nova_powervm.virt.powervm.flows import (
    live_migration as flow_live_migration)
from nova_powervm.virt.powervm.live import attachments
from nova_powervm.virt.powervm.live import data
from nova_powervm.virt.powervm.live import outcome
from nova_powervm.virt.powervm.live import records
from nova_powervm.virt.powervm import move
from nova_powervm.virt.powervm import utils

LOG = logging.getLogger(__name__)


class Settling:
    """Ends live migrations from this host when nova-compute starts.

    :param services: services.Services
    """

    def __init__(self, services):
        self._services = services

    def settle(self, context, instances):
        """End the live migrations of some servers.

        It waits until the platform has ended each, and aborts those that it
        can.

        :param instances: nova.objects.InstanceList of this host.
        :returns: nova.objects.InstanceList of those that are still here.
        """
        still_here = [instance for instance in instances
                      if instance.task_state != task_states.MIGRATING or
                      not self._has_moved(context, instance)]
        self._clean_up(context, {instance.uuid for instance in still_here})
        return objects.InstanceList(context, objects=still_here)

    def _has_moved(self, context, instance):
        migration = self._find(context, instance)
        manager = getattr(self._services.virtapi, '_compute', None)
        if migration is None or not all(hasattr(manager, name) for name in (
                '_post_live_migration_update_host',
                '_rollback_live_migration')):
            return False
        LOG.warning('nova-compute has ended while the server was migrated to '
                    '%s; finding out where it is.', migration.dest_compute,
                    instance=instance)
        records.take_over(migration)
        end = outcome.confirm(context, instance, migration.dest_compute,
                              self._services.migrations.settle(instance))
        LOG.info('The migration has ended: the outcome is %r.', end.value,
                 instance=instance)
        try:
            if end is outcome.Outcome.MOVED:
                self._finish(manager, context, instance, migration)
                self._services.config_drive.delete_everywhere(instance)
            elif end in (outcome.Outcome.STAYED, outcome.Outcome.LOST):
                # If it is lost, a hard reboot creates its LPAR again, and
                # needs the volumes as they were here.
                self._roll_back(manager, context, instance, migration)
        except Exception:
            LOG.exception('The migration could not be ended in Nova.',
                          instance=instance)
        return end is outcome.Outcome.MOVED

    def _clean_up(self, context, known):
        """End migrations of servers that Nova has on this host no longer.

        Nova has deleted such a server meanwhile, or its target has it already.
        Nobody else removes what it has left here. If the server has been moved
        again since then, only the record is left to be ended.

        :param known: set of the UUIDs of Nova's servers that are still here.
        """
        context = context.elevated(read_deleted='yes')
        for migration in objects.MigrationList.get_by_filters(context, {
                'source_compute': self._services.host.nodename,
                'migration_type': fields.MigrationType.LIVE_MIGRATION,
                'status': list(move.UNDER_WAY)}):
            if migration.instance_uuid not in known:
                later = _later(context, migration)
                utils.try_to(
                    'clean up after the migration of server %s' %
                    migration.instance_uuid,
                    *(_end_record, migration, later) if later else
                    (self._clean_up_after, context, migration))

    def _clean_up_after(self, context, migration):
        instance = objects.Instance.get_by_uuid(context,
                                                migration.instance_uuid)
        end = self._services.migrations.settle(instance)
        LOG.warning('nova-compute has ended while the server was migrated to '
                    '%(target)s. Nova has no such server on this host any '
                    'more; it has %(end)s.', {
                        'target': migration.dest_compute, 'end': end.value},
                    instance=instance)
        if end is outcome.Outcome.MOVED:
            runner.run(flow_live_migration.unplug_at_source(
                self._services, instance, instance.get_network_info()),
                instance)
            runner.run(flow_live_migration.clean_source(
                self._services, instance), instance)
            self._services.config_drive.delete_everywhere(instance)
        if end is not outcome.Outcome.UNKNOWN:
            migration.status = ('completed' if
                                instance.host == migration.dest_compute
                                else 'error')
            migration.save()

    def _find(self, context, instance):
        """The nova.objects.Migration that is under way, or None."""
        found = objects.MigrationList.get_by_filters(context, {
            'instance_uuid': instance.uuid,
            'migration_type': fields.MigrationType.LIVE_MIGRATION,
            'status': list(move.UNDER_WAY)})
        return max((migration for migration in found
                    if migration.source_compute == instance.host),
                   key=lambda migration: migration.id, default=None)

    def _finish(self, manager, context, instance, migration):
        if manager.rt.pci_tracker is None:
            # Nova looks at its resources at the end of its start only.
            manager.update_available_resource(context, startup=True)
        manager._post_live_migration_update_host(
            context, instance, migration.dest_compute,
            migrate_data=_data(instance, migration),
            source_bdms=self._source_bdms(manager, context, instance,
                                          is_known=True))

    def _roll_back(self, manager, context, instance, migration):
        manager._rollback_live_migration(
            context, instance, migration.dest_compute,
            migrate_data=_data(instance, migration),
            migration_status='failed',
            source_bdms=self._source_bdms(manager, context, instance))

    @staticmethod
    def _source_bdms(manager, context, instance, is_known=False):
        """What Nova had of the volumes before: BlockDeviceMappingList.

        :param is_known: whether to leave out volumes of which that is not
            known: what Nova has of them is the target's.
        """
        known = attachments.read(instance)
        found = attachments.source_bdms(context, instance, manager.volume_api)
        return found if not is_known else objects.BlockDeviceMappingList(
            objects=[bdm for bdm in found if bdm.is_volume and
                     bdm.attachment_id == known.get(bdm.volume_id)])


def _later(context, migration):
    """Return the nova.objects.Migrations of the server since then: list."""
    return [found for found in objects.MigrationList.get_by_filters(
        context, {'instance_uuid': migration.instance_uuid})
        if found.id > migration.id]


def _end_record(migration, later):
    """End the record of a migration, as later ones tell how it has ended."""
    first = min(later, key=lambda found: found.id)
    migration.status = ('completed' if
                        first.source_compute == migration.dest_compute
                        else 'error')
    migration.save()


def _data(instance, migration):
    """What Nova's manager had of the migration: live.data.MigrateData."""
    found = data.build({})
    found.migration = migration
    found.vifs = nova_data.VIFMigrateData.create_skeleton_migrate_vifs(
        instance.get_network_info())
    return found
