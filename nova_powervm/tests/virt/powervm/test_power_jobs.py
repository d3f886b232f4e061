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

"""Starting, stopping and restarting, on a simulated host."""

import logging
import types
from unittest import mock

import fixtures
from nova.compute import power_state
from nova import exception as nova_exc
from oslo_concurrency import lockutils
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import power_opts

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import power_jobs
from nova_powervm.virt.powervm import vm

HIGH_BIT_UUID = 'b1b2c3d4-0000-4000-8000-000000000001'

JOB = 'LogicalPartition/do/%s'
QUICK = 'GET LogicalPartition/quick/PartitionState'


class PowerTestCase(base.SimulatedHostTestCase):

    def setUp(self):
        super().setUp()
        self.host = self.connect()
        self.logger = self.useFixture(fixtures.FakeLogger(
            level=logging.INFO, format='%(levelname)s %(message)s'))
        self.instance = base.make_instance()
        self.op = power_jobs.PowerOp(self.host, self.instance)
        self.answer_jobs_after_one_poll()

    def create(self, running=False):
        vm.create_lpar(self.host, self.instance)
        lpar = self.partition(vm.get_lpar_uuid(self.instance))
        if running:
            lpar.set_state('running')
            lpar.rmc = 'active'
            lpar.touch()
        self.requests()
        return lpar

    def state(self):
        return vm.get_vm_info(self.host, self.instance).state

    def job(self, operation, known=False):
        """Requests of a job; its form is read only the first time."""
        form = [] if known else ['GET ' + JOB % operation]
        return form + ['PUT ' + JOB % operation, 'GET jobs', 'DELETE jobs']

    def stops(self):
        """Parameters of the PowerOff jobs that ran, and their seconds."""
        calls = [call.args[2:] + (None,) for call in self.run_job.mock_calls]
        self.run_job.reset_mock()
        return [(str(args[0]), args[1]) for args in calls]

    def watch_stops(self):
        self.run_job = self.useFixture(fixtures.MockPatchObject(
            power_jobs, 'run_job', side_effect=power_jobs.run_job)).mock

    def assertQuiet(self):
        """Nothing was logged at WARNING or above, and no trace."""
        for word in ('WARNING', 'ERROR', 'Traceback', 'HSCL'):
            self.assertNotIn(word, self.logger.output)


