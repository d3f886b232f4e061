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

"""Cluster, SharedStoragePool and Tier, as one server shows them."""

import base64

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import base
from nova_powervm.simulator.resources import logical_unit
from nova_powervm.simulator.resources import shared_pool
from nova_powervm.simulator.resources import storage

el = atom.el

_REPOSITORY_GB = 10


class Cluster(base.Resource):
    """A cluster of VIOSes.

    :param pool: shared_pool.Pool
    """

    TYPE = 'Cluster'
    SEARCH = {'ClusterName': lambda cluster: cluster.pool.name}
    METHODS = ()

    def __init__(self, host, pool):
        super().__init__(host, shared_pool.uuid_of('22' + pool.serial))
        self.pool = pool
        pool.views.append(self)

    def render(self, groups):
        """Return the elements (source: capture cluster.txt)."""
        pool = self.pool
        storage_pool = self.host.store.children(self, 'SharedStoragePool')[0]
        return [
            el('ClusterName', pool.name),
            el('ClusterID', '22' + pool.serial),
            atom.section('RepositoryDisk', _disk(
                pool, 'hdisk2', _REPOSITORY_GB * storage.GIB)),
            atom.link('ClusterSharedStoragePool', storage_pool.href()),
            atom.section('Node', [self._node(vios) for vios in pool.vioses])]

    def _node(self, vios):
        """Make the element of a VIOS.

        Only a VIOS that the REST server manages has a link: it does not know
        the VIOSes of others (source: pypowervm.wrappers.cluster).
        """
        system = vios.host.system
        return atom.section(
            'Node',
            el('HostName', '%s.%s.example.com' % (vios.name, vios.host.name)),
            el('PartitionID', vios.partition_id),
            atom.section('MachineTypeModelAndSerialNumber',
                         el('MachineType', system.machine_type),
                         el('Model', system.model),
                         el('SerialNumber', system.serial)),
            el('VirtualIOServerLevel', vios.installed_version.split()[-1]),
            atom.link('VirtualIOServer', vios.href())
            if vios.host.endpoint is self.host.endpoint else None,
            el('State', vios.node_state))

    def state(self):
        return {'uuid': self.uuid, 'name': self.pool.name,
                'nodes': [{'host': vios.host.name, 'vios': vios.name,
                           'state': vios.node_state}
                          for vios in self.pool.vioses]}


class SharedStoragePool(base.Resource):
    """The storage pool of a cluster.

    :param cluster: Cluster
    """

    TYPE = 'SharedStoragePool'
    PARENTS = ('Cluster',)
    SEARCH = {'StoragePoolName': lambda view: view.pool.pool_name}
    METHODS = ('POST',)

    def __init__(self, host, cluster):
        pool = cluster.pool
        super().__init__(host, shared_pool.uuid_of(pool.udid), cluster)
        self.pool = pool
        pool.views.append(self)

    def path(self):
        """Both spellings work; this is the one of capture ssp.txt."""
        return '/rest/api/uom/SharedStoragePool/%s' % self.uuid

    def render(self, groups):
        """Return the elements (source: capture ssp.txt)."""
        pool = self.pool
        total = sum(unit.size for unit in pool.units)
        return [
            atom.section('LogicalUnits', [unit.render(in_use=True)
                                          for unit in pool.units]),
            el('MultiDataTierConfigured', len(pool.tiers) > 1),
            el('MultiFailureGroupConfigured', False),
            atom.section('PhysicalVolumes', [
                _tier_disk(tier) for tier in pool.tiers]),
            el('Capacity', storage.gigabytes(pool.capacity)),
            el('FreeSpace', storage.gigabytes(pool.free)),
            el('OverCommitSpace', storage.gigabytes(
                max(0, total - pool.capacity))),
            el('TotalLogicalUnitSize', storage.gigabytes(total)),
            el('AlertThreshold', '35%'),
            el('StoragePoolName', pool.pool_name),
            el('UniqueDeviceID', pool.udid)]

    def update(self, doc, groups):
        """Apply a POST: units that it leaves out are removed.

        Units are created and resized below their tier, not here (assumed:
        all that pypowervm does here is rm_ssp_storage).
        """
        pool = self.pool
        pool.check_serving(self.host)
        if doc.text('StoragePoolName', pool.pool_name) != pool.pool_name:
            raise errors.Refused('Pool %s cannot be renamed' % pool.pool_name)
        if not doc.has('LogicalUnits'):
            return 'Other'
        kept = {self._known_unit(item)
                for item in doc.all('LogicalUnits/LogicalUnit')}
        gone = [unit for unit in pool.units if unit not in kept]
        for unit in gone:
            if unit.in_use or not set(unit.clones) <= set(gone):
                unit.check_removable()
        # Clones go before their images.
        for unit in sorted(gone, key=lambda unit: unit.image is None):
            unit.delete()
            logical_unit.deleted(unit)
        return 'LogicalUnit'

    def _known_unit(self, doc):
        pool = self.pool
        unit = pool.find_unit_by_udid(doc.text('UniqueDeviceID'))
        if unit is None:
            raise errors.Refused('Pool %s has no logical unit %s' % (
                pool.pool_name, doc.text('UnitName')))
        size = storage.to_bytes(doc.float('UnitCapacity', 0.0))
        if storage.gigabytes(size) != storage.gigabytes(unit.size):
            raise errors.Refused('Logical unit %s cannot be resized here' %
                                 unit.name)
        return unit

    def state(self):
        pool = self.pool
        return {'uuid': self.uuid, 'name': pool.pool_name,
                'capacity_gb': float(storage.gigabytes(pool.capacity)),
                'free_bytes': pool.free}


