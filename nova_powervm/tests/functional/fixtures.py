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

"""Stand-ins for Glance and Neutron that a PowerVM host can work with."""

import copy
import hashlib
import io
import os

import fixtures as fx
from nova.tests import fixtures as nova_fixtures

from nova_powervm.demo.cloud import stand_ins
from nova_powervm.simulator import sparse_disk

KIB = 1024
MIB = KIB * KIB
CHUNK = 64 * KIB
MAX_UPLOAD = 100 * KIB * MIB


def image_bytes(image_id, size):
    """Bytes of an image: as good as random, and the same each time.

    :param image_id: what makes them differ from another image's.
    :param size: length in bytes.
    """
    block = hashlib.shake_256(image_id.encode()).digest(CHUNK)
    return (block * (size // CHUNK + 1))[:size]


class GlanceFixture(stand_ins.StreamedImages):
    """Nova's Glance fixture with images that have content.

    Every image is raw, of ppc64le, and has as many bytes as it says.

    :ivar hashes_uploads: bool, whether it tells the SHA-256 of what is
        uploaded; that takes seconds for a GiB
    """

    IMAGE_SIZE = MIB
    hashes_uploads = True

    def __init__(self, test):
        super().__init__(test)
        self._uploads = {}

    def setUp(self):
        super().setUp()
        self._folder = self.useFixture(fx.TempDir())

    def create(self, context, metadata, data=None):
        metadata = copy.deepcopy(metadata)
        properties = metadata.setdefault('properties', {})
        if 'architecture' in properties:
            properties['architecture'] = 'ppc64le'
        if data is None:
            metadata['size'] = self.IMAGE_SIZE
            if metadata.get('disk_format') in ('ami', 'vhd'):
                metadata.update(disk_format='raw', container_format='bare')
        return super().create(context, metadata, data)

    def content(self, image_id):
        """Bytes of an image: what was uploaded, or what was made up."""
        disk = self._uploads.get(str(image_id))
        if disk is not None:
            return disk.read(0, disk.size)
        return image_bytes(image_id, self.images[str(image_id)]['size'])

    def sha256(self, image_id):
        """Hash an image, in constant memory if it was uploaded."""
        disk = self._uploads.get(str(image_id))
        if disk is not None:
            return disk.sha256()
        return hashlib.sha256(self.content(image_id)).hexdigest()

    def chunks(self, image_id):
        disk = self._uploads.get(str(image_id))
        if disk is None:
            content = io.BytesIO(self.content(image_id))
            return iter(lambda: content.read(CHUNK), b'')
        return (disk.read(offset, MIB) for offset in
                range(0, disk.size, MIB))

    def update(self, context, image_id, metadata, data=None,
               purge_props=False):
        metadata = copy.deepcopy(metadata)
        if data is not None:
            metadata.update(self._upload(image_id, data))
        return super().update(context, image_id, metadata,
                              purge_props=purge_props)

    def _upload(self, image_id, data):
        """Keep the content of an image in a sparse file.

        :returns: dict of what Glance knows of the image from then on.
        """
        disk = sparse_disk.SparseDisk(
            os.path.join(self._folder.path, image_id), MAX_UPLOAD)
        disk.resize(disk.write(data))
        self._uploads[image_id] = disk
        if not self.hashes_uploads:
            return {'size': disk.size}
        return {'size': disk.size, 'os_hash_algo': 'sha256',
                'os_hash_value': disk.sha256()}

    def upload(self, image_id):
        """What was uploaded as the content of an image: SparseDisk."""
        return self._uploads[image_id]


class QuickUploads(fx.Fixture):
    """Lets Glance believe what size an upload has, without reading it."""

    def _setUp(self):
        self.useFixture(fx.MockPatchObject(
            GlanceFixture, '_upload', lambda _glance, _image_id, data: {
                'size': data.seek(0, os.SEEK_END)}))


class NeutronFixture(nova_fixtures.NeutronFixture):
    """Nova's Neutron fixture with ports on a Shared Ethernet Adapter."""

    VIF_TYPE = 'pvm_sea'
    VIF_DETAILS = {'vlan': '101'}

    def __init__(self, test):
        super().__init__(test)
        for port in self._ports.values():
            self._bind(port)

    def _bind(self, port):
        if port.get('binding:vnic_type', 'normal') == 'normal':
            port['binding:vif_type'] = self.VIF_TYPE
            port['binding:vif_details'] = dict(self.VIF_DETAILS)

    def create_port(self, body=None):
        port = super().create_port(body)['port']
        self._bind(self._ports[port['id']])
        return {'port': copy.deepcopy(self._ports[port['id']])}

    def create_port_binding(self, port_id, body):
        self._bind(self._ports[port_id])
        return super().create_port_binding(port_id, body)
