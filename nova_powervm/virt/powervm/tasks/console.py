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

"""Tasks on consoles: thin wrappers of console.service."""

from nova_powervm.virt.powervm.tasks import base


class ConsoleTask(base.InstanceTask):
    """Base of the tasks on the console of a server.

    :param consoles: console.service.Consoles
    :param instance: nova.objects.Instance
    """

    def __init__(self, consoles, instance):
        super().__init__(instance)
        self.consoles = consoles


class KeepLog(ConsoleTask):
    """Open the console for its log, if it is not open. Never fails."""

    NAME = 'keep_console_log'

    # Whether the task has opened it.
    _is_new = False

    def execute(self, lpar_wrap=None):
        self._is_new = not self.consoles.is_open(self.instance)
        self.consoles.keep_log(self.instance, lpar_wrap)

    def revert(self, result, flow_failures):
        """Close the console, if it was not open before"""
        if self._is_new:
            self.consoles.close(self.instance)


class Close(ConsoleTask):
    """Close the console, if the driver has opened it. Never fails."""

    NAME = 'close_console'

    def execute(self):
        self.consoles.close(self.instance)

    def revert(self, result, flow_failures):
        """Open the console for its log again"""
        self.consoles.keep_log(self.instance)
