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

"""Virtual Fibre Channel mappings: partitions use the ports of a VIOS.

A mapping is a pair of adapters, like a mapping of virtual SCSI. It connects
the client adapter with the fabric of a physical port. The client adapter has
its own World-Wide Port Names (WWPNs) there (N_Port ID virtualisation, NPIV).
"""

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import adapters
from nova_powervm.simulator.resources import fibre_channel
from nova_powervm.simulator.resources import partition
from nova_powervm.simulator.resources import scsi_mappings
from nova_powervm.simulator.san import address

el = atom.el


class Mapping(adapters.AdapterPair):
    """A virtual Fibre Channel server adapter and its client adapter.

    :param wwpns: tuple of two WWPNs; the client logs on with the first
    :ivar port: io_config.FcPort that it is on, None while it is on none
    """

    NAME = 'vfchost'
    UDID = '1d'

    def __init__(self, vios, client, wwpns, client_slot=None,
                 server_slot=None):
        super().__init__(vios, client, client_slot, vios.fc_mappings,
                         server_slot)
        self.wwpns = wwpns
        self.port = None

    @property
    def adapter_uuid(self):
        """str, UUID of the client adapter, which is also a REST object."""
        return self.vios.host.new_uuid('vfc', self._client_location)

    @property
    def works(self):
        """Whether the fabric can be reached through it."""
        return (self.client is not None and self.port is not None and
                self.vios.partition_state == partition.RUNNING and
                self.port.online)

    def luns(self):
        """Return the list of (Volume, Target, unit) of the client."""
        if not self.works:
            return []
        return self.vios.host.site.san.luns(self.port, self.wwpns[0])

    def move(self, port):
        """Put it on another physical port.

        :param port: io_config.FcPort, or None
        """
        if self.port is not None:
            self.port.used -= 1
        self.port = port
        if port is not None:
            port.used += 1

    def orphan(self):
        """See AdapterPair."""
        super().orphan()
        self.wwpns = ()

    def discard(self):
        """Remove it on both sides; the client adapter remains an object."""
        self.move(None)
        self.release_slots()
        self.vios.fc_mappings.remove(self)

    # -- documents --------------------------------------------------------

    def render(self):
        """Return its element.

        What is left of it without the client follows captures
        fake_vios_feed.txt and fake_vios_mappings.txt.
        """
        client = self.client
        return atom.section(
            'VirtualFibreChannelMapping',
            atom.link('AssociatedLogicalPartition', client.href())
            if client else None,
            atom.section('ClientAdapter', self.client_elements(True))
            if client else None,
            self.port.render('Port', with_volumes=False)
            if self.port else None,
            self.render_server(True))

    def client_elements(self, in_mapping=False):
        """Return the elements of the client adapter.

        :param in_mapping: bool, False for the separate REST object, which
                           contains the server adapter
        """
        location = self._client_location
        return [
            el('AdapterType', 'Client'),
            el('DynamicReconfigurationConnectorName', location),
            el('LocationCode', location),
            el('LocalPartitionID', self.client_id),
            _adapter_state(in_mapping),
            el('VirtualSlotNumber', self.client_slot),
            el('ConnectingPartitionID', self.vios.partition_id),
            el('ConnectingVirtualSlotNumber', self.server_slot),
            None if in_mapping else self.render_server(False),
            el('WWPNs', ' '.join(self.wwpns))]

    def render_server(self, in_mapping):
        """Return the element of the server adapter."""
        location = self._server_location
        port = self.port
        return atom.section(
            'ServerAdapter',
            el('AdapterType', 'Server'),
            el('DynamicReconfigurationConnectorName', location),
            el('LocationCode', location),
            el('LocalPartitionID', self.vios.partition_id),
            _adapter_state(in_mapping),
            el('VirtualSlotNumber', self.server_slot),
            el('AdapterName', self.name),
            el('ConnectingPartitionID', self.client_id),
            el('ConnectingVirtualSlotNumber', self.client_slot),
            el('UniqueDeviceID', self.udid),
            el('MapPort', port.name) if port else None,
            port.render('PhysicalPort', with_volumes=False)
            if port else None)

    def state(self):
        """Return it as a dict fit for JSON."""
        return {**self.slots_state(),
                'port': self.port and self.port.name,
                'wwpns': list(self.wwpns)}


def _adapter_state(in_mapping):
    if not in_mapping:
        return None
    return [el('RequiredAdapter', False), el('VariedOn', True)]


