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

"""Tests of the management partition of a simulated host."""

import glob
import os

from pypowervm.tasks import scsi_mapper as pvm_smap
from pypowervm.tasks import storage as pvm_tasks
from pypowervm import util as pvm_util
from pypowervm.wrappers import storage as pvm_stor
from pypowervm.wrappers import virtual_io_server as pvm_vios
import testtools

from nova_powervm.simulator import management_partition
from nova_powervm.tests.simulator import storage_base

_SCAN = 'sys/bus/vio/devices/%x/host*/scsi_host/host*/scan'


class DiscoveryTestCase(storage_base.PoolTestCase):
    """A logical unit that comes and goes as a device."""

    def setUp(self):
        super().setUp()
        self.manager = self.host.store.all('LogicalPartition')[0]
        self.lu = self.crt_image('boot_1', b'from inside')
        self.empty = self.names()

    def path(self, *names):
        return os.path.join(self.host.management_root, *names)

    def names(self):
        """All paths below the root."""
        return sorted(os.path.join(folder, name) for folder, _dirs, files in
                      os.walk(self.path()) for name in files)

    def map(self, lu=None, vios=None):
        """Map a unit to the management partition.

        :returns: path of the scan file.
        """
        vios_w = pvm_smap.add_vscsi_mapping(
            None, (vios or self.vios).uuid, self.manager.uuid,
            lu or self.lu)
        slot = vios_w.scsi_mappings[-1].client_adapter.lpar_slot_num
        return glob.glob(self.path(_SCAN % (0x30000000 | slot)))[0]

    def unmap(self, vios=None):
        vios_w = pvm_vios.VIOS.get(self.adapter, uuid=(vios or self.vios).uuid,
                                   xag=storage_base.SCSI)
        pvm_smap.remove_maps(vios_w, self.manager.partition_id)
        vios_w.update()

    def write(self, path, text='- - -'):
        """Write as a driver does, and let the partition see it."""
        with open(path, 'a') as opened:
            opened.write(text)
        self.host.management.sync()

    def devices(self, lu=None):
        """Names in dev that lead to a unit."""
        return [os.path.basename(os.path.realpath(path)) for path in
                glob.glob(self.path('dev/disk/by-id/*%s' % (
                    (lu or self.lu).udid[-32:])))]

    def delete(self, name):
        self.write(self.path('sys/block', name, 'device/delete'), '1')

    def test_life_of_a_device(self):
        before = self.site.state()
        scan = self.map()
        self.assertEqual([], self.devices())
        self.write(scan)
        self.assertEqual(['sdb'], self.devices())
        self.assertEqual(0, os.path.getsize(scan))
        self.assertEqual(
            [{'name': 'sdb', 'storage': 'boot_1'}],
            self.site.state()['hosts'][0]['management_devices'])
        self.unmap()
        self.assertFalse(os.path.exists(scan))
        self.assertEqual(['sdb'], self.devices())
        self.delete('sdb')
        self.assertEqual([], self.devices())
        self.assertEqual(self.empty, self.names())
        self.assertEqual(before, self.site.state())

    def test_bytes(self):
        self.write(self.map())
        device = self.path('dev', self.devices()[0])
        self.assertEqual(self.unit().size, os.path.getsize(device))
        with open(device, 'r+b') as opened:
            self.assertEqual(b'from inside', opened.read(11))
            opened.seek(0)
            opened.write(b'FROM')
        self.assertEqual(b'FROM inside', self.unit().disk.read(0, 11))
        with open(self.path('sys/block/sdb/size')) as size:
            self.assertEqual(self.unit().size // 512, int(size.read()))

    def test_deleted_while_mapped(self):
        """It comes back with the next scan."""
        scan = self.map()
        self.write(scan)
        self.delete('sdb')
        self.assertEqual([], self.devices())
        self.write(scan)
        self.assertEqual(['sdb'], self.devices())

    def test_two_disks_on_one_adapter(self):
        scan = self.map()
        self.write(scan)
        other = self.crt_lu('other')
        self.assertEqual(scan, self.map(other))
        self.assertEqual([], self.devices(other))
        self.write(scan)
        self.assertEqual((['sdb'], ['sdc']), (self.devices(),
                                              self.devices(other)))

    def test_one_disk_through_two_vioses(self):
        self.write(self.map())
        self.write(self.map(vios=self.vios2))
        self.assertEqual(['sdc'], self.devices())
        self.delete('sdc')
        self.assertEqual(['sdb'], self.devices())

    def test_only_disks(self):
        medium = self.upload()
        self.write(self.map(medium))
        self.assertEqual(['loadavg', 'lparcfg', 'mkvterm', 'rmvterm', 'scan',
                          'uptime'], sorted(
            os.path.basename(name) for name in self.names()))

    def test_without_sync(self):
        """A thread sees what was written."""
        scan = self.map()
        with open(scan, 'w') as opened:
            opened.write('- - -')
        thread = self.host.management._thread
        while not self.devices():
            self.assertTrue(thread.is_alive())
            thread.join(0.01)
        self.unmap()
        with open(self.path('sys/block/sdb/device/delete'), 'w') as opened:
            opened.write('1')
        thread.join()
        self.assertEqual(self.empty, self.names())
        self.assertIsNone(self.host.management._thread)

    def test_partition_id(self):
        """lparcfg is what pypowervm reads."""
        place = self.path('proc/ppc64/lparcfg')
        real_open = open
        self.patch(pvm_util, 'open', lambda _path: real_open(place))
        self.assertEqual(1, pvm_util.my_partition_id())
        with open(self.path('proc/uptime')) as uptime:
            self.assertEqual(2, len([float(word) for word in
                                     uptime.read().split()]))


class VolumeTestCase(storage_base.StorageTestCase):
    """The management partition is the VIOS that has the disks."""

    PROFILE = 'mgmt-vios'

    def path(self, name):
        self.assertTrue(os.path.isabs(name))
        return self.host.management_root + name

    def crt_vdisk(self, group, name='boot_1', **kwargs):
        return pvm_tasks.crt_vdisk(self.adapter, self.vios.uuid, group.uuid,
                                   name, 1, **kwargs)

    def backing(self, vdisk):
        """Map a disk to a server, and return its backing device."""
        vios_w = pvm_smap.add_vscsi_mapping(
            None, self.vios.uuid, self.make_lpar().uuid, vdisk)
        return vios_w.scsi_mappings[-1].server_adapter.backing_dev_name

    def check(self, group, expected):
        vdisk = self.crt_vdisk(group)
        name = self.backing(vdisk)
        self.assertEqual(expected, name)
        disk = group.disks['boot_1'].disk
        disk.write_at(5, b'inside')
        with open(self.path(name), 'rb') as opened:
            opened.seek(5)
            self.assertEqual(b'inside', opened.read(6))
        self.assertEqual(disk.size, os.path.getsize(self.path(name)))

    def test_logical_volume(self):
        self.check(self.group, '/dev/datavg/boot_1')

    def test_file(self):
        self.check(self.group_of(self.vios, 'QCOW VG - default'),
                   '/var/lib/pvm/fileio/boot_1')

    def test_delete(self):
        vdisk = self.crt_vdisk(self.group)
        path = self.path('/dev/datavg/boot_1')
        self.assertTrue(os.path.exists(path))
        pvm_tasks.rm_vg_storage(self.group_w(), vdisks=[vdisk])
        self.assertFalse(os.path.exists(path))

    def test_other_vios(self):
        """Its disks keep the names that they have there."""
        group = self.group_of(self.vios2, 'datavg')
        self.make_disk('other', group=group)
        self.assertEqual('other', group.disks['other'].device_name)
        self.assertFalse(os.path.exists(self.path('/dev/datavg/other')))

    def test_disk_of_the_other_vios(self):
        """It becomes a device of the management partition."""
        self.make_disk('other', group=self.group_of(self.vios2, 'datavg'))
        vios_w = pvm_smap.add_vscsi_mapping(
            None, self.vios2.uuid, self.vios.uuid,
            pvm_stor.VDisk.bld_ref(self.adapter, 'other'))
        smap = vios_w.scsi_mappings[0]
        slot = smap.client_adapter.lpar_slot_num
        with open(glob.glob(self.path('/' + _SCAN % (0x30000000 | slot)))[0],
                  'w') as scan:
            scan.write('- - -')
        self.host.management.sync()
        self.assertEqual(1, len(glob.glob(self.path(
            '/dev/disk/by-id/*' + smap.backing_storage.udid[-32:]))))

    def test_not_to_itself(self):
        self.make_disk('own')
        self.assertRefused(
            'cannot map storage to itself', pvm_smap.add_vscsi_mapping, None,
            self.vios.uuid, self.vios.uuid,
            pvm_stor.VDisk.bld_ref(self.adapter, 'own'))


class NamesTestCase(testtools.TestCase):

    def test_disk_names(self):
        names = list(management_partition._disk_names())
        self.assertEqual(['sdb', 'sdc'], names[:2])
        self.assertEqual(['sdz', 'sdaa', 'sdab'], names[24:27])
        self.assertEqual(len(names), len(set(names)))
