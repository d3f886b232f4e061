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


"""Virtual SCSI mappings: partitions use the storage of a VIOS.

A bus is a pair of adapters: one in a slot of the VIOS, one in a slot of the
client partition. It has target devices, each backed by a disk, a medium or a
volume. The documents have no bus: every target device is a
VirtualSCSIMapping which repeats the adapters, and a bus without devices is a
mapping without Storage. A server adapter for any client is a bus without a
client adapter.
"""

import collections

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import adapters
from nova_powervm.simulator.resources import partition
from nova_powervm.simulator.resources import storage
from nova_powervm.simulator import values

el = atom.el

#: Logical unit addresses of a bus: 0x81 to 0xff in the first byte
#: (source: captures; the end of the range is assumed, no hardware).
_FIRST_LUN, _LAST_LUN = 0x81, 0xff


class Bus(adapters.AdapterPair):
    """A virtual SCSI server adapter of a VIOS and its client adapter.

    :param client: the Partition, or None for a server adapter for any client
    :param client_slot: int, a certain slot of the client, None for any
    :param server_slot: int, a certain slot of the VIOS, None for any
    :ivar targets: list of Target
    """

    NAME = 'vhost'
    UDID = '1e'

    def __init__(self, vios, client, client_slot=None, server_slot=None):
        super().__init__(vios, client, client_slot, vios.buses, server_slot)
        self.targets = []
        self._fragments = None

    @property
    def client_name(self):
        """Name of the client partition, also when it is gone."""
        if self.client:
            return self.client.name
        if self.for_any:
            return 'any partition'
        return 'partition %d (gone)' % self.client_id

    @property
    def works(self):
        """Whether the VIOS is there to serve its client."""
        return self.vios.partition_state == partition.RUNNING

    @property
    def is_full(self):
        """Whether every address has a target device."""
        return len(self.targets) > _LAST_LUN - _FIRST_LUN

    def changed(self):
        """Forget the rendered mappings."""
        self._fragments = None

    def orphan(self):
        """See AdapterPair."""
        super().orphan()
        self.changed()

    def add_target(self, backing, lua=None, name=None):
        """Put a target device on the bus; all has been checked before.

        :param backing: storage.Backing
        :param lua: str logical unit address, None for the lowest free one
        :param name: str name of the device, None for the lowest free one
        :returns: Target
        """
        if lua is None:
            taken = {target.lua for target in self.targets}
            lua = next(lua for lua in _luas() if lua not in taken)
        if name is None:
            name = self.vios.free_target_name(backing.TARGET_NAME_PREFIX)
        target = Target(self, backing, lua, name)
        self.targets.append(target)
        self.changed()
        return target

    def remove_target(self, target):
        """Take a target device off the bus."""
        self.targets.remove(target)
        target.backing.detach(target)
        self.changed()

    def discard(self):
        """Remove it, with its devices, on both sides."""
        for target in list(self.targets):
            self.remove_target(target)
        self.release_slots()
        self.vios.buses.remove(self)

    def fragments(self):
        """Return the mappings as a list of serialised elements (bytes)."""
        if self._fragments is None:
            self._fragments = [
                atom.fragment(self._render(target))
                for target in self.targets or (None,)]
        return self._fragments

    def _render(self, target):
        client = self.client
        return atom.section(
            'VirtualSCSIMapping',
            atom.link('AssociatedLogicalPartition', client.href())
            if client else None,
            self._render_client() if client else None,
            self._render_server(target),
            el('Storage', target.backing.render()) if target else None,
            el('TargetDevice', target.render()) if target else None)

    def _render_client(self):
        location = self._client_location
        return atom.section(
            'ClientAdapter',
            el('AdapterType', 'Client'),
            el('DynamicReconfigurationConnectorName', location),
            el('LocationCode', location),
            el('LocalPartitionID', self.client_id),
            el('RequiredAdapter', False),
            el('VariedOn', True),
            el('VirtualSlotNumber', self.client_slot),
            el('RemoteLogicalPartitionID', self.vios.partition_id),
            el('RemoteSlotNumber', self.server_slot),
            el('ServerLocationCode', self._server_location))

    def _render_server(self, target):
        location = self._server_location
        return atom.section(
            'ServerAdapter',
            el('AdapterType', 'Server'),
            el('DynamicReconfigurationConnectorName', location),
            el('LocationCode', location),
            el('LocalPartitionID', self.vios.partition_id),
            el('RequiredAdapter', False),
            el('VariedOn', True),
            el('VirtualSlotNumber', self.server_slot),
            el('AdapterName', self.name),
            el('BackingDeviceName', target.backing.device_name)
            if target else None,
            el('RemoteLogicalPartitionID', self.client_id),
            el('RemoteSlotNumber', self.client_slot),
            el('ServerLocationCode', self._client_location)
            if self.client else None,
            el('UniqueDeviceID', self.udid))

    def state(self):
        """Return a list of dicts, one per mapping."""
        bus = self.slots_state()
        return [dict(bus, **(target.state() if target else {'storage': None}))
                for target in sorted(self.targets, key=lambda t: t.lua) or (
                    None,)]


