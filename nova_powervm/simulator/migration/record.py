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

"""What is known of the migrations of a site."""

import collections
import threading

from nova_powervm.simulator import errors

STARTING = 'Migration_Starting'
#: Assumed, no hardware: what the state is called while memory is copied.
IN_PROGRESS = 'Migration_In_Progress'
FAILED = 'Migration_Failed'

VALIDATE, PREPARE, COPY, SWITCH, CLEANUP = PHASES = (
    'validate', 'prepare', 'copy', 'switch', 'cleanup')

#: How many ended migrations are remembered.
_REMEMBERED = 1000


class Migration:
    """A migration of a partition.

    :param job: jobs.Job that drives it
    :param wanted: parameters.Parameters
    :param target: host.Host that the partition goes to
    :ivar lpar: LogicalPartition on the source
    :ivar arrival: LogicalPartition on the target, None before there is one
    :ivar source: host.Host that the partition comes from
    :ivar phase: one of PHASES
    :ivar state: str, the MigrationState of the partition
    :ivar switched: bool, whether the partition runs on the target
    :ivar movers: tuple of VirtualIOServer, those that copy the memory
    :ivar outcome: str, None while it is not over: 'done', 'failed',
                   'recovered' or, after MigrateValidate, 'validated'
    :ivar message: str, why it has failed
    :ivar leaks: list of str, what other partitions hear of its frames
    """

    def __init__(self, job, wanted, target):
        self.job = job
        self.wanted = wanted
        self.lpar = job.target
        self.arrival = None
        self.source = job.host
        self.target = target
        self.phase = VALIDATE
        self.state = STARTING
        self.is_running = True
        self.switched = False
        self.movers = ()
        self.outcome = None
        self.message = ''
        self.leaks = []
        self.started = job.host.site.clock.now()
        self.ended = None
        self.request = len(job.host.journal)
        self.current = None

    @property
    def is_stuck(self):
        """Whether its job has ended, and MigrateRecover must finish it."""
        return self.outcome is None and not self.is_running

    @property
    def can_stop(self):
        """Whether MigrateAbort can stop it (assumed, no hardware)."""
        return self.is_running and self.phase in (VALIDATE, PREPARE, COPY)

    @property
    def sides(self):
        """List of the partitions that show it, the source first."""
        return [lpar for lpar in (self.lpar, self.arrival)
                if lpar is not None and lpar.migration is self]

    def progress(self):
        """Return the memory to copy, and what is left, as two int in MB.

        Both are 0 but in the phase copy (assumed, no hardware: the unit, and
        that all of the memory is copied once, at an even pace).
        """
        if self.phase != COPY or not self.is_running:
            return 0, 0
        total = self.lpar.memory.desired
        phase = self.current
        if phase.began is None or phase.seconds <= 0:
            return total, total
        gone = self.source.site.clock.now() - phase.began
        return total, max(0, int(total * (1 - gone / phase.seconds)))

    def data(self):
        """Return it as a dict fit for JSON."""
        return {'uuid': self.lpar.uuid, 'name': self.lpar.name,
                'source': self.source.name, 'target': self.target.name,
                'operation': self.job.operation, 'phase': self.phase,
                'state': self.state, 'held': bool(
                    self.is_running and self.current and self.current.held),
                'switched': self.switched, 'outcome': self.outcome,
                'message': self.message, 'started': self.started,
                'ended': self.ended, 'request': self.request,
                'movers': [vios.name for vios in self.movers],
                'leaks': list(self.leaks)}


class Migrations:
    """The migrations of all hosts of a site; site.lock is held.

    :ivar under_way: list of Migration, those that are not over
    """

    def __init__(self):
        self.under_way = []
        self._over = collections.deque(maxlen=_REMEMBERED)
        self._holds = {}

    def begin(self, migration):
        """Note a migration; both systems and the partition show it."""
        self.under_way.append(migration)
        migration.lpar.migration = migration

    def end(self, migration, outcome):
        """Note that a migration is over.

        :param outcome: str, see Migration
        """
        for lpar in migration.sides:
            lpar.migration = None
        migration.is_running = False
        migration.outcome = outcome
        migration.ended = migration.source.site.clock.now()
        self.under_way.remove(migration)
        self._over.append(migration)

    def count(self, host):
        """Return how many a host takes part in, as source or target."""
        return sum(host in (migration.source, migration.target)
                   for migration in self.under_way)

    def moved_by(self, vios):
        """Return how many a VIOS copies the memory for."""
        return sum(vios in migration.movers for migration in self.under_way)

    # -- what a test may do -------------------------------------------------

    def hold(self, uuid, phase):
        """Let the next migration of a partition stop when a phase begins.

        :param uuid: str, of the partition
        :param phase: one of PHASES
        :returns: threading.Event, set when it has stopped there; whoever
            waits for it must not hold site.lock
        :raises errors.Refused: when there is no such phase
        """
        if phase not in PHASES:
            raise errors.Refused('The phases of a migration are %s' %
                                 ', '.join(PHASES))
        return self._holds.setdefault((uuid.upper(), phase),
                                      threading.Event())

    def take_hold(self, migration):
        """Tell whether a migration stops in its phase, which it does once."""
        reached = self._holds.pop((migration.lpar.uuid, migration.phase),
                                  None)
        if reached is not None:
            reached.set()
        return reached is not None

    def release(self, uuid):
        """Let a migration go on that is held, or drop what would hold it.

        :param uuid: str, of the partition
        :returns: str, the phase that it was held in, or None
        """
        for migration in self.under_way:
            if (migration.lpar.uuid == uuid.upper() and
                    migration.is_running and migration.current.held):
                phase = migration.phase
                migration.job.release()
                return phase
        self._holds = {key: reached for key, reached in self._holds.items()
                       if key[0] != uuid.upper()}
        return None

    def release_all(self):
        """Let all migrations go on that are held, and hold no later ones."""
        for migration in list(self.under_way):
            self.release(migration.lpar.uuid)
        self._holds.clear()

    def vios_changed(self, vios):
        """Let migrations fail that need a VIOS which is down.

        Assumed, no hardware: before the switch a migration needs its movers,
        and a path to each disk on either side.
        """
        if vios.is_serving:
            return
        for migration in list(self.under_way):
            if (migration.can_stop and
                    vios.host in (migration.source, migration.target) and
                    (vios in migration.movers or _cut_off(migration))):
                migration.job.break_off(errors.Refused(
                    'The migration of partition %s has failed: VIOS %s of '
                    'system %s is %s' % (
                        migration.lpar.name, vios.name,
                        vios.host.system.name, vios.partition_state)))

    def state(self):
        """Return a list of dicts fit for JSON, oldest first."""
        return [migration.data()
                for migration in list(self._over) + self.under_way]


def _cut_off(migration):
    """Whether a disk of the partition has no path on one of the sides."""
    for lpar in migration.sides:
        disks = lpar.host.lpar_disks(lpar)
        working = {id(disk.disk or disk.volume) for disk in disks
                   if disk.works}
        if any(id(disk.disk or disk.volume) not in working
               for disk in disks):
            return True
    return False
