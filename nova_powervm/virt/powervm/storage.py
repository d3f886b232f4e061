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

"""How documents of Virtual I/O Servers are edited.

Mappings are edited by POSTing the document of a VIOS, disks and media by
POSTing the document of a volume group. Both are read as late as possible,
written back with the etag that was read, and edited anew if somebody else
was faster (HTTP 412). So the functions that edit a document may run several
times: they must depend on nothing but the document and their arguments.
"""

import contextlib
import copy
import typing

from oslo_log import log as logging
from pypowervm import const as pvm_const
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import scsi_mapper
from pypowervm.utils import transaction
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.virt.powervm import clients
from nova_powervm.virt.powervm import exception

LOG = logging.getLogger(__name__)

SCSI_MAPPING = pvm_const.XAG.VIO_SMAP
FC_MAPPING = pvm_const.XAG.VIO_FMAP


class _ViosIsDown(Exception):
    """The document of a VIOS says that it cannot be used."""


class _Redundant(typing.NamedTuple):
    vios_uuids: tuple
    missed: typing.Optional[typing.Callable]
    required: bool


class StorageTransaction:
    """Edits of VIOS documents that the tasks of one flow gather.

    They are made by execute(), with one read and at most one write per VIOS.
    A VIOS without an edit is not read, one that no edit changed not written.

    :param host: the owner of the REST connection (host.Host).
    :param name: str, tells in logs what it is for.
    :param xag: extended attribute groups that the edits need; no other part
                of the documents may be touched.
    :param slots: slot.ServerSlots of the server that the edits are for, which
                  keeps what it has in its places; None if nobody does.
    """

    def __init__(self, host, name, xag=(SCSI_MAPPING,), slots=None):
        self.host = host
        self.name = name
        self._slots = slots
        self._xag = list(xag)
        self._edits = {}
        self._common = []
        self._plans = []
        self._afterwards = []
        self._needed = set()
        self._redundant = []
        self._returned = {}
        self._read = []

    @classmethod
    @contextlib.contextmanager
    def immediate(cls, host, name, xag=(SCSI_MAPPING,), slots=None):
        """Gather edits in a with statement, make them at its end."""
        stg = cls(host, name, xag=xag, slots=slots)
        yield stg
        stg.execute()

    def reads(self, group):
        """Whether the documents have an extended attribute group."""
        return group in self._xag

    def edit(self, vios_uuid, func, *args, **kwargs):
        """Queue an edit of one VIOS.

        :param func: called as func(vios_wrapper, *args, **kwargs); returns
                     something true if it changed the wrapper: if it removed
                     mappings, the list of them.
        """
        self._needed.add(vios_uuid)
        self._add(vios_uuid, func, args, kwargs)

    def edit_redundant(self, vios_uuids, func, *args, missed=None,
                       required=True, **kwargs):
        """Queue an edit of each VIOS that serves the same storage.

        Those that are down are left out.

        :param vios_uuids: iterable of the UUIDs of the VIOSes.
        :param missed: called with the UUID of each VIOS that was left out,
                       if execute() succeeds; or None.
        :param required: whether not all may be left out.
        """
        group = _Redundant(tuple(vios_uuids), missed, required)
        self._redundant.append(group)
        for vios_uuid in group.vios_uuids:
            self._add(vios_uuid, func, args, kwargs)

    def map(self, vios_uuid, lpar_uuid, element):
        """Queue the mapping of storage to a partition by one VIOS.

        :param lpar_uuid: str, PowerVM UUID of the client partition.
        :param element: wrapper of a disk, medium, logical unit or volume.
        """
        self.expect([vios_uuid], element)
        self.edit(vios_uuid, add_mapping, lpar_uuid, element,
                  place=self.place)

    def map_redundant(self, vios_uuids, lpar_uuid, element):
        """Queue the mapping of storage by each VIOS that serves it.

        See map() and edit_redundant().
        """
        self.expect(vios_uuids, element)
        self.edit_redundant(vios_uuids, add_mapping, lpar_uuid, element,
                            place=self.place)

    def expect(self, vios_uuids, element):
        """Announce that an edit maps storage to the server.

        An edit that asks place() where to, announces it before.

        :param element: wrapper that has its name, or its UDID.
        """
        if self._slots is not None:
            for vios_uuid in vios_uuids:
                self._slots.expect(vios_uuid, element)

    def place(self, vios_w, element):
        """Tell an edit where the server is to find storage.

        :returns: (int slot, str LUA) for build_mapping(); None in place of
            either, or both, if the platform is to choose.
        """
        if self._slots is None:
            return None, None
        return self._slots.place(vios_w, element)

    def place_vfc(self, fabric, wwpns):
        """Tell an edit the slot of a virtual Fibre Channel adapter.

        It is to be asked for each adapter that the server is to have, also
        if it is there: the slot map knows adapters by their fabric.

        :param fabric: str, name of the fabric.
        :param wwpns: iterable of the two WWPNs of the adapter.
        :returns: int; None if the platform is to choose.
        """
        if self._slots is None:
            return None
        return self._slots.place_vfc(fabric, wwpns)

    @property
    def reserved_slots(self):
        """Slots that have, or are kept for, other devices: set of int."""
        return set() if self._slots is None else self._slots.reserved

    def _add(self, vios_uuid, func, args, kwargs):
        self._edits.setdefault(vios_uuid, []).append((func, args, kwargs))

    def edit_touched(self, func, *args, **kwargs):
        """Queue an edit of each VIOS that is read for another edit anyway.

        Such edits come first. They cost no read, and a write only if they
        change something where nothing else changes.
        """
        self._common.append((func, args, kwargs))

    def plan(self, func):
        """Queue a call that sees all VIOSes before any of them is edited.

        With one, they are read together (1 request).

        :param func: called as func(vioses), with a dict of UUID -> wrapper of
                     those that there are edits for; it changes none.
        """
        self._plans.append(func)

    def partition_id(self, lpar_uuid):
        """Tell a plan the id of a partition (no request).

        :param lpar_uuid: str, PowerVM UUID of the partition.
        :returns: int, as the mappings of all VIOSes tell; None if it has
            none.
        """
        return next((mapping.server_adapter.lpar_id for vios_w in self._read
                     for mapping in self._mappings_of(vios_w)
                     if clients.is_client(mapping, lpar_uuid)), None)

    def _mappings_of(self, vios_w):
        """The mappings of a VIOS, of those groups that were read: list."""
        return [
            *(vios_w.scsi_mappings if self.reads(SCSI_MAPPING) else ()),
            *(vios_w.vfc_mappings if self.reads(FC_MAPPING) else ())]

    def then(self, func, *args, **kwargs):
        """Queue a call for when all VIOSes have been written."""
        self._afterwards.append((func, args, kwargs))

    def execute(self):
        """Make the edits, then the calls that were queued with then().

        All VIOSes are tried, in the order of their first edits; the calls are
        made only if every one succeeded.

        :returns: dict of VIOS UUID -> wrapper as it is after the edits.
        :raises StorageNotServed: if VIOSes are down that are required.
        :raises: what went wrong on the one VIOS that failed; a pypowervm
                 Error that names each if several did.
        """
        results = {uuid: vios_w for uuid, vios_w in self._update_all().items()
                   if vios_w is not None}
        for group in self._redundant:
            self._check_served(group, results)
        if self._slots is not None:
            self._slots.record(results, self._removed_mappings(), self._xag)
        for func, args, kwargs in self._afterwards:
            func(*args, **kwargs)
        return results

    @property
    def removed_storage(self):
        """Wrappers of the storage whose mappings execute() has removed.

        That of an edit that removed it from several VIOSes is there several
        times.
        """
        return [mapping.backing_storage
                for mapping in self._removed_mappings()
                if mapping.backing_storage is not None]

    def _removed_mappings(self):
        return [mapping for returned in self._returned.values()
                if isinstance(returned, list) for mapping in returned]

    def _check_served(self, group, results):
        down = [uuid for uuid in group.vios_uuids if uuid not in results]
        if group.required and len(down) == len(group.vios_uuids):
            raise exception.StorageNotServed(vioses=', '.join(down))
        for uuid in down:
            LOG.warning('VIOS %(vios)s is down; %(name)s goes on without it.',
                        {'vios': uuid, 'name': self.name})
            self.host.note_missed_vios(uuid)
            if group.missed is not None:
                group.missed(uuid)

    def _update_all(self):
        uuids = list(self._edits)
        if self._slots is not None and self._slots.has_plan:
            self.plan(self._slots.plan)
        vioses = self._read_together(uuids) if self._plans else {}
        for func in self._plans:
            func(vioses)
        results, failures = {}, {}
        # One after the other, in the order of the edits: the platform gives
        # slots as it is asked, and a server boots from the lowest.
        for uuid in uuids:
            try:
                results[uuid] = self._update(uuid, vioses.get(uuid))
            except Exception as exc:
                failures[uuid] = exc
        if failures:
            self._raise(failures)
        return results

    def _read_together(self, uuids):
        self._read = self.host.vioses(self._xag)
        return {vios_w.uuid: vios_w for vios_w in self._read
                if vios_w.uuid in uuids}

    def _update(self, vios_uuid, known=None):
        """Read, edit and write one VIOS; None if it can do without."""
        edit = transaction.WrapperTask(
            '%s_%s' % (self.name, vios_uuid),
            known or self.host.vios_getter(vios_uuid, self._xag))
        if vios_uuid in self._needed:
            self._add_subtasks(edit, vios_uuid)
            return edit.execute()[0]
        edit.add_functor_subtask(self._check_up)
        self._add_subtasks(edit, vios_uuid)
        try:
            return edit.execute()[0]
        except _ViosIsDown:
            return None
        except pvm_exc.Error:
            # It may have gone down, or away, meanwhile.
            if is_up(self.host, vios_uuid):
                raise
            return None

    def _check_up(self, vios_w):
        """Raise _ViosIsDown if a VIOS is, by its document."""
        if not self.host.filter_active([vios_w]):
            raise _ViosIsDown()

    def _add_subtasks(self, edit, vios_uuid):
        for number, (func, args, kwargs) in enumerate(
                self._common + self._edits[vios_uuid]):
            edit.add_functor_subtask(self._call, (vios_uuid, number), func,
                                     args, kwargs)

    def _call(self, vios_w, key, func, args, kwargs):
        """Make an edit; if it is made anew, the last result counts."""
        self._returned[key] = func(vios_w, *args, **kwargs)
        return self._returned[key]

    def _raise(self, failures):
        for uuid, exc in failures.items():
            LOG.error('Updating VIOS %(vios)s for %(name)s failed: %(exc)s',
                      {'vios': uuid, 'name': self.name, 'exc': exc})
        first = next(iter(failures.values()))
        if len(failures) == 1:
            raise first
        raise pvm_exc.Error('; '.join(
            'VIOS %s: %s' % failure for failure in failures.items())
        ) from first


