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

"""The storage area network of a site: fabrics, arrays and their volumes.

A volume is a LUN with real bytes. Whoever manages an array (Cinder does)
creates volumes there, and exports them to initiators: World-Wide Port Names
(WWPNs) of physical ports of VIOSes, or of virtual ports of partitions. The
methods of San are that interface, for tests in the same process; the control
API has it for others. The volumes say nothing by themselves: a VIOS sees one
after the job LUARecovery, a partition with a virtual port as soon as it looks.

Everything is zoned: an initiator reaches all targets of its fabric.
"""

import base64
import os
import re
from urllib import parse

from nova_powervm.simulator import errors
from nova_powervm.simulator import sparse_disk

#: What can go wrong with a volume, see Volume.set_fault().
NOT_EXPORTED = 'not_exported'
WRONG_LUN = 'wrong_lun'
PATH_DOWN = 'path_down'
RESERVED = 'reserved'
FAULTS = (NOT_EXPORTED, WRONG_LUN, PATH_DOWN, RESERVED)

_WWPN = re.compile('[0-9a-f]{16}')
_MAX_LUN = 16383
#: How far off a volume is while its LUN is wrong.
_WRONG_BY = 256
#: Vendor part of the identities of volumes, and of WWPNs of virtual ports
#: (source: capture fake_vios_ssp_npiv.txt).
_NAA_PREFIX = '60050763008380413'
_WWPN_PREFIX = 'c050760'


def plain(wwpn):
    """Bring a WWPN into the form that is used here.

    :param wwpn: str, in either case, with or without colons
    :returns: str of 16 lower case hex digits
    :raises errors.Refused: when it is none
    """
    text = str(wwpn).lower().replace(':', '')
    if not _WWPN.fullmatch(text):
        raise errors.Refused('%r is no WWPN' % wwpn)
    return text


def unit_of(lun):
    """Return the 8 bytes of the SCSI protocol that address a LUN.

    :param lun: int
    :returns: int, what pypowervm.tasks.hdisk writes in hexadecimal
    """
    return lun << (48 if lun < 1 << 28 else 32)


class Fabric:
    """A Fibre Channel fabric: what is on it reaches each other.

    :ivar up: bool, whether it works
    """

    def __init__(self, name):
        self.name = name
        self.up = True


class Target:
    """A port of a storage array.

    :ivar up: bool, whether it works
    """

    def __init__(self, array, wwpn, fabric):
        self.array = array
        self.wwpn = plain(wwpn)
        self.fabric = fabric
        self.up = True


class Array:
    """A storage array.

    :param number: int, tells it from the other arrays of the site
    :param capacity: int bytes
    :ivar targets: list of Target
    :ivar volumes: dict of id -> Volume
    """

    def __init__(self, name, number, capacity):
        self.name = name
        self.number = number
        self.capacity = capacity
        self.targets = []
        self.volumes = {}
        self._last_serial = 0

    @property
    def free(self):
        """Bytes that are left; volumes are thick."""
        return self.capacity - sum(volume.size for volume in
                                   self.volumes.values())

    def next_naa(self):
        """Return an identity that no volume ever had: 32 hex digits."""
        self._last_serial += 1
        return '%s%03X%012X' % (_NAA_PREFIX, self.number, self._last_serial)

    def check_free(self, size):
        """Refuse what does not fit.

        :param size: int bytes
        """
        if size > self.free:
            raise errors.Refused(
                'Array %s has %d bytes left, %d are needed' % (
                    self.name, max(0, self.free), size))


class Volume:
    """A volume of an array.

    :ivar id: str, what those who manage it call it
    :ivar naa: str of 32 hex digits, its identity in page 83
    :ivar disk: sparse_disk.SparseDisk with its bytes
    :ivar exports: dict, initiator WWPN -> LUN as those who manage it want it
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
        """Its identity as DescriptorPage83 has it."""
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

        not_exported: the array has not exported it, although it says so;
        wrong_lun: it is at another LUN than the array says; path_down:
        nothing comes through; reserved: a stranger holds a SCSI reservation,
        so that it is there but cannot be read.

        :param kind: one of FAULTS
        :param wwpns: for these initiators (path_down: or targets) only;
                      empty for all
        """
        if kind not in FAULTS:
            raise errors.Refused('There is no fault %s; there are %s' % (
                kind, ', '.join(FAULTS)))
        self._faults[kind] = frozenset(plain(wwpn) for wwpn in wwpns)

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
        return unit_of(lun)

    def state(self):
        return {'id': self.id, 'array': self.array.name, 'naa': self.naa,
                'size_bytes': self.size,
                'exports': dict(sorted(self.exports.items())),
                'faults': {kind: sorted(wwpns) for kind, wwpns in
                           sorted(self._faults.items())}}


