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

"""Volumes of storage arrays, and what can go wrong with them."""

import base64

from nova_powervm.simulator import errors
from nova_powervm.simulator.san import address

#: What can go wrong with a volume, see Volume.set_fault().
NOT_EXPORTED = 'not_exported'
WRONG_LUN = 'wrong_lun'
PATH_DOWN = 'path_down'
RESERVED = 'reserved'
FAULTS = (NOT_EXPORTED, WRONG_LUN, PATH_DOWN, RESERVED)

#: How far off a volume is while its LUN is wrong.
_WRONG_BY = 256


class Volume:
    """A volume of an array.

    :ivar id: str, the name in the array
    :ivar naa: str of 32 hex digits, its identity in page 83
    :ivar disk: sparse_disk.SparseDisk with its bytes
    :ivar exports: dict, initiator WWPN -> LUN of the export
    :ivar hdisks: list of the san_disk.SanDisks that VIOSes have of it
    """

    TAG = 'Volume'
    file_format = 'raw'

    def __init__(self, array, volume_id, disk):
        self.array = array
        self.id = volume_id
        self.naa = array.next_naa()
        self.disk = disk
        self.exports = {}
        self.hdisks = []
        self._faults = {}

    @property
    def name(self):
        """Its id: it has no other name."""
        return self.id

    base_name = name

    @property
    def size(self):
        """Size in bytes."""
        return self.disk.size

    @property
    def udid(self):
        """UniqueDeviceID of its hdisks: the same on all VIOSes.

        source: capture fake_vios_ssp_npiv.txt
        """
        return '01' + _base64('3IBM214524C' + self.naa)

    @property
    def page83(self):
        """str, the identity in the format of DescriptorPage83."""
        return _base64(self.naa)

    def clients(self):
        """Return the sorted names of the partitions that have it mapped."""
        return sorted({name for hdisk in self.hdisks
                       for name in hdisk.clients()})

    def bytes_changed(self):
        """Note that data was written to it: nothing follows from that."""

    # -- faults -----------------------------------------------------------

    def set_fault(self, kind, wwpns=()):
        """Let something go wrong with it.

        not_exported: the array says that it exports the volume, but does not;
        wrong_lun: the volume has another LUN than the array says; path_down:
        the paths are broken; reserved: another host holds a SCSI reservation,
        so an initiator finds the volume but cannot read it.

        :param kind: one of FAULTS
        :param wwpns: the initiators (or targets, for path_down) with the
                      fault; empty for all
        """
        if kind not in FAULTS:
            raise errors.Refused('Unknown fault %s; known faults are %s' % (
                kind, ', '.join(FAULTS)))
        self._faults[kind] = frozenset(address.wwpn(wwpn) for wwpn in wwpns)

    @property
    def faults(self):
        """Sorted list of what is wrong with it, each one of FAULTS."""
        return sorted(self._faults)

    def clear_faults(self):
        """Let everything go well again."""
        self._faults.clear()

    def has_fault(self, kind, *wwpns):
        """Tell whether something is wrong with it for one of some WWPNs."""
        wanted = self._faults.get(kind)
        return wanted is not None and (not wanted or
                                       not wanted.isdisjoint(wwpns))

    # -- what an initiator sees -------------------------------------------

    def unit_for(self, initiator):
        """Return the address where an initiator finds it, or None."""
        lun = self.exports.get(initiator)
        if lun is None or self.has_fault(NOT_EXPORTED, initiator):
            return None
        if self.has_fault(WRONG_LUN, initiator):
            lun += _WRONG_BY
        return address.unit_of(lun)

    def state(self):
        return {'id': self.id, 'array': self.array.name, 'naa': self.naa,
                'size_bytes': self.size,
                'exports': dict(sorted(self.exports.items())),
                'faults': {kind: sorted(wwpns) for kind, wwpns in
                           sorted(self._faults.items())}}


def _base64(text):
    return base64.b64encode(text.encode()).decode()
