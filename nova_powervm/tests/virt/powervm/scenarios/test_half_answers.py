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

"""What the platform does not tell, or tells otherwise, proves nothing."""

import fixtures as fx

from nova_powervm.tests.virt.powervm.scenarios import test_volume_leftovers
from nova_powervm.tests.virt.powervm.scenarios import volumes

_WRAPPERS = 'pypowervm.wrappers.virtual_io_server.VSCSIMapping.'


class VolumesOfRunningServersTest(test_volume_leftovers.LeftoverMixin,
                                  volumes.VolumeCase):
    """A running server keeps its volumes."""

    WITH_SESSIONS = False

    def tell_other_udids(self, number, change, *vioses):
        """Have VIOSes tell other UDIDs of a volume.

        :param change: function, called with the UDID
        :param vioses: names; all by default
        :returns: function that undoes it
        """
        former = {}
        with self.site.lock:
            for hdisk in self.lun(number).hdisks:
                if hdisk.vios.name in (vioses or self.VIOSES):
                    former[hdisk] = hdisk.udid
                    self._tell(hdisk, change(hdisk.udid))

        def undo():
            with self.site.lock:
                for hdisk, udid in former.items():
                    self._tell(hdisk, udid)
        return undo

    @staticmethod
    def _tell(hdisk, udid):
        hdisk.udid = udid
        hdisk.changed()
        hdisk.vios.touch('VirtualSCSIMappings')
        hdisk.vios.touch('PhysicalVolumes')

    def clean(self):
        """Do all cleaning there is."""
        self.restart()
        self.look_now()

    def check_kept(self, change, *vioses, boots=True):
        if boots:
            server = self.boot_with([1], boots=True)
        else:
            server = self.boot()
            self.assertTrue(self.attach(server, 1))
        undo = self.tell_other_udids(1, change, *vioses)
        self.clean()
        undo()
        self.assert_sees(server, 1, boots=boots)
        self.clean()
        self.assert_sees(server, 1, boots=boots)
        self.assert_deleted(server)

    def test_no_udid(self):
        self.check_kept(lambda udid: '')

    def test_no_udid_of_one_vios(self):
        self.check_kept(lambda udid: '', 'vios2', boots=False)

    def test_strange_udid(self):
        """As after a change of the multi-path driver, or of the array."""
        self.check_kept(lambda udid: '01NEWDRIVER' + udid[11:])

    def test_strange_udid_of_one_vios(self):
        self.check_kept(lambda udid: '01NEWDRIVER' + udid[11:], 'vios2',
                        boots=False)

    def test_no_udid_of_a_vios_that_is_back(self):
        server = self.boot_with([1], boots=True)
        self.set_rmc('vios2', 'inactive')
        self.assertIsNone(self.delete(self.boot_with([2], networks='none')))
        self.look_around()
        undo = self.tell_other_udids(1, lambda udid: '', 'vios2')
        self.set_rmc('vios2', 'active')
        self.look_around()
        undo()
        self.assert_sees(server, 1, boots=True)
        self.assert_deleted(server)

    def start_without(self, *names):
        """Start nova-compute; what mappings tell lacks some parts."""
        with fx.MonkeyPatch(_WRAPPERS + names[0],
                            property(lambda mapping: None)):
            if names[1:]:
                self.start_without(*names[1:])
            else:
                self.clean()

    def test_no_client_adapter(self):
        """The link to the LPAR is there."""
        server = self.boot_with([1], boots=True)
        self.start_without('client_adapter')
        self.assert_sees(server, 1, boots=True)
        self.assert_deleted(server)

    def test_no_client_at_all(self):
        server = self.boot_with([1], boots=True)
        self.start_without('client_adapter', 'client_lpar_href')
        self.assert_sees(server, 1, boots=True)
        self.assert_deleted(server)
