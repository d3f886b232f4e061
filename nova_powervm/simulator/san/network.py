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

"""The storage area network, with methods to manage and to read it."""

import os

from nova_powervm.simulator import errors
from nova_powervm.simulator.san import address
from nova_powervm.simulator.san import array as san_array
from nova_powervm.simulator.san import volume as san_volume
from nova_powervm.simulator import sparse_disk

#: source: capture fake_vios_ssp_npiv.txt
_WWPN_PREFIX = 'c050760'


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
        self.fabrics = {name: san_array.Fabric(name)
                        for name in spec['fabrics']}
        self.arrays = [san_array.from_spec(array, number, self.fabrics)
                       for number, array in enumerate(spec['arrays'])]
        self._issued = {}

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
            raise errors.Conflict('Volume %s already exists' % volume_id)
        if size <= 0:
            raise errors.Refused('A volume needs a size')
        found = [a for a in self.arrays if array in (None, a.name)]
        if not found:
            raise errors.NotFound('There is no array %s' % (array or ''))
        place = max(found, key=lambda a: a.free)
        place.check_free(size)
        volume = san_volume.Volume(place, volume_id, sparse_disk.SparseDisk(
            self._path_of(volume_id), size))
        place.volumes[volume_id] = volume
        return volume

    def copy_volume(self, volume_id, source_id, size=None, array=None):
        """Create a volume with the bytes that another one has now.

        It has another identity, and is exported to nobody.

        :param size: int bytes; None for that of the source
        :param array: str, name of the array; None for the emptiest
        :returns: Volume
        :raises errors.RestError: when there is no source, the id is taken,
            there is no space, or the copy would be smaller
        """
        source = self.volume(source_id)
        size = source.size if size is None else size
        if size < source.size:
            raise errors.Refused('Volume %s has %d bytes; a copy cannot have '
                                 '%d' % (source_id, source.size, size))
        volume = self.create_volume(volume_id, size, array)
        try:
            volume.disk.copy_from(source.disk)
        except errors.Refused:
            self.delete_volume(volume_id)
            raise
        return volume

    def _path_of(self, volume_id):
        return os.path.join(self._site.data_dir, 'san',
                            sparse_disk.file_name('volume', volume_id))

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
            raise errors.Conflict('Volume %s already exists' % new_id)
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
        wanted = [address.wwpn(wwpn) for wwpn in initiators]
        if not wanted:
            raise errors.Refused('Volume %s cannot be exported without '
                                 'initiators' % volume_id)
        strangers = [wwpn for wwpn in wanted if not self.knows(wwpn)]
        if strangers:
            raise errors.Refused('Array %s does not know the initiators %s' %
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
            lun = next(n for n in range(address.MAX_LUN + 2) if n not in taken)
        if lun in taken or not 0 <= lun <= address.MAX_LUN:
            raise errors.Refused('LUN %d is not free for %s' % (
                lun, ', '.join(new)))
        return lun

    def unexport(self, volume_id, initiators=None):
        """Take a volume away from initiators.

        :param initiators: WWPNs; None for all
        """
        volume = self.volume(volume_id)
        for wwpn in (list(volume.exports) if initiators is None
                     else map(address.wwpn, initiators)):
            volume.exports.pop(wwpn, None)

    def connection(self, volume_id, initiators):
        """Describe how initiators reach a volume that is exported to them.

        For initiators that are on no fabric yet, such as virtual ports without
        a partition, the answer has all targets.

        :param initiators: WWPNs; the answer has them in the same form
        :returns: dict, what Cinder has as data of a connection_info
        """
        volume = self.volume(volume_id)
        reached = {wwpn: self._targets_of(volume, address.wwpn(wwpn))
                   for wwpn in initiators}
        luns = {wwpn: volume.exports[address.wwpn(wwpn)]
                for wwpn in initiators}
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
        """Return whether a WWPN belongs to a port of the site.

        :param wwpn: str, as address.wwpn() makes it
        """
        return (wwpn in self._issued_wwpns() or
                self.port_of(wwpn) is not None)

    def _issued_wwpns(self):
        return {wwpn for pairs in self._issued.values() for wwpn in pairs}

    def issue_wwpns(self, host):
        """Return a pair of new WWPNs.

        :param host: host.Host whose platform makes them
        :returns: tuple of two str
        """
        issued = self._issued.setdefault(host.name, [])
        first = len(issued)
        pair = tuple('%s%05x%04x' % (_WWPN_PREFIX, host.number, number)
                     for number in (first, first + 1))
        issued.extend(pair)
        return pair

    # -- which volumes an initiator reaches -------------------------------

    def set_port(self, wwpn, up):
        """Let a physical port, or a target, work or not.

        :raises errors.NotFound:
        """
        wwpn = address.wwpn(wwpn)
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
        :param initiator: str WWPN of the port, or of a virtual port on it
        :param target_wwpn: str
        :param unit: int, see address.unit_of()
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
                not volume.has_fault(san_volume.PATH_DOWN, initiator,
                                     target.wwpn)]

    def state(self):
        """Return the volumes as data for GET /simulator/state."""
        volumes = self.volumes
        return {'volumes': [volumes[volume_id].state()
                            for volume_id in sorted(volumes)]}
