#!/usr/bin/env python3
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

"""Print what the tests took, which failed, and how many did what.

Usage: test_summary.py [--begin | --last] FOLDER

FOLDER is the one of .stestr. All the runs in it count, or only what has run
since --begin. What tests cost is in .tox/costs, see
nova_powervm/tests/watch.py; without it there are no CPU seconds, and no test
takes too many.

Exit status 1: a test failed, took or printed too much, none ran, or a process
that ran tests was killed, so that some of them may never have run.
"""

import argparse
import collections
import glob
import json
import os
import re
import time

from stestr.repository import file as stestr_file
import testtools

FAILED = ('fail', 'inprogress', 'unknown', 'uxsuccess')
#: CPU seconds that a test may take.
LIMIT = 30
#: Bytes that a test may log and print. stestr breaks off a run above 4 MiB,
#: though all tests passed.
OUTPUT_LIMIT = 2 * 10 ** 6
#: Tests that may take more: {regular expression that matches the ID: why}.
EXPENSIVE = {
    r'nova_powervm\.tests\.demo\.test_demo':
        'It runs the demo: a whole Nova and the simulator as processes.',
    r'nova_powervm\.tests\.functional\.test_handover':
        "An operation runs ten times or so through Nova's API.",
    r'nova_powervm\.tests\.functional\.test_layer':
        'The first test of a class plays all of its stories.',
    r'nova_powervm\.tests\.functional\.test_\w+_sharing\.ConcurrencyTest':
        'Many servers are made at once.',
    r'nova_powervm\.tests\.functional\.test_slots\.SharedPoolSlotTest':
        'Servers are shelved and come back on another host.',
    r'nova_powervm\.tests\.functional\.test_snapshot\.\w+BytesTest':
        'It hashes disks of several GiB, before and after.',
    r'nova_powervm\.tests\.virt\.powervm\.walks\.test_estate':
        'It plays 100 operations and 10 restarts.',
    r'nova_powervm\.tests\.virt\.powervm\.walks\.test_histories':
        'It plays 120 steps; 15 to 28 CPU seconds, more on a slow machine.',
    r'nova_powervm\.tests\.virt\.powervm\.walks\.test_images\.\w+RebuildTest':
        'A rebuild has more requests than any other operation.',
    r'nova_powervm\.tests\.virt\.powervm\.walks\.test_moves':
        'Each turn makes a server and moves it between two hosts.',
    r'nova_powervm\.tests\.virt\.powervm\.walks\.test_servers':
        'Each turn makes a server and deletes it.',
    r'nova_powervm\.tests\.virt\.powervm\.walks\.test_volumes\.\w+SwapTest':
        'Each turn copies a volume.',
}
#: Parts of the suite, and what matches the IDs of their tests: the first that
#: does.
PARTS = (
    ('histories', r'nova_powervm\.tests\.virt\.powervm\.walks\.test_histor'),
    ('walks', r'nova_powervm\.tests\.virt\.powervm\.walks\.'),
    ('scenarios', r'nova_powervm\.tests\.virt\.powervm\.scenarios\.'),
    ("Nova's classes", r'nova_powervm\.tests\.functional\.parity\.'),
    ('handover', r'nova_powervm\.tests\.functional\.'),
    ('unit', ''),
)
SLOWEST = 10
#: What the watch calls what happens between two tests.
BETWEEN = 'after '
#: The end of the name of a file that tells when a run began.
BEGIN = '-begin.json'


