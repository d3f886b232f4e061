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

"""Holds documents of VIOSes and storage against captures of real servers."""

from lxml import etree
from pypowervm.tasks import scsi_mapper as pvm_smap
from pypowervm.wrappers import base_partition as pvm_bp
from pypowervm.wrappers import storage as pvm_stor
from pypowervm.wrappers import virtual_io_server as pvm_vios
import testtools

from nova_powervm.tests.simulator import fidelity
from nova_powervm.tests.simulator import storage_base

VIOS_FILES = ('fake_vios_ssp_npiv.txt', 'fake_vios_feed.txt',
              'fake_vios_feed2.txt', 'fake_vios_feed3.txt',
              'fake_vios_mappings.txt',
              'fake_vios_hosting_vios_feed.txt',
              'vio_multi_vscsi_mapping.txt')
LPAR_FILES = ('fake_lpar_feed.txt',)
# Of partitions; lpar.txt has the last two, but not where pypowervm puts them.
NEWER = ('PhysicalPageTableRatio', 'CurrentPhysicalPageTableRatio',
         'PendingSecureBoot', 'CurrentSecureBoot')
GROUP_FILES = ('fake_volume_group.txt', 'fake_volume_group2.txt',
               'upload_volgrp.txt', 'upload_volgrp2.txt')


class ViosFidelityTestCase(storage_base.StorageTestCase):
    """A VIOS with a disk, a medium, a volume, and an orphan."""

    def setUp(self):
        super().setUp()
        lpar, gone = self.make_lpar('vm1'), self.make_lpar('vm2')
        self.make_disk('boot_1', 20)
        self.make_disk('boot_2', 1)
        volume = self.vios_w(['ViosStorage']).phys_vols[0]
        for storage, client in (
                (pvm_stor.VDisk.bld_ref(self.adapter, 'boot_1'), lpar),
                (self.upload(), lpar),
                (pvm_stor.PV.bld(self.adapter, volume.name, volume.udid),
                 lpar),
                (pvm_stor.VDisk.bld_ref(self.adapter, 'boot_2'), gone)):
            pvm_smap.add_vscsi_mapping(None, self.vios.uuid, client.uuid,
                                       storage)
        self.adapter.delete('LogicalPartition', root_id=gone.uuid)
        self.wrapper = self.vios_w([])
        self.captured = fidelity.capture_wrappers(pvm_vios.VIOS, *VIOS_FILES)

    def element(self, wrapper):
        """The XML of a wrapper."""
        return etree.fromstring(wrapper.toxmlstring())

    def mapping(self, name):
        """The wrapper of the mapping of a disk, medium or volume."""
        return next(smap for smap in self.wrapper.scsi_mappings
                    if smap.backing_storage.name == name)

    def test_vios(self):
        # The part that all partitions have in common may also be known from
        # captures of logical partitions.
        captured = fidelity.capture_elements('VirtualIOServer', *VIOS_FILES)
        captured += fidelity.capture_elements('LogicalPartition', *LPAR_FILES)
        for wrapper in (self.wrapper, self.vios_w(None)):
            self.assertEqual([], fidelity.compare_structure(
                self.element(wrapper), captured, newer=NEWER))
        self.assertEqual([], fidelity.compare_wrapper(self.wrapper,
                                                      self.captured))

    def test_mappings(self):
        captured = fidelity.capture_elements('VirtualSCSIMapping', *VIOS_FILES)
        for smap in self.wrapper.scsi_mappings:
            self.assertEqual([], fidelity.compare_structure(
                self.element(smap), captured))

    def captured_mappings(self, storage_class):
        """Wrappers of captured mappings with a certain kind of storage."""
        return [smap for vios_w in self.captured
                for smap in vios_w.scsi_mappings
                if isinstance(smap.backing_storage, storage_class) and
                smap.client_adapter is not None and
                smap.client_lpar_href is not None]

    def check_mapping(self, name, storage_class):
        ours = self.mapping(name)
        captured = self.captured_mappings(storage_class)
        self.assertNotEqual([], captured)
        self.assertEqual([], fidelity.compare_wrapper(
            ours, captured, skip=('target_dev',)))
        for part in ('client_adapter', 'server_adapter', 'backing_storage'):
            self.assertEqual([], fidelity.compare_wrapper(
                getattr(ours, part), [getattr(m, part) for m in captured]))
        # vio_multi_vscsi_mapping.txt was edited by hand: its target devices
        # are of another kind than the storage.
        kind = type(ours.target_dev)
        self.assertIs(storage_class.target_dev_type, kind)
        self.assertEqual([], fidelity.compare_wrapper(
            ours.target_dev, [m.target_dev for m in captured
                              if isinstance(m.target_dev, kind)]))

    def test_disk_mapping(self):
        self.check_mapping('boot_1', pvm_stor.VDisk)

    def test_medium_mapping(self):
        self.check_mapping('cfg.iso', pvm_stor.VOptMedia)

    def test_volume_mapping(self):
        self.check_mapping('hdisk10', pvm_stor.PV)

    def test_orphan(self):
        ours = self.mapping('boot_2')
        captured = [
            smap for vios_w in self.captured for smap in vios_w.scsi_mappings
            if smap.client_adapter is None and smap.client_lpar_href is None]
        self.assertIsNone(ours.client_adapter)
        self.assertIsNone(ours.client_lpar_href)
        self.assertEqual([], fidelity.compare_wrapper(
            ours.server_adapter, [m.server_adapter for m in captured]))

    def test_physical_volumes(self):
        ours = {volume.name: volume for volume in self.wrapper.phys_vols}
        captured = [volume for vios_w in self.captured
                    for volume in vios_w.phys_vols]
        for name in ('hdisk0', 'hdisk11'):
            self.assertEqual([], fidelity.compare_wrapper(
                ours[name], [v for v in captured if v.is_fc_backed ==
                             ours[name].is_fc_backed],
                skip=('pg83', 'read_iops_limit', 'write_iops_limit')))

    def test_adapters(self):
        """The physical cards and Fibre Channel ports."""
        slots = [slot for vios_w in self.captured
                 for slot in vios_w.io_config.io_slots]
        for slot in self.wrapper.io_config.io_slots:
            self.assertEqual([], fidelity.compare_wrapper(
                slot, slots, skip=('required',)))
            alike = [s.io_adapter for s in slots
                     if type(s.io_adapter) is type(slot.io_adapter)]
            self.assertEqual([], fidelity.compare_wrapper(
                slot.io_adapter, alike,
                skip=() if isinstance(slot.io_adapter, pvm_bp.IOAdapter)
                else ('udid',)))
        ports = [port for vios_w in self.captured for port in vios_w.pfc_ports]
        for port in self.wrapper.pfc_ports:
            self.assertEqual([], fidelity.compare_wrapper(port, ports))


