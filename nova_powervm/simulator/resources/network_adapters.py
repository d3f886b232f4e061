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

"""Virtual Ethernet adapters of LPARs and VIOSes, trunk adapters included."""

import re
import uuid

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import base
from nova_powervm.simulator.resources import ethernet
from nova_powervm.simulator.resources import switch as switches

el = atom.el

_MAC = re.compile('[0-9A-F]{12}')


class ClientNetworkAdapter(base.Resource):
    """A virtual Ethernet adapter of an LPAR or a VIOS.

    With a trunk priority it is a trunk adapter: it carries the traffic of
    others out of the switch, into a shared Ethernet adapter or a bridge of
    Open vSwitch.

    :ivar partition: Partition that owns it (the same as ``parent``)
    :ivar switch: VirtualSwitch
    :ivar pvid: int, VLAN of untagged frames
    :ivar tagged: tuple of int, the VLANs of tagged frames
    :ivar mac: str, 12 upper-case hex digits
    :ivar slot: int, virtual slot number
    :ivar trunk_priority: int, or None for a mere client
    :ivar device_name: str, as the operating system calls it, or None
    :ivar sea: bridge.SharedEthernetAdapter that it belongs to, or None
    """

    TYPE = 'ClientNetworkAdapter'
    ROOT = False
    PARENTS = ('LogicalPartition', 'VirtualIOServer')
    GROUPS = ('Advanced',)

    def __init__(self, host, uuid, partition, switch, pvid, mac, tagged=(),
                 trunk_priority=None, device_name=None):
        super().__init__(host, uuid, partition)
        self.partition = partition
        self.switch = switch
        self.pvid = pvid
        self.tagged = tuple(tagged)
        self.tagging = bool(tagged)
        self.mac = mac
        self.slot = None
        self.trunk_priority = trunk_priority
        self.device_name = device_name
        self.enabled = True
        self.mtu = None
        self.ovs_bridge = None
        self.ovs_ids = None
        self.sea = None

    @property
    def vlans(self):
        """All VLANs that it is in, the PVID first (list of int)."""
        return [self.pvid] + [vlan for vlan in self.tagged
                              if vlan != self.pvid]

    @classmethod
    def create(cls, host, parent, doc):
        check_dynamic_io(parent)
        switch = _read_switch(host, doc)
        adapter = cls(
            host, str(uuid.uuid4()), parent, switch,
            doc.int('PortVLANID', 1), read_mac(doc) or _new_mac(switch),
            _read_tagged(doc), doc.int('TrunkPriority'),
            doc.text('DeviceName') or None)
        adapter._read_settings(doc)
        adapter._check()
        switch.check_networks(adapter.vlans)
        if adapter.device_name is None:
            adapter.device_name = next_device(parent)
        adapter.insert(doc.int('VirtualSlotNumber'),
                       doc.bool('UseNextAvailableHighSlotID', False))
        return adapter

    def insert(self, slot=None, high=False):
        """Put it into a slot of its partition and plug it into its switch.

        :param slot: int, a certain slot; None for the next free one
        :param high: True to search from the top
        :raises errors.Refused: when there is no such slot free
        """
        self.slot = self.partition.take_slot(self, slot, high)
        self.switch.plug(self)

    def update(self, doc, groups):
        check_dynamic_io(self.partition)
        new = ClientNetworkAdapter(
            self.host, self.uuid, self.partition,
            _read_switch(self.host, doc, self.switch),
            doc.int('PortVLANID', self.pvid), read_mac(doc) or self.mac,
            _read_tagged(doc, self.tagged),
            doc.int('TrunkPriority', self.trunk_priority))
        new._check(replaced=self)
        new.switch.check_networks(new.vlans)
        self._check_fixed(doc, new)
        self.switch.unplug(self)
        for name in ('switch', 'pvid', 'mac', 'tagged', 'trunk_priority'):
            setattr(self, name, getattr(new, name))
        self._read_settings(doc)
        self.switch.plug(self)
        self.partition.touch('ClientNetworkAdapters')
        # A bridge shows its trunk adapters.
        for bridge in self.host.store.all('NetworkBridge'):
            if self.sea in bridge.seas:
                bridge.touch('LoadGroups')

    def remove(self):
        check_dynamic_io(self.partition)
        if self.sea is not None:
            raise errors.Refused(
                'The trunk adapter in slot %d of %s is part of the '
                'shared Ethernet adapter %s' % (
                    self.slot, self.partition.name, self.sea.device))
        self.switch.unplug(self)
        self.partition.free_slot(self.slot)

    def set_vlans(self, pvid, tagged):
        """Move it to other VLANs, without a check.

        :param pvid: int
        :param tagged: iterable of int
        """
        self.switch.unplug(self)
        self.pvid = pvid
        self.tagged = tuple(tagged)
        self.tagging = self.tagging or bool(tagged)
        self.switch.plug(self)
        self.touch('PortVLANID,TaggedVLANIDs')

    def _read_settings(self, doc):
        self.tagging = bool(self.tagged) or doc.bool('TaggedVLANSupported',
                                                     self.tagging)
        self.enabled = doc.bool('Enabled', self.enabled)
        self.mtu = doc.int('ConfiguredMTU', self.mtu)
        self.ovs_bridge = doc.text('OvsBridge', self.ovs_bridge)
        self.ovs_ids = doc.text('OvsPortExternalIds', self.ovs_ids)

    def _check(self, replaced=None):
        """Refuse what the hypervisor would not configure."""
        switches.check_vlans(self.pvid, self.tagged)
        for other in self.switch.adapters:
            if other.mac == self.mac and other is not replaced:
                raise errors.Refused(
                    'The MAC address %s is in use on the virtual '
                    'switch %s, by partition %s' % (
                        self.mac, self.switch.name, other.partition.name))
        if self.trunk_priority is None:
            return
        rival = self.switch.rival(self.vlans, self.trunk_priority,
                                  (replaced,))
        if rival is not None:
            raise errors.Refused(
                'Partition %s has a trunk adapter with priority %d '
                'in the same VLAN of virtual switch %s' % (
                    rival.partition.name, self.trunk_priority,
                    self.switch.name))

    def _check_fixed(self, doc, new):
        if doc.int('VirtualSlotNumber', self.slot) != self.slot:
            raise errors.Refused('The slot of a virtual adapter '
                                 'cannot change')
        if new.mac != self.mac and self.partition.is_on:
            # Assumed, no hardware: the running system has the address.
            raise errors.Refused('The MAC address cannot change '
                                 'while partition %s is on' %
                                 self.partition.name)
        moved = any(getattr(new, name) != getattr(self, name) for name in
                    ('switch', 'pvid', 'tagged', 'trunk_priority'))
        if moved and self.sea is not None:
            raise errors.Refused(
                'The trunk adapter is part of the shared Ethernet adapter '
                '%s: change its network bridge' % self.sea.device)

    def location(self):
        """Return its location code (str)."""
        return self.host.location(self.partition.partition_id, self.slot)

    def render(self, groups):
        location = self.location()
        # A VIOS names its devices in TrunkAdapters only (source: capture
        # cna_feed1.txt).
        on_lpar = self.partition.TYPE == 'LogicalPartition'
        optional = (('DeviceName', self.device_name if on_lpar else None),
                    ('TrunkPriority', self.trunk_priority),
                    ('ConfiguredMTU', self.mtu),
                    ('OvsBridge', self.ovs_bridge),
                    ('OvsPortExternalIds', self.ovs_ids))
        return [
            el('DynamicReconfigurationConnectorName', location),
            el('LocationCode', location),
            el('LocalPartitionID', self.partition.partition_id),
            el('RequiredAdapter', False),
            el('VariedOn', True),
            el('VirtualSlotNumber', self.slot),
            el('Enabled', self.enabled),
            el('AllowedOperatingSystemMACAddresses', 'ALL'),
            el('MACAddress', self.mac),
            el('PortVLANID', self.pvid),
            el('QualityOfServicePriorityEnabled', False),
            el('TaggedVLANIDs', _join(self.tagged)),
            el('TaggedVLANSupported', self.tagging),
            _switch_link(self.switch),
            el('VirtualSwitchID', self.switch.switch_id)] + [
            el(name, value) for name, value in optional
            if value is not None] + [
            # One link, for the PVID (source: capture cna_feed1.txt).
            el('VirtualNetworks', switches.network_links(
                [self.switch.networks[self.pvid]]))]

    def render_trunk(self, with_switch=False):
        """Make a TrunkAdapter element.

        :param with_switch: True inside a VIOS document, which has a link
                            to the switch (source: captures
                            fake_vios_ssp_npiv.txt, nbbr_network_bridge.txt)
        :returns: element
        """
        location = self.location()
        return atom.section(
            'TrunkAdapter',
            el('DynamicReconfigurationConnectorName', location),
            el('LocationCode', location),
            el('RequiredAdapter', self.sea is not None),
            el('VariedOn', True),
            el('VirtualSlotNumber', self.slot),
            el('AllowedOperatingSystemMACAddresses', 'ALL'),
            el('MACAddress', self.mac),
            el('PortVLANID', self.pvid),
            el('QualityOfServicePriorityEnabled', False),
            el('TaggedVLANIDs', _join(self.tagged)) if self.tagged else None,
            el('TaggedVLANSupported', self.tagging),
            _switch_link(self.switch) if with_switch else None,
            el('VirtualSwitchID', self.switch.switch_id),
            el('DeviceName', self.device_name)
            if self.device_name else None,
            el('TrunkPriority', self.trunk_priority))

    def state(self):
        return {'uuid': self.uuid, 'partition': self.partition.name,
                'slot': self.slot, 'mac': self.mac,
                'switch': self.switch.name, 'pvid': self.pvid,
                'tagged': list(self.tagged), 'enabled': self.enabled,
                'trunk_priority': self.trunk_priority,
                'device': self.device_name, 'mtu': self.mtu,
                'ovs_bridge': self.ovs_bridge, 'ovs_ids': self.ovs_ids,
                'sea': self.sea and self.sea.device}


