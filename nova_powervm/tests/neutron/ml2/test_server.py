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

"""Neutron's server runs with the configuration that the page shows."""

import json
import os
import re
import subprocess
import sys
import textwrap

import fixtures
from neutron_lib.api.definitions import portbindings
import requests
import testtools

from nova_powervm.tests.neutron.ml2 import server
from nova_powervm.tests import tree

NEUTRON_CONF = '''
[DEFAULT]
core_plugin = ml2
service_plugins =
auth_strategy = noauth
transport_url = fake:/
notify_nova_on_port_status_changes = False
notify_nova_on_port_data_changes = False
api_paste_config = %(paste)s
state_path = %(folder)s

[oslo_concurrency]
lock_path = %(folder)s

[database]
connection = sqlite:///%(folder)s/neutron.sqlite
'''
REST_OF_ML2_CONF = '''
[ml2]
mechanism_drivers = openvswitch,powervm

[ml2_type_vlan]
network_vlan_ranges = prod:100:199,backup:200:299,other:300:399
'''


class NeutronServer(fixtures.Fixture):
    """A process with Neutron's API.

    ``started`` tells whether it could start, and ``modules`` are the top-level
    modules that it has loaded.

    :param ml2_conf: str, the text of ml2_conf.ini
    """

    def __init__(self, ml2_conf):
        super().__init__()
        self.ml2_conf = ml2_conf

    def _setUp(self):
        folder = self.useFixture(fixtures.TempDir()).path
        values = {'folder': folder, 'paste': os.path.join(
            sys.prefix, 'etc', 'neutron', 'api-paste.ini')}
        ml2 = os.path.join(folder, 'plugins', 'ml2')
        os.makedirs(ml2)
        for path, text in (
                (os.path.join(folder, 'neutron.conf'), NEUTRON_CONF % values),
                (os.path.join(ml2, 'ml2_conf.ini'), self.ml2_conf)):
            with open(path, 'w') as out:
                out.write(text)
        self.log = os.path.join(folder, 'log')
        with open(self.log, 'w') as log:
            process = subprocess.Popen(
                [sys.executable, '-W', 'ignore', server.__file__, folder],
                stdout=subprocess.PIPE, stderr=log, text=True, cwd=folder)
        self.addCleanup(self._stop, process)
        ready = process.stdout.readline()
        self.started = bool(ready)
        if self.started:
            port, self.modules = json.loads(ready)
            self.url = 'http://127.0.0.1:%d/v2.0/' % port

    @staticmethod
    def _stop(process):
        process.kill()
        process.wait()
        process.stdout.close()

    def read_log(self):
        """What the server has logged: str."""
        with open(self.log) as log:
            return log.read()

    def create(self, resource, **attributes):
        """Create something by the API: dict."""
        answer = requests.post(
            self.url + resource + 's',
            json={resource: dict(attributes, project_id='project')})
        answer.raise_for_status()
        return answer.json()[resource]


def configuration(item):
    """The one of networks.rst that has an item: str."""
    page = tree.read('doc', 'source', 'operator', 'networks.rst')
    (text,) = [text for text in re.findall(
        r'^\.\. code-block:: ini\n\n((?:(?:   .*)?\n)+)', page, re.M)
        if item in text]
    return textwrap.dedent(text)


@tree.needs_source
class ServerTest(testtools.TestCase):

    def configuration(self):
        """The one with patterns, and three physical networks: str."""
        return configuration('power7:backup') + REST_OF_ML2_CONF

    def test_page(self):
        neutron = self.useFixture(NeutronServer(self.configuration()))
        self.assertTrue(neutron.started, neutron.read_log())
        # Nova and pypowervm are installed here, but Neutron loads neither.
        self.assertEqual(set(), {'nova', 'pypowervm'} & {*neutron.modules})
        self.assertIn('nova_powervm', neutron.modules)
        networks = {name: neutron.create('network', name=name, **{
            'provider:network_type': 'vlan',
            'provider:physical_network': name})['id']
            for name in ('prod', 'backup', 'other')}
        for host, network, wanted in (
                ('power1', 'prod', ('pvm_sea', 'ACTIVE')),
                ('power7', 'backup', ('pvm_sea', 'ACTIVE')),
                ('power1', 'backup', ('binding_failed', 'DOWN')),
                ('power1', 'other', ('binding_failed', 'DOWN')),
                ('kvm1', 'prod', ('binding_failed', 'DOWN'))):
            port = neutron.create(
                'port', network_id=networks[network], device_id='server',
                device_owner='compute:nova',
                **{portbindings.HOST_ID: host})
            self.assertEqual(
                wanted, (port[portbindings.VIF_TYPE], port['status']),
                (host, network))
        self.assertIn('powervm leaves port', neutron.read_log())

    def test_wrong_option(self):
        wrong = self.configuration().replace('power*:', 'power*=')
        neutron = self.useFixture(NeutronServer(wrong))
        self.assertFalse(neutron.started)
        self.assertIn('"power*=prod|test" has no colon', neutron.read_log())


@tree.needs_source
class ExampleTest(testtools.TestCase):
    """The complete examples of networks.rst."""

    def start(self, item):
        """Start a server with the example that has an item."""
        neutron = self.useFixture(NeutronServer(configuration(item)))
        self.assertTrue(neutron.started, neutron.read_log())
        return neutron

    def test_powervm(self):
        neutron = self.start('= power1:prod\n')
        network = neutron.create('network', name='net100', **{
            'provider:network_type': 'vlan',
            'provider:physical_network': 'prod',
            'provider:segmentation_id': 100})
        for vnic_type, wanted in (('normal', 'pvm_sea'),
                                  ('direct', 'pvm_sriov')):
            port = neutron.create('port', network_id=network['id'], **{
                portbindings.HOST_ID: 'power1',
                portbindings.VNIC_TYPE: vnic_type})
            self.assertEqual((wanted, 'ACTIVE'), (
                port[portbindings.VIF_TYPE], port['status']))

    def test_open_vswitch(self):
        network = self.start('vni_ranges').create('network', name='tenant')
        self.assertEqual('vxlan', network['provider:network_type'])
