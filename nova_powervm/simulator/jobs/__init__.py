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

"""Jobs: operations that take time.

An operation is a function of the Job. It may be a generator: what comes
before its ``yield`` happens when the job is submitted, what comes after it
when the job ends. It returns a dict of results, or None, and raises
JobFailed. At the ``yield`` it meets GeneratorExit when the job is cancelled,
and JobFailed when a fault was injected.

An operation of several phases has a ``yield`` for each, of the clock.Phase
that begins. The first phase lasts as long as the jobs of the profile do, if
that is longer.
"""

import functools
import inspect
import uuid

from nova_powervm.simulator import atom
from nova_powervm.simulator import clock
from nova_powervm.simulator import errors
from nova_powervm.simulator.jobs import cli_runner
from nova_powervm.simulator.jobs import iscsi
from nova_powervm.simulator.jobs import lua_recovery
from nova_powervm.simulator.jobs import memory
from nova_powervm.simulator.jobs import migrate
from nova_powervm.simulator.jobs import power
from nova_powervm.simulator.jobs import remove_device
from nova_powervm.simulator.jobs import status
from nova_powervm.simulator.jobs import storage
from nova_powervm.simulator.jobs import wwpn

el = atom.el

JobFailed = status.JobFailed

#: (type that the job is for, operation) -> function. A line for each.
OPERATIONS = {
    ('LogicalPartition', 'PowerOn'): power.power_on,
    ('LogicalPartition', 'PowerOff'): power.power_off,
    ('LogicalPartition', 'CloseVterm'): power.close_vterm,
    ('LogicalPartition', 'Migrate'): migrate.migrate,
    ('LogicalPartition', 'MigrateValidate'): migrate.migrate_validate,
    ('LogicalPartition', 'MigrateAbort'): migrate.migrate_abort,
    ('LogicalPartition', 'MigrateRecover'): migrate.migrate_recover,
    ('VirtualIOServer', 'PowerOn'): power.power_on,
    ('VirtualIOServer', 'PowerOff'): power.power_off,
    ('VirtualIOServer', 'RescanVirtualDisk'): storage.rescan_virtual_disk,
    ('VirtualIOServer', 'LUARecovery'): lua_recovery.lua_recovery,
    ('VirtualIOServer', 'RemoveDevice'): remove_device.remove_device,
    ('VirtualIOServer', 'ISCSIDiscovery'): iscsi.discover,
    ('VirtualIOServer', 'ISCSIRemove'): iscsi.remove,
    ('VirtualIOServer', 'RBDExists'): iscsi.rbd_exists,
    ('ManagedSystem', 'GetNextWWPNs'): wwpn.get_next_wwpns,
    ('ManagedSystem', 'QueryReservedMemoryRequiredForPartition'):
        memory.query_reserved_memory,
    ('ManagementConsole', 'CLIRunner'): cli_runner.run,
}


#: Operations that only a NovaLink has (source: pypowervm.traits,
#: rmdev_job_available, and the docstrings of pypowervm.tasks.hdisk), and those
#: that only an HMC has.
_NOVALINK_ONLY = frozenset(('VirtualIOServer', operation) for operation in (
    'RemoveDevice', 'ISCSIDiscovery', 'ISCSIRemove', 'RBDExists'))
_HMC_ONLY = frozenset((('ManagementConsole', 'CLIRunner'),))


def check(endpoint, type_, operation):
    """Refuse an operation that there is not.

    :param endpoint: endpoint.Endpoint
    :raises errors.NotFound:
    """
    absent = _NOVALINK_ONLY if endpoint.is_hmc else _HMC_ONLY
    if (type_, operation) not in OPERATIONS.keys() - absent:
        raise errors.NotFound('There is no operation %s for %s' % (
            operation, type_))


def template(type_, operation):
    """Make the JobRequest that a client fills in.

    :returns: bytes, the document
    """
    return atom.document('JobRequest', 'web', [
        atom.metadata(), _requested(type_, operation),
        atom.section('JobParameters')])


def _requested(type_, operation):
    return atom.section('RequestedOperation',
                        el('OperationName', operation),
                        el('GroupName', type_))