class San:
    """The storage area network of a site.

    All methods need ``site.lock`` when servers run.

    :param site: site.Site
    :param spec: dict, the section ``san`` of the profile
    :ivar fabrics: dict of name -> Fabric
    :ivar arrays: list of Array
    """

    def __init__(self, site, spec):
        self._site = site
        self.fabrics = {name: Fabric(name) for name in spec['fabrics']}
        self.arrays = []
        self._issued = {}
        for number, array_spec in enumerate(spec['arrays']):
            array = Array(array_spec['name'], number,
                          int(array_spec['capacity_gb'] * 1024 ** 3))
            array.targets = [
                Target(array, target['wwpn'], self.fabrics[target['fabric']])
                for target in array_spec['targets']]
            self.arrays.append(array)

    # -- volumes ----------------------------------------------------------

    @property
    def volumes(self):
        """dict of id -> Volume."""
        return {volume_id: volume for array in self.arrays
                for volume_id, volume in array.volumes.items()}

    def volume(self, volume_id):
        """Find a volume.

        :raises errors.NotFound:
        """
        for array in self.arrays:
            if volume_id in array.volumes:
                return array.volumes[volume_id]
        raise errors.NotFound('There is no volume %s' % volume_id)

    def create_volume(self, volume_id, size, array=None):
        """Create a volume of zeroes.

        :param volume_id: str
        :param size: int bytes
        :param array: str, name of the array; None for the emptiest
        :returns: Volume
        :raises errors.RestError: when the id is taken or there is no space
        """
        if volume_id in self.volumes:
            raise errors.Conflict('There is a volume %s already' % volume_id)
        if size <= 0:
            raise errors.Refused('A volume needs a size')
        found = [a for a in self.arrays if array in (None, a.name)]
        if not found:
            raise errors.NotFound('There is no array %s' % (array or ''))
        place = max(found, key=lambda a: a.free)
        place.check_free(size)
        volume = Volume(place, volume_id, sparse_disk.SparseDisk(
            self._path_of(volume_id), size))
        place.volumes[volume_id] = volume
        return volume

    def _path_of(self, volume_id):
        return os.path.join(self._site.data_dir, 'san',
                            parse.quote(volume_id, safe=''))

    def delete_volume(self, volume_id):
        """Delete a volume and its bytes.

        :raises errors.Refused: while it is exported
        """
        volume = self.volume(volume_id)
        if volume.exports:
            raise errors.Refused('Volume %s is exported to %s' % (
                volume_id, ', '.join(sorted(volume.exports))))
        del volume.array.volumes[volume_id]
        volume.disk.delete()

    def rename_volume(self, volume_id, new_id):
        """Call a volume otherwise; nothing else of it changes.

        :raises errors.RestError: when there is none, or the id is taken
        """
        volume = self.volume(volume_id)
        if new_id in self.volumes:
            raise errors.Conflict('There is a volume %s already' % new_id)
        del volume.array.volumes[volume_id]
        volume.array.volumes[new_id] = volume
        volume.id = new_id
        volume.disk.move(self._path_of(new_id))

    def extend_volume(self, volume_id, size):
        """Make a volume larger; VIOSes know that after the next discovery.

        :param size: int bytes
        :raises errors.Refused: to shrink it, or when there is no space
        """
        volume = self.volume(volume_id)
        if size < volume.size:
            raise errors.Refused('Volume %s has %d bytes and cannot shrink' %
                                 (volume_id, volume.size))
        volume.array.check_free(size - volume.size)
        volume.disk.resize(size)

    # -- exports ----------------------------------------------------------

    def export(self, volume_id, initiators, lun=None):
        """Export a volume to the initiators of a client.

        They get the same LUN. Those that have the volume already keep theirs.

        :param initiators: WWPNs
        :param lun: int, None for the lowest that is free for all of them
        :returns: dict, what Cinder has as data of a connection_info
        :raises errors.RestError: for what an array refuses; nothing was
            exported then
        """
        volume = self.volume(volume_id)
        wanted = [plain(wwpn) for wwpn in initiators]
        if not wanted:
            raise errors.Refused('Volume %s cannot be exported to nobody' %
                                 volume_id)
        strangers = [wwpn for wwpn in wanted if not self.knows(wwpn)]
        if strangers:
            raise errors.Refused('Array %s has never seen the initiators %s' %
                                 (volume.array.name, ', '.join(strangers)))
        new = [wwpn for wwpn in wanted if wwpn not in volume.exports]
        lun = self._choose_lun(volume, wanted, new, lun)
        volume.exports.update(dict.fromkeys(new, lun))
        return self.connection(volume_id, initiators)

    @staticmethod
    def _choose_lun(volume, wanted, new, lun):
        taken = {other.exports[wwpn] for wwpn in new
                 for other in volume.array.volumes.values()
                 if wwpn in other.exports}
        old = {volume.exports[wwpn] for wwpn in wanted if wwpn not in new}
        if lun is None:
            lun = next((n for n in sorted(old) if n not in taken), None)
        if lun is None:
            lun = next(n for n in range(_MAX_LUN + 2) if n not in taken)
        if lun in taken or not 0 <= lun <= _MAX_LUN:
            raise errors.Refused('LUN %d is not free for %s' % (
                lun, ', '.join(new)))
        return lun

    def unexport(self, volume_id, initiators=None):
        """Take a volume away from initiators.

        :param initiators: WWPNs; None for all
        """
        volume = self.volume(volume_id)
        for wwpn in (list(volume.exports) if initiators is None
                     else map(plain, initiators)):
            volume.exports.pop(wwpn, None)

    def connection(self, volume_id, initiators):
        """Describe how initiators reach a volume that is exported to them.

        Initiators that are on no fabric yet, as virtual ports before their
        partition is made, are told of all targets.

        :param initiators: WWPNs, which come back as they are
        :returns: dict, what Cinder has as data of a connection_info
        """
        volume = self.volume(volume_id)
        reached = {wwpn: self._targets_of(volume, plain(wwpn))
                   for wwpn in initiators}
        luns = {wwpn: volume.exports[plain(wwpn)] for wwpn in initiators}
        return {
            'target_discovered': True,
            'target_lun': luns[initiators[0]],
            'target_wwn': sorted(set().union(*reached.values())),
            'initiator_target_map': reached,
            'initiator_target_lun_map': {
                wwpn: [[target, luns[wwpn]] for target in targets]
                for wwpn, targets in reached.items()}}

    def _targets_of(self, volume, initiator):
        port = self.port_of(initiator)
        fabric = port.fabric if port else None
        return [target.wwpn.upper() for target in volume.array.targets
                if fabric is None or target.fabric is fabric]

    # -- who is on a fabric -----------------------------------------------

    def _ports(self):
        """Yield (WWPN, physical port) of all that is logged on."""
        for host in self._site.hosts:
            for vios in host.store.all('VirtualIOServer'):
                for port in vios.fc_ports:
                    yield port.wwpn.lower(), port
                for mapping in vios.fc_mappings:
                    for wwpn in mapping.wwpns if mapping.port else ():
                        yield wwpn, mapping.port

    def port_of(self, wwpn):
        """Return the io_config.FcPort behind which a WWPN is, or None."""
        return next((port for name, port in self._ports() if name == wwpn),
                    None)

    def knows(self, wwpn):
        """Tell whether a WWPN is that of a port of the site.

        :param wwpn: str, as plain() makes it
        """
        return (wwpn in self._issued_wwpns() or
                self.port_of(wwpn) is not None)

    def _issued_wwpns(self):
        return {wwpn for pairs in self._issued.values() for wwpn in pairs}

    def issue_wwpns(self, host):
        """Make a pair of WWPNs that nobody ever had.

        :param host: site.Host whose platform makes them
        :returns: tuple of two str
        """
        issued = self._issued.setdefault(host.name, [])
        first = len(issued)
        pair = tuple('%s%05x%04x' % (_WWPN_PREFIX, host.number, number)
                     for number in (first, first + 1))
        issued.extend(pair)
        return pair

    # -- what comes through -----------------------------------------------

    def set_port(self, wwpn, up):
        """Let a physical port, or a target, work or not.

        :raises errors.NotFound:
        """
        wwpn = plain(wwpn)
        for array in self.arrays:
            for target in array.targets:
                if target.wwpn == wwpn:
                    target.up = up
                    return
        for host in self._site.hosts:
            for vios in host.store.all('VirtualIOServer'):
                for port in vios.fc_ports:
                    if port.wwpn.lower() == wwpn:
                        port.up = up
                        vios.touch('Other')
                        return
        raise errors.NotFound('There is no port %s' % wwpn)

    def set_fabric(self, name, up):
        """Let a fabric work or not.

        :raises errors.NotFound:
        """
        if name not in self.fabrics:
            raise errors.NotFound('There is no fabric %s' % name)
        self.fabrics[name].up = up
        for host in self._site.hosts:
            for vios in host.store.all('VirtualIOServer'):
                vios.touch('Other')

    def look(self, port, initiator, target_wwpn, unit):
        """Find what is at an address.

        :param port: io_config.FcPort that the request goes through
        :param initiator: str WWPN, its own or that of a virtual port on it
        :param target_wwpn: str
        :param unit: int, see unit_of()
        :returns: Volume, or None
        """
        for volume, target, where in self.luns(port, initiator):
            if target.wwpn == target_wwpn and where == unit:
                return volume
        return None

    def luns(self, port, initiator):
        """Return all that an initiator sees.

        :returns: list of (Volume, Target, unit)
        """
        if not port.online:
            return []
        return [(volume, target, volume.unit_for(initiator))
                for array in self.arrays for target in array.targets
                if target.up and target.fabric is port.fabric
                for volume in array.volumes.values()
                if volume.unit_for(initiator) is not None and
                not volume.has_fault(PATH_DOWN, initiator, target.wwpn)]

    def state(self):
        """Return the volumes as data for GET /simulator/state."""
        volumes = self.volumes
        return {'volumes': [volumes[volume_id].state()
                            for volume_id in sorted(volumes)]}


def _base64(text):
    return base64.b64encode(text.encode()).decode()
