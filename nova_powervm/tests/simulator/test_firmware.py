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

"""Tests of what a partition boots from."""

from pypowervm.tasks import power
from pypowervm.tasks import power_opts
from pypowervm.tasks import scsi_mapper
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.simulator import firmware
from nova_powervm.tests.simulator import storage_base

MODE = power_opts.BootMode


class FirmwareTest(storage_base.StorageTestCase):
    """An LPAR with a medium, and behind it two disks."""

    def setUp(self):
        super().setUp()
        self.lpar = self.make_lpar()
        self.upload('cfg.iso')
        self.map(pvm_stg.VOptMedia.bld_ref(self.adapter, 'cfg.iso'))
        for name in ('first', 'second'):
            self.make_disk(name)
            self.map(pvm_stg.VDisk.bld_ref(self.adapter, name))

    def lpar_w(self):
        return pvm_lpar.LPAR.get(self.adapter, uuid=self.lpar.uuid)

    def map(self, element):
        scsi_mapper.add_vscsi_mapping(None, self.vios.uuid, self.lpar.uuid,
                                      element)

    def path(self, number):
        (slot, lua), _target = list(
            firmware.disks(self.lpar).items())[number]
        return '/vdevice/v-scsi@%x/disk@%x' % (0x30000000 + slot, lua)

    def boot(self, string=None, mode=MODE.NORM):
        opts = power_opts.PowerOnOpts().bootmode(mode)
        if string is not None:
            opts.bootstring(string)
        power.PowerOp.start(self.lpar_w(), opts=opts)
        return self.lpar.state()['boot']

    def test_disks(self):
        self.assertEqual(['first', 'second'], [
            target.backing.name
            for target in firmware.disks(self.lpar).values()])

    def test_the_first_disk(self):
        self.assertEqual({'mode': 'norm', 'string': '', 'disk': 'first'},
                         self.boot())
        self.assertEqual('running', self.lpar.partition_state)

    def test_a_certain_disk(self):
        self.assertEqual('second', self.boot(self.path(1))['disk'])
        self.assertEqual('running', self.lpar.partition_state)
        self.assertEqual(self.path(1), self.lpar.boot_string)
        power.PowerOp.stop(self.lpar_w(),
                           opts=power_opts.PowerOffOpts().vsp_hard())
        self.assertIsNone(self.lpar.state()['boot'])
        self.assertEqual('first', self.boot()['disk'])

    def test_the_first_that_is_there(self):
        missing = '/vdevice/v-scsi@30000099/disk@8100000000000000'
        self.assertEqual('second', self.boot(
            '%s %s:2' % (missing, self.path(1)))['disk'])

    def test_none_is_there(self):
        for string in ('/vdevice/v-scsi@30000099/disk@8100000000000000',
                       'net'):
            self.assertIsNone(self.boot(string)['disk'])
            self.assertEqual(('open firmware', 'inactive'), (
                self.lpar.partition_state, self.lpar.rmc))
            self.lpar.halted()

    def test_vios_that_is_off(self):
        path = self.path(1)
        with self.site.lock:
            self.vios.set_state('not activated')
        self.assertEqual({}, firmware.disks(self.lpar))
        self.assertIsNone(self.boot(path)['disk'])

    def test_menu(self):
        self.assertEqual({'mode': 'sms', 'string': '', 'disk': None},
                         self.boot(mode=MODE.SMS))
        self.assertEqual('open firmware', self.lpar.partition_state)

    def test_restart(self):
        """It is booted as if nobody had said how."""
        self.boot(self.path(1))
        power.PowerOp.stop(
            self.lpar_w(),
            opts=power_opts.PowerOffOpts().vsp_hard().restart())
        self.assertEqual('first', self.lpar.state()['boot']['disk'])