class Suite:
    """What is known of the tests.

    :ivar outcomes: {test ID: status of stestr}
    :ivar wall: {test ID: seconds, with its set-up and clean-up}
    :ivar cpu: {test ID: CPU seconds}; what comes between two tests is one
        of them, by the name of "after" and the ID of the former.
    :ivar output: {test ID: bytes that it logged and printed}
    :ivar killed: list of str, what processes did last that were killed
    :ivar seconds: float, from the start of the first test of each run to the
        end of the last, all runs together
    """

    def __init__(self):
        self.outcomes = {}
        self.wall = {}
        self.cpu = {}
        self.output = {}
        self.seconds = 0
        self.killed = []

    def read(self, folder, last=False):
        """Read the runs in a folder, later ones over earlier ones.

        :param last: whether only those count that began after begin().
        """
        costs = costs_folder(folder)
        since, first = last_begin(costs) if last else (0, 0)
        repository = stestr_file.RepositoryFactory().open(folder)
        for run in range(first, repository.count()):
            times = self._read_run(repository.get_test_run(run))
            if times:
                self.seconds += (max(times) - min(times)).total_seconds()
        self._read_costs(costs, since)

    def _read_run(self, run):
        times = []

        def note(test):
            self.outcomes[test['id']] = test['status']
            self.output[test['id']] = sum(
                len(chunk) for detail in test['details'].values()
                for chunk in detail.iter_bytes())
            known = [time for time in test['timestamps'] if time]
            times.extend(known)
            if len(known) == 2:
                self.wall[test['id']] = (known[1] - known[0]).total_seconds()

        result = testtools.StreamToDict(note)
        result.startTestRun()
        run.get_test().run(result)
        result.stopTestRun()
        return times

    def _read_costs(self, folder, since):
        """Read what processes have written that began after a time."""
        for path in files(folder, '.jsonl'):
            if began(path) >= since:
                with open(path) as lines:
                    self._read_process([json.loads(line) for line in lines])

    def _read_process(self, lines):
        costs = [line for line in lines if 'id' in line]
        self.cpu.update((cost['id'], cost['cpu']) for cost in costs)
        if not any('end' in line for line in lines):
            self.killed.append(
                costs[-1]['id'] if costs else 'its first test')

    # ---- what is printed ------------------------------------------------

    def slowest(self):
        """Lines on the tests that took longest."""
        yield '%-9s%-9s%s' % ('seconds', 'CPU', 'the slowest tests')
        for name in sorted(self.wall, key=self.wall.get,
                           reverse=True)[:SLOWEST]:
            yield '%7.1f  %7s  %s' % (
                self.wall[name], '%.1f' % self.cpu[name]
                if name in self.cpu else '-', name)

    def parts(self):
        """Lines on the parts of the suite."""
        tests = collections.Counter(map(part_of, self.outcomes))
        wall, cpu = collections.Counter(), collections.Counter()
        for counter, costs in ((wall, self.wall), (cpu, self.cpu)):
            for name, seconds in costs.items():
                counter[part_of(name)] += seconds
        yield '%-9s%-9s%-9stests of' % ('seconds', 'CPU', 'number')
        for part, _pattern in reversed(PARTS):
            if tests[part]:
                yield '%7.1f  %7.1f  %6d   %s' % (
                    wall[part], cpu[part], tests[part], part)
        yield '%7.1f  %7.1f  %6d   all, in %.0f seconds' % (
            wall.total(), cpu.total(), tests.total(), self.seconds)

    def too_expensive(self):
        """Those that take more than LIMIT: list of (ID, CPU seconds)."""
        return [(name, seconds) for name, seconds in sorted(self.cpu.items())
                if seconds > LIMIT and not any(
                    re.match(pattern, name) for pattern in EXPENSIVE)]

    def too_talkative(self):
        """Those that print more than OUTPUT_LIMIT: list of (ID, bytes)."""
        return [(name, size) for name, size in sorted(self.output.items())
                if size > OUTPUT_LIMIT]

    def failed(self):
        """IDs of those that failed, or did not end."""
        return [name for name, status in sorted(self.outcomes.items())
                if status in FAILED]


def costs_folder(folder):
    """Where processes write what tests cost, beside a .stestr."""
    return os.path.join(folder, '.tox', 'costs')


def files(costs, end):
    """Paths of the files whose names have an end, in order of their times."""
    return sorted(glob.glob(os.path.join(glob.escape(costs), '*' + end)),
                  key=began)


def began(path):
    """When a file was begun, by its name: nanoseconds."""
    return int(os.path.basename(path).partition('-')[0])


def last_begin(costs):
    """When the last run began, and how many were recorded before it."""
    paths = files(costs, BEGIN)
    if not paths:
        return 0, 0
    with open(paths[-1]) as opened:
        return began(paths[-1]), json.load(opened)


def begin(folder):
    """Note that a run begins now."""
    costs = costs_folder(folder)
    os.makedirs(costs, exist_ok=True)
    recorded = 0
    if os.path.isdir(os.path.join(folder, '.stestr')):
        recorded = stestr_file.RepositoryFactory().open(folder).count()
    with open(os.path.join(costs, '%d%s' % (time.time_ns(), BEGIN)),
              'w') as opened:
        json.dump(recorded, opened)


def part_of(name):
    """The name of the part of the suite that a test belongs to."""
    name = name.removeprefix(BETWEEN)
    return next(part for part, pattern in PARTS if re.match(pattern, name))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--begin', action='store_true')
    parser.add_argument('--last', action='store_true')
    parser.add_argument('folder')
    options = parser.parse_args(arguments)
    if options.begin:
        begin(options.folder)
        return 0
    suite = Suite()
    suite.read(options.folder, options.last)
    return report(suite)


def report(suite):
    """Print what is known of the tests; return the exit status."""
    failed = suite.failed()
    expensive = suite.too_expensive()
    talkative = suite.too_talkative()
    skipped = list(suite.outcomes.values()).count('skip')
    for line in (*suite.slowest(), '', *suite.parts(), ''):
        print(line)
    for name in failed:
        print('%s: %s' % (suite.outcomes[name].upper(), name))
    for name, seconds in expensive:
        print('MORE THAN %d CPU SECONDS: %s: %.1f' % (LIMIT, name, seconds))
    for name, size in talkative:
        print('MORE THAN %d BYTES OF OUTPUT: %s: %d' % (
            OUTPUT_LIMIT, name, size))
    for name in suite.killed:
        print('A PROCESS WAS KILLED, and did not run the rest of its tests. '
              'Its last: %s' % name)
    if not suite.outcomes:
        print('NOTHING RAN')
    print('%d passed, %d failed, %d skipped' % (
        len(suite.outcomes) - len(failed) - skipped, len(failed), skipped))
    return 1 if (failed or expensive or talkative or suite.killed or
                 not suite.outcomes) else 0


if __name__ == '__main__':
    raise SystemExit(main())
