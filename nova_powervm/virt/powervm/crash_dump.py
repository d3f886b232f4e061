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

"""Crash dumps: the guest writes its memory to disk, and restarts."""

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
    """Let the guest of an instance dump its memory and restart.

    Needs 4 requests, and 1 more for the first job that stops an LPAR. The
    platform interrupts the operating system, which writes the dump if it is
    configured to. Then the platform boots the LPAR again (source: operation
    dumprestart of the job PowerOff, pypowervm.tasks.power_opts).

    :param host: the Host.
    :param instance: nova.objects.Instance
    :raises nova.exception.InstanceNotFound: if it has no LPAR here.
    :raises nova.exception.InstanceNotRunning: if it does not run.
    :raises PowerVMAPIFailed: if the platform refuses, or does not report the
        result. In the second case the guest may restart nevertheless.
    :raises pypowervm.exceptions.Error: if the platform does not answer before
        the driver has changed anything.
    """
    lpar_uuid = vm.get_lpar_uuid(instance)
    # Not while another thread starts or stops the LPAR, see power_jobs.
    with lockutils.lock('power_%s' % instance.uuid):
        _check_running(host, instance)
        try:
            power_jobs.run_job(
                host, lpar_uuid, power_opts.PowerOffOpts().operation(
                    power_opts.PowerOffOperation.DUMPRESTART))
        except pvm_exc.Error as exc:
            host.partition_states.forget(lpar_uuid)
            if _is_refusal(exc):
                _check_running(host, instance)
            raise exception.PowerVMAPIFailed(
                inst_name=instance.name, reason=str(exc)) from exc
        finally:
            # The guest needs an unknown time to go down and come up.
            host.partition_states.forget(lpar_uuid)


def _check_running(host, instance):
    """Raise an exception unless the LPAR of an instance runs (1 request)."""
    info = vm.get_vm_info(host, instance, use_cache=False)
    if info.state != power_state.RUNNING:
        raise nova_exc.InstanceNotRunning(instance_id=instance.uuid)


def _is_refusal(exc):
    """Return whether the platform certainly has not done the job."""
    return (isinstance(exc, pvm_exc.JobRequestFailed) and
            not isinstance(exc.__context__, answers.NO_ANSWER))
