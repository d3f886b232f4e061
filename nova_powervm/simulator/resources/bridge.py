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

"""Network bridges: shared Ethernet adapters, alone or in pairs."""

import hashlib

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import base
from nova_powervm.simulator.resources import ethernet
from nova_powervm.simulator.resources import network_adapters
from nova_powervm.simulator.resources import partition
from nova_powervm.simulator.resources import switch as switches

el = atom.el

#: Trunk adapters beside the first one (source: pypowervm's
#: network_bridger).
MAX_ADDITIONAL_TRUNKS = 15


class SharedEthernetAdapter:
    """A bridge, in a VIOS, from a virtual switch to a physical port.

    It is part of a NetworkBridge and has no URL.

    :ivar vios: VirtualIOServer
    :ivar device: str, such as ent5
    :ivar backing: str, name of the physical port, such as ent0
    :ivar priority: int, trunk priority; 1 for the primary of a pair
    :ivar trunks: list of network_adapters.ClientNetworkAdapter, the primary
                  first
    """

    def __init__(self, vios, device, backing, priority):
        self.vios = vios
        self.device = device
        self.backing = backing
        self.priority = priority
        self.trunks = []

    @property
    def udid(self):
        """Its UniqueDeviceID; prefix 10 (as in the captures)."""
        name = '%s/%s' % (self.vios.uuid, self.device)
        return '10' + hashlib.sha256(name.encode()).hexdigest()[:16]

    def add_trunk(self, switch, pvid, tagged=()):
        """Give it one more trunk adapter."""
        trunk = network_adapters.add_adapter(
            self.vios, switch, pvid, tagged=tagged,
            trunk_priority=self.priority)
        trunk.sea = self
        self.trunks.append(trunk)

    def remove_trunk(self, trunk):
        """Take a trunk adapter away from it, and from its VIOS."""
        self.trunks.remove(trunk)
        trunk.sea = None
        self.vios.host.remove(trunk)

    def render(self, pvid, mode, in_vios=False):
        """Make its element.

        :param pvid: int, that of the bridge
        :param mode: str, HighAvailabilityMode
        :param in_vios: True inside a VIOS document, where its state is not
                        told (source: captures fake_vios_feed3.txt,
                        fake_network_bridge.txt)
        """
        return atom.section(
            'SharedEthernetAdapter',
            atom.link('AssignedVirtualIOServer', self.vios.href()),
            el('BackingDeviceChoice', ethernet.render_port(
                self.vios, self.backing, 'EthernetBackingDevice')),
            el('HighAvailabilityMode', mode),
            el('DeviceName', self.device),
            el('JumboFramesEnabled', False),
            el('PortVLANID', pvid),
            el('QualityOfServiceMode', 'disabled'),
            el('QueueSize', 8192),
            el('ThreadModeEnabled', True),
            atom.section('TrunkAdapters', [
                trunk.render_trunk() for trunk in self.trunks]),
            el('IsPrimary', self.priority == 1),
            ethernet.render_interface(self.device),
            el('UniqueDeviceID', self.udid),
            el('LargeSend', True),
            None if in_vios else el('ConfigurationState', 'Configured'))

    def state(self):
        return {'vios': self.vios.name, 'device': self.device,
                'backing': self.backing, 'priority': self.priority,
                'trunks': [[trunk.pvid, sorted(trunk.tagged)]
                           for trunk in self.trunks]}


