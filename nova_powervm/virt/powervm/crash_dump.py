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

"""Crash dumps: the guest writes what is in its memory, and restarts."""

from nova.compute import power_state
from nova import exception as nova_exc
from oslo_concurrency import lockutils
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import power_opts

from nova_powervm.virt.powervm import answers
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import power_jobs
from nova_powervm.virt.powervm import vm


def trigger(host, instance):
    """Have the guest of an instance dump its memory, then restart.

    4 requests, and 1 more for the first job that stops an LPAR. The platform
    interrupts the operating system, which writes the dump if it is set up to
    do so, and is booted again (source: operation dumprestart of the job
    PowerOff, pypowervm.tasks.power_opts).

    :param host: the Host.
    :param instance: nova.objects.Instance
    :raises nova.exception.InstanceNotFound: if it has no LPAR here.
    :raises nova.exception.InstanceNotRunning: if it does not run.
    :raises PowerVMAPIFailed: if the platform refuses, or does not tell how it
        went. The guest may be restarted all the same in the latter case.
    :raises pypowervm.exceptions.Error: if the platform does not answer before
        anything was done.
    """
    pvm_uuid = vm.get_pvm_uuid(instance)
    # Not while it is started or stopped, see power_jobs.
    with lockutils.lock('power_%s' % instance.uuid):
        _check_running(host, instance)
        try:
            power_jobs.run_job(
                host, pvm_uuid, power_opts.PowerOffOpts().operation(
                    power_opts.PowerOffOperation.DUMPRESTART))
        except pvm_exc.Error as exc:
            host.partition_states.forget(pvm_uuid)
            if _is_refusal(exc):
                _check_running(host, instance)
            raise exception.PowerVMAPIFailed(
                inst_name=instance.name, reason=str(exc)) from exc
        finally:
            # It goes down and comes up at its own pace.
            host.partition_states.forget(pvm_uuid)


def _check_running(host, instance):
    """Make sure that the LPAR of an instance runs (1 request)."""
    info = vm.get_vm_info(host, instance, use_cache=False)
    if info.state != power_state.RUNNING:
        raise nova_exc.InstanceNotRunning(instance_id=instance.uuid)


def _is_refusal(exc):
    """Whether it is known that the platform has not done the job."""
    return (isinstance(exc, pvm_exc.JobRequestFailed) and
            not isinstance(exc.__context__, answers.NO_ANSWER))
