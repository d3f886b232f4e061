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

_DRIVER = 'nova_powervm.virt.powervm.driver'


class _Compute:
    is_dead = False


def _call(function, *modules):
    """Call a function from a function of a module, and that from others.

    :param modules: str, names of modules; the first one calls the function
    """
    for module in modules:
        space = {'__name__': module, 'function': function}
        exec('def call(): return function()', space)
        function = space['call']
    return function()


class ThreadsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.compute = self.at_work = _Compute()
        self.threads = self.useFixture(threads.Threads(lambda: self.at_work))
        self.end = threading.Event()
        self.patch(threads, 'SECONDS_TO_END', 0.01)

    def _start(self, *modules, target=None):
        """Start a thread from a function of a module, see _call."""
        started = threading.Thread(target=target or self.end.wait,
                                   daemon=True)
        _call(started.start, *modules)
        self.addCleanup(started.join)
        self.addCleanup(self.end.set)
        return started

    def test_of_driver(self):
        started = self._start(_DRIVER, 'nova.compute.manager')
        self.assertEqual([started], self.threads.left())

    def test_of_pypowervm(self):
        started = self._start('concurrent.futures', 'pypowervm.adapter',
                              _DRIVER)
        self.assertEqual([started], self.threads.left())

    def test_of_nova(self):
        self._start('oslo_service', 'nova.compute.manager')
        self._start('nova.utils', _DRIVER)
        self.assertEqual([], self.threads.left())

    def test_of_simulator(self):
        self._start('nova_powervm.simulator.clock')
        self.assertEqual([], self.threads.left())

    def test_of_no_compute(self):
        self.at_work = None
        self._start(_DRIVER)
        self.assertEqual([], self.threads.left())

    def test_ended(self):
        self._start(_DRIVER)
        self.end.set()
        self.patch(threads, 'SECONDS_TO_END', 60)
        self.assertEqual([], self.threads.left())

    def test_of_killed_compute(self):
        self._start(_DRIVER)
        self.compute.is_dead = True
        self.assertEqual([], self.threads.left())

    def test_started_by_thread(self):
        """It belongs to the compute whose thread has started it."""
        begun, found = threading.Event(), []

        def start():
            begun.wait()
            found.append(self._start(_DRIVER))

        first = self._start(_DRIVER, target=start)
        self.at_work = None
        begun.set()
        first.join()
        self.assertEqual(found, self.threads.left())
