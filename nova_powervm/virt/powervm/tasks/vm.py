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

"""Tasks on the LPAR of a server: thin wrappers of vm.py and power_jobs.py.

A revert restores the state before its task, so such a task finds out this
state before it does anything. It powers an LPAR off only if the LPAR was
certainly off before, and deletes only an LPAR that did not exist.
"""

from nova import exception as nova_exc
from oslo_log import log as logging
from oslo_utils import excutils
from taskflow.types import failure

from nova_powervm.virt.powervm import crash_dump
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import flavor as flavors
from nova_powervm.virt.powervm import no_slots
from nova_powervm.virt.powervm import power_jobs
from nova_powervm.virt.powervm import server_record
from nova_powervm.virt.powervm.tasks import base
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)


class KeepHost(base.HostTask):
    """Have Nova store that this host may have something of the server.

    It comes before anything that is created, and is not undone; see
    host_record.
    """

    NAME = 'keep_host'

    def execute(self):
        server_record.keep(self.host, self.instance)


class KeepHostOfRemoved(base.HostTask):
    """Store the same for a removed server that has no such record yet."""

    NAME = 'keep_host'

    def execute(self):
        server_record.keep_of_removed(self.host, self.instance)


class Create(base.HostTask):
    """Create the LPAR; provides its wrapper as ``lpar_wrap``.

    :param slots: slots.server.ServerSlots of the flow.
    :param nvram: nvram.manager.NvramManager that has the NVRAM which the
        server had before, or None.
    """

    NAME = 'crt_vm'
    default_provides = 'lpar_wrap'

    # Whether the task has found that there was no LPAR before.
    _is_new = False

    def __init__(self, host, instance, slots=no_slots.NO_SLOTS, nvram=None):
        super().__init__(host, instance)
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
            # The LPAR was refused before it was created, or is not ours.
            return
        vm.delete_lpar(self.host, self.instance)


class Get(base.HostTask):
    """Read the LPAR; provides its wrapper as ``lpar_wrap``."""

    NAME = 'get_vm'
    default_provides = 'lpar_wrap'

    def execute(self):
        return vm.get_instance_wrapper(self.host, self.instance)


class PowerChange(base.HostTask):
    """Base of the tasks that power the LPAR on."""

    # Whether the LPAR was off when the task began; None if its state could not
    # be read, or if the task has not begun.
    _was_off = None

    def _note_power(self, lpar_w=None):
        self._was_off = vm.is_off(self.host, self.instance, lpar_w)

    def _restore_power(self, restart):
        """Power the LPAR off if it was off, even if an answer was lost.

        Otherwise the LPAR could not be deleted.

        :param restart: whether the task may have stopped an LPAR that was on.
        """
        if self._was_off:
            power_jobs.PowerOp(self.host, self.instance).stop(immediate=True)
        elif self._was_off is False and restart:
            power_jobs.PowerOp(self.host, self.instance).start()


class PowerOn(PowerChange):
    """Power the LPAR on.

    The task takes ``lpar_wrap`` of a flow that has created the LPAR, or has
    read it while it was off.

    :param opts: pypowervm PowerOnOpts, or None.
    :param restart: whether to restart the LPAR if it is on. Otherwise opts
        have no effect on such an LPAR.
    """

    NAME = 'pwr_vm'

    def __init__(self, host, instance, opts=None, restart=False):
        super().__init__(host, instance)
        self.opts = opts
        self.restart = restart

    def execute(self, lpar_wrap=None):
        self._note_power(lpar_wrap)
        power_jobs.PowerOp(self.host, self.instance).start(
            self.opts, restart=self.restart)

    def revert(self, result, flow_failures):
        """Power the LPAR off, if it was off before"""
        self._restore_power(self.restart)


class BootFrom(PowerChange):
    """Power the LPAR on, to boot from a certain disk.

    :param restart: whether to restart the LPAR if it is on.
    """

    NAME = 'pwr_vm'

    def __init__(self, host, instance, restart=True):
        super().__init__(host, instance)
        self._restart = restart

    def execute(self, boot_device):
        self._note_power()
        power_jobs.PowerOp(self.host, self.instance).boot_from(
            boot_device, restart=self._restart)

    def revert(self, result, flow_failures, boot_device):
        """Power the LPAR off, if it was off before"""
        self._restore_power(self._restart)


