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

"""A deadline for each test of this process, and a record of what it costs.

Two environment variables say what is done; tox.ini sets both:

``OS_TEST_DEADLINE``
    Seconds that a test may take with its set-up and its clean-up. After that
    the stacks of all threads are printed and given to the result as an error
    of that test, and the process ends. 0, or no such variable: no deadline.
    A process that stestr starts has as long for its imports.
``OS_TEST_COSTS``
    A folder. Each process writes a file of JSON lines into it:
    ``{"id": str, "wall": seconds, "cpu": seconds}``. The CPU seconds are
    those of all threads of the process and of the children that ended. The
    last line is ``{"end": true}``; without it the process was killed. stestr
    does not look at the exit status of its processes, so nothing else tells.
    Nothing is written while the folder's parent does not exist.

What happens between two tests, such as the fixtures of a class, is treated as
a test by the name of "after" and the one before. So is what happens between
the last test and the end of the process.

install() replaces ``run()`` of unittest's and of testtools' TestCase, so it
holds for Nova's own test classes, too.
"""

import atexit
import contextlib
import faulthandler
import functools
import json
import os
import resource
import signal
import sys
import threading
import time
import traceback
import unittest

import testtools
from testtools import content

DEADLINE = 'OS_TEST_DEADLINE'
COSTS = 'OS_TEST_COSTS'
#: Seconds that the report of a hang may take. Then faulthandler, which needs
#: no interpreter, prints the stacks and ends the process.
REPORT_SECONDS = 30
#: CPU seconds between two tests that are worth a line of their own.
NOTABLE_SECONDS = 0.05
#: Exit status of a process that took too long.
STATUS = 70
STDOUT, STDERR = 1, 2


def cpu_seconds():
    """CPU seconds that this process and its ended children have used."""
    return sum(usage.ru_utime + usage.ru_stime for usage in (
        resource.getrusage(resource.RUSAGE_SELF),
        resource.getrusage(resource.RUSAGE_CHILDREN)))


def format_stacks():
    """The stacks of all threads of this process as text, str."""
    threads = {thread.ident: thread.name for thread in threading.enumerate()}
    main = threading.main_thread().ident
    parts = []
    for ident, frame in sorted(sys._current_frames().items(),
                               key=lambda item: item[0] != main):
        parts.append('Thread %s:\n%s' % (
            threads.get(ident, ident),
            ''.join(traceback.format_stack(frame))))
    return '\n'.join(parts)


def kill_children(pid):
    """Kill the descendants of a process, so that none holds its pipes."""
    for task in os.listdir('/proc/%d/task' % pid):
        try:
            with open('/proc/%d/task/%s/children' % (pid, task)) as listed:
                children = [int(child) for child in listed.read().split()]
        except OSError:
            continue
        for child in children:
            with contextlib.suppress(OSError):
                kill_children(child)
                os.kill(child, signal.SIGKILL)


class Deadline:
    """Ends this process when something takes too long.

    :param seconds: float, how long that is.
    """

    def __init__(self, seconds):
        self._seconds = seconds
        self._condition = threading.Condition()
        self._armed = None
        self._thread = None

    def arm(self, name, test=None, result=None):
        """Begin to count the seconds again.

        :param name: str, what takes too long if it does.
        :param test: the unittest.TestCase that runs, if one does.
        :param result: unittest.TestResult that it reports to.
        """
        with self._condition:
            self._armed = (name, test, result)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._watch, name='deadline', daemon=True)
                self._thread.start()
            self._condition.notify()
        # Code in C may hold the lock of the interpreter while it hangs.
        faulthandler.dump_traceback_later(
            self._seconds + REPORT_SECONDS, exit=True, file=STDERR)

    def _watch(self):
        with self._condition:
            while True:
                armed = self._armed
                if not self._condition.wait_for(
                        lambda: self._armed is not armed, self._seconds):
                    self._expire(*armed)

    def _expire(self, name, test, result):
        report = '%s took longer than %g seconds.\n\n%s' % (
            name, self._seconds, format_stacks())
        os.write(STDERR, report.encode(errors='replace'))
        try:
            if result is not None:
                result = testtools.ExtendedToOriginalDecorator(result)
                result.addError(test, details={
                    'traceback': content.text_content(report)})
                result.stopTest(test)
            # A test that waits for a child would go on now, and succeed.
            sys.stdout.flush()
            os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
            kill_children(os.getpid())
        finally:
            os._exit(STATUS)


