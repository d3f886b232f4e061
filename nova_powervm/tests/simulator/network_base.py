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

"""Base of the tests of the network of the simulated site."""

import copy

from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import managed_system as pvm_ms
from pypowervm.wrappers import network as pvm_net
import testtools

from nova_powervm.simulator.resources import lpar as sim_lpar
from nova_powervm.simulator.resources import switch as sim_switch
from nova_powervm.tests import fixtures as powervm_fixtures

#: Two VIOSes, a bridge that fails over, one that is alone, and a pool.
PROFILE = """
name: network-test
hosts:
  - name: server1
    # The serial of the system in capture pcm_pref.txt is a number, too.
    system: {serial: '2125000'}
    switches:
      - {name: 'ETHERNET0(Default)', id: 0}
      - {name: MGMTSWITCH, id: 1}
    vioses:
      - {name: vios1, id: 2}
      - {name: vios2, id: 3}
    bridges:
      - {vioses: [vios1, vios2], pvid: 1, vlans: [100, 101], device: ent6}
      - {vioses: [vios1], pvid: 2, device: ent9, backing_device: ent1}
    lpars:
      - {name: novalink, id: 1, management: true}
    misc:
      processor_pools:
        - {name: gold, maximum_units: 4, reserved_units: 1}
      management_console: {name: novalink1}
"""


class NetworkTestCase(testtools.TestCase):
    """A test of a site with PROFILE, through pypowervm.

    :cvar PROFILE: dict, another profile
    :ivar host: the simulated host
    :ivar adapter: pypowervm Adapter of the host
    :ivar mgmt: the model of the management partition
    :ivar vios1: the model of a VIOS; and vios2
    :ivar default, mgmt_switch: the models of the switches
    """

    PROFILE = None

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(powervm_fixtures.SimulatedSite(
            copy.deepcopy(self.PROFILE) or
            powervm_fixtures.parse_profile(PROFILE))).site
        self.host = self.site.hosts[0]
        self.adapter = self.useFixture(
            powervm_fixtures.Adapter(self.host)).adapter
        self.mgmt, = self.host.store.all('LogicalPartition')
        self.vios1, self.vios2 = self.host.store.all('VirtualIOServer')
        self.default = sim_switch.find_switch(self.host, 'ETHERNET0')
        self.mgmt_switch = sim_switch.find_switch(self.host, 'MGMTSWITCH')

    def make_lpar(self, name='vm1', running=False, type_='AIX/Linux',
                  max_slots=64):
        """Put a partition on the host."""
        with self.site.lock:
            return sim_lpar.from_spec(self.host, {
                'name': name, 'memory_mb': 1024, 'processors': 1,
                'units': 0.5, 'dedicated': False, 'management': False,
                'running': running, 'type': type_, 'max_slots': max_slots,
                'adapters': []})

    def children(self, wrapper_class, parent_type=pvm_ms.System, uuid=None):
        """Read the feed of a CHILD type."""
        return wrapper_class.get(
            self.adapter, parent_type=parent_type,
            parent_uuid=uuid or self.host.system.uuid)

    def cnas(self, lpar):
        """Read the network adapters of an LPAR."""
        return self.children(pvm_net.CNA, pvm_lpar.LPAR, lpar.uuid)

    def vlans(self, switch):
        """Read the VLANs that the networks of a switch have."""
        return sorted(net.vlan for net in self.children(pvm_net.VNet)
                      if net.vswitch_id == switch.switch_id)

    def switch_w(self, name='ETHERNET0'):
        """Read a virtual switch."""
        return pvm_net.VSwitch.search(
            self.adapter, parent_type=pvm_ms.System, one_result=True,
            parent_uuid=self.host.system.uuid, name=name)

    def refused(self, text, func, *args, **kwargs):
        """Check that the server refuses, says why, and changes nothing."""
        before = self.site.state()
        exc = self.assertRaises(pvm_exc.HttpError, func, *args, **kwargs)
        self.assertIn(text, str(exc))
        self.assertEqual(before, self.site.state())
        return exc
