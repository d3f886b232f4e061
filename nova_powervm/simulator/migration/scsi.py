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

"""The move of the virtual SCSI disks of a partition."""

import re

from nova_powervm.simulator import errors
from nova_powervm.simulator.migration import choice
from nova_powervm.simulator.resources import scsi_mappings
from nova_powervm.simulator.resources import shared_pool
from nova_powervm.simulator.resources import storage
from nova_powervm.simulator.san import volume as san_volume

#: source: pypowervm.wrappers.storage; what a VIOS reserves for itself
_RESERVED = ('SinglePath', 'single_path')


class Item:
    """A bus that is to be made on the target.

    :ivar slot: int, of the client
    :ivar server_slot: int, of the VIOS, or None for any
    """

    def __init__(self, old, vios, server_slot):
        self.slot = old.client_slot
        self._old = old
        self._vios = vios
        self.server_slot = server_slot

    def make(self, lpar):
        """Make it, with its target devices.

        Addresses stay (assumed, no hardware). So does the name of a target
        device, if a user has chosen it (source: IBM Documentation).

        :raises errors.Refused: when there is no such slot any more
        """
        vios = self._vios
        bus = scsi_mappings.Bus(vios, lpar, self.slot, self.server_slot)
        vios.buses.append(bus)
        taken = {target.name for other in vios.buses
                 for target in other.targets}
        for target in self._old.targets:
            name = target.name
            if name in taken or re.fullmatch(
                    target.backing.TARGET_NAME_PREFIX + '[0-9]+', name):
                name = None
            bus.add_target(_find(vios, target.backing), target.lua, name)

    def leaks(self):
        """Tell what others hear of it: nothing."""
        return []


def buses_of(lpar):
    """Return the list of its buses, in the order of slots."""
    return sorted((bus for bus in set(lpar.slots.values())
                   if isinstance(bus, scsi_mappings.Bus) and
                   bus.client is lpar), key=lambda bus: bus.client_slot)


def plan(migration):
    """Plan the buses on the target.

    :returns: list of Item
    :raises errors.Refused: when a device cannot be reached there
    """
    buses = buses_of(migration.lpar)
    for bus in buses:
        for target in bus.targets:
            _check_device(migration, bus, target)
    chosen = choice.Choice(migration, migration.wanted.scsi, 'SCSI')
    return [Item(bus, *chosen.vios_for(bus, lambda vios: all(
        _find(vios, target.backing) for target in bus.targets)))
        for bus in chosen.sorted(buses)]


def _find(vios, backing):
    """Find what a VIOS knows the storage as.

    :returns: storage.Backing, or None
    """
    if isinstance(backing, shared_pool.Unit):
        return backing if vios.pool is backing.tier.pool else None
    if backing.TAG != storage.PhysicalVolume.TAG:
        return None
    found = vios.find_hdisk(backing.udid)
    if found is None or found.group is not None or not found.works:
        return None
    return found


def _check_device(migration, bus, target):
    """Refuse a device that no VIOS of the target can have."""
    backing = target.backing
    where = 'The device %s in slot %d of partition %s' % (
        target.name, bus.client_slot, bus.client.name)
    if isinstance(backing, storage.OpticalMedia):
        raise errors.Refused('%s has the media %s' % (where, backing.name))
    if backing.TAG == storage.VirtualDisk.TAG:
        raise errors.Refused(
            '%s is not backed by storage that the target can reach, but by '
            '%s' % (where, backing.name))
    vioses = [vios for vios in choice.vioses(migration.target)
              if _find(vios, backing)]
    if not vioses:
        raise errors.Refused(
            '%s is not backed by storage that the target can reach: no '
            'running VIOS of system %s has %s %s' % (
                where, migration.target.system.name, backing.TAG,
                backing.base_name))
    volume = getattr(backing, 'volume', None)
    if getattr(backing, 'reserve_policy', None) in _RESERVED or (
            volume is not None and volume.has_fault(san_volume.RESERVED)):
        raise errors.Refused('%s is backed by %s, which is reserved' % (
            where, backing.name))
