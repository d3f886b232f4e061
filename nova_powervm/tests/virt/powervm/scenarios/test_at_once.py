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

"""Many servers come and go at once on one host.

In most tests each write of a VIOS takes long: until all other threads wait for
the VIOS, too. A VIOS takes one write after the other. So the time of an
operation is the number of writes, wherever a write takes longer than all else.
Other tests measure the time.
"""

import collections
from concurrent import futures
import re
import threading
import time
import types

import fixtures as fx
from nova import objects

from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.walks import server as walk_server
from nova_powervm.virt.powervm import group_commit
from nova_powervm.virt.powervm.storage import transaction

SECONDS = 150  # the most that a write waits for other threads
_VIOS = re.compile(r'/VirtualIOServer/[^/]+$')


class SlowVioses(fx.Fixture):
    """VIOSes that end a write only when all threads wait for a VIOS.

    :param site: simulator.site.Site
    :param seconds: the most that a write waits for other threads
    """

    def __init__(self, site, seconds=SECONDS):
        super().__init__()
        self._site = site
        self._seconds = seconds
        self._changed = threading.Condition()
        self._at_work = 0

    def _setUp(self):
        self.useFixture(fx.MockPatch(
            'nova_powervm.simulator.app.time', types.SimpleNamespace(
                monotonic=time.monotonic, sleep=self._sleep)))
        commit = group_commit.GroupCommit.commit

        def waiting(*args, **kwargs):
            self._count(-1)
            try:
                return commit(*args, **kwargs)
            finally:
                self._count(1)

        self.useFixture(fx.MockPatchObject(
            group_commit.GroupCommit, 'commit', waiting))
        # A server counts once: it waits for one VIOS at a time.
        self.useFixture(fx.MockPatchObject(
            transaction, 'SLOW', float('inf')))
        self._site.timing['vios_write_seconds'] = 1
        self.addCleanup(self._site.timing.update, vios_write_seconds=0)

    def _count(self, change):
        with self._changed:
            self._at_work += change
            self._changed.notify_all()

    def _sleep(self, _seconds):
        with self._changed:
            self._changed.wait_for(lambda: not self._at_work, self._seconds)

    def call(self, function, instances):
        """Call a function of an instance in threads.

        :returns: list of the exceptions
        """
        failures = []

        def call(instance):
            try:
                function(instance)
            except Exception as exc:
                failures.append(exc)
            finally:
                self._count(-1)

        threads = [threading.Thread(target=call, args=(instance,))
                   for instance in instances]
        self._count(len(threads))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return failures


class ThreadsCase(base.ScenarioCase):
    """Servers on one cached image come and go in threads."""

    TIMING = {'job_polls': 1}

    def setUp(self):
        super().setUp()
        # The database of tests takes no two threads.
        self.useFixture(fx.MockPatchObject(objects.Instance, 'save'))

    def make_instances(self, count):
        """Make servers that Nova has not built yet."""
        made = []
        for _ in range(count):
            server = walk_server.Server(self.cloud, next(self._numbers))
            self.users._make_instance(server, base.TINY, 0).create()
            self.addCleanup(self.cloud.forget, server)
            made.append(server.read())
        return made

    def build(self, instance):
        self.driver.spawn(
            self.context, instance,
            objects.ImageMeta.from_dict(self.users._image(0)), [], None, {},
            network_info=[], block_device_info={})

    def remove(self, instance):
        self.driver.destroy(self.context, instance, [], {})


