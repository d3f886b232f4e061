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

"""What the tasks on LPARs do, and how they are undone, on a site."""

import pickle
from unittest import mock

from nova import exception as nova_exc
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import power_opts

from nova_powervm.tests.virt.powervm.nvram import store
from nova_powervm.tests.virt.powervm.tasks import base
from nova_powervm.tests.virt.powervm.tasks import site
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.nvram import manager
from nova_powervm.virt.powervm import power_jobs
from nova_powervm.virt.powervm.slots import maps
from nova_powervm.virt.powervm.tasks import vm as tf_vm
from nova_powervm.virt.powervm import vm

setUpModule = base.set_up_module

ON, OFF = 'running', 'not activated'


class VmTasksTestCase(base.TaskTestCase):

    @property
    def power(self):
        """The state of the server's LPAR."""
        return self.lpar.partition_state

    def has_lpar(self):
        return self.simulated.store.find(
            'LogicalPartition', vm.get_lpar_uuid(self.instance)) is not None

    def refuse(self, path, count=1, method='PUT'):
        """Have the platform refuse jobs; a count of 0 means all."""
        self.simulated.faults.add(dict(
            base.EFFECTS['refused'], method=method, path=path, count=count))

    def set_flavor(self, **kwargs):
        self.instance.flavor = site.make_flavor(**kwargs)


class CreateTest(VmTasksTestCase):

    def create(self, **kwargs):
        return [tf_vm.Create(self.host, self.instance, **kwargs)]

    def test_create(self):
        lpar_w = self.run_flow(*self.create())['lpar_wrap']
        self.assertEqual(vm.get_lpar_uuid(self.instance), lpar_w.uuid)
        self.assertEqual((OFF, 64), (self.power, self.lpar.max_slots))

    def test_with_what_was_stored(self):
        """It has the NVRAM of before, and slots for all in its map."""
        kept = store.MemoryStore()
        kept.content = {
            self.instance.uuid: 'QUJD',
            self.instance.uuid + '_slot_map': pickle.dumps(
                {100: {'CNA': {'FA163E000001': 'ETHERNET0'}}}, protocol=2)}
        nvram = manager.NvramManager(self.host, kept)
        self.addCleanup(nvram.shutdown)
        slot_maps = maps.SlotMaps(self.host, kept, nvram.worker)
        slots = slot_maps.begin(self.instance, new_lpar=True, guided=True)
        lpar_w = self.run_flow(
            *self.create(slots=slots, nvram=nvram))['lpar_wrap']
        self.assertEqual((101, 'QUJD'),
                         (self.lpar.max_slots, self.lpar.nvram))
        # It knows how many slots there are: a new port gets the last one.
        self.assertEqual(99, slots.vnet_slot('fa:16:3e:00:00:09'))
        self.assertEqual(101, lpar_w.io_config.max_virtual_slots)

    def test_undone(self):
        self.assert_undone(self.create, breaks=base.each)

    def test_one_that_there_is_stays(self):
        """The platform, or the driver, refuses to make another one."""
        self.create_lpar()
        before = self.platform.state()
        self.assertRaises(exception.PowerVMAPIFailed, self.run_flow,
                          *self.create())
        self.assert_site(before)
        self.set_flavor(proc_units='7')
        self.assertRaises(exception.InvalidFlavor, self.run_flow,
                          *self.create())
        self.assert_site(before)

    def test_one_that_there_is_stays_when_nobody_answers(self):
        self.create_lpar()
        before = self.platform.state()
        self.simulated.faults.add(base.EFFECTS['lost on the way there'])
        self.assertRaises(pvm_exc.ConnectionError, self.run_flow,
                          *self.create())
        self.assert_site(before)


class PowerOnTest(VmTasksTestCase):

    def power_on(self, **kwargs):
        return [tf_vm.PowerOn(self.host, self.instance, **kwargs)]

    def boot_from(self):
        return [base.Provide(boot_device='/vdevice/x'),
                tf_vm.BootFrom(self.host, self.instance)]

    def test_power_on(self):
        self.create_lpar()
        self.run_flow(*self.power_on())
        self.assertEqual(ON, self.power)
        self.run_flow(*self.power_on())
        self.assertEqual(ON, self.power)

    def test_options(self):
        self.create_lpar(on=True)
        opts = power_opts.PowerOnOpts().bootmode(power_opts.BootMode.SMS)
        before = self.lpar.state()['boot']
        self.run_flow(*self.power_on(opts=opts))
        self.assertEqual(before, self.lpar.state()['boot'])
        self.run_flow(*self.power_on(opts=opts, restart=True))
        # It is on, and shows the menu.
        self.assertEqual('open firmware', self.power)

    def test_boot_from(self):
        with mock.patch.object(power_jobs, 'PowerOp') as power_op:
            self.run_flow(*self.boot_from())
        power_op.assert_called_once_with(self.host, self.instance)
        power_op.return_value.boot_from.assert_called_once_with(
            '/vdevice/x', restart=True)

    def test_undone(self):
        """Also when the answer was lost: one that is on keeps its disks."""
        self.create_lpar()
        self.assert_undone(self.power_on)

    def test_boot_from_undone(self):
        self.create_lpar()
        self.assert_undone(self.boot_from)

    def test_server_that_is_on_needs_no_job(self):
        self.create_lpar(on=True)
        before = self.platform.state()
        self.refuse('do/PowerOn')
        self.run_flow(*self.power_on())
        self.assert_site(before)

    def test_server_that_was_on_stays_on_if_refused(self):
        self.create_lpar(on=True)
        before = self.platform.state()
        self.host.partition_states.clear()
        self.refuse('quick', method='GET', count=0)
        self.refuse('do/PowerOn')
        self.assertRaises(exception.PowerVMAPIFailed, self.run_flow,
                          *self.power_on())
        self.assert_site(before)

    def test_server_that_was_on_stays_on_if_the_flow_fails(self):
        self.create_lpar(on=True)
        before = self.platform.state()
        self.run_to_the_end(*self.power_on())
        self.assert_site(before)

    def test_rescued_server_that_was_on_stays_on_if_refused(self):
        self.create_lpar(on=True)
        before = self.platform.state()
        self.refuse('do/PowerOn', count=0)
        self.assertRaises(exception.PowerVMAPIFailed, self.run_flow,
                          *self.boot_from())
        self.assert_site(before)


