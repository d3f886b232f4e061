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

import queue
import threading
import time
from unittest import mock

from nova.compute import power_state
from nova import exception as nova_exc
from nova.objects import fields
from nova.objects import instance as instance_obj
from nova.virt import event as virt_event
import testtools

from nova_powervm.tests.virt.powervm.vif import base
from nova_powervm.virt.powervm import event
from nova_powervm.virt.powervm import vm

SECONDS = 30  # the most that a test waits for another thread
LPAR = ('http://localhost:12080/rest/api/uom/ManagedSystem/'
        '1CAB7366-6B73-342C-9F43-DDFEB9F8EDD3/LogicalPartition/%s')
SWITCH = ('http://localhost:12080/rest/api/uom/ManagedSystem/'
          '1CAB7366-6B73-342C-9F43-DDFEB9F8EDD3/VirtualSwitch/%s')
VIOS = ('http://localhost:12080/rest/api/uom/ManagedSystem/'
        '1CAB7366-6B73-342C-9F43-DDFEB9F8EDD3/VirtualIOServer/%s')
SYSTEM = '1cab7366-6b73-342c-9f43-ddfeb9f8edd3'
UUID_1 = '21B2C3D4-0000-4000-8000-000000000001'
UUID_2 = '21B2C3D4-0000-4000-8000-000000000002'

STARTED = virt_event.EVENT_LIFECYCLE_STARTED
STOPPED = virt_event.EVENT_LIFECYCLE_STOPPED


def pvm_event(etype, data=None, detail=None):
    return mock.Mock(etype=etype, data=data, detail=detail)


