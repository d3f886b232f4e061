# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""Tests of live migration, with disks in a shared storage pool."""

import json
import threading

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import migration as pvm_migration
from pypowervm.tasks import power
from pypowervm.wrappers import network as pvm_net

from nova_powervm.simulator import errors
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import migration_base as base
from nova_powervm.tests.simulator import storage_base


class TestMove(base.MigrationTestCase):
    """Migrations that take no time."""

    def setUp(self):
        super().setUp()
        self.unit = self.add_unit()

    def test_validate(self):
        before = self.states()
        self.migrate(validate_only=True)
        self.assertSame(before)
        self.assertEqual('validated', self.record()['outcome'])

    def test_can_lpm(self):
        """pypowervm finds nothing against it."""
        source, target = self.systems()
        self.assertEqual((True, None), self.wrapper().can_lpm(
            source, target.migration_data))
        self.assertEqual((16, 0, 16, 0), tuple(
            target.migration_data[key] for key in (
                'active_migrations_supported', 'active_migrations_in_progress',
                'inactive_migrations_supported',
                'inactive_migrations_in_progress')))

    def test_move(self):
        boot_time = self.lpar.boot_time
        self.migrate()
        self.assertRaises(pvm_exc.HttpError, self.wrapper)
        arrival = self.arrival()
        wrapper = self.wrapper(arrival)
        self.assertEqual(
            ('running', 'Not_Migrating', 'active', 'vm1', 2048),
            (wrapper.state, wrapper.migration_state, wrapper.rmc_state,
             wrapper.name, wrapper.mem_config.desired))
        self.assertEqual(boot_time, arrival.boot_time)
        self.assertEqual('boot variables', arrival.nvram)
        self.assertEqual('done', self.record()['outcome'])

    def test_reads_what_it_has_written(self):
        self.migrate()
        self.assertEqual([b'written before'] * 2, self.read(self.arrival()))
        buses = sorted(
            (bus for vios in self.target.store.all('VirtualIOServer')
             for bus in vios.buses), key=lambda bus: bus.client_slot)
        self.assertEqual(
            [('vios1', 3), ('vios2', 4)],
            [(bus.vios.name, bus.client_slot) for bus in buses])
        self.assertEqual({self.unit},
                         {t.backing for bus in buses for t in bus.targets})

    def test_source_is_as_if_it_had_never_been_there(self):
        without_it = self.useFixture(powervm_fixtures.SimulatedSite(
            self.profile())).site
        self.migrate()
        self.assertEqual(self.parts(without_it), self.parts(self.site))
        for vios in self.source.store.all('VirtualIOServer'):
            self.assertEqual([], vios.buses)
            self.assertEqual(
                [], [s for s, owner in vios.slots.items() if
                     getattr(owner, 'client', None)])

    @staticmethod
    def parts(site):
        """What is on the first host of a site, and nowhere else."""
        return {name: value for name, value in site.hosts[0].state().items()
                if name not in ('sessions', 'jobs', 'ManagementConsole',
                                'LogicalUnit', 'SharedStoragePool', 'Tier')}

    def test_resources(self):
        source, target = self.source.system, self.target.system
        before = (source.available_memory_mb, source.available_units,
                  target.available_memory_mb, target.available_units)
        overhead = self.lpar.memory.overhead_mb(256)
        self.migrate()
        self.assertEqual(
            (before[0] + 2048 + overhead, before[1] + 0.5,
             before[2] - 2048 - overhead, before[3] - 0.5),
            (source.available_memory_mb, source.available_units,
             target.available_memory_mb, target.available_units))

    def test_network_adapter(self):
        old, = pvm_net.CNA.get(self.adapter, parent=self.wrapper())
        self.migrate()
        new, = pvm_net.CNA.get(self.target_adapter,
                               parent=self.wrapper(self.arrival()))
        self.assertEqual((old.mac, old.slot, old.pvid),
                         (new.mac, new.slot, new.pvid))
        self.assertNotEqual(old.uuid, new.uuid)
        self.assertIn(new.href.split('?')[0], self.wrapper(
            self.arrival()).entry.element.toxmlstring().decode())

    def test_goes_on_there(self):
        """What a client does with any partition it can do with this one."""
        self.migrate()
        arrival = self.arrival()
        wrapper = self.wrapper(arrival)
        power.power_off(wrapper, None, force_immediate=True)
        self.assertEqual(0, arrival.uptime)
        wrapper = wrapper.refresh()
        wrapper.name = 'renamed'
        wrapper = wrapper.update()
        power.power_on(wrapper, None)
        self.assertEqual('boot_1', arrival.boot['disk'])
        pvm_net.CNA.bld(
            self.target_adapter, 1,
            self.target.store.all('VirtualSwitch')[0].href()).create(
                parent=wrapper)
        power.power_off(wrapper, None, force_immediate=True)
        wrapper.refresh().delete()
        self.assertIsNone(self.target.store.find('LogicalPartition',
                                                 self.lpar.uuid))

    def test_partition_id(self):
        self.assertEqual(4, self.lpar.partition_id)
        self.migrate()
        self.assertEqual(4, self.arrival().partition_id)

    def test_partition_id_is_taken(self):
        self.make_lpar('other', self.target)
        self.migrate()
        self.assertEqual(5, self.arrival().partition_id)

    def test_there_and_back(self):
        before = self.states()
        self.migrate()
        self.migrate(self.arrival())
        again = self.source.store.get('LogicalPartition', self.lpar.uuid)
        self.assertEqual([b'written before'] * 2, self.read(again))
        after = self.states()
        for states in (before, after):
            for name in [n for n in states if 'ClientNetworkAdapter' in n]:
                del states[name]
        self.assertEqual(before, after)

    def test_two_at_once(self):
        second = self.make_lpar('vm2')
        already = {lpar.name for lpar in
                   self.target.store.all('LogicalPartition')}
        self.hold('copy')
        job = self.submit()
        self.migrate(second)
        self.assertEqual(1, self.site.migrations.count(self.target))
        self.release()
        self.assertEqual('COMPLETED_OK', self.poll(job)[0])
        self.assertEqual(
            {'vm1', 'vm2', *already},
            {lpar.name for lpar in self.target.store.all('LogicalPartition')})

    def test_events(self):
        for adapter in (self.adapter, self.target_adapter):
            storage_base.raw_events(adapter, 'test')
        self.migrate()
        path = '/LogicalPartition/%s' % self.lpar.uuid
        gone = self.own_events(self.adapter, path)
        self.assertEqual(
            ['MODIFY_URI'] * (len(gone) - 1) + ['DELETE_URI'],
            [kind for kind, _detail in gone])
        self.assertIn(('MODIFY_URI', 'PartitionState,ReferenceCode'), gone)
        came = self.own_events(self.target_adapter, path)
        self.assertEqual('ADD_URI', came[0][0])
        self.assertIn(('MODIFY_URI', 'NVRAM'), came)

    @staticmethod
    def own_events(adapter, path):
        """The events of a partition: list of (type, detail)."""
        return [(event['EventType'], event['EventDetail'])
                for event in storage_base.raw_events(adapter, 'test')
                if event['EventData'] and event['EventData'].endswith(path)]

    def test_target_names(self):
        """A name that somebody has chosen is kept, others are new."""
        operator = self.source.operator
        for name in ('chosen', None):
            unit = operator.create_logical_unit(name or 'plain', base.GIB)
            operator.map_storage('vios1', unit.udid, 'vm1', target_name=name)
        other = self.make_lpar('other', self.target)
        self.add_unit('other', other)
        self.migrate()
        bus = next(bus for bus in self.vios(self.target, 'vios1').buses
                   if bus.client is self.arrival())
        self.assertEqual(['vtscsi1', 'chosen', 'vtscsi2'],
                         [target.name for target in bus.targets])
        self.assertEqual(['0x%x00000000000000' % n for n in (
            0x81, 0x82, 0x83)], [target.lua for target in bus.targets])

    def test_mode_stays_until_it_boots(self):
        self.target.system.spec['compatibility_modes'].append('POWER9')
        self.migrate()
        arrival = self.arrival()
        self.assertEqual('POWER8', self.wrapper(arrival).proc_compat_mode)
        with self.site.lock:
            arrival.halted()
            arrival.booted()
        self.assertEqual('POWER9', self.wrapper(arrival).proc_compat_mode)


