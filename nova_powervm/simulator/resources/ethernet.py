# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Physical Ethernet ports: every VIOS has a card with four of them."""


from nova_powervm.simulator import atom

el = atom.el

#: Device names of the ports (as in the captures).
PORTS = ('ent0', 'ent1', 'ent2', 'ent3')

_PCI_CLASS = 512
_DESCRIPTION = ('4-Port Gigabit Ethernet PCI-Express Adapter '
                '(e414571614102004)')


def render_port(vios, device, tag):
    """Make the element of a port.

    :param vios: VirtualIOServer
    :param device: str, such as ent0
    :param tag: str, 'IOAdapter' or 'EthernetBackingDevice'
    """
    location = _location(vios, device)
    return atom.section(
        tag,
        el('AdapterID', 1),
        el('Description', _DESCRIPTION),
        el('DeviceName', device),
        # The typing error is the platform's (source: captures).
        el('DeviceType', 'physicalEthernetAdpter'),
        el('DynamicReconfigurationConnectorName', location),
        el('PhysicalLocation', location),
        el('UniqueDeviceID', '13' + location))


def render_free_port(vios, device):
    """Make the element of a port that a shared Ethernet adapter may get.

    :param vios: VirtualIOServer
    :param device: str, such as ent0
    """
    return atom.section(
        'EthernetBackingDevice',
        el('AdapterID', 1),
        el('Description', _DESCRIPTION),
        el('DeviceName', device),
        el('PhysicalLocation', _location(vios, device)),
        render_interface(device))


def render_interface(device):
    """Make the element of the IP interface on a device; it has no address.

    :param device: str, such as ent5, of which the interface is en5
    """
    return atom.section(
        'IPInterface',
        el('InterfaceName', device.replace('ent', 'en', 1)),
        el('State', 'Inactive'))


def _location(vios, device):
    card = next(card for card in vios.cards if card.pci_class == _PCI_CLASS)
    port = PORTS.index(device) if device in PORTS else 0
    return '%s-T%d' % (card.location, port + 1)
