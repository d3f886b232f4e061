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

"""Answers of the platform that came, and cannot be used."""

import contextlib

import fixtures
from nova.compute import power_state
from nova.objects import instance as instance_obj
from nova.virt import event as virt_event
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import logical_partition as pvm_lpar

from nova_powervm.tests.virt.powervm import test_vm
from nova_powervm.virt.powervm import actions
from nova_powervm.virt.powervm import answers
from nova_powervm.virt.powervm import driver
from nova_powervm.virt.powervm import event
from nova_powervm.virt.powervm import power_jobs
from nova_powervm.virt.powervm import rest
from nova_powervm.virt.powervm import vm

#: What is no state, where a state was asked for.
ODD = ('', 'null', '42', '""', '<html><body>Sign in</body></html>',
       '["running"]', '{"state": "running"}', '"running', 'true', '\0')


class OddAnswers(test_vm.VmTestCase):

    def setUp(self):
        super().setUp()
        self.lpar = self.create(running=True)

    @contextlib.contextmanager
    def answering(self, body, path='/quick/PartitionState', method='GET'):
        """Have the platform answer certain requests with another body.

        :param body: str, or function of the body that there was.
        """
        request = rest.Session.request

        def change(session, asked_method, asked_path, *args, **kwargs):
            answer = request(session, asked_method, asked_path, *args,
                             **kwargs)
            if asked_method == method and path in asked_path:
                answer.body = (body(answer.body) if callable(body) else body)
            return answer

        with fixtures.MonkeyPatch(
                'nova_powervm.virt.powervm.rest.Session.request', change):
            yield


class QuickTest(OddAnswers):

    def test_state(self):
        for body in ODD:
            with self.answering(body):
                self.assertRaises(answers.UnusableAnswer, self.state,
                                  use_cache=False)
        self.assertEqual(power_state.RUNNING, self.state(use_cache=False))

    def test_is_a_failure_of_pypowervm(self):
        with self.answering('42'):
            exc = self.assertRaises(pvm_exc.Error, self.state)
        self.assertIn("'42'", str(exc))
        self.assertEqual('42', exc.response.body)

    def test_is_off(self):
        for body in ODD:
            with self.answering(body):
                self.assertIsNone(vm.is_off(self.host, self.instance))
        self.assertFalse(vm.is_off(self.host, self.instance))

    def test_lpar_without_a_state(self):
        lpar_w = vm.get_instance_wrapper(self.host, self.instance)
        lpar_w.element.remove(lpar_w.element.find('PartitionState'))
        self.assertIsNone(vm.is_off(self.host, self.instance, lpar_w))

    def test_job_whose_answer_is_lost(self):
        """The state is to tell whether it has worked, and does not."""
        for body in ODD:
            self.fail_request(path='PowerOff', method='PUT',
                              effect='drop_after')
            self.lpar.booted()
            with self.answering(body):
                self.assertRaises(
                    test_vm.nova_exc.InstancePowerOffFailure,
                    power_jobs.PowerOp(self.host, self.instance).stop,
                    immediate=True)

    def test_job_with_an_odd_answer(self):
        """It has worked, as the state tells."""
        for body in ('', '42', '<html/>'):
            self.lpar.booted()
            with self.answering(body, path='do/PowerOff', method='PUT'):
                power_jobs.PowerOp(self.host, self.instance).stop(
                    immediate=True)
            self.assertFalse(self.lpar.is_on)


class DriverTest(OddAnswers):
    """What Nova is told then."""

    def setUp(self):
        super().setUp()
        self.driver = driver.PowerVMDriver(None)
        self.driver.actions = actions.build(
            type('Services', (), {'host': self.host})(), None)
        self.driver.actions.states.end_start()
        self.driver.operations.open()

    def test_get_info(self):
        for body in ODD:
            with self.answering(body):
                info = self.driver.get_info(self.instance, use_cache=False)
            self.assertEqual(power_state.NOSTATE, info.state, body)
            self.assertIn('The power state is not known', self.logger.output)
            self.assertNotIn('Traceback', self.logger.output)
        info = self.driver.get_info(self.instance, use_cache=False)
        self.assertEqual(power_state.RUNNING, info.state)

    def test_event(self):
        self.useFixture(fixtures.MockPatchObject(
            instance_obj.InstanceList, 'get_by_filters',
            return_value=[self.instance]))
        told = []
        self.driver.emit_event = told.append
        lifecycle = event.PowerVMLifecycleEventHandler(self.driver, self.host)
        self.instance.power_state = power_state.SHUTDOWN
        for body in ODD:
            with self.answering(body):
                self.assertRaises(answers.UnusableAnswer, lifecycle.emit,
                                  self.lpar.uuid)
        self.assertEqual([], told)
        lifecycle.emit(self.lpar.uuid)
        self.assertEqual([virt_event.EVENT_LIFECYCLE_STARTED],
                         [tell.get_transition() for tell in told])


class DocumentTest(OddAnswers):
    """Answers that should be XML."""

    def test_no_document(self):
        for body in ('', '42', '<html/>', 'null', '{'):
            with self.answering(body, path='/LogicalPartition'):
                self.assertRaises(pvm_exc.Error,
                                  self.host.partition_states.refresh)
                self.assertRaises(pvm_exc.Error, vm.get_instance_wrapper,
                                  self.host, self.instance)

    def test_list_instead_of_an_object(self):
        whole = self.host.adapter.read('LogicalPartition').body
        with self.answering(whole, path=self.lpar.uuid):
            self.assertRaises(answers.UnusableAnswer, vm.get_instance_wrapper,
                              self.host, self.instance)

    def test_object_instead_of_a_list(self):
        one = self.host.adapter.read('LogicalPartition',
                                     self.lpar.uuid).body
        with self.answering(one, path='/LogicalPartition'):
            self.assertRaises(answers.UnusableAnswer,
                              self.host.partition_states.refresh)
            self.assertRaises(answers.UnusableAnswer, vm.is_gone, self.host,
                              self.instance)
            self.assertRaises(
                answers.UnusableAnswer, self.host.adapter.read,
                'ManagedSystem', self.host.system_uuid,
                child_type='LogicalPartition')

    def test_nothing_after_a_change(self):
        lpar_w = vm.get_instance_wrapper(self.host, self.instance)
        lpar_w.name = 'other'
        with self.answering('', path=self.lpar.uuid, method='POST'):
            self.assertRaises(answers.UnusableAnswer, lpar_w.update)

    def test_lpars_without_uuids(self):
        self.useFixture(fixtures.MonkeyPatch(
            'pypowervm.wrappers.logical_partition.LPAR.uuid', None))
        self.assertTrue(pvm_lpar.LPAR.get(self.host.adapter))
        self.assertRaises(answers.UnusableAnswer,
                          self.host.partition_states.refresh)


class MetricsTest(OddAnswers):

    def test_metrics(self):
        for body in ('', '42', 'null', '[]', '{}', '<html/>'):
            with self.answering(body, path='/rest/api/pcm'):
                self.assertRaises(pvm_exc.Error, self.host.get_cpu_stats)


class UnderstoodTest(OddAnswers):

    def test_understood(self):
        for error in (ValueError, TypeError, KeyError, IndexError,
                      AttributeError, ZeroDivisionError):
            with self.assertRaisesRegex(answers.UnusableAnswer,
                                        'of the host'):
                with answers.understood('the age of the host'):
                    raise error('it')

    def test_other_failures_stay(self):
        for error in (pvm_exc.Error('it'), OSError('it'), MemoryError()):
            with self.assertRaises(type(error)):
                with answers.understood('anything'):
                    raise error
