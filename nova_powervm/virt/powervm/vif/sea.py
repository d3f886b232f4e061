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

"""Ports of the type pvm_sea: bridged by a Shared Ethernet Adapter."""

from nova import exception as nova_exc
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import network as pvm_net

from nova_powervm.virt.powervm.vif import details
from nova_powervm.virt.powervm.vif import driver

LOG = logging.getLogger(__name__)


class SeaVifDriver(driver.VifDriver):
    """A client adapter in the VLAN of the port.

    It is on the virtual switch of the Shared Ethernet Adapter (SEA) that leads
    to the physical network. The SEA carries the VLAN before there is an
    adapter.
    """

    outlives_host = True
    has_agent = True
    moves_live = True

    def plug(self, vif, lpar_w, slot_num=None):
        vswitch, vlan = self._ensure_vlan(vif)
        return driver.create_cna(
            self.host, lpar_w, vswitch, vlan, mac_addr=vif['address'],
            slot_num=slot_num)

    def replug(self, vif, adapter):
        """Have the SEA carry the VLAN again, should it be lost.

        The server has run with its adapter, so a failure is logged.
        """
        try:
            vswitch, vlan = self._ensure_vlan(vif)
            has = self.host.vswitch_names().get(adapter.vswitch_id)
            if has and vswitch and has != vswitch:
                self.tell_difference(vif, 'it is on virtual switch %s, and '
                                     'its network is on %s' % (has, vswitch))
            elif adapter.pvid != vlan:
                self.tell_difference(vif, 'it is in VLAN %s, and its network '
                                     'is in VLAN %s' % (adapter.pvid, vlan))
        except (nova_exc.VirtualInterfacePlugException,
                pvm_exc.Error) as exc:
            LOG.warning('The port %(id)s may have no connection: %(exc)s',
                        {'id': vif['id'], 'exc': exc}, instance=self.instance)

    def find_switch(self, vif):
        if details.has_agent(vif):
            return pvm_net.VSW_DEFAULT_VSWITCH
        return self.host.bridges.find(details.physical_network(vif)).vswitch

    def prepare_on_target(self, vif, before):
        """See VifDriver: the VLAN of the port may be another one here."""
        vswitch, vlan = self._ensure_vlan(vif)
        driver.ensure_network(self.host, vswitch, vlan)
        here = details.vlan(vif)
        return vlan if here is None or here != details.vlan(before) else None

    def _ensure_vlan(self, vif):
        """Have the SEA carry the VLAN: (virtual switch, VLAN)."""
        vlan = details.vlan(vif)
        if details.has_agent(vif):
            if vlan is None:
                raise details.no_vlan(vif)
            return pvm_net.VSW_DEFAULT_VSWITCH, vlan
        bridge = self.host.bridges.ensure(details.physical_network(vif), vlan)
        return bridge.vswitch, bridge.pvid if vlan is None else vlan