class NetworkBridge(base.Resource):
    """One shared Ethernet adapter, or two that stand in for each other.

    The clients of a NovaLink edit the trunk adapters; the load groups only
    mirror them (source: pypowervm.wrappers.network.SEA.addl_adpts). Those of
    an HMC edit the virtual networks of the load groups, and the trunk adapters
    mirror these (source: pypowervm.tasks.network_bridger).

    :ivar switch: switch.VirtualSwitch
    :ivar pvid: int, the VLAN that leaves untagged
    :ivar seas: list of SharedEthernetAdapter, the primary first
    :ivar load_balancing: bool, whether both of a pair carry traffic
    """

    TYPE = 'NetworkBridge'
    ROOT = False
    PARENTS = ('ManagedSystem',)
    METHODS = ('POST',)

    def __init__(self, host, uuid, switch, pvid, seas):
        super().__init__(host, uuid, host.system)
        self.switch = switch
        self.pvid = pvid
        self.seas = seas
        self.load_balancing = False

    @property
    def is_pair(self):
        """Whether it survives the loss of a VIOS."""
        return len(self.seas) > 1

    def update(self, doc, groups):
        balancing = doc.bool('LoadBalancingEnabled', self.load_balancing)
        if balancing and not self.is_pair:
            raise errors.Refused('Load balancing needs two shared '
                                 'Ethernet adapters')
        edits = []
        if doc.has('SharedEthernetAdapters'):
            edits = self._read_edits(doc)
            self._check_edits(edits)
        if balancing != self.load_balancing:
            self.load_balancing = balancing
            for sea in self.seas:
                sea.vios.touch('SharedEthernetAdapters')
        for edit in edits:
            if not edit.is_empty():
                edit.carry_out(self.switch)
        return 'SharedEthernetAdapters'

    def _read_edits(self, doc):
        parts = {}
        for part in doc.all('SharedEthernetAdapters/SharedEthernetAdapter'):
            href = part.href('AssignedVirtualIOServer') or ''
            parts[network_adapters.href_uuid(href).upper()] = part
        if set(parts) != {sea.vios.uuid.upper() for sea in self.seas}:
            raise errors.Refused('The shared Ethernet adapters of a '
                                 'bridge cannot be exchanged')
        edits = [_Edit(sea, parts[sea.vios.uuid.upper()])
                 for sea in self.seas]
        if not self.host.endpoint.is_hmc:
            return edits
        if not all(edit.is_empty() for edit in edits):
            raise errors.Refused('An HMC changes the trunk adapters when the '
                                 'load groups change')
        if not doc.has('LoadGroups'):
            return edits
        groups = self._read_groups(doc)
        return [_GroupEdit(sea, groups) for sea in self.seas]

    def _read_groups(self, doc):
        """Return the VLANs of the load groups: list of (PVID, set of int)."""
        networks = {network.uuid.upper(): network
                    for network in self.switch.networks.values()}
        groups = []
        for part in doc.all('LoadGroups/LoadGroup'):
            vlans = set()
            for href in part.hrefs('VirtualNetworks/link'):
                network = networks.get(network_adapters.href_uuid(
                    href).upper())
                if network is None:
                    raise errors.Refused('%s is no virtual network of %s' % (
                        href, self.switch.name))
                vlans.add(network.vlan)
            pvid = part.int('PortVLANID', 1)
            self.switch.check_networks([pvid])
            groups.append((pvid, vlans - {pvid}))
        return groups

    def _check_edits(self, edits):
        own = [trunk for sea in self.seas for trunk in sea.trunks]
        for edit in edits:
            if edit.is_empty():
                continue
            edit.check()
            rival = self.switch.rival(edit.vlans(), edit.sea.priority, own)
            if rival is not None:
                raise errors.Refused(
                    'Partition %s has a trunk adapter with priority '
                    '%d in the same VLAN of virtual switch %s' % (
                        rival.partition.name, edit.sea.priority,
                        self.switch.name))
        if len({edit.shape() for edit in edits}) > 1:
            raise errors.Refused(
                'The two shared Ethernet adapters of a bridge must '
                'have trunk adapters with the same VLANs')

    @property
    def mode(self):
        """The HighAvailabilityMode of its shared Ethernet adapters."""
        if not self.is_pair:
            return 'disabled'
        return 'sharing' if self.load_balancing else 'auto'

    def render(self, groups):
        return [
            el('FailoverEnabled', self.is_pair),
            el('LoadBalancingEnabled', self.load_balancing),
            atom.section('LoadGroups', [
                self._render_load_group(trunk.pvid)
                for trunk in self.seas[0].trunks]),
            el('PortVLANID', self.pvid),
            atom.section('SharedEthernetAdapters', [
                sea.render(self.pvid, self.mode) for sea in self.seas]),
            # The ID of the switch (source: capture fake_network_bridge.txt).
            el('UniqueDeviceID', self.switch.switch_id),
            el('VirtualNetworks', self._network_links(self.seas[0].trunks))]

    def _render_load_group(self, pvid):
        trunks = [trunk for sea in self.seas for trunk in sea.trunks
                  if trunk.pvid == pvid]
        return atom.section(
            'LoadGroup',
            el('PortVLANID', pvid),
            atom.section('TrunkAdapters', [
                trunk.render_trunk() for trunk in trunks]),
            el('VirtualNetworks', self._network_links(trunks[:1])))

    def _network_links(self, trunks):
        # Without the PVIDs of the additional trunks, which carry nothing
        # (source: capture fake_network_bridge.txt).
        vlans = {vlan for trunk in trunks for vlan in trunk.tagged}
        if any(trunk.pvid == self.pvid for trunk in trunks):
            vlans.add(self.pvid)
        return switches.network_links(
            self.switch.networks[vlan] for vlan in vlans)

    def state(self):
        return {'uuid': self.uuid, 'switch': self.switch.name,
                'pvid': self.pvid, 'load_balancing': self.load_balancing,
                'seas': [sea.state() for sea in self.seas]}


