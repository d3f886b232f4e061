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

"""What makes an image of a server, and of what a server can be rescued."""

import io
import types
from unittest import mock

import fixtures
from nova import exception as nova_exc
from nova import objects

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import image
from nova_powervm.virt.powervm import vm

CONTENT = b'PowerVM!' * 100


class CheckSnapshotTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.instance = base.make_instance()
        self.exists = self.useFixture(fixtures.MockPatch(
            'nova_powervm.virt.powervm.vm.instance_exists',
            return_value=True)).mock
        self.disk = types.SimpleNamespace(capabilities={'snapshot': True})
        self.mgmt = types.SimpleNamespace(is_here=True)
        self.host = types.SimpleNamespace(is_hmc=False)

    def check(self):
        image.check_snapshot(self.host, self.disk, self.mgmt, self.instance)

    def test_fine(self):
        self.check()

    def test_no_lpar(self):
        self.exists.return_value = False
        # Nova expects this whether or not snapshots are supported.
        self.disk.capabilities['snapshot'] = False
        exc = self.assertRaises(nova_exc.InstanceNotRunning, self.check)
        self.assertIn(self.instance.uuid, str(exc))

    def test_other_vios(self):
        self.disk.capabilities['snapshot'] = False
        exc = self.assertRaises(exception.SnapshotNotSupported, self.check)
        self.assertIsInstance(exc, nova_exc.NotSupportedWithOption)
        self.assertIn('disk_driver', str(exc))
        self.assertIn('the management partition', str(exc))

    def test_hmc(self):
        self.host.is_hmc = True
        exc = self.assertRaises(exception.SnapshotNotSupported, self.check)
        self.assertIn('an HMC manages the server', str(exc))

    def test_other_machine(self):
        self.mgmt.is_here = False
        exc = self.assertRaises(exception.SnapshotNotSupported, self.check)
        self.assertIn('does not run on', str(exc))


class CheckQuiesceTest(base.TestCase):

    def check(self, is_off, **system_metadata):
        instance = base.make_instance(system_metadata=system_metadata)
        with mock.patch.object(vm, 'is_off', return_value=is_off) as look:
            image.check_quiesce('host', instance)
        return look.mock_calls

    def test_property_is_not_there(self):
        self.assertEqual([], self.check(False))
        self.assertEqual([], self.check(False,
                                        image_os_require_quiesce='no'))

    def test_off(self):
        self.assertEqual(1, len(self.check(True,
                                           image_os_require_quiesce='yes')))

    def test_not_off(self):
        for is_off in (False, None):
            exc = self.assertRaises(
                nova_exc.InstanceQuiesceNotSupported, self.check, is_off,
                image_os_require_quiesce='yes')
            self.assertIn('os_require_quiesce', str(exc))


class StreamTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.instance = base.make_instance(project_id='project')
        self.api = mock.Mock()
        self.api.get.return_value = {'name': 'snap-1'}
        self.api.update.side_effect = self.update
        self.mgmt = mock.MagicMock()
        self.mgmt.open_disk.return_value = io.BytesIO(CONTENT)
        self.taken = len(CONTENT)

    def update(self, context, image_id, metadata, data):
        self.received = data.read(self.taken)
        return dict(metadata, id=image_id, size=len(self.received))

    def stream(self):
        metadata = image.generate_snapshot_metadata(
            None, self.api, 'id-1', self.instance, disk_format='qcow2')
        image.stream_blockdev_to_glance(None, self.api, 'id-1', metadata,
                                        self.mgmt, '/dev/sdb')
        return metadata

    def test_all(self):
        metadata = self.stream()
        self.assertEqual(CONTENT, self.received)
        self.mgmt.open_disk.assert_called_once_with('/dev/sdb')
        self.assertTrue(self.mgmt.open_disk.return_value.closed)
        self.assertEqual({
            'name': 'snap-1', 'status': 'active', 'disk_format': 'qcow2',
            'container_format': 'bare', 'properties': {
                'image_location': 'snapshot', 'image_state': 'available',
                'owner_id': 'project'}}, metadata)

    def test_less_arrives(self):
        """As when Nova repeats an upload that has begun."""
        self.taken = 10
        exc = self.assertRaises(exception.SnapshotIncomplete, self.stream)
        self.assertIn('id-1', str(exc))
        self.assertIn('10 bytes', str(exc))


class CheckRescueTest(base.TestCase):

    def check(self, distro=None, **properties):
        instance = base.make_instance(
            system_metadata={'image_os_distro': distro} if distro else {})
        image.check_rescue(instance, objects.ImageMeta(
            id=base.UUID % 9, properties=objects.ImageMetaProps(**properties)))

    def test_fine(self):
        self.check()
        for bus in ('scsi', 'virtio', 'usb', 'ide', 'sata', 'fdc'):
            self.check('rhel', hw_rescue_bus=bus, hw_rescue_device='disk')
            self.check('rhel', hw_rescue_bus=bus)

    def test_ibmi(self):
        self.check('IBMi')
        self.check('ibmi', os_distro='IBMi')
        exc = self.assertRaises(nova_exc.InstanceNotRescuable, self.check,
                                'ibmi', os_distro='rhel')
        self.assertIn('os_distro=rhel', str(exc))
        self.check('rhel', os_distro='fedora')

    def test_other_devices(self):
        for device in ('cdrom', 'floppy', 'lun'):
            exc = self.assertRaises(
                nova_exc.InstanceNotRescuable, self.check,
                hw_rescue_device=device, hw_rescue_bus='scsi')
            self.assertIn(device, str(exc))