class Costs:
    """Writes down what tests cost, in a file of this process.

    :param folder: str, where to put the file.
    """

    def __init__(self, folder):
        self._folder = folder
        self._file = None
        self._began = time.time_ns()
        self._pid = os.getpid()
        atexit.register(self.end)

    def add(self, name, wall, cpu):
        """Write a line.

        :param name: str, ID of a test
        :param wall: float, seconds
        :param cpu: float, seconds
        """
        if self.begin():
            self._write({'id': name, 'wall': round(wall, 3),
                         'cpu': round(cpu, 3)})

    def begin(self):
        """Make the file, unless it is there.

        :returns: bool, whether there is one.
        """
        if self._file is None and os.path.isdir(
                os.path.dirname(self._folder)):
            os.makedirs(self._folder, exist_ok=True)
            self._file = open(os.path.join(self._folder, '%d-%d.jsonl' % (
                self._began, self._pid)), 'w', buffering=1)
        return self._file is not None

    def end(self):
        """Write that this process ends as it should."""
        # A child that was forked has the same file.
        if self._file is not None and os.getpid() == self._pid:
            self._write({'end': True})

    def _write(self, line):
        self._file.write(json.dumps(line) + '\n')


class Watch:
    """Applies a Deadline and Costs to what runs in this process.

    :param deadline: Deadline or None
    :param costs: Costs or None
    """

    def __init__(self, deadline, costs):
        self._deadline = deadline
        self._costs = costs
        self._pid = os.getpid()
        self._running = False
        self._since = None

    def _begin(self, name, test, result):
        """End what was, and begin something else."""
        now = (time.monotonic(), cpu_seconds())
        if self._since:
            was, wall, cpu = self._since
            wall, cpu = now[0] - wall, now[1] - cpu
            if self._costs and (self._running or cpu >= NOTABLE_SECONDS):
                self._costs.add(was, wall, cpu)
        self._since = (name, *now)
        if self._deadline:
            self._deadline.arm(name, test, result)

    def wrap_suite(self, run):
        """Let the time between two tests begin before the first one.

        :param run: TestSuite.run
        :returns: a function to put there instead.
        """
        @functools.wraps(run)
        def watched(suite, result, *args, **kwargs):
            if self._since is None:
                name = 'before the first test'
                self._begin(name, testtools.PlaceHolder(name), result)
            return run(suite, result, *args, **kwargs)
        return watched

    def wrap_run(self, run):
        """Watch a test.

        :param run: TestCase.run
        :returns: a function to put there instead.
        """
        @functools.wraps(run)
        def watched(test, result=None):
            # A test may run others, and a process may fork.
            if self._running or os.getpid() != self._pid:
                return run(test, result)
            name = test.id()
            self._begin(name, test, result)
            self._running = True
            try:
                return run(test, result)
            finally:
                after = 'after ' + name
                self._begin(after, testtools.PlaceHolder(after), result)
                self._running = False
        return watched


def is_worker(arguments):
    """Whether a process is one in which stestr runs tests.

    :param arguments: list of str, its command line
    """
    return ('stestr.subunit_runner.run' in arguments and
            '--list' not in arguments)


def install(environ):
    """Watch all tests of this process as its environment says.

    :param environ: mapping of str to str
    """
    seconds = float(environ.get(DEADLINE) or 0)
    folder = environ.get(COSTS)
    if not (seconds or folder):
        return
    costs = Costs(folder) if folder else None
    if is_worker(sys.orig_argv):
        if costs:
            costs.begin()
        if seconds:
            faulthandler.dump_traceback_later(seconds, exit=True, file=STDERR)
    watch = Watch(Deadline(seconds) if seconds else None, costs)
    unittest.TestSuite.run = watch.wrap_suite(unittest.TestSuite.run)
    for owner in (unittest.TestCase, testtools.TestCase):
        owner.run = watch.wrap_run(owner.run)