class Job:
    """A job.

    :ivar host: host.Host
    :ivar target: the Resource that it is for, or None
    :ivar parameters: dict of str
    :ivar status: one of the names in jobs/status.py
    :ivar outlives_record: bool, whether what it does goes on when a client
                           cancels the job
    :ivar undo: callable that takes back what has begun, if the process ends
                before the job does; or None
    :param fault: dict, the data of a fault that the request met, or None
    """

    def __init__(self, host, job_id, type_, operation, target, parameters,
                 fault=None):
        self.host = host
        self.id = job_id
        self.type = type_
        self.operation = operation
        self.target = target
        self.parameters = parameters
        self.status = status.RUNNING
        self.results = {}
        self.message = ''
        self.started = self.ended = host.site.clock.now()
        self.fault = fault or {}
        self.outlives_record = False
        self.undo = None
        self._failure = None
        if self.fault.get('effect') == 'job_failed':
            self._failure = self.fault.get('message', 'A fault was injected')
        self._polls_left = 0
        self._steps = None
        self._phase = None
        self._turn = 0

    def __getstate__(self):
        """Leave out where the operation is: nothing can store that."""
        return dict(vars(self), _steps=None if self._steps is None else True)

    def restored(self):
        """Fail if the process has ended in the middle of the operation."""
        if self._steps is None:
            return
        self._steps = None
        self._turn += 1
        if self.undo is not None:
            self.undo()
        self._end_failed(JobFailed(errors.INTERRUPTED))

    def start(self):
        """Begin; with no duration in the profile it has ended on return."""
        self._polls_left = self.host.site.timing['job_polls']
        self._step(functools.partial(
            OPERATIONS[self.type, self.operation], self))

    def poll(self):
        """Count a GET of the job: it may be the one that ends it."""
        if self.status != status.RUNNING or not self._polls_left:
            return
        self._polls_left -= 1
        if not self._polls_left and self._turn == 1 and not self._phase.held:
            self._phase.seconds = (self.host.site.clock.now() -
                                   self._phase.began)
            self._go_on(1)

    def cancel(self):
        """Break the job off, if it still runs.

        What outlives its record goes on, as if it had no job.
        """
        if self.status == status.RUNNING:
            if not self.outlives_record:
                self._turn += 1
                if self._steps is not None:
                    self._steps.close()
            self._end(status.CANCELED)

    def break_off(self, exc):
        """Raise an exception in the operation, which is in a phase.

        :param exc: Exception, such as JobFailed
        """
        self._turn += 1
        self._step(functools.partial(self._steps.throw, exc))

    def release(self):
        """Let the phase begin that is held."""
        if self._phase.held:
            self._phase.held = False
            self._begin_phase(self.host.site.clock.now())

    def _step(self, run):
        """Let the operation run to its next phase, or to its end.

        :param run: callable that begins or resumes it
        """
        try:
            outcome = run()
            if inspect.isgenerator(outcome):
                self._steps = outcome
                outcome = next(outcome)
            if self._steps is None:
                self.results = outcome or {}
                outcome = None
        except StopIteration as stop:
            self._steps = None
            self.results = stop.value or {}
            if self._phase is not None:
                self._end(status.COMPLETED_OK)
                return
            outcome = None
        except JobFailed as exc:
            self._steps = None
            self._end_failed(exc)
            return
        self._turn += 1
        before, self._phase = self._phase, outcome or clock.Phase()
        if self._turn == 1:
            self._phase.seconds = max(
                self._phase.seconds, self.host.site.timing['job_seconds'])
        if self._phase.held:
            return
        # Whoever puts the clock forward may end several phases at once.
        now = self.host.site.clock.now()
        self._begin_phase(now if before is None else min(
            now, before.began + before.seconds))

    def _begin_phase(self, began):
        """Let the time of a phase run.

        :param began: float, since when
        """
        self._phase.began = began
        seconds = self._phase.seconds
        if seconds > 0 or not self._polls_left or self._turn > 1:
            now = self.host.site.clock.now()
            self.host.site.clock.after(
                began + seconds - now, functools.partial(self._go_on,
                                                         self._turn))

    def _go_on(self, turn):
        """End a phase.

        :param turn: int, its number: another one has ended already
        """
        if turn != self._turn:
            return
        failure, self._failure = self._failure, None
        if failure is not None and self._steps is None:
            self._end_failed(JobFailed(failure))
        elif failure is not None:
            self.break_off(JobFailed(failure))
        elif self._steps is None:
            self._end(status.COMPLETED_OK)
        else:
            self._step(functools.partial(next, self._steps))

    def _end_failed(self, exc):
        self.message = exc.message
        self.results = dict(exc.results)
        self._end(exc.status)

    def _end(self, final):
        if self.status != status.RUNNING:
            # A client has cancelled what outlives the record.
            return
        self.status = final
        self.ended = self.host.site.clock.now()

    def document(self):
        """Return the JobResponse (bytes)."""
        results = [
            atom.section('JobParameter', el('ParameterName', name),
                         el('ParameterValue', value))
            for name, value in self.results.items()]
        parameters = [
            atom.section('JobParameter', el('ParameterName', name),
                         el('ParameterValue', value))
            for name, value in self.parameters.items()]
        return atom.document('JobResponse', 'web', [
            atom.metadata(),
            atom.link('RequestURL', self._request_url(), rel='via',
                      title='The URL to which the JobRequest was submitted.'),
            el('TargetUuid', self.target.uuid) if self.target else None,
            el('JobID', self.id),
            el('TimeStarted', int(self.started * 1000)),
            el('TimeCompleted', int(self.ended * 1000))
            if self.status != status.RUNNING else None,
            el('Status', self.status),
            atom.section('ResponseException', el('Message', self.message))
            if self.message else None,
            atom.section('JobRequestInstance',
                         _requested(self.type, self.operation),
                         atom.section('JobParameters', parameters)),
            atom.section('Results', results)])

    def _request_url(self):
        target = '/' + self.target.uuid if self.target else ''
        return '%s%s/do/%s' % (self.type, target, self.operation)

    def state(self):
        """Return it as a dict fit for JSON."""
        return {'id': self.id, 'operation': self.operation,
                'type': self.type, 'status': self.status,
                'target': self.target.uuid if self.target else None}


