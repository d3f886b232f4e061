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
import time
import types

import fixtures
from oslo_context import context as oslo_context
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.tests.virt.powervm.disk import base as disk_base
from nova_powervm.tests.virt.powervm.storage import base
from nova_powervm.virt.powervm import no_slots
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


class PlannedSlots(no_slots.NoSlots):
    """Slots of a server, all of which are known.

    :param by_name: dict of the name of a disk -> slot
    """

    has_plan = are_planned = True

    def __init__(self, by_name):
        self._by_name = by_name

    def plan(self, vioses):
        pass

    def device_address(self, vios_w, element):
        return self._by_name[element.name], None


class TwoViosesTestCase(base.DisksTestCase):
    """Two slow VIOSes are written at the same time, where that is safe."""

    def setUp(self):
        super().setUp()
        self.instance = self.make_instance()
        self.create_lpar(self.instance)
        self.disks = {'vios1': [self.create_disk('b_test')],
                      'vios2': [self.create_disk('r_test', 'vios2')]}
        self.patch(transaction, 'SLOW', 0)
        self.simulated.site.timing['vios_write_seconds'] = 1
        # A write lasts until both VIOSes are being written, or this long.
        self.seconds = 0.2
        self.both = threading.Barrier(2)
        self.overlaps = 0
        self.useFixture(fixtures.MockPatch(
            'nova_powervm.simulator.app.time', types.SimpleNamespace(
                monotonic=time.monotonic, sleep=self.write)))

    def write(self, _seconds):
        try:
            self.both.wait(self.seconds)
            self.overlaps += 1
        except threading.BrokenBarrierError:
            self.both.reset()

    def map_both(self, slots=no_slots.NO_SLOTS):
        lpar_uuid = vm.get_lpar_uuid(self.instance)
        with transaction.StorageTransaction.immediate(
                self.host, 'map', slots=slots) as stg:
            for vios, disks in self.disks.items():
                for disk in disks:
                    stg.map(self.vios(vios).uuid, lpar_uuid, disk)

    def unmap_both(self, names=('b_test', 'r_test')):
        stg = self.transaction()
        for vios in self.disks:
            stg.edit(self.vios(vios).uuid,
                     vios_mappings.remove_storage_mappings, pvm_stg.VDisk,
                     list(names), order=transaction.Order.ANY)
        return stg.execute()

    def assert_mapped(self):
        self.assertEqual([('b_test', 'lpar1')], self.mappings())
        self.assertEqual([('r_test', 'lpar1')], self.mappings('vios2'))

    def slots(self):
        return [bus.client_slot for vios in self.disks
                for bus in self.vios(vios).buses]

    def test_platform_chooses(self):
        """The server boots from the disk of the first one."""
        self.map_both()
        self.assert_mapped()
        self.assertEqual(0, self.overlaps)

    def test_planned(self):
        self.seconds = 20
        self.map_both(PlannedSlots({'b_test': 12, 'r_test': 11}))
        self.assert_mapped()
        self.assertEqual(2, self.overlaps)
        self.assertEqual([12, 11], self.slots())

    def test_removed(self):
        self.map_both()
        self.seconds = 20
        threads = threading.active_count()
        vioses = self.unmap_both()
        self.assertEqual([self.vios(vios).uuid for vios in self.disks],
                         [*vioses])
        self.assertEqual(([], []), (self.mappings(), self.mappings('vios2')))
        self.assertEqual(2, self.overlaps)
        self.assertEqual(threads, threading.active_count())

    def test_fast(self):
        """A fast VIOS needs no threads."""
        self.map_both()
        self.patch(transaction, 'SLOW', 60)
        self.unmap_both()
        self.assertEqual(0, self.overlaps)
        self.assertEqual(([], []), (self.mappings(), self.mappings('vios2')))

    def test_one_fails(self):
        self.map_both()
        self.break_request('status', 'POST', self.vios().uuid, status=500,
                           message='Broken on purpose')
        error = self.assertRaises(pvm_exc.HttpError, self.unmap_both)
        self.assertIn('Broken on purpose', str(error))
        self.assertEqual([('b_test', 'lpar1')], self.mappings())
        self.assertEqual([], self.mappings('vios2'))

    def test_both_fail(self):
        self.map_both()
        self.break_request('status', 'POST', 'VirtualIOServer', count=2,
                           status=500, message='Broken on purpose')
        error = self.assertRaises(pvm_exc.Error, self.unmap_both)
        uuids = [self.vios(vios).uuid for vios in self.disks]
        self.assertEqual(uuids, sorted(uuids, key=str(error).index))
        self.assert_mapped()

    def test_one_goes_down(self):
        """Who may go on without it knows that, and the other one is done."""
        self.map_both()
        down = self.vios('vios2').uuid
        missed = []
        stg = self.transaction()
        stg.edit_redundant(
            [self.vios().uuid, down], vios_mappings.remove_storage_mappings,
            pvm_stg.VDisk, ['b_test', 'r_test'], missed=missed.append,
            order=transaction.Order.ANY)
        self.break_request('vios_down', 'POST', down)
        self.assertEqual([self.vios().uuid], [*stg.execute()])
        self.assertEqual([down], missed)
        self.assertEqual([], self.mappings())

    def test_request_id(self):
        """The log has the id of the request that wants the edits."""
        context = oslo_context.RequestContext(request_id='req-1')
        self.addCleanup(setattr, oslo_context._request_store, 'context',
                        oslo_context.get_current())
        context.update_store()
        seen = []
        stg = self.transaction()
        for vios in self.disks:
            stg.edit(self.vios(vios).uuid, lambda _vios_w: seen.append(
                (oslo_context.get_current().request_id,
                 threading.current_thread())), order=transaction.Order.ANY)
        stg.execute()
        self.assertEqual(['req-1'] * 2, [request for request, _ in seen])
        self.assertNotIn(threading.current_thread(), [
            thread for _, thread in seen])


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
