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

"""Tasks on the logical partition of an instance: thin wrappers of vm.py.

Those that start and stop it wrap power_jobs.py.

A revert brings back what was before its task, so such a task finds that out
before it does anything. An LPAR that was on, or of which nobody knows whether
it was, is not powered off; one that there was is not deleted.
"""

import contextlib

from nova import exception as nova_exc
from oslo_log import log as logging
from oslo_utils import excutils
from taskflow import task
from taskflow.types import failure

from nova_powervm.virt.powervm import crash_dump
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import flavor as flavors
from nova_powervm.virt.powervm import host_record
from nova_powervm.virt.powervm import instance_id
from nova_powervm.virt.powervm import no_slots
from nova_powervm.virt.powervm import power_jobs
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)


class KeepHost(task.Task):
    """Have Nova keep that this host may have something of the server.

    It comes before anything that is made, and stays: see host_record.
    """

    def __init__(self, host, instance):
        super().__init__('keep_host')
        self.host = host
        self.instance = instance

    def execute(self):
        instance_id.keep(self.instance)
        host_record.keep_host(self.instance, self.host.nodename)


class KeepHostOfRemoved(KeepHost):
    """The same of a server that goes, and that an older version has made.

    Of one that is on another host by now, Nova has a migration from here.
    """

    def execute(self):
        if (self.instance.host == self.host.nodename and
                not self.instance.deleted):
            with contextlib.suppress(nova_exc.InstanceNotFound):
                super().execute()


class Create(task.Task):
    """Create the LPAR; provides its wrapper as ``lpar_wrap``.

    :param slots: slots.server.ServerSlots of the flow.
    :param nvram: nvram.manager.NvramManager that has the NVRAM which the
        server had before, or None.
    """

    # Whether the task has found that there was no LPAR before.
    _is_new = False

    def __init__(self, host, instance, slots=no_slots.NO_SLOTS, nvram=None):
        super().__init__('crt_vm', provides='lpar_wrap')
        self.host = host
        self.instance = instance
        self.slots = slots
        self.nvram = nvram

    def execute(self):
        nvram = self.nvram and self.nvram.fetch(self.instance)
        self._is_new = not vm.may_exist(self.host, self.instance)
        lpar_w = vm.create_lpar(self.host, self.instance, nvram=nvram,
                                min_slots=self.slots.min_slots)
        self.slots.note_partition(lpar_w)
        return lpar_w

    def revert(self, result, flow_failures):
        """Delete the LPAR, if there was none before."""
        if not self._is_new or (
                isinstance(result, failure.Failure) and result.check(
                    nova_exc.NovaException, exception.PowerVMAPIFailed)):
            # Refused before anything was made, or not ours.
            return
        vm.delete_lpar(self.host, self.instance)


class Get(task.Task):
    """Read the LPAR; provides its wrapper as ``lpar_wrap``."""

    def __init__(self, host, instance):
        super().__init__('get_vm', provides='lpar_wrap')
        self.host = host
        self.instance = instance

    def execute(self):
        return vm.get_instance_wrapper(self.host, self.instance)


class PowerChange(task.Task):
    """Base of the tasks that power the LPAR on."""

    # Whether the LPAR was off when the task began; None if nobody knows, or
    # it has not begun.
    _was_off = None

    def __init__(self, name, host, instance):
        super().__init__(name)
        self.host = host
        self.instance = instance

    def _note_power(self, lpar_w=None):
        self._was_off = vm.is_off(self.host, self.instance, lpar_w)

    def _bring_back(self, restart):
        """Power the LPAR off if it was off, also if the answer was lost.

        It could not be deleted otherwise.

        :param restart: whether the task may have stopped one that was on.
        """
        if self._was_off:
            power_jobs.PowerOp(self.host, self.instance).stop(immediate=True)
        elif self._was_off is False and restart:
            power_jobs.PowerOp(self.host, self.instance).start()


class PowerOn(PowerChange):
    """Power the LPAR on.

    It takes ``lpar_wrap`` of a flow that has made the LPAR, or has read it
    when it was off.

    :param opts: pypowervm PowerOnOpts, or None.
    :param restart: whether to restart it if it is on, as opts would have no
        effect otherwise.
    """

    def __init__(self, host, instance, opts=None, restart=False):
        super().__init__('pwr_vm', host, instance)
        self.opts = opts
        self.restart = restart

    def execute(self, lpar_wrap=None):
        self._note_power(lpar_wrap)
        power_jobs.PowerOp(self.host, self.instance).start(
            self.opts, restart=self.restart)

    def revert(self, result, flow_failures):
        """Power the LPAR off, if it was off before"""
        self._bring_back(self.restart)


