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

"""Tests of what is done to LPARs, on a simulated host."""

import logging
import types
from unittest import mock

from nova.compute import power_state
from nova.compute import task_states
from nova.compute import vm_states
from nova import exception as nova_exc
from oslo_utils import timeutils
from pypowervm import exceptions as pvm_exc

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import vm

HIGH_BIT_UUID = 'b1b2c3d4-0000-4000-8000-000000000001'
LPAR_UUID = '31B2C3D4-0000-4000-8000-000000000001'

JOB = 'LogicalPartition/do/%s'


class IdentityTest(base.TestCase):

    def test_lpar_uuid(self):
        self.assertEqual(LPAR_UUID, vm.get_lpar_uuid(
            types.SimpleNamespace(uuid=HIGH_BIT_UUID)))
        self.assertEqual(LPAR_UUID, vm.get_lpar_uuid(
            types.SimpleNamespace(uuid=LPAR_UUID.lower())))


class VmTestCase(base.SimulatedHostTestCase):

    def setUp(self):
        super().setUp()
        self.host = self.connect()
        self.instance = base.make_instance()

    def create(self, running=False, instance=None):
        instance = instance or self.instance
        vm.create_lpar(self.host, instance)
        lpar = self.partition(vm.get_lpar_uuid(instance))
        if running:
            lpar.set_state('running')
            lpar.rmc = 'active'
            lpar.touch()
        self.requests()
        return lpar

    def state(self, **kwargs):
        return vm.get_vm_info(self.host, self.instance, **kwargs).state


class LookUpTest(VmTestCase):

    def test_wrapper(self):
        self.create()
        self.assertEqual('instance-00000001', vm.get_instance_wrapper(
            self.host, self.instance).name)

    def test_no_wrapper(self):
        exc = self.assertRaises(
            nova_exc.InstanceNotFound, vm.get_instance_wrapper,
            self.host, self.instance)
        self.assertIn(HIGH_BIT_UUID, str(exc))

    def test_whether_it_is_trouble_that_there_is_none(self):
        for attrs, level in (
                ({}, logging.WARNING),
                ({'vm_state': vm_states.ACTIVE, 'deleted': False},
                 logging.WARNING),
                ({'task_state': task_states.RESIZE_MIGRATING},
                 logging.WARNING),
                ({'task_state': task_states.DELETING}, logging.INFO),
                ({'task_state': task_states.REBUILDING}, logging.INFO),
                ({'vm_state': vm_states.DELETED}, logging.INFO),
                ({'launched_at': None}, logging.INFO),
                ({'deleted': True}, logging.INFO)):
            self.assertEqual(level, vm.level_of_missing(
                base.make_instance(**attrs)), attrs)

    def test_was_made(self):
        self.assertTrue(vm.was_made(self.instance))
        self.instance.launched_at = None
        self.assertFalse(vm.was_made(self.instance))
        self.instance.launched_at = timeutils.utcnow(with_timezone=True)
        self.assertTrue(vm.was_made(self.instance))

    def test_exists(self):
        self.assertFalse(vm.instance_exists(self.host, self.instance))
        self.create()
        self.assertTrue(vm.instance_exists(self.host, self.instance))
        self.assertTrue(vm.instance_exists(self.host, self.instance))
        self.assertEqual(1, len(self.requests()))

    def test_info(self):
        lpar = self.create()
        for lpar_state, nova_state in (
                ('migrating running', power_state.RUNNING),
                ('running', power_state.RUNNING),
                ('starting', power_state.RUNNING),
                ('open firmware', power_state.RUNNING),
                ('shutting down', power_state.RUNNING),
                ('suspending', power_state.RUNNING),
                ('migrating not active', power_state.SHUTDOWN),
                ('not activated', power_state.SHUTDOWN),
                ('Unknown', power_state.NOSTATE),
                ('hardware discovery', power_state.NOSTATE),
                ('not available', power_state.NOSTATE),
                ('resuming', power_state.RUNNING),
                ('suspended', power_state.SUSPENDED),
                ('error', power_state.SHUTDOWN),
                ('anything else', power_state.NOSTATE)):
            lpar.set_state(lpar_state)
            self.assertEqual(nova_state, self.state(use_cache=False))
        self.assertEqual(LPAR_UUID, vm.get_vm_info(
            self.host, self.instance).internal_id)

    def test_no_info(self):
        exc = self.assertRaises(nova_exc.InstanceNotFound, self.state)
        self.assertIn(HIGH_BIT_UUID, str(exc))