class _Edit:
    """What a POST wants of one shared Ethernet adapter.

    :param sea: SharedEthernetAdapter
    :param doc: atom.Document of its element in the request
    """

    def __init__(self, sea, doc):
        self.sea = sea
        by_slot = {trunk.slot: trunk for trunk in sea.trunks}
        self.kept = {}
        self.added = []
        for part in doc.all('TrunkAdapters/TrunkAdapter'):
            wanted = (part.int('PortVLANID', 1),
                      switches.parse_vlans(part.text('TaggedVLANIDs')))
            trunk = by_slot.get(part.int('VirtualSlotNumber'))
            if trunk is None:
                self.added.append(wanted)
            else:
                self.kept[trunk] = wanted
        self.removed = [trunk for trunk in sea.trunks
                        if trunk not in self.kept]

    def wanted(self):
        """Return a list of (pvid, tagged VLANs) for all trunk adapters."""
        return list(self.kept.values()) + self.added

    def vlans(self):
        """Return the list of all VLANs after the change."""
        return [vlan for pvid, tagged in self.wanted()
                for vlan in (pvid, *tagged)]

    def shape(self):
        """Return what must be the same for both of a pair."""
        return tuple(sorted((pvid, tuple(sorted(tagged)))
                            for pvid, tagged in self.wanted()))

    def is_empty(self):
        """Tell whether it changes nothing."""
        return not self.added and not self.removed and all(
            (trunk.pvid, trunk.tagged) == wanted
            for trunk, wanted in self.kept.items())

    def check(self):
        """Refuse what the VIOS would not configure.

        :raises errors.Refused:
        """
        sea = self.sea
        network_adapters.check_dynamic_io(sea.vios)
        sea.vios.check_serving()
        for pvid, tagged in self.wanted():
            switches.check_vlans(pvid, tagged)
        primary = sea.trunks[0]
        if self.kept.get(primary, (None,))[0] != primary.pvid:
            raise errors.Refused(
                'The primary trunk adapter of %s cannot be removed, '
                'nor its PVID be changed' % sea.device)
        if len(self.wanted()) > 1 + MAX_ADDITIONAL_TRUNKS:
            raise errors.Refused(
                'A shared Ethernet adapter has at most %d trunk '
                'adapters' % (1 + MAX_ADDITIONAL_TRUNKS))
        self._check_room()
        vlans = self.vlans()
        if len(set(vlans)) < len(vlans):
            raise errors.Refused('Two trunk adapters of %s would '
                                 'have the same VLAN' % sea.device)

    def _check_room(self):
        vios = self.sea.vios
        slots = vios.max_slots - partition.FIRST_SLOT - len(vios.slots)
        if len(self.added) > slots + len(self.removed):
            raise errors.Refused('Partition %s has not enough free virtual '
                                 'slots' % vios.name)

    def carry_out(self, switch):
        """Make the trunk adapters what the request wants."""
        for trunk in self.removed:
            self.sea.remove_trunk(trunk)
        for trunk, (pvid, tagged) in self.kept.items():
            if (trunk.pvid, trunk.tagged) != (pvid, tagged):
                trunk.set_vlans(pvid, tagged)
        for pvid, tagged in self.added:
            self.sea.add_trunk(switch, pvid, tagged)
        self.sea.vios.touch('TrunkAdapters')


