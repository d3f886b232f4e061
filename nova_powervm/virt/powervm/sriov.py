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
import contextlib
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


class _Reservation(typing.NamedTuple):
    """What a vNIC that is being made takes.

    :ivar mac: str
    :ivar devices: tuple of (ids of a physical port, int capacity)
    """

    mac: str
    devices: tuple


class Sriov:
    """Physical ports and VIOSes for vNICs of one host.

    :ivar vioses_down: list of str, names of the VIOSes that were down when
        they were read last.
    :param host: host.Host
    :param clock: returns seconds; for tests.
    """

    def __init__(self, host, clock=time.monotonic):
        self.vioses_down = []
        self._host = host
        self._vioses = facts.AgingFact(self._read_vioses, host.news, MAX_AGE,
                                       clock)
        self._turn = itertools.count()
        self._lock = threading.Lock()
        # UUID of an LPAR -> set of LogicalPort that go with it.
        self._going = collections.defaultdict(set)
        # LogicalPorts whose vNIC is deleted.
        self._freed = set()
        # MAC addresses of vNICs of servers that should be there and are not.
        self._lost = set()
        # What threads are about to make: set of _Reservation.
        self._reserved = set()

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
        up = {vios_w.uuid for vios_w in active}
        self.vioses_down = [vios_w.name for vios_w in vioses
                            if vios_w.uuid not in up]
        return [Vios(vios_w.uuid, vios_w.name,
                     bool(vios_w.vnic_failover_capable))
                for vios_w in active if vios_w.vnic_capable], (
                    len(active) == len(vioses))

    # ---- vNICs that are being made -------------------------------------

    @contextlib.contextmanager
    def reserved(self, mac, capacity, choose):
        """Choose ports, and keep them for a vNIC that is being made.

        Two threads must not take the last virtual function. No lock is held
        while the platform makes a vNIC, which may take long.

        :param mac: str, that of the vNIC, 12 upper-case hex digits
        :param capacity: int that each device gets at least, or None
        :param choose: called with a list of physical_ports.Port, in which what
            others have reserved counts as used, and a list of Vios; returns a
            list of what has a port. It must not send requests.
        :returns: context manager of that list.
        """
        ports, vioses = self.ports(), self.vioses()
        with self._lock:
            devices = choose([self._without_reserved(port)
                              for port in ports], vioses)
            reservation = _Reservation(mac, tuple(
                (device.port.ids, device.port.capacity(capacity))
                for device in devices))
            self._reserved.add(reservation)
        try:
            yield devices
        finally:
            with self._lock:
                self._reserved.discard(reservation)

    def _without_reserved(self, port):
        """A Port as it is to be, when others have what they reserve."""
        taken = [capacity for reservation in self._reserved
                 for ids, capacity in reservation.devices if ids == port.ids]
        return port._replace(used=port.used + len(taken),
                             allocated=port.allocated + sum(taken))

    def being_made(self):
        """Tell which vNICs are being made: set of MAC addresses."""
        with self._lock:
            return {reservation.mac for reservation in self._reserved}

    # ---- logical ports that may stay -----------------------------------

    def lose(self, mac):
        """Note that a vNIC that a server had on this host is not there.

        It may have left logical ports.

        :param mac: str, 12 upper-case hex digits
        """
        with self._lock:
            self._lost.add(mac)

    def lost(self):
        """Tell whose logical ports are to be looked for: set of str."""
        with self._lock:
            return set(self._lost)

    def are_found(self, macs):
        """Forget MAC addresses of vNICs whose logical ports are gone."""
        with self._lock:
            self._lost.difference_update(macs)

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
