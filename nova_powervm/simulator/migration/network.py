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

"""The move of the network adapters of a partition."""

import uuid

from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import network_adapters
from nova_powervm.simulator.resources import switch as switches

#: The switch of the management network, whose clients are all in one VLAN.
_MANAGEMENT = 'MGMTSWITCH'


class Item:
    """An adapter that is to be made on the target.

    :ivar slot: int, of the client
    """

    #: It is no pair of adapters.
    server_slot = None

    def __init__(self, old, switch, pvid, tagged):
        self.slot = old.slot
        self._old = old
        self._switch = switch
        self._pvid = pvid
        self._tagged = tagged

    def make(self, lpar):
        """Make it.

        Its UUID is a new one (assumed, no hardware).

        :raises errors.Refused: when the hypervisor would not configure it
        """
        old = self._old
        adapter = network_adapters.ClientNetworkAdapter(
            lpar.host, str(uuid.uuid4()), lpar, self._switch, self._pvid,
            old.mac, self._tagged, old.trunk_priority, old.device_name)
        for name in ('tagging', 'enabled', 'mtu', 'ovs_bridge', 'ovs_ids'):
            setattr(adapter, name, getattr(old, name))
        network_adapters.plug_in(adapter, old.slot)

    def leaks(self):
        """Tell who else is in its VLAN, of a switch that nothing leaves.

        :returns: list of str
        """
        switch = self._switch
        if switches.plain_name(switch.name) == _MANAGEMENT or any(
                adapter.sea for adapter in switch.adapters):
            return []
        network = switch.networks.get(self._pvid)
        others = {adapter.partition.name for adapter in
                  (network.adapters if network else ())
                  if adapter.trunk_priority is None and
                  adapter.mac != self._old.mac}
        return ['%s shares VLAN %d of %s with %s' % (
            self._old.mac, self._pvid, switch.name, name)
            for name in sorted(others)]


def adapters_of(lpar):
    """Return the list of its ClientNetworkAdapters."""
    return lpar.host.store.children(
        lpar, network_adapters.ClientNetworkAdapter.TYPE)


def plan(migration):
    """Plan the adapters on the target.

    :returns: list of Item
    :raises errors.Refused: when one is not possible there
    """
    found = adapters_of(migration.lpar)
    known = {adapter.mac for adapter in found}
    for mac in migration.wanted.vlans:
        if mac not in known:
            raise errors.Refused('Partition %s has no adapter with the MAC '
                                 'address %s' % (migration.lpar.name, mac))
    items = [_plan_one(migration, adapter) for adapter in found]
    leaks = [leak for item in items for leak in item.leaks()]
    if leaks and migration.target.system.spec['migration']['separate_vlans']:
        raise errors.Refused('Two partitions would hear each other: %s' %
                             '; '.join(leaks))
    return items


def _plan_one(migration, adapter):
    wanted = migration.wanted
    switch = _find_switch(migration, adapter)
    pvid, tagged = wanted.vlans.get(adapter.mac, (adapter.pvid, None))
    tagged = adapter.tagged if tagged is None else tagged
    switches.check_vlans(pvid, tagged)
    if not wanted.ovs_override:
        _check_trunks(adapter)
    if not wanted.vlan_override:
        _check_bridged(migration, adapter, switch, (pvid, *tagged))
    return Item(adapter, switch, pvid, tagged)


def _find_switch(migration, adapter):
    """Find the switch on the target, where the MAC address must be free."""
    system = migration.target.system
    switch = switches.find_switch(migration.target, adapter.switch.name)
    if switch is None:
        raise errors.Refused(
            'System %s has no virtual switch %s, which the adapter in slot %d '
            'needs' % (system.name, adapter.switch.name, adapter.slot))
    for other in switch.adapters:
        if other.mac == adapter.mac:
            raise errors.Refused(
                'The MAC address %s is in use on the virtual switch %s of '
                'system %s, by partition %s' % (
                    other.mac, switch.name, system.name,
                    other.partition.name))
    return switch


def _trunks(switch, vlan):
    network = switch.networks.get(vlan)
    return [adapter for adapter in network.adapters
            if adapter.trunk_priority is not None] if network else []


def _check_trunks(adapter):
    """Refuse an adapter whose frames a partition carries that is no VIOS."""
    for trunk in _trunks(adapter.switch, adapter.pvid):
        if trunk.partition.TYPE != 'VirtualIOServer':
            raise errors.Refused(
                'The adapter in slot %d is bridged by partition %s, which is '
                'no Virtual I/O Server' % (adapter.slot,
                                           trunk.partition.name))


def _check_bridged(migration, adapter, switch, vlans):
    """Refuse an adapter that is bridged here and would not be there."""
    before = [vlan for vlan in adapter.vlans
              if any(trunk.sea for trunk in _trunks(adapter.switch, vlan))]
    if not before:
        return
    for vlan in vlans:
        if not any(trunk.sea for trunk in _trunks(switch, vlan)):
            raise errors.Refused(
                'VLAN %d of the adapter in slot %d is not bridged on the '
                'virtual switch %s of system %s' % (
                    vlan, adapter.slot, switch.name,
                    migration.target.system.name))
