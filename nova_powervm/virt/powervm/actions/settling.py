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

nova-compute takes no requests before its start has ended. So the start waits
for a limited time. A thread goes on with what has not ended by then. Meanwhile
Nova's users may do something else with the server, so the thread looks at
Nova's records again before it ends the migration there.

Nova's record of the migration tells what is to be settled. Somebody may have
reset the state of the server: its LPAR may be on the target nevertheless.
"""

import contextlib
import functools
import threading

from nova.compute import task_states
from nova import exception as nova_exc
from nova import objects
from nova.objects import fields
from nova.objects import migrate_data as nova_data
from oslo_log import log as logging

from nova_powervm.virt.powervm.actions import runner
from nova_powervm.virt.powervm import elsewhere
from nova_powervm.virt.powervm.flows import (
    live_migration as flow_live_migration)
from nova_powervm.virt.powervm.live import attachments
from nova_powervm.virt.powervm.live import data
from nova_powervm.virt.powervm.live import outcome
from nova_powervm.virt.powervm.live import records
from nova_powervm.virt.powervm.live import running
from nova_powervm.virt.powervm import migration_status
from nova_powervm.virt.powervm import move
from nova_powervm.virt.powervm import server_notes
from nova_powervm.virt.powervm import utils

LOG = logging.getLogger(__name__)


#: Seconds for which the start of nova-compute waits, for all migrations.
START_SECONDS = 60
# What Nova's manager has to have.
_METHODS = ('_post_live_migration_update_host', '_reset_live_migration',
            '_rollback_live_migration')
# What Nova's start reads of a server (source: nova.compute.manager).
_READ = ('info_cache', 'metadata', 'system_metadata', 'numa_topology',
         'flavor')


class Settling:
    """Ends live migrations from this host when nova-compute starts.

    :param services: services.Services
    :param live: live_migrations.LiveMigrations
    :param ongoing: operations.Operations of the driver.
    """

    def __init__(self, services, live, ongoing):
        self._services = services
        self._live = live
        self._ongoing = ongoing

    def settle(self, context, instances):
        """End the live migrations of some servers.

        It aborts those that it can. If the platform has not ended one within
        START_SECONDS, a thread waits for it. Until then the server is
        migrating in Nova.

        :param instances: nova.objects.InstanceList of this host.
        :returns: nova.objects.InstanceList of those that are still here, and
            for which no thread waits.
        """
        until = self._services.migrations.deadline(START_SECONDS)
        under_way = {record.instance_uuid: record for record in sorted(
            self._under_way(context), key=lambda record: record.id)}
        known, settled = set(), []
        for instance in instances:
            end = self._settle(context, instance,
                               under_way.get(instance.uuid), until)
            if end is not outcome.Outcome.MOVED:
                known.add(instance.uuid)
                if end is not None:
                    settled.append(instance)
        self._clean_up(context, known, until)
        return objects.InstanceList(context, objects=settled)

    def _settle(self, context, instance, record, until):
        """End the live migration of a server, if there is one.

        :param record: nova.objects.Migration that is under way, or None.
        :returns: outcome.Outcome, STAYED without one; None if a thread waits.
        """
        manager = getattr(self._services.virtapi, '_compute', None)
        if record is None or not all(hasattr(manager, name)
                                     for name in _METHODS):
            return outcome.Outcome.STAYED
        if self._is_superseded(context, instance, record):
            _end_superseded(instance, record, _later(context, record))
            return outcome.Outcome.STAYED
        if not _claim(instance):
            return outcome.Outcome.STAYED
        LOG.warning('nova-compute has ended while the server was migrated to '
                    '%s; finding out where it is.', record.dest_compute,
                    instance=instance)
        records.take_over(record)
        if not elsewhere.is_up(context, record.dest_compute):
            LOG.warning('nova-compute on %s is down: Nova would wait for it '
                        'when the migration has ended. So a thread ends it.',
                        record.dest_compute, instance=instance)
            until = None
        return self._end(instance, until, functools.partial(
            self._conclude, manager, context, instance, record))

    def _end(self, instance, until, conclude):
        """End one migration, or have a thread end it.

        :param until: as RunningMigrations.deadline() returns it; None to have
            a thread end it at once.
        :param conclude: what to do then: function of live.running.Migration,
            outcome.Outcome, and whether nova-compute has started meanwhile;
            it returns an Outcome.
        :returns: what conclude() has returned; None if a thread waits.
        """
        with contextlib.ExitStack() as block:
            migration = block.enter_context(
                self._services.migrations.one(instance))
            try:
                if until is not None:
                    return conclude(migration, migration.settle(until), False)
            except running.NotYet:
                LOG.warning('The live migration of the server cannot be '
                            'ended yet. nova-compute starts now; the server '
                            'is migrating until a thread has ended the '
                            'migration.', instance=instance)
            start_thread(functools.partial(
                _go_on, block.pop_all(), migration, instance, conclude,
                self._ongoing))
            return None

    def _conclude(self, manager, context, instance, record, migration, end,
                  is_late):
        """Have Nova do what follows on the end of a migration.

        :raises live.running.NotYet: if Nova does something with the server, or
            does not know the resources of this host yet.
        """
        if is_late:
            instance = _read(context, instance.uuid)
            if self._has_left(context, instance, record):
                return self._conclude_what_has_left(
                    context, instance, record, migration, end)
            _take_back(instance, migration)
        end = outcome.confirm(context, instance, record.dest_compute, end)
        LOG.info('The migration has ended: the outcome is %r.', end.value,
                 instance=instance)
        if end is outcome.Outcome.MOVED:
            _have_resources(manager, context, instance)
        try:
            if end is not outcome.Outcome.UNKNOWN:
                # If it is lost, a hard reboot creates its LPAR again, and
                # needs the volumes as they were here.
                migrate_data = _data(instance, record)
                self._live.conclude(
                    instance, migration, end, migrate_data, record,
                    lambda: self._finish(manager, context, instance, record,
                                         migrate_data),
                    lambda: self._roll_back(manager, context, instance,
                                            record, migrate_data))
            elif is_late:
                _reset(manager, context, instance)
        except Exception:
            LOG.exception('The migration could not be ended in Nova.',
                          instance=instance)
        return end

    def _clean_up(self, context, known, until):
        """End migrations of servers that Nova has on this host no longer.

        Nova has deleted such a server meanwhile, or its target has it already.
        Nobody else removes what it has left here. If the server has been moved
        again since then, only the record is left to be ended.

        :param known: set of the UUIDs of Nova's servers that are still here.
        """
        context = context.elevated(read_deleted='yes')
        for migration in self._under_way(context):
            if migration.instance_uuid not in known:
                utils.try_to(
                    'clean up after the migration of server %s' %
                    migration.instance_uuid, self._clean_up_after, context,
                    migration, until)

    def _clean_up_after(self, context, record, until):
        instance = _read(context, record.instance_uuid)
        later = _later(context, record)
        if later:
            _end_superseded(instance, record, later)
            return
        LOG.warning('nova-compute has ended while the server was migrated to '
                    '%s. Nova has no such server on this host any more.',
                    record.dest_compute, instance=instance)
        self._end(instance, until, functools.partial(
            self._conclude_without_nova, context, instance, record))

    def _conclude_without_nova(self, context, instance, record, migration,
                               end, is_late):
        LOG.info('The migration has ended: the outcome is %r.', end.value,
                 instance=instance)
        if end is outcome.Outcome.MOVED:
            runner.run(flow_live_migration.unplug_at_source(
                self._services, instance, instance.get_network_info()),
                instance)
            runner.run(flow_live_migration.clean_source(
                self._services, instance), instance)
            self._services.config_drive.delete_everywhere(instance)
        if end is not outcome.Outcome.UNKNOWN:
            if instance.deleted and end is not outcome.Outcome.STAYED:
                # If it has stayed, its LPAR has these volumes: whoever
                # removes the server deletes the attachments then.
                attachments.delete_unused(instance)
            record.status = ('completed' if
                             instance.host == record.dest_compute
                             else 'error')
            record.save()
        return end

    def _under_way(self, context):
        """Nova's records of migrations from here: MigrationList."""
        return objects.MigrationList.get_by_filters(context, {
            'source_compute': self._services.host.nodename,
            'migration_type': fields.MigrationType.LIVE_MIGRATION,
            'status': list(migration_status.LIVE_UNDER_WAY)})

    def _is_superseded(self, context, instance, record):
        """Whether another move has brought the server to this host since."""
        return record.dest_compute not in move.possible_targets(
            context, instance, self._services.host.nodename)

    def _has_left(self, context, instance, record):
        """Whether Nova has the server elsewhere, or had it since then."""
        return (instance.deleted or
                instance.host != self._services.host.nodename or
                self._is_superseded(context, instance, record))

    def _conclude_what_has_left(self, context, instance, record, migration,
                                end):
        """End the migration of a server that went its own way meanwhile."""
        later = _later(context, record)
        if later:
            LOG.info('The migration is over, as another one has moved the '
                     'server since then.', instance=instance)
            _end_superseded(instance, record, later)
            return end
        return self._conclude_without_nova(context, instance, record,
                                           migration, end, True)

    def _finish(self, manager, context, instance, record, migrate_data):
        manager._post_live_migration_update_host(
            context, instance, record.dest_compute,
            migrate_data=migrate_data, source_bdms=self._source_bdms(
                manager, context, instance, is_known=True))
        self._services.config_drive.delete_everywhere(instance)

    def _roll_back(self, manager, context, instance, record, migrate_data):
        manager._rollback_live_migration(
            context, instance, record.dest_compute,
            migrate_data=migrate_data, migration_status='failed',
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


def start_thread(function):
    """Run a function without arguments in a thread of its own."""
    threading.Thread(target=function, name='powervm-settling',
                     daemon=True).start()


def _go_on(block, migration, instance, conclude, ongoing):
    """Wait for the end of a migration in a thread.

    The driver does not end while Nova is told about it.

    :param block: context manager, which ends with the migration.
    :param migration: live.running.Migration
    :param conclude: see Settling._end().
    :param ongoing: operations.Operations of the driver.
    """
    with block:
        try:
            while not _has_concluded(migration, conclude, ongoing):
                migration.pause()
        except (running.Interrupted, nova_exc.VirtDriverNotReady):
            LOG.info('The next start of nova-compute ends the migration.',
                     instance=instance)
        except Exception:
            LOG.exception('The migration could not be ended.',
                          instance=instance)


def _has_concluded(migration, conclude, ongoing):
    """Wait for the end of a migration; return whether Nova knows it now."""
    end = migration.settle()
    try:
        with ongoing.one('end of a live migration'):
            conclude(migration, end, True)
    except running.NotYet:
        return False
    return True


def _read(context, uuid):
    """Read a server, which Nova may have deleted: nova.objects.Instance."""
    return objects.Instance.get_by_uuid(
        context.elevated(read_deleted='yes'), uuid, expected_attrs=_READ)


def _claim(instance):
    """Have Nova call a server migrating, also if its state has been reset.

    :returns: bool; False if Nova does something else with it.
    """
    if instance.task_state is None:
        LOG.warning('Somebody has reset the state of the server, and its live '
                    'migration has not ended.', instance=instance)
        instance.task_state = task_states.MIGRATING
        server_notes.save(instance, expected_task_state=[None])
    return instance.task_state == task_states.MIGRATING


def _take_back(instance, migration):
    """Have Nova call a server migrating, unless it is deleted.

    :raises live.running.NotYet: if Nova does something else with it.
    """
    if (instance.task_state == task_states.DELETING and
            migration.is_given_up):
        return
    try:
        is_claimed = _claim(instance)
    except nova_exc.UnexpectedTaskStateError:
        is_claimed = False
    if not is_claimed:
        raise running.NotYet()


def _have_resources(manager, context, instance):
    """Have Nova look at the resources of this host, if it never has.

    Its start does so at the end only, and logs failures. Nova cannot complete
    a migration before.

    :raises live.running.NotYet: if it fails.
    """
    if manager.rt.pci_tracker is None:
        manager.update_available_resource(context, startup=True)
    if manager.rt.pci_tracker is None:
        LOG.warning('Nova cannot complete the migration before it knows the '
                    'resources of this host.', instance=instance)
        raise running.NotYet()


def _reset(manager, context, instance):
    """Do with a server what Nova's start does: end its migration in Nova.

    Somebody may have done so meanwhile.
    """
    present = objects.Instance.get_by_uuid(context, instance.uuid)
    if present.task_state == task_states.MIGRATING:
        manager._reset_live_migration(context, present)


def _later(context, migration):
    """Return the nova.objects.Migrations of the server since then: list."""
    return [found for found in objects.MigrationList.get_by_filters(
        context, {'instance_uuid': migration.instance_uuid})
        if found.id > migration.id]


def _end_superseded(instance, migration, later):
    """End the record of a migration, as later ones tell how it has ended."""
    if not any(found.migration_type == fields.MigrationType.LIVE_MIGRATION
               for found in later):
        # What is kept of attachments is of this migration.
        utils.try_to('delete attachments that nobody uses',
                     attachments.delete_unused, instance)
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
