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

"""Volumes stay as they were attached when fc_attach_strategy changes."""

from nova_powervm.tests.virt.powervm.scenarios import looks
from nova_powervm.tests.virt.powervm.scenarios import volumes

VOLUME = volumes.VOLUME


class VscsiStaysTest(volumes.VolumeCase):
    """Servers have volumes by virtual SCSI; then NPIV is chosen."""

    PORTS = looks.PORTS
    WITH_SESSIONS = False

    def setUp(self):
        super().setUp()
        self.server = self.boot_with([1, 2])
        self.flags(group='powervm', fc_attach_strategy='npiv')
        self.restart()

    def test_detach(self):
        self.assertTrue(self.detach(self.server, 1))
        self.assert_sees(self.server, 2)
        self.assertEqual([], self.lun(1).hdisks)
        self.assert_deleted(self.server)

    def test_detach_of_what_is_not_recorded(self):
        """As of an older version, after Nova read the attachment anew."""
        instance = self.instance_of(self.server)
        for key in list(instance.system_metadata):
            if key.startswith('powervm_volume_'):
                del instance.system_metadata[key]
        instance.save()
        for bdm in self.walk_server(self.server).bdms():
            if bdm.is_volume:
                bdm.connection_info = bdm.connection_info.replace(
                    'target_UDID', 'unknown')
                bdm.save()
        self.assertTrue(self.detach(self.server, 1))
        self.assertEqual({VOLUME % 2}, set(self.luas_of(self.server)))
        self.assertEqual([], self.lun(1).hdisks)
        self.assert_deleted(self.server)

    def test_attach_and_hard_reboot(self):
        """The server goes on with virtual SCSI."""
        self.assertTrue(self.attach(self.server, 3))
        self.assert_sees(self.server, 1, 2, 3)
        self.reboot(self.server, hard=True)
        self.assert_sees(self.server, 1, 2, 3)
        self.assert_deleted(self.server)


class NpivStaysTest(looks.NpivLooks, volumes.VolumeCase):
    """Servers have volumes by NPIV; then virtual SCSI is chosen."""

    WITH_SESSIONS = False

    def test_it(self):
        server = self.boot_with([1, 2])
        self.assert_sees(server, 1, 2)
        self.flags(group='powervm', fc_attach_strategy='vscsi')
        self.restart()
        self.assertTrue(self.detach(server, 1))
        self.assertTrue(self.attach(server, 3))
        self.assert_sees(server, 2, 3)
        self.reboot(server, hard=True)
        self.assert_sees(server, 2, 3)
        self.assert_deleted(server)
