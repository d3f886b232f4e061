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

"""Tests of the options that the platform judges, with a driver that starts."""

from unittest import mock

from nova import objects

from nova_powervm.conf import powervm as powervm_conf
from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.options import site
from nova_powervm.virt.powervm import short_text
from nova_powervm.virt.powervm.volume import fabrics

PORT_A, PORT_B = '10000090FA1B2C01', '10000090FA1B2C03'


class SiteTest(base.SimulatedHostTestCase):

    def setUp(self):
        super().setUp()
        self.host = self.connect()
        for fabric in 'AB':
            self.config.register_opt(powervm_conf.fabric_opt(fabric),
                                     group='powervm')
        self.instance = base.make_instance()
        self.snapshot = mock.Mock(vioses=self.host.vioses(),
                                  instances=[self.instance])

    def assert_refused(self, *words):
        exc = self.assertRaises(exception.InvalidOption, site.check,
                                self.snapshot)
        for word in words:
            self.assertIn(word, str(exc))
        self.assertLessEqual(len(str(exc)), short_text.LIMIT)

    def use_fabrics(self, **ports):
        self.flags(group='powervm', fabrics=sorted(ports), **{
            'fabric_%s_port_wwpns' % name: [port]
            for name, port in ports.items()})

    def test_more_connections_than_vioses(self):
        self.flags(group='powervm', vscsi_vios_connections_required=2)
        site.check(self.snapshot)
        self.flags(group='powervm', vscsi_vios_connections_required=9)
        self.assert_refused('vscsi_vios_connections_required=9', 'at most 2',
                            'there are: vios1, vios2')

    def test_vioses_cannot_be_read(self):
        self.flags(group='powervm', vscsi_vios_connections_required=9)
        self.fail_request(effect='status', path='VirtualIOServer', status=500)
        self.snapshot = mock.Mock(instances=[])
        type(self.snapshot).vioses = property(
            lambda snapshot: self.host.vioses())
        site.check(self.snapshot)
        self.assertIn('cannot be compared', self.logger.output)

    def test_swapped_fabrics(self):
        self.use_fabrics(A=PORT_A, B=PORT_B)
        fabrics.set_adapters(self.instance, 'A', [fabrics.Adapter(
            PORT_A.lower(), ('C05076079CFF0E56', 'C05076079CFF0E57'))])
        fabrics.set_state(self.instance, 'A', fabrics.MAPPED)
        site.check(self.snapshot)
        self.use_fabrics(A=PORT_B, B=PORT_A)
        self.assert_refused('fabric_B_port_wwpns=' + PORT_A,
                            self.instance.uuid, 'fabric A')
        # Its adapters are on another host, which has other ports.
        fabrics.set_host(self.instance, 'compute2')
        site.check(self.snapshot)

    def test_no_fabrics(self):
        """Nova's servers are not read then."""
        type(self.snapshot).instances = property(
            lambda snapshot: objects.InstanceList.get_by_host(None, 'x'))
        site.check(self.snapshot)
