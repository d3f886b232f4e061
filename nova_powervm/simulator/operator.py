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

"""What an operator does to a host: changes that no REST client asked for.

Tests make foreign things and prior states with it, also through the control
API: partitions, disks, media, logical units and mappings that the client
under test knows nothing of. What a VIOS, the hypervisor or a pool would refuse
to a REST client it refuses to the operator, too.
"""

import contextlib

from nova_powervm.simulator import errors
from nova_powervm.simulator import profile
from nova_powervm.simulator.resources import logical_unit
from nova_powervm.simulator.resources import lpar as lpars
from nova_powervm.simulator.resources import scsi_mappings
from nova_powervm.simulator.resources import shared_pool
from nova_powervm.simulator.resources import sriov
from nova_powervm.simulator.resources import storage
from nova_powervm.simulator.resources import vnic
from nova_powervm.simulator.resources import volume_group
from nova_powervm.simulator import schema_profile
from nova_powervm.simulator import sparse_disk


class Operator:
    """Changes a host past its REST API.

    The methods take names, as the commands of the platform do. Each takes
    the lock of the site, and changes nothing when it raises
    errors.RestError.

    :param host: host.Host
    """

    def __init__(self, host):
        self._host = host
        self._lock = host.site.lock

    # -- finding ----------------------------------------------------------

    def partition(self, wanted):
        """Find a partition, LPAR or VIOS.

        :param wanted: str or int: name, UUID or short ID
        :returns: partition.Partition
        :raises errors.NotFound:
        """
        wanted = str(wanted)
        for candidate in self._host.partitions():
            if wanted in (candidate.name, candidate.uuid,
                          str(candidate.partition_id)) or (
                              wanted.upper() == candidate.uuid):
                return candidate
        raise errors.NotFound('There is no partition %s' % wanted)

    def vios(self, wanted):
        """Find a VIOS.

        :param wanted: str or int: name, UUID or short ID
        :returns: vios.VirtualIOServer
        :raises errors.RestError: when there is none, or it is no VIOS
        """
        found = self.partition(wanted)
        if found.TYPE != 'VirtualIOServer':
            raise errors.Refused('%s is not a VIOS' % found.name)
        return found

    def _serving(self, wanted):
        """Find a VIOS that is there to do something."""
        vios = self.vios(wanted)
        vios.check_serving()
        return vios

    @staticmethod
    def _group(vios, name):
        for group in vios.volume_groups:
            if group.name == name:
                return group
        raise errors.NotFound('VIOS %s has no volume group %s' % (vios.name,
                                                                  name))

    @staticmethod
    def _storage(vios, name, tag):
        found = vios.find_storage(name)
        if found.TAG != tag:
            raise errors.Refused('%s is a %s, not a %s' % (name, found.TAG,
                                                           tag))
        return found

    # -- virtual disks ----------------------------------------------------

    def create_disk(self, vios, volume_group, name, size_bytes, content=b''):
        """Create a virtual disk without a mapping.

        :param vios: str, name, UUID or short ID
        :param volume_group: str, its name
        :param name: str
        :param size_bytes: int
        :param content: bytes that the disk begins with
        :returns: storage.VirtualDisk
        """
        with self._lock:
            vios = self._serving(vios)
            group = self._group(vios, volume_group)
            name = group.check_name(name)
            if name in group.taken_names():
                raise errors.Conflict(
                    'A disk with the name %s already exists in VIOS %s' % (
                        name, vios.name))
            _check_size(name, size_bytes, content)
            group.check_free(size_bytes)
            disk = group.add_disk(name, size_bytes)
            with _undo(lambda: (group.disks.pop(name), disk.delete())):
                disk.disk.write_at(0, content)
            group.touch('Other')
            return disk

    def delete_disk(self, vios, name):
        """Delete a virtual disk.

        :raises errors.Refused: while it is mapped
        """
        with self._lock:
            disk = self._storage(self._serving(vios), name, 'VirtualDisk')
            volume_group.refuse_if_mapped(disk)
            del disk.group.disks[disk.base_name]
            disk.delete()
            disk.group.touch('Other')

    # -- optical media ----------------------------------------------------

    def create_medium(self, vios, name, content=b'', size_bytes=None,
                      mount_type='rw'):
        """Put a medium into the media repository of a VIOS.

        :param content: bytes that it begins with
        :param size_bytes: int; None for the length of the content
        :param mount_type: 'rw' or 'ro'
        :returns: storage.OpticalMedia
        """
        with self._lock:
            vios = self._serving(vios)
            volume_group.check_media_name(name)
            repository = vios.repository
            if repository is None:
                raise errors.Refused('VIOS %s has no media repository' %
                                     vios.name)
            if name in repository.media:
                raise errors.Conflict('Medium %s already exists in VIOS '
                                      '%s' % (name, vios.name))
            size = len(content) if size_bytes is None else size_bytes
            _check_size(name, size, content)
            if size > repository.free:
                raise errors.Refused(
                    'Media repository %s of VIOS %s has %d bytes free' % (
                        repository.name, vios.name, repository.free))
            disk = sparse_disk.SparseDisk(repository.media_path(name), size)
            with _undo(disk.delete):
                disk.write_at(0, content)
            medium = repository.media[name] = storage.OpticalMedia(
                repository, name, disk, mount_type)
            self._media_changed(repository)
            return medium

    def delete_medium(self, vios, name):
        """Delete a medium.

        :raises errors.Refused: while it is in a drive
        """
        with self._lock:
            medium = self._storage(self._serving(vios), name,
                                   'VirtualOpticalMedia')
            volume_group.refuse_if_mapped(medium)
            del medium.repository.media[medium.name]
            medium.disk.delete()
            self._media_changed(medium.repository)

    @staticmethod
    def _media_changed(repository):
        repository.group.touch('Other')
        repository.group.parent.touch('Other')

    # -- logical units ----------------------------------------------------

    def _pool(self, cluster):
        for pool in self._host.site.pools:
            if self._host in pool.hosts and cluster in (None, pool.name):
                pool.check_serving(self._host)
                return pool
        raise errors.NotFound('Host %s sees no cluster %s' % (
            self._host.name, cluster or ''))

    def create_logical_unit(self, name, size_bytes, content=b'', cluster=None,
                            tier=None, kind=shared_pool.DISK, thin=True):
        """Create a logical unit without a mapping.

        :param content: bytes that it begins with
        :param cluster: str, its name; None for the first that the host sees
        :param tier: str, its name; None for the default tier
        :param kind: shared_pool.DISK or IMAGE
        :returns: shared_pool.Unit
        """
        with self._lock:
            pool = self._pool(cluster)
            place = next((t for t in pool.tiers if t.name == tier),
                         None if tier else pool.default_tier)
            if place is None:
                raise errors.NotFound('Pool %s has no tier %s' % (
                    pool.pool_name, tier))
            logical_unit.check_name(name)
            _check_size(name, size_bytes, content)
            unit = place.create_unit(name, size_bytes, kind, thin)
            with _undo(unit.delete):
                unit.disk.write_at(0, content)
            unit.bytes_changed()
            logical_unit.created(unit)
            return unit

    def delete_logical_unit(self, name, cluster=None):
        """Delete a logical unit.

        :param name: str, name or UDID
        :raises errors.RestError: when it is mapped, has clones, or the name
            belongs to several
        """
        with self._lock:
            pool = self._pool(cluster)
            by_udid = pool.find_unit_by_udid(name)
            found = [by_udid] if by_udid else pool.find_units(name)
            if not found:
                raise errors.NotFound('Pool %s has no logical unit %s' % (
                    pool.pool_name, name))
            if len(found) > 1:
                raise errors.Conflict(
                    'Pool %s has %d logical units %s: a UDID is needed' % (
                        pool.pool_name, len(found), name))
            found[0].delete()
            logical_unit.deleted(found[0])

    # -- mappings ---------------------------------------------------------

    def map_storage(self, vios, storage, partition=None, slot=None,
                    server_slot=None, target_name=None):
        """Map storage to a partition, or put it on an adapter for any client.

        A partition gets a new pair of adapters only if it has none of this
        VIOS, or none in the wanted slots. An adapter for any client is always
        a new one.

        :param storage: str, name or UDID of a disk, medium, volume or unit
        :param partition: str or int; None for any client
        :param slot: int, virtual slot of the partition; None for any
        :param server_slot: int, virtual slot of the VIOS; None for any
        :param target_name: str, name of the target device
        :returns: scsi_mappings.Target
        """
        with self._lock:
            vios = self._serving(vios)
            backing = vios.find_storage(storage)
            client = None
            if partition is not None:
                client = self.partition(partition)
            _check_mapping(vios, client, backing, slot, target_name)
            bus = _find_bus(vios, client, slot, server_slot)
            if bus is None:
                bus = scsi_mappings.Bus(vios, client, slot, server_slot)
                vios.buses.append(bus)
            target = bus.add_target(backing, name=target_name)
            self._mappings_changed(vios)
            return target

    def unmap_storage(self, vios, storage, partition=None):
        """Remove the mappings of some storage, and adapters left without any.

        :param partition: str or int, only its mappings; None for all
        :raises errors.NotFound: when there is no such mapping
        """
        with self._lock:
            vios = self._serving(vios)
            backing = vios.find_storage(storage)
            client = partition and self.partition(partition)
            found = [target for target in backing.targets
                     if target.bus.vios is vios and
                     client in (None, target.bus.client)]
            if not found:
                raise errors.NotFound('VIOS %s has not mapped %s%s' % (
                    vios.name, storage, ' to %s' % partition
                    if partition else ''))
            for target in found:
                if target.bus.client is not None:
                    target.bus.client.check_settled()
            for target in found:
                target.bus.remove_target(target)
                if not target.bus.targets:
                    target.bus.release_slots()
                    vios.buses.remove(target.bus)
            self._mappings_changed(vios)

    def _mappings_changed(self, vios):
        vios.touch('VirtualSCSIMappings')
        self._host.management.adapters_changed()

    # -- SR-IOV -----------------------------------------------------------

    def set_sriov_port(self, adapter, port, up):
        """Bring the link of a physical port up or down.

        :param adapter: int, ID of the SR-IOV adapter
        :param port: int, ID of the physical port
        :param up: bool
        :returns: sriov.PhysicalPort
        """
        with self._lock:
            found = sriov.find(self._host.system, adapter).port(port)
            if found.link_up != up:
                found.link_up = up
                found.adapter.changed(sriov.CONFIG_CHANGE)
                vnic.settle(self._host)
            return found

    def set_sriov_adapter(self, adapter, state):
        """Change the state of an SR-IOV adapter: it fails, or works again.

        :param adapter: int, its ID
        :param state: str, one of sriov.STATES
        :returns: sriov.Adapter
        """
        with self._lock:
            found = sriov.find(self._host.system, adapter)
            if found.adapter_state != state:
                found.adapter_state = state
                found.changed()
                vnic.settle(self._host)
            return found

    def keep_logical_ports(self, keep):
        """Let VIOSes keep the logical ports of vNICs that are deleted.

        :param keep: bool; False to free them again, as usual. Those that were
                     kept stay
        """
        with self._lock:
            self._host.system.keeps_logical_ports = keep

    # -- partitions -------------------------------------------------------

    def create_partition(self, name, disk=None, medium=None, **settings):
        """Create a logical partition, and boot it if it should run.

        :param name: str
        :param disk: dict, the arguments of create_disk() for a disk that is
                     mapped to it
        :param medium: dict, the arguments of create_medium() for a medium
                       that is mapped to it
        :param settings: further keys that an LPAR has in a profile, such as
                         id, uuid, memory_mb, running and adapters
        :returns: lpar.LogicalPartition
        """
        with self._lock, contextlib.ExitStack() as undo:
            spec = self._check_partition(dict(settings, name=name))
            undo.callback(self._take_back, spec.setdefault(
                'uuid', self._host.random_uuid()))
            lpar = lpars.from_spec(self._host, dict(spec, running=False))
            for what, create, delete in (
                    (disk, self.create_disk, self.delete_disk),
                    (medium, self.create_medium, self.delete_medium)):
                if what is not None:
                    backing = create(**what)
                    undo.callback(delete, what['vios'], backing.udid)
                    self.map_storage(what['vios'], backing.udid, lpar.uuid)
                    undo.callback(self.unmap_storage, what['vios'],
                                  backing.udid)
            if spec['running']:
                lpar.booted()
            undo.pop_all()
            return lpar

    def _check_partition(self, spec):
        """Check the settings of a new partition, and fill in the rest."""
        try:
            spec = profile.fill(spec, schema_profile.LPAR)
        except profile.ProfileError as exc:
            raise errors.Refused(str(exc))
        if spec['management']:
            raise errors.Refused('The host already has a management partition')
        host = self._host
        lpars.LogicalPartition.check_name(host, spec['name'])
        if 'id' in spec and host.partition(spec['id']) is not None:
            raise errors.Conflict('Partition ID %d is not free' % spec['id'])
        if any(p.uuid == spec.get('uuid', '').upper()
               for p in host.partitions()):
            raise errors.Conflict('A partition with the UUID %s already '
                                  'exists' % spec['uuid'])
        host.system.check_resources(lpars.memory_from_spec(spec),
                                    lpars.processors_from_spec(spec))
        return spec

    def _take_back(self, uuid):
        lpar = self._host.store.find('LogicalPartition', uuid)
        if lpar is not None:
            self._host.remove(lpar)

    def delete_partition(self, partition):
        """Delete a logical partition; one that is on is stopped before.

        Its server adapters, target devices and storage stay on the VIOSes
        (assumed, no hardware; see adapters.lpar_removed()).

        :param partition: str or int
        """
        with self._lock:
            lpar = self.partition(partition)
            if lpar.TYPE != 'LogicalPartition' or lpar.is_management:
                raise errors.Refused('%s cannot be deleted here' % lpar.name)
            lpar.check_settled()
            if lpar.is_on:
                lpar.halted()
            self._host.remove(lpar)


