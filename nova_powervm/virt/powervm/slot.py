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

"""Slot maps: where a server finds its devices, kept so that they stay there.

A device of an LPAR is at a slot, the number of a virtual adapter, and a disk
behind a virtual SCSI adapter at a logical unit address (LUA) too. The guest
knows its devices by them. The platform chooses both when it is not told; an
LPAR that is made anew, on this host or another, might get others. So the map
of each server is kept in a store (see nvram) and followed then.

The map has the form of pypowervm's SlotMapStore: a dict of slot -> class of
device -> identity of the device -> detail. Beside pypowervm's classes a slot
has two of ours, which pypowervm does not look at: the VIOS that it leads to,
and the addresses of disks and media by name. The names of a server's own
disks and its config drive are computed from its UUID, so they are the same
after a move; the UDID of a config drive that is made anew is not.

How it works together:

* An operation that changes devices has a ServerSlots. The StorageTransaction
  of its flow and the tasks on network adapters tell it what is there
  afterwards, which they know from what the platform answered: no request is
  sent for it. Its save(), at the end of a flow that went well, queues the
  change.
* SlotMaps, one per driver, has the worker of nvram apply what is queued to
  the map in the store. What could not be stored stays queued and is tried
  again with the next change or event; a map that is read meanwhile has it.
* For an LPAR that is made anew, ServerSlots reads the map and tells the slot
  of each port, and the slot and address of each disk. A slot behind which
  there were disks belongs to one VIOS; which of those on the new host takes
  it is chosen so that most disks come to where they were. Without a map, or
  for what is not in it, the platform chooses, or a slot is chosen that is
  not in the map. So a map that cannot be fetched, is damaged or out of date
  hinders nobody.
* The map is deleted with the server.

pypowervm's own RebuildSlotMap is not used: it gives up on servers that have
virtual media, which a config drive is, and on disks that are not in the map.
"""

import functools
import io
import pickle
import threading

from nova.compute import task_states
from nova.compute import vm_states
from oslo_concurrency import lockutils
from oslo_log import log as logging
from oslo_serialization import base64 as base64utils
from pypowervm import const as pvm_const
from pypowervm.tasks import slot_map
from pypowervm import util as pvm_util
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.virt.powervm.nvram import api
from nova_powervm.virt.powervm import placement
from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm.storage import elements
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)

_IO = slot_map.IOCLASS
_SCSI = (_IO.PV, _IO.LU, _IO.VDISK, _IO.VOPT, placement.NAMES)
_NETWORK = (_IO.CNA, _IO.VNIC)
# Assumed, as the simulator does: below are the serial adapters.
_FIRST_SLOT = 2

_LEAVING_TASKS = (task_states.DELETING, task_states.SOFT_DELETING)
_LEAVING_STATES = (vm_states.DELETED, vm_states.SOFT_DELETED)
_SHELVED_STATES = (vm_states.SHELVED, vm_states.SHELVED_OFFLOADED)
_REBUILD_TASKS = (task_states.REBUILDING,
                  task_states.REBUILD_BLOCK_DEVICE_MAPPING,
                  task_states.REBUILD_SPAWNING)


def is_leaving(instance, nodename):
    """Whether a server that is removed here is deleted, for good."""
    return instance.host in (None, nodename) and (
        instance.task_state in _LEAVING_TASKS or
        instance.vm_state in _LEAVING_STATES)


def is_shelved(instance):
    """Whether a server that is made here was shelved before."""
    return instance.vm_state in _SHELVED_STATES


def had_devices(instance):
    """Whether a server that is made here had devices before."""
    return is_shelved(instance) or instance.task_state in _REBUILD_TASKS


# ---- one map ---------------------------------------------------------------

class SlotMap(slot_map.SlotMapStore):
    """The slot map of one server, as it is in the store.

    :param store: api.NvramStore
    :param instance_uuid: str
    :param load: whether to read it; otherwise it is empty.
    :raises api.NVRAMDownloadException: if it cannot be read.
    """

    def __init__(self, store, instance_uuid, load=True):
        self._store = store
        super().__init__('%s_slot_map' % instance_uuid, load=load)

    def _load(self, key):
        content = self._store.fetch_slot_map(key)
        if content is None or _is_sound(content):
            return content
        LOG.warning('The slot map %s is damaged; it is not used.', key)
        return None

    def _save(self, key, blob):
        self._store.store_slot_map(key, blob)

    def _delete(self, key):
        self._store.delete_slot_map(key)

    def apply(self, changes):
        """Make changes, a list of Change, to the map."""
        for change in changes:
            change.apply(self._slot_topo)


class _PlainUnpickler(pickle.Unpickler):
    """Reads numbers, text and containers of them, and runs no code."""

    def find_class(self, module, name):
        raise pickle.UnpicklingError('a slot map holds no %s' % name)


