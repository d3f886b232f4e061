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

"""The migrations that leave a host."""

import threading
from unittest import mock

import fixtures
from pypowervm import exceptions as pvm_exc

from nova_powervm.tests.virt.powervm.live import base
from nova_powervm.virt.powervm.live import job
from nova_powervm.virt.powervm.live import outcome
from nova_powervm.virt.powervm.live import running

#: Seconds for which a test waits for a thread.
_SECONDS = 60


class RunningTestCase(base.LiveTestCase):

    def setUp(self):
        super().setUp()
        self.authorize()
        self.parameters = job.parameters(
            self.site.hosts[1].system.name, '192.0.2.1')
        self.migrations = running.RunningMigrations(self.host)
        self.host.lpar(self.lpar.uuid)
        self.requests()

    def migrate(self):
        """Move the server; returns its Migration, and the Outcome."""
        with self.migrations.one(self.instance) as migration:
            migration.submit(self.parameters)
            return migration, migration.follow()

    def meanwhile(self, *events):
        self.clock.events.extend(events)


class OutcomeTest(RunningTestCase):
    """Where it ends is in scenarios; here is what it costs."""

    def test_moved(self):
        self.assertIs(outcome.Outcome.MOVED, self.migrate()[1])
        self.assertEqual(
            ['GET LogicalPartition/do/Migrate',
             'PUT LogicalPartition/do/Migrate', 'DELETE jobs'],
            self.requests())
        self.assertEqual(0, self.clock.seconds)

    def test_stayed(self):
        self.parameters['TargetManagedSystemName'] = 'nobody'
        migration, end = self.migrate()
        self.assertIs(outcome.Outcome.STAYED, end)
        self.assertIn('System nobody is not known', migration.message)
        self.assertEqual(
            ['GET LogicalPartition/do/Migrate',
             'PUT LogicalPartition/do/Migrate', 'DELETE jobs',
             'GET LogicalPartition'], self.requests())

    def test_unanswered(self):
        self.fail_request(method='PUT', path='/do/Migrate', effect='status',
                          status=500)
        migration, end = self.migrate()
        self.assertIs(outcome.Outcome.STAYED, end)
        self.assertEqual(
            ['GET LogicalPartition'] * 2, self.requests()[-2:])
        self.assertEqual(running.CONFIRM_INTERVAL, self.clock.seconds)
        self.assertIn('500', migration.message)

    def test_strange_answer(self):
        """What the client cannot read may come from a job that runs."""
        migration_jobs = job.MigrationJobs
        submit = migration_jobs.submit

        def read_nothing(*args):
            submit(*args)
            raise AttributeError('the answer has no entry')

        self.useFixture(fixtures.MockPatchObject(migration_jobs, 'submit',
                                                 read_nothing))
        migration, end = self.migrate()
        self.assertIs(outcome.Outcome.MOVED, end)
        self.assertFalse(migration.is_told)

    def test_recovery_does_not_end(self):
        self.fail_request(method='PUT', path='/do/Migrate$',
                          effect='migration', phase='copy', outcome='stuck')
        under_way = job.Status(is_over=False, is_done=False, message='')
        self.useFixture(fixtures.MockPatchObject(
            job.MigrationJobs, 'recover', lambda _self: ('1', under_way)))
        self.useFixture(fixtures.MockPatchObject(
            job.MigrationJobs, 'read', lambda _self, _id: under_way))
        self.assertIs(outcome.Outcome.UNKNOWN, self.migrate()[1])

    def test_polls_get_rarer(self):
        self.slow_down()
        self.migrate()
        polls = self.requests().count('GET jobs')
        self.assertLess(polls, 25)


class UnderWayTest(RunningTestCase):

    def test_tells(self):
        self.assertFalse(self.migrations.are_under_way)
        with self.migrations.one(self.instance):
            self.assertTrue(self.migrations.are_under_way)
        self.assertFalse(self.migrations.are_under_way)