class AtOnceTest(ThreadsCase):
    """They share the writes of their VIOS.

    :cvar ALONE: the writes that one server needs when it comes, and when it
        goes: of its volume groups, and of each VIOS
    """

    ALONE = (1, 1), (2, 1)

    def at_once(self, function, instances):
        """Call a function of an instance in threads.

        :returns: (writes of all volume groups, most writes of a VIOS)
        """
        self.platform.journal.clear()
        with SlowVioses(self.site) as vioses, self.cloud.on('compute1'):
            self.assertEqual([], vioses.call(function, instances))
        paths = [record['path'] for record in self.platform.journal.records()
                 if record['method'] == 'POST' and record['status'] == 200 and
                 '/VirtualIOServer/' in record['path']]
        of_groups = [path for path in paths if '/VolumeGroup/' in path]
        of_vioses = collections.Counter(
            path for path in paths if path not in of_groups)
        return len(of_groups), max(of_vioses.values())

    def reads(self):
        """How often the platform has sent the document of each VIOS."""
        return collections.Counter(
            record['path'].rpartition('/')[2]
            for record in self.platform.journal.records()
            if record['method'] == 'GET' and record['status'] == 200 and
            _VIOS.search(record['path']))

    def measure(self, count):
        """Build servers and remove them; returns the writes of both."""
        instances = self.make_instances(count)
        built = self.at_once(self.build, instances)
        mappings = [len(self.mappings_of({'id': instance.uuid}))
                    for instance in instances]
        self.assertEqual(mappings[:1] * count, mappings)
        self.assertGreaterEqual(mappings[0], 2)
        return built, self.at_once(self.remove, instances)

    def check(self, count, factor):
        """Check how often servers have the same document written.

        :param factor: int, so many times as long as one of them all of them
            may take to come.
        """
        built, removed = self.measure(count)
        self.assertLessEqual(sum(built), factor * sum(self.ALONE[0]), built)
        for writes, alone in zip((built, removed), self.ALONE):
            for found, of_one in zip(writes, alone):
                self.assertLessEqual(found, 4 * of_one, (built, removed))

    def test_one(self):
        self.assertEqual(self.ALONE, self.measure(1))

    def test_eight(self):
        self.check(8, factor=2)

    def test_ten(self):
        self.check(10, factor=3)

    def test_reads(self):
        """The platform sends each VIOS at most twice.

        The upload of a config drive would change the VIOS in between.
        """
        self.flags(force_config_drive=False)
        instances = self.make_instances(10)
        for operation in (self.build, self.remove):
            self.at_once(operation, instances)
            self.assertLessEqual(max(self.reads().values(), default=0), 2)

    def test_sixteen(self):
        self.check(16, factor=3)


class PoolAtOnceTest(AtOnceTest):
    """Disks in a Shared Storage Pool, mapped through both VIOSes.

    The writes of one of them happen during those of the other.
    """

    PROFILE = 'ssp'
    STORAGE = {'disk_driver': 'ssp'}
    ALONE = (0, 1), (1, 1)

    def test_eight(self):
        self.check(8, factor=3)


