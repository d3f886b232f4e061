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

"""Tests of virt/powervm/group_commit.py."""

import copy
import queue
import threading
import types
from unittest import mock
import uuid

import fixtures
import hypothesis
from hypothesis import strategies
from oslo_context import context as oslo_context
from pypowervm import adapter as pvm_adapter
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import entry_wrapper as pvm_wrapper
import testtools

from nova_powervm.virt.powervm import group_commit

# A hang is a failure, not a reason to wait for long.
TIMEOUT = 20

OK = 'ok'
REFUSED = 'refused'
# Written, but the answer does not arrive.
LOST = 'lost'
# Somebody else writes just before.
OUTDATED = 'outdated'


class Rejected(Exception):
    """What a change raises."""


def http_error(status):
    return pvm_exc.HttpError(pvm_adapter.Response(
        'POST', '/', status, 'refused', {}, body=''))


class Platform:
    """Has one document, a list; answers a request when the test lets it."""

    def __init__(self):
        self.uuid = str(uuid.uuid4())
        self.items = ()
        self.version = 0
        self.reads = self.writes = self.unchanged = 0
        self.requests = queue.Queue()

    def answer(self, outcome=OK):
        """Let one request happen; return False if none comes."""
        try:
            request = self.requests.get(timeout=TIMEOUT)
        except queue.Empty:
            return False
        request.put(outcome)
        return True

    def _wait(self):
        request = queue.Queue()
        self.requests.put(request)
        return request.get(timeout=TIMEOUT)

    def read(self, known=None):
        if self._wait() == REFUSED:
            raise http_error(500)
        self.reads += 1
        if known is not None and known.version == self.version:
            self.unchanged += 1
            return known
        return self.wrapper()

    def wrapper(self):
        return Wrapper(Entry(self, self.items), self.version)

    def write(self, wrapper):
        outcome = self._wait()
        self.writes += 1
        if outcome == OUTDATED:
            self.items += ('foreign %d' % self.version,)
            self.version += 1
        if outcome == REFUSED:
            raise http_error(500)
        if wrapper.version != self.version:
            raise http_error(412)
        self.items = tuple(wrapper.items)
        self.version += 1
        if outcome == LOST:
            raise pvm_exc.ConnectionError('no answer')
        wrapper.version = self.version
        return wrapper


class Entry:
    """What a wrapper wraps; its copy has items of its own."""

    def __init__(self, platform, items):
        self.platform = platform
        self.items = list(items)

    def __deepcopy__(self, memo):
        return Entry(self.platform, self.items)


class Wrapper(pvm_wrapper.EntryWrapper):
    """The document, as it was read."""

    def __init__(self, entry, version):
        self.entry = entry
        self.platform = entry.platform
        self.items = entry.items
        self.version = version

    @property
    def uuid(self):
        return self.platform.uuid

    def refresh(self, use_etag=True):
        return self.platform.read(self)

    def update(self, timeout=-1):
        return self.platform.write(self)


class Answers:
    """Keeps the last answers, as LastAnswers does."""

    def __init__(self):
        self._kept = {}

    def keep(self, key, wrapper):
        self._kept[key] = Wrapper(copy.deepcopy(wrapper.entry),
                                  wrapper.version)

    def read(self, key):
        kept = self._kept.pop(key, None)
        return kept and kept.refresh()


class Getter(pvm_wrapper.EntryWrapperGetter):
    """Reads the document once, as pypowervm's does."""

    def __init__(self, platform):
        self.platform = platform
        self.known = None

    @property
    def uuid(self):
        return self.platform.uuid

    def get(self, refresh=False):
        if self.known is None:
            self.known = self.platform.read()
        return self.known


