# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Jobs."""

from lxml import etree
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import memory
from pypowervm.tasks import power
from pypowervm.tasks import power_opts
from pypowervm.wrappers import job as pvm_job
import testtools

from nova_powervm.simulator import atom
from nova_powervm.simulator import clock
from nova_powervm.simulator import jobs
from nova_powervm.tests import fixtures
from nova_powervm.tests.simulator import fidelity
from nova_powervm.tests.simulator import test_lpar

_WEB = 'http://www.ibm.com/xmlns/systems/power/firmware/web/mc/2012_10/'


class JobTest(testtools.TestCase):

    TIMING = {}

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(fixtures.SimulatedSite(
            **self.TIMING)).site
        self.host = self.site.hosts[0]
        self.adapter = self.useFixture(fixtures.Adapter(self.host)).adapter
        self.patch(pvm_job.time, 'sleep', self.sleep)
        self.sleeps = 0
        self.wrapper = test_lpar.create(self.adapter)
        self.lpar = self.host.store.get('LogicalPartition',
                                        self.wrapper.uuid)
        self.host.journal.clear()

    def sleep(self, seconds):
        self.sleeps += 1

    def requests(self):
        return [(r['method'], r['path'].rsplit('/', 1)[1].split('?')[0])
                for r in self.host.journal.records()]

    def template(self, operation='PowerOn'):
        return pvm_job.Job.wrap(self.adapter.read(
            'LogicalPartition', self.lpar.uuid, suffix_type='do',
            suffix_parm=operation))


class TestAtOnce(JobTest):

    def test_on_costs_three_requests(self):
        power.power_on(self.wrapper, None)
        self.assertEqual('running', self.lpar.partition_state)
        self.assertEqual('active', self.lpar.rmc)
        self.assertEqual(0, self.sleeps)
        self.assertEqual(['GET', 'PUT', 'DELETE'],
                         [method for method, _ in self.requests()])
        self.assertEqual([], self.host.jobs.state())

    def test_already_on(self):
        power.power_on(self.wrapper, None)
        power.power_on(self.wrapper, None)
        exc = self.assertRaises(
            pvm_exc.JobRequestFailed, self.template().run_job,
            self.lpar.uuid)
        self.assertIn('HSCL3681', str(exc))

    def test_already_off(self):
        power.power_off(self.wrapper, None, force_immediate=True)
        exc = self.assertRaises(
            pvm_exc.JobRequestFailed, self.template('PowerOff').run_job,
            self.lpar.uuid)
        self.assertIn('HSCL1558', str(exc))
        self.assertEqual('not activated', self.lpar.partition_state)

    def test_os_shutdown(self):
        power.power_on(self.wrapper, None)
        wrapper = self.wrapper.refresh()
        power.PowerOp.stop(wrapper,
                           power_opts.PowerOffOpts().os_immediate())
        self.assertEqual('not activated', self.lpar.partition_state)
        self.assertEqual('inactive', self.lpar.rmc)

    def test_no_os_shutdown_without_rmc(self):
        power.power_on(self.wrapper, None)
        wrapper = self.wrapper.refresh()
        self.lpar.set_rmc('inactive')
        exc = self.assertRaises(
            pvm_exc.VMPowerOffFailure, power.PowerOp.stop, wrapper,
            power_opts.PowerOffOpts().os_immediate())
        self.assertIn('HSCL0DB4', str(exc))
        self.assertEqual('running', self.lpar.partition_state)

    def test_restart(self):
        power.power_on(self.wrapper, None)
        power.power_off(self.wrapper, None, restart=True,
                        force_immediate=True)
        self.assertEqual('running', self.lpar.partition_state)
        self.assertEqual('active', self.lpar.rmc)

    def test_dump_and_restart(self):
        power.power_on(self.wrapper, None)
        job = self.template('PowerOff')
        job.run_job(self.lpar.uuid, job_parms=[
            job.create_job_parameter('operation', 'dumprestart')])
        self.assertEqual('running', self.lpar.partition_state)
        self.assertTrue(self.lpar.has_dumped)
        power.power_off(self.wrapper, None, restart=True,
                        force_immediate=True)
        self.assertFalse(self.lpar.has_dumped)

    def test_wrong_parameters(self):
        for operation, name in (('PowerOn', 'bootmode'),
                                ('PowerOff', 'operation')):
            job = self.template(operation)
            self.assertRaises(
                pvm_exc.JobRequestFailed, job.run_job, self.lpar.uuid,
                job_parms=[job.create_job_parameter(name, 'sideways')])

    def test_the_management_partition_stays(self):
        manager = self.host.partition(1)
        job = self.template('PowerOff')
        exc = self.assertRaises(pvm_exc.JobRequestFailed, job.run_job,
                                manager.uuid)
        self.assertIn('management partition', str(exc))

    def test_events(self):
        self.host.events.poll('app', 0)
        power.power_on(self.wrapper, None)
        found = self.host.events.poll('app', 0)
        details = [e.detail for e in found if e.data == self.lpar.href()]
        self.assertEqual(['PartitionState,ReferenceCode',
                          'PartitionState,ReferenceCode', 'NVRAM', 'Other'],
                         details)

    def test_vterm(self):
        job = self.template('CloseVterm')
        job.run_job(self.lpar.uuid)
        self.assertEqual({'returnCode': '0'}, job.get_job_results_as_dict())

    def test_reserved_memory(self):
        overhead, available = memory.calculate_memory_overhead_on_host(
            self.adapter, self.host.system.uuid,
            {'desired_mem': 4096, 'max_mem': 65536})
        self.assertEqual(1280, overhead)
        self.assertEqual(self.host.system.available_memory_mb, available)

    def test_reserved_memory_of_nonsense(self):
        overhead, available = memory.calculate_memory_overhead_on_host(
            self.adapter, self.host.system.uuid,
            {'desired_mem': 'much', 'max_mem': 0}, default=7)
        self.assertEqual((7, None), (overhead, available))

    def test_refusals(self):
        client = self.useFixture(fixtures.Client(self.host))
        path = self.lpar.path() + '/do/PowerOn'
        self.assertEqual(400, client.request(
            'PUT', path, jobs.template('LogicalPartition',
                                       'PowerOff')).status)
        self.assertEqual(404, client.request(
            'PUT', path.replace('PowerOn', 'Nope'), '<a/>').status)
        job = client.request(
            'PUT', path, jobs.template('LogicalPartition', 'PowerOn'))
        self.assertEqual(405, client.request(
            'PUT', '/rest/api/uom/jobs/' + job.text('JobID')).status)