class _GroupEdit(_Edit):
    """What the load groups of a POST want of a shared Ethernet adapter.

    :param sea: SharedEthernetAdapter
    :param groups: list of (PVID, set of VLANs), one for each load group
    """

    def __init__(self, sea, groups):
        by_pvid = {trunk.pvid: trunk for trunk in sea.trunks}
        self.sea = sea
        self.kept = {}
        self.added = []
        for pvid, vlans in groups:
            trunk = by_pvid.get(pvid)
            if trunk is None:
                self.added.append((pvid, tuple(sorted(vlans))))
            else:
                self.kept[trunk] = pvid, (
                    trunk.tagged if vlans == set(trunk.tagged)
                    else tuple(sorted(vlans)))
        self.removed = [trunk for trunk in sea.trunks
                        if trunk not in self.kept]


def build(host, spec):
    """Make the network bridges of a host, and trunk adapters of no bridge.

    The VIOSes must be there.

    :param spec: dict, the host's part of the profile
    """
    vioses = {vios.name: vios for vios in host.store.all('VirtualIOServer')}
    trunks = [(vioses[item['name']], trunk) for item in spec['vioses']
              for trunk in item['trunk_adapters']]
    reserved = {vlan for _vios, trunk in trunks
                for vlan in (trunk['pvid'], *trunk['vlans'])}
    for number, item in enumerate(spec['bridges']):
        _build_bridge(host, number, item, vioses, reserved)
    for vios, trunk in trunks:
        network_adapters.add_adapter(
            vios, switches.find_switch(host, trunk['switch']), trunk['pvid'],
            tagged=trunk['vlans'], trunk_priority=trunk['priority'])


def _build_bridge(host, number, spec, vioses, reserved):
    """Make a network bridge.

    :param number: int, its position in the profile
    :param spec: dict, its section in the profile
    :param vioses: dict of str -> VirtualIOServer
    :param reserved: set of int, VLANs of trunk adapters that come later
    """
    seas = [SharedEthernetAdapter(vioses[name], spec['device'],
                                  spec['backing_device'], priority)
            for priority, name in enumerate(spec['vioses'], 1)]
    bridge = NetworkBridge(
        host, host.new_uuid('NetworkBridge', str(number)),
        switches.find_switch(host, spec['switch']), spec['pvid'], seas)
    # First into the store: names of devices must not be given twice.
    host.add(bridge)
    trunks = [(bridge.pvid, ())]
    trunks += _spread(spec['vlans'], {*bridge.switch.networks, *reserved})
    for sea in seas:
        for pvid, tagged in trunks:
            sea.add_trunk(bridge.switch, pvid, tagged)
    bridge.touch(event=False)


def _spread(vlans, taken):
    """Return (pvid, VLANs) of as many trunk adapters as the VLANs need.

    :param vlans: list of int
    :param taken: container of VLANs that cannot be a PVID
    """
    unused = (vlan for vlan in range(switches.MAX_VLAN, 1, -1)
              if vlan not in vlans and vlan not in taken)
    step = switches.MAX_TAGGED_VLANS
    return [(next(unused), vlans[start:start + step])
            for start in range(0, len(vlans), step)]
