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

"""Choose a physical port for each Fibre Channel adapter of a server."""

import collections

from pypowervm import util as pvm_util

from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.volume import fabrics


class Ports:
    """The physical ports that the adapters of one server can be on.

    :param vioses: list of the wrappers of the VIOSes that are up.
    """

    def __init__(self, vioses):
        self._vioses = {}
        self._ports = {}
        self._used = collections.Counter()
        self._promised = collections.Counter()
        for vios_w in vioses:
            for port in vios_w.pfc_ports:
                wwpn = pvm_util.sanitize_wwpn_for_api(port.wwpn)
                self._vioses[wwpn] = vios_w.uuid
                self._ports[wwpn] = port

    def use(self, wwpn):
        """Note that an adapter of the server is on a port."""
        self._used.update((wwpn, self._vioses.get(wwpn)))

    def choose(self, fabric, wish=None, vios_uuid=None):
        """Choose a port of a fabric for one more adapter.

        The server shall not depend on a single VIOS or a single port. If this
        leaves a choice, take the port with most room.

        :param wish: WWPN of the preferred port, or None.
        :param vios_uuid: the only VIOS that it may be on, or None.
        :returns: (UUID of the VIOS, WWPN of the port).
        :raises FabricPortNotFound: if no port is usable.
        """
        usable = [wwpn for wwpn in fabrics.ports(fabric)
                  if self._room(wwpn) > 0 and
                  vios_uuid in (None, self._vioses[wwpn])]
        if not usable:
            raise exception.FabricPortNotFound(
                fabric=fabric, ports=', '.join(fabrics.ports(fabric)))
        found = wish if wish in usable else min(usable, key=self._burden)
        self._promised[found] += 1
        self.use(found)
        return self._vioses[found], found

    def _room(self, wwpn):
        """Return how many more adapters fit on a port; 0 if it is down."""
        port = self._ports.get(wwpn)
        return port.npiv_available_ports - self._promised[wwpn] if port else 0

    def _burden(self, wwpn):
        return (self._used[self._vioses[wwpn]], self._used[wwpn],
                -self._room(wwpn))
