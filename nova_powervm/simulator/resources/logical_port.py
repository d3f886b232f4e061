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

"""SR-IOV logical ports: virtual functions of a physical port.

A vNIC makes the ones that it needs, in VIOSes. A client can also give a
partition one of its own. The elements and their order are those of the
capture sriov_lp_feed.txt.
"""

import dataclasses
import uuid

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import base
from nova_powervm.simulator.resources import network_adapters
from nova_powervm.simulator.resources import sriov
from nova_powervm.simulator import values

el = atom.el

#: What pypowervm sends for all, and for none.
ALL, NONE = 'ALL', 'NONE'


@dataclasses.dataclass
class Policy:
    """The frames that a port lets pass.

    :ivar pvid: int, VLAN of untagged frames; 0 for none
    :ivar vlans: str, ALL, NONE, or numbers with blanks between them
    :ivar macs: str, ALL, NONE, or addresses with blanks between them
    """

    pvid: int = 0
    vlans: str = ALL
    macs: str = ALL

    @classmethod
    def read(cls, doc, names, default):
        """Read it from a request.

        :param doc: atom.Document
        :param names: str, the three elements, in the order of the attributes
        :param default: Policy, for what is missing
        :raises errors.Refused: when it is none that a port can have
        """
        pvid, vlans, macs = names
        policy = cls(doc.int(pvid, default.pvid),
                     doc.text(vlans) or default.vlans,
                     doc.text(macs) or default.macs)
        sriov.PhysicalPort.check_vlans(policy.pvid, policy.listed_vlans())
        if policy.macs not in (ALL, NONE):
            for mac in policy.macs.split():
                network_adapters.parse_mac(mac)
        return policy

    def listed_vlans(self):
        """Return the VLANs that are listed, a list of int.

        :raises errors.Refused: when there is something else
        """
        if self.vlans in (ALL, NONE):
            return []
        try:
            return [values.whole(word) for word in self.vlans.split()]
        except ValueError:
            raise errors.Refused('These are no VLAN IDs: %r' % self.vlans)


class SRIOVEthernetLogicalPort(base.Resource):
    """A logical port of an SR-IOV adapter.

    :ivar partition: Partition that has it (the same as ``parent``)
    :ivar port: sriov.PhysicalPort
    :ivar number: int, from 1, unique in the adapter
    :ivar capacity: int, and ``maximum``, see sriov
    :ivar vnic: vnic.VirtualNICDedicated that it works for, or None
    :ivar of_vnic: bool, whether a vNIC has made it
    """

    TYPE = 'SRIOVEthernetLogicalPort'
    ROOT = False
    PARENTS = ('LogicalPartition', 'VirtualIOServer')
    METHODS = ('PUT', 'DELETE')

    def __init__(self, partition, port, capacity, maximum, policy, mac,
                 vnic=None):
        host = partition.host
        super().__init__(host, str(uuid.uuid4()), partition)
        self.partition = partition
        self.port = port
        self.capacity = capacity
        self.maximum = maximum
        self.policy = policy
        self.mac = mac
        self.vnic = vnic
        self.of_vnic = vnic is not None
        self.promiscuous = False
        self.number = port.adapter.free_number()

    @classmethod
    def create(cls, host, parent, doc):
        network_adapters.check_dynamic_io(parent)
        port = sriov.find(host.system, doc.int('AdapterID')).port(
            doc.int('PhysicalPortID'))
        capacity = sriov.parse_percent(doc, 'ConfiguredCapacity',
                                       port.granularity)
        maximum = sriov.parse_percent(doc, 'ConfiguredMaxCapacity',
                                      sriov.WHOLE)
        policy = Policy.read(doc, ('PortVLANID', 'AllowedVLANs',
                                   'AllowedMACAddresses'), Policy())
        mac = network_adapters.read_mac(doc)
        port.check_room(capacity, maximum)
        if mac:
            check_mac(host, mac)
        logical = cls(parent, port, capacity, maximum, policy,
                      mac or host.next_mac())
        if doc.bool('IsPromiscous', False):
            if any(other.promiscuous for other in port.logical):
                raise errors.Refused('%s already has a promiscuous logical '
                                     'port' % port.name)
            logical.promiscuous = True
        logical.insert()
        return logical

    def insert(self):
        """Put it on its physical port."""
        self.port.logical.append(self)
        self.port.adapter.changed()

    def remove(self):
        if self.vnic is not None:
            raise errors.Refused(
                'Logical port %s is a backing device of a vNIC of partition '
                '%s' % (self.location, self.vnic.partition.name))
        network_adapters.check_dynamic_io(self.partition)
        self._leave()

    def release(self, stays=False):
        """Leave the vNIC that it works for.

        :param stays: True if the VIOS keeps it, although nobody needs it
        """
        self.vnic = None
        self.touch(event=False)
        if not stays:
            self._leave()
            self.host.take_out(self)

    def _leave(self):
        self.port.logical.remove(self)
        self.port.adapter.changed()

    @property
    def location(self):
        """str, its location code."""
        return '%s-S%d' % (self.port.location, self.number)

    def render(self, groups):
        policy = self.policy
        name = sriov.drc_name(self.number)
        return [
            el('ConfigurationID', 0),
            el('LogicalPortID', sriov.drc_index(self.number)),
            el('AdapterID', self.port.adapter.adapter_id),
            el('DynamicReconfigurationConnectorName', name),
            el('IsFunctional', True),
            el('IsPromiscous', self.promiscuous),
            el('IsDiagnostic', False),
            el('IsHugeDMA', False),
            el('DeviceName', 'unavailable' if self.of_vnic else name),
            el('ConfiguredCapacity', sriov.percent(self.capacity)),
            el('ConfiguredMaxCapacity', sriov.percent(self.maximum)),
            el('PhysicalPortID', self.port.port_id),
            el('PortVLANID', policy.pvid),
            el('LocationCode', self.location),
            el('TuningBufferID', 0 if self.of_vnic else -1),
            el('VNICPortUsage',
               'DEDICATED_VNIC' if self.of_vnic else 'NOT_VNIC'),
            el('AllowedMACAddresses', policy.macs),
            el('MACAddress', self.mac),
            el('CurrentMACAddress',
               self.mac if self.of_vnic else '000000000000'),
            el('IEEE8021QAllowablePriorities', 0),
            el('IEEE8021QPriority', 0),
            el('NumberOfAllowedVLANs', len(policy.listed_vlans()))
            if self.of_vnic else None,
            el('AllowedVLANs', policy.vlans)]

    def state(self):
        return {'uuid': self.uuid, 'partition': self.partition.name,
                'location': self.location, 'mac': self.mac,
                'capacity': sriov.percent(self.capacity),
                'maximum': sriov.percent(self.maximum),
                'policy': dataclasses.asdict(self.policy),
                'vnic': self.vnic and self.vnic.uuid}


def check_mac(host, mac):
    """Refuse a MAC address that a vNIC or a logical port of the host has.

    The logical ports that vNICs have made do not count.

    :raises errors.Refused:
    """
    for other in (host.store.all('VirtualNICDedicated') + [
            logical for logical in
            host.store.all(SRIOVEthernetLogicalPort.TYPE)
            if not logical.of_vnic]):
        if other.mac == mac:
            raise errors.Refused('The MAC address %s is in use, by partition '
                                 '%s' % (mac, other.partition.name))