class PowerTest(PowerTestCase):

    def test_on(self):
        lpar = self.create()
        self.op.start()
        self.assertEqual(self.job('PowerOn'), self.requests())
        self.assertTrue(lpar.is_on)

    def test_on_with_options(self):
        lpar = self.create()
        self.op.start(power_opts.PowerOnOpts().bootstring('dev'))
        self.assertEqual('dev', lpar.boot_string)

    def test_restart(self):
        """Options have their effect on one that is on already."""
        opts = power_opts.PowerOnOpts().bootstring('dev')
        lpar = self.create(running=True)
        self.op.start(opts)
        self.assertEqual('', lpar.boot_string)
        self.requests()
        self.op.start(opts, restart=True)
        self.assertEqual('dev', lpar.boot_string)
        # The first attempt is refused, and so at its end, at once.
        self.assertEqual(
            ['PUT ' + JOB % 'PowerOn', 'DELETE jobs'] + self.job('PowerOff') +
            self.job('PowerOn', known=True), self.requests())

    def test_restart_when_off(self):
        lpar = self.create()
        self.op.start(power_opts.PowerOnOpts(), restart=True)
        self.assertEqual(self.job('PowerOn'), self.requests())
        self.assertTrue(lpar.is_on)

    def test_restart_fails(self):
        self.create()
        self.fail_request(path='PowerOn', method='PUT', effect='job_failed',
                          message='It is stuck', count=2)
        exc = self.assertRaises(
            exception.PowerVMAPIFailed, self.op.start,
            power_opts.PowerOnOpts(), restart=True)
        self.assertIn('It is stuck', str(exc))

    def test_restart_without_lpar(self):
        self.assertRaises(
            nova_exc.InstanceNotFound, self.op.start,
            power_opts.PowerOnOpts(), restart=True)

    def test_boot_from(self):
        lpar = self.create()
        self.op.boot_from('/vdevice/v-scsi@30000002')
        self.assertEqual(('norm', '/vdevice/v-scsi@30000002'), (
            lpar.boot['mode'], lpar.boot['string']))
        self.op.boot_from(None)
        self.assertEqual('', lpar.boot_string)

    def test_on_already(self):
        self.create(running=True)
        self.op.start()
        # The form, and a job that is refused at once.
        self.assertEqual(
            ['GET ' + JOB % 'PowerOn', 'PUT ' + JOB % 'PowerOn',
             'DELETE jobs'], self.requests())
        self.assertQuiet()

    def test_known_to_be_on(self):
        self.create(running=True)
        self.state()
        self.requests()
        self.op.start()
        self.assertEqual([QUICK], self.requests())
        self.assertQuiet()

    def test_known_to_be_on_and_is_off(self):
        lpar = self.create(running=True)
        self.state()
        lpar.set_state('not activated')
        self.op.start()
        self.assertTrue(lpar.is_on)

    def test_on_fails(self):
        self.create()
        self.fail_request(path='PowerOn', method='PUT', effect='job_failed',
                          message='No bootable device')
        exc = self.assertRaises(exception.PowerVMAPIFailed, self.op.start)
        self.assertIn('No bootable device', str(exc))

    def test_off_by_force(self):
        lpar = self.create(running=True)
        self.op.stop(immediate=True)
        self.assertEqual(self.job('PowerOff'), self.requests())
        self.assertFalse(lpar.is_on)

    def test_off_in_no_time(self):
        self.create(running=True)
        self.op.stop(timeout=0)
        self.assertEqual(self.job('PowerOff'), self.requests())

    def test_off_already(self):
        self.create()
        self.op.stop(immediate=True)
        self.assertEqual(
            ['GET ' + JOB % 'PowerOff', 'PUT ' + JOB % 'PowerOff',
             'DELETE jobs'], self.requests())
        self.op.stop(immediate=True)
        self.assertEqual([QUICK], self.requests())
        self.op.stop(timeout=30)
        self.assertEqual(['GET LogicalPartition'], self.requests())
        self.assertQuiet()

    def test_known_to_be_off(self):
        self.create()
        self.state()
        self.requests()
        self.op.stop(immediate=True)
        self.assertEqual([QUICK], self.requests())
        self.assertQuiet()

    def test_known_to_be_off_and_is_on(self):
        lpar = self.create()
        self.state()
        lpar.set_state('running')
        self.op.stop(immediate=True)
        self.assertFalse(lpar.is_on)

    def test_known_to_be_off_and_the_platform_does_not_tell(self):
        self.create()
        self.state()
        self.fail_request(path='quick', method='GET', effect='status',
                          status=500)
        self.op.stop(immediate=True)
        self.assertEqual(power_state.SHUTDOWN, self.state())

    def test_off_already_on_an_hmc(self):
        """The codes of other platforms, which refuse the job itself."""
        for code in ('PVME04000005', 'PVME01050901'):
            self.create()
            self.fail_request(path='PowerOff', method='PUT', effect='status',
                              status=500, message=code + ' It is off')
            self.op.stop(immediate=True)
            vm.delete_lpar(self.host, self.instance)

    def test_off_after_a_crash(self):
        lpar = self.create(running=True)
        lpar.crashed()
        self.assertFalse(vm.is_off(self.host, self.instance))
        self.op.stop()
        self.assertFalse(lpar.is_on)
        self.op.start()
        self.assertEqual(power_state.RUNNING, self.state())

    def test_off_by_force_after_another_has_started_it(self):
        lpar = self.create(running=True)
        self.op.stop(immediate=True)
        lpar.booted()
        self.op.stop(immediate=True)
        self.assertFalse(lpar.is_on)

    def test_on_after_the_guest_went_off(self):
        lpar = self.create()
        self.op.start()
        lpar.halted()
        self.op.start()
        self.assertTrue(lpar.is_on)

    def test_on_after_a_crash(self):
        lpar = self.create(running=True)
        lpar.crashed()
        self.op.start()
        self.assertEqual(power_state.RUNNING, self.state())
        lpar.crashed()
        self.op.boot_from('dev')
        self.assertEqual('dev', lpar.boot_string)

    def test_reboot_after_a_crash(self):
        for hard in (True, False):
            lpar = self.create(running=True)
            lpar.crashed()
            self.op.restart(hard=hard)
            self.assertEqual(power_state.RUNNING, self.state())
            self.op.stop(immediate=True)
            vm.delete_lpar(self.host, self.instance)

    def test_off_by_the_guest(self):
        lpar = self.create(running=True)
        self.watch_stops()
        self.op.stop(timeout=30)
        self.assertEqual(['GET LogicalPartition'] + self.job('PowerOff'),
                         self.requests())
        (parameters, timeout), = self.stops()
        self.assertEqual('PowerOff(immediate=true, operation=osshutdown)',
                         parameters)
        self.assertLessEqual(timeout, 30)
        self.assertFalse(lpar.is_on)

    def test_off_without_rmc(self):
        lpar = self.create(running=True)
        lpar.rmc = 'inactive'
        lpar.touch()
        self.watch_stops()
        self.op.stop(timeout=30)
        (parameters, _timeout), = self.stops()
        self.assertEqual('PowerOff(operation=shutdown)', parameters)

    def test_default_timeout(self):
        lpar = self.create(running=True)
        self.flags(shutdown_timeout=20)
        self.watch_stops()
        self.op.stop()
        (_parameters, timeout), = self.stops()
        self.assertLessEqual(timeout, 20)
        lpar.set_state('running')
        self.host.partition_states.clear()
        self.instance.system_metadata = {'image_os_shutdown_timeout': '0'}
        self.op.stop()
        (parameters, _timeout), = self.stops()
        self.assertEqual('PowerOff(immediate=true, operation=shutdown)',
                         parameters)

    def test_off_fails(self):
        self.create(running=True)
        self.fail_request(path='PowerOff', method='PUT', effect='job_failed',
                          message='It is stuck')
        exc = self.assertRaises(
            nova_exc.InstancePowerOffFailure, self.op.stop,
            immediate=True)
        self.assertIn('It is stuck', str(exc))

    def test_answer_lost(self):
        self.create(running=True)
        self.fail_request(path='PowerOff', method='GET', effect='drop_before')
        self.assertRaises(
            nova_exc.InstancePowerOffFailure, self.op.stop,
            immediate=True)

    def test_done_though_the_answer_is_lost(self):
        self.create()
        for operation, state in (
                (self.op.start, power_state.RUNNING),
                (self.op.stop, power_state.SHUTDOWN)):
            self.fail_request(path='Power', method='PUT', effect='drop_after')
            operation()
            self.assertEqual(state, self.state())

    def test_done_though_no_answer_came_in_time(self):
        self.host.adapter.session.timeout = 0.5
        self.site.timing['job_polls'] = 0
        self.create(running=True)
        self.fail_request(path='PowerOff', method='PUT', effect='no_answer',
                          when='after')
        self.op.stop(immediate=True)
        self.assertEqual(power_state.SHUTDOWN, self.state())

    def test_answer_and_state_are_lost(self):
        self.create(running=True)
        self.fail_request(path='PowerOff', method='PUT', effect='drop_after')
        self.fail_request(path='quick', method='GET', effect='status',
                          status=500)
        self.assertRaises(
            nova_exc.InstancePowerOffFailure, self.op.stop,
            immediate=True)

    def test_not_done_and_the_answer_is_lost(self):
        # It is not off, though it is so to Nova.
        lpar = self.create(running=True)
        lpar.crashed()
        self.fail_request(path='PowerOff', method='PUT', effect='drop_before')
        self.assertRaises(
            nova_exc.InstancePowerOffFailure, self.op.stop, immediate=True)

    def test_answer_to_a_restart_is_lost(self):
        # It runs before and after.
        self.create(running=True)
        self.fail_request(path='PowerOff', method='PUT', effect='drop_after')
        self.assertRaises(
            nova_exc.InstanceRebootFailure, self.op.restart,
            hard=True)

    def test_no_lpar(self):
        for operation in (
                self.op.start,
                lambda: self.op.stop(immediate=True),
                lambda: self.op.stop(timeout=9),
                lambda: self.op.restart(True),
                lambda: self.op.restart(False)):
            exc = self.assertRaises(nova_exc.InstanceNotFound, operation)
            self.assertIn(HIGH_BIT_UUID, str(exc))

    def test_lpar_goes_meanwhile(self):
        lpar = self.create(running=True)
        self.simulated.faults.add(
            {'path': 'PowerOff', 'method': 'PUT', 'effect': 'action'},
            lambda *args: self.simulated.store.remove(lpar))
        self.assertRaises(nova_exc.InstanceNotFound, self.op.stop,
                          immediate=True)

    def test_wrong_404(self):
        """One answer is no proof: what is missing may be deleted next."""
        for path, method, kwargs in (
                ('do/PowerOff', 'PUT', {'immediate': True}),
                ('do/PowerOff', 'GET', {'immediate': True}),
                ('LogicalPartition/[^/]*$', 'GET', {'timeout': 9})):
            self.create(running=True)
            self.host.adapter._forms.clear()
            self.fail_request(path=path, method=method, effect='status',
                              status=404)
            exc = self.assertRaises(
                nova_exc.InstancePowerOffFailure, self.op.stop, **kwargs)
            self.assertTrue(str(exc))
            self.op.stop(immediate=True)
            vm.delete_lpar(self.host, self.instance)

    def test_404_and_then_no_answer(self):
        self.create(running=True)
        self.fail_request(path='PowerOff', method='PUT', effect='status',
                          status=404)
        self.fail_request(path='LogicalPartition$', method='GET',
                          effect='status', status=500)
        self.assertRaises(nova_exc.InstancePowerOffFailure, self.op.stop,
                          immediate=True)

    def test_job_goes_meanwhile(self):
        # That the job is lost does not mean that the LPAR is.
        self.create(running=True)
        self.fail_request(path='jobs/', method='GET', effect='status',
                          status=404)
        self.assertRaises(
            nova_exc.InstancePowerOffFailure, self.op.stop,
            immediate=True)

    def test_state_is_forgotten(self):
        self.create()
        self.assertEqual(power_state.SHUTDOWN, self.state())
        self.op.start()
        self.assertEqual(power_state.RUNNING, self.state())
        self.op.stop(immediate=True)
        self.assertEqual(power_state.SHUTDOWN, self.state())

    def test_reboot_hard(self):
        lpar = self.create(running=True)
        self.watch_stops()
        self.op.restart(True)
        self.assertEqual(['GET LogicalPartition'] + self.job('PowerOff'),
                         self.requests())
        (parameters, _timeout), = self.stops()
        self.assertEqual('PowerOff(immediate=true, operation=shutdown, '
                         'restart=true)', parameters)
        self.assertTrue(lpar.is_on)

    def test_reboot_soft(self):
        lpar = self.create(running=True)
        self.watch_stops()
        self.op.restart(False)
        (parameters, _timeout), = self.stops()
        self.assertEqual('PowerOff(immediate=true, operation=osshutdown, '
                         'restart=true)', parameters)
        self.assertTrue(lpar.is_on)

    def test_reboot_of_one_that_is_off(self):
        lpar = self.create()
        for hard in (True, False):
            self.op.restart(hard)
            self.assertEqual(
                ['GET LogicalPartition'] + self.job('PowerOn', known=not hard),
                self.requests())
            self.assertTrue(lpar.is_on)
            lpar.set_state('not activated')

    def test_reboot_at_once(self):
        lpar = self.create(running=True)
        self.watch_stops()
        self.op.restart_at_once()
        (parameters, _timeout), = self.stops()
        self.assertEqual('PowerOff(immediate=true, operation=shutdown, '
                         'restart=true)', parameters)
        self.assertTrue(lpar.is_on)
        self.assertNotIn('GET LogicalPartition', self.requests())

    def test_reboot_at_once_of_one_that_is_off(self):
        lpar = self.create()
        self.op.restart_at_once()
        self.assertTrue(lpar.is_on)

    def test_reboot_at_once_of_one_that_is_gone(self):
        self.assertRaises(nova_exc.InstanceNotFound, self.op.restart_at_once)

    def test_reboot_fails(self):
        self.create(running=True)
        self.fail_request(path='PowerOff', method='PUT', effect='job_failed',
                          message='It is stuck')
        exc = self.assertRaises(nova_exc.InstanceRebootFailure,
                                self.op.restart, True)
        self.assertIn('It is stuck', str(exc))

    def test_one_at_a_time(self):
        self.create(running=True)
        lock = lockutils.internal_lock('power_' + HIGH_BIT_UUID)
        free = []

        def operation(*args, **kwargs):
            free.append(lock.acquire(blocking=False))

        self.useFixture(fixtures.MockPatchObject(
            power_jobs, 'run_job', operation))
        self.op.start()
        self.op.stop()
        self.op.restart(True)
        self.assertEqual([False] * 3, free)


