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

"""The end of the driver waits for its operations."""

import threading

from nova import exception as nova_exc

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import operations


@operations.counted('init_host')
class Driver:
    """A driver whose operations the test ends."""

    def __init__(self):
        self.operations = operations.Operations()
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self.has_ended = False

    def init_host(self):
        self.operations.open()

    def spawn(self, number=1):
        """Do what a test waits for."""
        self.begun.set()
        self.may_end.wait(60)
        self.power_on()
        self.has_ended = True
        return number

    def power_on(self):
        """A part of another operation, or one of its own."""


class OperationsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.driver = Driver()
        self.thread = threading.Thread(target=self.driver.spawn, daemon=True)
        self.addCleanup(self.driver.may_end.set)

    def begin(self):
        """Let an operation be under way in another thread."""
        self.driver.init_host()
        self.thread.start()
        self.driver.begun.wait(60)

    def test_not_ready(self):
        self.assertRaises(nova_exc.VirtDriverNotReady, self.driver.power_on)
        self.driver.init_host()
        self.driver.power_on()
        self.driver.operations.close()
        self.assertRaises(nova_exc.VirtDriverNotReady, self.driver.power_on)
        # It can be started again.
        self.driver.init_host()
        self.driver.power_on()

    def test_what_a_method_returns_and_raises(self):
        self.driver.init_host()
        self.driver.may_end.set()
        self.assertEqual(2, self.driver.spawn(number=2))
        self.assertRaises(TypeError, self.driver.power_on, 1)
        self.driver.operations.close(max_wait=0)
        self.assertNotIn('cut off', self.logger.output)

    def test_end_waits(self):
        """What is under way comes to its end, with its parts."""
        self.begin()
        closing = threading.Thread(target=self.driver.operations.close,
                                   args=(60,), daemon=True)
        closing.start()
        # The operation ends only when nothing new is admitted any more.
        while True:
            try:
                self.driver.power_on()
            except nova_exc.VirtDriverNotReady:
                break
        self.assertTrue(closing.is_alive())
        self.driver.may_end.set()
        closing.join(60)
        self.assertFalse(closing.is_alive())
        self.assertTrue(self.driver.has_ended)

    def test_end_does_not_wait_for_ever(self):
        self.begin()
        self.driver.operations.close(max_wait=0)
        self.assertFalse(self.driver.has_ended)
        self.assertIn('cut off: spawn', self.logger.output)