def check_dynamic_io(partition):
    """Refuse to add, change or remove adapters of a running partition.

    Without an RMC connection the operating system cannot follow the change.
    IBM i needs no RMC, and neither does the partition of the REST server
    (source: pypowervm's ``can_modify_io``). We assume (no hardware) that the
    REST server itself checks this and answers with an error document.

    :raises errors.Refused:
    """
    partition.check_settled()
    if (partition.is_on and partition.rmc != 'active' and
            not partition.is_ibmi and not partition.is_management):
        raise errors.Refused(
            'HSCL2957 Partition %s is %s and its RMC connection is %s: its '
            'virtual adapters cannot change' % (
                partition.name, partition.partition_state, partition.rmc))


def next_device(partition):
    """Return the name that a VIOS gives to its next Ethernet device.

    :returns: str; None for other partitions, which do not report names
    """
    if partition.TYPE != 'VirtualIOServer':
        return None
    host = partition.host
    used = set(ethernet.PORTS)
    used.update(adapter.device_name for adapter in
                host.store.children(partition, ClientNetworkAdapter.TYPE))
    for bridge in host.store.all('NetworkBridge'):
        used.update(sea.device for sea in bridge.seas
                    if sea.vios is partition)
    number = len(ethernet.PORTS)
    while 'ent%d' % number in used:
        number += 1
    return 'ent%d' % number


