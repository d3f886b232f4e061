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

"""What tests of disks and media share: images, servers, the VIOS below."""

import hashlib
import uuid

import fixtures
from nova import context as nova_context
from nova import exception as nova_exc
from nova import objects
from oslo_utils import units
from pypowervm import exceptions as pvm_exc

from nova_powervm.tests.virt.powervm.vif import base
from nova_powervm.virt.powervm.storage import deletion
from nova_powervm.virt.powervm.storage import transaction

CHUNK = 64 * units.Ki
#: Proof for whatever a test wants to delete.
ANY = deletion.Proof('a test wants it', lambda name: True)


class NobodyLeft:
    """A snapshot that finds no server which is gone."""

    instances = ()

    @staticmethod
    def metadata_of_owner(_name):
        return {}

    @staticmethod
    def prove_departed(_names, is_local=True):
        return deletion.departed_proof([])


class ImageApi:
    """A Glance that keeps images in memory: nova.image.glance.API, almost.

    :ivar images: dict of id -> what Glance tells about it; may be changed.
    :ivar content: dict of id -> what it really sends.
    :ivar downloads: list of the ids that were downloaded.
    """

    def __init__(self):
        self.images = {}
        self.content = {}
        self.downloads = []

    def add(self, content, **attributes):
        """Upload an image; returns its id."""
        image_id = attributes.pop('id', None) or str(uuid.uuid4())
        self.content[image_id] = content
        self.images[image_id] = dict({
            'id': image_id, 'status': 'active', 'disk_format': 'raw',
            'container_format': 'bare', 'size': len(content),
            'checksum': hashlib.md5(content).hexdigest(),
            'os_hash_algo': 'sha512',
            'os_hash_value': hashlib.sha512(content).hexdigest(),
            'properties': {}}, **attributes)
        return image_id

    def meta(self, image_id):
        """The ImageMeta that Nova hands to the driver."""
        known = {key: value for key, value in self.images[image_id].items()
                 if key in objects.ImageMeta.fields}
        return objects.ImageMeta.from_dict(known)

    def get(self, context, image_id):
        if image_id not in self.images:
            raise nova_exc.ImageNotFound(image_id=image_id)
        return dict(self.images[image_id])

    def download(self, context, image_id):
        self.downloads.append(image_id)
        if image_id not in self.content:
            raise nova_exc.ImageNotFound(image_id=image_id)
        return self.send(self.content[image_id])

    def send(self, content):
        for start in range(0, len(content), CHUNK):
            yield content[start:start + CHUNK]


class StorageTestCase(base.SimulatedHostTestCase):
    """A simulated host with volume groups, a Glance, and servers.

    :ivar glance: ImageApi
    :ivar context: nova.context.RequestContext
    :ivar compute_nodes: what Nova has of this host, as there is no database:
        list of nova.objects.ComputeNode.
    """

    def setUp(self):
        super().setUp()
        self.compute_nodes = []
        self.useFixture(fixtures.MockPatchObject(
            objects.ComputeNodeList, 'get_all_by_host',
            lambda _context, host: self._nodes(host)))
        objects.register_all()
        self.flags(volume_group_name='datavg',
                   volume_group_vios_name='vios1', group='powervm')
        self.glance = ImageApi()
        self.context = nova_context.RequestContext(
            'user', 'project', is_admin=False)
        self.simulated.journal.clear()

    def _nodes(self, host):
        if not self.compute_nodes:
            raise nova_exc.ComputeHostNotFound(host=host)
        return self.compute_nodes

    def make_instance(self, number=1, root_gb=2, **attrs):
        return base.make_instance(
            number, flavor=objects.Flavor(
                name='flavor', root_gb=root_gb), **attrs)

    def create_lpar(self, instance):
        lpar_w = super().create_lpar(instance)
        self.simulated.journal.clear()
        return lpar_w

    def vios(self, name='vios1'):
        """A VIOS in the simulator's model."""
        return next(vios for vios in
                    self.simulated.store.all('VirtualIOServer')
                    if vios.name == name)

    def group(self, name='datavg', vios='vios1'):
        """A volume group in the simulator's model."""
        return next(group for group in self.vios(vios).volume_groups
                    if group.name == name)

    def disk_names(self):
        """Names of the disks in the volume group of the servers."""
        return sorted(self.group().disks)

    def content_of(self, disk_name, length):
        """The first bytes of a disk."""
        return self.group().disks[disk_name].disk.read(0, length)

    def state(self):
        """All that is on the simulated host."""
        return self.simulated.state()

    def break_request(self, effect, method=None, path='', nth=1, count=1,
                      **more):
        """Let one request fail, the nth of those that match; 0: all."""
        spec = dict({'effect': effect, 'path': path, 'nth': nth,
                     'count': count}, **more)
        if method:
            spec['method'] = method
        return self.simulated.faults.add(spec)

    def crash(self, number, answered):
        """Have create() run into the end of the world at its nth request.

        :param answered: whether that request itself is still carried out.
        :returns: whether there were so many.
        """
        last = self.break_request(
            'drop_after' if answered else 'drop_before', nth=number)
        self.break_request('drop_before', nth=number + 1, count=0)
        try:
            self.create()
        except pvm_exc.Error:
            pass
        self.simulated.faults.clear()
        return last.applied

    def mappings(self, vios='vios1'):
        """Names of what a VIOS maps, with the partitions that have it."""
        found = []
        for group in self.vios(vios).volume_groups:
            for disk in group.disks.values():
                found += [(disk.name, who) for who in disk.clients()]
            if group.repository:
                for medium in group.repository.media.values():
                    found += [(medium.name, who)
                              for who in medium.clients()]
        return sorted(found)

    def transaction(self, name='test'):
        return transaction.StorageTransaction(self.host, name)