def is_up(host, vios_uuid):
    """Whether a VIOS is up, or nobody can tell (1 request)."""
    try:
        return any(vios_w.uuid.lower() == vios_uuid.lower()
                   for vios_w in host.active_vioses())
    except pvm_exc.Error:
        return True


# ---- edits of SCSI mappings --------------------------------------------

def add_mapping(vios_w, lpar_uuid, element, place=None):
    """Map storage to a partition, unless that is done already.

    Costs no request.

    :param vios_w: VIOS wrapper, read with SCSI_MAPPING.
    :param lpar_uuid: str, PowerVM UUID of the client partition.
    :param element: wrapper of a disk, medium, logical unit or volume.
    :param place: function that tells where to, see StorageTransaction.place;
        None if the platform is to choose.
    :returns: the new mapping, or None if it was there.
    """
    slot, lua = (None, None) if place is None else place(vios_w, element)
    return scsi_mapper.add_map(vios_w, build_mapping(
        vios_w, lpar_uuid, element, slot, lua))


def add_mapping_apart(vios_w, lpar_uuid, element):
    """Map storage to a partition by an adapter of its own.

    Nothing is done if the storage is mapped already. Costs no request; the
    platform chooses the slot.

    :param vios_w: VIOS wrapper, read with SCSI_MAPPING.
    :param lpar_uuid: str, PowerVM UUID of the client partition.
    :param element: wrapper of a disk, medium, logical unit or volume.
    :returns: the new mapping, or None if it was there.
    """
    return scsi_mapper.add_map(vios_w, pvm_vios.VSCSIMapping.bld(
        vios_w.adapter, None, lpar_uuid, copy.deepcopy(element)))


