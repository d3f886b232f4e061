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

"""Power LPARs on and off; no other module does this.

If an LPAR is already on or off, PowerOp of pypowervm logs an ERROR with a
traceback. This module runs the jobs itself, and does not treat this as an
error.
"""

import contextlib
import functools
import time

from nova.compute import utils as compute_utils
from nova import exception as nova_exc
from oslo_concurrency import lockutils
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import power_opts
from pypowervm.wrappers import base_partition as pvm_bp
from pypowervm.wrappers import job as pvm_job
from pypowervm.wrappers import logical_partition as pvm_lpar

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import answers
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import other_systems
from nova_powervm.virt.powervm import power_states
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

_STATE = pvm_bp.LPARState
_JOB = pvm_job.JobStatus
# Codes of the platform for PowerOff of an LPAR that is off, and for PowerOn of
# an LPAR that is on (source: pypowervm's module tasks.power).
_IS_OFF = 'HSCL1558', 'PVME04000005', 'PVME01050901'
_IS_ON = 'HSCL3681', 'PVME01042026'


class PowerOp:
    """Starts, stops and restarts the LPAR of an instance.

    An instance has one operation at a time. A job takes 3 requests, and 1 more
    the first time, for its form. It takes 2 requests if the platform refuses
    it at once. All methods raise nova.exception.InstanceNotFound if certainly
    no LPAR exists here: after a 404, the class reads the list of all LPARs.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :param prepare: called before a job that starts the LPAR, while it is off.
    """

    def __init__(self, host, instance, prepare=lambda: None):
        self._host = host
        self._instance = instance
        self._prepare = prepare
        self._uuid = vm.get_lpar_uuid(instance)

    # ---- operations ---------------------------------------------------------

    def start(self, opts=None, restart=False):
        """Start the LPAR (1 job; 0-1 requests if it is known to be on).

        An LPAR that is on stays on. An LPAR that has crashed is stopped first,
        because the platform does not start it.

        :param opts: pypowervm PowerOnOpts, or None.
        :param restart: bool, whether to stop an LPAR that is on first.
            Otherwise opts have no effect on it.
        :raises PowerVMAPIFailed: if it does not start.
        """
        opts = opts or power_opts.PowerOnOpts()
        failure = functools.partial(exception.PowerVMAPIFailed,
                                    inst_name=self._instance.name)
        with self._locked():
            if not restart and self._is_surely(_STATE.RUNNING):
                return
            with self._operation(_STATE.RUNNING, failure, restart=restart):
                if restart:
                    self._restart(opts)
                else:
                    self._start_also_crashed(opts)

    def boot_from(self, device, restart=True):
        """Start the LPAR from a certain disk (1 job).

        The platform passes the name to the firmware, which then boots only
        from this disk, and only this time (source: parameter bootstring of
        pypowervm's PowerOnOpts; its effect is assumed, no hardware).

        :param device: str, see boot_path; None lets the firmware choose.
        :param restart: bool, whether to stop an LPAR that is on first.
            Otherwise it stays on.
        :raises PowerVMAPIFailed: if it does not start.
        """
        opts = power_opts.PowerOnOpts().bootmode(power_opts.BootMode.NORM)
        if device:
            opts.bootstring(device)
        self.start(opts, restart=restart)

    def stop(self, immediate=False, timeout=None):
        """Stop the LPAR. An LPAR that is off stays off.

        :param immediate: bool, whether to cut the power at once (1 job; 0-1
            requests if it is known to be off). Otherwise the LPAR is read
            first, and each attempt of the sequence in _shut_down is a job.
        :param timeout: seconds that the guest has to shut down. Then the power
            is cut. 0 means immediate; None means the value of the image, or
            else of the configuration.
        :raises nova.exception.InstancePowerOffFailure: if it does not stop.
        """
        if timeout is None:
            timeout = self._shutdown_timeout()
        immediate = immediate or not timeout
        with self._locked():
            if immediate and self._is_surely(_STATE.NOT_ACTIVATED):
                return
            with self._operation(_STATE.NOT_ACTIVATED,
                                 nova_exc.InstancePowerOffFailure):
                if immediate:
                    self._pull_the_plug()
                    return
                lpar_w = self._read()
                if lpar_w.state == _STATE.ERROR:
                    # There is no guest to ask.
                    self._pull_the_plug()
                elif lpar_w.state != _STATE.NOT_ACTIVATED:
                    self._shut_down(lpar_w, timeout)

    def stop_if_exists(self, immediate=False, timeout=None):
        """Stop the LPAR, as stop() does; log it if there is no LPAR."""
        try:
            self.stop(immediate=immediate, timeout=timeout)
        except nova_exc.InstanceNotFound:
            # If the build of a server failed, this has been logged before.
            LOG.log(logging.WARNING if vm.was_made(self._instance) else
                    logging.INFO,
                    'There is no LPAR; what it left behind will be removed.',
                    instance=self._instance)

    def restart(self, hard):
        """Restart the LPAR, or start it if it is off (1 request, 1 job).

        An LPAR that has crashed has no guest that could restart it. It is
        stopped and started (2 jobs).

        :param hard: bool, whether to cut the power instead of asking the
            guest.
        :raises nova.exception.InstanceRebootFailure: if it does not restart.
        """
        timeout = 0 if hard else self._shutdown_timeout()
        with self._locked(), self._operation(
                _STATE.RUNNING, nova_exc.InstanceRebootFailure, restart=True):
            lpar_w = self._read()
            if lpar_w.state == _STATE.ERROR:
                self._pull_the_plug()
                self._run_start()
            elif lpar_w.state == _STATE.NOT_ACTIVATED:
                self._run_start()
            elif timeout:
                self._shut_down(lpar_w, timeout, restart=True)
            elif self._pull_the_plug(restart=True):
                self._run_start()

    def restart_at_once(self):
        """Cut the power and start the LPAR again, in 1 job.

        An LPAR that is off is started (1 more job). An LPAR that has crashed
        is refused.

        :raises nova.exception.InstanceRebootFailure: if it does not restart.
        """
        with self._locked(), self._operation(
                _STATE.RUNNING, nova_exc.InstanceRebootFailure, restart=True):
            if self._pull_the_plug(restart=True):
                self._run_start()

    # ---- around an operation -----------------------------------------------

    def _locked(self):
        return lockutils.lock('power_%s' % self._instance.uuid)

    def _is_surely(self, state):
        """Return whether the LPAR is still in the state that was last read.

        Needs no request if that was another state. Otherwise it needs 1, which
        is less than the job that it may save: a guest or an operator may have
        changed the state, even just after a job of this driver.
        """
        states = self._host.partition_states
        if states.known(self._uuid) != state:
            return False
        try:
            return states.ask(self._uuid) == state
        except (nova_exc.InstanceNotFound, pvm_exc.Error):
            # The job will tell.
            return False

    @contextlib.contextmanager
    def _operation(self, end_state, failure, restart=False):
        """Run jobs in the body; until they end, the state is not known.

        If an answer of the platform is lost, read the state of the LPAR to
        find out whether the job worked (1 request).

        :param restart: bool, whether the LPAR may be on before. In that case
            the state proves nothing.
        """
        states = self._host.partition_states
        states.forget(self._uuid)
        try:
            yield
        except (pvm_exc.Error, nova_exc.InstanceNotFound) as exc:
            states.forget(self._uuid)
            if self._is_gone(exc):
                self._check_not_moved(failure)
                raise nova_exc.InstanceNotFound(
                    instance_id=self._instance.uuid) from exc
            if restart or not _is_answer_lost(exc) or not self._is_in(
                    end_state):
                raise failure(reason=str(exc)) from exc
            LOG.warning('The platform did it, though its answer was lost: %s',
                        exc, instance=self._instance)
        except Exception:
            states.forget(self._uuid)
            raise
        else:
            states.note(self._uuid, end_state)

    def _is_gone(self, exc):
        """Return whether an exception says rightly that there is no LPAR."""
        if not isinstance(exc, nova_exc.InstanceNotFound) and not any(
                isinstance(origin, pvm_exc.HttpNotFound) and
                self._uuid in origin.response.reqpath
                for origin in _origins(exc)):
            return False
        try:
            return vm.is_gone(self._host, self._instance)
        except pvm_exc.Error as error:
            LOG.warning('Whether there is an LPAR is not known: %s', error,
                        instance=self._instance)
            return False

    def _check_not_moved(self, failure):
        """Check that no other system of an HMC has the LPAR.

        :param failure: called with a reason, to make an exception.
        :raises: that, if one has it, or if that is not known.
        """
        reason = vm.was_made(self._instance) and other_systems.why_not_gone(
            self._host, self._instance, self._uuid)
        if reason:
            raise failure(reason=reason)

    def _is_in(self, state):
        """Return whether the LPAR has the state that a job leads to.

        It never raises.

        :param state: a pypowervm LPARState: RUNNING, or NOT_ACTIVATED. For
            RUNNING, accept each state that Nova counts as running.
        """
        if state == power_states.OFF:
            return bool(vm.is_off(self._host, self._instance,
                                  use_cache=False))
        try:
            info = vm.get_vm_info(self._host, self._instance, use_cache=False)
        except (nova_exc.InstanceNotFound, pvm_exc.Error):
            return False
        return info.state == power_states.nova_state(state)

    def _read(self):
        return vm.get_instance_wrapper(self._host, self._instance)

    def _shutdown_timeout(self):
        """Return the seconds that a guest has to shut down, like Nova."""
        return compute_utils.get_value_from_system_metadata(
            self._instance, key='image_os_shutdown_timeout', type=int,
            default=CONF.shutdown_timeout)

    # ---- jobs --------------------------------------------------------------

    def _run_start(self, opts=None):
        """Start the LPAR; return whether it was on already."""
        self._prepare()
        return _unless(_IS_ON, run_job, self._host, self._uuid,
                       opts or power_opts.PowerOnOpts())

    def _run_stop(self, opts, timeout=None):
        """Stop or restart the LPAR; return whether it was off already."""
        return _unless(_IS_OFF, run_job, self._host, self._uuid,
                       opts, timeout)

    def _pull_the_plug(self, restart=False):
        return self._run_stop(
            power_opts.PowerOffOpts().vsp_hard().restart(restart))

    def _start_also_crashed(self, opts):
        try:
            self._run_start(opts)
        except pvm_exc.JobRequestFailed as exc:
            if not self._is_in_one_of(_STATE.ERROR):
                raise
            self._stop_and_start(opts, exc)

    def _stop_and_start(self, opts, exc):
        LOG.warning('The LPAR did not start. It is stopped, then started '
                    'once more: %s', exc, instance=self._instance)
        self._pull_the_plug()
        self._run_start(opts)

    def _restart(self, opts):
        """Start the LPAR; if it is on or has crashed, stop it first.

        An LPAR that is on stays on if the platform refuses the job.
        """
        try:
            if not self._run_start(opts):
                return
        except pvm_exc.JobRequestFailed as exc:
            if _is_refused(exc) and not self._is_in_one_of(
                    _STATE.NOT_ACTIVATED, _STATE.ERROR):
                raise
            self._stop_and_start(opts, exc)
            return
        self._pull_the_plug()
        self._run_start(opts)

    def _is_in_one_of(self, *states):
        """Ask the platform whether the LPAR is in a state (1 request)."""
        try:
            return self._read().state in states
        except (nova_exc.InstanceNotFound, pvm_exc.Error):
            return False

    def _shut_down(self, lpar_w, timeout, restart=False):
        """Ask the guest, then the firmware, to stop it; then cut the power.

        pypowervm gives each attempt after the first one half an hour. Here the
        attempts share the timeout. An attempt that times out is not repeated,
        because the platform continues a shutdown by itself. So Nova's retry
        interval has no use.
        """
        deadline = time.monotonic() + timeout
        for opts, share in _gentle_ways(lpar_w):
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                break
            try:
                was_off = self._run_stop(opts.restart(restart),
                                         remaining * share)
                if was_off and restart:
                    self._run_start()
                return
            except pvm_exc.JobRequestFailed as exc:
                LOG.warning('%(opts)s did not stop the LPAR; the next way is '
                            'tried: %(error)s', {'opts': opts, 'error': exc},
                            instance=self._instance)
        # The platform refuses to restart an LPAR that is off by now.
        self._pull_the_plug()
        if restart:
            self._run_start()


