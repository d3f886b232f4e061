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

"""Tests of what decides whether a server can be moved."""

from unittest import mock

import fixtures
from nova.compute import task_states
from nova import context as nova_context
from nova import exception as nova_exc
from nova import objects

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.actions import servers
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm import move

BOOT = [disk_driver.DiskType.BOOT]


def make_flavor(root_gb=10, ephemeral_gb=0):
    return objects.Flavor(name='flavor', root_gb=root_gb,
                          ephemeral_gb=ephemeral_gb)


def make_migration(target):
    return objects.Migration(source_compute='compute1', dest_compute=target)


class KindTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.context = nova_context.get_admin_context()
        self.instance = base.make_instance(
            migration_context=objects.MigrationContext(migration_id=7))
        self.found = self.useFixture(fixtures.MockPatchObject(
            objects.Migration, 'get_by_id_and_instance')).mock

    def test_within_host(self):
        self.found.return_value = make_migration('compute1')
        self.assertTrue(move.is_within_host(self.context, self.instance))
        self.found.assert_called_once_with(self.context, 7,
                                           self.instance.uuid)

    def test_to_another_host(self):
        self.found.return_value = make_migration('compute2')
        self.assertFalse(move.is_within_host(self.context, self.instance,
                                             default=True))

    def test_in_no_move(self):
        self.instance.migration_context = None
        for default in (False, True):
            self.assertIs(default, move.is_within_host(
                self.context, self.instance, default=default))
        self.found.assert_not_called()

    def test_grows(self):
        self.instance.flavor = make_flavor(10)
        for old, expected in ((None, False), (make_flavor(10), False),
                              (make_flavor(5), True)):
            self.instance.old_flavor = old
            self.assertIs(expected, move.grows(self.instance))


class PossibleTargetsTest(base.TestCase):
    """The server is on compute1."""

    def find(self, *moves):
        """Find targets after moves: (kind, status, source, target) each."""
        self.useFixture(fixtures.MockPatchObject(
            objects.MigrationList, 'get_by_filters', return_value=[
                objects.Migration(
                    id=number, migration_type=kind, status=status,
                    source_compute='compute%d' % source,
                    dest_compute=target and 'compute%d' % target)
                for number, (kind, status, source, target)
                in reversed(list(enumerate(moves, 1)))]))
        return move.possible_targets(
            nova_context.get_admin_context(), base.make_instance(),
            'compute1')

    def test_end_is_not_known(self):
        for status in ('accepted', 'running', 'error', 'post-migrating'):
            self.assertEqual(['compute2'], self.find(
                ('live-migration', status, 1, 2)))
        self.assertEqual(['compute2', 'compute3'], self.find(
            ('live-migration', 'error', 1, 3),
            ('live-migration', 'error', 1, 2),
            ('live-migration', 'error', 4, 5)))

    def test_end_is_known(self):
        for status in ('completed', 'failed', 'cancelled'):
            self.assertEqual([], self.find(('live-migration', status, 1, 2)))
        self.assertEqual([], self.find(('live-migration', 'error', 1, None)))

    def test_it_has_returned_since(self):
        for kind, status, source, target in (
                ('evacuation', 'done', 2, 1),
                ('evacuation', 'completed', 2, 1),
                ('live-migration', 'completed', 2, 1),
                ('migration', 'finished', 2, 1),
                ('migration', 'confirmed', 2, 1),
                ('resize', 'confirmed', 1, 1),
                ('migration', 'reverted', 1, 3)):
            back = (kind, status, source, target)
            self.assertEqual([], self.find(
                ('live-migration', 'error', 1, 2), back))
            self.assertEqual(['compute2'], self.find(
                back, ('live-migration', 'error', 1, 2)))

    def test_it_has_not_returned_for_certain(self):
        for kind, status, source, target in (
                ('evacuation', 'accepted', 2, 1),
                ('evacuation', 'error', 2, 1),
                ('evacuation', 'done', 1, 3),
                ('migration', 'reverted', 3, 1),
                ('live-migration', 'failed', 2, 1),
                ('live-migration', 'error', 2, 1),
                ('resize', 'error', 1, 1)):
            self.assertEqual(['compute2'], self.find(
                ('live-migration', 'error', 1, 2),
                (kind, status, source, target)))


