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


"""Determine the kind of a move, and whether the move is possible."""

from nova.compute import task_states
from nova import context as nova_context
from nova import exception as nova_exc
from nova import objects
from nova.objects import fields
from nova.virt import driver as virt_driver
from pypowervm import exceptions as pvm_exc

from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import flavor as flavors
from nova_powervm.virt.powervm import migration_status
from nova_powervm.virt.powervm import other_systems
from nova_powervm.virt.powervm import peers
from nova_powervm.virt.powervm import vm


def find_migration(context, instance):
    """Return the Migration of an instance, or None (1 DB call)."""
    move = instance.migration_context
    if move is None:
        return None
    return objects.Migration.get_by_id_and_instance(
        context, move.migration_id, instance.uuid)


def possible_targets(context, instance, nodename):
    """Find hosts that a server may have moved to without Nova knowing.

    Costs no request, and 1 DB call.

    :param context: nova.context.RequestContext
    :param nodename: str, Nova's name of the host that Nova has the server on.
    :returns: sorted list of str: the targets of live migrations from that
        host whose end Nova does not know. What was before the last move that
        has brought the server to that host does not count.
    """
    found = objects.MigrationList.get_by_filters(
        context, {'instance_uuid': instance.uuid})
    last = max((migration.id for migration in found
                if migration_status.has_brought_to(
                    nodename, migration)), default=0)
    return sorted({migration.dest_compute for migration in found
                   if migration.id > last and
                   migration_status.is_live(migration) and
                   migration.source_compute == nodename and
                   migration.dest_compute and
                   not migration_status.is_over(migration)})


def find_evacuation(context, instance, nodename):
    """Return the evacuation of a server to a host that is under way.

    Costs no request, and 1 DB call.

    :param context: nova.context.RequestContext of an administrator.
    :param nodename: str, Nova's name of the host.
    :returns: nova.objects.Migration, the latest; None if there is none.
    """
    found = objects.MigrationList.get_by_filters(context, {
        'instance_uuid': instance.uuid,
        'migration_type': fields.MigrationType.EVACUATION,
        'status': list(migration_status.EVACUATION_UNDER_WAY)})
    return max((migration for migration in found
                if migration.dest_compute == nodename),
               key=lambda migration: migration.id, default=None)


def why_kept(instance, nodename, migration):
    """Return why a late roll-back must remove nothing from a target.

    Nova does not wait for the roll-back at the target of a live migration, and
    the instance that comes with it is as old as the call. So Nova's database
    is asked. Costs no request, and 2 DB calls.

    :param instance: nova.objects.Instance
    :param nodename: str, Nova's name of the target.
    :param migration: nova.objects.Migration that is rolled back; None if it
        is not known.
    :returns: str; None if the server is not there, and no later move that may
        still go on comes from there or goes there.
    """
    context = nova_context.get_admin_context(read_deleted='yes')
    try:
        present = objects.Instance.get_by_uuid(context, instance.uuid)
    except nova_exc.InstanceNotFound:
        # Nova has purged it.
        return None
    if present.host == nodename and not present.deleted:
        return 'Nova has the server on this host now'
    if migration is not None and any(
            later.id > migration.id and not migration_status.is_over(later) and
            nodename in (later.source_compute, later.dest_compute)
            for later in objects.MigrationList.get_by_filters(
                context, {'instance_uuid': instance.uuid})):
        return 'a later move of the server concerns this host'
    return None


def is_deleted(instance):
    """Return whether Nova has deleted a server (1 DB call, no request)."""
    try:
        return objects.Instance.get_by_uuid(
            nova_context.get_admin_context(read_deleted='yes'),
            instance.uuid).deleted
    except nova_exc.InstanceNotFound:
        return True


def is_within_host(context, instance, default=False):
    """Return whether the current move of an instance stays on its host.

    Costs no request, and 1 DB call.

    :param default: what to return if Nova does not move the instance.
    """
    migration = find_migration(context, instance)
    return default if migration is None else is_same_host(migration)


def is_same_host(migration):
    """Return whether a nova.objects.Migration stays on one host."""
    return migration.source_compute == migration.dest_compute


def grows(instance):
    """Return whether the boot disk of a resized instance is to grow."""
    old_flavor = instance.old_flavor
    return (old_flavor is not None and
            instance.flavor.root_gb > old_flavor.root_gb)


