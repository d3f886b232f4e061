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

"""Cinder volumes that servers see themselves (NPIV).

Most tests are those of test_volumes.
"""

from nova_powervm.tests.virt.powervm.scenarios import looks
from nova_powervm.tests.virt.powervm.scenarios import test_volumes
from nova_powervm.tests.virt.powervm.scenarios import volumes

VOLUME = volumes.VOLUME
PORTS = looks.PORTS


class NpivMixin(looks.NpivLooks, volumes.VolumeMixin):
    """A cloud whose servers have adapters on two fabrics."""

    def paths_of(self, server):
        return self.adapters_of(server)

    def identity_of(self, server):
        return self.wwpns_of(server)

    def assert_paths(self, server):
        """It has an adapter on each fabric, whose WWPNs Nova keeps."""
        adapters = self.adapters_of(server)
        self.assertEqual(len(self.PORTS), len(adapters))
        kept = self.metadata_of(server)
        for fabric in self.PORTS:
            self.assertEqual('inst_mapped', kept['fabric_state_' + fabric])
        self.assertEqual(
            {wwpn.upper() for adapter in adapters for wwpn in adapter[2]},
            self.wwpns_of(server))

    def assert_without_volumes(self, server, before):
        """The adapters stay for the volumes to come."""
        self.assert_paths(server)


class NpivCase(NpivMixin, volumes.VolumeCase):
    """One host whose servers have adapters of their own."""


class AttachTest(NpivMixin, test_volumes.AttachTest):

    def assert_order(self, server, *numbers):
        """The guest sees the units of the array, which have no order."""

    def test_adapters(self):
        """The first volume brings them; they stay for the next one."""
        server = self.boot()
        self.assertTrue(self.attach(server, 1))
        adapters = self.adapters_of(server)
        self.assertEqual({('vios1', 'fcs0'), ('vios2', 'fcs1')},
                         {adapter[:2] for adapter in adapters})
        kept = self.metadata_of(server)
        self.assertEqual('10000090FA1BA101',
                         kept['npiv_adpt_wwpns_A'].split(',')[0])
        self.assertTrue(self.detach(server, 1))
        self.assertEqual(adapters, self.adapters_of(server))
        self.assertTrue(self.attach(server, 3))
        self.assert_sees(server, 3)
        self.assertEqual(kept, self.metadata_of(server))
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


class RebootTest(NpivMixin, test_volumes.RebootTest):

    def lose_path(self, name):
        """All volumes come through the same adapters."""
        self.lose_adapter(name)

    def assert_lost(self, server, vioses):
        left = [name for name in self.VIOSES if name not in vioses]
        if left:
            self.assert_sees(server, 1, 2, vioses=left)
        else:
            self.assertEqual([], self.disks_of(server))


class ExtendTest(NpivMixin, test_volumes.ExtendTest):
    pass


class EncryptedTest(NpivMixin, test_volumes.EncryptedTest):
    pass
