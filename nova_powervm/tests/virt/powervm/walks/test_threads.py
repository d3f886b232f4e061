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

"""Whose a thread is, and which of them count as left."""

import threading

import testtools

from nova_powervm.tests.virt.powervm.walks import threads


class _Compute:
    is_dead = False


class ThreadsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.at_work = None
        self.threads = self.useFixture(threads.Threads(lambda: self.at_work))
        self.end = threading.Event()
        self.addCleanup(self.end.set)
        self.patch(threads, 'SECONDS_TO_END', 0.01)

    def _start(self, target=None):
        started = threading.Thread(target=target or self.end.wait,
                                   daemon=True)
        started.start()
        self.addCleanup(started.join)
        self.addCleanup(self.end.set)
        return started

    def test_of_nobody(self):
        self._start()
        self.assertEqual([], self.threads.left())

    def test_of_compute(self):
        self.at_work = _Compute()
        started = self._start()
        self.at_work = None
        self.assertEqual([started], self.threads.left())

    def test_ended(self):
        self.at_work = _Compute()
        self._start()
        self.end.set()
        self.patch(threads, 'SECONDS_TO_END', 60)
        self.assertEqual([], self.threads.left())

    def test_of_killed_compute(self):
        self.at_work = _Compute()
        self._start()
        self.at_work.is_dead = True
        self.assertEqual([], self.threads.left())

    def test_started_by_thread(self):
        """It belongs to the compute whose thread has started it."""
        self.at_work = _Compute()
        begun, found = threading.Event(), []

        def start():
            begun.wait()
            found.append(self._start())

        first = self._start(start)
        self.at_work = None
        begun.set()
        first.join()
        self.assertEqual(found, self.threads.left())

    def test_started_by_thread_of_nobody(self):
        begun = threading.Event()

        def start():
            begun.wait()
            self._start()

        first = self._start(start)
        self.at_work = _Compute()
        begun.set()
        first.join()
        self.assertEqual([], self.threads.left())
