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

"""The live migrations that leave this host, from submission to end.

A migration has one thread, which submits it and follows it. Other threads may
abort it, wait for its end, or end all because nova-compute ends.
"""

import contextlib
import threading
import time
import typing

from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm.live import job
from nova_powervm.virt.powervm.live import outcome
from nova_powervm.virt.powervm.live import progress
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

#: Seconds between two looks at a job: at first, and at most.
FIRST_INTERVAL = 1
MAX_INTERVAL = 10
#: Seconds between two looks that have to tell the same.
CONFIRM_INTERVAL = 5
#: How often the platform is asked to recover a migration.
MAX_RECOVERIES = 3
#: For how many seconds a recovery may last.
RECOVERY_SECONDS = 1800
_FAILED = 'Migration_Failed'


class Interrupted(BaseException):
    """nova-compute ends, and a migration goes on without it.

    It is no Exception, for which Nova would put the server into ERROR and
    clean up nothing. The next start finds out what has become of the server.
    """


class Aborted(Exception):
    """A migration was aborted before it was submitted."""


class NotYet(Exception):
    """A migration has not ended by the time for which somebody waits."""


class Clock:
    """The time, as those know it who wait for a migration."""

    @staticmethod
    def now():
        return time.monotonic()

    @staticmethod
    def wait(condition, seconds):
        """Wait until somebody notifies a condition, which the caller holds."""
        condition.wait(seconds)


