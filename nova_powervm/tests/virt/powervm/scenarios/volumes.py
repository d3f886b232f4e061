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

"""What scenarios of Cinder volumes share."""

from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import looks

VOLUME = looks.VOLUME
MIB = looks.MIB
GIB = looks.GIB


class VolumeMixin(looks.VolumeLooks):
    """A cloud whose volumes are in the storage area network of its site.

    It comes before base.ScenarioCase in a list of bases. Volumes have
    numbers; those from 0 to VOLUMES - 1 are there from the start, each with
    bytes of its own.
    """

    PROFILE = 'fc'

    def setUp(self):
        super().setUp()
        for number in range(self.VOLUMES):
            self.create_volume(number)

    def attach(self, server, number):
        """Attach a volume.

        :returns: whether Nova says that the server has it now
        """
        self._begin()
        self.users.attach(self.walk_server(server), number)
        return VOLUME % number in self.attached(server)

    def detach(self, server, number):
        """Detach a volume.

        :returns: whether Nova says that the server has it no more
        """
        self._begin()
        self.users.detach(self.walk_server(server), number)
        return VOLUME % number not in self.attached(server)

    def attached(self, server):
        """Nova's view of the volumes of a server: list of ids."""
        if self.walk_server(server).read() is None:
            return []
        return [bdm.volume_id for bdm in self.walk_server(server).bdms()
                if bdm.is_volume]

    def boot_with(self, numbers, boots=False, **kwargs):
        """Create a server with volumes.

        :param numbers: of the volumes, in the order of the disks
        :param boots: whether it boots from the first of them; else it has a
            disk of our own, from an image
        :returns: the server as Nova shows it
        """
        return self._create(volumes=numbers, boots=boots, **kwargs)

    def extend(self, server, number, size_gb):
        """Make a volume larger, and have Nova tell the server's host."""
        self._begin()
        return self.users.extend(self.walk_server(server), number, size_gb)

    def swap(self, server, number, other):
        """Have Nova put a volume in the place of another.

        As with Cinder, the other gets the id of the one.
        """
        self._begin()
        self.users.swap(self.walk_server(server), number, other)
        return self.settled(server)

    # ---- what differs between transports -------------------------------

    def paths_of(self, server):
        """What leads to the volumes of a server, and stays if they change.

        :returns: None if each volume has its own
        """
        return None

    def identity_of(self, server):
        """By what the storage knows a server, also with another LPAR.

        :returns: None if it knows the VIOSes only
        """
        return None

    def assert_paths(self, server):
        """A server with volumes has what is to lead to them."""

    def assert_without_volumes(self, server, before):
        """A server whose volumes were detached has nothing of them left.

        :param before: platform_state() before it had volumes
        """
        self.assert_state_equal(before, self.platform_state(), 'Left')

    def last_action(self, server):
        """What Nova tells of the last action on a server."""
        return self.fault_of(server)


class VolumeCase(VolumeMixin, base.ScenarioCase):
    """One host, and the state that it is in when all is gone again."""

    def setUp(self):
        super().setUp()
        self.before = self.platform_state()

    def assert_nothing_left(self):
        self.assert_state_equal(self.before, self.platform_state(), 'Left')
        self.assert_detached()

    def assert_deleted(self, server):
        """It can be deleted, and nothing stays."""
        self.assertIsNone(self.delete(server))
        self.assert_nothing_left()
