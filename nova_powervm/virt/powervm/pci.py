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
"""

import re

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

_ADDRESS = re.compile(r'([0-9a-f]{4}):([0-9a-f]{2}):[0-9a-f]{2}\.[0-7]$',
                      re.IGNORECASE)


def port_ids(address):
    """Tell which physical port a device is on.

    :param address: str, as Nova writes it to a binding:profile as pci_slot
    :returns: (int adapter_id, int port_id); None if it is no address
    """
    match = _ADDRESS.match(address or '')
    return match and tuple(int(digits, 16) for digits in match.groups())


def devices(system):
    """List the devices of a system for Nova's resource tracker (no request).

    How many there are does not depend on what is in use: a device that a
    server has must stay in the list.

    :param system: pypowervm System wrapper
    :returns: list of dict
    """
    return [_device(port, number)
            for port, count in _counts(system) for number in range(count)]


def offer(system, virtapi):
    """Have Nova offer the devices of a system, unless the operator tells how.

    It derives [pci] device_spec from the labels of the ports. A value that the
    operator has set is stronger. Nova's resource tracker reads the option when
    it first updates the resources of the host, after init_host. But Nova's
    client of Neutron, which tells Neutron of the device of a port, has read it
    before there was a driver (ComputeManager.__init__ of Nova 34).

    :param system: pypowervm System wrapper
    :param virtapi: Nova's ComputeVirtAPI, whose manager has that client; a
        virtapi without a manager has none
    """
    specs = [{'address': '%04x:%02x:*.*' % port.ids,
              'physical_network': port.physnet}
             for port, _count in _counts(system)]
    if specs:
        LOG.info('Ports of SR-IOV adapters lead to these physical networks: '
                 '%s', ', '.join(sorted({spec['physical_network']
                                         for spec in specs})))
    # oslo.config replaces "$name" in a default, and "$$" by "$".
    CONF.set_default('device_spec', [
        jsonutils.dumps(spec, sort_keys=True).replace('$', '$$')
        for spec in specs], group='pci')
    manager = getattr(virtapi, '_compute', None)
    if manager is not None:
        manager.network_api.pci_whitelist = whitelist.Whitelist(
            CONF.pci.device_spec)


def _counts(system):
    """Tell how many devices a port has: list of (Port, int)."""
    if not physical_ports.has_vnics(system):
        return []
    ports = [port for port in physical_ports.read(system) if port.physnet]
    wanted = physical_ports.capacity(CONF.powervm.vnic_vf_capacity)
    redundancy = (CONF.powervm.vnic_required_vfs
                  if physical_ports.fails_over(system) else 1)
    found = []
    for port in ports:
        peers = sum(other.physnet == port.physnet for other in ports)
        functions = min(port.most,
                        physical_ports.WHOLE // port.capacity(wanted))
        found.append((port, min(MOST, functions // min(redundancy, peers))))
    return found


def _device(port, number):
    address = '%04x:%02x:%02x.%x' % (*port.ids, number >> 3, number & 7)
    product = dict(PRODUCTS)[port.kind]
    return {
        'dev_id': 'pci_%s' % re.sub('[:.]', '_', address),
        'address': address,
        'parent_addr': '%04x:%02x:00.0' % port.ids,
        'vendor_id': VENDOR,
        'product_id': product,
        'label': 'label_%s_%s' % (VENDOR, product),
        'dev_type': 'type-VF',
        'numa_node': None,
        'status': 'available',
    }
