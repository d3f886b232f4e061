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


"""The physical ports of SR-IOV adapters, as the system document tells them.

The label of a port is the name of the physical network of Neutron that it
leads to. Operators set it on the platform.

Capacities are ints, in hundredths of a percent of the bandwidth of a port.
"""

import typing

from pypowervm.wrappers import iocard as pvm_card

from nova_powervm import conf as cfg

CONF = cfg.CONF

#: All of the bandwidth of a port.
WHOLE = 10000

# pypowervm's class of a port -> its kind; the first that fits counts.
_KINDS = ((pvm_card.SRIOVConvPPort, 'converged'),
          (pvm_card.SRIOVRoCEPPort, 'roce'),
          (pvm_card.SRIOVEthPPort, 'ethernet'))


class Port(typing.NamedTuple):
    """A physical port, as it was read.

    :ivar adapter_id: int, number of its SR-IOV adapter
    :ivar port_id: int, unique in the adapter
    :ivar runs: bool, whether its adapter runs
    :ivar kind: str: converged, ethernet or roce
    :ivar physnet: Neutron's name of the physical network that it leads to;
        None if it leads to none that is known
    :ivar location: str, its location code
    :ivar has_link: bool, whether its cable has a link
    :ivar has_maximum: bool, whether its logical ports can have a maximum
        capacity
    :ivar most: int, logical ports (virtual functions) that it can have
    :ivar used: int, logical ports that it has
    :ivar granularity: int, capacities of logical ports are multiples of it
    :ivar allocated: int, capacity of all its logical ports
    """

    adapter_id: int
    port_id: int
    runs: bool
    kind: str
    physnet: typing.Optional[str]
    location: str
    has_link: bool
    has_maximum: bool
    most: int
    used: int
    granularity: int
    allocated: int

    @property
    def ids(self):
        """What tells it from the others: (adapter_id, port_id)."""
        return self.adapter_id, self.port_id

    def capacity(self, wanted=None):
        """Tell the capacity that a logical port gets.

        :param wanted: int, at least this much; None for as little as possible
        :returns: int, a multiple of the granularity
        """
        return -(-(wanted or 1) // self.granularity) * self.granularity

    def functions(self, wanted=None):
        """Tell how many logical ports it could have, if it had none: int.

        :param wanted: see capacity()
        """
        return min(self.most, WHOLE // self.capacity(wanted))

    def room(self, wanted=None):
        """Tell how many more logical ports it can have now: int.

        :param wanted: see capacity()
        """
        if not (self.runs and self.has_link):
            return 0
        return max(0, min(self.most - self.used, (
            WHOLE - self.allocated) // self.capacity(wanted)))


def capacity(fraction):
    """Convert a fraction of a port, float or None, to a capacity: int, None.

    It is not less than the fraction.
    """
    return None if fraction is None else max(1, round(fraction * WHOLE))


def most_vnics(free, count):
    """Tell how many vNICs fit, if each has a device on so many ports.

    It is the largest number n for which n devices on each port, or as many as
    it has room for, are enough for n vNICs. To reach it, see vif.backing.

    :param free: list of int, how many devices each port has room for
    :param count: int, different ports that each vNIC needs
    :returns: int
    """
    least, most = 0, sum(free) // max(1, count)
    while least < most:
        middle = (least + most + 1) // 2
        if sum(min(room, middle) for room in free) >= count * middle:
            least = middle
        else:
            most = middle - 1
    return least


def read(system):
    """Find the ports of all adapters in shared mode (no request).

    A port without a number cannot be used, and is not told.

    :param system: pypowervm System wrapper
    :returns: list of Port
    """
    config = system.asio_config
    if config.element is None:
        return []
    return [_port(adapter, port) for adapter in config.sriov_adapters
            if adapter.sriov_adap_id is not None and
            adapter.mode == pvm_card.SRIOVAdapterMode.SRIOV
            for port in adapter.phys_ports if port.port_id is not None]


def has_vnics(system):
    """Whether LPARs of the system can have vNICs.

    :param system: pypowervm System wrapper
    :returns: bool
    """
    return bool(system.get_capability('vnic_capable'))


def fails_over(system):
    """Whether a vNIC can have several backing devices.

    :param system: pypowervm System wrapper
    :returns: bool
    """
    return bool(system.get_capability('vnic_failover_capable'))


def _port(adapter, port):
    return Port(
        adapter_id=adapter.sriov_adap_id, port_id=port.port_id,
        runs=adapter.state == pvm_card.SRIOVAdapterState.RUNNING,
        kind=next(kind for cls, kind in _KINDS if isinstance(port, cls)),
        physnet=port.label or CONF.powervm.sriov_default_physnet,
        location=port.loc_code, has_link=bool(port.link_status),
        has_maximum=adapter.personality == (
            pvm_card.SRIOVAdapterPersonality.MAX_MIN_CAPACITY),
        most=port.cfg_max_lps or 0, used=port.cfg_lps or 0,
        granularity=capacity(port.min_granularity) or WHOLE,
        allocated=round((port.allocated_capacity or 0) * WHOLE))
