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

"""Which servers have an LPAR, and when that is read again."""

from nova_powervm.tests.virt.powervm import base
from nova_powervm.tests.virt.powervm import hmc_base
from nova_powervm.virt.powervm import granted
from nova_powervm.virt.powervm import system_lpars
from nova_powervm.virt.powervm import vm

UUIDS = {'a': '0a1b2c3d-0000-4000-8000-00000000000a',
         'b': '0a1b2c3d-0000-4000-8000-00000000000b'}
FEED = ['GET LogicalPartition']


class SystemLparsMixin:
    """Servers, and their LPARs on the platform."""

    def setUp(self):
        super().setUp()
        self.host = self.connect()
        self.now = 0
        self.lpars = system_lpars.SystemLpars(self.host, lambda: self.now)
        self.operator = self.simulated.operator
        self.servers = {}

    def claim(self, name):
        """Have Nova make a server, whose LPAR is not there yet."""
        instance = base.make_instance(uuid=UUIDS[name], launched_at=None,
                                      vm_state='active')
        self.servers[name] = granted.describe(
            self.host.get_system(), 'compute1', instance, [instance.flavor])

    def make_lpar(self, name):
        vm.create_lpar(self.host, self.servers[name].instance)

    def make(self, *names):
        for name in names:
            self.claim(name)
            self.make_lpar(name)

    def make_theirs(self):
        """Make an LPAR of somebody else, of the size of a server's."""
        like = self.simulated.store.get(
            'LogicalPartition', self.servers['a'].lpar_uuid)
        return self.operator.create_partition(
            'theirs', memory_mb=like.memory.desired,
            units=like.processors.units, running=False)

    def lose(self, name):
        self.operator.delete_partition(self.servers[name].lpar_uuid)

    def find(self):
        """Return the names of servers with LPARs, and the requests for it."""
        system = self.host.get_system()
        self.requests()
        names = {server.lpar_uuid: name
                 for name, server in self.servers.items()}
        found = self.lpars.find(system, list(self.servers.values()))
        return (''.join(sorted(names[server.lpar_uuid] for server in found)),
                self.requests())


class NovaLinkTest(SystemLparsMixin, base.SimulatedHostTestCase):

    def test_first_server(self):
        self.assertEqual(('', []), self.find())
        self.make('a')
        self.assertEqual(('a', []), self.find())

    def test_start(self):
        """The start of nova-compute has just read all LPARs."""
        self.make('a', 'b')
        self.host.partition_states.refresh()
        self.assertEqual(('ab', []), self.find())
        self.lose('a')
        self.assertEqual(('b', FEED), self.find())

    def test_nothing_changes(self):
        self.make('a')
        self.assertEqual(('a', FEED), self.find())
        for _time in range(2):
            self.assertEqual(('a', []), self.find())

    def test_servers_come_and_go(self):
        self.make('a')
        self.find()
        self.make('b')
        self.assertEqual(('ab', []), self.find())
        self.lose('a')
        del self.servers['a']
        self.assertEqual(('b', []), self.find())

    def test_lost_lpar(self):
        self.make('a', 'b')
        self.find()
        self.lose('a')
        self.assertEqual(('b', FEED), self.find())
        self.assertEqual(('b', []), self.find())

    def test_claim(self):
        self.make('a')
        self.find()
        self.claim('b')
        self.assertEqual(('a', FEED), self.find())
        self.assertEqual(('a', []), self.find())
        self.make_lpar('b')
        self.assertEqual(('ab', FEED), self.find())

    def test_somebody_else(self):
        self.make('a')
        self.find()
        self.make_theirs()
        self.assertEqual(('a', FEED), self.find())

    def test_somebody_else_has_replaced_it(self):
        """The new LPAR has the size of the old one: it takes a while."""
        self.make('a')
        self.find()
        self.make_theirs()
        self.lose('a')
        self.now = system_lpars.SystemLpars.MAX_AGE
        self.assertEqual(('', FEED), self.find())


class HmcTest(SystemLparsMixin, hmc_base.HmcTestCase):

    def test_the_document_lists_them(self):
        self.make('a')
        self.claim('b')
        self.assertEqual(('a', []), self.find())
        self.lose('a')
        self.assertEqual(('', []), self.find())