class Migration:
    """One live migration.

    :ivar message: str, the platform's words if it has failed.
    :ivar is_cancelled: bool, whether a user has aborted it.
    :ivar is_told: bool, whether the platform has told that it has succeeded.
    :ivar is_given_up: bool, whether somebody deletes the server.
    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :param record: nova.objects.Migration that gets the progress, or None.
    :param clock: Clock
    """

    def __init__(self, host, instance, record, clock):
        self._host = host
        self._instance = instance
        self._jobs = job.MigrationJobs(host, vm.get_lpar_uuid(instance))
        self._progress = progress.Progress(record, clock)
        self._clock = clock
        self._changed = threading.Condition()
        self._is_closing = False
        self._is_submitted = False
        self._has_ended = False
        self._is_over = False
        self._job_id = None
        self._status: typing.Any = None
        self._abort_job_id = None
        self._is_abort_sent = False
        self._interval: float = FIRST_INTERVAL
        self._began = clock.now()
        self._unanswered_since = None
        self.message = ''
        self.is_cancelled = False
        self.is_given_up = False
        self.is_told = False

    # ---- what its own thread does ----------------------------------------

    def check_wanted(self):
        """Make sure that it is still to be submitted (no request).

        :raises Aborted: if somebody has aborted it.
        :raises Interrupted: if nova-compute ends.
        """
        with self._changed:
            self._check_open()
            if self.is_cancelled:
                raise Aborted()

    def submit(self, parameters):
        """Submit it (1 request, and 1 once for the form).

        If the platform does not take it, or does not answer, follow() finds
        out whether it has begun: the answer alone may be lost.

        :param parameters: dict of str, see job.parameters().
        :raises Aborted, Interrupted: see check_wanted().
        """
        self.check_wanted()
        self._host.partition_states.forget(vm.get_lpar_uuid(self._instance))
        try:
            self._job_id, self._status = self._jobs.submit(parameters)
        except Exception as exc:
            self.message = str(exc)
            LOG.warning('The platform did not take the migration, or its '
                        'answer was lost: %s', exc, instance=self._instance)
        with self._changed:
            self._is_submitted = True

    def follow(self):
        """Wait until it has ended.

        Each look takes 1 request, and 1 more every ten seconds.

        :returns: outcome.Outcome
        :raises Interrupted: if nova-compute ends.
        """
        try:
            return self._follow()
        finally:
            self._has_ended = True
            if self._abort_job_id is not None:
                self._delete_record(self._abort_job_id)
            self._host.partition_states.forget(
                vm.get_lpar_uuid(self._instance))

    def _follow(self):
        while self._job_id is not None and not self._is_mute():
            if self._status.is_over:
                self._delete_record(self._job_id)
                if self._status.is_done:
                    self.is_told = True
                    return outcome.Outcome.MOVED
                self.message = self._status.message
                return self._settle(job_is_over=True)
            self._pause()
            self._abort_if_due()
            self._read_job()
            if self._progress.is_due():
                self._look()
        return self._settle(job_is_over=False)

    def settle(self, until=None):
        """End it, whoever has begun it; stop it if that is possible.

        :param until: as deadline() returns it; None to wait for its end.
        :returns: outcome.Outcome
        :raises NotYet: if it has not ended by then, or has to be recovered;
            call it again then.
        :raises Interrupted: if nova-compute ends.
        """
        self.is_cancelled = True
        try:
            return self._settle(job_is_over=False, until=until)
        finally:
            self._host.partition_states.forget(
                vm.get_lpar_uuid(self._instance))

    def _settle(self, job_is_over, until=None):
        """Find out where the LPAR is, and have it stay in one place.

        :param job_is_over: bool; False also if its state cannot be read.
        :param until: see settle().
        """
        last, times, recoveries = None, 0, 0
        while True:
            location = self._look()
            times = times + 1 if location is last else 1
            last = location
            job_is_over = job_is_over or self._progress.state == _FAILED
            if location is outcome.Location.GONE and times > 1:
                return outcome.Outcome.MOVED
            if location is outcome.Location.HERE and (
                    job_is_over or times > 1):
                return outcome.Outcome.STAYED
            if location is outcome.Location.UNSEEN and self._is_mute():
                return outcome.Outcome.UNKNOWN
            if location is outcome.Location.MOVING:
                if not job_is_over:
                    self._abort_if_due()
                    # Nobody can tell any more whether its job has ended.
                    job_is_over = self._is_late(times=2)
                elif times > 1 and not self._is_of_others():
                    if recoveries == MAX_RECOVERIES:
                        return outcome.Outcome.UNKNOWN
                    if until is not None:
                        raise NotYet()
                    recoveries, times = recoveries + 1, 0
                    self._recover()
            if until is not None and self._clock.now() >= until:
                raise NotYet()
            self._pause(CONFIRM_INTERVAL)

    def _is_of_others(self):
        """Whether somebody else has begun a migration that is under way.

        Its own job is over, and the platform still works on the LPAR.
        """
        return (self._progress.is_under_way and
                self._progress.state != _FAILED and not self._is_late())

    def _look(self):
        location = outcome.look(self._host, self._instance,
                                self._progress.note)
        self._note_answer(location is not outcome.Location.UNSEEN)
        return location

    def _read_job(self):
        try:
            self._status = self._jobs.read(self._job_id)
        except pvm_exc.HttpNotFound:
            LOG.warning('The record of the migration is gone.',
                        instance=self._instance)
            self._job_id = None
        except pvm_exc.Error as exc:
            LOG.warning('The platform does not tell of the migration: %s',
                        exc, instance=self._instance)
            if self._jobs.is_lost:
                # The HMC in use now does not know the job; the LPAR tells.
                self._job_id = None
                return
            self._note_answer(False)
            return
        self._note_answer(True)

    def _note_answer(self, has_come):
        if has_come:
            self._unanswered_since = None
        elif self._unanswered_since is None:
            self._unanswered_since = self._clock.now()

    def _is_mute(self):
        """Whether the platform has not answered for too long."""
        limit = CONF.powervm.live_migration_timeout
        return bool(limit) and self._unanswered_since is not None and (
            self._clock.now() - self._unanswered_since > limit)

    def _is_late(self, times=1):
        """Whether it takes longer than it may, several times as long."""
        limit = CONF.powervm.live_migration_timeout
        return bool(limit) and (
            self._clock.now() - self._began > limit * times)

    def pause(self):
        """Wait before settle() is called again; it raises the same."""
        self._pause(CONFIRM_INTERVAL)

    def _pause(self, seconds=None):
        with self._changed:
            self._check_open()
            self._clock.wait(self._changed, seconds or self._interval)
            self._check_open()
        self._interval = min(self._interval * 1.5, MAX_INTERVAL)

    def _check_open(self):
        if self._is_closing:
            raise Interrupted()

    def _abort_if_due(self):
        """Abort it if it takes too long, or if nobody could do that yet."""
        with self._changed:
            if self._is_abort_sent or not (
                    self.is_cancelled or self._is_late()):
                return
            self._is_abort_sent = True
        if not self.is_cancelled:
            LOG.warning('The migration takes longer than [powervm] '
                        'live_migration_timeout allows; it is aborted.',
                        instance=self._instance)
        try:
            self.send_abort()
        except pvm_exc.Error as exc:
            LOG.warning('The migration cannot be aborted: %s', exc,
                        instance=self._instance)

    def _recover(self):
        LOG.warning('The migration has failed half-way; the platform is asked '
                    'to recover it. %s', self.message,
                    instance=self._instance)
        try:
            job_id, status = self._jobs.recover()
            began = self._clock.now()
            while not status.is_over:
                if self._clock.now() - began > RECOVERY_SECONDS:
                    LOG.warning('The recovery does not end.',
                                instance=self._instance)
                    return
                self._pause()
                status = self._jobs.read(job_id)
            self._delete_record(job_id)
            if not status.is_done:
                LOG.warning('The recovery has failed: %s', status.message,
                            instance=self._instance)
        except pvm_exc.Error as exc:
            LOG.warning('The recovery has failed: %s', exc,
                        instance=self._instance)

    def _delete_record(self, job_id):
        try:
            self._jobs.delete(job_id)
        except pvm_exc.Error as exc:
            LOG.info('The record of job %(id)s stays until the platform '
                     'deletes it: %(exc)s', {'id': job_id, 'exc': exc},
                     instance=self._instance)

    # ---- what other threads do ---------------------------------------------

    def abort(self):
        """Stop it; the thread that follows it notices (0-2 requests).

        :raises pypowervm.exceptions.Error: if the platform refuses; then it
            goes on.
        """
        with self._changed:
            if self._has_ended:
                return
            self.is_cancelled = True
            self._changed.notify_all()
            if not self._is_submitted or self._is_abort_sent:
                return
            # The thread that follows it may look now. It must not send
            # another one, which the platform would refuse.
            self._is_abort_sent = True
        try:
            self._send_abort()
        except Exception:
            with self._changed:
                self.is_cancelled = self._is_abort_sent = False
            raise

    def send_abort(self):
        """Have the platform stop it (1-2 requests); see abort()."""
        try:
            self._send_abort()
        except Exception:
            self._is_abort_sent = False
            raise

    def _send_abort(self):
        job_id, status = self._jobs.abort()
        if not status.is_over:
            self._abort_job_id = job_id
        else:
            self._delete_record(job_id)
            if not status.is_done:
                raise pvm_exc.JobRequestFailed(operation_name=job.ABORT,
                                               error=status.message)
        with self._changed:
            self._changed.notify_all()

    def give_up(self, seconds):
        """Stop it because the server is deleted, and wait for its end.

        :param seconds: for which to wait.
        :returns: bool, whether it has ended.
        """
        with self._changed:
            self.is_given_up = True
        try:
            self.abort()
        except pvm_exc.Error as exc:
            LOG.warning('The migration cannot be aborted: %s', exc,
                        instance=self._instance)
        with self._changed:
            # If it has not ended, the deletion fails, and the server goes on.
            self.is_given_up = self._changed.wait_for(
                lambda: self._is_over, seconds)
            return self.is_given_up

    def close(self):
        """Have its thread leave it alone."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()

    def end(self):
        """Note that its thread does nothing with the server any more."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()


