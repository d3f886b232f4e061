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

"""Images of servers, byte by byte, on each kind of storage."""

from oslo_utils import units

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import platforms

#: Where the guest writes: behind the image, and not at a round address.
PLACE = 700 * units.Mi + 4097
WRITTEN = b'written from inside the server' * 1000


class SnapshotMixin:
    """What a snapshot is, whatever the disks are made of."""

    def snapshot(self, server):
        """Make an image of a server, and wait for it.

        :returns: the image as Glance has it, None if there is none.
        """
        before = set(self.glance.images)
        self.api.post_server_action(
            server['id'], {'createImage': {'name': 'snap-1'}})
        self.settled(server)
        new = set(self.glance.images) - before
        self.assertLessEqual(len(new), 1)
        return self.glance.images[new.pop()] if new else None

    def test_bytes_from_image_to_image_to_server(self):
        server = self.boot()
        disk = self.boot_disk_of(server)
        content = self.glance.content(self.image_id)
        self.assertEqual(self.glance.sha256(self.image_id),
                         disk.sha256(len(content)))
        disk.write_at(PLACE, WRITTEN)
        before = self.platform_state()

        image = self.snapshot(server)

        self.assertEqual(before, self.platform_state())
        self.assertEqual('running', self.lpar_of(server)['state'])
        self.assertEqual('active', image['status'])
        self.assertEqual(('raw', 'bare', 'snap-1', disk.size), (
            image['disk_format'], image['container_format'], image['name'],
            image['size']))
        self.assertEqual('snapshot', image['properties']['image_location'])
        checksum = disk.sha256()
        self.assertEqual(checksum, self.glance.sha256(image['id']))

        copy = self.boot(image_uuid=image['id'], networks='none')

        disk = self.boot_disk_of(copy)
        self.assertEqual(checksum, disk.sha256(image['size']))
        self.assertEqual(WRITTEN, disk.read(PLACE, len(WRITTEN)))

    def test_stopped_server(self):
        server = self.boot()
        self._stop_server(server)
        before = self.platform_state()

        image = self.snapshot(server)

        self.assertEqual(before, self.platform_state())
        self.assertEqual(self.boot_disk_of(server).sha256(),
                         self.glance.sha256(image['id']))


class SharedPoolTest(platforms.SharedPool, SnapshotMixin,
                     base.PowerVMTestCase):
    pass


class ManagementViosTest(platforms.ManagementVios, SnapshotMixin,
                         base.PowerVMTestCase):
    pass


class FilePoolTest(platforms.FilePool, SnapshotMixin, base.PowerVMTestCase):
    pass