class TestWithPolls(JobTest):

    TIMING = {'job_polls': 2}

    def test_states(self):
        states = []
        self.sleep = lambda seconds: states.append(self.lpar.partition_state)
        self.patch(pvm_job.time, 'sleep', self.sleep)
        power.power_on(self.wrapper, None)
        self.assertEqual(['starting', 'starting'], states)
        self.assertEqual('running', self.lpar.partition_state)
        del states[:]
        power.power_off(self.wrapper, None, force_immediate=True)
        self.assertEqual(['shutting down'] * 2, states)
        self.assertEqual('not activated', self.lpar.partition_state)

    def test_a_job_that_runs_is_not_deleted(self):
        client = self.useFixture(fixtures.Client(self.host))
        reply = client.request('PUT', self.lpar.path() + '/do/PowerOn',
                               jobs.template('LogicalPartition', 'PowerOn'))
        path = '/rest/api/uom/jobs/' + reply.text('JobID')
        self.assertEqual('RUNNING', reply.text('Status'))
        self.assertEqual(400, client.request('DELETE', path).status)
        self.assertEqual('PowerOn', self.host.jobs.state()[0]['operation'])
        reply = client.request('POST', path + '/cancel')
        self.assertEqual('CANCELED_WHILE_RUNNING', reply.text('Status'))
        self.assertEqual('not activated', self.lpar.partition_state)
        self.assertEqual(204, client.request('DELETE', path).status)
        self.assertEqual(404, client.get(path).status)

    def test_injected_failure(self):
        self.host.faults.add({'effect': 'job_failed', 'path': 'PowerOn'})
        exc = self.assertRaises(pvm_exc.VMPowerOnFailure, power.power_on,
                                self.wrapper, None)
        self.assertIn('A fault was injected', str(exc))
        self.assertEqual('not activated', self.lpar.partition_state)
        power.power_on(self.wrapper, None)
        self.assertEqual('running', self.lpar.partition_state)


