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

"""Virtual NICs: adapters of LPARs that logical ports in VIOSes back.

The elements and their order are those of the capture vnic_feed.txt.
"""

import uuid

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import base
from nova_powervm.simulator.resources import logical_port
from nova_powervm.simulator.resources import network_adapters
from nova_powervm.simulator.resources import partition
from nova_powervm.simulator.resources import sriov

el = atom.el

#: source: IBM's documents
MAX_DEVICES = 6
#: source: pypowervm.wrappers.iocard, failover_pri; the default is IBM's
MIN_PRIORITY, DEFAULT_PRIORITY, MAX_PRIORITY = 1, 50, 100

#: source: pypowervm.wrappers.iocard.VNICBackDevStatus
OPERATIONAL = 'OPERATIONAL'
POWERED_OFF = 'POWERED_OFF'
LINK_DOWN = 'LINK_DOWN'
UNRESPONSIVE = 'UNRESPONSIVE'
ADAPTER_ERROR = 'ADAPTER_ERROR'

_POLICY = ('Details/PortVLANID', 'Details/AllowedVLANIDs',
           'Details/AllowedOperatingSystemMACAddresses')
_DEVICES = ('AssociatedBackingDevices/VirtualNICBackingDeviceChoice/'
            'VirtualNICSRIOVBackingDevice')


class BackingDevice:
    """A logical port that a vNIC can send its frames through.

    :ivar vios: VirtualIOServer
    :ivar port: sriov.PhysicalPort
    :ivar capacity: int, and ``maximum``, see sriov
    :ivar priority: int, the lowest is the best
    :ivar logical: logical_port.SRIOVEthernetLogicalPort, None before it is
                   made
    """

    def __init__(self, vios, port, capacity, maximum, priority):
        self.vios = vios
        self.port = port
        self.capacity = capacity
        self.maximum = maximum
        self.priority = priority
        self.logical = None

    @classmethod
    def read(cls, host, doc, known):
        """Read it from a request.

        :param doc: atom.Document of its element
        :param known: list of BackingDevice; one at the same place passes on
                      its logical port
        :raises errors.Refused: when there is no such port or VIOS, or when
            it would change what cannot change
        """
        href = doc.href('AssociatedVirtualIOServer') or ''
        vios = host.store.find('VirtualIOServer',
                               network_adapters.href_uuid(href))
        if vios is None:
            raise errors.Refused('There is no VIOS %s' % href)
        port = sriov.find(host.system, doc.int('RelatedSRIOVAdapterID')).port(
            doc.int('RelatedSRIOVPhysicalPortID'))
        device = cls(vios, port, port.granularity, sriov.WHOLE,
                     DEFAULT_PRIORITY)
        old = next((d for d in known if d.place == device.place), device)
        device.logical = old.logical
        device._read_settings(doc, old)
        return device

    def _read_settings(self, doc, old):
        self.priority = priority = doc.int('FailOverPriority', old.priority)
        if not MIN_PRIORITY <= priority <= MAX_PRIORITY:
            raise errors.Refused('The failover priority lies between %d and '
                                 '%d; %d was given' % (
                                     MIN_PRIORITY, MAX_PRIORITY, priority))
        self.capacity = sriov.parse_percent(doc, 'CurrentCapacityPercentage',
                                            old.capacity)
        self.maximum = sriov.parse_percent(doc, 'MaxCapacityPercentage',
                                           old.maximum)
        if old.logical and (old.capacity, old.maximum) != (self.capacity,
                                                           self.maximum):
            raise errors.Refused('The capacity of a backing device cannot '
                                 'change')

    @property
    def place(self):
        """What tells it from the others of its vNIC."""
        return self.vios, self.port

    @property
    def status(self):
        """str, whether it works, and why not; assumed, no hardware."""
        state = self.vios.partition_state
        if state in (partition.OFF, 'not available'):
            return POWERED_OFF
        if state != partition.RUNNING:
            return UNRESPONSIVE
        if self.port.adapter.adapter_state != sriov.RUNNING:
            return ADAPTER_ERROR
        return OPERATIONAL if self.port.link_up else LINK_DOWN

    def render(self, is_active):
        """Return its element."""
        capacity = sriov.percent(self.capacity)
        maximum = sriov.percent(self.maximum)
        failover = self.vios.host.system.vnic_failover_capable
        return atom.section(
            'VirtualNICSRIOVBackingDevice',
            el('DeviceType', 'SRIOV'),
            atom.link('AssociatedVirtualIOServer', self.vios.href()),
            el('IsActive', is_active),
            el('Status', self.status),
            el('FailOverPriority', self.priority) if failover else None,
            el('RelatedSRIOVAdapterID', self.port.adapter.adapter_id),
            el('CurrentCapacityPercentage', capacity),
            el('MaxCapacityPercentage', maximum),
            el('RelatedSRIOVPhysicalPortID', self.port.port_id),
            atom.link('RelatedSRIOVLogicalPort', self.logical.href()),
            el('DesiredCapacityPercentage', capacity),
            el('DesiredMaxCapacityPercentage', maximum))

    def state(self, is_active):
        """Return it as a dict fit for JSON."""
        place = '%s/%d/%d' % (self.vios.name, self.port.adapter.adapter_id,
                              self.port.port_id)
        return {'device': place,
                'capacity': sriov.percent(self.capacity),
                'maximum': sriov.percent(self.maximum),
                'priority': self.priority, 'status': self.status,
                'active': is_active}


