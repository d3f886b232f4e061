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

"""SR-IOV adapters and their physical ports, which the system document lists.

Names, order and values are those of the capture sys_with_sriov.txt. Nothing
here has a URL of its own. Capacities are ints, in hundredths of a percent of
the bandwidth of a port.
"""

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import io_config
from nova_powervm.simulator import values

el = atom.el

RUNNING = 'Running'
#: source: pypowervm.wrappers.iocard.SRIOVAdapterState
STATES = ('Initializing', 'NotConfigured', 'PoweredOff', 'PoweringOff',
          RUNNING, 'Dumping', 'Failed', 'Missing', 'PCIEIDMismatch')
#: The personality with which a logical port can have a maximum capacity.
MAX_MIN_CAPACITY = 'MAX_MIN_CAPACITY'
#: All of the bandwidth of a port.
WHOLE = 10000
#: What an event about the system says when one of its ports has changed.
CONFIG_CHANGE = 'SRIOVPhysicalPort.ConfigChange'

_DESCRIPTION = 'PCIe2 4-port (10Gb FCoE & 1GbE) SR&RJ45 Adapter'
_FIRST_ADAPTER = 553713664
_FIRST_LOGICAL_PORT = 654327808
_FIRST_HOST_BRIDGE = 4096
#: Kind -> element of the list, element of a port, PortType and speeds.
_KINDS = {
    'converged': ('ConvergedEthernetPhysicalPorts',
                  'SRIOVConvergedNetworkAdapterPhysicalPort', 'Cna',
                  ('Auto', 'E10Mbps', 'E10Gbps')),
    'ethernet': ('EthernetPhysicalPorts', 'SRIOVEthernetPhysicalPort',
                 'Ethernet', ('Auto', 'E100Mbps', 'E1Gbps'))}
_CAPABILITIES = ('Clear Logical Port Stat', 'Clear Physical Port Stat',
                 'IEEE8021Q_Priority', 'Mac Vlan ACL Restriction', 'Pvid')
_MTUS = ('E_1500', 'E_9000')
_SWITCH_MODES = ('Veb', 'Vepa')
_OPTIONS = ('autoDuplex', 'fullDuplex', 'promiscousMode',
            'receiveFlowControl', 'transmitFlowControl') + _SWITCH_MODES
_MIN_VLAN, _MAX_VLAN = 2, 4094
#: Fibre Channel over Ethernet, which no port of the captures is set up for.
_FCOE = (
    ('ConfiguredMaxFiberChannelOverEthernetLogicalPorts', 0),
    ('DefaultFiberChannelTargetsForBackingDevice', 256),
    ('DefaultFiberChannelTargetsForNonBackingDevice', 128),
    ('ConfiguredFiberChannelOverEthernetLogicalPorts', 0),
    ('MinimumFCoECapacityGranularity', '10.0%'),
    ('FiberChannelTargetsRoundingValue', 64),
    ('MaxSupportedFiberChannelOverEthernetLogicalPorts', 0),
    ('MaximumFiberChannelTargets', 0))


def percent(capacity):
    """Format a capacity as the captures do: 2.0%, 42.42%."""
    return '%s%%' % (capacity / 100)


def parse_percent(doc, path, default=None):
    """Read a capacity.

    :param doc: atom.Document
    :param path: str
    :returns: int, the default when the element is absent or empty
    :raises errors.Refused: when it is no percentage
    """
    text = doc.text(path)
    if not text:
        return default
    try:
        found = round(values.number(text.rstrip('%')) * 100)
    except ValueError:
        found = -1
    if not 0 <= found <= WHOLE:
        raise errors.Refused('%s is not a percentage: %r' % (path, text))
    return found