class TestPhases(base.MigrationTestCase):
    """What can be seen while a migration lasts."""

    TIMING = base.SLOW

    def setUp(self):
        super().setUp()
        self.add_unit()

    def look(self):
        """States of source and target: list of (state, migration state)."""
        found = []
        for lpar in (self.lpar, self.arrival()):
            on_host = lpar and lpar.host.store.find('LogicalPartition',
                                                    lpar.uuid)
            if on_host is None:
                found.append(None)
                continue
            wrapper = self.wrapper(lpar)
            found.append((wrapper.state, wrapper.migration_state))
        return found

    def test_course(self):
        job = self.submit()
        seen = []
        for _phase in base.PHASES:
            seen.append(self.look())
            self.assertEqual('RUNNING', self.poll(job)[0])
            self.site.clock.advance(10)
        self.assertEqual('COMPLETED_OK', self.poll(job)[0])
        seen.append(self.look())
        copying = ('migrating running', 'Migration_In_Progress')
        shell = ('migrating not active', 'Migration_In_Progress')
        self.assertEqual([
            [('running', 'Migration_Starting'), None],
            [('migrating running', 'Migration_Starting'), None],
            [copying, shell], [copying, shell],
            [shell, ('running', 'Migration_In_Progress')],
            [None, ('running', 'Not_Migrating')]], seen)

    def test_pypowervm_waits(self):
        self.migrate()
        self.assertEqual('running', self.arrival().partition_state)
        self.assertEqual([], self.source.jobs.state())

    def test_counters(self):
        self.submit()
        self.assertEqual([1, 1], [
            system.migration_data['active_migrations_in_progress']
            for system in self.systems()])
        self.site.clock.advance(55)
        self.assertEqual([0, 0], [
            system.migration_data['active_migrations_in_progress']
            for system in self.systems()])

    def progress(self, wrapper):
        return [wrapper._get_val_int('ProgressPartitionData' + what)
                for what in ('Total', 'Remaining')]

    def test_progress(self):
        self.to_phase('copy')
        wrapper = self.wrapper()
        self.assertEqual([2048, 2048], self.progress(wrapper))
        self.assertTrue(wrapper._get_val_bool('IsOperationInProgress'))
        self.release()
        self.site.clock.advance(2.5)
        # A client that reads it with the etag sees that, too.
        total, remaining = self.progress(wrapper.refresh())
        self.assertEqual(2048, total)
        self.assertTrue(1400 < remaining <= 1536, remaining)
        self.site.clock.advance(10)
        wrapper = wrapper.refresh()
        self.assertEqual([0, 0], self.progress(wrapper))

    def test_copy_takes_time_with_size(self):
        self.site.timing['migration_copy_seconds'] = 0
        self.site.timing['migration_seconds_per_gb'] = 30
        job = self.to_phase('copy')
        self.release()
        self.site.clock.advance(59)
        self.poll(job)
        self.assertEqual('copy', self.record()['phase'])
        self.site.clock.advance(2)
        self.assertEqual('switch', self.record()['phase'])

    def test_target_is_reserved(self):
        free = self.target.system.available_memory_mb
        self.to_phase('copy')
        self.assertLess(self.target.system.available_memory_mb, free)

    def test_both_hosts_show_it(self):
        self.to_phase('copy')
        for adapter in (self.adapter, self.target_adapter):
            self.assertEqual([self.lpar.uuid], [
                lpar.uuid for lpar in type(self.wrapper()).search(
                    adapter, name='vm1')])

    def test_guest_is_in_one_place(self):
        for phase, runs_on in (('switch', self.source),
                               ('cleanup', self.target)):
            self.hold(phase)
            if phase == 'switch':
                self.submit()
            else:
                self.release()
            self.site.clock.advance(35)
            self.assertEqual(phase, self.record()['phase'])
            running = [lpar.host for lpar in (self.lpar, self.arrival())
                       if lpar.boot_time is not None]
            self.assertEqual([runs_on], running)

    def test_rmc_comes_back(self):
        self.site.timing['rmc_seconds'] = 60
        self.migrate()
        arrival = self.arrival()
        self.assertEqual('inactive', arrival.rmc)
        self.site.clock.advance(61)
        self.assertEqual('active', arrival.rmc)

    def act(self, action, **data):
        return powervm_fixtures.Client(self.source).request(
            'POST', '/simulator/control', json.dumps(dict(
                data, action=action))).json

    def test_control_api(self):
        self.act('hold_migration', partition='vm1', phase='copy')
        job = self.submit()
        self.assertEqual({'jobs': 1, 'action': 'forget_jobs'},
                         self.act('forget_jobs'))
        self.assertRaises(pvm_exc.HttpError, self.poll, job)
        self.act('advance_time', seconds=100)
        self.assertEqual('copy', self.record()['phase'])
        self.assertEqual('copy', self.act('release_migration',
                                          partition='vm1')['phase'])
        self.act('advance_time', seconds=100)
        self.assertEqual('done', self.record()['outcome'])

    def test_hold_can_be_waited_for(self):
        with self.site.lock:
            reached = self.site.migrations.hold(self.lpar.uuid, 'copy')
        self.assertFalse(reached.is_set())
        threading.Thread(target=self.migrate).start()
        self.addCleanup(self.site.clock.advance, 100)
        while not reached.wait(0.01):
            self.site.clock.advance(1)
        with self.site.lock:
            self.assertEqual('copy', self.lpar.migration.phase)
        self.release()

    def test_held_phase_does_not_end(self):
        reached = self.to_phase('prepare')
        self.assertTrue(self.record()['held'])
        self.site.clock.advance(100)
        self.assertEqual('prepare', self.record()['phase'])
        self.assertEqual('prepare', self.release())
        self.site.clock.advance(45)
        self.assertEqual('COMPLETED_OK', self.poll(reached)[0])
        self.assertIsNone(self.release())

    def test_hold_needs_a_phase(self):
        self.assertRaises(errors.Refused, self.hold, 'lunch')

    def test_release_drops_what_nobody_has_met(self):
        self.hold('copy')
        self.release()
        self.migrate()
        self.assertEqual('done', self.record()['outcome'])

    def test_all_are_released(self):
        for phase in ('copy', 'switch'):
            self.hold(phase)
        with self.site.lock:
            self.site.migrations.release_all()
        self.migrate()
        self.assertEqual('done', self.record()['outcome'])

    def test_stop_of_the_site(self):
        for phase in base.PHASES:
            with self.site.lock:
                lpar = self.make_lpar('vm-' + phase)
            self.hold(phase, lpar)
            self.submit(lpar)
        # The fixture stops the site, and the test run counts the threads.

    def test_nobody_changes_it_meanwhile(self):
        self.to_phase('copy')
        before = self.states()
        for lpar in (self.lpar, self.arrival()):
            wrapper = self.wrapper(lpar)
            wrapper.name = 'other'
            cna, = pvm_net.CNA.get(wrapper.adapter, parent=wrapper)
            for change in (wrapper.update, wrapper.delete, cna.delete):
                exc = self.assertRaises(pvm_exc.HttpError, change)
                self.assertIn('is migrating', str(exc))
            for operation in ('PowerOff', 'PowerOn'):
                status, text = self.poll(self.submit(lpar, operation))
                self.assertEqual('FAILED_BEFORE_COMPLETION', status)
                self.assertIn('is migrating', text)
        self.assertSame(before)


