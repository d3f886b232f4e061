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

"""Remove VLANs from Shared Ethernet Adapters that no partition uses.

This happens only if an operator wants it, because the SEAs carry the traffic
of all partitions. A VLAN is removed only if it is on an additional trunk
adapter, no partition of the host has an adapter in it, and no port has needed
it for an hour.
"""

import time

from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc

from nova_powervm import conf as cfg

LOG = logging.getLogger(__name__)
CONF = cfg.CONF


class UnusedVlans:
    """Removes unused VLANs periodically.

    :param host: host.Host
    :param clock: returns seconds; for tests.
    """

    #: Seconds between two checks.
    INTERVAL = 3600
    #: Most VLANs to remove in one check, because a VIOS needs seconds for
    #: each.
    MOST = 3

    def __init__(self, host, clock=time.monotonic):
        self._host = host
        self._clock = clock
        self._last = clock()

    def remove(self):
        """Remove VLANs if a check is due (otherwise 0 requests).

        A check needs 1 request for the bridges, 2 for the partitions and 1 for
        the adapters of each partition.

        :raises pypowervm.exceptions.Error: if the platform refuses.
        """
        # If there are agents, they manage the VLANs.
        if not (CONF.powervm.remove_unused_vlans and
                CONF.powervm.manage_sea_vlans) or (
                CONF.powervm.send_vif_events) or (
                self._clock() - self._last < self.INTERVAL):
            return
        self._last = self._clock()
        self._host.bridges.forget()
        candidates = [(bridge, vlan) for bridge in self._host.bridges.all()
                      for vlan in sorted(bridge.removable)]
        if not candidates:
            return
        used = self._used()
        unused = ((bridge, vlan) for bridge, vlan in candidates
                  if (bridge.vswitch_id, vlan) not in used)
        removed = 0
        for bridge, vlan in unused:
            removed += self._remove(bridge, vlan)
            if removed == self.MOST:
                break

    def _remove(self, bridge, vlan):
        """Remove a VLAN; return whether it is gone, and log failures."""
        told = {'vlan': vlan, 'bridge': bridge.name}
        try:
            if not self._host.bridges.remove(bridge, vlan, self.INTERVAL):
                return False
        except pvm_exc.Error as exc:
            LOG.warning('VLAN %(vlan)d cannot be removed from the Shared '
                        'Ethernet Adapter %(bridge)s: %(exc)s',
                        dict(told, exc=exc))
            return False
        LOG.info('Removed VLAN %(vlan)d from the Shared Ethernet Adapter '
                 '%(bridge)s, as no partition uses it.', told)
        return True

    def _used(self):
        """Return the used VLANs: set of (number of the switch, VLAN)."""
        host = self._host
        # Trunk adapters of VIOSes belong to the SEAs themselves.
        adapters = [cna for lpar_w in host.lpars()
                    for cna in self._adapters(lpar_w.uuid)]
        adapters += [cna for vios_w in host.vioses()
                     for cna in self._adapters(vios_w.uuid, is_vios=True)
                     if not cna.is_trunk]
        return {(cna.vswitch_id, vlan) for cna in adapters
                for vlan in (cna.pvid, *cna.tagged_vlans)}

    def _adapters(self, uuid, is_vios=False):
        try:
            return self._host.network_adapters(uuid, is_vios=is_vios)
        except pvm_exc.HttpNotFound:
            # The partition was just deleted.
            return []