class FaultsTest(ThreadsCase):
    """Something happens to a write that several servers share."""

    COUNT = 4
    GROUP = 'VolumeGroup/[^/]+$'
    VIOS = 'VirtualIOServer/[^/]+$'

    def setUp(self):
        super().setUp()
        self.before = self.storage()

    def build_with_fault(self, path, nth, **fault):
        """Build servers while the nth write of a document goes wrong.

        If all servers come in one write, there is no second one. Then others
        are built while the first write goes wrong.

        :returns: (list of those that were built, list of those that failed)
        """
        for number in (nth, 1):
            found = self.platform.faults.add(dict(
                {'method': 'POST', 'path': path, 'nth': number}, **fault))
            built, failed = self.build_all()
            if found.applied:
                break
            self.platform.faults.clear(found.id)
            self.assertEqual([], failed)
            self.assert_removed(built)
        self.assertEqual(1, found.applied)
        return built, failed

    def build_all(self):
        """Build servers at once: (list of those built, list of the others)."""
        instances = self.make_instances(self.COUNT)
        built, failed = [], []

        def build(instance):
            try:
                self.build(instance)
                built.append(instance)
            except Exception:
                failed.append(instance)

        # What undoes a server changes a VIOS by itself, and is not waited for.
        with SlowVioses(self.site, 1) as vioses, self.cloud.on('compute1'):
            vioses.call(build, instances)
        return built, failed

    def assert_told_the_truth(self, built, failed):
        """Who was built has all that it needs, the others have nothing."""
        for instance in built:
            self.assertGreaterEqual(
                len(self.mappings_of({'id': instance.uuid})), 2)
        found = self.storage()
        for instance in failed:
            self.remove(instance)
        self.assertEqual(found, self.storage())
        self.assert_removed(built)

    def assert_removed(self, instances):
        for instance in instances:
            self.remove(instance)
        if self.storage() != self.before:
            # A VIOS that is back loses its config drives then.
            self.cloud.run_periodic_tasks()
        self.assertEqual(self.before, self.storage())

    def storage(self):
        """LPARs, and what the storage of the host has.

        A VIOS that gets a media repository keeps that.
        """
        state = self.platform.state()
        return ([lpar['name'] for lpar in state['LogicalPartition']],
                [vios['mappings'] for vios in state['VirtualIOServer']],
                [group['disks'] for group in state['VolumeGroup']],
                [group['repository']['media'] for group in
                 state['VolumeGroup'] if (group['repository'] or {}).get(
                     'media')])

    def test_refused(self):
        """Those that share a write try by themselves, and do not fail."""
        for path, nth in ((self.GROUP, 2), (self.VIOS, 1)):
            built, failed = self.build_with_fault(
                path, nth, effect='status', status=500)
            # A thread may have come alone.
            self.assertLessEqual(len(failed), 1)
            self.assert_told_the_truth(built, failed)

    def test_answer_is_lost(self):
        """All that shared the write fail, and leave nothing."""
        for path, nth in ((self.GROUP, 2), (self.VIOS, 1)):
            built, failed = self.build_with_fault(
                path, nth, effect='drop_after')
            self.assertNotEqual([], failed)
            self.assert_told_the_truth(built, failed)

    def test_vios_goes_down(self):
        """Nobody is built that has no disk."""
        for path in (self.GROUP, self.VIOS):
            built, failed = self.build_with_fault(path, 1, effect='vios_down')
            self.assertEqual([], built)
            with self.site.lock:
                for vios in self.platform.store.all('VirtualIOServer'):
                    vios.booted()
            self.assert_removed(failed)


class WallTimeTest(ThreadsCase):
    """How long servers take that are built at once, by a clock.

    A write takes so many times as long as all else that a server takes, but
    not longer than LONGEST seconds. So the writes decide, and not the
    processor, which simulates the site, too.
    """

    WRITE = 10
    LONGEST = 3
    #: Another process may have had the processor.
    ATTEMPTS = 4

    def build_at_once(self, count, seconds):
        """Build servers, and remove them.

        :param seconds: float, what a write of a VIOS takes
        :returns: float, seconds until all of them ran
        """
        instances = self.make_instances(count)
        pool = futures.ThreadPoolExecutor(count)
        self.addCleanup(pool.shutdown)
        self.site.timing['vios_write_seconds'] = seconds
        try:
            with self.cloud.on('compute1'):
                begun = time.monotonic()
                list(pool.map(self.build, instances))
                return time.monotonic() - begun
        finally:
            self.site.timing['vios_write_seconds'] = 0
            for instance in instances:
                self.remove(instance)

    def check(self, count, factor):
        """Check how long servers take that are built at once.

        :param factor: int, so many times as long as one they may take
        """
        # Cases have let time.sleep() do nothing.
        self.useFixture(fx.MockPatch(
            'nova_powervm.simulator.app.time', types.SimpleNamespace(
                monotonic=time.monotonic, sleep=threading.Event().wait)))
        found = []
        for _ in range(self.ATTEMPTS):
            seconds = min(self.LONGEST, self.WRITE * min(
                self.build_at_once(1, 0) for _ in range(2)))
            alone = self.build_at_once(1, seconds)
            self.assertGreater(alone, 2 * seconds)
            found.append(self.build_at_once(count, seconds) / alone)
            if found[-1] <= factor:
                return
        self.fail('%d servers took %s times as long as one' % (count, found))

    def test_eight(self):
        self.check(8, factor=2)

    def test_sixteen(self):
        self.check(16, factor=3)
