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

"""Tag the disk that a server with IBM i boots from.

IBM i has no boot list. Instead, tags of the LPAR name two of its virtual
slots. One has the adapter of the load source, the disk to boot from. The other
one has the adapter of the alternate load source, for installations (source:
the description of pypowervm's tasks.ibmi). An LPAR without a load source does
not start. The platform chooses the slots. So the driver checks the tags before
each start of a server, and corrects them.
"""

import typing

from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import base_partition as pvm_bp
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.virt.powervm import power_states
from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)

#: The tag for the console of the management console, in pypowervm.
_CONSOLE = 'HMC'
# Values of a tag that is not set (source: capture lpar_ibmi.txt of pypowervm,
# and its LPARBuilder).
_UNSET = (None, '', '0', 'NONE')
# An LPAR that has crashed is stopped before it is started.
_STOPPED = (power_states.OFF, pvm_bp.LPARState.ERROR)
_KEYLOCKS = (pvm_bp.KeylockPos.MANUAL, pvm_bp.KeylockPos.NORMAL)


class Tags(typing.NamedTuple):
    """What an LPAR with IBM i boots from, and how.

    :ivar load_source: str, virtual slot; None if there is no tagged I/O.
    :ivar alternate: str, virtual slot of the alternate load source, or None.
    :ivar console: str, virtual slot or HMC, or None.
    :ivar ipl_source: a pypowervm IPLSrc, or None.
    :ivar keylock: a pypowervm KeylockPos, or None.
    """

    load_source: typing.Optional[str]
    alternate: typing.Optional[str]
    console: typing.Optional[str]
    ipl_source: typing.Optional[str]
    keylock: typing.Optional[str]


