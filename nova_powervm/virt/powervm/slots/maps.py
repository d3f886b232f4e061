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

"""Read and write the slot maps of servers in a store."""

from __future__ import annotations

import functools
import threading
import typing

from nova import objects
from oslo_concurrency import lockutils
from oslo_log import log as logging

from nova_powervm.virt.powervm import host as powervm_host
from nova_powervm.virt.powervm import no_slots
from nova_powervm.virt.powervm.nvram import api
from nova_powervm.virt.powervm.nvram import worker as nvram_worker
from nova_powervm.virt.powervm.slots import server
from nova_powervm.virt.powervm.slots import slot_map

LOG = logging.getLogger(__name__)


class SlotMaps:
    """The slot maps of the servers of one host, in a store.

    :param host: the Host.
    :param store: nvram.api.NvramStore
    :param worker: nvram.worker.Worker that writes to it.
    """

    def __init__(self, host: powervm_host.Host, store: api.NvramStore,
                 worker: nvram_worker.Worker) -> None:
        self.host = host
        self._store = store
        self._worker = worker
        # One thread at a time reads, changes and writes the map of a server.
        # Other servers do not wait for a slow answer of the store.
        self._writing = lockutils.Semaphores()
        self._lock = threading.Lock()
        # Server UUID -> list of pending changes of its map: Change, or None
        # for its deletion.
        self._pending: dict[str, list[slot_map.Change | None]] = {}

    def begin(self, instance: objects.Instance, new_lpar: bool = False,
              guided: bool = False) -> no_slots.Slots:
        """Begin an operation on the devices of a server (no request).

        :param new_lpar: whether the operation creates its LPAR.
        :param guided: whether devices shall get their earlier addresses.
        :returns: ServerSlots
        """
        return server.ServerSlots(self, instance, new_lpar=new_lpar,
                                  guided=guided)

    def load(self, instance_uuid: str) -> slot_map.Topology:
        """Read the map of a server, with changes that are not stored yet.

        :returns: dict of slot -> devices.
        :raises nvram.api.NVRAMDownloadException: if it cannot be read.
        """
        return self._changed_map(instance_uuid,
                                 self._pending_of(instance_uuid)).topology

    def save(self, instance_uuid: str, changes: list[slot_map.Change]) -> None:
        """Queue changes of the map of a server.

        :param changes: list of slot_map.Change
        """
        self._queue(instance_uuid, changes)

    def delete(self, instance: objects.Instance) -> None:
        """Queue the deletion of the map of a server."""
        self._queue(instance.uuid, [None])

    def flush(self, instance: objects.Instance) -> None:
        """Store pending changes of a server's map now. Never raises."""
        if self._pending_of(instance.uuid):
            try:
                self._write(instance.uuid)
            except Exception as exc:
                LOG.warning('%s', exc, instance=instance)

    def _queue(self, instance_uuid: str,
               changes: typing.Sequence[slot_map.Change | None]) -> None:
        with self._lock:
            self._pending.setdefault(instance_uuid, []).extend(changes)
        self._worker.submit(('slots', instance_uuid), functools.partial(
            self._write, instance_uuid))

    def _pending_of(self, instance_uuid: str) -> list[slot_map.Change | None]:
        with self._lock:
            return list(self._pending.get(instance_uuid, ()))

    def _changed_map(
            self, instance_uuid: str,
            changes: list[slot_map.Change | None]) -> slot_map.SlotMap:
        """Read a map and apply changes to it.

        Do not read it if the changes replace all of it.
        """
        deaths = [number for number, change in enumerate(changes)
                  if change is None]
        since = [change for change in changes[deaths[-1] + 1 if deaths else 0:]
                 if change is not None]
        found = slot_map.SlotMap(self._store, instance_uuid, load=not (
            deaths or any(change.new_lpar for change in since)))
        found.apply(since)
        return found

    def _write(self, instance_uuid: str) -> None:
        with lockutils.lock(instance_uuid, semaphores=self._writing):
            changes = self._pending_of(instance_uuid)
            if not changes:
                return
            changed = self._changed_map(instance_uuid, changes)
            if changes[-1] is None:
                changed.delete()
            else:
                changed.save()
            with self._lock:
                left = self._pending[instance_uuid][len(changes):]
                if left:
                    self._pending[instance_uuid] = left
                else:
                    del self._pending[instance_uuid]