class HandlerTestCase(testtools.TestCase):
    """What is done about each kind of event."""

    def setUp(self):
        super().setUp()
        self.host = mock.Mock(system_uuid=SYSTEM)
        self.use_handler()

    def use_handler(self, nvram=None):
        self.handler = event.PowerVMNovaEventHandler(mock.Mock(), self.host,
                                                     nvram=nvram)
        self.lifecycle = self.handler.lifecycle = mock.Mock()

    def process(self, *args):
        self.host.reset_mock()
        self.lifecycle.reset_mock()
        self.handler.process([pvm_event(*args)])

    def test_everything_changed(self):
        for etype in ('NEW_CLIENT', 'CACHE_CLEARED', 'MISSING_EVENTS'):
            self.process(etype)
            self.host.invalidate.assert_called_once_with()
            self.host.partition_states.clear.assert_called_once_with()

    def test_events_are_lost_all_the_time(self):
        """Not each loss has everything read again, but each one counts."""
        now = 100
        self.handler._clock = lambda: now
        self.process('MISSING_EVENTS')
        self.host.invalidate.assert_called_once_with()
        for _poll in range(30):
            self.process('MISSING_EVENTS')
            self.host.invalidate.assert_not_called()
        now += self.handler.LOSS_SECONDS
        # The next poll may be answered without events.
        self.handler.process([])
        self.host.invalidate.assert_called_once_with()
        now += self.handler.LOSS_SECONDS
        self.handler.process([])
        self.host.invalidate.assert_called_once_with()
        self.process('MISSING_EVENTS')
        self.host.invalidate.assert_called_once_with()
        # Whatever is told for certain is not put off.
        self.process('CACHE_CLEARED')
        self.host.invalidate.assert_called_once_with()

    def test_nvram_changed(self):
        nvram = mock.Mock()
        self.use_handler(nvram)
        for etype, detail, expected in (
                ('MODIFY_URI', 'NVRAM', True),
                ('MODIFY_URI', 'PartitionState,NVRAM', True),
                ('MODIFY_URI', 'Other', False), ('MODIFY_URI', None, False),
                ('ADD_URI', 'NVRAM', False), ('DELETE_URI', 'NVRAM', False)):
            nvram.reset_mock()
            self.process(etype, LPAR % UUID_1, detail)
            self.assertEqual([mock.call(UUID_1)] if expected else [],
                             nvram.store_changed.mock_calls)

    def test_nvram_that_nobody_keeps(self):
        self.process('MODIFY_URI', LPAR % UUID_1, 'NVRAM')
        self.assertEqual([], self.lifecycle.mock_calls)

    def test_state_changed(self):
        for etype, detail in (('MODIFY_URI', 'PartitionState'),
                              ('MODIFY_URI', 'ReferenceCode,PartitionState'),
                              ('MODIFY_URI', None), ('ADD_URI', ''),
                              ('INVALID_URI', None)):
            self.process(etype, LPAR % UUID_1, detail)
            self.host.partition_states.changed.assert_called_once_with(UUID_1)
            self.lifecycle.process.assert_called_once_with(UUID_1)

    def test_lpar_deleted(self):
        self.process('DELETE_URI', LPAR % UUID_1.lower(), '')
        self.host.partition_states.forget_deleted.assert_called_once_with(
            UUID_1)
        self.lifecycle.cancel.assert_called_once_with(UUID_1)

    def test_nothing_to_do(self):
        for args in (('MODIFY_URI', LPAR % UUID_1, 'ReferenceCode,Other'),
                     ('MODIFY_URI', LPAR % UUID_1 + '/quick/All',
                      'PartitionState'),
                     ('MODIFY_URI', SWITCH % UUID_1, 'Other'),
                     ('CUSTOM_CLIENT_EVENT', LPAR % UUID_1, 'PartitionState'),
                     ('CUSTOM_CLIENT_EVENT', None, None)):
            self.process(*args)
            self.assertEqual([], self.host.mock_calls)
            self.assertEqual([], self.lifecycle.mock_calls)

    def test_another_system_of_the_hmc(self):
        self.host.system_uuid = '2' + SYSTEM[1:]
        for etype in ('ADD_URI', 'MODIFY_URI', 'DELETE_URI', 'INVALID_URI'):
            for place in (LPAR, SWITCH, VIOS):
                self.process(etype, place % UUID_1, None)
                self.assertEqual([], self.host.mock_calls)
                self.assertEqual([], self.lifecycle.mock_calls)

    def test_virtual_network_deleted(self):
        place = SWITCH.replace('Switch', 'Network')
        self.process('ADD_URI', place % UUID_1, '')
        self.assertEqual([], self.host.mock_calls)
        self.process('DELETE_URI', place % UUID_1, '')
        self.assertEqual([mock.call.hmc_networks.forget()],
                         self.host.mock_calls)

    def test_switch_made_or_deleted(self):
        """Nothing but the switches is forgotten."""
        for etype, is_there in (('ADD_URI', True), ('DELETE_URI', False)):
            self.process(etype, SWITCH % UUID_1, '')
            self.assertEqual(
                [mock.call.vswitch_changed(UUID_1, is_there=is_there)],
                self.host.mock_calls)

    def test_vios_made_or_deleted(self):
        for etype in ('ADD_URI', 'DELETE_URI'):
            self.process(etype, VIOS % UUID_1, '')
            self.assertEqual([mock.call.vioses_changed()],
                             self.host.mock_calls)

    def test_vios_changed(self):
        for etype, detail in (('MODIFY_URI', 'Other'), ('MODIFY_URI', ''),
                              ('MODIFY_URI', None), ('INVALID_URI', ''),
                              ('MODIFY_URI', 'PartitionState,Other')):
            self.process(etype, VIOS % UUID_1, detail)
            self.assertEqual([mock.call.vios_changed(UUID_1, detail or '')],
                             self.host.mock_calls)

    def test_volume_group_of_vios_changed(self):
        self.process('MODIFY_URI', VIOS % UUID_1 + '/VolumeGroup/' + UUID_2,
                     'Other')
        self.assertEqual([], self.host.mock_calls)

    def test_one_bad_event_does_not_spoil_the_rest(self):
        self.host.invalidate.side_effect = ValueError
        self.handler.process([
            pvm_event('CACHE_CLEARED'),
            pvm_event('MODIFY_URI', LPAR % UUID_1, 'PartitionState')])
        self.lifecycle.process.assert_called_once_with(UUID_1)

    def test_nothing_happened(self):
        self.handler.process([])