class BootFrom(PowerChange):
    """Power the LPAR on, to boot from a certain disk.

    :param restart: whether to restart it if it is on.
    """

    def __init__(self, host, instance, restart=True):
        super().__init__('pwr_vm', host, instance)
        self._restart = restart

    def execute(self, boot_device):
        self._note_power()
        power_jobs.PowerOp(self.host, self.instance).boot_from(
            boot_device, restart=self._restart)

    def revert(self, result, flow_failures, boot_device):
        """Power the LPAR off, if it was off before"""
        self._bring_back(self._restart)


class PowerOff(task.Task):
    """Power the LPAR off.

    :param missing_ok: whether an LPAR that does not exist is good enough.
    """

    def __init__(self, host, instance, force_immediate=False, timeout=None,
                 missing_ok=False):
        super().__init__('pwr_off_vm')
        self.host = host
        self.instance = instance
        self.force_immediate = force_immediate
        self.timeout = timeout
        self.missing_ok = missing_ok

    def execute(self):
        try:
            power_jobs.PowerOp(self.host, self.instance).stop(
                immediate=self.force_immediate, timeout=self.timeout)
        except nova_exc.InstanceNotFound:
            if not self.missing_ok:
                raise
            # Of a server whose making has failed, that was told then.
            LOG.log(logging.WARNING if vm.was_made(self.instance) else
                    logging.INFO,
                    'There is no LPAR; what it left behind will be removed.',
                    instance=self.instance)


class PowerBackOn(PowerChange):
    """Nothing, but power the LPAR on if the flow fails.

    :param always: whether also an LPAR that is off when the task begins.
    """

    def __init__(self, host, instance, always=False):
        super().__init__('pwr_back_on', host, instance)
        self._always = always

    def execute(self):
        if not self._always:
            self._note_power()

    def revert(self, result, flow_failures):
        """Power the LPAR on, unless it was off before"""
        if self._was_off:
            return
        try:
            self._start()
        except Exception:
            with excutils.save_and_reraise_exception():
                LOG.error('The server could not be started again.',
                          instance=self.instance)

    def _start(self):
        power_jobs.PowerOp(self.host, self.instance).start()


class CheckFlavor(task.Task):
    """Make sure that an LPAR here can have a flavor."""

    def __init__(self, host, instance, flavor):
        super().__init__('check_flavor')
        self.host = host
        self.instance = instance
        self.flavor = flavor

    def execute(self):
        flavors.build_lpar(self.host, self.instance, self.flavor)


class Resize(task.Task):
    """Make the LPAR, which is off, what the instance's flavor says.

    :param old_flavor: nova.objects.Flavor that it was made for.
    :param back: whether that is the revert of a resize. It is not undone: Nova
        has the flavor of before again.
    """

    def __init__(self, host, instance, old_flavor, back=False):
        super().__init__('resize_vm')
        self._back = back
        self.host = host
        self.instance = instance
        self.old_flavor = old_flavor

    def execute(self):
        resize = vm.resize_back if self._back else vm.resize_lpar
        resize(self.host, self.instance, self.old_flavor, self.instance.flavor)

    def revert(self, result, flow_failures):
        """Give the LPAR the size of before, if it is not reverted already"""
        if self._back:
            return
        try:
            vm.resize_back(self.host, self.instance, self.instance.flavor,
                           self.old_flavor)
        except Exception:
            with excutils.save_and_reraise_exception():
                LOG.error('The LPAR may have kept its new size.',
                          instance=self.instance)


class MakeUpSize(task.Task):
    """Give the LPAR, which is off, its size after a resize that failed."""

    def __init__(self, host, instance):
        super().__init__('make_up_size')
        self.host = host
        self.instance = instance

    def execute(self, lpar_wrap):
        vm.make_up_size(self.host, self.instance)


class Reboot(task.Task):
    """Restart the LPAR, or start it if it is off."""

    def __init__(self, host, instance, hard):
        super().__init__('reboot_vm')
        self.host = host
        self.instance = instance
        self.hard = hard

    def execute(self):
        self._operation().restart(self.hard)

    def _operation(self):
        return power_jobs.PowerOp(self.host, self.instance)


class TriggerCrashDump(task.Task):
    """Have the guest dump its memory and restart."""

    def __init__(self, host, instance):
        super().__init__('crash_dump')
        self.host = host
        self.instance = instance

    def execute(self):
        crash_dump.trigger(self.host, self.instance)


class Delete(task.Task):
    """Delete the LPAR, and with it its virtual adapters."""

    def __init__(self, host, instance):
        super().__init__('dlt_vm')
        self.host = host
        self.instance = instance

    def execute(self):
        vm.delete_lpar(self.host, self.instance)
