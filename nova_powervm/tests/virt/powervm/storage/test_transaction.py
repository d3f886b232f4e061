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

"""One operation edits VIOSes."""

import functools
import threading

from pypowervm import exceptions as pvm_exc

from nova_powervm.tests.virt.powervm.disk import base as disk_base
from nova_powervm.tests.virt.powervm.storage import base
from nova_powervm.virt.powervm.storage import deletion
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import vm


class ServersTestCase(base.DisksTestCase):
    """Base: several servers of one host, with a disk each."""

    COUNT = 8

    def setUp(self):
        super().setUp()
        self.lpars = []
        for number in range(1, self.COUNT + 1):
            instance = self.make_instance(number)
            self.create_lpar(instance)
            self.lpars.append(
                (instance, self.create_disk('b_test%d' % number)))


class ManyTransactionsTestCase(ServersTestCase):
    """Operations on servers of one host, at once."""

    def map_one(self, stg, _number, instance, disk):
        stg.map(self.vios().uuid, vm.get_lpar_uuid(instance), disk)

    def map_all(self, queue_edits=None):
        """Map each server's disk, in threads; return the exceptions."""
        queue_edits = queue_edits or self.map_one
        failures = []

        def map_one(*args):
            try:
                with transaction.StorageTransaction.immediate(
                        self.host, 'map') as stg:
                    queue_edits(stg, *args)
            except Exception as exc:
                failures.append(exc)

        threads = [threading.Thread(target=map_one, args=(number, *args))
                   for number, args in enumerate(self.lpars)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return failures

    def writes(self):
        return self.requests().count('POST VirtualIOServer')

    def test_written_together(self):
        """A VIOS that is slow is written once while the others wait."""
        self.simulated.site.timing['vios_write_seconds'] = 1
        self.assertEqual([], self.map_all())
        self.assertEqual({('b_test%d' % number, 'lpar%d' % number)
                          for number in range(1, self.COUNT + 1)},
                         set(self.mappings()))
        self.assertLessEqual(self.writes(), 3)

    def test_opposite_orders(self):
        """No thread waits for a VIOS while it keeps another one."""
        others = [self.create_disk('r_test%d' % number, 'vios2')
                  for number in range(1, self.COUNT + 1)]

        def map_both(stg, number, instance, disk):
            targets = [('vios1', disk), ('vios2', others[number])]
            for vios, target in targets[::1 if number % 2 else -1]:
                stg.map(self.vios(vios).uuid, vm.get_lpar_uuid(instance),
                        target)

        self.assertEqual([], self.map_all(map_both))
        self.assertEqual(self.COUNT, len(self.mappings()))
        self.assertEqual(self.COUNT, len(self.mappings('vios2')))

    def test_write_is_refused(self):
        """The platform refuses one write: nobody's edits are lost."""
        self.simulated.site.timing['vios_write_seconds'] = 1
        self.break_request('status', 'POST', 'VirtualIOServer', count=2,
                           status=500, message='Broken on purpose')
        failures = self.map_all()
        self.assertEqual(self.COUNT - len(failures), len(self.mappings()))
        self.assertLessEqual(len(failures), 2)


class GroupFaultsTestCase(ServersTestCase):
    """What happens to edits of several servers that are written together."""

    COUNT = 5
    ONE_WRITE = ['GET VirtualIOServer', 'POST VirtualIOServer']

    def map_one(self, number):
        with transaction.StorageTransaction.immediate(self.host,
                                                      'map') as stg:
            instance, disk = self.lpars[number]
            stg.map(self.vios().uuid, vm.get_lpar_uuid(instance), disk)

    def together(self, function=None, raises=()):
        """Call a function of the number of each server, in threads.

        :param raises: what those with an error raise; None for none of them.
        :returns: numbers of the servers whose calls have raised it.
        """
        self.simulated.journal.clear()
        outcomes = base.together(self.host, [
            functools.partial(function or self.map_one, number)
            for number in range(self.COUNT)])
        failed = [number for number, outcome in enumerate(outcomes)
                  if outcome is not None]
        for number in failed:
            self.assertIsInstance(outcomes[number], raises)
        return failed

    def mapped(self, vios='vios1'):
        """Numbers of the servers that have their disks; each has it once."""
        found = sorted(int(name[len('b_test'):]) - 1
                       for name, _lpar in self.mappings(vios))
        self.assertEqual(sorted(set(found)), found)
        return found

    def test_somebody_else_writes(self):
        self.break_request('precondition', 'POST', 'VirtualIOServer')
        self.assertEqual([], self.together())
        self.assertEqual([*range(self.COUNT)], self.mapped())
        self.assertEqual(self.ONE_WRITE * 2, self.requests())

    def test_vios_goes_down(self):
        """With the write, or with the read: all are told, nothing is done."""
        for method in ('POST', 'GET'):
            self.break_request('vios_down', method, 'VirtualIOServer')
            self.assertEqual([*range(self.COUNT)],
                             self.together(raises=pvm_exc.HttpError))
            self.assertEqual([], self.mapped())
            self.vios().booted()
        self.assertEqual([], self.together())
        self.assertEqual([*range(self.COUNT)], self.mapped())

    def test_one_of_two_goes_down(self):
        """Each goes on with the other VIOS, and knows what it has missed."""
        others = [self.create_disk('b_test%d' % (number + 1), 'vios2')
                  for number in range(self.COUNT)]
        down, up = self.vios().uuid, self.vios('vios2').uuid
        missed = []

        def add(vios_w, number):
            instance, disk = self.lpars[number]
            return vios_mappings.add_mapping(
                vios_w, vm.get_lpar_uuid(instance),
                disk if vios_w.uuid == down else others[number])

        def map_both(number):
            with transaction.StorageTransaction.immediate(
                    self.host, 'map') as stg:
                stg.edit_redundant(
                    [down, up], add, number,
                    missed=lambda uuid: missed.append((number, uuid)))

        self.break_request('vios_down', 'POST', down)
        self.assertEqual([], self.together(map_both))
        self.assertEqual([(number, down) for number in range(self.COUNT)],
                         sorted(missed))
        self.assertEqual({down}, self.host.take_missed_vioses())
        self.assertEqual([], self.mapped())
        self.assertEqual([*range(self.COUNT)], self.mapped('vios2'))

    def test_answer_is_lost(self):
        """All are told. Who looks again finds what is there, and keeps it."""
        self.break_request('drop_after', 'POST', 'VirtualIOServer')
        self.assertEqual([*range(self.COUNT)],
                         self.together(raises=pvm_exc.Error))
        self.assertEqual([*range(self.COUNT)], self.mapped())
        self.assertEqual([], self.together())
        self.assertNotIn('POST VirtualIOServer', self.requests())
        self.assertEqual([*range(self.COUNT)], self.mapped())

    def test_one_is_refused(self):
        """The platform refuses all for one: the others get their disks."""
        self.volume_group().remove('remove', deletion.remove_disks,
                                   [self.lpars[2][1].name], disk_base.ANY)
        self.assertEqual([2], self.together(raises=pvm_exc.HttpError))
        self.assertEqual([0, 1, 3, 4], self.mapped())

    def test_one_raises_while_somebody_else_writes(self):
        self.break_request('precondition', 'POST', 'VirtualIOServer', count=2)

        def map_or_raise(number):
            with transaction.StorageTransaction.immediate(
                    self.host, 'map') as stg:
                instance, disk = self.lpars[number]
                stg.map(self.vios().uuid, vm.get_lpar_uuid(instance), disk)
                if number == 3:
                    stg.edit(self.vios().uuid, lambda _vios_w: 1 / 0)

        self.assertEqual([3], self.together(map_or_raise, ZeroDivisionError))
        self.assertEqual([0, 1, 2, 4], self.mapped())


class StorageTransactionTestCase(base.DisksTestCase):

    def setUp(self):
        super().setUp()
        self.instance = self.make_instance()
        self.create_lpar(self.instance)
        self.disk = self.create_disk('b_test')
        self.stg = self.transaction()

    def add(self, vios='vios1', disk=None):
        self.stg.edit(self.vios(vios).uuid, vios_mappings.add_mapping,
                      vm.get_lpar_uuid(self.instance), disk or self.disk)

    def test_one_read_and_one_write(self):
        self.add()
        self.assertEqual([], self.requests())
        self.stg.execute()
        queries = {record['query'] for record in
                   self.simulated.journal.records()}
        self.assertEqual({'group=ViosSCSIMapping'}, queries)
        self.assertEqual(['GET VirtualIOServer', 'POST VirtualIOServer'],
                         self.requests())
        self.assertEqual([('b_test', 'lpar1')], self.mappings())

    def test_no_write_without_a_change(self):
        self.map_disk(self.instance, self.disk)
        self.add()
        results = self.stg.execute()
        self.assertEqual(['GET VirtualIOServer'], self.requests())
        self.assertEqual({self.vios().uuid: 'vios1'}, {
            uuid: vios_w.name for uuid, vios_w in results.items()})

    def test_no_read_without_an_edit(self):
        done = []
        self.stg.edit_touched(self.fail)
        self.stg.then(done.append, 1)
        self.assertEqual({}, self.stg.execute())
        self.assertEqual(([1], []), (done, self.requests()))

    def test_repeated_if_somebody_was_faster(self):
        self.break_request('precondition', 'POST', 'VirtualIOServer')
        self.add()
        self.stg.execute()
        self.assertEqual(['GET VirtualIOServer', 'POST VirtualIOServer'] * 2,
                         self.requests())
        self.assertEqual([('b_test', 'lpar1')], self.mappings())

    def test_edits_of_a_vios_are_written_together(self):
        self.add()
        self.add(disk=self.create_disk('r_test'))
        self.stg.execute()
        self.assertEqual(['GET VirtualIOServer', 'POST VirtualIOServer'],
                         self.requests())
        self.assertEqual([('b_test', 'lpar1'), ('r_test', 'lpar1')],
                         self.mappings())

    def test_several_vioses(self):
        threads = threading.active_count()
        self.add()
        self.add('vios2', self.create_disk('r_test', 'vios2'))
        done = []
        self.stg.then(lambda: done.append(self.mappings('vios2')))
        self.stg.otherwise(self.fail)
        self.stg.execute()
        self.assertEqual(['GET VirtualIOServer'] * 2 +
                         ['POST VirtualIOServer'] * 2,
                         sorted(self.requests()))
        self.assertEqual([[('r_test', 'lpar1')]], done)
        self.assertEqual(threads, threading.active_count())

    def test_one_of_several_fails(self):
        self.add()
        self.add('vios2', self.create_disk('r_test', 'vios2'))
        self.break_request('status', 'GET', self.vios('vios2').uuid,
                           status=500, message='Broken on purpose')
        self.stg.then(self.fail)
        failed = []
        self.stg.otherwise(lambda: failed.append(True))
        error = self.assertRaises(pvm_exc.HttpError, self.stg.execute)
        self.assertEqual([True], failed)
        self.assertIn('Broken on purpose', str(error))
        self.assertEqual([('b_test', 'lpar1')], self.mappings())

    def test_all_of_several_fail(self):
        self.add()
        self.add('vios2', self.create_disk('r_test', 'vios2'))
        self.break_request('status', 'POST', 'VirtualIOServer', count=2,
                           status=500, message='Broken on purpose')
        threads = threading.active_count()
        error = self.assertRaises(pvm_exc.Error, self.stg.execute)
        for vios in ('vios1', 'vios2'):
            self.assertIn(self.vios(vios).uuid, str(error))
        self.assertIn('Broken on purpose', str(error))
        self.assertEqual(threads, threading.active_count())

    def test_immediate_does_nothing_after_an_error(self):
        def use():
            with transaction.StorageTransaction.immediate(self.host,
                                                          'test') as stg:
                stg.edit(self.vios().uuid, self.fail)
                raise ValueError()

        self.assertRaises(ValueError, use)
        self.assertEqual([], self.requests())
