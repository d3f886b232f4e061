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


"""VirtualIOServer: the partition that owns disks and maps them."""

import itertools
import threading

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import fc_mappings
from nova_powervm.simulator.resources import io_config
from nova_powervm.simulator.resources import network_adapters
from nova_powervm.simulator.resources import partition
from nova_powervm.simulator.resources import partition_config
from nova_powervm.simulator.resources import scsi_mappings
from nova_powervm.simulator.resources import storage
from nova_powervm.simulator.resources import vnic
from nova_powervm.simulator.resources import volume_group

el = atom.el

#: What follows the elements that all partitions have, in the order of the
#: schema (source: captures fake_vios_feed.txt and fake_vios_ssp_npiv.txt).
_ORDER = (
    'APICapable',
    'IsVNICCapable',
    'VNICFailOverCapable',
    'MediaRepositories',
    'MoverServicePartition',
    'PhysicalVolumes',
    'SharedEthernetAdapters',
    'StoragePools',
    'TrunkAdapters',
    'VirtualIOServerLicenseAccepted',
    'VirtualFibreChannelMappings',
    'VirtualSCSIMappings',
    'FreeIOAdaptersForLinkAggregation',
    'FreeEthenetBackingDevicesForSEA',
)
#: Group, element of the list, element of a mapping, and what changes them.
_MAPPINGS = (
    ('ViosSCSIMapping', 'VirtualSCSIMappings', 'VirtualSCSIMapping',
     scsi_mappings.Change),
    ('ViosFCMapping', 'VirtualFibreChannelMappings',
     'VirtualFibreChannelMapping', fc_mappings.Change),
)
_SERVING_RMC = ('active', 'busy')