class Writer(threading.Thread):
    """Makes one change in a thread."""

    def __init__(self, case, name, raises=False, groups=('mapping',),
                 known=None, writes=None, part=None):
        super().__init__(daemon=True)
        self.case = case
        self.item = name
        self.raises = raises
        self.result = self.error = None
        self.waits = threading.Event()
        self.change = group_commit.Change(
            name, lambda: Getter(case.platform), self._edit, groups)
        self.known, self.written = known, writes
        self.document = part or case.platform.uuid

    def _edit(self, wrapper):
        if self.raises:
            wrapper.items.append('half of %s' % self.item)
            raise Rejected(self.item)
        if self.item in wrapper.items:
            return False
        wrapper.items.append(self.item)
        return True

    def run(self):
        try:
            self.result = self.case.commits.commit(
                self.document, self.change, self.known, self.written,
                owner=self.case.platform.uuid)
        except Exception as exc:
            self.error = exc

    def begin(self):
        """Start it; return when its change waits, or is being made."""
        document = self.case.commits._document(
            self.document, self.case.platform.uuid)
        add = document.add

        def added(change):
            add(change)
            if change is self.change:
                self.waits.set()

        with mock.patch.object(document, 'add', added):
            self.start()
            if not self.waits.wait(TIMEOUT):
                raise AssertionError('%s does not start' % self.item)
        return self


class Case(testtools.TestCase):
    """One document, and the threads that change it."""

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.FakeLogger())
        self.useFixture(fixtures.MockPatch('pypowervm.utils.retry.time'))
        self.recreate()

    def recreate(self):
        self.commits = group_commit.GroupCommit(None)
        self.commits.answers = Answers()
        self.platform = Platform()

    def writer(self, name, **kwargs):
        return Writer(self, name, **kwargs).begin()

    def finish(self, writers, outcomes=()):
        """Answer all requests until the threads have ended."""
        outcomes = list(outcomes)
        while any(writer.is_alive() for writer in writers):
            try:
                request = self.platform.requests.get(timeout=0.02)
            except queue.Empty:
                continue
            request.put(outcomes.pop(0) if outcomes else OK)


