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

"""What a config drive tells the guest."""

import io
import json
import types
from unittest import mock

from nova.network import model as network_model
import pycdlib

from nova_powervm.tests.virt.powervm.media import base
from nova_powervm.tests.virt.powervm.vif import base as vif_base


class ContentTestCase(base.MediaTestCase):

    def read(self, *paths):
        """Read files of the medium as JSON."""
        disk = self.vios().repository.media[self.name].disk
        iso = pycdlib.PyCdlib()
        iso.open_fp(io.BytesIO(disk.read(0, disk.size)))
        self.addCleanup(iso.close)
        self.assertEqual(b'config-2',
                         iso.pvd.volume_identifier.rstrip(b' \0'))
        documents = []
        for path in paths:
            content = io.BytesIO()
            iso.get_file_from_iso_fp(
                content, joliet_path='/openstack/latest/%s.json' % path)
            documents.append(json.loads(content.getvalue()))
        return documents

    def test_metadata(self):
        self.create(admin_pass='secret')
        metadata, = self.read('meta_data')
        self.assertEqual(self.instance.uuid, metadata['uuid'])
        self.assertEqual('secret', metadata['admin_pass'])
        self.assertEqual(['/etc/motd'],
                         [file['path'] for file in metadata['files']])

    def test_id_of_9(self):
        self.instance.system_metadata['powervm_instance_id'] = 'of 9.0.0'
        self.create()
        self.assertEqual('of 9.0.0', self.read('meta_data')[0]['uuid'])

    def test_no_password(self):
        self.create()
        self.assertNotIn('admin_pass', self.read('meta_data')[0])

    def test_network(self):
        sea = vif_base.make_vif(1, network=self.network('10.1.0.5'))
        ovs = vif_base.make_vif(2, network=self.network('10.1.0.6'),
                                type='ovs')
        network_info = network_model.NetworkInfo([sea, ovs])
        cna = types.SimpleNamespace(mac='FA163E01F2B3')
        self.create(network_info=network_info, mgmt_cna=cna)
        network, = self.read('network_data')
        self.assertEqual(
            [('vif', 'fa:16:3e:00:00:01'), ('ovs', 'fa:16:3e:00:00:02'),
             ('vif', 'fa:16:3e:01:f2:b3')],
            [(link['type'], link['ethernet_mac_address'])
             for link in network['links']])
        self.assertEqual(
            ['10.1.0.5', '10.1.0.6', 'fe80::f816:3eff:fe01:f2b3'],
            [address['ip_address'] for address in network['networks']])
        # The caller's is as it was.
        self.assertEqual(['pvm_sea', 'ovs'],
                         [vif['type'] for vif in network_info])

    def network(self, address):
        subnet = network_model.Subnet(
            version=4, cidr='10.1.0.0/24',
            ips=[network_model.FixedIP(address=address, version=4)])
        return network_model.Network(id='net', bridge='br-int',
                                     subnets=[subnet])

    def test_no_management_address(self):
        self.flags(use_rmc_ipv6_scheme=False, group='powervm')
        self.create(mgmt_cna=mock.Mock(mac='FA163E01F2B3'))
        self.assertEqual([{}], self.read('network_data'))
