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

"""The slot map of one server, and the changes that operations make to it."""

from __future__ import annotations

import io
import pickle
import typing

from oslo_log import log as logging
from oslo_serialization import base64 as base64utils
from pypowervm import adapter as pvm_adapter
from pypowervm.tasks import slot_map as pvm_slot_map
from pypowervm.wrappers import storage as pvm_stg
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.virt.powervm.nvram import api
from nova_powervm.virt.powervm.storage import elements

LOG = logging.getLogger(__name__)

#: The devices at a slot: class of device -> identity -> detail.
Devices: typing.TypeAlias = dict[str, dict[str, typing.Any]]
#: A map: slot -> devices.
Topology: typing.TypeAlias = dict[int, Devices]

IO = pvm_slot_map.IOCLASS
#: This driver's classes of a slot: {VIOS UUID: its name} and {name: LUA}.
VIOS = 'VIOS'
NAMES = 'NAMES'
#: The classes of devices behind a virtual SCSI adapter, and on networks.
SCSI = (IO.PV, IO.LU, IO.VDISK, IO.VOPT, NAMES)
NETWORK = (IO.CNA, IO.VNIC)


class SlotMap(pvm_slot_map.SlotMapStore):
    """The slot map of one server, as it is in the store.

    :param store: api.NvramStore
    :param instance_uuid: str, UUID of the server
    :param load: whether to read it; otherwise it is empty.
    :raises api.NVRAMDownloadException: if it cannot be read.
    """

    def __init__(self, store: api.NvramStore, instance_uuid: str,
                 load: bool = True) -> None:
        self._store = store
        super().__init__('%s_slot_map' % instance_uuid, load=load)

    def _load(self, key: str) -> bytes | None:
        content = self._store.fetch_slot_map(key)
        if content is None or _is_sound(content):
            return content
        LOG.warning('The slot map %s is damaged; it is not used.', key)
        return None

    def _save(self, key: str, blob: bytes) -> None:
        self._store.store_slot_map(key, blob)

    def _delete(self, key: str) -> None:
        self._store.delete_slot_map(key)

    def apply(self, changes: typing.Iterable[Change]) -> None:
        """Apply changes, a list of Change, to the map."""
        for change in changes:
            change.apply(self._slot_topo)


class _PlainUnpickler(pickle.Unpickler):
    """Reads only numbers, text and containers of them; runs no code."""

    def find_class(self, module: str, name: str) -> typing.NoReturn:
        raise pickle.UnpicklingError('a slot map holds no %s' % name)


def _is_sound(content: bytes) -> bool:
    """Return whether pypowervm can safely read a slot map."""
    try:
        try:
            content = base64utils.decode_as_bytes(content)
        except UnicodeDecodeError:
            # Not in base64: pypowervm on Python 3 writes it without.
            pass
        topology = _PlainUnpickler(io.BytesIO(content)).load()
        return isinstance(topology, dict) and all(
            _is_slot(slot) and isinstance(devices, dict) and
            all(isinstance(found, dict) for found in devices.values())
            for slot, devices in topology.items())
    except Exception:
        return False


def _is_slot(number: object) -> bool:
    """Return whether a number can be a slot: 0 and 1 are the console's."""
    return type(number) is int and 2 <= number < pvm_stg.ANY_SLOT


class SeenDevices(pvm_slot_map.SlotMapStore):
    """Devices that an operation has seen, in the form of a map; not stored.

    :param vswitches: function that returns a dict of switch id -> name.
    """

    def __init__(self, vswitches: typing.Callable[[], dict[int, str]]) -> None:
        super().__init__(None, load=False)
        self._vswitches = vswitches

    def _vswitch_id2name(self, adap: pvm_adapter.Adapter) -> dict[int, str]:
        return self._vswitches()

    def register_scsi(self, vios_w: pvm_vios.VIOS,
                      mapping: pvm_vios.VSCSIMapping) -> None:
        """Record a mapping of a VIOS, if it has storage."""
        element, target = mapping.backing_storage, mapping.target_dev
        if element is None or target is None:
            return
        self.register_vscsi_mapping(mapping)
        slot = mapping.server_adapter.lpar_slot_num
        self.register_vios(vios_w, slot)
        if not isinstance(element, pvm_stg.PV):
            # A physical volume has another name on each VIOS.
            self._reg_slot(NAMES, elements.base_name(element), slot,
                           extra_spec=target.lua)

    def register_vios(self, vios_w: pvm_vios.VIOS, slot: int) -> None:
        """Record the VIOS behind a slot."""
        self._reg_slot(VIOS, vios_w.uuid, slot,
                       extra_spec=vios_w.name)


class Change:
    """The change of a map by an operation.

    :param seen: dict of slot -> devices that exist now.
    :param new_lpar: whether the LPAR is new, so that nothing else exists.
    :param gone: function of another slot and its devices in the map; returns
        whether these are gone. None if none are.
    """

    def __init__(
            self, seen: Topology, new_lpar: bool = False,
            gone: typing.Callable[[int, Devices], bool] | None = None) -> None:
        self.seen = seen
        self.new_lpar = new_lpar
        self._gone = gone

    def apply(self, topology: Topology) -> None:
        """Apply the change to a dict of slot -> devices."""
        for slot, devices in list(topology.items()):
            if self.new_lpar or (self._gone is not None and
                                 self._gone(slot, devices)):
                topology.pop(slot)
        topology.update(self.seen)
