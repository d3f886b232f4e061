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

"""Disks that come and go on the management partition."""

import os
from unittest import mock

import fixtures
from nova import exception as nova_exc
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.tests.virt.powervm import base
from nova_powervm.tests.virt.powervm.disk import base as disk_base
from nova_powervm.tests.virt.powervm.disk import ssp_base
from nova_powervm.virt.powervm.disk import localdisk
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import mgmt
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings


class ManagementMixin:
    """The management partition of a simulated host, on a clock of its own.

    While the driver sleeps, the partition does what it was told; time goes by
    then, and only then.
    """

    def open_mgmt(self, root=None):
        self.root = root or self.simulated.management_root
        self.flags(management_root=self.root, group='powervm')
        self.now = 1000
        self.sleeps = 0
        self.mgmt = mgmt.ManagementPartition(
            self.host, clock=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds):
        self.now += seconds
        self.sleeps += 1
        self.simulated.management.sync()

    def path(self, *names):
        return os.path.join(self.root, *names)

    def devices(self):
        return self.simulated.management.state()


class AttachTest(ManagementMixin, ssp_base.PoolTestCase):
    """A server with its boot disk in a Shared Storage Pool."""

    def setUp(self):
        super().setUp()
        self.open_mgmt()
        self.instance = self.make_instance()
        disk = self.create()
        self.create_lpar(self.instance)
        self.connect(self.instance, disk)
        self.udid = disk.udid
        self.host.mgmt_uuid
        self.before = self.state()
        self.simulated.journal.clear()

    def attach(self):
        return self.mgmt.attach_boot_disk(self.adapter, self.instance)

    def detach(self):
        self.mgmt.detach_boot_disk(self.adapter, self.instance)

    def test_life(self):
        disk = self.attach()

        self.assertEqual(self.path('dev/sdb'), disk.path)
        self.assertEqual('raw', disk.disk_format)
        self.assertEqual(['GET VirtualIOServer', 'POST VirtualIOServer'],
                         self.requests())
        with self.mgmt.open_disk(disk.path) as opened:
            self.assertEqual(self.content, opened.read(len(self.content)))

        self.detach()

        self.assertEqual(
            ['GET VirtualIOServer'] * 2 + ['POST VirtualIOServer'],
            sorted(self.requests()))
        self.assertEqual(self.before, self.state())

    def test_repeated(self):
        """What a former process has begun is gone on with, and ended."""
        self.attach()
        self.assertEqual(self.path('dev/sdb'), self.attach().path)
        self.detach()
        self.detach()
        self.assertEqual(self.before, self.state())

    def test_other_vios(self):
        self.stop_vios('vios1')
        before = self.state()
        self.attach()
        self.assertEqual(2, len(self.mapped('vios2')))
        self.detach()
        self.assertEqual(before, self.state())

    def test_no_vios(self):
        self.break_request('status', 'POST', 'VirtualIOServer', status=500,
                           count=0)
        exc = self.assertRaises(exception.InstanceDiskMappingFailed,
                                self.attach)
        self.assertIn(self.instance.name, str(exc))
        for vios in ('vios1', 'vios2'):
            self.assertIn(self.vios(vios).uuid, str(exc))
        self.assertEqual(self.before, self.state())

    def test_disk_that_the_server_does_not_have(self):
        self.disconnect(self.instance)
        exc = self.assertRaises(exception.InstanceDiskMappingFailed,
                                self.attach)
        self.assertIn('vios1 does not map disk b_', str(exc))

    def test_lost_answers(self):
        """Both VIOSes map it then; the device is found, and all goes."""
        self.break_request('drop_after', 'POST', 'VirtualIOServer')
        self.attach()
        self.assertEqual((2, 2), (len(self.mapped('vios1')),
                                  len(self.mapped('vios2'))))
        self.break_request('drop_after', 'POST', 'VirtualIOServer')
        self.detach()
        self.assertEqual(self.before, self.state())

    def test_cannot_be_unmapped(self):
        self.attach()
        self.break_request('status', 'POST', 'VirtualIOServer', status=500,
                           count=0)
        self.assertRaises(pvm_exc.HttpError, self.detach)

    def test_device_that_does_not_go(self):
        """It is logged; the snapshot is none the worse for it."""
        self.attach()
        with mock.patch.object(self.simulated.management, 'sync'), \
                mock.patch.object(self.simulated.management,
                                  '_was_written', return_value=False):
            self.detach()
        self.assertIn('Could not remove the devices of disk',
                      self.logger.output)
        self.assertEqual(1, len(self.devices()))


