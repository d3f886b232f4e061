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

"""What placement and Nova are told of a host, beside what it has.

What it has comes from the simulator's own objects, not from what the driver
reads of them. What placement has granted comes from Nova's resource tracker,
which counts the same servers and moves.
"""

import math

from nova import objects

from nova_powervm import conf as cfg
from nova_powervm.tests.virt.powervm.walks import foreign

CONF = cfg.CONF

_GIB = 1024 ** 3
#: What the names of the disks of Nova's servers begin with, which leaves out
#: cached images and foreign disks.
_OUR_DISKS = 'b_', 'e0_', 'r_', 's_'


def faults(cloud):
    """List what hosts offer and never have, as lines of text.

    :param cloud: cloud.Cloud
    """
    found = []
    for name, running in cloud.computes.items():
        limits = _everything(cloud, cloud.host_of(name))
        found += _exceeded(name, _inventory(running), limits)
        for node in running.rt.compute_nodes.values():
            found += _exceeded(name, {
                'VCPU': node.vcpus, 'MEMORY_MB': node.memory_mb,
                'DISK_GB': node.local_gb}, limits)
            for what, used, total in (
                    ('memory', node.memory_mb_used, node.memory_mb),
                    ('disk', node.local_gb_used, node.local_gb)):
                if used > total:
                    found.append('%s of %s: %d of %d are used' % (
                        what, name, used, total))
    return found


def excess(cloud):
    """List what placement would grant, and the host could not give.

    Placement must have been told just before.

    :param cloud: cloud.Cloud
    """
    found = []
    for name, running in cloud.computes.items():
        host = cloud.host_of(name)
        found += _exceeded(name, _inventory(running), {
            'DISK_GB': _left_for_disks(cloud, host)})
        found += _exceeded(name, _offered(running), {
            'MEMORY_MB': host.system.available_memory_mb,
            # What was granted stays granted, up to a whole processor.
            'VCPU': _ratio(running, 'VCPU') * max(1, math.ceil(
                host.system.available_units)),
            'PCPU': math.floor(host.system.available_units)})
    return found


def shortage(cloud):
    """List hosts that offer less than 95 % of the memory that they can give.

    Hosts are left out whose servers are not as they were granted: what these
    are to get is not for others. Placement must have been told just before.

    :param cloud: cloud.Cloud
    """
    found = []
    for name, running in cloud.computes.items():
        host = cloud.host_of(name)
        if not _is_settled(cloud, name, host):
            continue
        told = _inventory(running)['MEMORY_MB']
        could = (_granted(running, 'MEMORY_MB') +
                 host.system.available_memory_mb)
        if told < 0.95 * could:
            found.append('%s offers only %d of %d MB of memory' % (
                name, told, could))
    return found


def _is_settled(cloud, name, host):
    """Whether each server of a host has its LPAR, and none moves."""
    if objects.MigrationList.get_in_progress_by_host_and_node(
            cloud.context, name, name):
        return False
    lpars = {lpar.name: lpar.memory.desired
             for lpar in host.store.all('LogicalPartition')}
    return all(
        lpars.get(server.name) == server.flavor.memory_mb for server in
        objects.InstanceList.get_by_host(cloud.context, name,
                                         expected_attrs=['flavor']))


def _inventory(running):
    """What placement may grant: dict of resource class -> int."""
    found = {}
    tree = running.reportclient.tree
    for provider in tree.get_provider_uuids():
        for resource, record in tree.data(provider).inventory.items():
            found[resource] = record['total'] - record['reserved']
    return found


def _ratio(running, resource):
    tree = running.reportclient.tree
    return next(record['allocation_ratio']
                for provider in tree.get_provider_uuids()
                for name, record in tree.data(provider).inventory.items()
                if name == resource)


def _granted(running, resource):
    """What placement has granted, as Nova's resource tracker counts it.

    The servers of the walks have no dedicated processors.
    """
    return sum({'MEMORY_MB': node.memory_mb_used -
                CONF.reserved_host_memory_mb,
                'VCPU': node.vcpus_used - CONF.reserved_host_cpus,
                'PCPU': 0}[resource]
               for node in running.rt.compute_nodes.values())


def _offered(running):
    """What placement would grant now: dict of resource class -> number."""
    return {name: amount * _ratio(running, name) - _granted(running, name)
            for name, amount in _inventory(running).items()
            if name != 'DISK_GB'}


def _exceeded(name, told, limits):
    return ['%s offers %d %s of %d' % (name, told[resource], resource, limit)
            for resource, limit in limits.items()
            if told.get(resource, 0) > limit]


def _storage(cloud, host):
    """The shared pool's default tier, or the largest volume group by the name.

    :returns: object with capacity and free in bytes
    """
    if cloud.site.pools:
        return next(tier for tier in cloud.site.pools[0].tiers
                    if tier.is_default)
    wanted = cloud.platform.options['volume_group_name']
    return max((group for group in host.store.all('VolumeGroup')
                if group.name == wanted), key=lambda group: group.capacity)


def _everything(cloud, host):
    return {'VCPU': host.system.processors,
            'PCPU': host.system.processors,
            'MEMORY_MB': host.system.memory_mb,
            'DISK_GB': _storage(cloud, host).capacity // _GIB}


def _left_for_disks(cloud, host):
    """What disks of Nova's servers have, and what nobody has, in GB."""
    storage = _storage(cloud, host)
    if cloud.site.pools:
        disks = sum(unit.used for unit in storage.units
                    if unit.name.startswith(_OUR_DISKS) and
                    foreign.THEIRS not in unit.name)
    else:
        disks = sum(disk.size for name, disk in storage.disks.items()
                    if name.startswith(_OUR_DISKS) and
                    foreign.THEIRS not in name)
    return (storage.free + disks) // _GIB