class Target:
    """A target device: what the client partition sees as a disk or drive."""

    def __init__(self, bus, backing, lua, name):
        self.bus = bus
        self.backing = backing
        self.lua = lua
        self.name = name
        backing.attach(self)

    @property
    def udid(self):
        """str, UniqueDeviceID, the same while the address is the same."""
        return self.backing.TARGET_UDID_PREFIX + storage.digits(
            self.bus.vios.uuid, self.bus.udid, self.lua)

    def replace_backing(self, backing):
        """Change the medium in a drive."""
        self.backing.detach(self)
        self.backing = backing
        backing.attach(self)
        self.bus.changed()

    def render(self):
        """Return the element of the device in TargetDevice."""
        return atom.section(
            self.backing.TARGET_TAG,
            el('LogicalUnitAddress', self.lua),
            el('TargetName', self.name),
            el('UniqueDeviceID', self.udid))

    def state(self):
        return {'storage': self.backing.name, 'kind': self.backing.TAG,
                'lua': self.lua, 'target': self.name}


#: What a request wants to stand on a bus. ``target`` is the Target which
#: fulfils the wish already, maybe with another backing; None for a new one.
#: ``tag`` is what the client wants to remember of the storage.
_Wish = collections.namedtuple('_Wish', 'backing target lua name tag')