class EmitBase(testtools.TestCase):
    """Base: a handler, and what it finds."""

    def setUp(self):
        super().setUp()
        self.driver = mock.Mock()
        self.host = mock.Mock(nodename='compute1')
        self.host.partition_states.get.return_value = 'not activated'
        self.instance = base.make_instance()
        patcher = mock.patch.object(instance_obj.InstanceList,
                                    'get_by_filters',
                                    side_effect=lambda *a, **k: self.found)
        self.find = patcher.start()
        self.addCleanup(patcher.stop)
        self.found = [self.instance]
        self.lifecycle = event.PowerVMLifecycleEventHandler(self.driver,
                                                            self.host)


class EmitTestCase(EmitBase):
    """What Nova is told when a state has settled."""

    def emit(self):
        """Emit what is due; return what was told, in short."""
        self.driver.reset_mock()
        self.lifecycle.emit(UUID_1)
        return [(call.args[0].get_instance_uuid(),
                 call.args[0].get_transition())
                for call in self.driver.emit_event.call_args_list]

    def test_emit(self):
        self.assertEqual([(self.instance.uuid, STOPPED)], self.emit())
        self.host.partition_states.get.assert_called_once_with(
            UUID_1, use_cache=False)

    def test_both_spellings_are_looked_for_in_one_query(self):
        self.emit()
        self.find.assert_called_once_with(
            mock.ANY, {'uuid': [UUID_1.lower(), 'a' + UUID_1[1:].lower()],
                       'host': 'compute1', 'deleted': False},
            expected_attrs=[])

    def test_nova_knows(self):
        self.instance.power_state = power_state.SHUTDOWN
        self.assertEqual([], self.emit())

    def test_not_a_server(self):
        self.found = []
        self.assertEqual([], self.emit())
        self.host.partition_states.get.assert_not_called()

    def test_lpar_gone(self):
        self.host.partition_states.get.side_effect = (
            nova_exc.InstanceNotFound(instance_id=UUID_1))
        self.assertEqual([], self.emit())

    def test_task_states(self):
        told = set()
        for task_state in fields.InstanceTaskState.ALL:
            self.instance.task_state = task_state
            if self.emit():
                told.add(task_state)
        self.assertEqual(
            {'image_snapshot', 'image_snapshot_pending',
             'image_pending_upload', 'image_uploading', 'image_backup',
             'updating_password'}, told)


class StormTestCase(EmitBase):
    """Many LPARs change their states within a second."""

    COUNT = 1000

    def setUp(self):
        super().setUp()
        self.uuids = [
            '%08X-0000-4000-8000-00000000000%d' % (number, number % 10)
            for number in range(self.COUNT)]
        self.found = [base.make_instance(number, uuid=lpar_uuid.lower())
                      for number, lpar_uuid in enumerate(self.uuids)]
        self.lifecycle = event.PowerVMLifecycleEventHandler(
            self.driver, self.host, settle=0.5)
        self.addCleanup(self.lifecycle.shutdown)
        self.told = []
        self.all_told = threading.Event()
        self.driver.emit_event.side_effect = self.tell

    def tell(self, told):
        self.told.append(told.get_instance_uuid())
        if len(self.told) == self.COUNT:
            self.all_told.set()

    def process_all(self):
        for lpar_uuid in self.uuids:
            self.lifecycle.process(lpar_uuid)
        self.assertTrue(self.all_told.wait(SECONDS))
        self.assertEqual([uuid.lower() for uuid in self.uuids], self.told)

    def test_database_is_asked_for_many_at_once(self):
        begun = time.process_time()
        self.process_all()
        self.assertLessEqual(self.find.call_count, 5)
        # Whatever else the machine does meanwhile.
        self.assertLessEqual(time.process_time() - begun, 5)

    def test_database_fails(self):
        """Then each is looked up by itself, and no state is lost."""
        def find(_context, filters, **_kwargs):
            if len(filters['uuid']) > 2:
                raise ValueError('too many')
            return [instance for instance in self.found
                    if instance.uuid in filters['uuid']]

        del self.uuids[10:], self.found[10:]
        self.COUNT = 10
        self.find.side_effect = find
        self.process_all()


