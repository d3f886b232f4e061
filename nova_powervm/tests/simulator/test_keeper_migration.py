# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Live migrations that are under way when the process of the site ends."""

from nova_powervm.simulator.migration import outcomes
from nova_powervm.simulator.migration import record
from nova_powervm.simulator import site as sim_site
from nova_powervm.tests.simulator import migration_base


class KeptMigrationTest(migration_base.MigrationTestCase):

    TIMING = dict(migration_base.SLOW, keep=True)

    def restart(self):
        """Kill the site within a phase, and start it again."""
        for adapter in (self.adapter, self.target_adapter):
            adapter.session._logoff()
        self.site.save()
        found, self.site._keeper = self.site._keeper, None
        found.close()
        self.site.stop()
        self.site = sim_site.Site(self.site.profile, self.site.data_dir,
                                  keep=True)
        self.addCleanup(self.site.stop)
        self.source, self.target = self.site.hosts
        uuid = self.lpar.uuid
        return [host.store.find('LogicalPartition', uuid)
                for host in self.site.hosts]

    def check(self, phase, outcome):
        self.to_phase(phase)
        self.release()
        source, target = self.restart()
        self.assertEqual(outcome, self.record()['outcome'])
        self.assertIn('The simulator has ended', self.record()['message'])
        self.assertIn('FAILED_BEFORE_COMPLETION',
                      [job['status'] for job in self.source.jobs.state()])
        # Nothing of the old migration goes on.
        self.site.clock.advance(100)
        self.assertEqual(outcome, self.record()['outcome'])
        return source, target

    def test_before_the_switch(self):
        source, target = self.check('copy', 'failed')
        self.assertEqual('running', source.partition_state)
        self.assertIsNone(target)

    def test_at_the_beginning(self):
        source, target = self.check('validate', 'failed')
        self.assertEqual('running', source.partition_state)
        self.assertIsNone(target)

    def test_after_the_switch(self):
        source, target = self.check('cleanup', None)
        self.assertEqual(record.FAILED, source.migration_state)
        self.assertIs(source.migration, target.migration)
        with self.site.lock:
            outcomes.recover(source)
        self.assertEqual('recovered', self.record()['outcome'])
        self.assertIsNone(self.source.store.find('LogicalPartition',
                                                 source.uuid))
