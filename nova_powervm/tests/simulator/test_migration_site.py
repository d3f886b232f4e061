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
"""Tests of the site around a migration: documents, work, others, ends."""

import threading
from unittest import mock

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import scsi_mapper as pvm_smap
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import network as pvm_net
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import lpar as sim_lpar
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import migration_base as base
from nova_powervm.tests.simulator import storage_base
from nova_powervm.tests.simulator import test_fidelity_partition as fidelity


class TestFidelity(base.MigrationTestCase):
    """The documents during a migration could come from a real server."""

    check = fidelity.PartitionFidelityTestCase.check
    check_structure = fidelity.PartitionFidelityTestCase.check_structure

    def test_partitions(self):
        self.add_unit()
        for phase in base.PHASES:
            self.hold(phase)
        self.submit()
        for _phase in base.PHASES:
            for adapter in (self.adapter, self.target_adapter):
                for wrapper in pvm_lpar.LPAR.search(adapter, name='vm1',
                                                    xag=[]):
                    self.check(wrapper, *fidelity.LPARS,
                               missing=('pmem', 'system', 'nvram'))
            for system in self.systems():
                self.check(system, *fidelity.SYSTEMS, missing=('pool',))
            self.release()
        self.assertEqual('done', self.record()['outcome'])

    def test_firmware_limit(self):
        for host in self.site.hosts:
            host.system.spec['migration']['firmware_max'] = 8
            host.system.touch()
        for system in self.systems():
            self.check(system, *fidelity.SYSTEMS, missing=('pool',))

    def test_jobs(self):
        self.hold('copy')
        job = self.submit()
        self.check(job, *fidelity.JOB_RESPONSES)
        failed = self.submit()
        self.check(failed, *fidelity.JOB_RESPONSES)
        self.release()
        self.poll(job)
        self.check(job, *fidelity.JOB_RESPONSES)


class TestWork(base.MigrationTestCase):
    """What a migration costs does not grow with the other partitions."""

    def profile(self):
        profile = powervm_fixtures.load_profile(self.PROFILE)
        for host in profile['hosts']:
            host['crowd'] = {'count': 100, 'prefix': host['name'],
                             'memory_mb': 256, 'processors': 1,
                             'units': 0.05, 'running': True, 'mappings': 0}
        return profile

    def test_only_what_it_touches_is_made_again(self):
        self.add_unit()
        with self.site.lock:
            for host in self.site.hosts:
                host.render_all()
        rendered = []
        render = sim_lpar.LogicalPartition.render

        def record(lpar, groups):
            rendered.append(lpar.name)
            return render(lpar, groups)

        with mock.patch.object(sim_lpar.LogicalPartition, 'render', record):
            self.migrate()
            for adapter in (self.adapter, self.target_adapter):
                pvm_lpar.LPAR.get(adapter)
        self.assertEqual({'vm1'}, set(rendered))


