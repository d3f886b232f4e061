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

"""Logical partitions."""

from lxml import etree
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import cna
from pypowervm.utils import lpar_builder
from pypowervm.wrappers import logical_partition
from pypowervm.wrappers import managed_system
import testtools

from nova_powervm.simulator import errors
from nova_powervm.tests import fixtures
from nova_powervm.tests.simulator import fidelity

UUID = '1F3C9A60-5F4E-4D6B-8C35-6B6E7F3B0A01'


def build(adapter, **attributes):
    """Build a partition with pypowervm's builder, not yet created."""
    system = managed_system.System.get(adapter)[0]
    attributes = dict({'name': 'vm1', 'memory': 2048, 'vcpu': 2,
                       'proc_units': 0.5}, **attributes)
    return lpar_builder.LPARBuilder(
        adapter, attributes,
        lpar_builder.DefaultStandardize(system)).build(), system


def create(adapter, **attributes):
    """Create a partition.

    :returns: LPAR wrapper
    """
    made, system = build(adapter, **attributes)
    return made.create(parent=system)


class LparTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(fixtures.SimulatedSite()).site
        self.host = self.site.hosts[0]
        self.adapter = self.useFixture(fixtures.Adapter(self.host)).adapter

    def create(self, **attributes):
        return create(self.adapter, **attributes)

    def model(self, wrapper):
        return self.host.store.get('LogicalPartition', wrapper.uuid)

    def refused(self, status, text, **attributes):
        made, system = build(self.adapter)
        change = attributes.pop('change')
        change(made)
        exc = self.assertRaises(pvm_exc.HttpError, made.create,
                                parent=system)
        self.assertEqual(status, exc.response.status)
        self.assertIn(text, str(exc))


class TestCreate(LparTest):

    def test_what_the_server_fills_in(self):
        lpar = self.create(uuid=UUID)
        self.assertEqual(UUID, lpar.uuid)
        self.assertEqual(UUID, lpar.partition_uuid)
        # 1 to 3 have the management partition and the VIOSes.
        self.assertEqual(4, lpar.id)
        self.assertEqual('not activated', lpar.state)
        self.assertEqual('inactive', lpar.rmc_state)
        self.assertEqual('Not_Migrating', lpar.migration_state)
        self.assertEqual(self.host.system.uuid, lpar.assoc_sys_uuid)
        self.assertEqual(2048, lpar.mem_config.current)
        self.assertEqual('POWER8', lpar.proc_compat_mode)
        self.assertFalse(lpar.is_mgmt_partition)
        self.assertTrue(lpar.etag)

    def test_uuid_of_the_server(self):
        lpar = self.create()
        self.assertEqual(lpar.uuid.upper(), lpar.uuid)
        self.assertIn(lpar.uuid[0], '01234567')

    def test_at_the_root(self):
        made, _ = build(self.adapter)
        self.assertEqual('vm1', made.create().name)

    def test_dedicated(self):
        lpar = self.create(dedicated_proc='true', vcpu=3)
        self.assertTrue(lpar.proc_config.has_dedicated)
        self.assertEqual(3, lpar.proc_config.dedicated_proc_cfg.desired)
        self.assertEqual(3.0, self.model(lpar).processors.used_units)

    def test_lowest_free_id(self):
        first = self.create(name='a')
        self.create(name='b')
        first.delete()
        self.assertEqual(4, self.create(name='c').id)

    def test_event(self):
        self.host.events.poll('app', 0)
        lpar = self.create()
        found = [(e.type, e.data) for e in self.host.events.poll('app', 0)]
        self.assertIn(('ADD_URI', self.model(lpar).href()), found)

    def test_duplicates(self):
        self.create(uuid=UUID)

        def set_uuid(made):
            made.name = 'vm2'
            made.set_uuid(UUID)

        self.refused(409, 'UUID', change=set_uuid)
        self.refused(409, 'the name vm1', change=lambda made: None)

        def set_id(made):
            made.name = 'vm2'
            made._id(1)

        self.refused(409, 'Partition ID 1', change=set_id)

    def test_values_that_make_no_sense(self):
        def memory(value):
            def change(made):
                made.mem_config.desired = value
                made.mem_config.max = max(value, 2048)
                made.mem_config.min = min(value, 2048)
            return change

        def units(value):
            def change(made):
                made.proc_config.shared_proc_cfg.desired_units = value
                made.proc_config.shared_proc_cfg.min_units = value
            return change

        def attribute(name, value):
            return lambda made: setattr(made, name, value)

        def uuid(made):
            made.set_uuid(UUID)
            made.set_parm_value('PartitionUUID', 'F' + UUID[1:])

        def minimum(made):
            made.mem_config.min = 4096

        def type_(made):
            made._env('Virtual IO Server')

        for text, change in (
                ('memory region size', memory(1000)),
                ('HSCL03EC', memory(1024 * 1024)),
                ('HSCL1562', units(0.05)),
                ('desired <= maximum', units(0)),
                ('HSCL1551', attribute('name', 'x' * 32)),
                ('HSCL1551', attribute('name', '')),
                ('is not supported', attribute('proc_compat_mode',
                                               'POWER99')),
                ('top bit', uuid),
                ('minimum <= desired', minimum),
                ('cannot be created here', type_)):
            self.refused(400, text, change=change)
        self.assertEqual(1, len(self.host.store.all('LogicalPartition')))

    def test_too_many_processors(self):
        self.refused(400, 'HSCL03ED', change=lambda made: setattr(
            made, 'proc_config', build(
                self.adapter, dedicated_proc='true', vcpu=24,
            )[0].proc_config))

    def test_more_processors_than_a_partition_can_have(self):
        self.refused(400, 'HSCL1564', change=lambda made: setattr(
            made, 'proc_config', build(
                self.adapter, vcpu=1, max_vcpu=65, max_proc_units=4.0,
            )[0].proc_config))


