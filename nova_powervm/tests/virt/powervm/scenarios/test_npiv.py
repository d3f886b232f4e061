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

"""Cinder volumes that servers see themselves (NPIV)."""

from nova_powervm.tests.virt.powervm.scenarios import looks
from nova_powervm.tests.virt.powervm.scenarios import volumes

VOLUME = volumes.VOLUME
PORTS = looks.PORTS


class NpivMixin(looks.NpivLooks, volumes.VolumeMixin):
    """A cloud whose servers have adapters on two fabrics."""


class NpivCase(NpivMixin, volumes.VolumeCase):
    """One host whose servers have adapters of their own."""


class AttachTest(NpivCase):

    def test_running_server(self):
        server = self.boot()
        self.assertTrue(self.attach(server, 1))
        self.assert_sees(server, 1)
        adapters = self.adapters_of(server)
        self.assertEqual({('vios1', 'fcs0'), ('vios2', 'fcs1')},
                         {adapter[:2] for adapter in adapters})
        kept = self.metadata_of(server)
        self.assertEqual('inst_mapped', kept['fabric_state_A'])
        self.assertEqual('10000090FA1BA101',
                         kept['npiv_adpt_wwpns_A'].split(',')[0])
        self.assertEqual(
            {wwpn.upper() for adapter in adapters for wwpn in adapter[2]},
            self.wwpns_of(server))

        self.assertTrue(self.attach(server, 2))
        self.assert_sees(server, 1, 2)
        self.assertTrue(self.detach(server, 1))
        self.assert_sees(server, 2)
        self.assertTrue(self.detach(server, 2))
        self.assert_sees(server)
        # They stay for the volumes to come.
        self.assertEqual(adapters, self.adapters_of(server))
        self.assertTrue(self.attach(server, 3))
        self.assert_sees(server, 3)
        self.assertEqual(kept, self.metadata_of(server))
        self.assert_deleted(server)

    def test_stopped_server(self):
        server = self.boot()
        self.stop(server)
        self.assertTrue(self.attach(server, 1))
        self.assertTrue(self.attach(server, 2))
        self.assert_sees(server, 1, 2)
        self.assertTrue(self.detach(server, 1))
        self.start(server)
        self.assert_sees(server, 2)
        self.assert_deleted(server)

    def test_running_without_rmc(self):
        server, other = self.boot(), self.boot(networks='none')
        self.assertTrue(self.attach(server, 1))
        with self.site.lock:
            for lpar in (server, other):
                self.partition_of(lpar).set_rmc('inactive')
        without = self.platform_state()
        # It would need adapters.
        self.assertFalse(self.attach(other, 2))
        self.assert_state_equal(without, self.platform_state(), 'Left')
        self.assertEqual({}, self.metadata_of(other))
        # This one has them.
        self.assertTrue(self.attach(server, 2))
        self.assert_sees(server, 1, 2)
        self.assertTrue(self.detach(server, 1))
        self.assert_sees(server, 2)
        self.assertIsNone(self.delete(other))
        self.assert_deleted(server)

    def test_boot_from_volume(self):
        server = self.boot_with([1, 2, 3], boots=True)
        self.assertEqual('ACTIVE', server['status'], server.get('fault'))
        self.assert_sees(server, 1, 2, 3, boots=True)
        self.assertEqual(VOLUME % 1, self.lpar_of(server)['boot']['disk'])
        self.assertTrue(self.attach(server, 4))
        self.assertTrue(self.detach(server, 2))
        self.assert_sees(server, 1, 3, 4, boots=True)
        self.assertEqual(2, len(self.adapters_of(server)))
        self.assert_deleted(server)

    def test_boot_from_an_image_with_volumes(self):
        server = self.boot_with([1, 2, 3])
        self.assertEqual('ACTIVE', server['status'], server.get('fault'))
        self.assert_sees(server, 1, 2, 3)
        self.assertTrue(self.lpar_of(server)['boot']['disk'].startswith('b_'))
        self.assert_deleted(server)

    def test_encrypted(self):
        """It is refused before anything is made."""
        self.cinder.encrypted.add(VOLUME % 1)
        server = self.boot_with([1])
        self.assertEqual('ERROR', server['status'])
        self.assertIsNone(self.lpar_of(server))
        self.assert_deleted(server)
        server = self.boot(networks='none')
        without = self.platform_state()
        self.assertFalse(self.attach(server, 1))
        self.assert_state_equal(without, self.platform_state(), 'Left')
        self.assert_deleted(server)

    def test_spawn_that_fails(self):
        self.platform.faults.add({'effect': 'status', 'status': 500,
                                  'path': 'PowerOn', 'nth': 1})
        server = self.boot_with([1, 2])
        self.assertEqual('ERROR', server['status'])
        self.assertEqual({}, self.metadata_of(server))
        self.assert_deleted(server)

    def test_servers_are_spread(self):
        servers = [self.boot_with([number], networks='none')
                   for number in range(4)]
        used = [adapter[:2] for server in servers
                for adapter in self.adapters_of(server)]
        self.assertEqual([2] * 4, [used.count((vios, port))
                                   for vios in self.VIOSES
                                   for port in ('fcs0', 'fcs1')])
        for number, server in enumerate(servers):
            self.assert_sees(server, number)
            self.assertIsNone(self.delete(server))
        self.assert_nothing_left()


class RebootTest(NpivCase):

    def test_lost_adapter(self):
        server = self.boot_with([1, 2])
        self.assert_sees(server, 1, 2)
        adapters = self.adapters_of(server)
        self.lose_adapter('vios2')
        self.assert_sees(server, 1, 2, vioses=['vios1'])
        self.reboot(server, hard=True)
        self.assert_sees(server, 1, 2)
        self.assertEqual(adapters, self.adapters_of(server))
        self.assert_deleted(server)

    def test_all_adapters_lost(self):
        server = self.boot_with([1, 2], boots=True)
        self.assert_sees(server, 1, 2, boots=True)
        adapters = self.adapters_of(server)
        for name in self.VIOSES:
            self.lose_adapter(name)
        self.assertEqual([], self.disks_of(server))
        self.reboot(server, hard=True)
        self.assert_sees(server, 1, 2, boots=True)
        self.assertEqual(adapters, self.adapters_of(server))
        self.assert_deleted(server)

    def test_without_lpar(self):
        self.flags(force_config_drive=False)
        server = self.boot_with([1, 2], boots=True)
        self.assert_sees(server, 1, 2, boots=True)
        wwpns = self.wwpns_of(server)
        lpar = self.partition_of(server)
        with self.site.lock:
            lpar.set_state('not activated')
            self.platform.remove(lpar)
        self.reboot(server, hard=True)
        self.assert_sees(server, 1, 2, boots=True)
        self.assertEqual(wwpns, self.wwpns_of(server))
        self.assert_deleted(server)

    def test_soft_reboot_and_power(self):
        server = self.boot_with([1], boots=True)
        self.reboot(server)
        self.assert_sees(server, 1, boots=True)
        self.stop(server)
        self.start(server)
        self.assert_sees(server, 1, boots=True)


class ExtendTest(NpivCase):

    def test_running(self):
        server = self.boot_with([1, 2], boots=True)
        for number, size_gb in ((1, 7), (2, 3)):
            self.assertIsNone(self.extend(server, number, size_gb))
        self.assertEqual({VOLUME % 1: 7, VOLUME % 2: 3}, {
            disk.volume: disk.size // volumes.GIB
            for disk in self.disks_of(server)})
        self.assert_sees(server, 1, 2, boots=True)
