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

"""Tests of what --keep tells."""

import types

import testtools

from nova_powervm.demo import keep


class KeepTest(testtools.TestCase):

    def test_text(self):
        host = types.SimpleNamespace(
            url='http://site', port=12080, management_root='/sim/mgmt',
            state=lambda: {'LogicalPartition': [
                {'name': 'novalink', 'id': 1},
                {'name': 'server-1', 'id': 7}]})
        cloud = types.SimpleNamespace(
            host=host, network_name='net', log_files=['/log'],
            simulator=types.SimpleNamespace(profile={
                'user': 'me', 'password': 'secret'}))
        demo = types.SimpleNamespace(
            cloud=cloud, image={'id': 'image', 'name': 'my image'},
            servers=[{'id': 'uuid', 'name': 'demo-1',
                      'OS-EXT-SRV-ATTR:instance_name': 'server-1'}])
        text = keep._TEXT % keep._values(demo, '/clouds.yaml')
        for line in (
                '  export OS_CLIENT_CONFIG_FILE=/clouds.yaml OS_CLOUD=',
                "  openstack server create --image 'my image' --flavor demo ",
                '  http://site/\n',
                '  /sim/mgmt/usr/bin/mkvterm --id 7\n',
                '  /sim/mgmt/usr/bin/rmvterm --id 7\n',
                '  /sim/mgmt/usr/bin/mkvterm --id 7 --vnc --local\n',
                '  openstack console url show --novnc demo-1\n'):
            self.assertIn(line, text)
