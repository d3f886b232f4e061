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

"""The virtual networks of an HMC: one for each VLAN of a virtual switch.

On an HMC an adapter needs the network for its VLAN, which a client creates. A
NovaLink has a network for each VLAN that an adapter uses.
"""

import threading

from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import managed_system as pvm_ms
from pypowervm.wrappers import network as pvm_net

from nova_powervm.virt.powervm import facts

LOG = logging.getLogger(__name__)

#: HTTP status.
_CONFLICT = 409


class VirtualNetworks:
    """Creates virtual networks, and remembers which there are.

    :param host: host.Host
    """

    def __init__(self, host):
        self._host = host
        # Held while a thread reads and creates networks.
        self._changing = threading.Lock()
        # (ID of the virtual switch, VLAN) of the networks that there are.
        # forget() may be called while they are read, when the connection is
        # lost and another HMC takes over.
        self._networks = facts.Fact(lambda: (self._find(), True), host.news)

    def ensure(self, vswitch, vlan):
        """Create the network for a VLAN, if there is none.

        It sends 0 requests if the network is known, and always for a NovaLink.
        Otherwise it sends 1 request, 1 more if there is no such network, and 1
        more if somebody else has just created it.

        :param vswitch: VSwitch wrapper
        :param vlan: int
        :raises pypowervm.exceptions.Error: if the platform refuses.
        """
        if not self._host.is_hmc:
            return
        wanted = (vswitch.switch_id, vlan)
        with self._changing:
            if wanted in (self._networks.known() or ()):
                return
            self._networks.forget()
            found = self._networks.get()
            if wanted not in found:
                self._create(vswitch, vlan)
                self._networks.replace(found, found | {wanted})

    def _find(self):
        """Read the networks: frozenset of (ID of the switch, VLAN)."""
        return frozenset((network.vswitch_id, network.vlan)
                         for network in self._host.virtual_networks())

    def _create(self, vswitch, vlan):
        name = '%s-%d' % (vswitch.name, vlan)
        LOG.info('Creating the virtual network %s.', name)
        try:
            # The platform cannot tag frames of VLAN 1.
            pvm_net.VNet.bld(
                self._host.adapter, name, vlan, vswitch.related_href,
                vlan != 1).create(parent_type=pvm_ms.System,
                                  parent_uuid=self._host.system_uuid)
        except pvm_exc.HttpError as exc:
            # Another network may have the name.
            if (exc.response.status != _CONFLICT or
                    (vswitch.switch_id, vlan) not in self._find()):
                raise
            LOG.info('Somebody else has created the virtual network for VLAN '
                     '%d.', vlan)

    def forget(self):
        """Read again which networks there are, when the next one is needed."""
        self._networks.forget()
