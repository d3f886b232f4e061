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

"""Move running servers to another host, and take them in.

Where the LPAR is decides what is done, see live.outcome. What Nova calls after
the move raises nothing that a hard reboot can repair: Nova would leave out the
rest, and put a server that runs well into ERROR.
"""

import contextlib
import typing

from nova import exception as nova_exc
from nova import objects
from oslo_concurrency import lockutils
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import base_partition as pvm_bp

from nova_powervm.virt.powervm.actions import runner
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.flows import (
    live_migration as flow_live_migration)
from nova_powervm.virt.powervm.flows import spawn as flow_spawn
from nova_powervm.virt.powervm.live import attachments
from nova_powervm.virt.powervm.live import checks
from nova_powervm.virt.powervm.live import data
from nova_powervm.virt.powervm.live import job
from nova_powervm.virt.powervm.live import outcome
from nova_powervm.virt.powervm.live import processors
from nova_powervm.virt.powervm.live import records
from nova_powervm.virt.powervm.live import running
from nova_powervm.virt.powervm.live import vnics
from nova_powervm.virt.powervm import move
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm.volume import wwpns

LOG = logging.getLogger(__name__)

# What is raised if the server is on no host that is known.
_NOWHERE: dict[outcome.Outcome, typing.Any] = {
    outcome.Outcome.UNKNOWN: exception.LiveMigrationUnknown,
    outcome.Outcome.LOST: exception.LiveMigrationLost}
#: Seconds that the deletion of a server waits for its migration to end.
_GIVE_UP_SECONDS = 600


