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

"""Virtual switches, and the networks on them.

On a NovaLink nobody creates a virtual network: a switch has one for each VLAN
that one of its adapters uses, and none for any other VLAN. On an HMC clients
create and delete them (IBM's page on the NovaLink API tells this difference),
and an adapter needs the one for its VLAN (assumed, no hardware, as pypowervm
creates it before an adapter).
"""

import uuid

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import base
from nova_powervm.simulator import values

el = atom.el

#: source: pypowervm.wrappers.network, "0 through 15 (max number vSwitches)"
MAX_SWITCHES = 16
#: The switch that every system has. A NovaLink calls it ETHERNET0 (source:
#: capture vswitch_feed.txt), an HMC adds the suffix (capture
#: fake_virtual_switch.txt); pypowervm takes both for the same.
DEFAULT_SWITCH = 'ETHERNET0'
_DEFAULT_SUFFIX = '(Default)'
MODES = ('Veb', 'Vepa')
MAX_VLAN = 4094
#: source: pypowervm.tasks.network_bridger
MAX_TAGGED_VLANS = 20


class VirtualSwitch(base.Resource):
    """A layer 2 switch inside the hypervisor.

    :ivar switch_id: int, the short ID
    :ivar adapters: list of the ClientNetworkAdapters that are plugged in
    :ivar networks: dict, VLAN ID -> VirtualNetwork
    """

    TYPE = 'VirtualSwitch'
    ROOT = False
    PARENTS = ('ManagedSystem',)

    def __init__(self, host, uuid, name, switch_id, mode='Veb'):
        super().__init__(host, uuid, host.system)
        self.name = name
        self.switch_id = switch_id
        self.mode = mode
        self.adapters = []
        self.networks = {}

    @classmethod
    def create(cls, host, parent, doc):
        name, mode = _switch_name(doc), _switch_mode(doc)
        switches = host.store.all(cls.TYPE)
        _check_switch_name(host, name)
        free = set(range(MAX_SWITCHES)) - {s.switch_id for s in switches}
        if not free:
            raise errors.Refused('The system already has %d virtual '
                                 'switches' % MAX_SWITCHES)
        return cls(host, str(uuid.uuid4()), name, min(free), mode)

    def update(self, doc, groups):
        name, mode = _switch_name(doc, self.name), _switch_mode(doc, self.mode)
        if name != self.name:
            self._check_not_default('renamed')
            _check_switch_name(self.host, name)
        renamed = name != self.name
        self.name, self.mode = name, mode
        if renamed:
            for network in self.networks.values():
                network.touch()

    def remove(self):
        self._check_not_default('deleted')
        if self.adapters:
            raise errors.Refused(
                'The virtual switch %s is in use by %d virtual '
                'adapters' % (self.name, len(self.adapters)))

    def _check_not_default(self, what):
        if self.switch_id == 0:
            raise errors.Refused('The default virtual switch cannot '
                                 'be %s' % what)

    def plug(self, adapter):
        """Connect an adapter; networks for its VLANs appear."""
        self.adapters.append(adapter)
        for vlan in adapter.vlans:
            network = self.networks.get(vlan)
            if network is None:
                network = self.add_network(vlan)
            network.adapters.append(adapter)
            network.touch(event=False)

    def add_network(self, vlan):
        """Make the network for a VLAN, and tell the clients.

        :returns: VirtualNetwork
        """
        network = self.networks[vlan] = VirtualNetwork(self, vlan)
        self.host.add(network)
        self.touch('VirtualNetworks')
        return network

    def check_networks(self, vlans):
        """Refuse VLANs for which an HMC has no network.

        :raises errors.Refused:
        """
        for vlan in vlans:
            if self.host.endpoint.is_hmc and vlan not in self.networks:
                raise errors.Refused('Virtual switch %s has no virtual '
                                     'network for VLAN %d' % (self.name, vlan))

    def unplug(self, adapter):
        """Take an adapter out; a NovaLink drops networks that nobody uses."""
        self.adapters.remove(adapter)
        for vlan in adapter.vlans:
            network = self.networks[vlan]
            network.adapters.remove(adapter)
            network.touch(event=False)
            if not network.adapters and not self.host.endpoint.is_hmc:
                del self.networks[vlan]
                self.host.remove(network)
                self.touch('VirtualNetworks')

    def rival(self, vlans, priority, ignored=()):
        """Find a trunk that leaves no room for one more.

        :param vlans: iterable of VLAN IDs of the one more
        :param priority: int, its trunk priority
        :param ignored: adapters that do not matter
        :returns: ClientNetworkAdapter with the same priority in one of the
                  VLANs, or None
        """
        for vlan in vlans:
            network = self.networks.get(vlan)
            for adapter in network.adapters if network else ():
                if (adapter.trunk_priority == priority and
                        adapter not in ignored):
                    return adapter
        return None

    def render(self, groups):
        return [
            el('SwitchID', self.switch_id),
            el('SwitchMode', self.mode),
            el('SwitchName', self.name),
            el('VirtualNetworks', network_links(self.networks.values()))
            if self.networks else None]

    def state(self):
        return {'uuid': self.uuid, 'name': self.name, 'id': self.switch_id,
                'mode': self.mode}


