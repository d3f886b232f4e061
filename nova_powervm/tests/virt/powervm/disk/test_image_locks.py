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

"""Tests of disk/image_locks.py."""

import threading

import testtools

from nova_powervm.virt.powervm.disk import image_locks

SECONDS = 20  # the most that a test waits for another thread


class ImageLocksTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.locks = image_locks.ImageLocks()
        self.done = []

    def start(self, function):
        thread = threading.Thread(target=function, daemon=True)
        thread.start()
        return thread

    def end(self, *threads):
        for thread in threads:
            thread.join(SECONDS)
            self.assertFalse(thread.is_alive())
        self.assertEqual({}, self.locks._states)

    def share(self):
        with self.locks.shared('i'):
            self.done.append('shared')

    def test_many_share_it(self):
        """None of them waits for another."""
        barrier = threading.Barrier(8, timeout=SECONDS)

        def share():
            with self.locks.shared('i'):
                barrier.wait()

        self.end(*[self.start(share) for _ in range(8)])
        self.assertFalse(barrier.broken)

    def test_nobody_has_it_alone_while_it_is_shared(self):
        with self.locks.shared('i'):
            with self.locks.alone('i') as is_free:
                self.assertFalse(is_free)
            with self.locks.alone('other') as is_free:
                self.assertTrue(is_free)
        with self.locks.alone('i') as is_free:
            self.assertTrue(is_free)

    def test_alone(self):
        """Who wants to share it waits; who wants it alone does without."""
        with self.locks.alone('i'):
            thread = self.start(self.share)
            with self.locks.alone('i') as is_free:
                self.assertFalse(is_free)
            thread.join(0.05)
            self.assertEqual([], self.done)
        self.end(thread)
        self.assertEqual(['shared'], self.done)

    def test_free(self):
        with self.locks.shared('b'), self.locks.free('abc') as free:
            self.assertEqual(['a', 'c'], free)
            with self.locks.free('abc') as more:
                self.assertEqual([], more)
        with self.locks.free('abc') as free:
            self.assertEqual(['a', 'b', 'c'], free)

    def test_make_whole(self):
        """It waits for the others that share it; new ones wait for it."""
        has_asked = threading.Event()

        def change():
            with self.locks.shared('i') as share:
                has_asked.set()
                self.assertTrue(share.make_whole())
                self.done.append('changed')

        with self.locks.shared('i'):
            thread = self.start(change)
            self.assertTrue(has_asked.wait(SECONDS))
            thread.join(0.05)
            self.assertEqual([], self.done)
            other = self.start(self.share)
            other.join(0.05)
        self.end(thread, other)
        self.assertEqual(['changed', 'shared'], self.done)

    def test_one_of_many_changes_it(self):
        """The others look again, after it, and find what it has made."""
        made = []
        barrier = threading.Barrier(8, timeout=SECONDS)

        def change():
            is_first = True
            while True:
                with self.locks.shared('i') as share:
                    if is_first:
                        barrier.wait()
                        is_first = False
                    if made:
                        return
                    if share.make_whole():
                        made.append('made')
                        return

        self.end(*[self.start(change) for _ in range(8)])
        self.assertEqual(['made'], made)

    def test_failures(self):
        """Whatever a thread meets, it gives the lock up."""
        for context in (self.locks.shared, self.locks.alone):
            with testtools.ExpectedException(ValueError):
                with context('i'):
                    raise ValueError()
            self.assertEqual({}, self.locks._states)
        with testtools.ExpectedException(ValueError):
            with self.locks.shared('i') as share:
                share.make_whole()
                raise ValueError()
        self.assertEqual({}, self.locks._states)
