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

"""The course of a migration, from its submission to its end.

Each phase begins with what the client can see at once, and takes its time;
what it is for happens at its end. site.lock is held in each step, and never
between them.
"""

import functools

from nova_powervm.simulator import clock
from nova_powervm.simulator import errors
from nova_powervm.simulator.migration import outcomes
from nova_powervm.simulator.migration import partition as moves
from nova_powervm.simulator.migration import record
from nova_powervm.simulator.migration import refusals
from nova_powervm.simulator.resources import partition


class Stuck(errors.RestError):
    """A migration has failed, and MigrateRecover must finish it."""


def run(migration, only_validate=False):
    """Migrate a partition; a generator of clock.Phase.

    :param migration: record.Migration that has passed refusals.begin()
    :param only_validate: bool, whether to end after the checks
    :raises errors.Refused: when it has failed, and all is as before
    :raises Stuck: when MigrateRecover must finish it
    """
    site = migration.source.site
    site.migrations.begin(migration)
    migration.job.undo = functools.partial(
        _fail, migration, errors.INTERRUPTED)
    try:
        for name, seconds, enter, leave in _PHASES:
            migration.phase = name
            enter(migration)
            yield from _last(migration, seconds(migration))
            leave(migration)
            if only_validate:
                outcomes.back(migration, 'validated')
                return
    except Exception as exc:
        message = getattr(exc, 'message', str(exc))
        if _fail(migration, message, isinstance(exc, Stuck)):
            raise
        raise Stuck(message) from exc


def _fail(migration, message, stuck=False):
    """End a migration that has failed.

    :param message: str, why
    :param stuck: bool, whether only MigrateRecover can end it
    :returns: bool, whether all is as before
    """
    migration.message = message
    if migration.can_stop and not stuck:
        outcomes.back(migration, 'failed')
        return True
    outcomes.stick(migration)
    return False


def _last(migration, seconds):
    """Let the phase last, and fail if a fault wants that."""
    fault = migration.job.fault
    if fault.get('effect') != 'migration' or (
            fault['phase'] != migration.phase):
        fault = {}
    if fault.get('outcome') == 'slow':
        seconds += fault['seconds']
    held = migration.source.site.migrations.take_hold(migration)
    migration.current = clock.Phase(migration.phase, seconds, held)
    yield migration.current
    message = fault.get('message', 'A fault was injected')
    if fault.get('outcome') == 'failed':
        raise errors.Refused(message)
    if fault.get('outcome') == 'stuck':
        raise Stuck(message)


def _timed(name):
    key = 'migration_%s_seconds' % name
    return lambda migration: migration.source.site.timing[key]


def _copy_seconds(migration):
    timing = migration.source.site.timing
    return (timing['migration_copy_seconds'] +
            timing['migration_seconds_per_gb'] *
            migration.lpar.memory.desired / 1024)


def _enter_validate(migration):
    migration.lpar.touch(moves.DETAIL)
    moves.systems_changed(migration)


def _leave_validate(migration):
    refusals.check(migration)


def _enter_prepare(migration):
    migration.lpar.set_state(partition.MIGRATING_RUNNING, moves.DETAIL)


def _leave_prepare(migration):
    # What was free in the phase before may be taken by now.
    moves.make_arrival(migration, refusals.check(migration))


def _enter_copy(migration):
    migration.state = record.IN_PROGRESS
    for lpar in migration.sides:
        lpar.touch(moves.DETAIL)


def _leave_copy(migration):
    # The guest may have ended meanwhile.
    refusals.check_state(migration)


def _nothing(migration):
    """Do nothing."""


def _leave_switch(migration):
    refusals.check_state(migration)
    moves.switch(migration)


def _leave_cleanup(migration):
    outcomes.finish(migration, 'done')


#: Name, how long it lasts, how it begins and how it ends.
_PHASES = (
    (record.VALIDATE, _timed('validate'), _enter_validate, _leave_validate),
    (record.PREPARE, _timed('prepare'), _enter_prepare, _leave_prepare),
    (record.COPY, _copy_seconds, _enter_copy, _leave_copy),
    (record.SWITCH, _timed('switch'), _nothing, _leave_switch),
    (record.CLEANUP, _timed('cleanup'), _nothing, _leave_cleanup))
