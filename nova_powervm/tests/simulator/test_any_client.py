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

"""Server adapters of a VIOS that any partition may connect to."""

from lxml import etree
from pypowervm.tasks import scsi_mapper as pvm_smap
from pypowervm.tasks import storage as pvm_tasks
from pypowervm.utils import transaction as pvm_tx
from pypowervm.wrappers import storage as pvm_stor
from pypowervm.wrappers import virtual_io_server as pvm_vios
import testtools

from nova_powervm.simulator import profile
from nova_powervm.simulator.resources import adapters
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import fidelity
from nova_powervm.tests.simulator import storage_base

CAPTURE = 'fake_vios_mappings.txt'


class AnyClientTest(storage_base.StorageTestCase):
    """An operator's volume on an adapter for any client."""

    def setUp(self):
        super().setUp()
        self.slots = self.vios.state()['slots']
        self.host.operator.map_storage('vios1', 'hdisk10',
                                       target_name='vhdisk10')

    def mapping(self):
        [found] = self.vios_w().scsi_mappings
        return found

    def captured(self):
        """The mapping of the capture: vhost1, in slot 3 of its VIOS."""
        captured = fidelity.capture_wrappers(pvm_vios.VIOS, CAPTURE)
        found = [smap for vios_w in captured for smap in vios_w.scsi_mappings
                 if smap.server_adapter.lpar_slot_num == pvm_stor.ANY_SLOT]
        self.assertEqual(['vhost1'], [s.server_adapter.name for s in found])
        return found[0]

    def test_as_captured(self):
        ours, captured = self.mapping(), self.captured()
        self.assertEqual([], fidelity.compare_structure(
            etree.fromstring(ours.toxmlstring()),
            fidelity.capture_elements('VirtualSCSIMapping', CAPTURE)))
        self.assertEqual([], fidelity.compare_wrapper(ours, [captured]))
        for part in ('server_adapter', 'target_dev'):
            self.assertEqual([], fidelity.compare_wrapper(
                getattr(ours, part), [getattr(captured, part)]))
        for smap in (ours, captured):
            self.assertIsNone(smap.client_adapter)
            self.assertIsNone(smap.client_lpar_href)
            adapter = smap.server_adapter
            self.assertEqual((adapters.ANY, adapters.ANY),
                             (adapter.lpar_id, adapter.lpar_slot_num))
            self.assertEqual('1e' + adapter.loc_code, adapter.udid)
            self.assertEqual(smap.backing_storage.name,
                             adapter.backing_dev_name)
            self.assertFalse(smap.backing_storage.avail_for_use)

    def test_same_elements(self):
        """What the capture leaves out of a mapping, we leave out, too."""
        ours, captured = (
            {child.tag for child in smap.element}
            for smap in (self.mapping(), self.captured()))
        self.assertEqual({'Metadata', 'ServerAdapter', 'Storage',
                          'TargetDevice'}, ours)
        self.assertEqual(captured, ours)

    def test_write_back_changes_nothing(self):
        before = self.vios.state()
        vios_w = self.vios_w()
        etag = self.vios.etag
        vios_w.update()
        self.assertEqual(before, self.vios.state())
        self.assertNotEqual(etag, self.vios.etag)

    def test_stays_when_others_come_and_go(self):
        before = self.vios.state()['mappings']
        lpar = self.make_lpar()
        self.make_disk()
        pvm_smap.add_vscsi_mapping(
            None, self.vios.uuid, lpar.uuid,
            pvm_stor.VDisk.bld_ref(self.adapter, 'boot_1'))
        self.assertEqual(before, self.vios.state()['mappings'][:1])
        pvm_smap.remove_maps(self.vios_w(), lpar.uuid)
        self.adapter.delete('LogicalPartition', root_id=lpar.uuid)
        self.assertEqual(before, self.vios.state()['mappings'][:1])

    def test_scrub_of_orphans_leaves_it(self):
        before = self.vios.state()['mappings']
        task = pvm_tx.FeedTask('scrub', [self.vios_w()])
        pvm_tasks.add_orphan_storage_scrub_tasks(task)
        task.execute()
        self.assertEqual(before, self.vios.state()['mappings'])

    def test_a_client_removes_it(self):
        vios_w = self.vios_w()
        vios_w.scsi_mappings.remove(vios_w.scsi_mappings[0])
        vios_w.update()
        self.assertEqual([], self.vios.state()['mappings'])
        self.assertEqual(self.slots, self.vios.state()['slots'])
        self.assertFalse(self.vios.volumes['hdisk10'].in_use)

    def test_a_refused_request_leaves_it(self):
        before = self.vios.state()
        vios_w = self.vios_w()
        vios_w.scsi_mappings.remove(vios_w.scsi_mappings[0])
        vios_w.name = ''
        self.assertRefused('HSCL1551', vios_w.update)
        self.assertEqual(before, self.vios.state())

    def test_more_on_the_same_adapter(self):
        self.make_disk()
        vios_w = self.vios_w()
        smap = pvm_vios.VSCSIMapping.bld_from_existing(
            vios_w.scsi_mappings[0],
            pvm_stor.VDisk.bld_ref(self.adapter, 'boot_1'))
        vios_w.scsi_mappings.append(smap)
        vios_w.update()
        self.assertEqual(
            [(None, 'vhost0', 'hdisk10'), (None, 'vhost0', 'boot_1')],
            [(m['lpar'], m['adapter'], m['storage'])
             for m in self.vios.state()['mappings']])

    def test_no_partition_sees_it(self):
        lpar = self.make_lpar(running=True)
        self.assertEqual([], self.host.lpar_disks(lpar))
        self.assertEqual([], self.host.lpar_disks(self.vios))
        lpar.halted()
        lpar.booted()
        self.assertIsNone(lpar.boot['disk'])

    def test_disk_that_is_lent_cannot_be_removed(self):
        self.make_disk()
        self.host.operator.map_storage('vios1', 'boot_1')
        group_w = self.group_w()
        group_w.virtual_disks.remove(group_w.virtual_disks[0])
        self.assertRefused('mapped to any partition', group_w.update)