class LiveMigrations:
    """Performs this host's part of live migrations.

    :param services: services.Services
    """

    def __init__(self, services):
        self._services = services

    # ---- checks, which change nothing -----------------------------------

    def check_as_target(self, instance, block_migration):
        """Check whether a server may come to this host.

        :param block_migration: whether its disks are to be copied, or None.
        :returns: live.data.MigrateData for the source.
        :raises nova.exception.MigrationPreCheckError: if it may not.
        """
        checks.check_not_left(self._services.host, instance)
        with _checking():
            target = checks.describe_target(self._services.host)
        return data.build({'target': target,
                           'block_migration': bool(block_migration)})

    def check_as_source(self, instance, migrate_data, block_device_info):
        """Check whether a server can leave this host.

        :param migrate_data: live.data.MigrateData of the target.
        :returns: live.data.MigrateData, with what the target has to know.
        :raises nova.exception.MigrationPreCheckError: if it cannot.
        :raises nova.exception.InvalidLocalStorage: if its disks are to be
            copied.
        """
        content = data.read(migrate_data)
        if self._services.migrations.has(instance):
            # An earlier process has begun it, and somebody has reset the
            # state of the server.
            raise nova_exc.MigrationPreCheckError(
                reason='an earlier live migration of the server has not ended')
        checks.check_block_migration(content['block_migration'])
        own_disks = flow_spawn.own_disk_types(block_device_info)
        with _checking():
            checks.check_console(self._services.host,
                                 content['target'].get('console'))
            content['console'] = checks.find_console(self._services.host)
            if self._services.migrations.are_under_way:
                # What is known of the system does not count them.
                self._services.host.get_system()
            check = checks.SourceCheck(
                self._services.host, self._services.disk, instance,
                content['target'])
            content['switches'] = check.check(own_disks, block_device_info)
            content['adapters'] = check.adapters
            content['pool'], content['vnics'] = check.pool, check.vnics
            content['public_key'] = self._services.keys.own()
        content['disks'] = (self._services.disk.get_info() if own_disks
                            else None)
        data.write(migrate_data, content)
        return migrate_data

    def check_source_at_target(self, migrate_data):
        """Check what the source has told.

        :returns: live.data.MigrateData
        :raises nova.exception.MigrationPreCheckError: if the server cannot
            come.
        """
        host, content = self._services.host, data.read(migrate_data)
        reason = checks.why_not_here(self._services.disk, content['disks'])
        if reason:
            raise nova_exc.MigrationPreCheckError(reason=reason)
        with _checking():
            checks.check_console(host, content.get('console'))
            content['pool_id'] = processors.find_pool_id(host,
                                                         content['pool'])
            vnics.check_room(host, content['vnics'])
        data.write(migrate_data, content)
        return migrate_data

    # ---- the target -----------------------------------------------------

    def prepare(self, instance, network_info, block_device_info,
                migrate_data):
        """Prepare this host for a server.

        :param network_info: nova.network.model.NetworkInfo of the source.
        :param block_device_info: of this host; what is found out of a volume
            is written into it, for Nova to keep.
        :returns: live.data.MigrateData
        """
        runner.log_operation('pre_live_migration', instance)
        content = data.read(migrate_data)
        with self._lock(instance):
            self._services.volumes.expect(instance)
            found = runner.run(flow_live_migration.prepare(
                self._services, instance,
                _ports(network_info, migrate_data), content['public_key'],
                content['switches'], block_device_info, content['adapters'],
                data.attachments(migrate_data)), instance)
        content['vlans'] = found['vlans']
        content['served_by'] = found.get('served_by', {})
        data.write(migrate_data, content)
        return migrate_data

    def finish_on_target(self, context, instance, network_info,
                         block_device_info):
        """Complete a server that has moved to this host. Never raises.

        If this host was down when Nova asked for it, Nova may have the server
        on another host by now. Then nothing is done.
        """
        self._services.volumes.expect_no_more(instance)
        if not records.is_expected(self._services.host, instance):
            LOG.warning('The server was to be completed after its live '
                        'migration, but Nova has it on another host now.',
                        instance=instance)
            return
        self._try('complete', lambda: flow_live_migration.finish_on_target(
            self._services, context, instance, network_info,
            block_device_info), instance)

    def roll_back_at_target(self, instance, network_info, migrate_data):
        """Remove what prepare() made, unless the server is here.

        Nova does not wait for that, so the server may have come to this host
        meanwhile, or may be coming. Then it stays: prepare() replaces what it
        finds, and so does the next start of nova-compute. Never raises.

        :param migrate_data: live.data.MigrateData, or None.
        """
        # Somebody may have removed the key of the source.
        self._services.keys.forget()
        with self._lock(instance):
            if not self._is_kept(
                    instance, migrate_data) and self._is_away(instance):
                self._try('roll back',
                          lambda: flow_live_migration.roll_back_at_target(
                              self._services, instance, network_info),
                          instance)
                self._services.volumes.expect_no_more(instance)

    @staticmethod
    def _lock(instance):
        """Have one thread at a time prepare for a server, or roll back."""
        return lockutils.lock('live_migration_%s' % instance.uuid)

    def _is_kept(self, instance, migrate_data):
        """Whether Nova has, or moves, a server here that was to stay away."""
        record = None
        if migrate_data is not None and migrate_data.obj_attr_is_set(
                'migration'):
            record = migrate_data.migration
        reason = move.why_kept(instance, self._services.host.nodename, record)
        if reason:
            LOG.info('The roll-back of a live migration comes late, and '
                     'removes nothing: %s.', reason, instance=instance)
        return bool(reason)

    def _is_away(self, instance):
        """Whether the LPAR of a server is certainly not here.

        One that is off is the rest of an earlier move: the server runs.
        """
        seen = []
        location = outcome.look(self._services.host, instance, seen.append)
        if location is outcome.Location.GONE or (
                location is outcome.Location.HERE and
                seen[-1].state == pvm_bp.LPARState.NOT_ACTIVATED):
            return True
        LOG.error('The LPAR of the server is on this host, or may be: nothing '
                  'is removed. It runs here if it is not on host %s.',
                  instance.host, instance=instance)
        return False

    def note_attachments(self, instance):
        """Have Nova keep the attachments of a server that is coming.

        :param instance: for which Nova wants the connector of this host.
        :raises nova.exception.MigrationPreCheckError: if Nova has asked for
            that long ago, and the server is not being migrated any more.
        """
        if isinstance(instance, objects.Instance) and self.is_coming(instance):
            if not records.is_expected(self._services.host, instance):
                raise nova_exc.MigrationPreCheckError(
                    reason='the server is no longer being migrated to this '
                    'host')
            attachments.note(instance)

    def is_coming(self, instance):
        """Whether a server is being migrated to this host, or was to be."""
        return wwpns.is_coming(self._services.host, instance)

    def forget_volume(self, instance, connection_info):
        """Remove devices of a volume of a server that stays away.

        Nova calls it a detachment. Never raises.

        :param connection_info: dict of Cinder, for this host.
        """
        if self._is_away(instance):
            self._try(
                'remove volumes', lambda: flow_live_migration.forget_volumes(
                    self._services, instance, {'block_device_mapping': [
                        {'connection_info': connection_info}]}), instance)

    # ---- the source -----------------------------------------------------

    def migrate(self, context, instance, dest, post_method, recover_method,
                block_migration, migrate_data):
        """Move a server, and have Nova do what follows.

        :param dest: str, Nova's name of the target.
        :param post_method: of Nova, for a server that has moved.
        :param recover_method: of Nova, for one that has stayed.
        :raises nova.exception.MigrationError: if it cannot be found out where
            the server is.
        :raises live.running.Interrupted: if nova-compute ends.
        """
        runner.log_operation('live_migration', instance)
        record = (migrate_data.migration
                  if migrate_data.obj_attr_is_set('migration') else None)
        # Whoever deletes the server waits until Nova's part is done, too.
        with self._services.migrations.one(instance, record) as migration:
            end = self._move(context, instance, dest, migration,
                             data.read(migrate_data))
            if end is outcome.Outcome.LOST and move.is_deleted(instance):
                # There was no LPAR any more when it was to be submitted.
                migration.is_given_up = True
                attachments.delete(instance, data.attachments(migrate_data))
                end = outcome.Outcome.STAYED
            if end in _NOWHERE:
                raise _NOWHERE[end](dest=dest, reason=migration.message)
            self.conclude(
                instance, migration, end, migrate_data, record,
                lambda: post_method(context, instance, dest, block_migration,
                                    migrate_data),
                lambda: recover_method(
                    context, instance, dest, migrate_data,
                    migration_status='cancelled' if migration.is_cancelled
                    else 'failed'))

    def conclude(self, instance, migration, end, migrate_data, record,
                 complete, recover):
        """Have Nova do what follows on the end of a migration.

        :param migration: live.running.Migration
        :param end: outcome.Outcome, not UNKNOWN.
        :param record: nova.objects.Migration, or None.
        :param complete: function without arguments, called if the server has
            moved, and nobody deletes it.
        :param recover: the same, called else.
        """
        if end is outcome.Outcome.MOVED and not migration.is_given_up:
            complete()
            return
        self._note_end(instance, migration, end, migrate_data)
        with _deleting(instance, migration, record):
            recover()

    def _note_end(self, instance, migration, end, migrate_data):
        """Tell the roll-back, and a deletion, where the LPAR is."""
        if end is outcome.Outcome.MOVED:
            if migration.is_told:
                self._services.host.partition_states.note_departure(
                    vm.get_lpar_uuid(instance))
            LOG.warning('The server is deleted, and its LPAR has moved: Nova '
                        'has the target delete it.', instance=instance)
            content = data.read(migrate_data)
            data.write(migrate_data, dict(content, has_moved=True))
        elif end is outcome.Outcome.LOST:
            LOG.warning('The server has left this host, and is not on the '
                        'target.', instance=instance)
        elif migration.is_given_up:
            LOG.info('The server does not move: it is deleted.',
                     instance=instance)
        else:
            LOG.warning('The server stays on this host. %s',
                        migration.message, instance=instance)

    def _move(self, context, instance, dest, migration, content):
        """Move an LPAR, and tell its Outcome."""
        target = content['target']
        try:
            checks.check_vlans(instance, content)
            runner.run(flow_live_migration.submit(
                self._services, instance, migration,
                job.parameters(
                    target['system'], target['address'],
                    scsi=content['served_by'].get('vscsi', ()),
                    fc=content['served_by'].get('npiv', ()),
                    vlans=checks.vlans_for_job(self._services.host, instance,
                                               content),
                    pool_id=content['pool_id'],
                    checks_affinity=processors.wants_affinity(instance))),
                instance)
        except running.Aborted:
            return outcome.Outcome.STAYED
        except Exception as exc:
            # Nothing was submitted.
            LOG.exception('The server could not be made ready to move.',
                          instance=instance)
            migration.message = str(exc)
            return outcome.Outcome.STAYED
        end = migration.follow()
        if not (migration.is_told or migration.is_given_up):
            end = outcome.confirm(context, instance, dest, end)
        if end is outcome.Outcome.MOVED:
            vnics.note_moved(self._services.host, instance, content['vnics'])
        return end

    def abort(self, instance):
        """Abort the migration of a server, if it is being migrated.

        :raises PowerVMAPIFailed: if the platform refuses.
        """
        runner.log_operation('live_migration_abort', instance)
        with runner.platform_errors(instance):
            self._services.migrations.abort(instance)

    def give_up(self, instance):
        """End the migration of a server that is deleted.

        :raises nova.exception.InstanceTerminationFailure: if it does not end.
        """
        if not self._services.migrations.give_up(instance, _GIVE_UP_SECONDS):
            raise nova_exc.InstanceTerminationFailure(
                reason='the server is being migrated; delete it again when '
                'that has ended')

    def release_volumes(self, instance, block_device_info, migrate_data):
        """Give up the volumes of a server that has moved.

        The platform has removed the mappings. Never raises.

        :param block_device_info: with the connection_info of this host.
        :param migrate_data: live.data.MigrateData with the record of Nova.
        """
        self._try('remove volumes', lambda: (
            flow_live_migration.release_volumes(
                self._services, instance, block_device_info,
                migrate_data.migration.dest_compute)), instance)

    def unplug_at_source(self, instance, network_info):
        """Give up the ports of a server that has moved. Never raises."""
        self._try('unplug', lambda: flow_live_migration.unplug_at_source(
            self._services, instance, network_info), instance)

    @staticmethod
    def has_moved(migrate_data):
        """Whether Nova asks for the clean-up after a live migration.

        :param migrate_data: what Nova has passed to the driver, or None.
        """
        return data.is_ours(migrate_data)

    def clean_source(self, instance):
        """Remove the rest of a server that has moved. Never raises."""
        self._try('clean up', lambda: flow_live_migration.clean_source(
            self._services, instance), instance)
        if self._services.consoles is not None:
            self._services.consoles.forget(instance)

    def roll_back_at_source(self, instance, migrate_data):
        """Complete a server that stays. Never raises.

        :param migrate_data: live.data.MigrateData
        """
        if data.read(migrate_data).get('has_moved'):
            return
        self._try('roll back', lambda: flow_live_migration.roll_back_at_source(
            self._services, instance), instance)

    @staticmethod
    def _try(what, build, instance):
        """Run the flow that a function builds; log a failure of either."""
        runner.log_operation('%s (live migration)' % what, instance)
        try:
            runner.run(build(), instance)
        except Exception:
            LOG.exception('Live migration: it failed to %s. The server runs; '
                          'a hard reboot connects what it lacks.', what,
                          instance=instance)


