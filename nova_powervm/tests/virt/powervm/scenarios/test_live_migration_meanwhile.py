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

"""What happens elsewhere, or to the queue, while servers move."""

import types

from nova.virt import event as virt_event

from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import live_migration
from nova_powervm.tests.virt.powervm.scenarios import live_volumes

_ROOT = 'http://localhost:12080/rest/api/uom/ManagedSystem/%s/%s/%s'
#: What the detail of an event can say, or not.
_DETAILS = ('PartitionState,ReferenceCode', 'NVRAM', 'Other', '', None)


class StormTest(live_migration.LiveMigrationMixin, base.ScenarioCase):
    """The platforms send events of everything, again and again."""

    TIMING = live_migration.SLOW

    def setUp(self):
        super().setUp()
        self.told = []
        for host in self.computes:
            driver = self.cloud.compute(host).driver
            driver.register_event_listener(self.told.append)
            self.addCleanup(driver.register_event_listener, None)

    def storm(self, server):
        """Let the drivers of both hosts handle some hundred events.

        Then each of them looks at the state of the server, as it does when
        the events have ceased.
        """
        uuid = server['id'].upper()
        for name in self.computes:
            driver, host = (self.cloud.compute(name).driver,
                            self.simulated_host(name))
            found = [self.event(host, etype, kind, uuid_of, detail)
                     for kind, uuid_of in [('LogicalPartition', uuid)] * 5 + [
                         (resource.TYPE, resource.uuid)
                         for kind in ('VirtualIOServer', 'VirtualSwitch')
                         for resource in host.store.all(kind)]
                     for etype in ('ADD_URI', 'MODIFY_URI', 'INVALID_URI')
                     for detail in _DETAILS]
            found += [types.SimpleNamespace(etype=etype, data='', detail='')
                      for etype in ('CACHE_CLEARED', 'MISSING_EVENTS')]
            with self.cloud.on(name):
                driver.events.process(found)
                driver.events.lifecycle.emit(uuid)

    def event(self, host, etype, kind, uuid, detail):
        return types.SimpleNamespace(
            etype=etype, data=_ROOT % (host.system.uuid, kind, uuid),
            detail=detail)

    def assert_no_stop_was_told(self):
        self.assertNotIn(virt_event.EVENT_LIFECYCLE_STOPPED, [
            event.transition for event in self.told])

    def check_storm(self, server, host, booted):
        self.meanwhile(*[lambda: self.storm(server)] * 40)
        self.live_migrate(server)
        self.storm(server)
        self.assert_runs_on(server, host, booted)
        self.assert_no_stop_was_told()

    def test_it_moves(self):
        server = self.boot_on_first()
        booted = self.lpar_on(server, 'compute1').boot_time
        self.check_storm(server, 'compute2', booted)
        self.assertEqual('completed', self.migration_of(server).status)
        self.cloud.run_periodic_tasks()
        self.assert_runs_on(server, 'compute2', booted)
        self.assert_gone(server)

    def test_it_stays(self):
        server, before = self.boot_and_look()
        self.break_migration('copy')
        self.check_storm(server, 'compute1', before[1])
        self.assert_stayed(server, before)
        self.assert_moves_again(server)


class SlowViosMixin:
    """Each answer with the documents of VIOSes takes 50 seconds.

    That is less than what Nova waits for, but two of them are more.
    """

    SECONDS = 50
    #: The most that Nova waits for the check at the source.
    MOST = 60

    def slow_down(self):
        self.slow = []

        def pass_time(method, path):
            self.slow.append('%s %s' % (method, path))
            self.cloud.waiting.seconds += self.SECONDS

        for host in self.site.hosts:
            host.faults.add({'path': '/VirtualIOServer', 'count': 0},
                            pass_time)

    def test_slow_vioses(self):
        server = self.boot_on_first()
        booted = self.lpar_on(server, 'compute1').boot_time
        # The checks read what nobody knows any more.
        for host in sorted(self.computes):
            self.restart(host)
        source, spent = self.cloud.compute('compute1'), []
        check = source.check_can_live_migrate_source

        def measure(*args, **kwargs):
            before = self.cloud.waiting.seconds
            try:
                return check(*args, **kwargs)
            finally:
                spent.append(self.cloud.waiting.seconds - before)

        source.check_can_live_migrate_source = measure
        self.slow_down()
        self.live_migrate(server)
        self.assertEqual([True], [seconds < self.MOST for seconds in spent],
                         self.slow)
        self.assert_runs_on(server, 'compute2', booted)
        self.assertEqual('completed', self.migration_of(server).status)


