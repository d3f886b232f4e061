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

"""What is printed after the tests, and when that is a failure."""

import contextlib
import datetime
import io
import json
import os

import fixtures
from stestr.repository import file as stestr_file
import testtools

from nova_powervm.tests import tree

UNIT = 'nova_powervm.tests.virt.powervm.test_vm.PowerTest.test_on'
WALK = 'nova_powervm.tests.virt.powervm.walks.test_spawn.SpawnTest.test_1'
HISTORY = 'nova_powervm.tests.virt.powervm.walks.test_histories.A.test_seed'
HANDOVER = 'nova_powervm.tests.functional.test_servers.LifeTest.test_life'
NOVAS = 'nova_powervm.tests.functional.parity.test_servers.ServersTest.test_a'
START = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.timezone.utc)


@tree.needs_source
class SummaryTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.summary = tree.load('tools', 'test_summary.py')
        self.folder = self.useFixture(fixtures.TempDir()).path
        self.repository = stestr_file.RepositoryFactory().initialise(
            self.folder)

    def add_run(self, tests, at=0):
        """Let stestr have a record of a run.

        :param tests: {test ID: (status, seconds)}; they run one by one.
        :param at: seconds after START when the first one starts.
        """
        inserter = self.repository.get_inserter()
        inserter.startTestRun()
        time = START + datetime.timedelta(seconds=at)
        for name, (status, seconds) in tests.items():
            inserter.status(test_id=name, test_status='inprogress',
                            timestamp=time)
            time += datetime.timedelta(seconds=seconds)
            if status != 'inprogress':
                inserter.status(test_id=name, test_status=status,
                                timestamp=time)
        inserter.stopTestRun()

    def add_costs(self, costs, at=1, ends=True):
        """Let a worker have written what tests cost.

        :param costs: {test ID: CPU seconds}
        :param at: seconds after START when it was started.
        :param ends: whether it ended by itself.
        """
        folder = os.path.join(self.folder, '.tox', 'costs')
        os.makedirs(folder, exist_ok=True)
        began = int((START.timestamp() + at) * 10 ** 9)
        lines = [{'id': name, 'wall': 1, 'cpu': cpu}
                 for name, cpu in costs.items()]
        with open(os.path.join(folder, '%d-7.jsonl' % began), 'w') as out:
            for line in lines + [{'end': True}] * ends:
                out.write(json.dumps(line) + '\n')

    def begin(self, at):
        """Note that a run begins.

        :param at: seconds after START
        """
        self.useFixture(fixtures.MockPatchObject(
            self.summary.time, 'time_ns', return_value=int(
                (START.timestamp() + at) * 10 ** 9)))
        self.assertEqual((0, []), self.run_summary('--begin'))

    def run_summary(self, *arguments):
        """Return (exit status, lines)."""
        output = io.BytesIO()
        with contextlib.redirect_stdout(
                io.TextIOWrapper(output, write_through=True)):
            status = self.summary.main([*arguments, self.folder])
            lines = output.getvalue().decode().splitlines()
        return status, lines

    def test_all_is_well(self):
        self.add_run({UNIT: ('success', 1), WALK: ('success', 20.5),
                      HISTORY: ('success', 30), HANDOVER: ('skip', 0),
                      NOVAS: ('success', 4)})
        self.add_costs({UNIT: .5, WALK: 20, 'after ' + WALK: 2, HISTORY: 29,
                        NOVAS: 3})
        self.assertEqual((0, [
            'seconds  CPU      the slowest tests',
            '   30.0     29.0  ' + HISTORY,
            '   20.5     20.0  ' + WALK,
            '    4.0      3.0  ' + NOVAS,
            '    1.0      0.5  ' + UNIT,
            '    0.0        -  ' + HANDOVER,
            '',
            'seconds  CPU      number   tests of',
            '    1.0      0.5       1   unit',
            '    0.0      0.0       1   handover',
            "    4.0      3.0       1   Nova's classes",
            '   20.5     22.0       1   walks',
            '   30.0     29.0       1   histories',
            '   55.5     54.5       5   all, in 56 seconds',
            '',
            '4 passed, 0 failed, 1 skipped']), self.run_summary())

    def test_ten_are_the_slowest(self):
        self.add_run({'test.%d' % number: ('success', number)
                      for number in range(20)})
        _status, lines = self.run_summary()
        self.assertEqual(['test.%d' % number for number in range(19, 9, -1)],
                         [line.split()[-1] for line in lines[1:11]])

    def test_failures(self):
        self.add_run({UNIT: ('fail', 1), WALK: ('inprogress', 9),
                      NOVAS: ('uxsuccess', 1), HANDOVER: ('xfail', 1)})
        status, lines = self.run_summary()
        self.assertEqual(1, status)
        self.assertEqual({'FAIL: ' + UNIT, 'UXSUCCESS: ' + NOVAS},
                         {line for line in lines if ': ' in line} -
                         {line for line in lines if WALK in line})
        self.assertTrue([line for line in lines if line.endswith(': ' + WALK)])
        self.assertEqual('1 passed, 3 failed, 0 skipped', lines[-1])

    def test_a_test_takes_too_much(self):
        self.add_run({UNIT: ('success', 1), WALK: ('success', 40)})
        self.add_costs({UNIT: 30, WALK: 30.1})
        status, lines = self.run_summary()
        self.assertEqual(1, status)
        self.assertEqual(['MORE THAN 30 CPU SECONDS: %s: 30.1' % WALK,
                          '2 passed, 0 failed, 0 skipped'], lines[-2:])

    def test_a_test_prints_too_much(self):
        inserter = self.repository.get_inserter()
        inserter.startTestRun()
        inserter.status(test_id=UNIT, test_status='inprogress',
                        timestamp=START)
        for _chunk in range(3):
            inserter.status(test_id=UNIT, file_name='log',
                            mime_type='text/plain;charset=utf8',
                            file_bytes=b'x' * 10 ** 6)
        inserter.status(test_id=UNIT, test_status='success', timestamp=START)
        inserter.stopTestRun()
        status, lines = self.run_summary()
        self.assertEqual(1, status)
        self.assertEqual(
            ['MORE THAN 2000000 BYTES OF OUTPUT: %s: 3000000' % UNIT,
             '1 passed, 0 failed, 0 skipped'], lines[-2:])

    def test_fixtures_take_too_much(self):
        self.add_run({UNIT: ('success', 1)})
        self.add_costs({'after ' + UNIT: 31})
        self.assertEqual(1, self.run_summary()[0])

    def test_there_is_a_reason(self):
        self.add_run({WALK: ('success', 40)})
        self.add_costs({WALK: 40})
        self.useFixture(fixtures.MockPatchObject(
            self.summary, 'EXPENSIVE', {r'nova_powervm.*\.walks\.': 'Steps'}))
        self.assertEqual(0, self.run_summary()[0])

    def test_a_later_run_counts(self):
        self.add_run({UNIT: ('fail', 9), NOVAS: ('success', 1)})
        self.add_costs({UNIT: 99, NOVAS: 2})
        self.begin(at=98)
        self.add_run({UNIT: ('success', 5)}, at=100)
        self.add_costs({UNIT: 4}, at=99)
        status, lines = self.run_summary()
        self.assertEqual(0, status)
        self.assertEqual('    6.0      6.0       2   all, in 15 seconds',
                         lines[-3])
        self.assertEqual((0, '1 passed, 0 failed, 0 skipped'), (
            self.run_summary('--last')[0], self.run_summary('--last')[1][-1]))
        self.assertEqual('    5.0      4.0       1   all, in 5 seconds',
                         self.run_summary('--last')[1][-3])

    def test_nothing_ran(self):
        self.assertEqual(1, self.run_summary()[0])

    def test_nothing_ran_since_the_last_run(self):
        self.add_run({UNIT: ('success', 5)})
        self.begin(at=98)
        status, lines = self.run_summary('--last')
        self.assertEqual(1, status)
        self.assertIn('NOTHING RAN', lines)

    def test_a_process_was_killed(self):
        """stestr knows nothing of the tests that it had still to run."""
        self.add_run({UNIT: ('success', 5), WALK: ('success', 5)})
        self.add_costs({UNIT: 4})
        self.add_costs({WALK: 4}, at=2, ends=False)
        self.add_costs({}, at=3, ends=False)
        status, lines = self.run_summary()
        self.assertEqual(1, status)
        self.assertEqual(
            [WALK, 'its first test'],
            [line.partition('Its last: ')[2] for line in lines
             if line.startswith('A PROCESS WAS KILLED')])

    def test_each_exception_has_a_reason(self):
        for reason in self.summary.EXPENSIVE.values():
            self.assertGreater(len(reason.split()), 3)
