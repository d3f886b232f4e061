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

"""Many servers at once on one host."""

from nova_powervm.tests.functional import base


class ConcurrentSpawnTest(base.PowerVMTestCase):

    CAST_AS_CALL = False
    RPC_THREADS = 64
    SERVERS = 8

    def setUp(self):
        super().setUp()
        self.flags(max_concurrent_builds=self.SERVERS)
        self.before = self.platform_state()

    def test_eight_spawns_at_once(self):
        servers = [self.start_boot(networks='none')
                   for _ in range(self.SERVERS)]
        servers = [self.settled(server) for server in servers]

        self.assertEqual(['ACTIVE'] * self.SERVERS,
                         [server['status'] for server in servers],
                         [server.get('fault') for server in servers])
        for server in servers:
            self.assertEqual(2, len(self.mappings_of(server)))
            self.boot_disk_of(server)
        self.assertEqual(1, len(self.uploads_of_images()))

        for server in servers:
            self.api.delete_server(server['id'])
        for server in servers:
            self.assertIsNone(self.settled(server))
        self.assert_state_equal(
            self.without_cache(self.before),
            self.without_cache(self.platform_state()), 'after the deletions')

    def uploads_of_images(self):
        """Requests that sent the content of an image."""
        return [record for record in self.platform.journal.records()
                if '/File/contents/' in record['path'] and
                record['bytes_in'] >= self.glance.IMAGE_SIZE]

    @staticmethod
    def without_cache(state):
        for host in state['hosts']:
            for group in host['VolumeGroup']:
                group['disks'] = [disk for disk in group['disks']
                                  if not disk['name'].startswith('i_')]
                group.pop('free_gb')
        return state