class LoadSource:
    """Tags the disk to boot from, before a server with IBM i starts.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :param find: function that returns the virtual slots by which the server
        reaches the disk to boot from: a list of int, the best first. It takes
        a list of VIOS wrappers, read with xag.
    :param xag: attribute groups of VIOS documents that find() needs.
    """

    def __init__(self, host, instance, find,
                 xag=(vios_mappings.SCSI_MAPPING,)):
        self._host = host
        self._instance = instance
        self._find = find
        self._xag = sorted({vios_mappings.SCSI_MAPPING, *xag})
        # The Tags before tag(); None if tag() has changed nothing.
        self._before = None

    def tag(self, vioses=None, even_if_on=False):
        """Tag the slot of the disk to boot from, if it is not tagged.

        Costs 1 request, 1 more if vioses do not have the disk or the alternate
        load source, and 1 more if a tag changes. An LPAR that is on keeps its
        tags, because they take effect only when it starts.

        :param vioses: dict of UUID -> VIOS wrapper after an earlier edit of
            the flow; or None.
        :param even_if_on: whether to tag even an LPAR that is on.
        :raises nova.exception.InstanceNotFound: if there is no LPAR here.
        :raises PowerVMAPIFailed: if the platform refuses.
        :raises pypowervm.exceptions.IBMiLoadSourceNotFound: if the server has
            no storage at all.
        :raises pypowervm.exceptions.Error: if the platform does not answer.
        """
        def change(lpar_w):
            if not even_if_on and lpar_w.state not in _STOPPED:
                return lpar_w
            before = read(lpar_w)
            wanted = self._choose(before, vioses)
            if wanted == before:
                return lpar_w
            if self._before is None:
                self._before = before
            write(lpar_w, wanted)
            return lpar_w.update()

        vm.edit_lpar(self._host, self._instance, change)

    def give_back(self):
        """Restore the tags before tag(), if tag() has changed them.

        Costs up to 2 requests, and is idempotent.

        :raises: as tag().
        """
        def change(lpar_w):
            if read(lpar_w) == self._before:
                return lpar_w
            write(lpar_w, self._before)
            return lpar_w.update()

        if self._before is not None:
            vm.edit_lpar(self._host, self._instance, change)

    def _choose(self, before, vioses):
        """Return the Tags to write; tags that are right stay."""
        boot, others = self._look(list((vioses or {}).values()))
        if not boot or before.alternate not in (*_UNSET, *others):
            # The flow has edited other VIOSes, or not all.
            boot, others = self._look(self._host.vioses(self._xag))
        if not boot:
            boot = self._guess(before, others)
        load_source = before.load_source
        if load_source not in boot:
            # The end of a rescue finds the other path as alternate.
            load_source = next((slot for slot in boot
                                if slot != before.alternate), boot[0])
        others = [slot for slot in others if slot != load_source]
        return Tags(
            load_source=load_source,
            alternate=_keep_or_first(before.alternate, others or boot),
            console=(_CONSOLE if before.console in _UNSET
                     else before.console),
            ipl_source=pvm_lpar.IPLSrc.B, keylock=pvm_bp.KeylockPos.NORMAL)

    def _look(self, vioses):
        """Find the slots of the disk to boot from, and all, as lists of str.

        Slots of VIOSes that are down count only if no other VIOS has the disk.
        """
        up = self._host.filter_active(vioses)
        for wraps in (up, vioses):
            boot = [str(slot) for slot in self._find(wraps)]
            if boot:
                return boot, self._slots(wraps)
        return [], self._slots(up) or self._slots(vioses)

    def _slots(self, vioses):
        """Return all slots with storage; slots of optical media come first."""
        found = {}
        for vios_w in vioses:
            mappings = list(vios_w.scsi_mappings)
            if vios_mappings.FC_MAPPING in self._xag:
                mappings += vios_w.vfc_mappings
            for mapping in mappings:
                if mapping.client_adapter is not None and clients.is_client(
                        mapping, vm.get_lpar_uuid(self._instance)):
                    slot = mapping.client_adapter.lpar_slot_num
                    found[slot] = found.get(slot) or _is_optical(mapping)
        return [str(slot) for slot in sorted(
            found, key=lambda slot: (not found[slot], slot))]

    def _guess(self, before, slots):
        """Choose slots if no VIOS reports where the boot disk is."""
        if not slots:
            raise pvm_exc.IBMiLoadSourceNotFound(vm_name=self._instance.name)
        if before.load_source in slots:
            return [before.load_source]
        LOG.warning('No VIOS tells where the boot disk is; the server boots '
                    'from its first adapter.', instance=self._instance)
        return sorted(slots, key=int)


def _keep_or_first(tag, slots):
    return tag if tag in slots else slots[0]


def _is_optical(mapping):
    return isinstance(getattr(mapping, 'backing_storage', None),
                      pvm_stg.VOptMedia)


def read(lpar_w):
    """Read the Tags of an LPAR wrapper (no request)."""
    tagged = lpar_w.io_config.tagged_io
    return Tags(
        load_source=tagged and tagged.load_src,
        alternate=tagged and tagged.alt_load_src,
        console=tagged and tagged.console,
        ipl_source=lpar_w.desig_ipl_src, keylock=lpar_w.keylock_pos)


def write(lpar_w, tags):
    """Write Tags into an LPAR wrapper (no request).

    A tag stays as it is for None, or for a value that only the platform sets.
    """
    if tags.load_source is not None:
        tagged = lpar_w.io_config.tagged_io
        if tagged is None:
            lpar_w.io_config.tagged_io = pvm_bp.TaggedIO.bld(lpar_w.adapter)
            tagged = lpar_w.io_config.tagged_io
        tagged.load_src = tags.load_source
        tagged.alt_load_src = tags.alternate
        tagged.console = tags.console
    if tags.ipl_source in pvm_lpar.IPLSrc.ALL_VALUES:
        lpar_w.desig_ipl_src = tags.ipl_source
    if tags.keylock in _KEYLOCKS:
        lpar_w.keylock_pos = tags.keylock