class EndTest(RunningTestCase):
    """nova-compute ends."""

    def test_while_it_waits(self):
        self.slow_down()
        self.meanwhile(None, self.migrations.close)
        self.assertRaises(running.Interrupted, self.migrate)
        self.assertIsNotNone(self.lpar.migration)

    def test_before_it_begins(self):
        self.migrations.close()
        self.assertRaises(running.Interrupted, self.migrate)
        self.assertEqual([], self.requests())

    def test_is_no_exception(self):
        # Nova would put the server into ERROR for one.
        self.assertFalse(issubclass(running.Interrupted, Exception))


class AbortTest(RunningTestCase):

    def test_before_it_is_submitted(self):
        with self.migrations.one(self.instance) as migration:
            self.migrations.abort(self.instance)
            self.assertRaises(running.Aborted, migration.submit,
                              self.parameters)
        self.assertEqual([], self.requests())

    def test_of_one_that_is_over(self):
        with self.migrations.one(self.instance) as migration:
            migration.submit(self.parameters)
            migration.follow()
            self.requests()
            self.migrations.abort(self.instance)
        self.assertEqual([], self.requests())
        self.assertFalse(migration.is_cancelled)

    def test_of_none(self):
        self.migrations.abort(self.instance)
        self.assertEqual(['GET LogicalPartition'], self.requests())

    def test_of_another_process(self):
        self.slow_down()
        self.meanwhile(None, self.migrations.close)
        self.assertRaises(running.Interrupted, self.migrate)
        other = running.RunningMigrations(self.host)
        other.abort(self.instance)
        self.assertIsNone(self.lpar.migration)

    def test_takes_a_while(self):
        """The caller does not wait, and the record goes at the end."""
        self.slow_down()
        self.site.timing['job_seconds'] = 1
        self.meanwhile(None, lambda: self.migrations.abort(self.instance))
        self.assertIs(outcome.Outcome.STAYED, self.migrate()[1])
        self.assertEqual([], [
            one for one in self.simulated.jobs.state()
            if one['operation'] == 'MigrateAbort'])

    def test_is_sent_once(self):
        """Also if the thread that follows looks while it is sent."""
        self.slow_down()
        sent = []
        with self.migrations.one(self.instance) as migration:
            migration.submit(self.parameters)
            abort = migration._jobs.abort

            def abort_and_look():
                sent.append(None)
                if len(sent) == 1:
                    migration._abort_if_due()
                return abort()

            with mock.patch.object(migration._jobs, 'abort', abort_and_look):
                self.migrations.abort(self.instance)
            self.assertEqual([None], sent)
            self.assertIs(outcome.Outcome.STAYED, migration.follow())
        self.assertTrue(migration.is_cancelled)

    def test_is_refused(self):
        self.slow_down()
        self.fail_request(method='PUT', path='/do/MigrateAbort',
                          effect='job_failed', message='not now')
        refused = []

        def abort():
            refused.append(self.assertRaises(
                pvm_exc.JobRequestFailed, self.migrations.abort,
                self.instance))

        self.meanwhile(None, abort)
        migration, end = self.migrate()
        self.assertIs(outcome.Outcome.MOVED, end)
        self.assertIn('not now', str(refused))
        self.assertFalse(migration.is_cancelled)


class GiveUpTest(RunningTestCase):
    """The server is deleted while another thread follows its migration."""

    def in_thread(self):
        """Give it up in another thread.

        :returns: the thread, and a list that gets what give_up() returns
        """
        found = []
        thread = threading.Thread(target=lambda: found.append(
            self.migrations.give_up(self.instance, _SECONDS)))
        thread.start()
        return thread, found

    def test_of_none(self):
        self.assertTrue(self.migrations.give_up(self.instance, 0))
        self.assertEqual([], self.requests())

    def test_waits_for_its_end(self):
        with self.migrations.one(self.instance) as migration:
            thread, found = self.in_thread()
            with migration._changed:
                self.assertTrue(migration._changed.wait_for(
                    lambda: migration.is_cancelled, _SECONDS))
            self.assertEqual([], found)
        thread.join(_SECONDS)
        self.assertEqual([True], found)
        self.assertTrue(migration.is_given_up)

    def test_does_not_end(self):
        with self.migrations.one(self.instance):
            self.assertFalse(self.migrations.give_up(self.instance, 0))