class PowerOffTest(VmTasksTestCase):

    def power_off(self, **kwargs):
        return tf_vm.PowerOff(self.host, self.instance, **kwargs)

    def test_power_off(self):
        self.create_lpar(on=True)
        self.run_flow(self.power_off(timeout=60))
        self.assertEqual(OFF, self.power)
        self.run_flow(self.power_off())

    def test_how(self):
        with mock.patch.object(power_jobs, 'PowerOp') as power_op:
            self.run_flow(self.power_off(force_immediate=True, timeout=17))
        power_op.assert_called_once_with(self.host, self.instance)
        power_op.return_value.stop.assert_called_once_with(
            immediate=True, timeout=17)

    def test_no_lpar(self):
        self.assertRaises(nova_exc.InstanceNotFound, self.run_flow,
                          self.power_off(force_immediate=True))
        self.run_flow(self.power_off(force_immediate=True, missing_ok=True))

    def test_failure_is_never_ok(self):
        self.create_lpar(on=True)
        self.refuse('do/PowerOff')
        self.assertRaises(
            nova_exc.InstancePowerOffFailure, self.run_flow,
            self.power_off(force_immediate=True, missing_ok=True))
        self.assertEqual(ON, self.power)


class PowerBackOnTest(VmTasksTestCase):

    def stop(self):
        return [tf_vm.PowerBackOn(self.host, self.instance), tf_vm.PowerOff(
            self.host, self.instance, force_immediate=True)]

    def test_flow_that_goes_well(self):
        self.create_lpar(on=True)
        self.run_flow(*self.stop())
        self.assertEqual(OFF, self.power)

    def test_undone(self):
        self.create_lpar(on=True)
        self.assert_undone(self.stop)

    def test_server_that_was_off_stays_off(self):
        self.create_lpar()
        self.assertRaises(base.TheEnd, self.run_flow, *self.stop(),
                          base.Stop())
        self.assertEqual(OFF, self.power)

    def test_server_that_cannot_be_started(self):
        """What made the flow fail is told, and the other reverts are run."""
        self.create_lpar(on=True)
        earlier = base.Witness()
        self.refuse('do/PowerOn')
        self.assertRaises(base.TheEnd, self.run_flow, earlier, *self.stop(),
                          base.Stop())
        self.assertTrue(earlier.reverted)
        self.assertEqual(OFF, self.power)
        self.assertIn('could not be started again', self.logger.output)


