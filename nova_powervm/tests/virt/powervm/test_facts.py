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


import queue
import threading

import testtools

from nova_powervm.virt.powervm import facts

SECONDS = 30  # the most that a test waits for another thread


class FactTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.answers = queue.Queue()
        self.reads = queue.Queue()
        self.fact = facts.Fact(self._read, facts.News())

    def _read(self):
        """Wait for what the test lets the platform answer."""
        self.reads.put(None)
        answer = self.answers.get(timeout=SECONDS)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def answer(self, value, is_lasting=True):
        self.answers.put((value, is_lasting))

    def ask(self):
        """Ask in another thread; returns a function that awaits the answer."""
        found = queue.Queue()
        thread = threading.Thread(target=lambda: found.put(self.fact.get()),
                                  daemon=True)
        thread.start()
        return lambda: found.get(timeout=SECONDS)

    def await_read(self):
        self.reads.get(timeout=SECONDS)

    def test_is_read_once(self):
        self.answer(1)
        self.assertEqual([1, 1], [self.fact.get(), self.fact.get()])

    def test_nothing_can_be_a_fact(self):
        self.answer(None)
        self.assertEqual([None, None], [self.fact.get(), self.fact.get()])

    def test_is_read_again_if_it_does_not_last(self):
        self.answer(1, is_lasting=False)
        self.answer(2)
        self.assertEqual([1, 2, 2], [self.fact.get() for _ in range(3)])

    def test_is_read_again_if_a_read_fails(self):
        self.answers.put(ValueError())
        self.assertRaises(ValueError, self.fact.get)
        self.answer(2)
        self.assertEqual(2, self.fact.get())

    def test_forgotten(self):
        self.answer(1)
        self.fact.get()
        self.fact.forget()
        self.answer(2)
        self.assertEqual(2, self.fact.get())

    def test_forgotten_unless_it_is_true(self):
        for value in (1, 2):
            self.answer(value)
        self.fact.get()
        self.fact.forget(lambda value: value == 1)
        self.assertEqual(1, self.fact.get())
        self.fact.forget(lambda value: value != 1)
        self.assertEqual(2, self.fact.get())

    def test_set(self):
        self.fact.set(1)
        self.assertEqual(1, self.fact.get())

    def test_threads_share_a_read(self):
        answers = [self.ask() for _ in range(4)]
        self.await_read()
        self.answer(1)
        self.assertEqual([1] * 4, [answer() for answer in answers])
        self.assertTrue(self.reads.empty())

    def test_forgotten_while_it_is_read(self):
        """Nobody waits to forget it, and what comes then is out of date."""
        before = self.ask()
        self.await_read()
        self.fact.forget()
        after = self.ask()
        self.answer('old')
        self.answer('new')
        self.assertEqual(['old', 'new', 'new'],
                         [before(), after(), self.fact.get()])


class NewsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.now = 100
        self.news = facts.News(lambda: self.now)
        self.values = iter(range(100))
        self.fact = facts.Fact(lambda: (next(self.values), True), self.news)

    def test_nobody_listens(self):
        self.fact.get()
        self.now += 10 ** 6
        self.assertEqual(0, self.fact.get())

    def test_no_news(self):
        self.news.note_silence()
        for expected in range(3):
            self.assertEqual(expected, self.fact.get())
            self.now += self.news.MAX_AGE - 1
            self.assertEqual(expected, self.fact.get())
            self.assertEqual(expected, self.fact.known())
            self.now += 1
            self.assertIsNone(self.fact.known())

    def test_news_stop(self):
        self.news.note_poll()
        self.fact.get()
        for _poll in range(9):
            self.now += self.news.MAX_AGE - 1
            self.news.note_poll()
        self.assertEqual(0, self.fact.get())
        self.now += self.news.MAX_AGE
        self.assertEqual(1, self.fact.get())
        # What is read without news is good as long.
        self.now += self.news.MAX_AGE - 1
        self.assertEqual(1, self.fact.get())
        self.now += 1
        self.assertEqual(2, self.fact.get())

    def test_known_otherwise(self):
        self.news.note_silence()
        self.fact.set('a')
        self.now += self.news.MAX_AGE - 1
        self.fact.replace('a', 'b')
        self.assertEqual('b', self.fact.get())
        # A change of the driver's own does not tell of other changes.
        self.now += 1
        self.assertEqual(0, self.fact.get())

    def test_time_of_a_read(self):
        """A value is as old as its read is, also if that took long."""
        def read():
            self.now += self.news.MAX_AGE - 1
            return next(self.values), True

        self.news.note_silence()
        fact = facts.Fact(read, self.news)
        fact.get()
        self.assertEqual(0, fact.known())
        self.now += 1
        self.assertIsNone(fact.known())


class AgingFactTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.now = 100
        self.reads = 0
        self.fact = facts.AgingFact(self.read, facts.News(), 60,
                                    lambda: self.now)

    def read(self):
        self.reads += 1
        return self.reads, True

    def test_old(self):
        self.assertEqual(1, self.fact.get())
        self.now += 59
        self.assertEqual(1, self.fact.get())
        self.now += 1
        self.assertEqual(2, self.fact.get())

    def test_made_older(self):
        self.fact.get()
        self.fact.age(10)
        # It never makes it younger.
        self.fact.age(1000)
        self.now += 9
        self.assertEqual(1, self.fact.get())
        self.now += 1
        self.assertEqual(2, self.fact.get())