class GroupFidelityTestCase(storage_base.StorageTestCase):
    """A volume group with disks and media, and one without."""

    def setUp(self):
        super().setUp()
        root = self.group_of(self.vios, 'rootvg')
        self.make_disk('boot_1', 20, root)
        self.upload()
        self.wrapper = self.group_w(root)
        self.captured = fidelity.capture_wrappers(pvm_stor.VG, *GROUP_FILES)

    def test_structure(self):
        captured = fidelity.capture_elements('VolumeGroup', *GROUP_FILES)
        for wrapper in (self.wrapper, self.group_w()):
            self.assertEqual([], fidelity.compare_structure(
                etree.fromstring(wrapper.toxmlstring()), captured))

    def test_group(self):
        self.assertEqual([], fidelity.compare_wrapper(self.wrapper,
                                                      self.captured))

    def test_disk(self):
        # Only a disk that a later version of the platform throttles has
        # limits.
        self.assertEqual([], fidelity.compare_wrapper(
            self.wrapper.virtual_disks[0],
            [disk for group_w in self.captured
             for disk in group_w.virtual_disks],
            skip=('read_iops_limit', 'write_iops_limit')))

    def test_repository_and_medium(self):
        captured = [repository for group_w in self.captured
                    for repository in group_w.vmedia_repos]
        repository = self.wrapper.vmedia_repos[0]
        self.assertEqual([], fidelity.compare_wrapper(repository, captured))
        self.assertEqual([], fidelity.compare_wrapper(
            repository.optical_media[0],
            [medium for r in captured for medium in r.optical_media]))


class FidelityTestCase(testtools.TestCase):
    """The comparison itself finds what it shall find."""

    CAPTURE = ('<A><Name>x</Name><Size>1.5</Size><Mac>0A0B0C0D0E0F</Mac>'
               '<L href="http://h/rest/api/uom/T/'
               '00000000-1111-2222-3333-444444444444" rel="related"/>'
               '<In><B>true</B></In></A>')

    def problems(self, ours):
        return fidelity.compare_structure(
            etree.fromstring(ours), [etree.fromstring(self.CAPTURE)])

    def test_good(self):
        self.assertEqual([], self.problems(self.CAPTURE))
        self.assertEqual([], self.problems(
            '<A><Name>3</Name><Size>2</Size><L href="https://g:1/rest/api/uom/'
            'T/a0000000-1111-2222-3333-44444444444a?group=None"/></A>'))

    def test_unknown_element(self):
        self.assertEqual(['A/In/C is in no capture'],
                         self.problems('<A><In><C>1</C></In></A>'))

    def test_order(self):
        self.assertEqual(
            ['A: Size comes before Name'],
            self.problems('<A><Size>1</Size><Name>x</Name></A>'))

    def test_order_across_captures(self):
        captured = [etree.fromstring('<A><X>1</X><Y>1</Y></A>'),
                    etree.fromstring('<A><Y>1</Y><Z>1</Z></A>')]
        self.assertEqual(['A: Z comes before X'], fidelity.compare_structure(
            etree.fromstring('<A><Z>1</Z><X>1</X></A>'), captured))

    def test_format(self):
        for text in ('large', '1.5.1', '', '2%'):
            self.assertEqual(
                ["A/Size is %s, captured formats are ['decimal']" %
                 (repr(text) if text else None)],
                self.problems('<A><Size>%s</Size></A>' % text))
        self.assertEqual(1, len(self.problems(
            '<A><Mac>0a0b0c0d0e0f</Mac></A>')))
        self.assertEqual(1, len(self.problems('<A><In><B>yes</B></In></A>')))

    def test_link_and_attributes(self):
        problems = self.problems('<A><L href="http://h/rest/api/uom/U/x" '
                                 'kb="CUD" other="1"/></A>')
        self.assertEqual('A/L has an attribute other', problems[0])
        self.assertIn('A/L links to /rest/api/uom/U/x', problems[1])

    def test_wrapper(self):
        class Thing(object):
            def __init__(self, size, name='x'):
                self._size = size
                self._name = name

            @property
            def size(self):
                return int(self._size)

            @property
            def name(self):
                return self._name

        captured = [Thing('7'), Thing('none', None)]
        self.assertEqual([], fidelity.compare_wrapper(Thing('1'), captured))
        problems = fidelity.compare_wrapper(Thing('none', None), captured)
        self.assertEqual('name is None, captured is str', problems[0])
        self.assertIn('size cannot be read', problems[1])
