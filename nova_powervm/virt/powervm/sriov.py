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


"""What the host remembers for ports on SR-IOV adapters.

A vNIC of an LPAR has backing devices: each is a virtual function of a physical
port, which the platform calls a logical port, in a VIOS.
"""

import collections
import itertools
import threading
import time
import typing

from nova_powervm.virt.powervm import facts
from nova_powervm.virt.powervm import physical_ports

#: Seconds for which the VIOSes are good if no event comes.
MAX_AGE = 600

# Changes of a VIOS after which it is as good for vNICs as before. The platform
# calls most of them 'Other'. If a VIOS has gone down, the platform refuses the
# next vNIC on it, and forget() is called.
_OTHER_DETAILS = frozenset((
    '', 'ClientNetworkAdapters', 'NVRAM', 'Other', 'PhysicalVolumes',
    'ReferenceCode', 'SharedEthernetAdapters', 'TrunkAdapters',
    'VirtualFibreChannelMappings', 'VirtualSCSIMappings', 'other'))


class Vios(typing.NamedTuple):
    """A VIOS that can have backing devices of vNICs.

    :ivar uuid: str
    :ivar name: str
    :ivar fails_over: bool, whether a vNIC with a device of it can have others
    """

    uuid: str
    name: str
    fails_over: bool


class LogicalPort(typing.NamedTuple):
    """A logical port that the platform is to free with its vNIC.

    :ivar vios_uuid: str, UUID of the VIOS that has it
    :ivar uuid: str
    :ivar mac: str, MAC address of the vNIC, 12 upper-case hex digits
    :ivar lpar_uuid: str, UUID of the LPAR that had the vNIC
    :ivar vnic_uuid: str
    """

    vios_uuid: str
    uuid: str
    mac: str
    lpar_uuid: str
    vnic_uuid: str


class Sriov:
    """Physical ports and VIOSes for vNICs of one host.

    :ivar choosing: lock, to be held while ports are chosen and used: two
        threads must not take the last virtual function.
    :param host: host.Host
    :param clock: returns seconds; for tests.
    """

    def __init__(self, host, clock=time.monotonic):
        self.choosing = threading.Lock()
        self._host = host
        self._vioses = facts.AgingFact(self._read_vioses, MAX_AGE, clock)
        self._turn = itertools.count()
        self._lock = threading.Lock()
        # UUID of an LPAR -> set of LogicalPort that go with it.
        self._going = collections.defaultdict(set)
        # LogicalPorts whose vNIC is deleted.
        self._freed = set()

    def ports(self):
        """Read the physical ports: list of physical_ports.Port (1 request).

        The platform answers without content if nothing has changed.
        """
        return physical_ports.read(self._host.refresh_system())

    def vioses(self):
        """List the VIOSes that can have backing devices now.

        They take turns to be the first (1 request, 0 if they are known).

        :returns: list of Vios
        """
        found = self._vioses.get()
        first = next(self._turn) % len(found) if found else 0
        return found[first:] + found[:first]

    def _read_vioses(self):
        """Read the VIOSes; they are not kept while one is down."""
        vioses = self._host.vioses()
        active = self._host.filter_active(vioses)
        return [Vios(vios_w.uuid, vios_w.name,
                     bool(vios_w.vnic_failover_capable))
                for vios_w in active if vios_w.vnic_capable], (
                    len(active) == len(vioses))

    # ---- logical ports that may stay -----------------------------------

    def frees(self, logical_ports):
        """Note logical ports whose vNIC was deleted.

        :param logical_ports: iterable of LogicalPort
        """
        with self._lock:
            self._freed.update(logical_ports)

    def frees_with_lpar(self, lpar_uuid, logical_ports):
        """Note logical ports whose vNIC goes with its LPAR.

        :param lpar_uuid: str
        :param logical_ports: iterable of LogicalPort
        """
        with self._lock:
            self._going[lpar_uuid.upper()].update(logical_ports)

    def lpar_deleted(self, lpar_uuid):
        """Take in that an LPAR is gone, and its vNICs with it."""
        with self._lock:
            self._freed |= self._going.pop(lpar_uuid.upper(), set())

    def freed(self):
        """Tell which logical ports should be gone: set of LogicalPort."""
        with self._lock:
            return set(self._freed)

    def are_gone(self, logical_ports):
        """Forget logical ports that need not be looked for any more."""
        with self._lock:
            self._freed.difference_update(logical_ports)

    # ---- what has changed ----------------------------------------------

    def forget(self):
        """Have the VIOSes read again."""
        self._vioses.forget()

    def changed(self, detail):
        """Take in that the platform tells of a change of a VIOS.

        :param detail: str, comma list of what has changed; '' if unknown.
        """
        if not set(detail.split(',')) <= _OTHER_DETAILS:
            self.forget()
