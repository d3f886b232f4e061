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

"""Servers with adapters on the fabrics (NPIV), many at once."""

from nova_powervm.tests.functional import test_volume_sharing
from nova_powervm.tests.functional import volumes


class ConcurrencyTest(volumes.NpivMixin,
                      test_volume_sharing.ConcurrencyTest):

    def test_first_volumes(self):
        """Of the two attachments of each server one makes its adapters."""
        servers = [self.boot(networks='none')
                   for _number in range(self.SERVERS)]
        self.at_once(self.post_attachment, servers)
        used, wwpns = [], set()
        for index, server in enumerate(servers):
            self.assert_sees(server, *self.numbers(index)[1:])
            adapters = self.adapters_of(server)
            self.assertEqual({'vios1', 'vios2'},
                             {adapter[0] for adapter in adapters})
            self.assertEqual(
                {wwpn.upper() for adapter in adapters for wwpn in adapter[2]},
                self.wwpns_of(server))
            used += [adapter[:2] for adapter in adapters]
            wwpns |= self.wwpns_of(server)
        self.assertEqual(2 * self.SERVERS, len(used))
        self.assertEqual(4 * self.SERVERS, len(wwpns))
        for server in servers:
            self.assertIsNone(self.delete(server))
        self.assert_nothing_left()
