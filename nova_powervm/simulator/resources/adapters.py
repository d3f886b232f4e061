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

"""Pairs of virtual adapters: one of a VIOS, one of a client partition."""

from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import storage

#: Partition ID and slot number that a server adapter for any client has as
#: those of its client (source: capture fake_vios_mappings.txt, vhost1 in slot
#: 3 of partition 2; pypowervm.wrappers.storage.ANY_SLOT).
ANY = 65535


class AdapterPair:
    """A virtual server adapter of a VIOS and its client adapter.

    A pair needs a slot on either side. A server adapter for any client has no
    client adapter.

    :cvar NAME: prefix of the names of such adapters in a VIOS.
    :cvar UDID: prefix of the UniqueDeviceIDs of the server adapters.
    :param vios: the VirtualIOServer
    :param client: the Partition that gets the client adapter; None to make a
                   server adapter for any client
    :param client_slot: int, a certain slot of the client, None for any
    :param others: the pairs of that kind which the VIOS has
    :param server_slot: int, a certain slot of the VIOS, None for any
    :raises errors.Refused: when there is no slot; none is taken then
    :ivar client: None when its partition is gone, or for any client
    :ivar for_any: bool, whether it is a server adapter for any client
    """

    NAME = UDID = None

    def __init__(self, vios, client, client_slot, others, server_slot=None):
        self.vios = vios
        self.client = client
        self.for_any = client is None
        self.client_id = self.client_slot = ANY
        if client is not None:
            self.client_id = client.partition_id
            self.client_slot = client.take_slot(self, client_slot)
        try:
            self.server_slot = vios.take_slot(self, server_slot)
        except errors.Refused:
            if client is not None:
                client.free_slot(self.client_slot)
            raise
        self.number = storage.lowest_free(other.number for other in others)

    @property
    def name(self):
        """Name of the server adapter in the VIOS."""
        return '%s%d' % (self.NAME, self.number)

    @property
    def udid(self):
        """UniqueDeviceID of the server adapter."""
        return self.UDID + self._server_location

    @property
    def _server_location(self):
        return self.vios.host.location(self.vios.partition_id,
                                       self.server_slot)

    @property
    def _client_location(self):
        return self.vios.host.location(self.client_id, self.client_slot)

    def orphan(self):
        """Lose the client adapter because its partition is gone."""
        self.client = None

    def release_slots(self):
        """Empty the slots on both sides."""
        self.vios.free_slot(self.server_slot)
        if self.client:
            self.client.free_slot(self.client_slot)

    def retake_slots(self):
        """Undo release_slots()."""
        self.vios.take_slot(self, self.server_slot)
        if self.client:
            self.client.take_slot(self, self.client_slot)

    def slots_state(self):
        """Return the two ends as a dict fit for JSON."""
        return {'lpar': self.client and self.client.name,
                'lpar_id': self.client_id, 'client_slot': self.client_slot,
                'adapter': self.name, 'server_slot': self.server_slot}


def lpar_removed(host, lpar):
    """Leave the mappings of a deleted partition behind as orphans.

    The server adapter and its mappings remain (assumed, no hardware; the scrub
    code of pypowervm exists for that).
    """
    for vios in host.store.all('VirtualIOServer'):
        orphans = [bus for bus in vios.buses if bus.client is lpar]
        for bus in orphans:
            bus.orphan()
        if orphans:
            vios.touch('VirtualSCSIMappings')
        fc_orphans = [mapping for mapping in vios.fc_mappings
                      if mapping.client is lpar]
        for mapping in fc_orphans:
            mapping.orphan()
        if fc_orphans:
            vios.touch('VirtualFibreChannelMappings')
