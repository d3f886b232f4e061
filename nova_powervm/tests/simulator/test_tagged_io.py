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

"""Tests of what a partition with IBM i boots from."""

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import ibmi
from pypowervm.tasks import power
from pypowervm.tasks import power_opts
from pypowervm.tasks import scsi_mapper
from pypowervm.utils import lpar_builder
from pypowervm.wrappers import base_partition as pvm_bp
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import managed_system as pvm_ms
from pypowervm.wrappers import storage as pvm_stg
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.tests.simulator import storage_base


class TaggedIOTest(storage_base.StorageTestCase):
    """An IBM i partition, off, as pypowervm builds it."""

    def setUp(self):
        super().setUp()
        system, = pvm_ms.System.get(self.adapter)
        self.lpar_w = lpar_builder.LPARBuilder(
            self.adapter, {'name': 'ibmi1', 'memory': 2048, 'vcpu': 1,
                           'env': pvm_bp.LPARType.OS400},
            lpar_builder.DefaultStandardize(system)).build().create(
                parent=system)
        self.lpar = self.host.store.get('LogicalPartition', self.lpar_w.uuid)

    def read(self):
        return pvm_lpar.LPAR.get(self.adapter, uuid=self.lpar.uuid)

    def map(self, name, slot):
        """Make a disk and map it to a slot of the partition."""
        self.make_disk(name)
        vios_w = self.vios_w()
        vios_w.scsi_mappings.append(pvm_vios.VSCSIMapping.bld(
            self.adapter, None, self.lpar.uuid,
            pvm_stg.VDisk.bld_ref(self.adapter, name), lpar_slot_num=slot))
        vios_w.update()

    def tag(self, load_source, alternate='NONE', console='HMC'):
        lpar_w = self.read()
        lpar_w.io_config.tagged_io = pvm_bp.TaggedIO.bld(
            self.adapter, load_src=load_source, alt_load_src=alternate,
            console=console)
        self.lpar_w = lpar_w.update()

    def start(self, opts=None):
        power.PowerOp.start(self.lpar_w, opts=opts)
        return self.lpar.state()['boot']['disk']

    def assert_not_started(self, opts=None):
        exc = self.assertRaises(pvm_exc.VMPowerOnFailure, self.start, opts)
        self.assertIn('HSCL3684', str(exc))
        self.assertEqual('not activated', self.lpar.partition_state)

    def tags(self):
        tagged_io = self.read().io_config.tagged_io
        return (tagged_io.load_src, tagged_io.alt_load_src,
                tagged_io.console)

    def test_kept(self):
        self.assertEqual(('0', 'NONE', 'HMC'), self.tags())
        self.tag(3, 4)
        self.assertEqual(('3', '4', 'HMC'), self.tags())
        # A document without it changes nothing.
        lpar_w = self.read()
        lpar_w.io_config.element.remove(
            lpar_w.io_config.tagged_io.element)
        lpar_w.update()
        self.assertEqual(('3', '4', 'HMC'), self.tags())
        self.assertEqual(
            {'load_source': '3', 'alternate': '4', 'console': 'HMC',
             'ipl_source': 'b', 'keylock': 'normal'},
            self.lpar.state()['tagged_io'])

    def test_nonsense(self):
        self.assertRefused('LoadSource', self.tag, 'HMC')
        self.assertRefused('Console', self.tag, '3', console='NONE')
        self.assertEqual(('0', 'NONE', 'HMC'), self.tags())

    def test_other_systems_have_none(self):
        lpar = self.make_lpar('linux')
        lpar_w = pvm_lpar.LPAR.get(self.adapter, uuid=lpar.uuid)
        self.assertIsNone(lpar_w.io_config.tagged_io)
        self.assertNotIn('tagged_io', lpar.state())

    def test_no_load_source(self):
        self.map('boot', 3)
        self.assert_not_started()

    def test_nothing_in_the_slot(self):
        self.map('boot', 3)
        self.tag(5)
        self.assert_not_started()

    def test_no_disk_behind_the_adapter(self):
        self.upload('cfg.iso')
        scsi_mapper.add_vscsi_mapping(
            None, self.vios.uuid, self.lpar.uuid,
            pvm_stg.VOptMedia.bld_ref(self.adapter, 'cfg.iso'),
            lpar_slot_num=3)
        self.tag(3)
        self.assert_not_started()

    def test_vios_that_is_off(self):
        self.map('boot', 3)
        self.tag(3)
        with self.site.lock:
            self.vios.set_state('not activated')
        self.assert_not_started()

    def test_load_source(self):
        """It counts, not which adapter is the first."""
        self.map('data', 3)
        self.map('boot', 4)
        self.tag(4, 3)
        self.assertEqual('boot', self.start())
        self.assertEqual(('running', 'none'), (self.lpar.partition_state,
                                               self.lpar.rmc))

    def test_alternate_load_source(self):
        self.map('boot', 3)
        self.map('install', 4)
        self.tag(3, 4)
        opts = power_opts.PowerOnOpts().ibmi_ipl_source(pvm_lpar.IPLSrc.D)
        self.assertEqual('install', self.start(opts))
        self.lpar.halted()
        self.tag(3)
        self.assert_not_started(opts)

    def test_restart_without_it(self):
        self.map('boot', 3)
        self.tag(3)
        self.start()
        self.tag('NONE')
        power.PowerOp.stop(
            self.lpar_w, opts=power_opts.PowerOffOpts().vsp_hard().restart())
        self.assertEqual('error', self.lpar.partition_state)

    def test_by_pypowervm(self):
        """What its own task makes is good."""
        self.map('boot', 3)
        self.lpar_w = ibmi.update_ibmi_settings(
            self.adapter, self.read(),
            pvm_lpar.BootStorageType.VSCSI).update()
        self.assertEqual(('3', '3', 'HMC'), self.tags())
        self.assertEqual('boot', self.start())
