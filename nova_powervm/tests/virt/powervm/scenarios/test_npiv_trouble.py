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

"""Servers with adapters on the fabrics (NPIV) while something is down."""

from nova_powervm.tests.virt.powervm.scenarios import test_npiv
from nova_powervm.tests.virt.powervm.scenarios import test_volume_trouble
from nova_powervm.tests.virt.powervm.scenarios import volumes

VOLUME = volumes.VOLUME


class TroubleMixin(test_npiv.NpivMixin):

    WITH_SESSIONS = False

    def set_port(self, vios, name, up):
        with self.site.lock:
            self.site.san.set_port(next(
                port.wwpn for port in self.vios(vios).fc_ports
                if port.name == name), up)

    def ports_of(self, server):
        return {adapter[:2] for adapter in self.adapters_of(server)}

    def assert_refused(self, server, number, reason):
        without = self.platform_state()
        self.assertFalse(self.attach(server, number))
        self.assert_state_equal(without, self.platform_state(), 'Left')
        self.assertIn(reason, self.fault_of(server))


class ViosIsDownTest(TroubleMixin, test_volume_trouble.ViosIsDownTest):

    def left_of_first_volume(self):
        return self.vios('vios2').fc_mappings

    def test_adapters(self):
        """They all are on the other VIOS, and stay there."""
        self.set_rmc('vios2', 'inactive')
        server = self.boot_with([1, 2])
        self.assertEqual({('vios1', 'fcs0'), ('vios1', 'fcs1')},
                         self.ports_of(server))
        self.set_rmc('vios2', 'active')
        self.assertTrue(self.attach(server, 3))
        self.assert_sees(server, 1, 2, 3, vioses=['vios1'])
        self.assert_deleted(server)

    def test_attach_and_detach(self):
        server = self.boot_with([1])
        self.assert_sees(server, 1)
        adapters = self.adapters_of(server)
        self.set_rmc('vios2', 'inactive')
        self.assertTrue(self.attach(server, 2))
        self.assertTrue(self.detach(server, 1))
        self.reboot(server, hard=True)
        self.set_rmc('vios2', 'active')
        self.assertEqual(adapters, self.adapters_of(server))
        self.assert_sees(server, 2)
        self.assert_deleted(server)

    def test_all_are_down(self):
        server = self.boot()
        for name in self.VIOSES:
            self.set_rmc(name, 'inactive')
        self.assert_refused(server, 1, 'fabric_A_port_wwpns')
        self.assertEqual({}, self.metadata_of(server))
        for name in self.VIOSES:
            self.set_rmc(name, 'active')
        self.assertTrue(self.attach(server, 1))
        self.assert_sees(server, 1)
        self.assert_deleted(server)


class PortIsDownTest(TroubleMixin, volumes.VolumeCase):

    def test_at_attach(self):
        self.set_port('vios1', 'fcs0', False)
        server = self.boot()
        self.assertTrue(self.attach(server, 1))
        self.assertEqual({('vios2', 'fcs0'), ('vios1', 'fcs1')},
                         self.ports_of(server))
        self.assert_sees(server, 1)
        self.set_port('vios1', 'fcs0', True)
        self.assert_deleted(server)

    def test_between_attachments(self):
        server = self.boot_with([1], boots=True)
        self.assert_sees(server, 1, boots=True)
        adapters = self.adapters_of(server)
        self.set_port('vios1', 'fcs0', False)
        self.assertTrue(self.attach(server, 2))
        self.assert_sees(server, 1, 2, boots=True, vioses=['vios2'])
        self.set_port('vios1', 'fcs0', True)
        self.assert_sees(server, 1, 2, boots=True)
        self.assertEqual(adapters, self.adapters_of(server))
        self.assert_deleted(server)

    def test_at_start(self):
        """A cable that is out is no wrong option."""
        self.set_port('vios1', 'fcs0', False)
        self.restart()
        server = self.boot_with([1])
        self.assert_sees(server, 1)
        self.set_port('vios1', 'fcs0', True)
        self.assert_deleted(server)

    def test_at_rebuild(self):
        """What was lost with a port is made on another one."""
        server = self.boot_with([1], boots=True)
        wwpns = self.wwpns_of(server)
        self.set_port('vios1', 'fcs0', False)
        self.lose_adapter('vios1')
        self.reboot(server, hard=True)
        self.assertEqual({('vios2', 'fcs0'), ('vios2', 'fcs1')},
                         self.ports_of(server))
        self.assertEqual(wwpns, self.wwpns_of(server))
        self.assert_sees(server, 1, boots=True, vioses=['vios2'])
        self.set_port('vios1', 'fcs0', True)
        self.assert_deleted(server)

    def test_whole_fabric(self):
        server, other = self.boot_with([1]), self.boot(networks='none')
        with self.site.lock:
            self.site.san.set_fabric('B', False)
        self.assert_refused(other, 2, 'fabric_B_port_wwpns')
        self.assertEqual({}, self.metadata_of(other))
        self.assert_sees(server, 1, vioses=['vios1'])
        failed = self.boot_with([3], networks='none')
        self.assertEqual('ERROR', failed['status'])
        with self.site.lock:
            self.site.san.set_fabric('B', True)
        self.assertTrue(self.attach(other, 2))
        self.assert_sees(other, 2)
        for left in (failed, other):
            self.assertIsNone(self.delete(left))
        self.assert_deleted(server)