def _is_sound(content):
    """Whether pypowervm can read a slot map without any danger."""
    try:
        try:
            content = base64utils.decode_as_bytes(content)
        except UnicodeDecodeError:
            # Not in base64, as of Python 3.
            pass
        topology = _PlainUnpickler(io.BytesIO(content)).load()
        return isinstance(topology, dict) and all(
            _is_slot(slot) and isinstance(devices, dict) and
            all(isinstance(found, dict) for found in devices.values())
            for slot, devices in topology.items())
    except Exception:
        return False


def _is_slot(number):
    """Whether a number can be that of a slot: 0 and 1 are of the console."""
    return type(number) is int and 2 <= number < pvm_stg.ANY_SLOT


class _Scratch(slot_map.SlotMapStore):
    """What an operation has seen, in the form of a map; it is not stored.

    :param vswitches: function that returns a dict of switch id -> name.
    """

    def __init__(self, vswitches):
        super().__init__(None, load=False)
        self._vswitches = vswitches

    def _vswitch_id2name(self, adap):
        return self._vswitches()

    def register_scsi(self, vios_w, mapping):
        """Take in a mapping of a VIOS, if it has storage."""
        element, target = mapping.backing_storage, mapping.target_dev
        if element is None or target is None:
            return
        self.register_vscsi_mapping(mapping)
        slot = mapping.server_adapter.lpar_slot_num
        self.register_vios(vios_w, slot)
        if not isinstance(element, pvm_stg.PV):
            # A physical volume has another name on each VIOS.
            self._reg_slot(placement.NAMES, elements.base_name(element), slot,
                           extra_spec=target.lua)

    def register_vios(self, vios_w, slot):
        """Take in that a slot leads to a VIOS."""
        self._reg_slot(placement.VIOS, vios_w.uuid, slot,
                       extra_spec=vios_w.name)


class Change:
    """What an operation makes of a map.

    :param seen: dict of slot -> devices that are there now.
    :param anew: whether nothing else is there.
    :param gone: function that tells of the devices of another slot, as they
        are in the map, whether they are gone; None if none are.
    """

    def __init__(self, seen, anew=False, gone=None):
        self.seen = seen
        self.anew = anew
        self._gone = gone

    def apply(self, topology):
        """Make the change to a dict of slot -> devices."""
        for slot, devices in list(topology.items()):
            if self.anew or self._gone is not None and self._gone(slot,
                                                                  devices):
                topology.pop(slot)
        topology.update(self.seen)


# ---- the maps of a driver --------------------------------------------------

class SlotMaps:
    """The slot maps of the servers of one host, in a store.

    :param host: the Host.
    :param store: api.NvramStore
    :param worker: nvram.worker.Worker that writes to it.
    """

    def __init__(self, host, store, worker):
        self.host = host
        self._store = store
        self._worker = worker
        # The map of a server is read, changed and written by one thread at a
        # time; a slow answer of the store keeps no other server waiting.
        self._writing = lockutils.Semaphores()
        self._lock = threading.Lock()
        # Server UUID -> list of what is to become of its map: Change, or
        # None for its end.
        self._pending = {}

    def of(self, instance, anew=False, guided=False):
        """Begin an operation on the devices of a server (no request).

        :param anew: whether its LPAR is made by the operation.
        :param guided: whether devices go to where they were.
        :returns: ServerSlots
        """
        return ServerSlots(self, instance, anew=anew, guided=guided)

    def load(self, instance_uuid):
        """Read the map of a server, with what could not be stored.

        :returns: dict of slot -> devices.
        :raises api.NVRAMDownloadException: if it cannot be read.
        """
        return self._changed_map(instance_uuid,
                                 self._pending_of(instance_uuid)).topology

    def save(self, instance_uuid, changes):
        """Have changes, a list of Change, made to the map of a server."""
        self._queue(instance_uuid, changes)

    def delete(self, instance):
        """Have the map of a server deleted."""
        self._queue(instance.uuid, [None])

    def flush(self, instance):
        """Store now what waits to be stored for a server. Never raises."""
        if self._pending_of(instance.uuid):
            try:
                self._write(instance.uuid)
            except Exception as exc:
                LOG.warning('%s', exc, instance=instance)

    def _queue(self, instance_uuid, changes):
        with self._lock:
            self._pending.setdefault(instance_uuid, []).extend(changes)
        self._worker.submit(('slots', instance_uuid), functools.partial(
            self._write, instance_uuid))

    def _pending_of(self, instance_uuid):
        with self._lock:
            return list(self._pending.get(instance_uuid, ()))

    def _changed_map(self, instance_uuid, changes):
        """Read a map and make changes to it.

        It is read only if something of it can be left.
        """
        deaths = [number for number, change in enumerate(changes)
                  if change is None]
        since = changes[deaths[-1] + 1:] if deaths else changes
        found = SlotMap(self._store, instance_uuid, load=not (
            deaths or any(change.anew for change in since)))
        found.apply(since)
        return found

    def _write(self, instance_uuid):
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


