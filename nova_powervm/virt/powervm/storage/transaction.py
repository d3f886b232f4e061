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

"""Collect the edits of VIOS documents of one operation, and make them."""

from __future__ import annotations

from concurrent import futures
import contextlib
import enum
import threading
import typing

from oslo_context import context as oslo_context
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import entry_wrapper as pvm_wrapper
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import group_commit
from nova_powervm.virt.powervm import host as powervm_host
from nova_powervm.virt.powervm import no_slots
from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm.storage import vios_mappings

LOG = logging.getLogger(__name__)

#: VIOSes are written at the same time if the last write of one of them took so
#: many seconds. Otherwise threads cost more than they save.
SLOW = 0.5


class Order(enum.Enum):
    """Whether edits of several VIOSes may be written in any order."""

    #: No: the platform chooses slots, and a server boots from the lowest.
    KEPT = 'kept'
    #: Yes, if all of the storage that is expected has a slot in the slot map.
    PLANNED = 'planned'
    #: Yes: the edits only remove mappings.
    ANY = 'any'


class _ViosIsDown(Exception):
    """The document of a VIOS says that it cannot be used."""


class _Redundant(typing.NamedTuple):
    vios_uuids: tuple
    missed: typing.Optional[typing.Callable]
    required: bool


class StorageTransaction:
    """Edits of VIOS documents that the tasks of one flow collect.

    execute() makes them, with one read and at most one write per VIOS. It does
    not read a VIOS without an edit, and does not write a VIOS that no edit
    changes.

    :param host: the owner of the REST connection (host.Host).
    :param name: str, the purpose, for logs.
    :param xag: extended attribute groups that the edits need; edits must not
        touch other parts of the documents.
    :param slots: slots.server.ServerSlots of the server that the edits are
        for; it keeps the server's devices at their addresses.
    """

    def __init__(self, host: powervm_host.Host, name: str,
                 xag: typing.Iterable[str] = (vios_mappings.SCSI_MAPPING,),
                 slots: no_slots.Slots = no_slots.NO_SLOTS) -> None:
        self.host = host
        self.name = name
        self._slots = slots
        self._xag = list(xag)
        self._edits = {}
        self._common = []
        self._plans = []
        self._afterwards = []
        self._otherwise = []
        self._needed: set[str] = set()
        self._redundant: list[_Redundant] = []
        self._returned = {}
        self._orders: set[Order] = set()
        # Held while edits are made: they know nothing of threads.
        self._edit_lock = threading.Lock()
        self._read: list[pvm_vios.VIOS] = []

    @classmethod
    @contextlib.contextmanager
    def immediate(
            cls, host: powervm_host.Host, name: str,
            xag: typing.Iterable[str] = (vios_mappings.SCSI_MAPPING,),
            slots: no_slots.Slots = no_slots.NO_SLOTS
            ) -> typing.Iterator[StorageTransaction]:
        """Collect edits in a with statement, and make them at its end."""
        stg = cls(host, name, xag=xag, slots=slots)
        yield stg
        stg.execute()

    def reads(self, group: str) -> bool:
        """Return whether the documents have an extended attribute group."""
        return group in self._xag

    def edit(self, vios_uuid: str, func: typing.Callable[..., typing.Any],
             *args: typing.Any, order: Order = Order.KEPT,
             **kwargs: typing.Any) -> None:
        """Queue an edit of one VIOS.

        :param order: what it demands of the order of VIOSes.
        :param func: called as func(vios_wrapper, *args, **kwargs); returns a
            true value if it changed the wrapper: if it removed mappings, the
            list of them.
        """
        self._needed.add(vios_uuid)
        self._orders.add(order)
        self._add(vios_uuid, func, args, kwargs)

    def edit_redundant(
            self, vios_uuids: typing.Iterable[str],
            func: typing.Callable[..., typing.Any], *args: typing.Any,
            missed: typing.Callable[[str], typing.Any] | None = None,
            required: bool = True, order: Order = Order.KEPT,
            **kwargs: typing.Any) -> None:
        """Queue an edit of each VIOS that serves the same storage.

        VIOSes that are down are left out.

        :param vios_uuids: iterable of the UUIDs of the VIOSes.
        :param missed: called with the UUID of each VIOS that was left out,
                       if execute() succeeds; or None.
        :param required: whether execute() fails if all are left out.
        :param order: what it demands of the order of the VIOSes.
        """
        self._orders.add(order)
        group = _Redundant(tuple(vios_uuids), missed, required)
        self._redundant.append(group)
        for vios_uuid in group.vios_uuids:
            self._add(vios_uuid, func, args, kwargs)

    def map(self, vios_uuid: str, lpar_uuid: str,
            element: pvm_wrapper.Wrapper) -> None:
        """Queue the mapping of storage to a partition on one VIOS.

        :param lpar_uuid: str, PowerVM UUID of the client partition.
        :param element: wrapper of a disk, medium, logical unit or volume.
        """
        self.expect([vios_uuid], element)
        self.edit(vios_uuid, vios_mappings.add_mapping, lpar_uuid, element,
                  order=Order.PLANNED, device_address=self.device_address)

    def map_redundant(self, vios_uuids: typing.Iterable[str], lpar_uuid: str,
                      element: pvm_wrapper.Wrapper) -> None:
        """Queue the mapping of storage on each VIOS that serves it.

        See map() and edit_redundant().
        """
        self.expect(vios_uuids, element)
        self.edit_redundant(vios_uuids, vios_mappings.add_mapping, lpar_uuid,
                            element, order=Order.PLANNED,
                            device_address=self.device_address)

    def expect(self, vios_uuids: typing.Iterable[str],
               element: pvm_wrapper.Wrapper) -> None:
        """Announce that an edit will map storage to the server.

        Call this before an edit that calls device_address().

        :param element: wrapper that has its name, or its UDID.
        """
        for vios_uuid in vios_uuids:
            self._slots.expect(vios_uuid, element)

    def device_address(
            self, vios_w: pvm_vios.VIOS,
            element: pvm_wrapper.Wrapper) -> tuple[int | None, str | None]:
        """Return the address at which the server is to find storage.

        Edits call this.

        :returns: (int slot, str LUA) for vios_mappings.build_mapping(); either
            is None if the platform is to choose it.
        """
        return self._slots.device_address(vios_w, element)

    def vfc_slot(self, fabric: str, wwpns: typing.Iterable[str]) -> int | None:
        """Return the slot of a virtual Fibre Channel adapter.

        An edit has to call this for each adapter that the server is to have,
        even if it exists, because the slot map knows adapters by their fabric.

        :param fabric: str, name of the fabric.
        :param wwpns: iterable of the two WWPNs of the adapter.
        :returns: int; None if the platform is to choose.
        """
        return self._slots.vfc_slot(fabric, wwpns)

    @property
    def reserved_slots(self) -> typing.AbstractSet[int]:
        """Slots that other devices have, or are to get: set of int."""
        return self._slots.reserved

    def _add(self, vios_uuid: str, func: typing.Callable[..., typing.Any],
             args: tuple, kwargs: dict) -> None:
        self._edits.setdefault(vios_uuid, []).append((func, args, kwargs))

    def edit_touched(self, func: typing.Callable[..., typing.Any],
                     *args: typing.Any, **kwargs: typing.Any) -> None:
        """Queue an edit of each VIOS that is read for another edit anyway.

        Such edits come first, and only remove mappings. They need no read.
        They need a write only if they change a VIOS that no other edit
        changes.
        """
        self._common.append((func, args, kwargs))

    def plan(
            self,
            func: typing.Callable[[dict[str, pvm_vios.VIOS]], typing.Any]
            ) -> None:
        """Queue a call that sees all VIOSes before any of them is edited.

        If there is such a call, one request reads all VIOSes.

        :param func: called as func(vioses), with a dict of UUID -> wrapper of
            the VIOSes that have edits; it must not change them.
        """
        self._plans.append(func)

    def partition_id(self, lpar_uuid: str) -> int | None:
        """Return the id of a partition (no request), for a call of plan().

        :param lpar_uuid: str, PowerVM UUID of the partition.
        :returns: int, from the mappings of all VIOSes; None if they have none
            of the partition.
        """
        return next((mapping.server_adapter.lpar_id for vios_w in self._read
                     for mapping in self._mappings_of(vios_w)
                     if clients.is_client(mapping, lpar_uuid)), None)

    def _mappings_of(self, vios_w: pvm_vios.VIOS) -> list[pvm_wrapper.Wrapper]:
        """Return the mappings of a VIOS in the groups that were read: list."""
        return [
            *(vios_w.scsi_mappings
              if self.reads(vios_mappings.SCSI_MAPPING) else ()),
            *(vios_w.vfc_mappings
              if self.reads(vios_mappings.FC_MAPPING) else ())]

    def then(self, func: typing.Callable[..., typing.Any], *args: typing.Any,
             **kwargs: typing.Any) -> None:
        """Queue a call to make after all VIOSes have been written."""
        self._afterwards.append((func, args, kwargs))

    def otherwise(self, func: typing.Callable[[], object]) -> None:
        """Queue a call to make if the transaction fails."""
        self._otherwise.append(func)

    def execute(self) -> dict[str, pvm_vios.VIOS]:
        """Make the edits, then the calls that were queued with then().

        Try all VIOSes, in the order of their first edits, or at the same time
        if that is safe and saves time. Make the calls only if all VIOSes
        succeeded; make those of otherwise() if something failed.

        :returns: dict of VIOS UUID -> wrapper after the edits.
        :raises StorageNotServed: if all VIOSes of a required edit are down.
        :raises: the error of the VIOS that failed; if several failed, a
            pypowervm Error that names each.
        """
        try:
            return self._execute()
        except Exception:
            for func in self._otherwise:
                func()
            raise

    def _execute(self) -> dict[str, pvm_vios.VIOS]:
        results = {uuid: vios_w for uuid, vios_w in self._update_all().items()
                   if vios_w is not None}
        for group in self._redundant:
            self._check_served(group, results)
        self._slots.record(results, self._removed_mappings(), self._xag)
        for func, args, kwargs in self._afterwards:
            func(*args, **kwargs)
        return results

    @property
    def removed_storage(self) -> list[pvm_wrapper.Wrapper]:
        """Wrappers of the storage whose mappings execute() has removed.

        May contain duplicates, one per VIOS.
        """
        return [mapping.backing_storage
                for mapping in self._removed_mappings()
                if mapping.backing_storage is not None]

    def _removed_mappings(self) -> list[pvm_wrapper.Wrapper]:
        return [mapping for returned in self._returned.values()
                if isinstance(returned, list) for mapping in returned]

    def _check_served(self, group: _Redundant,
                      results: dict[str, pvm_vios.VIOS]) -> None:
        down = [uuid for uuid in group.vios_uuids if uuid not in results]
        if group.required and len(down) == len(group.vios_uuids):
            raise exception.StorageNotServed(vioses=', '.join(down))
        for uuid in down:
            LOG.warning('VIOS %(vios)s is down; %(name)s goes on without it.',
                        {'vios': uuid, 'name': self.name})
            self.host.note_missed_vios(uuid)
            if group.missed is not None:
                group.missed(uuid)

    def _update_all(self) -> dict[str, pvm_vios.VIOS | None]:
        uuids = list(self._edits)
        if self._slots.has_plan:
            self.plan(self._slots.plan)
        writes = {uuid: self.host.edits.writes(uuid) for uuid in uuids}
        vioses = self._read_together(uuids) if self._plans else {}
        for func in self._plans:
            func(vioses)
        results, failures = {}, {}

        def update(uuid: str) -> None:
            try:
                results[uuid] = self._update(uuid, vioses.get(uuid),
                                             writes[uuid])
            except Exception as exc:
                failures[uuid] = exc

        if len(uuids) > 1 and self._is_any_order and any(
                self.host.edits.seconds(uuid) >= SLOW for uuid in uuids):
            _at_once(update, uuids)
        else:
            for uuid in uuids:
                update(uuid)
        if failures:
            self._raise({uuid: failures[uuid] for uuid in uuids
                         if uuid in failures})
        return {uuid: results[uuid] for uuid in uuids}

    @property
    def _is_any_order(self) -> bool:
        """Whether all servers boot alike, whatever VIOS is written first."""
        return Order.KEPT not in self._orders and (
            Order.PLANNED not in self._orders or self._slots.are_planned)

    def _read_together(self, uuids: list[str]) -> dict[str, pvm_vios.VIOS]:
        self._read = self.host.vioses(self._xag)
        return {vios_w.uuid: vios_w for vios_w in self._read
                if vios_w.uuid in uuids}

    def _update(self, vios_uuid: str, known: pvm_vios.VIOS | None,
                writes: int) -> pvm_vios.VIOS | None:
        """Read, edit and write a VIOS; None if it is down but optional.

        Edits of other transactions that wait for it are written with these.
        """
        is_needed = vios_uuid in self._needed
        change = group_commit.Change(
            self.name, lambda: self.host.vios_getter(vios_uuid, self._xag),
            lambda vios_w: self._edit(vios_w, vios_uuid, is_needed),
            self._xag)
        try:
            return self.host.edits.commit(vios_uuid, change, known, writes)
        except _ViosIsDown:
            return None
        except pvm_exc.Error:
            # The VIOS may have gone down, or been removed, in the meantime.
            if is_needed or self.host.is_vios_up(vios_uuid):
                raise
            return None

    def _check_up(self, vios_w: pvm_vios.VIOS) -> None:
        """Raise _ViosIsDown if the document says that a VIOS is down."""
        if not self.host.filter_active([vios_w]):
            raise _ViosIsDown()

    def _edit(self, vios_w: pvm_vios.VIOS, vios_uuid: str,
              is_needed: bool) -> bool:
        """Make the edits of a VIOS; return whether they changed it.

        If they are made again, the last results count.
        """
        if not is_needed:
            self._check_up(vios_w)
        is_changed = False
        with self._edit_lock:
            for number, (func, args, kwargs) in enumerate(
                    self._common + self._edits[vios_uuid]):
                returned = func(vios_w, *args, **kwargs)
                self._returned[vios_uuid, number] = returned
                is_changed = bool(returned) or is_changed
        return is_changed

    def _raise(self, failures: dict[str, Exception]) -> typing.NoReturn:
        for uuid, exc in failures.items():
            LOG.error('Updating VIOS %(vios)s for %(name)s failed: %(exc)s',
                      {'vios': uuid, 'name': self.name, 'exc': exc})
        first = next(iter(failures.values()))
        if len(failures) == 1:
            raise first
        raise pvm_exc.Error('; '.join(
            'VIOS %s: %s' % failure for failure in failures.items())
        ) from first


def _at_once(func: typing.Callable[[str], None], uuids: list[str]) -> None:
    """Call a function of each UUID, in threads with the context of this one.

    :raises: what one of them raises.
    """
    context = oslo_context.get_current()

    def call(uuid: str) -> None:
        if context is not None:
            context.update_store()
        func(uuid)

    with futures.ThreadPoolExecutor(len(uuids)) as pool:
        list(pool.map(call, uuids))
