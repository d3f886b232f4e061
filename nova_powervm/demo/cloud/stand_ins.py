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

"""Stand-ins for Glance and Neutron: images that are files, and networks.

They replace those of Nova's functional tests, whose images have no content
and whose ports all have one address. They have the methods of the clients
that Nova uses; the modules of demo.apis serve them to other clients.
"""

import copy
import datetime
import hashlib
import ipaddress
import itertools
import os
import uuid

import fixtures as fx
from nova.tests import fixtures as nova_fixtures

#: How many bytes are read at once.
CHUNK = 64 * 1024
#: The first addresses of a subnet belong to routers and the like.
FIRST_ADDRESS = 101


def _now():
    return datetime.datetime.now(datetime.timezone.utc)


class StreamedImages(nova_fixtures.GlanceFixture):
    """Glance with images that have content; a subclass has the content."""

    def chunks(self, image_id):
        """Yield the content of an image, as bytes."""
        raise NotImplementedError()

    def download(self, context, image_id, data=None, dst_path=None,
                 trusted_certs=None):
        self.show(context, image_id)
        chunks = self.chunks(image_id)
        if dst_path:
            with open(dst_path, 'wb') as target:
                target.writelines(chunks)
        elif data:
            for chunk in chunks:
                data.write(chunk)
        else:
            return chunks


class Images(StreamedImages):
    """Glance with images that are files on this machine.

    They are streamed, so their size is of no matter to the memory.
    """

    def setUp(self):
        self._paths = {}
        super().setUp()
        # Nova's own have no content.
        self.images.clear()
        self._folder = self.useFixture(fx.TempDir()).path

    def add_file(self, path, name):
        """Make a raw image of a file, which has to stay there.

        :param path: str
        :param name: str
        :returns: dict, the image
        """
        image = self.create(None, {
            'name': name, 'disk_format': 'raw', 'container_format': 'bare',
            'properties': {'architecture': 'ppc64le'}})
        return self._fill(image, path)

    def create(self, context, metadata, data=None):
        now = _now()
        image = dict({
            'id': str(uuid.uuid4()), 'size': None, 'min_ram': 0,
            'min_disk': 0, 'protected': False, 'visibility': 'shared',
            'tags': [], 'deleted': False, 'deleted_at': None,
            'status': 'queued', 'created_at': now, 'updated_at': now,
            'properties': {}}, **metadata)
        image = super().create(context, image)
        if data is not None:
            self.update(context, image['id'], {}, data)
        return image

    def update(self, context, image_id, metadata, data=None,
               purge_props=False):
        image = super().update(context, image_id, copy.deepcopy(metadata),
                               purge_props=purge_props)
        if data is not None:
            path = os.path.join(self._folder, image_id)
            with open(path, 'wb') as new:
                new.writelines(iter(lambda: data.read(CHUNK), b''))
            self._fill(image, path)
        return image

    def _fill(self, image, path):
        """Give an image the bytes of a file; returns the image."""
        # Glance still tells this hash, which clients may compare.
        md5 = hashlib.new('md5', usedforsecurity=False)
        sha512 = hashlib.sha512()
        for chunk in _chunks(path):
            md5.update(chunk)
            sha512.update(chunk)
        self._paths[image['id']] = path
        image.update(
            size=os.path.getsize(path), checksum=md5.hexdigest(),
            os_hash_algo='sha512', os_hash_value=sha512.hexdigest(),
            status='active', updated_at=_now())
        return image

    def chunks(self, image_id):
        return _chunks(self._paths[image_id])


def _chunks(path):
    with open(path, 'rb') as image:
        yield from iter(lambda: image.read(CHUNK), b'')