class TogetherTest(Case):
    """What waits is written together."""

    def test_one(self):
        writer = self.writer('a')
        self.finish([writer])
        self.assertEqual(('a',), self.platform.items)
        self.assertEqual(['a'], writer.result.items)
        self.assertEqual((1, 1), (self.platform.reads, self.platform.writes))

    def test_many(self):
        """All of them get the document that has the changes of all."""
        writers = [self.writer(name) for name in 'abcde']
        self.finish(writers)
        self.assertEqual(tuple('abcde'), self.platform.items)
        for writer in writers:
            self.assertEqual(list('abcde'), writer.result.items)
        self.assertEqual((1, 1), (self.platform.reads, self.platform.writes))

    def test_later(self):
        """What comes during the write waits for the next one."""
        writers = [self.writer('a')]
        self.platform.answer()
        # The write is under way when the next request is there.
        write = self.platform.requests.get(timeout=TIMEOUT)
        writers += [self.writer('b'), self.writer('c')]
        write.put(OK)
        self.finish(writers)
        self.assertEqual(2, self.platform.writes)
        self.assertEqual({'a', 'b', 'c'}, set(self.platform.items))

    def test_too_many(self):
        """A request must not take longer than its time-out."""
        self.patch(group_commit, 'MOST_TOGETHER', 3)
        writers = [self.writer(name) for name in 'abcdefg']
        self.finish(writers)
        self.assertEqual(set('abcdefg'), set(self.platform.items))
        self.assertEqual(3, self.platform.writes)

    def test_settled_goes_on(self):
        """Whose change is written need not wait for the next write."""
        writers = [self.writer('a'), self.writer('b')]
        other = self.writer('c', groups=['storage'])
        for _request in ('read', 'write', 'read'):
            self.platform.answer()
        # The write of the other one is under way.
        write = self.platform.requests.get(timeout=TIMEOUT)
        for writer in writers:
            writer.join(TIMEOUT)
            self.assertFalse(writer.is_alive())
        self.assertTrue(other.is_alive())
        write.put(OK)
        self.finish([other])

    def test_parts_of_one_owner(self):
        """A document waits while another one of the same VIOS is written."""
        writer = self.writer('a')
        other = Writer(self, 'b')
        done = threading.Event()

        def commit():
            self.commits.commit(str(uuid.uuid4()), other.change,
                                owner=self.platform.uuid)
            done.set()

        thread = threading.Thread(target=commit, daemon=True)
        thread.start()
        self.platform.answer()
        write = self.platform.requests.get(timeout=TIMEOUT)
        self.assertFalse(done.wait(0.05))
        self.assertTrue(self.platform.requests.empty())
        write.put(OK)
        self.finish([writer, thread])
        self.assertTrue(done.is_set())
        self.assertEqual(('a', 'b'), self.platform.items)

    def test_nothing_to_change(self):
        self.platform.items = ('a', 'b')
        writers = [self.writer(name) for name in 'ab']
        self.finish(writers)
        self.assertEqual((1, 0), (self.platform.reads, self.platform.writes))
        self.assertEqual(['a', 'b'], writers[1].result.items)

    def test_other_groups(self):
        """A document that was read without a group cannot be written with it.

        Two changes with other groups are written together, after the others.
        """
        writers = [self.writer('a'), self.writer('b', groups=['storage']),
                   self.writer('c', groups=['storage']), self.writer('d')]
        self.finish(writers)
        self.assertEqual(2, self.platform.writes)
        self.assertEqual({'a', 'd'}, set(self.platform.items[:2]))
        self.assertEqual({'b', 'c'}, set(self.platform.items[2:]))

    def test_known(self):
        known = self.platform.wrapper()
        writer = self.writer('a', known=known, writes=0)
        self.finish([writer])
        self.assertEqual((0, 1), (self.platform.reads, self.platform.writes))

    def test_known_but_outdated(self):
        """It is read again instead of sent in vain."""
        writes = self.commits.writes(self.platform.uuid)
        known = self.platform.wrapper()
        self.finish([self.writer('a')])
        writer = self.writer('b', known=known, writes=writes)
        self.finish([writer])
        self.assertEqual(('a', 'b'), self.platform.items)
        self.assertEqual((2, 2), (self.platform.reads, self.platform.writes))

    def test_unchanged(self):
        """What was written here is not sent again."""
        for name, unchanged in (('a', 0), ('b', 1), ('c', 2)):
            self.finish([self.writer(name)])
            self.assertEqual(unchanged, self.platform.unchanged)
        self.assertEqual(('a', 'b', 'c'), self.platform.items)

    def test_somebody_else_wrote_before(self):
        self.finish([self.writer('a')])
        self.platform.items += ('foreign',)
        self.platform.version += 1
        self.finish([self.writer('b')])
        self.assertEqual(('a', 'foreign', 'b'), self.platform.items)
        self.assertEqual((0, 2), (self.platform.unchanged,
                                  self.platform.writes))

    def test_other_groups_were_written(self):
        """Their document has other parts; each kind has the same parts."""
        self.finish([self.writer('a')])
        self.finish([self.writer('b', groups=['storage'])])
        self.assertEqual(0, self.platform.unchanged)

    def test_result_is_changed(self):
        """It is not what the next change begins with."""
        writer = self.writer('a')
        self.finish([writer])
        writer.result.items.append('scribble')
        self.finish([self.writer('b')])
        self.assertEqual(('a', 'b'), self.platform.items)

    def test_write_was_lost_before(self):
        """Nobody knows what there is now."""
        self.finish([self.writer('a')])
        self.finish([self.writer('b')], [OK, LOST])
        self.finish([self.writer('c')])
        self.assertEqual(('a', 'b', 'c'), self.platform.items)
        self.assertEqual(1, self.platform.unchanged)

    def test_request_ids(self):
        """The log has the request id of the one that wants a change."""
        seen = {}

        def begin(name):
            context = oslo_context.RequestContext(request_id='req-' + name)
            writer = Writer(self, name)
            edit = writer._edit

            def edit_and_look(wrapper):
                seen[name] = oslo_context.get_current().request_id
                return edit(wrapper)

            writer.change = group_commit.Change(
                name, lambda: Getter(self.platform), edit_and_look, ['a'])

            def run(run=writer.run):
                context.update_store()
                run()
                seen['after ' + name] = oslo_context.get_current().request_id
            writer.run = run
            return writer.begin()

        self.finish([begin(name) for name in 'abc'])
        self.assertEqual({
            where + name: 'req-' + name for name in 'abc'
            for where in ('', 'after ')}, seen)


