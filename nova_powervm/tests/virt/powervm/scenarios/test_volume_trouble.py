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

"""Volumes while something is down, in the way, or wrong."""

from nova_powervm.tests.virt.powervm.scenarios import volumes

VOLUME = volumes.VOLUME


class ViosIsDownTest(volumes.VolumeCase):
    """What holds for each transport."""

    WITH_SESSIONS = False

    def test_boot_and_delete(self):
        self.set_rmc('vios2', 'inactive')
        server = self.boot_with([1, 2])
        self.assertEqual('ACTIVE', server['status'], server.get('fault'))
        self.assert_sees(server, 1, 2, vioses=['vios1'])
        self.set_rmc('vios2', 'active')
        self.assert_deleted(server)

    def test_delete(self):
        server = self.boot_with([1, 2])
        self.set_rmc('vios2', 'inactive')
        self.assertIsNone(self.delete(server))
        self.set_rmc('vios2', 'active')
        self.assertEqual(1, len(self.left_of_first_volume()))
        self.restart()
        self.assert_nothing_left()

    def left_of_first_volume(self):
        """What vios2 has when the servers are gone: list."""
        return self.lun(1).hdisks


class OneViosIsDownTest(volumes.VolumeCase):
    """What is done without a VIOS is made up for when it is back."""

    WITH_SESSIONS = False

    def test_attach_and_hard_reboot(self):
        server = self.boot_with([1], boots=True)
        self.set_rmc('vios2', 'inactive')
        self.assertTrue(self.attach(server, 2))
        self.set_rmc('vios2', 'active')
        self.reboot(server, hard=True)
        self.assert_sees(server, 1, 2, boots=True)
        self.assert_deleted(server)

    def test_the_first_vios(self):
        server = self.boot_with([1], boots=True)
        self.assert_sees(server, 1, boots=True)
        self.set_rmc('vios1', 'inactive')
        self.assertTrue(self.attach(server, 2))
        self.assertTrue(self.detach(server, 2))
        self.set_rmc('vios1', 'active')
        self.assert_sees(server, 1, boots=True)
        self.assert_deleted(server)

    def test_detach(self):
        server = self.boot_with([1, 2])
        # Nova reads what it knows of attachments anew.
        self.reboot(server)
        self.set_rmc('vios2', 'inactive')
        self.assertTrue(self.detach(server, 1))
        self.set_rmc('vios2', 'active')
        self.assertEqual({VOLUME % 1, VOLUME % 2}, set(self.luas_of(server)))
        self.restart()
        self.assert_sees(server, 2)
        self.assertEqual([], self.lun(1).hdisks)
        self.assert_deleted(server)

    def test_stale_device_is_in_the_way(self):
        """A former volume of a server that is gone is at the same LUN."""
        server = self.boot_with([1])
        self.set_rmc('vios2', 'inactive')
        self.assertIsNone(self.delete(server))
        self.set_rmc('vios2', 'active')
        server = self.boot(networks='none')
        self.assertTrue(self.attach(server, 2))
        self.assert_sees(server, 2)
        self.assert_deleted(server)


class WrongTest(volumes.VolumeCase):
    """What cannot be is refused, and nothing is left of it."""

    def assert_refused(self, server, number, reason):
        without = self.platform_state()
        self.assertFalse(self.attach(server, number))
        self.assert_state_equal(without, self.platform_state(), 'Left')
        self.assert_sees(server)
        self.assertIn(reason, str(self.last_action(server)))

    def assert_boot_fails(self, numbers, reason):
        server = self.boot_with(numbers)
        self.assertEqual('ERROR', server['status'])
        self.assertIsNone(self.lpar_of(server))
        self.assert_deleted(server)

    def test_no_targets(self):
        self.cinder.edits[VOLUME % 1] = lambda info: [
            info['data'].pop(key) for key in (
                'initiator_target_map', 'initiator_target_lun_map')]
        server = self.boot()
        self.assert_refused(server, 1, 'initiator_target_map')
        self.assert_deleted(server)
        self.assert_boot_fails([1, 2], 'initiator_target_map')

    def test_targets_of_others(self):
        self.cinder.edits[VOLUME % 1] = lambda info: info['data'].update(
            initiator_target_map={'1234567890abcdef': ['fedcba0987654321']},
            initiator_target_lun_map=None)
        server = self.boot()
        self.assert_refused(server, 1, 'vscsi_vios_connections_required')
        self.assert_deleted(server)

    def test_unknown_transport(self):
        self.cinder.edits[VOLUME % 1] = lambda info: info.update(
            driver_volume_type='carrier_pigeon')
        server = self.boot()
        self.assert_refused(server, 1, 'carrier_pigeon')
        self.assert_deleted(server)
        self.assert_boot_fails([2, 1], 'carrier_pigeon')

    def test_faults_of_the_network(self):
        server = self.boot()
        for fault in ('not_exported', 'wrong_lun', 'path_down', 'reserved'):
            with self.site.lock:
                self.lun(1).set_fault(fault)
            self.assert_refused(server, 1, 'vscsi_vios_connections_required')
            with self.site.lock:
                self.lun(1).clear_faults()
        self.assertTrue(self.attach(server, 1))
        self.assert_deleted(server)

    def test_faults_on_one_vios(self):
        server = self.boot()
        for fault in ('not_exported', 'wrong_lun', 'path_down', 'reserved'):
            with self.site.lock:
                self.lun(1).set_fault(fault, [
                    port.wwpn for port in self.vios('vios1').fc_ports])
            self.assertTrue(self.attach(server, 1), fault)
            self.assert_sees(server, 1, vioses=['vios2'])
            self.assertTrue(self.detach(server, 1), fault)
            with self.site.lock:
                self.lun(1).clear_faults()
        self.assert_deleted(server)

    def test_fewer_paths(self):
        with self.site.lock:
            self.site.san.set_fabric('A', False)
        server = self.boot_with([1, 2])
        self.assert_sees(server, 1, 2)
        self.assert_deleted(server)

    def test_too_few_vioses(self):
        self.flags(vscsi_vios_connections_required=2, group='powervm')
        self.set_rmc('vios2', 'inactive')
        server = self.boot()
        self.assert_refused(server, 1, 'vscsi_vios_connections_required')
        self.set_rmc('vios2', 'active')
        self.assert_deleted(server)


class TooManyTest(volumes.VolumeCase):

    VOLUMES = 50
    AT_MOST = 48

    def test_more_volumes_than_slots(self):
        server = self.boot_with(range(self.AT_MOST + 1), networks='none')
        self.assertEqual('ERROR', server['status'])
        self.assertIsNone(self.lpar_of(server))
        self.assert_deleted(server)
        server = self.boot_with(range(self.AT_MOST), networks='none')
        self.assert_sees(server, *range(self.AT_MOST))
        self.assertFalse(self.attach(server, self.AT_MOST))
        self.assert_sees(server, *range(self.AT_MOST))
        self.assert_deleted(server)