def run_job(host, lpar_uuid, opts, timeout=None):
    """Run a job that starts or stops a partition, and wait for it.

    :param host: the owner of the REST connection (host.Host).
    :param lpar_uuid: str, UUID of the LPAR.
    :param opts: pypowervm PowerOnOpts or PowerOffOpts.
    :param timeout: seconds; None means pypowervm_job_request_timeout. Then the
        job is cancelled.
    :raises pypowervm.exceptions.JobRequestTimedOut: if it took longer.
    :raises pypowervm.exceptions.JobRequestFailed: if the platform refuses the
        job, or the job fails; with the message of the platform.
    :raises pypowervm.exceptions.Error: if its result is not known.
    """
    if timeout is None:
        timeout = CONF.pypowervm_job_request_timeout
    job_w = host.job_form(pvm_lpar.LPAR, lpar_uuid, opts.JOB_SUFFIX)
    job_w.add_job_parameters_to_existing(*opts.bld_jparms())
    LOG.debug('LPAR %s, in at most %d seconds: %s', lpar_uuid, timeout, opts)
    try:
        job_w.entry = host.adapter.create_job(
            job_w.entry.element, pvm_lpar.LPAR.schema_type, lpar_uuid).entry
    except pvm_exc.Error as exc:
        raise pvm_exc.JobRequestFailed(operation_name=job_w.op,
                                       error=exc) from exc
    if job_w.poll_while_status((_JOB.RUNNING, _JOB.NOT_ACTIVE), timeout,
                               sensitive=False):
        job_w.cancel_job()
        raise pvm_exc.JobRequestTimedOut(operation_name=job_w.op,
                                         seconds=timeout)
    job_w.delete_job()
    if job_w.job_status != _JOB.COMPLETED_OK:
        raise pvm_exc.JobRequestFailed(operation_name=job_w.op,
                                       error=_words(job_w))


