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

"""The ports of all servers when nova-compute starts.

Nova asks for each server that its ports be plugged. What the management
partition has of them is read once for all servers.
"""

import threading

from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc

from nova_powervm.virt.powervm import vif as powervm_vif

LOG = logging.getLogger(__name__)


class Adapters:
    """The adapters of the management partition, which are read once at most.

    They are found by keys. For each function that tells keys, there is one
    look at all adapters, however many ports are looked for.

    :param host: host.Host, connected.
    """

    def __init__(self, host):
        self._host = host
        self._lock = threading.Lock()
        self._adapters = None
        # Function -> dict of key -> list of adapters.
        self._indexes = {}

    def find(self, keys, wanted):
        """Find adapters by a key (1 request, once).

        :param keys: called with a CNA wrapper of the management partition;
            returns its keys.
        :param wanted: the key to look for.
        :returns: list of CNA wrappers.
        :raises pypowervm.exceptions.Error: if they cannot be read.
        """
        with self._lock:
            if self._adapters is None:
                self._adapters = self._host.mgmt_network_adapters()
            if keys not in self._indexes:
                self._indexes[keys] = index = {}
                for adapter in self._adapters:
                    for key in keys(adapter):
                        index.setdefault(key, []).append(adapter)
            return self._indexes[keys].get(wanted, [])


class PortsAtStart:
    """Brings ports up to date, as long as nova-compute starts.

    :param host: host.Host, connected.
    """

    def __init__(self, host):
        self._host = host
        self._adapters = Adapters(host)

    def update(self, instance, network_infos):
        """Bring the ports of a server up to date; never raises.

        It sends 1 request for the first port of which the management partition
        has a part, and 1 for each.

        :param instance: nova.objects.Instance
        :param network_infos: list of nova.network.model.VIF.
        :returns: list of those of them that have to be plugged.
        """
        vifs = powervm_vif.ports_to_replug(network_infos)
        try:
            return [vif for vif in vifs if not powervm_vif.restore(
                self._host, instance, vif, self._adapters)]
        except pvm_exc.Error as exc:
            LOG.warning('The ports cannot be updated together: %s', exc,
                        instance=instance)
            return vifs