class ShutDownTest(base.TestCase):
    """The sequence of ever harder ways to stop an LPAR."""

    words = 'it would not'

    def setUp(self):
        super().setUp()
        self.now = 0
        self.useFixture(fixtures.MockPatchObject(
            power_jobs.time, 'monotonic', side_effect=lambda: self.now))
        self.useFixture(fixtures.MockPatchObject(power_jobs, 'run_job',
                                                 self.run_job))
        self.op = power_jobs.PowerOp(mock.Mock(), base.make_instance())
        self.starts = 0
        self.attempts = []
        self.failures = []
        self.lpar = types.SimpleNamespace(name='lpar', env='AIX/Linux',
                                          rmc_state='active')

    def run_job(self, adapter, lpar_uuid, opts, timeout=None):
        if isinstance(opts, power_opts.PowerOnOpts):
            self.starts += 1
            return
        parameters = str(opts)[len('PowerOff('):-1].split(', ')
        self.attempts.append((', '.join(
            parameter.replace('operation=', '').replace('=true', '')
            for parameter in parameters), timeout))
        if not self.failures:
            return
        failure = self.failures.pop(0)
        if failure is pvm_exc.JobRequestTimedOut:
            self.now += timeout
            raise failure(operation_name='PowerOff', seconds=timeout)
        raise failure(operation_name='PowerOff', error=self.words)

    def shut_down(self, *failures, **kwargs):
        self.failures = list(failures)
        self.op._shut_down(self.lpar, 60, **kwargs)
        return self.attempts

    def test_at_once(self):
        self.assertEqual([('immediate, osshutdown', 60)], self.shut_down())

    def test_failures(self):
        self.assertEqual(
            [('immediate, osshutdown', 60), ('shutdown', 60),
             ('immediate, shutdown', None)],
            self.shut_down(pvm_exc.JobRequestFailed,
                           pvm_exc.JobRequestFailed))
        self.assertEqual(0, self.starts)

    def test_time_is_up(self):
        self.assertEqual(
            [('immediate, osshutdown', 60), ('immediate, shutdown', None)],
            self.shut_down(pvm_exc.JobRequestTimedOut))

    def test_no_rmc(self):
        self.lpar.rmc_state = 'inactive'
        self.assertEqual([('shutdown', 60)], self.shut_down())

    def test_ibmi(self):
        self.lpar.env = 'OS400'
        self.lpar.rmc_state = 'none'
        self.assertEqual(
            [('osshutdown', 30), ('immediate, osshutdown', 30),
             ('immediate, shutdown', None)],
            self.shut_down(pvm_exc.JobRequestTimedOut,
                           pvm_exc.JobRequestTimedOut))

    def test_restart(self):
        self.assertEqual([('immediate, osshutdown, restart', 60)],
                         self.shut_down(restart=True))
        self.assertEqual(0, self.starts)

    def test_restart_after_the_time_is_up(self):
        self.assertEqual(
            [('immediate, osshutdown, restart', 60),
             ('immediate, shutdown', None)],
            self.shut_down(pvm_exc.JobRequestTimedOut, restart=True))
        self.assertEqual(1, self.starts)

    def test_nothing_helps(self):
        self.assertRaises(
            pvm_exc.JobRequestFailed, self.shut_down,
            *[pvm_exc.JobRequestFailed] * 3)

    def test_it_goes_off_meanwhile(self):
        self.words = 'HSCL1558 It is off'
        self.assertEqual([('immediate, osshutdown', 60)],
                         self.shut_down(pvm_exc.JobRequestFailed))

    def test_it_goes_off_before_a_restart(self):
        self.words = 'HSCL1558 It is off'
        self.assertEqual(
            [('immediate, osshutdown, restart', 60)],
            self.shut_down(pvm_exc.JobRequestFailed, restart=True))
        self.assertEqual(1, self.starts)
