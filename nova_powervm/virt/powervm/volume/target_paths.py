#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.
"""Which VIOSes of the target serve a server that is migrated live.

The platform moves each virtual SCSI adapter of an LPAR with all that is behind
it. It would choose a VIOS for each by itself; the driver tells it which, so
that a server keeps its redundant paths as far as the VIOSes see its volumes.
"""

import typing

from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.virt.powervm.storage import clients


class Slot(typing.NamedTuple):
    """What is behind one virtual SCSI adapter of an LPAR.

    :ivar number: int, virtual slot of the LPAR.
    :ivar udids: frozenset of the UDIDs of volumes.
    :ivar in_pool: bool, whether it has a disk in a Shared Storage Pool.
    """

    number: int
    udids: frozenset
    in_pool: bool

    def shares_with(self, other):
        """Whether another Slot leads to some of the same storage."""
        return bool(self.udids & other.udids) or (
            self.in_pool and other.in_pool)


def describe(vioses, lpar_uuid):
    """Tell what is behind each virtual SCSI adapter of an LPAR (no request).

    Adapters without volumes and disks in a pool are left out.

    :param vioses: list of VIOS wrappers, read with SCSI_MAPPING.
    :param lpar_uuid: str, PowerVM UUID of the LPAR.
    :returns: list that JSON can tell, see read().
    """
    udids, in_pool = {}, set()
    for vios_w in vioses:
        for mapping in vios_w.scsi_mappings:
            adapter = mapping.client_adapter
            if not adapter or not clients.is_client(mapping, lpar_uuid):
                continue
            slot = adapter.lpar_slot_num
            element = mapping.backing_storage
            if isinstance(element, pvm_stg.PV):
                udids.setdefault(slot, set()).add(element.udid)
            elif isinstance(element, pvm_stg.LU):
                in_pool.add(slot)
    return [[slot, sorted(udids.get(slot, ())), slot in in_pool]
            for slot in sorted({*udids, *in_pool})]


def read(described):
    """Read what describe() has told on the source: list of Slot."""
    return [Slot(number, frozenset(udids), in_pool)
            for number, udids, in_pool in described]


def choose(slots, seen_by, pooled, ids):
    """Choose a VIOS for each adapter (no request).

    Adapters that lead to the same storage are put on different VIOSes, as far
    as these see all that is behind them. Where that makes no difference, the
    VIOS with the lowest partition id gets the adapter with the lowest slot, as
    when a server is made.

    :param slots: list of Slot.
    :param seen_by: dict of UDID -> set of the UUIDs of VIOSes that see it.
    :param pooled: collection of the UUIDs of VIOSes that have the pool.
    :param ids: dict of the UUID of a VIOS -> its partition id.
    :returns: dict of Slot -> UUID of the VIOS. An adapter without volumes is
        missing if the platform is to choose.
    :raises ValueError: if no VIOS sees all that is behind an adapter.
    """
    able = set().union(*seen_by.values())
    candidates = {slot: sorted(_candidates(slot, seen_by, pooled, able),
                               key=lambda uuid: (ids.get(uuid, 0), uuid))
                  for slot in slots}
    chosen = {}
    for slot in sorted(slots, key=lambda slot: (
            len(candidates[slot]), slot.number)):
        found = candidates[slot]
        if found:
            chosen[slot] = min(found, key=lambda uuid: (
                sum(chosen[other] == uuid and slot.shares_with(other)
                    for other in chosen),
                list(chosen.values()).count(uuid), found.index(uuid)))
        elif slot.udids:
            raise ValueError(
                'no Virtual I/O Server of this host sees all that is behind '
                'the virtual SCSI adapter in slot %d: %s' % (
                    slot.number, ', '.join(sorted(slot.udids))))
    return chosen


def _candidates(slot, seen_by, pooled, able):
    """The VIOSes that can serve an adapter: set of UUIDs."""
    found = set(able)
    for udid in slot.udids:
        found &= seen_by.get(udid, set())
    return found & set(pooled) if slot.in_pool else found


def lost(chosen, required):
    """Find a volume that too few VIOSes would serve (no request).

    A server need not have more paths than it has on its source.

    :param chosen: what choose() has returned.
    :param required: int, how many VIOSes must serve a volume.
    :returns: (UDID, int) of a volume, and how many would; None if all are
        served well.
    """
    for udid in sorted(set().union(*(slot.udids for slot in chosen))):
        paths = [uuid for slot, uuid in chosen.items() if udid in slot.udids]
        if len(set(paths)) < min(required, len(paths)):
            return udid, len(set(paths))
    return None