class WhyKeptTest(base.TestCase):
    """The roll-back at the target compute2 comes late."""

    def setUp(self):
        super().setUp()
        self.present = self.useFixture(fixtures.MockPatchObject(
            objects.Instance, 'get_by_uuid')).mock
        self.present.return_value = mock.Mock(host='compute1', deleted=False)
        self.migrations = self.useFixture(fixtures.MockPatchObject(
            objects.MigrationList, 'get_by_filters', return_value=[])).mock

    def ask(self, is_known=True):
        return move.why_kept(
            base.make_instance(host='compute1'), 'compute2',
            objects.Migration(id=5) if is_known else None)

    def ask_after(self, number=6, kind='live-migration', status='running',
                  source='compute1', target='compute2'):
        self.migrations.return_value = [objects.Migration(
            id=number, migration_type=kind, status=status,
            source_compute=source, dest_compute=target)]
        return self.ask()

    def test_it_is_elsewhere(self):
        self.assertIsNone(self.ask())
        self.assertIsNone(self.ask(is_known=False))

    def test_it_lives_there(self):
        self.present.return_value.host = 'compute2'
        self.assertIn('on this host now', self.ask(is_known=False))

    def test_it_is_deleted(self):
        self.present.return_value = mock.Mock(host='compute2', deleted=True)
        self.assertIsNone(self.ask())
        self.present.side_effect = nova_exc.InstanceNotFound(instance_id='1')
        self.assertIsNone(self.ask())

    def test_a_later_move_goes_on(self):
        for kind, status in (('live-migration', 'queued'),
                             ('live-migration', 'error'),
                             ('migration', 'pre-migrating'),
                             ('resize', 'finished'),
                             ('migration', 'reverting'),
                             ('evacuation', 'accepted')):
            self.assertIn('later move', self.ask_after(
                kind=kind, status=status))
        self.assertIn('later move', self.ask_after(
            kind='migration', status='finished', source='compute2',
            target='compute3'))

    def test_no_later_move_goes_on(self):
        for kind, status in (('live-migration', 'failed'),
                             ('live-migration', 'cancelled'),
                             ('migration', 'confirmed'),
                             ('migration', 'reverted'),
                             ('migration', 'error'),
                             ('evacuation', 'done')):
            self.assertIsNone(self.ask_after(kind=kind, status=status))
        self.assertIsNone(self.ask_after(number=5))
        self.assertIsNone(self.ask_after(target='compute3'))


class CheckTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.disk_dvr = mock.Mock(capabilities={'shared_storage': False})
        self.disk_dvr.validate.return_value = 'nobody reaches them'
        self.instance = base.make_instance(flavor=make_flavor())

    def check(self, flavor, ephemerals=(), own_disks=BOOT, same_host=True):
        move.check(self.disk_dvr, self.instance, flavor,
                   {'ephemerals': [{'size': size} for size in ephemerals]},
                   own_disks, same_host)

    def refuse(self, reason, *args, **kwargs):
        exc = self.assertRaises(nova_exc.ResizeError, self.check, *args,
                                **kwargs)
        self.assertIn(reason, str(exc))

    def test_same_size_and_more(self):
        self.check(make_flavor())
        self.check(make_flavor(20, 5), ephemerals=[2, 3])

    def test_boot_disk_shrinks(self):
        self.refuse('the boot disk cannot shrink from 10 to 9 GB',
                    make_flavor(9))

    def test_boot_volume_has_its_own_size(self):
        self.check(make_flavor(0), own_disks=[])

    def test_ephemeral_disks_shrink(self):
        self.refuse('the ephemeral disk cannot shrink from 5 to 4 GB',
                    make_flavor(ephemeral_gb=4), ephemerals=[2, 3])

    def test_another_host(self):
        self.refuse('the server cannot leave its host: nobody reaches them',
                    make_flavor(), same_host=False)
        self.check(make_flavor(), own_disks=[], same_host=False)
        self.disk_dvr.capabilities['shared_storage'] = True
        self.check(make_flavor(), same_host=False)

    def test_target(self):
        self.assertRaises(nova_exc.ResizeError, move.check_target_disks,
                          self.disk_dvr, {'pool': 'a'}, BOOT)
        self.disk_dvr.validate.assert_called_with({'pool': 'a'})
        move.check_target_disks(self.disk_dvr, None, [])
        self.disk_dvr.validate.return_value = None
        move.check_target_disks(self.disk_dvr, {'pool': 'a'}, BOOT)


class CellTest(base.TestCase):
    """A server that Nova builds here in a move from another cell."""

    def setUp(self):
        super().setUp()
        self.disk_dvr = mock.Mock(shared_pool=disk_driver.SharedPool(
            uuid='uuid', name='ssp1/SYSTEM'))
        self.instance = base.make_instance(
            task_state=task_states.RESIZE_FINISH)

    def spawn(self):
        services = mock.Mock(disk=self.disk_dvr)
        return servers.Servers(services).spawn(
            None, self.instance, None, [], None, None, None, True)

    def test_disks_are_in_this_pool(self):
        self.disk_dvr.has_disks.return_value = True
        error = self.assertRaises(nova_exc.ResizeError, self.spawn)
        self.assertIn('ssp1/SYSTEM', str(error))
        self.disk_dvr.create_disk_from_image.assert_not_called()

    def test_disk_is_lost(self):
        self.disk_dvr.has_disks.side_effect = nova_exc.DiskNotFound(
            location='b_1')
        self.assertRaises(nova_exc.ResizeError, self.spawn)

    def test_possible(self):
        self.disk_dvr.has_disks.return_value = False
        move.check_cell(self.disk_dvr, self.instance)
        self.disk_dvr.has_disks.return_value = True
        self.instance.task_state = task_states.SPAWNING
        move.check_cell(self.disk_dvr, self.instance)
        self.instance.task_state = task_states.RESIZE_FINISH
        self.disk_dvr.shared_pool = None
        move.check_cell(self.disk_dvr, self.instance)
