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

"""Servers with adapters on the fabrics (NPIV) that are moved and made anew."""

from unittest import mock

from nova import exception as nova_exc

from nova_powervm.tests.virt.powervm.scenarios import test_npiv
from nova_powervm.tests.virt.powervm.scenarios import test_volume_moves
from nova_powervm.virt.powervm.volume import fabrics


class NpivMoveMixin(test_npiv.NpivMixin):
    """A server whose WWPNs must never change."""

    KEEPS_LUNS = False

    def boot_server(self):
        self.wwpns = None
        server = super().boot_server()
        self.wwpns = self.wwpns_of(server)
        self.assertEqual(4, len(self.wwpns))
        return server

    def platform_state(self):
        """The site, but for the places that the array gives to volumes."""
        state = super().platform_state()
        for volume in state['san']['volumes']:
            volume['exports'] = sorted(volume['exports'])
        return state

    def assert_whole(self, server):
        super().assert_whole(server)
        if self.wwpns is None:
            return
        self.assertEqual(self.wwpns, self.wwpns_of(server))
        adapters = self.adapters_of(server)
        self.assertEqual(2, len(adapters))
        self.assertEqual(self.wwpns, {wwpn.upper() for adapter in adapters
                                      for wwpn in adapter[2]})
        kept = self.metadata_of(server)
        for fabric in self.PORTS:
            self.assertEqual(fabrics.MAPPED, kept['fabric_state_' + fabric])


class ResizeTest(NpivMoveMixin, test_volume_moves.ResizeTest):
    pass


class NpivMigrationMixin(NpivMoveMixin, test_volume_moves.ColdMigrationMixin):
    """The ports of both hosts are on the same fabrics."""

    # Both computes are in one process and share its options.
    PORTS = {
        'A': test_npiv.PORTS['A'] + ['10000090FA1BB101', '10000090FA1BB201'],
        'B': test_npiv.PORTS['B'] + ['10000090FA1BB102', '10000090FA1BB202'],
    }

    def set_ports(self, host, up):
        with self.site.lock:
            for vios in host.store.all('VirtualIOServer'):
                for port in vios.fc_ports:
                    self.site.san.set_port(port.wwpn, up)

    def assert_on(self, server, host, others=()):
        super().assert_on(server, host, others)
        for self.where in others:
            self.assertEqual([], self.adapters_of(server))
        self.where = host


