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

"""Tasks on config drives: thin wrappers of the package media.

The tasks named Connect and Detach only queue edits of VIOS documents on the
transaction of their flow; storage.UpdateVioses makes them all.
"""

from taskflow import task

from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm import vm


class CreateCfgDrive(task.Task):
    """Build and upload the config drive; provides ``cfg_drive``."""

    def __init__(self, config_drive, context, instance, injected_files,
                 network_info, admin_pass):
        super().__init__('crt_cfg_drive', provides='cfg_drive')
        self.config_drive = config_drive
        self.context = context
        self.instance = instance
        self.injected_files = injected_files
        self.network_info = network_info
        self.admin_pass = admin_pass

    def execute(self, mgmt_cna):
        return self.config_drive.create(
            self.context, self.instance, self.injected_files,
            self.network_info, self.admin_pass, mgmt_cna=mgmt_cna)

    def revert(self, result, flow_failures, mgmt_cna):
        self.config_drive.delete(self.instance)


class ConnectCfgDrive(task.Task):
    """Queue the mapping of the config drive to the LPAR."""

    def __init__(self, config_drive, instance, stg):
        super().__init__('cfg_drive')
        self.config_drive = config_drive
        self.instance = instance
        self.stg = stg

    def execute(self, cfg_drive):
        self.config_drive.attach(self.instance, cfg_drive, self.stg)

    def revert(self, result, flow_failures, cfg_drive):
        with transaction.StorageTransaction.immediate(
                self.stg.host, 'revert_cfg_drive') as stg:
            self.config_drive.detach(self.instance, stg)


class ReattachCfgDrive(task.Task):
    """Queue the mapping of the config drive, should it be lost."""

    def __init__(self, config_drive, instance, stg):
        super().__init__('reattach_cfg_drive')
        self.config_drive = config_drive
        self.instance = instance
        self.stg = stg

    def execute(self):
        self.config_drive.attach_again(self.instance, self.stg)


class DetachCfgDrive(task.Task):
    """Queue the removal of the config drive's mapping."""

    def __init__(self, config_drive, instance, stg):
        super().__init__('detach_cfg_drive')
        self.config_drive = config_drive
        self.instance = instance
        self.stg = stg

    def execute(self):
        self.config_drive.detach(self.instance, self.stg)


class DeleteVOpt(task.Task):
    """Delete the config drive's media, which nothing maps any more.

    :param may_wait: whether a failure is made up for later.
    """

    def __init__(self, config_drive, instance, may_wait=False):
        super().__init__('vopt_delete')
        self.config_drive = config_drive
        self.instance = instance
        self.may_wait = may_wait

    def execute(self):
        self.config_drive.delete(self.instance, may_wait=self.may_wait)


class DeleteVOptOfLost(task.Task):
    """Remove the config drive of a server that leaves, and has no LPAR.

    One that comes back is made anew, with another. Without an LPAR, nothing
    on this host would remind Nova of the server.
    """

    def __init__(self, host, config_drive, instance):
        super().__init__('vopt_delete_of_lost')
        self.host = host
        self.config_drive = config_drive
        self.instance = instance

    def execute(self):
        if (vm.instance_exists(self.host, self.instance) or
                not vm.is_gone(self.host, self.instance)):
            return
        with transaction.StorageTransaction.immediate(
                self.host, 'delete_cfg_drive') as stg:
            self.config_drive.detach(self.instance, stg)
        self.config_drive.delete(self.instance, may_wait=True)
