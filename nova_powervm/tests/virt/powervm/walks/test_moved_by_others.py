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

"""Servers whose LPAR is on another host than Nova says.

An operator has moved it with the tools of the platform, or nobody knows how a
live migration has ended. No second LPAR may run, and the first may lose
nothing.
"""

from nova.compute import task_states
from nova import objects

from nova_powervm import conf as cfg
from nova_powervm.tests.virt.powervm.walks import case
from nova_powervm.tests.virt.powervm.walks import ledger
from nova_powervm.tests.virt.powervm.walks import platforms
from nova_powervm.tests.virt.powervm.walks import view

_REQUESTS_OF_NOVA = '^(?!.*QUEUE_CLIENTKEY)'


class _MovedCase(case.DriverCase):

    def setUp(self):
        super().setUp()
        self.context = self.cloud.context.elevated()

    def tearDown(self):
        # The records in Nova are not those of other tests any more.
        type(self)._end_cloud()
        super().tearDown()

    def say_it_is_on(self, name, **changes):
        """Have Nova say that the server is on a host."""
        instance = self.scene.server.read()
        instance.host = instance.node = name
        instance.update(changes)
        instance.save()

    def records(self, kind):
        """The moves of the server of a kind: list of Migration."""
        return [migration for migration in
                objects.MigrationList.get_by_filters(self.context, {
                    'instance_uuid': self.scene.server.uuid})
                if migration.migration_type == kind]

    def is_on(self, name):
        lpar = self.scene.lpar(name)
        return lpar is not None and lpar.is_on

    def assert_one_writer(self):
        self.assertEqual([], [
            disk for disk, lpars in view.writers(self.cloud.site).items()
            if len(lpars) > 1])


class PoolTest(_MovedCase):

    PLATFORM = platforms.TWO_POOL

    def move_by_operator(self):
        """Move the LPAR to compute2; Nova does not learn of it."""
        self.scene.api.live_migrate(self.scene.server)
        self.say_it_is_on('compute1')
        for record in self.records('live-migration'):
            record.instance_uuid = self.context.request_id[4:]
            record.save()

    def lose_sight(self):
        """Migrate to compute2; nobody can tell how it has ended."""
        lpar = self.scene.lpar('compute1')
        faults = self.cloud.host_of('compute1').faults

        def hide():
            faults.add({'effect': 'drop_before', 'count': 0,
                        'query': _REQUESTS_OF_NOVA})
            with self.cloud.site.lock:
                self.cloud.site.migrations.release(lpar.uuid)

        cfg.CONF.set_override('live_migration_timeout', 300, 'powervm')
        self.addCleanup(cfg.CONF.clear_override, 'live_migration_timeout',
                        'powervm')
        with self.cloud.site.lock:
            self.cloud.site.migrations.hold(lpar.uuid, 'cleanup')
        self.cloud.waiting.events.append(hide)
        self.scene.api.live_migrate(self.scene.server)
        faults.clear()
        self.assertEqual(['error'], [
            record.status for record in self.records('live-migration')])
        self.assertEqual(('error', 'compute1'),
                         (self.scene.status, self.scene.server.host))

    def test_evacuated_to_where_it_runs(self):
        """Nova refuses that; the next start does not power the server off."""
        self.scene.create(1)
        self.lose_sight()
        self.cloud.stop('compute1')
        self.assertIn('already exists', str(
            self.scene.api.evacuate(self.scene.server, 'compute2')))
        self.cloud.restart('compute2')
        self.assertTrue(self.is_on('compute2'))

    def restart_after_old_evacuation(self, move):
        """An evacuation failed long ago: it has not made the LPAR."""
        self.scene.create()
        objects.Migration(
            self.context, source_compute='compute1', source_node='compute1',
            dest_compute='compute2', instance_uuid=self.scene.server.uuid,
            status='failed', migration_type='evacuation').create()
        move()
        self.cloud.restart('compute2')
        self.assertTrue(self.is_on('compute2'))

    def test_old_evacuation_and_lost_migration(self):
        self.restart_after_old_evacuation(self.lose_sight)

    def test_old_evacuation_and_operator(self):
        self.restart_after_old_evacuation(self.move_by_operator)

    def test_evacuated_from_a_host_that_is_down(self):
        """A third host has it."""
        self.scene.create(host='compute2')
        self.say_it_is_on('compute3')
        self.cloud.service_of('compute3')
        self.assertIn('its LPAR is on host compute2', str(
            self.scene.api.evacuate(self.scene.server, 'compute1')))
        self.assertFalse(self.is_on('compute1'))
        self.assert_one_writer()

    def test_reverted(self):
        """It was moved again since Nova migrated it."""
        self.scene.create(1)
        self.scene.api.resize(self.scene.server, None, 'compute2')
        self.cloud.service_of('compute3')
        record, = self.records('migration')
        self.say_it_is_on('compute3', task_state=task_states.RESIZE_REVERTING)
        record.dest_compute = record.dest_node = 'compute3'
        record.status = 'reverting'
        record.save()
        self.assertIn('its LPAR is on host compute2', str(self.cloud.call(
            'compute1', 'finish_revert_resize',
            instance=self.scene.server.read(), migration=record,
            request_spec=objects.RequestSpec(requested_resources=[]))))
        self.assertTrue(self.is_on('compute2'))
        self.assertFalse(self.is_on('compute1'))
        self.assert_one_writer()


class VolumeTest(_MovedCase):

    PLATFORM = platforms.TWO_VSCSI

    def test_moved_back_after_an_evacuation(self):
        """It keeps its volume when nova-compute of that host starts."""
        ledger.Watch(self.cloud).guests.make_volume(1)
        self.scene.create(volumes=(1,), boots=True)
        self.cloud.stop('compute1')
        self.scene.lpar('compute1').halted()
        self.scene.api.evacuate(self.scene.server)
        self.cloud.start('compute1')
        self.cloud.run_periodic_tasks()
        self.scene.api.start(self.scene.server)
        self.assertEqual(['completed'], [
            record.status for record in self.records('evacuation')])
        self.scene.api.live_migrate(self.scene.server, 'compute1')
        self.say_it_is_on('compute2')
        for record in self.records('live-migration'):
            record.instance_uuid = self.context.request_id[4:]
            record.save()
        before = view.writable(self.scene.lpar('compute1'))
        self.assertTrue(before)
        self.cloud.restart('compute1')
        self.assertEqual(before, view.writable(self.scene.lpar('compute1')))