@contextlib.contextmanager
def _deleting(instance, migration, record):
    """End the migration of a server that is deleted.

    When Nova has rolled back all, it finds that the server is no longer
    migrating. It would put the server into ERROR for that.

    :param migration: live.running.Migration
    :param record: nova.objects.Migration, or None.
    """
    try:
        yield
    except (nova_exc.InstanceNotFound,
            nova_exc.UnexpectedDeletingTaskStateError):
        if not migration.is_given_up:
            raise
        LOG.info('The migration has ended, as the server is deleted.',
                 instance=instance)
        if record is not None:
            record.status = 'cancelled'
            record.save()


@contextlib.contextmanager
def _checking():
    """Have Nova try another host if the platform does not answer."""
    try:
        yield
    except pvm_exc.Error as exc:
        raise nova_exc.MigrationPreCheckError(reason=str(exc)) from exc


def _ports(network_info, migrate_data):
    """The ports as they are bound on the target, and on the source.

    :param network_info: nova.network.model.NetworkInfo of the source.
    :returns: list of tuples of nova.network.model.VIF
    :raises nova.exception.MigrationPreCheckError: if one is of another type
        there: the platform cannot change that.
    """
    if not migrate_data.obj_attr_is_set('vifs'):
        return [(vif, vif) for vif in network_info]
    before = {vif['id']: vif for vif in network_info}
    found = [vif.get_dest_vif() for vif in migrate_data.vifs]
    for vif in found:
        kind = before.get(vif['id'], {}).get('type')
        if vif['type'] != kind:
            raise nova_exc.MigrationPreCheckError(
                reason='port %s has the type %s on the source, and %s on the '
                'target' % (vif['id'], kind, vif['type']))
    return [(vif, before[vif['id']]) for vif in found]