class Change:
    """The changes that a POST makes to the SCSI mappings of a VIOS.

    The constructor reads and checks the request. prepare() takes slots,
    undo() releases them, and commit() performs the changes. The platform
    removes mappings that are not in the request.

    :param vios: the VirtualIOServer
    :param docs: atom.Documents of the VirtualSCSIMapping elements
    :raises errors.RestError: for what the platform refuses
    """

    def __init__(self, vios, docs):
        self._vios = vios
        self._by_udid = {bus.udid: bus for bus in vios.buses}
        self._kept = {}
        self._new = {}
        self._created = {}
        for doc in docs:
            self._read(doc)
        self._removed = [bus for bus in vios.buses if bus not in self._kept]
        self._check_backings()
        self._check_addresses()
        self._check_clients()

    def _read(self, doc):
        udid = doc.text('ServerAdapter/UniqueDeviceID')
        bus = None
        if udid:
            bus = self._find_bus(udid, doc)
            wishes = self._kept.setdefault(bus, [])
        else:
            # New mappings of one request for one partition share a pair of
            # adapters (source: capture vscsibus_feed.txt, in which volume
            # and configuration drive of a new server share vhost0).
            wishes = self._new.setdefault(read_client(self._vios, doc), [])
        wish = self._read_wish(doc, bus)
        if wish is not None and not any(
                wish.backing is other.backing for other in wishes):
            wishes.append(wish)

    def _find_bus(self, udid, doc):
        bus = self._by_udid.get(udid)
        if bus is None:
            raise errors.Refused('VIOS %s has no virtual SCSI adapter with '
                                 'UDID %s' % (self._vios.name, udid))
        slot = doc.int('ClientAdapter/VirtualSlotNumber', bus.client_slot)
        if slot != bus.client_slot:
            raise errors.Refused(
                'The client adapter of %s is in slot %d and cannot move to '
                'slot %d' % (bus.name, bus.client_slot, slot))
        return bus

    def _read_wish(self, doc, bus):
        element = doc.find('Storage/*')
        if element is None:
            return None
        backing = self._vios.find_backing(element)
        tag = element.text('Tag') or None
        device = doc.find('TargetDevice/*')
        udid = device.text('UniqueDeviceID') if device else None
        targets = bus.targets if bus else ()
        for target in targets:
            if target.udid == udid or target.backing is backing:
                return _Wish(backing, target, target.lua, target.name, tag)
        if device is None:
            return _Wish(backing, None, None, None, tag)
        return _Wish(backing, None,
                     _read_lua(device.text('LogicalUnitAddress')),
                     device.text('TargetName') or None, tag)

    def _wishes(self):
        for buses in (self._kept, self._new):
            for wishes in buses.values():
                yield from wishes

    def _check_backings(self):
        seen = set()
        for wish in self._wishes():
            backing = wish.backing
            if backing in seen and not backing.shareable:
                raise errors.Refused(
                    '%s %s is already mapped%s' % (
                        backing.TAG, backing.name, ''.join(
                            ' to ' + name for name in backing.clients())))
            seen.add(backing)

    def _check_addresses(self):
        names = [wish.name for wish in self._wishes() if wish.name]
        _refuse_twice('target device name', names)
        for buses in (self._kept, self._new):
            for wishes in buses.values():
                _refuse_twice('logical unit address', [
                    wish.lua for wish in wishes if wish.lua])
                if len(wishes) > _LAST_LUN - _FIRST_LUN + 1:
                    raise errors.Refused('A virtual SCSI adapter cannot have '
                                         '%d devices' % len(wishes))

    def _check_clients(self):
        """Refuse to change what a migration moves."""
        clients = {client for client, _slot in self._new}
        clients.update(bus.client for bus in self._removed)
        clients.update(bus.client for bus, wishes in self._kept.items()
                       if self._differs(bus, wishes))
        for client in clients - {None}:
            client.check_settled()

    @staticmethod
    def _differs(bus, wishes):
        return ({wish.target for wish in wishes} != set(bus.targets) or
                any(wish.backing is not wish.target.backing
                    for wish in wishes))

    @property
    def is_change(self):
        """Whether the POST changes anything."""
        return bool(self._new or self._removed) or any(
            self._differs(bus, wishes) for bus, wishes in self._kept.items())

    def prepare(self):
        """Take the slots for new adapters and free those of removed ones.

        :raises errors.Refused: when a slot is taken or none is free; the
            slots are as before then
        """
        self._vios.buses = [bus for bus in self._by_udid.values()
                            if bus in self._kept]
        for bus in self._removed:
            bus.release_slots()
        try:
            # First those that want a certain slot.
            for client, slot in sorted(self._new, key=lambda new: (
                    new[1] is None)):
                bus = Bus(self._vios, client, slot)
                self._vios.buses.append(bus)
                self._created[bus] = self._new[client, slot]
        except errors.Refused:
            self.undo()
            raise

    def undo(self):
        """Take back what prepare() did."""
        for bus in self._created:
            bus.release_slots()
        for bus in self._removed:
            bus.retake_slots()
        self._vios.buses = list(self._by_udid.values())

    def commit(self):
        """Make the target devices what the request wants."""
        for bus in self._removed:
            for target in list(bus.targets):
                bus.remove_target(target)
        for bus, wishes in self._kept.items():
            wanted = {wish.target for wish in wishes}
            for target in list(bus.targets):
                if target not in wanted:
                    bus.remove_target(target)
        todo = [(bus, wish) for buses in (self._kept, self._created)
                for bus, wishes in buses.items() for wish in wishes]
        # First those that want a certain address or name.
        for bus, wish in sorted(todo, key=lambda item: (
                item[1].lua is None and item[1].name is None)):
            self._fulfil(bus, wish)

    @staticmethod
    def _fulfil(bus, wish):
        old = wish.target
        if old and old.backing is wish.backing:
            return
        if old is None:
            bus.add_target(wish.backing, wish.lua, wish.name)
            wish.backing.set_tag(wish.tag)
        elif old.backing.TARGET_TAG == wish.backing.TARGET_TAG:
            old.replace_backing(wish.backing)
        else:
            bus.remove_target(old)
            bus.add_target(wish.backing, wish.lua)


def read_client(vios, doc):
    """Read the client of a new mapping.

    :param vios: the VirtualIOServer of the mapping
    :param doc: atom.Document of the mapping
    :returns: tuple of the client partition and its wanted slot (None for any)
    :raises errors.Refused: when there is no such partition
    """
    href = doc.href('AssociatedLogicalPartition')
    if not href:
        raise errors.Refused('A new mapping needs an '
                             'AssociatedLogicalPartition')
    uuid = href.split('?')[0].rstrip('/').split('/')[-1]
    find = vios.host.store.find
    client = find('LogicalPartition', uuid) or find('VirtualIOServer', uuid)
    if client is None:
        raise errors.Refused('There is no partition with UUID %s to map '
                             'storage to' % uuid)
    if client is vios:
        raise errors.Refused('VIOS %s cannot map storage to itself' %
                             client.name)
    if doc.bool('ClientAdapter/UseNextAvailableSlotID', False):
        return client, None
    return client, doc.int('ClientAdapter/VirtualSlotNumber')


def _luas():
    for lun in range(_FIRST_LUN, _LAST_LUN + 1):
        yield '0x%02x00000000000000' % lun


def _read_lua(text):
    """Bring a logical unit address into the form of the captures."""
    if not text:
        return None
    try:
        return '0x%016x' % values.hexadecimal(text)
    except ValueError:
        raise errors.Refused('%r is not a logical unit address' % text)


def _refuse_twice(what, values):
    for value, count in collections.Counter(values).items():
        if count > 1:
            raise errors.Refused('The %s %s is used twice' % (what, value))
