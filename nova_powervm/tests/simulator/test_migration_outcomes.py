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
"""Tests of live migrations that fail, and of how they are recovered."""

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import migration as pvm_migration

from nova_powervm.tests.simulator import migration_base as base


class OutcomeTestCase(base.MigrationTestCase):

    def setUp(self):
        super().setUp()
        self.add_unit()
        self.before = self.states()

    def fault(self, phase, outcome, **more):
        """Let the next migration go wrong."""
        self.source.faults.add(dict(
            {'effect': 'migration', 'path': 'do/Migrate$', 'phase': phase,
             'outcome': outcome}, **more))

    def both(self):
        """States of source and target, as pypowervm reads them."""
        found = []
        for adapter in (self.adapter, self.target_adapter):
            wrappers = type(self.seen).search(adapter, name='vm1')
            found.append(tuple((w.state, w.migration_state)
                               for w in wrappers))
        return found

    @property
    def seen(self):
        return self.wrapper(self.lpar if self.source.store.find(
            'LogicalPartition', self.lpar.uuid) else self.arrival())

    def get_stuck(self, phase):
        """Let a migration get stuck in a phase."""
        self.fault(phase, 'stuck', message='The connection was lost')
        job = self.submit()
        self.assertEqual(('COMPLETED_WITH_ERROR', 'The connection was lost'),
                         self.poll(job))
        self.assertEqual('Migration_Failed', self.record()['state'])


class TestFailures(OutcomeTestCase):

    def test_fails_in_a_phase(self):
        for phase in ('validate', 'prepare', 'copy'):
            self.fault(phase, 'failed', message='HSCLAAA0 No luck')
            job = self.submit()
            self.assertEqual(
                ('FAILED_BEFORE_COMPLETION', 'HSCLAAA0 No luck'),
                self.poll(job))
            self.assertSame(self.before)
            self.assertEqual((phase, 'failed'), (
                self.record()['phase'], self.record()['outcome']))
        self.migrate()

    def test_fails_too_late(self):
        """From the switch on, a failure needs MigrateRecover."""
        for phase in ('switch', 'cleanup'):
            lpar = self.make_lpar('vm-' + phase)
            self.fault(phase, 'failed')
            job = self.submit(lpar)
            self.assertEqual('COMPLETED_WITH_ERROR', self.poll(job)[0])
            self.assertEqual(phase == 'cleanup', self.record()['switched'])

    def test_guest_ends_at_the_switch(self):
        """It does not begin to run on the target."""
        self.hold('switch')
        job = self.submit()
        with self.site.lock:
            self.lpar.crashed()
        self.release()
        self.assertEqual('COMPLETED_WITH_ERROR', self.poll(job)[0])
        self.assertFalse(self.record()['switched'])
        pvm_migration.migrate_recover(self.wrapper())
        self.assertEqual([(('error', 'Not_Migrating'),), ()], self.both())

    def test_job_failed(self):
        """The fault of all jobs fails the first phase."""
        self.source.faults.add({'effect': 'job_failed', 'message': 'No luck'})
        self.assertFails('No luck', self.migrate)
        self.assertSame(self.before)

    def test_slow(self):
        self.fault('copy', 'slow', seconds=100)
        job = self.submit()
        self.site.clock.advance(90)
        self.assertEqual('RUNNING', self.poll(job)[0])
        self.assertEqual('copy', self.record()['phase'])
        self.site.clock.advance(20)
        self.assertEqual('COMPLETED_OK', self.poll(job)[0])

    def test_answer_is_lost(self):
        """The job runs unseen."""
        self.source.faults.add({'effect': 'drop_after', 'method': 'PUT',
                                'path': 'do/Migrate$'})
        self.assertRaises(pvm_exc.ConnectionError, self.submit)
        self.assertEqual('done', self.record()['outcome'])

    def test_target_taken_meanwhile(self):
        """What was free when it was checked is not when it is needed."""
        self.hold('prepare')
        job = self.submit()
        self.make_lpar('vm1', self.target)
        self.release()
        status, text = self.poll(job)
        self.assertEqual('FAILED_BEFORE_COMPLETION', status)
        self.assertIn('with the name vm1 already exists', text)
        self.assertEqual('running', self.lpar.partition_state)


