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

"""What Nova is told of the progress."""

from unittest import mock

from nova_powervm.tests.virt.powervm.live import base
from nova_powervm.virt.powervm.live import job
from nova_powervm.virt.powervm.live import progress

MIB = 1024 ** 2


class ProgressTest(base.LiveTestCase):

    def setUp(self):
        super().setUp()
        self.record = mock.Mock(memory_total=None)
        self.progress = progress.Progress(self.record, self.clock)

    def read(self):
        return self.host.lpar(self.lpar.uuid)

    def test_before(self):
        self.progress.note(self.read())
        self.assertEqual('Not_Migrating', self.progress.state)
        self.record.save.assert_not_called()

    def test_copy(self):
        self.authorize()
        self.slow_down()
        job.MigrationJobs(self.host, self.lpar.uuid).submit(
            job.parameters(self.site.hosts[1].system.name, 'a'))
        self.site.clock.advance(75)
        self.progress.note(self.read())
        self.assertEqual('Migration_In_Progress', self.progress.state)
        self.record.save.assert_called_once_with()
        self.assertEqual(2048 * MIB, self.record.memory_total)
        self.assertTrue(0 < self.record.memory_remaining < 2048 * MIB)
        self.assertEqual(2048 * MIB, self.record.memory_remaining +
                         self.record.memory_processed)

    def test_failure_to_save_does_no_harm(self):
        self.record.save.side_effect = ValueError('database')
        lpar_w = mock.Mock(**{'_get_val_int.return_value': 5})
        self.progress.note(lpar_w)
        self.assertIn('database', self.logger.output)

    def test_nobody_wants_it(self):
        progress.Progress(None, self.clock).note(
            mock.Mock(**{'_get_val_int.return_value': 5}))

    def test_is_due(self):
        self.assertFalse(self.progress.is_due())
        self.clock.seconds += progress.INTERVAL
        self.assertTrue(self.progress.is_due())
        self.progress.note(self.read())
        self.assertFalse(self.progress.is_due())