class CreateTest(VmTestCase):

    def test_create(self):
        lpar_w = vm.create_lpar(self.host, self.instance)
        self.assertEqual(['PUT ManagedSystem/LogicalPartition'],
                         self.requests())
        self.assertEqual(LPAR_UUID, lpar_w.uuid)
        lpar = self.partition(LPAR_UUID)
        self.assertEqual('instance-00000001', lpar.name)
        self.assertEqual(1024, lpar.memory.desired)
        self.assertEqual(power_state.SHUTDOWN, self.state())

    def test_create_with_everything(self):
        self.instance.flavor = base.make_flavor(
            min_mem='512', max_mem='2048', min_vcpu='1', max_vcpu='4',
            proc_units='0.5', min_proc_units='0.1', max_proc_units='2',
            uncapped='true', shared_weight='200',
            processor_compatibility='POWER8', availability_priority='5',
            enable_lpar_metric='true', srr_capability='true',
            ppt_ratio='1:64', secure_boot='1')
        vm.create_lpar(self.host, self.instance)
        lpar = self.partition(LPAR_UUID)
        self.assertEqual((512, 1024, 2048), (
            lpar.memory.minimum, lpar.memory.desired, lpar.memory.maximum))
        self.assertEqual(0.5, lpar.processors.units)
        self.assertTrue(lpar.remote_restart)

    def test_bad_flavor_costs_nothing(self):
        self.instance.flavor = base.make_flavor(memory_mb=100)
        self.assertRaises(exception.InvalidFlavor, vm.create_lpar, self.host,
                          self.instance)
        self.assertEqual([], self.requests())

    def test_platform_refuses(self):
        memory = self.simulated.system.memory_mb - 16 * 1024
        self.instance.flavor = base.make_flavor(memory_mb=memory)
        exc = self.assertRaises(exception.PowerVMAPIFailed, vm.create_lpar,
                                self.host, self.instance)
        self.assertNotIsInstance(exc, nova_exc.InvalidInput)
        self.assertIn('instance=instance-00000001. HSCL03EC There is not '
                      'enough memory: %d MB' % memory, str(exc))

    def test_refusal_without_words(self):
        self.fail_request(method='PUT', effect='status', status=500)
        with mock.patch.object(pvm_exc.ent.Entry, 'unmarshal_atom_entry',
                               side_effect=ValueError):
            exc = self.assertRaises(exception.PowerVMAPIFailed,
                                    vm.create_lpar, self.host, self.instance)
        self.assertIn('HTTP error 500 for method PUT', str(exc))

    def test_exists_already(self):
        self.create()
        exc = self.assertRaises(exception.PowerVMAPIFailed, vm.create_lpar,
                                self.host, self.instance)
        self.assertIn('already', str(exc))

    def test_answer_lost(self):
        # Whether there is an LPAR now, nobody knows: no PowerVMAPIFailed.
        self.fail_request(method='PUT', effect='drop_after')
        self.assertRaises(pvm_exc.ConnectionError, vm.create_lpar, self.host,
                          self.instance)
        self.assertTrue(vm.instance_exists(self.host, self.instance))


class ResizeTest(VmTestCase):

    def setUp(self):
        super().setUp()
        self.old_flavor = self.instance.flavor
        self.flavor = base.make_flavor(memory_mb=2048, vcpus=4,
                                       availability_priority='5')
        self.lpar = self.create()

    def resize(self):
        return vm.resize_lpar(self.host, self.instance, self.old_flavor,
                              self.flavor)

    def assert_size(self, memory_mb, vcpus, priority):
        self.assertEqual((memory_mb, vcpus, priority), (
            self.lpar.memory.desired, self.lpar.processors.desired,
            self.lpar.availability_priority))

    def test_resize(self):
        lpar_w = self.resize()
        self.assertEqual(
            ['GET LogicalPartition', 'POST ManagedSystem/LogicalPartition'],
            self.requests())
        self.assert_size(2048, 4, 5)
        self.assertEqual(2048, lpar_w.mem_config.desired)
        self.assertEqual('instance-00000001', self.lpar.name)

    def test_somebody_else_was_faster(self):
        self.fail_request(method='POST', effect='precondition')
        self.resize()
        self.assert_size(2048, 4, 5)

    def test_bad_flavor(self):
        self.flavor = base.make_flavor(proc_units='7')
        self.assertRaises(exception.InvalidFlavor, self.resize)
        self.assertEqual(['GET LogicalPartition'], self.requests())

    def test_platform_refuses(self):
        self.flavor = base.make_flavor(
            memory_mb=self.simulated.system.memory_mb - 16 * 1024)
        exc = self.assertRaises(exception.PowerVMAPIFailed, self.resize)
        self.assertIn('HSCL03EC', str(exc))
        self.assert_size(1024, 2, 127)

    def test_gone(self):
        vm.delete_lpar(self.host, self.instance)
        self.assertRaises(nova_exc.InstanceNotFound, self.resize)

    def test_no_answer(self):
        self.fail_request(method='POST', effect='drop_before')
        self.assertRaises(pvm_exc.ConnectionError, self.resize)


class DeleteTest(VmTestCase):

    def test_delete(self):
        self.create()
        self.state()
        self.requests()
        vm.delete_lpar(self.host, self.instance)
        self.assertEqual(['DELETE LogicalPartition'], self.requests())
        self.assertRaises(nova_exc.InstanceNotFound, self.state)

    def test_gone(self):
        vm.delete_lpar(self.host, self.instance)
        self.assertIn('gone already', self.logger.output)

    def test_running(self):
        self.create(running=True)
        exc = self.assertRaises(exception.PowerVMAPIFailed, vm.delete_lpar,
                                self.host, self.instance)
        self.assertIn('HSCL1575', str(exc))

    def test_no_answer(self):
        self.create()
        self.fail_request(method='DELETE', effect='drop_before')
        self.assertRaises(pvm_exc.ConnectionError, vm.delete_lpar, self.host,
                          self.instance)

    def test_answer_is_lost(self):
        self.create()
        self.state()
        self.requests()
        self.fail_request(method='DELETE', effect='drop_after')
        vm.delete_lpar(self.host, self.instance)
        self.assertEqual(['DELETE LogicalPartition',
                          'GET LogicalPartition/quick/PartitionState'],
                         self.requests())

    def test_no_answer_comes_in_time(self):
        self.host.adapter.session.timeout = 0.5
        self.create()
        self.fail_request(method='DELETE', effect='no_answer', when='after')
        vm.delete_lpar(self.host, self.instance)
        self.assertFalse(vm.instance_exists(self.host, self.instance))
