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

"""A volume is what its UDID says, not what is at its LUN today."""

from oslo_serialization import jsonutils

from nova_powervm.simulator.resources import san_disk
from nova_powervm.tests.virt.powervm.scenarios import volumes

VOLUME = volumes.VOLUME


class MisleadMixin:
    """Ways to make LUNs lead to other volumes; it needs self.server."""

    def ports(self, *vioses):
        return [port.wwpn for name in vioses or self.VIOSES
                for port in self.vios(name).fc_ports]

    def export(self, number):
        """Export a volume to all ports, as for a server of Nova."""
        with self.site.lock:
            return self.site.san.export(VOLUME % number, self.ports())

    def withdraw(self, number):
        with self.site.lock:
            self.site.san.unexport(VOLUME % number)

    def mislead(self, number, other, *vioses):
        """Make the LUN that Cinder tells of a volume that of another.

        :param vioses: names of those for which it is wrong; all by default
        """
        wrong = self.export(other)
        ports = self.ports(*vioses)

        def edit(info):
            luns = info['data']['initiator_target_lun_map']
            for port in ports:
                luns[port] = wrong['initiator_target_lun_map'][port]
        self.cinder.edits[VOLUME % number] = edit
        for attachment in self.cinder.volume_to_attachment[
                VOLUME % number].values():
            if 'connection_info' in attachment:
                edit(attachment['connection_info'])
        # What Nova has kept of it.
        for bdm in self.walk_server(self.server).bdms():
            if bdm.volume_id == VOLUME % number:
                info = jsonutils.loads(bdm.connection_info)
                edit(info)
                bdm.connection_info = jsonutils.dumps(info)
                bdm.save()

    def forget_strangers(self, *numbers):
        """Remove devices of volumes by hand; nobody may have mapped them.

        The driver does not: it does not know whether they are an operator's.
        """
        with self.site.lock:
            for number in numbers:
                for hdisk in list(self.lun(number).hdisks):
                    self.assertEqual([], hdisk.clients())
                    san_disk.remove(hdisk.vios, hdisk)
        # Cinder withdrew a volume that a VIOS still had as a device.
        del self.cinder.complaints[:]

    def end(self, *numbers):
        """Delete the server; volumes that were only exported go, too."""
        self.cinder.edits.clear()
        self.forget_strangers(*numbers)
        self.assertIsNone(self.delete(self.server))
        for number in numbers:
            self.withdraw(number)
        self.assert_nothing_left()


class IdentityTest(MisleadMixin, volumes.VolumeCase):
    """LUNs that lead to another volume, for some initiators or for all."""

    WITH_SESSIONS = False

    def setUp(self):
        super().setUp()
        self.server = self.boot_with([1])
        self.assert_sees(self.server, 1)

    def test_attach_where_vioses_do_not_agree(self):
        self.mislead(2, 3, 'vios2')
        before = self.platform_state()
        self.assertFalse(self.attach(self.server, 2))
        self.assertIn('different volumes', self.last_action(self.server))
        self.forget_strangers(2, 3)
        self.assert_state_equal(before, self.platform_state(), 'Left')
        self.assert_sees(self.server, 1)
        self.end(3)

    def test_boot_where_vioses_do_not_agree(self):
        self.mislead(2, 3, 'vios2')
        before = self.platform_state()
        server = self.boot_with([4, 2], networks='none')
        self.assertEqual('ERROR', server['status'])
        self.assertIsNone(self.delete(server))
        self.forget_strangers(2, 3, 4)
        self.assert_state_equal(before, self.platform_state(), 'Left')
        self.end(3)

    def test_attach_at_the_lun_of_a_volume_that_the_server_has(self):
        self.mislead(2, 1)
        before = self.platform_state()
        self.assertFalse(self.attach(self.server, 2))
        self.assert_state_equal(before, self.platform_state(), 'Left')
        self.assert_sees(self.server, 1)
        self.end()

    def test_hard_reboot(self):
        """A LUN that now leads to volume B is not mapped as volume A."""
        for vioses in ((), ('vios2',)):
            self.mislead(1, 3, *vioses)
            before = self.platform_state()['san']
            failure = self.users.reboot(self.walk_server(self.server),
                                        hard=True)
            self.assertIn('VolumeAttachFailed', repr(failure))
            self.assert_sees(self.server, 1)
            self.forget_strangers(3)
            self.assertEqual(before, self.platform_state()['san'])
            self.users.reset_state(self.walk_server(self.server))
        self.end(3)

    def test_extend(self):
        self.mislead(1, 3)
        failure = self.extend(self.server, 1, self.SIZE_GB)
        self.assertIn('another volume', str(failure))
        self.end(3)

    def test_swap_of_what_is_not_the_volume(self):
        """Nothing is copied, from a wrong volume or to one."""
        self.flags(group='powervm', swap_volume_stops_server=True)
        self.mislead(1, 3, 'vios2')
        content = self.lun(2).disk.sha256()
        self.swap(self.server, 1, 2)
        self.assertIn('another volume', self.last_action(self.server))
        self.assertEqual(content, self.lun(2).disk.sha256())
        self.assert_sees(self.server, 1)
        self.end(3)

    def test_swap_with_itself(self):
        self.flags(group='powervm', swap_volume_stops_server=True)
        self.mislead(2, 1)
        self.swap(self.server, 1, 2)
        self.assert_sees(self.server, 1)
        self.end()