class TestMeanwhile(base.MigrationTestCase):
    """What else happens on the hosts."""

    TIMING = base.SLOW

    def setUp(self):
        super().setUp()
        self.unit = self.add_unit()

    def test_in_opposite_directions(self):
        other = self.make_lpar('vm2', self.target)
        self.add_unit('boot_2', other)
        job = self.to_phase('copy')
        self.hold('copy', other)
        self.migrate_other(other)
        self.assertEqual([2, 2], [
            system.migration_data['active_migrations_in_progress']
            for system in self.systems()])
        self.release()
        self.release(other)
        self.site.clock.advance(100)
        self.assertEqual('COMPLETED_OK', self.poll(job)[0])
        self.assertEqual(['done', 'done'], [
            record['outcome'] for record in self.site.state()['migrations']])
        self.assertIs(self.target, self.arrival().host)
        self.assertIsNotNone(self.source.store.find('LogicalPartition',
                                                    other.uuid))

    def migrate_other(self, lpar):
        self.submit(lpar,
                    TargetManagedSystemName=self.source.system.name)
        self.site.clock.advance(25)

    def test_identities_are_unique(self):
        """But for the partition that is on both hosts."""
        self.to_phase('copy')
        macs = [cna.mac for host in self.site.hosts
                for cna in host.store.all('ClientNetworkAdapter')]
        self.site.clock.advance(100)
        self.release()
        self.site.clock.advance(100)
        self.assertEqual('done', self.record()['outcome'])
        after = [cna.mac for host in self.site.hosts
                 for cna in host.store.all('ClientNetworkAdapter')]
        self.assertEqual(len(macs) - 1, len(after))
        self.assertEqual(len(after), len(set(after)))

    def test_mappings_are_left_alone(self):
        """No client changes those of a partition that migrates."""
        self.to_phase('copy')
        before = self.states()
        for lpar, adapter in ((self.lpar, self.adapter),
                              (self.arrival(), self.target_adapter)):
            vios = self.vios(lpar.host, 'vios1')
            vios_w = pvm_vios.VIOS.get(adapter, uuid=vios.uuid,
                                       xag=storage_base.SCSI)
            removed = pvm_smap.remove_maps(vios_w, lpar.uuid)
            self.assertEqual(1, len(removed))
            exc = self.assertRaises(pvm_exc.HttpError, vios_w.update)
            self.assertIn('is migrating', str(exc))
        self.assertSame(before)

    def test_mappings_of_others_can_change(self):
        other = self.make_lpar('vm2')
        self.add_unit('boot_2', other)
        self.to_phase('copy')
        vios = self.vios(self.source, 'vios1')
        vios_w = pvm_vios.VIOS.get(self.adapter, uuid=vios.uuid,
                                   xag=storage_base.SCSI)
        pvm_smap.remove_maps(vios_w, other.uuid)
        vios_w.update()
        self.assertEqual([self.lpar], [bus.client for bus in vios.buses])

    def test_no_new_adapter(self):
        self.to_phase('copy')
        wrapper = self.wrapper()
        cna = pvm_net.CNA.bld(self.adapter, 7, self.source.store.all(
            'VirtualSwitch')[0].href())
        exc = self.assertRaises(pvm_exc.HttpError, cna.create, parent=wrapper)
        self.assertIn('is migrating', str(exc))

    def test_operator_leaves_it_alone(self):
        self.to_phase('copy')
        operator = self.source.operator
        operator.create_logical_unit('more', base.GIB)
        self.assertRaises(errors.Refused, operator.map_storage, 'vios1',
                          'more', 'vm1')
        self.assertRaises(errors.Refused, operator.unmap_storage, 'vios1',
                          self.unit.udid, 'vm1')
        self.assertRaises(errors.Refused, operator.delete_partition, 'vm1')

    def test_guest_ends_while_it_is_copied(self):
        job = self.to_phase('copy')
        self.source.operator.partition('vm1').crashed()
        self.release()
        self.site.clock.advance(11)
        status, text = self.poll(job)
        self.assertEqual('FAILED_BEFORE_COMPLETION', status)
        self.assertIn('its state is error', text)
        self.assertEqual('error', self.lpar.partition_state)
        self.assertIsNone(self.arrival_on_target())

    def arrival_on_target(self):
        return self.target.store.find('LogicalPartition', self.lpar.uuid)

    def test_rest_server_of_the_target_is_gone(self):
        """The platform needs it no more than the client does."""
        job = self.to_phase('copy')
        self.target.server.stop()
        self.release()
        self.site.clock.advance(100)
        self.assertEqual('COMPLETED_OK', self.poll(job)[0])
        self.assertEqual('running', self.arrival().partition_state)

    def test_stop_leaves_no_thread(self):
        for phase in base.PHASES:
            lpar = self.make_lpar('vm-' + phase)
            self.hold(phase, lpar)
            self.submit(lpar)
        self.site.stop()
        self.assertEqual([], [
            thread.name for thread in threading.enumerate()
            if thread.name.startswith('simulator')])


class TestOrder(base.MigrationTestCase):
    """The order of events of a step."""

    TIMING = base.SLOW

    def events(self, adapter):
        """Types and kinds of objects of the events since the last time."""
        return [(event['EventType'], event['EventData'].split('/')[-2])
                for event in storage_base.raw_events(adapter, 'test')
                if '/rest/api/uom/' in (event['EventData'] or '')]

    def test_order(self):
        self.add_unit()
        adapters = (self.adapter, self.target_adapter)
        for adapter in adapters:
            storage_base.raw_events(adapter, 'test')
        self.submit()
        self.assertEqual([('MODIFY_URI', 'LogicalPartition'),
                          ('MODIFY_URI', 'ManagedSystem')],
                         self.events(self.adapter))
        self.assertEqual([('MODIFY_URI', 'ManagedSystem')],
                         self.events(self.target_adapter))
        self.site.clock.advance(25)
        came = self.events(self.target_adapter)
        self.assertEqual(('ADD_URI', 'LogicalPartition'), came[0])
        self.assertEqual(('MODIFY_URI', 'LogicalPartition'), came[-1])
        vioses = [n for n, event in enumerate(came)
                  if event == ('MODIFY_URI', 'VirtualIOServer')]
        self.assertEqual(2, len(vioses))
        self.assertEqual(('MODIFY_URI', 'ManagedSystem'), came[-2])
        self.events(self.adapter)
        self.site.clock.advance(25)
        gone = [event for event in self.events(self.adapter)
                if event[1] in ('LogicalPartition', 'VirtualIOServer',
                                'ManagedSystem')]
        self.assertEqual(
            [('MODIFY_URI', 'VirtualIOServer')] * 2 + [
                ('MODIFY_URI', 'ManagedSystem')], gone[-3:])
        self.assertIn(('DELETE_URI', 'LogicalPartition'), gone[:-3])