class VirtualIOServer(partition.Partition):
    """A virtual I/O server.

    :ivar buses: list of scsi_mappings.Bus
    :ivar volumes: dict of name -> storage.PhysicalVolume
    :ivar cards: list of io_config.Card
    :ivar fc_mappings: list of fc_mappings.Mapping
    :ivar pool: shared_pool.Pool of the cluster that it is in, or None
    :ivar mover: bool, whether it can be a mover service partition
    :ivar vnic_capable: bool, whether backing devices of vNICs can be on it
    :ivar vnic_failover_capable: bool, also of vNICs that have several
    :ivar mover_addresses: tuple of str, where other movers reach it
    :ivar mover_max: int, migrations that it moves at a time
    """

    TYPE = 'VirtualIOServer'
    GROUPS = ('ViosFCMapping', 'ViosNetwork', 'ViosSCSIMapping',
              'ViosStorage')
    METHODS = ('POST',)

    def __init__(self, host, uuid, name, partition_id, memory, processors,
                 **kwargs):
        super().__init__(host, uuid, name, partition_id, memory, processors,
                         'Virtual IO Server', **kwargs)
        # Held by the request that changes it, if changes take a time.
        self.turn = threading.Lock()
        self.buses = []
        self.volumes = {}
        self.cards = []
        self.fc_mappings = []
        self.pool = None
        self._told_state = None
        self.mover = True
        self.mover_addresses = ()
        self.mover_max = 8
        self.installed_version = 'VIOS 3.1.4.10'
        self.vnic_capable = self.vnic_failover_capable = True

    def running_os(self):
        return self.installed_version

    def set_state(self, new, detail='PartitionState'):
        super().set_state(new, detail)
        vnic.settle(self.host)
        self.host.site.migrations.vios_changed(self)

    def touch(self, detail='', event=True):
        super().touch(detail, event)
        if self.pool is not None and self.node_state != self._told_state:
            self._told_state = self.node_state
            self.pool.changed('Other', 'Cluster')

    # -- what it owns -------------------------------------------------------

    @property
    def volume_groups(self):
        """List of its VolumeGroups."""
        return self.host.store.children(self, 'VolumeGroup')

    @property
    def repository(self):
        """The storage.MediaRepository, or None; a VIOS has one at most."""
        for group in self.volume_groups:
            if group.repository:
                return group.repository
        return None

    @property
    def fc_ports(self):
        """List of the io_config.FcPorts of its cards."""
        return [port for card in self.cards for port in card.ports]

    def disk_names(self):
        """Set of the names of all logical volumes; each is there once."""
        return {name for group in self.volume_groups
                if not group.file_backed for name in group.disks}

    def find_disk_by_udid(self, udid):
        """Return the storage.VirtualDisk with a UDID, or None."""
        for group in self.volume_groups:
            for disk in group.disks.values():
                if disk.udid == udid:
                    return disk
        return None

    def find_hdisk(self, udid):
        """Return the storage.PhysicalVolume with a UDID, or None."""
        for volume in self.volumes.values():
            if volume.udid == udid:
                return volume
        return None

    def find_upload_target(self, udid):
        """Find what an uploaded image is for: a disk or a logical unit.

        :returns: storage.VirtualDisk or shared_pool.Unit
        :raises errors.Refused: when there is no such thing
        """
        found = self.find_disk_by_udid(udid)
        if found is None and self.pool is not None:
            found = self.pool.find_unit_by_udid(udid)
        if found is None:
            raise errors.Refused('VIOS %s has no disk with UDID %s' % (
                self.name, udid))
        return found

    def find_backing(self, doc):
        """Find what the child of a Storage element refers to.

        :param doc: atom.Document; a name is enough, a UDID must fit
        :returns: storage.Backing
        :raises errors.Refused: when there is no such thing
        """
        find = {'VirtualDisk': self._find_disk,
                'VirtualOpticalMedia': self._find_medium,
                'LogicalUnit': self._find_unit,
                'PhysicalVolume': self._find_volume}.get(doc.name)
        found = find(doc) if find else None
        if found is None:
            raise errors.Refused('VIOS %s has no %s' % (
                self.name, ' '.join([doc.name] + [
                    child.text('.') for child in doc.all('*')
                    if child.text('.')])))
        return found

    def _find_disk(self, doc):
        name, udid = doc.text('DiskName'), doc.text('UniqueDeviceID')
        for group in self.volume_groups:
            disk = group.find_disk(name or '')
            if disk and (not udid or udid == disk.udid):
                return disk
        return None

    def _find_medium(self, doc):
        if self.repository is None:
            return None
        return self.repository.media.get(doc.text('MediaName'))

    def _find_unit(self, doc):
        if self.pool is None:
            return None
        name, udid = doc.text('UnitName'), doc.text('UniqueDeviceID')
        if udid:
            return self.pool.find_unit_by_udid(udid)
        units = self.pool.find_units(name)
        if len(units) > 1:
            raise errors.Refused(
                'There are %d logical units with the name %s: a UDID is '
                'needed' % (len(units), name))
        return units[0] if units else None

    def _find_volume(self, doc):
        name, udid = doc.text('VolumeName'), doc.text('UniqueDeviceID')
        for volume in self.volumes.values():
            if volume.udid == udid or not udid and volume.name == name:
                volume.check_lendable()
                return volume
        return None

    def find_storage(self, name):
        """Find storage to map by a name or a UDID.

        :param name: str; the name of a file may lack its directory
        :returns: storage.Backing
        :raises errors.RestError: when there is none, when several have the
            name, or when a volume group uses it
        """
        found = [disk for group in self.volume_groups
                 for disk in group.disks.values()]
        if self.repository is not None:
            found += self.repository.media.values()
        if self.pool is not None:
            found += self.pool.units
        found = [backing for backing in found + list(self.volumes.values())
                 if name in (backing.name, backing.base_name, backing.udid)]
        if not found:
            raise errors.NotFound('VIOS %s has no storage %s' % (self.name,
                                                                 name))
        if len(found) > 1:
            raise errors.Conflict('VIOS %s has %d things with the name %s: '
                                  'a UDID is needed' % (self.name, len(found),
                                                        name))
        found[0].check_lendable()
        return found[0]

    def free_target_name(self, prefix):
        """Return the lowest free name of a target device: vtscsi<n>..."""
        taken = {target.name for bus in self.buses for target in bus.targets}
        return next(name for name in (
            prefix + str(number) for number in itertools.count())
            if name not in taken)

    def booted(self, *args, **kwargs):
        """Carry out the end of a boot: it reads how large its disks are."""
        super().booted(*args, **kwargs)
        if any([disk.found() for disk in self.volumes.values()]):
            self.touch('PhysicalVolumes')

    @property
    def is_serving(self):
        """Whether it is there to do something."""
        return (self.partition_state == partition.RUNNING and
                self.rmc in _SERVING_RMC)

    @property
    def node_state(self):
        """What its cluster thinks of it; assumed, no hardware."""
        if self.is_serving:
            return 'Up'
        return 'Down' if self.partition_state == partition.OFF else 'Unknown'

    def check_serving(self):
        """Refuse when it is not there to do something.

        :raises errors.Refused:
        """
        if not self.is_serving:
            raise errors.Refused(
                'VIOS %s cannot do this: its state is %s, its RMC connection '
                'is %s' % (self.name, self.partition_state, self.rmc))

    # -- documents ----------------------------------------------------------

    def render(self, groups):
        items = {
            'APICapable': el('APICapable', True),
            'IsVNICCapable': el('IsVNICCapable', self.vnic_capable),
            'VNICFailOverCapable': el('VNICFailOverCapable',
                                      self.vnic_failover_capable),
            'MoverServicePartition': el('MoverServicePartition', self.mover),
            'VirtualIOServerLicenseAccepted': el(
                'VirtualIOServerLicenseAccepted', True)}
        if 'ViosStorage' in groups:
            items.update(self._render_storage())
        if 'ViosFCMapping' in groups:
            items['VirtualFibreChannelMappings'] = atom.section(
                'VirtualFibreChannelMappings',
                [mapping.render() for mapping in self.fc_mappings],
                group='ViosFCMapping')
        if 'ViosSCSIMapping' in groups:
            items['VirtualSCSIMappings'] = self._render_mappings()
        if 'ViosNetwork' in groups:
            items.update((element.tag, element)
                         for element in network_adapters.vios_network(self))
        return self.render_base(groups) + [
            items[name] for name in _ORDER if name in items]

    def _render_storage(self):
        repository = self.repository
        return {
            'MediaRepositories': atom.section(
                'MediaRepositories', repository and repository.render(),
                group='ViosStorage'),
            'PhysicalVolumes': atom.section(
                'PhysicalVolumes', [volume.render() for volume in
                                    self.volumes.values()],
                group='ViosStorage'),
            'StoragePools': el('StoragePools', [
                atom.link('link', group.href()) for group in
                self.volume_groups], group='ViosStorage')}

    def _render_mappings(self):
        """Return the collection of mappings as one fragment (bytes).

        It is put together of cached fragments: a VIOS may have thousands of
        mappings, of which a request changes one.
        """
        whole = atom.fragment(atom.section('VirtualSCSIMappings', el('_'),
                                           group='ViosSCSIMapping'))
        head, tail = whole.split(b'<_/>')
        return b''.join([head] + [fragment for bus in self.buses
                                  for fragment in bus.fragments()] + [tail])

    def io_slots(self):
        return [card.render() for card in self.cards]

    def update(self, doc, groups):
        """Apply a POST: settings, and mappings if their group is asked for.

        :raises errors.RestError: nothing has changed then
        """
        changes = self._read_changes(doc, groups)
        if changes:
            self.check_serving()
        prepared = []
        try:
            for change in changes.values():
                change.prepare()
                prepared.append(change)
            self.update_base(doc)
        except errors.RestError:
            for change in reversed(prepared):
                change.undo()
            raise
        self.mover = doc.bool('MoverServicePartition', self.mover)
        for change in changes.values():
            change.commit()
        self.host.management.adapters_changed()
        return ','.join(changes) or 'Other'

    def _read_changes(self, doc, groups):
        """Read what a POST changes of the mappings.

        :returns: dict of element name -> Change
        """
        changes = {}
        for group, name, tag, kind in _MAPPINGS:
            if group in groups and doc.has(name):
                change = kind(self, doc.all('%s/%s' % (name, tag)))
                if change.is_change:
                    changes[name] = change
        return changes

    def state(self):
        return dict(
            self.state_base(),
            mappings=[mapping for bus in sorted(
                self.buses, key=lambda bus: bus.number)
                for mapping in bus.state()],
            fc_mappings=[mapping.state() for mapping in sorted(
                self.fc_mappings, key=lambda mapping: mapping.number)],
            physical_volumes=[self.volumes[name].state()
                              for name in sorted(self.volumes)])


