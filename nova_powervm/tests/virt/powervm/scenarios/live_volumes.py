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

"""What scenarios of live migrations with volumes share."""

from nova_powervm.tests.virt.powervm.scenarios import live_migration
from nova_powervm.tests.virt.powervm.scenarios import looks
from nova_powervm.tests.virt.powervm.scenarios import volumes

_METADATA = 'npiv_adpt_wwpns_'


class LiveVolumeMixin(volumes.VolumeMixin, live_migration.LiveMoveMixin):
    """Two hosts on the same fabrics, without a pool.

    :cvar BOOTS: whether a server boots from the first of its volumes
    :cvar MADE_WITH: numbers of the volumes that it is made with
    :cvar BUDGET: the most requests of a migration, if it has one volume by
        virtual SCSI, or any number of them through NPIV
    """

    PROFILE = 'fc-two-host'
    STORAGE_OF_SERVER = ['cf', 'hd', 'hd', 'hd', 'hd']
    BOOTS = True
    MADE_WITH = (1, 3)
    BUDGET = 20

    def setUp(self):
        super().setUp()
        # With the volumes.
        self.empty = self.platform_state()

    def boot_on_first(self, **kwargs):
        server = self.boot_with(kwargs.pop('numbers', self.MADE_WITH),
                                boots=self.BOOTS, flavor_id=self.small,
                                **kwargs)
        self.assertEqual('ACTIVE', server['status'], server.get('fault'))
        self.assertEqual('compute1', self.host_of(server))
        return server

    def assert_runs_on(self, server, host, booted=None):
        super().assert_runs_on(server, host, booted)
        self.assert_whole(server)

    def assert_whole(self, server):
        """It has its volumes, at the addresses where they were."""
        self.assert_sees(server, *self.MADE_WITH, boots=self.BOOTS)

    def assert_gone(self, server):
        super().assert_gone(server)
        self.assert_detached()

    def hdisks_on(self, host):
        """The devices of volumes that VIOSes of a host have: sorted list."""
        return sorted(
            (hdisk.vios.name, lun.id) for lun in self.site.san.volumes.values()
            for hdisk in lun.hdisks
            if hdisk.vios.host is self.simulated_host(host))


class LiveNpivMixin(looks.NpivLooks, LiveVolumeMixin):
    """The ports of both hosts are on the same fabrics."""

    BUDGET = 12
    # The array gives volumes new places when Nova attaches them anew.
    KEEPS_LUNS = False
    STORAGE_OF_SERVER = ['cf']
    # Both computes are in one process and share its options.
    PORTS = {
        'A': looks.PORTS['A'] + ['10000090FA1BB101', '10000090FA1BB201'],
        'B': looks.PORTS['B'] + ['10000090FA1BB102', '10000090FA1BB202'],
    }

    def platform_state(self):
        """The site, but for the places that the array gives to volumes."""
        state = super().platform_state()
        for volume in state['san']['volumes']:
            volume['exports'] = sorted(volume['exports'])
        return state

    def pairs_of(self, server):
        """Fabric -> the WWPNs that Nova keeps, the one in use first."""
        return {key[len(_METADATA):]: value.split(',')[1:3]
                for key, value in self.metadata_of(server).items()
                if key.startswith(_METADATA)}

    def assert_whole(self, server):
        """It has an adapter in each fabric, as Nova keeps it."""
        super().assert_whole(server)
        kept = self.metadata_of(server)
        self.assertEqual(self.where, kept['npiv_adpt_host'])
        known = {}
        for vios in self.platform.store.all('VirtualIOServer'):
            for mapping in vios.fc_mappings:
                known[mapping.port.wwpn] = [
                    wwpn.upper() for wwpn in mapping.wwpns]
        for fabric, pair in self.pairs_of(server).items():
            port = kept[_METADATA + fabric].split(',')[0]
            self.assertEqual(pair, known[port])
            self.assertIn(port, [wwpn.replace(':', '').upper()
                                 for wwpn in self.PORTS[fabric]])
            self.assertEqual('inst_mapped', kept['fabric_state_' + fabric])
        self.assertEqual(set(self.PORTS), set(self.pairs_of(server)))