class ProfileTest(testtools.TestCase):

    SOURCE = '''name: small
hosts:
  - name: one
    lpars:
      - name: n
        management: true
    vioses:
      - name: v1
        volume_groups:
          - name: datavg
            capacity_gb: 10
            disks: [{name: lv1, size_gb: 1}]
        physical_volumes: [{name: hdisk7, size_gb: 1}]
        any_client_adapters:
          - storage: [lv1]
          - slot: 2
            storage: [hdisk7]
'''

    def parse(self, find='', replace=''):
        return profile.parse(self.SOURCE.replace(find, replace), 'my.yaml')

    def test_site(self):
        site = self.useFixture(
            powervm_fixtures.SimulatedSite(self.parse())).site
        [vios] = site.hosts[0].store.all('VirtualIOServer')
        self.assertEqual(
            [(2, 'hdisk7', None, 65535), (3, 'lv1', None, 65535)],
            [(m['server_slot'], m['storage'], m['lpar'], m['client_slot'])
             for m in vios.state()['mappings']])

    def test_contradictions(self):
        for find, replace, line, reason in (
                ('[lv1]', '[lv2]', 15, 'VIOS v1 has no disk lv2 to map'),
                ('[lv1]', '[hdisk0]', 15, 'VIOS v1 has no disk hdisk0'),
                ('[lv1]', '[hdisk7]', 17, 'hdisk7 is on two adapters'),
                ('[lv1]', '[lv1]\n            slot: 2', 17,
                 'two adapters are in slot 2'),
                ('slot: 2', 'slot: 2000', 16, 'VIOS v1 has no slot 2000'),
                ('slot: 2', 'slot: 1', 16, 'less than the minimum of 2')):
            exc = self.assertRaises(profile.ProfileError, self.parse, find,
                                    replace)
            self.assertIn(reason, str(exc))
            self.assertTrue(str(exc).startswith('my.yaml:%d: ' % line),
                            (str(exc), line))