class CrowdTest(Case):
    """The first of several threads waits a little for the others."""

    def setUp(self):
        super().setUp()
        self.now = 0
        self.patch(group_commit, 'time', types.SimpleNamespace(
            monotonic=lambda: self.now))
        self.patch(group_commit, 'MOST_PATIENCE', TIMEOUT)

    def write_part(self, count, seconds=2 * TIMEOUT):
        """Write changes of a part in so many threads, in a slow request."""
        version = self.platform.version
        writers = [self.writer('%d of %d' % (number, version), part='group')
                   for number in range(count)]
        self.platform.answer()
        write = self.platform.requests.get(timeout=TIMEOUT)
        self.now += seconds
        write.put(OK)
        self.finish(writers)
        self.platform.writes = 0

    def test_all_come(self):
        self.write_part(1)
        self.write_part(2)
        writers = [self.writer('a'), self.writer('b')]
        self.assertTrue(self.platform.requests.empty())
        writers.append(self.writer('c'))
        self.finish(writers)
        self.assertEqual(1, self.platform.writes)
        self.assertEqual({'a', 'b', 'c'}, set(self.platform.items[3:]))

    def test_some_do_not_come(self):
        """They are waited for once, and not for ever."""
        self.patch(group_commit, 'MOST_PATIENCE', 0.01)
        self.write_part(3)
        self.finish([self.writer('a')])
        self.patch(group_commit, 'MOST_PATIENCE', TIMEOUT)
        self.finish([self.writer('b')])
        self.assertEqual(2, self.platform.writes)

    def test_alone(self):
        """Nobody waits for itself."""
        self.write_part(1)
        self.goes_on_at_once()

    def test_same_document(self):
        """Who has just changed it is not waited for."""
        self.write_part(3)
        self.goes_on_at_once(part='group')

    def test_long_ago(self):
        self.write_part(3)
        self.now += 3 * TIMEOUT
        self.goes_on_at_once()
        # Nor do those count when somebody else comes.
        self.write_part(1)
        self.goes_on_at_once()

    def test_fast_writes(self):
        """Where writes take no time nobody waits."""
        self.write_part(3, seconds=0)
        self.goes_on_at_once()

    def goes_on_at_once(self, **kwargs):
        writer = self.writer('a %d' % self.platform.version, **kwargs)
        self.platform.requests.get(timeout=TIMEOUT / 2).put(OK)
        self.finish([writer])


