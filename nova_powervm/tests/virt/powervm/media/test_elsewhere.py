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

"""Config drives that are not in the media repository that is in use."""

from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.tests.virt.powervm.media import base
from nova_powervm.virt.powervm import media
from nova_powervm.virt.powervm.storage import deletion
from nova_powervm.virt.powervm.storage import vios_mappings


class PlatformSnapshot:
    """What a real PlatformSnapshot tells, without a database.

    :param departed: list of the servers that Nova has deleted.
    """

    def __init__(self, host, departed=()):
        self._host = host
        self._departed = [instance.uuid for instance in departed]
        self.vioses = pvm_vios.VIOS.get(host.adapter,
                                        xag=[vios_mappings.SCSI_MAPPING])

    def active_vioses(self):
        return self._host.active_vioses()

    def has_departed(self):
        return bool(self._departed)

    def prove_departed(self, _names, is_local=True):
        return deletion.departed_proof(self._departed)


class ElsewhereTestCase(base.ViosBase):
    """A config drive on vios1; that of vios2 is in use later."""

    def start(self, preferred, departed=()):
        """Start nova-compute, with the preferred VIOS's repository."""
        self.drive = self.restart(preferred)
        self.drive.clean(PlatformSnapshot(self.host, departed))
        self.simulated.journal.clear()

    def lose_mapping(self):
        self.transaction(self.drive.detach)

    def fill_up(self):
        """Make a config drive of another server while vios1 is down."""
        self.set_vios(False)
        self.create(self.make_server(2))
        self.set_vios(True)
        self.assertEqual([media.get_cfg_drv_name(self.make_server(2))],
                         self.media_names('vios2'))

    def reboot(self):
        """What a hard reboot does with a config drive."""
        self.simulated.journal.clear()
        self.transaction(self.drive.attach_again)

    def test_mapping_was_lost(self):
        self.attach()
        self.lose_mapping()
        self.fill_up()
        self.reboot()
        self.assertEqual([(self.name, 'lpar1')], self.mappings('vios1'))
        self.assertNotIn(self.name, self.media_names('vios2'))
        self.reboot()
        self.assertEqual([(self.name, 'lpar1')], self.mappings('vios1'))
        self.destroy()
        self.drive.delete(self.make_server(2))
        self.assertEqual(self.before, self.state())

    def test_mapping_is_there(self):
        """It is not mapped a second time, nor made a second time."""
        self.attach()
        self.start('vios2')
        self.reboot()
        self.assertEqual(['GET VirtualIOServer'], self.requests())
        self.assertEqual([(self.name, 'lpar1')], self.mappings('vios1'))
        self.assertEqual([], self.media_names('vios2'))

    def test_vios_was_down_at_the_start(self):
        self.attach()
        self.lose_mapping()
        self.set_vios(False)
        self.start('vios1')
        self.create(self.make_server(2))
        self.set_vios(True)
        self.reboot()
        self.assertEqual([(self.name, 'lpar1')], self.mappings('vios1'))

    def test_there_are_two(self):
        """The guest gets the one that it had, and no other."""
        self.set_vios(False)
        self.attach()
        self.set_vios(True)
        self.drive = self.restart('vios1')
        self.create()
        self.start('vios1')
        self.reboot()
        self.assertEqual([(self.name, 'lpar1')], self.mappings('vios2'))
        self.assertEqual([], self.mappings('vios1'))
        self.destroy()
        self.assertEqual(self.before, self.state())

    def test_there_is_none(self):
        self.fill_up()
        self.reboot()
        self.assertEqual([], self.mappings('vios1') + self.mappings('vios2'))

    def test_server_was_deleted_meanwhile(self):
        """The start removes what it has left, wherever that is."""
        self.attach()
        self.start('vios2')
        self.assertEqual([self.name], self.media_names('vios1'))
        self.start('vios2', departed=[self.instance])
        self.assertEqual(self.before, self.state())
        # It need not be searched any more.
        self.reboot()
        self.assertEqual(['GET VirtualIOServer', 'GET VolumeGroup'],
                         self.requests())

    def test_other_media_stay(self):
        self.attach()
        self.start('vios2', departed=[self.make_server(2)])
        self.assertEqual([(self.name, 'lpar1')], self.mappings('vios1'))
