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

"""Unmappings and deletions in a pool that wait until a VIOS is up."""

import threading
import typing


class Missed(typing.NamedTuple):
    """LUs to unmap from a VIOS that was down.

    :ivar names: their names.
    :ivar clients: UUIDs of the partitions from which to unmap them.
    :ivar udids: their UDIDs.
    :ivar server: UUID of the server that gave them up. It may have them again
        when the VIOS is up.
    """

    names: list
    clients: list
    udids: set
    server: str


class Unfinished:
    """Work that remains for VIOSes that were down.

    It is in memory only. When nova-compute starts, the cleaners find all of it
    again, see cleanup.
    """

    def __init__(self):
        self._lock = threading.Lock()
        # VIOS UUID -> list of Missed
        self._missed = {}
        # UUID -> (Unit, Proof) to delete, once no VIOS may have it mapped.
        self._units = {}
        # The same for LUs that somebody has mapped, maybe another host.
        self._used = {}

    def add_mappings(self, vios_uuid, missed):
        """Record that a VIOS may map LUs that it should not."""
        with self._lock:
            self._missed.setdefault(vios_uuid, []).append(missed)

    def add_unit(self, unit, proof):
        """Record that an LU has to be deleted, if a VIOS may map it.

        :param proof: deletion.Proof that covers it.
        :returns: bool, whether a VIOS may map it.
        """
        with self._lock:
            found = [missed for missed in self._all()
                     if unit.name in missed.names]
            for missed in found:
                missed.udids.add(unit.udid)
                self._units[unit.uuid] = unit, proof
            return bool(found)

    def add_used(self, unit, proof):
        """Record that an LU has to be deleted once it has no mapping."""
        with self._lock:
            self._used[unit.uuid] = unit, proof

    def take_used(self):
        """Return these LUs, to try again: list of (Unit, Proof)."""
        with self._lock:
            taken = list(self._used.values())
            self._used.clear()
            return taken

    def is_pending(self, uuid):
        """Return whether an LU has to be deleted."""
        with self._lock:
            return uuid in self._units or uuid in self._used

    def is_to_be_deleted(self, udid):
        """Return whether an LU has to be deleted, by its UDID."""
        with self._lock:
            return any(unit.udid == udid for unit, _proof in
                       [*self._units.values(), *self._used.values()])

    def cancel(self, udid):
        """Record that an LU is mapped again on purpose."""
        with self._lock:
            for missed in self._all():
                missed.udids.discard(udid)
            self._used = {uuid: entry for uuid, entry in self._used.items()
                          if entry[0].udid != udid}

    def vios_uuids(self):
        """Return the UUIDs of the VIOSes with remaining work."""
        with self._lock:
            return list(self._missed)

    def mappings(self, vios_uuid):
        """Return what to unmap from a VIOS, list of Missed."""
        with self._lock:
            return list(self._missed.get(vios_uuid, ()))

    def udids(self, missed):
        """Return the UDIDs that are to be unmapped now, a set."""
        with self._lock:
            return set(missed.udids)

    def end(self, vios_uuid, done=None):
        """Record that a VIOS has no such mappings any more.

        :param done: list of Missed that need no more work, from mappings();
            None means all.
        :returns: list of (Unit, Proof) of the LUs that can be deleted now.
        """
        with self._lock:
            left = [] if done is None else [
                missed for missed in self._missed.get(vios_uuid, ())
                if not any(missed.udids is other.udids for other in done)]
            if left:
                self._missed[vios_uuid] = left
            else:
                self._missed.pop(vios_uuid, None)
            pending = {udid for missed in self._all()
                       for udid in missed.udids}
            free = [entry for entry in self._units.values()
                    if entry[0].udid not in pending]
            for unit, _proof in free:
                del self._units[unit.uuid]
            return free

    def _all(self):
        return [missed for found in self._missed.values()
                for missed in found]