class TestResources(LparTest):

    def available(self):
        system = managed_system.System.get(self.adapter)[0]
        return system.memory_free, system.proc_units_avail

    def test_they_move_with_partitions(self):
        memory, units = self.available()
        lpar = self.create()
        # With 256 MB for the hypervisor.
        self.assertEqual((memory - 2304, units - 0.5), self.available())
        lpar.mem_config.desired = 4096
        lpar.mem_config.max = 16384
        lpar.proc_config.shared_proc_cfg.desired_units = 1.0
        lpar.proc_config.shared_proc_cfg.max_units = 1.0
        lpar = lpar.update()
        self.assertEqual((memory - 4608, units - 1.0), self.available())
        lpar.delete()
        self.assertEqual((memory, units), self.available())

    def test_growth_that_does_not_fit(self):
        lpar = self.create()
        # A page table of 7,628 MB, and 32 MB for the adapters.
        memory = self.available()[0] + 2304 - 7680
        lpar.mem_config.max = lpar.mem_config.desired = memory + 256
        exc = self.assertRaises(pvm_exc.HttpError, lpar.update)
        self.assertIn('HSCL03EC', str(exc))
        lpar = lpar.refresh()
        lpar.mem_config.max = lpar.mem_config.desired = memory
        lpar.update()
        self.assertEqual(0, self.available()[0])


class TestChange(LparTest):

    def test_rename(self):
        lpar = self.create()
        lpar.name = 'other'
        lpar = lpar.update()
        self.assertEqual('other', lpar.name)
        lpar.name = 'novalink'
        exc = self.assertRaises(pvm_exc.HttpError, lpar.update)
        self.assertEqual(409, exc.response.status)

    def test_settings(self):
        lpar = self.create()
        lpar.avail_priority = 90
        lpar.srr_enabled = True
        lpar.proc_compat_mode = 'POWER7'
        lpar.allow_perf_data_collection = True
        lpar.pending_secure_boot = 2
        lpar.bootmode = 'Normal'
        lpar.io_config.max_virtual_slots = 100
        lpar.nvram = 'bits'
        lpar = lpar.update()
        self.assertEqual(90, lpar.avail_priority)
        self.assertTrue(lpar.srr_enabled)
        self.assertEqual('POWER7', lpar.proc_compat_mode)
        self.assertTrue(lpar.allow_perf_data_collection)
        self.assertEqual(2, lpar.pending_secure_boot)
        self.assertEqual(100, lpar.io_config.max_virtual_slots)
        self.assertEqual('bits', self.model(lpar).nvram)

    def test_what_belongs_to_the_server(self):
        lpar = self.create()
        for path, value in (('PartitionState', 'running'),
                            ('PartitionID', '77'),
                            ('PartitionUUID', UUID),
                            ('ResourceMonitoringControlState', 'active')):
            lpar.set_parm_value(path, value)
        after = lpar.update()
        self.assertEqual((4, 'not activated', 'inactive'),
                         (after.id, after.state, after.rmc_state))
        self.assertNotEqual(UUID, after.partition_uuid)

    def test_running_without_rmc(self):
        lpar = self.create()
        model = self.model(lpar)
        model.booted()
        model.set_rmc('inactive')
        lpar = lpar.refresh()
        lpar.mem_config.max = lpar.mem_config.desired = 4096
        exc = self.assertRaises(pvm_exc.HttpError, lpar.update)
        self.assertIn('HSCL294C', str(exc))
        model.set_rmc('active')
        lpar = lpar.refresh()
        lpar.mem_config.max = lpar.mem_config.desired = 4096
        self.assertEqual(4096, lpar.update().mem_config.current)

    def test_slots(self):
        model = self.model(self.create())
        model.max_slots = 5
        self.assertEqual(2, model.take_slot('a'))
        self.assertEqual(4, model.take_slot('b', high=True))
        self.assertEqual(3, model.take_slot('c', wanted=3))
        self.assertRaises(errors.Refused, model.take_slot, 'd')
        self.assertRaises(errors.Refused, model.take_slot, 'd', wanted=3)
        self.assertRaises(errors.Refused, model.take_slot, 'd', wanted=5)
        model.free_slot(3)
        self.assertEqual(3, model.take_slot('e'))
        lpar = logical_partition.LPAR.get(self.adapter, uuid=model.uuid)
        lpar.io_config.max_virtual_slots = 4
        exc = self.assertRaises(pvm_exc.HttpError, lpar.update)
        self.assertIn('Slot 4', str(exc))


