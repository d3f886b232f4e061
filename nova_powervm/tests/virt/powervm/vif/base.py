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

"""What tests of ports share: a simulated host, a Host, an LPAR, ports."""

import json

import fixtures
from nova.network import model
from nova.objects import instance as instance_obj
from oslo_config import fixture as config_fixture
from pypowervm.utils import lpar_builder
from pypowervm.wrappers import managed_system as pvm_ms
import testtools

from nova_powervm import conf as cfg
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.virt.powervm import host as powervm_host
from nova_powervm.virt.powervm import vm

UUID = 'a1b2c3d4-0000-4000-8000-00000000000%d'
PORT = 'c0ffee00-0000-4000-8000-00000000000%d'


def make_instance(number=1, **attrs):
    """Build a nova.objects.Instance that no database knows."""
    values = dict(id=number, uuid=UUID % number, display_name='server',
                  hostname='server', host='compute1', system_metadata={},
                  task_state=None, vm_state='active', power_state=1)
    values.update(attrs)
    return instance_obj.Instance(**values)


def make_vif(number=1, **attrs):
    """Build a port of the type pvm_sea in VLAN 101."""
    values = dict(id=PORT % number, address='fa:16:3e:00:00:0%d' % number,
                  network=model.Network(id='net', bridge='br-int'),
                  type='pvm_sea', details={'vlan': '101'}, active=False)
    values.update(attrs)
    return model.VIF(**values)


class SimulatedHostTestCase(testtools.TestCase):
    """A Host that is connected to a simulated one.

    :ivar site: the simulated site.
    :ivar simulated: its first host.
    :ivar host: the nova_powervm Host.
    """

    PROFILE = 'default'
    #: VLANs that its bridges carry.
    VLANS = powervm_fixtures.PORT_VLANS

    def setUp(self):
        super().setUp()
        self.logger = self.useFixture(fixtures.FakeLogger())
        self.config = self.useFixture(config_fixture.Config(cfg.CONF))
        self.site = self.useFixture(
            powervm_fixtures.SimulatedSite(
                profile=self.PROFILE,
                vlans=self.VLANS)).site
        self.simulated = self.site.hosts[0]
        self.flags(group='powervm', rest_protocol='http',
                   rest_user=self.site.profile['user'],
                   rest_password=self.site.profile['password'])
        self.host = self.connect_host(self.simulated)

    def connect_host(self, simulated, name='compute1'):
        """Make a Host that is connected to a simulated one."""
        self.flags(group='powervm', rest_host='127.0.0.1',
                   rest_port=simulated.port)
        host = powervm_host.Host(name)
        self.addCleanup(host.close)
        host.connect(self.make_event_handler(host))
        return host

    def make_event_handler(self, host):
        """Make what is to receive the events of a Host, if any."""
        return None

    def flags(self, group=None, **values):
        self.config.config(group=group, **values)

    def create_lpar(self, instance):
        """Create the LPAR of an instance, and warm the caches of the Host."""
        system = pvm_ms.System.get(self.host.adapter)[0]
        lpar_w = lpar_builder.LPARBuilder(
            self.host.adapter,
            {'name': 'lpar%d' % instance.id, 'env': 'AIX/Linux', 'vcpu': 1,
             'memory': 1024, 'uuid': vm.get_lpar_uuid(instance)},
            lpar_builder.DefaultStandardize(system)).build().create(
                parent=system)
        self.host.get_vswitch('ETHERNET0')
        self.host.bridges.all()
        self.host.mgmt_uuid
        self.simulated.journal.clear()
        return lpar_w

    def lpar(self, instance):
        """The LPAR of an instance in the simulator's model."""
        return self.simulated.store.get('LogicalPartition',
                                        vm.get_lpar_uuid(instance))

    def adapters(self, parent=None):
        """The simulator's network adapters of a partition, or of all."""
        return [cna for cna in self.simulated.store.all(
            'ClientNetworkAdapter') if parent in (None, cna.parent)]

    def requests(self):
        """What was sent since the last call: ['GET LogicalPartition', ...].

        Of a path only the type is told. The polling for events is left out.
        """
        records = self.simulated.journal.records()
        self.simulated.journal.clear()
        return ['%s %s' % (record['method'], _type_of(record['path']))
                for record in records
                if not (record['method'] == 'GET' and
                        record['path'].endswith('/Event'))]

    def custom_events(self):
        """What the network agent hears: [(data, decoded detail), ...].

        Only what was sent since the last call; the first call begins.
        """
        return [(event.data, json.loads(event.detail))
                for event in self.simulated.events.poll('agent', 0)
                if event.type == 'CUSTOM_CLIENT_EVENT']


def _type_of(path):
    parts = path.strip('/').split('/')
    return next(part for part in reversed(parts)
                if part.isalpha())