@contextlib.contextmanager
def _undo(action):
    """Call a function if there is no space for what was begun."""
    try:
        yield
    except errors.RestError:
        action()
        raise


def _check_size(name, size_bytes, content):
    if size_bytes <= 0:
        raise errors.Refused('%s needs a size' % name)
    if len(content) > size_bytes:
        raise errors.Refused('%d bytes do not fit on %s, which has %d' % (
            len(content), name, size_bytes))


def _check_mapping(vios, client, backing, slot, target_name):
    """Refuse a mapping that a VIOS would not make."""
    if client is vios:
        raise errors.Refused('VIOS %s cannot map storage to itself' %
                             vios.name)
    if client is not None:
        client.check_settled()
    if client is None and slot is not None:
        raise errors.Refused('An adapter for any client has no slot of a '
                             'partition')
    if backing.in_use and not backing.shareable:
        raise errors.Refused('%s %s is already mapped to %s' % (
            backing.TAG, backing.name, ', '.join(backing.clients())))
    for bus in vios.buses:
        for target in bus.targets:
            if target.name == target_name:
                raise errors.Refused('VIOS %s already has a target device '
                                     '%s' % (vios.name, target_name))
            if target.backing is backing and bus.client is client is not None:
                raise errors.Refused('%s is already mapped to %s' % (
                    backing.name, client.name))


def _find_bus(vios, client, slot, server_slot):
    """Find the adapters of a partition that more can stand on, or None."""
    for bus in vios.buses:
        if (client is not None and bus.client is client and
                slot in (None, bus.client_slot) and
                server_slot in (None, bus.server_slot) and
                not bus.is_full):
            return bus
    return None
