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


"""PCI devices that Nova's scheduler counts for SR-IOV ports.

Nova makes a PCI request for each port whose vnic_type is direct. So the host
offers devices: one stands for one vNIC on a physical port. The platform has no
such devices before a vNIC is made; the numbers are made up. Their format is
what Nova 34 accepts:

* The function of an address is a digit from 0 to 7, so a port can have 256.
* Devices with the same parent are a pool of the scheduler. The parent of a
  device is the first address of its port.

A device that a server has stays in the list, whatever becomes of its port:
Nova would forget it when it is freed. So Nova's own records tell which these
are. Devices that are free are as many as vNICs can be made now. All devices of
a physical network together are never more than vNICs fit on its ports, if
these carry nothing else, also if some of the ports are out of order now.
"""

import collections
import re
import typing

from nova import context as nova_context
from nova import exception as nova_exc
from nova import objects
from nova.objects import fields
from nova.pci import whitelist
from oslo_log import log as logging
from oslo_serialization import jsonutils

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import physical_ports

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

VENDOR = '1014'
#: Kind of a physical port -> product of its devices: numbers of our own.
PRODUCTS = (('converged', 'b3c0'), ('ethernet', 'b3c1'), ('roce', 'b3c2'))
#: Devices that a port can have.
MOST = 256

_ADDRESS = re.compile(
    r'([0-9a-f]{4}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$', re.IGNORECASE)
_MOST_ADAPTERS, _MOST_PORTS = 1 << 16, 1 << 8
_OF_SERVERS = (fields.PciDeviceStatus.CLAIMED,
               fields.PciDeviceStatus.ALLOCATED)


class Known(typing.NamedTuple):
    """A device that Nova has a record of.

    :ivar ids: (int adapter_id, int port_id) of its physical port
    :ivar number: int, which of the devices of that port it is
    :ivar product: str, see PRODUCTS
    :ivar is_free: bool, whether Nova may give it to a server
    :ivar is_claimed: bool, whether a server has it
    """

    ids: tuple
    number: int
    product: str
    is_free: bool
    is_claimed: bool


def port_ids(address):
    """Tell which physical port a device is on.

    :param address: str, as Nova writes it to a binding:profile as pci_slot
    :returns: (int adapter_id, int port_id); None if it is no address
    """
    found = _parse(address)
    return found and found[:2]


def _parse(address):
    """Read an address: (adapter_id, port_id, number); None if it is none."""
    match = _ADDRESS.match(address or '')
    if not match:
        return None
    adapter_id, port_id, device, function = (
        int(digits, 16) for digits in match.groups())
    return adapter_id, port_id, device << 3 | function


def find_known(nodename):
    """Ask Nova for its devices of a host (2 DB calls).

    :param nodename: str, Nova's name of the host.
    :returns: list of Known
    """
    context = nova_context.get_admin_context()
    try:
        node = objects.ComputeNode.get_by_nodename(context, nodename)
    except nova_exc.ComputeHostNotFound:
        return []
    return as_known(objects.PciDeviceList.get_by_compute_node(context,
                                                              node.id))


def as_known(records):
    """Read Nova's records of devices: list of Known.

    :param records: iterable of nova.objects.PciDevice
    """
    found = []
    for record in records:
        parsed = _parse(record.address)
        if parsed and record.vendor_id == VENDOR:
            found.append(Known(
                parsed[:2], parsed[2], record.product_id,
                record.status == fields.PciDeviceStatus.AVAILABLE,
                record.status in _OF_SERVERS))
    return found


