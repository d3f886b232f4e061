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

"""The base of tests of the tasks on storage.

Disks of both kinds, media and mappings are on a simulated site, see base.
"""

from nova_powervm.tests.virt.powervm.tasks import base
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm.tasks import storage as tf_stg


class StorageTasksTestCase(base.TaskTestCase):
    """A server with its LPAR; its disks are in the volume group.

    :cvar DISK: the name of the DiskAdapter.
    """

    DISK = 'localdisk'

    def setUp(self):
        super().setUp()
        self.disk_dvr = self.platform.disks[self.DISK]
        self.empty = self.platform.state()
        self.lpar_w = self.create_lpar()
        self.before = self.platform.state()
        self.requests()

    def name(self, disk_type):
        return self.disk_dvr.get_disk_name(disk_type, self.instance)

    def make_disks(self, *types, connect=True):
        """Make disks of the server; returns their wrappers."""
        disks = [
            self.platform.create_disk(self.disk_dvr, self.instance, disk_type)
            if disk_type in (base.BOOT, base.RESCUE) else
            self.disk_dvr.create_blank_disks(self.instance, [
                disk_driver.BlankDisk(disk_type, 1)])[0]
            for disk_type in types]
        if connect:
            with self.edits() as stg:
                for disk in disks:
                    self.disk_dvr.connect_disk(self.instance, disk, stg)
        self.requests()
        return disks

    def make_medium(self, connect=True):
        """Make the config drive of the server; returns the Medium."""
        medium = self.platform.config_drive.create(
            None, self.instance, [], [], None)
        if connect:
            with self.edits() as stg:
                self.platform.config_drive.attach(self.instance, medium, stg)
        self.requests()
        return medium

    def run_edits(self, *tasks, **provided):
        """Run tasks that have queued edits on self.stg, and make the edits.

        :returns: what they all provide.
        """
        return self.run_flow(base.Provide(**provided), *tasks,
                             tf_stg.UpdateVioses(self.stg))

    def mapped_types(self):
        """[(VIOS name, 'boot'), ...] of the server's disks."""
        names = {self.name(disk_type): disk_type
                 for disk_type in disk_driver.INSTANCE_DISK_TYPES}
        return [(vios, names[name]) for vios, name in self.mapped()]
