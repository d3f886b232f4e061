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
from pypowervm.wrappers import network as pvm_net

from nova_powervm.virt.powervm.vif import driver


class SeaVifDriver(driver.VifDriver):
    """A client adapter on the default virtual switch, in the port's VLAN.

    The networking-powervm agent adds the VLAN to the SEA when it hears of the
    adapter.
    """

    outlives_host = True

    def plug(self, vif, lpar_w, slot_num=None):
        return driver.create_cna(
            self.host, lpar_w, pvm_net.VSW_DEFAULT_VSWITCH, _get_vlan(vif),
            mac_addr=vif['address'], slot_num=slot_num)


def _get_vlan(vif):
    vlan = vif['network']['meta'].get('vlan')
    if vlan is None:
        vlan = vif['details'].get('vlan')
    try:
        return int(vlan)
    except (TypeError, ValueError):
        raise nova_exc.VirtualInterfacePlugException(
            'Port %(id)s has no usable VLAN: %(vlan)s' %
            {'id': vif['id'], 'vlan': vlan})
