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

"""Unmap logical units from a VIOS that was down when servers gave them up.

A server may have come back meanwhile, or be about to: the platform itself maps
the disks of a server that comes by a live migration. So whether a mapping is
still to be removed is a question for Nova at the moment of the removal.
"""

from nova.compute import task_states
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.virt.powervm.disk import units
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import vm


class Unmapping:
    """What one VIOS still has to unmap.

    :param host: the owner of the REST connection (host.Host).
    :param unfinished: unfinished.Unfinished
    :ivar done: list of unfinished.Missed that need no more work after unmap().
    """

    def __init__(self, host, unfinished):
        self._host = host
        self._unfinished = unfinished
        self.done = []

    def unmap(self, vios_w, vios_uuid):
        """Edit: remove the mappings; ask Nova after the document was read.

        :returns: list of the mappings that were removed.
        """
        self.done.clear()
        removed = []
        for missed in self._unfinished.mappings(vios_uuid):
            owner = self._owner_here(missed)
            kept = False
            for name in missed.names:
                udids = self._unfinished.udids(missed)
                in_use = {udid for udid in udids
                          if owner and self._has(owner, name, udid)}
                removed += _remove(vios_w, name, missed.clients,
                                   udids - in_use)
                removed += _remove(vios_w, name, [
                    client for client in missed.clients
                    if missed.server not in vm.instance_uuids(client)], in_use)
                kept = kept or bool(in_use)
            # While Nova works on the server, it may still leave.
            if not kept or owner.task_state is None:
                self.done.append(missed)
        return removed

    def _owner_here(self, missed):
        """Return the server if it is, or may come to, this host; or None."""
        if not any(missed.server in vm.instance_uuids(client)
                   for client in missed.clients):
            return None
        owner = units.read_owner(missed.server)
        if owner and (owner.host == self._host.nodename or
                      owner.task_state == task_states.MIGRATING):
            return owner
        return None

    def _has(self, owner, name, udid):
        has = units.has(owner.system_metadata, name, udid)
        return (not self._unfinished.is_to_be_deleted(udid)
                if has is None else has)


def _remove(vios_w, name, partitions, udids):
    return vios_mappings.remove_storage_mappings(
        vios_w, pvm_stg.LU, [name], partitions=partitions, udids=udids)
