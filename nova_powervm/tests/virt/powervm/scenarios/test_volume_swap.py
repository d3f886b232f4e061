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

"""Volumes that Cinder migrates while a server has them."""

from nova_powervm.tests.virt.powervm.scenarios import volumes

MIB = volumes.MIB
#: Behind what a volume has from the start.
OFFSET = 700 * MIB + 4097


class SwapTest(volumes.VolumeCase):

    def setUp(self):
        super().setUp()
        self.flags(swap_volume_stops_server=True, group='powervm')

    def assert_swapped(self, server, *numbers, boots=False):
        """Volume 1 has the content of its predecessor on another LUN."""
        self.assertEqual('ACTIVE', self.status_of(server))
        self.assertEqual('running', self.lpar_of(server)['state'])
        self.assert_sees(server, *numbers, boots=boots)
        self.assertNotEqual(self.naa, self.lun(1).naa)
        self.assertEqual(b'written', self.lun(1).disk.read(OFFSET, 7))
        self.assert_nothing_lent()

    def write(self):
        self.lun(1).disk.write_at(OFFSET, b'written')
        self.naa = self.lun(1).naa

    def test_swap(self):
        server = self.boot_with([1, 2])
        self.assert_sees(server, 1, 2)
        self.write()
        self.swap(server, 1, 5)
        self.assert_swapped(server, 1, 2)
        # Nova reads what it knows of attachments anew. The start of the
        # service finds nothing to remove all the same.
        self.reboot(server)
        self.restart()
        self.reboot(server, hard=True)
        self.assert_swapped(server, 1, 2)
        self.assertTrue(self.detach(server, 1))
        self.assert_sees(server, 2)
        self.assertEqual({volumes.VOLUME % 2}, set(self.addresses_of(server)))
        self.assertIsNone(self.delete(server))
        self.assert_detached()

    def test_detach_right_after(self):
        server = self.boot_with([1, 2])
        self.swap(server, 1, 5)
        self.assertTrue(self.detach(server, 1))
        self.assertEqual({volumes.VOLUME % 2}, set(self.addresses_of(server)))
        self.assert_sees(server, 2)
        self.assertIsNone(self.delete(server))
        self.assert_detached()

    def test_boot_volume(self):
        server = self.boot_with([1, 2], boots=True)
        self.assert_sees(server, 1, 2, boots=True)
        self.write()
        self.cinder.extend(volumes.VOLUME % 5, 2)
        self.lun(5).disk.write_at(OFFSET, b'overwritten')
        self.swap(server, 1, 5)
        self.assert_swapped(server, 1, 2, boots=True)
        # The id that the new volume had when the server booted from it.
        self.assertEqual(volumes.VOLUME % 5,
                         self.lpar_of(server)['boot']['disk'])

    def test_crashed(self):
        """It is SHUTDOWN to Nova, and holds its volumes yet."""
        server = self.boot_with([1, 2])
        self.write()
        with self.site.lock:
            self.platform.store.get(
                'LogicalPartition', self.lpar_of(server)['uuid']).crashed()
        self.swap(server, 1, 5)
        self.assert_swapped(server, 1, 2)
        self.assertIsNone(self.delete(server))
        self.assert_detached()

    def test_refused_while_it_is_on(self):
        self.flags(swap_volume_stops_server=False, group='powervm')
        server = self.boot_with([1, 2])
        self.assert_sees(server, 1, 2)
        before = self.platform_state()
        after = self.swap(server, 1, 5)
        self.assertEqual('ACTIVE', after['status'])
        self.assertIn('swap_volume_stops_server',
                      str(self.last_action(server)))
        self.assert_state_equal(before, self.platform_state(), 'refused')
        self.assert_sees(server, 1, 2)
        self.assert_deleted(server)

    def test_new_volume_is_not_there(self):
        server = self.boot_with([1, 2])
        self.assert_sees(server, 1, 2)
        before = self.platform_state()
        with self.site.lock:
            self.lun(5).set_fault('not_exported')
        self.swap(server, 1, 5)
        with self.site.lock:
            self.lun(5).clear_faults()
        self.assert_sees(server, 1, 2)
        self.assert_state_equal(before, self.platform_state(), 'undone')
        self.assert_deleted(server)
