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

"""vNICs of an LPAR that another system of the HMC has, with our UUID."""

import fixtures
from nova.objects import instance as nova_instance

from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.virt.powervm import base
from nova_powervm.tests.virt.powervm import hmc_base
from nova_powervm.tests.virt.powervm.vif import test_sriov
from nova_powervm.virt.powervm import host
from nova_powervm.virt.powervm import vif
from nova_powervm.virt.powervm.vif import plugger
from nova_powervm.virt.powervm import vm


class VnicElsewhereTest(hmc_base.HmcTestCase):

    @property
    def PROFILE(self):
        profile = powervm_fixtures.load_profile('hmc')
        sriov = powervm_fixtures.load_profile('sriov')['hosts'][0]['sriov']
        profile['hosts'] = [dict(spec, sriov=sriov)
                            for spec in profile['hosts']]
        return profile

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MockPatchObject(nova_instance.Instance,
                                                 'save'))
        self.instance = base.make_instance()
        self.vif = test_sriov.make_vif()
        there = self.connect('compute1', self.others[0])
        vif.plug(there, self.instance, self.vif,
                 vm.create_lpar(there, self.instance))
        self.host = self.connect('compute2', self.simulated)
        self.before = self.left()
        self.requests()

    def connect(self, name, simulated):
        self.flags(group='powervm', managed_system=simulated.system.uuid)
        connected = host.Host(name)
        connected.connect()
        self.addCleanup(connected.close)
        return connected

    def left(self):
        """UUIDs of the vNICs and logical ports of the other system."""
        found = [(kind, [resource.uuid for resource in
                         self.others[0].store.all(kind)]) for kind in (
            'VirtualNICDedicated', 'SRIOVEthernetLogicalPort')]
        self.assertTrue(all(uuids for _kind, uuids in found))
        return found

    def assert_untouched(self):
        self.assertEqual(self.before, self.left())
        self.assertEqual([], [request for request in self.requests()
                              if not request.startswith('GET')])

    def test_unplug(self):
        vif.unplug(self.host, self.instance, self.vif)
        self.assert_untouched()

    def test_server_is_deleted(self):
        plugger.unplug_all(self.host, self.instance, [self.vif],
                           lpar_going=True)
        self.assertEqual(set(), self.host.sriov.freed())
        vif.clean_periodically(self.host)
        self.assert_untouched()
