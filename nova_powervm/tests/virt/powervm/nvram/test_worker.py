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

"""Tests of the thread that writes to the store."""

import threading

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.nvram import api
from nova_powervm.virt.powervm.nvram import worker


def fail():
    raise api.NVRAMUploadException(what='NVRAM', instance='x', reason='down')


class WorkerTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.worker = worker.Worker()
        self.addCleanup(self.worker.shutdown)
        self.done = []

    def submit(self, key, func=None):
        self.worker.submit(key, func or (lambda: self.done.append(key)))

    def block(self):
        """Keep the thread busy until the event that is returned is set."""
        began, go_on = threading.Event(), threading.Event()

        def wait():
            began.set()
            go_on.wait(60)
        self.submit('block', wait)
        self.assertTrue(began.wait(60))
        self.addCleanup(go_on.set)
        return go_on

    def flush(self):
        self.assertTrue(self.worker.flush(60))

    def test_no_thread_before_there_is_work(self):
        self.assertIsNone(self.worker._thread)
        self.assertTrue(self.worker.flush(0))

    def test_in_order_and_merged_by_key(self):
        go_on = self.block()
        for key in 'abac':
            self.submit(key)
        go_on.set()
        self.flush()
        self.assertEqual(['b', 'a', 'c'], self.done)

    def test_what_is_under_way_is_not_replaced(self):
        go_on = self.block()
        self.submit('block')
        go_on.set()
        self.flush()
        self.assertEqual(['block'], self.done)

    def test_any_failure_is_survived(self):
        for number, error in enumerate((ValueError(), OSError(), KeyError(),
                                        MemoryError(), RecursionError())):
            def broken(error=error):
                raise error
            self.submit(number, broken)
        self.submit('a')
        self.flush()
        self.assertEqual(['a'], self.done)
        self.assertIn('Traceback', self.logger.output)

    def test_failed_work_is_done_again_with_the_next(self):
        attempts = []

        def fail_once():
            attempts.append(1)
            if len(attempts) == 1:
                fail()
        self.submit('a', fail_once)
        self.flush()
        self.assertEqual((1, ['a']), (len(attempts), self.worker.failed))
        self.assertIn('NVRAM of x cannot be stored: down; retrying with the '
                      'next',
                      self.logger.output)
        self.assertNotIn('Traceback', self.logger.output)
        self.submit('b')
        self.flush()
        self.assertEqual((2, [], ['b']),
                         (len(attempts), self.worker.failed, self.done))

    def test_one_failure_puts_off_the_others(self):
        attempts = []

        def failing(key):
            attempts.append(key)
            fail()
        for key in 'ab':
            self.submit(key, lambda key=key: failing(key))
            self.flush()
        # That of b put off that of a, as that of a does to that of b now.
        self.assertEqual(['a', 'b'], attempts)
        self.submit('c')
        self.flush()
        self.assertEqual((3, ['c']), (len(attempts), self.done))
        self.assertEqual({'a', 'b'}, set(self.worker.failed))

    def test_newer_work_takes_the_place_of_failed(self):
        self.submit('a', fail)
        self.flush()
        self.submit('a')
        self.flush()
        self.assertEqual((['a'], []), (self.done, self.worker.failed))

    def test_newer_work_that_waits_is_not_replaced_by_failed(self):
        began, go_on = threading.Event(), threading.Event()

        def wait_and_fail():
            began.set()
            go_on.wait(60)
            fail()
        self.submit('a', wait_and_fail)
        self.assertTrue(began.wait(60))
        self.submit('a')
        go_on.set()
        self.flush()
        self.assertEqual((['a'], []), (self.done, self.worker.failed))

    def test_shutdown_does_what_is_queued_and_ends_the_thread(self):
        self.submit('a')
        thread = self.worker._thread
        self.worker.shutdown()
        thread.join(60)
        self.assertFalse(thread.is_alive())
        self.assertEqual(['a'], self.done)
        self.submit('b')
        self.assertEqual(['a'], self.done)

    def test_shutdown_does_not_wait_for_ever(self):
        go_on = self.block()
        self.submit('a')
        self.worker.shutdown(seconds=0)
        self.assertIn('ends before all NVRAM', self.logger.output)
        go_on.set()
        self.worker._thread.join(60)
        self.assertEqual([], self.done)

    def test_thread_that_died_is_replaced(self):
        self.submit('a')
        self.flush()
        dead = threading.Thread(target=int)
        dead.start()
        dead.join()
        self.worker._thread = dead
        self.submit('b')
        self.flush()
        self.assertEqual(['a', 'b'], self.done)
