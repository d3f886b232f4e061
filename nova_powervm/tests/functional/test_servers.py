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

"""A server's life, through Nova's API, down to the bytes on the VIOS."""

from nova_powervm.tests.functional import base


class ServerLifeTest(base.PowerVMTestCase):

    def test_boots_from_the_image_and_leaves_nothing(self):
        warm_up = self.boot()
        self._delete_server(warm_up)
        before = self.platform_state()

        server = self.boot()

        self.assertEqual('running', self.lpar_of(server)['state'])
        self.assertEqual(2, len(self.macs_of(server)))
        self.assertEqual(2, len(self.mappings_of(server)))
        self.assert_has_image(self.image_id, server)
        self._delete_server(server)
        self.assertEqual(before, self.platform_state())

    def test_power_cycle(self):
        server = self.boot()
        self._stop_server(server)
        self.assertEqual('not activated', self.lpar_of(server)['state'])
        self._start_server(server)
        self.assertEqual('running', self.lpar_of(server)['state'])
        for hard in (False, True):
            self._reboot_server(server, hard=hard)
            self.assertEqual('running', self.lpar_of(server)['state'])

    def test_ports_come_and_go(self):
        server = self.boot(networks='none')
        self.assertEqual(1, len(self.macs_of(server)))
        port = self.neutron.port_1
        self._attach_interface(server, port['id'])
        self.assertIn(port['mac_address'].replace(':', '').upper(),
                      self.macs_of(server))
        self._detach_interface(server, port['id'])
        self.assertEqual(1, len(self.macs_of(server)))

    def test_rebuild(self):
        server = self.boot()
        self._rebuild_server(server, self.glance.image3['id'])
        self.assert_has_image(self.glance.image3['id'], server)
        self._delete_server(server)

    def lose_lpar(self, server):
        """Delete the LPAR as an administrator of the platform could."""
        lpar = self.platform.store.get('LogicalPartition',
                                       self.lpar_of(server)['uuid'])
        with self.site.lock:
            lpar.set_state('not activated')
            self.platform.remove(lpar)

    def test_lpar_deleted_behind_our_back(self):
        self._delete_server(self.boot())
        before = self.platform_state()
        server = self.boot()
        self.lose_lpar(server)
        self._delete_server(server)
        self.assertEqual(before, self.platform_state())

    def test_disks_of_a_lost_lpar_outlive_a_restart(self):
        server = self.boot()
        before = self.mappings_of(server)
        self.lose_lpar(server)
        self.compute = self.restart_compute_service(self.compute)
        self._reboot_server(server, hard=True)
        self.assertEqual('running', self.lpar_of(server)['state'])
        self.assertEqual(
            {mapping['storage'] for mapping in before},
            {mapping['storage'] for mapping in self.mappings_of(server)})
        self.assert_has_image(self.image_id, server)