def build(host, spec):
    """Make the VIOSes that the profile of a host describes."""
    for vios_spec in spec['vioses']:
        _build_vios(host, vios_spec)


def _build_vios(host, spec):
    memory = spec['memory_mb']
    count = spec['processors']
    units = spec.get('units', 0.5 * count)
    vios = VirtualIOServer(
        host, spec.get('uuid') or host.new_uuid('vios', spec['name']),
        spec['name'], spec.get('id') or host.free_partition_id(),
        partition_config.Memory(memory, memory, memory),
        partition_config.Processors(
            spec['dedicated'], 'keep idle procs' if spec['dedicated']
            else 'uncapped', count, count, count, units, units, units,
            weight=128),
        max_slots=spec['max_slots'], is_management=spec['management'])
    vios.rmc_ip = spec.get('ip') or '192.0.2.%d' % (vios.partition_id % 255)
    vios.installed_version = spec['os_version']
    vios.vnic_capable = spec['vnic_capable']
    vios.vnic_failover_capable = spec['vnic_failover_capable']
    vios.mover = spec['mover']
    vios.mover_addresses = tuple(spec['mover_addresses']) or (vios.rmc_ip,)
    vios.mover_max = spec['mover_max']
    vios.cards = io_config.build_cards(vios, spec)
    host.add(vios)
    if spec['running']:
        vios.partition_state = partition.RUNNING
        vios.rmc = 'active'
        vios.os_version = vios.running_os()
    for volume in spec['physical_volumes']:
        _add_volume(vios, volume['name'], volume['size_gb'], True,
                    volume.get('udid'))
    for number, group in enumerate(spec['volume_groups']):
        _build_group(vios, number, group)
    # First those that want a certain slot.
    for adapter in sorted(spec['any_client_adapters'],
                          key=lambda adapter: 'slot' not in adapter):
        bus = scsi_mappings.Bus(vios, None, server_slot=adapter.get('slot'))
        vios.buses.append(bus)
        for name in adapter['storage']:
            bus.add_target(vios.find_storage(name))