class RunningMigrations:
    """The live migrations that leave this host.

    :param host: the owner of the REST connection (host.Host).
    :param clock: Clock; for tests.
    """

    def __init__(self, host, clock=None):
        self._host = host
        self._clock = clock or Clock()
        self._lock = threading.Lock()
        # UUID of a server -> Migration.
        self._running = {}
        self._is_closing = False

    @contextlib.contextmanager
    def one(self, instance, record=None):
        """Yield the Migration of an instance, which ends with the block.

        :param record: nova.objects.Migration that gets the progress, or None.
        :raises Interrupted: if nova-compute ends, or if it has one already.
        """
        migration = Migration(self._host, instance, record, self._clock)
        with self._lock:
            if self._is_closing or instance.uuid in self._running:
                raise Interrupted()
            self._running[instance.uuid] = migration
        try:
            yield migration
        finally:
            migration.end()
            with self._lock:
                del self._running[instance.uuid]

    @property
    def are_under_way(self):
        """Whether servers are being migrated from this host, bool."""
        with self._lock:
            return bool(self._running)

    def has(self, instance):
        """Whether an instance is being migrated from this host, bool."""
        return self._find(instance) is not None

    def abort(self, instance):
        """Abort the migration of an instance, if there is one.

        Of one that this process has not begun, the LPAR tells (1 request, and
        2 if it migrates).

        :raises pypowervm.exceptions.Error: if the platform refuses.
        """
        migration = self._find(instance)
        if migration is not None:
            migration.abort()
        elif outcome.look(self._host, instance) is outcome.Location.MOVING:
            Migration(self._host, instance, None, self._clock).send_abort()

    def deadline(self, seconds):
        """Return until when somebody waits who waits for some seconds."""
        return self._clock.now() + seconds

    def give_up(self, instance, seconds):
        """Stop the migration of an instance that is deleted.

        :param seconds: for which to wait for its end.
        :returns: bool; False if it has not ended by then.
        """
        migration = self._find(instance)
        return migration is None or migration.give_up(seconds)

    def _find(self, instance):
        with self._lock:
            return self._running.get(instance.uuid)

    def close(self):
        """Leave all migrations alone, and begin no more."""
        with self._lock:
            self._is_closing = True
            running = list(self._running.values())
        for migration in running:
            migration.close()
