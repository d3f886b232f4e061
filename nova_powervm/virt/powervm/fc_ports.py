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

"""The Fibre Channel ports of the VIOSes, and when they are read again.

Ports come and go: a cable is plugged in, a card is replaced, a VIOS is added.
The platform tells that a VIOS has changed, but hardly ever what: the detail of
most of its events is 'Other' (source: event_feed.txt of pypowervm's captures).
So the ports are read again after every event of a VIOS, with two exceptions:

* The detail names only what has nothing to do with ports, such as a mapping.
* The driver itself has just changed the media of that VIOS, which the platform
  tells as 'Other', too. It says so beforehand, with expect_event(), and the
  next such event is taken for the one that it has caused. If it told of more,
  that is found out a minute later.

The platform may also fail to tell: what is older than ten minutes is read
again in any case.
"""

import time

from pypowervm.wrappers import iocard as pvm_card

from nova_powervm.virt.powervm import echoes
from nova_powervm.virt.powervm import facts

#: Seconds for which ports are good if no event comes.
MAX_AGE = 600
#: Seconds for which they are good after an event that was expected.
AGE_AFTER_ECHO = 60

# What of a VIOS may change without its ports (source: the same capture and,
# for the others, names of elements in the documents of VIOSes).
_OTHER_DETAILS = frozenset((
    'ClientNetworkAdapters', 'NVRAM', 'PhysicalVolumes', 'ReferenceCode',
    'SharedEthernetAdapters', 'TrunkAdapters', 'VirtualFibreChannelMappings',
    'VirtualSCSIMappings'))
# What the platform calls a change that it does not describe (same source).
_UNCLEAR = frozenset(('Other', 'other'))


def usable(vios_w):
    """List the WWPNs of the ports of a VIOS that can be used.

    A port tells how many virtual ports it can carry if it has NPIV and a
    cable. A card on which no port tells that has no NPIV, as far as anybody
    knows: all its ports are listed, for virtual SCSI.

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


class FcPorts:
    """The ports of all VIOSes of a host.

    :param read: function that reads the VIOSes, with VIO_STOR; it returns
        their wrappers, and whether all of them are up.
    :param clock: returns seconds; for tests.
    """

    def __init__(self, read, clock=time.monotonic):
        self._read = read
        self._ports = facts.AgingFact(self._read_ports, MAX_AGE, clock)
        self._echoes = echoes.Echoes(clock)

    def get(self):
        """Tell the ports (1 request, 0 if they are known).

        They are not kept while a VIOS is down: it may not tell its ports.

        :returns: dict of VIOS UUID -> list of the WWPNs, str, of its ports.
        """
        return self._ports.get()

    def _read_ports(self):
        vioses, are_up = self._read()
        return {vios_w.uuid: usable(vios_w) for vios_w in vioses}, are_up

    def forget(self):
        """Have them read again, also because VIOSes have come or gone."""
        self._ports.forget()

    def expect_event(self, vios_uuid):
        """Announce that the driver is about to change the media of a VIOS."""
        self._echoes.expect(vios_uuid)

    def changed(self, vios_uuid, detail):
        """Take in that the platform tells of a change of a VIOS.

        :param vios_uuid: UUID of the VIOS.
        :param detail: str, comma list of what has changed; '' if unknown.
        """
        names = set(detail.split(',')) if detail else set()
        if names and names <= _OTHER_DETAILS:
            return
        if names <= _UNCLEAR and self._echoes.take(vios_uuid):
            self._ports.age(AGE_AFTER_ECHO)
        else:
            self.forget()