class Jobs:
    """The jobs of a host that no client has deleted yet.

    A job is deleted job_retention_seconds after its end (assumed, no hardware:
    a client that loses its connection cannot delete its job).

    :param endpoint: endpoint.Endpoint
    """

    def __init__(self, endpoint):
        self._endpoint = endpoint
        self._jobs = {}
        self._last_id = 0

    def submit(self, type_, operation, target, doc, fault=None):
        """Start a job.

        :param type_: str, the type that the URL names
        :param operation: str
        :param target: Resource, or None
        :param doc: atom.Document, the JobRequest
        :param fault: dict, the data of a fault that the request met, or None
        :returns: Job
        :raises errors.RestError: when there is no such operation
        """
        check(self._endpoint, type_, operation)
        if doc.text('RequestedOperation/OperationName') != operation:
            raise errors.Refused('The JobRequest is not for %s' % operation)
        parameters = {
            item.text('ParameterName'): item.text('ParameterValue') or ''
            for item in doc.all('JobParameters/JobParameter')}
        self._forget_old()
        now = int(self._endpoint.site.clock.now() * 1000)
        self._last_id = max(self._last_id + 1, now)
        host = self._endpoint.hosts[0] if target is None else target.host
        job = Job(host, str(self._last_id), type_, operation, target,
                  parameters, fault)
        self._jobs[job.id] = job
        job.start()
        return job

    def get(self, job_id):
        """Find a job.

        :raises errors.NotFound:
        """
        self._forget_old()
        try:
            return self._jobs[job_id]
        except KeyError:
            raise errors.NotFound('There is no job %s' % job_id)

    def find(self, job_id):
        """Find a job, or return None."""
        return self._jobs.get(job_id)

    def forget(self):
        """Drop all records, as a restart of the server does.

        What the jobs do goes on.

        :returns: int, how many there were
        """
        count = len(self._jobs)
        self._jobs.clear()
        return count

    def _forget_old(self):
        site = self._endpoint.site
        limit = site.clock.now() - site.timing['job_retention_seconds']
        for job in list(self._jobs.values()):
            if job.status != status.RUNNING and job.ended < limit:
                del self._jobs[job.id]

    def delete(self, job_id):
        """Forget a job that has ended.

        :raises errors.Refused: while it runs
        """
        if self.get(job_id).status == status.RUNNING:
            raise errors.Refused('Job %s is still running' % job_id)
        del self._jobs[job_id]

    def state(self, host=None):
        """Return the jobs as a list of dicts fit for JSON.

        :param host: host.Host whose jobs are meant, without those of an HMC
                     itself; None for all
        """
        self._forget_old()
        return [job.state() for job in self._jobs.values()
                if host is None or host is job.host and not (
                    self._endpoint.is_hmc and job.target is None)]

    def entry(self, job):
        """Return a job as an Atom entry (bytes)."""
        href = '%s/rest/api/uom/jobs/%s' % (self._endpoint.base_url, job.id)
        return atom.entry('JobResponse', 'web', job.document(),
                          str(uuid.uuid4()), href, published=job.started)