class TestPhases(JobTest):
    """A job of three phases."""

    def setUp(self):
        super().setUp()
        self.seen = []
        self.held = False
        self.patch(jobs, 'OPERATIONS', {
            ('LogicalPartition', 'Test'): self.run_it})

    def run_it(self, job):
        """The operation."""
        try:
            for number, seconds in enumerate((10, 0, 10)):
                self.seen.append(number)
                yield clock.Phase(str(number), seconds,
                                  self.held and number == 1)
        except (jobs.JobFailed, GeneratorExit) as exc:
            self.seen.append(type(exc).__name__)
            raise
        return {'returnCode': 7}

    def start(self):
        with self.site.lock:
            self.job = self.host.jobs.submit(
                'LogicalPartition', 'Test', self.lpar, atom.Document(
                    jobs.template('LogicalPartition', 'Test')))

    def advance(self, seconds):
        self.site.clock.advance(seconds)
        return self.seen, self.job.status

    def test_course(self):
        self.start()
        self.assertEqual(([0], 'RUNNING'), self.advance(9))
        self.assertEqual(([0, 1, 2], 'RUNNING'), self.advance(2))
        self.assertEqual(([0, 1, 2], 'COMPLETED_OK'), self.advance(10))
        self.assertEqual({'returnCode': 7}, self.job.results)

    def test_all_at_once(self):
        self.start()
        self.assertEqual(([0, 1, 2], 'COMPLETED_OK'), self.advance(21))

    def test_first_one_lasts_as_jobs_do(self):
        self.site.timing['job_seconds'] = 30
        self.start()
        self.assertEqual(([0], 'RUNNING'), self.advance(29))
        self.assertEqual(([0, 1, 2], 'COMPLETED_OK'), self.advance(12))

    def test_polls_end_the_first_one(self):
        self.site.timing['job_polls'] = 2
        self.start()
        with self.site.lock:
            self.job.poll()
            self.assertEqual([0], self.seen)
            self.job.poll()
            self.assertEqual([0, 1, 2], self.seen)
            self.job.poll()
        self.assertEqual('RUNNING', self.job.status)
        self.assertEqual(([0, 1, 2], 'COMPLETED_OK'), self.advance(11))

    def test_held(self):
        self.held = True
        self.start()
        self.assertEqual(([0, 1], 'RUNNING'), self.advance(100))
        with self.site.lock:
            self.job.release()
            self.job.release()
        self.assertEqual(([0, 1, 2], 'RUNNING'), self.advance(9))
        self.assertEqual(([0, 1, 2], 'COMPLETED_OK'), self.advance(2))

    def test_cancelled(self):
        self.start()
        self.advance(11)
        with self.site.lock:
            self.job.cancel()
        self.assertEqual(([0, 1, 2, 'GeneratorExit'],
                          'CANCELED_WHILE_RUNNING'), self.advance(100))

    def test_broken_off(self):
        self.start()
        self.advance(11)
        with self.site.lock:
            self.job.break_off(jobs.JobFailed('No more'))
        self.assertEqual(([0, 1, 2, 'JobFailed'], 'FAILED_BEFORE_COMPLETION'),
                         self.advance(100))
        self.assertEqual('No more', self.job.message)


class TestByTheClock(JobTest):

    TIMING = {'job_seconds': 30, 'rmc_seconds': 60}

    def test_states(self):
        seen = []

        def sleep(seconds):
            seen.append(self.lpar.partition_state)
            self.site.clock.advance(16)

        self.patch(pvm_job.time, 'sleep', sleep)
        power.power_on(self.wrapper, None)
        self.assertEqual(['starting', 'starting'], seen)
        self.assertEqual(('running', 'inactive'),
                         (self.lpar.partition_state, self.lpar.rmc))
        self.site.clock.advance(61)
        self.assertEqual('active', self.lpar.rmc)

    def test_rmc_of_an_earlier_boot(self):
        self.lpar.booted()
        self.lpar.halted()
        self.site.clock.advance(61)
        self.assertEqual('inactive', self.lpar.rmc)


class TestFidelity(JobTest):

    TIMING = {'job_polls': 1}

    def compare(self, body, *captures):
        captured = fidelity.capture_elements(*captures)
        return fidelity.compare_structure(etree.fromstring(body), captured)

    def test_request(self):
        self.assertEqual([], self.compare(
            jobs.template('LogicalPartition', 'PowerOff'), 'JobRequest',
            'job_request_power_off.txt',
            'cluster_create_job_template.txt'))

    def test_response(self):
        self.patch(pvm_job.time, 'sleep', lambda seconds: None)
        self.lpar.booted()
        job = self.host.jobs.submit(
            'LogicalPartition', 'PowerOff', self.lpar, _request('PowerOff'))
        files = ('job_response_completed_ok.txt',
                 'job_response_completed_failed.txt',
                 'job_response_exception.txt')
        for _ in range(2):
            self.assertEqual([], self.compare(
                job.document(), 'JobResponse', *files))
            job.poll()
        self.assertEqual('COMPLETED_OK', job.status)
        failed = self.host.jobs.submit(
            'LogicalPartition', 'PowerOff', self.lpar, _request('PowerOff'))
        self.assertEqual('FAILED_BEFORE_COMPLETION', failed.status)
        self.assertEqual([], self.compare(
            failed.document(), 'JobResponse', *files))

    def test_error(self):
        client = self.useFixture(fixtures.Client(self.host))
        reply = client.get('/rest/api/uom/Nope')
        ours = reply.xml.find('.//{%s}HttpErrorResponse' % _WEB)
        self.assertEqual([], fidelity.compare_structure(
            ours, fidelity.capture_elements(
                'HttpErrorResponse', 'fake_httperror.txt')))


def _request(operation):
    return atom.Document(jobs.template('LogicalPartition', operation))
