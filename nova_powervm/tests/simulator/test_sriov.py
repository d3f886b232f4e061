# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""SR-IOV adapters and their physical ports, through pypowervm."""

import json

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import sriov as pvm_sriov
from pypowervm.wrappers import iocard as pvm_card
import testtools

from nova_powervm.simulator.resources import sriov as sim_sriov
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import network_base
from nova_powervm.tests.simulator import sriov_base


class TestCapabilities(network_base.NetworkTestCase):

    def capabilities(self, sriov=(), vios=(), **system):
        profile = powervm_fixtures.load_profile('sriov')
        host, = profile['hosts']
        host['sriov'] = list(sriov)
        host['system'].update(system)
        host['vioses'][0].update(vios)
        site = self.useFixture(powervm_fixtures.SimulatedSite(profile)).site
        model = site.hosts[0].system
        return model.vnic_capable, model.vnic_failover_capable

    def test_system(self):
        adapters = powervm_fixtures.load_profile('sriov')['hosts'][0]['sriov']
        self.assertEqual((False, False), self.capabilities())
        self.assertEqual((True, True), self.capabilities(adapters))
        self.assertEqual((True, False), self.capabilities(
            adapters, vnic_failover_capable=False))
        self.assertEqual((False, True), self.capabilities(
            adapters, vnic_capable=False))


class TestPorts(sriov_base.SriovTestCase):

    def update(self, edit, adapter_id=1, port_id=0, force=False):
        def change(system):
            edit(self.pport_w(adapter_id, port_id, system))
            return True
        return pvm_sriov.safe_update_pports(self.system_w(), change, force)

    @staticmethod
    def setting(name, value):
        return lambda port: setattr(port, name, value)

    def test_labels(self):
        before = self.system_w()
        after = self.update(self.setting('label', 'dmz'), 1, 3)
        self.assertEqual('dmz', self.pport_w(1, 3, after).label)
        self.assertNotEqual(before.etag, after.etag)
        found = pvm_sriov.find_pports_for_portlabel(
            'prod', self.adapter, msys=after)
        self.assertEqual(
            [('prod', 1, 0), ('prod', 1, 2), ('prod', 2, 0)],
            [(port.label, port.sriov_adap_id, port.port_id)
             for port in found])
        self.assertEqual(1, len(pvm_sriov.find_pports_for_portlabel(
            'dmz', self.adapter, msys=after)))

    def test_number_of_logical_ports(self):
        self.update(self.setting('cfg_max_lps', 7))
        self.assertEqual(7, self.pport_w(1, 0).cfg_max_lps)
        self.assertEqual(20, self.pport_w(1, 0).supp_max_lps)
        self.refused('20 logical ports at most', self.update,
                     self.setting('cfg_max_lps', 21))

    def test_other_settings(self):
        for name, value in (('mtu', 'E_9000'), ('switch_mode', 'Vepa'),
                            ('flow_ctl', True), ('sublabel', 's')):
            self.update(self.setting(name, value))
            self.assertEqual(value, getattr(self.pport_w(1, 0), name))
        self.refused('does not support E_9999', self.update,
                     self.setting('mtu', 'E_9999'))

    def test_stale_etag(self):
        system = self.system_w()
        self.host.system.touch()
        self.pport_w(1, 0, system).label = 'late'
        exc = self.assertRaises(pvm_exc.HttpError, system.update)
        self.assertEqual(412, exc.response.status)
        self.assertEqual('prod', self.pport_w(1, 0).label)

    def test_event(self):
        sent = []
        self.patch(self.host.events, 'emit',
                   lambda *args: sent.append(args))
        self.update(self.setting('label', 'dmz'))
        self.assertEqual([('MODIFY_URI', self.host.system.href(),
                           'SRIOVPhysicalPort.ConfigChange')], sent)
        self.update(lambda port: None)
        self.assertEqual('', sent[1][2])

    def test_unchanged_system_costs_nothing(self):
        system = self.system_w()
        self.assertIs(system, system.refresh())

    def test_mode_of_an_adapter_stays(self):
        system = self.system_w()
        system.asio_config.sriov_adapters[0].mode = (
            pvm_card.SRIOVAdapterMode.DEDICATED)
        self.refused('mode of SR-IOV adapter 1', system.update)


class TestPercentages(testtools.TestCase):

    def test_format(self):
        for capacity, expected in ((200, '2.0%'), (4242, '42.42%'),
                                   (10000, '100.0%')):
            self.assertEqual(expected, sim_sriov.percent(capacity))


class TestControl(sriov_base.SriovTestCase):
    """What the control API can change."""

    def act(self, action, status=200, /, **data):
        reply = powervm_fixtures.Client(self.host).request(
            'POST', '/simulator/control',
            json.dumps(dict(data, action=action)))
        self.assertEqual(status, reply.status, reply.body)
        return reply.json

    def test_link(self):
        port = self.act('set_sriov_port', adapter=1, port=0, up=False)
        self.assertEqual((0, 'prod', False), (port['id'], port['label'],
                                              port['link_up']))
        self.assertFalse(self.pport_w(1, 0).link_status)
        self.act('set_sriov_port', adapter=1, port=0, up=True)
        self.assertTrue(self.pport_w(1, 0).link_status)

    def test_adapter(self):
        adapter = self.act('set_sriov_adapter', adapter=2, state='Failed')
        self.assertEqual((2, 'Failed'), (adapter['id'], adapter['state']))
        self.assertRaises(
            pvm_exc.InsufficientSRIOVCapacity, self.chosen, redundancy=3)

    def test_logical_ports(self):
        for keep in (True, False):
            self.act('keep_logical_ports', keep=keep)
            self.assertEqual(keep, self.host.system.keeps_logical_ports)

    def test_wrong_actions(self):
        self.act('set_sriov_port', 400, adapter=9, port=0, up=True)
        self.act('set_sriov_port', 400, adapter=1, port=9, up=True)
        self.act('set_sriov_port', 400, adapter=1, port=0)
        self.act('set_sriov_adapter', 400, adapter=1, state='Broken')
        self.act('set_sriov_adapter', 400, adapter=3, state='Failed')
        self.act('keep_logical_ports', 400)
