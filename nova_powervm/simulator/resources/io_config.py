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


"""Physical adapters of a VIOS, as its I/O configuration lists them.

The values of the three kinds of cards are those of the capture
fake_vios_ssp_npiv.txt.
"""

import dataclasses

from nova_powervm.simulator import atom

el = atom.el

_PORTS_PER_FC_CARD = 2
_FIRST_DRC_INDEX = 553713664


@dataclasses.dataclass(eq=False)
class FcPort:
    """A port of a physical Fibre Channel adapter.

    :ivar name: str such as fcs0
    :ivar wwpn: str, 16 upper case hex digits
    :ivar total: int, virtual ports that it can carry; 0 without NPIV
    :ivar location: str, location code
    :ivar used: int, virtual ports in use
    :ivar fabric: san.array.Fabric that it is on, or None
    :ivar up: bool, whether it works
    """

    name: str
    wwpn: str
    total: int
    location: str
    used: int = 0
    fabric: object = None
    up: bool = True

    @property
    def online(self):
        """Whether it is on a fabric and both work."""
        return self.up and self.fabric is not None and self.fabric.up

    @property
    def carries(self):
        """Whether virtual ports can be on it.

        One that is on a fabric which does not work cannot (assumed, no
        hardware: in capture fake_vios_ssp_npiv.txt a port without a cable
        has no TotalPorts).
        """
        return bool(self.total) and self.up and (
            self.fabric is None or self.fabric.up)

    def render(self, tag='PhysicalFibreChannelPort', with_volumes=True):
        """Return its element.

        :param tag: 'Port' or 'PhysicalPort' inside a mapping
        :param with_volumes: whether the PhysicalVolumes belong to it
        """
        return atom.section(
            tag,
            el('LocationCode', self.location),
            atom.section('PhysicalVolumes') if with_volumes else None,
            el('PortName', self.name),
            el('UniqueDeviceID', '1a' + self.location),
            el('WWPN', self.wwpn),
            el('AvailablePorts', self.total - self.used)
            if self.carries else None,
            el('TotalPorts', self.total) if self.carries else None)


@dataclasses.dataclass
class Card:
    """A card in a slot of the machine.

    :ivar location: str, location code of the slot
    :ivar index: int, its dynamic reconfiguration connector (DRC)
    :ivar ports: list of FcPort; empty for a card of another kind
    """

    description: str
    location: str
    index: int
    pci_class: int
    device: int
    subsystem: int
    vendor: int
    revision: int
    ports: list = dataclasses.field(default_factory=list)

    @property
    def _slot_name(self):
        return self.location.rsplit('-', 1)[-1]

    def render(self):
        """Return its ProfileIOSlot element."""
        return atom.section('ProfileIOSlot', atom.section(
            'AssociatedIOSlot',
            el('BusGroupingRequired', False),
            el('Description', self.description),
            el('IOUnitPhysicalLocation', self.location.split('-')[0]),
            el('PCAdapterID', self.device),
            el('PCIClass', self.pci_class),
            el('PCIDeviceID', self.device),
            el('PCISubsystemDeviceID', self.subsystem),
            el('PCIManufacturerID', self.vendor),
            el('PCIRevisionID', self.revision),
            el('PCIVendorID', self.vendor),
            el('PCISubsystemVendorID', 4116),
            el('RelatedIOAdapter', self._render_adapter()),
            el('SlotDynamicReconfigurationConnectorIndex', self.index),
            el('SlotDynamicReconfigurationConnectorName', self.location),
            el('SlotPhysicalLocationCode', self._slot_name)))

    def _render_adapter(self):
        common = [
            el('AdapterID', self.index),
            el('Description', self.description),
            el('DeviceName', self.location),
            el('DynamicReconfigurationConnectorName', self.location),
            el('PhysicalLocation', self._slot_name)]
        if self.ports:
            return atom.section(
                'PhysicalFibreChannelAdapter', common,
                atom.section('PhysicalFibreChannelPorts', [
                    port.render() for port in self.ports]))
        return atom.section('IOAdapter', common,
                            el('UniqueDeviceID', self.device))


def build_cards(vios, spec):
    """Make the cards of a VIOS: SAS, Ethernet and what its ports need.

    :param vios: the VirtualIOServer
    :param spec: dict, its section in the profile
    :returns: list of Card
    """
    cards = [
        Card('PCI-E SAS Controller', _location(vios, 0), _index(vios, 0),
             pci_class=260, device=825, subsystem=826, vendor=4116,
             revision=1),
        Card('1 Gigabit Ethernet (UTP) 4 Port Adapter PCIE-4x/Short',
             _location(vios, 1), _index(vios, 1), pci_class=512, device=5719,
             subsystem=1056, vendor=5348, revision=1)]
    ports = spec['fc_ports']
    fabrics = vios.host.site.san.fabrics
    for first in range(0, len(ports), _PORTS_PER_FC_CARD):
        number = len(cards)
        card = Card('8 Gigabit PCI Express Dual Port Fibre Channel Adapter',
                    _location(vios, number), _index(vios, number),
                    pci_class=3076, device=61696, subsystem=906, vendor=4319,
                    revision=3)
        for n, port in enumerate(ports[first:first + _PORTS_PER_FC_CARD], 1):
            card.ports.append(FcPort(
                port['name'], port['wwpn'].upper(), port['total_ports'],
                '%s-T%d' % (card.location, n),
                fabric=fabrics.get(port.get('fabric'))))
        cards.append(card)
    return cards


def drawer(host):
    """Return the location code of the machine's enclosure."""
    return 'U78CB.001.WZS%s' % host.system.serial[-4:]


def _location(vios, number):
    # 16 slots for each VIOS, so that no two cards share one.
    return '%s-P1-C%d' % (drawer(vios.host),
                          16 * vios.partition_id + number)


def _index(vios, number):
    return _FIRST_DRC_INDEX + 256 * vios.partition_id + number
