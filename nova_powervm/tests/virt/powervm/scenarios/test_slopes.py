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

"""How many bytes operations move beside many other LPARs.

Tests hold how the bytes grow, not how many they are: documents of a real
platform are larger than those of the simulated one.
"""

import re

from nova_powervm.simulator import profile as sim_profile
from nova_powervm.simulator.resources import crowd
from nova_powervm.tests.virt.powervm.scenarios import base

#: A root feed has the objects of the whole host.
_ROOT_FEED = re.compile(r'/(LogicalPartition|VirtualIOServer)$')
#: The documents that tell of storage.
_STORAGE = re.compile(r'/(VirtualIOServer|VolumeGroup)/[^/]*$')
#: The types whose documents have extended attribute groups.
_GROUPED = re.compile(r'/(LogicalPartition|VirtualIOServer)/[^/]*$')


class SlopesTest(base.ScenarioCase):
    """Operations on one server, beside none and beside 100 other LPARs."""

    TIMING = {'job_polls': 1}
    CROWD = 100

    @classmethod
    def load_profile(cls):
        profile = sim_profile.load(cls.PROFILE)
        profile['hosts'][0]['system'].update(memory_mb=1048576, processors=96)
        return profile

    def add_crowd(self):
        """Let others make LPARs, with a mapped disk each."""
        with self.site.lock:
            crowd.build(self.platform, {'crowd': {
                'count': self.CROWD, 'mappings': self.CROWD, 'prefix': 'vm-',
                'memory_mb': 256, 'processors': 1, 'units': 0.05,
                'running': True}})

    def records(self):
        return [record for record in self.platform.journal.records()
                if 'QUEUE_CLIENTKEY' not in (record['query'] or '')]

    def bytes_of(self, operation, *args):
        self.platform.journal.clear()
        operation(*args)
        return sum(record['bytes_in'] + record['bytes_out']
                   for record in self.records())

    def measure(self, server):
        """Measure what works on the LPAR of one server.

        :returns: dict of the operation -> bytes
        """
        found = {'stop': self.bytes_of(self.stop, server),
                 'start': self.bytes_of(self.start, server),
                 'soft reboot': self.bytes_of(self.reboot, server),
                 'attach interface': self.bytes_of(self.attach_port, server)}
        found['detach interface'] = self.bytes_of(self.detach_port, server, 2)
        return found

    def test_flat(self):
        """What works on one LPAR moves as many bytes beside 100 others."""
        server = self.boot()
        # What is read once is read now.
        self.measure(server)
        few = self.measure(server)
        self.add_crowd()
        many = self.measure(server)
        for operation, moved in few.items():
            self.assertLessEqual(many[operation], 1.1 * moved,
                                 (operation, few, many))

    def test_documents_are_sent_twice(self):
        """A spawn and a destroy read nothing that nobody has changed.

        The platform gets each document, and answers with it. The upload of a
        config drive changes the VIOS.
        """
        self.flags(force_config_drive=False)
        self.add_crowd()
        self.delete(self.boot(networks='none'))
        for operation in (self.boot_server, self.delete_server):
            self.platform.journal.clear()
            operation()
            written = [record for record in self.records()
                       if record['method'] == 'POST' and
                       _STORAGE.search(record['path'])]
            self.assertEqual(2, len(written))
            whole = sum(record['bytes_out'] for record in written)
            moved = sum(record['bytes_in'] + record['bytes_out']
                        for record in self.records())
            self.assertGreater(whole, 100000)
            self.assertLessEqual(moved, 2 * whole + 50000)

    def boot_server(self):
        self.server = self.boot(networks='none')

    def delete_server(self):
        self.delete(self.server)

    def update(self):
        self.run_task('update_available_resource')

    def test_idle_host(self):
        """Nothing has changed, so the resource update moves nearly nothing."""
        self.add_crowd()
        self.boot()
        self.update()
        self.assertLessEqual(self.bytes_of(self.update), 2000)
        self.assertLessEqual(len(self.records()), 2)

    def test_life(self):
        """No operation reads the whole host, or all groups of an object."""
        server = self.boot()
        self.delete(server)
        self.platform.journal.clear()
        server = self.boot()
        self.measure(server)
        self.reboot(server, hard=True)
        self.delete(server)
        for record in self.records():
            if record['method'] == 'GET':
                self.assertIsNone(_ROOT_FEED.search(record['path']), record)
                if _GROUPED.search(record['path']):
                    self.assertIn('group=', record['query'] or '', record)
