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

"""Cache the Fibre Channel ports of the VIOSes.

Ports come and go: somebody plugs in a cable, replaces a card, adds a VIOS. The
platform sends an event when a VIOS has changed, but hardly ever says what has
changed: the detail of most of these events is 'Other' (source: event_feed.txt
of pypowervm's captures). So the ports are read again after every event of a
VIOS, with two exceptions:

* The detail names only properties that are independent of ports, such as a
  mapping.
* The driver itself has just changed the media of that VIOS. The event about
  this also has the detail 'Other'. So the driver calls expect_event() before
  the change, and the next such event is taken for its consequence. If it had
  another cause, the ports are read again a minute later.

An event may also get lost. So the driver reads the ports again after ten
minutes in any case, and after one minute if there are no events at all.
"""

import time
import typing

from pypowervm.wrappers import iocard as pvm_card

from nova_powervm.virt.powervm import echoes
from nova_powervm.virt.powervm import facts

#: Seconds after which ports are read again if no event arrives.
MAX_AGE = 600
#: Seconds after which they are read again after an expected event.
AGE_AFTER_ECHO = 60

# Details of changes that leave the ports as they are (source: the same capture
# and, for the others, names of elements in the documents of VIOSes).
_OTHER_DETAILS = frozenset((
    'ClientNetworkAdapters', 'NVRAM', 'PhysicalVolumes', 'ReferenceCode',
    'SharedEthernetAdapters', 'TrunkAdapters', 'VirtualFibreChannelMappings',
    'VirtualSCSIMappings'))
# Details of changes that the platform does not describe (same source).
_UNCLEAR = frozenset(('Other', 'other'))


def usable(vios_w):
    """Return the WWPNs of the usable ports of a VIOS.

    A port with NPIV and a cable reports how many virtual ports it can carry.
    If no port of a card does, the card probably has no NPIV: then all its
    ports are listed, for virtual SCSI.

    :param vios_w: VIOS wrapper, read with pypowervm.const.XAG.VIO_STOR.
    :returns: list of str.
    """
    wwpns = []
    for slot in vios_w.io_config.io_slots:
        card = slot.io_adapter
        if isinstance(card, pvm_card.PhysFCAdapter):
            ports = list(card.fc_ports)
            wwpns += [port.wwpn for port in [
                port for port in ports if port.npiv_total_ports] or ports]
    return wwpns


class _Vios(typing.NamedTuple):
    """What is known of a VIOS: its name, its partition id, its ports."""

    name: str
    id: int
    wwpns: list


class FcPorts:
    """The ports of all VIOSes of a host.

    :param read: function that reads the VIOSes, with VIO_STOR; it returns
        their wrappers, and whether all of them are up.
    :param news: facts.News
    :param clock: returns seconds; for tests.
    """

    def __init__(self, read, news, clock=time.monotonic):
        self._read = read
        self._vioses = facts.AgingFact(self._read_vioses, news, MAX_AGE, clock)
        self._echoes = echoes.Echoes(clock)

    def get(self):
        """Return the ports (1 request, 0 if they are known).

        While a VIOS is down they are not cached, because it may not report its
        ports.

        :returns: dict of VIOS UUID -> list of the WWPNs, str, of its ports.
        """
        return {uuid: vios.wwpns for uuid, vios in self._vioses.get().items()}

    def partitions(self):
        """Tell the names and ids of the VIOSes; see get().

        :returns: dict of VIOS UUID -> (str, int).
        """
        return {uuid: (vios.name, vios.id)
                for uuid, vios in self._vioses.get().items()}

    def _read_vioses(self):
        vioses, are_up = self._read()
        return {vios_w.uuid: _Vios(vios_w.name, vios_w.id, usable(vios_w))
                for vios_w in vioses}, are_up

    def forget(self):
        """Drop the ports, for example because a VIOS was added or removed."""
        self._vioses.forget()

    def expect_event(self, vios_uuid):
        """Announce that the driver is about to change the media of a VIOS."""
        self._echoes.expect(vios_uuid)

    def changed(self, vios_uuid, detail):
        """Drop the ports if an event about a VIOS may concern them.

        :param vios_uuid: UUID of the VIOS.
        :param detail: str, comma-separated list of what has changed; '' if
            unknown.
        """
        names = set(detail.split(',')) if detail else set()
        if names and names <= _OTHER_DETAILS:
            return
        if names <= _UNCLEAR and self._echoes.take(vios_uuid):
            self._vioses.age(AGE_AFTER_ECHO)
        else:
            self.forget()
