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

"""Ports of the type pvm_switch: a VLAN of a virtual switch of its own."""

from nova import exception as nova_exc

from nova_powervm.virt.powervm.vif import driver


class SwitchVifDriver(driver.VifDriver):
    """A client adapter on the virtual switch that Neutron names.

    The port's binding has the details ``vswitch`` and ``vlan``.
    """

    def plug(self, vif, lpar_w, slot_num=None):
        details = vif['details']
        try:
            vswitch, vlan = details['vswitch'], int(details['vlan'])
        except (KeyError, ValueError):
            raise nova_exc.VirtualInterfacePlugException(
                'Port %s has no usable vswitch and vlan: %s' % (
                    vif['id'], details))
        return driver.create_cna(
            self.host, lpar_w, vswitch, vlan, mac_addr=vif['address'],
            slot_num=slot_num)