class SlowPoolTest(SlowViosMixin, live_migration.LiveMigrationMixin,
                   base.ScenarioCase):
    """With a disk in a pool."""


class SlowVscsiTest(SlowViosMixin, live_volumes.LiveVolumeMixin,
                    base.ScenarioCase):
    """With volumes by virtual SCSI."""


class SlowNpivTest(SlowViosMixin, live_volumes.LiveNpivMixin,
                   base.ScenarioCase):
    """With volumes through NPIV."""


class QueueMixin:
    """A user stops a migration before the platform has heard of it."""

    def abort(self, server):
        return self.users.abort_live_migration(self.walk_server(server))

    def test_queued(self):
        """The thread for live migrations is busy with another server."""
        server, before = self.boot_and_look()
        source = self.cloud.compute('compute1')
        source.is_migrating = True
        self.users.live_migrate(self.walk_server(server), 'compute2')
        self.assertEqual('queued', self.migration_of(server).status)
        self.assertEqual('migrating', self.instance_of(server).task_state)
        self.assertIsNone(self.abort(server))
        source.is_migrating = False
        self.assert_stayed(server, before, 'cancelled')
        self.assert_moves_again(server)

    def test_queued_and_killed(self):
        """The next start takes it off the queue."""
        server, before = self.boot_and_look()
        self.cloud.compute('compute1').is_migrating = True
        self.users.live_migrate(self.walk_server(server), 'compute2')
        self.cloud.kill('compute1')
        self.cloud.start('compute1')
        self.assert_stayed(server, before)
        self.assert_moves_again(server)

    def test_preparing(self):
        """The target has just made everything ready for the server."""
        server, before = self.boot_and_look()
        source = self.cloud.compute('compute1')
        prepare = source.compute_rpcapi.pre_live_migration

        def prepare_and_abort(*args):
            found = prepare(*args)
            self.assertEqual('preparing', self.migration_of(server).status)
            self.assertIsNone(self.abort(server))
            return found

        source.compute_rpcapi.pre_live_migration = prepare_and_abort
        self.live_migrate(server)
        source.compute_rpcapi.pre_live_migration = prepare
        self.assert_stayed(server, before, 'cancelled')
        self.assertEqual([], [
            found for found in self.site.state()['migrations']
            if found['uuid'] == self.lpar_on(server, 'compute1').uuid])
        self.assert_moves_again(server)

    def test_deleted_when_prepared(self):
        """Nova deletes the server before the source submits the job."""
        server = self.boot_on_first()
        source = self.cloud.compute('compute1')
        prepare = source.compute_rpcapi.pre_live_migration

        def prepare_and_delete(*args):
            found = prepare(*args)
            self.assertIsNone(self.users.delete(self.walk_server(server)))
            return found

        source.compute_rpcapi.pre_live_migration = prepare_and_delete
        self.users.live_migrate(self.walk_server(server), 'compute2')
        source.compute_rpcapi.pre_live_migration = prepare
        self.assertEqual([], self.cloud.failures)
        self.assertNotIn('somebody has moved or deleted', self.logger.output)
        self.assertEqual({}, {
            volume: found for volume, found in
            self.cloud.cinder.volume_to_attachment.items() if found})
        self.cloud.run_periodic_tasks()
        self.assert_state_equal(self.empty, self.platform_state(), 'deleted')


class QueueTest(QueueMixin, live_migration.LiveMigrationMixin,
                base.ScenarioCase):
    """With a disk in a pool, and a config drive."""


class VscsiQueueTest(QueueMixin, live_volumes.LiveVolumeMixin,
                     base.ScenarioCase):
    """With volumes by virtual SCSI."""


class NpivQueueTest(QueueMixin, live_volumes.LiveNpivMixin,
                    base.ScenarioCase):
    """With volumes through NPIV."""