def _add_volume(vios, name, size_gb, fc_backed, udid=None):
    """Make a physical volume; a LUN is the same one in every VIOS."""
    host = vios.host
    number = len(vios.volumes)
    if fc_backed:
        serial = storage.digits(host.name, name)
        location = '%s-T1-W500507680308104A-L%X' % (
            vios.cards[-1].location, number << 48)
    else:
        serial = storage.digits(host.name, vios.name, name)
        location = '%s-P3-D%d' % (io_config.drawer(host), number + 1)
    volume = storage.PhysicalVolume(name, location, int(size_gb * 1024),
                                    serial, fc_backed, udid)
    vios.volumes[name] = volume
    return volume


def _build_group(vios, number, spec):
    directory = spec['directory'] if spec['kind'] == 'file' else None
    group = volume_group.VolumeGroup(
        vios.host, vios.host.new_uuid('vg', vios.name, spec['name']), vios,
        spec['name'], storage.to_bytes(spec['capacity_gb']),
        volumes=[] if directory else [_group_volume(vios, number, spec)],
        directory=directory)
    vios.host.add(group)
    if 'media_repository_gb' in spec:
        group.repository = storage.MediaRepository(
            group, 'VMLibrary', storage.to_bytes(spec['media_repository_gb']))
    for disk in spec['disks']:
        group.add_disk(disk['name'], storage.to_bytes(disk['size_gb']))


def _group_volume(vios, number, spec):
    """Return the physical volume of a volume group."""
    name = 'hdisk%d' % number
    if name in vios.volumes:
        return vios.volumes[name]
    return _add_volume(vios, name, spec['capacity_gb'], False)
