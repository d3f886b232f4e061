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

"""The jobs of live migration: migration/ knows what they do."""

from nova_powervm.simulator import errors
from nova_powervm.simulator.jobs import status
from nova_powervm.simulator.migration import outcomes
from nova_powervm.simulator.migration import phases
from nova_powervm.simulator.migration import refusals


def _failed(exc, final=status.FAILED):
    """Make the end of a job; clients read the result (source: pypowervm)."""
    return status.JobFailed(exc.message, final, {'result': exc.message})


def migrate(job):
    """Migrate a partition to another system.

    :raises status.JobFailed: FAILED_BEFORE_COMPLETION when it has not moved
        and all is as before; COMPLETED_WITH_ERROR when MigrateRecover must
        finish what has begun
    """
    return _run(job, only_validate=False)


def migrate_validate(job):
    """Check whether a partition can be migrated, as Migrate does.

    :raises status.JobFailed: when it cannot
    """
    return _run(job, only_validate=True)


def _run(job, only_validate):
    # To cancel the job does not stop the migration (assumed, no hardware).
    job.outlives_record = True
    try:
        migration = refusals.begin(job)
        yield from phases.run(migration, only_validate)
    except phases.Stuck as exc:
        raise _failed(exc, status.COMPLETED_WITH_ERROR)
    except errors.RestError as exc:
        raise _failed(exc)
    return {'returnCode': 0}


def migrate_abort(job):
    """Stop the migration of a partition.

    :raises status.JobFailed: when it does not migrate, or not any more
    """
    try:
        outcomes.check_abort(job.target)
        yield
        outcomes.abort(job.target)
    except errors.RestError as exc:
        raise _failed(exc)
    return {'returnCode': 0}


def migrate_recover(job):
    """Finish a failed migration, or take it back.

    :raises status.JobFailed: when there is none, or when a VIOS is down and
        the parameter Force is not true
    """
    force = job.parameters.get('Force') == 'true'
    try:
        outcomes.check_recover(job.target, force)
        yield
        outcomes.recover(job.target, force)
    except errors.RestError as exc:
        raise _failed(exc)
    return {'returnCode': 0}