class TestAbort(base.MigrationTestCase):
    """MigrateAbort, and other ways to end a job."""

    TIMING = base.SLOW

    def setUp(self):
        super().setUp()
        self.add_unit()
        self.before = self.states()

    def test_abort(self):
        for phase in ('validate', 'prepare', 'copy'):
            job = self.to_phase(phase)
            pvm_migration.migrate_abort(self.wrapper())
            self.assertSame(self.before)
            status, text = self.poll(job)
            self.assertEqual('FAILED_BEFORE_COMPLETION', status)
            self.assertIn('was stopped', text)
            self.assertEqual('running', self.lpar.partition_state)
            self.assertEqual(0, self.site.migrations.count(self.source))
        self.release()
        self.migrate()

    def test_too_late(self):
        self.hold('cleanup')
        job = self.to_phase('switch')
        for _phase in ('switch', 'cleanup'):
            self.assertFails('cannot be stopped any more',
                             pvm_migration.migrate_abort, self.wrapper())
            self.release()
            self.site.clock.advance(11)
        self.assertEqual('COMPLETED_OK', self.poll(job)[0])
        self.assertEqual('done', self.record()['outcome'])

    def test_nothing_to_abort(self):
        self.assertFails('is not migrating',
                         pvm_migration.migrate_abort, self.wrapper())
        self.to_phase('copy')
        self.assertFails('is not migrating',
                         pvm_migration.migrate_abort,
                         self.wrapper(self.arrival()))

    def test_cancel_does_not_stop_it(self):
        job = self.to_phase('copy')
        job.adapter.update_by_path(
            job, None, '/rest/api/uom/jobs/%s/cancel' % job.job_id)
        self.assertEqual('CANCELED_WHILE_RUNNING', self.poll(job)[0])
        self.release()
        self.site.clock.advance(45)
        self.assertEqual('done', self.record()['outcome'])
        self.assertEqual('CANCELED_WHILE_RUNNING', self.poll(job)[0])

    def test_lost_record_does_not_stop_it(self):
        job = self.to_phase('copy')
        with self.site.lock:
            self.assertEqual(1, self.source.jobs.forget())
        self.assertRaises(pvm_exc.HttpError, self.poll, job)
        self.release()
        self.site.clock.advance(45)
        self.assertEqual('done', self.record()['outcome'])

    def test_second_one_is_refused(self):
        self.to_phase('validate')
        status, text = self.poll(self.submit())
        self.assertEqual('FAILED_BEFORE_COMPLETION', status)
        self.assertIn('is migrating already', text)