class Change:
    """The changes that a POST makes to the Fibre Channel mappings of a VIOS.

    It works as mappings.Change does.

    :param vios: the VirtualIOServer
    :param docs: atom.Documents of the VirtualFibreChannelMapping elements
    :raises errors.RestError: for what the platform refuses
    """

    def __init__(self, vios, docs):
        self._vios = vios
        self._before = list(vios.fc_mappings)
        self._by_udid = {mapping.udid: mapping for mapping in self._before}
        #: Mapping -> its port after the change, or None.
        self._kept = {}
        #: (client, slot or None, WWPNs or None, port or None)
        self._new = []
        self._created = []
        for doc in docs:
            self._read(doc)
        self._removed = [mapping for mapping in self._before
                         if mapping not in self._kept]
        self._check_wwpns()
        self._check_ports()
        self._check_clients()

    def _read(self, doc):
        port = self._find_port(doc.text('Port/PortName'))
        udid = doc.text('ServerAdapter/UniqueDeviceID')
        if not udid:
            client, slot = scsi_mappings.read_client(self._vios, doc)
            if client.TYPE != 'LogicalPartition':
                raise errors.Refused('VIOS %s cannot have a virtual Fibre '
                                     'Channel adapter' % client.name)
            self._new.append((client, slot, _read_wwpns(doc), port))
            return
        mapping = self._by_udid.get(udid)
        if mapping is None:
            raise errors.Refused(
                'VIOS %s has no virtual Fibre Channel adapter with UDID %s' % (
                    self._vios.name, udid))
        wwpns = _read_wwpns(doc)
        if wwpns and set(wwpns) != set(mapping.wwpns):
            raise errors.Refused('The WWPNs of %s cannot change' %
                                 mapping.name)
        self._kept[mapping] = port

    def _find_port(self, name):
        if not name:
            return None
        for port in self._vios.fc_ports:
            if port.name == name:
                return port
        raise errors.Refused('VIOS %s has no Fibre Channel port %s' % (
            self._vios.name, name))

    def _check_wwpns(self):
        taken = {wwpn for vios in
                 self._vios.host.store.all('VirtualIOServer')
                 for mapping in vios.fc_mappings
                 if mapping not in self._removed for wwpn in mapping.wwpns}
        for _client, _slot, wwpns, _port in self._new:
            for wwpn in wwpns or ():
                if wwpn in taken:
                    raise errors.Refused('WWPN %s is in use' % wwpn)
                taken.add(wwpn)

    def _check_ports(self):
        wanted = list(self._kept.values()) + [new[3] for new in self._new]
        moved = {port for mapping, port in self._kept.items()
                 if port is not mapping.port}
        moved.update(new[3] for new in self._new)
        for port in moved - {None}:
            if not port.carries:
                raise errors.Refused('Port %s of VIOS %s cannot carry virtual '
                                     'ports' % (port.name, self._vios.name))
            if wanted.count(port) > port.total:
                raise errors.Refused(
                    'Port %s of VIOS %s has no virtual port left: it has %d' %
                    (port.name, self._vios.name, port.total))

    def _check_clients(self):
        """Refuse to change the adapters of a partition that cannot follow.

        Assumed, no hardware: the partition must be off, or have RMC; pypowervm
        has the same rule in LPAR.can_modify_io().
        """
        clients = {new[0] for new in self._new}
        clients.update(mapping.client for mapping in self._removed)
        moved = {mapping.client for mapping, port in self._kept.items()
                 if port is not mapping.port}
        for client in (clients | moved) - {None}:
            client.check_settled()
        for client in clients - {None}:
            if not client.can_change_io:
                raise errors.Refused(
                    'HSCL294D Adapters of the running partition %s cannot '
                    'change: its RMC connection is %s' % (client.name,
                                                          client.rmc))

    @property
    def is_change(self):
        """Whether the POST changes anything."""
        return bool(self._new or self._removed or any(
            port is not mapping.port for mapping, port in
            self._kept.items()))

    def prepare(self):
        """Take the slots for new adapters and free those of removed ones.

        :raises errors.Refused: when a slot is taken or none is free; the
            slots are as before then
        """
        self._vios.fc_mappings = [mapping for mapping in self._before
                                  if mapping in self._kept]
        for mapping in self._removed:
            mapping.release_slots()
        issue = self._vios.host.site.san.issue_wwpns
        try:
            # First those that want a certain slot.
            for client, slot, wwpns, port in sorted(
                    self._new, key=lambda new: new[1] is None):
                mapping = Mapping(self._vios, client, wwpns or issue(
                    self._vios.host), slot)
                self._vios.fc_mappings.append(mapping)
                self._created.append((mapping, port))
        except errors.Refused:
            self.undo()
            raise

    def undo(self):
        """Take back what prepare() did."""
        for mapping, _port in self._created:
            mapping.release_slots()
        for mapping in self._removed:
            mapping.retake_slots()
        self._vios.fc_mappings = self._before

    def commit(self):
        """Put the mappings on the ports that the request wants."""
        host = self._vios.host
        for mapping in self._removed:
            mapping.move(None)
            adapter = host.store.find(fibre_channel.ClientAdapter.TYPE,
                                      mapping.adapter_uuid)
            if adapter is not None:
                host.remove(adapter)
        for mapping, port in [*self._kept.items(), *self._created]:
            if mapping.port is not port:
                mapping.move(port)
        for mapping, _port in self._created:
            host.add(fibre_channel.ClientAdapter(host, mapping))
        for adapter in host.store.all(fibre_channel.ClientAdapter.TYPE):
            if adapter.mapping.vios is self._vios:
                adapter.touch(event=False)


def _read_wwpns(doc):
    """Return the two WWPNs for a client adapter, or None."""
    text = doc.text('ClientAdapter/WWPNs')
    if not text:
        return None
    wwpns = tuple(address.wwpn(wwpn) for wwpn in text.split())
    if len(set(wwpns)) != 2:
        raise errors.Refused('A client adapter has two different WWPNs, not '
                             '%r' % text)
    return wwpns
