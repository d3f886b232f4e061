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

"""What the tasks that start IBM i do, and how they are undone, on a site."""

import functools

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import power_opts

from nova_powervm.tests.virt.powervm.tasks import base
from nova_powervm.tests.virt.powervm.tasks import site
from nova_powervm.virt.powervm.disk import paths as disk_paths
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import load_source
from nova_powervm.virt.powervm import power_jobs
from nova_powervm.virt.powervm.tasks import load_source as tf_load
from nova_powervm.virt.powervm.tasks import vm as tf_vm

setUpModule = base.set_up_module

ON, OFF = 'running', 'not activated'


class LoadSourceTestCase(base.TaskTestCase):

    def setUp(self):
        super().setUp()
        self.instance = site.make_instance(
            self.number, system_metadata={'image_os_distro': 'ibmi'})
        self.disk_dvr = self.platform.disks['localdisk']

    def create(self, with_disk=True, on=False):
        """Make the LPAR, and maybe its boot disk."""
        self.create_lpar()
        if with_disk:
            disk = self.platform.create_disk(self.disk_dvr, self.instance)
            with self.edits() as stg:
                self.disk_dvr.connect_disk(self.instance, disk, stg)
        if on:
            self.run_flow(*self.power_on())
        self.requests()

    def source(self):
        return load_source.LoadSource(
            self.host, self.instance, functools.partial(
                disk_paths.client_slots, self.disk_dvr, self.instance,
                base.BOOT))

    def power_on(self, **kwargs):
        return [tf_load.PowerOn(self.host, self.instance, self.source(),
                                **kwargs)]

    def change(self, **tags):
        """Have an operator change what is tagged."""
        with self.site.lock:
            self.lpar.tagged_io = self.lpar.tagged_io.__class__(**tags)
            self.lpar.touch()

    def tags(self):
        return self.lpar.state()['tagged_io']

    @property
    def slot(self):
        """The slot of the boot disk, as str."""
        [number] = [number for number, owner in self.lpar.slots.items()
                    if hasattr(owner, 'targets')]
        return str(number)


class PowerOnTest(LoadSourceTestCase):

    def test_power_on(self):
        self.create()
        self.run_flow(*self.power_on())
        self.assertEqual(ON, self.lpar.partition_state)
        self.assertEqual(
            {'load_source': self.slot, 'alternate': self.slot,
             'console': 'HMC', 'ipl_source': 'b', 'keylock': 'normal'},
            self.tags())

    def test_requests(self):
        self.create()
        self.run_flow(*self.power_on())
        self.assertEqual(['GET LogicalPartition', 'GET VirtualIOServer',
                          'POST LogicalPartition'], self.tagging())
        power_jobs.PowerOp(self.host, self.instance).stop(immediate=True)
        self.requests()
        # What is right already is not written.
        self.run_flow(*self.power_on())
        self.assertEqual(['GET LogicalPartition', 'GET VirtualIOServer'],
                         self.tagging())

    def tagging(self):
        """The requests since the last call that do not start an LPAR."""
        return [request for request in self.requests() if request not in (
            'GET PartitionState', 'GET PowerOn', 'PUT PowerOn', 'GET jobs',
            'DELETE jobs')]

    def test_one_that_is_on_is_left_alone(self):
        self.create(on=True)
        self.change(load_source='9')
        before = self.platform.state()
        self.run_flow(*self.power_on())
        self.assert_site(before)

    def test_no_storage(self):
        self.create(with_disk=False)
        before = self.platform.state()
        self.assertRaises(pvm_exc.IBMiLoadSourceNotFound, self.run_flow,
                          *self.power_on())
        self.assert_site(before)

    def test_boot_disk_that_nobody_finds(self):
        """The first adapter is better than none; what was tagged stays."""
        self.create()
        slot = self.slot
        self.disk_dvr = self.platform.disks['ssp']
        self.run_flow(*self.power_on())
        self.assertEqual(slot, self.tags()['load_source'])
        self.assertIn('No VIOS tells where the boot disk is',
                      self.logger.output)

    def test_undone(self):
        """Also what an operator had tagged."""
        self.create()
        self.change(load_source='9', console='3')
        with self.site.lock:
            self.lpar.keylock, self.lpar.ipl_source = 'manual', 'd'
        self.assert_undone(self.power_on, breaks=base.each)

    def test_undone_where_nothing_was_tagged(self):
        self.create()
        self.assert_undone(self.power_on)

    def test_restart_undone(self):
        """One that was on runs again, from what was tagged before."""
        self.create(on=True)
        self.change(load_source=self.slot, alternate='9', console='HMC')
        tags = self.tags()
        self.run_to_the_end(*self.power_on(
            restart=True, opts=power_opts.PowerOnOpts()))
        self.assertEqual((ON, tags), (self.lpar.partition_state,
                                      self.tags()))

    def test_refused(self):
        """The platform does not take the tags."""
        self.create()
        before = self.platform.state()
        self.simulated.faults.add(dict(base.EFFECTS['refused'],
                                       method='POST'))
        self.assertRaises(exception.PowerVMAPIFailed, self.run_flow,
                          *self.power_on())
        self.assert_site(before)


class PowerBackOnTest(LoadSourceTestCase):

    def stop(self):
        return [tf_load.PowerBackOn(self.host, self.instance, self.source()),
                tf_vm.PowerOff(self.host, self.instance,
                               force_immediate=True)]

    def test_undone(self):
        self.create(on=True)
        self.assert_undone(self.stop)

    def test_disk_that_comes_back_elsewhere(self):
        """It boots from where the disk is then."""
        self.create(on=True)
        before = self.slot
        move = base.Witness()
        move.revert = lambda **kwargs: self._move()
        self.run_to_the_end(*self.stop(), move)
        self.assertNotEqual(before, self.slot)
        self.assertEqual((ON, self.slot), (self.lpar.partition_state,
                                           self.tags()['load_source']))

    def _move(self):
        """Have the boot disk in another slot."""
        with self.site.lock:
            bus = self.lpar.slots.pop(int(self.slot))
            bus.client_slot = 33
            bus.changed()
            self.lpar.slots[33] = bus
            bus.vios.touch()
