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

"""Tasks that start an LPAR with IBM i: thin wrappers of load_source.py.

All other LPARs have the tasks with the same names in tasks/vm.py.
"""

from nova_powervm.virt.powervm import power_jobs
from nova_powervm.virt.powervm.tasks import vm as tf_vm
from nova_powervm.virt.powervm import undoing


class PowerOn(tf_vm.PowerChange):
    """Tag the disk that IBM i boots from, and power its LPAR on.

    The task takes ``vioses`` of a flow that has edited some. This saves a
    request.

    :param source: load_source.LoadSource
    :param opts: pypowervm PowerOnOpts, or None.
    :param restart: whether to restart the LPAR if it is on.
    """

    NAME = 'pwr_vm'

    def __init__(self, host, instance, source, opts=None, restart=False):
        super().__init__(host, instance)
        self.source = source
        self.opts = opts
        self.restart = restart

    def execute(self, lpar_wrap=None, vioses=None):
        self._note_power(lpar_wrap)
        self.source.tag(vioses, even_if_on=self.restart)
        power_jobs.PowerOp(self.host, self.instance).start(
            self.opts, restart=self.restart)

    def revert(self, result, flow_failures):
        """Power the LPAR off if it was off before, and restore its tags"""
        undoing.each(lambda undo: undo(), (
            self.source.give_back, lambda: self._restore_power(self.restart)))


class PowerBackOn(tf_vm.PowerBackOn):
    """Do nothing, but power an LPAR with IBM i on if the flow fails.

    :param source: load_source.LoadSource
    """

    def __init__(self, host, instance, source, always=False):
        super().__init__(host, instance, always=always)
        self.source = source

    def _start(self):
        # The reverts before this may have put the disks into other slots.
        self.source.tag()
        super()._start()

    def revert(self, result, flow_failures):
        """Power the LPAR on, unless it was off before"""
        super().revert(result, flow_failures)


class Reboot(tf_vm.Reboot):
    """Restart an LPAR with IBM i, or tag and start it if it is off.

    :param source: load_source.LoadSource
    """

    def __init__(self, host, instance, source, hard):
        super().__init__(host, instance, hard)
        self.source = source

    def _operation(self):
        return power_jobs.PowerOp(self.host, self.instance,
                                  prepare=self.source.tag)