# ---- one operation on one server -------------------------------------------

class ServerSlots:
    """What one operation finds out about the slots of a server, and wants.

    Made by SlotMaps.of(). It may be used by several threads.
    """

    def __init__(self, maps, instance, anew=False, guided=False):
        self.instance = instance
        self._maps = maps
        self._anew = anew
        self._guided = guided
        self._changes = []
        self._lpar_uuid = vm.get_pvm_uuid(instance)
        # Held while the map is read, too: each thread of the operation needs
        # it before it can go on. Those of other servers have other locks.
        self._lock = threading.RLock()
        self._guide = None
        self._max_slots = 0
        self._vnet_slots = set()
        # VIOS UUID -> list of the identities of what it is to map.
        self._expected = {}
        # (VIOS UUID, identity) -> (slot, LUA).
        self._places = {}
        # WWPNs -> name of the fabric.
        self._fabrics = {}
        # (name of the fabric, WWPNs) -> slot, or None.
        self._vfc_slots = {}

    @property
    def guide(self):
        """The map that is followed; empty if there is none. Never raises."""
        with self._lock:
            if self._guide is None:
                self._guide = self._read_guide() if self._guided else {}
            return self._guide

    def _read_guide(self):
        try:
            return self._maps.load(self.instance.uuid)
        except Exception as exc:
            LOG.warning('The devices of the server may change their places, '
                        'as its slot map is not known: %s', exc,
                        exc_info=not isinstance(exc, api.NVRAMException),
                        instance=self.instance)
            return {}

    # ---- the partition -------------------------------------------------

    @property
    def min_slots(self):
        """How many slots the LPAR must have, int, for all devices."""
        return max(self.guide, default=-1) + 1

    def note_partition(self, lpar_w):
        """Take in the LPAR wrapper of the server."""
        self._max_slots = lpar_w.io_config.max_virtual_slots

    def _free_slot(self, taken, high=False):
        """Find a slot that is neither in the map nor taken, or None."""
        slots = range(_FIRST_SLOT, self._max_slots)
        for slot in reversed(slots) if high else slots:
            if (slot not in self.guide and slot not in taken and
                    slot not in self._vnet_slots):
                return slot
        return None

    @property
    def reserved(self):
        """Slots of network adapters, and of what is in the map: set of int.

        They are not all that are in use.
        """
        return self._vnet_slots.union(self.guide)

    # ---- network adapters ----------------------------------------------

    def vnet_slot(self, mac):
        """Tell the slot that a network adapter is to have.

        :param mac: str, its MAC address, or None if it is not known yet.
        :returns: int; None if the platform is to choose.
        """
        if not (self._anew and self.guide):
            return None
        mac = mac and pvm_util.sanitize_mac_for_api(mac)
        for slot, devices in self.guide.items():
            if any(mac in devices.get(cls, ()) for cls in _NETWORK):
                break
        else:
            slot = self._free_slot((), high=True)
        self._vnet_slots.add(slot)
        return slot

    def record_vnets(self, adapters, complete=False):
        """Take in network adapters of the server.

        :param adapters: list of CNA wrappers; None among them is left out.
        :param complete: whether these are all.
        """
        seen = _Scratch(self._maps.host.vswitch_names)
        for adapter in adapters:
            if adapter is not None:
                seen.register_vnet(adapter)
        slots = set(seen.topology)
        self._vnet_slots |= slots
        # What a slot has is one adapter: an old one of that name is gone.
        macs = {mac for devices in seen.topology.values()
                for found in devices.values() for mac in found}

        def is_gone(slot, devices):
            return slot not in slots and any(
                complete or not macs.isdisjoint(devices[cls])
                for cls in _NETWORK if cls in devices)

        self._changes.append(Change(seen.topology, gone=is_gone))

    def drop_vnets(self, macs):
        """Take in that network adapters are gone.

        :param macs: iterable of their MAC addresses, str.
        """
        macs = set(map(pvm_util.sanitize_mac_for_api, macs))
        self._changes.append(Change({}, gone=lambda slot, devices: any(
            not macs.isdisjoint(devices.get(cls, ())) for cls in _NETWORK)))

    # ---- storage: what the StorageTransaction tells and asks ------------

    def expect(self, vios_uuid, element):
        """Take in that a VIOS is to map storage to the server.

        :param element: wrapper of a disk, medium, logical unit or volume.
        """
        if self._guided:
            self._expected.setdefault(vios_uuid, []).append(
                placement.identities(element))

    @property
    def has_plan(self):
        """Whether plan() is to see the VIOSes before they are edited."""
        return bool(self._expected)

    def plan(self, vioses):
        """Decide where all goes that is expected and not there.

        :param vioses: dict of UUID -> VIOS wrapper.
        """
        there = {vios_uuid: self._mappings(vios_w)
                 for vios_uuid, vios_w in vioses.items()}
        lacking = {}
        for vios_uuid, expected in self._expected.items():
            mapped = placement.identities_of(there.get(vios_uuid, ()))
            lacking[vios_uuid] = [identities for identities in expected
                                  if mapped.isdisjoint(identities)]
        if any(lacking.values()) and self.guide:
            self._places = placement.Placement(
                self.guide, vioses, there, lacking, self._vnet_slots,
                self._free_slot).make()

    def place(self, vios_w, element):
        """Tell where the server is to find storage that a VIOS maps to it.

        :returns: (int slot, str LUA); None in place of either, or both, if
            the platform is to choose.
        """
        for identity in placement.identities(element):
            if (vios_w.uuid, identity) in self._places:
                slot, lua = self._places[vios_w.uuid, identity]
                if lua in placement.luas(self._mappings(vios_w), slot):
                    lua = None
                return slot, lua
        return None, None

    def place_vfc(self, fabric, wwpns):
        """Tell the slot that a virtual Fibre Channel adapter is to have.

        The map knows adapters by their fabric; it learns that of this one.

        :param fabric: str, name of the fabric.
        :param wwpns: iterable of its two WWPNs.
        :returns: int; None if the platform is to choose.
        """
        wwpns = _plain_wwpns(wwpns)
        with self._lock:
            self._fabrics[wwpns] = fabric
            key = fabric, wwpns
            if self._guided and key not in self._vfc_slots:
                self._vfc_slots[key] = self._kept_vfc_slot(fabric, wwpns)
            return self._vfc_slots.get(key)

    def _kept_vfc_slot(self, fabric, wwpns):
        """The slot that an adapter had, or None.

        After an evacuation all adapters have new WWPNs; each then takes the
        slot of one of its fabric.
        """
        kept = {slot: _plain_wwpns(devices[_IO.VFC][fabric])
                for slot, devices in self.guide.items()
                if devices.get(_IO.VFC, {}).get(fabric)}
        for slot in sorted(kept):
            if kept[slot] == wwpns:
                return slot
        taken = self._vfc_slots.values()
        return next((slot for slot in sorted(kept) if slot not in taken),
                    None)

    def record(self, vioses, removed, xag):
        """Take in what VIOSes map to the server.

        :param vioses: dict of UUID -> VIOS wrapper, as they are now.
        :param removed: list of the mappings that were removed from them.
        :param xag: attribute groups with which they were read.
        """
        seen = _Scratch(self._maps.host.vswitch_names)
        vfc = pvm_const.XAG.VIO_FMAP in xag
        for vios_w in vioses.values():
            for mapping in self._mappings(vios_w):
                seen.register_scsi(vios_w, mapping)
            if vfc:
                self._record_vfc(seen, vios_w)
        freed = {mapping.server_adapter.lpar_slot_num for mapping in removed
                 if clients.is_client(mapping, self._lpar_uuid)}
        read = set(vioses)

        def is_gone(slot, devices):
            is_read = not read.isdisjoint(devices.get(placement.VIOS, ()))
            if _IO.VFC in devices:
                return vfc and is_read
            return any(cls in devices for cls in _SCSI) and (
                is_read or slot in freed)

        self._changes.append(Change(seen.topology, gone=is_gone))

    def _record_vfc(self, seen, vios_w):
        for mapping in vios_w.vfc_mappings:
            client = mapping.client_adapter
            if client is None or not clients.is_client(mapping,
                                                       self._lpar_uuid):
                continue
            fabric = self._fabrics.get(_plain_wwpns(client.wwpns))
            if fabric is not None:
                seen.register_vfc_mapping(mapping, fabric)
                seen.register_vios(vios_w,
                                   mapping.server_adapter.lpar_slot_num)

    def _mappings(self, vios_w):
        return [mapping for mapping in vios_w.scsi_mappings
                if mapping.client_adapter is not None and
                clients.is_client(mapping, self._lpar_uuid)]

    # ---- the end -------------------------------------------------------

    def save(self):
        """Have the map changed to what was seen; to be called at the end."""
        changes = list(self._changes)
        if self._anew:
            changes.insert(0, Change({}, anew=True))
        if changes:
            self._maps.save(self.instance.uuid, changes)


def _plain_wwpns(wwpns):
    return frozenset(wwpn.upper().replace(':', '') for wwpn in wwpns)
