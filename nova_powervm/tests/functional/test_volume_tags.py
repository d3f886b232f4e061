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

"""Devices that the user gave tags, as the guest is told of them."""

import json

from nova import context as nova_context
from nova import objects

from nova_powervm.demo import image
from nova_powervm.simulator import disk_io
from nova_powervm.tests.functional import volumes

VOLUME = volumes.VOLUME
#: Of Nova's API, the first that attaches with a tag (volume, then port).
TAGGED_ATTACH = '2.49'


class TagTest(volumes.VolumeCase):

    def setUp(self):
        super().setUp()
        self.api.microversion = TAGGED_ATTACH

    def boot_tagged(self):
        """A server that boots from volume 1; 2 and a port have tags."""
        server = self._build_server(image_uuid='', networks=[
            {'port': self.neutron.port_1['id'], 'tag': 'front'}])
        server['block_device_mapping_v2'] = [
            {'source_type': 'volume', 'destination_type': 'volume',
             'uuid': VOLUME % 1, 'boot_index': 0},
            {'source_type': 'volume', 'destination_type': 'volume',
             'uuid': VOLUME % 2, 'boot_index': -1, 'tag': 'data'}]
        return self.settled(self.api.post_server({'server': server}))

    def told(self, server):
        """What the config drive says of devices: {tag: device}."""
        name = next(mapping['storage'] for mapping in self.mappings_of(server)
                    if mapping['storage'].startswith('cfg'))
        disk = disk_io.find(self.platform, name).backing.disk
        data = json.loads(image.read_file(
            disk.read(0, disk.size), 'openstack/latest/meta_data.json'))
        return {device['tags'][0]: device for device in data['devices']}

    def known(self, server):
        """What the metadata service says: {tag: address, or None}."""
        instance = objects.Instance.get_by_uuid(
            nova_context.get_admin_context(), server['id'],
            expected_attrs=['device_metadata'])
        return {device.tags[0]: device.bus.address if 'bus' in device
                else None for device in instance.device_metadata.devices}

    def test_boot(self):
        server = self.boot_tagged()
        self.assertEqual('ACTIVE', server['status'], server.get('fault'))
        self.assert_sees(server, 1, 2, boots=True)
        devices = self.told(server)
        self.assertEqual({'front', 'data'}, set(devices))
        self.assertEqual(self.neutron.port_1['mac_address'],
                         devices['front']['mac'])
        data = devices['data']
        self.assertEqual((VOLUME % 2, 'scsi'), (data['serial'], data['bus']))
        # Where the guest has it: 0x90 is target 16.
        self.assertEqual({'0x9000000000000000'},
                         self.luas_of(server)[VOLUME % 2])
        self.assertEqual('0:0:16:0', data['address'])

    def test_attach_and_detach(self):
        server = self.boot_tagged()
        self.assertTrue(self.attach(server, 3, tag='more'))
        self.assert_sees(server, 1, 2, 3, boots=True)
        self.assertEqual({'front': None, 'data': '0:0:16:0',
                          'more': '0:0:17:0'}, self.known(server))
        self.assertTrue(self.detach(server, 2))
        self.assertEqual({'front': None, 'more': '0:0:17:0'},
                         self.known(server))
        self.api.attach_interface(server['id'], {'interfaceAttachment': {
            'net_id': self.neutron.network_1['id'], 'tag': 'back'}})
        self.wait_for(lambda: {'front', 'more', 'back'} == set(
            self.known(server)))
