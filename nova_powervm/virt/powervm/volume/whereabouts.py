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

"""What Nova's records tell of servers that have moved from or to a host.

Nova may have a server on another host than the one that its LPAR is on: a live
migration has ended and Nova does not know how, or somebody has moved the LPAR
without Nova. Nothing may be taken from an LPAR that runs.
"""

import functools

from nova.compute import task_states
from nova import context as nova_context
from nova import exception as nova_exc
from nova import objects
from nova.objects import fields
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import base_partition as pvm_bp

from nova_powervm.virt.powervm import migration_status

LOG = logging.getLogger(__name__)

_EVACUATION = fields.MigrationType.EVACUATION


def has_moved(instance):
    """Return whether Nova has ever moved a server, or tried to (1 DB call).

    :param instance: nova.objects.Instance
    """
    return bool(objects.MigrationList.get_by_filters(
        nova_context.get_admin_context(),
        {'instance_uuid': instance.uuid}))


def has_come_live(instance, nodename):
    """Return whether a server, maybe deleted, came to a host live (1 DB call).

    :param instance: nova.objects.Instance
    :param nodename: str, Nova's name of the host.
    :returns: bool; True also if it only was to come.
    """
    return any(
        migration.dest_compute == nodename
        for migration in objects.MigrationList.get_by_filters(
            nova_context.get_admin_context(read_deleted='yes'),
            {'instance_uuid': instance.uuid,
             'migration_type': fields.MigrationType.LIVE_MIGRATION}))


def are_all_here(host, instance_uuids):
    """Return whether this host still has all of some servers (1 DB call).

    :param instance_uuids: iterable of their UUIDs.
    """
    found = _find_present(instance_uuids, host=host.nodename)
    return len(found) == len(set(instance_uuids))


def are_all_busy(instance_uuids):
    """Return whether Nova does something with all of some servers (1 DB call).

    :param instance_uuids: iterable of their UUIDs.
    """
    return {instance.uuid for instance in _find_present(instance_uuids)
            if instance.task_state} == set(instance_uuids)


def still_coming(host, instance_uuids):
    """Tell which of some servers are on their way to this host (1 DB call).

    :param instance_uuids: set of the UUIDs of servers that were to come.
    :returns: tuple of two sets of UUIDs: those that still are to come, and
        those that will not come any more. Those that are here are in neither.
    """
    found = _find_present(instance_uuids)
    coming = {instance.uuid for instance in found
              if instance.task_state == task_states.MIGRATING}
    here = {instance.uuid for instance in found
            if instance.host == host.nodename}
    return coming, instance_uuids - coming - here


def _find_present(instance_uuids, **filters):
    """Return those of some servers that Nova has: nova.objects.InstanceList.

    :param filters: what else Nova is to compare.
    """
    return objects.InstanceList.get_by_filters(
        nova_context.get_admin_context(),
        {'uuid': sorted(instance_uuids), 'deleted': False, **filters})


class Whereabouts:
    """Nova's records of moves from and to a host; reads them when needed.

    :param host: the owner of the REST connection (host.Host).
    :param context: nova.context.RequestContext
    """

    def __init__(self, host, context):
        self._host = host
        self._context = context

    @functools.cached_property
    def _migrations(self):
        """All migrations from or to this host, the oldest first: list."""
        return sorted(objects.MigrationList.get_by_filters(
            self._context, {'host': self._host.nodename}),
            key=lambda migration: migration.id)

    @functools.cached_property
    def moved(self):
        """UUIDs of servers that have moved from, or to, this host."""
        return {migration.instance_uuid for migration in self._migrations}

    @functools.cached_property
    def _last(self):
        """The last migration of each server: dict by its UUID.

        Others than live ones do not count if they have failed: the server is
        where it was.
        """
        return {migration.instance_uuid: migration
                for migration in self._migrations
                if migration_status.is_live(migration) or
                migration.status not in migration_status.FAILED}

    @functools.cached_property
    def maybe_here(self):
        """UUIDs of servers that may run here, though Nova says otherwise.

        Nova's database does not say how their live migration to this host
        has ended.
        """
        return {uuid for uuid, migration in self._last.items()
                if migration_status.is_live(migration) and
                migration.dest_compute == self._host.nodename and
                not migration_status.is_over(migration)}

    def is_in_use(self, instance, client):
        """Return whether the LPAR of a server on another host is on here.

        If the server was evacuated from here, its LPAR must not use its
        volumes any more. Once Nova has deleted that LPAR, the evacuation is
        'completed'; another one is here then.

        Needs 1 request, 0 if the state is known.

        :param instance: nova.objects.Instance
        :param client: str, UUID of the LPAR.
        """
        last = self._last.get(instance.uuid)
        if (last is not None and last.migration_type == _EVACUATION and
                last.source_compute == self._host.nodename and
                last.status != migration_status.EVACUATION_CLEANED):
            return False
        try:
            is_on = (self._host.partition_states.get(client) !=
                     pvm_bp.LPARState.NOT_ACTIVATED)
        except nova_exc.InstanceNotFound:
            return False
        except pvm_exc.Error:
            return True
        if is_on:
            LOG.warning('The LPAR of the server is on here, and keeps its '
                        'volumes, though Nova has the server on host %s.',
                        instance.host, instance=instance)
        return is_on