class TestDelete(LparTest):

    def test_state_is_as_before(self):
        before = self.site.state()
        lpar = self.create()
        self.assertNotEqual(before, self.site.state())
        lpar.delete()
        self.assertEqual(before, self.site.state())
        exc = self.assertRaises(pvm_exc.HttpError, lpar.refresh)
        self.assertEqual(404, exc.response.status)

    def test_running(self):
        lpar = self.create()
        self.model(lpar).booted()
        exc = self.assertRaises(pvm_exc.HttpError, self.adapter.delete,
                                'LogicalPartition', lpar.uuid)
        self.assertEqual(400, exc.response.status)
        self.assertIn('HSCL1575', str(exc))

    def test_management_partition(self):
        manager = self.host.partition(1)
        self.assertRaises(pvm_exc.HttpError, self.adapter.delete,
                          'LogicalPartition', manager.uuid)

    def test_what_hangs_under_it_goes_too(self):
        before = self.site.state()
        lpar = self.create()
        adapter = cna.crt_cna(self.adapter, None, lpar.uuid, 5)
        self.host.events.poll('app', 0)
        lpar.refresh().delete()
        gone = [e.data for e in self.host.events.poll('app', 0)
                if e.type == 'DELETE_URI']
        self.assertIsNone(self.host.store.find('ClientNetworkAdapter',
                                               adapter.uuid))
        self.assertTrue(any(adapter.uuid in uri for uri in gone))
        self.assertTrue(any(uri.endswith(lpar.uuid) for uri in gone))
        self.assertEqual(before, self.site.state())


class TestFidelity(LparTest):
    """Our documents against those of real servers."""

    LPARS = ('fake_lpar_feed.txt', 'lpar.txt', 'lpar_ibmi.txt')
    SYSTEMS = ('managedsystem.txt', 'fake_managedsystem.txt',
               'sys_with_sriov.txt')

    def get(self, wrapper):
        """Read it with all groups; return wrapper and plain element."""
        fresh = type(wrapper).get(self.adapter, uuid=wrapper.uuid,
                                  xag=['All'])
        return fresh, etree.fromstring(fresh.toxmlstring())

    def problems(self, ours, type_, files, known):
        found = fidelity.compare_structure(
            ours, fidelity.capture_elements(type_, *files))
        return [p for p in found if not any(k in p for k in known)]

    def test_lpar(self):
        # Elements that pypowervm knows but no capture of an LPAR has, and
        # two that stand where the captures of VIOSes have them; lpar.txt
        # has them behind its last element, put there by hand. The console is
        # that which pypowervm writes.
        known = ('PhysicalPageTableRatio', 'AutoStart',
                 'RuntimeSharingMode', 'PartitionNVRAM comes before',
                 'Uptime comes before', "TaggedIO/Console is 'HMC'")
        # What only a partition with persistent memory has.
        absent = ['cur_dram_pmem_volumes', 'cur_pmem_volumes',
                  'max_dram_pmem_volumes', 'max_pmem_volumes']
        captured = fidelity.capture_wrappers(
            logical_partition.LPAR, *self.LPARS, adapter=self.adapter)
        for attributes in ({}, {'dedicated_proc': 'true'},
                           {'env': 'OS400'}):
            wrapper = self.create(**attributes)
            model = self.model(wrapper)
            model.booted()
            # IBM i does not boot without a disk.
            model.nvram = model.nvram or 'bnZyYW0='
            wrapper, ours = self.get(wrapper)
            self.assertEqual([], self.problems(
                ours, 'LogicalPartition', self.LPARS, known))
            ibmi_only = ['desig_ipl_src', 'rmc_ip']
            self.assertEqual([], fidelity.compare_wrapper(
                wrapper, captured, skip=absent + ibmi_only))
            model.halted()
            self.adapter.delete('LogicalPartition', wrapper.uuid)

    def test_ibmi(self):
        wrapper = self.create(env='OS400')
        self.assertEqual('b', wrapper.desig_ipl_src)
        self.assertTrue(wrapper.restrictedio)

    def test_system(self):
        system = managed_system.System.get(self.adapter)[0]
        wrapper, ours = self.get(system)
        self.assertEqual([], self.problems(
            ours, 'ManagedSystem', self.SYSTEMS, ()))
        self.assertEqual([], fidelity.compare_wrapper(
            wrapper, fidelity.capture_wrappers(
                managed_system.System, *self.SYSTEMS, adapter=self.adapter),
            skip=['metered_pool_id']))