class VirtualNetwork(base.Resource):
    """A VLAN of a switch.

    :ivar adapters: list of the ClientNetworkAdapters in the VLAN
    """

    TYPE = 'VirtualNetwork'
    ROOT = False
    PARENTS = ('ManagedSystem',)
    #: Of an HMC; a NovaLink refuses them.
    METHODS = ('PUT', 'DELETE')

    def __init__(self, switch, vlan, name=None, is_tagged=None):
        host = switch.host
        super().__init__(host, host.new_uuid(
            self.TYPE, switch.uuid, str(vlan)), host.system)
        self.switch = switch
        self.vlan = vlan
        self.adapters = []
        self._name = name
        self._is_tagged = is_tagged

    @classmethod
    def create(cls, host, parent, doc):
        _check_hmc(host)
        switch = host.store.find(VirtualSwitch.TYPE, (doc.href(
            'AssociatedSwitch') or '').rpartition('/')[2])
        if switch is None:
            raise errors.Refused('AssociatedSwitch leads to no virtual switch')
        vlan, name = doc.int('NetworkVLANID', 0), doc.text('NetworkName')
        check_vlans(vlan, ())
        if not name:
            raise errors.Refused('NetworkName is missing')
        tagged = doc.bool('TaggedNetwork', vlan != 1)
        if tagged and vlan == 1:
            # source: pypowervm.tasks.cna
            raise errors.Refused('VLAN 1 cannot be tagged')
        if vlan in switch.networks or any(
                network.name == name for network in host.store.all(cls.TYPE)):
            raise errors.Conflict('Virtual switch %s already has a virtual '
                                  'network %s for VLAN %d' % (
                                      switch.name, name, vlan))
        network = switch.networks[vlan] = cls(switch, vlan, name, tagged)
        switch.touch('VirtualNetworks')
        return network

    @property
    def is_tagged(self):
        """Whether frames keep their tag when they leave the system.

        They do not in VLAN 1, and not if it is the port VLAN of a trunk
        adapter (source: capture nbbr_virtual_network.txt).
        """
        if self._is_tagged is not None:
            return self._is_tagged
        return self.vlan != 1 and not any(
            a.trunk_priority and a.pvid == self.vlan for a in self.adapters)

    def remove(self):
        if self.adapters:
            raise errors.Refused('Virtual network %s is in use' % self.name)
        if self.switch.networks.get(self.vlan) is self:
            # A client of an HMC deletes it.
            _check_hmc(self.host)
            del self.switch.networks[self.vlan]
            self.switch.touch('VirtualNetworks')

    @property
    def name(self):
        """The name that its creator, or the platform, has given to it."""
        return self._name or 'VLAN%d-%s' % (
            self.vlan, plain_name(self.switch.name))

    def render(self, groups):
        return [
            atom.link('AssociatedSwitch', self.switch.href()),
            el('NetworkName', self.name),
            el('NetworkVLANID', self.vlan),
            el('VswitchID', self.switch.switch_id),
            el('TaggedNetwork', self.is_tagged)]

    def state(self):
        return {'uuid': self.uuid, 'switch': self.switch.name,
                'vlan': self.vlan, 'adapters': len(self.adapters)}


def _check_hmc(host):
    """Refuse what only an HMC does with virtual networks."""
    if not host.endpoint.is_hmc:
        raise errors.NotAllowed('VirtualNetwork objects cannot be created or '
                                'deleted')


def plain_name(switch_name):
    """Return the name of a switch without the suffix of the default one."""
    if switch_name.endswith(_DEFAULT_SUFFIX):
        return switch_name[:-len(_DEFAULT_SUFFIX)]
    return switch_name


def find_switch(host, name):
    """Find a switch by its name, with or without the suffix.

    :returns: VirtualSwitch, or None
    """
    for switch in host.store.all(VirtualSwitch.TYPE):
        if plain_name(switch.name) == plain_name(name):
            return switch
    return None


def network_links(networks):
    """Make links to virtual networks, in the order of their VLANs."""
    return [atom.link('link', network.href()) for network in
            sorted(networks, key=lambda network: network.vlan)]


def check_vlans(pvid, tagged):
    """Refuse VLAN IDs that an adapter cannot have.

    :raises errors.Refused:
    """
    for vlan in (pvid, *tagged):
        if not 1 <= vlan <= MAX_VLAN:
            raise errors.Refused('A VLAN ID lies between 1 and %d; '
                                 '%s was given' % (MAX_VLAN, vlan))
    if len(tagged) > MAX_TAGGED_VLANS:
        raise errors.Refused('A virtual adapter has at most %d '
                             'additional VLANs' % MAX_TAGGED_VLANS)
    if pvid in tagged or len(set(tagged)) < len(tagged):
        raise errors.Refused('A VLAN ID is given twice')


def parse_vlans(text):
    """Parse VLAN IDs that are separated by blanks.

    :returns: tuple of int
    :raises errors.Refused: when one is no number
    """
    try:
        return tuple(values.whole(word) for word in (text or '').split())
    except ValueError:
        raise errors.Refused('TaggedVLANIDs are not numbers: %r' % text)


def _switch_name(doc, default=None):
    name = doc.text('SwitchName', default)
    if not name:
        raise errors.Refused('SwitchName is missing')
    return name


def _switch_mode(doc, default='Veb'):
    mode = doc.text('SwitchMode', default)
    if mode not in MODES:
        raise errors.Refused('SwitchMode is one of %s; %s was given' % (
            ', '.join(MODES), mode))
    return mode


def _check_switch_name(host, name):
    if find_switch(host, name) is not None:
        raise errors.Conflict('A virtual switch with the name %s '
                              'already exists' % name)