class DeviceTest(ManagementMixin, ssp_base.PoolTestCase):
    """Devices, by the files of the partition."""

    def setUp(self):
        super().setUp()
        self.open_mgmt()
        self.disk = self.create()
        with self.edits() as stg:
            stg.edit(self.vios().uuid, vios_mappings.add_mapping,
                     self.host.mgmt_uuid, pvm_stg.LU.bld_ref(
                         self.host.adapter, self.disk.name, self.disk.udid))
        self.mapping = self.get_mapping()

    def get_mapping(self):
        vios_w = self.host.active_vioses([vios_mappings.SCSI_MAPPING])[0]
        return vios_mappings.find_mapping(vios_w, self.host.mgmt_uuid,
                                          pvm_stg.LU, self.disk.name)

    def test_found(self):
        self.assertEqual(self.path('dev/sdb'),
                         self.mgmt.discover_vscsi_disk(self.mapping))
        self.assertEqual(1, self.sleeps)

    def test_adapter_appears_late(self):
        bus = self.path('sys/bus/vio/devices')
        os.rename(bus, bus + '.not')
        self.addCleanup(os.path.exists, bus)

        def sleep(seconds):
            if os.path.exists(bus + '.not'):
                os.rename(bus + '.not', bus)
            self.sleep(seconds)

        self.mgmt._sleep = sleep
        self.assertEqual(self.path('dev/sdb'),
                         self.mgmt.discover_vscsi_disk(self.mapping))

    def test_never_found(self):
        with mock.patch.object(self.simulated.management, '_scan'):
            exc = self.assertRaises(
                exception.NoDiskDiscoveryException,
                self.mgmt.discover_vscsi_disk, self.mapping, scan_timeout=3)
        self.assertIn(self.disk.udid, str(exc))
        self.assertIn('3000000', str(exc))
        self.assertAlmostEqual(1003, self.now, delta=0.2)
        self.assertLessEqual(mgmt.POLL_INTERVAL, 0.25)

    def test_several_found(self):
        path = self.mgmt.discover_vscsi_disk(self.mapping)
        # A link of another name leads to the same device: that is fine.
        os.symlink(path, self.path('dev/disk/by-id/wwn-' +
                                   self.disk.udid[-32:]))
        self.assertEqual(path, self.mgmt.discover_vscsi_disk(self.mapping))
        other = self.path('dev/sdz')
        with open(other, 'wb'):
            os.symlink(other, self.path('dev/disk/by-id/other-' +
                                        self.disk.udid[-32:]))
        exc = self.assertRaises(exception.UniqueDiskDiscoveryException,
                                self.mgmt.discover_vscsi_disk, self.mapping)
        self.assertIn('2 disks', str(exc))

    def test_removed(self):
        path = self.mgmt.discover_vscsi_disk(self.mapping)
        self.mgmt.remove_block_dev(path)
        self.assertEqual([], self.devices())
        self.assertRaises(nova_exc.InvalidDevicePath,
                          self.mgmt.remove_block_dev, path)

    def test_does_not_go(self):
        path = self.mgmt.discover_vscsi_disk(self.mapping)
        with mock.patch.object(self.simulated.management, 'sync'), \
                mock.patch.object(self.simulated.management,
                                  '_was_written', return_value=False):
            exc = self.assertRaises(exception.DeviceDeletionException,
                                    self.mgmt.remove_block_dev, path)
        self.assertIn(path, str(exc))
        self.assertAlmostEqual(1010, self.now, delta=0.2)

    def test_one_disk_through_two_vioses(self):
        self.mgmt.discover_vscsi_disk(self.mapping)
        with self.edits() as stg:
            stg.edit(self.vios('vios2').uuid, vios_mappings.add_mapping,
                     self.host.mgmt_uuid, pvm_stg.LU.bld_ref(
                         self.host.adapter, self.disk.name, self.disk.udid))
        vios_w = next(vios_w for vios_w in self.host.active_vioses(
            [vios_mappings.SCSI_MAPPING]) if vios_w.name == 'vios2')
        self.mgmt._scan('%x' % (0x30000000 | vios_w.scsi_mappings[0]
                                .client_adapter.lpar_slot_num), set())
        self.simulated.management.sync()
        self.assertEqual(2, len(self.devices()))
        self.mgmt.remove_disk(self.disk.udid)
        self.assertEqual([], self.devices())