class PhysicalPort:
    """A port of an SR-IOV adapter.

    :ivar adapter: Adapter
    :ivar port_id: int, unique in the adapter
    :ivar kind: str, 'converged' or 'ethernet'
    :ivar link_up: bool, whether there is a link
    :ivar supported: int, logical ports that it can have
    :ivar maximum: int, logical ports that it is configured for
    :ivar granularity: int, capacities are multiples of it
    :ivar speed: str, that of the link
    :ivar logical: list of logical_port.SRIOVEthernetLogicalPort on it
    """

    def __init__(self, adapter, spec, position):
        self.adapter = adapter
        self.port_id = spec.get('id', position)
        self.kind = spec['kind']
        self.label = spec['label']
        self.sublabel = spec['sublabel']
        self.link_up = spec['link']
        self.supported = self.maximum = spec['max_lps']
        self.granularity = round(spec['granularity'] * 100)
        self.speed = spec['speed']
        self.mtu = _MTUS[0]
        self.switch_mode = _SWITCH_MODES[0]
        self.flow_control = False
        self.logical = []

    @property
    def location(self):
        """str, its location code."""
        return '%s-T%d' % (self.adapter.location, self.port_id + 1)

    @property
    def name(self):
        """str, for messages."""
        return 'physical port %d of SR-IOV adapter %d' % (
            self.port_id, self.adapter.adapter_id)

    @property
    def allocated(self):
        """int, the capacity of all logical ports on it."""
        return sum(logical.capacity for logical in self.logical)

    def check_room(self, capacity, maximum, leaving=(), coming=()):
        """Refuse a logical port that it cannot have.

        :param capacity: int
        :param maximum: int, the maximum capacity of the logical port
        :param leaving: logical ports that go away first
        :param coming: capacities of logical ports that come first
        :raises errors.Refused:
        """
        self.adapter.check_running()
        taken = [logical.capacity for logical in self.logical
                 if logical not in leaving] + list(coming)
        if len(taken) >= self.maximum:
            raise errors.Refused('%s already has %d logical ports, its '
                                 'maximum' % (self.name, self.maximum))
        if not capacity or capacity % self.granularity:
            raise errors.Refused(
                'The capacity %s is not a multiple of %s, the granularity of '
                '%s' % (percent(capacity), percent(self.granularity),
                        self.name))
        free = WHOLE - sum(taken)
        if capacity > free:
            raise errors.Refused('%s has a capacity of %s left, %s is needed'
                                 % (self.name, percent(free),
                                    percent(capacity)))
        if maximum < capacity:
            raise errors.Refused('The maximum capacity %s is less than the '
                                 'capacity %s' % (percent(maximum),
                                                  percent(capacity)))
        if maximum < WHOLE and self.adapter.personality != MAX_MIN_CAPACITY:
            raise errors.Refused(
                'SR-IOV adapter %d supports no maximum capacity' %
                self.adapter.adapter_id)

    @staticmethod
    def check_vlans(pvid, allowed):
        """Refuse VLANs that a logical port cannot have.

        :param pvid: int, 0 for none
        :param allowed: iterable of int
        :raises errors.Refused:
        """
        for vlan in (*([pvid] if pvid else []), *allowed):
            if not _MIN_VLAN <= vlan <= _MAX_VLAN:
                raise errors.Refused(
                    'A VLAN ID of an SR-IOV port lies between %d and %d; %d '
                    'was given' % (_MIN_VLAN, _MAX_VLAN, vlan))

    def render(self):
        """Return its element."""
        _list, tag, type_, speeds = _KINDS[self.kind]
        converged = self.kind == 'converged'
        return atom.section(
            tag,
            el('ConfiguredConnectionSpeed', 'Auto'),
            el('ConfiguredFlowControl', self.flow_control),
            el('ConfiguredMTU', self.mtu),
            _all('ConfiguredOptions', ('autoDuplex', self.switch_mode)),
            el('ConfiguredPortSwitchMode', self.switch_mode),
            self._render_link(),
            el('Label', self.label),
            el('LocationCode', self.location),
            el('MaximumDiagnosticsLogicalPorts', 1),
            el('MaximumPromiscuousLogicalPorts', 1),
            el('PhysicalPortID', self.port_id),
            _all('PortCapabilities', _CAPABILITIES),
            el('PortType', type_),
            el('PortLogicalPortLimit', self.supported),
            el('SubLabel', self.sublabel),
            _all('SupportedConnectionSpeeds', dict.fromkeys(
                (*speeds, self.speed))),
            _all('SupportedMTUs', _MTUS),
            _all('SupportedOptions', _OPTIONS),
            el('SupportedPriorityAccessControlList', 0),
            el('LinkStatus', self.link_up),
            self._render_logical(),
            [el(name, value) for name, value in _FCOE] if converged else None)

    def _render_link(self):
        return [
            el('CurrentConnectionSpeed',
               self.speed if self.link_up else 'Unknown'),
            _all('CurrentOptions', ('fullDuplex', 'linkUp', self.switch_mode)
                 if self.link_up else (self.switch_mode,))]

    def _render_logical(self):
        return [
            el('AllocatedCapacity', percent(self.allocated)),
            el('ConfiguredMaxEthernetLogicalPorts', self.maximum),
            el('ConfiguredEthernetLogicalPorts', len(self.logical)),
            el('MaximumPortVLANID', _MAX_VLAN),
            el('MaximumVLANID', _MAX_VLAN),
            el('MinimumEthernetCapacityGranularity',
               percent(self.granularity)),
            el('MinimumPortVLANID', _MIN_VLAN),
            el('MinimumVLANID', _MIN_VLAN),
            el('MaxSupportedEthernetLogicalPorts', self.supported)]

    def state(self):
        """Return it as a dict fit for JSON."""
        return {'id': self.port_id, 'location': self.location,
                'label': self.label, 'sublabel': self.sublabel,
                'link_up': self.link_up, 'maximum': self.maximum,
                'logical_ports': len(self.logical),
                'allocated': percent(self.allocated)}


