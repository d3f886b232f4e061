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

"""Running servers that move, through Nova's API, conductor and computes."""

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import moves
from nova_powervm.tests.functional import platforms


class LiveMigrationTest(platforms.SharedPool, moves.TwoHostMixin,
                        base.PowerVMTestCase):

    PROFILE = 'ssp-two-host'

    def setUp(self):
        super().setUp()
        self.server = self.boot_on_first()

    def live_migrate(self):
        return self.act(self.server, 'os-migrateLive', {
            'host': None, 'block_migration': 'auto'})

    def ended(self):
        """Statuses of the migrations, once all have ended."""
        found = [migration['status'] for migration in self.admin_api.api_get(
            '/os-migrations').body['migrations']]
        return [] if 'running' in found else found

    def assert_is_on(self, host, migration):
        """Nova, placement and the platforms agree where it is."""
        after = self.api.get_server(self.server['id'])
        self.assertEqual('ACTIVE', after['status'], after.get('fault'))
        self.assertEqual(host, after['OS-EXT-SRV-ATTR:host'])
        self.assertEqual({host: 'running'}, self.lpars_of(self.server))
        self.assertEqual([migration], self.wait_for(self.ended))
        for name in self.computes:
            usages = self._get_provider_usages(self._get_provider_uuid_by_host(
                name))
            self.assertEqual(name == host, usages['MEMORY_MB'] > 0, name)
        bound = [port['binding:host_id'] for port in
                 self.neutron.list_ports(is_admin=True)['ports']
                 if port['device_id'] == self.server['id']]
        self.assertEqual([host], bound)

    def test_moves(self):
        self.live_migrate()
        self.assert_is_on('compute2', 'completed')
        self.assertIsNone(self.delete(self.server))

    def test_stays(self):
        self.simulated_host('compute1').faults.add({
            'method': 'PUT', 'path': '/do/Migrate$', 'effect': 'migration',
            'phase': 'copy', 'outcome': 'failed'})
        self.live_migrate()
        self.assert_is_on('compute1', 'failed')
