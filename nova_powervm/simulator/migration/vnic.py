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

"""The move of the virtual NICs of a partition.

A backing device goes to a physical port with the same label and the same
switch mode (source: IBM Documentation). Which one of several the platform
takes is assumed, no hardware.
"""

from nova_powervm.simulator import errors
from nova_powervm.simulator.migration import choice
from nova_powervm.simulator.resources import logical_port
from nova_powervm.simulator.resources import vnic as vnics


class Item:
    """A virtual NIC that is to be made on the target.

    :ivar slot: int, of the client
    """

    #: It is no pair of adapters.
    server_slot = None

    def __init__(self, old, devices):
        self.slot = old.slot
        self._old = old
        self._devices = devices

    def make(self, lpar):
        """Make it.

        Its UUID is a new one (assumed, no hardware).

        :raises errors.Refused: when there is no room for it any more
        """
        old = self._old
        logical_port.check_mac(lpar.host, old.mac)
        vnic = vnics.VirtualNICDedicated(lpar, old.mac, old.policy,
                                         old.failback)
        vnic.insert(self._devices, old.slot)
        lpar.host.add(vnic)

    def leaks(self):
        """Tell who else hears of its frames: nobody.

        :returns: list of str
        """
        return []


def _children(lpar, cls):
    return lpar.host.store.children(lpar, cls.TYPE)


def plan(migration):
    """Plan the virtual NICs on the target.

    :returns: list of Item
    :raises errors.Refused: when one is not possible there
    """
    lpar, system = migration.lpar, migration.target.system
    if _children(lpar, logical_port.SRIOVEthernetLogicalPort):
        raise errors.Refused('Partition %s has an SR-IOV logical port of its '
                             'own' % lpar.name)
    items, coming = [], []
    for old in _children(lpar, vnics.VirtualNICDedicated):
        if not system.vnic_capable or (
                len(old.devices) > 1 and not system.vnic_failover_capable):
            raise errors.Refused(
                'System %s is not capable of the vNIC in slot %d' % (
                    system.name, old.slot))
        logical_port.check_mac(migration.target, old.mac)
        devices = []
        for device in old.devices:
            devices.append(_choose(migration, old, device, devices, coming))
            coming.append(devices[-1])
        items.append(Item(old, devices))
    return items


def _choose(migration, vnic, device, siblings, coming):
    """Choose the place of a backing device.

    One on a VIOS, and on an adapter, that the vNIC does not use yet is better
    than others.

    :param siblings: list of vnic.BackingDevice, those of the same vNIC
    :param coming: list of vnic.BackingDevice, those of all vNICs
    :returns: vnic.BackingDevice
    """
    vioses = [other.vios for other in siblings]
    adapters = [other.port.adapter for other in siblings]
    found = [(vios, port) for vios in _vioses(migration.target, vnic)
             for port in _ports(migration.target.system, device, siblings)
             if _fits(device, port, coming)]
    if not found:
        raise errors.Refused(
            'System %s has no VIOS and no SR-IOV port with the label %s for '
            'the vNIC in slot %d' % (migration.target.system.name,
                                     device.port.label or '(none)',
                                     vnic.slot))
    vios, port = min(found, key=lambda place: (
        place[0] in vioses, place[1].adapter in adapters))
    return vnics.BackingDevice(vios, port, device.capacity, device.maximum,
                               device.priority)


def _vioses(host, vnic):
    return [vios for vios in choice.vioses(host) if vios.vnic_capable and (
        len(vnic.devices) == 1 or vios.vnic_failover_capable)]


def _ports(system, device, siblings):
    wanted = device.port.label, device.port.switch_mode
    used = [other.port for other in siblings]
    return [port for adapter in system.sriov for port in adapter.ports
            if (port.label, port.switch_mode) == wanted and port not in used]


def _fits(device, port, coming):
    try:
        port.check_room(device.capacity, device.maximum, coming=[
            other.capacity for other in coming if other.port is port])
    except errors.Refused:
        return False
    return True