class SizeTest(VmTasksTestCase):

    def setUp(self):
        super().setUp()
        self.old_flavor = self.instance.flavor
        self.create_lpar()

    def resize(self):
        return [tf_vm.Resize(self.host, self.instance, self.old_flavor)]

    def size(self):
        """All that the platform keeps about memory and processors."""
        return [dict(vars(part)) for part in (self.lpar.memory,
                                              self.lpar.processors)]

    def test_check_flavor(self):
        self.run_flow(tf_vm.CheckFlavor(self.host, self.instance,
                                        site.make_flavor(memory_mb=2048)))
        exc = self.assertRaises(
            exception.InvalidFlavor, self.run_flow, tf_vm.CheckFlavor(
                self.host, self.instance, site.make_flavor(proc_units='7')))
        self.assertIn('proc_units', str(exc))
        self.assertEqual([], self.requests())

    def test_resize(self):
        self.set_flavor(memory_mb=2048, vcpus=4)
        self.run_flow(*self.resize())
        self.assertEqual((2048, 4), (self.lpar.memory.desired,
                                     self.lpar.processors.desired))

    def test_undone(self):
        self.set_flavor(memory_mb=2048, vcpus=4)
        before = self.size()
        self.assert_undone(self.resize)
        self.assertEqual(before, self.size())

    def test_undone_in_all_that_flavors_name(self):
        self.old_flavor = site.make_flavor(
            shared_weight='200', uncapped='false', min_mem='512',
            availability_priority='17')
        self.instance.flavor = self.old_flavor
        vm.resize_lpar(self.host, self.instance, self.old_flavor,
                       self.old_flavor)
        before = self.size(), self.lpar.availability_priority
        self.set_flavor(memory_mb=2048, uncapped='true')
        self.run_to_the_end(*self.resize())
        self.assertEqual(before, (self.size(),
                                  self.lpar.availability_priority))

    def test_undone_in_what_no_flavor_names(self):
        with self.site.lock:
            self.lpar.processors.weight = 200
            self.lpar.touch()
        before = self.size()
        self.set_flavor(memory_mb=2048)
        self.run_to_the_end(*self.resize())
        self.assertEqual(before, self.size())

    def test_reverted_resize_stays_reverted(self):
        """Nova has the flavor of before again, whatever fails then."""
        before = self.size()
        old, new = self.old_flavor, site.make_flavor(memory_mb=2048, vcpus=4)
        self.instance.flavor = new
        vm.resize_lpar(self.host, self.instance, old, new)
        self.instance.flavor = old
        self.assertNotEqual(before, self.size())
        self.assertRaises(base.TheEnd, self.run_flow, tf_vm.ResizeBack(
            self.host, self.instance, new), base.Stop())
        self.assertEqual(before, self.size())

    def test_size_that_cannot_be_taken_back(self):
        """What made the flow fail is told; the log has the rest."""
        self.set_flavor(memory_mb=2048)
        self.simulated.faults.add(dict(
            base.EFFECTS['refused'], method='POST', nth=2))
        self.assertRaises(base.TheEnd, self.run_flow, *self.resize(),
                          base.Stop())
        self.assertEqual(2048, self.lpar.memory.desired)
        self.assertIn('may have kept its new size', self.logger.output)

    def make_up(self):
        lpar_w = vm.get_instance_wrapper(self.host, self.instance)
        self.requests()
        self.run_flow(base.Provide(lpar_wrap=lpar_w),
                      tf_vm.MakeUpSize(self.host, self.instance))

    def test_nothing_to_make_up(self):
        """An LPAR may have another size than its flavor says."""
        with self.site.lock:
            self.lpar.memory.desired = 768
            self.lpar.memory.minimum = 512
        before = self.size()
        self.make_up()
        self.assertEqual([], self.requests())
        self.assertEqual(before, self.size())

    def test_make_up_for_a_resize(self):
        """Nova has taken the new flavor back, or it has not."""
        large = site.make_flavor(memory_mb=2048)
        with self.site.lock:
            self.lpar.memory.desired = 768
            self.lpar.memory.minimum = 512
            self.lpar.processors.weight = 200
            self.lpar.touch()
        before = self.size()
        for flavor, memory in ((large, (512, 2048)), (self.old_flavor,
                                                      (512, 768))):
            self.instance.flavor = large
            self.run_flow(*self.resize())
            self.instance.flavor = flavor
            self.make_up()
            self.assertEqual(memory, (self.lpar.memory.minimum,
                                      self.lpar.memory.desired))
            self.assertEqual(200, self.lpar.processors.weight)
            # Once is enough.
            self.make_up()
            self.assertEqual([], self.requests())
            with self.site.lock:
                self.lpar.memory.desired = before[0]['desired']
                self.lpar.memory.maximum = before[0]['maximum']
                self.lpar.touch()
        self.assertEqual(before, self.size())

    def test_make_up_for_a_resize_that_has_not_come_so_far(self):
        """Nova has the new flavor, and the LPAR is as it was."""
        self.instance.old_flavor = self.old_flavor
        self.set_flavor(memory_mb=2048)
        self.make_up()
        self.assertEqual(2048, self.lpar.memory.desired)


class OtherTasksTest(VmTasksTestCase):

    def test_get(self):
        get = tf_vm.Get(self.host, self.instance)
        self.assertRaises(nova_exc.InstanceNotFound, self.run_flow, get)
        self.create_lpar()
        lpar_w = self.run_flow(get)['lpar_wrap']
        self.assertEqual(vm.get_lpar_uuid(self.instance), lpar_w.uuid)

    def test_reboot(self):
        self.create_lpar()
        for hard in (True, False):
            self.run_flow(tf_vm.Reboot(self.host, self.instance, hard))
            self.assertEqual(ON, self.power)

    def test_how_it_is_rebooted(self):
        for hard in (True, False):
            with mock.patch.object(power_jobs, 'PowerOp') as power_op:
                self.run_flow(tf_vm.Reboot(self.host, self.instance, hard))
            power_op.assert_called_once_with(self.host, self.instance)
            power_op.return_value.restart.assert_called_once_with(hard)

    def test_delete(self):
        before = self.platform.state()
        self.create_lpar()
        for _attempt in range(2):
            self.run_flow(tf_vm.Delete(self.host, self.instance))
            self.assert_site(before)

    def test_delete_one_that_is_on(self):
        self.create_lpar(on=True)
        self.assertRaises(exception.PowerVMAPIFailed, self.run_flow,
                          tf_vm.Delete(self.host, self.instance))
        self.assertTrue(self.has_lpar())