def build_mapping(vios_w, lpar_uuid, element, slot=None, lua=None):
    """Build the mapping of storage to a partition.

    :param vios_w: VIOS wrapper, read with SCSI_MAPPING; it is not changed.
    :param slot: int, that of the client adapter. None means an adapter of the
        partition that has room, or a new one in a slot that the platform
        chooses.
    :param lua: str, logical unit address; None if the platform is to choose.
    :returns: VSCSIMapping wrapper, to be added to those of the VIOS.
    """
    element = copy.deepcopy(element)
    if slot is None:
        return scsi_mapper.build_vscsi_mapping(None, vios_w, lpar_uuid,
                                               element, lua=lua)
    for mapping in vios_w.scsi_mappings:
        if (mapping.client_adapter is not None and
                mapping.client_adapter.lpar_slot_num == slot and
                clients.is_client(mapping, lpar_uuid)):
            return pvm_vios.VSCSIMapping.bld_from_existing(mapping, element,
                                                           lua=lua)
    return pvm_vios.VSCSIMapping.bld(vios_w.adapter, None, lpar_uuid, element,
                                     lpar_slot_num=slot, lua=lua)


def remove_storage_mappings(vios_w, wrapper_class, names, partitions=None,
                            udids=None):
    """Unmap storage by its name.

    :param vios_w: VIOS wrapper, read with SCSI_MAPPING.
    :param wrapper_class: pypowervm class of the storage, such as VDisk.
    :param names: collection of names; those of disks without a path.
    :param partitions: collection of the PowerVM UUIDs of the partitions that
                       it may be taken from; None means any. It is always
                       taken from those that are gone.
    :param udids: collection of the UDIDs that the storage may have; None
                  means any.
    :returns: list of the mappings that were removed.
    """
    def is_ours(mapping):
        element = mapping.backing_storage
        return (is_named(element, wrapper_class, names) and
                (udids is None or element.udid in udids) and
                (partitions is None or clients.is_orphan(mapping) or
                 any(clients.is_client(mapping, lpar) for lpar in partitions)))

    return remove_mappings(vios_w, is_ours)