class Devices:
    """The devices that one host offers to Nova.

    :param virtapi: Nova's ComputeVirtAPI, whose manager keeps the option
        [pci] device_spec as it has read it; a virtapi without a manager
        keeps none.
    :param find: called without arguments; returns the list of Known.
    """

    def __init__(self, virtapi=None, find=list):
        self._manager = getattr(virtapi, '_compute', None)
        self._find = find
        # ids of a physical port -> physical network for Nova's pools of it.
        self._networks = {}

    def offer(self, system):
        """Have Nova accept the devices, unless the operator tells which.

        :param system: pypowervm System wrapper
        """
        self._follow(_labelled(system), [])
        if self._networks:
            LOG.info('Ports of SR-IOV adapters lead to these physical '
                     'networks: %s',
                     ', '.join(sorted(set(self._networks.values()))))
        self._publish()

    def list_all(self, system):
        """List the devices for Nova's resource tracker.

        It sends no request, and asks Nova's database if there is a port that
        devices can stand for.

        :param system: pypowervm System wrapper
        :returns: list of dict
        """
        ports = _labelled(system)
        if not ports and not self._networks:
            return []
        known = self._find()
        if self._follow(ports, known):
            self._publish()
        claimed = collections.defaultdict(set)
        for device in known:
            if device.is_claimed:
                claimed[device.ids].add(device.number)
        found = [_device(device.ids, device.number, device.product)
                 for device in known if device.is_claimed]
        for port, count in _count_free(
                [port for port in ports
                 if self._networks[port.ids] == port.physnet],
                collections.Counter({ids: len(numbers)
                                     for ids, numbers in claimed.items()}),
                _redundancy(system)):
            found += [_device(port.ids, number, dict(PRODUCTS)[port.kind])
                      for number in _lowest(count, claimed[port.ids])]
        return sorted(found, key=lambda device: device['address'])

    def _follow(self, ports, known):
        """Note which physical networks ports lead to by now.

        Nova's pools name the network of a port. If the label of a port has
        changed, its free devices have to leave the old pool first. Until Nova
        has taken that in, the port offers none.

        :param ports: list of Port with a physical network
        :param known: list of Known
        :returns: bool, whether something has changed
        """
        free = {device.ids for device in known if device.is_free}
        before = dict(self._networks)
        for port in ports:
            network = self._networks.get(port.ids)
            if network is None or port.ids not in free:
                self._networks[port.ids] = port.physnet
            elif network != port.physnet:
                LOG.info('The SR-IOV port %(port)s leads to %(new)s now, not '
                         'to %(old)s. Its free devices follow.',
                         {'port': port.location, 'new': port.physnet,
                          'old': network})
        return self._networks != before

    def _publish(self):
        """Derive [pci] device_spec from the labels of the ports.

        A value that the operator has set is stronger. Nova's resource tracker
        reads the option when it first updates the resources of the host, after
        init_host; Nova's client of Neutron, which tells Neutron of the device
        of a port, has read it before there was a driver
        (ComputeManager.__init__ of Nova 34). Neither reads it again, so what
        they have read is replaced.
        """
        # oslo.config replaces "$name" in a default, and "$$" by "$".
        CONF.set_default('device_spec', [
            jsonutils.dumps({'address': '%04x:%02x:*.*' % ids,
                             'physical_network': network},
                            sort_keys=True).replace('$', '$$')
            for ids, network in sorted(self._networks.items())], group='pci')
        if self._manager is None:
            return
        accepted = whitelist.Whitelist(CONF.pci.device_spec)
        self._manager.network_api.pci_whitelist = accepted
        tracker = getattr(getattr(self._manager, 'rt', None), 'pci_tracker',
                          None)
        if tracker is not None:
            # Its pools use the same object.
            tracker.dev_filter.specs = accepted.specs


def _labelled(system):
    """Find the ports that devices can stand for: list of Port."""
    if not physical_ports.has_vnics(system):
        return []
    return [port for port in physical_ports.read(system) if port.physnet and
            port.adapter_id < _MOST_ADAPTERS and port.port_id < _MOST_PORTS]


def _count_free(ports, claimed, redundancy):
    """Tell how many free devices ports offer.

    A vNIC need not be on the port whose device Nova has claimed. So only the
    sum for a network matters.

    :param ports: list of Port
    :param claimed: Counter of the ids of ports, devices that servers have
    :param redundancy: int, backing devices of a vNIC
    :returns: list of (Port, int)
    """
    wanted = physical_ports.capacity(CONF.powervm.vnic_vf_capacity)
    found = []
    for physnet in sorted({port.physnet for port in ports}):
        theirs = [port for port in ports if port.physnet == physnet]
        shares = _shares([port.functions(wanted) for port in theirs],
                         redundancy)
        left = min(sum(shares) - sum(claimed[port.ids] for port in theirs),
                   _fit(theirs, wanted, redundancy))
        # If there are too few, those on the fullest ports are not offered.
        for port, share in sorted(
                zip(theirs, shares, strict=True),
                key=lambda pair: -pair[0].room(wanted)):
            count = max(0, min(share - claimed[port.ids], left))
            left -= count
            found.append((port, count))
    return found


def _fit(ports, wanted, redundancy):
    """Tell how many vNICs the ports of a network can get now: int.

    Those of adapters that do not run are no reason to refuse a vNIC: it gets
    less backing devices.
    """
    free = [port.room(wanted) for port in ports if port.runs]
    return physical_ports.most_vnics(free, min(redundancy, len(free)))


def _shares(functions, redundancy):
    """Share out the vNICs that fit on the ports of a network: list of int.

    :param functions: list of int, how many devices each port can have.
    """
    total = physical_ports.most_vnics(functions,
                                      min(redundancy, len(functions)))
    shares, before, usable = [], 0, [min(number, total)
                                     for number in functions]
    for number in usable:
        # Rounded so that the sum is right.
        before += number
        shares.append(total * before // max(1, sum(usable)) - sum(shares))
    return [min(share, MOST) for share in shares]


def _redundancy(system):
    """How many backing devices a vNIC is to get."""
    return (CONF.powervm.vnic_required_vfs
            if physical_ports.fails_over(system) else 1)


def _lowest(count, taken):
    """The lowest numbers of devices that are not taken: list of int."""
    return [number for number in range(MOST) if number not in taken][:count]


def _device(ids, number, product):
    address = '%04x:%02x:%02x.%x' % (*ids, number >> 3, number & 7)
    return {
        'dev_id': 'pci_%s' % re.sub('[:.]', '_', address),
        'address': address,
        'parent_addr': '%04x:%02x:00.0' % ids,
        'vendor_id': VENDOR,
        'product_id': product,
        'label': 'label_%s_%s' % (VENDOR, product),
        'dev_type': 'type-VF',
        'numa_node': None,
        'status': 'available',
    }