class Adapter:
    """An SR-IOV adapter.

    :ivar host: host.Host
    :ivar adapter_id: int, the ID that logical ports name
    :ivar shared: bool, False while it is dedicated to a partition: then it
                  has neither an ID nor ports for clients
    :ivar state: one of STATES
    :ivar ports: list of PhysicalPort
    """

    def __init__(self, host, spec):
        self.host = host
        self.adapter_id = spec['adapter']
        self.mode = spec['mode']
        self.shared = self.mode == 'Sriov'
        self.adapter_state = spec.get(
            'state', RUNNING if self.shared else 'NotConfigured')
        self.personality = spec['personality']
        # Slots of VIOSes begin at 16, see io_config.
        self.location = '%s-P1-C%d' % (io_config.drawer(host),
                                       self.adapter_id)
        self.ports = [PhysicalPort(self, port, position)
                      for position, port in enumerate(spec['ports'])]
        self._element = None

    def port(self, port_id):
        """Return the PhysicalPort with an ID.

        :raises errors.Refused: when there is none
        """
        for port in self.ports:
            if port.port_id == port_id:
                return port
        raise errors.Refused('SR-IOV adapter %d has no physical port %s' % (
            self.adapter_id, port_id))

    def check_running(self):
        """Refuse when nothing can be made on it.

        :raises errors.Refused:
        """
        if self.adapter_state != RUNNING:
            raise errors.Refused('The state of SR-IOV adapter %d is %s' % (
                self.adapter_id, self.adapter_state))

    @property
    def limit(self):
        """int, logical ports that it can have."""
        return sum(port.supported for port in self.ports)

    def changed(self, detail='Other'):
        """Tell the clients that something in it has changed.

        :param detail: str, for the event about the system
        """
        self.forget()
        self.host.system.touch(detail)

    def forget(self):
        """Render it anew the next time."""
        self._element = None

    def free_number(self):
        """Return the lowest number, from 1, that no logical port has."""
        taken = self._numbers()
        return next(n for n in range(1, self.limit + 2) if n not in taken)

    def _numbers(self):
        return {logical.number for port in self.ports
                for logical in port.logical}

    def render(self):
        """Return its element; made again only after a change."""
        if self._element is None:
            self._element = self._make_element()
        return self._element

    def _make_element(self):
        return el('IOAdapterChoice', atom.section(
            'SRIOVAdapter',
            el('AdapterID', _FIRST_ADAPTER + self.adapter_id),
            el('Description', _DESCRIPTION),
            el('PhysicalLocation', self.location),
            el('SRIOVAdapterID', self.adapter_id) if self.shared else None,
            el('AdapterState', self.adapter_state),
            el('AdapterMode', self.mode),
            self._render_shared() if self.shared else None))

    def _render_shared(self):
        lists = [
            atom.section(name, [port.render() for port in self.ports
                                if port.kind == kind])
            for kind, (name, _tag, _type, _speeds) in _KINDS.items()
            if any(port.kind == kind for port in self.ports)]
        taken = self._numbers()
        return [
            el('Personality', self.personality), lists,
            el('MaximumHugeDMALogicalPorts', 0),
            el('MaximumLogicalPortsSupported', self.limit),
            atom.section('UnconfiguredLogicalPorts', [
                self._render_unconfigured(number)
                for number in range(1, self.limit + 1)
                if number not in taken])]

    def _render_unconfigured(self, number):
        return atom.section(
            'SRIOVUnconfiguredLogicalPort',
            el('DynamicReconfigurationConnectorIndex', drc_index(number)),
            el('DynamicReconfigurationConnectorName', drc_name(number)),
            el('LocationCode', '%s-T1-S%d' % (self.location, number)))

    def state(self):
        """Return it as a dict fit for JSON."""
        return {'id': self.adapter_id, 'mode': self.mode,
                'state': self.adapter_state,
                'ports': [port.state() for port in self.ports]}