def is_named(element, wrapper_class, names):
    """Whether storage is of a class and has one of the names.

    :param element: wrapper of storage, or None.
    """
    return isinstance(element, wrapper_class) and base_name(element) in names


def remove_partition_mappings(vios_w, lpar_uuid):
    """Remove all mappings of a partition, also those without storage.

    :param vios_w: VIOS wrapper, read with SCSI_MAPPING.
    :param lpar_uuid: str, PowerVM UUID of the client partition.
    :returns: list of the mappings that were removed.
    """
    return remove_mappings(vios_w, lambda mapping: clients.is_client(
        mapping, lpar_uuid))


def remove_stale_mappings(vios_w, lpar_id):
    """Remove mappings of a former partition whose id is in use again.

    The platform may keep the server side of a mapping when its client is
    deleted; the next partition with that id would inherit it. The storage
    behind it is left alone: it goes with the server that owns its name.
    A mapping that tells of another partition stays: that has it.

    :param vios_w: VIOS wrapper, read with SCSI_MAPPING.
    :param lpar_id: int, id of the partition that exists now.
    :returns: list of the mappings that were removed.
    """
    def is_stale(mapping):
        return (mapping.server_adapter.lpar_id == lpar_id and
                clients.is_orphan(mapping))

    stale = remove_mappings(vios_w, is_stale)
    if stale:
        LOG.warning('Removed %(count)d mappings that a former partition with '
                    'the id %(id)d left on VIOS %(vios)s.',
                    {'count': len(stale), 'id': lpar_id,
                     'vios': vios_w.name})
    return stale


def remove_stale_fc_mappings(vios_w, lpar_ids):
    """Do the same for mappings of virtual Fibre Channel adapters.

    :param vios_w: VIOS wrapper, read with FC_MAPPING.
    :param lpar_ids: collection of int, ids of the partition that exists now,
        and of those that it was before.
    :returns: bool, whether there were any.
    """
    mappings = vios_w.vfc_mappings
    stale = [mapping for mapping in mappings if clients.is_fc_orphan(mapping)
             and mapping.server_adapter.lpar_id in lpar_ids]
    for mapping in stale:
        LOG.warning('Removing Fibre Channel adapter %(name)s of VIOS %(vios)s,'
                    ' which a former partition with the id %(id)d left.',
                    {'name': mapping.server_adapter.name,
                     'vios': vios_w.name,
                     'id': mapping.server_adapter.lpar_id})
        mappings.remove(mapping)
    return bool(stale)


def find_mapping(vios_w, lpar_uuid, wrapper_class, name):
    """Find the mapping of storage to a partition.

    :param vios_w: VIOS wrapper, read with SCSI_MAPPING.
    :param lpar_uuid: str, PowerVM UUID of the client partition.
    :param wrapper_class: pypowervm class of the storage, such as VDisk.
    :param name: str, its name; that of a disk without a path.
    :returns: the mapping, or None.
    """
    return next((mapping for mapping in vios_w.scsi_mappings
                 if is_named(mapping.backing_storage, wrapper_class, [name])
                 and clients.is_client(mapping, lpar_uuid)), None)


def base_name(element):
    """Name of storage without a path (file-backed disks have one)."""
    return element.name.rsplit('/', 1)[-1]


def remove_mappings(vios_w, is_match):
    """Remove the mappings of which a function is true; returns a list."""
    mappings = vios_w.scsi_mappings
    removed = [mapping for mapping in mappings if is_match(mapping)]
    for mapping in removed:
        mappings.remove(mapping)
    return removed


# ---- clean-up ------------------------------------------------------------

def try_to(what, func, *args):
    """Call func to clean up; log a failure instead of raising it.

    :param what: str, what it is to do.
    :returns: bool, whether it succeeded.
    """
    try:
        func(*args)
        return True
    except Exception:
        LOG.exception('Could not %s; it is left behind for now.', what)
        return False