def check(disk_dvr, instance, flavor, block_device_info, own_disks,
          same_host):
    """Check that a server can be moved, or resized; sends no request.

    :param disk_dvr: disk.driver.DiskAdapter
    :param flavor: nova.objects.Flavor that the server gets.
    :param block_device_info: as Nova passes it to the driver.
    :param own_disks: list of DiskType of the disks that are ours.
    :param same_host: whether the server stays on its host.
    :raises nova.exception.ResizeError: if it cannot.
    """
    ephemeral_gb = sum(
        disk['size'] for disk in virt_driver.block_device_info_get_ephemerals(
            block_device_info))
    boot = disk_driver.DiskType.BOOT in own_disks
    for what, old_gb, new_gb in (
            ('boot', instance.flavor.root_gb if boot else 0, flavor.root_gb),
            ('ephemeral', ephemeral_gb, flavor.ephemeral_gb)):
        if new_gb < old_gb:
            raise nova_exc.ResizeError(
                reason='the %(what)s disk cannot shrink from %(old)d to '
                '%(new)d GB' % {'what': what, 'old': old_gb, 'new': new_gb})
    if own_disks and not (same_host or
                          disk_dvr.capabilities['shared_storage']):
        raise nova_exc.ResizeError(
            reason='the server cannot leave its host: %s' %
            disk_dvr.validate({}))


def check_target(context, host, disk_dvr, instance, flavor, own_disks):
    """Ask the target host of a move whether it can take the server.

    Costs 1 call to that host and 1 DB call, and no request of this host, but
    see other_systems.check_host() for an HMC. The target sends 1 request if
    the flavor names a processor pool.

    :param context: nova.context.RequestContext
    :param host: the owner of the REST connection (host.Host) of this host.
    :param disk_dvr: disk.driver.DiskAdapter of this host.
    :param flavor: nova.objects.Flavor that the server gets.
    :param own_disks: list of DiskType of the disks that are ours.
    :raises nova.exception.ResizeError: if the target cannot take it.
    """
    migration = find_migration(context, instance)
    if migration is None:
        return
    try:
        other_systems.check_host(host, migration.dest_compute)
    except exception.HostOfSameHmc as exc:
        raise nova_exc.ResizeError(reason=str(exc)) from exc
    reason = peers.why_not(
        context, migration.dest_compute, instance, flavor,
        disk_dvr.get_info() if own_disks else None)
    if reason:
        raise nova_exc.ResizeError(
            reason='%s cannot take the server: %s' % (
                migration.dest_compute, reason))


def check_cell(disk_dvr, instance):
    """Refuse to build a server that comes from another cell with its disks.

    Nova moves a server to another cell by a snapshot: it has the target build
    the server again while the source keeps the disks, for a revert. In one
    pool, the new disks would have the names of the old ones, and the driver
    would replace these.

    Costs 1 request if the server comes from another cell to a shared pool,
    otherwise none. Nothing else builds a server in the task state
    resize_finish (source: nova.compute.manager,
    _finish_snapshot_based_resize_at_dest()).

    :param disk_dvr: disk.driver.DiskAdapter of this host.
    :raises nova.exception.ResizeError: if its disks are in this host's pool.
    """
    pool = disk_dvr.shared_pool
    if instance.task_state != task_states.RESIZE_FINISH or pool is None:
        return
    try:
        is_here = disk_dvr.has_disks(instance, disk_driver.INSTANCE_DISK_TYPES)
    except nova_exc.DiskNotFound:
        # The pool reports no such disk, but the server has one in it.
        is_here = True
    if is_here:
        raise nova_exc.ResizeError(
            reason='the server cannot move to another cell, because both '
            'hosts use Shared Storage Pool %s: a new disk would replace the '
            'one that the server has. Nothing has been changed' % pool.name)


def why_not_here(host, disk_dvr, instance, flavor, disk_info):
    """Return why this host cannot take a server of another host.

    Costs 1 request if the flavor names a processor pool, and 1 on an HMC.

    :param host: the owner of the REST connection (host.Host).
    :param disk_dvr: disk.driver.DiskAdapter of this host.
    :param flavor: nova.objects.Flavor that the server gets.
    :param disk_info: what DiskAdapter.get_info() returned on the other host;
        None if the server has no disk of ours.
    :returns: str, the reason; None if this host can take it.
    """
    try:
        vm.check_only_here(host, instance)
        flavors.build_lpar(host, instance, flavor)
    except (exception.InvalidFlavor, exception.LparElsewhere,
            pvm_exc.Error) as exc:
        return str(exc)
    return None if disk_info is None else disk_dvr.validate(disk_info)


def check_target_disks(disk_dvr, disk_info, own_disks):
    """Check that this host, the target, reaches the disks of a server.

    :param disk_dvr: disk.driver.DiskAdapter of this host.
    :param disk_info: what DiskAdapter.get_info() returned on the source.
    :param own_disks: list of DiskType of the disks that are ours.
    :raises nova.exception.ResizeError: if it does not.
    """
    reason = own_disks and disk_dvr.validate(disk_info or {})
    if reason:
        raise nova_exc.ResizeError(reason=reason)
