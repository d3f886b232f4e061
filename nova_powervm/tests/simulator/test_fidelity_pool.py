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

"""Holds documents of shared storage against captures of real servers."""

from lxml import etree
from pypowervm.tasks import scsi_mapper as pvm_smap
from pypowervm.tasks import storage as pvm_tasks
from pypowervm.wrappers import cluster as pvm_cluster
from pypowervm.wrappers import storage as pvm_stor
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.tests.simulator import fidelity
from nova_powervm.tests.simulator import storage_base

_MAPPINGS = 'fake_vios_ssp_npiv.txt'
_FILES = 'fake_vios_hosting_vios_feed.txt'
#: Of file-backed disks; newer than all captures.
_NEWER = ('BackStoreType', 'FileFormat')


def _shape(href):
    """The names in a URL, without host and UUIDs."""
    path = href.split('?')[0].partition('/rest/')[2]
    return [part for part in path.split('/') if part.isalpha()]


class PoolFidelityTestCase(storage_base.PoolTestCase):
    """A pool with an image, a clone that is mapped, and another unit."""

    PROFILE = 'ssp-two-host'

    def setUp(self):
        super().setUp()
        # Whole gigabytes, because all units of the captures have them.
        image = self.crt_lu('image_1', 1, typ=pvm_stor.LUType.IMAGE)
        self.clone = self.crt_lu('boot_1', 2, clone=image)
        self.crt_lu('other', 1)
        pvm_smap.add_vscsi_mapping(None, self.vios.uuid,
                                   self.make_lpar().uuid, self.clone)

    def check(self, wrappers, file_name, newer=()):
        """Compare entries with those of a capture."""
        self.assertNotEqual([], wrappers)
        cls = type(wrappers[0])
        elements = fidelity.capture_elements(wrappers[0].schema_type,
                                             file_name)
        captured = fidelity.capture_wrappers(cls, file_name)
        for wrapper in wrappers:
            self.assertEqual([], fidelity.compare_structure(
                etree.fromstring(wrapper.toxmlstring()), elements,
                newer=newer))
            self.assertEqual([], fidelity.compare_wrapper(wrapper, captured))
            self.assertEqual(_shape(captured[0].href), _shape(wrapper.href))

    def test_cluster(self):
        wrappers = pvm_cluster.Cluster.get(self.adapter)
        self.check(wrappers, 'cluster.txt')
        captured = fidelity.capture_wrappers(pvm_cluster.Cluster,
                                             'cluster.txt')
        for number, node in enumerate(wrappers[0].nodes):
            # Those of the other server have no link.
            self.assertEqual([], fidelity.compare_wrapper(
                node, captured[0].nodes,
                skip=('vios_uri', 'vios_uuid') if number > 1 else ()))

    def test_pool(self):
        wrappers = pvm_stor.SSP.get(self.adapter)
        # The only unit in the capture is no clone; test_units has clones.
        self.check(wrappers, 'ssp.txt', newer=('ClonedFrom',))
        captured = fidelity.capture_wrappers(pvm_stor.SSP, 'ssp.txt')[0]
        for ours, theirs in (
                (wrappers[0].logical_units, captured.logical_units),
                (wrappers[0].physical_volumes, captured.physical_volumes)):
            for item in ours:
                self.assertEqual([], fidelity.compare_wrapper(item, theirs))

    def test_tiers(self):
        self.check(pvm_stor.Tier.get(
            self.adapter, parent=pvm_stor.SSP.get(self.adapter)[0]),
            'tier.txt')

    def test_units(self):
        lus = pvm_stor.LUEnt.get(self.adapter, parent=self.tier)
        elements = fidelity.capture_elements('LogicalUnit', 'lufeed.txt')
        captured = fidelity.capture_wrappers(pvm_stor.LUEnt, 'lufeed.txt')
        for lu in lus:
            self.assertEqual([], fidelity.compare_structure(
                etree.fromstring(lu.toxmlstring()), elements))
            alike = [other for other in captured
                     if bool(other.cloned_from_udid) ==
                     bool(lu.cloned_from_udid)]
            self.assertEqual([], fidelity.compare_wrapper(lu, alike))
            self.assertEqual(_shape(captured[0].href), _shape(lu.href))
            self.assertEqual(len(captured[0].udid), len(lu.udid))
        prefixes = {(lu.lu_type, lu.udid[:2]) for lu in captured}
        self.assertLessEqual({(lu.lu_type, lu.udid[:2]) for lu in lus},
                             prefixes)

    def test_mapping(self):
        elements = fidelity.capture_elements('VirtualSCSIMapping', _MAPPINGS)
        smap = self.vios_w().scsi_mappings[0]
        self.assertEqual([], fidelity.compare_structure(
            etree.fromstring(smap.toxmlstring()), elements))
        captured = [
            other for vios_w in fidelity.capture_wrappers(pvm_vios.VIOS,
                                                          _MAPPINGS)
            for other in vios_w.scsi_mappings
            if isinstance(other.backing_storage, pvm_stor.LU) and
            other.client_adapter is not None]
        self.assertNotEqual([], captured)
        self.assertEqual([], fidelity.compare_wrapper(smap, captured))
        for part in ('client_adapter', 'server_adapter', 'backing_storage',
                     'target_dev'):
            self.assertEqual([], fidelity.compare_wrapper(
                getattr(smap, part), [getattr(m, part) for m in captured]))
        self.assertEqual({'0a'}, {
            other.target_dev.element.findtext('UniqueDeviceID')[:2]
            for other in captured + [smap]})


class FileFidelityTestCase(storage_base.StorageTestCase):
    """A mapping of a file-backed disk."""

    PROFILE = 'mgmt-vios'
    GROUP = 'QCOW VG - default'

    def test_mapping(self):
        vdisk = pvm_tasks.crt_vdisk(self.adapter, self.vios.uuid,
                                    self.group.uuid, 'boot_1', 1)
        pvm_smap.add_vscsi_mapping(None, self.vios.uuid,
                                   self.make_lpar().uuid, vdisk)
        ours = self.vios_w().scsi_mappings[0].backing_storage
        captured = [
            smap.backing_storage for vios_w in fidelity.capture_wrappers(
                pvm_vios.VIOS, _FILES) for smap in vios_w.scsi_mappings
            if isinstance(smap.backing_storage, pvm_stor.VDisk) and
            smap.backing_storage.vdtype == pvm_stor.VDiskType.FILE]
        self.assertEqual([], fidelity.compare_wrapper(ours, captured))
        self.assertEqual([], fidelity.compare_structure(
            etree.fromstring(ours.toxmlstring()),
            [disk for disk in fidelity.capture_elements(
                'VirtualDisk', _FILES)
             if disk.findtext('{*}VirtualDiskType') == 'File'],
            newer=_NEWER))