class PowerOff(base.HostTask):
    """Power the LPAR off.

    :param missing_ok: whether the task accepts that there is no LPAR.
    """

    NAME = 'pwr_off_vm'

    def __init__(self, host, instance, force_immediate=False, timeout=None,
                 missing_ok=False):
        super().__init__(host, instance)
        self.force_immediate = force_immediate
        self.timeout = timeout
        self.missing_ok = missing_ok

    def execute(self):
        operation = power_jobs.PowerOp(self.host, self.instance)
        stop = operation.stop_if_exists if self.missing_ok else operation.stop
        stop(immediate=self.force_immediate, timeout=self.timeout)


class PowerBackOn(PowerChange):
    """Do nothing, but power the LPAR on if the flow fails.

    :param always: whether to power on even an LPAR that is off when the task
        begins.
    """

    NAME = 'pwr_back_on'

    def __init__(self, host, instance, always=False):
        super().__init__(host, instance)
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


class CheckFlavor(base.HostTask):
    """Check that an LPAR on this host can have a flavor."""

    NAME = 'check_flavor'

    def __init__(self, host, instance, flavor):
        super().__init__(host, instance)
        self.flavor = flavor

    def execute(self):
        flavors.build_lpar(self.host, self.instance, self.flavor)


class Resize(base.HostTask):
    """Give the LPAR, which is off, the size of the instance's flavor.

    :param old_flavor: nova.objects.Flavor of the LPAR before.
    """

    NAME = 'resize_vm'

    def __init__(self, host, instance, old_flavor):
        super().__init__(host, instance)
        self.old_flavor = old_flavor

    def execute(self):
        vm.resize_lpar(self.host, self.instance, self.old_flavor,
                       self.instance.flavor)

    def revert(self, result, flow_failures):
        """Restore the earlier size of the LPAR, unless it has it already"""
        try:
            vm.resize_back(self.host, self.instance, self.instance.flavor,
                           self.old_flavor)
        except Exception:
            with excutils.save_and_reraise_exception():
                LOG.error('The LPAR may have kept its new size.',
                          instance=self.instance)


class ResizeBack(base.HostTask):
    """Give the LPAR, which is off, its size before a resize.

    This is not undone, because Nova has the old flavor again.

    :param old_flavor: nova.objects.Flavor of the resize to revert.
    """

    NAME = 'resize_vm_back'

    def __init__(self, host, instance, old_flavor):
        super().__init__(host, instance)
        self.old_flavor = old_flavor

    def execute(self):
        vm.resize_back(self.host, self.instance, self.old_flavor,
                       self.instance.flavor)


class MakeUpSize(base.HostTask):
    """Give the LPAR, which is off, its size after a resize that failed."""

    NAME = 'make_up_size'

    def execute(self, lpar_wrap):
        vm.make_up_size(self.host, self.instance)


class Reboot(base.HostTask):
    """Restart the LPAR, or start it if it is off."""

    NAME = 'reboot_vm'

    def __init__(self, host, instance, hard):
        super().__init__(host, instance)
        self.hard = hard

    def execute(self):
        self._operation().restart(self.hard)

    def _operation(self):
        return power_jobs.PowerOp(self.host, self.instance)


class RestartAtOnce(base.HostTask):
    """Cut the power of the LPAR and start it again, in one job."""

    NAME = 'restart_vm'

    def execute(self):
        power_jobs.PowerOp(self.host, self.instance).restart_at_once()


class TriggerCrashDump(base.HostTask):
    """Have the guest dump its memory and restart."""

    NAME = 'crash_dump'

    def execute(self):
        crash_dump.trigger(self.host, self.instance)


class Delete(base.HostTask):
    """Delete the LPAR, and with it its virtual adapters."""

    NAME = 'dlt_vm'

    def execute(self):
        vm.delete_lpar(self.host, self.instance)