class Networks(nova_fixtures.NeutronFixture):
    """Neutron whose ports have an address of their own on their network.

    It binds them as the mechanism driver of this project does, to Shared
    Ethernet Adapters. There is one network at first, an untagged one.
    """

    subnet_1 = dict(nova_fixtures.NeutronFixture.subnet_1, name='demo',
                    cidr='192.168.1.0/24')
    network_1 = dict(nova_fixtures.NeutronFixture.network_1, **{
        'name': 'demo', 'subnets': [subnet_1['id']],
        'provider:network_type': 'flat',
        'provider:physical_network': 'default',
        'provider:segmentation_id': None})

    def __init__(self, test):
        super().__init__(test)
        self._numbers = itertools.count(1)
        # In place of what Nova's tests have.
        self._ports.clear()
        self._networks = {
            self.network_1['id']: copy.deepcopy(self.network_1)}
        self._subnets = {self.subnet_1['id']: copy.deepcopy(self.subnet_1)}

    # ---- ports -----------------------------------------------------------

    def add_port(self):
        """Make a port on the first network.

        :returns: dict, the port
        """
        return self.create_port({'port': {
            'network_id': self.network_1['id']}})['port']

    def create_port(self, body=None):
        port = copy.deepcopy(self.default_port)
        port.update({
            'id': str(uuid.uuid4()), 'status': 'DOWN', 'fixed_ips': [],
            'binding:vif_type': 'unbound', 'mac_address':
                'fa:16:3e:00:%02x:%02x' % divmod(next(self._numbers), 256)})
        port.update({key: value for key, value in copy.deepcopy(
            (body or {}).get('port', {})).items() if value is not None})
        port['fixed_ips'] = port['fixed_ips'] or self._find_addresses(
            self._networks[port['network_id']])
        if port.get('binding:host_id'):
            self._bind(port)
        self._ports[port['id']] = port
        return {'port': copy.deepcopy(port)}

    def update_port(self, port_id, body=None):
        if body['port'].get('binding:host_id'):
            self._bind(self._ports[port_id])
        return super().update_port(port_id, body)

    def create_port_binding(self, port_id, body):
        self._bind(self._ports[port_id])
        return super().create_port_binding(port_id, body)

    def _bind(self, port):
        """Bind a port as neutron.mech_driver does."""
        network = self._networks[port['network_id']]
        details = {'port_filter': False, 'connectivity': 'l2',
                   'powervm_agentless': True}
        for detail in 'network_type', 'physical_network':
            details[detail] = network['provider:' + detail]
        vlan = network['provider:segmentation_id']
        if vlan is not None:
            details['vlan'] = str(vlan)
        port.update({'binding:vif_type': 'pvm_sea', 'status': 'ACTIVE',
                     'binding:vif_details': details})

    def _find_addresses(self, network):
        """A free address in each subnet of a network: fixed_ips of a port."""
        taken = {address['ip_address'] for port in self._ports.values()
                 for address in port['fixed_ips']}
        found = []
        for subnet_id in network['subnets']:
            addresses = map(str, itertools.islice(
                ipaddress.ip_network(self._subnets[subnet_id]['cidr']),
                FIRST_ADDRESS, None))
            found.append({'subnet_id': subnet_id, 'ip_address': next(
                text for text in addresses if text not in taken)})
        return found

    # ---- networks and subnets --------------------------------------------

    def create_network(self, body):
        """Create a network; as the method of Neutron's client."""
        network = dict(copy.deepcopy(self.network_1), subnets=[])
        network.update(body['network'], id=str(uuid.uuid4()))
        self._networks[network['id']] = network
        return {'network': copy.deepcopy(network)}

    def delete_network(self, network_id):
        """Delete a network that has no ports, with its subnets."""
        for subnet_id in self._networks.pop(network_id)['subnets']:
            del self._subnets[subnet_id]

    def create_subnet(self, body):
        """Create a subnet; as the method of Neutron's client."""
        wanted = body['subnet']
        addresses = ipaddress.ip_network(wanted['cidr'])
        subnet = dict(
            copy.deepcopy(self.subnet_1), gateway_ip=str(addresses[1]),
            allocation_pools=[{'start': str(addresses[FIRST_ADDRESS]),
                               'end': str(addresses[-2])}])
        subnet.update(wanted, id=str(uuid.uuid4()))
        self._subnets[subnet['id']] = subnet
        self._networks[subnet['network_id']]['subnets'].append(subnet['id'])
        return {'subnet': copy.deepcopy(subnet)}

    def list_subnets(self, retrieve_all=True, **_params):
        return {'subnets': self._list_resource(
            self._subnets, retrieve_all, **_params)}

    def list_agents(self, **_params):
        """List no agents: ports on Shared Ethernet Adapters need none."""
        return {'agents': []}