class Tier(base.Resource):
    """A tier of a pool.

    :param pool_view: SharedStoragePool
    :param tier: shared_pool.Tier
    """

    TYPE = 'Tier'
    PARENTS = ('SharedStoragePool',)
    METHODS = ()

    def __init__(self, host, pool_view, tier):
        super().__init__(host, shared_pool.uuid_of(tier.udid), pool_view)
        self.tier = tier
        tier.pool.views.append(self)

    def path(self):
        """Return its URL (source: capture tier.txt)."""
        return '/rest/api/uom/Tier/%s' % self.uuid

    def render(self, groups):
        """Return the elements (source: capture tier.txt)."""
        tier = self.tier
        pool_view = self.parent
        capacity = storage.gigabytes(tier.capacity)
        return [
            el('Name', tier.name),
            el('UniqueDeviceID', tier.udid),
            el('Type', 'UnrestrictedSystemTier'),
            el('IsDefault', tier.is_default),
            el('Capacity', capacity),
            el('MirrorState', 'NotMirrored'),
            atom.section('FailureGroups', atom.section(
                'FailureGroup',
                el('Name', 'Default'),
                el('UniqueDeviceID', '26' + tier.udid[2:]),
                el('Capacity', capacity),
                el('State', 'Online'),
                atom.section('PhysicalVolumes', _tier_disk(tier)))),
            atom.link('AssociatedSharedStoragePool',
                      '%s/rest/api/uom/Cluster/%s/SharedStoragePool/%s' % (
                          self.host.base_url, pool_view.parent.uuid,
                          pool_view.uuid))]

    def state(self):
        tier = self.tier
        return {'uuid': self.uuid, 'name': tier.name,
                'default': tier.is_default,
                'capacity_gb': float(storage.gigabytes(tier.capacity))}


def _tier_disk(tier):
    number = tier.pool.tiers.index(tier)
    return _disk(tier.pool, 'hdisk%d' % (number + 3), tier.capacity)


def _disk(pool, name, size):
    """Make the element of a disk of the SAN below a pool."""
    udid = '3IBM2145' + storage.digits(pool.serial, name).upper()
    return atom.section(
        'PhysicalVolume',
        el('Description', 'MPIO IBM 2076 FC Disk'),
        el('UniqueDeviceID', '01' + base64.b64encode(udid.encode()).decode()),
        el('VolumeCapacity', size // 1024 ** 2),
        el('VolumeName', name),
        el('VolumeState', 'active'),
        el('IsFibreChannelBacked', True))


def build_pool(site, spec):
    """Make a cluster and its pool; all hosts have been built before.

    :param site: site.Site
    :param spec: dict, an item of the section ``clusters`` of the profile
    :returns: shared_pool.Pool
    """
    pool = shared_pool.Pool(site, spec['name'], spec['pool'],
                            spec['thin_overcommit'])
    for host in site.hosts:
        for vios in host.store.all('VirtualIOServer'):
            if 'nodes' not in spec or {
                    'host': host.name, 'vios': vios.name} in spec['nodes']:
                pool.vioses.append(vios)
                vios.pool = pool
    default = next((tier['name'] for tier in spec['tiers']
                    if tier['default']), spec['tiers'][0]['name'])
    pool.tiers = [
        shared_pool.Tier(pool, tier['name'],
                         storage.to_bytes(tier['capacity_gb']),
                         tier['name'] == default)
        for tier in spec['tiers']]
    for host in pool.hosts:
        cluster = host.add(Cluster(host, pool))
        pool_view = host.add(SharedStoragePool(host, cluster))
        for tier in pool.tiers:
            host.add(Tier(host, pool_view, tier))
    return pool