class VirtualNICDedicated(base.Resource):
    """A virtual NIC.

    :ivar partition: Partition that owns it (the same as ``parent``)
    :ivar slot: int, virtual slot number
    :ivar mac: str, 12 upper-case hex digits
    :ivar policy: logical_port.Policy
    :ivar devices: list of BackingDevice
    :ivar active: the BackingDevice that carries the frames
    :ivar failback: bool, whether a better device that works again becomes the
                    active one
    """

    TYPE = 'VirtualNICDedicated'
    ROOT = False
    PARENTS = ('LogicalPartition',)
    GROUPS = ('Advanced', 'VNIC')

    def __init__(self, parent, mac, policy, failback):
        super().__init__(parent.host, str(uuid.uuid4()), parent)
        self.partition = parent
        self.slot = None
        self.mac = mac
        self.policy = policy
        self.failback = failback
        self.devices = []
        self.active = None
        self._told = None

    @classmethod
    def create(cls, host, parent, doc):
        network_adapters.check_dynamic_io(parent)
        if not host.system.vnic_capable:
            raise errors.Refused('The system is not capable of vNICs')
        policy = logical_port.Policy.read(doc, _POLICY, logical_port.Policy())
        mac = network_adapters.read_mac(doc, 'Details/MACAddress')
        mac = mac or host.next_mac()
        logical_port.check_mac(host, mac)
        vnic = cls(parent, mac, policy,
                   doc.bool('Details/AutoFailBack', False))
        vnic.insert(vnic._read_devices(doc), doc.int('VirtualSlotNumber'),
                    doc.bool('UseNextAvailableHighSlotID', False))
        return vnic

    def insert(self, devices, slot=None, high=False):
        """Put it into a slot of its partition, with its backing devices.

        :param devices: list of BackingDevice without logical ports
        :param slot: int, a certain slot; None for the next free one
        :param high: True to search from the top
        :raises errors.Refused: nothing has changed then
        """
        self._check_devices(devices)
        self.slot = self.partition.take_slot(self, slot, high)
        self._set_devices(devices)

    def _read_devices(self, doc):
        """Read the devices that a client wants.

        :returns: list of BackingDevice; those that it has already are there
            with a logical port
        """
        return [BackingDevice.read(self.host, part, self.devices)
                for part in doc.all(_DEVICES)]

    def _check_devices(self, wanted):
        """Refuse devices that it cannot have.

        :raises errors.Refused:
        """
        if not 1 <= len(wanted) <= MAX_DEVICES:
            raise errors.Refused('A vNIC has 1 to %d backing devices; %d were '
                                 'given' % (MAX_DEVICES, len(wanted)))
        redundant = len(wanted) > 1
        if redundant and not self.host.system.vnic_failover_capable:
            raise errors.Refused('The system is not capable of vNICs that '
                                 'fail over')
        ports = [device.port for device in wanted]
        kept = {device.logical for device in wanted}
        leaving = [device.logical for device in self.devices
                   if device.logical not in kept]
        for device in wanted:
            if ports.count(device.port) > 1:
                raise errors.Refused('A vNIC has one backing device on %s at '
                                     'most' % device.port.name)
            if redundant and not device.vios.vnic_failover_capable:
                raise errors.Refused('VIOS %s is not capable of vNICs that '
                                     'fail over' % device.vios.name)
            if device.logical is None:
                _check_new(device, leaving)

    def _set_devices(self, wanted):
        """Make the logical ports for the devices, and free those of others."""
        kept = {device.logical for device in wanted}
        for device in self.devices:
            if device.logical not in kept:
                self._release(device)
        was = self.active and self.active.logical
        self.devices = wanted
        self.active = None
        for device in wanted:
            if device.logical is None:
                device.logical = logical_port.SRIOVEthernetLogicalPort(
                    device.vios, device.port, device.capacity,
                    device.maximum, self.policy, self.mac, self)
                device.logical.insert()
                self.host.add(device.logical)
            elif device.logical is was:
                self.active = device
        self._choose()
        self._told = self._visible()

    def _release(self, device):
        device.logical.release(self.host.system.keeps_logical_ports)

    def update(self, doc, groups):
        network_adapters.check_dynamic_io(self.partition)
        policy = logical_port.Policy.read(doc, _POLICY, self.policy)
        mac = network_adapters.read_mac(doc, 'Details/MACAddress')
        if mac not in (None, self.mac):
            raise errors.Refused('The MAC address of a vNIC cannot change')
        if doc.int('VirtualSlotNumber', self.slot) != self.slot:
            raise errors.Refused('The slot of a virtual adapter cannot '
                                 'change')
        if doc.has('AssociatedBackingDevices'):
            wanted = self._read_devices(doc)
            self._check_devices(wanted)
            self._set_devices(wanted)
        self.failback = doc.bool('Details/AutoFailBack', self.failback)
        if policy != self.policy:
            self.policy = policy
            for device in self.devices:
                device.logical.policy = policy
                device.logical.touch()
        self._choose()
        self._told = self._visible()

    def remove(self):
        network_adapters.check_dynamic_io(self.partition)
        for device in self.devices:
            self._release(device)
        self.partition.free_slot(self.slot)

    # -- failover ---------------------------------------------------------

    def settle(self):
        """Choose the active device anew, and tell the clients of changes."""
        self._choose()
        if self._visible() != self._told:
            self._told = self._visible()
            self.touch()

    def _visible(self):
        return [(device.status, device is self.active)
                for device in self.devices]

    def _choose(self):
        """Choose the active device.

        The active one stays as long as it works; with failback only until a
        better one works. If none works, it stays as well (assumed).
        """
        works = [device for device in self.devices
                 if device.status == OPERATIONAL]
        best = min(works or self.devices, key=lambda device: device.priority)
        active = self.active
        if (active is None or works and active not in works or
                self.failback and works and best.priority < active.priority):
            self.active = best

    # -- documents --------------------------------------------------------

    def render(self, groups):
        return [
            el('DynamicReconfigurationConnectorName', self.host.location(
                self.partition.partition_id, self.slot)),
            el('LocalPartitionID', self.partition.partition_id),
            el('VirtualSlotNumber', self.slot),
            self._render_details(groups),
            atom.section(
                'AssociatedBackingDevices',
                el('VirtualNICBackingDeviceChoice', [
                    device.render(device is self.active)
                    for device in self.devices]))]

    def _render_details(self, groups):
        return atom.section(
            'Details',
            el('PortVLANID', self.policy.pvid),
            el('PortVLANIDPriority', 0),
            el('AllowedVLANIDs', self.policy.vlans),
            el('MACAddress', self.mac),
            el('AllowedOperatingSystemMACAddresses', self.policy.macs),
            el('OSDeviceName', 'unavailable', group='VNIC')
            if 'VNIC' in groups else None,
            el('DesiredMode', 'DEDICATED'),
            el('DesiredCapacityPercentage',
               sriov.percent(self.active.capacity)),
            el('AutoFailBack', self.failback)
            if self.host.system.vnic_failover_capable else None)

    def state(self):
        return {'uuid': self.uuid, 'partition': self.partition.name,
                'slot': self.slot, 'mac': self.mac, 'pvid': self.policy.pvid,
                'vlans': self.policy.vlans, 'macs': self.policy.macs,
                'failback': self.failback,
                'devices': [device.state(device is self.active)
                            for device in self.devices]}


def _check_new(device, leaving):
    device.vios.check_serving()
    if not device.vios.vnic_capable:
        raise errors.Refused('VIOS %s is not capable of vNICs' %
                             device.vios.name)
    device.port.check_room(device.capacity, device.maximum, leaving)


def settle(host):
    """Let the vNICs of a host follow a change of a port or a VIOS."""
    for vnic in host.store.all(VirtualNICDedicated.TYPE):
        vnic.settle()