def add_adapter(partition, switch, vlan, mac=None, **more):
    """Give a partition an adapter that no client asked for.

    :param switch: VirtualSwitch
    :param vlan: int, the PVID
    :param mac: str, 12 hex digits; None to generate one
    :param more: further arguments of ClientNetworkAdapter
    :returns: ClientNetworkAdapter, in the store
    :raises errors.Refused: when the hypervisor would not configure it
    """
    host = partition.host
    mac = mac.upper() if mac else _new_mac(switch)
    adapter = ClientNetworkAdapter(
        host, host.new_uuid('ClientNetworkAdapter', partition.uuid, mac),
        partition, switch, vlan, mac, **more)
    adapter._check()
    if adapter.device_name is None:
        adapter.device_name = next_device(partition)
    adapter.insert()
    return host.add(adapter)


def plug_in(adapter, slot):
    """Put an adapter into its partition, which a client cannot change.

    :param adapter: ClientNetworkAdapter that is in no store
    :param slot: int, of the partition
    :raises errors.Refused: when the hypervisor would not configure it
    """
    adapter._check()
    adapter.insert(slot)
    adapter.host.add(adapter)


def vios_network(vios):
    """Make the elements of a VIOS document in the group ViosNetwork.

    :param vios: VirtualIOServer
    :returns: list of elements; the captures have other elements of a VIOS
              between them
    """
    seas = [(bridge, sea) for bridge in vios.host.store.all('NetworkBridge')
            for sea in bridge.seas if sea.vios is vios]
    trunks = [adapter for adapter in vios.host.store.children(
              vios, ClientNetworkAdapter.TYPE)
              if adapter.trunk_priority is not None]
    free = [port for port in ethernet.PORTS
            if port not in [sea.backing for _bridge, sea in seas]]
    group = {'group': 'ViosNetwork'}
    return [
        atom.section('SharedEthernetAdapters', [
            sea.render(bridge.pvid, bridge.mode, in_vios=True)
            for bridge, sea in seas],
            **group),
        atom.section('TrunkAdapters', [
            trunk.render_trunk(with_switch=True) for trunk in trunks],
            **group),
        atom.section('FreeIOAdaptersForLinkAggregation', [
            el('IOAdapterChoice', ethernet.render_port(
                vios, port, 'IOAdapter')) for port in free], **group),
        # The typing error is the platform's (source: captures).
        atom.section('FreeEthenetBackingDevicesForSEA', [
            el('IOAdapterChoice', ethernet.render_free_port(vios, port))
            for port in free], **group)]