def _words(job_w):
    """Return the platform's message about a failed job, without its trace."""
    return (job_w.get_job_results_message() or job_w.entry.element.findtext(
        'ResponseException/Message') or job_w.job_status)


def _unless(codes, run, *args):
    """Run a job; return whether the platform answered one of these codes.

    :returns: bool; False if the job was done.
    """
    try:
        run(*args)
    except pvm_exc.JobRequestFailed as exc:
        if any(code in str(exc) for code in codes):
            LOG.debug('There is nothing to do: %s', exc)
            return True
        raise
    return False


def _gentle_ways(lpar_w):
    """Yield PowerOffOpts, each with its share of the remaining time."""
    if lpar_w.env == pvm_bp.LPARType.OS400:
        yield power_opts.PowerOffOpts().os_normal(), 0.5
        yield power_opts.PowerOffOpts().os_immediate(), 1
    elif power_opts.PowerOffOpts.can_os_shutdown(lpar_w):
        yield power_opts.PowerOffOpts().os_immediate(), 1
    yield power_opts.PowerOffOpts().vsp_normal(), 1


def _is_answer_lost(exc):
    """Return whether an answer that broke, or never came, is the cause."""
    return any(isinstance(origin, (*answers.NO_ANSWER, pvm_exc.AtomError))
               for origin in _origins(exc))


def _is_refused(exc):
    """Return whether an answer other than 2xx is the cause."""
    return any(isinstance(origin, pvm_exc.HttpError)
               for origin in _origins(exc))


def _origins(exc):
    """Yield an exception and its causes, which pypowervm hides behind it."""
    while exc is not None:
        yield exc
        exc = exc.__context__
