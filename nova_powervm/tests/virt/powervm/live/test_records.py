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

"""What hosts know of each other by Nova's records."""

from unittest import mock

from nova import context as nova_context
from nova import exception as nova_exc
from nova import objects
import testtools

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.live import attachments
from nova_powervm.virt.powervm.live import records
from nova_powervm.virt.powervm import migration_status


class RecordsTest(testtools.TestCase):

    def check(self, *hosts, **present):
        """Check as compute2, for which of the hosts a record says preparing.

        :param present: what Nova has of the server now
        :returns: the filters by which the records were looked for
        """
        instance = base.make_instance(host='compute1')
        instance._context = nova_context.get_admin_context()
        found = mock.Mock(**{'host': 'compute1', 'task_state': 'migrating',
                             **present})
        with mock.patch.object(
                objects.Instance, 'get_by_uuid',
                return_value=found), mock.patch.object(
                objects.MigrationList, 'get_by_filters', return_value=[
                    objects.Migration(dest_compute=host)
                    for host in hosts]) as get:
            records.check_is_awaited(mock.Mock(nodename='compute2'), instance,
                                     {'volume': 'attachment'})
        (_context, filters), _kwargs = get.call_args
        self.assertEqual(instance.uuid, filters.pop('instance_uuid'))
        return filters

    def test_is_awaited(self):
        self.assertEqual(
            {'migration_type': 'live-migration', 'status': ['preparing']},
            self.check('compute2'))

    def test_is_awaited_until_it_is_deleted(self):
        self.check('compute2', task_state='deleting')
        self.check('compute2', task_state='deleting', host=None)

    def test_is_not_awaited(self):
        for hosts, present in (((), {}), (('compute3',), {}),
                               (('compute2',), {'task_state': None}),
                               (('compute2',), {'host': 'compute3'})):
            with mock.patch.object(attachments, 'restore') as restore:
                exc = self.assertRaises(nova_exc.MigrationPreCheckError,
                                        self.check, *hosts, **present)
            self.assertIn('has taken the migration back', str(exc))
            restore.assert_called_once_with(mock.ANY,
                                            {'volume': 'attachment'})

    def test_take_over(self):
        migration = objects.Migration(status='preparing')
        with mock.patch.object(objects.Migration, 'save') as save:
            records.take_over(migration)
        save.assert_called_once_with()
        self.assertEqual('running', migration.status)
        self.assertIn(migration.status, migration_status.LIVE_UNDER_WAY)