class FailureTest(Case):
    """Each learns what it would learn alone."""

    def test_change_raises(self):
        writers = [self.writer('a'), self.writer('b', raises=True),
                   self.writer('c')]
        self.finish(writers)
        self.assertEqual(('a', 'c'), self.platform.items)
        self.assertEqual([None, 'b', None], [
            writer.error and str(writer.error) for writer in writers])
        self.assertIsInstance(writers[1].error, Rejected)

    def test_first_raises(self):
        """The thread that writes for the others fails, they do not."""
        writers = [self.writer('a', raises=True), self.writer('b')]
        self.finish(writers)
        self.assertEqual(('b',), self.platform.items)
        self.assertIsInstance(writers[0].error, Rejected)
        self.assertIsNone(writers[1].error)

    def test_all_raise(self):
        writers = [self.writer(name, raises=True) for name in 'abc']
        self.finish(writers)
        self.assertEqual(list('abc'), [
            str(writer.error) for writer in writers])
        self.assertEqual(0, self.platform.writes)

    def test_read_is_refused(self):
        """Only the thread that reads learns of it; the next one reads."""
        writers = [self.writer('a'), self.writer('b')]
        self.finish(writers, [REFUSED])
        self.assertIsInstance(writers[0].error, pvm_exc.HttpError)
        self.assertIsNone(writers[1].error)
        self.assertEqual(('b',), self.platform.items)

    def test_write_is_refused(self):
        """Each is tried by itself, as the others may be the reason."""
        writers = [self.writer(name) for name in 'abc']
        self.finish(writers, [OK, REFUSED])
        self.assertEqual([None] * 3, [writer.error for writer in writers])
        self.assertEqual({'a', 'b', 'c'}, set(self.platform.items))
        self.assertEqual(4, self.platform.writes)

    def test_write_is_refused_alone(self):
        writer = self.writer('a')
        self.finish([writer], [OK, REFUSED])
        self.assertIsInstance(writer.error, pvm_exc.HttpError)
        self.assertEqual(1, self.platform.writes)

    def test_no_answer(self):
        """It may have been written: nobody tries again, all are told."""
        writers = [self.writer(name) for name in 'abc']
        self.finish(writers, [OK, LOST])
        for writer in writers:
            self.assertIsInstance(writer.error, pvm_exc.ConnectionError)
        self.assertEqual(1, self.platform.writes)

    def test_somebody_else_writes(self):
        writers = [self.writer(name) for name in 'ab']
        self.finish(writers, [OK, OUTDATED])
        self.assertEqual(('foreign 0', 'a', 'b'), self.platform.items)

    def test_thread_ends(self):
        """The thread that writes for the others is torn down."""
        writer = Writer(self, 'a')

        def edit(wrapper):
            raise SystemExit

        writer.change = group_commit.Change(
            'a', lambda: Getter(self.platform), edit, ['mapping'])
        writers = [writer.begin(), self.writer('b'), self.writer('c')]
        self.finish(writers)
        self.assertEqual({'b', 'c'}, set(self.platform.items))


class OrdersTest(Case):
    """Whatever order changes and answers come in."""

    @hypothesis.settings(max_examples=150, deadline=None, database=None,
                         derandomize=True)
    @hypothesis.given(
        strategies.lists(strategies.tuples(
            strategies.lists(strategies.tuples(
                strategies.booleans(), strategies.sampled_from('ab')),
                max_size=3),
            strategies.sampled_from([OK, OK, REFUSED, LOST, OUTDATED])),
            min_size=1, max_size=6))
    def test_orders(self, steps):
        """Nothing is lost or done in half, and each is told what is so."""
        self.recreate()
        writers = []
        for arrivals, outcome in steps:
            for raises, group in arrivals:
                writers.append(self.writer(
                    'item %d' % len(writers), raises=raises, groups=[group]))
            if any(writer.is_alive() for writer in writers):
                try:
                    self.platform.requests.get(timeout=0.05).put(outcome)
                except queue.Empty:
                    pass
        self.finish(writers)
        self._check(writers, {outcome for _arrivals, outcome in steps})

    def _check(self, writers, outcomes):
        items = self.platform.items
        self.assertEqual(len(set(items)), len(items))
        self.assertFalse([item for item in items if item.startswith('half')])
        for writer in writers:
            if writer.error is None:
                self.assertFalse(writer.raises)
                self.assertIn(writer.item, items)
                self.assertIn(writer.item, writer.result.items)
            elif isinstance(writer.error, Rejected):
                self.assertTrue(writer.raises)
                self.assertEqual(writer.item, str(writer.error))
            elif isinstance(writer.error, pvm_exc.HttpError):
                self.assertIn(REFUSED, outcomes)
            else:
                self.assertIsInstance(writer.error, pvm_exc.ConnectionError)
                self.assertIn(LOST, outcomes)