def build(host, spec):
    """Make the virtual switches of a host.

    :param spec: dict, the host's part of the profile
    """
    for number, item in enumerate(spec['switches']):
        name = item['name']
        host.add(switches.VirtualSwitch(
            host, host.new_uuid('VirtualSwitch', switches.plain_name(name)),
            name, item.get('id', number), item['mode']))


def build_adapters(partition, specs):
    """Make the adapters of a partition.

    :param partition: Partition, in the store
    :param specs: list of dict, the section ``adapters`` of the partition
    :raises errors.RestError: when there is no such switch, or when the
        hypervisor would not configure an adapter
    """
    for item in specs:
        switch = switches.find_switch(partition.host, item['switch'])
        if switch is None:
            raise errors.NotFound('There is no switch %s' % item['switch'])
        add_adapter(partition, switch, item['vlan'], item.get('mac'))


def _join(vlans):
    return ' '.join(str(vlan) for vlan in vlans)


def _switch_link(switch):
    return el('AssociatedVirtualSwitch', atom.link('link', switch.href()))


def _read_switch(host, doc, default=None):
    href = doc.href('AssociatedVirtualSwitch/link')
    if href is None:
        if default is None:
            raise errors.Refused('AssociatedVirtualSwitch is missing')
        return default
    switch = host.store.find('VirtualSwitch', href_uuid(href))
    if switch is None:
        raise errors.Refused('There is no virtual switch %s' % href)
    return switch


def href_uuid(href):
    """Return the UUID that a link ends with."""
    return href.split('?')[0].rstrip('/').rpartition('/')[2]


def _read_tagged(doc, default=()):
    text = doc.text('TaggedVLANIDs')
    if text is None:
        return default
    return switches.parse_vlans(text)


def _new_mac(switch):
    taken = {adapter.mac for adapter in switch.adapters}
    mac = switch.host.next_mac()
    while mac in taken:
        mac = switch.host.next_mac()
    return mac


def read_mac(doc, path='MACAddress'):
    """Read a MAC address of a request.

    :returns: str, 12 upper-case hex digits; None when there is none
    :raises errors.Refused: when it is no address that an adapter can have
    """
    text = doc.text(path)
    return parse_mac(text) if text else None


def parse_mac(text):
    """Return a MAC address as 12 upper-case hex digits.

    :param text: str, with or without colons
    :raises errors.Refused: when it is no address that an adapter can have
    """
    mac = text.replace(':', '').upper()
    if not _MAC.fullmatch(mac) or int(mac[:2], 16) & 1:
        raise errors.Refused('%s is not a MAC address of an adapter' %
                             text)
    return mac
