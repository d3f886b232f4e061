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
"""Live migration between two of three systems of one HMC, by pypowervm.

Both systems have the partition while it moves, with the same UUID.
"""

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import migration as pvm_migration
from pypowervm.wrappers import logical_partition as pvm_lpar

from nova_powervm.tests.simulator import migration_base as base
from nova_powervm.tests.simulator import storage_base
from nova_powervm.tests.simulator import test_migration


class TestMove(base.HmcMixin, test_migration.TestMove):
    """What a NovaLink does, an HMC does, too."""

    def test_events(self):
        """The one queue of the HMC tells of both systems."""
        storage_base.raw_events(self.adapter, 'test')
        self.migrate()
        events = [event for event in storage_base.raw_events(
            self.adapter, 'test') if event['EventData'] and
            event['EventData'].endswith('/%s' % self.lpar.uuid)]
        for host, first, last in ((self.source, 'MODIFY_URI', 'DELETE_URI'),
                                  (self.target, 'ADD_URI', 'MODIFY_URI')):
            kinds = [event['EventType'] for event in events
                     if host.system.uuid in event['EventData']]
            self.assertEqual((first, last), (kinds[0], kinds[-1]))


class TestParameters(base.HmcMixin, base.MigrationTestCase):

    def test_parameters_of_a_novalink(self):
        """IBM's list for an HMC has neither."""
        for name, value in (('VlanMappings', 'FA163E000001/5'),
                            ('OVSOverride', '2')):
            job = self.submit(**{name: value})
            self.assertIn('There is no parameter ' + name, self.poll(job)[1])


class TestMeanwhile(base.HmcMixin, base.MigrationTestCase):
    """What a client may do while both systems have the partition."""

    TIMING = base.SLOW

    def setUp(self):
        super().setUp()
        self.before = self.states()
        self.job = self.to_phase('copy')

    def test_reads(self):
        exc = self.assertRaises(pvm_exc.HttpError, pvm_lpar.LPAR.get,
                                self.adapter, uuid=self.lpar.uuid)
        for host in (self.source, self.target):
            self.assertIn(host.system.uuid, str(exc))
        self.assertEqual(
            ['migrating running', 'migrating not active'],
            [self.wrapper(lpar).state
             for lpar in (self.lpar, self.arrival())])

    def test_abort(self):
        """The job is for the source, though its URL names no system."""
        pvm_migration.migrate_abort(self.wrapper())
        self.assertIn('was stopped', self.poll(self.job)[1])
        self.assertSame(self.before)

    def test_second_migration(self):
        job = self.submit()
        self.assertIn('is migrating already', self.poll(job)[1])

    def test_recover(self):
        self.release()
        with self.site.lock:
            self.lpar.migration.job.fault = {
                'effect': 'migration', 'phase': 'cleanup', 'outcome': 'stuck'}
        self.site.clock.advance(60)
        self.assertEqual('COMPLETED_WITH_ERROR', self.poll(self.job)[0])
        pvm_migration.migrate_recover(self.wrapper())
        self.assertEqual('running', self.wrapper(self.arrival()).state)
        self.assertIsNone(self.source.store.find('LogicalPartition',
                                                 self.lpar.uuid))