class SettlingTestCase(testtools.TestCase):
    """The thread that waits until states have settled."""

    def start(self, settle):
        self.lifecycle = event.PowerVMLifecycleEventHandler(
            mock.Mock(), mock.Mock(), settle=settle)
        self.addCleanup(self.lifecycle.shutdown)
        self.looked_at = []
        self.done = threading.Event()
        self.lifecycle.emit = self._emit
        return self.lifecycle

    def _emit(self, lpar_uuid):
        self.looked_at.append(lpar_uuid)
        if lpar_uuid == UUID_2:
            self.done.set()
        else:
            raise ValueError('the platform is gone')

    def pending(self):
        return list(self.lifecycle._due)

    def test_an_error_does_not_end_the_thread(self):
        lifecycle = self.start(settle=0)
        lifecycle.process(UUID_1)
        lifecycle.process(UUID_2)
        self.assertTrue(self.done.wait(SECONDS))
        self.assertEqual([UUID_1, UUID_2], self.looked_at)
        thread = lifecycle._thread
        self.assertTrue(thread.daemon)
        lifecycle.shutdown()
        self.assertFalse(thread.is_alive())

    def test_a_change_starts_the_wait_again(self):
        lifecycle = self.start(settle=3600)
        lifecycle.process(UUID_1)
        lifecycle.process(UUID_2)
        due = lifecycle._due[UUID_1]
        lifecycle.process(UUID_1)
        self.assertEqual([UUID_2, UUID_1], self.pending())
        self.assertGreaterEqual(lifecycle._due[UUID_1], due)
        self.assertEqual([], self.looked_at)

    def test_cancel(self):
        lifecycle = self.start(settle=3600)
        lifecycle.process(UUID_1)
        lifecycle.cancel(UUID_1)
        lifecycle.cancel(UUID_2)
        self.assertEqual([], self.pending())

    def test_shutdown_does_not_wait_for_what_is_pending(self):
        lifecycle = self.start(settle=3600)
        lifecycle.process(UUID_1)
        thread = lifecycle._thread
        lifecycle.shutdown()
        self.assertFalse(thread.is_alive())
        self.assertEqual([], self.looked_at)

        # And it is the end.
        lifecycle.process(UUID_2)
        self.assertEqual([], self.pending())

    def test_shutdown_twice_or_without_a_start(self):
        lifecycle = self.start(settle=3600)
        lifecycle.shutdown()
        lifecycle.shutdown()

    def test_shutdown_by_an_event(self):
        lifecycle = self.start(settle=0)

        def emit(_lpar_uuid):
            lifecycle.shutdown()
            self.done.set()

        lifecycle.emit = emit
        lifecycle.process(UUID_1)
        self.assertTrue(self.done.wait(SECONDS))


class SimulatedPlatformTestCase(base.SimulatedHostTestCase):
    """From a change on the platform to the event that Nova gets."""

    def make_event_handler(self, host):
        driver = mock.Mock()
        driver.emit_event.side_effect = self.emitted.put
        handler = event.PowerVMNovaEventHandler(driver, host, settle=0)
        self.addCleanup(handler.shutdown)
        return handler

    def setUp(self):
        self.emitted = queue.Queue()
        self.instance = base.make_instance(power_state=power_state.SHUTDOWN)
        patcher = mock.patch.object(instance_obj.InstanceList,
                                    'get_by_filters',
                                    return_value=[self.instance])
        patcher.start()
        self.addCleanup(patcher.stop)
        super().setUp()
        self.create_lpar(self.instance)

    def next_event(self):
        told = self.emitted.get(timeout=SECONDS)
        return told.get_instance_uuid(), told.get_transition()

    def change_state(self, state):
        with self.simulated.site.lock:
            self.lpar(self.instance).set_state(state)

    def test_changes_made_on_the_platform(self):
        lpar_uuid = vm.get_lpar_uuid(self.instance)
        self.change_state('running')
        self.assertEqual((self.instance.uuid, STARTED), self.next_event())
        self.assertEqual('running',
                         self.host.partition_states.get(lpar_uuid))

        self.instance.power_state = power_state.RUNNING
        self.change_state('not activated')
        self.assertEqual((self.instance.uuid, STOPPED), self.next_event())
        self.assertEqual('not activated',
                         self.host.partition_states.get(lpar_uuid))