class Change:
    """What a client wants the physical ports of a system to be.

    Labels, the number of logical ports and some settings of ports can change.
    The mode of an adapter cannot: this simulator has no adapter that moves
    between partitions.

    :param system: system.ManagedSystem
    :param doc: atom.Document of the system
    :raises errors.Refused: nothing has changed then
    """

    def __init__(self, system, doc):
        self._wanted = []
        for part in doc.all('AssociatedSystemIOConfiguration/SRIOVAdapters/'
                            'IOAdapterChoice/SRIOVAdapter'):
            if part.int('SRIOVAdapterID') is not None:
                self._read_adapter(find(system, part.int('SRIOVAdapterID')),
                                   part)

    def _read_adapter(self, adapter, doc):
        if doc.text('AdapterMode', adapter.mode) != adapter.mode:
            raise errors.Refused('The mode of SR-IOV adapter %d cannot '
                                 'change' % adapter.adapter_id)
        for name, tag, _type, _speeds in _KINDS.values():
            for part in doc.all('%s/%s' % (name, tag)):
                port = adapter.port(part.int('PhysicalPortID'))
                self._wanted.append((port, self._read_port(port, part)))

    @staticmethod
    def _read_port(port, doc):
        wanted = {
            'label': doc.text('Label', port.label),
            'sublabel': doc.text('SubLabel', port.sublabel),
            'maximum': doc.int('ConfiguredMaxEthernetLogicalPorts',
                               port.maximum),
            'mtu': doc.text('ConfiguredMTU', port.mtu),
            'switch_mode': doc.text('ConfiguredPortSwitchMode',
                                    port.switch_mode),
            'flow_control': doc.bool('ConfiguredFlowControl',
                                     port.flow_control)}
        if not len(port.logical) <= wanted['maximum'] <= port.supported:
            raise errors.Refused(
                '%s can have %d logical ports at most, and has %d; the '
                'maximum cannot be %d' % (
                    port.name, port.supported, len(port.logical),
                    wanted['maximum']))
        for key, known in (('mtu', _MTUS), ('switch_mode', _SWITCH_MODES)):
            if wanted[key] not in known:
                raise errors.Refused('%s does not support %s' % (
                    port.name, wanted[key]))
        return wanted

    def carry_out(self):
        """Make the ports what the client wants.

        :returns: bool, whether something has changed
        """
        changed = False
        for port, wanted in self._wanted:
            for key, value in wanted.items():
                if getattr(port, key) != value:
                    setattr(port, key, value)
                    port.adapter.forget()
                    changed = True
        return changed


def find(system, adapter_id):
    """Return the Adapter in shared mode with an ID.

    :raises errors.Refused: when there is none
    """
    for adapter in system.sriov:
        if adapter.adapter_id == adapter_id and adapter.shared:
            return adapter
    raise errors.Refused('There is no SR-IOV adapter %s' % adapter_id)


def drc_index(number):
    """Return the dynamic reconfiguration connector of a logical port."""
    return _FIRST_LOGICAL_PORT + number


def drc_name(number):
    """Return the name of that connector."""
    return 'PHB %d' % (_FIRST_HOST_BRIDGE + number)


def _all(name, values):
    return [el(name, value) for value in values]


def build(host, spec):
    """Make the SR-IOV adapters of a host.

    :param spec: dict, the host's part of the profile
    """
    host.system.sriov = [Adapter(host, item) for item in spec['sriov']]