class TestRecover(OutcomeTestCase):

    def recover(self, host=None, force=False):
        lpar = self.lpar if host in (None, self.source) else self.arrival()
        pvm_migration.migrate_recover(self.wrapper(lpar), force=force)

    def test_before_the_switch(self):
        for phase, states in (
                ('validate', [(('running', 'Migration_Failed'),), ()]),
                ('prepare', [(('migrating running', 'Migration_Failed'),),
                             ()]),
                ('copy', [(('migrating running', 'Migration_Failed'),),
                          (('migrating not active', 'Migration_Failed'),)]),
                ('switch', [(('migrating running', 'Migration_Failed'),),
                            (('migrating not active',
                              'Migration_Failed'),)])):
            self.get_stuck(phase)
            self.assertEqual(states, self.both())
            self.assertEqual(1, self.site.migrations.count(self.target))
            self.recover()
            self.assertSame(self.before)
            self.assertEqual('recovered', self.record()['outcome'])
            self.assertEqual(0, self.site.migrations.count(self.target))

    def test_after_the_switch(self):
        boot_time = self.lpar.boot_time
        self.get_stuck('cleanup')
        self.assertEqual([(('migrating not active', 'Migration_Failed'),),
                          (('running', 'Migration_Failed'),)], self.both())
        self.assertEqual(boot_time, self.arrival().boot_time)
        self.recover()
        self.assertEqual([(), (('running', 'Not_Migrating'),)], self.both())
        self.assertEqual([b'written before'] * 2, self.read(self.arrival()))
        self.assertEqual(boot_time, self.arrival().boot_time)
        self.assertEqual([], self.vios(self.source, 'vios1').buses)

    def test_on_the_target(self):
        self.get_stuck('cleanup')
        self.recover(self.target)
        self.assertEqual([(), (('running', 'Not_Migrating'),)], self.both())

    def test_nothing_to_recover(self):
        self.assertFails('has no failed migration', self.recover)
        self.hold('copy')
        self.submit()
        self.assertFails('has no failed migration', self.recover)

    def test_cannot_abort(self):
        self.get_stuck('copy')
        self.assertFails('has failed already', pvm_migration.migrate_abort,
                         self.wrapper())

    def test_cannot_migrate(self):
        self.get_stuck('validate')
        self.assertFails('is migrating already: its migration state is '
                         'Migration_Failed', self.migrate)

    def test_vios_is_down(self):
        self.get_stuck('copy')
        with self.site.lock:
            self.vios(self.target, 'vios2').halted()
        self.assertFails('VIOS vios2 cannot do this', self.recover)
        self.recover(force=True)
        self.assertEqual([(('running', 'Not_Migrating'),), ()], self.both())
        bus, = self.vios(self.target, 'vios2').buses
        self.assertEqual((None, 1), (bus.client, len(bus.targets)))
        self.assertEqual([], self.vios(self.target, 'vios1').buses)


class TestViosDown(OutcomeTestCase):
    """A VIOS goes down while the memory is copied."""

    def setUp(self):
        super().setUp()
        with self.site.lock:
            for host in self.site.hosts:
                for vios in host.store.all('VirtualIOServer'):
                    # Those that a boot leaves.
                    vios.nvram = 'boot variables'
        self.before = self.states()

    def take_down(self, host, name):
        self.hold('copy')
        job = self.submit()
        with self.site.lock:
            self.vios(host, name).halted()
        return job

    def test_mover(self):
        for host in (self.source, self.target):
            job = self.take_down(host, 'vios1')
            status, text = self.poll(job)
            self.assertEqual('FAILED_BEFORE_COMPLETION', status)
            self.assertIn('VIOS vios1 of system', text)
            self.assertEqual('running', self.lpar.partition_state)
            with self.site.lock:
                self.vios(host, 'vios1').booted()
            self.assertSame(self.before)

    def test_another(self):
        for host in (self.source, self.target):
            job = self.take_down(host, 'vios2')
            self.assertEqual('RUNNING', self.poll(job)[0])
            self.release()
            self.assertEqual('COMPLETED_OK', self.poll(job)[0])
            with self.site.lock:
                self.vios(host, 'vios2').booted()
            self.assertEqual([b'written before'] * 2,
                             self.read(self.arrival()))
            self.migrate(self.arrival())
            self.lpar = self.source.store.get('LogicalPartition',
                                              self.lpar.uuid)

    def test_last_path(self):
        self.add_unit('single', vioses=['vios2'])
        job = self.take_down(self.source, 'vios2')
        status, text = self.poll(job)
        self.assertEqual('FAILED_BEFORE_COMPLETION', status)
        self.assertIn('VIOS vios2 of system', text)

    def test_after_the_switch(self):
        self.hold('cleanup')
        job = self.submit()
        with self.site.lock:
            self.vios(self.source, 'vios1').halted()
        self.release()
        self.assertEqual('COMPLETED_OK', self.poll(job)[0])
