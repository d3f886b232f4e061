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

"""Tasks on config drives: thin wrappers of media.

The tasks named Connect and Detach only queue edits of VIOS documents on the
transaction of their flow; storage.UpdateVioses performs all of them.
"""

from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.tasks import base


class ConfigDriveTask(base.InstanceTask):
    """Base of the tasks on the config drive of a server.

    :param config_drive: media.ConfigDrive
    :param instance: nova.objects.Instance
    """

    def __init__(self, config_drive, instance):
        super().__init__(instance)
        self.config_drive = config_drive


class ConfigDriveEdit(ConfigDriveTask):
    """Base of the tasks that queue edits for a config drive.

    :param stg: storage.transaction.StorageTransaction of the flow.
    """

    def __init__(self, config_drive, instance, stg):
        super().__init__(config_drive, instance)
        self.stg = stg


class CreateCfgDrive(ConfigDriveTask):
    """Build and upload the config drive; provides ``cfg_drive``."""

    NAME = 'crt_cfg_drive'
    default_provides = 'cfg_drive'

    def __init__(self, config_drive, context, instance, injected_files,
                 network_info, admin_pass):
        super().__init__(config_drive, instance)
        self.context = context
        self.injected_files = injected_files
        self.network_info = network_info
        self.admin_pass = admin_pass

    def execute(self, mgmt_cna):
        return self.config_drive.create(
            self.context, self.instance, self.injected_files,
            self.network_info, self.admin_pass, mgmt_cna=mgmt_cna)

    def revert(self, result, flow_failures, mgmt_cna):
        self.config_drive.delete(self.instance)


class ConnectCfgDrive(ConfigDriveEdit):
    """Queue the mapping of the config drive to the LPAR."""

    NAME = 'cfg_drive'

    def execute(self, cfg_drive):
        self.config_drive.attach(self.instance, cfg_drive, self.stg)

    def revert(self, result, flow_failures, cfg_drive):
        with transaction.StorageTransaction.immediate(
                self.stg.host, 'revert_cfg_drive') as stg:
            self.config_drive.detach(self.instance, stg)


class ReattachCfgDrive(ConfigDriveEdit):
    """Queue the mapping of the config drive, if it is missing."""

    NAME = 'reattach_cfg_drive'

    def execute(self):
        self.config_drive.attach_again(self.instance, self.stg)


class DetachCfgDrive(ConfigDriveEdit):
    """Queue the removal of the config drive's mapping."""

    NAME = 'detach_cfg_drive'

    def execute(self):
        self.config_drive.detach(self.instance, self.stg)


class DeleteVOpt(ConfigDriveTask):
    """Delete the medium of the config drive, which has no mapping any more.

    :param may_wait: whether the periodic clean-up repeats a deletion that
        fails.
    """

    NAME = 'vopt_delete'

    def __init__(self, config_drive, instance, may_wait=False):
        super().__init__(config_drive, instance)
        self.may_wait = may_wait

    def execute(self):
        self.config_drive.delete(self.instance, may_wait=self.may_wait)


class DeleteVOptOfLost(ConfigDriveTask):
    """Delete the config drive of a server that leaves without an LPAR."""

    NAME = 'vopt_delete_of_lost'

    def execute(self):
        self.config_drive.delete_of_lost(self.instance)
