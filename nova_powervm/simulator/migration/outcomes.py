# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""How a migration ends: done, as before, or stuck until it is recovered."""

from nova_powervm.simulator import errors
from nova_powervm.simulator.migration import partition as moves
from nova_powervm.simulator.migration import record
from nova_powervm.simulator.resources import partition


class Stopped(errors.Refused):
    """MigrateAbort has stopped a migration."""


def back(migration, outcome, force=False):
    """Make all as it was before; the partition has not moved.

    Assumed, no hardware: the hypervisor can do that without the VIOSes.

    :param outcome: str, see record.Migration
    :param force: bool, see partition.remove()
    """
    lpar, arrival = migration.lpar, migration.arrival
    migration.source.site.migrations.end(migration, outcome)
    if lpar.partition_state == partition.MIGRATING_RUNNING:
        lpar.partition_state = partition.RUNNING
    lpar.touch(moves.DETAIL)
    vioses = moves.remove(arrival, force) if arrival is not None else ()
    moves.vioses_changed(vioses)
    moves.systems_changed(migration)


def finish(migration, outcome, force=False):
    """Remove what is left on the source; the partition has moved.

    :param outcome: str, see record.Migration
    :param force: bool, see partition.remove()
    """
    migration.source.site.migrations.end(migration, outcome)
    vioses = moves.remove(migration.lpar, force)
    moves.settle(migration.arrival)
    moves.vioses_changed(vioses)
    moves.systems_changed(migration)


def stick(migration):
    """Leave all as it is: only MigrateRecover helps."""
    migration.is_running = False
    migration.state = record.FAILED
    for lpar in migration.sides:
        lpar.touch(moves.DETAIL)


def check_abort(lpar):
    """Refuse to stop the migration of a partition.

    :param lpar: LogicalPartition on its source
    :returns: record.Migration
    :raises errors.Refused: when there is none, or it is too late
    """
    migration = lpar.migration
    if migration is None or migration.lpar is not lpar:
        raise errors.Refused('Partition %s is not migrating' % lpar.name)
    if migration.is_stuck:
        raise errors.Refused(
            'The migration of partition %s has failed already: recover it' %
            lpar.name)
    if not migration.can_stop:
        raise errors.Refused('The migration of partition %s cannot be stopped '
                             'any more' % lpar.name)
    return migration


def abort(lpar):
    """Stop the migration of a partition, as check_abort() allows."""
    check_abort(lpar).job.break_off(Stopped(
        'The migration of partition %s was stopped' % lpar.name))


def check_recover(lpar, force=False):
    """Refuse to finish a failed migration.

    :param lpar: LogicalPartition, on either host
    :param force: bool, whether to go on if a VIOS is down; what that one has
                  of the partition stays there
    :returns: record.Migration
    :raises errors.Refused: when there is nothing to recover, or when a VIOS
        is down
    """
    migration = lpar.migration
    if migration is None or not migration.is_stuck:
        raise errors.Refused('Partition %s has no failed migration to recover '
                             'from' % lpar.name)
    goes = migration.lpar if migration.switched else migration.arrival
    if not force and goes is not None:
        moves.check_removable(goes)
    return migration


def recover(lpar, force=False):
    """Finish a failed migration, or take it back.

    The parameters are those of check_recover(), which must allow it.
    """
    migration = check_recover(lpar, force)
    end = finish if migration.switched else back
    end(migration, 'recovered', force)
