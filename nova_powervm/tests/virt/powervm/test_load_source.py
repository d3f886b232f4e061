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

"""Which adapters are tagged for IBM i."""

import types
from unittest import mock

from pypowervm import exceptions as pvm_exc
from pypowervm.tests.test_utils import pvmhttp
from pypowervm.wrappers import base_partition as pvm_bp
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import load_source
from nova_powervm.virt.powervm import reader
from nova_powervm.virt.powervm import vm

NEW = load_source.Tags('0', 'NONE', 'HMC', 'b', 'normal')
DISK, OPTICAL = pvm_stg.VDisk, pvm_stg.VOptMedia


class ChooseTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.instance = base.make_instance()

    def vios(self, name, *mappings, up=True):
        """A VIOS wrapper, almost.

        :param mappings: (slot, class of the storage)
        """
        href = 'http://host/rest/api/uom/LogicalPartition/%s' % (
            vm.get_lpar_uuid(self.instance))
        return types.SimpleNamespace(
            name=name, state='running', is_mgmt_partition=False,
            rmc_state='active' if up else 'inactive', scsi_mappings=[
                mock.Mock(
                    client_lpar_href=href, server_adapter=mock.Mock(),
                    client_adapter=mock.Mock(lpar_slot_num=slot),
                    backing_storage=mock.Mock(spec=cls))
                for slot, cls in mappings])

    def choose(self, before, *vioses, boot=()):
        """The load source and the alternate one that are to be.

        :param boot: the slots of the boot disk.
        """
        def find(wraps):
            there = {mapping.client_adapter.lpar_slot_num
                     for vios_w in wraps for mapping in vios_w.scsi_mappings}
            return [slot for slot in boot if slot in there]

        host = mock.Mock(filter_active=reader.PlatformReader.filter_active)
        host.vioses.return_value = list(vioses)
        source = load_source.LoadSource(host, self.instance, find)
        tags = source._choose(before, {
            vios_w.name: vios_w for vios_w in vioses})
        self.reads = host.vioses.call_count
        self.assertEqual(('HMC', 'b', 'normal'), tags[2:])
        return tags[:2]

    def test_one_adapter(self):
        vios_w = self.vios('vios1', (2, DISK), (2, OPTICAL))
        self.assertEqual(('2', '2'), self.choose(NEW, vios_w, boot=[2]))
        self.assertEqual(0, self.reads)

    def test_not_the_first_adapter(self):
        vios_w = self.vios('vios1', (2, DISK), (7, DISK))
        self.assertEqual(('7', '2'), self.choose(NEW, vios_w, boot=[7]))

    def test_optical_drive(self):
        vios_w = self.vios('vios1', (2, DISK), (3, DISK), (12, OPTICAL))
        self.assertEqual(('2', '12'), self.choose(NEW, vios_w, boot=[2]))

    def test_what_fits_stays(self):
        vioses = [self.vios('vios1', (2, DISK), (4, OPTICAL)),
                  self.vios('vios2', (3, DISK))]
        for load_source_, alternate in (('3', '2'), ('2', '3'), ('3', '4')):
            before = NEW._replace(load_source=load_source_,
                                  alternate=alternate)
            self.assertEqual((load_source_, alternate),
                             self.choose(before, *vioses, boot=[2, 3]))
            self.assertEqual(0, self.reads)

    def test_alternate_that_is_gone(self):
        """It may only be on a VIOS that the flow has not edited."""
        vios_w = self.vios('vios1', (2, DISK), (3, DISK))
        before = NEW._replace(load_source='2', alternate='9')
        self.assertEqual(('2', '3'), self.choose(before, vios_w, boot=[2]))
        self.assertEqual(1, self.reads)

    def test_vios_that_is_down(self):
        vioses = [self.vios('vios1', (2, DISK), up=False),
                  self.vios('vios2', (3, DISK))]
        before = NEW._replace(load_source='2', alternate='3')
        self.assertEqual(('3', '3'), self.choose(before, *vioses,
                                                 boot=[2, 3]))
        # All are: one of them may be wrong about that.
        self.assertEqual(('2', '2'), self.choose(before, vioses[0],
                                                 boot=[2]))

    def test_end_of_a_rescue(self):
        """The path that was the alternate one stays that."""
        vioses = [self.vios('vios1', (2, DISK)), self.vios('vios2', (3, DISK))]
        rescued = NEW._replace(load_source='8', alternate='2')
        self.assertEqual(('3', '2'), self.choose(rescued, *vioses,
                                                 boot=[2, 3]))

    def test_boot_disk_that_is_not_found(self):
        vioses = [self.vios('vios1', (12, DISK), (3, DISK))]
        self.assertEqual(('3', '12'), self.choose(NEW, *vioses))
        self.assertIn('No VIOS tells', self.logger.output)
        self.assertEqual(('12', '3'), self.choose(
            NEW._replace(load_source='12'), *vioses))
        self.assertRaises(pvm_exc.IBMiLoadSourceNotFound, self.choose, NEW)


class TagsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        [self.lpar_w] = pvm_lpar.LPAR.wrap(pvmhttp.load_pvm_resp(
            'lpar_ibmi.txt', adapter=mock.Mock()).get_response())

    def test_read(self):
        self.assertEqual(('NONE', 'NONE', '0', 'b', 'manual'),
                         load_source.read(self.lpar_w))

    def test_write(self):
        for tags in (load_source.Tags('2', '3', 'HMC', 'b', 'normal'),
                     load_source.Tags('0', 'NONE', '0', 'd', 'manual')):
            load_source.write(self.lpar_w, tags)
            self.assertEqual(tags, load_source.read(self.lpar_w))

    def test_what_only_the_platform_sets(self):
        load_source.write(self.lpar_w, load_source.Tags(
            None, None, None, None, pvm_bp.KeylockPos.UNKNOWN))
        self.assertEqual(('NONE', 'NONE', '0', 'b', 'manual'),
                         load_source.read(self.lpar_w))

    def test_none_before(self):
        tagged = self.lpar_w.io_config.tagged_io
        self.lpar_w.io_config.element.remove(tagged.element)
        self.assertIsNone(load_source.read(self.lpar_w).load_source)
        tags = load_source.Tags('2', '3', 'HMC', 'b', 'normal')
        load_source.write(self.lpar_w, tags)
        self.assertEqual(tags, load_source.read(self.lpar_w))