class OwnDiskTest(ManagementMixin, disk_base.StorageTestCase):
    """The management partition is the VIOS that has the disks."""

    PROFILE = 'mgmt-vios'
    GROUP, FOLDER = 'datavg', 'dev/datavg'

    def setUp(self):
        super().setUp()
        self.flags(volume_group_name=self.GROUP, group='powervm')
        self.open_mgmt()
        self.adapter = localdisk.LocalStorage(self.host, self.glance)
        self.instance = self.make_instance()
        self.content = b'PowerVM!' * 30000

    def boot(self, **image):
        image_id = self.glance.add(self.content, **image)
        disk = self.adapter.create_disk_from_image(
            self.context, self.instance, self.glance.meta(image_id))
        self.create_lpar(self.instance)
        with transaction.StorageTransaction.immediate(
                self.host, 'test') as stg:
            self.adapter.connect_disk(self.instance, disk, stg)
        self.before = self.state()
        self.simulated.journal.clear()

    def test_read_in_place(self):
        self.boot()
        disk = self.mgmt.attach_boot_disk(self.adapter, self.instance)
        self.assertEqual(['GET VirtualIOServer'], self.requests())
        self.assertEqual(('raw', self.path(self.FOLDER)), (
            disk.disk_format, os.path.dirname(disk.path)))
        with self.mgmt.open_disk(disk.path) as opened:
            self.assertEqual(self.content, opened.read(len(self.content)))
        self.mgmt.detach_boot_disk(self.adapter, self.instance)
        self.assertEqual([], self.requests())
        self.assertEqual(self.before, self.state())

    def test_not_mapped(self):
        self.boot()
        with transaction.StorageTransaction.immediate(
                self.host, 'test') as stg:
            self.adapter.disconnect_disk(self.instance, stg)
        exc = self.assertRaises(
            exception.InstanceDiskMappingFailed, self.mgmt.attach_boot_disk,
            self.adapter, self.instance)
        self.assertIn('vios1', str(exc))


class OwnFileTest(OwnDiskTest):
    """The disks are files."""

    GROUP, FOLDER = 'QCOW VG - default', 'var/lib/pvm/fileio'

    def test_qcow2(self):
        self.content = _qcow2_header(2 << 30)
        self.boot(disk_format='qcow2')
        disk = self.mgmt.attach_boot_disk(self.adapter, self.instance)
        self.assertEqual('qcow2', disk.disk_format)


def _qcow2_header(size):
    """The smallest that is a qcow2 image, version 2."""
    fields = [(0x514649fb, 4), (2, 4), (0, 8), (0, 4), (16, 4), (size, 8),
              (0, 4), (0, 4), (0, 8), (0, 8), (0, 4), (0, 4), (0, 8)]
    header = b''.join(value.to_bytes(length, 'big')
                      for value, length in fields)
    return header.ljust(64 << 10, b'\0')


class FilesTest(base.TestCase):
    """Files that this process may not open."""

    def setUp(self):
        super().setUp()
        self.path = os.path.join(
            self.useFixture(fixtures.TempDir()).path, 'disk')
        with open(self.path, 'w') as disk:
            disk.write('content')
        self.opened = 0
        self.useFixture(fixtures.MonkeyPatch(
            'nova_powervm.virt.powervm.mgmt.open', self.open))
        self.chown = self.useFixture(fixtures.MockPatch(
            'nova.privsep.path.chown')).mock
        self.writefile = self.useFixture(fixtures.MockPatch(
            'nova.privsep.path.writefile')).mock

    def open(self, path, mode):
        self.opened += 1
        if not self.chown.called:
            raise PermissionError(path)
        return open(path, mode)

    def mgmt_of(self, root):
        self.flags(management_root=root, group='powervm')
        return mgmt.ManagementPartition(None)

    def test_lent_for_a_moment(self):
        with self.mgmt_of('/').open_disk(self.path) as disk:
            self.assertEqual(b'content', disk.read())
            owner = os.stat(self.path).st_uid
            self.assertEqual(
                [mock.call(self.path, uid=os.getuid()),
                 mock.call(self.path, uid=owner)], self.chown.mock_calls)

    def test_given_back_if_it_cannot_be_opened(self):
        os.rename(self.path, self.path + '.not')
        self.chown.side_effect = [None, None]
        with mock.patch('os.stat', return_value=mock.Mock(st_uid=5)):
            self.assertRaises(FileNotFoundError,
                              self.mgmt_of('/')._open, self.path, 'rb')
        self.assertEqual(mock.call(self.path, uid=5),
                         self.chown.mock_calls[-1])

    def test_written_by_privsep(self):
        self.mgmt_of('/')._write(self.path, '- - -')
        self.writefile.assert_called_once_with(self.path, 'w', '- - -')

    def test_other_root(self):
        """No privileges are needed, or asked for, below another root."""
        partition = self.mgmt_of(os.path.dirname(self.path))
        self.assertRaises(PermissionError, partition._open, self.path,
                          'rb')
        self.assertRaises(PermissionError, partition._write, self.path, '1')
        self.assertFalse(self.chown.called or self.writefile.called)


class UptimeTest(base.TestCase):

    def test_uptime(self):
        root = self.useFixture(fixtures.TempDir())
        os.mkdir(root.join('proc'))
        for name, content in (('uptime', '273915.27 1000.00\n'),
                              ('loadavg', '0.10 0.20 0.30 1/100 4711\n')):
            with open(root.join('proc', name), 'w') as target:
                target.write(content)
        self.flags(group='powervm', management_root=root.path)
        self.assertEqual('up 3 days, 04:05, load average: 0.10, 0.20, 0.30',
                         mgmt.read_uptime())