class ColdMigrationTest(NpivMigrationMixin,
                        test_volume_moves.ColdMigrationTest):

    NO_WAY_BACK = {'effect': 'status', 'status': 500, 'method': 'POST',
                   'path': 'VirtualIOServer/[^/]*$', 'nth': 3, 'count': 0}

    def test_target_sees_no_volume(self):
        """It has no port; a hard reboot makes up for that later."""
        server = self.boot_server()
        self.set_ports(self.site.hosts[1], False)
        self.migrate(server, status='ERROR')
        self.assertEqual({'compute1': 'not activated'}, self.lpars_of(server))
        self.assertIn('fabric_A_port_wwpns', self.fault_of(server))
        self.assertEqual(self.wwpns, self.wwpns_of(server))
        self.set_ports(self.site.hosts[1], True)
        self.assert_reboot_mends(server)

    def test_evacuate(self):
        """The old host is up after all: it loses the volumes."""
        server = self.boot_server()
        self.evacuate(server)
        self.assert_new_wwpns(server)
        self.where = 'compute1'
        self.assertEqual(2, len(self.adapters_of(server)))
        self.assertEqual([], self.disks_of(server))
        self.restart()
        self.assert_on(server, 'compute2')
        self.assert_nothing_left(server)

    def assert_new_wwpns(self, server):
        """It is on compute2, and has no WWPN of before."""
        before, self.wwpns = self.wwpns, self.wwpns_of(server)
        self.assertEqual(set(), before & self.wwpns)
        self.where = 'compute2'
        self.assert_whole(server)

    def test_evacuate_from_an_older_version(self):
        """Which did not keep on which host the adapters are."""
        server = self.boot_server()
        instance = self.instance_of(server)
        del instance.system_metadata['npiv_adpt_host']
        instance.save()
        self.evacuate(server)
        self.assert_new_wwpns(server)
        self.restart()
        self.assert_on(server, 'compute2')
        self.assert_nothing_left(server)

    def test_evacuate_without_volumes(self):
        """Its next volume is not for the old host either."""
        self.BOOTS, self.HAS = False, (3,)
        server = self.boot_server()
        self.assertTrue(self.detach(server, 3))
        self.evacuate(server)
        self.assertTrue(self.attach(server, 3))
        self.assert_new_wwpns(server)
        self.where = 'compute1'
        self.assertEqual([], self.disks_of(server))
        self.restart()
        self.assert_on(server, 'compute2')
        # The image stays in the cache of compute2.
        self.assertIsNone(self.delete(server))
        self.assert_detached()

    def test_evacuation_fails_and_is_repeated(self):
        server = self.boot_server()
        self.site.hosts[1].faults.add({
            'effect': 'status', 'status': 500, 'path': 'PowerOn', 'nth': 1})
        self.cloud.stop('compute1')
        self.users.evacuate(self.walk_server(server))
        self.assertEqual('compute1', self.host_of(server))
        self.where = 'compute2'
        self.assertIsNone(self.lpar_of(server))
        first = self.wwpns_of(server)
        self.assertEqual(set(), first & self.wwpns)
        self.users.evacuate(self.walk_server(server))
        self.assertEqual('compute2', self.host_of(server))
        self.start(server)
        # No host has had those of the first attempt since.
        self.assertEqual(first, self.wwpns_of(server))
        self.wwpns = first
        self.assert_whole(server)
        self.restart()
        self.assert_on(server, 'compute2')
        self.assert_nothing_left(server)

    def test_evacuation_without_cinder(self):
        """Its volumes are exported to the WWPNs that it had: it keeps them."""
        server = self.boot_server()
        self.cloud.stop('compute1')
        with mock.patch('nova.volume.cinder.API.attachment_create',
                        side_effect=nova_exc.CinderConnectionFailed(
                            reason='down')):
            self.users.evacuate(self.walk_server(server))
        self.assertEqual('compute1', self.host_of(server))
        self.assertEqual(self.wwpns, self.wwpns_of(server))
        self.cloud.start('compute1')
        self.assertEqual('ACTIVE', self.act(
            server, 'reboot', {'type': 'HARD'})['status'])
        self.assert_on(server, 'compute1')
        self.assert_nothing_left(server)

    def test_evacuate_to_a_host_without_ports(self):
        """Nova is told before it replaces attachments."""
        server = self.boot_server()
        exports = sorted(self.lun(1).exports)
        self.set_ports(self.site.hosts[1], False)
        self.cloud.stop('compute1')
        self.users.evacuate(self.walk_server(server))
        self.assertIn('fabric_A_port_wwpns', self.fault_of(server))
        self.assertEqual(exports, sorted(self.lun(1).exports))
        self.assertEqual(self.wwpns, self.wwpns_of(server))
        self.set_ports(self.site.hosts[1], True)
        self.cloud.start('compute1')
        self.assertEqual('ACTIVE', self.act(
            server, 'reboot', {'type': 'HARD'})['status'])
        self.assert_on(server, 'compute1')
        self.assert_nothing_left(server)

    def test_evacuate_and_come_back(self):
        server = self.boot_server()
        self.evacuate(server)
        self.assert_new_wwpns(server)
        self.restart()
        self.migrate(server)
        self.act(server, 'confirmResize')
        self.assert_on(server, 'compute1')
        self.assert_nothing_left(server)

    def test_without_volumes(self):
        """It gets its adapters again with its next volume."""
        server = self.boot_server()
        self.assertTrue(self.detach(server, 3))
        self.migrate(server)
        self.act(server, 'confirmResize')
        self.where = 'compute2'
        self.assertTrue(self.attach(server, 3))
        self.assert_on(server, 'compute2')
        self.assert_nothing_left(server)


class RescueTest(NpivMoveMixin, test_volume_moves.RescueTest):
    pass


class RebuildOfVolumeTest(NpivMoveMixin,
                          test_volume_moves.RebuildOfVolumeTest):
    pass


class ShelveTest(NpivMoveMixin, test_volume_moves.ShelveTest):
    pass
